/** Functions that pick elements at places that are computed. */
import { showShape } from '../errors.ts'
import type { Value } from '../ir/value.ts'
import { numel } from '../ir/value.ts'
import type { TraceContext } from '../lang/values.ts'
import { fail } from '../lang/values.ts'
import { checkIndex, gather } from '../ops/indexing.ts'
import { constant } from '../ops/source.ts'
import { expand, reshape, slice } from '../ops/view.ts'
import type { Home } from './define.ts'
import { family, signature } from './define.ts'
import { boolean, integer, optional, resolveDim, tensor, withDefault } from './parameters.ts'
import { broadcastShapes } from './promote.ts'

const { define } = family('gathering and scattering')

const everywhere: readonly Home[] = ['torch', 'Tensor']

/** Elements of `x` along `axis` at `index` (of any shape), which takes the place of the axis. */
export function take(x: Value, axis: number, index: Value, wraps = false): Value {
  const rows = numel(index.shape)
  const shape = x.shape.with(axis, rows)
  const flat = checkIndex(reshape(index, shape.map((n, i) => (i === axis ? n : 1))), x.shape[axis]!, 'index', wraps)
  return reshape(gather(x, expand(flat, shape), axis), x.shape.toSpliced(axis, 1, ...index.shape))
}

define({ names: 'index_select', homes: everywhere, doc: 'Sub-tensors along dim at the given places', gradFn: 'IndexSelectBackward0' },
  signature({ input: tensor, dim: integer, index: tensor }, ({ input, dim, index }, ctx) => {
    if (index.shape.length > 1) fail(ctx, 'shape_mismatch', `index_select(): index: 1 dimension expected, got shape ${showShape(index.shape)}`)
    const axis = resolveDim(ctx, dim, input.shape.length)
    const places = reshape(index, [numel(index.shape)])
    if (input.shape.length > 0) return take(input, axis, places)
    if (places.shape[0] !== 1) fail(ctx, 'shape_mismatch', `index_select(): of a 0-d tensor one index expected, got ${places.shape[0]}`)
    return reshape(take(reshape(input, [1]), 0, places), [])
  }))

/** Elements at `index` along `axis`; `index` may be smaller in the other dimensions. A 0-d tensor counts as one of size 1. */
function gatherAlong(ctx: TraceContext, name: string, x: Value, dim: number, index: Value): Value {
  const axis = resolveDim(ctx, dim, x.shape.length)
  if (numel(index.shape) === 0) return expand(constant(ctx.graph, 0, x.dtype), index.shape)
  const [data, at] = [x, index].map((value) => (value.shape.length === 0 ? reshape(value, [1]) : value)) as [Value, Value]
  if (at.shape.length !== data.shape.length || at.shape.some((n, i) => i !== axis && n > data.shape[i]!)) {
    fail(ctx, 'shape_mismatch', `${name}(): index of shape ${showShape(index.shape)} does not fit input of shape ${showShape(x.shape)}: as many dimensions expected, none larger but dim`)
  }
  const part = at.shape.reduce((y, n, i) => (i === axis ? y : slice(y, i, 0, n)), data)
  return reshape(gather(part, checkIndex(at, data.shape[axis]!, 'index'), axis), index.shape)
}

define({ names: 'gather', homes: everywhere, doc: 'Elements at index along dim', gradFn: 'GatherBackward0' },
  signature({ input: tensor, dim: integer, index: tensor, sparse_grad: withDefault(boolean, false, 'False') }, ({ input, dim, index }, ctx) => gatherAlong(ctx, 'gather', input, dim, index)))

/** All elements in one row, at places that may count from the end. */
function takeFlat(x: Value, index: Value): Value {
  return take(reshape(x, [numel(x.shape)]), 0, index, true)
}

define({ names: 'take', homes: everywhere, doc: 'Elements at places among all of them, row by row', gradFn: 'TakeBackward0' },
  signature({ input: tensor, index: tensor }, ({ input, index }) => takeFlat(input, index)))

define({ names: 'take_along_dim', homes: everywhere, doc: 'Elements at indices along dim; other dimensions are broadcast', gradFn: 'GatherBackward0' },
  signature({ input: tensor, indices: tensor, dim: optional(integer) }, ({ input, indices, dim }, ctx) => {
    if (dim === undefined) return gatherAlong(ctx, 'take_along_dim', reshape(input, [numel(input.shape)]), 0, reshape(indices, [numel(indices.shape)]))
    if (indices.shape.length !== input.shape.length) {
      fail(ctx, 'shape_mismatch', `take_along_dim(): as many dimensions of indices as of input expected, got shapes ${showShape(indices.shape)} and ${showShape(input.shape)}`)
    }
    const axis = resolveDim(ctx, dim, input.shape.length)
    if (input.shape.length === 0) return gatherAlong(ctx, 'take_along_dim', input, 0, indices)
    const shape = broadcastShapes(ctx, [input.shape.with(axis, 1), indices.shape.with(axis, 1)])
    return gatherAlong(ctx, 'take_along_dim', expand(input, shape.with(axis, input.shape[axis]!)), axis, expand(indices, shape.with(axis, indices.shape[axis]!)))
  }))
