/**
 * The largest element of each window over the spatial dimensions of [N, C, …]: what else lies at its place, and the
 * adjoint of that. Of equal elements the first is taken; NaN is larger than any number. Elements outside count as none.
 */
import { invariant } from '../errors.ts'
import type { ConvAxis, Side, SourcePlan } from '../ir/correlation.ts'
import { forwardSide, sourcePlan, threeAxes } from '../ir/correlation.ts'
import type { RoutineArray, RoutineCode } from '../ir/routine.ts'
import type { Attrs, RoutineOp, RoutineOperands, Shape, Value, ValueType } from '../ir/value.ts'
import { byteSize, isFloat, numel } from '../ir/value.ts'
import { listAttr, register } from './define.ts'

/** For each spatial dimension; `extent` counts windows. */
export interface Windowing {
  readonly kernel: readonly number[]
  readonly stride: readonly number[]
  readonly dilation: readonly number[]
  readonly before: readonly number[]
  readonly extent: readonly number[]
}

/** The windows of `sizes` spatial elements. */
export function windowAxes(sizes: Shape, attrs: Attrs): ConvAxis[] {
  const [kernel, stride, dilation, before, extent] = ['kernel', 'stride', 'dilation', 'before', 'extent'].map((name) => listAttr(attrs, name)) as [Shape, Shape, Shape, Shape, Shape]
  return sizes.map((input, i) => ({ input, output: extent[i]!, kernel: kernel[i]!, stride: stride[i]!, dilation: dilation[i]!, before: before[i]! }))
}

function operations(sizes: Shape, attrs: Attrs): number {
  return numel(sizes.slice(0, 2)) * windowAxes(sizes.slice(2), attrs).reduce((n, { output, kernel }) => n * output * kernel, 1)
}

export const pickLargestOp: RoutineOp = register({
  kind: 'routine',
  name: 'pick_largest',
  infer: ([values, x], attrs) => {
    invariant(String(values!.shape) === String(x!.shape), 'values lie at the places of the windows’ elements')
    invariant(isFloat(x!.dtype), 'pick_largest takes a floating-point tensor')
    return { shape: [...x!.shape.slice(0, 2), ...listAttr(attrs, 'extent')], dtype: values!.dtype }
  },
  scratch: ([, x], attrs) => [{ dtype: x!.dtype, count: poolPlan(x!, attrs).source.channel + poolSlack }, { dtype: x!.dtype, count: 512 / byteSize[x!.dtype] }],
  operations: ([, x], attrs) => operations(x!.shape, attrs),
  program: (s, operands) => {
    const { inputs, result } = operands
    forWindows(s, operands, inputs[1]!, (window, place, found) => {
      s.store(result, window, s.number(isFloat(result.dtype) ? -Infinity : 0, result.dtype))
      s.if(found, () => s.store(result, window, s.load(inputs[0]!, place)))
    })
  },
  grad: (g, [values, x], y) => [isFloat(values!.dtype) ? placeLargest(g, x!, windowing(y.attrs)) : null, null],
})

/** `values` [N, C, …] at the place of the largest element of `x` in each window: [N, C, …extent]. */
export function pickLargest(values: Value, x: Value, given: Windowing): Value {
  return x.graph.add(pickLargestOp, [values, x], { ...given })
}

export const placeLargestOp: RoutineOp = register({
  kind: 'routine',
  name: 'place_largest',
  infer: ([g, x], attrs) => {
    invariant(String(g!.shape) === String([...x!.shape.slice(0, 2), ...listAttr(attrs, 'extent')]) && g!.dtype === x!.dtype, 'a gradient for each window')
    return { shape: x!.shape, dtype: x!.dtype }
  },
  scratch: ([, x], attrs) => {
    const { source, target, windows } = poolPlan(x!, attrs)
    return [source.channel, target.channel, windows.phase].map((count) => ({ dtype: x!.dtype, count: count + poolSlack }))
  },
  operations: ([, x], attrs) => operations(x!.shape, attrs),
  program: (s, operands) => {
    const { inputs, result, shapes } = operands
    s.for(s.int(0), s.int(numel(shapes[1]!)), (i) => s.store(result, i, s.number(0, result.dtype)))
    forWindows(s, operands, inputs[1]!, (window, place, found) => s.if(found, () => s.store(result, place, s.add(s.load(result, place), s.load(inputs[0]!, window)))))
  },
  grad: (values, [, x], y) => [pickLargest(values, x!, windowing(y.attrs)), null],
})

