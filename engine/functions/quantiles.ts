/** Medians and quantiles. */
import { showShape } from '../errors.ts'
import type { Value } from '../ir/value.ts'
import { isFloat, numel } from '../ir/value.ts'
import type { TraceContext } from '../lang/values.ts'
import { fail } from '../lang/values.ts'
import * as ew from '../ops/elementwise.ts'
import { checkIndex, gather } from '../ops/indexing.ts'
import { constant } from '../ops/source.ts'
import { expand, permute, reshape, sum } from '../ops/view.ts'
import type { Home } from './define.ts'
import { family, signature } from './define.ts'
import { lerp } from './elementwise.ts'
import { onlyElement, requireElements, sharedEvenly, valuesAt } from './extremes.ts'
import { atPlaces, orderAlong } from './orders.ts'
import type { TensorOrNumber } from './parameters.ts'
import { boolean, floatTensor, integer, oneOf, operand, optional, resolveDim, tensor, withDefault } from './parameters.ts'

const { define } = family('reductions')

const everywhere: readonly Home[] = ['torch', 'Tensor']
const keepdims = withDefault(boolean, false, 'False')

/** How many elements along `axis` are not NaN; the axis has size 1. */
function countPresent(x: Value, axis: number): Value {
  return reshape(sum(ew.cast(ew.eq(x, x), 'int32'), [axis]), x.shape.with(axis, 1))
}

/** The lower of the middle ones. A NaN makes it NaN, unless they are passed over. As PyTorch's, the place is then that of the first NaN. */
function medianPlace(x: Value, axis: number, passOverNaN: boolean): Value {
  const n = x.shape[axis]!
  const present = countPresent(x, axis)
  const middle = ew.cast(ew.mul(ew.cast(ew.sub(present, 1), 'float64'), 0.5), 'int32')
  const rank = passOverNaN ? middle : ew.where(ew.eq(present, n), middle, present)
  const place = gather(orderAlong(ew.detach(x), axis), checkIndex(rank, n, 'index'), axis)
  return checkIndex(reshape(place, x.shape.toSpliced(axis, 1)), n, 'index')
}

/** The median of all; elements equal to it share the gradient. */
function medianOfAll(ctx: TraceContext, name: string, x: Value, passOverNaN: boolean): Value {
  const flat = reshape(x, [numel(x.shape)])
  if (flat.shape[0] === 0) {
    if (!isFloat(x.dtype)) fail(ctx, 'bad_argument', `${name}(): there is no median of no elements, got shape ${showShape(x.shape)}`)
    return ew.add(sum(flat, [0]), Number.NaN)
  }
  const fixed = ew.detach(flat)
  const place = medianPlace(fixed, 0, passOverNaN)
  const median = reshape(gather(fixed, reshape(place, [1]), 0), [])
  return sharedEvenly(median, flat, [0])
}

for (const [name, Name, passOverNaN] of [['median', 'Median', false], ['nanmedian', 'Nanmedian', true]] as const) {
  define({ names: name, homes: everywhere, doc: `The median (the lower one of two)${passOverNaN ? ' of what is not NaN' : ''}, of all or along dim (values and indices)`, gradFn: `${Name}Backward0` },
    signature({ input: tensor }, ({ input }, ctx) => medianOfAll(ctx, name, input, passOverNaN)),
    signature({ input: tensor, dim: integer, keepdim: keepdims }, ({ input, dim, keepdim }, ctx) => {
      const axis = resolveDim(ctx, dim, input.shape.length)
      requireElements(ctx, name, input, axis)
      return input.shape.length === 0 ? onlyElement(input) : valuesAt(input, axis, medianPlace(input, axis, passOverNaN), keepdim)
    }))
}

// ---- quantiles

type Interpolation = 'linear' | 'lower' | 'higher' | 'midpoint' | 'nearest'

