/** Images of other sizes: F.interpolate, and blocks of channels as pixels. */
import { showShape } from '../errors.ts'
import type { Value } from '../ir/value.ts'
import { numel } from '../ir/value.ts'
import type { TraceContext } from '../lang/values.ts'
import { describe, fail, itemsOf } from '../lang/values.ts'
import * as ew from '../ops/elementwise.ts'
import { permute, reshape } from '../ops/view.ts'
import { family, madeBy, signature } from './define.ts'
import type { Kind } from './parameters.ts'
import { boolean, floatTensor, integer, integers, number, oneOf, optional, tensor, withDefault } from './parameters.ts'
import { adaptiveAvgPool } from './pooling.ts'
import { along, take } from './spatial.ts'

const { define } = family('images')

export const resizeModes = ['nearest', 'nearest-exact', 'linear', 'bilinear', 'bicubic', 'trilinear', 'area'] as const
export type ResizeMode = (typeof resizeModes)[number]

/** Modes for a number of spatial dimensions alone. */
const dimensionsOf: Partial<Record<ResizeMode, number>> = { linear: 1, bilinear: 2, bicubic: 2, trilinear: 3 }
const titles: Readonly<Record<ResizeMode, string>> = { nearest: 'Nearest', 'nearest-exact': 'NearestExact', linear: 'Linear', bilinear: 'Bilinear', bicubic: 'Bicubic', trilinear: 'Trilinear', area: '' }

export interface ResizeOptions {
  readonly size?: readonly number[] | undefined
  readonly scale?: readonly number[] | undefined
  readonly mode: ResizeMode
  readonly alignCorners: boolean
  /** Whether the scale that is used is that of the sizes, not the given one. */
  readonly recompute: boolean
  readonly antialias?: boolean
}

/** Weighted elements along one axis: each element of the result is Σ weight · x[place]. */
interface Tap {
  readonly places: readonly number[]
  readonly weights: readonly number[]
}

/** Cubic convolution (Keys 1981); PyTorch's A is another one where it smooths. */
function cubic(t: number, a = -0.75): number {
  const x = Math.abs(t)
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1
  return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0
}

/** The taps from `from` elements to `to`; `scale` is their distance in elements of the input. */
function tapsOf(mode: ResizeMode, from: number, to: number, scale: number, alignCorners: boolean): Tap[] {
  const range = Array.from({ length: to }, (_, i) => i)
  const inside = (i: number): number => Math.min(Math.max(i, 0), from - 1)
  if (mode === 'nearest' || mode === 'nearest-exact') {
    // PyTorch computes these places in float32.
    const step = Math.fround(scale)
    const half = mode === 'nearest-exact' ? 0.5 : 0
    return [{ places: range.map((i) => inside(Math.floor(Math.fround((i + half) * step)))), weights: range.map(() => 1) }]
  }
  const step = alignCorners ? (to > 1 ? (from - 1) / (to - 1) : 0) : scale
  const source = range.map((i) => (alignCorners ? i * step : (i + 0.5) * step - 0.5))
  if (mode === 'bicubic') {
    return [-1, 0, 1, 2].map((offset) => ({ places: source.map((x) => inside(Math.floor(x) + offset)), weights: source.map((x) => cubic(x - Math.floor(x) - offset)) }))
  }
  const clamped = source.map((x) => Math.max(0, x))
  const low = clamped.map((x) => inside(Math.floor(x)))
  const share = clamped.map((x, i) => Math.min(1, x - low[i]!))
  return [{ places: low, weights: share.map((x) => 1 - x) }, { places: low.map((i) => inside(i + 1)), weights: share }]
}

/**
 * Taps of antialias=True: the filter is as wide as the distance of the elements of the result, so that all elements of the
 * input count where they become fewer. What lies outside of the input has no weight; the weights of a result sum to 1.
 */
function smoothTaps(mode: ResizeMode, from: number, to: number, scale: number, alignCorners: boolean): Tap[] {
  const step = alignCorners ? (to > 1 ? (from - 1) / (to - 1) : 0) : scale
  const stretch = Math.max(1, step)
  const [reach, filter] = mode === 'bicubic' ? [2 * stretch, (x: number): number => cubic(x, -0.5)] : [stretch, (x: number): number => Math.max(0, 1 - Math.abs(x))]
  const windows = Array.from({ length: to }, (_, i) => {
    const center = step * (i + 0.5)
    const first = Math.max(0, Math.trunc(center - reach + 0.5))
    const count = Math.min(from, Math.trunc(center + reach + 0.5)) - first
    const weights = Array.from({ length: count }, (_weight, j) => filter((first + j - center + 0.5) / stretch))
    const total = weights.reduce((a, b) => a + b, 0)
    return { first, weights: weights.map((weight) => (total === 0 ? weight : weight / total)) }
  })
  const most = Math.max(...windows.map(({ weights }) => weights.length))
  return Array.from({ length: most }, (_, j) => ({
    places: windows.map(({ first }) => Math.min(first + j, from - 1)),
    weights: windows.map(({ weights }) => weights[j] ?? 0),
  }))
}

