/** Elementwise work beside a kernel of its own kind that costs less elsewhere: before it stores, or where there is less of it. */
import type { Value } from '../ir/value.ts'
import { sameShape } from '../ir/value.ts'
import { whereOp } from '../ops/choice.ts'
import { convolutionOp, rectified } from '../ops/convolution.ts'
import { listAttr } from '../ops/define.ts'
import { fullLike, relu, where } from '../ops/elementwise.ts'
import { movedPlacement, pickLargest, placeLargestOp, windowing } from '../ops/pooling.ts'
import { sum, sumOp } from '../ops/view.ts'
import { uniform } from './uniform.ts'

/** Whether more than one other value reads a value, or one and the caller. */
export type Shared = (value: Value) => boolean

/** What `value` is rewritten to; its inputs are already. */
export function besideKernel(value: Value, inputs: readonly Value[], shared: Shared): Value | undefined {
  if (value.op === relu.op) return shared(value.inputs[0]!) ? undefined : rectifiedConvolution(inputs[0]!)
  if (value.op === whereOp) return gatedPlacement(value, inputs, shared)
  return value.op === sumOp ? summedPlacement(inputs[0]!, listAttr(value.attrs, 'axes')) : undefined
}

/** max(y, 0) of a convolution. */
function rectifiedConvolution(y: Value): Value | undefined {
  return y.op === convolutionOp && y.attrs['relu'] !== true ? rectified(y) : undefined
}

/** where(f(x), place(g, x), 0) = place(where(f(pick(x, x)), g, 0), x), and so the other way round: a window has only one element to ask about. */
function gatedPlacement(value: Value, [condition, ...branches]: readonly Value[], shared: Shared): Value | undefined {
  const at = branches.findIndex(({ op }) => op === placeLargestOp)
  const placed = branches[at]
  if (!placed || shared(value.inputs[1 + at]!) || !Object.is(uniform(branches[1 - at]!), 0)) return undefined
  const [g, x] = placed.inputs as readonly [Value, Value]
  const asks = condition!.op.kind === 'map' && condition!.inputs.every((input) => input === x || (input.dtype === x.dtype && uniform(input) !== undefined))
  if (!asks) return undefined
  const largest = pickLargest(x, x, windowing(placed.attrs))
  const asked = x.graph.add(condition!.op, condition!.inputs.map((input) => (input === x ? largest : fullLike(largest, uniform(input)!))), condition!.attrs)
  const zero = fullLike(g, 0)
  return movedPlacement(placed, at === 0 ? where(asked, g, zero) : where(asked, zero, g))
}

/** The sum over all spatial dimensions: each number is placed somewhere. */
function summedPlacement(placed: Value, axes: readonly number[]): Value | undefined {
  if (placed.op !== placeLargestOp) return undefined
  const [g, x] = placed.inputs as readonly [Value, Value]
  const spatial = [...x.shape.keys()].slice(2)
  return spatial.every((axis) => axes.includes(axis)) && sameShape(g.shape.slice(0, 2), x.shape.slice(0, 2)) ? sum(g, axes) : undefined
}
