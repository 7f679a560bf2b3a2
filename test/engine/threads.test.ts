/** Threads that share the work of a step: the same bits as one thread alone, whatever they do of it. */
import { availableParallelism } from 'node:os'
import { describe, expect, it } from 'vitest'
import type { Engine } from '../../engine/index.ts'
import { ProgramCache, Training, defaultCompileOptions, defaultLimits } from '../../engine/index.ts'
import type { TrainRequest } from '../../src/spec.ts'
import { Helpers } from '../../src/team.ts'
import { validate } from '../../src/validate.ts'

const cores = Math.max(2, availableParallelism())
const busy = new SharedArrayBuffer(4)
const teams = [2, 3].map((threads) => new Helpers(threads, Math.max(cores, threads), busy))

function train(request: object, wide: boolean, team?: Helpers): { state: Map<string, string>; losses: number[] } {
  const checked = validate('train', request)
  if (!checked.ok) throw new Error(checked.problem.detail)
  const engine: Engine = { cache: new ProgramCache(), limits: defaultLimits, compile: { ...defaultCompileOptions, wide }, ...(team && { team }) }
  const training = new Training(checked.value as TrainRequest, engine, { gradients: false })
  const losses: number[] = []
  while (training.status === 'running') losses.push(...training.advance(3).losses)
  const state = new Map([...training.state()].map(([name, { elements }]) => [name, Buffer.from(elements.buffer, elements.byteOffset, elements.byteLength).toString('hex')]))
  training.close()
  return { state, losses }
}

const rows = (count: number, width: number): number[][] => Array.from({ length: count }, (_, i) => Array.from({ length: width }, (_column, j) => Math.sin(i * width + j)))
const linear = (from: number, to: number): object => ({ type: 'Linear', in_features: from, out_features: to })

const runs: Readonly<Record<string, object>> = {
  'a wide network of odd sizes, minibatches, the last one smaller': {
    model: { layers: [linear(131, 257), { type: 'GELU' }, { type: 'LayerNorm', normalized_shape: 257 }, linear(257, 203), { type: 'Tanh' }, linear(203, 37)] },
    loss: { type: 'CrossEntropyLoss' },
    data: { x: rows(149, 131), y: Array.from({ length: 149 }, (_, i) => i % 37) },
    optimizer: { type: 'Adam', lr: 0.001 },
    batch_size: 61,
    shuffle: true,
    epochs: 4,
  },
  'products of long columns, in blocks of rows': {
    model: { layers: [linear(50, 256), { type: 'Tanh' }, linear(256, 3)] },
    loss: { type: 'CrossEntropyLoss' },
    data: { x: rows(600, 50), y: Array.from({ length: 600 }, (_, i) => i % 3) },
    optimizer: { type: 'SGD', lr: 0.1 },
    steps: 4,
  },
  'products that skip zeros, in blocks of rows': {
    model: { layers: [linear(300, 96), { type: 'ReLU' }, linear(96, 3)] },
    loss: { type: 'CrossEntropyLoss' },
    data: { x: rows(200, 300).map((row, i) => row.map((v, j) => ((i + j) % 300 < 50 ? v : 0))), y: Array.from({ length: 200 }, (_, i) => i % 3) },
    optimizer: { type: 'SGD', lr: 0.1 },
    batch_size: 70,
    epochs: 3,
  },
  'elementwise work and a sum over columns in float64': {
    model: { parameters: { a: { shape: [301, 403], init: { type: 'normal' } }, b: { shape: [403], init: { type: 'normal' } } }, forward: 'h = torch.tanh(a * b + 1)\ny_hat = (h * torch.exp(-h)).sum(0)' },
    loss: '(y_hat**2).mean()',
    data: {},
    optimizer: { type: 'SGD', lr: 0.01, momentum: 0.9 },
    steps: 6,
    dtype: 'float64',
  },
  'sums over all elements, in blocks of which the last are smaller': {
    model: { parameters: { a: { shape: [100_003], init: { type: 'normal' } }, b: { shape: [65_536], init: { type: 'normal' } }, c: { shape: [90_112], init: { type: 'normal' } } }, forward: 'y_hat = torch.tanh(a).sum() + (b * b).mean() * c.sum()' },
    loss: '(y_hat - 3)**2',
    data: {},
    optimizer: { type: 'Adam', lr: 0.01 },
    steps: 6,
  },
  'a sum over all elements in float64, beside the update': {
    model: { parameters: { a: { shape: [211, 307], init: { type: 'normal' } } }, forward: 'y_hat = a.exp()' },
    loss: '(y_hat**2).sum() / 1000',
    data: {},
    optimizer: { type: 'RMSprop', lr: 0.001 },
    steps: 6,
    dtype: 'float64',
  },
  'convolutions with padding, strides and groups, samples of odd number': {
    model: {
      layers: [
        { type: 'Conv2d', in_channels: 3, out_channels: 12, kernel_size: 3, padding: 1 },
        { type: 'ReLU' },
        { type: 'MaxPool2d', kernel_size: 2 },
        { type: 'Conv2d', in_channels: 12, out_channels: 8, kernel_size: 3, stride: 2, groups: 2 },
        { type: 'Flatten' },
        linear(8 * 8 * 8, 5),
      ],
    },
    loss: { type: 'CrossEntropyLoss' },
    data: { x: Array.from({ length: 13 }, (_, i) => Array.from({ length: 3 }, (_channel, c) => rows(35, 35).map((row) => row.map((v) => v + c - i)))), y: Array.from({ length: 13 }, (_, i) => i % 5) },
    optimizer: { type: 'Adam', lr: 0.001 },
    steps: 4,
  },
  'attention': {
    model: {
      modules: { layer: { type: 'TransformerEncoderLayer', d_model: 48, nhead: 4, dim_feedforward: 100, dropout: 0, batch_first: true } },
      forward: 'y_hat = layer(x)',
    },
    loss: '(y_hat - x).abs().mean()',
    data: { x: Array.from({ length: 9 }, (_, i) => rows(33, 48).map((row) => row.map((v) => v * (i + 1)))) },
    optimizer: { type: 'AdamW', lr: 0.001 },
    steps: 5,
  },
  'a recurrent layer, whose steps share functions': {
    model: { modules: { rnn: { type: 'LSTM', input_size: 5, hidden_size: 61, batch_first: true } }, forward: 'y_hat, (h, c) = rnn(x)' },
    loss: '(y_hat**2).mean()',
    data: { x: Array.from({ length: 70 }, (_, i) => rows(6, 5).map((row) => row.map((v) => v * (i + 1)))) },
    optimizer: { type: 'Adam', lr: 0.01 },
    steps: 4,
  },
}

describe('threads that share the work of a step', () => {
  for (const [name, request] of Object.entries(runs)) {
    for (const wide of [true, false]) {
      it(`${name}, ${wide ? 'wide' : 'narrow'} kernels: the same bits`, () => {
        const alone = train(request, wide)
        for (const team of teams) {
          const before = team.parts
          // A helper takes some milliseconds to start: the run is repeated until it has had its share.
          do expect(train(request, wide, team)).toEqual(alone)
          while (team.parts === before)
        }
      })
    }
  }

  it('is done by one thread while the cores are busy, and by several when they no longer are', () => {
    const team = teams[0]!
    const request = runs['attention']!
    const before = team.parts
    Atomics.store(new Int32Array(busy), 0, 100)
    const alone = train(request, true, team)
    expect(team.parts).toBe(before)
    Atomics.store(new Int32Array(busy), 0, 0)
    do expect(train(request, true, team)).toEqual(alone)
    while (team.parts === before)
  })
})
