/** Largest and smallest elements with their places. */
import { showShape } from '../errors.ts'
import type { Value } from '../ir/value.ts'
import { isFloat, numel } from '../ir/value.ts'
import type { TraceContext } from '../lang/values.ts'
import { fail } from '../lang/values.ts'
import * as ew from '../ops/elementwise.ts'
import { amax, amin } from '../ops/extrema.ts'
import { checkIndex, gather } from '../ops/indexing.ts'
import { iota } from '../ops/source.ts'
import { expand, keepAxes, reshape } from '../ops/view.ts'
import type { Home, Result } from './define.ts'
import { family, signature } from './define.ts'
import { boolean, integer, optional, resolveDim, tensor, withDefault } from './parameters.ts'
import { broadcast } from './promote.ts'
import { extreme, keep, spread, sum } from './reductions.ts'

const { define } = family('reductions')

const everywhere: readonly Home[] = ['torch', 'Tensor']

/** 0, 1, … along `axis`, as int32 in the shape of `x`. */
export function placesAlong(x: Value, axis: number): Value {
  return expand(reshape(iota(x.graph, x.shape[axis]!), x.shape.map((n, i) => (i === axis ? n : 1))), x.shape)
}

/** The place of the first largest (or smallest) element along `axis`, as int32; NaN counts as both. */
export function extremePlace(given: Value, axis: number, largest: boolean): Value {
  const x = given.dtype === 'bool' ? ew.cast(given, 'int64') : given
  const found = ew.eq(x, spread(largest ? amax(x, [axis]) : amin(x, [axis]), x, [axis]))
  const places = placesAlong(x, axis)
  return amin(ew.where(ew.logicalOr(found, ew.ne(x, x)), places, ew.fullLike(places, 2 ** 31 - 1)), [axis])
}

/** The elements of `x` at checked places along `axis`, which vanishes unless `keepdim`; and the places as int64. */
export function valuesAt(x: Value, axis: number, place: Value, keepdim: boolean): Result {
  const values = reshape(gather(x, keepAxes(place, x.shape, [axis]), axis), place.shape)
  return { names: ['values', 'indices'], values: [values, ew.cast(place, 'int64')].map((value) => keep(value, x, [axis], keepdim)) }
}

/** An error where there is nothing along `axis` to choose from; where others are empty, the result is empty. */
export function requireElements(ctx: TraceContext, name: string, x: Value, axis?: number): void {
  if (axis === undefined ? numel(x.shape) === 0 : x.shape[axis] === 0) {
    fail(ctx, 'bad_argument', `${name}(): there are no elements to choose from${axis === undefined ? '' : ` along dimension ${axis}`}, got shape ${showShape(x.shape)}`)
  }
}

/** The only element of a 0-d tensor and its place. */
export function onlyElement(x: Value): Result {
  return { names: ['values', 'indices'], values: [x, ew.cast(ew.fullLike(x, 0), 'int64')] }
}

/**
 * `value`, found among the elements of `x` over `axes`, with PyTorch's evenly_distribute_backward: elements equal to it
 * share the gradient, those that are NaN if it is NaN.
 */
export function sharedEvenly(value: Value, x: Value, axes: readonly number[]): Value {
  if (!isFloat(x.dtype)) return value
  const [fixed, all] = [ew.detach(x), spread(ew.detach(value), x, axes)]
  const shares = ew.logicalOr(ew.eq(fixed, all), ew.logicalAnd(ew.ne(fixed, fixed), ew.ne(all, all)))
  const count = sum(ew.cast(shares, x.dtype), axes)
  return ew.surrogate(value, ew.div(sum(ew.where(shares, x, ew.fullLike(x, 0)), axes), count))
}

const keepdims = withDefault(boolean, false, 'False')

for (const [name, largest] of [['max', true], ['min', false]] as const) {
  const word = largest ? 'Largest' : 'Smallest'
  define({ names: name, homes: everywhere, doc: `${word} element of all, along dim (values and indices), or of two tensors`, gradFn: largest ? 'MaxBackward0' : 'MinBackward0' },
    signature({ input: tensor }, ({ input }, ctx) => {
      requireElements(ctx, name, input)
      const axes = [...input.shape.keys()]
      return sharedEvenly(extreme(ew.detach(input), axes, largest), input, axes)
    }),
    signature({ input: tensor, other: tensor }, ({ input, other }, ctx) => {
      const [x, y] = broadcast(ctx, [input, other]) as [Value, Value]
      if (x.dtype === 'bool') return largest ? ew.logicalOr(x, y) : ew.logicalAnd(x, y)
      return largest ? ew.maximum(x, y) : ew.minimum(x, y)
    }),
    signature({ input: tensor, dim: integer, keepdim: keepdims }, ({ input, dim, keepdim }, ctx) => {
      const axis = resolveDim(ctx, dim, input.shape.length)
      requireElements(ctx, name, input, axis)
      if (input.shape.length === 0) return onlyElement(input)
      const place = checkIndex(extremePlace(input, axis, largest), input.shape[axis]!, 'index')
      return valuesAt(input, axis, place, keepdim)
    }))
  define({ names: largest ? 'argmax' : 'argmin', homes: everywhere, doc: `Place of the ${word.toLowerCase()} element, of all or along dim` },
    signature({ input: tensor, dim: optional(integer), keepdim: keepdims }, ({ input, dim, keepdim }, ctx) => {
      if (dim === undefined) {
        requireElements(ctx, largest ? 'argmax' : 'argmin', input)
        const place = ew.cast(extremePlace(reshape(input, [numel(input.shape)]), 0, largest), 'int64')
        return keepdim ? reshape(place, input.shape.map(() => 1)) : place
      }
      const axis = resolveDim(ctx, dim, input.shape.length)
      requireElements(ctx, largest ? 'argmax' : 'argmin', input, axis)
      if (input.shape.length === 0) return ew.cast(ew.fullLike(input, 0), 'int64')
      return ew.cast(keep(extremePlace(input, axis, largest), input, [axis], keepdim), 'int64')
    }))
}
