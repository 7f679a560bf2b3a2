/**
 * Running sums, products and extremes along a dimension, differences and integrals.
 *
 * A scan doubles its reach: after round k each element holds what 2^k elements up to it give, so n elements take
 * log2 n rounds of one shift and one operation. Nothing is divided, so gradients are right where elements are 0.
 */
import { showShape } from '../errors.ts'
import type { Value } from '../ir/value.ts'
import type { TraceContext } from '../lang/values.ts'
import { fail } from '../lang/values.ts'
import * as ew from '../ops/elementwise.ts'
import { checkIndex, gather } from '../ops/indexing.ts'
import { constant } from '../ops/source.ts'
import { concat, expand, reshape, slice } from '../ops/view.ts'
import type { Home, Result } from './define.ts'
import { family, signature } from './define.ts'
import { mul, sub, toFloat } from './elementwise.ts'
import { onlyElement, placesAlong } from './extremes.ts'
import { dtype, floatTensor, integer, operand, optional, resolveDim, tensor, withDefault } from './parameters.ts'
import type { TensorOrNumber } from './parameters.ts'
import { sum, widened } from './reductions.ts'
import { cat } from './joining.ts'

const { define } = family('running sums')

const everywhere: readonly Home[] = ['torch', 'Tensor']

type Combine = (earlier: Value, later: Value) => Value

/** `neutral` stands before the first element; undefined where combining an element with itself changes nothing. */
function scan(x: Value, axis: number, neutral: number | undefined, combine: Combine): Value {
  const n = x.shape[axis]!
  let reached = x
  for (let step = 1; step < n; step *= 2) {
    const before = neutral === undefined ? slice(reached, axis, 0, step) : expand(constant(x.graph, neutral, x.dtype), x.shape.with(axis, step))
    reached = combine(concat([before, slice(reached, axis, 0, n - step)], axis), reached)
  }
  return reached
}

export function cumsum(x: Value, axis: number): Value {
  return scan(x, axis, 0, (a, b) => ew.add(a, b))
}

export function cumprod(x: Value, axis: number): Value {
  return scan(x, axis, 1, (a, b) => ew.mul(a, b))
}

/** The largest element so far; NaN from the first one on. No gradient is needed of it. */
export function runningMaximum(x: Value, axis: number): Value {
  return scan(x, axis, undefined, (a, b) => ew.maximum(a, b))
}

/** ln(e^a + e^b), shifted by the larger one, through which no gradient needs to flow; no NaN where both are -inf. */
function logAdd(a: Value, b: Value): Value {
  const larger = ew.detach(ew.maximum(a, b))
  const shift = ew.where(ew.eq(ew.abs(larger), Infinity), ew.fullLike(larger, 0), larger)
  const total = ew.add(ew.exp(ew.sub(a, shift)), ew.exp(ew.sub(b, shift)))
  const isZero = ew.eq(total, 0)
  return ew.add(ew.log(ew.where(isZero, ew.fullLike(total, 1), total)), ew.where(isZero, larger, shift))
}

for (const [name, doc, gradFn, formula] of [['cumsum', 'Running sum along dim', 'CumsumBackward0', cumsum], ['cumprod', 'Running product along dim', 'CumprodBackward0', cumprod]] as const) {
  define({ names: name, homes: everywhere, doc, gradFn },
    signature({ input: tensor, dim: integer, dtype: optional(dtype) }, ({ input, dim, dtype: to }, ctx) => {
      const axis = resolveDim(ctx, dim, input.shape.length)
      const x = widened(to === undefined ? input : ew.cast(input, to))
      const result = x.shape.length === 0 ? x : formula(x, axis)
      return to === undefined ? result : ew.cast(result, to)
    }))
}

define({ names: 'logcumsumexp', homes: everywhere, doc: 'ln of the running sum of exponentials along dim', gradFn: 'LogcumsumexpBackward0' },
  signature({ input: floatTensor, dim: integer }, ({ input: x, dim }, ctx) => {
    const axis = resolveDim(ctx, dim, x.shape.length)
    return x.shape.length === 0 ? x : scan(x, axis, -Infinity, logAdd)
  }))

/**
 * Running maxima (or minima) and the last place where each is attained, which gets the gradient. From the first NaN on
 * the maximum is NaN, at the place of the latest one.
 */
function runningExtreme(given: Value, axis: number, largest: boolean): Result {
  if (given.shape.length === 0) return onlyElement(given)
  const x = given.dtype === 'bool' ? ew.cast(given, 'int64') : given
  const best = scan(ew.detach(x), axis, undefined, (a, b) => (largest ? ew.maximum(a, b) : ew.minimum(a, b)))
  const attains = ew.logicalOr(ew.eq(x, best), ew.ne(x, x))
  const places = placesAlong(x, axis)
  const place = runningMaximum(ew.where(attains, places, ew.fullLike(places, 0)), axis)
  return { names: ['values', 'indices'], values: [gather(given, checkIndex(place, x.shape[axis]!, 'index'), axis), ew.cast(place, 'int64')] }
}

