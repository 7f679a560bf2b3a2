/** Programs found by a request's structure: the same bits as traced anew, whatever ran before on the same memory. */
import { describe, expect, it } from 'vitest'
import { ProgramCache, SpecError, Training, backward, defaultCompileOptions, defaultLimits, forward } from '../../engine/index.ts'
import type { Engine, ForwardSpec, TensorJson, TensorResult, TrainSpec } from '../../engine/index.ts'

function engine(programs?: number, bytes?: number): Engine {
  return { cache: new ProgramCache(programs, bytes), compile: defaultCompileOptions, limits: defaultLimits }
}

const descent = { type: 'SGD', lr: 0.01, momentum: 0, dampening: 0, weight_decay: 0, nesterov: false, maximize: false }
const linear = { type: 'Linear', in_features: 3, out_features: 4, bias: true }

function numbers(seed: number, rows: number, width: number): number[][] {
  return Array.from({ length: rows }, (_row, i) => Array.from({ length: width }, (_column, j) => Math.sin(seed * 7 + i * width + j)))
}

/** The same structure with other numbers for each seed. */
type Family = (seed: number) => Omit<TrainSpec, 'seed' | 'dtype' | 'shuffle' | 'drop_last'>

const rest = { optimizer: descent, steps: 4, loss: '((y_hat - y)**2).mean()' }
const families: Readonly<Record<string, Family>> = {
  'the notebook': (seed) => ({ ...rest, model: { parameters: { w: { value: seed } }, forward: 'y_hat = w * x' }, data: { x: seed + 1, y: 2 }, optimizer: { ...descent, lr: seed / 100 } }),
  'a parameter named loss': (seed) => ({ ...rest, model: { parameters: { loss: { value: seed } }, forward: 'y_hat = loss * x' }, data: { x: 1, y: 2 } }),
  'layers, drawn': (seed) => ({ ...rest, model: { layers: [linear, { type: 'Dropout', p: 0.5, inplace: false }] }, data: { x: numbers(seed, 5, 3), y: numbers(seed, 5, 4) } }),
  'running statistics': (seed) => ({ ...rest, model: { layers: [linear, { type: 'BatchNorm1d', num_features: 4, eps: 1e-5, momentum: 0.1, affine: true, track_running_stats: true }] }, data: { x: numbers(seed, 5, 3), y: numbers(seed, 5, 4) } }),
  'a table, constants and an index': (seed) => ({ ...rest, model: { parameters: { table: { shape: [6, 2], init: { type: 'normal', mean: 0, std: 1 } } }, forward: 'y_hat = table[i] * torch.tensor([1.0, -2.0]) + torch.rand(2)' }, data: { i: { data: [seed % 6, 1, 5], dtype: 'int64' }, y: numbers(seed, 3, 2) } }),
  'minibatches of two sizes, accumulated, clipped, with momentum': (seed) => ({ ...rest, model: { layers: [linear] }, data: { x: numbers(seed, 7, 3), y: numbers(seed, 7, 4) }, batch_size: 2, accumulate: 2, clip_grad_norm: 0.1, optimizer: { ...descent, momentum: 0.9, lr: seed / 10 } }),
  'an optimizer that starts from its rate': (seed) => ({ ...rest, model: { layers: [linear] }, data: { x: numbers(seed, 7, 3), y: numbers(seed, 7, 4) }, optimizer: { type: 'Rprop', lr: seed / 50, etas: [0.5, 1.2], step_sizes: [1e-6, 50], maximize: false } }),
  'a condition on a tensor': (seed) => ({ ...rest, model: { parameters: { w: { value: seed } }, forward: 'y_hat = w * x\nif y_hat.sum() > 4:\n    y_hat = y_hat * 0.5' }, data: { x: [1, 2], y: [1, 1] } }),
  'numbers that are not finite': (seed) => ({ ...rest, model: { parameters: { w: { value: 2 - seed } }, forward: 'y_hat = torch.log(w * x)' }, data: { x: 1, y: 2 } }),
}

function full(family: Family, seed: number): TrainSpec {
  return { ...family(seed), seed, dtype: 'float32', shuffle: true, drop_last: false }
}

/** All that an answer has, numbers as their bits. */
function answers(spec: TrainSpec, on: Engine): string {
  const training = new Training(spec, on, { gradients: true })
  const steps: unknown[] = []
  while (training.status === 'running') steps.push(...training.advance(3))
  const state = training.state()
  training.close()
  const plain = (_name: string, value: unknown): unknown => {
    if (value instanceof Map) return [...value]
    if (typeof value === 'bigint') return String(value)
    if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value)
    return ArrayBuffer.isView(value) ? Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex') : value
  }
  const { stats: _forward, ...ahead } = forward(spec, on)
  const { stats: _backward, ...back } = backward(spec, on)
  return JSON.stringify({ steps, state, status: training.status, nonFinite: training.nonFinite, ahead, back }, plain)
}

