/** Sliding windows along an axis, a view of overlapping elements, and their adjoint. */
import { invariant } from '../errors.ts'
import { mergeDims } from '../ir/layout.ts'
import type { RoutineCode } from '../ir/routine.ts'
import type { Attrs, RoutineOp, RoutineOperands, Value, ViewOp } from '../ir/value.ts'
import { numel } from '../ir/value.ts'
import { numberAttr, register, requireAxis } from './define.ts'
import { slice } from './view.ts'

/** How windows lie: window `i` begins at `i · stride`, its elements are `dilation` apart. */
export interface WindowPlan {
  readonly size: number
  readonly stride: number
  readonly dilation: number
}

/** How many windows there are in `length` elements; 0 where not even one fits. */
export function windowCount(length: number, { size, stride, dilation }: WindowPlan): number {
  const span = dilation * (size - 1) + 1
  return length < span ? 0 : Math.floor((length - span) / stride) + 1
}

export const windowsOp: ViewOp = register({
  kind: 'view',
  name: 'windows',
  infer: ([x], attrs) => {
    const { axis, plan } = windowAttrs(attrs)
    requireAxis('windows', axis, x!.shape)
    return { shape: [...x!.shape.with(axis, windowCount(x!.shape[axis]!, plan)), plan.size], dtype: x!.dtype }
  },
  grad: (g, [x], y) => {
    const { axis, plan } = windowAttrs(y.attrs)
    return [fold(g, axis, x!.shape[axis]!, plan)]
  },
  layout: (input, attrs, shape) => {
    const { axis, plan } = windowAttrs(attrs)
    const count = shape[axis]!
    const dims = mergeDims(input.axes[axis]!)
    if (numel(shape) === 0) return { axes: shape.map((size) => (size === 1 ? [] : [{ size, stride: 0 }])), offset: input.offset }
    if (dims.length > 1) return null
    const stride = dims[0]?.stride ?? 0
    const own = (size: number, step: number): { size: number; stride: number }[] => (size === 1 ? [] : [{ size, stride: stride * step }])
    return { axes: [...input.axes.with(axis, own(count, plan.stride)), own(plan.size, plan.dilation)], offset: input.offset }
  },
})

/** Windows along `axis`, whose elements become a new last axis: [..., length, ...] gives [..., count, ..., size]. */
export function windows(x: Value, axis: number, plan: WindowPlan): Value {
  return x.graph.add(windowsOp, [x], { axis, ...plan })
}

export const foldOp: RoutineOp = register({
  kind: 'routine',
  name: 'fold',
  infer: ([x], attrs) => {
    const { axis, plan } = windowAttrs(attrs)
    const length = numberAttr(attrs, 'length')
    invariant(x!.shape.at(-1) === plan.size && axis < x!.shape.length - 1, 'fold takes windows')
    invariant(x!.shape[axis]! <= windowCount(length, plan), `${x!.shape[axis]} windows of ${plan.size} in ${length} elements`)
    return { shape: x!.shape.slice(0, -1).with(axis, length), dtype: x!.dtype }
  },
  scratch: () => [],
  operations: ([x]) => numel(x!.shape),
  program: addWindows,
  grad: (g, [x], y) => {
    const { axis, plan } = windowAttrs(y.attrs)
    const all = windows(g, axis, plan)
    return [all.shape[axis] === x!.shape[axis] ? all : slice(all, axis, 0, x!.shape[axis]!)]
  },
})

/** Sums windows where they overlap: [..., count, ..., size] gives [..., length, ...]. */
export function fold(x: Value, axis: number, length: number, plan: WindowPlan): Value {
  return x.graph.add(foldOp, [x], { axis, length, ...plan })
}

function windowAttrs(attrs: Attrs): { readonly axis: number; readonly plan: WindowPlan } {
  return { axis: numberAttr(attrs, 'axis'), plan: { size: numberAttr(attrs, 'size'), stride: numberAttr(attrs, 'stride'), dilation: numberAttr(attrs, 'dilation') } }
}

function addWindows<T>(s: RoutineCode<T>, { inputs, result, shapes, attrs }: RoutineOperands): void {
  const { axis, plan } = windowAttrs(attrs)
  const shape = shapes[0]!
  const length = numberAttr(attrs, 'length')
  const inner = numel(shape.slice(axis + 1, -1))
  const total = numel(shape.slice(0, axis)) * length * inner
  const zero = s.int(0)
  s.for(zero, s.int(total), (i) => s.store(result, i, s.number(0, result.dtype)))
  const count = shape[axis]!
  if (numel(shape) === 0) return
  // Reads go through the windows in their order.
  const from = s.variable(zero)
  s.for(zero, s.int(numel(shape.slice(0, axis))), (outer) => {
    s.for(zero, s.int(count), (window) => {
      const start = s.mul(s.add(s.mul(outer, s.int(length)), s.mul(window, s.int(plan.stride))), s.int(inner))
      s.for(zero, s.int(inner), (i) => {
        const to = s.variable(s.add(start, i))
        s.for(zero, s.int(plan.size), () => {
          s.store(result, to.get(), s.add(s.load(result, to.get()), s.load(inputs[0]!, from.get())))
          from.set(s.add(from.get(), s.int(1)))
          to.set(s.add(to.get(), s.int(plan.dilation * inner)))
        })
      })
    })
  })
}
