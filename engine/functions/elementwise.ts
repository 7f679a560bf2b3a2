/** Elementwise functions: arithmetic, exponentials, trigonometry, rounding, comparisons, logic. */
import type { Value } from '../ir/value.ts'
import { isFloat } from '../ir/value.ts'
import type { TraceContext } from '../lang/values.ts'
import { fail } from '../lang/values.ts'
import * as ew from '../ops/elementwise.ts'
import type { Binary, Unary } from '../ops/elementwise.ts'
import type { Home, Signature } from './define.ts'
import { family, signature } from './define.ts'
import type { TensorOrNumber } from './parameters.ts'
import { floatTensor, integer, number, oneOf, operand, optional, tensor, withDefault } from './parameters.ts'
import { asTensor, broadcast, broadcastFloats, floatType, isTensor, resultType } from './promote.ts'

const { define } = family('elementwise')

const everywhere: readonly Home[] = ['torch', 'Tensor']

/** A floating-point copy of integers, as PyTorch's unary functions make it. */
export function toFloat(ctx: TraceContext, x: Value): Value {
  return ew.cast(x, floatType(ctx, x.dtype))
}

const alsoSpecial: readonly Home[] = [...everywhere, 'special']

export function floatFunction(names: string | readonly string[], doc: string, gradFn: string, formula: (x: Value) => Value, homes = everywhere): void {
  define({ names, homes, doc, gradFn }, signature({ input: tensor }, ({ input }, ctx) => formula(toFloat(ctx, input))))
}

// ---- arithmetic

export function add(ctx: TraceContext, a: TensorOrNumber, b: TensorOrNumber): Value {
  return arithmetic(ctx, ew.add, a, b)
}

export function sub(ctx: TraceContext, a: TensorOrNumber, b: TensorOrNumber): Value {
  if (resultType(ctx, [a, b]) === 'bool') fail(ctx, 'dtype_mismatch', 'subtraction of two bool tensors; use ^ or torch.logical_xor')
  return arithmetic(ctx, ew.sub, a, b)
}

/** Sums and products of bools are "or" and "and", as in PyTorch. */
function arithmetic(ctx: TraceContext, op: Binary, a: TensorOrNumber, b: TensorOrNumber): Value {
  const [x, y] = broadcast(ctx, [a, b]) as [Value, Value]
  if (x.dtype === 'bool') return op === ew.add ? ew.logicalOr(x, y) : ew.logicalAnd(x, y)
  return op(x, y)
}

export function mul(ctx: TraceContext, a: TensorOrNumber, b: TensorOrNumber): Value {
  return arithmetic(ctx, ew.mul, a, b)
}

/** True division: integers become the default dtype. */
export function div(ctx: TraceContext, a: TensorOrNumber, b: TensorOrNumber): Value {
  const [x, y] = broadcastFloats(ctx, [a, b]) as [Value, Value]
  return ew.div(x, y)
}

export function pow(ctx: TraceContext, a: TensorOrNumber, b: TensorOrNumber): Value {
  const dtype = resultType(ctx, [a, b])
  if (!isFloat(dtype)) return integerPower(ctx, a, b)
  const [x, y] = broadcast(ctx, [a, b], dtype) as [Value, Value]
  return ew.pow(x, y)
}

/** Whole powers of integer tensors, by squaring. */
function integerPower(ctx: TraceContext, a: TensorOrNumber, b: TensorOrNumber): Value {
  if (isTensor(b)) return powerByBits(...(broadcast(ctx, [a, b], 'int64') as [Value, Value]))
  if (b.value < 0 || b.value > 64) {
    fail(ctx, 'bad_argument', 'an integer tensor takes a whole number from 0 to 64 as exponent; make it floating point first, as in a.float() ** b')
  }
  const x = asTensor(ctx, a, 'int64')
  let result = ew.fullLike(x, 1)
  let square = x
  for (let n = b.value; n > 0; n = Math.floor(n / 2)) {
    if (n % 2 === 1) result = ew.mul(result, square)
    square = ew.mul(square, square)
  }
  return result
}

