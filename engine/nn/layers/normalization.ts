/** Normalizations of batches, layers, groups and instances, with what they learn and what they remember. */
import { z } from 'zod'
import { showShape } from '../../errors.ts'
import { batchNorm, channelStatistics, groupNorm, instanceNorm, instanceStatistics, layerNorm, localResponseNorm, rmsNorm } from '../../functions/normalization.ts'
import type { ChannelStatistics } from '../../functions/normalization.ts'
import type { Value } from '../../ir/value.ts'
import * as ew from '../../ops/elementwise.ts'
import { expand, reshape } from '../../ops/view.ts'
import { madeBy } from '../../functions/define.ts'
import type { BufferSpec, Layer, LayerCall, ParameterSpec } from '../define.ts'
import { flag, layer, size } from '../define.ts'
import { filled } from '../init.ts'

/** weight of ones and bias of zeros. */
export function affineParameters(shape: readonly number[], weight: boolean, bias: boolean): ParameterSpec[] {
  return [...(weight ? [{ name: 'weight', shape, fill: filled(1) }] : []), ...(bias ? [{ name: 'bias', shape, fill: filled(0) }] : [])]
}

const eps = z.number().nonnegative().default(1e-5)

// ---- with running statistics

const channelOptions = (affine: boolean, tracks: boolean) => ({
  num_features: size,
  eps,
  momentum: z.number().nullable().default(0.1).describe('How much of the running statistics a batch replaces; null: they are means over all batches'),
  affine: flag.default(affine),
  track_running_stats: flag.default(tracks),
})

interface ChannelOptions {
  readonly num_features: number
  readonly eps: number
  readonly momentum: number | null
  readonly affine: boolean
  readonly track_running_stats: boolean
}

function runningBuffers({ num_features: channels, track_running_stats: tracks }: ChannelOptions): BufferSpec[] {
  if (!tracks) return []
  return [
    { name: 'running_mean', shape: [channels], value: 0 },
    { name: 'running_var', shape: [channels], value: 1 },
    { name: 'num_batches_tracked', shape: [], value: 0, dtype: 'int64' },
  ]
}

/** Moves the running statistics toward those of the batch; the running variance is unbiased. */
function follow({ mean, variance, count }: ChannelStatistics, share: number | Value, { parameter, update }: LayerCall): void {
  const moved = (name: string, value: Value): void => {
    const before = parameter(name)
    const part = typeof share === 'number' ? ew.fullLike(before, share) : share
    update(name, ew.add(ew.mul(before, ew.sub(1, part)), ew.mul(ew.detach(value), part)))
  }
  moved('running_mean', mean)
  moved('running_var', ew.mul(variance, count / (count - 1)))
}

function requireRank(type: string, x: Value, ranks: readonly number[], axis: number, { num_features: channels }: ChannelOptions, { mismatch }: LayerCall): void {
  if (!ranks.includes(x.shape.length)) mismatch('type', `${type} expected an input of ${ranks.join(' or ')} dimensions, got shape ${showShape(x.shape)}`)
  if (x.shape[axis] !== channels) mismatch('num_features', `${type} expected an input with num_features = ${channels} channels (dimension ${axis}), got shape ${showShape(x.shape)}`)
}

function learned({ affine }: ChannelOptions, { parameter }: LayerCall): { weight: Value | undefined; bias: Value | undefined } {
  return affine ? { weight: parameter('weight'), bias: parameter('bias') } : { weight: undefined, bias: undefined }
}

function remembered({ parameter }: LayerCall): { running_mean: Value; running_var: Value } {
  return { running_mean: parameter('running_mean'), running_var: parameter('running_var') }
}

const forgotten = { running_mean: undefined, running_var: undefined }

function batchLayer(type: string, ranks: readonly number[]): Layer {
  return layer({
    type,
    doc: 'Each channel by mean and variance of the batch, which running statistics follow; in eval mode by those',
    options: channelOptions(true, true),
    gradFn: 'NativeBatchNormBackward0',
    parameters: ({ num_features: channels, affine }) => affineParameters([channels], affine, affine),
    buffers: runningBuffers,
    forward: (x, options, call) => {
      requireRank(type, x, ranks, 1, options, call)
      const { ctx, training, parameter, update } = call
      const { track_running_stats: tracks, momentum, eps: least } = options
      const norm = { ...learned(options, call), eps: least }
      if (!tracks) return batchNorm(ctx, x, { ...norm, ...forgotten, own: true })
      if (training) {
        const seen = ew.add(parameter('num_batches_tracked'), 1)
        update('num_batches_tracked', seen)
        const before = parameter('running_mean')
        follow(channelStatistics(ctx, type, x), momentum ?? expand(ew.div(1, ew.cast(seen, before.dtype)), before.shape), call)
      }
      return batchNorm(ctx, x, { ...norm, ...remembered(call), own: training })
    },
  })
}