for (const [name, gradFn, largest] of [['cummax', 'CummaxBackward0', true], ['cummin', 'CumminBackward0', false]] as const) {
  define({ names: name, homes: everywhere, doc: `${largest ? 'Largest' : 'Smallest'} element so far along dim, and its place`, gradFn },
    signature({ input: tensor, dim: integer }, ({ input, dim }, ctx) => runningExtreme(input, resolveDim(ctx, dim, input.shape.length), largest)))
}

// ---- differences and integrals

/** All but the last, and all but the first element along `axis`. */
function neighbours(x: Value, axis: number): readonly [Value, Value] {
  const n = Math.max(0, x.shape[axis]! - 1)
  return [slice(x, axis, 0, n), n === 0 ? slice(x, axis, 0, 0) : slice(x, axis, 1, n)]
}

define({ names: 'diff', homes: everywhere, doc: 'Differences of neighbours along dim, taken n times', gradFn: 'SubBackward0' },
  signature({ input: tensor, n: withDefault(integer, 1), dim: withDefault(integer, -1), prepend: optional(tensor), append: optional(tensor) }, ({ input, n, dim, prepend, append }, ctx) => {
    if (input.shape.length === 0) fail(ctx, 'shape_mismatch', 'diff(): a tensor of at least 1 dimension expected, got a 0-d tensor')
    if (n < 0) fail(ctx, 'bad_argument', `diff(): n: a number of times expected, got ${n}`)
    const axis = resolveDim(ctx, dim, input.shape.length)
    if (n === 0) return ew.copy(input)
    const parts = [prepend, input, append].filter((part) => part !== undefined)
    let x = parts.length > 1 ? cat(ctx, parts, axis) : input
    for (let i = 0; i < n && x.shape[axis] !== 0; i++) {
      const [left, right] = neighbours(x, axis)
      x = x.dtype === 'bool' ? ew.logicalXor(left, right) : ew.sub(right, left)
    }
    return x
  }))

/** The areas of the trapezoids between neighbours: (left + right) / 2 times their distance. */
function trapezoids(ctx: TraceContext, name: string, y: Value, x: TensorOrNumber, dim: number): { areas: Value; axis: number } {
  if (y.shape.length === 0) fail(ctx, 'shape_mismatch', `${name}(): y: a tensor of at least 1 dimension expected, got a 0-d tensor`)
  const axis = resolveDim(ctx, dim, y.shape.length)
  const [left, right] = neighbours(toFloat(ctx, y), axis)
  const heights = ew.mul(ew.add(left, right), 0.5)
  return { areas: mul(ctx, heights, 'kind' in x ? x : distances(ctx, name, x, y, axis)), axis }
}

/**
 * Of points in one dimension, which lie along `axis` of y, or in several: then along `axis` of x, counted from the first
 * dimension even where x has more than y, as PyTorch counts it.
 */
function distances(ctx: TraceContext, name: string, x: Value, y: Value, axis: number): Value {
  const [rank, points] = [y.shape.length, x.shape.length]
  if (points === 0) fail(ctx, 'shape_mismatch', `${name}(): x: a tensor of at least 1 dimension expected, got a 0-d tensor`)
  if (points === 1 && x.shape[0] !== y.shape[axis]) fail(ctx, 'shape_mismatch', `${name}(): x of shape ${showShape(x.shape)} has not as many points as y of shape ${showShape(y.shape)} along dimension ${axis}`)
  const shape = points === 1 ? Array.from({ length: rank }, (_, i) => (i === axis ? x.shape[0]! : 1)) : [...Array<number>(Math.max(0, rank - points)).fill(1), ...x.shape]
  const [left, right] = neighbours(reshape(x, shape), axis)
  return sub(ctx, right, left)
}

function integral(names: readonly string[], doc: string, gradFn: string, total: (areas: Value, axis: number) => Value): void {
  const dim = withDefault(integer, -1)
  const name = names[0]!
  const integrate = (ctx: TraceContext, y: Value, x: TensorOrNumber, along: number): Value => {
    const { areas, axis } = trapezoids(ctx, name, y, x, along)
    return total(areas, axis)
  }
  define({ names, homes: ['torch'], doc, gradFn },
    signature({ y: tensor, x: tensor, dim }, ({ y, x, dim: along }, ctx) => integrate(ctx, y, x, along)),
    signature({ y: tensor, dx: withDefault(operand, { kind: 'number', value: 1, whole: true }, '1'), dim }, ({ y, dx, dim: along }, ctx) => integrate(ctx, y, dx, along)))
}

integral(['trapezoid', 'trapz'], 'Integral of y along dim, by trapezoids', 'MulBackward1', (areas, axis) => sum(areas, [axis]))
integral(['cumulative_trapezoid'], 'Running integral of y along dim, by trapezoids', 'CumsumBackward0', cumsum)
