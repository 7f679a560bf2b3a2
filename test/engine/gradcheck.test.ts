/**
 * Every primitive of the op table, on several shapes: both executors agree, and the gradient agrees with finite
 * differences in a random direction. A primitive without a row fails the last test.
 */
import { describe, expect, it } from 'vitest'
import { gradients } from '../../engine/autodiff.ts'
import { interpret } from '../../engine/interpret.ts'
import type { Shape, Value } from '../../engine/ir/value.ts'
import { Graph, numel } from '../../engine/ir/value.ts'
import { matmul } from '../../engine/ops/contract.ts'
import { primitives } from '../../engine/ops/define.ts'
import * as ew from '../../engine/ops/elementwise.ts'
import { amax, amin } from '../../engine/ops/extrema.ts'
import type { Convolving } from '../../engine/ops/convolution.ts'
import { convolution, convolutionInput, convolutionWeight } from '../../engine/ops/convolution.ts'
import { checkIndex, gather, rows as rowsOf, scatterAdd } from '../../engine/ops/indexing.ts'
import { flow, pathSums } from '../../engine/ops/alignment.ts'
import { singularTriples } from '../../engine/ops/singular.ts'
import { cholesky, triangularSolve } from '../../engine/ops/triangular.ts'
import { cofactors, determinant, scaledDeterminant } from '../../engine/ops/determinant.ts'
import { identityMatrix } from '../../engine/ops/triangle.ts'
import { inverse, solve } from '../../engine/ops/solve.ts'
import { scatterMax, scatterProduct } from '../../engine/ops/scattering.ts'
import { argsort } from '../../engine/ops/sorting.ts'
import type { Windowing } from '../../engine/ops/pooling.ts'
import { pickLargest, placeLargest } from '../../engine/ops/pooling.ts'
import { constant, input, iota, literal } from '../../engine/ops/source.ts'
import { fold, windows } from '../../engine/ops/windows.ts'
import { concat, expand, permute, reshape, slice, sum, transposeLast } from '../../engine/ops/view.ts'
import '../../engine/functions/index.ts'
import { TestRandom, expectAgreement, runCompiled } from './agree.ts'

interface Row {
  /** Shapes of the float inputs, one list a case. */
  readonly cases: readonly (readonly Shape[])[]
  /** Where each input is sampled. */
  readonly domain?: readonly (readonly [number, number])[]
  readonly build: (inputs: readonly Value[], graph: Graph) => Value
}

/** 0-d, size 1, off the SIMD width, on it, empty. */
const shapes: readonly Shape[] = [[], [1], [5], [3, 1, 4], [8, 16], [2, 33], [0, 3]]

const one = (build: (x: Value) => Value, cases: readonly Shape[] = shapes): Row => ({ cases: cases.map((shape) => [shape]), build: ([x]) => build(x!) })

/** Single matrices, batches, a size of 1, none at all. */
const squares: readonly Shape[] = [[1, 1], [2, 2], [3, 3], [2, 3, 5, 5], [17, 17], [0, 3, 3], [2, 0, 0]]
/** Far enough from singular, with pivots that have to be looked for. */
const regular = (x: Value): Value => ew.add(x, ew.mul(permuteRows(identityMatrix(x.graph, x.shape, x.dtype)), x.shape.at(-1)! + 2))
const permuteRows = (x: Value): Value => (x.shape.at(-1)! < 2 ? x : slice(x, x.shape.length - 2, x.shape.at(-1)! - 1, x.shape.at(-1)!, -1))

/** State 2 cannot be reached from state 0. */
const skips = (x: Value): Value => {
  const [, samples, states] = x.shape as [number, number, number]
  const never = ew.eq(expand(iota(x.graph, states), [samples, states]), 2)
  const zero = expand(constant(x.graph, 0, 'float64'), [samples, states])
  return ew.where(never, ew.sub(zero, Infinity), zero)
}

interface Convolved extends Convolving {
  readonly x: Shape
  readonly w: Shape
}

