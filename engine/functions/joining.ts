/** Functions that join tensors: end to end, along new dimensions, as blocks, and in all combinations. */
import { showShape } from '../errors.ts'
import type { Value } from '../ir/value.ts'
import { numel, sameShape } from '../ir/value.ts'
import type { TraceContext } from '../lang/values.ts'
import { Tensor, fail } from '../lang/values.ts'
import * as ew from '../ops/elementwise.ts'
import { constant, literal } from '../ops/source.ts'
import { concat, expand, reshape } from '../ops/view.ts'
import { family, madeBy, signature } from './define.ts'
import { take } from './gathering.ts'
import type { Kind } from './parameters.ts'
import { boolean, integer, oneOf, resolveDim, tensor, tensors, withDefault } from './parameters.ts'
import { broadcastShapes, resultType } from './promote.ts'

const { define } = family('joining and splitting')

function joinable(ctx: TraceContext, parts: readonly Value[]): Value[] {
  const dtypeOfAll = resultType(ctx, parts)
  return parts.map((part) => ew.cast(part, dtypeOfAll))
}

/** Concatenation along a dimension; the other sizes must agree. */
export function cat(ctx: TraceContext, given: readonly Value[], dim: number, name = 'cat'): Value {
  // PyTorch passes over empty vectors, whatever the other shapes are.
  const parts = given.length > 1 ? given.filter((part) => !(part.shape.length === 1 && part.shape[0] === 0)) : given
  if (parts.length === 0) return given[0]!
  const first = parts[0]!
  const axis = resolveDim(ctx, dim, first.shape.length)
  if (parts.some((part) => part.shape.length === 0)) fail(ctx, 'shape_mismatch', `${name}(): tensors without dimensions cannot be concatenated; use torch.stack`)
  for (const part of parts) {
    if (part.shape.length !== first.shape.length || part.shape.some((n, i) => i !== axis && n !== first.shape[i])) {
      fail(ctx, 'shape_mismatch', `${name}(): shapes ${showShape(first.shape)} and ${showShape(part.shape)} must agree except in dimension ${axis}`)
    }
  }
  return concat(joinable(ctx, parts), axis)
}

export function stack(ctx: TraceContext, parts: readonly Value[], dim: number): Value {
  const first = parts[0]!
  const axis = resolveDim(ctx, dim, first.shape.length + 1)
  for (const part of parts) {
    if (!sameShape(part.shape, first.shape)) fail(ctx, 'shape_mismatch', `stack(): shapes ${showShape(first.shape)} and ${showShape(part.shape)} must be equal`)
  }
  return concat(joinable(ctx, parts).map((part) => reshape(part, part.shape.toSpliced(axis, 0, 1))), axis)
}

define({ names: ['cat', 'concat', 'concatenate'], homes: ['torch'], doc: 'Joins tensors along a dimension', gradFn: 'CatBackward0' },
  signature({ tensors, dim: withDefault(integer, 0) }, ({ tensors: parts, dim }, ctx) => cat(ctx, parts, dim)))
define({ names: 'stack', homes: ['torch'], doc: 'Joins tensors along a new dimension', gradFn: 'StackBackward0' },
  signature({ tensors, dim: withDefault(integer, 0) }, ({ tensors: parts, dim }, ctx) => stack(ctx, parts, dim)))

/** At least so many dimensions, as NumPy adds them: a matrix gets its third behind, a vector becomes a row before. */
function atLeast(x: Value, rank: 1 | 2 | 3): Value {
  const { shape } = x
  if (shape.length >= rank) return x
  if (shape.length === 0) return reshape(x, Array<number>(rank).fill(1))
  if (rank === 2) return reshape(x, [1, ...shape])
  return reshape(x, shape.length === 1 ? [1, ...shape, 1] : [...shape, 1])
}

const several: Kind<readonly Value[]> = {
  ...tensors,
  type: '*Tensor',
  variadic: true,
  fits: (value) => value instanceof Tensor || tensors.fits(value),
  convert: (value, ctx, what) => (value instanceof Tensor ? [value.value] : tensors.convert(value, ctx, what)),
}

for (const rank of [1, 2, 3] as const) {
  define({ names: `atleast_${rank}d`, homes: ['torch'], doc: `Tensors with at least ${rank} dimension${rank > 1 ? 's' : ''}`, gradFn: 'UnsqueezeBackward0' },
    signature({ input: tensor }, ({ input }) => (input.shape.length === 0 ? madeBy('ReshapeAliasBackward0', atLeast(input, rank)) : atLeast(input, rank))),
    signature({ tensors: several }, ({ tensors: parts }) => parts.map((part) => atLeast(part, rank))))
}

define({ names: 'hstack', homes: ['torch'], doc: 'Joins tensors along the second dimension, vectors along their only one', gradFn: 'CatBackward0' },
  signature({ tensors }, ({ tensors: parts }, ctx) => {
    const rows = parts.map((part) => atLeast(part, 1))
    return cat(ctx, rows, rows[0]!.shape.length === 1 ? 0 : 1, 'hstack')
  }))
define({ names: ['vstack', 'row_stack'], homes: ['torch'], doc: 'Joins tensors along the first dimension; vectors are rows', gradFn: 'CatBackward0' },
  signature({ tensors }, ({ tensors: parts }, ctx) => cat(ctx, parts.map((part) => atLeast(part, 2)), 0, 'vstack')))
define({ names: 'dstack', homes: ['torch'], doc: 'Joins tensors along the third dimension', gradFn: 'CatBackward0' },
  signature({ tensors }, ({ tensors: parts }, ctx) => cat(ctx, parts.map((part) => atLeast(part, 3)), 2, 'dstack')))
