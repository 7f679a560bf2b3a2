/** Pools: what windows of the input come to. */
import { showShape } from '../errors.ts'
import type { Value } from '../ir/value.ts'
import { numel } from '../ir/value.ts'
import type { Dynamic, TraceContext } from '../lang/values.ts'
import { fail, itemsOf } from '../lang/values.ts'
import * as ew from '../ops/elementwise.ts'
import { convolution } from '../ops/convolution.ts'
import type { Windowing } from '../ops/pooling.ts'
import { mostTaps, pickLargest } from '../ops/pooling.ts'
import { constant, iota } from '../ops/source.ts'
import { expand, permute, reshape, sum } from '../ops/view.ts'
import { family, signature } from './define.ts'
import { extremePlace, placesAlong } from './extremes.ts'
import type { Kind } from './parameters.ts'
import { boolean, floatTensor, integer, integers, number, optional, withDefault } from './parameters.ts'
import { extreme, spread } from './reductions.ts'
import { along, batched, perDimension, take } from './spatial.ts'

const { define } = family('windows')

export interface PoolOptions {
  readonly kernel: readonly number[]
  /** Empty: as the kernel. */
  readonly stride: readonly number[]
  readonly padding: readonly number[]
  readonly dilation: readonly number[]
  /** Whether windows that reach over the end count. */
  readonly ceilMode: boolean
}

interface Pool {
  readonly size: number
  readonly stride: number
  readonly dilation: number
  readonly padding: number
  /** Elements that the last window reaches over the padded end. */
  readonly beyond: number
  readonly count: number
}

/** The windows of each spatial dimension, checked. */
function plan(ctx: TraceContext, shown: string, sizes: readonly number[], { kernel, stride, padding, dilation, ceilMode }: PoolOptions): Pool[] {
  const rank = sizes.length
  const of = (option: string, given: readonly number[], least: number): number[] => perDimension(ctx, `${shown}(): ${option}`, given, rank, least)
  const [size, step, pad, apart] = [of('kernel_size', kernel, 1), of('stride', stride.length === 0 ? kernel : stride, 1), of('padding', padding, 0), of('dilation', dilation, 1)]
  return sizes.map((length, i) => {
    const pool = { size: size[i]!, stride: step[i]!, dilation: apart[i]!, padding: pad[i]! }
    if (pool.padding > pool.size / 2) fail(ctx, 'bad_argument', `${shown}(): padding: at most half of the kernel size ${pool.size} expected, got ${pool.padding}`)
    const span = pool.dilation * (pool.size - 1) + 1
    const free = length + 2 * pool.padding - span
    let count = (ceilMode ? Math.ceil(free / pool.stride) : Math.floor(free / pool.stride)) + 1
    // A window that would begin behind the input and its padding before it is none.
    if (ceilMode && (count - 1) * pool.stride >= length + pool.padding) count--
    if (count < 1 || length < 1) fail(ctx, 'shape_mismatch', `${shown}(): with these options nothing is left of the spatial sizes ${showShape(sizes)}`)
    return { ...pool, count, beyond: Math.max(0, (count - 1) * pool.stride - free) }
  })
}

interface Found {
  readonly values: Value
  /** Places of the values in the input, whose spatial dimensions are counted as one. */
  readonly indices: Value
}

/** The first largest of each column [N, C, K, P]; `places` [K, P] says where its elements are in the input. */
function largest(columns: Value, places: Value, shape: readonly number[]): Found {
  const chosen = ew.eq(placesAlong(columns, 2), spread(extremePlace(ew.detach(columns), 2, true), columns, [2]))
  const pick = (of: Value): Value => reshape(sum(ew.where(chosen, of, ew.fullLike(of, 0)), [2]), shape)
  const values = ew.surrogate(reshape(extreme(ew.detach(columns), [2], true), shape), pick(columns))
  return { values, indices: pick(expand(ew.cast(places, 'int64'), columns.shape)) }
}

/** 0, 1, … over the spatial dimensions of `x`, with two leading dimensions of 1. */
function grid(x: Value): Value {
  const sizes = x.shape.slice(2)
  return reshape(iota(x.graph, numel(sizes)), [1, 1, ...sizes])
}

/** The largest element of each window, and its place. */
function pickedLargest(x: Value, windows: Windowing): [values: Value, indices: Value] {
  const places = expand(ew.cast(grid(x), 'int32'), x.shape)
  return [pickLargest(x, x, windows), ew.cast(pickLargest(places, x, windows), 'int64')]
}

