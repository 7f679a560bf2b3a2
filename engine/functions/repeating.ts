/** Functions that repeat, reverse and rotate what lies along dimensions. */
import { showShape } from '../errors.ts'
import type { Shape, Value } from '../ir/value.ts'
import { numel } from '../ir/value.ts'
import type { TraceContext } from '../lang/values.ts'
import { fail } from '../lang/values.ts'
import * as ew from '../ops/elementwise.ts'
import { checkIndex, gather } from '../ops/indexing.ts'
import { constant, iota, literal } from '../ops/source.ts'
import { concat, expand, permute, reshape, slice } from '../ops/view.ts'
import { knownNumbers } from './constants.ts'
import type { Home } from './define.ts'
import { family, signature } from './define.ts'
import { integer, integers, optional, resolveDim, resolveDims, sizes, tensor, withDefault } from './parameters.ts'
import { requireDimensions } from './shaping.ts'

const { define } = family('shape')

const everywhere: readonly Home[] = ['torch', 'Tensor']

/** Copies one after the other: `repeats` of them along each dimension, of which leading ones may be new. */
function repeated(ctx: TraceContext, name: string, x: Value, repeats: Shape): Value {
  const negative = repeats.find((n) => n < 0)
  if (negative !== undefined) fail(ctx, 'bad_argument', `${name}(): numbers of repeats expected, got ${negative} in ${showShape(repeats)}`)
  const shape = [...Array<number>(repeats.length - x.shape.length).fill(1), ...x.shape]
  const interleaved = reshape(x, shape.flatMap((n) => [1, n]))
  const copies = expand(interleaved, shape.flatMap((n, i) => [repeats[i]!, n]))
  return reshape(copies, shape.map((n, i) => n * repeats[i]!))
}

define({ names: 'repeat', homes: ['Tensor'], doc: 'Copies one after the other along each dimension', gradFn: 'RepeatBackward0' },
  signature({ input: tensor, repeats: sizes }, ({ input, repeats }, ctx) => {
    if (repeats.length < input.shape.length) fail(ctx, 'bad_argument', `repeat(): at least ${input.shape.length} numbers of repeats expected, got ${repeats.length}`)
    return repeated(ctx, 'repeat', input, repeats)
  }))
define({ names: 'tile', homes: everywhere, doc: 'Copies one after the other along the last dimensions', gradFn: 'RepeatBackward0' },
  signature({ input: tensor, dims: sizes }, ({ input, dims }, ctx) => {
    const missing = Math.max(0, input.shape.length - dims.length)
    return repeated(ctx, 'tile', input, [...Array<number>(missing).fill(1), ...dims])
  }))

define({ names: 'repeat_interleave', homes: everywhere, doc: 'Each element (of all, or along dim) several times, one beside the other', gradFn: 'IndexSelectBackward0' },
  signature({ input: tensor, repeats: integer, dim: optional(integer), output_size: optional(integer) }, ({ input, repeats, dim, output_size }, ctx) => {
    if (repeats < 0) fail(ctx, 'bad_argument', `repeat_interleave(): a number of repeats expected, got ${repeats}`)
    const x = dim === undefined ? reshape(input, [numel(input.shape)]) : input
    if (dim !== undefined) requireDimensions(ctx, 'repeat_interleave', input)
    const axis = dim === undefined ? 0 : resolveDim(ctx, dim, x.shape.length)
    const size = x.shape[axis]! * repeats
    if (output_size !== undefined && output_size !== size) fail(ctx, 'bad_argument', `repeat_interleave(): output_size ${output_size} is not the size of the result, ${size}`)
    const copies = expand(reshape(x, x.shape.toSpliced(axis + 1, 0, 1)), x.shape.toSpliced(axis + 1, 0, repeats))
    return reshape(copies, x.shape.with(axis, size))
  }),
  signature({ input: tensor, repeats: tensor, dim: optional(integer), output_size: optional(integer) }, ({ input, repeats, dim }, ctx) => {
    const x = dim === undefined ? reshape(input, [numel(input.shape)]) : input
    if (dim !== undefined) requireDimensions(ctx, 'repeat_interleave', input)
    return eachRepeated(ctx, x, repeats, dim === undefined ? 0 : resolveDim(ctx, dim, x.shape.length))
  }),
  signature({ repeats: tensor, output_size: optional(integer) }, ({ repeats }, ctx) => eachRepeated(ctx, ew.cast(iota(repeats.graph, numel(repeats.shape)), 'int64'), repeats, 0)))

