/** Functions that take tensors apart: pieces along a dimension, and single places of it. */
import { showShape } from '../errors.ts'
import type { Value } from '../ir/value.ts'
import type { TraceContext } from '../lang/values.ts'
import { fail } from '../lang/values.ts'
import { reshape, slice } from '../ops/view.ts'
import type { Home } from './define.ts'
import { family, signature } from './define.ts'
import { integer, integers, resolveDim, tensor, withDefault } from './parameters.ts'
import { requireDimensions } from './shaping.ts'

const { define } = family('joining and splitting')

const everywhere: readonly Home[] = ['torch', 'Tensor']

/** The axis of `dim`, of a tensor that has dimensions. */
function axisOf(ctx: TraceContext, name: string, x: Value, dim: number): number {
  requireDimensions(ctx, name, x)
  return resolveDim(ctx, dim, x.shape.length)
}

/** Pieces of the given lengths along `axis`. */
function pieces(x: Value, axis: number, lengths: readonly number[]): Value[] {
  let start = 0
  return lengths.map((length) => {
    const piece = slice(x, axis, length === 0 ? 0 : start, length)
    start += length
    return piece
  })
}

function equalLengths(size: number, length: number): number[] {
  return Array.from({ length: Math.max(1, Math.ceil(size / length)) }, (_, i) => Math.min(length, size - i * length))
}

function splitBySize(ctx: TraceContext, x: Value, length: number, dim: number): Value[] {
  const axis = axisOf(ctx, 'split', x, dim)
  const size = x.shape[axis]!
  if (length < 0 || (length === 0 && size > 0)) fail(ctx, 'bad_argument', `split(): split_size must be positive, got ${length}`)
  return pieces(x, axis, length === 0 ? [0] : equalLengths(size, length))
}

function splitBySizes(ctx: TraceContext, name: string, x: Value, lengths: readonly number[], dim: number): Value[] {
  const axis = axisOf(ctx, name, x, dim)
  const size = x.shape[axis]!
  if (lengths.some((n) => n < 0)) fail(ctx, 'bad_argument', `${name}(): sizes must not be negative, got ${showShape(lengths)}`)
  const total = lengths.reduce((a, b) => a + b, 0)
  if (total !== size) fail(ctx, 'shape_mismatch', `${name}(): the sizes ${showShape(lengths)} sum to ${total}, dimension ${axis} has ${size}`)
  return pieces(x, axis, lengths)
}

const along = withDefault(integer, 0)

define({ names: 'split', homes: everywhere, doc: 'Pieces of a size, or of given sizes, along dim', gradFn: 'SplitBackward0' },
  signature({ tensor, split_size_or_sections: integer, dim: along }, ({ tensor: x, split_size_or_sections: length, dim }, ctx) => splitBySize(ctx, x, length, dim)),
  signature({ tensor, split_size_or_sections: integers, dim: along }, ({ tensor: x, split_size_or_sections: lengths, dim }, ctx) => splitBySizes(ctx, 'split', x, lengths, dim)),
  signature({ tensor, split_size: integers, dim: along }, ({ tensor: x, split_size: [length, ...more], dim }, ctx) => {
    if (more.length > 0 || length === undefined) fail(ctx, 'bad_argument', 'split(): split_size: an int expected; a list of sizes is called split_size_or_sections')
    return splitBySize(ctx, x, length, dim)
  }))
define({ names: 'split_with_sizes', homes: everywhere, doc: 'Pieces of given sizes along dim', gradFn: 'SplitWithSizesBackward0' },
  signature({ input: tensor, split_sizes: integers, dim: along }, ({ input, split_sizes, dim }, ctx) => splitBySizes(ctx, 'split_with_sizes', input, split_sizes, dim)))

define({ names: 'chunk', homes: everywhere, doc: 'A number of equal pieces along dim; the last may be smaller', gradFn: 'SplitBackward0' },
  signature({ input: tensor, chunks: integer, dim: along }, ({ input, chunks, dim }, ctx) => {
    const axis = axisOf(ctx, 'chunk', input, dim)
    requireCount(ctx, 'chunk', chunks)
    const size = input.shape[axis]!
    return pieces(input, axis, size === 0 ? Array<number>(chunks).fill(0) : equalLengths(size, Math.ceil(size / chunks)))
  }))

/** Each piece is a node of the graph. */
function requireCount(ctx: TraceContext, name: string, count: number): void {
  if (count < 1) fail(ctx, 'bad_argument', `${name}(): at least 1 section expected, got ${count}`)
  if (count > ctx.graph.limits.maxNodes) fail(ctx, 'graph_too_large', `${name}(): the graph would have more than ${ctx.graph.limits.maxNodes} nodes`)
}

/** As many pieces as equal as can be, the larger ones first. */
function evenPieces(x: Value, axis: number, count: number): Value[] {
  const size = x.shape[axis]!
  return pieces(x, axis, Array.from({ length: count }, (_, i) => Math.floor(size / count) + (i < size % count ? 1 : 0)))
}

