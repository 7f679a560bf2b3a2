/**
 * Elementwise arithmetic and functions of one argument.
 *
 * At kinks the gradients are PyTorch's: relu'(0) = 0, |x|'(0) = 0, maximum shares a tie between both sides.
 */
import type { Value } from '../ir/value.ts'
import { isFloat } from '../ir/value.ts'
import { eq, ge, gt, logicalAnd, lt, where } from './choice.ts'
import { anywhere, binary, fullLike, positive, unary } from './map.ts'

export * from './choice.ts'
export * from './identity.ts'
export { fullLike } from './map.ts'
export type { Binary, Operand, Unary } from './map.ts'

// ---- arithmetic

export const add = binary({
  name: 'add',
  formula: 'a + b',
  domain: [anywhere, anywhere],
  lower: (s, a, b) => s.add(a, b),
  grad: (g) => [g, g],
})

export const sub = binary({
  name: 'sub',
  formula: 'a - b',
  domain: [anywhere, anywhere],
  lower: (s, a, b) => s.sub(a, b),
  grad: (g) => [g, neg(g)],
})

export const mul = binary({
  name: 'mul',
  formula: 'a * b',
  domain: [anywhere, anywhere],
  lower: (s, a, b) => s.mul(a, b),
  grad: (g, a, b) => [mul(g, b), mul(g, a)],
})

/** Division of floating-point numbers. */
export const div = binary({
  name: 'div',
  formula: 'a / b',
  takes: 'float',
  domain: [anywhere, positive],
  cost: 4,
  lower: (s, a, b) => s.div(a, b),
  grad: (g, _a, b, y) => {
    const scaled = div(g, b)
    return [scaled, neg(mul(scaled, y))]
  },
})

/**
 * x to the power y. d/dx = y x^(y-1), zero where y = 0; d/dy = x^y ln x, zero where x = 0 and y ≥ 0 (PyTorch's
 * pow_backward_exponent).
 */
export const pow = binary({
  name: 'pow',
  formula: 'a ** b',
  takes: 'float',
  domain: [positive, anywhere],
  cost: 40,
  lower: (s, a, b) => s.pow(a, b),
  grad: (g, a, b, y) => {
    const byBase = mul(g, mul(b, pow(a, sub(b, 1))))
    const byExponent = mul(g, mul(y, log(a)))
    const zero = fullLike(g, 0)
    return [where(eq(b, 0), zero, byBase), where(logicalAnd(eq(a, 0), ge(b, 0)), zero, byExponent)]
  },
})

/** The larger one; NaN if either is NaN. At a tie each side gets half of the gradient. */
export const maximum = binary({
  name: 'maximum',
  formula: 'max(a, b)',
  domain: [[-2, -0.1], [0.1, 2]],
  lower: (s, a, b) => s.max(a, b),
  grad: (g, a, b) => shareTie(g, a, b, [lt(a, b), gt(a, b)]),
})

/** The smaller one; NaN if either is NaN. At a tie each side gets half of the gradient. */
export const minimum = binary({
  name: 'minimum',
  formula: 'min(a, b)',
  domain: [[-2, -0.1], [0.1, 2]],
  lower: (s, a, b) => s.min(a, b),
  grad: (g, a, b) => shareTie(g, a, b, [gt(a, b), lt(a, b)]),
})

/** The side that loses gets nothing; where one is NaN, none loses and each gets the whole gradient, as in PyTorch. */
function shareTie(g: Value, a: Value, b: Value, [aLoses, bLoses]: readonly [Value, Value]): readonly [Value, Value] {
  const half = mul(g, 0.5)
  const zero = fullLike(g, 0)
  const tie = eq(a, b)
  return [where(tie, half, where(aLoses, zero, g)), where(tie, half, where(bLoses, zero, g))]
}

/** Remainder with the sign of the dividend (C's fmod). d/da = 1, d/db = -trunc(a / b). */
export const fmod = binary({
  name: 'fmod',
  formula: 'a - b * trunc(a / b)',
  domain: [[0.1, 0.9], [1.1, 2]],
  cost: 40,
  lower: (s, a, b) => s.fmod(a, b),
  grad: (g, a, b) => [g, isFloat(a.dtype) ? neg(mul(g, trunc(div(a, b)))) : null],
})

/** Quotient of whole numbers, rounded toward zero. */
export const quotient = binary({
  name: 'quotient',
  formula: 'trunc(a / b)',
  takes: 'integer',
  domain: [anywhere, positive],
  cost: 40,
  lower: (s, a, b) => s.quotient(a, b),
  grad: null,
})

/** The angle of the point (b, a) in [-π, π]. */
export const atan2 = binary({
  name: 'atan2',
  formula: 'atan2(a, b)',
  takes: 'float',
  domain: [positive, positive],
  cost: 40,
  lower: (s, a, b) => s.atan2(a, b),
  grad: (g, a, b) => {
    const scaled = div(g, add(mul(a, a), mul(b, b)))
    return [mul(scaled, b), neg(mul(scaled, a))]
  },
})

