/** Functions that bring a tensor to mean 0 and variance 1 over some of its dimensions, or to a norm of 1. */
import { showShape } from '../errors.ts'
import type { Shape, Value } from '../ir/value.ts'
import { numel, sameShape } from '../ir/value.ts'
import type { TraceContext } from '../lang/values.ts'
import { fail } from '../lang/values.ts'
import * as ew from '../ops/elementwise.ts'
import { concat, expand, reshape, slice } from '../ops/view.ts'
import { family, signature } from './define.ts'
import { vectorNorm } from './norms.ts'
import { boolean, floatTensor, integer, integers, number, optional, resolveDims, withDefault } from './parameters.ts'
import { mean, spread } from './reductions.ts'

const { define } = family('normalization')

// ---- formulas

/** (x - mean) / √(variance + eps), with mean and (biased) variance over `axes`. */
function standardized(x: Value, axes: readonly number[], eps: number): Value {
  const centred = ew.sub(x, spread(mean(x, axes), x, axes))
  return ew.mul(centred, spread(inverseRoot(mean(ew.mul(centred, centred), axes), eps), x, axes))
}

function inverseRoot(variance: Value, eps: number): Value {
  return ew.div(1, ew.sqrt(ew.add(variance, eps)))
}

/** x · weight + bias, both laid along `axes` of x. */
function affine(x: Value, weight: Value | undefined, bias: Value | undefined, axes: readonly number[]): Value {
  const along = (values: Value): Value => expand(reshape(values, x.shape.map((n, axis) => (axes.includes(axis) ? n : 1))), x.shape)
  const scaled = weight ? ew.mul(x, along(weight)) : x
  return bias ? ew.add(scaled, along(bias)) : scaled
}

/** The last dimensions of x, which must be `shape`; weight and bias have that shape too. */
function lastAxes(ctx: TraceContext, name: string, x: Value, shape: Shape, given: Readonly<Record<string, Value | undefined>>): number[] {
  if (shape.length === 0) fail(ctx, 'bad_argument', `${name}(): normalized_shape: at least one size expected, got []`)
  const first = x.shape.length - shape.length
  if (first < 0 || !sameShape(x.shape.slice(first), shape)) {
    fail(ctx, 'shape_mismatch', `${name}(): with normalized_shape ${showShape(shape)}, an input whose last dimensions are ${showShape(shape)} expected, got shape ${showShape(x.shape)}`)
  }
  requireLike(ctx, name, x, shape, given)
  return [...shape.keys()].map((axis) => first + axis)
}

/** Tensors beside the input have its dtype and the given shape. */
function requireLike(ctx: TraceContext, name: string, x: Value, shape: Shape, given: Readonly<Record<string, Value | undefined>>): void {
  for (const [what, value] of Object.entries(given)) {
    if (value && !sameShape(value.shape, shape)) fail(ctx, 'shape_mismatch', `${name}(): ${what}: shape ${showShape(shape)} expected for an input of shape ${showShape(x.shape)}, got ${showShape(value.shape)}`)
    if (value && value.dtype !== x.dtype) fail(ctx, 'dtype_mismatch', `${name}(): input and ${what} must have one dtype, got ${x.dtype} and ${value.dtype}`)
  }
}

export function layerNorm(ctx: TraceContext, x: Value, shape: Shape, weight: Value | undefined, bias: Value | undefined, eps: number): Value {
  const axes = lastAxes(ctx, 'layer_norm', x, shape, { weight, bias })
  return affine(standardized(x, axes, eps), weight, bias, axes)
}

/** x / √(mean(x²) + eps) · weight; eps is by default the distance from 1 to the next number of the dtype. */
export function rmsNorm(ctx: TraceContext, x: Value, shape: Shape, weight: Value | undefined, eps: number | undefined): Value {
  const axes = lastAxes(ctx, 'rms_norm', x, shape, { weight })
  const least = eps ?? (x.dtype === 'float32' ? 2 ** -23 : 2 ** -52)
  return affine(ew.mul(x, spread(inverseRoot(mean(ew.mul(x, x), axes), least), x, axes)), weight, undefined, axes)
}