/** What each window has in `g` at the place of its largest element of `x`, zero elsewhere; added up where windows overlap. */
export function placeLargest(g: Value, x: Value, given: Windowing): Value {
  return x.graph.add(placeLargestOp, [g, x], { ...given })
}

/** Other numbers at the places of `placed`. */
export function movedPlacement(placed: Value, g: Value): Value {
  return g.graph.add(placeLargestOp, [g, placed.inputs[1]!], placed.attrs)
}

export function windowing(attrs: Attrs): Windowing {
  return { kernel: listAttr(attrs, 'kernel'), stride: listAttr(attrs, 'stride'), dilation: listAttr(attrs, 'dilation'), before: listAttr(attrs, 'before'), extent: listAttr(attrs, 'extent') }
}

/** Calls `body` with each window's number, the place of its largest element of `x`, and whether it has one. */
function forWindows<T>(s: RoutineCode<T>, { shapes, attrs }: RoutineOperands, x: RoutineArray, body: (window: T, place: T, found: T) => void): void {
  const axes = windowAxes(shapes[1]!.slice(2), attrs)
  const zero = s.int(0)
  const [best, place, found] = [s.variable(s.number(0, x.dtype)), s.variable(zero), s.variable(zero)]
  const inside = (i: number, windows: readonly T[], at: T): void => {
    const axis = axes[i]
    if (axis) {
      s.for(zero, s.int(axis.kernel), (t) => {
        const u = s.sub(s.add(s.mul(windows[i]!, s.int(axis.stride)), s.mul(t, s.int(axis.dilation))), s.int(axis.before))
        s.if(s.and(s.le(zero, u), s.lt(u, s.int(axis.input))), () => inside(i + 1, windows, s.add(s.mul(at, s.int(axis.input)), u)))
      })
      return
    }
    const [value, top] = [s.load(x, at), best.get()]
    const larger = s.or(s.lt(top, value), s.and(s.eq(top, top), s.not(s.eq(value, value))))
    s.if(s.or(s.not(found.get()), larger), () => {
      best.set(value)
      place.set(at)
      found.set(s.int(1))
    })
  }
  const number = s.variable(zero)
  const outside = (i: number, plane: T, windows: readonly T[]): void => {
    const axis = axes[i]
    if (axis) {
      s.for(zero, s.int(axis.output), (p) => outside(i + 1, plane, [...windows, p]))
      return
    }
    found.set(zero)
    inside(0, windows, plane)
    body(number.get(), place.get(), found.get())
    number.set(s.add(number.get(), s.int(1)))
  }
  s.for(zero, s.int(numel(shapes[1]!.slice(0, 2))), (plane) => outside(0, plane, []))
}

// ---- working memory of the kernels

/** Elements of a window that there is vector code for, at most. */
export const mostTaps = 64

/** Elements that kernels may reach over the end of a buffer. */
const poolSlack = 32

export interface PoolPlan {
  /** A plane of x as its windows read it. */
  readonly source: SourcePlan
  /** The same for what is placed: phases apart, so that none reaches into the next. */
  readonly target: SourcePlan
  /** A plane of numbers for each window, in rows of whole units. */
  readonly windows: SourcePlan
  /** Whether each element of a window has a phase of its own, that is, windows do not overlap. */
  readonly plain: boolean
}

export function poolPlan(x: ValueType, attrs: Attrs): PoolPlan {
  const axes = threeAxes(windowAxes(x.shape.slice(2), attrs))
  const sides = axes.map(forwardSide) as [Side, Side, Side]
  const source = sourcePlan(sides)
  const unit = 32 / byteSize[x.dtype]
  const phase = source.phase + 2 * unit
  const target: SourcePlan = { ...source, phase, channel: phase * (source.channel / source.phase) }
  const side = (count: number, size: number): Side => ({ length: count, result: count, kernel: 1, before: 0, stride: 1, phases: [0], size, parts: [] })
  const [d, h, w] = axes
  const windows = sourcePlan([side(d.output, d.output), side(h.output, h.output), side(w.output, Math.ceil(w.output / unit) * unit)])
  return { source, target, windows, plain: sides.every(({ parts }) => parts[0]!.taps.every(({ offset }) => offset === 0)) }
}
