/** torch.autograd inside a program: gradients as tensors, to be part of a loss. */
import { dependsOn, gradients } from '../autodiff.ts'
import { showShape } from '../errors.ts'
import type { Value } from '../ir/value.ts'
import { isFloat, numel, sameShape } from '../ir/value.ts'
import type { Argument, Dynamic, TraceContext } from '../lang/values.ts'
import { Tensor, describe, fail, itemsOf, none, tuple } from '../lang/values.ts'
import { add, detach, mark, mul } from '../ops/elementwise.ts'
import { constant } from '../ops/source.ts'
import { reshape, sum } from '../ops/view.ts'
import { family, signature } from './define.ts'
import type { Kind } from './parameters.ts'
import { boolean, optional, withDefault } from './parameters.ts'

const { define } = family('gradients')

/** One tensor, or several in a tuple or list. */
const someTensors: Kind<readonly Tensor[]> = {
  type: 'Tensor | tuple of Tensors',
  fits: (value) => value instanceof Tensor || (itemsOf(value)?.every((item) => item instanceof Tensor) ?? false),
  convert: (value, ctx, what) => {
    const items = value instanceof Tensor ? [value] : (itemsOf(value) ?? [])
    const tensors = items.filter((item) => item instanceof Tensor)
    if (tensors.length === 0 || tensors.length !== items.length) fail(ctx, 'bad_argument', `${what}: a tensor or a tuple of tensors expected, got ${describe(value)}`)
    return tensors
  },
}

const someWeights: Kind<readonly (Tensor | undefined)[]> = {
  type: 'Tensor | tuple of Tensors',
  fits: (value) => value instanceof Tensor || (itemsOf(value)?.every((item) => item instanceof Tensor || item.kind === 'none') ?? false),
  convert: (value, ctx, what) => {
    const items = value instanceof Tensor ? [value] : (itemsOf(value) ?? fail(ctx, 'bad_argument', `${what}: a tensor or a tuple of tensors expected, got ${describe(value)}`))
    return items.map((item, i) => {
      if (item instanceof Tensor) return item
      return item.kind === 'none' ? undefined : fail(ctx, 'bad_argument', `${what}[${i}]: a tensor or None expected, got ${describe(item)}`)
    })
  },
}

/** Σ outputs · weights: the scalar whose gradients are the vector-Jacobian product. */
function weighted(ctx: TraceContext, outputs: readonly Tensor[], weights: readonly (Tensor | undefined)[] | undefined): Value {
  if (weights && weights.length !== outputs.length) {
    fail(ctx, 'bad_argument', `torch.autograd.grad(): ${outputs.length} outputs take as many grad_outputs, got ${weights.length}`)
  }
  const terms = outputs.map(({ value, requiresGrad }, i) => {
    if (!requiresGrad || !isFloat(value.dtype)) fail(ctx, 'bad_argument', `torch.autograd.grad(): outputs[${i}] does not require grad and has no grad_fn`)
    const weight = weights?.[i]?.value
    if (weight === undefined) {
      if (numel(value.shape) !== 1) fail(ctx, 'shape_mismatch', `torch.autograd.grad(): outputs[${i}] has shape ${showShape(value.shape)}; without grad_outputs a gradient is taken of single numbers only`)
      return reshape(value, [])
    }
    if (!sameShape(weight.shape, value.shape) || weight.dtype !== value.dtype) {
      fail(ctx, 'shape_mismatch', `torch.autograd.grad(): grad_outputs[${i}] of ${value.dtype} and shape ${showShape(value.shape)} expected, got ${describe(weights![i]!)}`)
    }
    return sum(mul(value, weight), [...value.shape.keys()])
  })
  return terms.reduce((total, term) => add(total, term), terms.length === 0 ? constant(ctx.graph, 0, ctx.dtype) : terms.shift()!)
}

interface GradArguments {
  readonly outputs: readonly Tensor[]
  readonly inputs: readonly Tensor[]
  readonly grad_outputs: readonly (Tensor | undefined)[] | undefined
  readonly create_graph: boolean
  readonly allow_unused: boolean | undefined
  readonly materialize_grads: boolean
}

