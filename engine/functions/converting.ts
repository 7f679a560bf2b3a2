/** Conversions between dtypes, copies, and what a tensor tells about itself. */
import { showShape } from '../errors.ts'
import type { DType, Shape, Value } from '../ir/value.ts'
import { isFloat, numel } from '../ir/value.ts'
import type { Dynamic, TraceContext } from '../lang/values.ts'
import { Tensor, bool, fail, int, tuple } from '../lang/values.ts'
import * as ew from '../ops/elementwise.ts'
import { isRowMajor } from '../lang/memory.ts'
import { reshape } from '../ops/view.ts'
import { asPythonNumber, knownNumber, knownNumbers } from './constants.ts'
import type { Home } from './define.ts'
import { family, signature } from './define.ts'
import type { Kind } from './parameters.ts'
import { anything, boolean, device, dtype, integer, integers, operand, optional, resolveDim, tensor, tensorItself, withDefault } from './parameters.ts'
import { broadcastShapes, promoted, resultType } from './promote.ts'
import { requireDimensions } from './shaping.ts'

const { define, refuse } = family('conversions and questions')

const everywhere: readonly Home[] = ['torch', 'Tensor']

for (const [name, target] of [['float', 'float32'], ['double', 'float64'], ['long', 'int64'], ['bool', 'bool'], ['int', 'int64']] as const) {
  define({ names: name, homes: ['Tensor'], doc: `Converts to ${target}`, gradFn: 'ToCopyBackward0' }, signature({ input: tensor }, ({ input }) => ew.cast(input, target)))
}

/** Shapes, or single sizes, one after the other. */
const everyShape: Kind<readonly (readonly number[])[]> = { type: '*int | tuple of ints', fits: () => true, variadic: true, convert: (value, ctx, what) => [integers.convert(value, ctx, what)], convertAll: (values, ctx, what) => values.map((value) => integers.convert(value, ctx, what)) }

const flag = withDefault(boolean, false, 'False')
const copying = { non_blocking: flag, copy: flag }

function converted(input: Value, target: DType, copy: boolean): Value {
  return copy && input.dtype === target ? ew.copy(input) : ew.cast(input, target)
}

define({ names: 'to', homes: ['Tensor'], doc: 'Converts to a dtype', gradFn: 'ToCopyBackward0' },
  signature({ input: tensor, dtype, ...copying }, ({ input, dtype: target, copy }) => converted(input, target, copy)),
  signature({ input: tensor, other: tensor, ...copying }, ({ input, other, copy }) => converted(input, other.dtype, copy)),
  signature({ input: tensor, device, dtype: optional(dtype), ...copying }, ({ input, dtype: target, copy }) => converted(input, target ?? input.dtype, copy)))
define({ names: 'type', homes: ['Tensor'], doc: 'Converts to a dtype', gradFn: 'ToCopyBackward0' },
  signature({ input: tensor, dtype, non_blocking: flag }, ({ input, dtype: target }) => ew.cast(input, target)))
define({ names: 'type_as', homes: ['Tensor'], doc: 'Converts to the dtype of other', gradFn: 'ToCopyBackward0' }, signature({ input: tensor, other: tensor }, ({ input, other }) => ew.cast(input, other.dtype)))
define({ names: 'cpu', homes: ['Tensor'], doc: 'The same tensor: there is one device' }, signature({ input: tensor }, ({ input }) => input))

define({ names: 'detach', homes: everywhere, doc: 'The same numbers; no gradient flows back' }, signature({ input: tensor }, ({ input }) => ew.detach(input)))
define({ names: 'clone', homes: everywhere, doc: 'A copy', gradFn: 'CloneBackward0' }, signature({ input: tensor }, ({ input }) => ew.copy(input)))
define({ names: 'contiguous', homes: ['Tensor'], doc: 'The same tensor', gradFn: 'CloneBackward0' }, signature({ input: tensor }, ({ input }) => input))

refuse(['half', 'bfloat16'], ['Tensor'], 'floating-point tensors are float32 or float64 here; use .float() or .double()', 'not_in_language')
refuse(['short', 'char', 'byte'], ['Tensor'], 'whole numbers are int64 here; use .long()', 'not_in_language')
refuse(['cuda'], ['Tensor'], 'there is one device, the CPU', 'not_in_language')
refuse(['numpy'], ['Tensor'], 'there are no arrays beside tensors', 'not_in_language')
refuse(['stride', 'data_ptr', 'storage'], ['Tensor'], 'a tensor has no place in memory here; reshape works on every tensor', 'not_in_language')

// ---- questions

function question(names: readonly string[], doc: string, answer: (x: Value) => Dynamic, homes: readonly Home[] = ['Tensor']): void {
  define({ names, homes, doc }, signature({ input: tensor }, ({ input }) => ({ static: answer(input) })))
}