define({ names: 'column_stack', homes: ['torch'], doc: 'Joins tensors along the second dimension; vectors are columns', gradFn: 'CatBackward0' },
  signature({ tensors }, ({ tensors: parts }, ctx) => cat(ctx, parts.map((part) => (part.shape.length < 2 ? reshape(part, [numel(part.shape), 1]) : part)), 1, 'column_stack')))

define({ names: 'block_diag', homes: ['torch'], doc: 'A matrix with the given ones as blocks along its diagonal', gradFn: 'BlockDiagBackward0' },
  signature({ tensors: several }, ({ tensors: parts }, ctx) => {
    const blocks = joinable(ctx, parts).map((part) => {
      if (part.shape.length > 2) fail(ctx, 'shape_mismatch', `block_diag(): tensors of at most 2 dimensions expected, got shape ${showShape(part.shape)}`)
      return atLeast(part, 2)
    })
    const columns = blocks.reduce((n, block) => n + block.shape[1]!, 0)
    let before = 0
    const rows = blocks.map((block) => {
      const [height, width] = block.shape as [number, number]
      const zeros = (n: number): Value => expand(constant(ctx.graph, 0, block.dtype), [height, n])
      const row = concat([zeros(before), block, zeros(columns - before - width)], 1)
      before += width
      return row
    })
    return concat(rows, 0)
  }))

define({ names: 'broadcast_tensors', homes: ['torch'], doc: 'The tensors expanded to their common shape', gradFn: 'ExpandBackward0' },
  signature({ tensors: several }, ({ tensors: parts }, ctx) => {
    const shape = broadcastShapes(ctx, parts.map((part) => part.shape))
    return parts.map((part) => expand(part, shape))
  }))

// ---- combinations

/** Each vector spread over its own dimension of a grid. */
function grids(ctx: TraceContext, name: string, parts: readonly Value[]): Value[] {
  const vectors = parts.map((part) => {
    if (part.shape.length > 1) fail(ctx, 'shape_mismatch', `${name}(): 0-d or 1-d tensors expected, got shape ${showShape(part.shape)}`)
    return atLeast(part, 1)
  })
  const odd = vectors.find((vector) => vector.dtype !== vectors[0]!.dtype)
  if (odd) fail(ctx, 'dtype_mismatch', `${name}(): tensors of one dtype expected, got ${vectors[0]!.dtype} and ${odd.dtype}`)
  const shape = vectors.map((vector) => vector.shape[0]!)
  return vectors.map((vector, axis) => expand(reshape(vector, shape.map((n, i) => (i === axis ? n : 1))), shape))
}

define({ names: 'meshgrid', homes: ['torch'], doc: 'Coordinates of the points of a grid, from the coordinates along its sides', gradFn: 'ExpandBackward0' },
  signature({ tensors: several, indexing: withDefault(oneOf('ij', 'xy'), 'ij', "'ij'") }, ({ tensors: parts, indexing }, ctx) => {
    if (indexing === 'ij' || parts.length < 2) return grids(ctx, 'meshgrid', parts)
    // Rows count the second coordinate.
    const [first, second, ...rest] = parts as [Value, Value, ...Value[]]
    const [y, x, ...others] = grids(ctx, 'meshgrid', [second, first, ...rest]) as [Value, Value, ...Value[]]
    return [x, y, ...others]
  }))

define({ names: 'cartesian_prod', homes: ['torch'], doc: 'All combinations of an element of each vector, a row for each', gradFn: 'StackBackward0' },
  signature({ tensors: several }, ({ tensors: parts }, ctx) => {
    const odd = parts.find((part) => part.shape.length !== 1)
    if (odd) fail(ctx, 'shape_mismatch', `cartesian_prod(): 1-d tensors expected, got shape ${showShape(odd.shape)}`)
    if (parts.length === 1) return parts[0]!
    const columns = grids(ctx, 'cartesian_prod', parts)
    return concat(columns.map((column) => reshape(column, [numel(column.shape), 1])), 1)
  }))

/** The places of all combinations of `r` out of `n`, in order. */
function combinationsOf(n: number, r: number, replace: boolean): number[][] {
  if (r === 0) return [[]]
  return combinationsOf(n, r - 1, replace).flatMap((head) => {
    const from = head.length === 0 ? 0 : replace ? head.at(-1)! : head.at(-1)! + 1
    return Array.from({ length: Math.max(0, n - from) }, (_, i) => [...head, from + i])
  })
}

/** How many combinations there are. */
function combinationCount(n: number, r: number, replace: boolean): number {
  const top = replace ? n + r - 1 : n
  let count = 1
  for (let i = 1; i <= r; i++) count = (count * (top - r + i)) / i
  return top < r ? 0 : Math.round(count)
}

define({ names: 'combinations', homes: ['torch'], doc: 'All combinations of r elements of a vector, a row for each', gradFn: 'StackBackward0' },
  signature({ input: tensor, r: withDefault(integer, 2), with_replacement: withDefault(boolean, false, 'False') }, ({ input, r, with_replacement }, ctx) => {
    if (input.shape.length !== 1) fail(ctx, 'shape_mismatch', `combinations(): a 1-d tensor expected, got shape ${showShape(input.shape)}`)
    if (r < 0) fail(ctx, 'bad_argument', `combinations(): r: a number of elements expected, got ${r}`)
    const count = combinationCount(input.shape[0]!, r, with_replacement)
    if (count > 100_000) fail(ctx, 'tensor_too_large', `combinations(): there are ${count} combinations; the limit is 100000`)
    if (r === 0 || count === 0) return expand(constant(ctx.graph, 0, input.dtype), r === 0 ? [0] : [0, r])
    return take(input, 0, literal(ctx.graph, combinationsOf(input.shape[0]!, r, with_replacement).flat(), [count, r], 'int64'))
  }))

