/**
 * float64 intrinsics on two lanes. NaN, ±Infinity, ±0 and subnormal numbers give what PyTorch gives. float32
 * functions without code of their own are computed here and rounded once.
 *
 * Sources: fdlibm (log, sin, cos, atan, erf), Taylor coefficients (exp), W. Kahan (log1p).
 */
import type { Reg } from './registers.ts'
import type { VectorArithmetic } from './arithmetic.ts'

const roundingMagic = 6755399441055744 // 1.5 · 2^52
const log2e = Math.LOG2E
const ln2High = 6.93147180369123816490e-1
const ln2Low = 1.90821492927058770002e-10

/** 1/n! for n = 13 … 2 */
const expTail = [1 / 6227020800, 1 / 479001600, 1 / 39916800, 1 / 3628800, 1 / 362880, 1 / 40320, 1 / 5040, 1 / 720, 1 / 120, 1 / 24, 1 / 6, 1 / 2]

interface Reduced {
  /** Its low bits are n: a shift to the left by 52 leaves n as an exponent. */
  readonly shifted: Reg
  readonly r: Reg
}

function reduceByLn2(s: VectorArithmetic, x: Reg): Reduced {
  const shifted = s.madd(x, s.const(log2e), s.const(roundingMagic))
  const n = s.sub(shifted, s.const(roundingMagic))
  const r = s.nmadd(n, s.const(ln2Low), s.nmadd(n, s.const(ln2High), x))
  return { shifted, r }
}

export function exp(s: VectorArithmetic, x: Reg): Reg {
  return expSum(s, x, undefined)
}

/** e^(x + low), where low is a small correction. */
function expSum(s: VectorArithmetic, x: Reg, low: Reg | undefined): Reg {
  const b = s.builder
  const { shifted, r: rest0 } = reduceByLn2(s, s.atLeast(s.atMost(x, s.const(710)), s.const(-746)))
  const r = low ? s.add(rest0, low) : rest0
  const p = s.add(s.madd(s.polynomial(r, expTail), s.mul(r, r), r), s.const(1))
  // Two factors, so that neither overflows and the last multiplication rounds a subnormal result once.
  const half = b.shift('i64x2.shl', b.shift('i64x2.shr_u', shifted, 1), 52)
  const rest = b.op('i64', 'i64x2.sub', b.shift('i64x2.shl', shifted, 52), half)
  const one = b.bits64('f64', 0x3ff0000000000000n)
  return s.mul(s.mul(p, b.op('f64', 'i64x2.add', half, one)), b.op('f64', 'i64x2.add', rest, one))
}

export function expm1(s: VectorArithmetic, x: Reg): Reg {
  const b = s.builder
  const { shifted, r } = reduceByLn2(s, s.atLeast(s.atMost(x, s.const(710)), s.const(-40)))
  const small = s.madd(s.polynomial(r, expTail), s.mul(r, r), r)
  // 2^(n - 1), so that 2^1024 is not needed.
  const power = b.op('f64', 'i64x2.add', b.shift('i64x2.shl', shifted, 52), b.bits64('f64', 0x3fe0000000000000n))
  const result = s.madd(power, small, s.sub(power, s.const(0.5)))
  return s.select(s.eq(x, s.const(0)), x, s.add(result, result))
}

/** fdlibm's log: x = 2^k (1 + f), s = f / (2 + f), ln(1 + f) = f - s (f - R(s²)). */
export function log(s: VectorArithmetic, x: Reg): Reg {
  const b = s.builder
  const tiny = s.lt(x, s.const(2.2250738585072014e-308))
  const scaled = s.select(tiny, s.mul(x, s.const(18014398509481984)), x)
  const shift = s.and(s.const(-54), tiny)
  // The exponent that puts the mantissa into [√½, √2).
  const bits = b.op('i64', 'i64x2.sub', scaled, b.bits64('i64', 0x3fe6a09e667f3bcdn))
  const exponent = b.op('i64', 'v128.and', bits, b.bits64('i64', -0x10000000000000n))
  const f = s.sub(b.op('f64', 'i64x2.sub', scaled, exponent), s.const(1))
  const k = s.add(exponentToFloat(s, exponent), shift)
  const t = s.div(f, s.add(f, s.const(2)))
  const z = s.mul(t, t)
  const r = s.mul(z, s.polynomial(z, [
    1.479819860511658591e-1, 1.531383769920937332e-1, 1.818357216161805012e-1, 2.222219843214978396e-1,
    2.857142874366239149e-1, 3.999999999940941908e-1, 6.666666666666735130e-1,
  ]))
  const halfSquare = s.mul(s.mul(f, f), s.const(0.5))
  const low = s.madd(t, s.add(halfSquare, r), s.mul(k, s.const(ln2Low)))
  const result = s.madd(k, s.const(ln2High), s.sub(f, s.sub(halfSquare, low)))
  const ordinary = s.and(s.lt(s.const(0), x), s.lt(x, s.const(Infinity)))
  // The square root of what has no logarithm is NaN, or the Infinity or NaN itself.
  return s.select(ordinary, result, s.select(s.eq(x, s.const(0)), s.const(-Infinity), s.sqrt(x)))
}

