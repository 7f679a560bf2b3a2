/** Functions that change shapes, order and number of elements, and what a tensor tells about itself. */
import { showShape } from '../errors.ts'
import type { DType, Shape, Value } from '../ir/value.ts'
import { numel } from '../ir/value.ts'
import type { Dynamic, TraceContext } from '../lang/values.ts'
import { fail, int, tuple } from '../lang/values.ts'
import * as ew from '../ops/elementwise.ts'
import { checkIndex, gather } from '../ops/indexing.ts'
import { concat, expand, permute, reshape, slice } from '../ops/view.ts'
import type { Home } from './define.ts'
import { define, signature } from './define.ts'
import { dtype, integer, integers, optional, resolveDim, resolveDims, sizes, tensor, tensors, withDefault } from './parameters.ts'
import { resultType } from './promote.ts'

const everywhere: readonly Home[] = ['torch', 'Tensor']

/** Replaces one -1 by the size that makes the count fit. */
export function inferShape(ctx: TraceContext, shape: Shape, count: number): number[] {
  const holes = shape.filter((n) => n === -1).length
  if (holes > 1) fail(ctx, 'bad_argument', `shape ${showShape(shape)}: only one dimension can be -1`)
  const negative = shape.find((n) => n < -1)
  if (negative !== undefined) fail(ctx, 'bad_argument', `shape ${showShape(shape)}: ${negative} is no size`)
  const known = shape.reduce((n, size) => (size === -1 ? n : n * size), 1)
  if (holes === 1 ? known === 0 || count % known !== 0 : known !== count) {
    fail(ctx, 'shape_mismatch', `shape ${showShape(shape)} is invalid for a tensor of ${count} elements`)
  }
  return shape.map((n) => (n === -1 ? count / known : n))
}

const reshapeTo = signature({ input: tensor, shape: sizes }, ({ input, shape }, ctx) => reshape(input, inferShape(ctx, shape, numel(input.shape))))
define({ names: 'reshape', homes: everywhere, doc: 'The same elements under another shape', gradFn: 'ReshapeAliasBackward0' }, reshapeTo)
define({ names: 'view', homes: ['Tensor'], doc: 'The same elements under another shape', gradFn: 'ViewBackward0' }, reshapeTo)
for (const name of ['view_as', 'reshape_as'] as const) {
  define({ names: name, homes: ['Tensor'], doc: 'The same elements under the shape of other', gradFn: 'ViewBackward0' },
    signature({ input: tensor, other: tensor }, ({ input, other }, ctx) => reshape(input, inferShape(ctx, other.shape, numel(input.shape)))))
}

/** Joins the dimensions from `start` to `end` into one. */
export function flatten(ctx: TraceContext, x: Value, start: number, end: number): Value {
  const rank = x.shape.length
  if (rank === 0) return reshape(x, [1])
  const from = resolveDim(ctx, start, rank, 'start_dim')
  const to = resolveDim(ctx, end, rank, 'end_dim')
  if (from > to) fail(ctx, 'bad_argument', `flatten(): start_dim ${start} comes after end_dim ${end}`)
  return reshape(x, x.shape.toSpliced(from, to - from + 1, numel(x.shape.slice(from, to + 1))))
}

define({ names: 'flatten', homes: everywhere, doc: 'Joins the dimensions from start_dim to end_dim', gradFn: 'ViewBackward0' },
  signature({ input: tensor, start_dim: withDefault(integer, 0), end_dim: withDefault(integer, -1) }, ({ input, start_dim, end_dim }, ctx) => flatten(ctx, input, start_dim, end_dim)))
