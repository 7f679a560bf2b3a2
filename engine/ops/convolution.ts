/**
 * Convolutions (cross-correlations, as PyTorch has them). Input x, weight w and result y meet in one sum over products
 * x[n, c, p·stride + t·dilation - before] · w[o, c, t] · y[n, o, p]; the three primitives are its derivatives by y, by x
 * and by w, so that each one's gradients are the other two.
 */
import { invariant } from '../errors.ts'
import type { ConvAxis, Side, SourcePlan } from '../ir/correlation.ts'
import { backwardSide, forwardSide, sourcePlan, threeAxes } from '../ir/correlation.ts'
import type { RoutineArray, RoutineCode } from '../ir/routine.ts'
import type { Attrs, DType, RoutineOp, RoutineOperands, Shape, Value, ValueType } from '../ir/value.ts'
import { byteSize, isFloat, numel } from '../ir/value.ts'
import { listAttr, numberAttr, register } from './define.ts'
import { constant } from './source.ts'
import { expand, reshape, sum } from './view.ts'

/** For each spatial dimension: how windows lie. `before` counts zeros before the first element; behind the last there are as many as are needed. */
export interface Convolving {
  readonly stride: readonly number[]
  readonly dilation: readonly number[]
  readonly before: readonly number[]
  readonly groups: number
}

/** What all three meet over. */
export interface Meeting {
  readonly samples: number
  readonly groups: number
  /** Channels of a group. */
  readonly inputs: number
  readonly outputs: number
  readonly axes: readonly ConvAxis[]
}

function meeting(x: Shape, w: Shape, y: Shape, attrs: Attrs): Meeting {
  const groups = numberAttr(attrs, 'groups')
  const [stride, dilation, before] = [listAttr(attrs, 'stride'), listAttr(attrs, 'dilation'), listAttr(attrs, 'before')]
  const axes = stride.map((step, i) => ({ input: x[2 + i]!, output: y[2 + i]!, kernel: w[2 + i]!, stride: step, dilation: dilation[i]!, before: before[i]! }))
  invariant(x[0] === y[0] && x[1] === w[1]! * groups && y[1] === w[0] && w[0]! % groups === 0 && x.length === stride.length + 2, 'input, weight and result of a convolution fit')
  return { samples: x[0]!, groups, inputs: w[1]!, outputs: w[0]! / groups, axes }
}

/** What a convolution's value meets over; whichever of the three it is. */
export function meetingOf(op: RoutineOp, inputs: readonly ValueType[], attrs: Attrs): Meeting {
  const [a, b] = inputs as readonly [ValueType, ValueType]
  const result = resultShape(op.name, inputs, attrs)
  if (op === convolutionOp) return meeting(a.shape, b.shape, result, attrs)
  return op === convolutionInputOp ? meeting(result, b.shape, a.shape, attrs) : meeting(a.shape, result, b.shape, attrs)
}

function resultShape(name: string, [a, b]: readonly ValueType[], attrs: Attrs): Shape {
  const extent = listAttr(attrs, 'extent')
  if (name === 'convolution') return [a!.shape[0]!, b!.shape[0]!, ...extent]
  const groups = numberAttr(attrs, 'groups')
  return name === 'convolution_input' ? [a!.shape[0]!, b!.shape[1]! * groups, ...extent] : [b!.shape[1]!, a!.shape[1]! / groups, ...extent]
}

function infer(name: string): (inputs: readonly Value[], attrs: Attrs) => ValueType {
  return (inputs, attrs) => {
    const { dtype } = inputs[0]!
    invariant(isFloat(dtype) && inputs.every((input) => input.dtype === dtype), () => `${name} takes floating-point tensors of one dtype, got ${inputs.map((input) => input.dtype).join(' and ')}`)
    return { shape: resultShape(name, inputs, attrs), dtype }
  }
}

