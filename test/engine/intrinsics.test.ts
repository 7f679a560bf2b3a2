/** Error bounds of elementwise functions over their range, as docs/numerics.md states them, and their special values. */
import { readFileSync } from 'node:fs'
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

interface Bound {
  /** Largest error in units in the last place; or this absolute error. */
  readonly ulp: number
  readonly absolute: number
}

function boundOf(cell: string): Bound {
  const [ulps, absolute = '0'] = cell.split(' or ')
  return { ulp: Number(ulps), absolute: Number(absolute) }
}

/** The rows of the table in docs/numerics.md. */
const bounds = new Map(
  readFileSync(new URL('../../docs/numerics.md', import.meta.url), 'utf8')
    .split('\n')
    .map((line) => line.split('|').map((cell) => cell.trim()))
    .filter(({ length, 1: name }) => length === 6 && name !== 'function' && !name!.startsWith('---'))
    .flatMap(([, names, , float32, float64]) => names!.split(', ').map((name) => [name, { float32: boundOf(float32!), float64: boundOf(float64!) }] as const)),
)

/** By the names in docs/numerics.md. */
const ops: Readonly<Record<string, (x: Value) => Value>> = {
  exp: ew.exp, exp2: ew.exp2, expm1: ew.expm1, log: ew.log, log2: ew.log2, log10: ew.log10, log1p: ew.log1p, tanh: ew.tanh, sigmoid: ew.sigmoid, logit: ew.logit,
  sin: ew.sin, cos: ew.cos, tan: ew.tan, sinc: ew.sinc, asin: ew.asin, acos: ew.acos, atan: ew.atan, sinh: ew.sinh, cosh: ew.cosh, asinh: ew.asinh, acosh: ew.acosh, atanh: ew.atanh,
  erf: ew.erf, erfc: ew.erfc, erfcx: ew.erfcx, erfinv: ew.erfinv, ndtri: ew.ndtri, log_ndtr: ew.logNdtr, entr: ew.entr,
  lgamma: ew.lgamma, digamma: ew.digamma, 'polygamma(1)': (x) => ew.polygamma(x, 1), 'polygamma(3)': (x) => ew.polygamma(x, 3), i0: ew.i0, i0e: ew.i0e, i1: ew.i1, i1e: ew.i1e,
}

/** Argument, value, and what the value as a float64 leaves. */
const exact = JSON.parse(readFileSync(new URL('../golden/exact.json', import.meta.url), 'utf8')) as Readonly<Record<string, readonly (readonly [number, number, number])[]>>
const normal = { float32: [2 ** -126, 2 ** 128 - 2 ** 103], float64: [2 ** -1022, Number.MAX_VALUE] } as const

/** Intervals for random arguments of functions that V8 has. */
const random: readonly { readonly name: string; readonly exact: (x: number) => number; readonly from: number; readonly to: number }[] = [
  { name: 'exp', exact: Math.exp, from: -87, to: 88 },
  { name: 'expm1', exact: Math.expm1, from: -20, to: 40 },
  { name: 'expm1', exact: Math.expm1, from: -0.5, to: 0.5 },
  { name: 'log', exact: Math.log, from: 1e-30, to: 1e4 },
  { name: 'log', exact: Math.log, from: 0.5, to: 2 },
  { name: 'log1p', exact: Math.log1p, from: -0.9, to: 3 },
  { name: 'tanh', exact: Math.tanh, from: -10, to: 10 },
  { name: 'sigmoid', exact: (x) => 1 / (1 + Math.exp(-x)), from: -80, to: 80 },
  { name: 'sin', exact: Math.sin, from: -1e4, to: 1e4 },
  { name: 'cos', exact: Math.cos, from: -1e4, to: 1e4 },
  { name: 'asin', exact: Math.asin, from: -1, to: 1 },
  { name: 'atan', exact: Math.atan, from: -20, to: 20 },
]

describe('errors in units in the last place', () => {
  for (const dtype of ['float32', 'float64'] as const) {
    it.each(Object.keys(exact))(`%s in ${dtype}, exact values`, (name) => {
      const [smallest, largest] = normal[dtype]
      const rows = exact[name]!.filter(([, value]) => Math.abs(value) >= smallest && Math.abs(value) <= largest)
      const got = apply(ops[name]!, Float64Array.from(rows, ([x]) => x), dtype)
      const bound = bounds.get(name)![dtype]
      const wrong = rows.flatMap(([x, value, rest], i) => {
        const error = Math.abs(got[i]! - value - rest)
        return error <= Math.max(bound.ulp * ulp(value, dtype), bound.absolute) ? [] : [`${name}(${x}) = ${value}, got ${got[i]}: ${error / ulp(value, dtype)}`]
      })
      expect(rows.length).toBeGreaterThan(40)
      expect(wrong).toEqual([])
    })

    it.each(random)(`$name in ${dtype}, $from to $to`, ({ name, exact: f, from, to }) => {
      const numbers = new TestRandom(5).numbers([count], from, to)
      const got = apply(ops[name]!, numbers, dtype)
      const { error, at } = largestError(got, (i) => f(numbers[i]!), dtype)
      // V8's own results are right to 1 ulp.
      const limit = bounds.get(name)![dtype].ulp + (dtype === 'float64' ? 1 : 0)
      expect(error, `${name}(${numbers[at]}) = ${f(numbers[at]!)}, got ${got[at]}`).toBeLessThanOrEqual(limit)
    })
  }

  it('angles of float32 of any size', () => {
    const scale = new TestRandom(13)
    const numbers = Float64Array.from({ length: count }, () => Math.fround((scale.next() < 0.5 ? -1 : 1) * 2 ** scale.between(25, 127.9)))
    for (const [op, f, limit] of [[ew.sin, Math.sin, 0.51], [ew.cos, Math.cos, 0.51], [ew.tan, Math.tan, 2]] as const) {
      const got = apply(op, numbers, 'float32')
      const { error, at } = largestError(got, (i) => f(numbers[i]!), 'float32')
      expect(error, `of ${numbers[at]}: ${f(numbers[at]!)}, got ${got[at]}`).toBeLessThanOrEqual(limit)
    }
  })

  it('pow', () => {
    const draws = new TestRandom(9)
    const [x, y] = [draws.numbers([count], 0.01, 20), draws.numbers([count], -8, 8)]
    for (const dtype of ['float32', 'float64'] as const) {
      const limit = bounds.get('pow')![dtype].ulp
      const graph = new Graph()
      const [got] = runCompiled([ew.pow(input(graph, 'x', [count], dtype), input(graph, 'y', [count], dtype))], new Map([['x', x], ['y', y]]))
      expect(largestError(got!, (i) => x[i]! ** y[i]!, dtype).error).toBeLessThanOrEqual(limit)
    }
  })

  it('atan2', () => {
    const draws = new TestRandom(11)
    const [y, x] = [draws.numbers([count], -5, 5), draws.numbers([count], -5, 5)]
    for (const dtype of ['float32', 'float64'] as const) {
      const limit = bounds.get('atan2')![dtype].ulp
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
