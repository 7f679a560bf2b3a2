/** Padding, images of another size, and channels as pixels. */
import type { Exporter } from '../define.ts'
import { exporter, never } from '../define.ts'
import { float, int, text } from '../proto.ts'
import type { Attributes, LayerWriter, Name } from '../graph.ts'
import { adaptiveAverage } from './pooling.ts'
import type { PadMode, Sizes } from './spatial.ts'
import { padded, perDimension } from './spatial.ts'

/** PyTorch's pads: before and after, from the last dimension on. */
function padding(dims: number, mode: PadMode): Exporter {
  return exporter((x, w, { padding: given, value = 0 }: { padding: Sizes; value?: number }) => {
    const pads = perDimension(given, 2 * dims)
    const every = (offset: number): number[] => Array.from({ length: dims }, (_, i) => pads[2 * (dims - 1 - i) + offset]!)
    return padded(x, w, w.layer.input.shape.length, every(0), every(1), mode, value)
  })
}

const byDimensions = (name: string, mode: PadMode): [string, Exporter][] => [1, 2, 3].map((dims) => [`${name}${dims}d`, padding(dims, mode)])

// ---- another size

interface Upsample {
  readonly size?: Sizes | null
  readonly scale_factor?: Sizes | null
  readonly mode?: string
  readonly align_corners?: boolean | null
  readonly recompute_scale_factor?: boolean | null
}

/** How ONNX says which elements of the input an element is made of. */
const attributesOf: Readonly<Record<string, (aligned: boolean) => Attributes>> = {
  nearest: () => ({ mode: text('nearest'), coordinate_transformation_mode: text('asymmetric'), nearest_mode: text('floor') }),
  'nearest-exact': () => ({ mode: text('nearest'), coordinate_transformation_mode: text('half_pixel'), nearest_mode: text('round_prefer_ceil') }),
  linear: (aligned) => ({ mode: text('linear'), coordinate_transformation_mode: text(aligned ? 'align_corners' : 'half_pixel') }),
  bicubic: (aligned) => ({ mode: text('cubic'), coordinate_transformation_mode: text(aligned ? 'align_corners' : 'half_pixel'), cubic_coeff_a: float(-0.75) }),
}

function resized(x: Name, w: LayerWriter, { size, scale_factor: factor, mode = 'nearest', align_corners: aligned, recompute_scale_factor: recompute }: Upsample): Name {
  const { input, output } = w.layer
  const dims = input.shape.length - 2
  if (mode === 'area') return adaptiveAverage(dims)(x, w)
  const attributes = attributesOf[mode.endsWith('linear') ? 'linear' : mode]!(aligned === true)
  // The factor itself counts, unless it is to be recomputed from the sizes.
  const byFactor = (size === null || size === undefined) && factor !== null && factor !== undefined && recompute !== true && aligned !== true
  if (byFactor) return w.node('Resize', [x, '', w.constant('scales', [dims + 2], [1, 1, ...perDimension(factor, dims)], 'float32')], attributes)
  const sizes = w.node('Concat', [sizesBefore(x, w), w.integers(output.shape.slice(2))], { axis: int(0) })
  return w.node('Resize', [x, '', '', sizes], attributes)
}

/** N and C of the input, as they are when the model runs. */
function sizesBefore(x: Name, w: LayerWriter): Name {
  return w.node('Slice', [w.node('Shape', [x]), w.integers([0]), w.integers([2])])
}

const upsample = exporter((x, w, options: Upsample) => resized(x, w, options))

// ---- channels as pixels

function pixelShuffle(x: Name, w: LayerWriter, factor: number): Name {
  const [channels, height, width] = w.layer.input.shape.slice(-3) as [number, number, number]
  const outputs = channels / factor ** 2
  const apart = w.reshape(x, [-1, outputs, factor, factor, height, width])
  return likeLead(w.transpose(apart, [0, 1, 4, 2, 5, 3]), w, [outputs, height * factor, width * factor])
}

function pixelUnshuffle(x: Name, w: LayerWriter, factor: number): Name {
  const [channels, height, width] = w.layer.input.shape.slice(-3) as [number, number, number]
  const apart = w.reshape(x, [-1, channels, height / factor, factor, width / factor, factor])
  return likeLead(w.transpose(apart, [0, 1, 3, 5, 2, 4]), w, [channels * factor ** 2, height / factor, width / factor])
}

/** With the dimensions before the last three as they were: the first may have any size. */
function likeLead(x: Name, w: LayerWriter, image: readonly number[]): Name {
  const lead = w.layer.input.shape.slice(0, -3)
  return w.reshape(x, [...lead.map((size, i) => (i === 0 ? -1 : size)), ...image])
}

export const images: Readonly<Record<string, Exporter>> = {
  ...Object.fromEntries([...byDimensions('ConstantPad', 'constant'), ...byDimensions('ZeroPad', 'constant'), ...byDimensions('ReflectionPad', 'reflect'), ...byDimensions('ReplicationPad', 'replicate'), ...byDimensions('CircularPad', 'circular')]),
  Upsample: upsample,
  UpsamplingNearest2d: upsample,
  UpsamplingBilinear2d: exporter((x, w, options: Upsample) => resized(x, w, { ...options, mode: 'bilinear', align_corners: true })),
  PixelShuffle: exporter((x, w, { upscale_factor: factor }: { upscale_factor: number }) => pixelShuffle(x, w, factor)),
  PixelUnshuffle: exporter((x, w, { downscale_factor: factor }: { downscale_factor: number }) => pixelUnshuffle(x, w, factor)),
  ChannelShuffle: exporter((x, w, { groups }: { groups: number }) => {
    const channels = w.layer.input.shape[1]!
    return w.reshapeLike(w.transpose(w.reshape(x, [0, groups, channels / groups, -1]), [0, 2, 1, 3]), x)
  }),
  CosineSimilarity: never('it takes two tensors'),
  PairwiseDistance: never('it takes two tensors'),
}