describe.each(Object.keys(families))('%s', (name) => {
  it('gives the same bits when its structure is known', () => {
    const family = families[name]!
    const shared = engine()
    for (const seed of [1, 3, 2, 1, 3, 3, 2, 1, 1, 1, 3]) expect(answers(full(family, seed), shared)).toBe(answers(full(family, seed), engine()))
  })
})

describe('requests of one origin, which differ in their tensors alone', () => {
  const kinds: readonly TensorJson[] = [1, [1, 2], { data: [3, 4], dtype: 'float64' }, [[1], [2]], -2, [5, 6], { data: 2, dtype: 'float64' }, { data: [3, 1], dtype: 'int64' }, [[5], [0.5]]]
  const optimizers = [descent, { ...descent, momentum: 0.9, groups: [{ match: 'w', lr: 0.5 }] }, { type: 'Rprop', lr: 0.02, etas: [0.5, 1.2], step_sizes: [1e-6, 50], maximize: false }]
  const schedulers = [undefined, { type: 'StepLR', step_size: 2, gamma: 0.5, every: 'step' as const }]
  const texts = ['y_hat = w * x + v', 'y_hat = w * x + v\nif y_hat.sum() > 4:\n    y_hat = y_hat * 0.5']
  const cases = optimizers.flatMap((optimizer) => schedulers.flatMap((scheduler) => texts.map((text) => ({ optimizer, scheduler, text }))))

  it.each(cases)('give the same bits, whatever their shapes and dtypes: %j', ({ optimizer, scheduler, text }) => {
    const shared = engine()
    const origin = {}
    for (const [i, x] of [...kinds, ...kinds, ...kinds.toReversed()].entries()) {
      const model = { parameters: { v: { value: i / 4 }, w: { value: kinds[(i * 5) % 2]! } }, forward: text }
      const spec: TrainSpec = { ...rest, model, optimizer, scheduler, data: { x, y: 2 }, seed: 3, dtype: 'float32', shuffle: false, drop_last: false }
      expect(answers({ ...spec, origin }, shared)).toBe(answers(spec, engine()))
    }
  })

  it('and are minibatches of other sizes where there are more rows', () => {
    const shared = engine()
    const origin = {}
    for (const rows of [7, 4, 3, 7, 4, 8, 3, 7]) {
      const spec: TrainSpec = { ...full(families['minibatches of two sizes, accumulated, clipped, with momentum']!, 2), data: { x: numbers(rows, rows, 3), y: numbers(rows, rows, 4) } }
      expect(answers({ ...spec, origin }, shared)).toBe(answers(spec, engine()))
    }
  })

  it('are refused each for its own reason', () => {
    const shared = engine()
    const origin = {}
    const of = (x: TensorJson): string => {
      try {
        return answers({ ...rest, model: { parameters: { w: { value: [1, 2] } }, forward: 'y_hat = w * x' }, data: { x, y: 2 }, seed: 0, dtype: 'float32', shuffle: false, drop_last: false, origin }, shared)
      } catch (error) {
        return error instanceof SpecError ? error.code : String(error)
      }
    }
    expect(of([1, 2, 3])).toBe('shape_mismatch')
    expect(of([1, 2])).toContain('succeeded')
    expect(of([1, 2, 3])).toBe('shape_mismatch')
    expect(of([[1, 2], [3]])).toBe('invalid_tensor')
    expect(of([2, 1])).toContain('succeeded')
  })
})

function firstOf(result: TensorResult | number | undefined): number {
  return typeof result === 'object' ? Number(result.elements[0]) : Number.NaN
}

const program = (text: string, data: Readonly<Record<string, TensorJson>>): ForwardSpec => ({ model: { parameters: { w: { value: [1, 2, 3] } }, forward: text }, loss: 'y_hat.sum()', data, seed: 0, dtype: 'float32' })

