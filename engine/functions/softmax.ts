/** softmax, softmin and log_softmax under all their names. The formulas are in reductions.ts. */
import type { DType, Value } from '../ir/value.ts'
import { isFloat, numel } from '../ir/value.ts'
import type { TraceContext } from '../lang/values.ts'
import { fail } from '../lang/values.ts'
import * as ew from '../ops/elementwise.ts'
import { reshape } from '../ops/view.ts'
import { family, signature } from './define.ts'
import { dtype, integer, optional, resolveDim, tensor, withDefault } from './parameters.ts'
import { logSoftmax, softmax } from './reductions.ts'

const { define } = family('activations')

type Formula = (x: Value, axis: number) => Value

/** What F's functions do when `dim` is left out: 0 for 0, 1 and 3 dimensions, else 1. */
export function implicitDim(rank: number): number {
  return rank === 0 || rank === 1 || rank === 3 ? 0 : 1
}

function along(ctx: TraceContext, name: string, formula: Formula, input: Value, dim: number, to: DType | undefined): Value {
  const x = to === undefined ? input : ew.cast(input, to)
  if (!isFloat(x.dtype)) fail(ctx, 'dtype_mismatch', `${name}(): a floating-point tensor expected, got ${x.dtype}; give a floating-point dtype`)
  const axis = resolveDim(ctx, dim, x.shape.length)
  if (numel(x.shape) === 0) return x
  return x.shape.length === 0 ? reshape(formula(reshape(x, [1]), 0), []) : formula(x, axis)
}

const softmin: Formula = (x, axis) => softmax(ew.neg(x), axis)

for (const [name, doc, gradFn, formula] of [
  ['softmax', 'Exponentials, scaled to sum 1 along dim', 'SoftmaxBackward0', softmax],
  ['log_softmax', 'Logarithm of softmax', 'LogSoftmaxBackward0', logSoftmax],
  ['softmin', 'softmax of -input', 'SoftmaxBackward0', softmin],
] as const) {
  define({ names: name, homes: ['F'], doc, gradFn },
    signature({ input: tensor, dim: optional(integer), _stacklevel: withDefault(integer, 3), dtype: optional(dtype) }, ({ input, dim, dtype: to }, ctx) =>
      along(ctx, name, formula, input, dim ?? implicitDim(input.shape.length), to)))
  if (name === 'softmin') continue
  define({ names: name, homes: ['torch', 'Tensor', 'special'], doc, gradFn },
    signature({ input: tensor, dim: integer, dtype: optional(dtype) }, ({ input, dim, dtype: to }, ctx) => along(ctx, name, formula, input, dim, to)))
}
