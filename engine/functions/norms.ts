/** Norms of vectors and matrices. */
import { showShape } from '../errors.ts'
import type { DType, Value } from '../ir/value.ts'
import { isFloat } from '../ir/value.ts'
import type { TraceContext } from '../lang/values.ts'
import { fail } from '../lang/values.ts'
import * as ew from '../ops/elementwise.ts'
import { amax, amin } from '../ops/extrema.ts'
import { singularTriples } from '../ops/singular.ts'
import { permute, sum } from '../ops/view.ts'
import { family, signature } from './define.ts'
import { sharedEvenly } from './extremes.ts'
import type { Kind } from './parameters.ts'
import { boolean, dtype, integers, number, oneOf, optional, resolveDim, resolveDims, tensor, withDefault } from './parameters.ts'
import { countOf, keep, safeSqrt } from './reductions.ts'

const { define } = family('reductions')

/**
 * Vector norm of order p over `axes`. The gradient is PyTorch's norm_backward: 0 at a norm of 0, 0 for elements that
 * are 0, shared by equal elements for the infinities.
 */
export function vectorNorm(x: Value, p: number, axes: readonly number[]): Value {
  const size = ew.abs(x)
  if (Math.abs(p) === Infinity) return sharedEvenly(p > 0 ? amax(ew.detach(size), axes) : amin(ew.detach(size), axes), size, axes)
  if (p === 0) return sum(ew.cast(ew.ne(x, 0), x.dtype), axes)
  if (p === 1) return sum(size, axes)
  if (p === 2) return safeSqrt(sum(ew.mul(x, x), axes))
  const total = sum(p > 2 ? ew.pow(size, ew.fullLike(size, p)) : steepPower(size, p), axes)
  const isZero = ew.eq(total, 0)
  const root = ew.pow(ew.where(isZero, ew.fullLike(total, 1), total), ew.fullLike(total, 1 / p))
  return ew.where(isZero, ew.fullLike(total, p < 0 ? Infinity : 0), root)
}

/** size ** p for p below 2, whose gradient at 0 is 0 and not NaN. */
function steepPower(size: Value, p: number): Value {
  const isZero = ew.eq(size, 0)
  const power = ew.pow(ew.where(isZero, ew.fullLike(size, 1), size), ew.fullLike(size, p))
  return ew.where(isZero, ew.fullLike(size, p < 0 ? Infinity : 0), power)
}

/** A number, or a word for a norm of matrices. */
export const order: Kind<number | 'fro' | 'nuc'> = {
  type: "float | 'fro' | 'nuc'",
  fits: (value) => number.fits(value) || words.fits(value),
  convert: (value, ctx, what) => (number.fits(value) ? number.convert(value, ctx, what) : words.convert(value, ctx, `${what}: a number or`)),
}
const words = oneOf('fro', 'nuc')

/** Norm over two axes, which need not be in order: rows, then columns. */
export function matrixNorm(ctx: TraceContext, name: string, x: Value, ord: number | 'fro' | 'nuc', [rows, columns]: readonly [number, number], keepdim: boolean): Value {
  const axes = [rows, columns].toSorted((a, b) => a - b)
  if (ord === 'fro') return keep(vectorNorm(x, 2, axes), x, axes, keepdim)
  if (ord === 'nuc' || Math.abs(ord) === 2) {
    const rest = [...x.shape.keys()].filter((axis) => axis !== rows && axis !== columns)
    const { values } = singularTriples(permute(x, [...rest, rows, columns]))
    const last = [rest.length]
    if (ord === 'nuc') return keep(sum(values, last), x, axes, keepdim)
    if (values.shape.at(-1) === 0) fail(ctx, 'bad_argument', `${name}(): there is no norm of order ${ord} of no elements, got shape ${showShape(x.shape)}`)
    return keep(ord > 0 ? amax(values, last) : amin(values, last), x, axes, keepdim)
  }
  if (Math.abs(ord) !== 1 && Math.abs(ord) !== Infinity) fail(ctx, 'bad_argument', `${name}(): a matrix has norms of order 'fro', 'nuc', 1, -1, 2, -2, inf and -inf, got ${ord}`)
  // Sums of columns for order 1, of rows for inf; the largest or smallest of them.
  const [summed, left] = Math.abs(ord) === 1 ? [rows, columns] : [columns, rows]
  const sums = sum(ew.abs(x), [summed])
  const axis = left > summed ? left - 1 : left
  return keep(ord > 0 ? amax(sums, [axis]) : amin(sums, [axis]), x, axes, keepdim)
}