function resizeAxis(x: Value, axis: number, taps: readonly Tap[]): Value {
  const parts = taps.map(({ places, weights }) => {
    const taken = take(x, axis, places)
    return weights.every((weight) => weight === 1) ? taken : ew.mul(taken, along(taken, axis, weights))
  })
  return parts.reduce((a, b) => ew.add(a, b))
}

/** x [N, C, …] with other spatial sizes. */
export function resize(ctx: TraceContext, shown: string, x: Value, { size, scale, mode, alignCorners, recompute, antialias = false }: ResizeOptions): Value {
  const sizes = x.shape.slice(2)
  const rank = sizes.length
  if (rank < 1 || rank > 3) fail(ctx, 'shape_mismatch', `${shown}(): an input of 3, 4 or 5 dimensions (N, C, …) expected, got shape ${showShape(x.shape)}`)
  if (dimensionsOf[mode] !== undefined && dimensionsOf[mode] !== rank) fail(ctx, 'shape_mismatch', `${shown}(): mode='${mode}' takes an input of ${dimensionsOf[mode] + 2} dimensions, got shape ${showShape(x.shape)}`)
  if ((size === undefined) === (scale === undefined)) fail(ctx, 'bad_argument', `${shown}(): either size or scale_factor expected`)
  const each = <T>(what: string, given: readonly T[]): readonly T[] => {
    if (given.length !== 1 && given.length !== rank) fail(ctx, 'bad_argument', `${shown}(): ${what}: one number or ${rank} of them expected, got ${given.length}`)
    return given.length === rank ? given : Array<T>(rank).fill(given[0]!)
  }
  const factors = scale && each('scale_factor', scale)
  const output = factors ? factors.map((factor, i) => Math.floor(sizes[i]! * factor)) : each('size', size!)
  if (output.some((n) => n < 1) || sizes.includes(0)) fail(ctx, 'bad_argument', `${shown}(): sizes of at least 1 expected, got ${showShape(sizes)} to ${showShape(output)}`)
  const resized = [...x.shape.slice(0, 2), ...output]
  if (Math.max(numel(resized), ...output) > ctx.graph.limits.maxElements) fail(ctx, 'tensor_too_large', `${shown}(): a result of shape ${showShape(resized)} is larger than the limit of ${ctx.graph.limits.maxElements} elements`)
  if (mode === 'area') return adaptiveAvgPool(ctx, shown, x, rank, output)
  return output.reduce((y, to, i) => {
    const step = factors && !recompute ? 1 / factors[i]! : sizes[i]! / to
    return resizeAxis(y, 2 + i, (antialias ? smoothTaps : tapsOf)(mode, sizes[i]!, to, step, alignCorners))
  }, x)
}

/** A number, or a tuple of them. */
const numbers: Kind<readonly number[]> = {
  type: 'float | tuple of floats',
  fits: () => true,
  convert: (value, ctx, what) => (number.fits(value) ? [number.convert(value, ctx, what)] : numberList(value, ctx, what)),
}

function numberList(value: Parameters<typeof number.convert>[0], ctx: TraceContext, what: string): readonly number[] {
  const items = itemsOf(value)
  if (!items) fail(ctx, 'bad_argument', `${what}: a number or a tuple of numbers expected, got ${describe(value)}`)
  return items.map((item, i) => number.convert(item, ctx, `${what}[${i}]`))
}

const flag = withDefault(boolean, false, 'False')
const aligned = optional(boolean)

interface Given {
  readonly input: Value
  readonly size: readonly number[] | undefined
  readonly scale_factor: readonly number[] | undefined
}

export function interpolate(ctx: TraceContext, shown: string, { input, size, scale_factor: scale }: Given, mode: ResizeMode, align: boolean | undefined, recompute: boolean, antialias = false): ReturnType<typeof madeBy> {
  const smooth = dimensionsOf[mode] !== undefined
  if (align !== undefined && !smooth) fail(ctx, 'bad_argument', `${shown}(): align_corners goes with linear, bilinear, bicubic and trilinear, not with mode='${mode}'`)
  if (recompute && size !== undefined) fail(ctx, 'bad_argument', `${shown}(): recompute_scale_factor is of no meaning with a size`)
  const rank = input.shape.length - 2
  const gradFn = mode === 'area' ? (rank === 1 ? 'SqueezeBackward1' : `AdaptiveAvgPool${rank}DBackward0`) : `Upsample${titles[mode]}${rank}D${antialias ? 'Aa' : ''}Backward1`
  return madeBy(gradFn, resize(ctx, shown, input, { size, scale, mode, alignCorners: align === true, recompute, antialias }))
}

const resized = { input: floatTensor, size: optional(integers), scale_factor: optional(numbers) }
const mode = withDefault(oneOf(...resizeModes), 'nearest', "'nearest'")

