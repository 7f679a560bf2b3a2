/** Functions that make tensors from numbers. */
import { showShape } from '../errors.ts'
import type { DType, Shape, Value } from '../ir/value.ts'
import { isFloat, numel } from '../ir/value.ts'
import type { Dynamic, TraceContext } from '../lang/values.ts'
import type { Num } from '../lang/values.ts'
import { Tensor, describe, fail, int, itemsOf } from '../lang/values.ts'
import * as ew from '../ops/elementwise.ts'
import { checkIndex } from '../ops/indexing.ts'
import { constant, iota, literal } from '../ops/source.ts'
import { expand, reshape } from '../ops/view.ts'
import { knownNumber, knownNumbers } from './constants.ts'
import { asLeaf, family, signature } from './define.ts'
import { stack } from './joining.ts'
import type { Kind, TensorOrNumber } from './parameters.ts'
import { anything, boolean, device, dtype, integer, number, operand, optional, sizes, tensor, withDefault } from './parameters.ts'
import { isTensor } from './promote.ts'

const { define, refuse } = family('creation')

/** Of a tensor that is made: whether gradients flow to it; the others change nothing here. */
const placement = { device, requires_grad: withDefault(boolean, false, 'False'), pin_memory: withDefault(boolean, false, 'False') }

function requireSizes(ctx: TraceContext, shape: Shape): void {
  const negative = shape.find((n) => n < 0)
  if (negative !== undefined) fail(ctx, 'bad_argument', `shape ${showShape(shape)}: ${negative} is no size`)
}

/** One number everywhere. */
export function full(ctx: TraceContext, shape: Shape, value: number, type: DType): Value {
  requireSizes(ctx, shape)
  if (!isFloat(type) && type !== 'bool' && !Number.isFinite(value)) fail(ctx, 'bad_argument', `fill_value: a finite number for ${type} expected, got ${value}`)
  const filled = isFloat(type) ? value : type === 'bool' ? Number(value !== 0) : Math.trunc(value)
  return expand(constant(ctx.graph, filled, type), shape)
}

// What lies in memory is not part of a program: an empty tensor holds zeros until it is filled.
for (const [name, value, what] of [['zeros', 0, 'of zeros'], ['ones', 1, 'of ones'], ['empty', 0, 'to be filled, of zeros']] as const) {
  define({ names: name, homes: ['torch'], doc: `A tensor ${what}` },
    signature({ size: sizes, dtype: optional(dtype), ...placement }, ({ size, dtype: type, requires_grad }, ctx) => asLeaf(ctx, full(ctx, size, value, type ?? ctx.dtype), requires_grad)))
  define({ names: `${name}_like`, homes: ['torch'], doc: `A tensor ${what}, of the shape of input` },
    signature({ input: tensor, dtype: optional(dtype), ...placement }, ({ input, dtype: type, requires_grad }, ctx) => asLeaf(ctx, full(ctx, input.shape, value, type ?? input.dtype), requires_grad)))
  define({ names: `new_${name}`, homes: ['Tensor'], doc: `A tensor ${what}, of the dtype of input` },
    signature({ input: tensor, size: sizes, dtype: optional(dtype), ...placement }, ({ input, size, dtype: type, requires_grad }, ctx) => asLeaf(ctx, full(ctx, size, value, type ?? input.dtype), requires_grad)))
}

/** int64 for whole numbers, the default dtype for others. */
function typeOfNumber(ctx: TraceContext, whole: boolean): DType {
  return whole ? 'int64' : ctx.dtype
}

/** What a tensor is filled with: a 0-d tensor, or a number with the dtype that it has by itself. */
type Filling = Value | { readonly kind: 'filling'; readonly value: number; readonly dtype: 'bool' | 'int64' | 'float' }

const filling: Kind<Filling> = {
  type: 'Tensor | number',
  fits: operand.fits,
  convert: (value, ctx, what) => {
    const given = operand.convert(value, ctx, what)
    if (isTensor(given)) return given
    return { kind: 'filling', value: given.value, dtype: !(value instanceof Tensor) && value.kind === 'boolean' ? 'bool' : given.whole ? 'int64' : 'float' }
  },
}