function operations(op: () => RoutineOp): RoutineOp['operations'] {
  return (inputs, attrs) => {
    const { samples, groups, inputs: c, outputs: o, axes } = meetingOf(op(), inputs, attrs)
    return 2 * samples * groups * c * o * axes.reduce((n, { output, kernel }) => n * output * kernel, 1)
  }
}

const options = (attrs: Attrs): Convolving => ({ stride: listAttr(attrs, 'stride'), dilation: listAttr(attrs, 'dilation'), before: listAttr(attrs, 'before'), groups: numberAttr(attrs, 'groups') })

export const convolutionOp: RoutineOp = register({
  kind: 'routine',
  name: 'convolution',
  infer: infer('convolution'),
  scratch: (inputs, attrs) => sumScratch(convolutionOp, inputs, attrs),
  operations: operations(() => convolutionOp),
  program: (s, operands) => {
    const { inputs, result, shapes, attrs } = operands
    const [x, w, bias] = inputs as readonly [RoutineArray, RoutineArray, RoutineArray | undefined]
    const total = numel(resultShape('convolution', operandTypes(operands), attrs))
    const outputs = shapes[1]![0]!
    const inner = s.int(total / Math.max(1, shapes[0]![0]! * outputs))
    const at = s.variable(s.int(0))
    s.for(s.int(0), s.int(shapes[0]![0]!), () => s.for(s.int(0), s.int(outputs), (o) => s.for(s.int(0), inner, () => {
      s.store(result, at.get(), bias ? s.load(bias, o) : s.number(0, result.dtype))
      at.set(s.add(at.get(), s.int(1)))
    })))
    meet(s, convolutionOp, operands, ({ xAt, wAt, yAt }) => addTo(s, result, yAt, s.mul(s.load(x, xAt), s.load(w, wAt))))
    if (attrs['relu'] !== true) return
    const zero = s.number(0, result.dtype)
    s.for(s.int(0), s.int(total), (i) => {
      const y = s.load(result, i)
      s.store(result, i, s.select(s.le(y, zero), zero, y))
    })
  },
  grad: (g, [x, w, bias], y) => {
    const given = options(y.attrs)
    const parts = [convolutionInput(g, w!, x!.shape.slice(2), given), convolutionWeight(x!, g, w!.shape.slice(2), given)]
    return bias ? [...parts, sum(g, [...g.shape.keys()].filter((axis) => axis !== 1))] : parts
  },
})

/** x [N, C, …] with w [O, C / groups, …kernel] and perhaps a bias [O] gives [N, O, …extent]. */
export function convolution(x: Value, w: Value, bias: Value | undefined, extent: Shape, given: Convolving): Value {
  const shape = [x.shape[0]!, w.shape[0]!, ...extent]
  if (w.shape[1] === 0) return bias ? expand(reshape(bias, shape.map((n, i) => (i === 1 ? n : 1))), shape) : zeros(x, shape)
  return x.graph.add(convolutionOp, bias ? [x, w, bias] : [x, w], { ...given, extent })
}

/** The same with max(result, 0). */
export function rectified(y: Value): Value {
  return y.graph.add(convolutionOp, y.inputs, { ...y.attrs, relu: true })
}

export const convolutionInputOp: RoutineOp = register({
  kind: 'routine',
  name: 'convolution_input',
  infer: infer('convolution_input'),
  scratch: (inputs, attrs) => sumScratch(convolutionInputOp, inputs, attrs),
  operations: operations(() => convolutionInputOp),
  program: (s, operands) => {
    const [g, w] = operands.inputs as readonly [RoutineArray, RoutineArray]
    clear(s, operands, 'convolution_input')
    meet(s, convolutionInputOp, operands, ({ xAt, wAt, yAt }) => addTo(s, operands.result, xAt, s.mul(s.load(g, yAt), s.load(w, wAt))))
  },
  grad: (x, [g, w], y) => {
    const given = options(y.attrs)
    return [convolution(x, w!, undefined, g!.shape.slice(2), given), convolutionWeight(x, g!, w!.shape.slice(2), given)]
  },
})

