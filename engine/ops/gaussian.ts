/** The error function, its complement and inverse, and the normal distribution. */
import type { Code } from '../ir/code.ts'
import { rational } from '../ir/code.ts'
import { add, div, mul, neg, sub } from './arithmetic.ts'
import { exp, log } from './exponential.ts'
import { anywhere, unary } from './map.ts'

const rootPi = Math.sqrt(Math.PI)
const erx = 8.45062911510467529297e-1

interface ErrorParts<T> {
  /** (erf a - a) / a for a < 0.84375 */
  readonly near: T
  /** erf a - erx for 0.84375 ≤ a < 1.25 */
  readonly middle: T
  /** ln(a e^(a²) erfc a) + 0.5625 for a ≥ 1.25 */
  readonly far: T
}

/** fdlibm's rational approximations. */
function errorParts<T>(s: Code<T>, a: T): ErrorParts<T> {
  const z = s.mul(a, a)
  const near = rational(s, z, [
    -2.37630166566501626084e-5, -5.77027029648944159157e-3, -2.84817495755985104766e-2, -3.25042107247001499370e-1,
    1.28379167095512558561e-1,
  ], [
    -3.96022827877536812320e-6, 1.32494738004321644526e-4, 5.08130628187576562776e-3, 6.50222499887672944485e-2,
    3.97917223959155352819e-1, 1,
  ])
  const middle = rational(s, s.sub(a, s.const(1)), [
    -2.16637559486879084300e-3, 3.54783043256182359371e-2, -1.10894694282396677476e-1, 3.18346619901161753674e-1,
    -3.72207876035701323847e-1, 4.14856118683748331666e-1, -2.36211856075265944077e-3,
  ], [
    1.19844998467991074170e-2, 1.36370839120290507362e-2, 1.26171219808761642112e-1, 7.18286544141962662868e-2,
    5.40397917702171048937e-1, 1.06420880400844228286e-1, 1,
  ])
  const q = s.div(s.const(1), z)
  const far = rational(s, q, [
    -9.81432934416914548592, -8.12874355063065934246e1, -1.84605092906711035994e2, -1.62396669462573470355e2,
    -6.23753324503260060396e1, -1.05586262253232909814e1, -6.93858572707181764372e-1, -9.86494403484714822705e-3,
  ], [
    -6.04244152148580987438e-2, 6.57024977031928170135, 1.08635005541779435134e2, 4.29008140027567833386e2,
    6.45387271733267880336e2, 4.34565877475229228821e2, 1.37657754143519042600e2, 1.96512716674392571292e1, 1,
  ])
  const farther = rational(s, q, [
    -4.83519191608651397019e2, -1.02509513161107724954e3, -6.37566443368389627722e2, -1.60636384855821916062e2,
    -1.77579549177547519889e1, -7.99283237680523006574e-1, -9.86494292470009928597e-3,
  ], [
    -2.24409524465858183362e1, 4.74528541206955367215e2, 2.55305040643316442583e3, 3.19985821950859553908e3,
    1.53672958608443695994e3, 3.25792512996573918826e2, 3.03380607434824582924e1, 1,
  ])
  return { near, middle, far: s.select(s.lt(a, s.const(1 / 0.35)), far, farther) }
}

/** erf in float64. */
export function errorFunction<T>(s: Code<T>, x: T): T {
  const a = s.abs(x)
  const { near, middle, far } = errorParts(s, a)
  const tail = s.div(s.exp(s.add(s.sub(s.const(-0.5625), s.mul(a, a)), far)), a)
  let size = s.sub(s.const(1), tail)
  size = s.select(s.lt(a, s.const(1.25)), s.add(s.const(erx), middle), size)
  size = s.select(s.lt(a, s.const(0.84375)), s.madd(a, near, a), size)
  size = s.select(s.lt(s.const(6), a), s.const(1), size)
  return s.select(s.eq(x, x), s.copysign(size, x), x)
}

