/** Sums, products, largest and smallest elements, the formulas of softmax: what folds dimensions away. Formulas take ascending axes and drop them. */
import type { Value } from '../ir/value.ts'
import { isFloat, numel } from '../ir/value.ts'
import type { TraceContext } from '../lang/values.ts'
import { fail } from '../lang/values.ts'
import * as ew from '../ops/elementwise.ts'
import { amax as amaxOp, amin as aminOp } from '../ops/extrema.ts'
import { expand, keepAxes, reshape, slice, sum as sumOp } from '../ops/view.ts'
import type { Home } from './define.ts'
import { family, signature } from './define.ts'
import { toBool, toFloat } from './elementwise.ts'
import { boolean, dtype, integer, integers, optional, resolveDim, resolveDims, tensor, withDefault } from './parameters.ts'

const { define } = family('reductions')

const everywhere: readonly Home[] = ['torch', 'Tensor']

/** How many elements each reduced one stands for. */
export function countOf(x: Value, axes: readonly number[]): number {
  return axes.reduce((n, axis) => n * x.shape[axis]!, 1)
}

/** A reduced tensor spread over the shape that it was reduced from. */
export function spread(reduced: Value, like: Value, axes: readonly number[]): Value {
  return expand(keepAxes(reduced, like.shape, axes), like.shape)
}

/** The reduced tensor, with its reduced axes as size 1 if `keepdim`. */
export function keep(reduced: Value, x: Value, axes: readonly number[], keepdim: boolean): Value {
  return keepdim ? keepAxes(reduced, x.shape, axes) : reduced
}

// ---- formulas

/** Integers and bools, as int64: the dtype of their sums and products. */
export function widened(x: Value): Value {
  return isFloat(x.dtype) ? x : ew.cast(x, 'int64')
}

/** Integers and bools are summed as int64. */
export function sum(x: Value, axes: readonly number[]): Value {
  return sumOp(widened(x), axes)
}

export function mean(x: Value, axes: readonly number[]): Value {
  return ew.div(sumOp(x, axes), countOf(x, axes))
}

/**
 * Product over one axis, as a tree of products of halves: no division, so gradients of every order are right where
 * elements are 0. Integers and bools are multiplied as int64.
 */
export function prod(x: Value, axis: number): Value {
  let product = widened(x)
  // Of nothing: 1, which still depends on x as in PyTorch.
  if (x.shape[axis] === 0) return ew.add(sumOp(product, [axis]), 1)
  const odd: Value[] = []
  for (let n = x.shape[axis]!; n > 1; n = Math.floor(n / 2)) {
    const half = Math.floor(n / 2)
    if (n % 2 === 1) odd.push(slice(product, axis, n - 1, 1))
    product = ew.mul(slice(product, axis, 0, half), slice(product, axis, half, half))
  }
  return reshape(odd.reduce((a, b) => ew.mul(a, b), product), x.shape.toSpliced(axis, 1))
}

/** Σ (x - mean)² / (n - correction); NaN where nothing is left to divide by. */
export function variance(x: Value, axes: readonly number[], correction: number): Value {
  const centred = ew.sub(x, spread(mean(x, axes), x, axes))
  return ew.div(sumOp(ew.mul(centred, centred), axes), Math.max(0, countOf(x, axes) - correction))
}

/** √x whose gradient at 0 is 0, as PyTorch defines it for norms and standard deviations. */
export function safeSqrt(x: Value): Value {
  const isZero = ew.eq(x, 0)
  return ew.where(isZero, ew.fullLike(x, 0), ew.sqrt(ew.where(isZero, ew.fullLike(x, 1), x)))
}

/** The largest element as a shift for exponentials: no gradient flows through it, infinities count as 0. */
function shift(x: Value, axes: readonly number[]): Value {
  const largest = ew.detach(amaxOp(x, axes))
  return ew.where(ew.lt(ew.abs(largest), Infinity), largest, ew.where(ew.eq(largest, largest), ew.fullLike(largest, 0), largest))
}

export function logSumExp(x: Value, axes: readonly number[]): Value {
  if (countOf(x, axes) === 0) return ew.log(sumOp(x, axes))
  const m = shift(x, axes)
  return ew.add(ew.log(sumOp(ew.exp(ew.sub(x, spread(m, x, axes))), axes)), m)
}

export function softmax(x: Value, axis: number): Value {
  const m = ew.detach(amaxOp(x, [axis]))
  const e = ew.exp(ew.sub(x, spread(m, x, [axis])))
  return ew.div(e, spread(sumOp(e, [axis]), x, [axis]))
}

export function logSoftmax(x: Value, axis: number): Value {
  const m = ew.detach(amaxOp(x, [axis]))
  const shifted = ew.sub(x, spread(m, x, [axis]))
  return ew.sub(shifted, spread(ew.log(sumOp(ew.exp(shifted), [axis])), x, [axis]))
}

/** Largest (or smallest) element over axes; equal ones share the gradient. Bools: whether any (or all) are true. */
export function extreme(x: Value, axes: readonly number[], largest: boolean): Value {
  return largest ? amaxOp(x, axes) : aminOp(x, axes)
}

// ---- torch's functions

const keepdims = withDefault(boolean, false, 'False')
/** What most reductions take. */
export const reduction = { input: tensor, dim: optional(integers), keepdim: keepdims }
const typedReduction = { ...reduction, dtype: optional(dtype) }

