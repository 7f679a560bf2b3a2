/** ln |Γ| and its derivatives. */
import { invariant } from '../errors.ts'
import type { Code } from '../ir/code.ts'
import { polynomial } from '../ir/code.ts'
import type { MapOp, Value } from '../ir/value.ts'
import { isFloat } from '../ir/value.ts'
import { mul } from './arithmetic.ts'
import { numberAttr, register } from './define.ts'
import { positive as above0, unary } from './map.ts'

/** ln Γ(x) / ((x - 1) (x - 2)) on [0.75, 2.5], in powers of x - 1.625: interpolated in Chebyshev's points. */
const lgammaNear = [
  -1.2239878219104488e-7, 2.0453698517655361e-7, 3.607603754952698e-7, -6.018877751042054e-7, -8.112203798395428e-7,
  1.3558410224832176e-6, 5.214878816466264e-7, -8.641155269576043e-7, -1.4019790554403246e-6, 2.36271306297813e-6,
  -1.9831373396529092e-6, 3.3924197739864914e-6, -6.83100667168435e-6, 1.1700247340281211e-5, -1.9732031406429815e-5,
  3.403245243428666e-5, -5.9020271004253944e-5, 0.0001026362874333317, -0.00017939018797805614, 0.0003154931244897333,
  -0.0005589496711905441, 0.000999272859996601, -0.0018070640219591985, 0.003317270854254705, -0.0062154504136159635,
  0.011991915957136246, -0.024194436430699667, 0.052579426220432456, -0.13157899128683392, 0.46580963736232694,
]

/** ψ(x) / (x - root) on [0.75, 2.5], in powers of x - 1.625. */
const digammaNear = [
  -1.6851640306859507e-6, 2.7383915896614563e-6, 5.87174325028384e-6, -9.54158275123446e-6, -1.3141482379915948e-5,
  2.1354909753935416e-5, 1.294477418968038e-5, -2.103525307360814e-5, -1.8745362863604155e-5, 3.046125026085845e-5,
  -8.076398917821441e-6, 1.3124392758464491e-5, -4.4808824945445466e-5, 7.281602777917622e-5, -0.00010857116883859634,
  0.00017643979931691216, -0.00028972241945504846, 0.0004708795272632456, -0.0007647307964884806, 0.0012432472032605825,
  -0.0020218597031465527, 0.00328943723501564, -0.005355730535179586, 0.00873086719987036, -0.014262521352397771,
  0.02338043995837545, -0.03855782679573039, 0.06426251743308516, -0.10919698588596384, 0.19272012460146695,
  -0.36977496445741087, 0.9015925158282158,
]

/** Where ψ is 0. */
const root = 1.4616321449683622
const rootLow = 9.549995429965697e-17

interface Reduced<T> {
  /** x less a whole number, in [1.5, 2.5): Γ(x) = product · Γ(y). */
  readonly y: T
  readonly product: T
  /** The derivative of the product. */
  readonly slope: T
}

/** For x below 8.5; what is below 2.5 stays. */
function stepDown<T>(s: Code<T>, x: T, product: T, slope: T): Reduced<T> {
  let reduced = { y: x, product, slope }
  for (let step = 0; step < 6; step++) {
    const more = s.le(s.const(2.5), reduced.y)
    const y = s.sub(reduced.y, s.const(1))
    reduced = {
      y: s.select(more, y, reduced.y),
      product: s.select(more, s.mul(reduced.product, y), reduced.product),
      slope: s.select(more, s.madd(reduced.slope, y, reduced.product), reduced.slope),
    }
  }
  return reduced
}

/** Stirling's series for x from 8.5 on: B(2n) / (2n (2n - 1) x^(2n - 1)) */
const stirling = [-3617 / 122400, 1 / 156, -691 / 360360, 1 / 1188, -1 / 1680, 1 / 1260, -1 / 360, 1 / 12]

/** sin πx and cos πx, from the distance to the nearest whole number: exactly 0 where they are. */
function halfTurns<T>(s: Code<T>, x: T): { readonly sine: T; readonly cosine: T } {
  // Up to the sign that both have.
  const turn = s.sub(x, s.round(x))
  const right = s.sub(s.const(0.5), s.abs(turn))
  return { sine: s.sin(s.mul(turn, s.const(Math.PI))), cosine: s.sin(s.mul(right, s.const(Math.PI))) }
}