/** Remainder with the sign of the divisor, as Python's %. */
export function remainder(ctx: TraceContext, a: TensorOrNumber, b: TensorOrNumber): Value {
  const [x, y] = broadcast(ctx, [a, b]) as [Value, Value]
  const rest = floorMod(x, y)
  return isFloat(x.dtype) ? ew.surrogate(rest, ew.sub(x, ew.mul(y, ew.detach(floorQuotient(x, y))))) : rest
}

function floorMod(x: Value, y: Value): Value {
  const rest = ew.fmod(x, y)
  const wrongSign = ew.logicalAnd(ew.ne(rest, 0), ew.ne(ew.lt(rest, 0), ew.lt(y, 0)))
  return ew.where(wrongSign, ew.add(rest, y), rest)
}

/** x to the power of y, bit by bit of y, of which ten are read. Negative powers: 0, but for those of 1 and -1. */
function powerByBits(x: Value, y: Value): Value {
  const one = ew.fullLike(x, 1)
  let [result, square, rest] = [one, x, ew.abs(y)]
  for (let bit = 0; bit < 10; bit++) {
    result = ew.where(ew.eq(ew.fmod(rest, 2), 1), ew.mul(result, square), result)
    square = ew.mul(square, square)
    rest = ew.quotient(rest, 2)
  }
  const unit = ew.eq(ew.mul(x, x), 1)
  return ew.where(ew.logicalOr(ew.ge(y, 0), unit), result, ew.fullLike(x, 0))
}

/** Quotient rounded down, as Python's //. */
export function floorDivide(ctx: TraceContext, a: TensorOrNumber, b: TensorOrNumber): Value {
  const [x, y] = broadcast(ctx, [a, b]) as [Value, Value]
  if (isFloat(x.dtype)) return ew.detach(floorQuotient(x, y))
  const exact = ew.sub(x, floorMod(x, y))
  return ew.quotient(exact, y)
}

/** As CPython's float //: what is left after the remainder is divided, so that 1 // 0.1 is 9 although 1 / 0.1 is 10. */
function floorQuotient(x: Value, y: Value): Value {
  const ratio = ew.div(x, y)
  const rest = ew.fmod(x, y)
  const whole = ew.div(ew.sub(x, rest), y)
  const lower = ew.where(ew.logicalAnd(ew.ne(rest, 0), ew.ne(ew.lt(rest, 0), ew.lt(y, 0))), ew.sub(whole, 1), whole)
  const down = ew.floor(lower)
  const rounded = ew.where(ew.gt(ew.sub(lower, down), 0.5), ew.add(down, 1), down)
  return ew.where(ew.eq(y, 0), ratio, ew.where(ew.eq(lower, 0), ew.mul(ratio, 0), rounded))
}

/** Division rounded toward zero. */
function truncDivide(ctx: TraceContext, a: TensorOrNumber, b: TensorOrNumber): Value {
  const [x, y] = broadcast(ctx, [a, b]) as [Value, Value]
  return isFloat(x.dtype) ? ew.detach(ew.trunc(ew.div(x, y))) : ew.quotient(x, y)
}

type Two = (ctx: TraceContext, a: TensorOrNumber, b: TensorOrNumber) => Value

function two(formula: Two): Signature {
  return signature({ input: operand, other: operand }, ({ input, other }, ctx) => formula(ctx, input, other))
}

/** `add` and `sub` take a factor for the second operand. */
function scaled(formula: Two): Signature {
  return signature({ input: operand, other: operand, alpha: withDefault(number, 1) }, ({ input, other, alpha }, ctx) => {
    const second = alpha === 1 ? other : mul(ctx, isTensor(other) ? other : asTensor(ctx, other, resultType(ctx, [other])), { kind: 'number', value: alpha, whole: Number.isInteger(alpha) })
    return formula(ctx, input, second)
  })
}

