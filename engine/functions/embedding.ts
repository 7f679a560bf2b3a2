/** Tables of vectors: rows looked up by index, alone or in bags. */
import { showShape } from '../errors.ts'
import type { Value } from '../ir/value.ts'
import { isFloat, numel } from '../ir/value.ts'
import { change, withoutGradients } from '../lang/memory.ts'
import type { Tensor, TraceContext } from '../lang/values.ts'
import { fail } from '../lang/values.ts'
import * as ew from '../ops/elementwise.ts'
import { checkIndex, gather, scatterAdd } from '../ops/indexing.ts'
import { constant, iota } from '../ops/source.ts'
import { concat, expand, reshape, slice, sum } from '../ops/view.ts'
import { family, signature } from './define.ts'
import { placesAlong } from './extremes.ts'
import { take } from './gathering.ts'
import { vectorNorm } from './norms.ts'
import { boolean, integer, number, oneOf, optional, tensor, tensorItself, withDefault } from './parameters.ts'
import { cumsum } from './scans.ts'

const { define } = family('tables and attention')

export interface LookUp {
  /** Row through which no gradient flows, from either end. */
  readonly padding_idx: number | undefined
  /** Divides the gradient of a row by how often the call looks it up. */
  readonly scale_grad_by_freq: boolean
}

function requireTable(ctx: TraceContext, name: string, input: Value, weight: Value): void {
  if (weight.shape.length !== 2) fail(ctx, 'shape_mismatch', `${name}(): weight: 2 dimensions expected, got shape ${showShape(weight.shape)}`)
  if (input.dtype === 'bool') fail(ctx, 'dtype_mismatch', `${name}(): input: whole numbers expected, got bool`)
}

/**
 * `weight` with the rows that `input` names scaled down to a norm of `limit`, as PyTorch changes the table itself before it
 * looks anything up. Gradients flow as if it had not.
 */
export function limitRows(ctx: TraceContext, name: string, input: Value, weight: Value, limit: number, p: number): Value {
  requireTable(ctx, name, input, weight)
  if (!isFloat(weight.dtype)) fail(ctx, 'dtype_mismatch', `${name}(): max_norm takes a floating-point weight, got ${weight.dtype}`)
  const [rows, width] = weight.shape as [number, number]
  if (numel(input.shape) === 0 || width === 0) return weight
  const places = checkIndex(reshape(input, [numel(input.shape)]), rows, 'index')
  const table = ew.detach(weight)
  const named = ew.gt(scatterAdd(expand(constant(weight.graph, 1, weight.dtype), places.shape), places, 0, rows), 0)
  const norms = vectorNorm(table, p, [1])
  const scale = ew.where(ew.logicalAnd(named, ew.gt(norms, limit)), ew.div(limit, ew.add(norms, 1e-7)), ew.fullLike(norms, 1))
  return ew.surrogate(ew.mul(table, expand(reshape(scale, [rows, 1]), weight.shape)), weight)
}

/** The numbers of a table that PyTorch changes before a look-up where `max_norm` is given: the tensor itself. */
function limited(ctx: TraceContext, name: string, input: Value, table: Tensor, { max_norm: limit, norm_type: p }: { readonly max_norm: number | undefined; readonly norm_type: number }): Value {
  if (limit !== undefined) change(withoutGradients(ctx), table, limitRows(ctx, name, input, table.value, limit, p), false, null, `${name}(max_norm=…)`)
  return table.value
}

/** padding_idx counted from the front. */
function paddingRow(ctx: TraceContext, name: string, padding: number | undefined, rows: number): number | undefined {
  if (padding === undefined) return undefined
  if (padding < -rows || padding >= rows) fail(ctx, 'bad_argument', `${name}(): padding_idx: a row from ${-rows} to ${rows - 1} expected, got ${padding}`)
  return padding < 0 ? padding + rows : padding
}

/** The rows of `weight` at `input`, with the gradient of each row divided by how often it is there if asked for. */
function rowsAt(input: Value, weight: Value, byFrequency: boolean): Value {
  const rows = take(weight, 0, input)
  if (!byFrequency || !isFloat(weight.dtype)) return rows
  const places = checkIndex(reshape(input, [numel(input.shape)]), weight.shape[0]!, 'index')
  const ones = expand(constant(weight.graph, 1, weight.dtype), places.shape)
  const counts = gather(scatterAdd(ones, places, 0, weight.shape[0]!), places, 0)
  return ew.surrogate(rows, ew.div(rows, expand(reshape(counts, [...input.shape, 1]), rows.shape)))
}

/** Which of the rows that were looked up are not the padding row; undefined where all count. */
function isKept(ctx: TraceContext, name: string, input: Value, weight: Value, { padding_idx }: LookUp): Value | undefined {
  const padding = paddingRow(ctx, name, padding_idx, weight.shape[0]!)
  return padding === undefined ? undefined : ew.ne(input, padding)
}

