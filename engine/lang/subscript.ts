/** `x[…]`: basic and advanced indexing of tensors, items of sequences. */
import { showShape } from '../errors.ts'
import { knownNumbers } from '../functions/constants.ts'
import { broadcastShapes } from '../functions/promote.ts'
import { select } from '../functions/splitting.ts'
import type { Result } from '../functions/define.ts'
import { apply, madeBy } from '../functions/define.ts'
import type { Value } from '../ir/value.ts'
import { isFloat, numel } from '../ir/value.ts'
import * as ew from '../ops/elementwise.ts'
import { checkIndex, gather } from '../ops/indexing.ts'
import { constant, literal } from '../ops/source.ts'
import { expand, permute, reshape, slice } from '../ops/view.ts'
import type { Argument, Dynamic, Slice, TraceContext } from './values.ts'
import { lookUpKey, placeIn } from './collections.ts'
import { related } from './memory.ts'
import { Tensor, describe, fail, itemsOf, list, tuple } from './values.ts'

export function subscript(ctx: TraceContext, object: Dynamic, index: Dynamic): Dynamic {
  if (object instanceof Tensor) return indexTensor(ctx, object, index)
  if (object.kind === 'dictionary') return lookUpKey(ctx, object, index)
  const items = itemsOf(object)
  if (!items) return fail(ctx, 'bad_index', `${describe(object)} cannot be indexed`)
  if (!(index instanceof Tensor) && index.kind === 'slice') {
    const { start, length, step } = sliceOf(ctx, index, items.length)
    const picked = Array.from({ length }, (_, i) => items[start + i * step]!)
    return object.kind === 'list' ? list(picked) : tuple(picked)
  }
  return items[placeIn(ctx, object, index, items.length)]!
}

function wholeNumber(x: Dynamic): number | undefined {
  return !(x instanceof Tensor) && x.kind === 'number' && x.whole ? x.value : undefined
}

/** Start, number and step of a slice over `size` elements, as Python's slice.indices. */
function sliceOf(ctx: TraceContext, { start, stop, step }: Slice, size: number): { start: number; length: number; step: number } {
  if (step === 0) fail(ctx, 'bad_index', 'a slice step must not be 0')
  const clamp = (at: number | undefined, fallback: number): number => {
    if (at === undefined) return fallback
    const from = at < 0 ? at + size : at
    return step > 0 ? Math.min(Math.max(from, 0), size) : Math.min(Math.max(from, -1), size - 1)
  }
  const from = clamp(start, step > 0 ? 0 : size - 1)
  const to = clamp(stop, step > 0 ? size : -1)
  return { start: from, length: Math.max(0, Math.ceil((to - from) / step)), step }
}

interface Advanced {
  readonly axis: number
  readonly index: Value
}

export function partsOf(index: Dynamic): readonly Dynamic[] {
  return !(index instanceof Tensor) && (index.kind === 'tuple' || index.kind === 'named') ? index.items : [index]
}

/** Whether the result is a view: no tensors, lists or masks. */
export function isBasic(parts: readonly Dynamic[]): boolean {
  return parts.every((part) => !(part instanceof Tensor) && !itemsOf(part) && part.kind !== 'boolean')
}

/** A mask whose truth values are only known when the program runs. */
export function dynamicMask(part: Dynamic): boolean {
  return part instanceof Tensor && part.value.dtype === 'bool' && maskOf(part) === undefined
}

function indexTensor(ctx: TraceContext, object: Tensor, index: Dynamic): Dynamic {
  const parts = partsOf(index)
  const inputs: Argument[] = [['input', object], ...parts.map((part, i): Argument => [`index[${i}]`, part])]
  const result = apply(ctx, { name: 'getitem', gradFn: 'AliasBackward0', inputs }, () => indexed(ctx, object, parts))
  return isBasic(parts) ? related(ctx, 'getitem', result, object, (base, quiet) => indexTensor(quiet, base, index)) : result
}