describe('the text of a structure', () => {
  const cached = (spec: ForwardSpec, on: Engine): boolean => backward(spec, on).stats.fromCache

  it('is the same for other numbers, and for nothing else', () => {
    const on = engine()
    expect(cached(program('y_hat = w * x', { x: 2 }), on)).toBe(false)
    expect(cached(program('y_hat = w * x', { x: -7.5 }), on)).toBe(true)
    expect(cached(program('y_hat = w * x', { x: [2] }), on)).toBe(false)
    expect(cached(program('y_hat = w * x', { x: { data: 2, dtype: 'float64' } }), on)).toBe(false)
    expect(cached({ ...program('y_hat = w * x', { x: 2 }), dtype: 'float64' }, on)).toBe(false)
  })

  it('tells the signs of zero apart', () => {
    const on = engine()
    const layered = (value: number): ForwardSpec => ({ model: { layers: [{ type: 'ConstantPad1d', padding: [1, 1], value }] }, data: { x: [[1, 2]] }, seed: 0, dtype: 'float32' })
    const padded = (value: number): number => 1 / firstOf(forward(layered(value), on).outputs.get('y_hat'))
    expect([padded(0), padded(-0), padded(0)]).toEqual([Infinity, -Infinity, Infinity])
  })

  it('an index that is out of range is an error at its line all the same', () => {
    const on = engine()
    const spec = (i: number): ForwardSpec => program('h = w * 2\ny_hat = h[i]', { i: { data: [i], dtype: 'int64' } })
    const refused = (i: number): unknown => {
      try {
        return backward(spec(i), on).stats.fromCache
      } catch (error) {
        return error instanceof SpecError ? error.faults[0] : error
      }
    }
    expect(refused(7)).toMatchObject({ code: 'index_out_of_range', line: 2 })
    expect(refused(1)).toBe(true)
    expect(refused(9)).toMatchObject({ code: 'index_out_of_range', message: expect.stringContaining('9'), line: 2 })
    expect(refused(1)).toBe(true)
  })
})

describe('a path that is known', () => {
  const branch = 's = table[i].sum()\nif s > 0:\n    y_hat = w * s\nelse:\n    y_hat = w * other[j]'
  const loop = 'h = w * x\nwhile h.max() < 10:\n    h = h * 2\ny_hat = h'
  const given = (table: readonly number[], i: number, j: number): ForwardSpec => program(branch, { table, i: { data: i, shape: [], dtype: 'int64' }, other: [5, 6], j: { data: j, shape: [], dtype: 'int64' } })
  const lossOf = (spec: ForwardSpec, on: Engine): number => firstOf(backward(spec, on).loss)

  it('is taken again by the numbers that take it, and by no others', () => {
    const on = engine()
    for (const x of [1, 1.5, 1.25, 1, 0.1, 0.2, 0.1, 0.15, 1, 1, 4, 1]) expect(lossOf(program(loop, { x }), on)).toBe(lossOf(program(loop, { x }), engine()))
  })

  it('follows nothing: the graph is not traced', () => {
    const limits = { ...defaultLimits }
    const on = { ...engine(), limits }
    for (const x of [1, 1.1]) lossOf(program(loop, { x }), on)
    let asked = 0
    const watched = { ...on, limits: new Proxy(limits, { get: (target, name) => (asked += Number(name === 'maxTraceSteps'), Reflect.get(target, name)) as unknown }) }
    lossOf(program(loop, { x: 1.2 }), watched)
    const recalled = asked
    lossOf(program(loop, { x: 0.01 }), watched)
    expect(asked - recalled).toBeGreaterThan(recalled)
  })

  it('is left for an error where an index is out of range', () => {
    const on = engine()
    for (const i of [0, 1, 0]) expect(lossOf(given([1, 2], i, 7), on)).toBe(6 * (i + 1))
    expect(() => lossOf(given([1, 2], 2, 0), on)).toThrow('index 2 is out of range')
    for (const j of [0, 1, 1, 1]) expect(lossOf(given([-1, 2], 0, j), on)).toBe(6 * (5 + j))
    expect(() => lossOf(given([-1, 2], 0, 2), on)).toThrow('index 2 is out of range')
    expect(lossOf(given([3, 2], 0, 9), on)).toBe(18)
  })

  it('is forgotten with its program', () => {
    const on = engine(2)
    for (const x of [1, 1, 1, 0.1, 0.1, 0.1, 1]) expect(lossOf(program(loop, { x }), on)).toBe(lossOf(program(loop, { x }), engine()))
  })
})

describe('the bounds of the cache', () => {
  it('hold for its number of programs', () => {
    const on = engine(2)
    const cached = (power: number): boolean => backward(program(`y_hat = (w * x)**${power}`, { x: 1 }), on).stats.fromCache
    expect([2, 3, 2, 4, 2, 3].map(cached)).toEqual([false, false, true, false, true, false])
  })

  it('hold for its bytes: the last program alone always stays', () => {
    const on = engine(100, 1)
    const cached = (power: number): boolean => backward(program(`y_hat = (w * x)**${power}`, { x: 1 }), on).stats.fromCache
    expect([2, 2, 3, 3, 2].map(cached)).toEqual([false, true, false, true, false])
  })

  it('hold for the texts that lead to one program', () => {
    const on = engine()
    const cached = (i: number): boolean => backward(program(`h${i} = w * x\ny_hat = h${i}`, { x: 1 }), on).stats.fromCache
    expect(Array.from({ length: 20 }, (_, i) => cached(i % 10)).filter((hit) => !hit)).toHaveLength(1)
  })
})