/** What is `kept` for each row, for all of its elements. */
function forRows(kept: Value, rows: Value): Value {
  return expand(reshape(kept, [...kept.shape, 1]), rows.shape)
}

export function embedding(ctx: TraceContext, input: Value, weight: Value, how: LookUp): Value {
  requireTable(ctx, 'embedding', input, weight)
  const kept = isKept(ctx, 'embedding', input, weight, how)
  const rows = rowsAt(input, weight, how.scale_grad_by_freq)
  return kept ? ew.where(forRows(kept, rows), rows, ew.detach(rows)) : rows
}

// ---- bags

export interface Bags extends LookUp {
  readonly mode: 'sum' | 'mean' | 'max'
  /** Where each bag begins; none for a matrix, each of whose rows is a bag. */
  readonly offsets: Value | undefined
  readonly per_sample_weights: Value | undefined
  /** The last offset is the end of the last bag. */
  readonly include_last_offset: boolean
}

/** What is looked up, and how it is reduced to bags. */
interface Bagged {
  /** Rows in bags, [..., width]. */
  readonly rows: Value
  readonly kept: Value | undefined
}

export function embeddingBag(ctx: TraceContext, input: Value, weight: Value, how: Bags): Value {
  const name = 'embedding_bag'
  requireTable(ctx, name, input, weight)
  if (!isFloat(weight.dtype)) fail(ctx, 'dtype_mismatch', `${name}(): weight: a floating-point tensor expected, got ${weight.dtype}`)
  const { mode, offsets, per_sample_weights: weights } = how
  if (mode === 'max' && how.scale_grad_by_freq) fail(ctx, 'bad_argument', `${name}(): mode='max' does not take scale_grad_by_freq`)
  if (weights && mode !== 'sum') fail(ctx, 'bad_argument', `${name}(): per_sample_weights are for mode='sum', got mode='${mode}'`)
  if (weights && String(weights.shape) !== String(input.shape)) fail(ctx, 'shape_mismatch', `${name}(): per_sample_weights of the shape of input ${showShape(input.shape)} expected, got ${showShape(weights.shape)}`)
  if (weights && weights.dtype !== weight.dtype) fail(ctx, 'dtype_mismatch', `${name}(): per_sample_weights and weight must have one dtype, got ${weights.dtype} and ${weight.dtype}`)
  const looked = rowsAt(input, weight, how.scale_grad_by_freq)
  const rows = weights ? ew.mul(looked, forRows(weights, looked)) : looked
  const bagged = { rows, kept: isKept(ctx, name, input, weight, how) }
  if (input.shape.length === 2) {
    if (offsets) fail(ctx, 'bad_argument', `${name}(): a matrix takes no offsets: each of its rows is a bag`)
    return mode === 'max' ? largestOfRows(bagged) : divided(bagged, mode, (x) => sum(x, [1]))
  }
  if (input.shape.length !== 1) fail(ctx, 'shape_mismatch', `${name}(): input of 1 or 2 dimensions expected, got shape ${showShape(input.shape)}`)
  if (offsets?.shape.length !== 1) return fail(ctx, 'shape_mismatch', `${name}(): a vector takes offsets of 1 dimension, got ${offsets ? `shape ${showShape(offsets.shape)}` : 'None'}`)
  if (how.include_last_offset && offsets.shape[0] === 0) fail(ctx, 'shape_mismatch', `${name}(): with include_last_offset at least one offset expected, got shape [0]`)
  const count = offsets.shape[0]! - Number(how.include_last_offset)
  const width = weight.shape[1]!
  if (count === 0 || input.shape[0] === 0) return expand(constant(ctx.graph, 0, weight.dtype), [count, width])
  const bag = bagOf(offsets, input.shape[0]!)
  if (mode === 'max') return largestOfBags(bagged, bag, count)
  // What lies behind the last offset falls into a bag that is left out.
  const index = checkIndex(bag, offsets.shape[0]!, 'offsets must begin with 0: bag')
  return divided(bagged, mode, (x) => {
    const places = expand(reshape(index, [index.shape[0]!, ...x.shape.slice(1).map(() => 1)]), x.shape)
    return slice(scatterAdd(x, places, 0, offsets.shape[0]!), 0, 0, count)
  })
}

/** Sums of what is kept; of means also the number of them. An empty bag gives zeros. */
function divided({ rows, kept }: Bagged, mode: 'sum' | 'mean', total: (x: Value) => Value): Value {
  const sums = total(kept ? ew.where(forRows(kept, rows), rows, ew.fullLike(rows, 0)) : rows)
  if (mode === 'sum') return sums
  const one = reshape(slice(rows, rows.shape.length - 1, 0, 1), rows.shape.slice(0, -1))
  const counts = total(kept ? ew.cast(kept, rows.dtype) : ew.fullLike(one, 1))
  return ew.div(sums, forRows(ew.maximum(counts, 1), sums))
}