/** The gradient by the input, whose spatial sizes are `extent`. */
export function convolutionInput(g: Value, w: Value, extent: Shape, given: Convolving): Value {
  const attrs = { ...given, extent }
  const shape = resultShape('convolution_input', [g, w], attrs)
  return numel(g.shape) * numel(w.shape) === 0 ? zeros(g, shape) : g.graph.add(convolutionInputOp, [g, w], attrs)
}

export const convolutionWeightOp: RoutineOp = register({
  kind: 'routine',
  name: 'convolution_weight',
  infer: infer('convolution_weight'),
  scratch: (inputs, attrs) => weightPlan(meetingOf(convolutionWeightOp, inputs, attrs), inputs[0]!.dtype).scratch,
  operations: operations(() => convolutionWeightOp),
  program: (s, operands) => {
    const [x, g] = operands.inputs as readonly [RoutineArray, RoutineArray]
    clear(s, operands, 'convolution_weight')
    meet(s, convolutionWeightOp, operands, ({ xAt, wAt, yAt }) => addTo(s, operands.result, wAt, s.mul(s.load(x, xAt), s.load(g, yAt))))
  },
  grad: (w, [x, g], y) => {
    const given = options(y.attrs)
    return [convolutionInput(g!, w, x!.shape.slice(2), given), convolution(x!, w, undefined, g!.shape.slice(2), given)]
  },
})

/** The gradient by the weight, whose kernel has the sizes `extent`. */
export function convolutionWeight(x: Value, g: Value, extent: Shape, given: Convolving): Value {
  const attrs = { ...given, extent }
  const shape = resultShape('convolution_weight', [x, g], attrs)
  return numel(x.shape) * numel(g.shape) === 0 ? zeros(x, shape) : x.graph.add(convolutionWeightOp, [x, g], attrs)
}

function zeros(like: Value, shape: Shape): Value {
  return expand(reshape(constant(like.graph, 0, like.dtype), shape.map(() => 1)), shape)
}

// ---- in scalar code

interface Places<T> {
  readonly xAt: T
  readonly wAt: T
  readonly yAt: T
}

function operandTypes({ inputs, shapes }: RoutineOperands): ValueType[] {
  return inputs.map(({ dtype }, i) => ({ shape: shapes[i]!, dtype }))
}

function clear<T>(s: RoutineCode<T>, operands: RoutineOperands, name: string): void {
  const { result, attrs } = operands
  s.for(s.int(0), s.int(numel(resultShape(name, operandTypes(operands), attrs))), (i) => s.store(result, i, s.number(0, result.dtype)))
}

function addTo<T>(s: RoutineCode<T>, array: RoutineArray, at: T, value: T): void {
  s.store(array, at, s.add(s.load(array, at), value))
}

/** Calls `body` with the places of every x, w and y that meet. */
function meet<T>(s: RoutineCode<T>, op: RoutineOp, operands: RoutineOperands, body: (places: Places<T>) => void): void {
  const { samples, groups, inputs, outputs, axes } = meetingOf(op, operandTypes(operands), operands.attrs)
  const zero = s.int(0)
  const along = (i: number, { xAt, wAt, yAt }: Places<T>): void => {
    const axis = axes[i]
    if (!axis) {
      body({ xAt, wAt, yAt })
      return
    }
    s.for(zero, s.int(axis.output), (p) => s.for(zero, s.int(axis.kernel), (t) => {
      const at = s.sub(s.add(s.mul(p, s.int(axis.stride)), s.mul(t, s.int(axis.dilation))), s.int(axis.before))
      const next = (before: T, size: number, place: T): T => s.add(s.mul(before, s.int(size)), place)
      s.if(s.and(s.le(zero, at), s.lt(at, s.int(axis.input))), () => along(i + 1, { xAt: next(xAt, axis.input, at), wAt: next(wAt, axis.kernel, t), yAt: next(yAt, axis.output, p) }))
    }))
  }
  s.for(zero, s.int(samples), (n) => s.for(zero, s.int(groups), (group) => s.for(zero, s.int(outputs), (o) => s.for(zero, s.int(inputs), (c) => {
    const output = s.add(s.mul(group, s.int(outputs)), o)
    along(0, {
      xAt: s.add(s.mul(n, s.int(groups * inputs)), s.add(s.mul(group, s.int(inputs)), c)),
      wAt: s.add(s.mul(output, s.int(inputs)), c),
      yAt: s.add(s.mul(n, s.int(groups * outputs)), output),
    })
  }))))
}