export function maxPool(ctx: TraceContext, shown: string, input: Value, rank: number, options: PoolOptions): Found {
  const [values, indices] = batched(ctx, shown, input, rank, (x) => {
    const pools = plan(ctx, shown, x.shape.slice(2), options)
    return pickedLargest(x, { kernel: pools.map(({ size }) => size), stride: pools.map(({ stride: step }) => step), dilation: pools.map(({ dilation }) => dilation), before: pools.map(({ padding }) => padding), extent: pools.map(({ count }) => count) })
  })
  return { values: values!, indices: indices! }
}

export interface AvgPoolOptions extends Omit<PoolOptions, 'dilation'> {
  /** Whether zeros of the padding count as elements. */
  readonly countIncludePad: boolean
  readonly divisor?: number | undefined
}

export function avgPool(ctx: TraceContext, shown: string, input: Value, rank: number, options: AvgPoolOptions): Value {
  if (options.divisor === 0) fail(ctx, 'bad_argument', `${shown}(): divisor_override: a number other than 0 expected`)
  return batched(ctx, shown, input, rank, (x) => {
    const pools = plan(ctx, shown, x.shape.slice(2), { ...options, dilation: [1] })
    const sizes = pools.map(({ size }) => size)
    const counts = pools.map(({ count }) => count)
    const [samples, channels, ...spatial] = x.shape as [number, number, ...number[]]
    const ones = expand(reshape(constant(x.graph, 1, x.dtype), [1, 1, ...sizes.map(() => 1)]), [1, 1, ...sizes])
    const sums = convolution(reshape(x, [samples * channels, 1, ...spatial]), ones, undefined, counts, { stride: pools.map(({ stride: step }) => step), dilation: sizes.map(() => 1), before: pools.map(({ padding }) => padding), groups: 1 })
    const total = reshape(sums, [samples, channels, ...counts])
    if (options.divisor !== undefined) return [ew.div(total, options.divisor)]
    return [pools.reduce((y, pool, i) => {
      const elements = elementCounts(pool, x.shape[2 + i]!, options.countIncludePad)
      return elements.every((n) => n === elements[0]) ? ew.div(y, elements[0]!) : ew.div(y, along(y, 2 + i, elements))
    }, total)]
  })[0]!
}

/** How many elements of a dimension each window has. What lies beyond the padding never counts. */
function elementCounts({ size, stride, padding, count }: Pool, length: number, includePad: boolean): number[] {
  return Array.from({ length: count }, (_, i) => {
    const start = i * stride - padding
    const end = Math.min(start + size, length + padding)
    return includePad ? end - start : Math.min(end, length) - Math.max(start, 0)
  })
}

/** (Σ x^p over each window)^(1/p) */
export function lpPool(ctx: TraceContext, shown: string, input: Value, rank: number, p: number, options: Pick<PoolOptions, 'kernel' | 'stride' | 'ceilMode'>): Value {
  if (p === 0) fail(ctx, 'bad_argument', `${shown}(): norm_type: a number other than 0 expected`)
  const mean = avgPool(ctx, shown, ew.pow(input, p), rank, { ...options, padding: [0], countIncludePad: true })
  const elements = numel(perDimension(ctx, `${shown}(): kernel_size`, options.kernel, rank, 1))
  const size = ew.mul(ew.sign(mean), ew.relu(ew.abs(mean)))
  return ew.pow(ew.mul(size, elements), 1 / p)
}

// ---- adaptive pools

/** Where each of `count` windows over `length` elements begins and ends. */
function adaptiveRanges(length: number, count: number): { readonly start: number; readonly end: number }[] {
  return Array.from({ length: count }, (_, i) => ({ start: Math.floor((i * length) / count), end: Math.ceil(((i + 1) * length) / count) }))
}

/** null keeps the size of the input. */
type OutputSize = readonly (number | null)[]

