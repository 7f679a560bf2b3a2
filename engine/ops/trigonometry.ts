/** Trigonometric and hyperbolic functions and their inverses. */
import type { Code } from '../ir/code.ts'
import { rational } from '../ir/code.ts'
import { add, div, mul, neg, rsqrt, sub } from './arithmetic.ts'
import { eq, where } from './choice.ts'
import { anywhere, binary, fullLike, positive, unary } from './map.ts'

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

export const tan = unary({
  name: 'tan',
  formula: 'sin x / cos x',
  domain: [-1, 1],
  cost: 50,
  lower: (s, x) => s.select(s.eq(x, s.const(0)), x, s.div(s.sin(x), s.cos(x))),
  grad: (g, _x, y) => mul(g, add(mul(y, y), 1)),
})

/** sin(πx) / (πx), 1 at 0. */
export const sinc = unary({
  name: 'sinc',
  formula: 'sin(πx) / (πx)',
  domain: [0.2, 3],
  cost: 30,
  lower: (s, x) =>
    s.wide((w, v) => {
      // From the distance to the nearest whole number: 0 there.
      const whole = w.round(v)
      const half = w.mul(whole, w.const(0.5))
      const sine = w.sin(w.mul(w.sub(v, whole), w.const(Math.PI)))
      const signed = w.select(w.eq(w.trunc(half), half), sine, w.neg(sine))
      return w.select(w.eq(v, w.const(0)), w.const(1), w.div(signed, w.mul(v, w.const(Math.PI))))
    }, x),
  grad: (g, x) => {
    const angle = mul(x, Math.PI)
    const square = mul(mul(x, x), Math.PI)
    const slope = div(sub(mul(angle, cos(angle)), sin(angle)), square)
    return where(eq(square, 0), fullLike(g, 0), mul(g, slope))
  },
})

const halfPi = Math.PI / 2
const halfPiLow = 6.12323399573676603587e-17

/** fdlibm's (arcsin √z - √z) / √z for z in [0, 1/4] */
function arcTail<T>(s: Code<T>, z: T): T {
  return s.mul(z, rational(s, z, [
    3.47933107596021167570e-5, 7.91534994289814532176e-4, -4.00555345006794114027e-2, 2.01212532134862925881e-1,
    -3.25565818622400915405e-1, 1.66666666666666657415e-1,
  ], [7.70381505559019352791e-2, -6.88283971605453293030e-1, 2.02094576023350569471, -2.40339491173441421878, 1]))
}

/** Of |x| beyond 1/2: √((1 - |x|) / 2), of which arccos |x| is twice the arcsine; else |x|. NaN beyond 1. */
function arcArgument<T>(s: Code<T>, size: T): { readonly far: T; readonly root: T; readonly tail: T } {
  const far = s.lt(s.const(0.5), size)
  const z = s.select(far, s.mul(s.sub(s.const(1), size), s.const(0.5)), s.mul(size, size))
  const root = s.select(far, s.sqrt(z), size)
  return { far, root, tail: s.mul(root, arcTail(s, z)) }
}

export const asin = unary({
  name: 'asin',
  formula: 'arcsin x',
  domain: [-0.9, 0.9],
  cost: 60,
  lower: (s, x) =>
    s.wide((w, v) => {
      const { far, root, tail } = arcArgument(w, w.abs(v))
      const beyond = w.sub(w.const(halfPi), w.sub(w.add(w.add(root, root), w.add(tail, tail)), w.const(halfPiLow)))
      return w.copysign(w.select(far, beyond, w.add(root, tail)), v)
    }, x),
  grad: (g, x) => mul(g, rsqrt(sub(1, mul(x, x)))),
})

export const acos = unary({
  name: 'acos',
  formula: 'arccos x',
  domain: [-0.9, 0.9],
  cost: 60,
  lower: (s, x) =>
    s.wide((w, v) => {
      const { far, root, tail } = arcArgument(w, w.abs(v))
      const twice = w.add(w.add(root, root), w.add(tail, tail))
      const negative = w.lt(v, w.const(0))
      const beyond = w.select(negative, w.sub(w.const(Math.PI), w.sub(twice, w.const(2 * halfPiLow))), twice)
      const signed = w.copysign(root, v)
      const middle = w.sub(w.const(halfPi), w.sub(signed, w.sub(w.const(halfPiLow), w.copysign(tail, v))))
      return w.select(far, beyond, middle)
    }, x),
  grad: (g, x) => neg(mul(g, rsqrt(sub(1, mul(x, x))))),
})