/** A number, known or not, everywhere; `usual` is the dtype where none is given. */
function filledWith(ctx: TraceContext, name: string, shape: Shape, value: Filling, type: DType | undefined, usual?: DType): Value {
  requireSizes(ctx, shape)
  if ('kind' in value) return full(ctx, shape, value.value, type ?? usual ?? (value.dtype === 'float' ? ctx.dtype : value.dtype))
  if (value.shape.length > 0) fail(ctx, 'shape_mismatch', `${name}(): fill_value: a number or a 0-d tensor expected, got shape ${showShape(value.shape)}`)
  return expand(ew.cast(value, type ?? usual ?? value.dtype), shape)
}

define({ names: 'full', homes: ['torch'], doc: 'A tensor of one number' },
  signature({ size: sizesThen(), fill_value: filling, dtype: optional(dtype), ...placement }, ({ size, fill_value, dtype: type, requires_grad }, ctx) => asLeaf(ctx, filledWith(ctx, 'full', size, fill_value, type), requires_grad)))
define({ names: 'full_like', homes: ['torch'], doc: 'A tensor of one number of the shape of input' },
  signature({ input: tensor, fill_value: filling, dtype: optional(dtype), ...placement }, ({ input, fill_value, dtype: type, requires_grad }, ctx) => asLeaf(ctx, filledWith(ctx, 'full_like', input.shape, fill_value, type, input.dtype), requires_grad)))
define({ names: 'new_full', homes: ['Tensor'], doc: 'A tensor of one number of the dtype of input' },
  signature({ input: tensor, size: sizesThen(), fill_value: filling, dtype: optional(dtype), ...placement }, ({ input, size, fill_value, dtype: type, requires_grad }, ctx) => asLeaf(ctx, filledWith(ctx, 'new_full', size, fill_value, type, input.dtype), requires_grad)))

const numbersGiven: Kind<Dynamic> = { ...anything, type: 'list | Tensor', fits: (value) => value instanceof Tensor || itemsOf(value) !== undefined }

/** `torch.FloatTensor([1, 2])`, or a shape to be filled. */
for (const [name, type] of [['Tensor', undefined], ['FloatTensor', 'float32'], ['DoubleTensor', 'float64'], ['LongTensor', 'int64'], ['IntTensor', 'int64'], ['BoolTensor', 'bool']] as const) {
  define({ names: name, homes: ['torch'], doc: type === undefined ? 'A tensor of the default dtype, of the numbers or of the shape that are given; a tensor stays itself' : `A tensor of ${type}, of the numbers or of the shape that are given` },
    signature({ data: numbersGiven }, ({ data }, ctx) => (data instanceof Tensor ? ew.cast(data.value, type ?? data.value.dtype) : tensorOf(ctx, data, type ?? ctx.dtype))),
    signature({ size: { ...sizes, default: { value: [0], shown: '0' } } }, ({ size }, ctx) => full(ctx, size, 0, type ?? ctx.dtype)))
}
define({ names: 'scalar_tensor', homes: ['torch'], doc: 'A 0-d tensor of one number' },
  signature({ s: number, dtype: optional(dtype), ...placement }, ({ s, dtype: type, requires_grad }, ctx) => asLeaf(ctx, full(ctx, [], s, type ?? ctx.dtype), requires_grad)))

refuse(['empty_strided'], ['torch'], 'a tensor has no strides here; use torch.zeros', 'not_in_language')
refuse(['new_empty_strided'], ['Tensor'], 'a tensor has no strides here; use new_zeros', 'not_in_language')

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

/** A number that the program may also have as a 0-d tensor of known numbers. */
function numberOf(ctx: TraceContext, name: string, x: TensorOrNumber): Num {
  if (!isTensor(x)) return x
  const value = knownNumber(x)
  if (value === undefined) fail(ctx, 'value_dependent', `${name}() takes numbers that are known before the program runs, got a tensor`)
  return { kind: 'number', value, whole: !isFloat(x.dtype) }
}

