/** Functions that make tensors from numbers. */
import { showShape } from '../errors.ts'
import type { DType, Shape, Value } from '../ir/value.ts'
import { isFloat, numel } from '../ir/value.ts'
import type { Dynamic, TraceContext } from '../lang/values.ts'
import { Tensor, describe, fail, int, itemsOf } from '../lang/values.ts'
import * as ew from '../ops/elementwise.ts'
import { checkIndex } from '../ops/indexing.ts'
import { constant, iota, literal } from '../ops/source.ts'
import { expand, reshape } from '../ops/view.ts'
import { define, signature } from './define.ts'
import type { Kind, TensorOrNumber } from './parameters.ts'
import { boolean, dtype, integer, number, oneOf, operand, optional, sizes, tensor, withDefault } from './parameters.ts'
import { stack } from './joining.ts'

/** Arguments that PyTorch takes and that change nothing here. */
const placement = { requires_grad: withDefault(boolean, false, 'False'), device: withDefault(oneOf('cpu'), 'cpu', "'cpu'") }

/** One number everywhere. */
export function full(ctx: TraceContext, shape: Shape, value: number, type: DType): Value {
  const negative = shape.find((n) => n < 0)
  if (negative !== undefined) fail(ctx, 'bad_argument', `shape ${showShape(shape)}: ${negative} is no size`)
  return expand(constant(ctx.graph, value, type), shape)
}

for (const [name, value] of [['zeros', 0], ['ones', 1]] as const) {
  define({ names: name, homes: ['torch'], doc: `A tensor of ${name}` },
    signature({ size: sizes, dtype: optional(dtype), ...placement }, ({ size, dtype: type }, ctx) => full(ctx, size, value, type ?? ctx.dtype)))
  define({ names: `${name}_like`, homes: ['torch'], doc: `A tensor of ${name} of the shape of input` },
    signature({ input: tensor, dtype: optional(dtype), ...placement }, ({ input, dtype: type }, ctx) => full(ctx, input.shape, value, type ?? input.dtype)))
  define({ names: `new_${name}`, homes: ['Tensor'], doc: `A tensor of ${name} of the dtype of input` },
    signature({ input: tensor, size: sizes, dtype: optional(dtype) }, ({ input, size, dtype: type }, ctx) => full(ctx, size, value, type ?? input.dtype)))
}

/** int64 for whole numbers, the default dtype for others. */
function typeOfNumber(ctx: TraceContext, whole: boolean): DType {
  return whole ? 'int64' : ctx.dtype
}

define({ names: 'full', homes: ['torch'], doc: 'A tensor of one number' },
  signature({ size: sizesThen(), fill_value: operand, dtype: optional(dtype), ...placement }, ({ size, fill_value, dtype: type }, ctx) => {
    if (!('kind' in fill_value)) return expand(ew.cast(fill_value, type ?? fill_value.dtype), size)
    return full(ctx, size, fill_value.value, type ?? typeOfNumber(ctx, fill_value.whole))
  }))
define({ names: 'full_like', homes: ['torch'], doc: 'A tensor of one number of the shape of input' },
  signature({ input: tensor, fill_value: number, dtype: optional(dtype), ...placement }, ({ input, fill_value, dtype: type }, ctx) => full(ctx, input.shape, fill_value, type ?? input.dtype)))

/** A shape that another positional argument follows: never the rest of the arguments. */
function sizesThen(): Kind<readonly number[]> {
  return { ...sizes, type: 'tuple of ints', variadic: false }
}

// ---- sequences

/** start, start + step, …: `count` numbers of the given dtype. */
function progression(ctx: TraceContext, start: number, step: number, count: number, type: DType): Value {
  const exact: DType = type === 'int64' ? 'int64' : 'float64'
  if (count === 0) return full(ctx, [0], 0, type)
  const steps = ew.cast(iota(ctx.graph, count), exact)
  const scaled = step === 1 ? steps : ew.mul(steps, step)
  return ew.cast(start === 0 ? scaled : ew.add(scaled, start), type)
}

define({ names: 'arange', homes: ['torch'], doc: 'Numbers from start up to, not including, end' },
  signature({ end: operand, dtype: optional(dtype), ...placement }, ({ end, dtype: type }, ctx) => arange(ctx, int(0), end, int(1), type)),
  signature({ start: operand, end: operand, step: withDefault(operand, int(1), '1'), dtype: optional(dtype), ...placement }, ({ start, end, step, dtype: type }, ctx) => arange(ctx, start, end, step, type)))

function arange(ctx: TraceContext, start: TensorOrNumber, end: TensorOrNumber, step: TensorOrNumber, type: DType | undefined): Value {
  if (!('kind' in start) || !('kind' in end) || !('kind' in step)) fail(ctx, 'value_dependent', 'arange() takes numbers that are known before the program runs, got a tensor')
  if (step.value === 0 || (end.value - start.value) / step.value < 0) fail(ctx, 'bad_argument', `arange(): step ${step.value} does not lead from ${start.value} to ${end.value}`)
  const count = Math.ceil((end.value - start.value) / step.value)
  return progression(ctx, start.value, step.value, count, type ?? typeOfNumber(ctx, start.whole && end.whole && step.whole))
}

