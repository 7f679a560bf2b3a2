/** What is measured: requests for `POST /v1/train`, the same for both sides. */
import { requestOf } from '../examples/data.ts'

export interface Case {
  readonly name: string
  readonly request: Record<string, unknown>
}

const notebook = {
  model: { parameters: { w: { value: 1.0 } }, forward: 'y_hat = w * x' },
  loss: '(y_hat - y)**2',
  data: { x: 1.0, y: 2.0 },
  optimizer: { type: 'SGD', lr: 0.01 },
}

function line(): Record<string, unknown> {
  const x = Array.from({ length: 100 }, (_, i) => (i - 50) / 25)
  return {
    model: { parameters: { a: { value: 0.0 }, b: { value: 0.0 } }, forward: 'y_hat = a * x + b' },
    loss: '((y_hat - y)**2).mean()',
    data: { x, y: x.map((at, i) => 2.5 * at - 1 + Math.sin(i * i)) },
    optimizer: { type: 'SGD', lr: 0.01 },
  }
}

/** The example with all its rows in every step. */
function iris(): Record<string, unknown> {
  const { batch_size: _size, shuffle: _shuffle, ...request } = requestOf('iris')
  return request
}

export function cases(): Case[] {
  return [
    { name: "the notebook's example", request: notebook },
    { name: 'line, 100 points, SGD', request: line() },
    { name: 'iris, 4-16-3, 120 rows, Adam', request: iris() },
    { name: 'digits, 784-128-10, minibatches of 64, SGD with momentum', request: { ...requestOf('digits'), shuffle: false } },
    { name: 'digits, 784-128-10, minibatches of 64, Adam', request: { ...requestOf('digits'), shuffle: false, optimizer: { type: 'Adam', lr: 0.001 } } },
  ]
}