const convolved: readonly Convolved[] = [
  { x: [2, 3, 9, 11], w: [7, 3, 3, 3], stride: [1, 1], dilation: [1, 1], before: [1, 1], groups: 1 },
  { x: [3, 1, 10], w: [1, 1, 4], stride: [3], dilation: [2], before: [2], groups: 1 },
  { x: [2, 4, 100], w: [6, 2, 5], stride: [1], dilation: [1], before: [0], groups: 2 },
  { x: [1, 5, 6, 5], w: [9, 5, 1, 1], stride: [1, 1], dilation: [1, 1], before: [0, 0], groups: 1 },
  { x: [2, 3, 8, 17], w: [3, 1, 3, 2], stride: [2, 2], dilation: [1, 2], before: [0, 3], groups: 3 },
  { x: [1, 2, 7, 8], w: [4, 2, 1, 1], stride: [2, 3], dilation: [1, 1], before: [1, 2], groups: 1 },
  { x: [2, 2, 4, 5, 6], w: [3, 2, 3, 2, 3], stride: [1, 2, 1], dilation: [1, 1, 2], before: [1, 0, 2], groups: 1 },
  { x: [0, 2, 5], w: [3, 2, 3], stride: [1], dilation: [1], before: [1], groups: 1 },
  { x: [2, 0, 5], w: [3, 0, 3], stride: [1], dilation: [1], before: [1], groups: 1 },
]
const optionsOf = (x: Value, w: Value): Convolving => {
  const { stride, dilation, before, groups } = convolved.find((given) => String(given.x) === String(x.shape) && String(given.w) === String(w.shape))!
  return { stride, dilation, before, groups }
}
/** As many positions as there are with as many zeros behind the input as before it. */
const resultOf = (x: Value, w: Value): number[] => {
  const { stride, dilation, before } = optionsOf(x, w)
  return stride.map((step, i) => Math.floor((x.shape[2 + i]! + 2 * before[i]! - dilation[i]! * (w.shape[2 + i]! - 1) - 1) / step) + 1)
}

interface Pooled extends Windowing {
  readonly x: Shape
}

const pooled: readonly Pooled[] = [
  { x: [2, 2, 6, 18], kernel: [2, 2], stride: [2, 2], dilation: [1, 1], before: [0, 0], extent: [3, 9] },
  { x: [1, 3, 7, 9], kernel: [3, 2], stride: [2, 1], dilation: [1, 2], before: [1, 1], extent: [4, 9] },
  { x: [2, 1, 40], kernel: [3], stride: [3], dilation: [1], before: [0], extent: [14] },
  { x: [1, 2, 3, 4, 5], kernel: [2, 2, 2], stride: [1, 2, 2], dilation: [1, 1, 1], before: [0, 0, 1], extent: [2, 2, 3] },
  { x: [1, 1, 9, 9], kernel: [9, 9], stride: [1, 1], dilation: [1, 1], before: [0, 0], extent: [1, 1] },
  { x: [0, 2, 4], kernel: [2], stride: [2], dilation: [1], before: [0], extent: [2] },
]
const windowsOf = (x: Value): Windowing => {
  const { kernel, stride, dilation, before, extent } = pooled.find((given) => String(given.x) === String(x.shape))!
  return { kernel, stride, dilation, before, extent }
}

