/** Convolutions (cross-correlations, as PyTorch has them). A transposed convolution is the gradient of one by its input. */
import { showShape } from '../errors.ts'
import type { Value } from '../ir/value.ts'
import { numel } from '../ir/value.ts'
import type { Dynamic, TraceContext } from '../lang/values.ts'
import { fail } from '../lang/values.ts'
import { convolution, convolutionInput } from '../ops/convolution.ts'
import * as ew from '../ops/elementwise.ts'
import { expand, permute, reshape, slice } from '../ops/view.ts'
import { fold, windows } from '../ops/windows.ts'
import { family, signature } from './define.ts'
import type { Kind } from './parameters.ts'
import { floatTensor, integer, integers, oneOf, optional, resolveDim, tensor, withDefault } from './parameters.ts'
import { batched, padAxis, perDimension, requireWindows, windowColumns } from './spatial.ts'

const { define } = family('windows')

export interface ConvOptions {
  readonly stride: readonly number[]
  /** Zeros at both ends of each spatial dimension; 'same': as many as keep its size. */
  readonly padding: readonly number[] | 'same' | 'valid'
  readonly dilation: readonly number[]
  readonly groups: number
}

export interface ConvTransposeOptions extends ConvOptions {
  readonly padding: readonly number[]
  /** Elements that the result has more at its end. */
  readonly outputPadding: readonly number[]
}

/** Zeros before and after each spatial dimension. */
function paddings(ctx: TraceContext, shown: string, { padding, stride, dilation }: ConvOptions, kernel: readonly number[]): [number, number][] {
  if (padding === 'valid') return kernel.map(() => [0, 0])
  if (padding !== 'same') return padding.map((n) => [n, n])
  if (stride.some((n) => n !== 1)) fail(ctx, 'bad_argument', `${shown}(): padding='same' is not supported for strided convolutions, got stride ${showShape(stride)}`)
  return kernel.map((size, i) => {
    const total = dilation[i]! * (size - 1)
    return [Math.floor(total / 2), Math.ceil(total / 2)]
  })
}

function checkWeight(ctx: TraceContext, shown: string, x: Value, weight: Value, bias: Value | undefined, rank: number, groups: number, axes: { readonly input: number; readonly output: number }): void {
  if (weight.shape.length !== rank + 2) fail(ctx, 'shape_mismatch', `${shown}(): a weight of ${rank + 2} dimensions expected, got shape ${showShape(weight.shape)}`)
  if (x.dtype !== weight.dtype || (bias && bias.dtype !== x.dtype)) fail(ctx, 'dtype_mismatch', `${shown}(): input, weight and bias of one dtype expected, got ${[x, weight, ...(bias ? [bias] : [])].map(({ dtype }) => dtype).join(', ')}`)
  const grouped = weight.shape[0]!
  if (groups < 1 || grouped % groups !== 0) fail(ctx, 'bad_argument', `${shown}(): groups = ${groups} does not divide the first dimension of the weight, ${showShape(weight.shape)}`)
  const inputs = axes.input === 0 ? grouped : weight.shape[1]! * groups
  if (x.shape[1] !== inputs) {
    fail(ctx, 'shape_mismatch', `${shown}(): given groups=${groups} and a weight of shape ${showShape(weight.shape)}, an input with ${inputs} channels expected, got ${x.shape[1]} (shape ${showShape(x.shape)})`)
  }
  const outputs = axes.output === 0 ? grouped : weight.shape[1]! * groups
  if (bias && (bias.shape.length !== 1 || bias.shape[0] !== outputs)) fail(ctx, 'shape_mismatch', `${shown}(): a bias of shape [${outputs}] expected, got ${showShape(bias.shape)}`)
  if (weight.shape.slice(2).some((size) => size < 1)) fail(ctx, 'shape_mismatch', `${shown}(): a kernel without elements: the weight has shape ${showShape(weight.shape)}`)
}

function addBias(y: Value, bias: Value | undefined): Value {
  return bias ? ew.add(y, expand(reshape(bias, [1, bias.shape[0]!, ...y.shape.slice(2).map(() => 1)]), y.shape)) : y
}

/** x [N, C, …] with weight [O, C / groups, …kernel] gives [N, O, …]; without N likewise. */
export function conv(ctx: TraceContext, shown: string, input: Value, weight: Value, bias: Value | undefined, rank: number, options: ConvOptions): Value {
  return batched(ctx, shown, input, rank, (x) => {
    const { stride, dilation, groups } = options
    checkWeight(ctx, shown, x, weight, bias, rank, groups, { input: 1, output: 0 })
    const kernel = weight.shape.slice(2)
    const plans = kernel.map((size, i) => ({ size, stride: stride[i]!, dilation: dilation[i]! }))
    const ends = paddings(ctx, shown, options, kernel)
    const counts = requireWindows(ctx, shown, x.shape.slice(2).map((size, i) => size + ends[i]![0] + ends[i]![1]), plans)
    return [convolution(x, weight, bias, counts, { stride, dilation, before: ends.map(([before]) => before), groups })]
  })[0]!
}

