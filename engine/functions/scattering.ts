/**
 * Functions that put elements at places that are computed. Where several arrive at one place and the last one stays
 * (scatter, index_copy, index_put), it is the last one row by row, as PyTorch's result is on one thread.
 */
import { showShape } from '../errors.ts'
import type { Shape, Value } from '../ir/value.ts'
import { isFloat, numel, sameShape } from '../ir/value.ts'
import type { TraceContext } from '../lang/values.ts'
import { fail } from '../lang/values.ts'
import * as ew from '../ops/elementwise.ts'
import { checkIndex, gather, scatterAdd } from '../ops/indexing.ts'
import { scatterMax, scatterProduct } from '../ops/scattering.ts'
import { constant, iota } from '../ops/source.ts'
import { concat, expand, reshape, slice } from '../ops/view.ts'
import type { Home, Result } from './define.ts'
import { family, madeBy, signature } from './define.ts'
import { placesAlong } from './extremes.ts'
import type { TensorOrNumber } from './parameters.ts'
import { boolean, integer, number, oneOf, operand, optional, resolveDim, tensor, tensors, withDefault } from './parameters.ts'
import { asTensor, broadcastShapes, isTensor } from './promote.ts'
import { cumsum } from './scans.ts'
import { requireDimensions } from './shaping.ts'

const { define } = family('gathering and scattering')

const everywhere: readonly Home[] = ['torch', 'Tensor']

/** Elements on their way to places along an axis of `input`. */
interface Arrivals {
  readonly input: Value
  readonly source: Value
  readonly index: Value
  readonly axis: number
}

function filled(like: Value, shape: Shape, value: number): Value {
  return expand(constant(like.graph, value, like.dtype), shape)
}

/** `x` made as large as `shape`, with `fill` behind. */
function grown(x: Value, shape: Shape, fill: number): Value {
  return shape.reduce((y, n, axis) => {
    const missing = n - y.shape[axis]!
    return missing === 0 ? y : concat([y, filled(y, y.shape.with(axis, missing), fill)], axis)
  }, x)
}

/** What `put` makes of source and index, in the shape of the input; `fill` where the index does not reach. */
function arrived({ input, source, index, axis }: Arrivals, put: typeof scatterAdd, fill: number): Value {
  return grown(put(source, index, axis, input.shape[axis]!), input.shape, fill)
}

/** How many elements arrive at each place, as numbers of `dtype`. */
function counts(arrivals: Arrivals, dtype: Value['dtype'] = 'int64'): Value {
  const ones = filled(ew.cast(arrivals.source, dtype), arrivals.index.shape, 1)
  return arrived({ ...arrivals, source: ones }, scatterAdd, 0)
}

function sums(arrivals: Arrivals): Value {
  return arrived(arrivals, scatterAdd, 0)
}

/** The last of the elements that arrive at a place stays; all of them get its gradient, as in PyTorch. */
function lastOf(arrivals: Arrivals): Value {
  const { input, source, index, axis } = arrivals
  const winners = scatterMax(placesAlong(index, axis), index, axis, input.shape[axis]!)
  const reached = ew.ge(winners, 0)
  const from = checkIndex(ew.where(reached, winners, ew.fullLike(winners, 0)), index.shape[axis]!, 'index')
  const taken = gather(source, from, axis)
  const covered = grown(reached, input.shape, 0)
  const value = ew.where(covered, grown(taken, input.shape, 0), input)
  return isFloat(input.dtype) ? ew.surrogate(value, ew.where(covered, sums(arrivals), input)) : value
}

/** A vector with `source` at the places of `index`; where several arrive at one, the last stays. */
export function lastAt(input: Value, source: Value, index: Value): Value {
  return throughNumbers({ input, source, index: checkIndex(index, input.shape[0]!, 'index'), axis: 0 }, lastOf)
}

/** Of bools: as whole numbers and back. */
function throughNumbers(arrivals: Arrivals, formula: (arrivals: Arrivals) => Value): Value {
  if (arrivals.input.dtype !== 'bool') return formula(arrivals)
  return ew.cast(formula({ ...arrivals, input: ew.cast(arrivals.input, 'int64'), source: ew.cast(arrivals.source, 'int64') }), 'bool')
}

type Reduction = 'sum' | 'prod' | 'mean' | 'amax' | 'amin'

