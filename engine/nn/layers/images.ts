/** Layers that resize, pad and rearrange images. */
import { z } from 'zod'
import { showShape } from '../../errors.ts'
import type { Blocks } from '../../functions/convolutions.ts'
import { columnsImage, imageColumns } from '../../functions/convolutions.ts'
import { madeBy } from '../../functions/define.ts'
import type { PadMode } from '../../functions/padding.ts'
import { pad, padGradFn } from '../../functions/padding.ts'
import { channelShuffle, interpolate, pixelShuffle, pixelUnshuffle, resizeModes } from '../../functions/resizing.ts'
import { fail } from '../../lang/values.ts'
import type { Layer, Wrong } from '../define.ts'
import { flag, layer, size } from '../define.ts'
import { each, listOf, perDimension, ranks } from './spatial.ts'

const factor = z.number().positive()
const sizes = z.union([size, z.array(size).min(1).max(3), z.null()]).default(null)
const factors = z.union([factor, z.array(factor).min(1).max(3), z.null()]).default(null)

function checkSize(type: string, { size: given, scale_factor: scale }: { readonly size: unknown; readonly scale_factor: unknown }, wrong: Wrong): void {
  if ((given === null) === (scale === null)) wrong('size', `${type} takes either size or scale_factor`)
}

const resizing: readonly Layer[] = [
  layer({
    type: 'Upsample',
    doc: 'Images (N, C, …) of another size, between whose pixels is interpolated',
    options: { size: sizes, scale_factor: factors, mode: z.enum(resizeModes).default('nearest'), align_corners: flag.nullable().default(null), recompute_scale_factor: flag.nullable().default(null) },
    gradFn: 'UpsampleNearest2DBackward1',
    check: (options, wrong) => {
      checkSize('Upsample', options, wrong)
      if (options.align_corners !== null && ['nearest', 'nearest-exact', 'area'].includes(options.mode)) wrong('align_corners', `Upsample: align_corners goes with linear, bilinear, bicubic and trilinear, not with mode '${options.mode}'`)
      if (options.recompute_scale_factor === true && options.size !== null) wrong('recompute_scale_factor', 'Upsample: recompute_scale_factor is of no meaning with a size')
    },
    forward: (x, { size: given, scale_factor: scale, mode, align_corners: align, recompute_scale_factor: recompute }, { ctx }) =>
      interpolate(ctx, 'Upsample', { input: x, size: given === null ? undefined : listOf(given), scale_factor: scale === null ? undefined : listOf(scale) }, mode, align ?? undefined, recompute === true),
  }),
  ...([['UpsamplingNearest2d', 'nearest', undefined], ['UpsamplingBilinear2d', 'bilinear', true]] as const).map(([type, mode, align]) =>
    layer({
      type,
      doc: `Upsample with mode '${mode}'${align === true ? ' and align_corners' : ''}, of (N, C, H, W)`,
      options: { size: sizes, scale_factor: factors },
      gradFn: `Upsample${mode === 'nearest' ? 'Nearest' : 'Bilinear'}2DBackward1`,
      check: (options, wrong) => checkSize(type, options, wrong),
      forward: (x, { size: given, scale_factor: scale }, { ctx }) => {
        if (x.shape.length !== 4) fail(ctx, 'shape_mismatch', `${type} takes (N, C, H, W), got shape ${showShape(x.shape)}`)
        return interpolate(ctx, type, { input: x, size: given === null ? undefined : listOf(given), scale_factor: scale === null ? undefined : listOf(scale) }, mode, align, false)
      },
    })),
]

