/** What floating-point numbers are made of, closeness, and elementwise compositions of several tensors. */
import type { Value } from '../ir/value.ts'
import { isFloat } from '../ir/value.ts'
import type { TraceContext } from '../lang/values.ts'
import { Tensor, bool, fail } from '../lang/values.ts'
import * as ew from '../ops/elementwise.ts'
import { reshape, sum } from '../ops/view.ts'
import type { Home } from './define.ts'
import { family, signature } from './define.ts'
import { add, div, mul, pow, toFloat } from './elementwise.ts'
import { vectorNorm } from './norms.ts'
import type { TensorOrNumber } from './parameters.ts'
import { boolean, integer, number, operand, resolveDim, tensor, withDefault } from './parameters.ts'
import { broadcast, broadcastFloats } from './promote.ts'
import { truthOf } from './truth.ts'

const { define, refuse } = family('elementwise')

const everywhere: readonly Home[] = ['torch', 'Tensor']

function fraction(value: number): TensorOrNumber {
  return { kind: 'number', value, whole: Number.isInteger(value) }
}

// ---- signs and kinds

function question(name: string, doc: string, answer: (x: Value, ctx: TraceContext) => Value): void {
  define({ names: name, homes: everywhere, doc }, signature({ input: tensor }, ({ input }, ctx) => answer(input, ctx)))
}

question('isposinf', 'Whether elements are inf', (x, ctx) => ew.eq(toFloat(ctx, x), Infinity))
question('isneginf', 'Whether elements are -inf', (x, ctx) => ew.eq(toFloat(ctx, x), -Infinity))
question('isreal', 'Whether elements are real: all are', (x) => ew.eq(ew.fullLike(x, 1), 1))
question('signbit', 'Whether elements have a minus sign; -0. has one', (x) => (isFloat(x.dtype) ? ew.lt(ew.copysign(ew.fullLike(x, 1), x), 0) : ew.lt(x, 0)))

define({ names: 'positive', homes: everywhere, doc: 'input itself' }, signature({ input: tensor }, ({ input }, ctx) =>
  input.dtype === 'bool' ? fail(ctx, 'dtype_mismatch', 'positive() of a bool tensor') : input))
define({ names: ['conj', 'conj_physical', 'resolve_conj', 'resolve_neg'], homes: everywhere, doc: 'input itself: it is real' }, signature({ input: tensor }, ({ input }) => input))
define({ names: 'real', homes: ['torch'], doc: 'input itself' }, signature({ input: tensor }, ({ input }) => input))

define({ names: 'heaviside', homes: everywhere, doc: '0 below 0, 1 above, values at 0; no gradient flows' },
  signature({ input: tensor, values: tensor }, ({ input, values }, ctx) => {
    if (input.dtype !== values.dtype) fail(ctx, 'dtype_mismatch', `heaviside(): tensors of one dtype expected, got ${input.dtype} and ${values.dtype}`)
    const [x, at0] = broadcast(ctx, [input, values]) as [Value, Value]
    const step = ew.cast(ew.gt(x, 0), x.dtype)
    return ew.detach(ew.where(ew.eq(x, 0), at0, step))
  }))

define({ names: 'ldexp', homes: everywhere, doc: 'input * 2 ** other', gradFn: 'MulBackward0' },
  signature({ input: tensor, other: tensor }, ({ input, other }, ctx) => mul(ctx, input, pow(ctx, { kind: 'number', value: 2, whole: false }, other))))
define({ names: 'float_power', homes: everywhere, doc: 'input to the power of exponent, in float64', gradFn: 'PowBackward0' },
  signature({ input: operand, exponent: operand }, ({ input, exponent }, ctx) => {
    const [x, y] = broadcast(ctx, [input, exponent], 'float64') as [Value, Value]
    return ew.pow(x, y)
  }))

refuse(['frexp'], everywhere, 'exponents of numbers are no primitive here; use torch.floor(torch.log2(torch.abs(x))) + 1', 'not_in_language')
refuse(['nextafter'], everywhere, 'neighbouring numbers are no primitive here; add a small number instead', 'not_in_language')

// ---- closeness

interface Tolerance {
  readonly rtol: number
  readonly atol: number
  readonly equal_nan: boolean
}

function isClose(ctx: TraceContext, input: Value, other: Value, { rtol, atol, equal_nan }: Tolerance): Value {
  if (input.dtype !== other.dtype) fail(ctx, 'dtype_mismatch', `isclose(): tensors of one dtype expected, got ${input.dtype} and ${other.dtype}`)
  if (rtol < 0 || atol < 0) fail(ctx, 'bad_argument', `isclose(): tolerances must not be negative, got rtol ${rtol} and atol ${atol}`)
  const [a, b] = broadcast(ctx, [input, other]) as [Value, Value]
  const equal = ew.eq(a, b)
  const same = equal_nan && isFloat(a.dtype) ? ew.logicalOr(equal, ew.logicalAnd(ew.ne(a, a), ew.ne(b, b))) : equal
  if (rtol === 0 && atol === 0) return same
  const [x, y] = [toFloat(ctx, a), toFloat(ctx, b)]
  const gap = ew.abs(ew.sub(x, y))
  const allowed = ew.add(ew.abs(ew.mul(y, rtol)), atol)
  return ew.logicalOr(same, ew.logicalAnd(ew.lt(gap, Infinity), ew.le(gap, allowed)))
}