// ---- one argument

export const neg = unary({
  name: 'neg',
  formula: '-x',
  takes: 'number',
  domain: anywhere,
  lower: (s, x) => s.neg(x),
  grad: (g) => neg(g),
})

export const abs = unary({
  name: 'abs',
  formula: '|x|',
  takes: 'number',
  domain: [0.1, 2],
  lower: (s, x) => s.abs(x),
  grad: (g, x) => mul(g, sign(x)),
})

/** -1, 0 or 1; 0 for NaN, as in PyTorch. */
export const sign = unary({
  name: 'sign',
  formula: '(x > 0) - (x < 0)',
  takes: 'number',
  domain: [0.1, 2],
  cost: 4,
  lower: (s, x) => {
    const zero = s.const(0)
    return s.select(s.lt(zero, x), s.const(1), s.select(s.lt(x, zero), s.const(-1), zero))
  },
  grad: null,
})

export const sqrt = unary({
  name: 'sqrt',
  formula: '√x',
  domain: positive,
  cost: 4,
  lower: (s, x) => s.sqrt(x),
  grad: (g, _x, y) => div(g, mul(y, 2)),
})

/** e^x. Below x = -103.97 (float32) the result is 0. */
export const exp = unary({
  name: 'exp',
  formula: 'e ** x',
  domain: anywhere,
  cost: 14,
  lower: (s, x) => s.exp(x),
  grad: (g, _x, y) => mul(g, y),
})

/** e^x - 1 without cancellation near 0. */
export const expm1 = unary({
  name: 'expm1',
  formula: 'e ** x - 1',
  domain: anywhere,
  cost: 18,
  lower: (s, x) => s.expm1(x),
  grad: (g, _x, y) => mul(g, add(y, 1)),
})

/** Natural logarithm: -Infinity at 0, NaN below. */
export const log = unary({
  name: 'log',
  formula: 'ln x',
  domain: positive,
  cost: 18,
  lower: (s, x) => s.log(x),
  grad: (g, x) => div(g, x),
})

/** ln(1 + x) without cancellation near 0. */
export const log1p = unary({
  name: 'log1p',
  formula: 'ln(1 + x)',
  domain: [-0.5, 2],
  cost: 22,
  lower: (s, x) => s.log1p(x),
  grad: (g, x) => div(g, add(x, 1)),
})

export const sin = unary({
  name: 'sin',
  formula: 'sin x',
  domain: [-6, 6],
  cost: 25,
  lower: (s, x) => s.sin(x),
  grad: (g, x) => mul(g, cos(x)),
})

export const cos = unary({
  name: 'cos',
  formula: 'cos x',
  domain: [-6, 6],
  cost: 25,
  lower: (s, x) => s.cos(x),
  grad: (g, x) => neg(mul(g, sin(x))),
})

export const tanh = unary({
  name: 'tanh',
  formula: 'tanh x',
  domain: anywhere,
  cost: 25,
  lower: (s, x) => s.tanh(x),
  grad: (g, _x, y) => mul(g, sub(1, mul(y, y))),
})

/** Logistic sigmoid. The gradient uses the output, so the input may be freed. */
export const sigmoid = unary({
  name: 'sigmoid',
  formula: '1 / (1 + e ** -x)',
  domain: [-6, 6],
  cost: 18,
  lower: (s, x) => s.sigmoid(x),
  grad: (g, _x, y) => mul(g, mul(y, sub(1, y))),
})

/** Gauss error function. d/dx = 2/√π e^(-x²). */
export const erf = unary({
  name: 'erf',
  formula: 'erf x',
  domain: anywhere,
  cost: 30,
  lower: (s, x) => s.erf(x),
  grad: (g, x) => mul(g, mul(exp(neg(mul(x, x))), 2 / Math.sqrt(Math.PI))),
})

/** max(x, 0); NaN stays NaN. The gradient uses the output and is 0 at 0. */
export const relu = unary({
  name: 'relu',
  formula: 'max(x, 0)',
  takes: 'number',
  domain: [0.1, 2],
  lower: (s, x) => s.max(x, s.const(0)),
  grad: (g, _x, y) => where(gt(y, 0), g, fullLike(g, 0)),
})

export const floor = unary({ name: 'floor', formula: '⌊x⌋', domain: [0.1, 0.9], lower: (s, x) => s.floor(x), grad: null })
export const ceil = unary({ name: 'ceil', formula: '⌈x⌉', domain: [0.1, 0.9], lower: (s, x) => s.ceil(x), grad: null })
export const trunc = unary({ name: 'trunc', formula: 'x toward 0', domain: [0.1, 0.9], lower: (s, x) => s.trunc(x), grad: null })
/** To the nearest whole number, halves to even. */
export const round = unary({ name: 'round', formula: 'nearest, halves to even', domain: [0.1, 0.4], lower: (s, x) => s.round(x), grad: null })