function indexed(ctx: TraceContext, object: Tensor, parts: readonly Dynamic[]): Result {
  const consuming = parts.reduce((n, part) => n + dimensionsOf(part), 0)
  const rank = object.value.shape.length
  if (consuming > rank) fail(ctx, 'bad_index', `too many indices (${consuming}) for ${describe(object)}`)
  if (parts.filter((part) => !(part instanceof Tensor) && part.kind === 'ellipsis').length > 1) fail(ctx, 'bad_index', 'an index takes one ... at most')

  let x = object.value
  let axis = 0
  let gradFn = 'AliasBackward0'
  const advanced: Advanced[] = []
  for (const part of parts) {
    const mask = maskOf(part)
    if (mask) {
      for (const index of placesOf(ctx, mask, x.shape.slice(axis))) advanced.push({ axis: axis++, index })
    } else if (part instanceof Tensor && part.value.shape.length === 0 && part.value.dtype !== 'bool') {
      // As an int: it takes the dimension away, wherever the other indices stand.
      x = gatherAt(ctx, x, [{ axis, index: part.value }])
      gradFn = 'SelectBackward0'
    } else if (part instanceof Tensor || itemsOf(part)) {
      advanced.push({ axis, index: indexValues(ctx, part, x.shape[axis]!) })
      axis++
    } else if (part.kind === 'ellipsis') {
      axis += rank - consuming
    } else if (part.kind === 'none') {
      x = reshape(x, x.shape.toSpliced(axis, 0, 1))
      axis++
      gradFn = 'UnsqueezeBackward0'
    } else if (part.kind === 'slice') {
      const size = x.shape[axis]!
      x = sliced(ctx, x, axis, part)
      axis++
      // PyTorch passes over a slice that says in numbers that it takes all, where it is one of several indices.
      const all = parts.length > 1 && (part.start ?? 0) === 0 && part.stop === size && part.step === 1
      if (!all) gradFn = 'SliceBackward0'
    } else {
      const place = wholeNumber(part)
      if (place === undefined) return fail(ctx, 'bad_index', `a tensor is indexed by ints, slices, None, ... and tensors, got ${describe(part)}`)
      x = select(ctx, x, axis, place)
      gradFn = 'SelectBackward0'
    }
  }
  return advanced.length > 0 ? madeBy('IndexBackward0', gatherAt(ctx, x, advanced)) : madeBy(gradFn, x)
}

function sliced(ctx: TraceContext, x: Value, axis: number, part: Slice): Value {
  if (part.step < 0) fail(ctx, 'bad_index', 'a slice of a tensor needs a positive step; use torch.flip to reverse')
  const { start, length, step } = sliceOf(ctx, part, x.shape[axis]!)
  return length > 0 ? slice(x, axis, start, length, step) : slice(x, axis, 0, 0)
}

/** How many dimensions of the tensor a part of the index takes. */
function dimensionsOf(part: Dynamic): number {
  if (part instanceof Tensor) return part.value.dtype === 'bool' ? part.value.shape.length : 1
  return part.kind === 'ellipsis' || part.kind === 'none' ? 0 : 1
}

interface Mask {
  readonly shape: readonly number[]
  readonly truths: readonly boolean[]
}

/** A mask whose truth values the program itself has: a list of them, or a tensor made of such. */
function maskOf(part: Dynamic): Mask | undefined {
  if (part instanceof Tensor) {
    const numbers = part.value.dtype === 'bool' && part.value.shape.length > 0 ? knownNumbers(part.value) : undefined
    return numbers && { shape: part.value.shape, truths: numbers.map((x) => x !== 0) }
  }
  const items = itemsOf(part)
  if (!items || items.length === 0 || !items.every((item) => !(item instanceof Tensor) && item.kind === 'boolean')) return undefined
  return { shape: [items.length], truths: items.map((item) => 'value' in item && item.value === true) }
}

