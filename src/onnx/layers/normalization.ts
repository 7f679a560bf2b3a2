/** Normalizations, in eval mode. */
import type { Exporter } from '../define.ts'
import { exporter } from '../define.ts'
import type { LayerWriter, Name } from '../graph.ts'
import { float, int, ints } from '../proto.ts'

/** The axes from `first` to the last. */
function axesFrom(first: number, rank: number): number[] {
  return Array.from({ length: rank - first }, (_, i) => first + i)
}

/** Mean 0 and variance 1 over the axes. */
function standardised(x: Name, w: LayerWriter, axes: readonly number[], eps: number): Name {
  const centred = w.node('Sub', [x, w.mean(x, axes)])
  const variance = w.mean(w.node('Mul', [centred, centred]), axes)
  return w.node('Div', [centred, w.node('Sqrt', [w.node('Add', [variance, w.number(eps)])])])
}

/** Times weight plus bias, one of each for the channels of axis `axis`. */
function scaled(x: Name, w: LayerWriter, { affine, channels, behind }: { affine: boolean; channels: number; behind: number }): Name {
  if (!affine) return x
  const shape = [channels, ...Array<number>(behind).fill(1)]
  return w.node('Add', [w.node('Mul', [x, w.reshaped('weight', shape)]), w.reshaped('bias', shape)])
}

interface ChannelOptions {
  readonly num_features: number
  readonly eps: number
  readonly affine: boolean
  readonly track_running_stats: boolean
}

/** Each channel of axis 1 by the running statistics. */
function byRunning(x: Name, w: LayerWriter, { num_features: channels, affine, eps }: ChannelOptions): Name {
  const learned = affine ? [w.tensor('weight'), w.tensor('bias')] : [w.constant('ones', [channels], Array<number>(channels).fill(1)), w.constant('zeros', [channels], Array<number>(channels).fill(0))]
  return w.node('BatchNormalization', [x, ...learned, w.tensor('running_mean'), w.tensor('running_var')], { epsilon: float(eps) })
}

const batchNorm = exporter((x, w, options: ChannelOptions) => {
  if (options.track_running_stats) return byRunning(x, w, options)
  const rank = w.layer.input.shape.length
  const others = [0, ...axesFrom(2, rank)]
  return scaled(standardised(x, w, others, options.eps), w, { affine: options.affine, channels: options.num_features, behind: rank - 2 })
})

/** `batched`: dimensions of an input with a batch; one less is a single sample. */
function instanceNorm(batched: number): Exporter {
  return exporter((x, w, options: ChannelOptions) => {
    const rank = w.layer.input.shape.length
    const { affine, num_features: channels, eps } = options
    if (!options.track_running_stats) return scaled(standardised(x, w, axesFrom(rank - batched + 2, rank), eps), w, { affine, channels, behind: batched - 2 })
    if (rank === batched) return byRunning(x, w, options)
    const axes = w.integers([0])
    return w.node('Squeeze', [byRunning(w.node('Unsqueeze', [x, axes]), w, options), axes])
  })
}

function lengthOf(normalized: number | readonly number[]): number {
  return typeof normalized === 'number' ? 1 : normalized.length
}

export const normalizations: Readonly<Record<string, Exporter>> = {
  BatchNorm1d: batchNorm,
  BatchNorm2d: batchNorm,
  BatchNorm3d: batchNorm,
  InstanceNorm1d: instanceNorm(3),
  InstanceNorm2d: instanceNorm(4),
  InstanceNorm3d: instanceNorm(5),
  LayerNorm: exporter((x, w, { normalized_shape: normalized, eps, elementwise_affine: affine, bias }: { normalized_shape: number | number[]; eps: number; elementwise_affine: boolean; bias: boolean }) => {
    const { shape } = w.layer.input
    const own = shape.slice(shape.length - lengthOf(normalized))
    const weight = affine ? w.tensor('weight') : w.constant('ones', own, Array<number>(own.reduce((a, b) => a * b, 1)).fill(1))
    return w.node('LayerNormalization', affine && bias ? [x, weight, w.tensor('bias')] : [x, weight], { axis: int(-own.length), epsilon: float(eps) })
  }),
  RMSNorm: exporter((x, w, { normalized_shape: normalized, eps, elementwise_affine: affine }: { normalized_shape: number | number[]; eps: number | null; elementwise_affine: boolean }) => {
    const rank = w.layer.input.shape.length
    const square = w.mean(w.node('Mul', [x, x]), axesFrom(rank - lengthOf(normalized), rank))
    const least = eps ?? (w.dtype === 'float32' ? 2 ** -23 : Number.EPSILON)
    const result = w.node('Div', [x, w.node('Sqrt', [w.node('Add', [square, w.number(least)])])])
    return affine ? w.node('Mul', [result, w.tensor('weight')]) : result
  }),
  GroupNorm: exporter((x, w, { num_groups: groups, num_channels: channels, eps, affine }: { num_groups: number; num_channels: number; eps: number; affine: boolean }) => {
    const grouped = standardised(w.reshape(x, [0, groups, -1]), w, [2], eps)
    return scaled(w.reshapeLike(grouped, x), w, { affine, channels, behind: w.layer.input.shape.length - 2 })
  }),
  // ONNX's LRN has its window elsewhere where the size is even.
  LocalResponseNorm: exporter((x, w, { size, alpha, beta, k }: { size: number; alpha: number; beta: number; k: number }) => {
    const channels = w.layer.input.shape[1]!
    const squares = w.reshape(w.node('Mul', [x, x]), [-1, 1, channels, w.layer.input.shape.slice(2).reduce((a, b) => a * b, 1)])
    const means = w.node('AveragePool', [squares], { kernel_shape: ints([size, 1]), pads: ints([Math.floor(size / 2), 0, Math.floor((size - 1) / 2), 0]), count_include_pad: int(1) })
    const divisor = w.node('Add', [w.node('Mul', [w.reshapeLike(means, x), w.number(alpha)]), w.number(k)])
    return w.node('Div', [x, w.node('Pow', [divisor, w.number(beta)])])
  }),
}