/** Weight and bias of the channels: dimension 1. */
function channelsOf(ctx: TraceContext, name: string, x: Value, given: Readonly<Record<string, Value | undefined>>): number {
  const channels = x.shape[1]
  if (channels === undefined) return fail(ctx, 'shape_mismatch', `${name}(): input needs at least 2 dimensions (samples and channels), got shape ${showShape(x.shape)}`)
  requireLike(ctx, name, x, [channels], given)
  return channels
}

export function groupNorm(ctx: TraceContext, x: Value, groups: number, weight: Value | undefined, bias: Value | undefined, eps: number): Value {
  const channels = channelsOf(ctx, 'group_norm', x, { weight, bias })
  if (groups < 1) fail(ctx, 'bad_argument', `group_norm(): num_groups: at least 1 expected, got ${groups}`)
  if (channels % groups !== 0) fail(ctx, 'shape_mismatch', `group_norm(): the number of channels must be divisible by num_groups, got an input of shape ${showShape(x.shape)} and num_groups=${groups}`)
  const [samples, , ...rest] = x.shape as [number, number, ...number[]]
  // PyTorch refuses what has one number a group in the whole batch.
  if (numel(x.shape) === groups) requireSeveral(ctx, 'group_norm', x)
  const grouped = reshape(x, [samples, groups, channels / groups, ...rest])
  const axes = [...grouped.shape.keys()].slice(2)
  return affine(reshape(standardized(grouped, axes, eps), x.shape), weight, bias, [1])
}

function requireSeveral(ctx: TraceContext, name: string, x: Value): never {
  return fail(ctx, 'shape_mismatch', `${name}(): more than 1 value per channel expected when training, got an input of shape ${showShape(x.shape)}`)
}

/** Mean and variance of each channel. */
export interface ChannelStatistics {
  readonly mean: Value
  readonly variance: Value
  /** How many numbers they are of. */
  readonly count: number
}

/** Mean and biased variance of each channel (dimension 1) over samples and places. */
export function channelStatistics(ctx: TraceContext, name: string, x: Value): ChannelStatistics {
  const axes = otherAxes(x)
  const count = numel(axes.map((axis) => x.shape[axis]!))
  if (count === 1) requireSeveral(ctx, name, x)
  const average = mean(x, axes)
  const centred = ew.sub(x, spread(average, x, axes))
  return { mean: average, variance: mean(ew.mul(centred, centred), axes), count }
}

/** All dimensions but that of the channels. */
function otherAxes(x: Value): number[] {
  return [...x.shape.keys()].filter((axis) => axis !== 1)
}

/** (x - mean) / √(variance + eps) · weight + bias, a number of each for each channel. */
export function normalizeChannels(x: Value, { mean: average, variance }: Omit<ChannelStatistics, 'count'>, weight: Value | undefined, bias: Value | undefined, eps: number): Value {
  const axes = otherAxes(x)
  const centred = ew.sub(x, spread(average, x, axes))
  return affine(ew.mul(centred, spread(inverseRoot(variance, eps), x, axes)), weight, bias, [1])
}

interface ChannelNorm {
  readonly running_mean: Value | undefined
  readonly running_var: Value | undefined
  readonly weight: Value | undefined
  readonly bias: Value | undefined
  /** Whether mean and variance are those of the input; else the running ones. */
  readonly own: boolean
  readonly eps: number
}

/** The given running statistics, through which no gradient flows. */
function running(ctx: TraceContext, name: string, flag: string, { running_mean: average, running_var: variance }: ChannelNorm): Omit<ChannelStatistics, 'count'> {
  if (!average || !variance) return fail(ctx, 'bad_argument', `${name}(): running_mean and running_var are needed when ${flag}=False`)
  return { mean: ew.detach(average), variance: ew.detach(variance) }
}

export function batchNorm(ctx: TraceContext, x: Value, norm: ChannelNorm): Value {
  const { running_mean, running_var, weight, bias, own, eps } = norm
  channelsOf(ctx, 'batch_norm', x, { running_mean, running_var, weight, bias })
  const statistics = own ? channelStatistics(ctx, 'batch_norm', x) : running(ctx, 'batch_norm', 'training', norm)
  return normalizeChannels(x, statistics, weight, bias, eps)
}

