/** Products of vectors that are no matrix products: cross and Kronecker products. */
import { showShape } from '../errors.ts'
import type { Value } from '../ir/value.ts'
import type { TraceContext } from '../lang/values.ts'
import { fail } from '../lang/values.ts'
import * as ew from '../ops/elementwise.ts'
import { concat, reshape, slice } from '../ops/view.ts'
import type { Home } from './define.ts'
import { family, signature } from './define.ts'
import { mul } from './elementwise.ts'
import { integer, optional, resolveDim, tensor, withDefault } from './parameters.ts'
import { broadcast } from './promote.ts'

const { define } = family('products')

const everywhere: readonly Home[] = ['torch', 'Tensor']

/** The cross product along `dim`, of size 3; the other dimensions broadcast. */
function cross(ctx: TraceContext, a: Value, b: Value, dim: number): Value {
  if (a.shape.length !== b.shape.length) fail(ctx, 'shape_mismatch', `cross(): as many dimensions on both sides expected, got shapes ${showShape(a.shape)} and ${showShape(b.shape)}`)
  const axis = resolveDim(ctx, dim, a.shape.length)
  if (a.shape[axis] !== 3 || b.shape[axis] !== 3) fail(ctx, 'shape_mismatch', `cross(): dimension ${dim} must have size 3, got shapes ${showShape(a.shape)} and ${showShape(b.shape)}`)
  const [x, y] = broadcast(ctx, [a, b]) as [Value, Value]
  const part = (v: Value, i: number): Value => slice(v, axis, i % 3, 1)
  const component = (i: number): Value => ew.sub(ew.mul(part(x, i + 1), part(y, i + 2)), ew.mul(part(x, i + 2), part(y, i + 1)))
  return concat([component(0), component(1), component(2)], axis)
}

define({ names: 'cross', homes: everywhere, doc: 'Cross product along dim, by default the first of size 3', gradFn: 'LinalgCrossBackward0' },
  signature({ input: tensor, other: tensor, dim: optional(integer) }, ({ input, other, dim }, ctx) => {
    const first = input.shape.indexOf(3)
    if (dim === undefined && first < 0) fail(ctx, 'shape_mismatch', `cross(): no dimension of size 3 in shape ${showShape(input.shape)}`)
    return cross(ctx, input, other, dim ?? first)
  }))
define({ names: 'cross', homes: ['linalg'], doc: 'Cross product along dim', gradFn: 'LinalgCrossBackward0' },
  signature({ input: tensor, other: tensor, dim: withDefault(integer, -1) }, ({ input, other, dim }, ctx) => cross(ctx, input, other, dim)))

define({ names: 'kron', homes: everywhere, doc: 'Kronecker product: other, scaled by every element of input', gradFn: 'UnsafeViewBackward0' },
  signature({ input: tensor, other: tensor }, ({ input, other }, ctx) => {
    const rank = Math.max(input.shape.length, other.shape.length)
    const padded = (x: Value): number[] => [...Array<number>(rank - x.shape.length).fill(1), ...x.shape]
    const [outer, inner] = [padded(input), padded(other)]
    const spread = mul(ctx, reshape(input, outer.flatMap((n) => [n, 1])), reshape(other, inner.flatMap((n) => [1, n])))
    return reshape(spread, outer.map((n, axis) => n * inner[axis]!))
  }))
