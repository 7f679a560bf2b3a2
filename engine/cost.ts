/** What a graph costs, by its nodes and its kernels: arithmetic and memory traffic. */
import type { Output } from './ir/print.ts'
import type { Value } from './ir/value.ts'
import { numel, reachable } from './ir/value.ts'
import { kernelInfo } from './passes/describe.ts'
import { fuse } from './passes/fuse.ts'
import { legalize } from './passes/legalize.ts'
import { schedule } from './passes/schedule.ts'
import { simplify } from './passes/simplify.ts'

export interface Cost {
  /** Floating-point and integer operations, each value of the simplified graph once. */
  readonly flops: number
  /** Bytes of the buffers that the kernels read and write, each once a kernel. */
  readonly bytes: number
}

export function costOf(outputs: readonly Output[]): Cost {
  const simplified = simplify(simplify(outputs))
  const values = reachable(simplified.map(({ value }) => value))
  const { kernels } = schedule(fuse(legalize(simplified).map(({ value }) => value)), [])
  return {
    flops: values.reduce((sum, value) => sum + operationsOf(value), 0),
    bytes: kernels.reduce((sum, kernel) => sum + kernelInfo(kernel).bytes, 0),
  }
}

/** A multiply-add is two operations; an elementwise primitive, exp and its like too, is one an element. What only moves numbers is none. */
export function operationsOf(value: Value): number {
  const { op, inputs } = value
  switch (op.kind) {
    case 'map':
      return op.cost === 0 ? 0 : numel(value.shape)
    case 'reduce':
      return numel(inputs[0]!.shape)
    case 'scatter':
      return numel(inputs[0]!.shape)
    case 'matmul':
      return 2 * numel(value.shape) * inputs[0]!.shape.at(-1)!
    case 'routine':
      return op.operations(inputs, value.attrs)
    case 'source':
    case 'view':
    case 'concat':
    case 'gather':
    case 'rows':
      return 0
  }
}