define({ names: 'interpolate', homes: ['F'], doc: 'Images of another size, between whose pixels is interpolated' },
  signature({ ...resized, mode, align_corners: aligned, recompute_scale_factor: optional(boolean), antialias: flag }, ({ mode: chosen, align_corners: align, recompute_scale_factor: recompute, antialias, ...given }, ctx) => {
    if (antialias && chosen !== 'bilinear' && chosen !== 'bicubic') fail(ctx, 'bad_argument', `interpolate(): antialias=True goes with bilinear and bicubic, not with mode='${chosen}'`)
    return interpolate(ctx, 'interpolate', given, chosen, align, recompute === true, antialias)
  }))
define({ names: 'upsample', homes: ['F'], doc: 'The old name of interpolate' },
  signature({ ...resized, mode, align_corners: aligned }, ({ mode: chosen, align_corners: align, ...given }, ctx) => interpolate(ctx, 'upsample', given, chosen, align, false)))
define({ names: 'upsample_nearest', homes: ['F'], doc: "interpolate with mode='nearest'" },
  signature(resized, (given, ctx) => interpolate(ctx, 'upsample_nearest', given, 'nearest', undefined, false)))
define({ names: 'upsample_bilinear', homes: ['F'], doc: "interpolate with mode='bilinear' and align_corners=True" },
  signature(resized, (given, ctx) => interpolate(ctx, 'upsample_bilinear', given, 'bilinear', true, false)))

// ---- channels as pixels

/** [..., C · r², H, W] gives [..., C, H · r, W · r]. */
export function pixelShuffle(ctx: TraceContext, x: Value, factor: number): Value {
  const [channels, height, width] = imageShape(ctx, 'pixel_shuffle', x, factor, 'upscale_factor')
  if (channels % factor ** 2 !== 0) fail(ctx, 'shape_mismatch', `pixel_shuffle(): ${factor}² = ${factor ** 2} does not divide the ${channels} channels of shape ${showShape(x.shape)}`)
  const lead = x.shape.slice(0, -3)
  const outputs = channels / factor ** 2
  const apart = reshape(x, [numel(lead), outputs, factor, factor, height, width])
  return reshape(permute(apart, [0, 1, 4, 2, 5, 3]), [...lead, outputs, height * factor, width * factor])
}

/** The same back. */
export function pixelUnshuffle(ctx: TraceContext, x: Value, factor: number): Value {
  const [channels, height, width] = imageShape(ctx, 'pixel_unshuffle', x, factor, 'downscale_factor')
  if (height % factor !== 0 || width % factor !== 0) fail(ctx, 'shape_mismatch', `pixel_unshuffle(): ${factor} does not divide height and width of shape ${showShape(x.shape)}`)
  const lead = x.shape.slice(0, -3)
  const apart = reshape(x, [numel(lead), channels, height / factor, factor, width / factor, factor])
  return reshape(permute(apart, [0, 1, 3, 5, 2, 4]), [...lead, channels * factor ** 2, height / factor, width / factor])
}

function imageShape(ctx: TraceContext, name: string, x: Value, factor: number, option: string): [number, number, number] {
  if (x.shape.length < 3) fail(ctx, 'shape_mismatch', `${name}(): an input of at least 3 dimensions (…, C, H, W) expected, got shape ${showShape(x.shape)}`)
  if (factor < 1) fail(ctx, 'bad_argument', `${name}(): ${option}: at least 1 expected, got ${factor}`)
  return x.shape.slice(-3) as [number, number, number]
}

define({ names: 'pixel_shuffle', homes: ['torch', 'F'], doc: 'Blocks of channels as pixels: (…, C · r², H, W) gives (…, C, H · r, W · r)', gradFn: 'PixelShuffleBackward0' },
  signature({ input: tensor, upscale_factor: integer }, ({ input, upscale_factor: factor }, ctx) => pixelShuffle(ctx, input, factor)))
define({ names: 'pixel_unshuffle', homes: ['torch', 'F'], doc: 'Blocks of pixels as channels: (…, C, H · r, W · r) gives (…, C · r², H, W)', gradFn: 'PixelUnshuffleBackward0' },
  signature({ input: tensor, downscale_factor: integer }, ({ input, downscale_factor: factor }, ctx) => pixelUnshuffle(ctx, input, factor)))
/** The first channels of all groups, then the second ones, … */
export function channelShuffle(ctx: TraceContext, input: Value, groups: number): Value {
  const [samples, channels, ...rest] = input.shape
  if (samples === undefined || channels === undefined || rest.length === 0) fail(ctx, 'shape_mismatch', `channel_shuffle(): an input of at least 3 dimensions (N, C, …) expected, got shape ${showShape(input.shape)}`)
  if (groups < 1 || channels % groups !== 0) fail(ctx, 'bad_argument', `channel_shuffle(): groups = ${groups} does not divide the ${channels} channels`)
  const apart = reshape(input, [samples, groups, channels / groups, numel(rest)])
  return reshape(permute(apart, [0, 2, 1, 3]), input.shape)
}

define({ names: ['channel_shuffle', 'native_channel_shuffle'], homes: ['torch', 'F'], doc: 'Channels of all groups one after the other: (N, C, …)', gradFn: 'NativeChannelShuffleBackward0' },
  signature({ input: tensor, groups: integer }, ({ input, groups }, ctx) => channelShuffle(ctx, input, groups)))
