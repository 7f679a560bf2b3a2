/**
 * Layouts: how a view's elements lie in the buffer of the value that it views.
 *
 * Each axis of the view is a list of dims (outer to inner), so that a reshape of a permuted view can often
 * be said without a copy: element (i…) is at `offset + Σ stride · index`, counted in elements.
 */
import type { Shape } from './types.ts'
import { numel } from './types.ts'

export interface Dim {
  readonly size: number
  readonly stride: number
}

export interface Layout {
  readonly axes: readonly (readonly Dim[])[]
  readonly offset: number
}

/** Row-major without gaps. */
export function contiguous(shape: Shape): Layout {
  const axes: Dim[][] = []
  let stride = 1
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const size = shape[axis]!
    axes.unshift(size === 1 ? [] : [{ size, stride }])
    stride *= size
  }
  return { axes, offset: 0 }
}

/** Joins neighbours that one stride can walk. Dims of size 1 vanish. */
export function mergeDims(dims: readonly Dim[]): Dim[] {
  const merged: Dim[] = []
  for (const dim of dims) {
    if (dim.size === 1) continue
    const last = merged.at(-1)
    if (last && last.stride === dim.stride * dim.size) merged[merged.length - 1] = { size: last.size * dim.size, stride: dim.stride }
    else merged.push(dim)
  }
  return merged
}

/** All dims of a layout, outer to inner, merged. */
export function flatDims(layout: Layout): Dim[] {
  return mergeDims(layout.axes.flat())
}

/** Whether the layout is the whole of a buffer of `count` elements, in order. */
export function isWhole(layout: Layout, count: number): boolean {
  if (layout.offset !== 0) return false
  // From the innermost dim out, each goes on where the one before ends.
  let covered = 1
  for (let axis = layout.axes.length - 1; axis >= 0; axis--) {
    const dims = layout.axes[axis]!
    for (let i = dims.length - 1; i >= 0; i--) {
      const { size, stride } = dims[i]!
      if (size === 1) continue
      if (stride !== covered) return false
      covered *= size
    }
  }
  return covered === count
}

/** The same elements in row-major order under another shape, or null when no strides can say it. */
export function reshapeLayout(layout: Layout, shape: Shape): Layout | null {
  if (numel(shape) === 0) return contiguous(shape)
  const queue = flatDims(layout)
  const axes: Dim[][] = []
  for (const size of shape) {
    let need = size
    const axis: Dim[] = []
    while (need > 1) {
      const dim = queue.shift()
      if (!dim) return null
      if (need % dim.size === 0) {
        axis.push(dim)
        need /= dim.size
      } else if (dim.size % need === 0) {
        const inner = dim.size / need
        axis.push({ size: need, stride: dim.stride * inner })
        queue.unshift({ size: inner, stride: dim.stride })
        need = 1
      } else {
        return null
      }
    }
    axes.push(axis)
  }
  return { axes, offset: layout.offset }
}

/** Sizes so fine that both lists are products of runs of it, or null when they do not nest. */
export function refine(a: readonly number[], b: readonly number[]): number[] | null {
  const left = [...a]
  const right = [...b]
  const out: number[] = []
  while (left.length > 0 && right.length > 0) {
    const x = left.pop()!
    const y = right.pop()!
    if (x === y) {
      out.unshift(x)
    } else if (x > y && x % y === 0) {
      out.unshift(y)
      left.push(x / y)
    } else if (y > x && y % x === 0) {
      out.unshift(x)
      right.push(y / x)
    } else {
      return null
    }
  }
  return left.every((n) => n === 1) && right.every((n) => n === 1) ? out : null
}

/** Strides of `dims` on the finer `sizes`; null when `sizes` does not refine them. */
export function stridesOn(dims: readonly Dim[], sizes: readonly number[]): number[] | null {
  const strides: number[] = []
  const queue = dims.filter((dim) => dim.size !== 1)
  let current = queue.pop()
  for (let i = sizes.length - 1; i >= 0; i--) {
    const size = sizes[i]!
    if (size === 1) {
      strides.unshift(0)
      continue
    }
    if (!current || current.size % size !== 0) return null
    strides.unshift(current.stride)
    const rest = current.size / size
    current = rest === 1 ? queue.pop() : { size: rest, stride: current.stride * size }
  }
  return current === undefined && queue.length === 0 ? strides : null
}
