/** Activations as layers. */
import { z } from 'zod'
import { showShape } from '../../errors.ts'
import type { Value } from '../../ir/value.ts'
import { fail } from '../../lang/values.ts'
import { rreluNoise } from '../../functions/dropout.ts'
import * as f from '../../functions/activations.ts'
import { resolveDim } from '../../functions/parameters.ts'
import { logSoftmax, softmax } from '../../functions/reductions.ts'
import { implicitDim } from '../../functions/softmax.ts'
import * as ew from '../../ops/elementwise.ts'
import type { Layer } from '../define.ts'
import { flag, layer, size } from '../define.ts'
import { filled } from '../init.ts'

const inplace = { inplace: flag.default(false) }

function plain(type: string, doc: string, gradFn: string, formula: (x: Value) => Value, options: z.ZodRawShape = {}): Layer {
  return layer({ type, doc, options, gradFn, forward: (x) => formula(x) })
}

function normalised(type: string, doc: string, gradFn: string, formula: (x: Value, axis: number) => Value): Layer {
  return layer({
    type,
    doc,
    options: { dim: z.int32().nullable().default(null) },
    gradFn,
    forward: (x, { dim }, { ctx }) => formula(x, resolveDim(ctx, dim ?? implicitDim(x.shape.length), x.shape.length)),
  })
}

