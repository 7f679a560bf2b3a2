/** Losses of yes and no, and of distributions. */
import type { Value } from '../../ir/value.ts'
import type { TraceContext } from '../../lang/values.ts'
import { fail } from '../../lang/values.ts'
import * as ew from '../../ops/elementwise.ts'
import { sum } from '../../ops/view.ts'
import { logSigmoid } from '../activations.ts'
import { family, signature } from '../define.ts'
import { clamp } from '../elementwise.ts'
import { boolean, floatTensor, oneOf, optional, tensor, withDefault } from '../parameters.ts'
import { broadcastFloats } from '../promote.ts'
import type { Reduction } from './reduce.ts'
import { legacy, reduceLoss, reductionNumber, reductionOf, requireSameShape, weightedBy } from './reduce.ts'

const { define } = family('losses')

/** -y ln x - (1 - y) ln (1 - x); logarithms are at least -100. */
function crossEntropyOf(ctx: TraceContext, x: Value, y: Value): Value {
  const low = { kind: 'number', value: -100, whole: true } as const
  const log = clamp(ctx, ew.log(x), low, undefined)
  const logNot = clamp(ctx, ew.log1p(ew.neg(x)), low, undefined)
  return ew.sub(ew.mul(ew.sub(y, 1), logNot), ew.mul(y, log))
}

/** A float32 in PyTorch. */
const tiny = Math.fround(1e-12)

/** PyTorch's gradient is (x - y) / max(x (1 - x), 1e-12), which is that of the formula except where x is 0 or 1. */
function binaryCrossEntropy(ctx: TraceContext, input: Value, target: Value, weight: Value | undefined, how: Reduction): Value {
  requireSameShape(ctx, 'binary_cross_entropy', input, target)
  const y = ew.cast(target, input.dtype)
  const certain = ew.lt(ew.mul(ew.sub(1, input), input), tiny)
  const inside = ew.where(certain, ew.fullLike(input, 0.5), input)
  const slope = ew.detach(ew.div(ew.sub(input, y), tiny))
  const atEnds = ew.add(ew.mul(input, slope), crossEntropyOf(ctx, ew.detach(input), y))
  const losses = ew.surrogate(crossEntropyOf(ctx, input, y), ew.where(certain, atEnds, crossEntropyOf(ctx, inside, y)))
  return reduceLoss(weightedBy(ctx, losses, weight), how)
}

/** x - x y + ln(1 + e^-x), with the classes' positive samples weighted by posWeight. */
function bceWithLogits(ctx: TraceContext, input: Value, target: Value, weight: Value | undefined, posWeight: Value | undefined, reduction: Reduction): Value {
  requireSameShape(ctx, 'binary_cross_entropy_with_logits', input, target)
  const y = ew.cast(target, input.dtype)
  const zero = ew.fullLike(input, 0)
  // ln(1 + e^-x) = max(-x, 0) + ln(1 + e^-|x|)
  const softplus = ew.add(ew.maximum(ew.neg(input), zero), ew.log1p(ew.exp(ew.neg(ew.abs(input)))))
  let factor = softplus
  if (posWeight) {
    const [p] = broadcastFloats(ctx, [posWeight, y]) as [Value, Value]
    factor = ew.mul(ew.add(ew.mul(ew.sub(p, 1), y), 1), softplus)
  }
  const losses = ew.add(ew.mul(ew.sub(1, y), input), factor)
  return reduceLoss(weightedBy(ctx, losses, weight), reduction)
}

/**
 * target (ln target - input), or e^target (target - input) with logTarget. Where a target is 0 its own gradient is NaN, as
 * PyTorch has it.
 */
function klDiv(ctx: TraceContext, input: Value, target: Value, reduction: Reduction, logTarget: boolean): Value {
  const [x, y] = broadcastFloats(ctx, [input, target]) as [Value, Value]
  return reduceLoss(logTarget ? ew.mul(ew.exp(y), ew.sub(y, x)) : ew.sub(ew.xlogy(y, y), ew.mul(y, x)), reduction)
}

