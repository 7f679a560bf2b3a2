/** Layers without activation: Linear, Flatten, Identity. */
import { z } from 'zod'
import { showShape } from '../../errors.ts'
import { linear } from '../../functions/products.ts'
import { flatten } from '../../functions/shaping.ts'
import { flag, layer, size } from '../define.ts'
import { kaimingUniform, uniformFill } from '../init.ts'

export const linearLayers = [
  layer({
    type: 'Linear',
    doc: 'x @ weight.T + bias, weight of shape [out_features, in_features]',
    options: { in_features: size, out_features: size, bias: flag.default(true) },
    gradFn: 'AddmmBackward0',
    parameters: ({ in_features: inputs, out_features: outputs, bias }) => {
      const bound = 1 / Math.sqrt(inputs)
      const weight = { name: 'weight', shape: [outputs, inputs], fill: kaimingUniform(Math.sqrt(5)) }
      return bias ? [weight, { name: 'bias', shape: [outputs], fill: uniformFill(-bound, bound) }] : [weight]
    },
    forward: (x, { in_features: inputs, bias }, { ctx, parameter, mismatch }) => {
      if (x.shape.at(-1) !== inputs) {
        mismatch('in_features', `Linear expected an input whose last dimension is in_features = ${inputs}, got shape ${showShape(x.shape)}`)
      }
      return linear(ctx, x, parameter('weight'), bias ? parameter('bias') : undefined)
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
    type: 'Identity',
    doc: 'The input as it is',
    options: {},
    gradFn: 'AliasBackward0',
    forward: (x) => x,
  }),
]