/** PyTorch's linspace: the first half from the start, the second from the end. */
function linspace(ctx: TraceContext, start: number, end: number, steps: number, type: DType): Value {
  if (steps < 0) fail(ctx, 'bad_argument', `linspace(): a number of steps expected, got ${steps}`)
  if (steps === 0) return full(ctx, [0], 0, type)
  if (steps === 1) return full(ctx, [1], start, type)
  const at: DType = isFloat(type) ? type : 'float64'
  const step = (end - start) / (steps - 1)
  const i = ew.cast(iota(ctx.graph, steps), at)
  const front = ew.add(ew.mul(i, step), start)
  const back = ew.sub(end, ew.mul(ew.sub(steps - 1, i), step))
  return ew.cast(ew.where(ew.lt(i, Math.floor(steps / 2)), front, back), type)
}

define({ names: 'linspace', homes: ['torch'], doc: 'steps numbers from start to end, both included' },
  signature({ start: number, end: number, steps: integer, dtype: optional(dtype), ...placement }, ({ start, end, steps, dtype: type }, ctx) => linspace(ctx, start, end, steps, type ?? ctx.dtype)))

define({ names: 'eye', homes: ['torch'], doc: 'The identity matrix' },
  signature({ n: integer, m: optional(integer), dtype: optional(dtype), ...placement }, ({ n, m, dtype: type }, ctx) => {
    const shape = [n, m ?? n]
    if (shape.some((size) => size < 0)) fail(ctx, 'bad_argument', `eye(): ${showShape(shape)} are no sizes`)
    if (numel(shape) === 0) return full(ctx, shape, 0, type ?? ctx.dtype)
    const row = expand(reshape(iota(ctx.graph, shape[0]!), [shape[0]!, 1]), shape)
    return ew.cast(ew.eq(row, expand(reshape(iota(ctx.graph, shape[1]!), [1, shape[1]!]), shape)), type ?? ctx.dtype)
  }))

define({ names: 'one_hot', homes: ['F'], doc: '1 at the place of the class, 0 elsewhere' },
  signature({ tensor, num_classes: withDefault(integer, -1) }, ({ tensor: classes, num_classes }, ctx) => {
    if (num_classes === -1) fail(ctx, 'value_dependent', 'one_hot() needs num_classes: the number of classes depends on the values')
    if (num_classes < 1) fail(ctx, 'bad_argument', `one_hot(): num_classes: at least 1 expected, got ${num_classes}`)
    const shape = [...classes.shape, num_classes]
    const index = expand(reshape(checkIndex(classes, num_classes, 'class'), [...classes.shape, 1]), shape)
    return ew.cast(ew.eq(index, expand(iota(ctx.graph, num_classes), shape)), 'int64')
  }))

// ---- literals

/** Nested sequences of numbers as a tensor; tensors among them are stacked. */
function tensorOf(ctx: TraceContext, data: Dynamic, type: DType | undefined): Value {
  if (data instanceof Tensor) return ew.detach(type === undefined ? data.value : ew.cast(data.value, type))
  const numbers: number[] = []
  const found = { whole: true, truth: true, tensors: false }
  const shape = readNested(ctx, data, numbers, found)
  if (found.tensors) return stack(ctx, itemsOf(data)!.map((item) => tensorOf(ctx, item, type)), 0)
  const natural: DType = numbers.length === 0 ? ctx.dtype : found.truth ? 'bool' : typeOfNumber(ctx, found.whole)
  const target = type ?? natural
  if (shape.length === 0) return constant(ctx.graph, target === 'int64' ? Math.trunc(numbers[0]!) : numbers[0]!, target)
  return numbers.length === 0 ? full(ctx, shape, 0, target) : literal(ctx.graph, numbers, shape, target)
}

/** Collects the numbers in row-major order and gives the shape. */
function readNested(ctx: TraceContext, data: Dynamic, numbers: number[], found: { whole: boolean; truth: boolean; tensors: boolean }): number[] {
  const items = itemsOf(data)
  if (items) {
    const shapes = items.map((item) => readNested(ctx, item, numbers, found))
    const first = shapes[0] ?? []
    const odd = shapes.findIndex((shape) => String(shape) !== String(first))
    if (odd >= 0) fail(ctx, 'invalid_tensor', `tensor(): ragged: item 0 has shape ${showShape(first)}, item ${odd} has shape ${showShape(shapes[odd]!)}`)
    return [items.length, ...first]
  }
  if (data instanceof Tensor) {
    found.tensors = true
    return [...data.value.shape]
  }
  if (data.kind === 'number') {
    numbers.push(data.value)
    found.truth = false
    if (!data.whole) found.whole = false
  } else if (data.kind === 'boolean') {
    numbers.push(Number(data.value))
  } else {
    fail(ctx, 'bad_argument', `tensor(): data: numbers expected, got ${describe(data)}`)
  }
  return []
}

const anything: Kind<Dynamic> = { type: 'number | nested lists of numbers', fits: () => true, convert: (value) => value }

define({ names: ['tensor', 'as_tensor'], homes: ['torch'], doc: 'A tensor of the given numbers' },
  signature({ data: anything, dtype: optional(dtype), ...placement }, ({ data, dtype: type }, ctx) => tensorOf(ctx, data, type)))
