/** Reductions, softmax and what is made of them. Formulas take ascending axes and drop them. */
import type { Value } from '../ir/value.ts'
import { isFloat, numel } from '../ir/value.ts'
import { fail } from '../lang/values.ts'
import * as ew from '../ops/elementwise.ts'
import { amax as amaxOp, amin as aminOp } from '../ops/extrema.ts'
import { checkIndex, gather } from '../ops/indexing.ts'
import { iota } from '../ops/source.ts'
import { expand, keepAxes, reshape, sum as sumOp } from '../ops/view.ts'
import type { Home, Result } from './define.ts'
import { define, signature } from './define.ts'
import { toBool } from './elementwise.ts'
import { boolean, dtype, floatTensor, integer, integers, number, oneOf, optional, resolveDim, resolveDims, tensor, withDefault } from './parameters.ts'
import { broadcast } from './promote.ts'

const everywhere: readonly Home[] = ['torch', 'Tensor']

function countOf(x: Value, axes: readonly number[]): number {
  return axes.reduce((n, axis) => n * x.shape[axis]!, 1)
}

/** A reduced tensor spread over the shape that it was reduced from. */
export function spread(reduced: Value, like: Value, axes: readonly number[]): Value {
  return expand(keepAxes(reduced, like.shape, axes), like.shape)
}

function keep(reduced: Value, x: Value, axes: readonly number[], keepdim: boolean): Value {
  return keepdim ? keepAxes(reduced, x.shape, axes) : reduced
}

// ---- formulas

/** Integers and bools are summed as int64. */
export function sum(x: Value, axes: readonly number[]): Value {
  return sumOp(isFloat(x.dtype) ? x : ew.cast(x, 'int64'), axes)
}

