/**
 * Layouts: how a view's elements lie in the buffer of the value that it views.
 *
 * Each axis of the view is a list of dims (outer to inner), so that a reshape of a permuted view can often
 * be said without a copy: element (i…) is at `offset + Σ stride · index`, counted in elements.
 */
import { mapped, repeated } from './lists.ts'
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

const none: readonly Dim[] = []

function noDims(): readonly Dim[] {
  return none
}

/** Row-major without gaps. */
export function contiguous(shape: Shape): Layout {
  const axes = mapped(shape, noDims)
  let stride = 1
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const size = shape[axis]!
    if (size !== 1) axes[axis] = [{ size, stride }]
    stride *= size
  }
  return { axes, offset: 0 }
}

/** Joins neighbours that one stride can walk. Dims of size 1 vanish. */
export function mergeDims(dims: readonly Dim[]): Dim[] {
  const merged: Dim[] = []
  for (const dim of dims) merge(merged, dim)
  return merged
}

/** Puts a dim behind the others. */
function merge(merged: Dim[], dim: Dim): void {
  if (dim.size === 1) return
  const end = merged.length - 1
  if (end >= 0 && merged[end]!.stride === dim.stride * dim.size) merged[end] = { size: merged[end]!.size * dim.size, stride: dim.stride }
  else merged.push(dim)
}

/** All dims of a layout, outer to inner, merged. */
export function flatDims(layout: Layout): Dim[] {
  let merged: Dim[] | undefined
  for (const dims of layout.axes) {
    for (const dim of dims) {
      if (merged) merge(merged, dim)
      else if (dim.size !== 1) merged = [dim]
    }
  }
  return merged ?? []
}

/** How many elements a layout shows. */
export function elementsOf({ axes }: Layout): number {
  let count = 1
  for (const dims of axes) for (const { size } of dims) count *= size
  return count
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
  const dims = flatDims(layout)
  /** What comes next, of which parts may have been taken. */
  let next = 0
  const axes = mapped(shape, noDims)
  for (let i = 0; i < shape.length; i++) {
    let need = shape[i]!
    let axis: Dim[] | undefined
    while (need > 1) {
      let dim = dims[next]
      if (!dim) return null
      if (need % dim.size === 0) next++
      else if (dim.size % need === 0) {
        const inner = dim.size / need
        dims[next] = { size: inner, stride: dim.stride }
        dim = { size: need, stride: dim.stride * inner }
      } else return null
      need /= dim.size
      if (axis) axis.push(dim)
      else axes[i] = axis = [dim]
    }
  }
  return { axes, offset: layout.offset }
}

/** Sizes so fine that both lists are products of runs of it, or null when they do not nest. */
export function refine(a: readonly number[], b: readonly number[]): number[] | null {
  /** From the innermost size out. */
  const out: number[] = []
  let i = a.length
  let j = b.length
  /** What is left of the size that was taken last from either side. */
  let x = 1
  let y = 1
  while ((x !== 1 || i > 0) && (y !== 1 || j > 0)) {
    if (x === 1) x = a[--i]!
    if (y === 1) y = b[--j]!
    const size = Math.min(x, y)
    if (x !== y && (x % size !== 0 || y % size !== 0)) return null
    out.push(size)
    x = x === size ? 1 : x / size
    y = y === size ? 1 : y / size
  }
  if (x !== 1 || y !== 1) return null
  while (i > 0) if (a[--i] !== 1) return null
  while (j > 0) if (b[--j] !== 1) return null
  return out.toReversed()
}

/** Strides of `dims` on the finer `sizes`; null when `sizes` does not refine them. */
export function stridesOn(dims: readonly Dim[], sizes: readonly number[]): number[] | null {
  const strides = repeated(0, sizes.length)
  let next = dims.length - 1
  /** What is left of the dim in front of `next`. */
  let [left, stride] = [1, 0]
  for (let i = sizes.length - 1; i >= 0; i--) {
    const size = sizes[i]!
    if (size === 1) continue
    for (; left === 1 && next >= 0; next--) ({ size: left, stride } = dims[next]!)
    if (left === 1 || left % size !== 0) return null
    strides[i] = stride
    left /= size
    stride *= size
  }
  for (; left === 1 && next >= 0; next--) left = dims[next]!.size
  return left === 1 ? strides : null
}