const shuffles: readonly Layer[] = [
  layer({
    type: 'PixelShuffle',
    doc: 'Blocks of channels as pixels: (…, C · r², H, W) gives (…, C, H · r, W · r)',
    options: { upscale_factor: size },
    gradFn: 'PixelShuffleBackward0',
    forward: (x, { upscale_factor: r }, { ctx }) => pixelShuffle(ctx, x, r),
  }),
  layer({
    type: 'PixelUnshuffle',
    doc: 'Blocks of pixels as channels: (…, C, H · r, W · r) gives (…, C · r², H, W)',
    options: { downscale_factor: size },
    gradFn: 'PixelUnshuffleBackward0',
    forward: (x, { downscale_factor: r }, { ctx }) => pixelUnshuffle(ctx, x, r),
  }),
  layer({
    type: 'ChannelShuffle',
    doc: 'The first channels of all groups, then the second ones, …, of (N, C, …)',
    options: { groups: size },
    gradFn: 'NativeChannelShuffleBackward0',
    forward: (x, { groups }, { ctx }) => channelShuffle(ctx, x, groups),
  }),
]

const blocks = { kernel_size: perDimension(2, 1), dilation: perDimension(2, 1).default(1), padding: perDimension(2, 0).default(0), stride: perDimension(2, 1).default(1) }

function blocksOf({ kernel_size: kernel, dilation, padding, stride }: Readonly<Record<keyof Blocks, number | readonly number[]>>): Blocks {
  return { kernel_size: listOf(kernel), dilation: listOf(dilation), padding: listOf(padding), stride: listOf(stride) }
}

const columns: readonly Layer[] = [
  layer({
    type: 'Unfold',
    doc: 'Windows of an image as columns: (N, C, H, W) gives (N, C · kernel, number of windows)',
    options: blocks,
    gradFn: 'Im2ColBackward0',
    forward: (x, options, { ctx }) => imageColumns(ctx, 'Unfold', x, blocksOf(options)),
  }),
  layer({
    type: 'Fold',
    doc: 'The columns of Unfold added up to an image of output_size',
    options: { output_size: perDimension(2, 1), ...blocks },
    gradFn: 'Col2ImBackward0',
    forward: (x, { output_size: wanted, ...options }, { ctx }) => columnsImage(ctx, 'Fold', x, listOf(wanted), blocksOf(options)),
  }),
]

/** Pads of the spatial dimensions, the last one first; negative ones cut. */
function padLayer(type: string, doc: string, rank: number, mode: PadMode, value: 'zero' | 'given' | 'none'): Layer {
  const one = z.int32()
  return layer({
    type,
    doc: `${doc} at the ends of ${rank === 1 ? 'the last dimension' : `the last ${rank} dimensions`}`,
    options: { padding: z.union([one, z.array(one).length(2 * rank)]).describe('One number, or before and after of the last dimension, of the one before it, …'), ...(value === 'given' && { value: z.number() }) },
    gradFn: padGradFn(mode, rank),
    forward: (x, { padding, value: filled }, { ctx }) => {
      const given = x.shape.length
      if (value === 'none' && given !== rank + 1 && given !== rank + 2) fail(ctx, 'shape_mismatch', `${type} expected an input of ${rank + 2} dimensions, or ${rank + 1} without the batch, got shape ${showShape(x.shape)}`)
      return madeBy(padGradFn(mode, rank), pad(ctx, x, each(padding, 2 * rank), mode, typeof filled === 'number' ? filled : 0))
    },
  })
}

const pads: readonly Layer[] = ranks.flatMap((rank) => [
  padLayer(`ZeroPad${rank}d`, 'Zeros', rank, 'constant', 'zero'),
  padLayer(`ConstantPad${rank}d`, 'Elements of one value', rank, 'constant', 'given'),
  padLayer(`ReflectionPad${rank}d`, 'Mirrored elements', rank, 'reflect', 'none'),
  padLayer(`ReplicationPad${rank}d`, 'The outermost elements, repeated,', rank, 'replicate', 'none'),
  padLayer(`CircularPad${rank}d`, 'Elements of the other end', rank, 'circular', 'none'),
])

export const imageLayers: readonly Layer[] = [...resizing, ...shuffles, ...columns, ...pads]
