/**
 * Arithmetic: the four operations, extremes, remainders, signs and rounding.
 *
 * At kinks the gradients are PyTorch's: relu'(0) = 0, |x|'(0) = 0, maximum shares a tie between both sides.
 */
import type { Value } from '../ir/value.ts'
import { isFloat } from '../ir/value.ts'
import { eq, ge, gt, le, logicalOr, lt, ne, where } from './choice.ts'
import { anywhere, binary, fullLike, positive, unary } from './map.ts'

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
  grad: (g, _a, b, y) => [div(g, b), neg(mul(g, div(y, b)))],
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

export const rsqrt = unary({
  name: 'rsqrt',
  formula: '1 / √x',
  domain: positive,
  cost: 8,
  lower: (s, x) => s.div(s.const(1), s.sqrt(x)),
  grad: (g, _x, y) => mul(mul(g, -0.5), mul(mul(y, y), y)),
})

/** max(x, 0); NaN stays NaN. The gradient uses the output and is 0 at 0. */
export const relu = unary({
  name: 'relu',
  formula: 'max(x, 0)',
  takes: 'number',
  domain: [0.1, 2],
  lower: (s, x) => s.max(x, s.const(0)),
  grad: (g, _x, y) => where(le(y, 0), fullLike(g, 0), g),
})

/** The larger one, of a number and NaN the number; at a tie the first one gets the gradient. */
export const fmax = binary({
  name: 'fmax',
  formula: 'max(a, b), NaN only if both are',
  domain: [[-2, -0.1], [0.1, 2]],
  cost: 4,
  lower: (s, a, b) => s.select(s.or(s.le(b, a), s.ne(b, b)), a, b),
  grad: (g, a, b) => toOne(g, logicalOr(ge(a, b), ne(b, b))),
})

/** The smaller one, of a number and NaN the number; at a tie the first one gets the gradient. */
export const fmin = binary({
  name: 'fmin',
  formula: 'min(a, b), NaN only if both are',
  domain: [[-2, -0.1], [0.1, 2]],
  cost: 4,
  lower: (s, a, b) => s.select(s.or(s.le(a, b), s.ne(b, b)), a, b),
  grad: (g, a, b) => toOne(g, logicalOr(le(a, b), ne(b, b))),
})

function toOne(g: Value, first: Value): readonly [Value, Value] {
  const zero = fullLike(g, 0)
  return [where(first, g, zero), where(first, zero, g)]
}

/** The size of a with the sign of b, of zeros too. No gradient where a is 0. */
export const copysign = binary({
  name: 'copysign',
  formula: '|a| with the sign of b',
  takes: 'float',
  domain: [[0.1, 2], anywhere],
  lower: (s, a, b) => s.copysign(a, b),
  grad: (g, a, _b, y) => [where(eq(a, 0), fullLike(g, 0), mul(g, div(y, a))), null],
})

export const floor = unary({ name: 'floor', formula: '⌊x⌋', domain: [0.1, 0.9], lower: (s, x) => s.floor(x), grad: null })
export const ceil = unary({ name: 'ceil', formula: '⌈x⌉', domain: [0.1, 0.9], lower: (s, x) => s.ceil(x), grad: null })
export const trunc = unary({ name: 'trunc', formula: 'x toward 0', domain: [0.1, 0.9], lower: (s, x) => s.trunc(x), grad: null })
/** To the nearest whole number, halves to even. */
export const round = unary({ name: 'round', formula: 'nearest, halves to even', domain: [0.1, 0.4], lower: (s, x) => s.round(x), grad: null })