define({ names: 'add', homes: everywhere, doc: 'input + alpha * other', gradFn: 'AddBackward0' }, scaled(add))
define({ names: ['sub', 'subtract'], homes: everywhere, doc: 'input - alpha * other', gradFn: 'SubBackward0' }, scaled(sub))
define({ names: 'rsub', homes: ['torch'], doc: 'other - alpha * input', gradFn: 'RsubBackward1' }, signature({ input: operand, other: operand, alpha: withDefault(operand, { kind: 'number', value: 1, whole: true }, '1') }, ({ input, other, alpha }, ctx) =>
  sub(ctx, other, isTensor(alpha) || alpha.value !== 1 ? mul(ctx, input, alpha) : input)))
define({ names: ['mul', 'multiply'], homes: everywhere, doc: 'input * other', gradFn: 'MulBackward0' }, two(mul))
define({ names: ['div', 'divide', 'true_divide'], homes: everywhere, doc: 'input / other, rounded as rounding_mode says', gradFn: 'DivBackward0' },
  signature({ input: operand, other: operand, rounding_mode: optional(oneOf('trunc', 'floor')) }, ({ input, other, rounding_mode }, ctx) => {
    if (rounding_mode === 'floor') return floorDivide(ctx, input, other)
    return rounding_mode === 'trunc' ? truncDivide(ctx, input, other) : div(ctx, input, other)
  }))
define({ names: 'pow', homes: everywhere, doc: 'input to the power of exponent', gradFn: 'PowBackward0' }, signature({ input: operand, exponent: operand }, ({ input, exponent }, ctx) => pow(ctx, input, exponent)))
define({ names: 'remainder', homes: everywhere, doc: 'Remainder with the sign of the divisor', gradFn: 'RemainderBackward0' }, two(remainder))
define({ names: 'fmod', homes: everywhere, doc: 'Remainder with the sign of the dividend', gradFn: 'FmodBackward0' }, two((ctx, a, b) => {
  const [x, y] = broadcast(ctx, [a, b]) as [Value, Value]
  return ew.fmod(x, y)
}))
define({ names: 'floor_divide', homes: everywhere, doc: 'Quotient rounded down' }, two(floorDivide))

function pairwise(name: string, doc: string, gradFn: string, op: Binary): void {
  define({ names: name, homes: everywhere, doc, gradFn }, two((ctx, a, b) => {
    const [x, y] = broadcast(ctx, [a, b]) as [Value, Value]
    if (x.dtype === 'bool') return op === ew.maximum || op === ew.fmax ? ew.logicalOr(x, y) : ew.logicalAnd(x, y)
    return op(x, y)
  }))
}

pairwise('maximum', 'The larger of two elements; NaN if either is NaN', 'MaximumBackward0', ew.maximum)
pairwise('minimum', 'The smaller of two elements; NaN if either is NaN', 'MinimumBackward0', ew.minimum)
pairwise('fmax', 'The larger of two elements; of a number and NaN the number', 'FmaxBackward0', ew.fmax)
pairwise('fmin', 'The smaller of two elements; of a number and NaN the number', 'FminBackward0', ew.fmin)

function floats(names: string | readonly string[], doc: string, gradFn: string, formula: (x: Value, y: Value) => Value, homes = everywhere): void {
  define({ names, homes, doc, gradFn }, two((ctx, a, b) => {
    const [x, y] = broadcastFloats(ctx, [a, b]) as [Value, Value]
    return formula(x, y)
  }))
}