function outputSizes(ctx: TraceContext, shown: string, x: Value, rank: number, given: OutputSize): number[] {
  const sizes = given.length === 1 ? Array<number | null>(rank).fill(given[0]!) : given
  if (sizes.length !== rank) fail(ctx, 'bad_argument', `${shown}(): output_size: one int or ${rank} of them expected, got ${sizes.length}`)
  if (x.shape.slice(2).includes(0)) fail(ctx, 'shape_mismatch', `${shown}(): spatial dimensions with elements expected, got shape ${showShape(x.shape)}`)
  return sizes.map((size, i) => {
    if (size !== null && size < 1) fail(ctx, 'bad_argument', `${shown}(): output_size: at least 1 expected, got ${size}`)
    if (size !== null && size > ctx.graph.limits.maxElements) fail(ctx, 'tensor_too_large', `${shown}(): output_size ${size} is more than the ${ctx.graph.limits.maxElements} elements that a tensor may have`)
    return size ?? x.shape[2 + i]!
  })
}

export function adaptiveAvgPool(ctx: TraceContext, shown: string, input: Value, rank: number, output: OutputSize): Value {
  return batched(ctx, shown, input, rank, (x) => [outputSizes(ctx, shown, x, rank, output).reduce((y, count, i) => averageRanges(y, 2 + i, count), x)])[0]!
}

function averageRanges(x: Value, axis: number, count: number): Value {
  const length = x.shape[axis]!
  if (length % count === 0) {
    const apart = reshape(x, x.shape.toSpliced(axis, 1, count, length / count))
    return ew.div(sum(apart, [axis + 1]), length / count)
  }
  const ranges = adaptiveRanges(length, count)
  const most = Math.max(...ranges.map(({ start, end }) => end - start))
  const places = ranges.flatMap(({ start, end }) => Array.from({ length: most }, (_, i) => Math.min(start + i, end - 1)))
  const inside = ranges.flatMap(({ start, end }) => Array.from({ length: most }, (_, i) => Number(start + i < end)))
  const taken = take(x, axis, places)
  const kept = ew.where(ew.ne(along(taken, axis, inside), 0), taken, ew.fullLike(taken, 0))
  const total = sum(reshape(kept, kept.shape.toSpliced(axis, 1, count, most)), [axis + 1])
  return ew.div(total, along(total, axis, ranges.map(({ start, end }) => end - start)))
}

export function adaptiveMaxPool(ctx: TraceContext, shown: string, input: Value, rank: number, output: OutputSize): Found {
  const [values, indices] = batched(ctx, shown, input, rank, (x) => {
    const sizes = outputSizes(ctx, shown, x, rank, output)
    const parts = sizes.map((count, i) => x.shape[2 + i]! / count)
    if (parts.every(Number.isInteger) && numel(parts) <= mostTaps) return pickedLargest(x, { kernel: parts, stride: parts, dilation: parts.map(() => 1), before: parts.map(() => 0), extent: sizes })
    const most = sizes.map((count, i) => Math.max(...adaptiveRanges(x.shape[2 + i]!, count).map(({ start, end }) => end - start)))
    // The last element of a shorter range stands for those that it has not: the first largest stays the same.
    const columns = (given: Value): Value => {
      const apart = sizes.reduce((y, count, i) => Number.isInteger(parts[i]) ? y : take(y, 2 + i, adaptiveRanges(x.shape[2 + i]!, count).flatMap(({ start, end }) => Array.from({ length: most[i]! }, (_, k) => Math.min(start + k, end - 1)))), given)
      const lead = given.shape.slice(0, 2)
      const split = reshape(apart, [...lead, ...sizes.flatMap((count, i) => [count, most[i]!])])
      const axes = sizes.map((_, i) => 2 + 2 * i)
      return reshape(permute(split, [0, 1, ...axes.map((axis) => axis + 1), ...axes]), [...lead, numel(most), numel(sizes)])
    }
    const places = columns(grid(x))
    const found = largest(columns(x), reshape(places, places.shape.slice(2)), [...x.shape.slice(0, 2), ...sizes])
    return [found.values, found.indices]
  })
  return { values: values!, indices: indices! }
}

// ---- the table

const flag = withDefault(boolean, false, 'False')
const stride = withDefault(integers, [], 'kernel_size')
const zeros = withDefault(integers, [0], '0')

/** An int or None, or a tuple of them. */
const outputSize: Kind<OutputSize> = {
  type: 'int | None | tuple of ints and None',
  fits: () => true,
  convert: (value: Dynamic, ctx, what) => {
    const one = (item: Dynamic, i?: number): number | null => optional(integer).convert(item, ctx, i === undefined ? what : `${what}[${i}]`) ?? null
    return itemsOf(value)?.map(one) ?? [one(value)]
  },
}

