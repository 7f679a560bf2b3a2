/** Convolutions and transposed convolutions. */
import { z } from 'zod'
import { showShape } from '../../errors.ts'
import { conv, convTranspose } from '../../functions/convolutions.ts'
import { madeBy } from '../../functions/define.ts'
import type { Result } from '../../functions/define.ts'
import { pad } from '../../functions/padding.ts'
import { floatTensor, integers, optional } from '../../functions/parameters.ts'
import type { Shape, Value } from '../../ir/value.ts'
import { fail } from '../../lang/values.ts'
import type { Layer, LayerCall, ParameterSpec, Wrong } from '../define.ts'
import { flag, layer, module, size } from '../define.ts'
import { fans, kaimingUniform, uniformFill } from '../init.ts'
import { each, listOf, perDimension, ranks } from './spatial.ts'

interface Channels {
  readonly in_channels: number
  readonly out_channels: number
  readonly groups: number
}

function checkGroups(type: string, { in_channels: inputs, out_channels: outputs, groups }: Channels, wrong: Wrong): void {
  for (const [name, channels] of [['in_channels', inputs], ['out_channels', outputs]] as const) {
    if (channels % groups !== 0) wrong('groups', `${type}: ${name} must be divisible by groups, got ${channels} and ${groups}`)
  }
}

function convParameters(shape: Shape, outputs: number, bias: boolean): ParameterSpec[] {
  const bound = 1 / Math.sqrt(fans(shape).fanIn)
  const weight = { name: 'weight', shape, fill: kaimingUniform(Math.sqrt(5)) }
  return bias ? [weight, { name: 'bias', shape: [outputs], fill: uniformFill(-bound, bound) }] : [weight]
}

function requireChannels(type: string, x: Value, rank: number, { in_channels: channels }: Channels, { ctx, mismatch }: LayerCall): void {
  const given = x.shape.length
  if (given !== rank + 1 && given !== rank + 2) {
    fail(ctx, 'shape_mismatch', `${type} expected an input of ${rank + 2} dimensions (N, C and ${rank} spatial), or ${rank + 1} without the batch, got shape ${showShape(x.shape)}`)
  }
  if (x.shape.at(-1 - rank) !== channels) mismatch('in_channels', `${type} expected an input with in_channels = ${channels} channels (dimension ${given - 1 - rank}), got shape ${showShape(x.shape)}`)
}

/** A single sample is made a batch, and the result is squeezed. */
function made(x: Value, rank: number, value: Value): Result {
  return madeBy(x.shape.length === rank + 1 ? 'SqueezeBackward1' : 'ConvolutionBackward0', value)
}

function convLayer(rank: number): Layer {
  const type = `Conv${rank}d`
  return layer({
    type,
    doc: `Convolution over ${rank === 1 ? 'one dimension' : `${rank} dimensions`} of (N, C, …)`,
    options: {
      in_channels: size,
      out_channels: size,
      kernel_size: perDimension(rank, 1),
      stride: perDimension(rank, 1).default(1),
      padding: z.union([z.enum(['same', 'valid']), ...perDimension(rank, 0).options]).default(0).describe("Elements added at both ends; 'same': as many as keep the size"),
      dilation: perDimension(rank, 1).default(1),
      groups: size.default(1),
      bias: flag.default(true),
      padding_mode: z.enum(['zeros', 'reflect', 'replicate', 'circular']).default('zeros'),
    },
    gradFn: 'ConvolutionBackward0',
    check: (options, wrong) => {
      checkGroups(type, options, wrong)
      if (options.padding === 'same' && listOf(options.stride).some((step) => step !== 1)) wrong('padding', `${type}: padding 'same' is not supported for strided convolutions, got stride ${showShape(listOf(options.stride))}`)
    },
    parameters: ({ in_channels: inputs, out_channels: outputs, kernel_size: kernel, groups, bias }) => convParameters([outputs, inputs / groups, ...each(kernel, rank)], outputs, bias),
    forward: (x, options, call) => {
      requireChannels(type, x, rank, options, call)
      const { ctx, parameter } = call
      const { padding_mode: mode, groups, bias } = options
      const [stride, dilation, kernel] = [options.stride, options.dilation, options.kernel_size].map((given) => each(given, rank)) as [readonly number[], readonly number[], readonly number[]]
      const padding = typeof options.padding === 'string' ? options.padding : each(options.padding, rank)
      const convolved = (input: Value, zeros: readonly number[] | 'same' | 'valid'): Result =>
        made(x, rank, conv(ctx, type, input, parameter('weight'), bias ? parameter('bias') : undefined, rank, { stride, dilation, groups, padding: zeros }))
      if (mode === 'zeros' || padding === 'valid') return convolved(x, padding)
      const ends = kernel.map((width, i) => {
        const total = dilation[i]! * (width - 1)
        return padding === 'same' ? [Math.floor(total / 2), Math.ceil(total / 2)] : [padding[i]!, padding[i]!]
      })
      return convolved(pad(ctx, x, ends.toReversed().flat(), mode, 0), each(0, rank))
    },
  })
}

