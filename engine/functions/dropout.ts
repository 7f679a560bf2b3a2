/** Functions that disturb their input while a model is trained: dropout of every kind, gumbel_softmax, rrelu. */
import { showShape } from '../errors.ts'
import type { Value } from '../ir/value.ts'
import { numel } from '../ir/value.ts'
import type { TraceContext } from '../lang/values.ts'
import { Tensor, fail } from '../lang/values.ts'
import * as ew from '../ops/elementwise.ts'
import { checkIndex, gather } from '../ops/indexing.ts'
import { iota } from '../ops/source.ts'
import { argsort } from '../ops/sorting.ts'
import { expand, reshape } from '../ops/view.ts'
import { leakyRelu } from './activations.ts'
import type { Result } from './define.ts'
import { family, signature } from './define.ts'
import { extremePlace } from './extremes.ts'
import type { Kind } from './parameters.ts'
import { boolean, floatTensor, integer, number, resolveDim, tensorItself, withDefault } from './parameters.ts'
import { bernoulli, exponential, floatDType, requireProbability, uniform } from './random.ts'
import { softmax, spread } from './reductions.ts'

const { define } = family('random numbers')

export interface DropoutOptions {
  readonly p: number
  /** Drops whole channels: one draw for each of the first two dimensions. */
  readonly channels?: boolean
  /** Keeps mean and variance of what SELU gives. */
  readonly alpha?: boolean
}

/** SELU's limit at -∞, negated: scale · alpha. */
const saturation = 1.7580993408473766

/**
 * PyTorch's _dropout_impl: x times a mask of 0 and 1 / (1 - p). With `alpha`, dropped elements become SELU's limit, and
 * all are scaled and shifted. p = 0 and p = 1 draw nothing.
 */
export function dropout(ctx: TraceContext, name: string, x: Value, { p, channels = false, alpha = false }: DropoutOptions): Value {
  requireProbability(ctx, name, p)
  if (channels && x.shape.length < 2) fail(ctx, 'shape_mismatch', `${name}(): input needs at least 2 dimensions (samples and channels), got shape ${showShape(x.shape)}`)
  if (p === 0 || numel(x.shape) === 0) return x
  if (p === 1) return ew.mul(x, 0)
  const shape = channels ? x.shape.map((n, axis) => (axis < 2 ? n : 1)) : x.shape
  const kept = bernoulli(ctx, shape, x.dtype, 1 - p)
  if (!alpha) return ew.mul(x, expand(ew.div(kept, 1 - p), x.shape))
  const scale = 1 / Math.sqrt((saturation * saturation * p + 1) * (1 - p))
  const shift = ew.add(ew.mul(ew.add(kept, -1), saturation * scale), saturation * scale * p)
  return ew.add(ew.mul(x, expand(ew.mul(kept, scale), x.shape)), expand(shift, x.shape))
}

/** A floating-point tensor that may be given back as it is. */
const same: Kind<Tensor> = {
  ...tensorItself,
  convert: (value, ctx, what) => {
    floatTensor.convert(value, ctx, what)
    return value as Tensor
  },
}

/** Samples without their batch dimension have `rank` dimensions: they are taken as a batch of one. */
function batched(x: Value, rank: number | undefined, body: (x: Value) => Value): Value {
  if (x.shape.length !== rank) return body(x)
  return reshape(body(reshape(x, [1, ...x.shape])), x.shape)
}

interface Variant extends Omit<DropoutOptions, 'p'> {
  readonly names: { readonly F?: string; readonly torch?: string }
  readonly doc: string
  /** What F's function takes when `training` is left out; torch's names have no default. */
  readonly training?: boolean
  /** Rank of a single sample, where one is accepted. */
  readonly sample?: number
  readonly ranks?: readonly number[]
}

const variants: readonly Variant[] = [
  { names: { F: 'dropout', torch: 'dropout' }, doc: 'Makes elements 0 with probability p, scales the others', training: true },
  { names: { F: 'dropout1d' }, doc: 'Makes channels of (N, C, L) or (C, L) 0 with probability p', training: true, channels: true, sample: 2, ranks: [2, 3] },
  { names: { F: 'dropout2d' }, doc: 'Makes channels of (N, C, H, W) 0 with probability p', training: true, channels: true },
  { names: { F: 'dropout3d' }, doc: 'Makes channels of (N, C, D, H, W) or (C, D, H, W) 0 with probability p', training: true, channels: true, sample: 4 },
  { names: { F: 'alpha_dropout', torch: 'alpha_dropout' }, doc: 'Dropout that keeps mean and variance after SELU', training: false, alpha: true },
  { names: { F: 'feature_alpha_dropout', torch: 'feature_alpha_dropout' }, doc: 'alpha_dropout of whole channels', training: false, channels: true, alpha: true },
  { names: { torch: 'feature_dropout' }, doc: 'Dropout of whole channels', channels: true },
]

