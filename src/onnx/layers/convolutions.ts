/** Convolutions, and sliding windows, which are convolutions with ones. */
import type { Exporter } from '../define.ts'
import type { LayerWriter, Name } from '../graph.ts'
import { int, ints } from '../proto.ts'
import type { PadMode, Sizes } from './spatial.ts'
import { overBatch, padded, perDimension, windowAttributes } from './spatial.ts'

interface Conv {
  readonly kernel_size: Sizes
  readonly stride: Sizes
  readonly padding: Sizes | 'same' | 'valid'
  readonly dilation: Sizes
  readonly groups: number
  readonly bias: boolean
  readonly padding_mode: 'zeros' | 'reflect' | 'replicate' | 'circular'
}

function weights(w: LayerWriter, bias: boolean): Name[] {
  return [w.tensor('weight'), ...(bias ? [w.tensor('bias')] : [])]
}

function convolution(dims: number): Exporter {
  return overBatch(dims, (x, w, { kernel_size, stride, padding, dilation, groups, bias, padding_mode: mode }: Conv) => {
    const [kernel, steps, apart] = [kernel_size, stride, dilation].map((given) => perDimension(given, dims)) as [number[], number[], number[]]
    const spans = kernel.map((size, i) => apart[i]! * (size - 1))
    const given = padding === 'same' ? undefined : perDimension(padding === 'valid' ? 0 : padding, dims)
    const before = given ?? spans.map((span) => Math.floor(span / 2))
    const after = given ?? spans.map((span, i) => span - before[i]!)
    const none = kernel.map(() => 0)
    const [input, pads] = mode === 'zeros' ? [x, [before, after] as const] : [padded(x, w, dims + 2, before, after, mode satisfies PadMode), [none, none] as const]
    return w.node('Conv', [input, ...weights(w, bias)], { ...windowAttributes(kernel, steps, ...pads, apart), group: int(groups) })
  })
}

interface ConvTranspose extends Conv {
  readonly padding: Sizes
  readonly output_padding: Sizes
}

function transposed(dims: number): Exporter {
  return overBatch(dims, (x, w, { kernel_size, stride, padding, dilation, groups, bias, output_padding }: ConvTranspose) => {
    const [kernel, steps, pads, apart, more] = [kernel_size, stride, padding, dilation, output_padding].map((given) => perDimension(given, dims)) as [number[], number[], number[], number[], number[]]
    return w.node('ConvTranspose', [x, ...weights(w, bias)], { ...windowAttributes(kernel, steps, pads, pads, apart), output_padding: ints(more), group: int(groups) })
  })
}

interface Windows {
  readonly kernel_size: Sizes
  readonly dilation: Sizes
  readonly padding: Sizes
  readonly stride: Sizes
}

/** For each channel one filter for each place of the window, which is one there. */
function places(w: LayerWriter, channels: number, kernel: readonly [number, number]): Name {
  const count = kernel[0] * kernel[1]
  const ones = Float32Array.from({ length: channels * count * count }, (_, i) => Number((Math.floor(i / count) - i) % count === 0))
  return w.constant('places', [channels * count, 1, ...kernel], ones)
}

function columnsOf({ kernel_size, stride, padding, dilation }: Windows) {
  const [kernel, steps, pads, apart] = [kernel_size, stride, padding, dilation].map((given) => perDimension(given, 2)) as [[number, number], number[], number[], number[]]
  return { kernel, steps, pads, apart, count: kernel[0] * kernel[1] }
}

export const convolutions: Readonly<Record<string, Exporter>> = {
  Conv1d: convolution(1),
  Conv2d: convolution(2),
  Conv3d: convolution(3),
  ConvTranspose1d: transposed(1),
  ConvTranspose2d: transposed(2),
  ConvTranspose3d: transposed(3),
}

/** (N, C, H, W) to (N, C · window, positions), and back. `single` inputs have no N. */
export const slidingWindows: Readonly<Record<string, Exporter>> = {
  Unfold: (x, w) => {
    const options = w.layer.options as unknown as Windows
    const { kernel, steps, pads, apart, count } = columnsOf(options)
    const single = w.layer.input.shape.length === 3
    const channels = w.layer.input.shape.at(-3)!
    const images = single ? w.node('Unsqueeze', [x, w.integers([0])]) : x
    const found = w.node('Conv', [images, places(w, channels, kernel)], { ...windowAttributes(kernel, steps, pads, pads, apart), group: int(channels) })
    const columns = w.reshape(found, [0, channels * count, -1])
    return single ? w.node('Squeeze', [columns, w.integers([0])]) : columns
  },
  Fold: (x, w) => {
    const options = w.layer.options as unknown as Windows & { readonly output_size: Sizes }
    const { kernel, steps, pads, apart, count } = columnsOf(options)
    const output = perDimension(options.output_size, 2)
    const single = w.layer.input.shape.length === 2
    const channels = w.layer.input.shape.at(-2)! / count
    const spans = kernel.map((size, i) => apart[i]! * (size - 1) + 1)
    const positions = output.map((size, i) => Math.floor((size + 2 * pads[i]! - spans[i]!) / steps[i]!) + 1)
    const left = output.map((size, i) => size + 2 * pads[i]! - spans[i]! - (positions[i]! - 1) * steps[i]!)
    const batch = single ? w.node('Unsqueeze', [x, w.integers([0])]) : x
    const images = w.node('ConvTranspose', [w.reshape(batch, [0, 0, ...positions]), places(w, channels, kernel)], { ...windowAttributes(kernel, steps, pads, pads, apart), output_padding: ints(left), group: int(channels) })
    return single ? w.node('Squeeze', [images, w.integers([0])]) : images
  },
}