/** A bound of a sequence: of whole numbers it is made whole before anything is computed. */
function inType(x: number, type: DType): number {
  return type === 'int64' ? Math.trunc(x) + 0 : x
}

/** How many steps lead from `start` to `end`, or past it. */
function stepsBetween(ctx: TraceContext, name: string, start: number, end: number, step: number): number {
  const count = (end - start) / step
  if (step === 0 || count < 0) fail(ctx, 'bad_argument', `${name}(): step ${step} does not lead from ${start} to ${end}`)
  if (!Number.isFinite(count)) fail(ctx, 'bad_argument', `${name}(): finite numbers expected, got ${start}, ${end} and ${step}`)
  return count
}

function arange(ctx: TraceContext, given: readonly [TensorOrNumber, TensorOrNumber, TensorOrNumber], type: DType | undefined): Value {
  const numbers = given.map((x) => numberOf(ctx, 'arange', x))
  const target = type ?? typeOfNumber(ctx, numbers.every(({ whole }) => whole))
  const [start, end, step] = numbers.map(({ value }) => inType(value, target)) as [number, number, number]
  const count = Math.ceil(stepsBetween(ctx, 'arange', start, end, step))
  return progression(ctx, start, step, count, target)
}

const one = withDefault(operand, int(1), '1')

define({ names: 'arange', homes: ['torch'], doc: 'Numbers from start up to, not including, end' },
  signature({ end: operand, dtype: optional(dtype), ...placement }, ({ end, dtype: type, requires_grad }, ctx) => asLeaf(ctx, arange(ctx, [int(0), end, int(1)], type), requires_grad)),
  signature({ start: operand, end: operand, step: one, dtype: optional(dtype), ...placement }, ({ start, end, step, dtype: type, requires_grad }, ctx) => asLeaf(ctx, arange(ctx, [start, end, step], type), requires_grad)))
define({ names: 'range', homes: ['torch'], doc: 'Numbers from start to end, both included where a whole number of steps leads there' },
  signature({ start: withDefault(number, 0), end: number, step: withDefault(number, 1), dtype: optional(dtype), ...placement }, ({ start, end, step, dtype: type, requires_grad }, ctx) =>
    asLeaf(ctx, rangeOf(ctx, [start, end, step], type ?? ctx.dtype), requires_grad)))

function rangeOf(ctx: TraceContext, given: readonly [number, number, number], type: DType): Value {
  const [start, end, step] = given.map((x) => inType(x, type)) as [number, number, number]
  return progression(ctx, start, step, Math.floor(stepsBetween(ctx, 'range', start, end, step)) + 1, type)
}

function requireSteps(ctx: TraceContext, name: string, steps: number): void {
  if (steps < 0) fail(ctx, 'bad_argument', `${name}(): a number of steps expected, got ${steps}`)
}

/** PyTorch's linspace: the first half from the start, the second from the end. */
function linspace(ctx: TraceContext, start: number, end: number, steps: number, type: DType): Value {
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
  signature({ start: number, end: number, steps: integer, dtype: optional(dtype), ...placement }, ({ start, end, steps, dtype: type, requires_grad }, ctx) => {
    requireSteps(ctx, 'linspace', steps)
    const target = type ?? ctx.dtype
    return asLeaf(ctx, linspace(ctx, inType(start, target), inType(end, target), steps, target), requires_grad)
  }))
define({ names: 'logspace', homes: ['torch'], doc: 'base to the power of steps numbers from start to end' },
  signature({ start: number, end: number, steps: integer, base: withDefault(number, 10), dtype: optional(dtype), ...placement }, ({ start, end, steps, base, dtype: given, requires_grad }, ctx) => {
    requireSteps(ctx, 'logspace', steps)
    const type = given ?? ctx.dtype
    // One step is `start` as it was given, also where the type cuts off its fraction.
    if (steps === 1) return asLeaf(ctx, full(ctx, [1], base ** start, type), requires_grad)
    const exponents = linspace(ctx, inType(start, type), inType(end, type), steps, isFloat(type) ? type : 'float64')
    return asLeaf(ctx, ew.cast(ew.pow(base, exponents), type), requires_grad)
  }))

