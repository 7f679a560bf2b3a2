/**
 * Views and their adjoints. A view moves elements and computes nothing. `concat` is the adjoint of `slice`
 * (what a slice left out gets gradient zero), `sum` that of `expand`. Axes count from 0.
 */
import { invariant, showShape } from '../errors.ts'
import type { Layout } from '../ir/layout.ts'
import { mergeDims, reshapeLayout } from '../ir/layout.ts'
import { mapped, mappedNumbers, repeated } from '../ir/lists.ts'
import type { Attrs, KernelOp, ReduceOp, Shape, Value, ViewOp } from '../ir/value.ts'
import { numel, sameShape } from '../ir/value.ts'
import { listAttr, numberAttr, register, requireAxis } from './define.ts'
import { constant } from './source.ts'

export const reshapeOp: ViewOp = register({
  kind: 'view',
  name: 'reshape',
  infer: ([x], attrs) => {
    const shape = listAttr(attrs, 'shape')
    invariant(numel(shape) === numel(x!.shape), () => `reshape of ${showShape(x!.shape)} to ${showShape(shape)}`)
    return { shape, dtype: x!.dtype }
  },
  grad: (g, [x]) => [reshape(g, x!.shape)],
  layout: (input, _attrs, result) => reshapeLayout(input, result),
})

/** The same elements in row-major order under `shape`. */
export function reshape(x: Value, shape: Shape): Value {
  return sameShape(x.shape, shape) ? x : x.graph.add(reshapeOp, [x], { shape })
}

export const permuteOp: ViewOp = register({
  kind: 'view',
  name: 'permute',
  infer: ([x], attrs) => {
    const order = listAttr(attrs, 'order')
    invariant(order.length === x!.shape.length && order.toSorted((a, b) => a - b).every((axis, i) => axis === i), () => `permute: ${showShape(order)} is no order of the ${x!.shape.length} dimensions`)
    return { shape: mappedNumbers(order, (axis) => x!.shape[axis]!), dtype: x!.dtype }
  },
  grad: (g, _inputs, y) => {
    const order = listAttr(y.attrs, 'order')
    return [permute(g, mappedNumbers(order, (_, axis) => order.indexOf(axis)))]
  },
  layout: (input, attrs) => ({ axes: mapped(listAttr(attrs, 'order'), (axis) => input.axes[axis]!), offset: input.offset }),
})

/** Axis `i` of the result is axis `order[i]` of `x`. */
export function permute(x: Value, order: readonly number[]): Value {
  return order.every((axis, i) => axis === i) && order.length === x.shape.length ? x : x.graph.add(permuteOp, [x], { order })
}

/** Exchanges the last two axes. */
export function transposeLast(x: Value): Value {
  const n = x.shape.length
  invariant(n >= 2, 'transposeLast takes a matrix')
  return permute(x, mappedNumbers(x.shape, (_, axis) => (axis === n - 1 ? n - 2 : axis === n - 2 ? n - 1 : axis)))
}

export const sliceOp: ViewOp = register({
  kind: 'view',
  name: 'slice',
  infer: ([x], attrs) => {
    const { axis, start, step, length } = sliceAttrs(attrs)
    requireAxis('slice', axis, x!.shape)
    const last = start + step * (length - 1)
    const size = x!.shape[axis]!
    invariant(step !== 0 && (length === 0 || (start >= 0 && start < size && last >= 0 && last < size)), () => `slice ${start}:${step}:${length} of ${size}`)
    return { shape: x!.shape.with(axis, length), dtype: x!.dtype }
  },
  grad: (g, [x], y) => {
    const { axis, start, step, length } = sliceAttrs(y.attrs)
    return [unslice(g, axis, start, step, length, x!.shape[axis]!)]
  },
  layout: (input, attrs) => {
    const { axis, start, step, length } = sliceAttrs(attrs)
    const dims = mergeDims(input.axes[axis]!)
    if (length === 0) return { axes: input.axes.with(axis, [{ size: 0, stride: 0 }]), offset: input.offset }
    if (dims.length === 0) return input
    if (dims.length > 1) return null
    const stride = dims[0]!.stride
    const sliced = length === 1 ? [] : [{ size: length, stride: stride * step }]
    return { axes: input.axes.with(axis, sliced), offset: input.offset + start * stride }
  },
})

/** `length` elements of `axis` from `start` on, every `step`-th; a negative step runs backwards. */
export function slice(x: Value, axis: number, start: number, length: number, step = 1): Value {
  if (start === 0 && step === 1 && length === x.shape[axis]) return x
  return x.graph.add(sliceOp, [x], { axis, start, step, length })
}

function sliceAttrs(attrs: Attrs): { axis: number; start: number; step: number; length: number } {
  return { axis: numberAttr(attrs, 'axis'), start: numberAttr(attrs, 'start'), step: numberAttr(attrs, 'step'), length: numberAttr(attrs, 'length') }
}

/** Zeros of shape `size` along `axis` with `g` at the places that the slice took. */
export function unslice(g: Value, axis: number, start: number, step: number, length: number, size: number): Value {
  if (length === 0) return zerosLike(g, g.shape.with(axis, size))
  if (step < 0) {
    const reversed = length === 1 ? g : slice(g, axis, length - 1, length, -1)
    return unslice(reversed, axis, start + step * (length - 1), -step, length, size)
  }
  if (step === 1 || length === 1) return padZeros(g, axis, start, size - start - length)
  // [a, b] with step 3 is a 0 0 b: each element followed by step - 1 zeros, without the last ones.
  const split = reshape(g, g.shape.toSpliced(axis, 1, length, 1))
  const spread = padZeros(split, axis + 1, 0, step - 1)
  const flat = reshape(spread, g.shape.with(axis, length * step))
  const span = (length - 1) * step + 1
  return padZeros(slice(flat, axis, 0, span), axis, start, size - start - span)
}

