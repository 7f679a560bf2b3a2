/** Losses of classes: log-likelihood and cross entropy. */
import { showShape } from '../../errors.ts'
import type { Value } from '../../ir/value.ts'
import { isFloat, numel, sameShape } from '../../ir/value.ts'
import type { TraceContext } from '../../lang/values.ts'
import { fail } from '../../lang/values.ts'
import * as ew from '../../ops/elementwise.ts'
import { checkIndex, gather } from '../../ops/indexing.ts'
import { iota } from '../../ops/source.ts'
import { expand, permute, reshape, sum } from '../../ops/view.ts'
import { family, signature } from '../define.ts'
import { floatTensor, integer, number, optional, tensor, withDefault } from '../parameters.ts'
import { logSoftmax } from '../reductions.ts'
import type { Reduction } from './reduce.ts'
import { allAxes, legacy, reduceLoss, reduction, reductionOf } from './reduce.ts'

const { define } = family('losses')

interface ClassOptions {
  readonly weight?: Value | undefined
  readonly ignoreIndex: number
  readonly reduction: Reduction
}

/** Classes in dimension 1 (0 for a single sample), moved to the end: [samples…, C] and labels [samples…]. */
function classLayout(ctx: TraceContext, name: string, input: Value, target: Value): { scores: Value; labels: Value } {
  const rank = input.shape.length
  if (rank === 0) fail(ctx, 'shape_mismatch', `${name}(): input needs a dimension of classes, got shape []`)
  const axis = rank === 1 ? 0 : 1
  const samples = input.shape.toSpliced(axis, 1)
  if (!sameShape(samples, target.shape)) {
    fail(ctx, 'shape_mismatch', `${name}(): input of shape ${showShape(input.shape)} takes labels of shape ${showShape(samples)}, got ${showShape(target.shape)}`)
  }
  const order = [...Array(rank).keys()].filter((i) => i !== axis)
  return { scores: permute(input, [...order, axis]), labels: target }
}

interface Labels {
  /** Checked; samples that are to be ignored have class 0. */
  readonly index: Value
  readonly counts: Value
}

function checkedLabels(labels: Value, classes: number, ignoreIndex: number): Labels {
  const ignored = ew.eq(labels, ignoreIndex)
  const safe = ew.where(ignored, ew.fullLike(labels, 0), labels)
  return { index: checkIndex(safe, classes, 'class label'), counts: ew.not(ignored) }
}

/** Σ over the last axis of `scores` at the class of each sample. */
function atClass(scores: Value, index: Value): Value {
  const { shape } = scores
  const places = expand(iota(scores.graph, shape.at(-1)!), shape)
  const here = ew.eq(places, expand(reshape(index, [...index.shape, 1]), shape))
  return sum(ew.where(here, scores, ew.fullLike(scores, 0)), [shape.length - 1])
}

/** The weight of the class of each sample, 0 for those that are to be ignored. */
function sampleWeights({ index, counts }: Labels, weight: Value | undefined, like: Value): Value {
  const one = weight ? reshape(gather(weight, reshape(index, [numel(index.shape)]), 0), index.shape) : ew.fullLike(like, 1)
  return ew.where(counts, one, ew.fullLike(like, 0))
}

function requireWeight(ctx: TraceContext, name: string, weight: Value | undefined, classes: number, dtype: Value['dtype']): Value | undefined {
  if (!weight) return undefined
  if (weight.shape.length !== 1 || weight.shape[0] !== classes) {
    fail(ctx, 'shape_mismatch', `${name}(): weight of shape [${classes}] expected, got ${showShape(weight.shape)}`)
  }
  return ew.cast(weight, dtype)
}

/** The losses times the weights of their samples. What is to be ignored is 0, be it infinite; the mean is that of the weights. */
function reduceWeighted(losses: Value, labels: Labels, weight: Value | undefined, how: Reduction): Value {
  const weights = sampleWeights(labels, weight, losses)
  const kept = ew.where(labels.counts, losses, ew.fullLike(losses, 0))
  const weighted = weight ? ew.mul(kept, weights) : kept
  return how === 'mean' ? ew.div(sum(weighted, allAxes(weighted)), sum(weights, allAxes(weights))) : reduceLoss(weighted, how)
}