const rows: Record<string, Row> = {
  input: one((x) => x),
  constant: one((x) => ew.mul(x, expand(constant(x.graph, 1.5, 'float64'), x.shape))),
  literal: { cases: [[[3]]], build: ([x]) => ew.mul(x!, literal(x!.graph, [1, -2, 0.5], [3], 'float64')) },
  iota: { cases: [[[7]]], build: ([x]) => ew.mul(x!, ew.cast(iota(x!.graph, 7), 'float64')) },
  where: { cases: shapes.map((shape) => [shape, shape]), build: ([x, y]) => ew.where(ew.lt(x!, y!), ew.mul(x!, 2), ew.mul(y!, 3)) },
  cast: one((x) => ew.cast(ew.cast(x, 'float64'), 'float64')),
  copy: one((x) => ew.mul(ew.copy(x), x)),
  polygamma: { domain: [[0.3, 3]], cases: shapes.map((shape) => [shape]), build: ([x]) => ew.add(ew.add(ew.polygamma(x!, 1), ew.polygamma(ew.sub(ew.mul(x!, 0.2), 1.75), 2)), ew.mul(ew.polygamma(x!, 5), 0.001)) },
  mark: one((x) => ew.mul(ew.mark(x, 'h'), x)),
  reshape: { cases: [[[2, 6]], [[12]], [[1, 12]]], build: ([x]) => ew.mul(reshape(x!, [3, 4]), reshape(ew.mul(x!, x!), [3, 4])) },
  permute: { cases: [[[2, 3, 4]], [[1, 5, 3]]], build: ([x]) => ew.tanh(permute(x!, [2, 0, 1])) },
  slice: { cases: [[[7]], [[7, 3]]], build: ([x]) => concat([slice(x!, 0, 1, 3, 2), slice(ew.mul(x!, x!), 0, 6, 4, -2), slice(x!, 0, 2, 1)], 0) },
  expand: { cases: [[[3, 1]], [[1, 1]]], build: ([x]) => ew.tanh(expand(x!, [3, 5])) },
  concat: { cases: [[[2, 3], [2, 4]], [[2, 1], [2, 0]]], build: ([x, y]) => ew.tanh(concat([x!, y!, x!], 1)) },
  windows: {
    cases: [[[9]], [[2, 9]], [[2, 9, 3]], [[1, 17]], [[2, 4]], [[0, 9]]],
    build: ([x]) => {
      const axis = x!.shape.length > 1 ? 1 : 0
      const plans = [{ size: 3, stride: 1, dilation: 1 }, { size: 2, stride: 3, dilation: 2 }, { size: 1, stride: 2, dilation: 1 }, { size: 4, stride: 4, dilation: 1 }, { size: 3, stride: 2, dilation: 2 }]
      return concat(plans.map((plan) => windows(ew.mul(x!, x!), axis, plan)).map((y) => reshape(ew.tanh(y), [numel(y.shape)])), 0)
    },
  },
  fold: {
    cases: [[[4, 3]], [[2, 4, 3]], [[2, 4, 5, 3]], [[1, 1, 1, 3]], [[0, 4, 3]]],
    build: ([x]) => {
      const axis = x!.shape.length > 2 ? 1 : 0
      const plans = [{ size: 3, stride: 1, dilation: 1, length: 6 }, { size: 3, stride: 2, dilation: 3, length: 15 }, { size: 3, stride: 3, dilation: 1, length: 13 }]
      return concat(plans.map(({ length, ...plan }) => fold(ew.mul(x!, x!), axis, length, plan)).map((y) => reshape(ew.tanh(y), [numel(y.shape)])), 0)
    },
  },
  sum: { cases: [[[5]], [[3, 4]], [[2, 3, 17]], [[4, 1]], [[0, 3]], [[600, 2]]], build: ([x]) => sum(ew.mul(x!, x!), x!.shape.length > 1 ? [0] : [0]) },
  amax: { cases: [[[5]], [[3, 4]], [[2, 3, 17]], [[4, 1]]], build: ([x]) => amax(x!, [x!.shape.length - 1]) },
  amin: { cases: [[[5]], [[3, 4]], [[2, 3, 17]], [[4, 1]]], build: ([x]) => amin(x!, [0]) },
  matmul: {
    cases: [[[3, 4], [4, 5]], [[1, 7], [7, 1]], [[2, 3, 4], [2, 4, 2]], [[7, 19], [19, 33]], [[13, 64], [64, 17]], [[2, 2, 3, 1], [2, 2, 1, 3]], [[0, 3], [3, 2]]],
    build: ([x, y]) => matmul(x!, y!),
  },
  // Input, weight, bias; the options go with the shapes.
  convolution: { cases: convolved.map(({ x, w }) => [x, w, [w[0]!]]), build: ([x, w, bias]) => convolution(x!, w!, bias, resultOf(x!, w!), optionsOf(x!, w!)) },
  convolution_input: { cases: convolved.map(({ x, w }) => [x, w]), build: ([x, w]) => convolutionInput(ew.sin(convolution(x!, w!, undefined, resultOf(x!, w!), optionsOf(x!, w!))), w!, x!.shape.slice(2), optionsOf(x!, w!)) },
  convolution_weight: { cases: convolved.map(({ x, w }) => [x, w]), build: ([x, w]) => convolutionWeight(x!, ew.sin(convolution(x!, w!, undefined, resultOf(x!, w!), optionsOf(x!, w!))), w!.shape.slice(2), optionsOf(x!, w!)) },
  pick_largest: { cases: pooled.map(({ x }) => [x]), build: ([x]) => ew.tanh(pickLargest(ew.mul(x!, x!), x!, windowsOf(x!))) },
  place_largest: { cases: pooled.map(({ x }) => [x]), build: ([x]) => ew.mul(placeLargest(ew.tanh(pickLargest(x!, x!, windowsOf(x!))), x!, windowsOf(x!)), x!) },
  solve: { cases: [...squares.map((shape) => [shape, shape]), [[3, 3], [3, 1]], [[2, 3, 3], [2, 3, 5]]], build: ([x, y]) => solve(regular(x!), y!) },
  inverse: one((x) => inverse(regular(x)), squares),
  determinant: one((x) => determinant(ew.mul(regular(x), 0.2)), squares),
  cofactors: one((x) => cofactors(ew.mul(regular(x), 0.2)), squares),
  scaled_determinant: one((x) => {
    const { mantissa, exponent } = scaledDeterminant(regular(x))
    return ew.add(ew.log(ew.abs(mantissa)), ew.mul(exponent, Math.LN2))
  }, squares),
  cholesky: one((x) => cholesky(ew.add(matmul(x, transposeLast(x)), identityMatrix(x.graph, x.shape, x.dtype))), squares),
  // Vectors are told up to their sign, so products of two of them are compared.
  singular_triples: {
    cases: [...squares, [4, 2], [2, 4], [2, 5, 3], [1, 3], [3, 1], [0, 3], [2, 3, 0]].map((shape) => [shape]),
    build: ([x]) => {
      const { values, left, right } = singularTriples(x!)
      const weighted = (u: Value): Value => matmul(ew.mul(u, expand(reshape(ew.tanh(values), [...values.shape.slice(0, -1), 1, values.shape.at(-1)!]), u.shape)), transposeLast(u))
      return concat([values, weighted(left), weighted(right)].map((y) => reshape(y, [numel(y.shape)])), 0)
    },
  },
  triangular_solve: {
    cases: squares.map((shape) => [shape, shape]),
    build: ([x, y]) => {
      const a = ew.add(ew.mul(x!, 0.2), identityMatrix(x!.graph, x!.shape, x!.dtype))
      return concat([[true, true], [true, false], [false, true], [false, false]].map(([upper, unit]) => triangularSolve(a, y!, { upper: upper!, unit: unit! })), x!.shape.length - 2)
    },
  },
  path_sums: {
    // exp: some states cannot be reached, and their logarithm is -Infinity.
    cases: [[[1, 1, 1]], [[4, 1, 2]], [[5, 2, 3]], [[6, 3, 7]], [[0, 2, 3]], [[3, 0, 3]]],
    build: ([x]) => ew.exp(ew.mul(pathSums(x!, skips(x!)), 0.5)),
  },
  flow: {
    cases: [[1, 1, 1], [4, 1, 2], [5, 2, 3], [3, 3, 7], [0, 2, 3]].map((shape) => [shape, shape, shape, shape]),
    build: ([x, stay, next, skip]) => concat([false, true].map((back) => flow(x!, [stay!, next!, skip!], back)), 0),
  },
  argsort: {
    cases: [[[5]], [[3, 4]], [[2, 3, 17]], [[4, 1]], [[3, 0]], [[2, 100]]],
    build: ([x]) => concat([gather(x!, argsort(x!, false), x!.shape.length - 1), gather(ew.mul(x!, x!), argsort(x!, true), x!.shape.length - 1)], 0),
  },
  rows: {
    cases: [[[5, 3]], [[6, 16]], [[5, 1]], [[7]], [[6, 2, 3]]],
    build: ([x], graph) => rowsOf(x!, literal(graph, [2], [], 'int32'), 3),
  },
  gather: {
    cases: [[[5, 3]], [[5, 16]], [[5, 1]]],
    build: ([x], graph) => {
      const width = x!.shape[1]!
      const places = literal(graph, [4, 0, 0, 2], [4, 1], 'int64')
      const whole = expand(checkIndex(places, 5, 'index'), [4, width])
      // Of elements, of whole rows, and of rows that lie backwards.
      return concat([gather(x!, checkIndex(expand(places, [4, width]), 5, 'index'), 0), gather(x!, whole, 0), gather(slice(x!, 1, width - 1, width, -1), whole, 0)], 0)
    },
  },
  // Of places, as it has no gradient of its own: place 3 stays empty.
  scatter_max: {
    cases: [[[2, 4, 3]], [[1, 4, 16]], [[3, 4, 1]]],
    build: ([x], graph) => {
      const places = expand(reshape(iota(graph, 4), [1, 4, 1]), x!.shape)
      const last = scatterMax(places, checkIndex(expand(literal(graph, [1, 0, 0, 2], [1, 4, 1], 'int64'), x!.shape), 4, 'index'), 1, 4)
      return gather(x!, checkIndex(ew.maximum(last, 0), 4, 'index'), 1)
    },
  },
  scatter_product: {
    cases: [[[4, 3]], [[4, 16]], [[4, 1]]],
    build: ([x], graph) => scatterProduct(ew.add(ew.mul(x!, x!), 0.5), checkIndex(expand(literal(graph, [4, 0, 0, 2], [4, 1], 'int64'), x!.shape), 5, 'index'), 0, 5),
  },
  scatter_add: {
    cases: [[[4, 3]], [[4, 16]], [[4, 1]]],
    build: ([x], graph) => scatterAdd(ew.mul(x!, x!), checkIndex(expand(literal(graph, [4, 0, 0, 2], [4, 1], 'int64'), x!.shape), 5, 'index'), 0, 5),
  },
}