/** Each channel of each sample for itself. */
export function instanceNorm(ctx: TraceContext, x: Value, norm: ChannelNorm): Value {
  const { running_mean, running_var, weight, bias, own, eps } = norm
  channelsOf(ctx, 'instance_norm', x, { running_mean, running_var, weight, bias })
  if (!own) return normalizeChannels(x, running(ctx, 'instance_norm', 'use_input_stats', norm), weight, bias, eps)
  if (numel(x.shape.slice(2)) === 1) fail(ctx, 'shape_mismatch', `instance_norm(): more than 1 spatial element expected when training, got an input of shape ${showShape(x.shape)}`)
  return affine(standardized(x, [...x.shape.keys()].slice(2), eps), weight, bias, [1])
}

/** Means over the samples of each channel's mean and biased variance in a sample. */
export function instanceStatistics(ctx: TraceContext, name: string, x: Value): ChannelStatistics {
  const places = [...x.shape.keys()].slice(2)
  const count = numel(x.shape.slice(2))
  if (count === 1) requireSeveral(ctx, name, x)
  const average = mean(x, places)
  const centred = ew.sub(x, spread(average, x, places))
  return { mean: mean(average, [0]), variance: mean(mean(ew.mul(centred, centred), places), [0]), count }
}

/** Sums of `length` neighbours along axis 1, by doubling: few nodes for any length. */
function windowSums(x: Value, length: number): Value {
  if (length === 1) return x
  const half = windowSums(x, Math.floor(length / 2))
  const step = Math.floor(length / 2)
  const places = half.shape[1]! - step
  const pairs = ew.add(slice(half, 1, 0, places), slice(half, 1, step, places))
  if (length % 2 === 0) return pairs
  return ew.add(slice(pairs, 1, 0, places - 1), slice(x, 1, length - 1, places - 1))
}

/** x / (k + alpha · mean of x² over `size` neighbouring channels) ** beta; outside are zeros. */
export function localResponseNorm(ctx: TraceContext, x: Value, size: number, alpha: number, beta: number, k: number): Value {
  if (x.shape.length < 3) fail(ctx, 'shape_mismatch', `local_response_norm(): input needs at least 3 dimensions, got shape ${showShape(x.shape)}`)
  if (size < 1) fail(ctx, 'bad_argument', `local_response_norm(): size: at least 1 expected, got ${size}`)
  if (numel(x.shape) === 0) return x
  const square = ew.mul(x, x)
  const zeros = (n: number): Value[] => (n > 0 ? [expand(ew.fullLike(slice(square, 1, 0, 1), 0), x.shape.with(1, n))] : [])
  const padded = concat([...zeros(Math.floor(size / 2)), square, ...zeros(Math.floor((size - 1) / 2))], 1)
  const average = ew.div(windowSums(padded, size), size)
  return ew.div(x, ew.pow(ew.add(ew.mul(average, alpha), k), beta))
}

/** The norm of order p over `axes`, at least eps; below eps no gradient flows. */
function normalize(x: Value, p: number, axes: readonly number[], eps: number): Value {
  const norm = vectorNorm(x, p, axes)
  const limited = ew.where(ew.lt(norm, eps), ew.fullLike(norm, eps), norm)
  return ew.div(x, spread(limited, x, axes))
}

// ---- torch's functions

const learned = { weight: optional(floatTensor), bias: optional(floatTensor) }
const epsilon = { eps: withDefault(number, 1e-5) }
const cudnn = { cudnn_enabled: withDefault(boolean, true, 'True') }

const layer = { names: 'layer_norm', doc: 'Mean 0 and variance 1 over the last dimensions, then times weight plus bias', gradFn: 'NativeLayerNormBackward0' }
const layerArguments = { input: floatTensor, normalized_shape: integers, ...learned, ...epsilon }
define({ ...layer, homes: ['F'] }, signature(layerArguments, ({ input, normalized_shape, weight, bias, eps }, ctx) => layerNorm(ctx, input, normalized_shape, weight, bias, eps)))
define({ ...layer, homes: ['torch'] },
  signature({ ...layerArguments, cudnn_enable: cudnn.cudnn_enabled }, ({ input, normalized_shape, weight, bias, eps }, ctx) => layerNorm(ctx, input, normalized_shape, weight, bias, eps)))