/** The fractions q as a vector, and whether they all lie between 0 and 1: not known for a tensor before it runs. */
function fractionsOf(ctx: TraceContext, name: string, q: TensorOrNumber, x: Value): { fractions: Value; valid: Value } {
  if ('kind' in q) {
    if (!(q.value >= 0 && q.value <= 1)) fail(ctx, 'bad_argument', `${name}(): q: a number from 0 to 1 expected, got ${q.value}`)
    const fractions = expand(constant(x.graph, q.value, x.dtype), [1])
    return { fractions, valid: ew.eq(fractions, fractions) }
  }
  if (q.shape.length > 1) fail(ctx, 'shape_mismatch', `${name}(): q: a number or a vector expected, got shape ${showShape(q.shape)}`)
  if (q.dtype !== x.dtype) fail(ctx, 'dtype_mismatch', `${name}(): q must have the dtype of input, ${x.dtype}, got ${q.dtype}`)
  const fractions = reshape(q, [numel(q.shape)])
  return { fractions, valid: ew.logicalAnd(ew.ge(fractions, 0), ew.le(fractions, 1)) }
}

/** Quantiles of the last axis of `x`, which q's take the place of: PyTorch's quantile_compute. */
function quantiles(x: Value, { fractions, valid }: ReturnType<typeof fractionsOf>, interpolation: Interpolation, passOverNaN: boolean, name: string): Value {
  const axis = x.shape.length - 1
  const n = x.shape[axis]!
  const shape = x.shape.with(axis, fractions.shape[0]!)
  const each = (values: Value): Value => expand(values, shape)
  const present = countPresent(x, axis)
  const last = ew.cast(ew.sub(present, 1), x.dtype)
  // A NaN (or nothing but NaN) is found at the last rank (or at the first).
  const rank = passOverNaN
    ? ew.mul(each(fractions), each(ew.maximum(last, 0)))
    : ew.where(each(ew.eq(present, n)), ew.mul(each(fractions), n - 1), ew.fullLike(each(last), n - 1))
  const order = orderAlong(ew.detach(x), axis)
  const at = (ranks: Value): Value => {
    // A q out of range has no rank, which stops the run.
    const checked = ew.where(each(valid), ew.cast(ew.detach(ranks), 'int32'), ew.cast(ew.fullLike(ranks, -1), 'int32'))
    return atPlaces(x, axis, gather(order, checkIndex(checked, n, `${name}(): q must lie between 0 and 1: rank`), axis))
  }
  switch (interpolation) {
    case 'lower':
      return at(ew.floor(rank))
    case 'higher':
      return at(ew.ceil(rank))
    case 'nearest':
      return at(ew.round(rank))
    case 'midpoint':
    case 'linear':
      return lerp(at(ew.floor(rank)), at(ew.ceil(rank)), interpolation === 'midpoint' ? ew.fullLike(rank, 0.5) : ew.sub(rank, ew.detach(ew.floor(rank))))
  }
}

for (const [name, passOverNaN] of [['quantile', false], ['nanquantile', true]] as const) {
  define({ names: name, homes: everywhere, doc: `Quantiles${passOverNaN ? ' of what is not NaN' : ''}, of all or along dim; those of a vector q come first`, gradFn: 'SqueezeBackward3' },
    signature(
      { input: floatTensor, q: operand, dim: optional(integer), keepdim: keepdims, interpolation: withDefault(oneOf('linear', 'lower', 'higher', 'midpoint', 'nearest'), 'linear', "'linear'") },
      ({ input, q, dim, keepdim, interpolation }, ctx) => {
        const rank = input.shape.length
        const axis = dim === undefined ? 0 : resolveDim(ctx, dim, rank)
        if (numel(input.shape) === 0) fail(ctx, 'bad_argument', `${name}(): there is no quantile of no elements, got shape ${showShape(input.shape)}`)
        const whole = dim === undefined || rank === 0
        const rows = whole ? reshape(input, [numel(input.shape)]) : permute(input, [...[...Array(rank).keys()].filter((other) => other !== axis), axis])
        const found = quantiles(rows, fractionsOf(ctx, name, q, input), interpolation, passOverNaN, name)
        const outer = rows.shape.length - 1
        const first = permute(found, [outer, ...Array(outer).keys()])
        const kept = whole ? input.shape.map(() => 1) : input.shape.with(axis, 1)
        const reduced = keepdim ? kept : found.shape.slice(0, -1)
        return reshape(first, 'kind' in q || q.shape.length === 0 ? reduced : [found.shape.at(-1)!, ...reduced])
      },
    ))
}
