/** Exponentials, logarithms and powers. Gradients are PyTorch's formulas, also at infinities and zeros. */
import type { Code } from '../ir/code.ts'
import type { Value } from '../ir/value.ts'
import { add, div, mul, sub } from './arithmetic.ts'
import { eq, ge, le, logicalAnd, logicalOr, lt, ne, where } from './choice.ts'
import { anywhere, binary, fullLike, positive, unary } from './map.ts'

/** e^x. Below x = -103.97 (float32) the result is 0. */
export const exp = unary({
  name: 'exp',
  formula: 'e ** x',
  domain: anywhere,
  cost: 14,
  lower: (s, x) => s.exp(x),
  grad: (g, _x, y) => mul(g, y),
})

/** 2^x. */
export const exp2 = unary({
  name: 'exp2',
  formula: '2 ** x',
  domain: anywhere,
  cost: 14,
  lower: (s, x) => s.exp2(x),
  grad: (g, _x, y) => mul(mul(g, y), Math.LN2),
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

/** Whole for powers of 2. */
export const log2 = unary({
  name: 'log2',
  formula: 'ln x / ln 2',
  domain: positive,
  cost: 20,
  lower: (s, x) => s.log2(x),
  grad: (g, x) => div(g, mul(x, Math.LN2)),
})

/** Whole for powers of 10. */
export const log10 = unary({
  name: 'log10',
  formula: 'ln x / ln 10',
  domain: positive,
  cost: 60,
  lower: (s, x) => s.log10(x),
  grad: (g, x) => div(g, mul(x, Math.LN10)),
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

/** Logistic sigmoid. The gradient uses the output, so the input may be freed. */
export const sigmoid = unary({
  name: 'sigmoid',
  formula: '1 / (1 + e ** -x)',
  domain: [-6, 6],
  cost: 18,
  lower: (s, x) => s.sigmoid(x),
  grad: (g, _x, y) => mul(g, mul(y, sub(1, y))),
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

/** ln(x / (1 - x)), near 1/2 without cancellation. */
export const logit = unary({
  name: 'logit',
  formula: 'ln(x / (1 - x))',
  domain: [0.1, 0.9],
  cost: 60,
  lower: (s, x) =>
    s.wide((w, v) => {
      const rest = w.sub(w.const(1), v)
      const near = w.lt(w.abs(w.sub(v, w.const(0.5))), w.const(0.25))
      const middle = w.log1p(w.div(w.sub(w.add(v, v), w.const(1)), w.select(near, rest, w.const(1))))
      return w.select(near, middle, w.log(w.div(v, rest)))
    }, x),
  grad: (g, x) => {
    const inside = div(g, mul(x, sub(1, x)))
    const outside = logicalOr(lt(x, 0), logicalOr(lt(fullLike(x, 1), x), ne(x, x)))
    return where(outside, fullLike(g, Number.NaN), inside)
  },
})

/** The larger one of a and b, and b - a or a - b, whichever is negative: 0 for two equal infinities. */
function largerAndGap<T>(s: Code<T>, a: T, b: T): readonly [T, T] {
  const same = s.eq(a, b)
  return [s.max(a, b), s.select(same, s.const(0), s.neg(s.abs(s.sub(a, b))))]
}

export const logaddexp = binary({
  name: 'logaddexp',
  formula: 'ln(e ** a + e ** b)',
  takes: 'float',
  domain: [anywhere, anywhere],
  cost: 40,
  lower: (s, a, b) => {
    const [larger, gap] = largerAndGap(s, a, b)
    return s.add(larger, s.log1p(s.exp(gap)))
  },
  grad: (g, a, b) => [div(g, add(exp(sub(b, a)), 1)), div(g, add(exp(sub(a, b)), 1))],
})

export const logaddexp2 = binary({
  name: 'logaddexp2',
  formula: 'log2(2 ** a + 2 ** b)',
  takes: 'float',
  domain: [anywhere, anywhere],
  cost: 40,
  lower: (s, a, b) => {
    const [larger, gap] = largerAndGap(s, a, b)
    return s.add(larger, s.mul(s.log1p(s.exp2(gap)), s.const(Math.LOG2E)))
  },
  grad: (g, a, b) => [div(g, add(exp2(sub(b, a)), 1)), div(g, add(exp2(sub(a, b)), 1))],
})

/** a ln b, 0 where a = 0 and b is a number. */
export const xlogy = binary({
  name: 'xlogy',
  formula: 'a ln b',
  takes: 'float',
  domain: [anywhere, positive],
  cost: 20,
  lower: (s, a, b) => s.select(s.and(s.eq(a, s.const(0)), s.eq(b, b)), s.const(0), s.mul(a, s.log(b))),
  grad: (g, a, b) => [unlessSilent(mul(g, log(b)), a, le(b, 0)), div(mul(g, a), b)],
})

/** a ln(1 + b), 0 where a = 0 and b is a number. */
export const xlog1py = binary({
  name: 'xlog1py',
  formula: 'a ln(1 + b)',
  takes: 'float',
  domain: [anywhere, positive],
  cost: 24,
  lower: (s, a, b) => s.select(s.and(s.eq(a, s.const(0)), s.eq(b, b)), s.const(0), s.mul(a, s.log1p(b))),
  grad: (g, a, b) => [unlessSilent(mul(g, log1p(b)), a, le(b, -1)), div(mul(g, a), add(b, 1))],
})

/** No gradient where a = 0 and there is no logarithm. */
function unlessSilent(gradient: Value, a: Value, none: Value): Value {
  return where(logicalAnd(eq(a, 0), none), fullLike(gradient, 0), gradient)
}