define({ names: 'sum', homes: everywhere, doc: 'Sum of the elements', gradFn: 'SumBackward0' },
  signature(typedReduction, ({ input, dim, keepdim, dtype: to }, ctx) => {
    const x = to === undefined ? input : ew.cast(input, to)
    const axes = resolveDims(ctx, dim, x.shape)
    const total = keep(sum(x, axes), x, axes, keepdim)
    return to === undefined ? total : ew.cast(total, to)
  }))

define({ names: 'nansum', homes: everywhere, doc: 'Sum of the elements that are not NaN', gradFn: 'NansumBackward0' },
  signature(typedReduction, ({ input, dim, keepdim, dtype: to }, ctx) => {
    const x = to === undefined ? input : ew.cast(input, to)
    const axes = resolveDims(ctx, dim, x.shape)
    const total = keep(sum(withoutNaN(x), axes), x, axes, keepdim)
    return to === undefined ? total : ew.cast(total, to)
  }))

function withoutNaN(x: Value): Value {
  return isFloat(x.dtype) ? ew.where(ew.ne(x, x), ew.fullLike(x, 0), x) : x
}

function requireFloat(ctx: TraceContext, name: string, x: Value): void {
  if (!isFloat(x.dtype)) fail(ctx, 'dtype_mismatch', `${name}(): a floating-point tensor expected, got ${x.dtype}; convert it first, as in x.float().${name}()`)
}

define({ names: 'mean', homes: everywhere, doc: 'Mean of the elements', gradFn: 'MeanBackward0' },
  signature(typedReduction, ({ input, dim, keepdim, dtype: to }, ctx) => {
    const x = to === undefined ? input : ew.cast(input, to)
    requireFloat(ctx, 'mean', x)
    const axes = resolveDims(ctx, dim, x.shape)
    return keep(mean(x, axes), x, axes, keepdim)
  }))

define({ names: 'nanmean', homes: everywhere, doc: 'Mean of the elements that are not NaN', gradFn: 'DivBackward0' },
  signature(typedReduction, ({ input, dim, keepdim, dtype: to }, ctx) => {
    const x = to === undefined ? input : ew.cast(input, to)
    requireFloat(ctx, 'nanmean', x)
    const axes = resolveDims(ctx, dim, x.shape)
    const count = sumOp(ew.cast(ew.eq(x, x), x.dtype), axes)
    return keep(ew.div(sumOp(withoutNaN(x), axes), count), x, axes, keepdim)
  }))

define({ names: 'prod', homes: everywhere, doc: 'Product of the elements, of all or along dim', gradFn: 'ProdBackward0' },
  signature({ input: tensor, dim: optional(integer), keepdim: keepdims, dtype: optional(dtype) }, ({ input, dim, keepdim, dtype: to }, ctx) => {
    const x = to === undefined ? input : ew.cast(input, to)
    const axis = dim === undefined ? 0 : resolveDim(ctx, dim, x.shape.length)
    const flat = dim === undefined || x.shape.length === 0 ? reshape(x, [numel(x.shape)]) : x
    const product = keep(prod(flat, axis), flat, [axis], keepdim && x.shape.length > 0 && dim !== undefined)
    return to === undefined ? product : ew.cast(product, to)
  }))

for (const [name, largest] of [['amax', true], ['amin', false]] as const) {
  define({ names: name, homes: everywhere, doc: `${largest ? 'Largest' : 'Smallest'} element; equal ones share the gradient`, gradFn: largest ? 'AmaxBackward0' : 'AminBackward0' },
    signature(reduction, ({ input, dim, keepdim }, ctx) => {
      const axes = resolveDims(ctx, dim, input.shape)
      return keep(extreme(input, axes, largest), input, axes, keepdim)
    }))
}

define({ names: 'aminmax', homes: everywhere, doc: 'Smallest and largest element, of all or along dim', gradFn: 'AminmaxBackward0' },
  signature({ input: tensor, dim: optional(integer), keepdim: keepdims }, ({ input, dim, keepdim }, ctx) => {
    const axes = resolveDims(ctx, dim === undefined ? undefined : [dim], input.shape)
    return { names: ['min', 'max'], values: [false, true].map((largest) => keep(extreme(input, axes, largest), input, axes, keepdim)) }
  }))

define({ names: 'logsumexp', homes: [...everywhere, 'special'], doc: 'ln of the sum of exponentials', gradFn: 'LogsumexpBackward0' },
  signature({ input: tensor, dim: integers, keepdim: keepdims }, ({ input, dim, keepdim }, ctx) => {
    const x = toFloat(ctx, input)
    const axes = resolveDims(ctx, dim, x.shape)
    return keep(logSumExp(x, axes), x, axes, keepdim)
  }))

for (const [name, all] of [['all', true], ['any', false]] as const) {
  define({ names: name, homes: everywhere, doc: all ? 'Whether all elements are true' : 'Whether some element is true' },
    signature(reduction, ({ input, dim, keepdim }, ctx) => {
      const axes = resolveDims(ctx, dim, input.shape)
      const none = ew.eq(countTrue(input, axes, all), 0)
      return keep(all ? none : ew.not(none), input, axes, keepdim)
    }))
}

/** How many elements are false (for all) or true (for any). */
function countTrue(x: Value, axes: readonly number[], inverted: boolean): Value {
  const truth = toBool(x)
  return sumOp(ew.cast(inverted ? ew.not(truth) : truth, 'int64'), axes)
}

define({ names: 'count_nonzero', homes: everywhere, doc: 'How many elements are not 0' },
  signature({ input: tensor, dim: optional(integers) }, ({ input, dim }, ctx) => countTrue(input, resolveDims(ctx, dim, input.shape), false)))
