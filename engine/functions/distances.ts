/** Distances of vectors: of all rows of two matrices, or of one to one; cosine similarity. */
import { showShape } from '../errors.ts'
import type { Value } from '../ir/value.ts'
import { isFloat } from '../ir/value.ts'
import type { TraceContext } from '../lang/values.ts'
import { fail } from '../lang/values.ts'
import * as ew from '../ops/elementwise.ts'
import { amax } from '../ops/extrema.ts'
import { checkIndex, gather } from '../ops/indexing.ts'
import { expand, reshape, slice, sum } from '../ops/view.ts'
import { triangleIndices } from './diagonals.ts'
import type { Home } from './define.ts'
import { family, signature } from './define.ts'
import type { Kind } from './parameters.ts'
import { boolean, integer, number, oneOf, resolveDim, tensor, withDefault } from './parameters.ts'
import { vectorNorm } from './norms.ts'
import { broadcastFloats, broadcastShapes, resultType } from './promote.ts'
import { keep } from './reductions.ts'

const { define } = family('linear algebra')

/**
 * Norm of order p over the last axis, with the gradients of PyTorch's distances: those of its norms, but for p = ∞,
 * where all that are equally far apart get the whole gradient instead of a share.
 */
function distance(difference: Value, p: number): Value {
  const axis = difference.shape.length - 1
  if (difference.shape[axis] === 0) return sum(difference, [axis])
  if (p !== Infinity) return vectorNorm(difference, p, [axis])
  const size = ew.abs(difference)
  const largest = amax(size, [axis])
  const farthest = ew.eq(size, expand(reshape(ew.detach(largest), [...largest.shape, 1]), size.shape))
  return ew.surrogate(largest, sum(ew.where(farthest, size, ew.fullLike(size, 0)), [axis]))
}

function requireOrder(ctx: TraceContext, name: string, p: number): void {
  if (!(p >= 0)) fail(ctx, 'bad_argument', `${name}(): p: a number of at least 0 expected, got ${p}`)
}

function requireFloat(ctx: TraceContext, name: string, x: Value): void {
  if (!isFloat(x.dtype)) fail(ctx, 'dtype_mismatch', `${name}() takes floating-point tensors, got ${x.dtype}; convert them first, as in x.float()`)
}

/** torch.cdist: [..., P, M] and [..., R, M] to [..., P, R], with broadcast batches. */
function cdist(ctx: TraceContext, a: Value, b: Value, p: number): Value {
  for (const x of [a, b]) {
    requireFloat(ctx, 'cdist', x)
    if (x.shape.length < 2) fail(ctx, 'shape_mismatch', `cdist() takes at least 2 dimensions, got shape ${showShape(x.shape)}`)
  }
  if (a.dtype !== b.dtype) fail(ctx, 'dtype_mismatch', `cdist() takes tensors of one dtype, got ${a.dtype} and ${b.dtype}`)
  requireOrder(ctx, 'cdist', p)
  const [rows, others, size] = [a.shape.at(-2)!, b.shape.at(-2)!, a.shape.at(-1)!]
  if (b.shape.at(-1) !== size) fail(ctx, 'shape_mismatch', `cdist(): as many columns on both sides expected, got shapes ${showShape(a.shape)} and ${showShape(b.shape)}`)
  const shape = [...broadcastShapes(ctx, [a.shape.slice(0, -2), b.shape.slice(0, -2)]), rows, others, size]
  const left = expand(reshape(a, a.shape.toSpliced(-1, 0, 1)), shape)
  const right = expand(reshape(b, b.shape.toSpliced(-2, 0, 1)), shape)
  return distance(ew.sub(left, right), p)
}

const products = ['use_mm_for_euclid_dist_if_necessary', 'use_mm_for_euclid_dist', 'donot_use_mm_for_euclid_dist'] as const
const byWord = oneOf(...products)
/** Whether products of matrices may stand in for differences: here they never do, which is the more exact way. */
const mode: Kind<unknown> = {
  type: byWord.type,
  fits: (value) => byWord.fits(value) || integer.fits(value),
  convert: (value, ctx, what) => (integer.fits(value) ? integer.convert(value, ctx, what) : byWord.convert(value, ctx, what)),
}

