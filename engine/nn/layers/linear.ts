/** Layers without activation that are linear in each input, and those that only reshape. */
import { z } from 'zod'
import { showShape } from '../../errors.ts'
import type { Value } from '../../ir/value.ts'
import { floatTensor, resolveDim } from '../../functions/parameters.ts'
import { linear } from '../../functions/products.ts'
import { flatten, inferShape } from '../../functions/shaping.ts'
import { bilinear } from '../../functions/tensordot.ts'
import { reshape } from '../../ops/view.ts'
import type { LayerCall, ParameterSpec } from '../define.ts'
import { flag, layer, module, size } from '../define.ts'
import { kaimingUniform, uniformFill } from '../init.ts'

/** Weight and bias of a Linear, also where it is a part of other layers. */
export function linearParameters(inputs: number, outputs: number, bias: boolean): ParameterSpec[] {
  const bound = 1 / Math.sqrt(inputs)
  const weight = { name: 'weight', shape: [outputs, inputs], fill: kaimingUniform(Math.sqrt(5)) }
  return bias ? [weight, { name: 'bias', shape: [outputs], fill: uniformFill(-bound, bound) }] : [weight]
}

export function applyLinear(x: Value, { ctx, parameter }: LayerCall, bias: boolean): Value {
  return linear(ctx, x, parameter('weight'), bias ? parameter('bias') : undefined)
}

export const linearLayers = [
  layer({
    type: 'Linear',
    doc: 'x @ weight.T + bias, weight of shape [out_features, in_features]',
    options: { in_features: size, out_features: size, bias: flag.default(true) },
    gradFn: 'AddmmBackward0',
    parameters: ({ in_features: inputs, out_features: outputs, bias }) => linearParameters(inputs, outputs, bias),
    forward: (x, { in_features: inputs, bias }, call) => {
      if (x.shape.at(-1) !== inputs) {
        call.mismatch('in_features', `Linear expected an input whose last dimension is in_features = ${inputs}, got shape ${showShape(x.shape)}`)
      }
      return applyLinear(x, call, bias)
    },
  }),
  module({
    type: 'Bilinear',
    doc: 'input1 @ weight @ input2 + bias, for each of out_features; takes two tensors',
    options: { in1_features: size, in2_features: size, out_features: size, bias: flag.default(true) },
    gradFn: 'AddBackward0',
    inputs: { input1: floatTensor, input2: floatTensor },
    parameters: ({ in1_features: in1, in2_features: in2, out_features: outputs, bias }) => {
      const fill = uniformFill(-1 / Math.sqrt(in1), 1 / Math.sqrt(in1))
      const weight = { name: 'weight', shape: [outputs, in1, in2], fill }
      return bias ? [weight, { name: 'bias', shape: [outputs], fill }] : [weight]
    },
    forward: ({ input1, input2 }, { in1_features: in1, in2_features: in2, bias }, { ctx, parameter, mismatch }) => {
      for (const [name, x, width] of [['in1_features', input1, in1], ['in2_features', input2, in2]] as const) {
        if (x.shape.at(-1) !== width) mismatch(name, `Bilinear expected an input whose last dimension is ${name} = ${width}, got shape ${showShape(x.shape)}`)
      }
      return bilinear(ctx, input1, input2, parameter('weight'), bias ? parameter('bias') : undefined)
    },
  }),
  layer({
    type: 'Flatten',
    doc: 'Joins the dimensions from start_dim to end_dim into one',
    options: { start_dim: z.int32().default(1), end_dim: z.int32().default(-1) },
    gradFn: 'ReshapeAliasBackward0',
    forward: (x, { start_dim: start, end_dim: end }, { ctx }) => flatten(ctx, x, start, end),
  }),
  layer({
    type: 'Unflatten',
    doc: 'Splits dimension dim into unflattened_size, one of which may be -1',
    options: { dim: z.int32(), unflattened_size: z.array(z.int32().min(-1)).min(1) },
    gradFn: 'ViewBackward0',
    forward: (x, { dim, unflattened_size: sizes }, { ctx }) => {
      const axis = resolveDim(ctx, dim, x.shape.length)
      return reshape(x, x.shape.toSpliced(axis, 1, ...inferShape(ctx, sizes, x.shape[axis]!)))
    },
  }),
  layer({
    type: 'Identity',
    doc: 'The input as it is',
    options: {},
    gradFn: 'AliasBackward0',
    forward: (x) => x,
  }),
]
