/** Pools of windows. */
import { z } from 'zod'
import { madeBy } from '../../functions/define.ts'
import { adaptiveAvgPool, adaptiveMaxPool, avgPool, lpPool, maxPool } from '../../functions/pooling.ts'
import type { Layer, Wrong } from '../define.ts'
import { flag, layer, size } from '../define.ts'
import { each, listOf, perDimension, ranks } from './spatial.ts'

const over = (rank: number): string => (rank === 1 ? 'one dimension' : `${rank} dimensions`)

function strideOf(rank: number) {
  return perDimension(rank, 1).nullable().default(null).describe('null: as kernel_size')
}

interface Padded {
  readonly kernel_size: number | readonly number[]
  readonly padding: number | readonly number[]
}

/** A window must see more than padding. */
function checkPadding(type: string, rank: number, { kernel_size: kernel, padding }: Padded, wrong: Wrong): void {
  const sizes = each(kernel, rank)
  const at = each(padding, rank).findIndex((n, i) => n > sizes[i]! / 2)
  if (at >= 0) wrong('padding', `${type}: padding must be at most half of the kernel size, got ${each(padding, rank)[at]} and ${sizes[at]}`)
}

function maxPoolLayer(rank: number): Layer {
  const type = `MaxPool${rank}d`
  return layer({
    type,
    doc: `Largest element of windows over ${over(rank)}; with return_indices also their places`,
    options: { kernel_size: perDimension(rank, 1), stride: strideOf(rank), padding: perDimension(rank, 0).default(0), dilation: perDimension(rank, 1).default(1), return_indices: flag.default(false), ceil_mode: flag.default(false) },
    gradFn: rank === 1 ? 'SqueezeBackward1' : `MaxPool${rank}DWithIndicesBackward0`,
    check: (options, wrong) => checkPadding(type, rank, options, wrong),
    forward: (x, { kernel_size: kernel, stride, padding, dilation, return_indices: wants, ceil_mode: ceilMode }, { ctx }) => {
      const { values, indices } = maxPool(ctx, type, x, rank, { kernel: listOf(kernel), stride: stride === null ? [] : listOf(stride), padding: listOf(padding), dilation: listOf(dilation), ceilMode })
      return wants ? [values, indices] : values
    },
  })
}

function avgPoolLayer(rank: number): Layer {
  const type = `AvgPool${rank}d`
  const divisor = z.int32().refine((n) => n !== 0, 'must not be 0').nullable().default(null).describe('What sums are divided by, instead of the number of elements')
  return layer({
    type,
    doc: `Mean of windows over ${over(rank)}`,
    options: { kernel_size: perDimension(rank, 1), stride: strideOf(rank), padding: perDimension(rank, 0).default(0), ceil_mode: flag.default(false), count_include_pad: flag.default(true), ...(rank > 1 && { divisor_override: divisor }) },
    gradFn: rank === 1 ? 'SqueezeBackward1' : `AvgPool${rank}DBackward0`,
    check: (options, wrong) => checkPadding(type, rank, options, wrong),
    forward: (x, { kernel_size: kernel, stride, padding, ceil_mode: ceilMode, count_include_pad: countIncludePad, divisor_override: override }, { ctx }) =>
      avgPool(ctx, type, x, rank, { kernel: listOf(kernel), stride: stride === null ? [] : listOf(stride), padding: listOf(padding), ceilMode, countIncludePad, divisor: typeof override === 'number' ? override : undefined }),
  })
}

function lpPoolLayer(rank: number): Layer {
  return layer({
    type: `LPPool${rank}d`,
    doc: `p-norm of windows over ${over(rank)}: (Σ x^p)^(1/p)`,
    options: { norm_type: z.number().refine((p) => p !== 0, 'must not be 0'), kernel_size: perDimension(rank, 1), stride: strideOf(rank), ceil_mode: flag.default(false) },
    gradFn: 'PowBackward0',
    forward: (x, { norm_type: p, kernel_size: kernel, stride, ceil_mode: ceilMode }, { ctx }) => lpPool(ctx, `LPPool${rank}d`, x, rank, p, { kernel: listOf(kernel), stride: stride === null ? [] : listOf(stride), ceilMode }),
  })
}

function outputSize(rank: number) {
  const one = size.nullable()
  return z.union([size, z.null(), z.array(one).length(rank)]).describe('Spatial sizes of the result; null: those of the input')
}

function adaptiveAvgLayer(rank: number): Layer {
  const type = `AdaptiveAvgPool${rank}d`
  return layer({
    type,
    doc: `Means over ${over(rank)} that give the output size`,
    options: { output_size: outputSize(rank) },
    gradFn: rank === 1 ? 'SqueezeBackward1' : `AdaptiveAvgPool${rank}DBackward0`,
    forward: (x, { output_size: sizes }, { ctx }) => {
      const value = adaptiveAvgPool(ctx, type, x, rank, listOf(sizes))
      return rank > 1 && listOf(sizes).every((n) => n === 1) ? madeBy('MeanBackward1', value) : value
    },
  })
}

function adaptiveMaxLayer(rank: number): Layer {
  const type = `AdaptiveMaxPool${rank}d`
  return layer({
    type,
    doc: `Largest elements over ${over(rank)} that give the output size; with return_indices also their places`,
    options: { output_size: outputSize(rank), return_indices: flag.default(false) },
    gradFn: rank === 1 ? 'SqueezeBackward1' : `AdaptiveMaxPool${rank}DBackward0`,
    forward: (x, { output_size: sizes, return_indices: wants }, { ctx }) => {
      const { values, indices } = adaptiveMaxPool(ctx, type, x, rank, listOf(sizes))
      return wants ? [values, indices] : values
    },
  })
}

export const poolingLayers: readonly Layer[] = [
  ...ranks.map((rank) => maxPoolLayer(rank)),
  ...ranks.map((rank) => avgPoolLayer(rank)),
  ...[1, 2].map((rank) => lpPoolLayer(rank)),
  ...ranks.map((rank) => adaptiveAvgLayer(rank)),
  ...ranks.map((rank) => adaptiveMaxLayer(rank)),
]