const isFloatingPoint = (x: Value): Dynamic => bool(isFloat(x.dtype))

question(['numel'], 'Number of elements', (x) => int(numel(x.shape)), everywhere)
question(['nelement'], 'Number of elements', (x) => int(numel(x.shape)))
question(['dim', 'ndimension'], 'Number of dimensions', (x) => int(x.shape.length))
question(['is_floating_point'], 'Whether the dtype is a floating-point one', isFloatingPoint, everywhere)
question(['is_complex'], 'Whether the dtype is a complex one: never', () => bool(false), everywhere)
question(['is_signed'], 'Whether the dtype has negative numbers', (x) => bool(x.dtype !== 'bool'))
question(['element_size'], 'Bytes of an element', (x) => int({ bool: 1, int32: 4, int64: 8, float32: 4, float64: 8 }[x.dtype]))
define({ names: 'size', homes: ['Tensor'], doc: 'The shape, or one size of it' },
  signature({ input: tensor, dim: optional(integer) }, ({ input, dim }, ctx) => {
    if (dim === undefined) return { static: tuple(input.shape.map(int)) }
    requireDimensions(ctx, 'size', input)
    return { static: int(input.shape[resolveDim(ctx, dim, input.shape.length)]!) }
  }))
define({ names: 'is_contiguous', homes: ['Tensor'], doc: "Whether the elements lie in PyTorch's memory one after the other" },
  signature({ input: tensorItself }, ({ input }, ctx) => ({ static: bool(isRowMajor(input) ?? fail(ctx, 'not_in_language', 'is_contiguous(): how PyTorch would lay out this tensor is not known here; reshape works on every tensor')) })))

/** torch.result_type and its like speak of dtypes only. */
define({ names: 'result_type', homes: ['torch'], doc: 'The dtype that an operation on two tensors or numbers gives' },
  signature({ tensor1: operand, tensor2: operand }, ({ tensor1, tensor2 }, ctx) => ({ static: { kind: 'dtype', dtype: resultType(ctx, [tensor1, tensor2]) } })))
define({ names: 'promote_types', homes: ['torch'], doc: 'The smaller dtype that holds both' },
  signature({ type1: dtype, type2: dtype }, ({ type1, type2 }) => ({ static: { kind: 'dtype', dtype: promoted(type1, type2) } })))
define({ names: 'broadcast_shapes', homes: ['torch'], doc: 'The shape that shapes are broadcast to' },
  signature({ shapes: everyShape }, ({ shapes }, ctx) => ({ static: tuple(broadcastShapes(ctx, shapes).map(int)) })))
define({ names: 'Size', homes: ['torch'], doc: 'A shape, as a tuple' }, signature({ sizes: optional(integers) }, ({ sizes }) => ({ static: tuple((sizes ?? []).map(int)) })))

define({ names: 'is_tensor', homes: ['torch'], doc: 'Whether an object is a tensor' }, signature({ obj: anything }, ({ obj }) => ({ static: bool(obj instanceof Tensor) })))
define({ names: 'device', homes: ['torch'], doc: "The one device, 'cpu'" }, signature({ type: device }, () => ({ static: { kind: 'string', value: 'cpu' } })))

// ---- numbers of constants

function requireKnown(ctx: TraceContext, name: string, x: Value): readonly number[] {
  return knownNumbers(x) ?? fail(ctx, 'value_dependent', `${name}(): the numbers are only known when the program runs; a 0-d tensor takes part in arithmetic as a number does, and torch.where(condition, a, b) chooses by it`)
}

define({ names: 'item', homes: ['Tensor'], doc: 'The number of a tensor of one element; where it is only known when the program runs, a 0-d tensor without a gradient' },
  signature({ input: tensor }, ({ input }, ctx) => {
    if (numel(input.shape) !== 1) fail(ctx, 'shape_mismatch', `item(): a tensor of one element expected, got shape ${showShape(input.shape)}`)
    const known = knownNumber(input)
    return known === undefined ? ew.detach(reshape(input, [])) : { static: asPythonNumber(input, known) }
  }))
define({ names: 'tolist', homes: ['Tensor'], doc: 'The numbers as nested lists, where the program itself has them' },
  signature({ input: tensor }, ({ input }, ctx) => {
    const numbers = requireKnown(ctx, 'tolist', input).map((x) => asPythonNumber(input, x))
    const nested = (shape: Shape, from: number): Dynamic => {
      if (shape.length === 0) return numbers[from]!
      const [size, ...rest] = shape as [number, ...number[]]
      return { kind: 'list', items: Array.from({ length: size }, (_, i) => nested(rest, from + i * numel(rest))) }
    }
    return { static: nested(input.shape, 0) }
  }))
