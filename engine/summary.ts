/** What a tensor's numbers are like: extremes, mean, norm. Of small tensors from the numbers, of large ones by reductions in the graph. */
import type { Output } from './ir/print.ts'
import type { Value } from './ir/value.ts'
import { isFloat, numel } from './ir/value.ts'
import * as ew from './ops/elementwise.ts'
import { amax, amin } from './ops/extrema.ts'
import { sum } from './ops/view.ts'
import type { Elements } from './runtime.ts'

/** `min`, `max`, `mean` and `norm` (2-norm) are those of the finite elements; null where there are none. */
export interface Summary {
  readonly min: number | null
  readonly max: number | null
  readonly mean: number | null
  readonly norm: number | null
  readonly zeros: number
  /** Elements that are NaN or infinite. */
  readonly nonFinite: number
}

/** Tensors up to this size are recorded as they are; for larger ones it is cheaper to keep six numbers. */
const recordedElements = 4096

const parts = ['min', 'max', 'sum', 'squares', 'zeros', 'other'] as const

/** What has to be recorded of `value` for a summary under `name`. */
export function summaryRecords(name: string, value: Value): Output[] {
  if (numel(value.shape) <= recordedElements) return [{ name, value }]
  const axes = [...value.shape.keys()]
  const x = ew.cast(value, 'float64')
  const finite = ew.lt(ew.abs(x), Infinity)
  const kept = ew.where(finite, x, ew.fullLike(x, 0))
  const count = (mask: Value): Value => sum(ew.cast(mask, 'float64'), axes)
  const numbers = {
    min: amin(isFloat(value.dtype) ? ew.where(finite, x, ew.fullLike(x, Infinity)) : x, axes),
    max: amax(isFloat(value.dtype) ? ew.where(finite, x, ew.fullLike(x, -Infinity)) : x, axes),
    sum: sum(kept, axes),
    squares: sum(ew.mul(kept, kept), axes),
    zeros: count(ew.eq(x, 0)),
    other: count(ew.not(finite)),
  }
  return parts.map((part) => ({ name: `${name} ${part}`, value: numbers[part] }))
}

/** The summary from what was recorded. */
export function summaryOf(name: string, value: Value, recorded: ReadonlyMap<string, { readonly elements: Elements }>): Summary {
  const whole = recorded.get(name)
  if (whole) return summarise(whole.elements)
  const [min, max, total, squares, zeros, other] = parts.map((part) => Number(recorded.get(`${name} ${part}`)!.elements[0])) as [number, number, number, number, number, number]
  return summary({ min, max, total, squares, zeros, other }, numel(value.shape))
}

interface Totals {
  min: number
  max: number
  total: number
  squares: number
  zeros: number
  other: number
}

function summarise(elements: Elements): Summary {
  const totals = { min: Infinity, max: -Infinity, total: 0, squares: 0, zeros: 0, other: 0 }
  for (const element of elements) {
    const x = Number(element)
    if (x === 0) totals.zeros++
    if (!Number.isFinite(x)) {
      totals.other++
      continue
    }
    totals.min = Math.min(totals.min, x)
    totals.max = Math.max(totals.max, x)
    totals.total += x
    totals.squares += x * x
  }
  return summary(totals, elements.length)
}

function summary({ min, max, total, squares, zeros, other }: Totals, count: number): Summary {
  const finite = count - other
  if (finite === 0) return { min: null, max: null, mean: null, norm: null, zeros, nonFinite: other }
  return { min, max, mean: total / finite, norm: Math.sqrt(squares), zeros, nonFinite: other }
}