floats(['atan2', 'arctan2'], 'The angle of the point (other, input)', 'Atan2Backward0', ew.atan2)
floats('hypot', 'Length of the hypotenuse', 'HypotBackward0', ew.hypot)
floats('logaddexp', 'ln(exp(input) + exp(other))', 'LogaddexpBackward0', ew.logaddexp)
floats('logaddexp2', 'log2(2 ** input + 2 ** other)', 'Logaddexp2Backward0', ew.logaddexp2)
floats('xlogy', 'input * ln(other), 0 where input is 0', 'XlogyBackward0', ew.xlogy, [...everywhere, 'special'])
floats('xlog1py', 'input * ln(1 + other), 0 where input is 0', 'SpecialXlog1PyBackward0', ew.xlog1py, ['special'])
floats('copysign', 'The size of input with the sign of other', 'CopysignBackward0', ew.copysign)

define({ names: 'lerp', homes: everywhere, doc: 'input + weight * (end - input)', gradFn: 'LerpBackward0' },
  signature({ input: floatTensor, end: floatTensor, weight: operand }, ({ input, end, weight }, ctx) => {
    const [x, y, w] = broadcast(ctx, [input, end, weight], input.dtype) as [Value, Value, Value]
    return lerp(x, y, w)
  }))

/** x + w (y - x), by PyTorch's formula: from the nearer end. The gradient is that of (1 - w) x + w y. */
export function lerp(x: Value, y: Value, w: Value): Value {
  const gap = ew.sub(y, x)
  const rest = ew.sub(1, w)
  const value = ew.where(ew.lt(w, 0.5), ew.add(x, ew.mul(w, gap)), ew.sub(y, ew.mul(gap, rest)))
  return ew.surrogate(value, ew.add(ew.mul(x, rest), ew.mul(y, w)))
}

// ---- one argument

function numeric(names: string | readonly string[], doc: string, gradFn: string, op: Unary): void {
  define({ names, homes: everywhere, doc, gradFn }, signature({ input: tensor }, ({ input }, ctx) => {
    if (input.dtype === 'bool' && op === ew.sign) return input
    if (input.dtype === 'bool') fail(ctx, 'dtype_mismatch', `${op.op.name} of a bool tensor; use ~ or torch.logical_not`)
    return op(input)
  }))
}

numeric(['neg', 'negative'], '-input', 'NegBackward0', ew.neg)
numeric(['abs', 'absolute'], 'Absolute value', 'AbsBackward0', ew.abs)
numeric(['sign', 'sgn'], '-1, 0 or 1', 'SignBackward0', ew.sign)

