/** What a view shows, put back into what it is a view of. */
import type { Value } from '../ir/value.ts'
import { listAttr, numberAttr } from './define.ts'
import * as ew from './elementwise.ts'
import { detachOp, markOp } from './identity.ts'
import { literal } from './source.ts'
import { concat, expand, permute, permuteOp, reshape, reshapeOp, slice, sliceOp, unslice } from './view.ts'

/** `source` in the place of the elements start, start + step, … of `axis` of `input`. */
function replaceSlice(input: Value, source: Value, axis: number, start: number, step: number): Value {
  const [size, length] = [input.shape[axis]!, source.shape[axis]!]
  if (length === 0) return input
  if (step === 1) return concat([slice(input, axis, 0, start), source, slice(input, axis, start + length, size - start - length)].filter((part) => part.shape[axis]! > 0), axis)
  const taken = Array.from({ length: size }, (_, i) => Number((i - start) % step === 0 && (i - start) / step >= 0 && (i - start) / step < length))
  const mask = ew.cast(literal(input.graph, taken, [size], 'int64'), 'bool')
  const spread = unslice(source, axis, start, step, length, size)
  return ew.where(expand(reshape(mask, input.shape.map((_, i) => (i === axis ? size : 1))), input.shape), spread, input)
}

/** The elements of `input`, with `source` where `view`, one step from `input`, shows them; undefined where one element is shown several times. */
function replaceStep(input: Value, view: Value, source: Value): Value | undefined {
  switch (view.op) {
    case reshapeOp:
      return reshape(source, input.shape)
    case permuteOp: {
      const order = listAttr(view.attrs, 'order')
      return permute(source, order.map((_, axis) => order.indexOf(axis)))
    }
    case sliceOp:
      return replaceSlice(input, source, numberAttr(view.attrs, 'axis'), numberAttr(view.attrs, 'start'), numberAttr(view.attrs, 'step'))
    case markOp:
      return source
    // The numbers change, and gradients flow as if they had not.
    case detachOp:
      return ew.surrogate(source, input)
    default:
      return undefined
  }
}

/** The steps from `base` to `view`, first to last; undefined where `view` is more than other places of the elements of `base`. */
export function stepsBetween(base: Value, view: Value): Value[] | undefined {
  const steps: Value[] = []
  for (let at = view; at !== base; at = at.inputs[0]!) {
    if (at.inputs.length !== 1) return undefined
    steps.unshift(at)
  }
  return steps
}

/** `base` with `source` in the place of what the steps of a view show. */
export function replaceView(base: Value, steps: readonly Value[], source: Value): Value | undefined {
  const [step, ...rest] = steps
  if (!step) return source
  const next = base.graph.add(step.op, [base], step.attrs)
  const inner = replaceView(next, rest, source)
  return inner && replaceStep(base, next, inner)
}
