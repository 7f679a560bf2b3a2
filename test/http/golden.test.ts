/** PyTorch's answers, through HTTP. See test/golden/README.md. */
import { readFileSync, readdirSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { useService } from '../service.ts'

type Numbers = number | Numbers[]

interface OpCase {
  readonly name: string
  readonly request: Record<string, unknown>
  readonly expect: { readonly loss: number; readonly gradients: Record<string, Numbers> }
}

interface TrainingCase {
  readonly name: string
  readonly request: Record<string, unknown> & { readonly dtype: string }
  readonly expect: {
    readonly losses: number[]
    readonly lr?: number[]
    readonly grad_norms?: number[]
    readonly first_gradients: Record<string, Numbers>
    readonly final_state: Record<string, Numbers>
    readonly initial_state?: Record<string, Numbers>
    /** Parameters of it whose draws are normal: the others agree to the last bit. */
    readonly normal?: readonly string[]
    /** Of the final state, in eval mode. */
    readonly eval_loss?: number
  }
}

function load<T>(file: string): T[] {
  return JSON.parse(readFileSync(new URL(`../golden/${file}`, import.meta.url), 'utf8')) as T[]
}

const flat = (x: Numbers): number[] => (Array.isArray(x) ? x.flatMap(flat) : [x])

/** Expects equal shapes, and elements equal to a relative or an absolute tolerance. */
function expectClose(what: string, got: unknown, want: Numbers, relative: number, absolute: number): void {
  const [a, b] = [flat(got as Numbers), flat(want)]
  expect(shapeOf(got as Numbers), `${what}: shape`).toEqual(shapeOf(want))
  const wrong = b.findIndex((x, i) => !(Math.abs(a[i]! - x) <= Math.max(absolute, relative * Math.abs(x))))
  if (wrong >= 0) expect.fail(`${what}, element ${wrong}: expected ${b[wrong]}, got ${a[wrong]}`)
}

const shapeOf = (x: Numbers): number[] => (Array.isArray(x) ? [x.length, ...(x.length > 0 ? shapeOf(x[0]!) : [])] : [])

/** A step reports its gradients before clipping; the golden ones were read after it. */
function clipFactor(request: Record<string, unknown>, norm: number): number {
  const limit = request['clip_grad_norm']
  return typeof limit === 'number' ? Math.min(1, limit / (norm + 1e-6)) : 1
}

const scaled = (x: Numbers, factor: number): Numbers => (Array.isArray(x) ? x.map((item) => scaled(item, factor)) : x * factor)

const service = useService()

/** By dtype, relative and absolute; narrow kernels are tried in the usual one alone, but for the training runs. */
const tolerances = ([['float64', 1e-9, 1e-12], ['float32', 1e-4, 1e-5]] as const).slice(process.env['WIDE_SIMD'] === 'off' ? 1 : 0)

describe('gradients of single functions and programs', () => {
  for (const { name, request, expect: want } of load<OpCase>('ops.json')) {
    for (const [dtype, relative, absolute] of tolerances) {
      it(`${name} in ${dtype}`, async () => {
        const { status, body } = await service.post('/v1/backward', { ...request, dtype })
        expect(status, JSON.stringify(body)).toBe(200)
        expectClose('loss', body.loss, want.loss, relative, absolute)
        expect(Object.keys(body.gradients)).toEqual(Object.keys(want.gradients))
        for (const [parameter, gradient] of Object.entries(want.gradients)) expectClose(parameter, body.gradients[parameter], gradient, relative, absolute)
      })
    }
  }
})

describe('our own cases, by family', () => {
  const families = readdirSync(new URL('../golden/functions/', import.meta.url)).filter((file) => file.endsWith('.json'))
  for (const { name, request, expect: want } of families.flatMap((file) => load<OpCase>(`functions/${file}`))) {
    for (const [dtype, relative, absolute] of tolerances) {
      it(`${name} in ${dtype}`, async () => {
        // Without parameters there is nothing to go back to.
        const path = Object.keys(want.gradients).length > 0 ? '/v1/backward' : '/v1/forward'
        const { status, body } = await service.post(path, { ...request, dtype })
        expect(status, JSON.stringify(body)).toBe(200)
        expectClose('loss', body.loss, want.loss, relative, absolute)
        for (const [parameter, gradient] of Object.entries(want.gradients)) expectClose(parameter, body.gradients[parameter], gradient, relative, absolute)
      })
    }
  }
})

describe('training runs', () => {
  for (const { name, request, expect: want } of [...load<TrainingCase>('training.json'), ...load<TrainingCase>('own-training.json'), ...load<TrainingCase>('random-training.json'), ...load<TrainingCase>('paths-training.json'), ...load<TrainingCase>('losses-training.json'), ...load<TrainingCase>('descent-training.json'), ...load<TrainingCase>('layers-training.json'), ...load<TrainingCase>('inits-training.json')]) {
    const exact = request.dtype === 'float64'
    const tolerance = exact ? 1e-8 : 1e-4
    it(name, async () => {
      const { status, body } = await service.post('/v1/train', request)
      expect(status, JSON.stringify(body).slice(0, 500)).toBe(200)
      expect(body.status).toBe('succeeded')
      expectClose('losses', body.steps.map((step: { loss: number }) => step.loss), want.losses, tolerance, 0)
      // Cosines of a schedule may differ in their last bit.
      if (want.lr) expectClose('lr', body.steps.map((step: { lr: number }) => step.lr), want.lr, 1e-15, 0)
      if (want.grad_norms) expectClose('gradient norms', body.steps.map((step: { grad_norm: number }) => step.grad_norm), want.grad_norms, tolerance, exact ? 1e-12 : 1e-6)
      for (const [parameter, gradient] of Object.entries(want.first_gradients)) {
        const got = scaled(body.steps[0].gradients[parameter], clipFactor(request, body.steps[0].grad_norm))
        expectClose(`gradient of ${parameter}`, got, gradient, tolerance, exact ? 1e-12 : 1e-6)
      }
      // training.json leaves out how many batches batch norm has seen.
      expect(Object.keys(body.state).filter((key) => key in want.final_state || !key.endsWith('.num_batches_tracked'))).toEqual(Object.keys(want.final_state))
      // The gradient of the keys' bias is 0; Adam makes 1e-11 of the rounding errors that are left of it.
      const least = name === 'layers/transformer' ? 1e-10 : exact ? 1e-12 : 1e-5
      for (const [parameter, value] of Object.entries(want.final_state)) expectClose(parameter, body.state[parameter], value, tolerance, least)
      if (want.eval_loss !== undefined) {
        const { model, loss, data, dtype } = request
        const evaluated = await service.post('/v1/forward', { model, loss, data, dtype, state: body.state, training: false })
        expectClose('loss in eval mode', evaluated.body.loss, want.eval_loss, tolerance, 0)
      }
    })
    const { initial_state: initial } = want
    if (initial && !('state' in request)) {
      it(`${name}: the seed gives PyTorch's initial parameters, bit for bit`, async () => {
        const { body } = await service.post('/v1/train', { ...request, steps: 0, epochs: undefined })
        expect(body.steps).toEqual([])
        const normal = name === 'seed/embedding' ? ['0.weight'] : want.normal
        for (const [parameter, value] of Object.entries(initial)) {
          if (normal?.includes(parameter) === true) expectClose(parameter, body.state[parameter], value, 1e-6, 1e-6)
          else expect(flat(body.state[parameter]).map(Math.fround)).toEqual(flat(value).map(Math.fround))
        }
      })
    }
  }
})