function zerosLike(x: Value, shape: Shape): Value {
  const zero = constant(x.graph, 0, x.dtype)
  return shape.length === 0 ? zero : x.graph.add(expandOp, [reshape(zero, repeated(1, shape.length))], { shape })
}

function padZeros(x: Value, axis: number, before: number, after: number): Value {
  const parts = [x]
  if (before > 0) parts.unshift(zerosLike(x, x.shape.with(axis, before)))
  if (after > 0) parts.push(zerosLike(x, x.shape.with(axis, after)))
  return concat(parts, axis)
}

export const concatOp: KernelOp = register({
  kind: 'concat',
  name: 'concat',
  infer: (inputs, attrs) => {
    const axis = numberAttr(attrs, 'axis')
    const first = inputs[0]!
    requireAxis('concat', axis, first.shape)
    let size = 0
    for (const part of inputs) {
      invariant(part.dtype === first.dtype, () => `concat: ${first.dtype} and ${part.dtype}`)
      invariant(part.shape.length === first.shape.length && part.shape.every((n, i) => i === axis || n === first.shape[i]), () => `concat: ${showShape(first.shape)} and ${showShape(part.shape)} differ in more than dimension ${axis}`)
      size += part.shape[axis]!
    }
    return { shape: first.shape.with(axis, size), dtype: first.dtype }
  },
  grad: (g, inputs, y) => {
    const axis = numberAttr(y.attrs, 'axis')
    let start = 0
    return mapped(inputs, (part) => {
      const piece = slice(g, axis, start, part.shape[axis]!)
      start += part.shape[axis]!
      return piece
    })
  },
  evaluate: (inputs, attrs, result) => {
    const axis = numberAttr(attrs, 'axis')
    const out = new Float64Array(numel(result))
    const inner = numel(result.slice(axis + 1))
    const row = result[axis]! * inner
    let at = 0
    for (const part of inputs) {
      const width = part.shape[axis]! * inner
      for (let o = 0; o * row < out.length; o++) out.set(part.data.subarray(o * width, (o + 1) * width), o * row + at)
      at += width
    }
    return out
  },
})

/** The parts one after the other along `axis`. */
export function concat(parts: readonly Value[], axis: number): Value {
  return parts.length === 1 ? parts[0]! : parts[0]!.graph.add(concatOp, parts, { axis })
}

export const expandOp: ViewOp = register({
  kind: 'view',
  name: 'expand',
  infer: ([x], attrs) => {
    const shape = listAttr(attrs, 'shape')
    invariant(shape.length === x!.shape.length && x!.shape.every((n, i) => n === shape[i] || n === 1), () => `expand of ${showShape(x!.shape)} to ${showShape(shape)}`)
    return { shape, dtype: x!.dtype }
  },
  grad: (g, [x]) => {
    const axes = x!.shape.flatMap((n, axis) => (n === 1 && g.shape[axis] !== 1 ? [axis] : []))
    return [reshape(g.graph.add(sumOp, [g], { axes }), x!.shape)]
  },
  layout: (input: Layout, attrs: Attrs) => ({
    axes: mapped(listAttr(attrs, 'shape'), (size, i) => (input.axes[i]!.length === 0 && size !== 1 ? [{ size, stride: 0 }] : input.axes[i]!)),
    offset: input.offset,
  }),
})

/** `x` with its axes of size 1 repeated to `shape`; missing leading axes are added. */
export function expand(x: Value, shape: Shape): Value {
  if (sameShape(x.shape, shape)) return x
  const missing = shape.length - x.shape.length
  const padded = missing > 0 ? reshape(x, [...repeated(1, missing), ...x.shape]) : x
  return sameShape(padded.shape, shape) ? padded : x.graph.add(expandOp, [padded], { shape })
}

export const sumOp: ReduceOp = register({
  kind: 'reduce',
  name: 'sum',
  infer: ([x], attrs) => {
    invariant(x!.dtype !== 'bool', 'sum takes numbers')
    return { shape: withoutAxes(x!.shape, listAttr(attrs, 'axes')), dtype: x!.dtype }
  },
  identity: () => 0,
  combine: (s, a, b) => s.add(a, b),
  grad: (g, [x], y) => [expand(keepAxes(g, x!.shape, listAttr(y.attrs, 'axes')), x!.shape)],
})

/** Sum over `axes` (ascending), which vanish. */
export function sum(x: Value, axes: readonly number[]): Value {
  return axes.length === 0 ? x : x.graph.add(sumOp, [x], { axes })
}

export function withoutAxes(shape: Shape, axes: readonly number[]): number[] {
  return shape.filter((_, axis) => !axes.includes(axis))
}

/** A reduced tensor with its reduced axes put back as size 1. */
export function keepAxes(reduced: Value, full: Shape, axes: readonly number[]): Value {
  return reshape(reduced, mappedNumbers(full, (n, axis) => (axes.includes(axis) ? 1 : n)))
}
