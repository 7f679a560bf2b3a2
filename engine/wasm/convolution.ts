/** The kernels of the primitives of convolution and pooling, by their values. */
import type { RoutineOp, Value } from '../ir/value.ts'
import { byteSize, numel } from '../ir/value.ts'
import { convolutionInputOp, convolutionOp, convolutionWeightOp, meetingOf, sumPlan, weightPlan } from '../ops/convolution.ts'
import { listAttr } from '../ops/define.ts'
import { mostTaps, pickLargestOp, placeLargestOp, poolPlan } from '../ops/pooling.ts'
import { emitSum } from './conv.ts'
import { emitWeight } from './conv-weight.ts'
import type { KernelCode } from './context.ts'
import type { FunctionBody, ModuleBuilder } from './encode.ts'
import { emitLargest, emitPlaced } from './pool.ts'

export function isConvolution(op: RoutineOp): boolean {
  return op === convolutionOp || op === convolutionInputOp || op === convolutionWeightOp
}

/** Whether the value is one of a pool that has vector code. */
export function isPool({ inputs, attrs }: Value, op: RoutineOp): boolean {
  const small = (): boolean => numel(listAttr(attrs, 'kernel')) <= mostTaps
  return (op === placeLargestOp || (op === pickLargestOp && inputs[0] === inputs[1])) && small()
}

export function emitPool(value: Value, op: RoutineOp, addresses: readonly number[]): FunctionBody {
  const x = value.inputs[1]!
  const kernel = { plan: poolPlan(x, value.attrs), bytes: byteSize[x.dtype] as 4 | 8, planes: x.shape[0]! * x.shape[1]! }
  const [first, second, result, ...scratch] = addresses as [number, number, number, number, number, number]
  if (op === pickLargestOp) return emitLargest(kernel, { x: second, result, laidOut: scratch[0], tile: scratch[1] })
  return emitPlaced(kernel, { g: first, x: second, result, laidOut: scratch[0], target: scratch[1], windows: scratch[2] })
}

interface Target {
  readonly wide: boolean
  /** Pushes how far a thread's own memory lies from that of the first one; undefined where there is one thread. */
  readonly own: ((f: FunctionBody) => void) | undefined
}

/** Adds the functions of a convolution; `addresses` are those of its inputs, its result and its working memory. */
export function emitConvolution(module: ModuleBuilder, value: Value, op: RoutineOp, addresses: readonly number[], { wide, own }: Target, ranged: boolean): KernelCode {
  const met = meetingOf(op, value.inputs, value.attrs)
  const bytes = byteSize[value.dtype] as 4 | 8
  const count = value.inputs.length
  const [source, other] = addresses as readonly [number, number]
  const [result, first, second, third] = addresses.slice(count) as [number, number, number, number]
  if (op === convolutionWeightOp) {
    const plan = weightPlan(met, value.dtype)
    const body = emitWeight(module, { met, plan, bytes, wide, addresses: { source, gradient: other, result, laidOut: first, gradientLaidOut: second, sums: third } })
    return { body, units: 0 }
  }
  const taps = numel(met.axes.map(({ kernel }) => kernel))
  const forward = op === convolutionOp
  const group = met.outputs * met.inputs * taps
  return emitSum(module, {
    met,
    plan: sumPlan(op, met),
    weight: forward ? { to: met.inputs * taps, from: taps, group } : { to: taps, from: met.inputs * taps, group },
    bytes,
    addresses: { source, weight: other, bias: count === 3 ? addresses[2] : undefined, result, laidOut: first, filter: second, tile: third },
    relu: value.attrs['relu'] === true,
    wide,
    own,
  }, ranged)
}