/** Each element along `axis` as often as `repeats`, which the program itself has, says. */
function eachRepeated(ctx: TraceContext, x: Value, repeats: Value, axis: number): Value {
  const given = knownNumbers(repeats)
  if (!given) return fail(ctx, 'value_dependent', 'repeat_interleave(): with repeats that are only known when the program runs the shape depends on values; index_select(dim, index) takes a list of places')
  const size = x.shape[axis]!
  const times = given.length === 1 ? Array.from({ length: size }, () => given[0]!) : given
  if (repeats.shape.length > 1 || times.length !== size) fail(ctx, 'shape_mismatch', `repeat_interleave(): repeats: a number for each of the ${size} elements along dimension ${axis} expected, got shape ${showShape(repeats.shape)}`)
  const negative = times.find((n) => n < 0)
  if (negative !== undefined) fail(ctx, 'bad_argument', `repeat_interleave(): a number of repeats expected, got ${negative}`)
  const total = times.reduce((sum, n) => sum + n, 0)
  if (total > ctx.graph.limits.maxElements) fail(ctx, 'tensor_too_large', `repeat_interleave(): ${total} elements along dimension ${axis} are more than the limit of ${ctx.graph.limits.maxElements}`)
  const places = times.flatMap((n, at) => Array.from({ length: n }, () => at))
  const shape = x.shape.with(axis, places.length)
  if (numel(shape) === 0) return expand(constant(x.graph, 0, x.dtype), shape)
  const index = literal(x.graph, places, [places.length], 'int64')
  return gather(x, expand(reshape(checkIndex(index, size, 'index'), shape.map((n, i) => (i === axis ? n : 1))), shape), axis)
}

// ---- reversed

function reverse(x: Value, axes: readonly number[]): Value {
  return axes.reduce((value, axis) => (x.shape[axis]! > 1 ? slice(value, axis, x.shape[axis]! - 1, x.shape[axis]!, -1) : value), x)
}

define({ names: 'flip', homes: everywhere, doc: 'Reverses dimensions', gradFn: 'FlipBackward0' },
  signature({ input: tensor, dims: sizes }, ({ input, dims }, ctx) => (dims.length === 0 ? input : reverse(input, resolveDims(ctx, dims, input.shape)))))
for (const [name, axis, least, doc] of [['flipud', 0, 1, 'Reverses the first dimension'], ['fliplr', 1, 2, 'Reverses the second dimension']] as const) {
  define({ names: name, homes: everywhere, doc, gradFn: 'FlipBackward0' }, signature({ input: tensor }, ({ input }, ctx) => {
    requireDimensions(ctx, name, input, least)
    return reverse(input, [axis])
  }))
}

define({ names: 'rot90', homes: everywhere, doc: 'Turned by 90 degrees k times, from the first of two dimensions to the second', gradFn: 'Rot90Backward0' },
  signature({ input: tensor, k: withDefault(integer, 1), dims: withDefault(integers, [0, 1], '(0, 1)') }, ({ input, k, dims }, ctx) => {
    requireDimensions(ctx, 'rot90', input, 2)
    const [a, b] = dims.map((dim) => resolveDim(ctx, dim, input.shape.length, 'dims'))
    if (dims.length !== 2 || a === b) fail(ctx, 'bad_argument', `rot90(): dims: two different dimensions expected, got ${showShape(dims)}`)
    const turns = ((k % 4) + 4) % 4
    if (turns === 0 || turns === 2) return turns === 0 ? input : reverse(input, [a!, b!])
    const exchanged = permute(input, [...input.shape.keys()].map((axis) => (axis === a ? b! : axis === b ? a! : axis)))
    return reverse(exchanged, [turns === 1 ? a! : b!])
  }))

// ---- moved along

function rolled(x: Value, axis: number, shift: number): Value {
  const size = x.shape[axis]!
  if (size === 0) return x
  const by = ((shift % size) + size) % size
  return by === 0 ? x : concat([slice(x, axis, size - by, by), slice(x, axis, 0, size - by)], axis)
}

define({ names: 'roll', homes: everywhere, doc: 'Moves elements along dimensions; what leaves at the end returns at the start', gradFn: 'RollBackward0' },
  signature({ input: tensor, shifts: integers, dims: optional(integers) }, ({ input, shifts, dims = [] }, ctx) => {
    if (dims.length === 0 && shifts.length === 1) return reshape(rolled(reshape(input, [numel(input.shape)]), 0, shifts[0]!), input.shape)
    if (dims.length !== shifts.length) fail(ctx, 'bad_argument', `roll(): as many shifts as dims expected, got ${shifts.length} and ${dims.length}`)
    requireDimensions(ctx, 'roll', input)
    return dims.reduce((x, dim, i) => rolled(x, resolveDim(ctx, dim, input.shape.length), shifts[i]!), input)
  }))
