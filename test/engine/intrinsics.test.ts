/** Error bounds of the intrinsics over their range, and their special values. docs/numerics.md states the bounds. */
import { describe, expect, it } from 'vitest'
import type { DType, Value } from '../../engine/ir/value.ts'
import { Graph } from '../../engine/ir/value.ts'
import * as ew from '../../engine/ops/elementwise.ts'
import { input } from '../../engine/ops/source.ts'
import { TestRandom, runCompiled } from './agree.ts'

const count = 40_000

function apply(op: (x: Value) => Value, numbers: Float64Array, dtype: DType): Float64Array {
  const graph = new Graph()
  return runCompiled([op(input(graph, 'x', [numbers.length], dtype))], new Map([['x', numbers]]))[0]!
}

/** The distance between neighbouring numbers at `x`. */
function ulp(x: number, dtype: 'float32' | 'float64'): number {
  const [bits, least] = dtype === 'float32' ? [23, -149] : [52, -1074]
  const exponent = x === 0 ? least : Math.max(Math.floor(Math.log2(Math.abs(x))) - bits, least)
  return 2 ** exponent
}

function largestError(got: Float64Array, want: (i: number) => number, dtype: 'float32' | 'float64'): { error: number; at: number } {
  let worst = { error: 0, at: 0 }
  for (let i = 0; i < got.length; i++) {
    const exact = want(i)
    if (Object.is(got[i], exact) || (Number.isNaN(got[i]) && Number.isNaN(exact)) || (dtype === 'float32' && got[i] === Math.fround(exact))) continue
    const error = Math.abs(got[i]! - exact) / ulp(exact, dtype)
    if (!(error <= worst.error)) worst = { error, at: i }
  }
  return worst
}

/** erf by its Taylor series in fixed point, exact to far beyond float64: for |x| up to about 5. */
function exactErf(x: number): number {
  const bits = 240n
  const one = 1n << bits
  const fixed = (BigInt(Math.round(x * 2 ** 40)) << bits) >> 40n
  const square = (fixed * fixed) >> bits
  let power = fixed
  let total = fixed
  for (let n = 1n; n < 200n; n++) {
    power = -((power * square) >> bits) / n
    total += power / (2n * n + 1n)
  }
  // 2 / √π to 60 digits.
  const factor = (1128379167095512573896158903121545171688101258657997713688171n * one) / 10n ** 60n
  return Number((total * factor) >> (bits + bits - 120n)) / 2 ** 120
}

interface Bound {
  readonly name: string
  readonly op: (x: Value) => Value
  readonly exact: (x: number) => number
  readonly from: number
  readonly to: number
  /** Largest error in units in the last place. */
  readonly float32: number
  readonly float64: number
}

const bounds: readonly Bound[] = [
  { name: 'exp', op: ew.exp, exact: Math.exp, from: -104, to: 89, float32: 1.1, float64: 1.5 },
  { name: 'expm1', op: ew.expm1, exact: Math.expm1, from: -20, to: 40, float32: 2, float64: 2 },
  { name: 'expm1 near 0', op: ew.expm1, exact: Math.expm1, from: -0.5, to: 0.5, float32: 2, float64: 2 },
  { name: 'log', op: ew.log, exact: Math.log, from: 1e-30, to: 1e4, float32: 1.1, float64: 1.5 },
  { name: 'log near 1', op: ew.log, exact: Math.log, from: 0.5, to: 2, float32: 1.1, float64: 1.5 },
  { name: 'log1p', op: ew.log1p, exact: Math.log1p, from: -0.9, to: 3, float32: 3, float64: 3 },
  { name: 'tanh', op: ew.tanh, exact: Math.tanh, from: -10, to: 10, float32: 2, float64: 3 },
  { name: 'sigmoid', op: ew.sigmoid, exact: (x) => 1 / (1 + Math.exp(-x)), from: -80, to: 80, float32: 2.5, float64: 4 },
  { name: 'sin', op: ew.sin, exact: Math.sin, from: -1e4, to: 1e4, float32: 0.51, float64: 1.5 },
  { name: 'cos', op: ew.cos, exact: Math.cos, from: -1e4, to: 1e4, float32: 0.51, float64: 1.5 },
  { name: 'erf', op: ew.erf, exact: exactErf, from: -4, to: 4, float32: 2, float64: 1.5 },
]

describe('errors in units in the last place', () => {
  for (const { name, op, exact, from, to, ...limits } of bounds) {
    for (const dtype of ['float32', 'float64'] as const) {
      it(`${name} in ${dtype}: at most ${limits[dtype]}`, () => {
        const numbers = new TestRandom(5).numbers([name === 'erf' ? 2000 : count], from, to)
        const got = apply(op, numbers, dtype)
        const { error, at } = largestError(got, (i) => exact(numbers[i]!), dtype)
        expect(error, `${name}(${numbers[at]}) = ${exact(numbers[at]!)}, got ${got[at]}`).toBeLessThanOrEqual(limits[dtype])
      })
    }
  }

  it('pow', () => {
    const random = new TestRandom(9)
    const [x, y] = [random.numbers([count], 0.01, 20), random.numbers([count], -8, 8)]
    for (const [dtype, limit] of [['float32', 0.51], ['float64', 1.5]] as const) {
      const graph = new Graph()
      const [got] = runCompiled([ew.pow(input(graph, 'x', [count], dtype), input(graph, 'y', [count], dtype))], new Map([['x', x], ['y', y]]))
      expect(largestError(got!, (i) => x[i]! ** y[i]!, dtype).error).toBeLessThanOrEqual(limit)
    }
  })

  it('atan2', () => {
    const random = new TestRandom(11)
    const [y, x] = [random.numbers([count], -5, 5), random.numbers([count], -5, 5)]
    for (const [dtype, limit] of [['float32', 0.51], ['float64', 3]] as const) {
      const graph = new Graph()
      const [got] = runCompiled([ew.atan2(input(graph, 'y', [count], dtype), input(graph, 'x', [count], dtype))], new Map([['x', x], ['y', y]]))
      expect(largestError(got!, (i) => Math.atan2(y[i]!, x[i]!), dtype).error).toBeLessThanOrEqual(limit)
    }
  })
})