define({ names: 'ravel', homes: everywhere, doc: 'All elements in one dimension', gradFn: 'ViewBackward0' }, signature({ input: tensor }, ({ input }) => reshape(input, [numel(input.shape)])))
define({ names: 'unflatten', homes: everywhere, doc: 'Splits a dimension into several', gradFn: 'ViewBackward0' },
  signature({ input: tensor, dim: integer, sizes: integers }, ({ input, dim, sizes: parts }, ctx) => {
    const axis = resolveDim(ctx, dim, input.shape.length)
    return reshape(input, input.shape.toSpliced(axis, 1, ...inferShape(ctx, parts, input.shape[axis]!)))
  }))

define({ names: 'squeeze', homes: everywhere, doc: 'Removes dimensions of size 1', gradFn: 'SqueezeBackward0' },
  signature({ input: tensor, dim: optional(integers) }, ({ input, dim }, ctx) => {
    const axes = resolveDims(ctx, dim, input.shape)
    return reshape(input, input.shape.filter((n, axis) => n !== 1 || !axes.includes(axis)))
  }))
define({ names: 'unsqueeze', homes: everywhere, doc: 'Inserts a dimension of size 1', gradFn: 'UnsqueezeBackward0' },
  signature({ input: tensor, dim: integer }, ({ input, dim }, ctx) => reshape(input, input.shape.toSpliced(resolveDim(ctx, dim, input.shape.length + 1), 0, 1))))

/** expand(): -1 keeps a size; new leading dimensions are added. */
export function expandTo(ctx: TraceContext, x: Value, shape: Shape): Value {
  const extra = shape.length - x.shape.length
  const target = shape.map((n, i) => (n === -1 && i >= extra ? x.shape[i - extra]! : n))
  const fits = extra >= 0 && x.shape.every((n, i) => n === target[i + extra] || n === 1) && target.every((n) => n >= 0)
  if (!fits) fail(ctx, 'shape_mismatch', `a tensor of shape ${showShape(x.shape)} cannot be expanded to ${showShape(shape)}`)
  return expand(x, target)
}

define({ names: 'expand', homes: ['Tensor'], doc: 'Repeats dimensions of size 1', gradFn: 'ExpandBackward0' },
  signature({ input: tensor, size: sizes }, ({ input, size }, ctx) => expandTo(ctx, input, size)))
define({ names: 'expand_as', homes: ['Tensor'], doc: 'Repeats dimensions of size 1 to the shape of other', gradFn: 'ExpandBackward0' },
  signature({ input: tensor, other: tensor }, ({ input, other }, ctx) => expandTo(ctx, input, other.shape)))
define({ names: 'broadcast_to', homes: everywhere, doc: 'Repeats dimensions of size 1', gradFn: 'ExpandBackward0' },
  signature({ input: tensor, size: sizes }, ({ input, size }, ctx) => expandTo(ctx, input, size)))

define({ names: 'repeat', homes: ['Tensor'], doc: 'Copies one after the other along each dimension', gradFn: 'RepeatBackward0' },
  signature({ input: tensor, repeats: sizes }, ({ input, repeats }, ctx) => {
    if (repeats.length < input.shape.length) fail(ctx, 'bad_argument', `repeat(): ${input.shape.length} numbers of repeats expected, got ${repeats.length}`)
    const shape = [...Array<number>(repeats.length - input.shape.length).fill(1), ...input.shape]
    const interleaved = reshape(input, shape.flatMap((n) => [1, n]))
    const repeated = expand(interleaved, shape.flatMap((n, i) => [repeats[i]!, n]))
    return reshape(repeated, shape.map((n, i) => n * repeats[i]!))
  }))

// ---- order

define({ names: 'permute', homes: everywhere, doc: 'Dimensions in another order', gradFn: 'PermuteBackward0' },
  signature({ input: tensor, dims: sizes }, ({ input, dims }, ctx) => {
    const rank = input.shape.length
    if (dims.length !== rank) fail(ctx, 'bad_argument', `permute(): ${rank} dimensions expected, got ${dims.length}`)
    const order = dims.map((dim) => resolveDim(ctx, dim, rank, 'dims'))
    if (new Set(order).size !== rank) fail(ctx, 'bad_argument', `permute(): ${showShape(dims)} names a dimension twice`)
    return permute(input, order)
  }))

