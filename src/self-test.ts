/** What a worker does before it takes requests: the notebook's example, and kernels of both shapes compared. */
import type { Engine } from '../engine/index.ts'
import { Training, backward } from '../engine/index.ts'
import type { SelfTest } from './protocol.ts'

const example = {
  model: { parameters: { w: { value: 1 } }, forward: 'y_hat = w * x' },
  loss: '(y_hat - y)**2',
  data: { x: 1, y: 2 },
  seed: 0,
  dtype: 'float32',
} as const

/** A product, a reduction and an intrinsic, wide enough for full vectors and with a remainder. */
const kernels = {
  model: { parameters: { w: { shape: [37, 29], init: { type: 'uniform', a: -1, b: 1 } } }, forward: 'h = torch.tanh(w @ w.T)' },
  loss: '(h * h).mean()',
  data: {},
  seed: 1,
  dtype: 'float32',
} as const

/** Throws when the engine does not give the known numbers. Falls back to narrow kernels when wide ones differ. */
export function selfTest(engine: Engine): SelfTest {
  const began = performance.now()
  const { loss, gradients } = backward(example, engine)
  expect('loss', Number(loss.elements[0]), 1)
  expect('gradient', Number(gradients.get('w')!.elements[0]), -2)
  const training = new Training({ ...example, optimizer: { type: 'SGD', lr: 0.01, momentum: 0, dampening: 0, weight_decay: 0, nesterov: false, maximize: false }, steps: 1, shuffle: false, drop_last: false }, engine, { gradients: false })
  training.advance(1)
  expect('updated parameter', Number(training.state().get('w')!.elements[0]), Math.fround(1.02))
  training.close()

  const wide = bits(backward(kernels, engine).gradients.get('w')!.elements)
  const narrow = bits(backward(kernels, { ...engine, compile: { ...engine.compile, wide: false } }).gradients.get('w')!.elements)
  const ms = performance.now() - began
  if (!engine.compile.wide || wide === narrow) return { wide: engine.compile.wide, ms }
  return { wide: false, ms, note: 'wide kernels gave other numbers than narrow ones; narrow ones are used' }
}

function expect(what: string, got: number, want: number): void {
  if (got !== want) throw new Error(`self-test: the ${what} of the notebook's example is ${got}, not ${want}`)
}

function bits(elements: { readonly buffer: ArrayBufferLike; readonly byteOffset: number; readonly byteLength: number }): string {
  return Buffer.from(elements.buffer, elements.byteOffset, elements.byteLength).toString('hex')
}