/** ln(1 + e^(-y x)) */
function softMarginLoss(ctx: TraceContext, input: Value, target: Value, how: Reduction): Value {
  const [x, y] = broadcastFloats(ctx, [input, target]) as [Value, Value]
  return reduceLoss(ew.log1p(ew.exp(ew.neg(ew.mul(y, x)))), how)
}

/** The mean over the last dimension of input of the cross entropy of sigmoid(x) and y. */
function multilabelSoftMarginLoss(ctx: TraceContext, input: Value, target: Value, weight: Value | undefined, how: Reduction): Value {
  if (input.shape.length === 0) fail(ctx, 'shape_mismatch', 'multilabel_soft_margin_loss(): input needs a dimension of classes, got shape []')
  const [x, y] = broadcastFloats(ctx, [input, target]) as [Value, Value]
  const terms = ew.neg(ew.add(ew.mul(y, logSigmoid(x)), ew.mul(ew.sub(1, y), logSigmoid(ew.neg(x)))))
  const losses = weightedBy(ctx, terms, weight)
  // The last dimension of input, counted from the first one also where the target has more.
  return reduceLoss(ew.div(sum(losses, [input.shape.length - 1]), input.shape.at(-1)!), how)
}

// ---- torch's functions

const pair = { input: floatTensor, target: tensor }
const weighted = { ...pair, weight: optional(tensor), ...legacy }
const logTarget = withDefault(boolean, false, 'False')

define({ names: 'binary_cross_entropy', homes: ['F'], doc: 'Cross entropy of probabilities', gradFn: 'BinaryCrossEntropyBackward0' },
  signature(weighted, ({ input, target, weight, ...how }, ctx) => binaryCrossEntropy(ctx, input, target, weight, reductionOf(how))))

const withLogits = { doc: 'Cross entropy of logits', gradFn: 'BinaryCrossEntropyWithLogitsBackward0' }
define({ names: 'binary_cross_entropy_with_logits', homes: ['F'], ...withLogits },
  signature({ ...weighted, pos_weight: optional(tensor) }, ({ input, target, weight, pos_weight, ...how }, ctx) => bceWithLogits(ctx, input, target, weight, pos_weight, reductionOf(how))))
define({ names: 'binary_cross_entropy_with_logits', homes: ['torch'], ...withLogits },
  signature({ ...pair, weight: optional(tensor), pos_weight: optional(tensor), reduction: reductionNumber }, ({ input, target, weight, pos_weight, reduction: how }, ctx) =>
    bceWithLogits(ctx, input, target, weight, pos_weight, how)))

const divergence = { doc: 'Kullback-Leibler divergence of log-probabilities', gradFn: 'KlDivBackward0' }
const batchmean = withDefault(oneOf('mean', 'sum', 'none', 'batchmean'), 'mean', "'mean'")
define({ names: 'kl_div', homes: ['F'], ...divergence },
  signature({ ...pair, size_average: legacy.size_average, reduce: legacy.reduce, reduction: batchmean, log_target: logTarget }, ({ input, target, log_target, ...how }, ctx) => {
    const { reduction } = how
    const reduced = klDiv(ctx, input, target, reductionOf({ ...how, reduction: reduction === 'batchmean' ? 'sum' : reduction }), log_target)
    // Also of what the old arguments have reduced.
    return reduction === 'batchmean' && input.shape[0] !== 0 ? ew.div(reduced, input.shape[0] ?? 1) : reduced
  }))
define({ names: 'kl_div', homes: ['torch'], ...divergence },
  signature({ ...pair, reduction: reductionNumber, log_target: logTarget }, ({ input, target, reduction: how, log_target }, ctx) => klDiv(ctx, input, target, how, log_target)))

define({ names: 'soft_margin_loss', homes: ['F'], doc: 'ln(1 + exp(-target * input))', gradFn: 'SoftMarginLossBackward0' },
  signature({ ...pair, ...legacy }, ({ input, target, ...how }, ctx) => softMarginLoss(ctx, input, target, reductionOf(how))))
define({ names: 'multilabel_soft_margin_loss', homes: ['F'], doc: 'Mean over the classes of the cross entropy of logits', gradFn: 'MeanBackward0' },
  signature(weighted, ({ input, target, weight, ...how }, ctx) => multilabelSoftMarginLoss(ctx, input, target, weight, reductionOf(how))))