floatFunction('exp', 'e to the power of input', 'ExpBackward0', ew.exp)
floatFunction('exp2', '2 to the power of input', 'Exp2Backward0', ew.exp2, alsoSpecial)
floatFunction('expm1', 'exp(input) - 1, exact near 0', 'Expm1Backward0', ew.expm1, alsoSpecial)
floatFunction('log', 'Natural logarithm', 'LogBackward0', ew.log)
floatFunction('log2', 'Logarithm to base 2', 'Log2Backward0', ew.log2)
floatFunction('log10', 'Logarithm to base 10', 'Log10Backward0', ew.log10)
floatFunction('log1p', 'ln(1 + input), exact near 0', 'Log1PBackward0', ew.log1p, alsoSpecial)
floatFunction('sqrt', 'Square root', 'SqrtBackward0', ew.sqrt)
floatFunction('rsqrt', '1 / sqrt(input)', 'RsqrtBackward0', ew.rsqrt)
floatFunction('reciprocal', '1 / input', 'ReciprocalBackward0', (x) => ew.div(1, x))
floatFunction('sin', 'Sine', 'SinBackward0', ew.sin)
floatFunction('cos', 'Cosine', 'CosBackward0', ew.cos)
floatFunction('tan', 'Tangent', 'TanBackward0', ew.tan)
floatFunction(['asin', 'arcsin'], 'Arc sine', 'AsinBackward0', ew.asin)
floatFunction(['acos', 'arccos'], 'Arc cosine', 'AcosBackward0', ew.acos)
floatFunction(['atan', 'arctan'], 'Arc tangent', 'AtanBackward0', ew.atan)
floatFunction('sinh', 'Hyperbolic sine', 'SinhBackward0', ew.sinh)
floatFunction('cosh', 'Hyperbolic cosine', 'CoshBackward0', ew.cosh)
floatFunction('tanh', 'Hyperbolic tangent', 'TanhBackward0', ew.tanh, ['torch', 'Tensor', 'F'])
floatFunction(['asinh', 'arcsinh'], 'Inverse of sinh', 'AsinhBackward0', ew.asinh)
floatFunction(['acosh', 'arccosh'], 'Inverse of cosh', 'AcoshBackward0', ew.acosh)
floatFunction(['atanh', 'arctanh'], 'Inverse of tanh', 'AtanhBackward0', ew.atanh)
floatFunction('sigmoid', '1 / (1 + exp(-input))', 'SigmoidBackward0', ew.sigmoid, ['torch', 'Tensor', 'F'])
floatFunction('rad2deg', 'Degrees of an angle in radians', 'Rad2DegBackward0', (x) => ew.mul(x, 180 / Math.PI))
floatFunction('deg2rad', 'Radians of an angle in degrees', 'Deg2RadBackward0', (x) => ew.mul(x, Math.PI / 180))
floatFunction('angle', 'pi for numbers below 0, else 0', 'AngleBackward0', (x) => ew.where(ew.eq(x, x), ew.where(ew.lt(x, 0), ew.fullLike(x, Math.PI), ew.fullLike(x, 0)), ew.detach(x)))
define({ names: 'square', homes: everywhere, doc: 'input ** 2', gradFn: 'PowBackward0' }, signature({ input: tensor }, ({ input }, ctx) => mul(ctx, input.dtype === 'bool' ? ew.cast(input, 'int64') : input, input)))

function rounding(names: string | readonly string[], doc: string, gradFn: string, op: Unary): void {
  define({ names, homes: everywhere, doc, gradFn }, signature({ input: tensor }, ({ input }) => (isFloat(input.dtype) ? op(input) : input)))
}

rounding('floor', 'Rounds down', 'FloorBackward0', ew.floor)
rounding('ceil', 'Rounds up', 'CeilBackward0', ew.ceil)
rounding(['trunc', 'fix'], 'Rounds toward 0', 'TruncBackward0', ew.trunc)
for (const [homes, gradFn] of [[everywhere, 'RoundBackward0'], [['special'], 'RoundBackward1']] as const) {
  define({ names: 'round', homes, doc: 'Rounds to the nearest number with so many decimals, halves to even', gradFn },
    signature({ input: tensor, decimals: withDefault(integer, 0) }, ({ input, decimals }, ctx) => {
      if (!isFloat(input.dtype)) return decimals === 0 ? input : fail(ctx, 'dtype_mismatch', `round(): decimals needs a floating-point tensor, got ${input.dtype}`)
      const unit = 10 ** Math.abs(decimals)
      if (decimals === 0) return ew.round(input)
      return decimals > 0 ? ew.div(ew.round(ew.mul(input, unit)), unit) : ew.mul(ew.round(ew.div(input, unit)), unit)
    }))
}
define({ names: 'frac', homes: everywhere, doc: 'Fraction, with the sign of input', gradFn: 'FracBackward0' }, signature({ input: floatTensor }, ({ input }) => ew.sub(input, ew.trunc(input))))

// ---- limits

