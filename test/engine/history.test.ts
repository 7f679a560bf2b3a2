/** A run gets back to the state before the step whose loss was not finite, however many steps a call does. */
import { expect, it } from 'vitest'
import type { Engine } from '../../engine/index.ts'
import { ProgramCache, Training, defaultCompileOptions, defaultLimits } from '../../engine/index.ts'
import type { TrainRequest } from '../../src/spec.ts'
import { validate } from '../../src/validate.ts'

/** Minibatches of two sizes, a momentum, rates that grow and numbers that are drawn. */
const request = {
  model: { layers: [{ type: 'Dropout', p: 0.2 }, { type: 'Linear', in_features: 6, out_features: 90 }, { type: 'Linear', in_features: 90, out_features: 3 }] },
  loss: '((y_hat - y)**2).mean()',
  data: { x: Array.from({ length: 22 }, (_, i) => Array.from({ length: 6 }, (_column, j) => Math.sin(i * 6 + j))), y: Array.from({ length: 22 }, (_, i) => [i % 3, i % 2, 1]) },
  optimizer: { type: 'SGD', lr: 0.03, momentum: 0.9 },
  scheduler: { type: 'ExponentialLR', gamma: 1.05 },
  batch_size: 5,
  shuffle: true,
  steps: 2000,
}

const engineOf = (): Engine => ({ cache: new ProgramCache(), limits: defaultLimits, compile: defaultCompileOptions })

function train(chunk: (call: number) => number): { readonly losses: readonly number[] } {
  const checked = validate('train', request)
  if (!checked.ok) throw new Error(checked.problem.detail)
  const training = new Training(checked.value as TrainRequest, engineOf(), { gradients: true })
  const losses: number[] = []
  let gradients: unknown
  for (let call = 0; training.status === 'running'; call++) {
    const steps = training.advance(chunk(call))
    losses.push(...steps.losses)
    gradients = [...steps.at(steps.length - 1).gradients].map(([name, { elements }]) => [name, [...elements]])
  }
  const state = [...training.state()].map(([name, { elements }]) => [name, [...elements]])
  return Object.assign({ losses }, { status: training.status, nonFinite: training.nonFinite, gradients, state })
}

it('the state, the gradients and the place are the same', () => {
  const once = train(() => 1000)
  expect(once).toMatchObject({ status: 'diverged', nonFinite: {} })
  // More than there are between two copies of the state.
  expect(once.losses.length).toBeGreaterThan(40)
  expect(train(() => 1)).toEqual(once)
  expect(train((call) => 1 + (call % 3))).toEqual(once)
  expect(train((call) => (call < 20 ? 1 : 7))).toEqual(once)
})

it('the copy is in the plan, and large values that the run began with are let go', () => {
  const wide = { model: { parameters: { w: { value: Array.from({ length: 2 ** 16 }, (_, i) => (i % 7) / 7) }, frozen: { value: Array.from({ length: 2 ** 16 }, () => 2), requires_grad: false } }, forward: 'y_hat = w * frozen' }, loss: '(y_hat**2).sum()', optimizer: { type: 'SGD', lr: 1e6 }, steps: 30 }
  const checked = validate('train', wide)
  if (!checked.ok) throw new Error(checked.problem.detail)
  const training = new Training(checked.value as TrainRequest, engineOf(), { gradients: false })
  const copy = training.stats.memoryBytes - training.first.prepared.compiled.memoryBytes
  expect(copy).toBe(4 * 2 ** 16)
  const lengths = (): number[] => training.model.parameters.map(({ initial }) => initial.length)
  expect(lengths()).toEqual([2 ** 16, 2 ** 16])
  training.load()
  expect(lengths()).toEqual([0, 2 ** 16])
  while (training.status === 'running') training.advance(4)
  expect(training).toMatchObject({ status: 'diverged', nonFinite: { operation: 'pow', place: { pointer: '/loss', line: 1 } } })
  expect([...training.state()].map(([, { elements }]) => elements.length)).toEqual([2 ** 16, 2 ** 16])
})
