/** Loss functions, as torch.nn.functional defines them. */
import { showShape } from '../errors.ts'
import type { Value } from '../ir/value.ts'
import { isFloat, numel, sameShape } from '../ir/value.ts'
import type { TraceContext } from '../lang/values.ts'
import { fail } from '../lang/values.ts'
import * as ew from '../ops/elementwise.ts'
import { checkIndex, gather } from '../ops/indexing.ts'
import { iota } from '../ops/source.ts'
import { expand, permute, reshape, sum } from '../ops/view.ts'
import { define, signature } from './define.ts'
import { clamp } from './elementwise.ts'
import { boolean, floatTensor, integer, number, oneOf, optional, tensor, withDefault } from './parameters.ts'
import { broadcastFloats } from './promote.ts'
import { logSoftmax } from './reductions.ts'

export type Reduction = 'mean' | 'sum' | 'none'

const reductionKind = withDefault(oneOf('mean', 'sum', 'none'), 'mean', "'mean'")

function allAxes(x: Value): number[] {
  return [...x.shape.keys()]
}

export function reduceLoss(x: Value, reduction: Reduction): Value {
  if (reduction === 'none') return x
  const total = sum(x, allAxes(x))
  return reduction === 'sum' ? total : ew.div(total, numel(x.shape))
}

// ---- regression

function differences(ctx: TraceContext, input: Value, target: Value): Value {
  const [x, y] = broadcastFloats(ctx, [input, target]) as [Value, Value]
  return ew.sub(x, y)
}

export function mseLoss(ctx: TraceContext, input: Value, target: Value, reduction: Reduction): Value {
  const d = differences(ctx, input, target)
  return reduceLoss(ew.mul(d, d), reduction)
}

export function l1Loss(ctx: TraceContext, input: Value, target: Value, reduction: Reduction): Value {
  return reduceLoss(ew.abs(differences(ctx, input, target)), reduction)
}

/** d² / 2 beta where |d| < beta, |d| - beta / 2 beyond. */
export function smoothL1Loss(ctx: TraceContext, input: Value, target: Value, reduction: Reduction, beta: number): Value {
  if (beta < 0) fail(ctx, 'bad_argument', `smooth_l1_loss(): beta must not be negative, got ${beta}`)
  if (beta === 0) return l1Loss(ctx, input, target, reduction)
  const d = differences(ctx, input, target)
  const size = ew.abs(d)
  return reduceLoss(ew.where(ew.lt(size, beta), ew.div(ew.mul(ew.mul(d, d), 0.5), beta), ew.sub(size, beta / 2)), reduction)
}

/** d² / 2 where |d| ≤ delta, delta (|d| - delta / 2) beyond. */
export function huberLoss(ctx: TraceContext, input: Value, target: Value, reduction: Reduction, delta: number): Value {
  if (delta <= 0) fail(ctx, 'bad_argument', `huber_loss(): delta must be positive, got ${delta}`)
  const d = differences(ctx, input, target)
  const size = ew.abs(d)
  return reduceLoss(ew.where(ew.le(size, delta), ew.mul(ew.mul(d, d), 0.5), ew.mul(ew.sub(size, delta / 2), delta)), reduction)
}

// ---- classification