function instanceLayer(type: string, ranks: readonly [sample: number, batch: number]): Layer {
  return layer({
    type,
    doc: 'Each channel of each sample by its own mean and variance; with track_running_stats in eval mode by running ones',
    options: channelOptions(false, false),
    gradFn: 'ViewBackward0',
    parameters: ({ num_features: channels, affine }) => affineParameters([channels], affine, affine),
    buffers: runningBuffers,
    forward: (x, options, call) => {
      const single = x.shape.length === ranks[0]
      requireRank(type, x, ranks, single ? 0 : 1, options, call)
      const { ctx, training } = call
      const { track_running_stats: tracks, momentum } = options
      const batch = single ? reshape(x, [1, ...x.shape]) : x
      // PyTorch counts no batches here: without momentum the statistics stay as they are.
      if (tracks && training && momentum !== null) follow(instanceStatistics(ctx, type, batch), momentum, call)
      const norm = { ...learned(options, call), eps: options.eps, own: training || !tracks }
      const result = instanceNorm(ctx, batch, { ...norm, ...(tracks ? remembered(call) : forgotten) })
      return single ? madeBy('SqueezeBackward1', reshape(result, x.shape)) : result
    },
  })
}

// ---- without

const normalizedShape = z.union([size, z.array(size).min(1)]).describe('The last dimensions of the input')

function shapeOf(normalized: number | readonly number[]): readonly number[] {
  return typeof normalized === 'number' ? [normalized] : normalized
}

function requireLast(type: string, x: Value, normalized: number | readonly number[], { mismatch }: LayerCall): readonly number[] {
  const shape = shapeOf(normalized)
  if (String(x.shape.slice(-shape.length)) !== String(shape)) {
    mismatch('normalized_shape', `${type} expected an input whose last dimensions are normalized_shape = ${showShape(shape)}, got shape ${showShape(x.shape)}`)
  }
  return shape
}

export const normalizationLayers = [
  batchLayer('BatchNorm1d', [2, 3]),
  batchLayer('BatchNorm2d', [4]),
  batchLayer('BatchNorm3d', [5]),
  instanceLayer('InstanceNorm1d', [2, 3]),
  instanceLayer('InstanceNorm2d', [3, 4]),
  instanceLayer('InstanceNorm3d', [4, 5]),
  layer({
    type: 'LayerNorm',
    doc: 'Mean 0 and variance 1 over the last dimensions, then times weight plus bias',
    options: { normalized_shape: normalizedShape, eps, elementwise_affine: flag.default(true), bias: flag.default(true) },
    gradFn: 'NativeLayerNormBackward0',
    parameters: ({ normalized_shape: shape, elementwise_affine: affine, bias }) => affineParameters(shapeOf(shape), affine, affine && bias),
    forward: (x, { normalized_shape, eps: least, elementwise_affine: affine, bias }, call) => {
      const shape = requireLast('LayerNorm', x, normalized_shape, call)
      return layerNorm(call.ctx, x, shape, affine ? call.parameter('weight') : undefined, affine && bias ? call.parameter('bias') : undefined, least)
    },
  }),
  layer({
    type: 'RMSNorm',
    doc: 'Root of the mean square 1 over the last dimensions, then times weight',
    options: { normalized_shape: normalizedShape, eps: z.number().nonnegative().nullable().default(null).describe('null: the distance from 1 to the next number of the dtype'), elementwise_affine: flag.default(true) },
    gradFn: 'MulBackward0',
    parameters: ({ normalized_shape: shape, elementwise_affine: affine }) => affineParameters(shapeOf(shape), affine, false),
    forward: (x, { normalized_shape, eps: least, elementwise_affine: affine }, call) => {
      const shape = requireLast('RMSNorm', x, normalized_shape, call)
      return rmsNorm(call.ctx, x, shape, affine ? call.parameter('weight') : undefined, least ?? undefined)
    },
  }),
  layer({
    type: 'GroupNorm',
    doc: 'Mean 0 and variance 1 of each group of channels, then times weight plus bias',
    options: { num_groups: size, num_channels: size, eps, affine: flag.default(true) },
    gradFn: 'NativeGroupNormBackward0',
    check: ({ num_groups: groups, num_channels: channels }, wrong) =>
      channels % groups !== 0 && wrong('num_groups', `GroupNorm: num_channels must be divisible by num_groups, got ${channels} and ${groups}`),
    parameters: ({ num_channels: channels, affine }) => affineParameters([channels], affine, affine),
    forward: (x, { num_groups: groups, num_channels: channels, eps: least, affine }, { ctx, parameter, mismatch }) => {
      if (x.shape[1] !== channels) mismatch('num_channels', `GroupNorm expected an input with num_channels = ${channels} channels (dimension 1), got shape ${showShape(x.shape)}`)
      return groupNorm(ctx, x, groups, affine ? parameter('weight') : undefined, affine ? parameter('bias') : undefined, least)
    },
  }),
  layer({
    type: 'LocalResponseNorm',
    doc: 'x / (k + alpha * mean of x² over size neighbouring channels) ** beta',
    options: { size, alpha: z.number().default(1e-4), beta: z.number().default(0.75), k: z.number().default(1) },
    gradFn: 'DivBackward0',
    forward: (x, { size: width, alpha, beta, k }, { ctx }) => localResponseNorm(ctx, x, width, alpha, beta, k),
  }),
]
