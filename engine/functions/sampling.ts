/** Images sampled at computed places: F.grid_sample and F.affine_grid. */
import { showShape } from '../errors.ts'
import type { Value } from '../ir/value.ts'
import { numel } from '../ir/value.ts'
import type { TraceContext } from '../lang/values.ts'
import { fail } from '../lang/values.ts'
import { matmul } from '../ops/contract.ts'
import * as ew from '../ops/elementwise.ts'
import { gather } from '../ops/indexing.ts'
import { constant, iota } from '../ops/source.ts'
import { concat, expand, reshape, slice, transposeLast } from '../ops/view.ts'
import { family, signature } from './define.ts'
import { boolean, floatTensor, integers, oneOf, optional, withDefault } from './parameters.ts'

const { define } = family('images')

type PaddingMode = 'zeros' | 'border' | 'reflection'

/** From -1 … 1 to places in `size` pixels: of their middles, or with align_corners of the outermost pixels. */
function unnormalize(g: Value, size: number, align: boolean): Value {
  return align ? ew.mul(ew.mul(ew.add(g, 1), 0.5), size - 1) : ew.mul(ew.sub(ew.mul(ew.add(g, 1), size), 1), 0.5)
}

/** What the padding makes of a place outside. */
function padded(place: Value, size: number, mode: PaddingMode, align: boolean): Value {
  if (mode === 'zeros') return place
  const inside = mode === 'border' ? place : reflected(place, align ? 0 : -0.5, align ? size - 1 : size - 0.5)
  const high = ew.where(ew.ge(inside, size - 1), ew.fullLike(inside, size - 1), inside)
  return ew.where(ew.le(high, 0), ew.fullLike(high, 0), high)
}

/** Mirrored at `low` and `high` until it lies between them. */
function reflected(place: Value, low: number, high: number): Value {
  const span = high - low
  if (span <= 0) return ew.fullLike(place, 0)
  const distance = ew.abs(ew.sub(place, low))
  const rest = ew.fmod(distance, span)
  const odd = ew.ne(ew.fmod(ew.floor(ew.div(ew.detach(distance), span)), 2), 0)
  return ew.where(odd, ew.sub(high, rest), ew.add(rest, low))
}

/** Places along one dimension that count for a sample, with their weights. */
interface Tap {
  readonly place: Value
  readonly weight: Value | undefined
}

function tapsOf(coordinate: Value, size: number, mode: 'bilinear' | 'nearest' | 'bicubic', padding: PaddingMode, align: boolean): Tap[] {
  const raw = unnormalize(coordinate, size, align)
  if (mode === 'nearest') return [{ place: ew.round(ew.detach(padded(raw, size, padding, align))), weight: undefined }]
  if (mode === 'bilinear') {
    const at = padded(raw, size, padding, align)
    const low = ew.floor(ew.detach(at))
    const share = ew.sub(at, low)
    return [{ place: low, weight: ew.sub(1, share) }, { place: ew.add(low, 1), weight: share }]
  }
  const low = ew.floor(ew.detach(raw))
  const t = ew.sub(raw, low)
  return [-1, 0, 1, 2].map((offset) => ({ place: padded(ew.add(low, offset), size, padding, align), weight: cubicWeight(t, offset) }))
}

/** Cubic convolution (Keys 1981) with A = -0.75, for the tap `offset` from the element below. */
function cubicWeight(t: Value, offset: number): Value {
  const a = -0.75
  const x = offset <= 0 ? ew.sub(t, offset) : ew.sub(offset, t)
  const near = (): Value => ew.add(ew.mul(ew.mul(ew.sub(ew.mul(x, a + 2), a + 3), x), x), 1)
  const far = (): Value => ew.sub(ew.mul(ew.add(ew.mul(ew.sub(ew.mul(x, a), 5 * a), x), 8 * a), x), 4 * a)
  return offset === 0 || offset === 1 ? near() : far()
}

/** x [N, C, …sizes] at grid [N, …places, dims], whose last dimension counts from the last size; gives [N, C, …places]. */
function gridSample(x: Value, grid: Value, mode: 'bilinear' | 'nearest' | 'bicubic', padding: PaddingMode, align: boolean): Value {
  const [samples, channels, ...sizes] = x.shape as [number, number, ...number[]]
  const places = grid.shape.slice(1, -1)
  const [rank, count] = [sizes.length, numel(places)]
  const coordinates = sizes.map((_, i) => reshape(slice(grid, grid.shape.length - 1, rank - 1 - i, 1), [samples, count]))
  const flat = reshape(x, [samples, channels, numel(sizes)])
  const taps = sizes.map((size, i) => tapsOf(coordinates[i]!, size, mode, padding, align))
  // Each choice of a tap for every dimension is one pixel with the product of the weights.
  const pixels = taps.reduce<readonly (readonly Tap[])[]>((chosen, own) => chosen.flatMap((before) => own.map((tap) => [...before, tap])), [[]])
  const parts = pixels.map((pixel) => {
    const inside = pixel.map(({ place }, i) => ew.logicalAnd(ew.ge(place, 0), ew.lt(place, sizes[i]!))).reduce(ew.logicalAnd)
    const index = pixel.map(({ place }) => place).reduce((at, place, i) => ew.add(ew.mul(at, sizes[i]!), place))
    // The comparison is false for NaN too, so every index lies within the image.
    const safe = ew.cast(ew.where(inside, index, ew.fullLike(index, 0)), 'int32')
    const spread = (value: Value): Value => expand(reshape(value, [samples, 1, count]), [samples, channels, count])
    const taken = gather(flat, spread(safe), 2)
    const kept = ew.where(spread(inside), taken, ew.fullLike(taken, 0))
    const weights = pixel.flatMap(({ weight }) => (weight ? [weight] : []))
    return weights.length === 0 ? kept : ew.mul(kept, spread(weights.reduce((a, b) => ew.mul(a, b))))
  })
  return reshape(parts.reduce((a, b) => ew.add(a, b)), [samples, channels, ...places])
}