/** x [N, C, …] with weight [C, O / groups, …kernel] gives [N, O, …]; without N likewise. */
export function convTranspose(ctx: TraceContext, shown: string, input: Value, weight: Value, bias: Value | undefined, rank: number, { stride, padding, outputPadding, dilation, groups }: ConvTransposeOptions): Value {
  return batched(ctx, shown, input, rank, (x) => {
    checkWeight(ctx, shown, x, weight, bias, rank, groups, { input: 0, output: 1 })
    const [sizes, kernel] = [x.shape.slice(2), weight.shape.slice(2)]
    const wrong = outputPadding.findIndex((n, i) => n >= Math.max(stride[i]!, dilation[i]!))
    if (wrong >= 0) fail(ctx, 'bad_argument', `${shown}(): output_padding must be smaller than either stride or dilation, got ${outputPadding[wrong]} with stride ${stride[wrong]} and dilation ${dilation[wrong]}`)
    const extent = kernel.map((size, i) => {
      const full = Math.max(0, (sizes[i]! - 1) * stride[i]! + dilation[i]! * (size - 1) + 1 + outputPadding[i]!)
      if (full <= 2 * padding[i]!) fail(ctx, 'shape_mismatch', `${shown}(): with padding ${padding[i]} nothing is left of the ${full} elements of spatial dimension ${i}`)
      return full - 2 * padding[i]!
    })
    const sum = convolutionInput(x, weight, extent, { stride, dilation, before: padding, groups })
    return [addBias(sum, bias)]
  })[0]!
}

/** A word, or an int or a tuple of ints. */
function wordOr<W extends string>(words: Kind<W>): Kind<W | readonly number[]> {
  return {
    type: `${words.type} | ${integers.type}`,
    fits: (value: Dynamic) => words.fits(value) || integers.fits(value),
    convert: (value, ctx, what) => (words.fits(value) ? words.convert(value, ctx, what) : integers.convert(value, ctx, what)),
  }
}

const ones = withDefault(integers, [1], '1')
const zeros = withDefault(integers, [0], '0')
const shared = { input: floatTensor, weight: floatTensor, bias: optional(floatTensor), stride: ones }

for (const rank of [1, 2, 3]) {
  const name = `conv${rank}d`
  define({ names: name, homes: ['torch', 'F'], doc: `Convolution over ${rank === 1 ? 'one dimension' : `${rank} dimensions`}: input (N, C, …), weight (O, C / groups, …)`, gradFn: 'ConvolutionBackward0' },
    signature({ ...shared, padding: withDefault(wordOr(oneOf('same', 'valid')), [0], '0'), dilation: ones, groups: withDefault(integer, 1) }, ({ input, weight, bias, stride, padding, dilation, groups }, ctx) =>
      conv(ctx, name, input, weight, bias, rank, {
        stride: perDimension(ctx, `${name}(): stride`, stride, rank, 1),
        padding: typeof padding === 'string' ? padding : perDimension(ctx, `${name}(): padding`, padding, rank, 0),
        dilation: perDimension(ctx, `${name}(): dilation`, dilation, rank, 1),
        groups,
      })))
  const transposed = `conv_transpose${rank}d`
  define({ names: transposed, homes: ['torch', 'F'], doc: `Transposed convolution over ${rank === 1 ? 'one dimension' : `${rank} dimensions`}: input (N, C, …), weight (C, O / groups, …)`, gradFn: 'ConvolutionBackward0' },
    signature({ ...shared, padding: zeros, output_padding: zeros, groups: withDefault(integer, 1), dilation: ones }, ({ input, weight, bias, stride, padding, output_padding: outputPadding, groups, dilation }, ctx) =>
      convTranspose(ctx, transposed, input, weight, bias, rank, {
        stride: perDimension(ctx, `${transposed}(): stride`, stride, rank, 1),
        padding: perDimension(ctx, `${transposed}(): padding`, padding, rank, 0),
        outputPadding: perDimension(ctx, `${transposed}(): output_padding`, outputPadding, rank, 0),
        dilation: perDimension(ctx, `${transposed}(): dilation`, dilation, rank, 1),
        groups,
      })))
}

/** Blocks of an image: one number for both dimensions, or two. */
export interface Blocks {
  readonly kernel_size: readonly number[]
  readonly dilation: readonly number[]
  readonly padding: readonly number[]
  readonly stride: readonly number[]
}