export function mean(x: Value, axes: readonly number[]): Value {
  return ew.div(sumOp(x, axes), countOf(x, axes))
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

/** The place of the first largest (or smallest) element along `axis`, as int32; NaN counts as both. */
export function extremePlace(x: Value, axis: number, largest: boolean): Value {
  const extreme = spread(largest ? amaxOp(x, [axis]) : aminOp(x, [axis]), x, [axis])
  const found = ew.logicalOr(ew.eq(x, extreme), ew.ne(x, x))
  const places = expand(reshape(iota(x.graph, x.shape[axis]!), x.shape.map((n, i) => (i === axis ? n : 1))), x.shape)
  return aminOp(ew.where(found, places, ew.fullLike(places, 2 ** 31 - 1)), [axis])
}

/** Vector norm of order p over `axes`. */
export function vectorNorm(x: Value, p: number, axes: readonly number[]): Value {
  const size = ew.abs(x)
  if (p === Infinity) return amaxOp(size, axes)
  if (p === -Infinity) return aminOp(size, axes)
  if (p === 0) return sumOp(ew.cast(ew.ne(x, 0), x.dtype), axes)
  if (p === 1) return sumOp(size, axes)
  if (p === 2) return safeSqrt(sumOp(ew.mul(x, x), axes))
  const total = sumOp(ew.pow(size, ew.fullLike(size, p)), axes)
  const isZero = ew.eq(total, 0)
  const root = ew.pow(ew.where(isZero, ew.fullLike(total, 1), total), ew.fullLike(total, 1 / p))
  return ew.where(isZero, ew.fullLike(total, 0), root)
}

// ---- torch's functions

const reduction = { input: tensor, dim: optional(integers), keepdim: withDefault(boolean, false, 'False') }

define({ names: 'sum', homes: everywhere, doc: 'Sum of the elements', gradFn: 'SumBackward0' },
  signature({ ...reduction, dtype: optional(dtype) }, ({ input, dim, keepdim, dtype: to }, ctx) => {
    const x = to === undefined ? input : ew.cast(input, to)
    const axes = resolveDims(ctx, dim, x.shape)
    return keep(sum(x, axes), x, axes, keepdim)
  }))

define({ names: 'mean', homes: everywhere, doc: 'Mean of the elements', gradFn: 'MeanBackward0' },
  signature({ ...reduction, dtype: optional(dtype) }, ({ input, dim, keepdim, dtype: to }, ctx) => {
    const x = to === undefined ? input : ew.cast(input, to)
    if (!isFloat(x.dtype)) fail(ctx, 'dtype_mismatch', `mean(): a floating-point tensor expected, got ${x.dtype}; convert it first, as in x.float().mean()`)
    const axes = resolveDims(ctx, dim, x.shape)
    return keep(mean(x, axes), x, axes, keepdim)
  }))

function extremes(name: 'amax' | 'amin', doc: string, gradFn: string, formula: (x: Value, axes: readonly number[]) => Value): void {
  define({ names: name, homes: everywhere, doc, gradFn },
    signature({ input: tensor, dim: optional(integers), keepdim: withDefault(boolean, false, 'False') }, ({ input, dim, keepdim }, ctx) => {
      const axes = resolveDims(ctx, dim, input.shape)
      return keep(formula(input, axes), input, axes, keepdim)
    }))
}

extremes('amax', 'Largest element; equal ones share the gradient', 'AmaxBackward0', amaxOp)
extremes('amin', 'Smallest element; equal ones share the gradient', 'AminBackward0', aminOp)

for (const [name, largest] of [['max', true], ['min', false]] as const) {
  const formula = largest ? amaxOp : aminOp
  const word = largest ? 'Largest' : 'Smallest'
  define({ names: name, homes: everywhere, doc: `${word} element of all, along dim (values and indices), or of two tensors`, gradFn: largest ? 'MaxBackward0' : 'MinBackward0' },
    signature({ input: tensor }, ({ input }) => formula(input, [...input.shape.keys()])),
    signature({ input: tensor, other: tensor }, ({ input, other }, ctx) => {
      const [x, y] = broadcast(ctx, [input, other]) as [Value, Value]
      return largest ? ew.maximum(x, y) : ew.minimum(x, y)
    }),
    signature({ input: tensor, dim: integer, keepdim: withDefault(boolean, false, 'False') }, ({ input, dim, keepdim }, ctx): Result => {
      const axis = resolveDim(ctx, dim, input.shape.length)
      if (input.shape.length === 0) return { names: ['values', 'indices'], values: [input, ew.cast(ew.fullLike(input, 0), 'int64')] }
      const place = extremePlace(input, axis, largest)
      const index = checkIndex(keepAxes(place, input.shape, [axis]), input.shape[axis]!, 'index')
      const values = gather(input, index, axis)
      const squeezed = keepdim ? values : reshape(values, place.shape)
      return { names: ['values', 'indices'], values: [squeezed, ew.cast(keep(place, input, [axis], keepdim), 'int64')] }
    }))
  define({ names: largest ? 'argmax' : 'argmin', homes: everywhere, doc: `Place of the ${word.toLowerCase()} element, of all or along dim` },
    signature({ input: tensor, dim: optional(integer), keepdim: withDefault(boolean, false, 'False') }, ({ input, dim, keepdim }, ctx) => {
      if (dim === undefined) return ew.cast(extremePlace(reshape(input, [numel(input.shape)]), 0, largest), 'int64')
      const axis = resolveDim(ctx, dim, input.shape.length)
      if (input.shape.length === 0) return ew.cast(ew.fullLike(input, 0), 'int64')
      return ew.cast(keep(extremePlace(input, axis, largest), input, [axis], keepdim), 'int64')
    }))
}

define({ names: 'logsumexp', homes: everywhere, doc: 'ln of the sum of exponentials', gradFn: 'LogsumexpBackward0' },
  signature({ input: floatTensor, dim: integers, keepdim: withDefault(boolean, false, 'False') }, ({ input, dim, keepdim }, ctx) => {
    const axes = resolveDims(ctx, dim, input.shape)
    return keep(logSumExp(input, axes), input, axes, keepdim)
  }))

for (const name of ['var', 'std'] as const) {
  const finish = (v: Value): Value => (name === 'std' ? safeSqrt(v) : v)
  const doc = name === 'var' ? 'Variance' : 'Standard deviation'
  define({ names: name, homes: everywhere, doc, gradFn: name === 'var' ? 'VarBackward0' : 'StdBackward0' },
    signature({ input: floatTensor, dim: optional(integers), unbiased: withDefault(boolean, true, 'True'), keepdim: withDefault(boolean, false, 'False'), correction: optional(number) }, ({ input, dim, unbiased, keepdim, correction }, ctx) => {
      const axes = resolveDims(ctx, dim, input.shape)
      return keep(finish(variance(input, axes, correction ?? Number(unbiased))), input, axes, keepdim)
    }),
    signature({ input: floatTensor, unbiased: boolean }, ({ input, unbiased }) => {
      const axes = [...input.shape.keys()]
      return finish(variance(input, axes, Number(unbiased)))
    }))
}

define({ names: 'norm', homes: everywhere, doc: 'Vector norm of order p', gradFn: 'NormBackward0' },
  signature({ input: floatTensor, p: withDefault(norms(), 2), dim: optional(integers), keepdim: withDefault(boolean, false, 'False') }, ({ input, p, dim, keepdim }, ctx) => {
    const axes = resolveDims(ctx, dim, input.shape)
    return keep(vectorNorm(input, p, axes), input, axes, keepdim)
  }))
define({ names: 'vector_norm', homes: ['linalg'], doc: 'Vector norm of order ord', gradFn: 'LinalgVectorNormBackward0' },
  signature({ x: floatTensor, ord: withDefault(number, 2), dim: optional(integers), keepdim: withDefault(boolean, false, 'False') }, ({ x, ord, dim, keepdim }, ctx) => {
    const axes = resolveDims(ctx, dim, x.shape)
    return keep(vectorNorm(x, ord, axes), x, axes, keepdim)
  }))

/** A number, or 'fro', which for vectors is 2. */
function norms(): typeof number {
  const word = oneOf('fro')
  return {
    type: "float | 'fro'",
    fits: (value) => number.fits(value) || word.fits(value),
    convert: (value, ctx, what) => (word.fits(value) ? 2 : number.convert(value, ctx, what)),
  }
}

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