/** What output_size leaves to be added at the ends. */
function outputPadding(type: string, x: Value, wanted: readonly number[], plan: { readonly kernel: readonly number[]; readonly stride: readonly number[]; readonly padding: readonly number[]; readonly dilation: readonly number[] }, { ctx }: LayerCall): number[] {
  const rank = plan.kernel.length
  if (wanted.length !== rank && wanted.length !== x.shape.length) fail(ctx, 'bad_argument', `${type}: output_size of ${rank} or ${x.shape.length} numbers expected, got ${wanted.length}`)
  const sizes = wanted.slice(-rank)
  const least = plan.kernel.map((width, i) => (x.shape.at(i - rank)! - 1) * plan.stride[i]! - 2 * plan.padding[i]! + plan.dilation[i]! * (width - 1) + 1)
  const most = least.map((n, i) => n + plan.stride[i]! - 1)
  if (sizes.some((n, i) => n < least[i]! || n > most[i]!)) fail(ctx, 'bad_argument', `${type}: output_size from ${showShape(least)} to ${showShape(most)} expected for an input of shape ${showShape(x.shape)}, got ${showShape(sizes)}`)
  return sizes.map((n, i) => n - least[i]!)
}

function convTransposeLayer(rank: number): Layer {
  const type = `ConvTranspose${rank}d`
  return module({
    type,
    doc: `Transposed convolution over ${rank === 1 ? 'one dimension' : `${rank} dimensions`} of (N, C, …)`,
    options: {
      in_channels: size,
      out_channels: size,
      kernel_size: perDimension(rank, 1),
      stride: perDimension(rank, 1).default(1),
      padding: perDimension(rank, 0).default(0).describe('Elements cut at both ends'),
      output_padding: perDimension(rank, 0).default(0).describe('Elements that the result has more at its end'),
      groups: size.default(1),
      bias: flag.default(true),
      dilation: perDimension(rank, 1).default(1),
      padding_mode: z.literal('zeros').default('zeros'),
    },
    gradFn: 'ConvolutionBackward0',
    inputs: { input: floatTensor, output_size: optional(integers) },
    check: (options, wrong) => {
      checkGroups(type, options, wrong)
      const [extra, stride, dilation] = [options.output_padding, options.stride, options.dilation].map((given) => each(given, rank)) as [readonly number[], readonly number[], readonly number[]]
      const at = extra.findIndex((n, i) => n >= Math.max(stride[i]!, dilation[i]!))
      if (at >= 0) wrong('output_padding', `${type}: output_padding must be smaller than either stride or dilation, got ${extra[at]} with stride ${stride[at]} and dilation ${dilation[at]}`)
    },
    parameters: ({ in_channels: inputs, out_channels: outputs, kernel_size: kernel, groups, bias }) => convParameters([inputs, outputs / groups, ...each(kernel, rank)], outputs, bias),
    forward: ({ input: x, output_size: wanted }, options, call) => {
      requireChannels(type, x, rank, options, call)
      const { ctx, parameter } = call
      const { groups, bias } = options
      const [stride, padding, dilation, kernel, extra] = [options.stride, options.padding, options.dilation, options.kernel_size, options.output_padding].map((given) => each(given, rank)) as [readonly number[], readonly number[], readonly number[], readonly number[], readonly number[]]
      const more = wanted ? outputPadding(type, x, wanted, { kernel, stride, padding, dilation }, call) : extra
      return made(x, rank, convTranspose(ctx, type, x, parameter('weight'), bias ? parameter('bias') : undefined, rank, { stride, padding, dilation, groups, outputPadding: more }))
    },
  })
}

export const convolutionLayers: readonly Layer[] = [...ranks.map((rank) => convLayer(rank)), ...ranks.map((rank) => convTransposeLayer(rank))]
