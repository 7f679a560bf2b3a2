/** Vandermonde matrices. */
import { showShape } from '../errors.ts'
import type { Value } from '../ir/value.ts'
import type { TraceContext } from '../lang/values.ts'
import { fail } from '../lang/values.ts'
import { constant } from '../ops/source.ts'
import { concat, expand, reshape, slice } from '../ops/view.ts'
import { family, signature } from './define.ts'
import { boolean, integer, optional, tensor, withDefault } from './parameters.ts'
import { widened } from './reductions.ts'
import { cumprod } from './scans.ts'

const { define } = family('linear algebra')

/** [..., n] to [..., n, count]: the powers 0 to count - 1, as running products. */
function powers(ctx: TraceContext, x: Value, count: number): Value {
  const base = widened(x)
  const rank = x.shape.length
  const ones = expand(constant(ctx.graph, 1, base.dtype), [...x.shape, Math.min(1, count)])
  const repeated = expand(reshape(base, [...x.shape, 1]), [...x.shape, Math.max(0, count - 1)])
  return concat([ones, count > 2 ? cumprod(repeated, rank) : repeated], rank)
}

define({ names: 'vander', homes: ['torch'], doc: 'Powers of x as columns, the highest first unless increasing', gradFn: 'FlipBackward0' },
  signature({ x: tensor, N: optional(integer), increasing: withDefault(boolean, false, 'False') }, ({ x, N, increasing }, ctx) => {
    if (x.shape.length !== 1) fail(ctx, 'shape_mismatch', `vander() takes a vector, got shape ${showShape(x.shape)}; use torch.linalg.vander for batches`)
    const count = N ?? x.shape[0]!
    if (count < 0) fail(ctx, 'bad_argument', `vander(): N: a number of at least 0 expected, got ${count}`)
    const result = powers(ctx, x, count)
    return increasing ? result : slice(result, 1, count - 1, count, -1)
  }))

define({ names: 'vander', homes: ['linalg'], doc: 'Powers 0 to N - 1 of x as a new last dimension', gradFn: 'CumprodBackward0' },
  signature({ x: tensor, N: optional(integer) }, ({ x, N }, ctx) => {
    if (x.dtype === 'bool') fail(ctx, 'dtype_mismatch', 'vander() takes numbers, got bool')
    if (x.shape.length === 0) fail(ctx, 'shape_mismatch', 'vander() takes at least 1 dimension, got shape []')
    const count = N ?? x.shape.at(-1)!
    if (count <= 1) fail(ctx, 'bad_argument', `vander(): N: a number greater than 1 expected, got ${count}`)
    return powers(ctx, x, count)
  }))
