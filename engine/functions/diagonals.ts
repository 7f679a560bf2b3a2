/** Diagonals and triangles of matrices, and matrices made of them. */
import { showShape } from '../errors.ts'
import type { DType, Value } from '../ir/value.ts'
import { isFloat, numel } from '../ir/value.ts'
import type { TraceContext } from '../lang/values.ts'
import { fail } from '../lang/values.ts'
import * as ew from '../ops/elementwise.ts'
import { constant, iota } from '../ops/source.ts'
import { lowerTriangle, onlyDiagonal, upperTriangle } from '../ops/triangle.ts'
import { concat, expand, permute, reshape, slice, sum } from '../ops/view.ts'
import { full } from './creation.ts'
import type { Home } from './define.ts'
import { family, signature } from './define.ts'
import { boolean, device, dtype, integer, optional, resolveDim, tensor, withDefault } from './parameters.ts'

const { define } = family('linear algebra')

const everywhere: readonly Home[] = ['torch', 'Tensor']

/**
 * The diagonal number `offset` (1: the one above the main one) of the last two axes, as the last axis. One run with a
 * stride over the rows laid end to end.
 */
export function lastDiagonal(x: Value, offset: number): Value {
  const [rows, columns] = x.shape.slice(-2) as [number, number]
  const batch = x.shape.slice(0, -2)
  const length = Math.max(0, offset >= 0 ? Math.min(rows, columns - offset) : Math.min(rows + offset, columns))
  const flat = reshape(x, [...batch, rows * columns])
  return length === 0 ? slice(flat, batch.length, 0, 0) : slice(flat, batch.length, offset >= 0 ? offset : -offset * columns, length, columns + 1)
}

/** Two different axes of a tensor of `rank` dimensions. */
function twoAxes(ctx: TraceContext, name: string, dim1: number, dim2: number, rank: number): readonly [number, number] {
  const [a, b] = [resolveDim(ctx, dim1, rank, 'dim1'), resolveDim(ctx, dim2, rank, 'dim2')]
  if (a === b) fail(ctx, 'bad_argument', `${name}(): dim1 and dim2 are both dimension ${a}`)
  return [a, b]
}

/** torch.diagonal: the diagonal of the dimensions `dim1` and `dim2`, as the last dimension. */
export function diagonal(ctx: TraceContext, x: Value, offset: number, dim1: number, dim2: number): Value {
  if (x.shape.length < 2) fail(ctx, 'shape_mismatch', `diagonal() takes at least 2 dimensions, got shape ${showShape(x.shape)}`)
  const [a, b] = twoAxes(ctx, 'diagonal', dim1, dim2, x.shape.length)
  const rest = [...x.shape.keys()].filter((axis) => axis !== a && axis !== b)
  return lastDiagonal(permute(x, [...rest, a, b]), offset)
}

/** Matrices with the last axis of `x` as diagonal number `offset`, zeros elsewhere, as the last two axes. */
function matrixOf(x: Value, offset: number): Value {
  const n = x.shape.at(-1)!
  const batch = x.shape.slice(0, -1)
  const size = n + Math.abs(offset)
  // The padding stands where the diagonal does not reach.
  const padded = offset === 0 ? x : concat([x, expand(constant(x.graph, 0, x.dtype), [...batch, size - n])], batch.length)
  const spread = reshape(padded, offset >= 0 ? [...batch, size, 1] : [...batch, 1, size])
  return onlyDiagonal(expand(spread, [...batch, size, size]), offset)
}

/** torch.diag_embed: the last dimension as diagonal of the new dimensions `dim1` and `dim2`. */
function diagEmbed(ctx: TraceContext, x: Value, offset: number, dim1: number, dim2: number): Value {
  if (x.shape.length === 0) fail(ctx, 'shape_mismatch', 'diag_embed() takes at least 1 dimension, got shape []')
  const rank = x.shape.length + 1
  const [a, b] = twoAxes(ctx, 'diag_embed', dim1, dim2, rank)
  const rest = [...Array(rank - 2).keys()]
  return permute(matrixOf(x, offset), Array.from({ length: rank }, (_, axis) => (axis === a ? rank - 2 : axis === b ? rank - 1 : rest.shift()!)))
}

/** torch.diag: a matrix of a vector, the diagonal of a matrix. */
function diag(ctx: TraceContext, x: Value, offset: number): Value {
  if (x.shape.length === 1) return matrixOf(x, offset)
  if (x.shape.length === 2) return lastDiagonal(x, offset)
  return fail(ctx, 'shape_mismatch', `diag() takes 1 or 2 dimensions, got shape ${showShape(x.shape)}; use torch.diagonal or torch.diag_embed`)
}

const whichDiagonal = withDefault(integer, 0)

define({ names: 'diagonal', homes: everywhere, doc: 'The diagonal of two dimensions, as the last dimension', gradFn: 'DiagonalBackward0' },
  signature({ input: tensor, offset: whichDiagonal, dim1: withDefault(integer, 0), dim2: withDefault(integer, 1) }, ({ input, offset, dim1, dim2 }, ctx) => diagonal(ctx, input, offset, dim1, dim2)))
define({ names: 'diagonal', homes: ['linalg'], doc: 'The diagonals of matrices', gradFn: 'DiagonalBackward0' },
  signature({ A: tensor, offset: whichDiagonal, dim1: withDefault(integer, -2), dim2: withDefault(integer, -1) }, ({ A, offset, dim1, dim2 }, ctx) => diagonal(ctx, A, offset, dim1, dim2)))
