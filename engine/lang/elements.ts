/** `x[index] = value`, and `x[index] += value` and its like. */
import { showShape } from '../errors.ts'
import { lastAt } from '../functions/scattering.ts'
import { copied } from '../functions/filling.ts'
import { apply } from '../functions/define.ts'
import { asTensor } from '../functions/promote.ts'
import type { TensorOrNumber } from '../functions/parameters.ts'
import { numel } from '../ir/value.ts'
import type { Value } from '../ir/value.ts'
import * as ew from '../ops/elementwise.ts'
import { literal } from '../ops/source.ts'
import { expand, reshape } from '../ops/view.ts'
import type { BinaryOperator } from './ast.ts'
import { write } from './memory.ts'
import { binary } from './operators.ts'
import { dynamicMask, isBasic, partsOf, subscript } from './subscript.ts'
import type { Dynamic, TraceContext } from './values.ts'
import { Tensor, describe, fail, int } from './values.ts'

/** Puts `value`, or what `operator` makes of the elements at `index` and it, in the place of these. */
export function changeElements(ctx: TraceContext, object: Tensor, index: Dynamic, value: Dynamic, operator?: BinaryOperator): void {
  const change: Change = (before) => (operator === undefined ? value : binary(ctx, operator, before, value))
  const parts = partsOf(index)
  const at = parts.findIndex(dynamicMask)
  if (at >= 0) {
    changeWhere(ctx, object, parts, at, value, change)
    return
  }
  const before = subscript(ctx, object, index) as Tensor
  const given = change(before)
  if (isBasic(parts)) {
    write(ctx, before, put(ctx, before, given, (source) => fit(ctx, before.value, source)), 'x[…] = …')
    return
  }
  // The places of the elements that are indexed, counted in row-major order.
  const { graph, shape } = object.value
  const count = numel(shape)
  const numbers = reshape(literal(graph, Array.from({ length: count }, (_, i) => i), [count], 'int64'), shape)
  const places = (subscript(ctx, new Tensor(numbers, null, false), index) as Tensor).value
  const n = numel(places.shape)
  if (n === 0) return
  const made = put(ctx, object, given, (source) => {
    const arriving = reshape(fit(ctx, before.value, source), [n])
    return reshape(lastAt(reshape(object.value, [count]), arriving, reshape(places, [n])), shape)
  })
  write(ctx, object, made, 'x[…] = …')
}

type Change = (before: Tensor) => Dynamic

function put(ctx: TraceContext, object: Tensor, given: Dynamic, body: (source: Value) => Value): Tensor {
  const source = sourceOf(ctx, object, given)
  return apply(ctx, { name: 'setitem', gradFn: 'IndexPutBackward0', inputs: [['input', object], ['value', given]] }, () => body(asTensor(ctx, source, object.value.dtype))) as Tensor
}

function sourceOf(ctx: TraceContext, object: Tensor, given: Dynamic): TensorOrNumber {
  if (given instanceof Tensor) return given.value
  if (given.kind === 'number') return given
  if (given.kind === 'boolean') return int(Number(given.value))
  return fail(ctx, 'bad_operand', `a tensor or a number can be put into a ${describe(object)}, got ${describe(given)}`)
}

function fit(ctx: TraceContext, like: Value, source: Value): Value {
  return copied(like, source, (message) => fail(ctx, 'shape_mismatch', `x[…] = value: ${message}`))
}

/** Of a mask that is only known when the program runs: one value for all, or one that can be broadcast along what is masked. */
function changeWhere(ctx: TraceContext, object: Tensor, parts: readonly Dynamic[], at: number, value: Dynamic, change: Change): void {
  const mask = (parts[at] as Tensor).value
  const rank = mask.shape.length
  const others = parts.toSpliced(at, 1, ...Array.from({ length: rank }, (): Dynamic => ({ kind: 'slice', start: undefined, stop: undefined, step: 1 })))
  if (!isBasic(others)) return fail(ctx, 'value_dependent', 'x[…] = value takes one mask among ints and slices; use torch.where(mask, a, b)')
  const view = subscript(ctx, object, { kind: 'tuple', items: others }) as Tensor
  const { shape } = view.value
  // Where the mask stands among the dimensions of the view: ints before it take one away, None adds one.
  const taken = others.slice(0, at)
  const ellipsis = taken.some((part) => !(part instanceof Tensor) && part.kind === 'ellipsis')
  const behind = others.slice(at + rank).filter((part) => !isInt(part)).length
  const axis = ellipsis ? shape.length - rank - behind : taken.filter((part) => !isInt(part)).length
  if (mask.shape.some((n, i) => n !== shape[axis + i])) fail(ctx, 'bad_index', `a mask of shape ${showShape(mask.shape)} does not fit the indexed dimensions of shape ${showShape(shape.slice(axis, axis + rank))}`)
  const after = shape.length - axis - rank
  if (value instanceof Tensor) requireOneForAll(ctx, value.value, after)
  const given = change(view)
  const whole = expand(reshape(mask, [...shape.slice(0, axis).map(() => 1), ...mask.shape, ...shape.slice(axis + rank).map(() => 1)]), shape)
  const made = put(ctx, view, given, (source) => ew.where(whole, fit(ctx, view.value, given === value ? spread(source, after, rank) : source), view.value))
  write(ctx, view, made, 'x[mask] = …')
}

/** In x[mask] the masked dimensions are one, whose size depends on the mask: a value has one for all there. */
function requireOneForAll(ctx: TraceContext, value: Value, after: number): void {
  const size = value.shape[value.shape.length - after - 1]
  if (size !== undefined && size !== 1) {
    fail(ctx, 'value_dependent', `x[mask] = value: which elements of a value of shape ${showShape(value.shape)} are taken depends on the mask; use x = torch.where(mask, value, x), or masked_scatter`)
  }
}

/** That dimension as the masked ones. */
function spread(source: Value, after: number, rank: number): Value {
  const at = source.shape.length - after - 1
  return at < 0 ? source : reshape(source, source.shape.toSpliced(at, 1, ...Array.from({ length: rank }, () => 1)))
}

function isInt(part: Dynamic): boolean {
  return !(part instanceof Tensor) && part.kind === 'number'
}