define({ names: 'eye', homes: ['torch'], doc: 'The identity matrix' },
  signature({ n: integer, m: optional(integer), dtype: optional(dtype), ...placement }, ({ n, m, dtype: type, requires_grad }, ctx) => {
    const shape = [n, m ?? n]
    if (shape.some((size) => size < 0)) fail(ctx, 'bad_argument', `eye(): ${showShape(shape)} are no sizes`)
    if (numel(shape) === 0) return full(ctx, shape, 0, type ?? ctx.dtype)
    const row = expand(reshape(iota(ctx.graph, shape[0]!), [shape[0]!, 1]), shape)
    return asLeaf(ctx, ew.cast(ew.eq(row, expand(reshape(iota(ctx.graph, shape[1]!), [1, shape[1]!]), shape)), type ?? ctx.dtype), requires_grad)
  }))

define({ names: 'one_hot', homes: ['F'], doc: '1 at the place of the class, 0 elsewhere' },
  signature({ tensor, num_classes: withDefault(integer, -1) }, ({ tensor: classes, num_classes: given }, ctx) => {
    if (given < 1 && given !== -1) fail(ctx, 'bad_argument', `one_hot(): num_classes: at least 1 expected, got ${given}`)
    const known = given === -1 ? knownNumbers(classes) : undefined
    if (given === -1 && (known === undefined || known.length === 0)) fail(ctx, 'value_dependent', 'one_hot() needs num_classes: the number of classes depends on the values')
    const count = known === undefined ? given : Math.max(...known) + 1
    const shape = [...classes.shape, count]
    const index = expand(reshape(checkIndex(classes, count, 'class'), [...classes.shape, 1]), shape)
    return ew.cast(ew.eq(index, expand(iota(ctx.graph, count), shape)), 'int64')
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
  const converted = numbers.map((x) => (target === 'bool' ? Number(x !== 0) : target === 'int64' ? wholeOf(ctx, x) : x))
  if (shape.length === 0) return constant(ctx.graph, converted[0]!, target)
  return numbers.length === 0 ? full(ctx, shape, 0, target) : literal(ctx.graph, converted, shape, target)
}

function wholeOf(ctx: TraceContext, x: number): number {
  return Number.isFinite(x) ? Math.trunc(x) : fail(ctx, 'bad_argument', `tensor(): ${x} cannot be converted to an integer`)
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

define({ names: 'tensor', homes: ['torch'], doc: 'A tensor of the given numbers' },
  signature({ data: anything, dtype: optional(dtype), ...placement }, ({ data, dtype: type, requires_grad }, ctx) => asLeaf(ctx, tensorOf(ctx, data, type), requires_grad)))
define({ names: 'new_tensor', homes: ['Tensor'], doc: 'A tensor of the given numbers, of the dtype of input unless they have their own' },
  signature({ input: tensor, data: anything, dtype: optional(dtype), ...placement }, ({ input, data, dtype: type, requires_grad }, ctx) => asLeaf(ctx, tensorOf(ctx, data, type ?? (data instanceof Tensor ? undefined : input.dtype)), requires_grad)))
define({ names: ['as_tensor', 'asarray'], homes: ['torch'], doc: 'A tensor of the given numbers; a tensor stays itself', gradFn: 'ToCopyBackward0' },
  signature({ data: anything, dtype: optional(dtype), device }, ({ data, dtype: type }, ctx) => {
    if (!(data instanceof Tensor)) return tensorOf(ctx, data, type)
    return type === undefined ? data.value : ew.cast(data.value, type)
  }),
  signature({ obj: anything, dtype: optional(dtype), device, requires_grad: withDefault(boolean, false, 'False') }, ({ obj, dtype: type, requires_grad }, ctx) => {
    if (!(obj instanceof Tensor)) return asLeaf(ctx, tensorOf(ctx, obj, type), requires_grad)
    return type === undefined ? obj.value : ew.cast(obj.value, type)
  }))
