/**
 * Sorting and what is found by it. The routine gives places only; values and their gradients are gathered. Equal
 * elements keep their order, NaN counts as the largest number.
 */
import type { Value } from '../ir/value.ts'
import type { TraceContext } from '../lang/values.ts'
import { fail } from '../lang/values.ts'
import * as ew from '../ops/elementwise.ts'
import { checkIndex, gather } from '../ops/indexing.ts'
import { argsort } from '../ops/sorting.ts'
import { permute, reshape, slice } from '../ops/view.ts'
import type { Home, Result } from './define.ts'
import { family, signature } from './define.ts'
import { extremePlace, onlyElement, placesAlong, requireElements, valuesAt } from './extremes.ts'
import { boolean, integer, optional, resolveDim, tensor, withDefault } from './parameters.ts'
import { runningMaximum } from './scans.ts'

const { define } = family('sorting')

const everywhere: readonly Home[] = ['torch', 'Tensor']

/** Places of the elements along `axis` in their order, as int32 in the shape of `x`. */
export function orderAlong(x: Value, axis: number, descending = false): Value {
  const rank = x.shape.length
  const rest = [...Array(rank).keys()].filter((other) => other !== axis)
  const rows = permute(x.dtype === 'bool' ? ew.cast(x, 'int32') : x, [...rest, axis])
  return permute(argsort(rows, descending), [...Array(rank).keys()].map((other) => (other === axis ? rank - 1 : rest.indexOf(other))))
}

/** Elements of `x` along `axis` at places that a sort gave. */
export function atPlaces(x: Value, axis: number, places: Value): Value {
  return gather(x, checkIndex(places, x.shape[axis]!, 'index'), axis)
}

function elementsAt(x: Value, axis: number, places: Value): Result {
  return { names: ['values', 'indices'], values: [atPlaces(x, axis, places), ew.cast(places, 'int64')] }
}

const flag = (value: boolean): ReturnType<typeof withDefault<boolean>> => withDefault(boolean, value, value ? 'True' : 'False')
// A sort is always stable here.
const sorting = { input: tensor, dim: withDefault(integer, -1), descending: flag(false), stable: withDefault(optional(boolean), false, 'False') }

define({ names: 'sort', homes: everywhere, doc: 'Elements in order along dim, and their places', gradFn: 'SortBackward0' },
  signature(sorting, ({ input, dim, descending }, ctx) => {
    const axis = resolveDim(ctx, dim, input.shape.length)
    return input.shape.length === 0 ? onlyElement(input) : elementsAt(input, axis, orderAlong(input, axis, descending))
  }))

define({ names: 'argsort', homes: everywhere, doc: 'Places of the elements along dim in their order' },
  signature(sorting, ({ input, dim, descending }, ctx) => {
    const axis = resolveDim(ctx, dim, input.shape.length)
    return ew.cast(input.shape.length === 0 ? ew.fullLike(input, 0) : orderAlong(input, axis, descending), 'int64')
  }))

define({ names: 'msort', homes: everywhere, doc: 'Elements in order along the first dimension', gradFn: 'SortBackward0' },
  signature({ input: tensor }, ({ input }) => (input.shape.length === 0 ? input : atPlaces(input, 0, orderAlong(input, 0)))))

function requireRank(ctx: TraceContext, name: string, k: number, least: number, most: number): void {
  if (k < least || k > most) fail(ctx, 'bad_argument', `${name}(): k: a number from ${least} to ${most} expected, got ${k}`)
}

define({ names: 'topk', homes: everywhere, doc: 'The k largest (or smallest) elements along dim in order, and their places', gradFn: 'TopkBackward0' },
  signature({ input: tensor, k: integer, dim: withDefault(integer, -1), largest: flag(true), sorted: flag(true) }, ({ input, k, dim, largest }, ctx) => {
    const axis = resolveDim(ctx, dim, input.shape.length)
    requireRank(ctx, 'topk', k, 0, input.shape[axis] ?? 1)
    return input.shape.length === 0 ? onlyElement(input) : elementsAt(input, axis, slice(orderAlong(input, axis, largest), axis, 0, k))
  }))

define({ names: 'kthvalue', homes: everywhere, doc: 'The k-th smallest element along dim, and its place', gradFn: 'KthvalueBackward0' },
  signature({ input: tensor, k: integer, dim: withDefault(integer, -1), keepdim: flag(false) }, ({ input, k, dim, keepdim }, ctx) => {
    const axis = resolveDim(ctx, dim, input.shape.length)
    requireElements(ctx, 'kthvalue', input, axis)
    requireRank(ctx, 'kthvalue', k, 1, input.shape[axis] ?? 1)
    return input.shape.length === 0 ? onlyElement(input) : valuesAt(input, axis, placeOfRank(orderAlong(input, axis), axis, k - 1), keepdim)
  }))

/** The place of rank `k`, from 0, in places of a sort; `axis` vanishes. */
function placeOfRank(order: Value, axis: number, k: number): Value {
  return checkIndex(reshape(slice(order, axis, k, 1), order.shape.toSpliced(axis, 1)), order.shape[axis]!, 'index')
}

/** The last place of the smallest of the most frequent elements: where the longest run of equal sorted ones ends. */
function modePlace(x: Value, axis: number): Value {
  const n = x.shape[axis]!
  const order = orderAlong(ew.detach(x), axis)
  const sorted = atPlaces(ew.detach(x), axis, order)
  const ranks = placesAlong(x, axis)
  if (n === 1) return placeOfRank(order, axis, 0)
  const isNew = ew.ne(slice(sorted, axis, 1, n - 1), slice(sorted, axis, 0, n - 1))
  const later = slice(ranks, axis, 1, n - 1)
  // Length of the run so far; a run may also begin at rank 0, which the maximum with 0 stands for.
  const begin = runningMaximum(ew.where(isNew, later, ew.fullLike(later, 0)), axis)
  const length = ew.sub(later, begin)
  const longest = extremePlace(length, axis, true)
  const isSingle = ew.eq(reshape(gather(length, checkIndex(reshape(longest, x.shape.with(axis, 1)), n - 1, 'index'), axis), longest.shape), 0)
  // Where no two are equal it is the first; place i of `length` is rank i + 1.
  const rank = ew.where(isSingle, ew.fullLike(longest, 0), ew.add(longest, 1))
  return checkIndex(reshape(gather(order, checkIndex(reshape(rank, x.shape.with(axis, 1)), n, 'index'), axis), rank.shape), n, 'index')
}

define({ names: 'mode', homes: everywhere, doc: 'The most frequent element along dim, and its last place', gradFn: 'ModeBackward0' },
  signature({ input: tensor, dim: withDefault(integer, -1), keepdim: flag(false) }, ({ input, dim, keepdim }, ctx) => {
    const axis = resolveDim(ctx, dim, input.shape.length)
    requireElements(ctx, 'mode', input, axis)
    return input.shape.length === 0 ? onlyElement(input) : valuesAt(input, axis, modePlace(input, axis), keepdim)
  }))
