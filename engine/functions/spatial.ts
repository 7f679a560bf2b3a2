/** What convolutions and pools share: options with a number for each spatial dimension, windows over all of them, batches. */
import { showShape } from '../errors.ts'
import type { Value } from '../ir/value.ts'
import { numel } from '../ir/value.ts'
import type { TraceContext } from '../lang/values.ts'
import { fail } from '../lang/values.ts'
import { gather } from '../ops/indexing.ts'
import { constant, literal } from '../ops/source.ts'
import { concat, expand, permute, reshape } from '../ops/view.ts'
import type { WindowPlan } from '../ops/windows.ts'
import { windowCount, windows } from '../ops/windows.ts'

/** A number for each of `rank` dimensions, from one for all of them or a list; at least `least`. */
export function perDimension(ctx: TraceContext, what: string, given: readonly number[], rank: number, least: number): number[] {
  if (given.length !== 1 && given.length !== rank) fail(ctx, 'bad_argument', `${what}: one int or ${rank} of them expected, got ${given.length}`)
  const wrong = given.find((n) => n < least)
  if (wrong !== undefined) fail(ctx, 'bad_argument', `${what}: at least ${least} expected, got ${wrong}`)
  return given.length === rank ? [...given] : Array<number>(rank).fill(given[0]!)
}

/**
 * Calls `body` with a batch: an input without one (C, …) is a batch of one. `shown` names the function; `rank` counts
 * the spatial dimensions.
 */
export function batched(ctx: TraceContext, shown: string, x: Value, rank: number, body: (batch: Value) => readonly Value[]): Value[] {
  const given = x.shape.length
  if (given !== rank + 1 && given !== rank + 2) {
    fail(ctx, 'shape_mismatch', `${shown}(): an input of ${rank + 2} dimensions (N, C and ${rank} spatial), or ${rank + 1} without the batch, expected; got shape ${showShape(x.shape)}`)
  }
  if (given === rank + 2) return [...body(x)]
  return body(reshape(x, [1, ...x.shape])).map((y) => reshape(y, y.shape.slice(1)))
}

/** `x` with `before` and `after` elements of `value` at the ends of `axis`; negative counts cut. */
export function padAxis(x: Value, axis: number, before: number, after: number, value: number): Value {
  const edge = (count: number): Value[] => {
    const shape = x.shape.with(axis, count)
    return count > 0 ? [expand(reshape(constant(x.graph, value, x.dtype), shape.map(() => 1)), shape)] : []
  }
  return concat([...edge(before), x, ...edge(after)], axis)
}

/** Windows over the last `plans.length` axes of `x` [...lead, ...spatial]: [...lead, ...counts, ...sizes]. */
export function spatialWindows(x: Value, plans: readonly WindowPlan[]): Value {
  const lead = x.shape.length - plans.length
  return plans.reduce((y, plan, i) => windows(y, lead + i, plan), x)
}

/** The same with the elements of a window first, and as a row each: [...lead, product of sizes, product of counts]. */
export function windowColumns(x: Value, plans: readonly WindowPlan[], lead: number): Value {
  const rank = plans.length
  const all = spatialWindows(x, plans)
  const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i)
  const kernelFirst = permute(all, [...range(0, lead), ...range(lead + rank, rank), ...range(lead, rank)])
  const sizes = plans.map(({ size }) => size)
  return reshape(kernelFirst, [...x.shape.slice(0, lead), numel(sizes), numel(all.shape.slice(lead, lead + rank))])
}

/** How many windows each plan has in the spatial sizes; an error where there is none. */
export function requireWindows(ctx: TraceContext, shown: string, sizes: readonly number[], plans: readonly WindowPlan[]): number[] {
  return plans.map((plan, i) => {
    const count = windowCount(sizes[i]!, plan)
    if (count < 1) fail(ctx, 'shape_mismatch', `${shown}(): the kernel reaches over ${showShape(plans.map(({ size, dilation }) => dilation * (size - 1) + 1))} elements, which is more than the padded input of ${showShape(sizes)} has`)
    return count
  })
}

/** The elements at known places along `axis`, in their order. */
export function take(x: Value, axis: number, places: readonly number[]): Value {
  const shape = x.shape.with(axis, places.length)
  if (numel(shape) === 0) return expand(reshape(constant(x.graph, 0, x.dtype), shape.map(() => 1)), shape)
  const index = literal(x.graph, places, shape.map((n, i) => (i === axis ? n : 1)), 'int32')
  return gather(x, expand(index, shape), axis)
}

/** Numbers along `axis` in the shape of `x`. */
export function along(x: Value, axis: number, numbers: readonly number[]): Value {
  return expand(literal(x.graph, numbers, x.shape.map((n, i) => (i === axis ? n : 1)), x.dtype), x.shape)
}
