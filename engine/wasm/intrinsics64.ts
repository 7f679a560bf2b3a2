/**
 * float64 intrinsics on two lanes. NaN, ±Infinity, ±0 and subnormal numbers give what PyTorch gives. float32
 * functions without code of their own are computed here and rounded once.
 *
 * Sources: fdlibm (log, sin, cos, atan), Taylor coefficients (exp).
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
  const { shifted, r } = reduceByLn2(s, s.atLeast(s.atMost(x, s.const(710)), s.const(-746)))
  return scale(s, expReduced(s, low ? s.add(r, low) : r, x, -746), shifted)
}

/** e^r - 1 for |r| ≤ ln 2 / 2 */
function expm1Reduced(s: VectorArithmetic, r: Reg): Reg {
  return s.madd(s.polynomial(r, expTail), s.mul(r, r), r)
}

/** e^r for the result of `x`; exactly 0 where x is below `least` and so is the result: processors take long over products that round to 0. */
function expReduced(s: VectorArithmetic, r: Reg, x: Reg, least: number): Reg {
  return s.andnot(s.add(expm1Reduced(s, r), s.const(1)), s.lt(x, s.const(least)))
}

/** p · 2^n by two factors, so that neither overflows and the last multiplication rounds a subnormal result once. */
function scale(s: VectorArithmetic, p: Reg, shifted: Reg): Reg {
  const b = s.builder
  const half = b.shift('i64x2.shl', b.shift('i64x2.shr_u', shifted, 1), 52)
  const rest = b.op('i64', 'i64x2.sub', b.shift('i64x2.shl', shifted, 52), half)
  const one = b.bits64('f64', 0x3ff0000000000000n)
  return s.mul(s.mul(p, b.op('f64', 'i64x2.add', half, one)), b.op('f64', 'i64x2.add', rest, one))
}

/** 2^(n - 1), so that 2^1024 is not needed. */
function halfPowerOfTwo(s: VectorArithmetic, shifted: Reg): Reg {
  const b = s.builder
  return b.op('f64', 'i64x2.add', b.shift('i64x2.shl', shifted, 52), b.bits64('f64', 0x3fe0000000000000n))
}

export function exp2(s: VectorArithmetic, x: Reg): Reg {
  const inside = s.atLeast(s.atMost(x, s.const(1025)), s.const(-1076))
  const shifted = s.add(inside, s.const(roundingMagic))
  const r = s.mul(s.sub(inside, s.sub(shifted, s.const(roundingMagic))), s.const(Math.LN2))
  return scale(s, expReduced(s, r, x, -1076), shifted)
}

export function expm1(s: VectorArithmetic, x: Reg): Reg {
  const { shifted, r } = reduceByLn2(s, s.atLeast(s.atMost(x, s.const(710)), s.const(-40)))
  const power = halfPowerOfTwo(s, shifted)
  const result = s.madd(power, expm1Reduced(s, r), s.sub(power, s.const(0.5)))
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
  return logSpecials(s, x, result)
}

/** Results for what has no logarithm: -Infinity at 0; the square root of the rest is NaN, or the Infinity or NaN itself. */
function logSpecials(s: VectorArithmetic, x: Reg, result: Reg): Reg {
  const ordinary = s.and(s.lt(s.const(0), x), s.lt(x, s.const(Infinity)))
  return s.select(ordinary, result, s.select(s.eq(x, s.const(0)), s.const(-Infinity), s.sqrt(x)))
}

export function log2(s: VectorArithmetic, x: Reg): Reg {
  return logSpecials(s, x, logTimes(s, x, Math.LOG2E, 2.0355273740931033e-17))
}

export function log10(s: VectorArithmetic, x: Reg): Reg {
  return logSpecials(s, x, logTimes(s, x, Math.LOG10E, 1.098319650216765e-17))
}

/** ln x times (factor + rest), rounded once: logarithms of powers of the base are whole. */
function logTimes(s: VectorArithmetic, x: Reg, factor: number, rest: number): Reg {
  const { high, low } = logPair(s, x)
  const product = s.mul(high, s.const(factor))
  const lost = s.neg(s.nmadd(high, s.const(factor), product))
  return s.add(product, s.add(lost, s.madd(high, s.const(rest), s.mul(low, s.const(factor)))))
}

/** The exponent field k·2^52 as the float k. */
function exponentToFloat(s: VectorArithmetic, exponent: Reg): Reg {
  const b = s.builder
  const k = b.shift('i64x2.shr_s', exponent, 52)
  const magic = b.bits64('i64', 0x4338000000000000n)
  return s.sub(b.op('f64', 'i64x2.add', k, magic), s.const(roundingMagic))
}

/** ln(1 + x) = ln(u) + c / u, where u = 1 + x rounded and c is what was rounded away. */
export function log1p(s: VectorArithmetic, x: Reg): Reg {
  const u = s.add(x, s.const(1))
  const d = s.sub(u, s.const(1))
  const lost = s.add(s.sub(x, d), s.sub(s.const(1), s.sub(u, d)))
  const plain = s.or(s.eq(u, s.const(0)), s.eq(u, s.const(Infinity)))
  const corrected = s.add(log(s, u), s.andnot(s.div(lost, u), plain))
  return s.select(s.eq(d, s.const(0)), x, corrected)
}

/** t / (t + 2) with t = e^(2|x|) - 1. */
export function tanh(s: VectorArithmetic, x: Reg): Reg {
  const a = s.abs(x)
  const t = expm1(s, s.atMost(s.add(a, a), s.const(44)))
  return s.copysign(s.div(t, s.add(t, s.const(2))), x)
}

/**
 * e / (e + 1) below 0 and 1 / (e + 1) above, for e = e^-|x|, all times 2^64: the division rounds subnormal results. 0 where
 * e^-x overflows.
 */
export function sigmoid(s: VectorArithmetic, x: Reg): Reg {
  const b = s.builder
  const { shifted, r } = reduceByLn2(s, s.atLeast(s.or(x, b.bits64('f64', -0x8000000000000000n)), s.const(-711)))
  const power = b.op('f64', 'i64x2.add', b.shift('i64x2.shl', shifted, 52), b.bits64('f64', 0x43f0000000000000n))
  const e = s.madd(power, expm1Reduced(s, r), power)
  const below = s.andnot(e, s.lt(x, s.const(-709.782712893384)))
  const numerator = s.atLeast(below, s.andnot(s.const(2 ** 64), s.lt(x, s.const(0))))
  return s.div(numerator, s.add(e, s.const(2 ** 64)))
}

// ---- trigonometry

interface Angle {
  readonly quadrant: Reg
  /** The rest, and what rounding it left over. */
  readonly r: Reg
  readonly low: Reg
}

/** x = n π/2 + r with |r| ≤ π/4, for |x| below 2^30 (Cody & Waite, π/2 in three parts of 33 bits). */
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
  const signed = s.copysign(angle, y)
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