export function transpose(ctx: TraceContext, x: Value, dim0: number, dim1: number): Value {
  const rank = x.shape.length
  const [a, b] = [resolveDim(ctx, dim0, rank, 'dim0'), resolveDim(ctx, dim1, rank, 'dim1')]
  return rank === 0 ? x : permute(x, [...Array(rank).keys()].map((axis) => (axis === a ? b : axis === b ? a : axis)))
}

define({ names: ['transpose', 'swapaxes', 'swapdims'], homes: everywhere, doc: 'Exchanges two dimensions', gradFn: 'TransposeBackward0' },
  signature({ input: tensor, dim0: integer, dim1: integer }, ({ input, dim0, dim1 }, ctx) => transpose(ctx, input, dim0, dim1)))
define({ names: 't', homes: everywhere, doc: 'Transpose of a matrix', gradFn: 'TBackward0' },
  signature({ input: tensor }, ({ input }, ctx) => {
    if (input.shape.length > 2) fail(ctx, 'shape_mismatch', `t() takes at most 2 dimensions, got shape ${showShape(input.shape)}; use .mT or .transpose(dim0, dim1)`)
    return input.shape.length < 2 ? input : transpose(ctx, input, 0, 1)
  }))
define({ names: ['movedim', 'moveaxis'], homes: everywhere, doc: 'Moves dimensions to other places', gradFn: 'PermuteBackward0' },
  signature({ input: tensor, source: integers, destination: integers }, ({ input, source, destination }, ctx) => {
    const rank = input.shape.length
    const from = source.map((dim) => resolveDim(ctx, dim, rank, 'source'))
    const to = destination.map((dim) => resolveDim(ctx, dim, rank, 'destination'))
    if (from.length !== to.length || new Set(from).size !== from.length || new Set(to).size !== to.length) {
      fail(ctx, 'bad_argument', 'movedim(): source and destination must name as many different dimensions')
    }
    const rest = [...Array(rank).keys()].filter((axis) => !from.includes(axis))
    return permute(input, Array.from({ length: rank }, (_, axis) => (to.includes(axis) ? from[to.indexOf(axis)]! : rest.shift()!)))
  }))

function reverse(x: Value, axes: readonly number[]): Value {
  return axes.reduce((value, axis) => (x.shape[axis]! > 1 ? slice(value, axis, x.shape[axis]! - 1, x.shape[axis]!, -1) : value), x)
}

define({ names: 'flip', homes: everywhere, doc: 'Reverses dimensions', gradFn: 'FlipBackward0' },
  signature({ input: tensor, dims: sizes }, ({ input, dims }, ctx) => reverse(input, resolveDims(ctx, dims, input.shape))))
define({ names: 'roll', homes: everywhere, doc: 'Moves elements along dimensions; what leaves at the end returns at the start', gradFn: 'RollBackward0' },
  signature({ input: tensor, shifts: integers, dims: optional(integers) }, ({ input, shifts, dims }, ctx) => {
    if (dims === undefined) return reshape(rolled(reshape(input, [numel(input.shape)]), 0, shifts[0]!), input.shape)
    if (dims.length !== shifts.length) fail(ctx, 'bad_argument', `roll(): as many shifts as dims expected, got ${shifts.length} and ${dims.length}`)
    return dims.reduce((x, dim, i) => rolled(x, resolveDim(ctx, dim, input.shape.length), shifts[i]!), input)
  }))

function rolled(x: Value, axis: number, shift: number): Value {
  const size = x.shape[axis]!
  if (size === 0) return x
  const by = ((shift % size) + size) % size
  return by === 0 ? x : concat([slice(x, axis, size - by, by), slice(x, axis, 0, size - by)], axis)
}

// ---- joining and splitting