/** Blocks of (N, C, H, W) as columns (N, C · kernel, number of blocks). */
export function imageColumns(ctx: TraceContext, shown: string, input: Value, given: Blocks): Value {
  const { kernel, stride, padding, dilation } = blockOptions(ctx, shown, given)
  return batched(ctx, shown, input, 2, (x) => {
    const plans = kernel.map((size, i) => ({ size, stride: stride[i]!, dilation: dilation[i]! }))
    const padded = padding.reduce((y, n, i) => padAxis(y, i + 2, n, n, 0), x)
    const counts = requireWindows(ctx, shown, padded.shape.slice(2), plans)
    return [reshape(windowColumns(padded, plans, 2), [x.shape[0]!, x.shape[1]! * numel(kernel), numel(counts)])]
  })[0]!
}

/** Columns added up to an image. */
export function columnsImage(ctx: TraceContext, shown: string, input: Value, size: readonly number[], given: Blocks): Value {
  const { kernel, stride, padding, dilation } = blockOptions(ctx, shown, given)
  const sizes = perDimension(ctx, `${shown}(): output_size`, size, 2, 1)
  return batched(ctx, shown, input, 1, (x) => {
    const plans = kernel.map((n, i) => ({ size: n, stride: stride[i]!, dilation: dilation[i]! }))
    const full = sizes.map((n, i) => n + 2 * padding[i]!)
    const counts = requireWindows(ctx, shown, full, plans)
    const [samples, rows, columns] = x.shape as [number, number, number]
    if (rows % numel(kernel) !== 0) fail(ctx, 'shape_mismatch', `${shown}(): the ${rows} rows are no multiple of the kernel's ${numel(kernel)} elements (kernel_size ${showShape(kernel)})`)
    if (columns !== numel(counts)) fail(ctx, 'shape_mismatch', `${shown}(): with these sizes there are ${counts.join(' x ')} = ${numel(counts)} windows, got ${columns} columns (shape ${showShape(x.shape)})`)
    const apart = reshape(x, [samples, rows / numel(kernel), ...kernel, ...counts])
    const placed = permute(apart, [0, 1, 4, 5, 2, 3])
    const image = fold(fold(placed, 3, full[1]!, plans[1]!), 2, full[0]!, plans[0]!)
    return [padding.reduce((y, n, i) => slice(y, i + 2, n, sizes[i]!), image)]
  })[0]!
}

define({ names: 'unfold', homes: ['F'], doc: 'Windows of an image as columns: (N, C, H, W) gives (N, C · kernel, number of windows)', gradFn: 'Im2ColBackward0' },
  signature({ input: floatTensor, kernel_size: integers, dilation: ones, padding: zeros, stride: ones }, ({ input, ...given }, ctx) => imageColumns(ctx, 'unfold', input, given)))

define({ names: 'fold', homes: ['F'], doc: 'Adds the columns of unfold up to an image of output_size', gradFn: 'Col2ImBackward0' },
  signature({ input: floatTensor, output_size: integers, kernel_size: integers, dilation: ones, padding: zeros, stride: ones }, ({ input, output_size: size, ...given }, ctx) => columnsImage(ctx, 'fold', input, size, given)))

function blockOptions(ctx: TraceContext, name: string, given: Blocks): Record<'kernel' | 'stride' | 'padding' | 'dilation', number[]> {
  const of = (option: 'kernel_size' | 'dilation' | 'padding' | 'stride', least: number): number[] => perDimension(ctx, `${name}(): ${option}`, given[option], 2, least)
  return { kernel: of('kernel_size', 1), stride: of('stride', 1), padding: of('padding', 0), dilation: of('dilation', 1) }
}

define({ names: 'unfold', homes: ['Tensor'], doc: 'Windows of `size` elements along a dimension, `step` apart; their elements are a new last dimension', gradFn: 'UnfoldBackward0' },
  signature({ input: tensor, dimension: integer, size: integer, step: integer }, ({ input, dimension, size, step }, ctx) => {
    const axis = resolveDim(ctx, dimension, input.shape.length, 'unfold(): dimension')
    const length = input.shape[axis] ?? 1
    if (size < 0 || size > length) fail(ctx, 'bad_argument', `unfold(): size: an int from 0 to ${length}, the size of dimension ${axis}, expected, got ${size}`)
    if (step < 1) fail(ctx, 'bad_argument', `unfold(): step: at least 1 expected, got ${step}`)
    if (input.shape.length === 0) return slice(reshape(input, [1]), 0, 0, size)
    return windows(input, axis, { size, stride: step, dilation: 1 })
  }))