export const atan = unary({
  name: 'atan',
  formula: 'arctan x',
  domain: anywhere,
  cost: 40,
  lower: (s, x) => s.atan2(x, s.const(1)),
  grad: (g, x) => div(g, add(mul(x, x), 1)),
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

/** The length of (a, b), without overflow on the way; Infinity if either is infinite. */
export const hypot = binary({
  name: 'hypot',
  formula: '√(a² + b²)',
  takes: 'float',
  domain: [positive, positive],
  cost: 30,
  lower: (s, a, b) =>
    s.wide((w, x, y) => {
      const [u, v] = [w.abs(x), w.abs(y)]
      const larger = w.max(u, v)
      const infinite = w.or(w.eq(u, w.const(Infinity)), w.eq(v, w.const(Infinity)))
      // By powers of 2, which change no digit.
      const big = w.lt(w.const(2 ** 500), larger)
      const small = w.lt(larger, w.const(2 ** -500))
      const factor = w.select(big, w.const(2 ** -600), w.select(small, w.const(2 ** 600), w.const(1)))
      const back = w.select(big, w.const(2 ** 600), w.select(small, w.const(2 ** -600), w.const(1)))
      const [p, q] = [w.mul(u, factor), w.mul(v, factor)]
      return w.select(infinite, w.const(Infinity), w.mul(w.sqrt(w.add(w.mul(p, p), w.mul(q, q))), back))
    }, a, b),
  grad: (g, a, b, y) => [mul(g, div(a, y)), mul(g, div(b, y))],
})

// ---- hyperbolic

/** e^(|x|/2), twice a factor where e^|x| would overflow. */
function halfExponential<T>(s: Code<T>, size: T): T {
  return s.exp(s.mul(size, s.const(0.5)))
}

export const sinh = unary({
  name: 'sinh',
  formula: '(e ** x - e ** -x) / 2',
  domain: anywhere,
  cost: 50,
  lower: (s, x) =>
    s.wide((w, v) => {
      const size = w.abs(v)
      const large = w.lt(w.const(40), size)
      const t = w.expm1(w.select(large, w.const(0), size))
      const middle = w.mul(w.add(t, w.div(t, w.add(t, w.const(1)))), w.const(0.5))
      const half = halfExponential(w, size)
      return w.copysign(w.select(large, w.mul(w.mul(half, w.const(0.5)), half), middle), v)
    }, x),
  grad: (g, x) => mul(g, cosh(x)),
})

export const cosh = unary({
  name: 'cosh',
  formula: '(e ** x + e ** -x) / 2',
  domain: anywhere,
  cost: 40,
  lower: (s, x) =>
    s.wide((w, v) => {
      const size = w.abs(v)
      const half = halfExponential(w, size)
      const e = w.mul(half, half)
      const middle = w.mul(w.add(e, w.div(w.const(1), e)), w.const(0.5))
      return w.select(w.lt(w.const(40), size), w.mul(w.mul(half, w.const(0.5)), half), middle)
    }, x),
  grad: (g, x) => mul(g, sinh(x)),
})

export const tanh = unary({
  name: 'tanh',
  formula: 'tanh x',
  domain: anywhere,
  cost: 25,
  lower: (s, x) => s.tanh(x),
  grad: (g, _x, y) => mul(g, sub(1, mul(y, y))),
})

export const asinh = unary({
  name: 'asinh',
  formula: 'ln(x + √(x² + 1))',
  domain: anywhere,
  cost: 50,
  lower: (s, x) =>
    s.wide((w, v) => {
      const size = w.abs(v)
      const large = w.lt(w.const(2 ** 28), size)
      const a = w.select(large, w.const(0), size)
      const square = w.mul(a, a)
      const middle = w.log1p(w.add(a, w.div(square, w.add(w.sqrt(w.add(square, w.const(1))), w.const(1)))))
      return w.copysign(w.select(large, w.add(w.log(size), w.const(Math.LN2)), middle), v)
    }, x),
  grad: (g, x) => mul(g, rsqrt(add(mul(x, x), 1))),
})

export const acosh = unary({
  name: 'acosh',
  formula: 'ln(x + √(x² - 1))',
  domain: [1.2, 3],
  cost: 50,
  lower: (s, x) =>
    s.wide((w, v) => {
      const large = w.lt(w.const(2 ** 28), v)
      const t = w.sub(w.select(large, w.const(1), v), w.const(1))
      const middle = w.log1p(w.add(t, w.sqrt(w.add(w.add(t, t), w.mul(t, t)))))
      return w.select(large, w.add(w.log(v), w.const(Math.LN2)), w.select(w.lt(v, w.const(1)), w.const(Number.NaN), middle))
    }, x),
  grad: (g, x) => mul(g, rsqrt(sub(mul(x, x), 1))),
})

export const atanh = unary({
  name: 'atanh',
  formula: 'ln((1 + x) / (1 - x)) / 2',
  domain: [-0.9, 0.9],
  cost: 50,
  lower: (s, x) =>
    s.wide((w, v) => {
      const size = w.abs(v)
      const twice = w.add(size, size)
      return w.copysign(w.mul(w.log1p(w.div(twice, w.sub(w.const(1), size))), w.const(0.5)), v)
    }, x),
  grad: (g, x) => mul(g, div(1, sub(1, mul(x, x)))),
})