function joinable(ctx: TraceContext, parts: readonly Value[]): Value[] {
  const dtypeOfAll = resultType(ctx, parts)
  return parts.map((part) => ew.cast(part, dtypeOfAll))
}

/** Concatenation along a dimension; the other sizes must agree. */
export function cat(ctx: TraceContext, given: readonly Value[], dim: number): Value {
  // PyTorch passes over empty vectors, whatever the other shapes are.
  const parts = given.length > 1 ? given.filter((part) => !(part.shape.length === 1 && part.shape[0] === 0)) : given
  if (parts.length === 0) return given[0]!
  const first = parts[0]!
  const axis = resolveDim(ctx, dim, first.shape.length)
  if (first.shape.length === 0) fail(ctx, 'shape_mismatch', 'cat(): tensors without dimensions cannot be concatenated; use torch.stack')
  for (const part of parts) {
    if (part.shape.length !== first.shape.length || part.shape.some((n, i) => i !== axis && n !== first.shape[i])) {
      fail(ctx, 'shape_mismatch', `cat(): shapes ${showShape(first.shape)} and ${showShape(part.shape)} must agree except in dimension ${axis}`)
    }
  }
  return concat(joinable(ctx, parts), axis)
}

export function stack(ctx: TraceContext, parts: readonly Value[], dim: number): Value {
  const first = parts[0]!
  const axis = resolveDim(ctx, dim, first.shape.length + 1)
  for (const part of parts) {
    if (String(part.shape) !== String(first.shape)) fail(ctx, 'shape_mismatch', `stack(): shapes ${showShape(first.shape)} and ${showShape(part.shape)} must be equal`)
  }
  return concat(joinable(ctx, parts).map((part) => reshape(part, part.shape.toSpliced(axis, 0, 1))), axis)
}

define({ names: ['cat', 'concat', 'concatenate'], homes: ['torch'], doc: 'Joins tensors along a dimension', gradFn: 'CatBackward0' },
  signature({ tensors, dim: withDefault(integer, 0) }, ({ tensors: parts, dim }, ctx) => cat(ctx, parts, dim)))
define({ names: 'stack', homes: ['torch'], doc: 'Joins tensors along a new dimension', gradFn: 'StackBackward0' },
  signature({ tensors, dim: withDefault(integer, 0) }, ({ tensors: parts, dim }, ctx) => stack(ctx, parts, dim)))

/** Pieces of the given lengths along `axis`. */
export function pieces(x: Value, axis: number, lengths: readonly number[]): Value[] {
  let start = 0
  return lengths.map((length) => {
    const piece = length === 0 ? expand(reshape(ew.fullLike(slice(x, axis, 0, 1), 0), x.shape.with(axis, 1)), x.shape.with(axis, 0)) : slice(x, axis, start, length)
    start += length
    return piece
  })
}

function equalLengths(size: number, length: number): number[] {
  return Array.from({ length: Math.max(1, Math.ceil(size / length)) }, (_, i) => Math.min(length, size - i * length))
}

define({ names: 'split', homes: everywhere, doc: 'Pieces of a size, or of given sizes, along dim', gradFn: 'SplitBackward0' },
  signature({ tensor, split_size_or_sections: integers, dim: withDefault(integer, 0) }, ({ tensor: x, split_size_or_sections: lengths, dim }, ctx) => {
    const axis = resolveDim(ctx, dim, x.shape.length)
    const size = x.shape[axis]!
    if (lengths.some((n) => n < 0) || (lengths.length === 1 && lengths[0] === 0 && size > 0)) fail(ctx, 'bad_argument', `split(): ${showShape(lengths)} are no sizes`)
    if (lengths.length === 1) return pieces(x, axis, equalLengths(size, lengths[0]!))
    const total = lengths.reduce((a, b) => a + b, 0)
    if (total !== size) fail(ctx, 'shape_mismatch', `split(): the sizes ${showShape(lengths)} sum to ${total}, dimension ${axis} has ${size}`)
    return pieces(x, axis, lengths)
  }))