function reduced(arrivals: Arrivals, reduction: Reduction, includeSelf: boolean): Value {
  const { input } = arrivals
  const none = ew.eq(counts(arrivals), 0)
  const start = (neutral: number): Value => (includeSelf ? input : ew.where(none, input, ew.fullLike(input, neutral)))
  switch (reduction) {
    case 'sum':
      return ew.add(start(0), sums(arrivals))
    case 'prod':
      return ew.mul(start(1), arrived(arrivals, scatterProduct, 1))
    case 'mean': {
      const total = ew.add(start(0), sums(arrivals))
      const arrivedCount = counts(arrivals, input.dtype)
      const count = includeSelf ? ew.add(arrivedCount, 1) : ew.where(none, ew.fullLike(arrivedCount, 1), arrivedCount)
      return isFloat(input.dtype) ? ew.div(total, count) : wholeMean(total, count)
    }
    case 'amax':
      return extremeOf(arrivals, none, includeSelf)
    case 'amin':
      return ew.neg(extremeOf({ ...arrivals, input: ew.neg(input), source: ew.neg(arrivals.source) }, none, includeSelf))
  }
}

/** Of whole numbers, rounded down. */
function wholeMean(total: Value, count: Value): Value {
  const rest = ew.fmod(total, count)
  const below = ew.where(ew.lt(rest, 0), ew.fullLike(rest, 1), ew.fullLike(rest, 0))
  return ew.sub(ew.quotient(ew.sub(total, rest), count), below)
}

/** The largest that arrives, or was there; equal ones share the gradient evenly. */
function extremeOf(arrivals: Arrivals, none: Value, includeSelf: boolean): Value {
  const { input, source, index, axis } = arrivals
  const least = isFloat(input.dtype) ? -Infinity : -(2 ** 63)
  const best = arrived({ ...arrivals, source: ew.detach(source) }, scatterMax, least)
  const own = ew.detach(input)
  const value = includeSelf ? ew.where(ew.logicalOr(ew.lt(best, own), ew.ne(own, own)), own, best) : ew.where(none, own, best)
  if (!isFloat(input.dtype)) return value
  const within = index.shape.reduce((y, n, i) => (i === axis ? y : slice(y, i, 0, n)), value)
  const chosen = ew.eq(ew.detach(source), gather(within, index, axis))
  const stays = includeSelf ? ew.eq(own, value) : none
  const share = (mask: Value, x: Value): Value => ew.where(mask, x, ew.fullLike(x, 0))
  const shares = ew.add(ew.cast(stays, input.dtype), sums({ ...arrivals, source: ew.cast(chosen, input.dtype) }))
  const total = ew.add(share(stays, input), sums({ ...arrivals, source: share(chosen, source) }))
  return ew.surrogate(value, ew.div(total, shares))
}

// ---- places for each element

/** Checks the operands of a scatter; `source` is a tensor, or one number for all. Undefined where nothing arrives. */
function arrivalsOf(ctx: TraceContext, name: string, input: Value, dim: number, index: Value, source: TensorOrNumber): Arrivals | undefined {
  const axis = resolveDim(ctx, dim, input.shape.length)
  if (numel(index.shape) === 0) return undefined
  const withDimensions = (x: Value): Value => (x.shape.length === 0 ? reshape(x, [1]) : x)
  const [x, at] = [withDimensions(input), withDimensions(index)]
  const given = isTensor(source) ? withDimensions(source) : filled(x, at.shape, source.value)
  if (given.dtype !== x.dtype) fail(ctx, 'dtype_mismatch', `${name}(): input and src must have one dtype, got ${x.dtype} and ${given.dtype}`)
  const fits = at.shape.length === x.shape.length && at.shape.length === given.shape.length && at.shape.every((n, i) => n <= given.shape[i]! && (i === axis || n <= x.shape[i]!))
  if (!fits) {
    const src = isTensor(source) ? `, src of shape ${showShape(source.shape)}` : ''
    fail(ctx, 'shape_mismatch', `${name}(): index of shape ${showShape(index.shape)} does not fit input of shape ${showShape(input.shape)}${src}: as many dimensions expected, none larger but dim of input`)
  }
  const part = at.shape.reduce((y, n, i) => slice(y, i, 0, n), given)
  return { input: x, source: part, index: checkIndex(at, x.shape[axis]!, 'index'), axis }
}

/** The result of `formula` in the shape of the input, which is the result where nothing arrives. */
function scattered(input: Value, arrivals: Arrivals | undefined, formula: (arrivals: Arrivals) => Value): Value {
  return arrivals ? reshape(throughNumbers(arrivals, formula), input.shape) : input
}

