/** torch.nn's loss classes. They are applied to (y_hat, y). */
import { z } from 'zod'
import * as f from '../functions/losses/index.ts'
import { literal } from '../ops/source.ts'
import type { TraceContext } from '../lang/values.ts'
import type { Value } from '../ir/value.ts'
import { flag, loss } from './define.ts'

const reduction = { reduction: z.enum(['mean', 'sum', 'none']).default('mean') }
const weight = { weight: z.array(z.number()).nullable().default(null) }

/** A list of numbers as a tensor of the spec's dtype. */
function vector(ctx: TraceContext, numbers: readonly number[] | null): Value | undefined {
  return numbers === null ? undefined : literal(ctx.graph, numbers, [numbers.length], ctx.dtype)
}

export const losses = [
  loss({
    type: 'MSELoss',
    doc: 'Squared error',
    options: reduction,
    gradFn: 'MseLossBackward0',
    forward: (ctx, x, y, options) => f.mseLoss(ctx, x, y, options.reduction),
  }),
  loss({
    type: 'L1Loss',
    doc: 'Absolute error',
    options: reduction,
    gradFn: 'L1LossBackward0',
    forward: (ctx, x, y, options) => f.l1Loss(ctx, x, y, options.reduction),
  }),
  loss({
    type: 'SmoothL1Loss',
    doc: 'Squared error near 0, absolute error beyond beta',
    options: { ...reduction, beta: z.number().nonnegative().default(1) },
    gradFn: 'SmoothL1LossBackward0',
    forward: (ctx, x, y, options) => f.smoothL1Loss(ctx, x, y, options.reduction, options.beta),
  }),
  loss({
    type: 'HuberLoss',
    doc: 'Squared error near 0, delta times absolute error beyond',
    options: { ...reduction, delta: z.number().positive().default(1) },
    gradFn: 'HuberLossBackward0',
    forward: (ctx, x, y, options) => f.huberLoss(ctx, x, y, options.reduction, options.delta),
  }),
  loss({
    type: 'CrossEntropyLoss',
    doc: 'Cross entropy of logits and classes or class probabilities',
    options: { ...weight, ignore_index: z.int32().default(-100), ...reduction, label_smoothing: z.number().min(0).max(1).default(0) },
    gradFn: 'NllLossBackward0',
    forward: (ctx, x, y, options) =>
      f.crossEntropy(ctx, x, y, {
        weight: vector(ctx, options.weight),
        ignoreIndex: options.ignore_index,
        reduction: options.reduction,
        labelSmoothing: options.label_smoothing,
      }),
  }),
  loss({
    type: 'NLLLoss',
    doc: 'Negative log likelihood of classes, from log-probabilities',
    options: { ...weight, ignore_index: z.int32().default(-100), ...reduction },
    gradFn: 'NllLossBackward0',
    forward: (ctx, x, y, options) => f.nllLoss(ctx, x, y, { weight: vector(ctx, options.weight), ignoreIndex: options.ignore_index, reduction: options.reduction }),
  }),
  loss({
    type: 'BCELoss',
    doc: 'Binary cross entropy of probabilities',
    options: { ...weight, ...reduction },
    gradFn: 'BinaryCrossEntropyBackward0',
    forward: (ctx, x, y, options) => f.binaryCrossEntropy(ctx, x, y, vector(ctx, options.weight), options.reduction),
  }),
  loss({
    type: 'BCEWithLogitsLoss',
    doc: 'Binary cross entropy of logits',
    options: { ...weight, ...reduction, pos_weight: z.array(z.number()).nullable().default(null) },
    gradFn: 'BinaryCrossEntropyWithLogitsBackward0',
    forward: (ctx, x, y, options) => f.bceWithLogits(ctx, x, y, vector(ctx, options.weight), vector(ctx, options.pos_weight), options.reduction),
  }),
  loss({
    type: 'KLDivLoss',
    doc: 'Kullback-Leibler divergence, from log-probabilities',
    options: { reduction: z.enum(['mean', 'sum', 'none', 'batchmean']).default('mean'), log_target: flag.default(false) },
    gradFn: 'KlDivBackward0',
    forward: (ctx, x, y, options) => f.klDiv(ctx, x, y, options.reduction, options.log_target),
  }),
]