/** The exponent field k·2^52 as the float k. */
function exponentToFloat(s: VectorArithmetic, exponent: Reg): Reg {
  const b = s.builder
  const k = b.shift('i64x2.shr_s', exponent, 52)
  const magic = b.bits64('i64', 0x4338000000000000n)
  return s.sub(b.op('f64', 'i64x2.add', k, magic), s.const(roundingMagic))
}

export function log1p(s: VectorArithmetic, x: Reg): Reg {
  const u = s.add(x, s.const(1))
  const d = s.sub(u, s.const(1))
  const exact = s.mul(log(s, u), s.div(x, d))
  return s.select(s.or(s.eq(d, s.const(0)), s.eq(x, s.const(Infinity))), x, exact)
}

/** t / (t + 2) with t = e^(2|x|) - 1. */
export function tanh(s: VectorArithmetic, x: Reg): Reg {
  const a = s.abs(x)
  const t = expm1(s, s.atMost(s.add(a, a), s.const(44)))
  return withSignOf(s, s.div(t, s.add(t, s.const(2))), x)
}

export function withSignOf(s: VectorArithmetic, magnitude: Reg, x: Reg): Reg {
  const sign = s.builder.bits64('f64', -0x8000000000000000n)
  return s.or(s.andnot(magnitude, sign), s.and(x, sign))
}

export function sigmoid(s: VectorArithmetic, x: Reg): Reg {
  return s.div(s.const(1), s.add(s.const(1), exp(s, s.neg(x))))
}

// ---- trigonometry

interface Angle {
  readonly quadrant: Reg
  /** The rest, and what rounding it left over. */
  readonly r: Reg
  readonly low: Reg
}

/** x = n π/2 + r with |r| ≤ π/4, for |x| up to about 10^9 (Cody & Waite, π/2 in three parts of 33 bits). */
function reduceByHalfPi(s: VectorArithmetic, x: Reg): Angle {
  const b = s.builder
  const shifted = s.madd(x, s.const(6.36619772367581382433e-1), s.const(roundingMagic))
  const n = s.sub(shifted, s.const(roundingMagic))
  const first = s.nmadd(n, s.const(1.57079632673412561417), x)
  const second = s.nmadd(n, s.const(6.07710050630396597660e-11), first)
  const third = s.mul(n, s.const(2.02226624879595063154e-21))
  const r = s.sub(second, third)
  return { quadrant: b.op('i64', 'v128.or', shifted, shifted), r, low: s.sub(s.sub(second, r), third) }
}

/** sin(r + low) */
function sinCore(s: VectorArithmetic, { r, low }: Angle): Reg {
  const z = s.mul(r, r)
  const p = s.polynomial(z, [
    1.58969099521155010221e-10, -2.50507602534068634195e-8, 2.75573137070700676789e-6, -1.98412698298579493134e-4,
    8.33333333332248946124e-3, -1.66666666666666324348e-1,
  ])
  return s.add(r, s.madd(s.mul(p, z), r, low))
}

/** cos(r + low) */
function cosCore(s: VectorArithmetic, { r, low }: Angle): Reg {
  const z = s.mul(r, r)
  const p = s.polynomial(z, [
    -1.13596475577881948265e-11, 2.08757232129817482790e-9, -2.75573143513906633035e-7, 2.48015872894767294178e-5,
    -1.38888888888741095749e-3, 4.16666666666666019037e-2,
  ])
  const half = s.mul(z, s.const(0.5))
  const w = s.sub(s.const(1), half)
  return s.add(w, s.add(s.sub(s.sub(s.const(1), w), half), s.nmadd(r, low, s.mul(s.mul(z, z), p))))
}

