/** Modified Bessel functions of the first kind, of order 0 and 1. */
import type { Code } from '../ir/code.ts'
import { abs, add, div, mul, sign, sub } from './arithmetic.ts'
import { gt, where } from './choice.ts'
import { anywhere, fullLike, unary } from './map.ts'
import type { Value } from '../ir/value.ts'

/** Coefficients of Chebyshev's polynomials, from the highest on. */
interface Series {
  /** e^-x I(x), for order 1 divided by x, for x = 4 + 4u. */
  readonly near: readonly number[]
  /** √x e^-x I(x) for x = 16 / (1 + u). */
  readonly far: readonly number[]
}

const order0: Series = {
  near: [
    -4.4153416464793395e-18, 3.3307945188222384e-17, -2.431279846547955e-16, 1.715391285555133e-15, -1.1685332877993451e-14,
    7.676185498604936e-14, -4.856446783111929e-13, 2.95505266312964e-12, -1.726826291441556e-11, 9.675809035373237e-11,
    -5.189795601635263e-10, 2.6598237246823866e-9, -1.300025009986248e-8, 6.046995022541919e-8, -2.670793853940612e-7,
    1.1173875391201037e-6, -4.4167383584587505e-6, 1.6448448070728896e-5, -5.754195010082104e-5, 0.00018850288509584165,
    -0.0005763755745385824, 0.0016394756169413357, -0.004324309995050576, 0.010546460394594998, -0.02373741480589947,
    0.04930528423967071, -0.09490109704804764, 0.17162090152220877, -0.3046826723431984, 0.33839763720473803,
  ],
  far: [
    -7.233180487874754e-18, -4.830504485944182e-18, 4.46562142029676e-17, 3.461222867697461e-17, -2.8276239805165836e-16,
    -3.425485619677219e-16, 1.7725601330565263e-15, 3.8116806693526224e-15, -9.554846698828307e-15, -4.150569347287222e-14,
    1.54008621752141e-14, 3.8527783827421426e-13, 7.180124451383666e-13, -1.7941785315068062e-12, -1.3215811840447713e-11,
    -3.1499165279632416e-11, 1.1889147107846439e-11, 4.94060238822497e-10, 3.3962320257083865e-9, 2.266668990498178e-8,
    2.0489185894690638e-7, 2.8913705208347567e-6, 6.889758346916825e-5, 0.0033691164782556943, 0.4022452055070544,
  ],
}

const order1: Series = {
  near: [
    2.7779141127610464e-18, -2.111421214358166e-17, 1.5536319577362005e-16, -1.1055969477353862e-15, 7.600684294735408e-15,
    -5.042185504727912e-14, 3.223793365945575e-13, -1.9839743977649436e-12, 1.1736186298890901e-11, -6.663489723502027e-11,
    3.625590281552117e-10, -1.8872497517228294e-9, 9.381537386495773e-9, -4.445059128796328e-8, 2.0032947535521353e-7,
    -8.568720264695455e-7, 3.4702513081376785e-6, -1.3273163656039436e-5, 4.781565107550054e-5, -0.00016176081582589674,
    0.0005122859561685758, -0.0015135724506312532, 0.004156422944312888, -0.010564084894626197, 0.024726449030626516,
    -0.05294598120809499, 0.1026436586898471, -0.17641651835783406, 0.12629359322181682,
  ],
  far: [
    7.517296310842105e-18, 4.414348323071708e-18, -4.6503053684893586e-17, -3.209525921993424e-17, 2.96262899764595e-16,
    3.3082023109209285e-16, -1.8803547755107825e-15, -3.8144030724370075e-15, 1.0420276984128802e-14, 4.272440016711951e-14,
    -2.1015418427726643e-14, -4.0835511110921974e-13, -7.198551776245908e-13, 2.0356285441470896e-12, 1.4125807436613782e-11,
    3.2526035830154884e-11, -1.8974958123505413e-11, -5.589743462196584e-10, -3.835380385964237e-9, -2.6314688468895196e-8,
    -2.512236237870209e-7, -3.882564808877691e-6, -0.00011058893876262371, -0.009761097491361469, 0.38928811750914005,
  ],
}

/** Clenshaw's recurrence. */
function chebyshev<T>(s: Code<T>, u: T, coefficients: readonly number[]): T {
  const twice = s.add(u, u)
  let [b1, b2] = [s.const(coefficients[0]!), s.const(0)]
  for (const c of coefficients.slice(1, -1)) [b1, b2] = [s.madd(twice, b1, s.sub(s.const(c), b2)), b1]
  return s.madd(u, b1, s.sub(s.const(coefficients.at(-1)!), b2))
}

/** e^-|x| I(|x|) */
function scaled<T>(s: Code<T>, size: T, { near, far }: Series, timesX: boolean): T {
  const inside = chebyshev(s, s.sub(s.mul(size, s.const(0.25)), s.const(1)), near)
  const outside = s.div(chebyshev(s, s.sub(s.div(s.const(16), size), s.const(1)), far), s.sqrt(size))
  return s.select(s.le(size, s.const(8)), timesX ? s.mul(inside, size) : inside, outside)
}

function even(name: string, formula: string, grows: boolean, grad: (g: Value, x: Value, y: Value) => Value): ReturnType<typeof unary> {
  return unary({
    name,
    formula,
    domain: anywhere,
    cost: 120,
    lower: (s, x) =>
      s.wide((w, v) => {
        const size = w.abs(v)
        const y = scaled(w, size, order0, false)
        return grows ? w.mul(y, w.exp(size)) : y
      }, x),
    grad,
  })
}

function odd(name: string, formula: string, grows: boolean, grad: (g: Value, x: Value, y: Value) => Value): ReturnType<typeof unary> {
  return unary({
    name,
    formula,
    domain: [0.2, 3],
    cost: 120,
    lower: (s, x) =>
      s.wide((w, v) => {
        const size = w.abs(v)
        const y = scaled(w, size, order1, true)
        const positive = grows ? w.mul(y, w.exp(size)) : y
        return w.select(w.lt(v, w.const(0)), w.neg(positive), positive)
      }, x),
    grad,
  })
}

/** I₁'(x) and its like near 0 are 1/2: there is no division by x. */
function awayFrom0(x: Value, slope: (safe: Value) => Value): Value {
  const away = gt(abs(x), x.dtype === 'float32' ? 2 ** -23 : 2 ** -52)
  return where(away, slope(where(away, x, fullLike(x, 1))), fullLike(x, 0.5))
}

export const i0 = even('i0', 'I₀(x)', true, (g, x) => mul(g, i1(x)))
export const i0e = even('i0e', 'e ** -|x| I₀(x)', false, (g, x, y) => mul(g, sub(i1e(x), mul(sign(x), y))))
export const i1 = odd('i1', 'I₁(x)', true, (g, x, y) => mul(g, awayFrom0(x, (safe) => sub(i0(safe), div(y, safe)))))
export const i1e = odd('i1e', 'e ** -|x| I₁(x)', false, (g, x, y) => mul(g, awayFrom0(x, (safe) => sub(i0e(safe), mul(y, add(sign(safe), div(1, safe)))))))