const noneAsDefault = (given: readonly number[] | undefined): readonly number[] => given ?? []
const names = (rank: number): string => (rank === 1 ? 'one dimension' : `${rank} dimensions`)

for (const rank of [1, 2, 3]) {
  const max = `max_pool${rank}d`
  const options = { input: floatTensor, kernel_size: integers, stride: { ...optional(integers), default: { value: undefined, shown: 'kernel_size' } }, padding: zeros, dilation: withDefault(integers, [1], '1'), ceil_mode: flag }
  const pool = (shown: string, given: { readonly input: Value; readonly kernel_size: readonly number[]; readonly stride: readonly number[] | undefined; readonly padding: readonly number[]; readonly dilation: readonly number[]; readonly ceil_mode: boolean }, ctx: TraceContext): Found =>
    maxPool(ctx, shown, given.input, rank, { kernel: given.kernel_size, stride: noneAsDefault(given.stride), padding: given.padding, dilation: given.dilation, ceilMode: given.ceil_mode })
  const maxGradFn = rank === 1 ? 'SqueezeBackward1' : `MaxPool${rank}DWithIndicesBackward0`
  define({ names: max, homes: ['torch', 'F'], doc: `Largest element of windows over ${names(rank)}; the first of equal ones has the gradient`, gradFn: maxGradFn },
    signature({ ...options, return_indices: flag }, ({ return_indices: wants, ...given }, ctx) => {
      const { values, indices } = pool(max, given, ctx)
      return wants ? [values, indices] : values
    }))
  define({ names: `${max}_with_indices`, homes: ['F'], doc: `${max} and the places of the largest elements in the input`, gradFn: maxGradFn },
    signature({ ...options, return_indices: flag }, (given, ctx) => {
      const { values, indices } = pool(`${max}_with_indices`, given, ctx)
      return [values, indices]
    }))
  const avg = `avg_pool${rank}d`
  define({ names: avg, homes: rank === 1 ? ['torch', 'F'] : ['F'], doc: `Mean of windows over ${names(rank)}`, gradFn: rank === 1 ? 'SqueezeBackward1' : `AvgPool${rank}DBackward0` },
    signature({ input: floatTensor, kernel_size: integers, stride: options.stride, padding: zeros, ceil_mode: flag, count_include_pad: withDefault(boolean, true, 'True'), ...(rank > 1 && { divisor_override: optional(integer) }) }, (given, ctx) =>
      avgPool(ctx, avg, given.input, rank, { kernel: given.kernel_size, stride: noneAsDefault(given.stride), padding: given.padding, ceilMode: given.ceil_mode, countIncludePad: given.count_include_pad, divisor: given.divisor_override })))
  const adaptiveAvg = `adaptive_avg_pool${rank}d`
  define({ names: adaptiveAvg, homes: rank === 1 ? ['torch', 'F'] : ['F'], doc: `Means over ${names(rank)} that give the output size`, gradFn: rank === 1 ? 'SqueezeBackward1' : `AdaptiveAvgPool${rank}DBackward0` },
    signature({ input: floatTensor, output_size: outputSize }, ({ input, output_size: size }, ctx) => adaptiveAvgPool(ctx, adaptiveAvg, input, rank, size)))
  const adaptiveMax = `adaptive_max_pool${rank}d`
  const adaptiveGradFn = rank === 1 ? 'SqueezeBackward1' : `AdaptiveMaxPool${rank}DBackward0`
  define({ names: adaptiveMax, homes: ['F'], doc: `Largest elements over ${names(rank)} that give the output size`, gradFn: adaptiveGradFn },
    signature({ input: floatTensor, output_size: outputSize, return_indices: flag }, ({ input, output_size: size, return_indices: wants }, ctx) => {
      const { values, indices } = adaptiveMaxPool(ctx, adaptiveMax, input, rank, size)
      return wants ? [values, indices] : values
    }))
  if (rank === 3) continue
  const lp = `lp_pool${rank}d`
  define({ names: lp, homes: ['F'], doc: `p-norm of windows over ${names(rank)}: (Σ x^p)^(1/p)`, gradFn: 'PowBackward0' },
    signature({ input: floatTensor, norm_type: number, kernel_size: integers, stride, ceil_mode: flag }, ({ input, norm_type: p, kernel_size: kernel, stride: step, ceil_mode: ceilMode }, ctx) =>
      lpPool(ctx, lp, input, rank, p, { kernel, stride: step, ceilMode })))
}