/** The sine of the rest, `quadrant` right angles further. */
function bySine(s: VectorArithmetic, angle: Angle, quadrant: Reg): Reg {
  const b = s.builder
  const one = b.bits64('i64', 1n)
  const odd = b.op('m64', 'i64x2.eq', b.op('i64', 'v128.and', quadrant, one), one)
  const value = s.select(odd, cosCore(s, angle), sinCore(s, angle))
  const sign = b.shift('i64x2.shl', b.shift('i64x2.shr_u', quadrant, 1), 63)
  return b.op('f64', 'v128.xor', value, sign)
}

export function sin(s: VectorArithmetic, x: Reg): Reg {
  const angle = reduceByHalfPi(s, x)
  return s.select(s.eq(x, s.const(0)), x, bySine(s, angle, angle.quadrant))
}

export function cos(s: VectorArithmetic, x: Reg): Reg {
  const angle = reduceByHalfPi(s, x)
  return bySine(s, angle, s.builder.op('i64', 'i64x2.add', angle.quadrant, s.builder.bits64('i64', 1n)))
}

/** arctan of t in [0, 1]; above 7/16 by π/4 + arctan((t - 1) / (t + 1)). */
function atanUnit(s: VectorArithmetic, t: Reg): Reg {
  const large = s.lt(s.const(0.4375), t)
  const u = s.select(large, s.div(s.sub(t, s.const(1)), s.add(t, s.const(1))), t)
  const z = s.mul(u, u)
  const p = s.polynomial(z, [
    1.62858201153657823623e-2, -3.65315727442169155270e-2, 4.97687799461593236017e-2, -5.83357013379057348645e-2,
    6.66107313738753120669e-2, -7.69187620504482999495e-2, 9.09088713343650656196e-2, -1.11111104054623557880e-1,
    1.42857142725034663711e-1, -1.99999999998764832476e-1, 3.33333333333329318027e-1,
  ])
  const angle = s.sub(u, s.mul(s.mul(u, z), p))
  return s.select(large, s.add(s.const(Math.PI / 4), angle), angle)
}

export function atan2(s: VectorArithmetic, y: Reg, x: Reg): Reg {
  const b = s.builder
  const [ay, ax] = [s.abs(y), s.abs(x)]
  const steep = s.lt(ax, ay)
  const larger = s.select(steep, ay, ax)
  const smaller = s.select(steep, ax, ay)
  const bothInfinite = s.eq(smaller, s.const(Infinity))
  const ratio = s.select(s.eq(larger, s.const(0)), s.const(0), s.select(bothInfinite, s.const(1), s.div(smaller, larger)))
  let angle = atanUnit(s, ratio)
  angle = s.select(steep, s.sub(s.const(Math.PI / 2), angle), angle)
  // The sign bit, so that -0 counts as negative.
  const left = b.op('m64', 'i64x2.lt_s', x, b.bits64('i64', 0n))
  angle = s.select(left, s.sub(s.const(Math.PI), angle), angle)
  const signed = withSignOf(s, angle, y)
  return s.select(s.and(s.eq(x, x), s.eq(y, y)), signed, s.add(x, y))
}

// ---- powers

/**
 * ln a as the sum of two numbers, for positive normal a: errors below 2^-58. ln m = 2 atanh(s), s = (m - 1) / (m + 1),
 * with the leading term carried in two parts.
 */
function logPair(s: VectorArithmetic, a: Reg): { high: Reg; low: Reg } {
  const b = s.builder
  const tiny = s.lt(a, s.const(2.2250738585072014e-308))
  const scaled = s.select(tiny, s.mul(a, s.const(18014398509481984)), a)
  const bits = b.op('i64', 'i64x2.sub', scaled, b.bits64('i64', 0x3fe6a09e667f3bcdn))
  const exponent = b.op('i64', 'v128.and', bits, b.bits64('i64', -0x10000000000000n))
  const m = b.op('f64', 'i64x2.sub', scaled, exponent)
  const k = s.add(exponentToFloat(s, exponent), s.select(tiny, s.const(-54), s.const(0)))
  const f = s.sub(m, s.const(1))
  const sum = s.add(m, s.const(1))
  const sumLow = s.sub(m, s.sub(sum, s.const(1)))
  const t = s.div(f, sum)
  const tLow = s.div(s.nmadd(t, sumLow, s.nmadd(t, sum, f)), sum)
  const z = s.mul(t, t)
  const series = s.polynomial(z, [2 / 25, 2 / 23, 2 / 21, 2 / 19, 2 / 17, 2 / 15, 2 / 13, 2 / 11, 2 / 9, 2 / 7, 2 / 5, 2 / 3])
  const small = s.madd(s.mul(t, z), series, s.add(tLow, tLow))
  // k ln 2 (exact in its high part) plus 2 t, and what that sum rounded away.
  const large = s.mul(k, s.const(ln2High))
  const double = s.add(t, t)
  const high = s.add(large, double)
  const part = s.sub(high, large)
  const lost = s.add(s.sub(large, s.sub(high, part)), s.sub(double, part))
  return { high, low: s.add(lost, s.madd(k, s.const(ln2Low), small)) }
}

