/** The kernels of the three primitives of convolution, by their values. */
import type { RoutineOp, Value } from '../ir/value.ts'
import { byteSize, numel } from '../ir/value.ts'
import { convolutionInputOp, convolutionOp, convolutionWeightOp, meetingOf, sumPlan, weightPlan } from '../ops/convolution.ts'
import { emitSum } from './conv.ts'
import { emitWeight } from './conv-weight.ts'
import type { FunctionBody, ModuleBuilder } from './encode.ts'

export function isConvolution(op: RoutineOp): boolean {
  return op === convolutionOp || op === convolutionInputOp || op === convolutionWeightOp
}

/** Adds the functions of a convolution; `addresses` are those of its inputs, its result and its working memory. */
export function emitConvolution(module: ModuleBuilder, value: Value, op: RoutineOp, addresses: readonly number[], wide: boolean): FunctionBody {
  const met = meetingOf(op, value.inputs, value.attrs)
  const bytes = byteSize[value.dtype] as 4 | 8
  const count = value.inputs.length
  const [source, other] = addresses as readonly [number, number]
  const [result, first, second, third] = addresses.slice(count) as [number, number, number, number]
  if (op === convolutionWeightOp) {
    const plan = weightPlan(met, value.dtype)
    return emitWeight(module, { met, plan, bytes, wide, addresses: { source, gradient: other, result, laidOut: first, gradientLaidOut: second, sums: third } })
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
  })
}
