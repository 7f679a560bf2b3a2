/** Functions that give the same elements another shape or their dimensions another order. */
import { showShape } from '../errors.ts'
import type { Shape, Value } from '../ir/value.ts'
import { numel } from '../ir/value.ts'
import type { TraceContext } from '../lang/values.ts'
import { fail } from '../lang/values.ts'
import { expand, permute, reshape } from '../ops/view.ts'
import type { Home } from './define.ts'
import { family, signature } from './define.ts'
import { integer, integers, optional, resolveDim, resolveDims, sizes, tensor, withDefault } from './parameters.ts'

const { define } = family('shape')

const everywhere: readonly Home[] = ['torch', 'Tensor']

/** An error for tensors of fewer dimensions. */
export function requireDimensions(ctx: TraceContext, name: string, x: Value, least = 1): void {
  if (x.shape.length < least) fail(ctx, 'shape_mismatch', `${name}(): a tensor of at least ${least} dimension${least > 1 ? 's' : ''} expected, got shape ${showShape(x.shape)}`)
}

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
    requireDimensions(ctx, 'unflatten', input)
    if (parts.length === 0) fail(ctx, 'bad_argument', 'unflatten(): sizes: at least one size expected')
    const axis = resolveDim(ctx, dim, input.shape.length)
    return reshape(input, input.shape.toSpliced(axis, 1, ...inferShape(ctx, parts, input.shape[axis]!)))
  }))

define({ names: 'squeeze', homes: everywhere, doc: 'Removes dimensions of size 1', gradFn: 'SqueezeBackward0' },
  signature({ input: tensor, dim: optional(integers) }, ({ input, dim }, ctx) => {
    const axes = dim?.length === 0 ? [] : resolveDims(ctx, dim, input.shape)
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

define({ names: ['transpose', 'swapdims'], homes: everywhere, doc: 'Exchanges two dimensions', gradFn: 'TransposeBackward0' },
  signature({ input: tensor, dim0: integer, dim1: integer }, ({ input, dim0, dim1 }, ctx) => transpose(ctx, input, dim0, dim1)))
define({ names: 'swapaxes', homes: everywhere, doc: 'Exchanges two dimensions', gradFn: 'TransposeBackward0' },
  signature({ input: tensor, axis0: integer, axis1: integer }, ({ input, axis0, axis1 }, ctx) => transpose(ctx, input, axis0, axis1)))
define({ names: 'adjoint', homes: everywhere, doc: 'Transpose of matrices', gradFn: 'TransposeBackward0' },
  signature({ input: tensor }, ({ input }, ctx) => {
    requireDimensions(ctx, 'adjoint', input, 2)
    return transpose(ctx, input, -2, -1)
  }))
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