const { NaN: nan, POSITIVE_INFINITY: inf } = Number

/** Arguments and results that IEEE 754 and C define. */
const special: readonly { name: string; op: (x: Value) => Value; cases: readonly (readonly [number, number])[] }[] = [
  { name: 'exp', op: ew.exp, cases: [[nan, nan], [inf, inf], [-inf, 0], [0, 1], [-0, 1], [1000, inf], [-1000, 0]] },
  { name: 'expm1', op: ew.expm1, cases: [[nan, nan], [inf, inf], [-inf, -1], [0, 0], [-0, -0]] },
  { name: 'log', op: ew.log, cases: [[nan, nan], [inf, inf], [-inf, nan], [0, -inf], [-0, -inf], [-1, nan], [1, 0]] },
  { name: 'log1p', op: ew.log1p, cases: [[nan, nan], [inf, inf], [-1, -inf], [-2, nan], [0, 0], [-0, -0]] },
  { name: 'sqrt', op: ew.sqrt, cases: [[nan, nan], [inf, inf], [-1, nan], [-0, -0]] },
  { name: 'tanh', op: ew.tanh, cases: [[nan, nan], [inf, 1], [-inf, -1], [0, 0], [-0, -0]] },
  { name: 'sigmoid', op: ew.sigmoid, cases: [[nan, nan], [inf, 1], [-inf, 0], [0, 0.5]] },
  { name: 'sin', op: ew.sin, cases: [[nan, nan], [inf, nan], [-inf, nan], [0, 0], [-0, -0]] },
  { name: 'cos', op: ew.cos, cases: [[nan, nan], [inf, nan], [-inf, nan], [0, 1]] },
  { name: 'erf', op: ew.erf, cases: [[nan, nan], [inf, 1], [-inf, -1], [0, 0], [-0, -0]] },
  { name: 'relu', op: ew.relu, cases: [[nan, nan], [inf, inf], [-inf, 0], [-1, 0]] },
  { name: 'sign', op: ew.sign, cases: [[nan, 0], [inf, 1], [-inf, -1], [0, 0]] },
  { name: 'round', op: ew.round, cases: [[0.5, 0], [1.5, 2], [2.5, 2], [-0.5, -0], [nan, nan], [inf, inf]] },
]

describe('special values', () => {
  for (const { name, op, cases } of special) {
    for (const dtype of ['float32', 'float64'] as const) {
      it(`${name} in ${dtype}`, () => {
        expect([...apply(op, Float64Array.from(cases, ([x]) => x), dtype)]).toEqual(cases.map(([, y]) => y))
      })
    }
  }

  it('subnormal numbers are not flushed to zero', () => {
    expect(apply(ew.exp, Float64Array.of(-100), 'float32')[0]).toBe(Math.fround(Math.exp(-100)))
    expect(apply(ew.log, Float64Array.of(2 ** -140), 'float32')[0]).toBe(Math.fround(Math.log(2 ** -140)))
    expect(apply(ew.exp, Float64Array.of(-740), 'float64')[0]).toBe(Math.exp(-740))
  })

  it('two arguments', () => {
    const pairs = [[2, 0], [nan, 0], [1, nan], [-1, inf], [-1, -inf], [-2, 3], [-2, 0.5], [0, -1], [-0, -1], [-0, 3], [inf, -1], [-inf, 3], [0, 0], [2, inf], [0.5, inf]]
    const x = Float64Array.from(pairs, ([a]) => a!)
    const y = Float64Array.from(pairs, ([, b]) => b!)
    const run = (op: (a: Value, b: Value) => Value, dtype: DType): number[] => {
      const graph = new Graph()
      return [...runCompiled([op(input(graph, 'x', [x.length], dtype), input(graph, 'y', [x.length], dtype))], new Map([['x', x], ['y', y]]))[0]!]
    }
    for (const dtype of ['float32', 'float64'] as const) {
      expect(run(ew.pow, dtype)).toEqual([1, 1, 1, 1, 1, -8, nan, inf, -inf, -0, 0, -inf, 1, inf, 0])
      const angles = run(ew.atan2, dtype)
      expect(angles.map((a, i) => Math.abs(a - Math.atan2(x[i]!, y[i]!)) < 1e-6 || (Number.isNaN(a) && Number.isNaN(Math.atan2(x[i]!, y[i]!))))).not.toContain(false)
      expect(run(ew.fmod, dtype)).toEqual([...x].map((a, i) => a % y[i]!))
      expect(run(ew.maximum, dtype)).toEqual([...x].map((a, i) => Math.max(a, y[i]!)))
    }
  })
})