define({ names: 'diag_embed', homes: everywhere, doc: 'Matrices with the last dimension as diagonal', gradFn: 'DiagEmbedBackward0' },
  signature({ input: tensor, offset: whichDiagonal, dim1: withDefault(integer, -2), dim2: withDefault(integer, -1) }, ({ input, offset, dim1, dim2 }, ctx) => diagEmbed(ctx, input, offset, dim1, dim2)))
define({ names: 'diag', homes: everywhere, doc: 'The diagonal of a matrix, or a matrix with a vector as diagonal', gradFn: 'DiagBackward0' },
  signature({ input: tensor, diagonal: whichDiagonal }, ({ input, diagonal: offset }, ctx) => diag(ctx, input, offset)))
define({ names: 'diagflat', homes: everywhere, doc: 'A matrix with all elements as diagonal', gradFn: 'DiagBackward0' },
  signature({ input: tensor, offset: whichDiagonal }, ({ input, offset }) => matrixOf(reshape(input, [numel(input.shape)]), offset)))
define({ names: 'trace', homes: everywhere, doc: 'Sum of the diagonal of a matrix', gradFn: 'TraceBackward0' },
  signature({ input: tensor }, ({ input }, ctx) => {
    if (input.shape.length !== 2) fail(ctx, 'shape_mismatch', `trace() takes a matrix, got shape ${showShape(input.shape)}; use torch.diagonal(dim1=-2, dim2=-1).sum(-1)`)
    const elements = lastDiagonal(input, 0)
    return sum(isFloat(elements.dtype) ? elements : ew.cast(elements, 'int64'), [0])
  }))

// ---- triangles

for (const [name, part, words, gradFn] of [['tril', lowerTriangle, 'below', 'TrilBackward0'], ['triu', upperTriangle, 'above', 'TriuBackward0']] as const) {
  define({ names: name, homes: everywhere, doc: `What lies on a diagonal and ${words}, zeros elsewhere`, gradFn },
    signature({ input: tensor, diagonal: whichDiagonal }, ({ input, diagonal: offset }, ctx) => {
      if (input.shape.length < 2) fail(ctx, 'shape_mismatch', `${name}() takes at least 2 dimensions, got shape ${showShape(input.shape)}`)
      return part(input, offset)
    }))
}

/**
 * Row and column of the places of the lower triangle, row by row, in the order of `k`. First come rows that grow by one
 * (`first` places in the first of them), then whole rows. The row among the growing ones is the root of a quadratic
 * equation, put right by one where it was rounded.
 */
function lowerPlaces(k: Value, columns: number, { start, first, growing, inGrowing }: LowerRows): readonly [Value, Value] {
  const before = (row: Value): Value => ew.mul(ew.mul(row, ew.add(row, 2 * first - 1)), 0.5)
  const b = first - 0.5
  const root = ew.floor(ew.sub(ew.sqrt(ew.add(ew.mul(k, 2), b * b)), b))
  const one = ew.fullLike(k, 1)
  const zero = ew.fullLike(k, 0)
  const lower = ew.sub(root, ew.where(ew.gt(before(root), k), one, zero))
  const row = ew.add(lower, ew.where(ew.le(before(ew.add(lower, 1)), k), one, zero))
  const beyond = ew.sub(k, inGrowing)
  const whole = ew.floor(ew.div(beyond, columns))
  const grows = ew.lt(k, inGrowing)
  return [
    ew.where(grows, ew.add(row, start), ew.add(whole, start + growing)),
    ew.where(grows, ew.sub(k, before(row)), ew.sub(beyond, ew.mul(whole, columns))),
  ]
}

interface LowerRows {
  /** The first row with a place. */
  readonly start: number
  /** How many places it has. */
  readonly first: number
  /** How many rows there are before the first whole one, and how many places in them. */
  readonly growing: number
  readonly inGrowing: number
  readonly count: number
}

function lowerRows(rows: number, columns: number, offset: number): LowerRows {
  const start = Math.min(rows, Math.max(0, -offset))
  const first = Math.max(0, Math.min(columns, start + offset + 1))
  const growing = Math.min(rows - start, Math.max(0, columns - first))
  const inGrowing = growing * first + (growing * (growing - 1)) / 2
  return { start, first, growing, inGrowing, count: inGrowing + (rows - start - growing) * columns }
}

/** The rows and columns of the places of a triangle, [2, count], row by row. */
export function triangleIndices(ctx: TraceContext, name: string, upper: boolean, rows: number, columns: number, offset: number, type: DType): Value {
  if (rows < 0 || columns < 0) fail(ctx, 'bad_argument', `${name}(): ${showShape([rows, columns])} are no sizes`)
  // The upper triangle is the lower one of the matrix read from its end.
  const at = lowerRows(rows, columns, upper ? columns - rows - offset : offset)
  if (at.count === 0 || columns === 0) return full(ctx, [2, 0], 0, type)
  const k = ew.cast(iota(ctx.graph, at.count), 'float64')
  const found = lowerPlaces(upper ? ew.sub(at.count - 1, k) : k, columns, at)
  const places = upper ? [ew.sub(rows - 1, found[0]), ew.sub(columns - 1, found[1])] : found
  return ew.cast(concat(places.map((place) => reshape(place, [1, at.count])), 0), type)
}

for (const [name, upper] of [['tril_indices', false], ['triu_indices', true]] as const) {
  define({ names: name, homes: ['torch'], doc: `Rows and columns of the places of the ${upper ? 'upper' : 'lower'} triangle of a matrix` },
    signature({ row: integer, col: integer, offset: whichDiagonal, dtype: optional(dtype), device, requires_grad: withDefault(boolean, false, 'False') }, ({ row, col, offset, dtype: type }, ctx) => triangleIndices(ctx, name, upper, row, col, offset, type ?? 'int64')))
}