function logGamma<T>(s: Code<T>, x: T): T {
  const size = s.abs(x)
  const one = s.const(1)
  const negative = s.lt(x, s.const(0))
  const small = s.lt(size, s.const(0.75))
  const large = s.le(s.const(8.5), size)
  // |Γ(x)| = Γ(x + 1) / x, and below 0 Γ(x + 2) / |x (x + 1)|, so that Γ is taken between 0.75 and 2.5.
  const next = s.add(x, one)
  const lifted = s.select(negative, s.add(x, s.const(2)), next)
  const { y, product } = stepDown(s, s.select(small, lifted, s.select(large, one, size)), one, s.const(0))
  const near = s.mul(s.mul(s.sub(y, one), s.sub(y, s.const(2))), polynomial(s, s.sub(y, s.const(1.625)), lgammaNear))
  const divisor = s.select(negative, s.abs(s.mul(x, next)), x)
  const log = s.log(s.select(small, divisor, s.select(large, size, product)))
  const inverse = s.div(one, size)
  const series = s.mul(polynomial(s, s.mul(inverse, inverse), stirling), inverse)
  const far = s.madd(s.sub(size, s.const(0.5)), s.sub(log, one), s.add(s.const(0.5 * Math.log(2 * Math.PI) - 0.5), series))
  const positive = s.select(small, s.sub(near, log), s.select(large, far, s.add(near, log)))
  // Γ(x) Γ(-x) = -π / (x sin πx)
  const { sine } = halfTurns(s, x)
  const mirrored = s.sub(s.log(s.div(s.const(Math.PI), s.mul(size, s.abs(sine)))), positive)
  const finite = s.select(s.and(negative, s.not(small)), mirrored, positive)
  const infinite = s.or(s.eq(size, s.const(Infinity)), s.and(s.and(negative, large), s.eq(sine, s.const(0))))
  return s.select(infinite, s.const(Infinity), finite)
}

function digammaOf<T>(s: Code<T>, x: T): T {
  const one = s.const(1)
  const negative = s.lt(x, s.const(0))
  // ψ(x) = ψ(1 - x) - π / tan πx
  const turned = s.select(negative, s.sub(one, x), x)
  const small = s.lt(turned, s.const(0.75))
  const large = s.le(s.const(8.5), turned)
  // ψ(x) = ψ(x + 1) - 1 / x
  const start = s.select(small, s.add(turned, one), s.select(large, one, turned))
  const { y, product, slope } = stepDown(s, start, s.select(small, turned, one), s.select(small, s.const(-1), s.const(0)))
  const near = s.mul(s.sub(s.sub(y, s.const(root)), s.const(rootLow)), polynomial(s, s.sub(y, s.const(1.625)), digammaNear))
  const inverse = s.div(one, turned)
  const z = s.mul(inverse, inverse)
  const series = s.mul(z, polynomial(s, z, [3617 / 8160, -1 / 12, 691 / 32760, -1 / 132, 1 / 240, -1 / 252, 1 / 120, -1 / 12]))
  const far = s.add(s.log(turned), s.sub(series, s.mul(inverse, s.const(0.5))))
  const positive = s.select(large, far, s.add(near, s.div(slope, product)))
  const { sine, cosine } = halfTurns(s, x)
  const pole = s.eq(sine, s.const(0))
  const mirrored = s.select(pole, s.const(Number.NaN), s.sub(positive, s.div(s.mul(s.const(Math.PI), cosine), sine)))
  return s.select(negative, mirrored, positive)
}

/** ln |Γ(x)|; Infinity at 0 and at negative whole numbers. */
export const lgamma = unary({
  name: 'lgamma',
  formula: 'ln |Γ(x)|',
  domain: above0,
  cost: 200,
  lower: (s, x) => s.wide(logGamma, x),
  grad: (g, x) => mul(g, digamma(x)),
})

/** The derivative of ln |Γ(x)|; NaN at negative whole numbers. */
export const digamma = unary({
  name: 'digamma',
  formula: "Γ'(x) / Γ(x)",
  domain: above0,
  cost: 200,
  lower: (s, x) => s.wide(digammaOf, x),
  grad: (g, x) => mul(g, polygamma(x, 1)),
})

// ---- derivatives of digamma