for (const [name, op] of primitives) {
  if (op.kind !== 'map' || name in rows) continue
  const { domain, arity } = op as unknown as { domain: readonly (readonly [number, number])[] | undefined; arity: number }
  if (!domain) continue
  rows[name] = {
    domain,
    cases: shapes.map((shape) => Array<Shape>(arity).fill(shape)),
    build: (inputs, graph) => {
      const takesFloats = acceptsFloats(op, graph)
      const args = takesFloats ? inputs : inputs.map((x) => ew.cast(ew.mul(x, 3), 'int64'))
      const result = graph.add(op, args)
      return result.dtype === 'float64' ? result : ew.cast(result, 'float64')
    },
  }
}

function acceptsFloats(op: Parameters<Graph['add']>[0], graph: Graph): boolean {
  const probe = input(graph, 'probe', [], 'float64')
  try {
    op.infer(op.kind === 'map' ? Array<Value>(op.arity).fill(probe) : [probe], {})
    return true
  } catch {
    return false
  }
}

/** What differs from its difference quotient on purpose, or has none; tested below. `place` is put in by a pass. */
const withoutFiniteDifferences = new Set(['detach', 'index', 'surrogate', 'place'])

describe('gradients agree with finite differences', () => {
  for (const [name, row] of Object.entries(rows)) {
    it(name, () => {
      for (const [i, inputShapes] of row.cases.entries()) check(name, row, inputShapes, 100 + i)
    })
  }

  it('every primitive has a row', () => {
    const missing = [...primitives.keys()].filter((name) => !(name in rows) && !withoutFiniteDifferences.has(name))
    expect(missing).toEqual([])
  })
})