define({ names: 'cdist', homes: ['torch'], doc: 'Distances of order p between all rows of x1 and all rows of x2', gradFn: 'CdistBackward0' },
  signature({ x1: tensor, x2: tensor, p: withDefault(number, 2), compute_mode: withDefault(mode, products[0], `'${products[0]}'`) }, ({ x1, x2, p }, ctx) => cdist(ctx, x1, x2, p)))

/** torch.pdist: the upper triangle, row by row, of the distances between the rows of one matrix. */
function pdist(ctx: TraceContext, x: Value, p: number): Value {
  if (x.shape.length !== 2) fail(ctx, 'shape_mismatch', `pdist() takes a matrix, got shape ${showShape(x.shape)}; use torch.cdist for batches`)
  requireFloat(ctx, 'pdist', x)
  requireOrder(ctx, 'pdist', p)
  const n = x.shape[0]!
  const places = triangleIndices(ctx, 'pdist', true, n, n, 1, 'int64')
  const count = places.shape[1]!
  const rowsAt = (which: number): Value => {
    const index = checkIndex(slice(places, 0, which, 1), Math.max(1, n), 'row')
    return gather(x, expand(reshape(index, [count, 1]), [count, x.shape[1]!]), 0)
  }
  return distance(ew.sub(rowsAt(0), rowsAt(1)), p)
}

const homes: readonly Home[] = ['torch', 'F']
define({ names: 'pdist', homes, doc: 'Distances of order p between all pairs of rows', gradFn: 'PdistBackward0' },
  signature({ input: tensor, p: withDefault(number, 2) }, ({ input, p }, ctx) => pdist(ctx, input, p)))

/** torch.pairwise_distance: the norm of order p of a - b + eps along the last dimension. */
export function pairwiseDistance(ctx: TraceContext, a: Value, b: Value, p: number, eps: number, keepdim: boolean): Value {
  const [x, y] = broadcastFloats(ctx, [a, b]) as [Value, Value]
  const axes = x.shape.length === 0 ? [] : [x.shape.length - 1]
  return keep(vectorNorm(ew.add(ew.sub(x, y), eps), p, axes), x, axes, keepdim)
}

define({ names: 'pairwise_distance', homes, doc: 'Norm of order p of x1 - x2 + eps along the last dimension', gradFn: 'NormBackward1' },
  signature({ x1: tensor, x2: tensor, p: withDefault(number, 2), eps: withDefault(number, 1e-6), keepdim: withDefault(boolean, false, 'False') }, ({ x1, x2, p, eps, keepdim }, ctx) =>
    pairwiseDistance(ctx, x1, x2, p, eps, keepdim)))

/** The product of both, each divided by its norm; the square of a norm counts as at least eps², a limit that has no part in the gradient. */
export function cosineSimilarity(ctx: TraceContext, a: Value, b: Value, dim: number, eps: number): Value {
  const dtype = resultType(ctx, [a, b])
  if (!isFloat(dtype)) fail(ctx, 'dtype_mismatch', `cosine_similarity(): floating-point tensors expected, got ${a.dtype} and ${b.dtype}`)
  const [x, y] = broadcastFloats(ctx, [a, b]) as [Value, Value]
  const axis = resolveDim(ctx, dim, x.shape.length)
  const axes = x.shape.length === 0 ? [] : [axis]
  const unit = (v: Value): Value => {
    const squared = sum(ew.mul(v, v), axes)
    const norm = ew.sqrt(ew.surrogate(ew.maximum(squared, eps ** 2), squared))
    return ew.div(v, expand(keep(norm, v, axes, true), v.shape))
  }
  return sum(ew.mul(unit(x), unit(y)), axes)
}

define({ names: 'cosine_similarity', homes, doc: 'Cosine of the angle between x1 and x2 along dim', gradFn: 'SumBackward1' },
  signature({ x1: tensor, x2: tensor, dim: withDefault(integer, 1), eps: withDefault(number, 1e-8) }, ({ x1, x2, dim, eps }, ctx) => cosineSimilarity(ctx, x1, x2, dim, eps)))
