/** Tensors with one number everywhere. */
import type { Value } from '../ir/value.ts'
import { constantValue } from '../ops/source.ts'
import { expandOp, reshapeOp } from '../ops/view.ts'

/** The number that every element of `value` is, or undefined. */
export function uniform(value: Value): number | undefined {
  let v = value
  while (v.op === expandOp || v.op === reshapeOp) v = v.inputs[0]!
  return constantValue(v)
}