/** The places where a mask is true: an index for each of its dimensions. */
function placesOf(ctx: TraceContext, { shape, truths }: Mask, sizes: readonly number[]): Value[] {
  const odd = shape.findIndex((n, i) => n !== sizes[i])
  if (odd >= 0) fail(ctx, 'bad_index', `a mask of shape ${showShape(shape)} does not fit the indexed dimensions of shape ${showShape(sizes.slice(0, shape.length))}`)
  const places = [...truths.keys()].filter((at) => truths[at])
  return shape.map((n, i) => {
    const inner = numel(shape.slice(i + 1))
    return places.length === 0 ? expand(constant(ctx.graph, 0, 'int64'), [0]) : literal(ctx.graph, places.map((at) => Math.floor(at / inner) % n), [places.length], 'int64')
  })
}

/** The whole numbers of an index tensor or list. */
function indexValues(ctx: TraceContext, part: Dynamic, size: number): Value {
  if (part instanceof Tensor) {
    if (part.value.dtype === 'bool') {
      return fail(ctx, 'value_dependent', 'a bool tensor as index gives a tensor whose shape depends on values; multiply by the mask, or use torch.where(mask, a, b)')
    }
    return part.value
  }
  const items = itemsOf(part)!
  const nested = items.find((item) => itemsOf(item))
  if (nested) fail(ctx, 'bad_index', 'nested lists as index mean different things to different versions of PyTorch: use torch.tensor(…) for one index, a tuple for several')
  if (items.length === 0) return expand(constant(ctx.graph, 0, 'int64'), [0])
  const numbers = items.map((item) => wholeNumber(item) ?? fail(ctx, 'bad_index', `a list of ints expected as index, got ${describe(item)}`))
  const wrong = numbers.find((n) => n < -size || n >= size)
  if (wrong !== undefined) fail(ctx, 'bad_index', `index ${wrong} is out of range for a dimension of size ${size}`)
  return literal(ctx.graph, numbers, [numbers.length], 'int64')
}

/**
 * Indexing by tensors: their shapes are broadcast and take the place of the indexed dimensions (or come first, when
 * other dimensions stand between).
 */
function gatherAt(ctx: TraceContext, x: Value, advanced: readonly Advanced[]): Value {
  const shape = broadcastShapes(ctx, advanced.map(({ index }) => index.shape))
  const axes = advanced.map(({ axis }) => axis)
  const others = [...x.shape.keys()].filter((axis) => !axes.includes(axis))
  const together = axes.every((axis, i) => i === 0 || axis === axes[i - 1]! + 1)
  const count = axes.reduce((n, axis) => n * x.shape[axis]!, 1)
  const ordered = (picked: Value): Value => {
    if (!together || axes[0] === 0) return picked
    const before = others.filter((axis) => axis < axes[0]!).length
    const order = [...others.keys()].map((i) => i + shape.length)
    return permute(picked, [...order.slice(0, before), ...shape.keys(), ...order.slice(before)])
  }

  // Row-major number of the place among all combinations of the indexed dimensions.
  let place: Value | undefined
  for (const { axis, index } of advanced) {
    const size = x.shape[axis]!
    const checked = expand(checkIndex(isFloat(index.dtype) ? index : ew.cast(index, 'int64'), size, 'index', true), shape)
    place = place ? ew.add(ew.mul(place, size), checked) : checked
  }
  const rest = others.map((axis) => x.shape[axis]!)
  if (numel(shape) * numel(rest) === 0) return ordered(expand(constant(ctx.graph, 0, x.dtype), [...shape, ...rest]))
  const moved = reshape(permute(x, [...axes, ...others]), [count, numel(rest)])
  const rows = numel(shape)
  const flat = expand(reshape(place!, [rows, 1]), [rows, numel(rest)])
  return ordered(reshape(gather(moved, flat, 0), [...shape, ...rest]))
}