// ---- working memory of the kernels

type Scratch = readonly { readonly dtype: DType; readonly count: number }[]

/** Elements that kernels may read or clear behind the last one. */
export const slack = 16

/** A convolution or its gradient by the input: the source's geometry, its channels and the result's, of a group. */
export interface SumPlan {
  readonly source: SourcePlan
  readonly from: number
  readonly to: number
}

export function sumPlan(op: RoutineOp, { inputs, outputs, axes }: Meeting): SumPlan {
  const forward = op === convolutionOp
  const sides = threeAxes(axes).map(forward ? forwardSide : backwardSide) as [Side, Side, Side]
  return { source: sourcePlan(sides), from: forward ? inputs : outputs, to: forward ? outputs : inputs }
}

/** The source of a group, the filter with the place that each row of taps reads, and a tile. */
function sumScratch(op: RoutineOp, inputs: readonly ValueType[], attrs: Attrs): Scratch {
  const met = meetingOf(op, inputs, attrs)
  const { source, from, to } = sumPlan(op, met)
  const { dtype } = inputs[0]!
  const taps = met.axes.reduce((n, { kernel }) => n * kernel, 1)
  return [
    { dtype, count: source.direct ? 0 : from * source.channel + slack },
    { dtype, count: met.groups * (2 * from * to * taps + to) },
    { dtype, count: 512 / byteSize[dtype] },
  ]
}

export interface WeightPlan {
  readonly source: SourcePlan
  /** Planes of the result's gradient, with rows as far apart as those of the source. */
  readonly gradient: SourcePlan
  /** Whether both buffers already lie like that. */
  readonly direct: boolean
  /** Elements from channel to channel of the source. */
  readonly pitch: number
  /** Samples that are laid out at a time. */
  readonly block: number
  readonly scratch: Scratch
}

const blockBytes = 2 ** 19

/** Gradient by the weight: blocks of samples are laid out, then each pair of channels and tap is a sum along all their elements. */
export function weightPlan({ samples, inputs, outputs, axes }: Meeting, dtype: DType): WeightPlan {
  const sides = threeAxes(axes).map(forwardSide) as [Side, Side, Side]
  const source = sourcePlan(sides)
  const [depth, height, width] = sides
  const unit = 32 / byteSize[dtype]
  const rows = (height.result - 1) * width.size + width.result
  const plane = Math.ceil(rows / unit) * unit
  const direct = source.direct && rows === plane && width.size === width.result && depth.result === 1
  const side = (count: number, size: number): Side => ({ length: count, result: count, kernel: 1, before: 0, stride: 1, phases: [0], size, parts: [] })
  const gradient: SourcePlan = { sides: [side(1, 1), side(height.result, height.result), side(width.result, width.size)], direct, phase: plane, channel: plane }
  // What is read behind a channel's last element is zero too.
  const pitch = source.channel + (direct ? 0 : unit)
  const [each, other] = direct ? [0, 0] : [inputs * pitch, outputs * depth.result * plane]
  const block = Math.max(1, Math.min(samples, Math.floor(blockBytes / Math.max(1, (each + other) * byteSize[dtype]))))
  return {
    source,
    gradient,
    direct,
    pitch,
    block,
    scratch: [{ dtype, count: block * each + slack }, { dtype, count: block * other + slack }, { dtype, count: 512 / byteSize[dtype] }],
  }
}