/** At least `min`, at most `max`; NaN passes. The gradient passes where the limits are met exactly, and none through NaN. */
export function clamp(ctx: TraceContext, input: Value, min: TensorOrNumber | undefined, max: TensorOrNumber | undefined): Value {
  const given = [input, min, max].filter((x) => x !== undefined)
  const [x, ...limits] = broadcast(ctx, given)
  let result = x!
  if (result.dtype === 'bool') {
    if (min !== undefined) result = ew.logicalOr(result, limits.shift()!)
    return max === undefined ? result : ew.logicalAnd(result, limits.shift()!)
  }
  if (min !== undefined) {
    const low = limits.shift()!
    result = ew.where(ew.ge(result, low), result, ew.where(ew.lt(result, low), low, ew.detach(ew.maximum(result, low))))
  }
  if (max !== undefined) {
    const high = limits.shift()!
    result = ew.where(ew.le(result, high), result, ew.where(ew.gt(result, high), high, ew.detach(ew.minimum(result, high))))
  }
  return result
}

define({ names: ['clamp', 'clip'], homes: everywhere, doc: 'Limits elements to [min, max]', gradFn: 'ClampBackward1' },
  signature({ input: tensor, min: optional(operand), max: optional(operand) }, ({ input, min, max }, ctx) => {
    if (min === undefined && max === undefined) fail(ctx, 'bad_argument', 'clamp() needs min or max')
    return clamp(ctx, input, min, max)
  }))

define({ names: 'clamp_min', homes: everywhere, doc: 'At least min', gradFn: 'ClampMinBackward0' }, signature({ input: tensor, min: operand }, ({ input, min }, ctx) => clamp(ctx, input, min, undefined)))
define({ names: 'clamp_max', homes: everywhere, doc: 'At most max', gradFn: 'ClampMaxBackward0' }, signature({ input: tensor, max: operand }, ({ input, max }, ctx) => clamp(ctx, input, undefined, max)))

// ---- comparisons and logic

export const compareOps = { '==': ew.eq, '!=': ew.ne, '<': ew.lt, '<=': ew.le, '>': ew.gt, '>=': ew.ge } as const

export function compare(ctx: TraceContext, operator: keyof typeof compareOps, a: TensorOrNumber, b: TensorOrNumber): Value {
  const [x, y] = broadcast(ctx, [a, b]) as [Value, Value]
  return compareOps[operator](x, y)
}

for (const [names, operator] of [[['eq'], '=='], [['ne', 'not_equal'], '!='], [['lt', 'less'], '<'], [['le', 'less_equal'], '<='], [['gt', 'greater'], '>'], [['ge', 'greater_equal'], '>=']] as const) {
  define({ names, homes: everywhere, doc: `input ${operator} other, elementwise` }, two((ctx, a, b) => compare(ctx, operator, a, b)))
}

export function toBool(x: Value): Value {
  return ew.cast(x, 'bool')
}

export function bitwise(ctx: TraceContext, operator: '&' | '|' | '^', a: TensorOrNumber, b: TensorOrNumber): Value {
  const [x, y] = broadcast(ctx, [a, b]) as [Value, Value]
  if (isFloat(x.dtype)) fail(ctx, 'dtype_mismatch', `${operator} takes bool or integer tensors, got ${x.dtype}`)
  return bitwiseOps[operator](x, y)
}

const bitwiseOps = { '&': ew.logicalAnd, '|': ew.logicalOr, '^': ew.logicalXor } as const

for (const [word, operator] of [['and', '&'], ['or', '|'], ['xor', '^']] as const) {
  define({ names: `bitwise_${word}`, homes: everywhere, doc: `input ${operator} other` }, two((ctx, a, b) => bitwise(ctx, operator, a, b)))
  define({ names: `logical_${word}`, homes: everywhere, doc: `Logical ${word} of truth values` },
    signature({ input: tensor, other: tensor }, ({ input, other }, ctx) => {
      const [x, y] = broadcast(ctx, [toBool(input), toBool(other)]) as [Value, Value]
      return bitwiseOps[operator](x, y)
    }))
}

export function invert(ctx: TraceContext, x: Value): Value {
  if (isFloat(x.dtype)) fail(ctx, 'dtype_mismatch', `~ takes bool or integer tensors, got ${x.dtype}`)
  return ew.not(x)
}

