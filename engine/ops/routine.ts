/** The arrays that a routine's program names: operands, the result, working memory, numbered in this order. */
import type { RoutineOp, RoutineOperands, Value } from '../ir/value.ts'

export function routineOperands(value: Value, op: RoutineOp): RoutineOperands {
  const count = value.inputs.length
  return {
    inputs: value.inputs.map(({ dtype }, id) => ({ id, dtype })),
    result: { id: count, dtype: value.dtype },
    scratch: op.scratch(value.inputs, value.attrs).map(({ dtype }, i) => ({ id: count + 1 + i, dtype })),
    shapes: value.inputs.map(({ shape }) => shape),
    attrs: value.attrs,
  }
}