export const activationLayers = [
  plain('ReLU', 'max(x, 0)', 'ReluBackward0', ew.relu, inplace),
  plain('ReLU6', 'x limited to [0, 6]', 'HardtanhBackward0', (x) => f.hardtanh(x, 0, 6), inplace),
  plain('Sigmoid', '1 / (1 + exp(-x))', 'SigmoidBackward0', ew.sigmoid),
  plain('Tanh', 'Hyperbolic tangent', 'TanhBackward0', ew.tanh),
  plain('SELU', 'Scaled exponential linear unit', 'EluBackward0', f.selu, inplace),
  plain('SiLU', 'x * sigmoid(x)', 'SiluBackward0', f.silu, inplace),
  plain('Mish', 'x * tanh(softplus(x))', 'MishBackward0', f.mish, inplace),
  plain('Hardsigmoid', 'Sigmoid in three pieces', 'HardsigmoidBackward0', f.hardsigmoid, inplace),
  plain('Hardswish', 'x * hardsigmoid(x)', 'HardswishBackward0', f.hardswish, inplace),
  plain('LogSigmoid', 'ln(sigmoid(x))', 'LogSigmoidBackward0', f.logSigmoid),
  plain('Softsign', 'x / (1 + |x|)', 'DivBackward0', f.softsign),
  plain('Tanhshrink', 'x - tanh(x)', 'SubBackward0', f.tanhshrink),
  layer({
    type: 'LeakyReLU',
    doc: 'x, or negative_slope * x below 0',
    options: { negative_slope: z.number().default(0.01), ...inplace },
    gradFn: 'LeakyReluBackward0',
    forward: (x, { negative_slope: slope }) => f.leakyRelu(x, slope),
  }),
  layer({
    type: 'ELU',
    doc: 'x, or alpha * (exp(x) - 1) below 0',
    options: { alpha: z.number().default(1), ...inplace },
    gradFn: 'EluBackward0',
    forward: (x, { alpha }) => f.elu(x, alpha),
  }),
  layer({
    type: 'CELU',
    doc: 'x, or alpha * (exp(x / alpha) - 1) below 0',
    options: { alpha: z.number().refine((alpha) => alpha !== 0, 'must not be 0').default(1), ...inplace },
    gradFn: 'CeluBackward0',
    forward: (x, { alpha }) => f.celu(x, alpha),
  }),
  layer({
    type: 'GELU',
    doc: 'x times the normal distribution function',
    options: { approximate: z.enum(['none', 'tanh']).default('none') },
    gradFn: 'GeluBackward0',
    forward: (x, { approximate }) => f.gelu(x, approximate),
  }),
  layer({
    type: 'Softplus',
    doc: 'ln(1 + exp(beta * x)) / beta',
    options: { beta: z.number().default(1), threshold: z.number().default(20) },
    gradFn: 'SoftplusBackward0',
    forward: (x, { beta, threshold }) => f.softplus(x, beta, threshold),
  }),
  layer({
    type: 'Hardtanh',
    doc: 'x limited to [min_val, max_val]',
    options: { min_val: z.number().default(-1), max_val: z.number().default(1), ...inplace },
    gradFn: 'HardtanhBackward0',
    check: ({ min_val: low, max_val: high }, wrong) => low >= high && wrong('min_val', `Hardtanh: min_val must be below max_val, got ${low} and ${high}`),
    forward: (x, { min_val: low, max_val: high }) => f.hardtanh(x, low, high),
  }),
  layer({
    type: 'Softshrink',
    doc: 'x moved toward 0 by lambd',
    options: { lambd: z.number().nonnegative().default(0.5) },
    gradFn: 'SoftshrinkBackward0',
    forward: (x, { lambd }) => f.softshrink(x, lambd),
  }),
  layer({
    type: 'Hardshrink',
    doc: 'x, or 0 where it is at most lambd in size',
    options: { lambd: z.number().default(0.5) },
    gradFn: 'HardshrinkBackward0',
    forward: (x, { lambd }) => f.hardshrink(x, lambd),
  }),
  layer({
    type: 'Threshold',
    doc: 'x, or value where it is at most threshold',
    options: { threshold: z.number(), value: z.number(), ...inplace },
    gradFn: 'ThresholdBackward0',
    forward: (x, { threshold, value }) => f.threshold(x, threshold, value),
  }),
  layer({
    type: 'PReLU',
    doc: 'x, or weight * x below 0: one learned weight, or one for each channel',
    options: { num_parameters: size.default(1), init: z.number().default(0.25) },
    gradFn: 'PreluBackward0',
    parameters: ({ num_parameters: count, init }) => [{ name: 'weight', shape: [count], fill: filled(init) }],
    forward: (x, { num_parameters: count }, { ctx, parameter, mismatch }) => {
      const channels = x.shape.length > 1 ? x.shape[1]! : 1
      if (count !== 1 && count !== channels) mismatch('num_parameters', `PReLU expected an input of num_parameters = ${count} channels (dimension 1), got shape ${showShape(x.shape)}`)
      return f.prelu(ctx, x, parameter('weight'))
    },
  }),
  layer({
    type: 'RReLU',
    doc: 'x, or below 0 a random (in training) or mean slope times it',
    options: { lower: z.number().default(1 / 8), upper: z.number().default(1 / 3), ...inplace },
    gradFn: 'RreluWithNoiseBackward0',
    check: ({ lower, upper }, wrong) => lower > upper && wrong('lower', `RReLU: lower must not be above upper, got ${lower} and ${upper}`),
    forward: (x, { lower, upper }, { ctx, training }) => (training ? rreluNoise(ctx, x, lower, upper) : f.leakyRelu(x, (lower + upper) / 2)),
  }),
  layer({
    type: 'GLU',
    doc: 'The first half along dim, times sigmoid of the second',
    options: { dim: z.int32().default(-1) },
    gradFn: 'GluBackward0',
    forward: (x, { dim }, { ctx }) => f.glu(ctx, x, resolveDim(ctx, dim, x.shape.length)),
  }),
  layer({
    type: 'Softmax2d',
    doc: 'Softmax over the channels of (N, C, H, W) or (C, H, W)',
    options: {},
    gradFn: 'SoftmaxBackward0',
    forward: (x, _options, { ctx }) => {
      const rank = x.shape.length
      if (rank !== 3 && rank !== 4) fail(ctx, 'shape_mismatch', `Softmax2d takes (N, C, H, W) or (C, H, W), got shape ${showShape(x.shape)}`)
      return softmax(x, rank - 3)
    },
  }),
  normalised('Softmin', 'Softmax of -x along dim', 'SoftmaxBackward0', (x, axis) => softmax(ew.neg(x), axis)),
  normalised('Softmax', 'Exponentials, scaled to sum 1 along dim', 'SoftmaxBackward0', softmax),
  normalised('LogSoftmax', 'Logarithm of softmax along dim', 'LogSoftmaxBackward0', logSoftmax),
]