define({ names: 'chunk', homes: everywhere, doc: 'A number of equal pieces along dim; the last may be smaller', gradFn: 'SplitBackward0' },
  signature({ input: tensor, chunks: integer, dim: withDefault(integer, 0) }, ({ input, chunks, dim }, ctx) => {
    const axis = resolveDim(ctx, dim, input.shape.length)
    if (chunks < 1) fail(ctx, 'bad_argument', `chunk(): a positive number of chunks expected, got ${chunks}`)
    return pieces(input, axis, equalLengths(input.shape[axis]!, Math.max(1, Math.ceil(input.shape[axis]! / chunks))))
  }))

/** The sub-tensor at one place of a dimension, which vanishes. */
export function select(ctx: TraceContext, x: Value, axis: number, index: number): Value {
  const size = x.shape[axis]!
  if (index < -size || index >= size) fail(ctx, 'bad_index', `index ${index} is out of range for dimension ${axis} of size ${size}`)
  return reshape(slice(x, axis, index < 0 ? index + size : index, 1), x.shape.toSpliced(axis, 1))
}

define({ names: 'unbind', homes: everywhere, doc: 'The sub-tensors along dim', gradFn: 'UnbindBackward0' },
  signature({ input: tensor, dim: withDefault(integer, 0) }, ({ input, dim }, ctx) => {
    const axis = resolveDim(ctx, dim, input.shape.length)
    return Array.from({ length: input.shape[axis]! }, (_, i) => select(ctx, input, axis, i))
  }))
define({ names: 'select', homes: everywhere, doc: 'The sub-tensor at an index of dim', gradFn: 'SelectBackward0' },
  signature({ input: tensor, dim: integer, index: integer }, ({ input, dim, index }, ctx) => select(ctx, input, resolveDim(ctx, dim, input.shape.length), index)))
define({ names: 'narrow', homes: everywhere, doc: 'length elements of dim from start on', gradFn: 'SliceBackward0' },
  signature({ input: tensor, dim: integer, start: integer, length: integer }, ({ input, dim, start, length }, ctx) => {
    const axis = resolveDim(ctx, dim, input.shape.length)
    const size = input.shape[axis]!
    const from = start < 0 ? start + size : start
    if (from < 0 || length < 1 || from + length > size) fail(ctx, 'bad_index', `narrow(): ${length} elements from ${start} on do not fit in dimension ${axis} of size ${size}`)
    return slice(input, axis, from, length)
  }))

// ---- gathering

/** Elements of `x` along `axis` at `index` (of any shape), which takes the place of the axis. */
export function take(x: Value, axis: number, index: Value): Value {
  const rows = numel(index.shape)
  const shape = x.shape.with(axis, rows)
  const flat = checkIndex(reshape(index, shape.map((n, i) => (i === axis ? n : 1))), x.shape[axis]!, 'index')
  return reshape(gather(x, expand(flat, shape), axis), x.shape.toSpliced(axis, 1, ...index.shape))
}

define({ names: 'index_select', homes: everywhere, doc: 'Sub-tensors along dim at the given places', gradFn: 'IndexSelectBackward0' },
  signature({ input: tensor, dim: integer, index: tensor }, ({ input, dim, index }, ctx) => {
    if (index.shape.length > 1) fail(ctx, 'shape_mismatch', `index_select(): index: 1 dimension expected, got shape ${showShape(index.shape)}`)
    return take(input, resolveDim(ctx, dim, input.shape.length), reshape(index, [numel(index.shape)]))
  }))