const tolerances = { rtol: withDefault(number, 1e-5, '1e-05'), atol: withDefault(number, 1e-8, '1e-08'), equal_nan: withDefault(boolean, false, 'False') }

define({ names: 'isclose', homes: everywhere, doc: 'Whether |input - other| <= atol + rtol * |other|, elementwise' },
  signature({ input: tensor, other: tensor, ...tolerances }, ({ input, other, ...tolerance }, ctx) => isClose(ctx, input, other, tolerance)))

/** Whether all are true, as Python's True or False. */
function allTrue(ctx: TraceContext, x: Value): { static: ReturnType<typeof bool> } {
  const count = sum(ew.cast(ew.not(x), 'float64'), [...x.shape.keys()])
  return { static: bool(truthOf(ctx, new Tensor(ew.eq(count, 0), null, false))) }
}

define({ names: 'allclose', homes: everywhere, doc: 'Whether isclose holds for all elements: True or False, which decides as a condition does' },
  signature({ input: tensor, other: tensor, ...tolerances }, ({ input, other, ...tolerance }, ctx) => allTrue(ctx, isClose(ctx, input, other, tolerance))))
define({ names: 'equal', homes: everywhere, doc: 'Whether two tensors have one shape and equal elements: True or False, which decides as a condition does' },
  signature({ input: tensor, other: tensor }, ({ input, other }, ctx) => {
    if (String(input.shape) !== String(other.shape)) return { static: bool(false) }
    const [a, b] = broadcast(ctx, [input, other]) as [Value, Value]
    return allTrue(ctx, ew.eq(a, b))
  }))

// ---- of several tensors

for (const [name, doc, gradFn, combine] of [['addcmul', 'input + value * tensor1 * tensor2', 'AddcmulBackward0', mul], ['addcdiv', 'input + value * tensor1 / tensor2', 'AddcdivBackward0', div]] as const) {
  define({ names: name, homes: everywhere, doc, gradFn },
    signature({ input: tensor, tensor1: tensor, tensor2: tensor, value: withDefault(number, 1) }, ({ input, tensor1, tensor2, value }, ctx) => {
      if (name === 'addcdiv' && !isFloat(tensor1.dtype) && !isFloat(tensor2.dtype)) fail(ctx, 'dtype_mismatch', 'addcdiv(): of whole numbers, which PyTorch no longer divides; convert one of them first, as in x.float()')
      // Of whole numbers `value` is one too.
      const whole = [input, tensor1, tensor2].every((x) => !isFloat(x.dtype))
      const factor = value === 1 ? tensor1 : mul(ctx, tensor1, whole ? { kind: 'number', value: Math.trunc(value), whole } : fraction(value))
      return add(ctx, input, combine(ctx, factor, tensor2))
    }))
}

define({ names: 'dist', homes: everywhere, doc: 'The norm of order p of input - other', gradFn: 'DistBackward0' },
  signature({ input: tensor, other: tensor, p: withDefault(number, 2) }, ({ input, other, p }, ctx) => {
    const [a, b] = broadcastFloats(ctx, [input, other]) as [Value, Value]
    return vectorNorm(ew.sub(a, b), p, [...a.shape.keys()])
  }))

define({ names: 'renorm', homes: everywhere, doc: 'Slices along dim whose norm of order p is above maxnorm, scaled down to it', gradFn: 'RenormBackward0' },
  signature({ input: tensor, p: number, dim: integer, maxnorm: number }, ({ input, p, dim, maxnorm }, ctx) => {
    if (p <= 0) fail(ctx, 'bad_argument', `renorm(): p must be above 0, got ${p}`)
    if (maxnorm < 0) fail(ctx, 'bad_argument', `renorm(): maxnorm must not be negative, got ${maxnorm}`)
    if (input.shape.length < 2) fail(ctx, 'shape_mismatch', 'renorm(): a tensor of at least 2 dimensions expected')
    const axis = resolveDim(ctx, dim, input.shape.length)
    const others = [...input.shape.keys()].filter((a) => a !== axis)
    const norm = vectorNorm(toFloat(ctx, input), p, others)
    const scale = ew.where(ew.gt(norm, maxnorm), ew.div(maxnorm, ew.add(norm, 1e-7)), ew.fullLike(norm, 1))
    return mul(ctx, input, reshape(scale, input.shape.map((size, a) => (a === axis ? size : 1))))
  }))
