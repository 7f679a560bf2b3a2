/** Singular values of matrices, and what is made of them. */
import { showShape } from '../errors.ts'
import type { Value } from '../ir/value.ts'
import { isFloat } from '../ir/value.ts'
import type { TraceContext } from '../lang/values.ts'
import { fail } from '../lang/values.ts'
import * as ew from '../ops/elementwise.ts'
import { singularTriples } from '../ops/singular.ts'
import { inverse } from '../ops/solve.ts'
import { reshape, slice } from '../ops/view.ts'
import { family, signature } from './define.ts'
import { matrixNorm, order } from './norms.ts'
import { oneOf, optional, tensor } from './parameters.ts'
import { requireSquare } from './systems.ts'

const { define } = family('linear algebra')

function requireMatrices(ctx: TraceContext, name: string, a: Value): void {
  if (a.shape.length < 2) fail(ctx, 'shape_mismatch', `${name}() takes matrices, got shape ${showShape(a.shape)}`)
  if (!isFloat(a.dtype)) fail(ctx, 'dtype_mismatch', `${name}() takes floating-point matrices, got ${a.dtype}; convert them first, as in x.float()`)
}

define({ names: 'svdvals', homes: ['linalg'], doc: 'Singular values, the largest first', gradFn: 'LinalgSvdBackward0' },
  signature({ A: tensor, driver: optional(oneOf('gesvd', 'gesvdj', 'gesvda')) }, ({ A, driver }, ctx) => {
    requireMatrices(ctx, 'svdvals', A)
    if (driver !== undefined) fail(ctx, 'bad_argument', 'svdvals(): driver: only None is taken where there is no CUDA')
    return singularTriples(A).values
  }))

/** The largest singular value over the smallest one, or the other way round. */
function spread(a: Value, inverted: boolean): Value {
  const { values } = singularTriples(a)
  const axis = values.shape.length - 1
  const at = (i: number): Value => reshape(slice(values, axis, i, 1), values.shape.slice(0, -1))
  const [largest, smallest] = [at(0), at(values.shape[axis]! - 1)]
  return inverted ? ew.div(smallest, largest) : ew.div(largest, smallest)
}

define({ names: 'cond', homes: ['linalg'], doc: 'Condition number: the norm of A times that of its inverse', gradFn: 'NanToNumBackward0' },
  signature({ A: tensor, p: optional(order) }, ({ A, p = 2 }, ctx) => {
    requireMatrices(ctx, 'cond', A)
    const axes = [A.shape.length - 2, A.shape.length - 1] as const
    if (A.shape[axes[0]] === 0 || A.shape[axes[1]] === 0) fail(ctx, 'shape_mismatch', `cond(): a matrix of at least one element expected, got shape ${showShape(A.shape)}`)
    if (typeof p === 'number' && Math.abs(p) === 2) return spread(A, p < 0)
    requireSquare(ctx, 'cond', A)
    const product = ew.mul(matrixNorm(ctx, 'cond', A, p, axes, false), matrixNorm(ctx, 'cond', inverse(A), p, axes, false))
    return ew.where(ew.eq(product, product), product, ew.fullLike(product, Infinity))
  }))