describe('primitives whose gradient is not the difference quotient', () => {
  const graph = new Graph()
  const x = input(graph, 'x', [3], 'float64')
  const values = new Map([['x', Float64Array.of(1, -2, 3)]])
  const gradientOf = (y: Value): number[] => [...runCompiled(gradients(sum(y, [0]), [x]), values)[0]!]

  it('detach: no gradient flows', () => {
    expect(gradientOf(ew.mul(ew.detach(x), x))).toEqual([1, -2, 3])
  })

  it('surrogate: the numbers of one, the gradient of the other', () => {
    const y = ew.surrogate(ew.mul(x, x), ew.mul(x, 5))
    expect([...runCompiled([y], values)[0]!]).toEqual([1, 4, 9])
    expect(gradientOf(y)).toEqual([5, 5, 5])
  })

  it('index: checked, from either end', () => {
    const places = ew.cast(x, 'int64')
    expect([...runCompiled([checkIndex(places, 4, 'index', true)], values)[0]!]).toEqual([1, 2, 3])
    expect(() => runCompiled([checkIndex(places, 4, 'index')], values)).toThrow('fault: index -2')
    expect(() => runCompiled([checkIndex(places, 3, 'index', true)], values)).toThrow('fault: index 3')
    expect(() => runCompiled([checkIndex(ew.mul(x, 0.5), 3, 'index')], values)).toThrow('fault: index 0.5')
  })
})