function grad({ outputs, inputs, grad_outputs: weights, create_graph: createGraph, allow_unused: allowUnused, materialize_grads: zeros }: GradArguments, ctx: TraceContext): Dynamic {
  for (const [i, { requiresGrad }] of inputs.entries()) {
    if (!requiresGrad) fail(ctx, 'bad_argument', `torch.autograd.grad(): inputs[${i}] does not require grad; for data call requires_grad_() on it first`)
  }
  const total = weighted(ctx, outputs, weights)
  const values = gradients(total, inputs.map(({ value }) => value))
  const results = inputs.map(({ value }, i): Dynamic => {
    if (!zeros && !dependsOn(total, [value])) {
      if (allowUnused !== true) fail(ctx, 'bad_argument', `torch.autograd.grad(): outputs do not depend on inputs[${i}]; with allow_unused=True its gradient is None`)
      return none
    }
    const result = values[i]!
    return createGraph ? new Tensor(ctx.recorder?.own(result) ?? result, gradFnOf(result), true) : new Tensor(detach(result), null, false)
  })
  const taken: Argument[] = [['outputs', tuple(outputs)], ['inputs', tuple(inputs)], ['grad_outputs', tuple(weights?.filter((weight) => weight !== undefined) ?? [])]]
  ctx.recorder?.called({ name: 'grad', gradFn: null, inputs: taken }, results.filter((result) => result instanceof Tensor), ctx.graph.place)
  return tuple(results)
}

/** The backward pass has no calls to name it after: the name of its last operation. */
function gradFnOf({ op }: Value): string {
  return `${op.name[0]!.toUpperCase()}${op.name.slice(1)}Backward0`
}

const flag = withDefault(boolean, false, 'False')

define({ names: 'grad', homes: ['autograd'], doc: 'Gradients of outputs with respect to inputs, as a tuple; with create_graph they can be differentiated again' },
  signature(
    { outputs: someTensors, inputs: someTensors, grad_outputs: optional(someWeights), retain_graph: optional(boolean), create_graph: flag, only_inputs: withDefault(boolean, true, 'True'), allow_unused: optional(boolean), is_grads_batched: flag, materialize_grads: flag },
    (args, ctx) => {
      if (args.is_grads_batched) fail(ctx, 'bad_argument', 'torch.autograd.grad(): is_grads_batched is not supported here; call grad once for each vector')
      return { static: grad(args, ctx) }
    },
  ))

const self: Kind<Tensor> = {
  type: 'Tensor',
  fits: (value) => value instanceof Tensor,
  convert: (value, ctx, what) => (value instanceof Tensor ? value : fail(ctx, 'bad_argument', `${what}: a tensor expected, got ${describe(value)}`)),
}

define({ names: 'requires_grad_', homes: ['Tensor'], doc: 'From here on gradients flow to this tensor, or no longer do' },
  signature({ self, requires_grad: withDefault(boolean, true, 'True') }, ({ self: tensor, requires_grad: wanted }, ctx) => {
    if (wanted && !isFloat(tensor.value.dtype)) fail(ctx, 'dtype_mismatch', `requires_grad_(): only floating-point tensors can require gradients, got ${describe(tensor)}`)
    if (tensor.gradFn !== null) fail(ctx, 'bad_argument', 'requires_grad_(): only for tensors that no function made; use detach() to get one')
    // What was computed from it before does not see the change.
    if (wanted !== tensor.requiresGrad) tensor.become(wanted ? mark(tensor.value, `requires_grad ${ctx.graph.values.length}`) : detach(tensor.value), wanted)
    return { static: tensor }
  }))

for (const name of ['backward', 'retain_grad'] as const) {
  const instead = name === 'backward' ? 'POST /v1/backward and /v1/train do the backward pass; inside a program use torch.autograd.grad' : 'name the variable in the field "retain_grad" of the request'
  define({ names: name, homes: ['Tensor'], doc: `Not in a program: ${instead}` },
    signature({ self }, (_args, ctx) => fail(ctx, 'unknown_function', `${name}() is not part of a program: ${instead}`)))
}