function nllLoss(ctx: TraceContext, input: Value, target: Value, options: ClassOptions, name = 'nll_loss'): Value {
  const { scores, labels: given } = classLayout(ctx, name, input, target)
  const classes = scores.shape.at(-1)!
  const weight = requireWeight(ctx, name, options.weight, classes, scores.dtype)
  const labels = checkedLabels(given, classes, options.ignoreIndex)
  return reduceWeighted(ew.neg(atClass(scores, labels.index)), labels, weight, options.reduction)
}

interface CrossEntropyOptions extends ClassOptions {
  readonly labelSmoothing: number
}

function crossEntropy(ctx: TraceContext, input: Value, target: Value, options: CrossEntropyOptions): Value {
  const { labelSmoothing: smoothing } = options
  if (smoothing < 0 || smoothing > 1) fail(ctx, 'bad_argument', `cross_entropy(): label_smoothing must be in [0, 1], got ${smoothing}`)
  if (input.shape.length === 0) fail(ctx, 'shape_mismatch', 'cross_entropy(): input needs a dimension of classes, got shape []')
  const axis = input.shape.length === 1 ? 0 : 1
  const logs = logSoftmax(input, axis)
  if (sameShape(input.shape, target.shape) && isFloat(target.dtype)) return probabilityLoss(ctx, logs, target, axis, options)
  if (smoothing === 0) return nllLoss(ctx, logs, target, options, 'cross_entropy')

  const { scores, labels: given } = classLayout(ctx, 'cross_entropy', logs, target)
  const classes = scores.shape.at(-1)!
  const weight = requireWeight(ctx, 'cross_entropy', options.weight, classes, scores.dtype)
  const labels = checkedLabels(given, classes, options.ignoreIndex)
  const hard = reduceWeighted(ew.neg(atClass(scores, labels.index)), labels, weight, options.reduction)
  // The smooth part spreads over all classes, each with its weight.
  const spread = weight ? ew.mul(scores, expand(weight, scores.shape)) : scores
  const smooth = ew.neg(sum(spread, [scores.shape.length - 1]))
  const kept = ew.where(labels.counts, smooth, ew.fullLike(smooth, 0))
  const soft = options.reduction === 'mean' ? ew.div(sum(kept, allAxes(kept)), sum(sampleWeights(labels, weight, kept), allAxes(kept))) : reduceLoss(kept, options.reduction)
  return ew.add(ew.mul(hard, 1 - smoothing), ew.mul(soft, smoothing / classes))
}

/** The target gives a probability for every class. */
function probabilityLoss(ctx: TraceContext, logs: Value, target: Value, axis: number, options: CrossEntropyOptions): Value {
  const { labelSmoothing: smoothing, ignoreIndex } = options
  if (ignoreIndex >= 0) fail(ctx, 'bad_argument', `cross_entropy(): ignore_index is for a target of classes, and target holds probabilities (${target.dtype}, shape ${showShape(target.shape)})`)
  const classes = logs.shape[axis]!
  const weight = requireWeight(ctx, 'cross_entropy', options.weight, classes, logs.dtype)
  const smoothed = smoothing === 0 ? target : ew.add(ew.mul(target, 1 - smoothing), smoothing / classes)
  const terms = ew.mul(logs, ew.cast(smoothed, logs.dtype))
  const weighted = weight ? ew.mul(terms, expand(reshape(weight, logs.shape.map((n, i) => (i === axis ? n : 1))), logs.shape)) : terms
  const losses = ew.neg(sum(weighted, [axis]))
  return reduceLoss(losses, options.reduction)
}

// ---- torch's functions

const classArguments = {
  input: floatTensor, target: tensor, weight: optional(tensor), size_average: legacy.size_average, ignore_index: withDefault(integer, -100), reduce: legacy.reduce, reduction,
}

define({ names: 'nll_loss', homes: ['F'], doc: 'Negative log likelihood of the classes', gradFn: 'NllLossBackward0' },
  signature(classArguments, ({ input, target, weight, ignore_index, ...how }, ctx) => nllLoss(ctx, input, target, { weight, ignoreIndex: ignore_index, reduction: reductionOf(how) })))
define({ names: 'cross_entropy', homes: ['F'], doc: 'Cross entropy of logits and classes or class probabilities', gradFn: 'NllLossBackward0' },
  signature({ ...classArguments, label_smoothing: withDefault(number, 0) }, ({ input, target, weight, ignore_index, label_smoothing, ...how }, ctx) =>
    crossEntropy(ctx, input, target, { weight, ignoreIndex: ignore_index, reduction: reductionOf(how), labelSmoothing: label_smoothing })))