function scatter(ctx: TraceContext, input: Value, dim: number, index: Value, source: TensorOrNumber, reduce: 'add' | 'multiply' | undefined): Value {
  const arrivals = arrivalsOf(ctx, 'scatter', input, dim, index, source)
  return scattered(input, arrivals, (given) => (reduce === undefined ? lastOf(given) : reduced(given, reduce === 'add' ? 'sum' : 'prod', true)))
}

const simpleReduction = optional(oneOf('add', 'multiply'))

define({ names: 'scatter', homes: everywhere, doc: 'input with the elements of src (or a number) put at index along dim', gradFn: 'ScatterBackward0' },
  signature({ input: tensor, dim: integer, index: tensor, src: tensor, reduce: simpleReduction }, ({ input, dim, index, src, reduce }, ctx) => scatter(ctx, input, dim, index, src, reduce)),
  signature({ input: tensor, dim: integer, index: tensor, value: number, reduce: simpleReduction }, ({ input, dim, index, value, reduce }, ctx) =>
    madeBy('ScatterBackward1', scatter(ctx, input, dim, index, { kind: 'number', value, whole: Number.isInteger(value) }, reduce))))
define({ names: 'scatter_add', homes: everywhere, doc: 'input with the elements of src added at index along dim', gradFn: 'ScatterAddBackward0' },
  signature({ input: tensor, dim: integer, index: tensor, src: tensor }, ({ input, dim, index, src }, ctx) =>
    scattered(input, arrivalsOf(ctx, 'scatter_add', input, dim, index, src), (given) => ew.add(given.input, sums(given)))))

const reduction = oneOf('sum', 'prod', 'mean', 'amax', 'amin')
const includeSelf = withDefault(boolean, true, 'True')

define({ names: 'scatter_reduce', homes: everywhere, doc: 'input with the elements of src put at index along dim; those that meet are summed, multiplied, averaged, or the largest or smallest stays', gradFn: 'ScatterReduceBackward0' },
  signature({ input: tensor, dim: integer, index: tensor, src: tensor, reduce: reduction, include_self: includeSelf }, ({ input, dim, index, src, reduce, include_self }, ctx) =>
    scattered(input, arrivalsOf(ctx, 'scatter_reduce', input, dim, index, src), (given) => reduced(given, reduce, include_self))))

// ---- places along a dimension

/** Checks the operands of index_add and its like: as many slices of `source` along `dim` as there are places. */
function slicesOf(ctx: TraceContext, name: string, input: Value, dim: number, index: Value, source: Value): Arrivals | undefined {
  const axis = resolveDim(ctx, dim, input.shape.length)
  if (index.shape.length > 1) fail(ctx, 'shape_mismatch', `${name}(): index: 1 dimension expected, got shape ${showShape(index.shape)}`)
  if (source.dtype !== input.dtype) fail(ctx, 'dtype_mismatch', `${name}(): input and source must have one dtype, got ${input.dtype} and ${source.dtype}`)
  const count = numel(index.shape)
  const wanted = input.shape.length === 0 ? [count] : input.shape.with(axis, count)
  const given = source.shape.length === 0 ? reshape(source, wanted.map(() => 1)) : source
  if (!sameShape(given.shape, wanted)) {
    fail(ctx, 'shape_mismatch', `${name}(): source of shape ${showShape(wanted)} expected for ${count} places along dimension ${axis} of shape ${showShape(input.shape)}, got ${showShape(source.shape)}`)
  }
  if (numel(wanted) === 0) return undefined
  const x = input.shape.length === 0 ? reshape(input, [1]) : input
  const places = checkIndex(reshape(index, wanted.map((n, i) => (i === axis ? n : 1))), x.shape[axis]!, 'index')
  return { input: x, source: given, index: expand(places, wanted), axis }
}

define({ names: 'index_add', homes: everywhere, doc: 'input with the slices of source, times alpha, added at the given places of dim', gradFn: 'IndexAddBackward0' },
  signature({ input: tensor, dim: integer, index: tensor, source: tensor, alpha: withDefault(number, 1) }, ({ input, dim, index, source, alpha }, ctx) =>
    scattered(input, slicesOf(ctx, 'index_add', input, dim, index, source), (given) => ew.add(given.input, alpha === 1 ? sums(given) : ew.mul(sums(given), alpha)))))
define({ names: 'index_copy', homes: everywhere, doc: 'input with the slices of source put at the given places of dim', gradFn: 'IndexCopyBackward0' },
  signature({ input: tensor, dim: integer, index: tensor, source: tensor }, ({ input, dim, index, source }, ctx) => scattered(input, slicesOf(ctx, 'index_copy', input, dim, index, source), lastOf)))