define({ names: 'gather', homes: everywhere, doc: 'Elements at index along dim', gradFn: 'GatherBackward0' },
  signature({ input: tensor, dim: integer, index: tensor }, ({ input, dim, index }, ctx) => {
    const axis = resolveDim(ctx, dim, input.shape.length)
    if (index.shape.length !== input.shape.length || index.shape.some((n, i) => i !== axis && n > input.shape[i]!)) {
      fail(ctx, 'shape_mismatch', `gather(): index of shape ${showShape(index.shape)} does not fit input of shape ${showShape(input.shape)}`)
    }
    const part = index.shape.reduce((x, n, i) => (i === axis ? x : slice(x, i, 0, n)), input)
    return gather(part, checkIndex(index, input.shape[axis]!, 'index'), axis)
  }))
define({ names: 'embedding', homes: ['F'], doc: 'Rows of weight at input', gradFn: 'EmbeddingBackward0' },
  signature({ input: tensor, weight: tensor }, ({ input, weight }, ctx) => {
    if (weight.shape.length !== 2) fail(ctx, 'shape_mismatch', `embedding(): weight: 2 dimensions expected, got shape ${showShape(weight.shape)}`)
    return take(weight, 0, input)
  }))

// ---- conversions and questions

for (const [name, target] of [['float', 'float32'], ['double', 'float64'], ['long', 'int64'], ['bool', 'bool']] as const) {
  define({ names: name, homes: ['Tensor'], doc: `Converts to ${target}`, gradFn: 'ToCopyBackward0' }, signature({ input: tensor }, ({ input }) => ew.cast(input, target)))
}
define({ names: 'int', homes: ['Tensor'], doc: 'Converts to whole numbers (int64)' }, signature({ input: tensor }, ({ input }) => ew.cast(input, 'int64')))
define({ names: ['to', 'type'], homes: ['Tensor'], doc: 'Converts to a dtype', gradFn: 'ToCopyBackward0' },
  signature({ input: tensor, dtype }, ({ input, dtype: target }: { input: Value; dtype: DType }) => ew.cast(input, target)),
  signature({ input: tensor, other: tensor }, ({ input, other }) => ew.cast(input, other.dtype)))
define({ names: 'type_as', homes: ['Tensor'], doc: 'Converts to the dtype of other', gradFn: 'ToCopyBackward0' }, signature({ input: tensor, other: tensor }, ({ input, other }) => ew.cast(input, other.dtype)))

define({ names: 'detach', homes: everywhere, doc: 'The same numbers; no gradient flows back' }, signature({ input: tensor }, ({ input }) => ew.detach(input)))
define({ names: 'clone', homes: everywhere, doc: 'A copy', gradFn: 'CloneBackward0' }, signature({ input: tensor }, ({ input }) => ew.copy(input)))
define({ names: 'contiguous', homes: ['Tensor'], doc: 'The same tensor', gradFn: 'CloneBackward0' }, signature({ input: tensor }, ({ input }) => input))

function question(name: string, doc: string, answer: (x: Value) => Dynamic): void {
  define({ names: name, homes: ['Tensor'], doc }, signature({ input: tensor }, ({ input }) => ({ static: answer(input) })))
}

question('numel', 'Number of elements', (x) => int(numel(x.shape)))
question('nelement', 'Number of elements', (x) => int(numel(x.shape)))
question('dim', 'Number of dimensions', (x) => int(x.shape.length))
question('is_floating_point', 'Whether the dtype is a floating-point one', (x) => ({ kind: 'boolean', value: x.dtype.startsWith('float') }))
define({ names: 'numel', homes: ['torch'], doc: 'Number of elements' }, signature({ input: tensor }, ({ input }) => ({ static: int(numel(input.shape)) })))
define({ names: 'size', homes: ['Tensor'], doc: 'The shape, or one size of it' },
  signature({ input: tensor, dim: optional(integer) }, ({ input, dim }, ctx) => ({
    static: dim === undefined ? tuple(input.shape.map(int)) : int(input.shape[resolveDim(ctx, dim, input.shape.length)] ?? fail(ctx, 'bad_argument', 'size(): a tensor without dimensions has no sizes')),
  })))

