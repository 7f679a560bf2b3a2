/** Pools. What a last window reaches over the end is padding that is written out: runtimes differ in ceil_mode. */
import type { Exporter } from '../define.ts'
import type { LayerWriter, Name } from '../graph.ts'
import { int, ints } from '../proto.ts'
import type { Sizes } from './spatial.ts'
import { overBatch, padded, part, perDimension, windowAttributes } from './spatial.ts'

interface Pool {
  readonly kernel_size: Sizes
  readonly stride: Sizes | null
  readonly padding?: Sizes
  readonly dilation?: Sizes
  readonly ceil_mode: boolean
}

interface Windows {
  readonly kernel: number[]
  readonly stride: number[]
  readonly padding: number[]
  readonly dilation: number[]
  /** Elements behind the input and its padding that the last window reaches. */
  readonly beyond: number[]
}

interface SpatialSizes {
  readonly input: readonly number[]
  readonly output: readonly number[]
}

function windowsOf({ kernel_size, stride, padding = 0, dilation = 1 }: Pool, { input, output }: SpatialSizes): Windows {
  const dims = input.length
  const kernel = perDimension(kernel_size, dims)
  const given = stride === null || (typeof stride !== 'number' && stride.length === 0) ? kernel : perDimension(stride, dims)
  const [pads, apart] = [perDimension(padding, dims), perDimension(dilation, dims)]
  const beyond = output.map((count, i) => Math.max(0, (count - 1) * given[i]! + apart[i]! * (kernel[i]! - 1) + 1 - input[i]! - 2 * pads[i]!))
  return { kernel, stride: given, padding: pads, dilation: apart, beyond }
}

function maxPool(dims: number): Exporter {
  return overBatch(dims, (x, w, options: Pool, sizes) => {
    const { kernel, stride, padding, dilation, beyond } = windowsOf(options, sizes)
    return w.node('MaxPool', [x], windowAttributes(kernel, stride, padding, padding.map((pad, i) => pad + beyond[i]!), dilation))
  })
}

interface AvgPool extends Pool {
  readonly count_include_pad?: boolean
  readonly divisor_override?: number | null
}

function average(x: Name, w: LayerWriter, dims: number, { kernel, stride, padding, beyond }: Windows, includePad: boolean, divisor: number | null): Name {
  const none = kernel.map(() => 0)
  if (divisor !== null) {
    const all = padded(x, w, dims + 2, padding, padding.map((pad, i) => pad + beyond[i]!), 'constant')
    const mean = w.node('AveragePool', [all], windowAttributes(kernel, stride, none, none))
    return w.node('Mul', [mean, w.number(kernel.reduce((a, b) => a * b, 1) / divisor)])
  }
  // The padding counts where it is asked for, what lies beyond it never does.
  const counted = includePad ? padded(x, w, dims + 2, padding, padding, 'constant') : x
  const before = includePad ? none : padding
  return w.node('AveragePool', [counted], { ...windowAttributes(kernel, stride, before, before.map((pad, i) => pad + beyond[i]!)), count_include_pad: int(0) })
}

function avgPool(dims: number): Exporter {
  return overBatch(dims, (x, w, options: AvgPool, sizes) => average(x, w, dims, windowsOf(options, sizes), options.count_include_pad ?? true, options.divisor_override ?? null))
}

function lpPool(dims: number): Exporter {
  return overBatch(dims, (x, w, options: Pool & { readonly norm_type: number }, sizes) => {
    const windows = windowsOf(options, sizes)
    const mean = average(w.node('Pow', [x, w.number(options.norm_type)]), w, dims, windows, true, null)
    const total = w.node('Mul', [mean, w.number(windows.kernel.reduce((a, b) => a * b, 1))])
    return w.node('Pow', [total, w.number(1 / options.norm_type)])
  })
}

// ---- adaptive pools

function rangesOf(length: number, count: number): { readonly start: number; readonly end: number }[] {
  return Array.from({ length: count }, (_, i) => ({ start: Math.floor((i * length) / count), end: Math.ceil(((i + 1) * length) / count) }))
}

/** All elements, equal windows side by side, or axis by axis, as `axis` writes one. */
function adaptive(dims: number, global: string, pool: string, axis: (x: Name, w: LayerWriter, at: number, length: number, count: number) => Name): Exporter {
  return overBatch(dims, (x, w, _options: unknown, { input, output }) => {
    if (output.every((count) => count === 1)) return w.node(global, [x])
    if (input.every((length, i) => (length % output[i]!) === 0)) {
      const kernel = input.map((length, i) => length / output[i]!)
      return kernel.every((size) => size === 1) ? x : w.node(pool, [x], { kernel_shape: ints(kernel), strides: ints(kernel) })
    }
    return input.reduce((y, length, i) => (length === output[i] ? y : axis(y, w, 2 + i, length, output[i]!)), x)
  })
}

/** A product with a matrix of shares. */
function averageAxis(dims: number) {
  return (x: Name, w: LayerWriter, at: number, length: number, count: number): Name => {
    const shares = new Float64Array(length * count)
    for (const [i, { start, end }] of rangesOf(length, count).entries()) for (let j = start; j < end; j++) shares[j * count + i] = 1 / (end - start)
    const matrix = w.constant(`means ${length} to ${count}`, [length, count], shares)
    const last = dims + 1
    const order = Array.from({ length: dims + 2 }, (_, i) => (i === at ? last : i === last ? at : i))
    const swap = (y: Name): Name => (at === last ? y : w.transpose(y, order))
    return swap(w.node('MatMul', [swap(x), matrix]))
  }
}

/** Means over windows that give the output's size. */
export const adaptiveAverage = (dims: number): Exporter => adaptive(dims, 'GlobalAveragePool', 'AveragePool', averageAxis(dims))

function largestOnAxis(x: Name, w: LayerWriter, at: number, length: number, count: number): Name {
  const parts = rangesOf(length, count).map(({ start, end }) => w.node('ReduceMax', [part(x, w, at, start, end)], { axes: ints([at]) }))
  return w.node('Concat', parts, { axis: int(at) })
}

export const pools: Readonly<Record<string, Exporter>> = {
  MaxPool1d: maxPool(1),
  MaxPool2d: maxPool(2),
  MaxPool3d: maxPool(3),
  AvgPool1d: avgPool(1),
  AvgPool2d: avgPool(2),
  AvgPool3d: avgPool(3),
  LPPool1d: lpPool(1),
  LPPool2d: lpPool(2),
  AdaptiveAvgPool1d: adaptiveAverage(1),
  AdaptiveAvgPool2d: adaptiveAverage(2),
  AdaptiveAvgPool3d: adaptiveAverage(3),
  AdaptiveMaxPool1d: adaptive(1, 'GlobalMaxPool', 'MaxPool', largestOnAxis),
  AdaptiveMaxPool2d: adaptive(2, 'GlobalMaxPool', 'MaxPool', largestOnAxis),
  AdaptiveMaxPool3d: adaptive(3, 'GlobalMaxPool', 'MaxPool', largestOnAxis),
}