/** |x|^y = e^(y ln|x|), with C's rules for signs, zeros and infinities. */
export function pow(s: VectorArithmetic, x: Reg, y: Reg): Reg {
  const b = s.builder
  const a = s.abs(x)
  const { high, low } = logPair(s, a)
  const product = s.mul(y, high)
  const correction = s.madd(y, low, s.neg(s.nmadd(y, high, product)))
  const ordinary = s.and(s.lt(s.const(0), a), s.lt(a, s.const(Infinity)))
  const finite = s.lt(s.abs(product), s.const(800))
  const extreme = exp(s, s.mul(y, s.select(s.eq(a, s.const(0)), s.const(-Infinity), s.select(ordinary, high, a))))
  const magnitude = s.select(s.and(ordinary, finite), expSum(s, product, correction), extreme)
  const half = s.mul(y, s.const(0.5))
  const whole = s.eq(s.trunc(y), y)
  const odd = s.and(whole, s.ne(s.trunc(half), half))
  const negative = b.op('m64', 'i64x2.lt_s', x, b.bits64('i64', 0n))
  let result = s.select(s.and(negative, odd), s.neg(magnitude), magnitude)
  const noRoot = s.and(s.and(s.lt(x, s.const(0)), s.lt(s.const(-Infinity), x)), s.not(whole))
  result = s.select(noRoot, s.const(NaN), result)
  const minusOneToInfinity = s.and(s.eq(x, s.const(-1)), s.eq(s.abs(y), s.const(Infinity)))
  const one = s.or(s.or(s.eq(y, s.const(0)), s.eq(x, s.const(1))), minusOneToInfinity)
  return s.select(one, s.const(1), result)
}

// ---- error function

const erx = 8.45062911510467529297e-1

/** fdlibm's erf: rational approximations on [0, 0.84375), [0.84375, 1.25), [1.25, 1/0.35) and [1/0.35, 6). */
export function erf(s: VectorArithmetic, x: Reg): Reg {
  const a = s.abs(x)
  const z = s.mul(a, a)
  const near = s.madd(a, rational(s, z, [
    -2.37630166566501626084e-5, -5.77027029648944159157e-3, -2.84817495755985104766e-2, -3.25042107247001499370e-1,
    1.28379167095512558561e-1,
  ], [
    -3.96022827877536812320e-6, 1.32494738004321644526e-4, 5.08130628187576562776e-3, 6.50222499887672944485e-2,
    3.97917223959155352819e-1, 1,
  ]), a)
  const d = s.sub(a, s.const(1))
  const middle = s.add(s.const(erx), rational(s, d, [
    -2.16637559486879084300e-3, 3.54783043256182359371e-2, -1.10894694282396677476e-1, 3.18346619901161753674e-1,
    -3.72207876035701323847e-1, 4.14856118683748331666e-1, -2.36211856075265944077e-3,
  ], [
    1.19844998467991074170e-2, 1.36370839120290507362e-2, 1.26171219808761642112e-1, 7.18286544141962662868e-2,
    5.40397917702171048937e-1, 1.06420880400844228286e-1, 1,
  ]))
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
  const ratio = s.select(s.lt(a, s.const(1 / 0.35)), far, farther)
  const tail = s.div(exp(s, s.add(s.sub(s.const(-0.5625), z), ratio)), a)
  let magnitude = s.sub(s.const(1), tail)
  magnitude = s.select(s.lt(a, s.const(1.25)), middle, magnitude)
  magnitude = s.select(s.lt(a, s.const(0.84375)), near, magnitude)
  magnitude = s.select(s.lt(s.const(6), a), s.const(1), magnitude)
  return s.select(s.eq(x, x), withSignOf(s, magnitude, x), x)
}

function rational(s: VectorArithmetic, x: Reg, numerator: readonly number[], denominator: readonly number[]): Reg {
  return s.div(s.polynomial(x, numerator), s.polynomial(x, denominator))
}