function matrixAxes(ctx: TraceContext, name: string, x: Value, dims: readonly number[]): readonly [number, number] {
  if (x.shape.length < 2) fail(ctx, 'shape_mismatch', `${name}(): a tensor of at least 2 dimensions expected, got shape ${showShape(x.shape)}`)
  const [rows, columns] = dims.map((dim) => resolveDim(ctx, dim, x.shape.length))
  if (dims.length !== 2 || rows === columns) fail(ctx, 'bad_argument', `${name}(): dim: two different dimensions expected, got ${showShape(dims)}`)
  return [rows!, columns!]
}

function converted(ctx: TraceContext, name: string, x: Value, to: DType | undefined): Value {
  const result = to === undefined ? x : ew.cast(x, to)
  return isFloat(result.dtype) ? result : fail(ctx, 'dtype_mismatch', `${name}(): a floating-point tensor expected, got ${result.dtype}; convert it first, as in x.float()`)
}

/** Over all of `dims`; an error where the norm of nothing has no value. */
function overAxes(ctx: TraceContext, name: string, x: Value, p: number, dims: readonly number[] | undefined, keepdim: boolean): Value {
  const axes = resolveDims(ctx, dims, x.shape)
  if ((p < 0 || p === Infinity) && countOf(x, axes) === 0) fail(ctx, 'bad_argument', `${name}(): there is no norm of order ${p} of no elements, got shape ${showShape(x.shape)}`)
  return keep(vectorNorm(x, p, axes), x, axes, keepdim)
}

const shared = { dim: optional(integers), keepdim: withDefault(boolean, false, 'False'), dtype: optional(dtype) }

define({ names: 'norm', homes: ['torch', 'Tensor'], doc: 'Vector norm of order p over all elements or over dim', gradFn: 'NormBackward1' },
  signature({ input: tensor, p: withDefault(optional(order), 'fro', "'fro'"), ...shared }, ({ input, p, dim, keepdim, dtype: to }, ctx) => {
    const x = converted(ctx, 'norm', input, to)
    if (p === 'nuc' && !dim && input.shape.length !== 2) fail(ctx, 'shape_mismatch', `norm(): the nuclear norm takes a matrix, got shape ${showShape(input.shape)}; name two dimensions in dim`)
    if (p === 'nuc') return matrixNorm(ctx, 'norm', x, p, matrixAxes(ctx, 'norm', x, dim ?? [0, 1]), keepdim)
    return overAxes(ctx, 'norm', x, typeof p === 'number' ? p : 2, dim, keepdim)
  }))

define({ names: 'vector_norm', homes: ['linalg'], doc: 'Vector norm of order ord', gradFn: 'LinalgVectorNormBackward0' },
  signature({ x: tensor, ord: withDefault(number, 2), ...shared }, ({ x, ord, dim, keepdim, dtype: to }, ctx) =>
    overAxes(ctx, 'vector_norm', converted(ctx, 'vector_norm', x, to), ord, dim, keepdim)))

define({ names: 'matrix_norm', homes: ['linalg'], doc: "Norm of matrices: 'fro', 'nuc' (the sum of the singular values), 1, -1, 2, -2 (the largest and the smallest one), inf or -inf", gradFn: 'LinalgVectorNormBackward0' },
  signature({ A: tensor, ord: withDefault(order, 'fro', "'fro'"), dim: withDefault(integers, [-2, -1], '(-2, -1)'), keepdim: shared.keepdim, dtype: shared.dtype }, ({ A, ord, dim, keepdim, dtype: to }, ctx) => {
    const x = converted(ctx, 'matrix_norm', A, to)
    return matrixNorm(ctx, 'matrix_norm', x, ord, matrixAxes(ctx, 'matrix_norm', x, dim), keepdim)
  }))

define({ names: 'norm', homes: ['linalg'], doc: 'Vector norm of one dimension or of all, matrix norm of two', gradFn: 'LinalgVectorNormBackward0' },
  signature({ A: tensor, ord: optional(order), ...shared }, ({ A, ord, dim, keepdim, dtype: to }, ctx) => {
    const x = converted(ctx, 'norm', A, to)
    if (ord === undefined) return overAxes(ctx, 'norm', x, 2, dim, keepdim)
    const rank = dim?.length ?? x.shape.length
    if (rank > 2) fail(ctx, 'shape_mismatch', `norm(): ord takes a vector or a matrix, got ${rank} dimensions; name one or two in dim, or use torch.linalg.vector_norm`)
    if (rank === 2) return matrixNorm(ctx, 'norm', x, ord, matrixAxes(ctx, 'norm', x, dim ?? [0, 1]), keepdim)
    if (typeof ord === 'string') fail(ctx, 'bad_argument', `norm(): order '${ord}' takes a matrix, got ${rank} dimensions`)
    return overAxes(ctx, 'norm', x, ord, dim, keepdim)
  }))
