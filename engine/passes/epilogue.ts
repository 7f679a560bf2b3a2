/** What a kernel does to its numbers before it stores them. */
import type { Value } from '../ir/value.ts'
import { convolutionOp, rectified } from '../ops/convolution.ts'
import { relu } from '../ops/elementwise.ts'

/** max(y, 0) of a convolution that nothing else reads. */
export function joinedEpilogue(value: Value, inputs: readonly Value[], shared: ReadonlySet<Value>): Value | undefined {
  const [y] = inputs
  return value.op === relu.op && y!.op === convolutionOp && y!.attrs['relu'] !== true && !shared.has(value.inputs[0]!) ? rectified(y!) : undefined
}