define({ names: 'index_reduce', homes: everywhere, doc: 'input with the slices of source put at the given places of dim; those that meet are multiplied, averaged, or the largest or smallest stays', gradFn: 'IndexReduceBackward0' },
  signature({ input: tensor, dim: integer, index: tensor, source: tensor, reduce: oneOf('prod', 'mean', 'amax', 'amin'), include_self: includeSelf }, ({ input, dim, index, source, reduce, include_self }, ctx) =>
    scattered(input, slicesOf(ctx, 'index_reduce', input, dim, index, source), (given) => reduced(given, reduce, include_self))))
define({ names: 'index_fill', homes: everywhere, doc: 'input with a number at the given places of dim', gradFn: 'IndexFillBackward0' },
  signature({ input: tensor, dim: integer, index: tensor, value: operand }, ({ input, dim, index, value }, ctx): Result => {
    const axis = resolveDim(ctx, dim, input.shape.length)
    if (isTensor(value) && value.shape.length > 0) fail(ctx, 'shape_mismatch', `index_fill(): value: a number or a 0-d tensor expected, got shape ${showShape(value.shape)}`)
    const one = asTensor(ctx, value, input.dtype)
    const shape = input.shape.length === 0 ? [numel(index.shape)] : input.shape.with(axis, numel(index.shape))
    const arrivals = slicesOf(ctx, 'index_fill', input, dim, index, expand(one, shape))
    const result = scattered(input, arrivals, (given) => ew.where(ew.gt(counts(given), 0), expand(ew.cast(one, given.input.dtype), given.input.shape), given.input))
    return isTensor(value) ? madeBy('IndexFillBackward1', result) : result
  }))

// ---- places that tensors of indices name

/** The places in row-major order that a tensor of indices for each dimension, the first ones, names. */
function placesOf(ctx: TraceContext, input: Value, indices: readonly Value[]): { readonly places: Value; readonly shape: Shape } {
  if (indices.length > input.shape.length) fail(ctx, 'bad_index', `index_put(): ${indices.length} indices for shape ${showShape(input.shape)}`)
  const masked = indices.find((index) => index.dtype === 'bool')
  if (masked) fail(ctx, 'value_dependent', 'index_put(): how many elements a mask names depends on values; use torch.where(mask, a, b), or x[mask] = value')
  const shape = broadcastShapes(ctx, indices.map((index) => index.shape))
  const rest = input.shape.slice(indices.length)
  const start = indices.map((index, axis) => expand(checkIndex(index, input.shape[axis]!, 'index', true), shape)).reduce<Value | undefined>((at, index, axis) => (at ? ew.add(ew.mul(at, input.shape[axis]!), index) : index), undefined)!
  const whole = [...shape, ...rest]
  const inner = reshape(ew.cast(iota(input.graph, numel(rest)), 'int64'), [...shape.map(() => 1), ...rest])
  const places = ew.add(expand(reshape(ew.mul(ew.cast(start, 'int64'), numel(rest)), [...shape, ...rest.map(() => 1)]), whole), expand(inner, whole))
  return { places: reshape(places, [numel(whole)]), shape: whole }
}

define({ names: 'index_put', homes: everywhere, doc: 'input with values at the places that tensors of indices name, or with accumulate added there', gradFn: 'IndexPutBackward0' },
  signature({ input: tensor, indices: tensors, values: tensor, accumulate: withDefault(boolean, false, 'False') }, ({ input, indices, values, accumulate }, ctx) => {
    if (values.dtype !== input.dtype) fail(ctx, 'dtype_mismatch', `index_put(): input and values must have one dtype, got ${input.dtype} and ${values.dtype}`)
    const { places, shape } = placesOf(ctx, input, indices)
    if (!sameShape(broadcastShapes(ctx, [values.shape, shape]), shape)) fail(ctx, 'shape_mismatch', `index_put(): values of shape ${showShape(values.shape)} do not fit into what the indices name, ${showShape(shape)}`)
    if (numel(shape) === 0) return input
    const source = reshape(expand(values, shape), [numel(shape)])
    const count = numel(input.shape)
    const arrivals: Arrivals = { input: reshape(input, [count]), source, index: checkIndex(places, count, 'index'), axis: 0 }
    return reshape(throughNumbers(arrivals, (given) => (accumulate ? ew.add(given.input, sums(given)) : lastOf(given))), input.shape)
  }))

// ---- parts