define({ names: 'rms_norm', homes: ['F', 'torch'], doc: 'Root of the mean square 1 over the last dimensions, then times weight', gradFn: 'MulBackward0' },
  signature({ input: floatTensor, normalized_shape: integers, weight: optional(floatTensor), eps: optional(number) }, ({ input, normalized_shape, weight, eps }, ctx) => rmsNorm(ctx, input, normalized_shape, weight, eps)))

const group = { names: 'group_norm', doc: 'Mean 0 and variance 1 of each group of channels, then times weight plus bias', gradFn: 'NativeGroupNormBackward0' }
const groupArguments = { input: floatTensor, num_groups: integer, ...learned, ...epsilon }
define({ ...group, homes: ['F'] }, signature(groupArguments, ({ input, num_groups, weight, bias, eps }, ctx) => groupNorm(ctx, input, num_groups, weight, bias, eps)))
define({ ...group, homes: ['torch'] },
  signature({ ...groupArguments, ...cudnn }, ({ input, num_groups, weight, bias, eps }, ctx) => groupNorm(ctx, input, num_groups, weight, bias, eps)))

// Running statistics are read, and not changed. torch's two functions are F's with the arguments in another order.
const statistics = { running_mean: optional(floatTensor), running_var: optional(floatTensor) }
const learning = { momentum: withDefault(number, 0.1), ...epsilon }
const inTorch = { momentum: number, eps: number, ...cudnn }

const batch = { names: 'batch_norm', doc: 'Mean 0 and variance 1 of each channel in training, else by the running statistics; these are not changed', gradFn: 'NativeBatchNormBackward0' }
define({ ...batch, homes: ['F'] },
  signature({ input: floatTensor, ...statistics, ...learned, training: withDefault(boolean, false, 'False'), ...learning }, ({ input, training, ...norm }, ctx) => batchNorm(ctx, input, { ...norm, own: training })))
define({ ...batch, homes: ['torch'] },
  signature({ input: floatTensor, ...learned, ...statistics, training: boolean, ...inTorch }, ({ input, training, ...norm }, ctx) => batchNorm(ctx, input, { ...norm, own: training })))

const instance = { names: 'instance_norm', doc: 'Mean 0 and variance 1 of each channel of each sample, or by the running statistics; these are not changed', gradFn: 'ViewBackward0' }
define({ ...instance, homes: ['F'] },
  signature({ input: floatTensor, ...statistics, ...learned, use_input_stats: withDefault(boolean, true, 'True'), ...learning }, ({ input, use_input_stats, ...norm }, ctx) => instanceNorm(ctx, input, { ...norm, own: use_input_stats })))
define({ ...instance, homes: ['torch'] },
  signature({ input: floatTensor, ...learned, ...statistics, use_input_stats: boolean, ...inTorch }, ({ input, use_input_stats, ...norm }, ctx) => instanceNorm(ctx, input, { ...norm, own: use_input_stats })))

define({ names: 'local_response_norm', homes: ['F'], doc: 'input / (k + alpha * mean of input² over size neighbouring channels) ** beta', gradFn: 'DivBackward0' },
  signature({ input: floatTensor, size: integer, alpha: withDefault(number, 1e-4), beta: withDefault(number, 0.75), k: withDefault(number, 1) }, ({ input, size, alpha, beta, k }, ctx) =>
    localResponseNorm(ctx, input, size, alpha, beta, k)))

define({ names: 'normalize', homes: ['F'], doc: 'input divided by its norm of order p along dim, which counts as at least eps', gradFn: 'DivBackward0' },
  signature({ input: floatTensor, p: withDefault(number, 2), dim: withDefault(integers, [1], '1'), eps: withDefault(number, 1e-12) }, ({ input, p, dim, eps }, ctx) =>
    normalize(input, p, resolveDims(ctx, dim, input.shape), eps)))