/** The bag of each of `n` places: how many offsets are at or before it, less one. */
function bagOf(offsets: Value, n: number): Value {
  const begins = checkIndex(offsets, n + 1, 'offset')
  const ones = expand(constant(offsets.graph, 1, 'int64'), offsets.shape)
  return ew.sub(cumsum(slice(scatterAdd(ones, begins, 0, n + 1), 0, 0, n), 0), 1)
}

/** Largest elements of each row's bag, the first of equal ones; zeros where nothing is kept. */
function largestOfRows({ rows, kept }: Bagged): Value {
  const [bags, length, width] = rows.shape as [number, number, number]
  if (numel(rows.shape) === 0) return sum(rows, [1])
  const bag = expand(reshape(iota(rows.graph, bags), [bags, 1]), [bags, length])
  return largestOfBags({ rows: reshape(rows, [bags * length, width]), kept: kept && reshape(kept, [bags * length]) }, ew.cast(reshape(bag, [bags * length]), 'int64'), bags)
}

/**
 * Largest elements of each bag, of rows [n, width] whose bags ascend. Each element meets those before it in its bag by
 * doubling reach, as in a scan; the last of a bag then knows the place of the largest.
 */
function largestOfBags({ rows, kept }: Bagged, bag: Value, count: number): Value {
  const [n, width] = rows.shape as [number, number]
  const wide = (x: Value): Value => expand(reshape(x, [x.shape[0]!, 1]), [x.shape[0]!, width])
  const fixed = ew.detach(rows)
  let largest = kept ? ew.where(wide(kept), fixed, ew.fullLike(fixed, -Infinity)) : fixed
  let place = ew.cast(placesAlong(fixed, 0), 'int64')
  for (let step = 1; step < n; step *= 2) {
    const shifted = (x: Value): Value => concat([slice(x, 0, 0, step), slice(x, 0, 0, n - step)], 0)
    const [before, placeBefore] = [shifted(largest), shifted(place)]
    const earlier = ew.logicalAnd(wide(ew.eq(shifted(bag), bag)), ew.not(ew.gt(largest, before)))
    ;[largest, place] = [ew.where(earlier, before, largest), ew.where(earlier, placeBefore, place)]
  }
  // Each place of a bag counts for one; their sum is where the next one begins.
  const index = checkIndex(bag, count + 1, 'offsets must begin with 0: bag')
  const members = scatterAdd(expand(constant(rows.graph, 1, 'int64'), [n]), index, 0, count + 1)
  const ends = slice(ew.sub(cumsum(members, 0), 1), 0, 0, count)
  const last = expand(reshape(checkIndex(ew.maximum(ends, 0), n, 'end of a bag'), [count, 1]), [count, width])
  const values = gather(rows, checkIndex(gather(place, last, 0), n, 'place'), 0)
  const some = slice(kept ? scatterAdd(ew.cast(kept, 'int64'), index, 0, count + 1) : members, 0, 0, count)
  return ew.where(wide(ew.gt(some, 0)), values, ew.fullLike(values, 0))
}

// ---- torch's functions

// `sparse` says how PyTorch stores the gradient; the numbers are the same.
const unwise = { scale_grad_by_freq: withDefault(boolean, false, 'False'), sparse: withDefault(boolean, false, 'False') }
const limits = { max_norm: optional(number), norm_type: withDefault(number, 2) }

const one = { names: 'embedding', doc: 'Rows of weight at input; no gradient flows through the row padding_idx', gradFn: 'EmbeddingBackward0' }
define({ ...one, homes: ['F'] },
  signature({ input: tensor, weight: tensorItself, padding_idx: optional(integer), ...limits, ...unwise }, ({ input, weight, ...how }, ctx) => embedding(ctx, input, limited(ctx, 'embedding', input, weight, how), how)))
define({ ...one, homes: ['torch'] },
  signature({ weight: tensor, indices: tensor, padding_idx: withDefault(integer, -1), ...unwise }, ({ weight, indices, padding_idx, scale_grad_by_freq }, ctx) =>
    embedding(ctx, indices, weight, { padding_idx: padding_idx < 0 || padding_idx >= weight.shape[0]! ? undefined : padding_idx, scale_grad_by_freq })))

define({ names: 'embedding_bag', homes: ['F'], doc: 'Sums, means or largest elements of the rows of weight at the indices of each bag', gradFn: 'EmbeddingBagBackward0' },
  signature({ input: tensor, weight: tensorItself, offsets: optional(tensor), ...limits, scale_grad_by_freq: unwise.scale_grad_by_freq, mode: withDefault(oneOf('sum', 'mean', 'max'), 'mean', "'mean'"), sparse: unwise.sparse, per_sample_weights: optional(tensor), include_last_offset: withDefault(boolean, false, 'False'), padding_idx: optional(integer) }, ({ input, weight, ...how }, ctx) =>
    embeddingBag(ctx, input, limited(ctx, 'embedding_bag', input, weight, how), how)))