describe('reductions of whole numbers', () => {
  for (const dtype of ['int64', 'int32'] as const) {
    for (const [name, reduce] of [['sum', sum], ['amax', amax], ['amin', amin]] as const) {
      if (name === 'sum' && dtype === 'int32') continue
      it(`${name} of ${dtype}: all signs, full and partial vectors, along either axis`, () => {
        for (const columns of [1, 2, 3, 4, 7, 33]) {
          const graph = new Graph()
          const x = input(graph, 'x', [3, columns], 'float64')
          const values = new Map([['x', new TestRandom(columns).numbers([3, columns], -9, 9).map(Math.trunc)]])
          const whole = dtype === 'int64' ? ew.cast(x, 'int64') : checkIndex(ew.add(x, 9), 19, 'index')
          for (const axis of [0, 1]) expectAgreement([reduce(whole, [axis])], values, 0)
        }
      })
    }
  }
})

function check(name: string, row: Row, inputShapes: readonly Shape[], seed: number): void {
  const random = new TestRandom(seed)
  const graph = new Graph()
  const values = new Map<string, Float64Array>()
  const inputs = inputShapes.map((shape, i) => {
    const [low, high] = row.domain?.[i] ?? [-2, 2]
    values.set(`x${i}`, random.numbers(shape, low, high))
    return input(graph, `x${i}`, shape, 'float64')
  })
  const y = row.build(inputs, graph)
  const weights = input(graph, 'v', y.shape, 'float64')
  values.set('v', random.numbers(y.shape, -1, 1))
  const loss = sum(ew.mul(y, weights), [...y.shape.keys()])
  const grads = gradients(loss, inputs)
  expectAgreement([y, loss, ...grads], values, 1e-12)

  const direction = inputs.map((x) => random.numbers(x.shape, -1, 1))
  const analytic = interpret(grads, values).reduce((total, g, i) => total + g.reduce((t, gj, j) => t + gj * direction[i]![j]!, 0), 0)
  const h = 1e-6
  const at = (t: number): number => {
    const moved = new Map(values)
    for (const [i, d] of direction.entries()) moved.set(`x${i}`, values.get(`x${i}`)!.map((x, j) => x + t * d[j]!))
    return interpret([loss], moved)[0]![0]!
  }
  const numeric = (at(h) - at(-h)) / (2 * h)
  const scale = Math.max(1, Math.abs(numeric), numel(y.shape) ** 0.5)
  expect(Math.abs(analytic - numeric) / scale, `${name} on ${JSON.stringify(inputShapes)}: gradient ${analytic}, difference quotient ${numeric}`).toBeLessThan(2e-7)
}