/** a as the sum of a number of half as many digits, whose square is exact, and the rest (Veltkamp); for a < 2^900. */
function halves<T>(s: Code<T>, a: T): readonly [T, T] {
  const c = s.mul(a, s.const(134217729))
  const high = s.sub(c, s.sub(c, a))
  return [high, s.sub(a, high)]
}

function complement<T>(s: Code<T>, x: T): T {
  const one = s.const(1)
  const a = s.min(s.abs(x), s.const(30))
  const { near, middle, far } = errorParts(s, a)
  const negative = s.lt(x, s.const(0))
  // e^(-a²) without the rounding error of a².
  const [high, low] = halves(s, a)
  const e = s.mul(s.exp(s.sub(s.const(-0.5625), s.mul(high, high))), s.exp(s.sub(far, s.mul(low, s.add(high, a)))))
  const tail = s.div(e, a)
  const outside = s.select(negative, s.sub(s.const(2), tail), tail)
  const between = s.select(negative, s.add(one, s.add(s.const(erx), middle)), s.sub(s.const(1 - erx), middle))
  const product = s.mul(x, near)
  const inside = s.select(s.lt(x, s.const(0.25)), s.sub(one, s.add(x, product)), s.sub(s.const(0.5), s.add(product, s.sub(x, s.const(0.5)))))
  const result = s.select(s.lt(a, s.const(0.84375)), inside, s.select(s.lt(a, s.const(1.25)), between, outside))
  return s.select(s.eq(x, x), result, x)
}

/** e^(x²) erfc x */
function scaledComplement<T>(s: Code<T>, x: T): T {
  const a = s.abs(x)
  const near = s.lt(a, s.const(1.25))
  const outside = s.div(s.exp(s.sub(errorParts(s, a).far, s.const(0.5625))), a)
  const b = s.min(a, s.const(30))
  const [high, low] = halves(s, b)
  const e = s.mul(s.exp(s.mul(high, high)), s.exp(s.mul(low, s.add(high, b))))
  const inside = s.mul(e, complement(s, s.select(near, x, s.const(0))))
  const far = s.select(s.lt(x, s.const(0)), s.sub(s.add(e, e), outside), outside)
  return s.select(near, inside, far)
}

/**
 * The normal quantile of p = q + 1/2, times √½ for `erfinv`, where `edge` is the smaller one of p and 1 - p
 * (Wichura 1988, algorithm AS 241).
 */
function quantile<T>(s: Code<T>, q: T, edge: T, scale: number): T {
  const r = s.sub(s.const(0.180625), s.mul(q, q))
  const middle = s.mul(q, rational(s, r, [
    2509.0809287301227, 33430.57558358813, 67265.7709270087, 45921.95393154987, 13731.69376550946,
    1971.5909503065513, 133.14166789178438, 3.3871328727963665,
  ], [
    5226.495278852546, 28729.085735721943, 39307.89580009271, 21213.794301586597, 5394.196021424751,
    687.1870074920579, 42.31333070160091, 1,
  ]))
  const root = s.sqrt(s.neg(s.log(edge)))
  const near = rational(s, s.sub(root, s.const(1.6)), [
    0.0007745450142783414, 0.022723844989269184, 0.2417807251774506, 1.2704582524523684, 3.6478483247632045,
    5.769497221460691, 4.630337846156546, 1.4234371107496835,
  ], [
    1.0507500716444169e-9, 0.0005475938084995345, 0.015198666563616457, 0.14810397642748008, 0.6897673349851,
    1.6763848301838038, 2.053191626637759, 1,
  ])
  const far = rational(s, s.sub(root, s.const(5)), [
    2.0103343992922881e-7, 2.7115555687434876e-5, 0.0012426609473880784, 0.026532189526576124, 0.29656057182850487,
    1.7848265399172913, 5.463784911164114, 6.657904643501103,
  ], [
    2.0442631033899397e-15, 1.421511758316446e-7, 1.8463183175100548e-5, 0.0007868691311456133, 0.014875361290850615,
    0.1369298809227358, 0.599832206555888, 1,
  ])
  const tail = s.select(s.eq(root, s.const(Infinity)), root, s.select(s.le(root, s.const(5)), near, far))
  const central = s.le(s.abs(q), s.const(0.425))
  return s.mul(s.select(central, middle, s.copysign(tail, q)), s.const(scale))
}