define({ names: 'grid_sample', homes: ['F'], doc: 'Images (N, C, H, W) at the places of a grid (N, H_out, W_out, 2) from -1 to 1', gradFn: 'GridSampler2DBackward0' },
  signature({
    input: floatTensor, grid: floatTensor, mode: withDefault(oneOf('bilinear', 'nearest', 'bicubic'), 'bilinear', "'bilinear'"),
    padding_mode: withDefault(oneOf('zeros', 'border', 'reflection'), 'zeros', "'zeros'"), align_corners: optional(boolean),
  }, ({ input, grid, mode, padding_mode: padding, align_corners: align }, ctx) => {
    const rank = input.shape.length - 2
    if (rank !== 2 && rank !== 3) fail(ctx, 'shape_mismatch', `grid_sample(): an input of 4 or 5 dimensions (N, C, …) expected, got shape ${showShape(input.shape)}`)
    if (input.dtype !== grid.dtype) fail(ctx, 'dtype_mismatch', `grid_sample(): input and grid of one dtype expected, got ${input.dtype} and ${grid.dtype}`)
    if (grid.shape.length !== rank + 2 || grid.shape[0] !== input.shape[0] || grid.shape.at(-1) !== rank) {
      fail(ctx, 'shape_mismatch', `grid_sample(): for an input of shape ${showShape(input.shape)} a grid of shape [${input.shape[0]}, ${rank === 2 ? 'H, W' : 'D, H, W'}, ${rank}] expected, got ${showShape(grid.shape)}`)
    }
    if (input.shape.slice(2).includes(0)) fail(ctx, 'shape_mismatch', `grid_sample(): images with pixels expected, got shape ${showShape(input.shape)}`)
    if (mode === 'bicubic' && rank === 3) fail(ctx, 'bad_argument', "grid_sample(): mode='bicubic' takes an input of 4 dimensions")
    return gridSample(input, grid, mode, padding, align === true)
  }))

/** Numbers from -1 to 1 for `size` pixels: their middles, or with align_corners the outermost pixels at -1 and 1. */
function positions(like: Value, size: number, align: boolean): Value {
  const step = align ? (size > 1 ? 2 / (size - 1) : 0) : 2 / size
  const first = align ? (size > 1 ? -1 : 0) : 1 / size - 1
  return ew.add(ew.mul(ew.cast(iota(like.graph, size), like.dtype), step), first)
}

/** theta [N, d, d + 1] times the homogeneous place of each pixel. */
function affineGrid(ctx: TraceContext, theta: Value, size: readonly number[], align: boolean): Value {
  const sizes = size.slice(2)
  const rank = sizes.length
  if ((rank !== 2 && rank !== 3) || size.some((n) => n < 1)) fail(ctx, 'bad_argument', `affine_grid(): size: 4 or 5 ints of at least 1 (N, C, …) expected, got ${showShape(size)}`)
  if (theta.shape.length !== 3 || theta.shape[0] !== size[0] || theta.shape[1] !== rank || theta.shape[2] !== rank + 1) {
    fail(ctx, 'shape_mismatch', `affine_grid(): theta of shape [${size[0]}, ${rank}, ${rank + 1}] expected, got ${showShape(theta.shape)}`)
  }
  const shape = [...sizes, 1]
  const axes = sizes.map((n, i) => expand(reshape(positions(theta, n, align), shape.map((_, k) => (k === i ? n : 1))), shape)).toReversed()
  const ones = expand(reshape(constant(theta.graph, 1, theta.dtype), shape.map(() => 1)), shape)
  const base = reshape(concat([...axes, ones], rank), [numel(sizes), rank + 1])
  const grid = matmul(expand(reshape(base, [1, ...base.shape]), [size[0]!, ...base.shape]), transposeLast(theta))
  return reshape(grid, [size[0]!, ...sizes, rank])
}

define({ names: 'affine_grid', homes: ['F'], doc: 'The grid for grid_sample that theta (N, 2, 3) maps the pixels of an image of `size` to', gradFn: 'AffineGridGeneratorBackward0' },
  signature({ theta: floatTensor, size: integers, align_corners: optional(boolean) }, ({ theta, size, align_corners: align }, ctx) => affineGrid(ctx, theta, size, align === true)))