function whole<T>(s: Code<T>, x: T, exponent: number): T {
  if (exponent === 1) return x
  const half = whole(s, x, Math.floor(exponent / 2))
  const square = s.mul(half, half)
  return exponent % 2 === 1 ? s.mul(square, x) : square
}

/** B(2j) / (2j)! for j = 1 … 12 */
const eulerMaclaurin = [
  0.08333333333333333, -0.001388888888888889, 3.306878306878307e-5, -8.267195767195768e-7, 2.08767569878681e-8, -5.284190138687493e-10,
  1.3382536530684679e-11, -3.3896802963225827e-13, 8.586062056277845e-15, -2.174868698558062e-16, 5.5090028283602295e-18, -1.3954464685812522e-19,
]

/** Hurwitz's ζ(order, x) for x ≥ 0, by Euler and Maclaurin. */
function zeta<T>(s: Code<T>, order: number, x: T): T {
  const terms = 8 + order
  let sum = s.const(0)
  for (let k = terms - 1; k >= 0; k--) sum = s.add(sum, whole(s, s.div(s.const(1), s.add(x, s.const(k))), order))
  const inverse = s.div(s.const(1), s.add(x, s.const(terms)))
  const z = s.mul(inverse, inverse)
  const coefficients: number[] = []
  let factor = order
  for (const [j, b] of eulerMaclaurin.entries()) {
    coefficients.unshift(b * factor)
    factor *= (order + 2 * j + 1) * (order + 2 * j + 2)
  }
  const rest = s.madd(inverse, s.madd(inverse, polynomial(s, z, coefficients), s.const(0.5)), s.const(1 / (order - 1)))
  return s.madd(whole(s, inverse, order - 1), rest, sum)
}

/** Coefficients, from the highest on, of the k-th derivative of cot in powers of cot²; times cot for even k. */
function cotangentDerivative(k: number): number[] {
  // By powers of c = cot x: c' = -(1 + c²).
  let powers = [0, 1]
  for (let i = 0; i < k; i++) {
    const next = Array<number>(powers.length + 1).fill(0)
    for (const [n, a] of powers.entries()) {
      if (n === 0) continue
      next[n - 1]! -= n * a
      next[n + 1]! -= n * a
    }
    powers = next
  }
  return powers.filter((_, n) => n % 2 === (k + 1) % 2).toReversed()
}

function polygammaOf<T>(s: Code<T>, order: number, x: T): T {
  const sign = order % 2 === 1 ? 1 : -1
  let factorial = 1
  for (let i = 2; i <= order; i++) factorial *= i
  const negative = s.lt(x, s.const(0))
  const turned = s.abs(s.select(negative, s.sub(s.const(1), x), x))
  const positive = s.mul(zeta(s, order + 1, turned), s.const(sign * factorial))
  // (-1)^n ψₙ(1 - x) - ψₙ(x) = π (d/dx)ⁿ cot πx
  const { sine, cosine } = halfTurns(s, x)
  const cotangent = s.div(cosine, sine)
  const slope = polynomial(s, s.mul(cotangent, cotangent), cotangentDerivative(order))
  const term = s.mul(order % 2 === 0 ? s.mul(slope, cotangent) : slope, s.const(Math.PI ** (order + 1)))
  const mirrored = s.sub(s.mul(positive, s.const(-sign)), term)
  const finite = s.select(negative, mirrored, positive)
  // Of order 2 and more -Infinity is a pole, as the negative whole numbers are.
  return order === 1 ? finite : s.select(s.eq(x, s.const(-Infinity)), s.const(sign * Infinity), finite)
}

/** The derivative of digamma, `order` times, at least once. */
export const polygammaOp: MapOp = register({
  kind: 'map',
  name: 'polygamma',
  arity: 1,
  cost: 300,
  infer: ([x]) => {
    invariant(isFloat(x!.dtype), 'polygamma takes floating-point tensors')
    return { shape: x!.shape, dtype: x!.dtype }
  },
  lower: (s, [x], attrs) => s.wide((w, v) => polygammaOf(w, numberAttr(attrs, 'order'), v), x!),
  grad: (g, [x], y) => [mul(g, polygamma(x!, numberAttr(y.attrs, 'order') + 1))],
})

export function polygamma(x: Value, order: number): Value {
  return x.graph.add(polygammaOp, [x], { order })
}