/** Gauss error function. d/dx = 2/√π e^(-x²). */
export const erf = unary({
  name: 'erf',
  formula: 'erf x',
  domain: anywhere,
  cost: 30,
  lower: (s, x) => s.erf(x),
  grad: (g, x) => mul(g, mul(exp(neg(mul(x, x))), 2 / rootPi)),
})

/** 1 - erf x, without cancellation for large x. */
export const erfc = unary({
  name: 'erfc',
  formula: '1 - erf x',
  domain: anywhere,
  cost: 150,
  lower: (s, x) => s.wide(complement, x),
  grad: (g, x) => neg(mul(g, mul(exp(neg(mul(x, x))), 2 / rootPi))),
})

/** e^(x²) erfc x: about 1 / (x √π) for large x. */
export const erfcx = unary({
  name: 'erfcx',
  formula: 'e ** x² (1 - erf x)',
  domain: anywhere,
  cost: 250,
  lower: (s, x) => s.wide(scaledComplement, x),
  grad: (g, x, y) => mul(g, sub(mul(mul(x, 2), y), 2 / rootPi)),
})

/** The x whose erf is the argument: ±Infinity at ±1, NaN beyond. */
export const erfinv = unary({
  name: 'erfinv',
  formula: 'y with erf y = x',
  domain: [-0.9, 0.9],
  cost: 120,
  lower: (s, x) => s.wide((w, v) => quantile(w, w.mul(v, w.const(0.5)), w.mul(w.sub(w.const(1), w.abs(v)), w.const(0.5)), Math.SQRT1_2), x),
  grad: (g, _x, y) => mul(mul(exp(mul(y, y)), rootPi / 2), g),
})

/** The x of which a share p of the normal distribution lies below. */
export const ndtri = unary({
  name: 'ndtri',
  formula: 'the normal quantile',
  domain: [0.1, 0.9],
  cost: 120,
  lower: (s, x) => s.wide((w, v) => quantile(w, w.sub(v, w.const(0.5)), w.min(v, w.sub(w.const(1), v)), 1), x),
  grad: (g, _x, y) => mul(mul(g, Math.sqrt(2 * Math.PI)), exp(mul(mul(y, y), 0.5))),
})

/** The logarithm of the share of the normal distribution below x. */
export const logNdtr = unary({
  name: 'log_ndtr',
  formula: 'ln((1 + erf(x / √2)) / 2)',
  domain: anywhere,
  cost: 400,
  lower: (s, x) =>
    s.wide((w, v) => {
      const t = w.mul(v, w.const(Math.SQRT1_2))
      const low = w.lt(v, w.const(-1))
      const below = w.sub(w.log(w.mul(scaledComplement(w, w.select(low, w.neg(t), w.const(0))), w.const(0.5))), w.mul(t, t))
      return w.select(low, below, w.log1p(w.mul(complement(w, t), w.const(-0.5))))
    }, x),
  grad: (g, x) => div(mul(g, Math.sqrt(2 / Math.PI)), erfcx(mul(x, -Math.SQRT1_2))),
})

/** -x ln x: 0 at 0, -Infinity below. */
export const entr = unary({
  name: 'entr',
  formula: '-x ln x',
  domain: [0.2, 3],
  cost: 24,
  lower: (s, x) => {
    const zero = s.const(0)
    const inside = s.select(s.eq(x, zero), zero, s.neg(s.mul(x, s.log(x))))
    return s.select(s.lt(x, zero), s.const(-Infinity), inside)
  },
  grad: (g, x) => mul(g, neg(add(log(x), 1))),
})