function run(ctx: TraceContext, name: string, input: Tensor, p: number, training: boolean, variant: Variant): Result {
  const x = input.value
  requireProbability(ctx, name, p)
  if (variant.ranks?.includes(x.shape.length) === false) fail(ctx, 'shape_mismatch', `${name}(): input of ${variant.ranks.join(' or ')} dimensions expected, got shape ${showShape(x.shape)}`)
  if (!training) return { static: input }
  const result = batched(x, variant.sample, (batch) => dropout(ctx, name, batch, { ...variant, p }))
  return result === x ? { static: input } : result
}

for (const variant of variants) {
  const { names, doc, training, alpha } = variant
  const gradFn = alpha === true ? 'AddBackward0' : 'MulBackward0'
  if (names.F !== undefined) {
    define({ names: names.F, homes: ['F'], doc, gradFn },
      signature({ input: same, p: withDefault(number, 0.5), training: withDefault(boolean, training === true, training === true ? 'True' : 'False'), inplace: withDefault(boolean, false, 'False') },
        ({ input, p, training: on }, ctx) => run(ctx, names.F!, input, p, on, variant)))
  }
  if (names.torch !== undefined) {
    define({ names: names.torch, homes: ['torch'], doc, gradFn },
      signature({ input: same, p: number, train: boolean }, ({ input, p, train }, ctx) => run(ctx, names.torch!, input, p, train, variant)))
  }
}

// ---- gumbel_softmax

define({ names: 'gumbel_softmax', homes: ['F'], doc: 'A random choice along dim, as probabilities or one-hot', gradFn: 'SoftmaxBackward0' },
  signature({ logits: floatTensor, tau: withDefault(number, 1), hard: withDefault(boolean, false, 'False'), eps: withDefault(number, 1e-10), dim: withDefault(integer, -1) }, ({ logits, tau, hard, dim }, ctx) => {
    const rank = logits.shape.length
    if (rank === 0) fail(ctx, 'shape_mismatch', 'gumbel_softmax(): logits need a dimension, got shape []')
    const axis = resolveDim(ctx, dim, rank)
    const noise = ew.neg(ew.log(exponential(ctx, logits.shape, floatDType(ctx, 'gumbel_softmax', logits.dtype))))
    const soft = softmax(ew.div(ew.add(logits, noise), tau), axis)
    if (!hard) return soft
    const places = expand(reshape(iota(ctx.graph, logits.shape[axis]!), logits.shape.map((n, i) => (i === axis ? n : 1))), logits.shape)
    const chosen = ew.cast(ew.eq(places, spread(extremePlace(soft, axis, true), soft, [axis])), soft.dtype)
    return ew.add(ew.sub(chosen, ew.detach(soft)), soft)
  }))

// ---- rrelu

/**
 * x above 0, else x times a slope drawn from [lower, upper). The k-th element that is not positive takes the k-th draw,
 * as PyTorch does it; but a draw is made for every element, so that what is drawn afterwards differs from PyTorch's.
 */
export function rreluNoise(ctx: TraceContext, x: Value, lower: number, upper: number): Value {
  const count = numel(x.shape)
  if (count === 0) return x
  const negative = ew.le(x, 0)
  const order = argsort(ew.cast(ew.not(reshape(negative, [count])), 'int32'), false)
  const rank = argsort(order, false)
  const slopes = uniform(ctx, [count], 'float64', lower, upper)
  const slope = ew.cast(reshape(gather(slopes, checkIndex(rank, count, 'place'), 0), x.shape), x.dtype)
  return ew.where(negative, ew.mul(x, slope), x)
}

define({ names: 'rrelu', homes: ['F', 'torch'], doc: 'input, or below 0 a random (in training) or mean slope times it', gradFn: 'RreluWithNoiseBackward0' },
  signature({ input: floatTensor, lower: withDefault(number, 1 / 8), upper: withDefault(number, 1 / 3), training: withDefault(boolean, false, 'False'), inplace: withDefault(boolean, false, 'False') }, ({ input, lower, upper, training }, ctx) => {
    if (lower > upper) fail(ctx, 'bad_argument', `rrelu(): lower must not be above upper, got ${lower} and ${upper}`)
    return training ? rreluNoise(ctx, input, lower, upper) : leakyRelu(input, (lower + upper) / 2)
  }))
