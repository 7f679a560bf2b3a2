/** Losses of classes whose scores should lie a margin above those of all others. */
import { showShape } from '../../errors.ts'
import type { Value } from '../../ir/value.ts'
import { numel, sameShape } from '../../ir/value.ts'
import type { TraceContext } from '../../lang/values.ts'
import { fail } from '../../lang/values.ts'
import * as ew from '../../ops/elementwise.ts'
import { checkIndex, gather } from '../../ops/indexing.ts'
import { iota } from '../../ops/source.ts'
import { expand, reshape, sum } from '../../ops/view.ts'
import { family, signature } from '../define.ts'
import { floatTensor, integer, number, optional, tensor, withDefault } from '../parameters.ts'
import type { Reduction } from './reduce.ts'
import { hinge, legacy, reduceLoss, reductionOf } from './reduce.ts'

const { define } = family('losses')

/** Scores as [N, C]; a vector is one sample. */
function rows(ctx: TraceContext, name: string, input: Value): Value {
  const { shape } = input
  if (shape.length > 2 || shape.length === 0 || numel(shape.slice(1)) === 0) fail(ctx, 'shape_mismatch', `${name}(): input of shape (N, C) or (C) expected, got ${showShape(shape)}`)
  return shape.length === 2 ? input : reshape(input, [1, shape[0]!])
}

/** The losses of the samples, in the shape that PyTorch gives: [N], or [] for a single one. */
function finish(losses: Value, input: Value, how: Reduction): Value {
  return reduceLoss(input.shape.length === 2 ? losses : reshape(losses, []), how)
}

interface MultiMarginOptions {
  readonly p: number
  readonly margin: number
  readonly weight: Value | undefined
  readonly reduction: Reduction
}

/** Σ over the other classes of weight[y] max(margin - x[y] + x[j], 0)^p / C. */
function multiMarginLoss(ctx: TraceContext, input: Value, target: Value, { p, margin, weight, reduction: how }: MultiMarginOptions): Value {
  const name = 'multi_margin_loss'
  if (p !== 1 && p !== 2) fail(ctx, 'bad_argument', `${name}(): p must be 1 or 2, got ${p}`)
  const x = rows(ctx, name, input)
  const [samples, classes] = x.shape as [number, number]
  if (numel(target.shape) !== samples || target.shape.length > 1) fail(ctx, 'shape_mismatch', `${name}(): input of shape ${showShape(input.shape)} takes labels of shape ${showShape(input.shape.slice(0, -1))}, got ${showShape(target.shape)}`)
  if (weight && !sameShape(weight.shape, [classes])) fail(ctx, 'shape_mismatch', `${name}(): weight of shape [${classes}] expected, got ${showShape(weight.shape)}`)
  const index = reshape(checkIndex(target, classes, 'class label'), [samples, 1])
  const own = expand(gather(x, index, 1), x.shape)
  const excess = hinge(ew.add(ew.sub(margin, own), x))
  const powered = p === 1 ? excess : ew.mul(excess, excess)
  const factors = weight && expand(gather(expand(ew.cast(weight, x.dtype), x.shape), index, 1), x.shape)
  const terms = factors ? ew.mul(powered, factors) : powered
  const isOwn = ew.eq(expand(iota(ctx.graph, classes), x.shape), expand(index, x.shape))
  return finish(ew.div(sum(ew.where(isOwn, ew.fullLike(terms, 0), terms), [1]), classes), input, how)
}

/**
 * Σ over target classes y and all other classes k of max(1 - x[y] + x[k], 0) / C. A row of the target lists its classes
 * up to the first -1.
 */
function multilabelMarginLoss(ctx: TraceContext, input: Value, target: Value, how: Reduction): Value {
  const name = 'multilabel_margin_loss'
  const x = rows(ctx, name, input)
  if (!sameShape(input.shape, target.shape)) fail(ctx, 'shape_mismatch', `${name}(): input of shape ${showShape(input.shape)} takes a target of the same shape, got ${showShape(target.shape)}`)
  const labels = reshape(target, x.shape)
  const [samples, classes] = x.shape as [number, number]
  const cube = [samples, classes, classes]
  /** [N, C] along the second or third axis of [N, C, C]. */
  const spread = (v: Value, axis: 1 | 2): Value => expand(reshape(v, axis === 1 ? [samples, classes, 1] : [samples, 1, classes]), cube)
  const place = (axis: 1 | 2): Value => expand(reshape(iota(ctx.graph, classes), axis === 1 ? [1, classes, 1] : [1, 1, classes]), cube)
  const count = (condition: Value, axis: number): Value => sum(ew.cast(condition, x.dtype), [axis])

  // A label counts when no label up to it is negative.
  const ended = count(ew.logicalAnd(spread(ew.lt(labels, 0), 2), ew.le(place(2), place(1))), 2)
  const counts = ew.eq(ended, 0)
  const index = checkIndex(ew.where(counts, labels, ew.fullLike(labels, 0)), classes, 'class label')
  const isTarget = ew.gt(count(ew.logicalAnd(spread(counts, 1), ew.eq(spread(index, 1), place(2))), 1), 0)
  const excess = hinge(ew.add(ew.sub(1, spread(gather(x, index, 1), 1)), spread(x, 2)))
  const paired = ew.logicalAnd(spread(counts, 1), ew.not(spread(isTarget, 2)))
  return finish(ew.div(sum(ew.where(paired, excess, ew.fullLike(excess, 0)), [1, 2]), classes), input, how)
}

// ---- torch's functions

define({ names: 'multi_margin_loss', homes: ['F'], doc: 'How far other classes come within margin of the right one', gradFn: 'MultiMarginLossBackward0' },
  signature({ input: floatTensor, target: tensor, p: withDefault(integer, 1), margin: withDefault(number, 1), weight: optional(tensor), ...legacy }, ({ input, target, p, margin, weight, ...how }, ctx) =>
    multiMarginLoss(ctx, input, target, { p, margin, weight, reduction: reductionOf(how) })))
define({ names: 'multilabel_margin_loss', homes: ['F'], doc: 'How far other classes come within 1 of the right ones', gradFn: 'MultilabelMarginLossBackward0' },
  signature({ input: floatTensor, target: tensor, ...legacy }, ({ input, target, ...how }, ctx) => multilabelMarginLoss(ctx, input, target, reductionOf(how))))