/** `source` in the place of the elements start, start + step, … of `axis`. */
function withSlice(input: Value, source: Value, axis: number, start: number, step: number): Value {
  const [size, length] = [input.shape[axis]!, source.shape[axis]!]
  if (length === 0) return input
  if (step === 1) return concat([slice(input, axis, 0, start), source, slice(input, axis, start + length, size - start - length)].filter((part) => part.shape[axis]! > 0), axis)
  const gaps = ew.sub(ew.cast(placesAlong(input, axis), 'int64'), start)
  const rank = ew.quotient(gaps, step)
  const taken = ew.logicalAnd(ew.logicalAnd(ew.ge(gaps, 0), ew.lt(rank, length)), ew.eq(ew.fmod(gaps, step), 0))
  const from = checkIndex(ew.where(taken, rank, ew.fullLike(rank, 0)), length, 'index')
  return ew.where(taken, gather(source, from, axis), input)
}

/** A part must be replaced by one of its own shape and dtype. */
function requirePart(ctx: TraceContext, name: string, input: Value, src: Value, shape: Shape): void {
  if (src.dtype !== input.dtype) fail(ctx, 'dtype_mismatch', `${name}(): input and src must have one dtype, got ${input.dtype} and ${src.dtype}`)
  if (!sameShape(src.shape, shape)) fail(ctx, 'shape_mismatch', `${name}(): src of shape ${showShape(shape)} expected, got ${showShape(src.shape)}`)
}

define({ names: 'slice_scatter', homes: everywhere, doc: 'input with src in the place of input[start:end:step] of dim', gradFn: 'SliceScatterBackward0' },
  signature({ input: tensor, src: tensor, dim: withDefault(integer, 0), start: optional(integer), end: optional(integer), step: withDefault(integer, 1) }, ({ input, src, dim, start = 0, end, step }, ctx) => {
    requireDimensions(ctx, 'slice_scatter', input)
    const axis = resolveDim(ctx, dim, input.shape.length)
    if (step < 1) fail(ctx, 'bad_argument', `slice_scatter(): step: at least 1 expected, got ${step}`)
    const size = input.shape[axis]!
    const cut = (place: number): number => Math.min(size, Math.max(0, place < 0 ? place + size : place))
    const from = cut(start)
    requirePart(ctx, 'slice_scatter', input, src, input.shape.with(axis, Math.max(0, Math.ceil((cut(end ?? size) - from) / step))))
    return withSlice(input, src, axis, from, step)
  }))
define({ names: 'select_scatter', homes: everywhere, doc: 'input with src in the place of an index of dim', gradFn: 'SelectScatterBackward0' },
  signature({ input: tensor, src: tensor, dim: integer, index: integer }, ({ input, src, dim, index }, ctx) => {
    requireDimensions(ctx, 'select_scatter', input)
    const axis = resolveDim(ctx, dim, input.shape.length)
    const size = input.shape[axis]!
    if (index < -size || index >= size) fail(ctx, 'bad_index', `index ${index} is out of range for dimension ${axis} of size ${size}`)
    requirePart(ctx, 'select_scatter', input, src, input.shape.toSpliced(axis, 1))
    return withSlice(input, reshape(src, input.shape.with(axis, 1)), axis, index < 0 ? index + size : index, 1)
  }))

define({ names: 'masked_scatter', homes: everywhere, doc: 'input with the elements of source, one after the other, where mask is true', gradFn: 'MaskedScatterBackward0' },
  signature({ input: tensor, mask: tensor, source: tensor }, ({ input, mask, source }, ctx) => {
    if (mask.dtype !== 'bool') fail(ctx, 'dtype_mismatch', `masked_scatter(): mask: a bool tensor expected, got ${mask.dtype}`)
    if (source.dtype !== input.dtype) fail(ctx, 'dtype_mismatch', `masked_scatter(): input and source must have one dtype, got ${input.dtype} and ${source.dtype}`)
    const shape = broadcastShapes(ctx, [input.shape, mask.shape])
    const [x, wanted] = [expand(input, shape), expand(mask, shape)]
    if (numel(shape) === 0) return x
    if (numel(source.shape) === 0) fail(ctx, 'shape_mismatch', 'masked_scatter(): source has no elements')
    const flat = reshape(wanted, [numel(shape)])
    const rank = ew.sub(cumsum(ew.cast(flat, 'int64'), 0), 1)
    const from = checkIndex(ew.where(flat, rank, ew.fullLike(rank, 0)), numel(source.shape), 'element of source')
    return ew.where(wanted, reshape(gather(reshape(source, [numel(source.shape)]), from, 0), shape), x)
  }))