/** Pieces between places, which are cut off at both ends as those of slices are. */
function piecesBetween(x: Value, axis: number, places: readonly number[]): Value[] {
  const size = x.shape[axis]!
  const bounds = [0, ...places.map((place) => Math.min(size, Math.max(0, place < 0 ? place + size : place))), size]
  return bounds.slice(1).map((end, i) => {
    const length = Math.max(0, end - bounds[i]!)
    return slice(x, axis, length === 0 ? 0 : bounds[i]!, length)
  })
}

define({ names: 'tensor_split', homes: everywhere, doc: 'A number of nearly equal pieces, or the pieces between given places, along dim', gradFn: 'SliceBackward0' },
  signature({ input: tensor, indices_or_sections: integer, dim: along }, ({ input, indices_or_sections: count, dim }, ctx) => {
    const axis = axisOf(ctx, 'tensor_split', input, dim)
    requireCount(ctx, 'tensor_split', count)
    return evenPieces(input, axis, count)
  }),
  signature({ input: tensor, indices_or_sections: integers, dim: along }, ({ input, indices_or_sections: places, dim }, ctx) => piecesBetween(input, axisOf(ctx, 'tensor_split', input, dim), places)),
  signature({ input: tensor, sections: integer, dim: along }, ({ input, sections, dim }, ctx) => {
    requireCount(ctx, 'tensor_split', sections)
    return evenPieces(input, axisOf(ctx, 'tensor_split', input, dim), sections)
  }),
  signature({ input: tensor, indices: integers, dim: along }, ({ input, indices, dim }, ctx) => piecesBetween(input, axisOf(ctx, 'tensor_split', input, dim), indices)))

for (const [name, axis, least, order] of [['vsplit', 0, 2, 'first'], ['hsplit', 1, 1, 'second'], ['dsplit', 2, 3, 'third']] as const) {
  define({ names: name, homes: everywhere, doc: `Equal pieces, or the pieces between given places, along the ${order} dimension`, gradFn: 'SliceBackward0' },
    signature({ input: tensor, indices_or_sections: integer }, ({ input, indices_or_sections: count }, ctx) => {
      requireDimensions(ctx, name, input, least)
      const at = Math.min(axis, input.shape.length - 1)
      requireCount(ctx, name, count)
      if (input.shape[at]! % count !== 0) fail(ctx, 'bad_argument', `${name}(): dimension ${at} of size ${input.shape[at]} cannot be split into ${count} equal sections`)
      return evenPieces(input, at, count)
    }),
    signature({ input: tensor, indices_or_sections: integers }, ({ input, indices_or_sections: places }, ctx) => {
      requireDimensions(ctx, name, input, least)
      return piecesBetween(input, Math.min(axis, input.shape.length - 1), places)
    }))
}

// ---- single places

/** The sub-tensor at one place of a dimension, which vanishes. */
export function select(ctx: TraceContext, x: Value, axis: number, index: number): Value {
  const size = x.shape[axis]!
  if (index < -size || index >= size) fail(ctx, 'bad_index', `index ${index} is out of range for dimension ${axis} of size ${size}`)
  return reshape(slice(x, axis, index < 0 ? index + size : index, 1), x.shape.toSpliced(axis, 1))
}

define({ names: 'unbind', homes: everywhere, doc: 'The sub-tensors along dim', gradFn: 'UnbindBackward0' },
  signature({ input: tensor, dim: along }, ({ input, dim }, ctx) => {
    const axis = axisOf(ctx, 'unbind', input, dim)
    return Array.from({ length: input.shape[axis]! }, (_, i) => select(ctx, input, axis, i))
  }))
define({ names: 'select', homes: everywhere, doc: 'The sub-tensor at an index of dim', gradFn: 'SelectBackward0' },
  signature({ input: tensor, dim: integer, index: integer }, ({ input, dim, index }, ctx) => select(ctx, input, axisOf(ctx, 'select', input, dim), index)))

define({ names: 'narrow', homes: everywhere, doc: 'length elements of dim from start on', gradFn: 'SliceBackward0' },
  signature({ input: tensor, dim: integer, start: integer, length: integer }, ({ input, dim, start, length }, ctx) => {
    const axis = axisOf(ctx, 'narrow', input, dim)
    const size = input.shape[axis]!
    const from = start < 0 ? start + size : start
    if (from < 0 || length < 0 || from + length > size) fail(ctx, 'bad_index', `narrow(): ${length} elements from ${start} on do not fit in dimension ${axis} of size ${size}`)
    return slice(input, axis, length === 0 ? 0 : from, length)
  }),
  signature({ input: tensor, dim: integer, start: tensor, length: integer }, (_args, ctx) =>
    fail(ctx, 'value_dependent', 'narrow(): start: an int expected, got a tensor; index_select(dim, start + torch.arange(length)) takes places that are computed')))