define({ names: 'bitwise_not', homes: everywhere, doc: '~input' }, signature({ input: tensor }, ({ input }, ctx) => invert(ctx, input)))
define({ names: 'logical_not', homes: everywhere, doc: 'Logical not of truth values' }, signature({ input: tensor }, ({ input }) => ew.not(toBool(input))))

define({ names: 'isnan', homes: everywhere, doc: 'Whether elements are NaN' }, signature({ input: tensor }, ({ input }) => ew.ne(input, input)))
define({ names: 'isinf', homes: everywhere, doc: 'Whether elements are infinite' }, signature({ input: tensor }, ({ input }, ctx) => ew.eq(ew.abs(toFloat(ctx, input)), Infinity)))
define({ names: 'isfinite', homes: everywhere, doc: 'Whether elements are finite' }, signature({ input: tensor }, ({ input }, ctx) => ew.lt(ew.abs(toFloat(ctx, input)), Infinity)))

define({ names: 'where', homes: ['torch'], doc: 'Elements of input where condition is true, else of other', gradFn: 'WhereBackward0' },
  signature({ condition: tensor, input: operand, other: operand }, ({ condition, input, other }, ctx) => {
    if (condition.dtype !== 'bool') fail(ctx, 'dtype_mismatch', `where(): condition: a bool tensor expected, got ${condition.dtype}`)
    return choose(ctx, condition, input, other)
  }),
  signature({ condition: tensor }, (_args, ctx) => fail(ctx, 'value_dependent', 'where(condition) alone gives a tensor whose shape depends on values; use torch.where(condition, a, b)')))

define({ names: 'where', homes: ['Tensor'], doc: 'input where condition is true, else other', gradFn: 'WhereBackward0' },
  signature({ input: tensor, condition: tensor, other: operand }, ({ input, condition, other }, ctx) => {
    if (condition.dtype !== 'bool') fail(ctx, 'dtype_mismatch', `where(): condition: a bool tensor expected, got ${condition.dtype}`)
    return choose(ctx, condition, input, other)
  }))

/** where() with type promotion and broadcasting. */
export function choose(ctx: TraceContext, condition: Value, a: TensorOrNumber, b: TensorOrNumber): Value {
  const dtype = resultType(ctx, [a, b])
  const shaped = [condition, a, b].filter(isTensor)
  const [, x, y] = broadcast(ctx, [condition, a, b], dtype) as [Value, Value, Value]
  const [mask] = broadcast(ctx, [condition, ...shaped], 'bool') as [Value]
  return ew.where(mask, x, y)
}

define({ names: 'masked_fill', homes: everywhere, doc: 'value where mask is true, else input', gradFn: 'MaskedFillBackward0' },
  signature({ input: tensor, mask: tensor, value: operand }, ({ input, mask, value }, ctx) => {
    if (mask.dtype !== 'bool') fail(ctx, 'dtype_mismatch', `masked_fill(): mask: a bool tensor expected, got ${mask.dtype}`)
    return choose(ctx, mask, asTensor(ctx, value, input.dtype), input)
  }))

define({ names: 'nan_to_num', homes: everywhere, doc: 'Replaces NaN and infinities by numbers', gradFn: 'NanToNumBackward0' },
  signature({ input: tensor, nan: withDefault(number, 0), posinf: optional(number), neginf: optional(number) }, ({ input, nan, posinf, neginf }) => {
    if (!isFloat(input.dtype)) return ew.copy(input)
    const largest = input.dtype === 'float32' ? 3.4028234663852886e38 : Number.MAX_VALUE
    const fill = (x: number): Value => ew.fullLike(input, x)
    const finite = ew.where(ew.eq(input, Infinity), fill(posinf ?? largest), ew.where(ew.eq(input, -Infinity), fill(neginf ?? -largest), input))
    return ew.where(ew.ne(input, input), fill(nan), finite)
  }))