export interface ClassOptions {
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

/** Checked labels; samples that are to be ignored get class 0. */
function checkedLabels(labels: Value, classes: number, ignoreIndex: number): { index: Value; counts: Value | undefined } {
  if (ignoreIndex >= 0 && ignoreIndex >= classes) return { index: checkIndex(labels, classes, 'class label'), counts: undefined }
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

/** The weight of the class of each sample, 0 for ignored ones; undefined when all are 1. */
function sampleWeights(index: Value, counts: Value | undefined, weight: Value | undefined, like: Value): Value | undefined {
  const byClass = weight && gather(expand(weight, [numel(index.shape), weight.shape[0]!]), reshape(index, [numel(index.shape), 1]), 1)
  const weights = byClass ? reshape(byClass, index.shape) : undefined
  if (!counts) return weights
  const zero = ew.fullLike(like, 0)
  return ew.where(counts, weights ?? ew.fullLike(like, 1), zero)
}

function requireWeight(ctx: TraceContext, name: string, weight: Value | undefined, classes: number, dtype: Value['dtype']): Value | undefined {
  if (!weight) return undefined
  if (weight.shape.length !== 1 || weight.shape[0] !== classes) {
    fail(ctx, 'shape_mismatch', `${name}(): weight of shape [${classes}] expected, got ${showShape(weight.shape)}`)
  }
  return ew.cast(weight, dtype)
}

/** Mean weighted by the samples' class weights, as PyTorch does it. */
function reduceWeighted(losses: Value, weights: Value | undefined, reduction: Reduction): Value {
  const weighted = weights ? ew.mul(losses, weights) : losses
  if (reduction !== 'mean' || !weights) return reduceLoss(weighted, reduction)
  return ew.div(sum(weighted, allAxes(weighted)), sum(weights, allAxes(weights)))
}

export function nllLoss(ctx: TraceContext, input: Value, target: Value, options: ClassOptions, name = 'nll_loss'): Value {
  const { scores, labels } = classLayout(ctx, name, input, target)
  const classes = scores.shape.at(-1)!
  const weight = requireWeight(ctx, name, options.weight, classes, scores.dtype)
  const { index, counts } = checkedLabels(labels, classes, options.ignoreIndex)
  const losses = ew.neg(atClass(scores, index))
  return reduceWeighted(losses, sampleWeights(index, counts, weight, losses), options.reduction)
}

export interface CrossEntropyOptions extends ClassOptions {
  readonly labelSmoothing: number
}

export function crossEntropy(ctx: TraceContext, input: Value, target: Value, options: CrossEntropyOptions): Value {
  const { labelSmoothing: smoothing } = options
  if (smoothing < 0 || smoothing > 1) fail(ctx, 'bad_argument', `cross_entropy(): label_smoothing must be in [0, 1], got ${smoothing}`)
  if (input.shape.length === 0) fail(ctx, 'shape_mismatch', 'cross_entropy(): input needs a dimension of classes, got shape []')
  const axis = input.shape.length === 1 ? 0 : 1
  const logs = logSoftmax(input, axis)
  if (sameShape(input.shape, target.shape) && isFloat(target.dtype)) return probabilityLoss(ctx, logs, target, axis, options)
  if (smoothing === 0) return nllLoss(ctx, logs, target, options, 'cross_entropy')

  const { scores, labels } = classLayout(ctx, 'cross_entropy', logs, target)
  const classes = scores.shape.at(-1)!
  const weight = requireWeight(ctx, 'cross_entropy', options.weight, classes, scores.dtype)
  const { index, counts } = checkedLabels(labels, classes, options.ignoreIndex)
  const losses = ew.neg(atClass(scores, index))
  const weights = sampleWeights(index, counts, weight, losses)
  // The smooth part spreads over all classes, each with its weight.
  const spread = weight ? ew.mul(scores, expand(weight, scores.shape)) : scores
  const smooth = ew.neg(sum(spread, [scores.shape.length - 1]))
  const kept = counts ? ew.where(counts, smooth, ew.fullLike(smooth, 0)) : smooth
  const hard = reduceWeighted(losses, weights, options.reduction)
  const soft = options.reduction === 'mean' ? ew.div(sum(kept, allAxes(kept)), sum(weights ?? ew.fullLike(kept, 1), allAxes(kept))) : reduceLoss(kept, options.reduction)
  return ew.add(ew.mul(hard, 1 - smoothing), ew.mul(soft, smoothing / classes))
}

/** The target gives a probability for every class. */
function probabilityLoss(ctx: TraceContext, logs: Value, target: Value, axis: number, options: CrossEntropyOptions): Value {
  const classes = logs.shape[axis]!
  const weight = requireWeight(ctx, 'cross_entropy', options.weight, classes, logs.dtype)
  const { labelSmoothing: smoothing } = options
  const smoothed = smoothing === 0 ? target : ew.add(ew.mul(target, 1 - smoothing), smoothing / classes)
  const terms = ew.mul(logs, ew.cast(smoothed, logs.dtype))
  const weighted = weight ? ew.mul(terms, expand(reshape(weight, logs.shape.map((n, i) => (i === axis ? n : 1))), logs.shape)) : terms
  const losses = ew.neg(sum(weighted, [axis]))
  return reduceLoss(losses, options.reduction)
}

// ---- binary

/** The sum of -y ln x - (1 - y) ln (1 - x); logarithms are at least -100, as in PyTorch. */
export function binaryCrossEntropy(ctx: TraceContext, input: Value, target: Value, weight: Value | undefined, reduction: Reduction): Value {
  requireSameShape(ctx, 'binary_cross_entropy', input, target)
  const y = ew.cast(target, input.dtype)
  const low = { kind: 'number', value: -100, whole: true } as const
  const log = clamp(ctx, ew.log(input), low, undefined)
  const logNot = clamp(ctx, ew.log1p(ew.neg(input)), low, undefined)
  const losses = ew.sub(ew.mul(ew.sub(y, 1), logNot), ew.mul(y, log))
  return reduceLoss(weightedBy(ctx, losses, weight), reduction)
}

/** x - x y + ln(1 + e^-x), with the classes' positive samples weighted by posWeight. */
export function bceWithLogits(ctx: TraceContext, input: Value, target: Value, weight: Value | undefined, posWeight: Value | undefined, reduction: Reduction): Value {
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

function requireSameShape(ctx: TraceContext, name: string, input: Value, target: Value): void {
  if (!sameShape(input.shape, target.shape)) {
    fail(ctx, 'shape_mismatch', `${name}(): input of shape ${showShape(input.shape)} and target of shape ${showShape(target.shape)} must have one shape`)
  }
}

function weightedBy(ctx: TraceContext, losses: Value, weight: Value | undefined): Value {
  if (!weight) return losses
  const [x, w] = broadcastFloats(ctx, [losses, weight]) as [Value, Value]
  return ew.mul(x, w)
}

/** target (ln target - input), or e^target (target - input) with logTarget. */
export function klDiv(ctx: TraceContext, input: Value, target: Value, reduction: Reduction | 'batchmean', logTarget: boolean): Value {
  const [x, y] = broadcastFloats(ctx, [input, target]) as [Value, Value]
  const zero = ew.fullLike(x, 0)
  const isZero = ew.eq(y, 0)
  const entropy = ew.where(isZero, zero, ew.mul(y, ew.log(ew.where(isZero, ew.fullLike(y, 1), y))))
  const losses = logTarget ? ew.mul(ew.exp(y), ew.sub(y, x)) : ew.sub(entropy, ew.mul(y, x))
  if (reduction !== 'batchmean') return reduceLoss(losses, reduction)
  return ew.div(sum(losses, allAxes(losses)), x.shape[0] ?? 1)
}

// ---- torch's functions

const pair = { input: floatTensor, target: tensor }

define({ names: 'mse_loss', homes: ['F'], doc: 'Squared error', gradFn: 'MseLossBackward0' },
  signature({ ...pair, reduction: reductionKind }, ({ input, target, reduction }, ctx) => mseLoss(ctx, input, target, reduction)))
define({ names: 'l1_loss', homes: ['F'], doc: 'Absolute error', gradFn: 'L1LossBackward0' },
  signature({ ...pair, reduction: reductionKind }, ({ input, target, reduction }, ctx) => l1Loss(ctx, input, target, reduction)))
define({ names: 'smooth_l1_loss', homes: ['F'], doc: 'Squared error near 0, absolute error beyond beta', gradFn: 'SmoothL1LossBackward0' },
  signature({ ...pair, reduction: reductionKind, beta: withDefault(number, 1) }, ({ input, target, reduction, beta }, ctx) => smoothL1Loss(ctx, input, target, reduction, beta)))
define({ names: 'huber_loss', homes: ['F'], doc: 'Squared error near 0, delta times absolute error beyond', gradFn: 'HuberLossBackward0' },
  signature({ ...pair, reduction: reductionKind, delta: withDefault(number, 1) }, ({ input, target, reduction, delta }, ctx) => huberLoss(ctx, input, target, reduction, delta)))

const classArguments = { weight: optional(tensor), ignore_index: withDefault(integer, -100), reduction: reductionKind }

define({ names: 'nll_loss', homes: ['F'], doc: 'Negative log likelihood of the classes', gradFn: 'NllLossBackward0' },
  signature({ ...pair, ...classArguments }, ({ input, target, weight, ignore_index, reduction }, ctx) => nllLoss(ctx, input, target, { weight, ignoreIndex: ignore_index, reduction })))
define({ names: 'cross_entropy', homes: ['F'], doc: 'Cross entropy of logits and classes or class probabilities', gradFn: 'NllLossBackward0' },
  signature({ ...pair, ...classArguments, label_smoothing: withDefault(number, 0) }, ({ input, target, weight, ignore_index, reduction, label_smoothing }, ctx) =>
    crossEntropy(ctx, input, target, { weight, ignoreIndex: ignore_index, reduction, labelSmoothing: label_smoothing })))
define({ names: 'binary_cross_entropy', homes: ['F'], doc: 'Cross entropy of probabilities', gradFn: 'BinaryCrossEntropyBackward0' },
  signature({ ...pair, weight: optional(tensor), reduction: reductionKind }, ({ input, target, weight, reduction }, ctx) => binaryCrossEntropy(ctx, input, target, weight, reduction)))
define({ names: 'binary_cross_entropy_with_logits', homes: ['F'], doc: 'Cross entropy of logits', gradFn: 'BinaryCrossEntropyWithLogitsBackward0' },
  signature({ ...pair, weight: optional(tensor), reduction: reductionKind, pos_weight: optional(tensor) }, ({ input, target, weight, reduction, pos_weight }, ctx) =>
    bceWithLogits(ctx, input, target, weight, pos_weight, reduction)))
define({ names: 'kl_div', homes: ['F'], doc: 'Kullback-Leibler divergence of log-probabilities', gradFn: 'KlDivBackward0' },
  signature({ ...pair, reduction: withDefault(oneOf('mean', 'sum', 'none', 'batchmean'), 'mean', "'mean'"), log_target: withDefault(boolean, false, 'False') }, ({ input, target, reduction, log_target }, ctx) =>
    klDiv(ctx, input, target, reduction, log_target)))
