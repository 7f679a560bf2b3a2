/**
 * float32 intrinsics on four lanes. NaN, ±Infinity, ±0 and subnormal numbers give what PyTorch gives. The largest
 * errors, measured over the range by test/engine/intrinsics.test.ts, are stated in docs/numerics.md.
 *
 * Sources: Cephes (expf), N. Juffa's published minimax polynomials (logf, erff).
 */
import type { Reg } from './registers.ts'
import type { VectorArithmetic } from './arithmetic.ts'

const roundingMagic = 12582912 // 1.5 · 2^23: adding it rounds to a whole number, found in the low bits
const log2e = Math.LOG2E
const ln2High = 0.693359375
const ln2Low = -2.12194440e-4

interface Reduced {
  /** Its low bits are n: a shift to the left by 23 leaves n as an exponent. */
  readonly shifted: Reg
  /** x - n ln 2, |r| ≤ ln 2 / 2 */
  readonly r: Reg
}

function reduceByLn2(s: VectorArithmetic, x: Reg): Reduced {
  const shifted = s.madd(x, s.const(log2e), s.const(roundingMagic))
  const n = s.sub(shifted, s.const(roundingMagic))
  const r = s.nmadd(n, s.const(ln2Low), s.nmadd(n, s.const(ln2High), x))
  return { shifted, r }
}

/** 2^n, times 2^`extra`, for -126 ≤ n + extra ≤ 128 (then it is Infinity). */
function powerOfTwo(s: VectorArithmetic, shifted: Reg, extra = 0): Reg {
  const b = s.builder
  return b.op('f32', 'i32x4.add', b.shift('i32x4.shl', shifted, 23), b.bits('f32', 0x3f800000 + extra * 0x800000))
}

/** (e^r - 1 - r) / r² */
const expTail = [1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1]

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
  const half = b.shift('i32x4.shl', b.shift('i32x4.shr_s', shifted, 1), 23)
  const rest = b.op('i32', 'i32x4.sub', b.shift('i32x4.shl', shifted, 23), half)
  const one = b.bits('f32', 0x3f800000)
  return s.mul(s.mul(p, b.op('f32', 'i32x4.add', half, one)), b.op('f32', 'i32x4.add', rest, one))
}

export function exp(s: VectorArithmetic, x: Reg): Reg {
  // Outside of this interval the result is 0 or Infinity anyway; NaN passes.
  const { shifted, r } = reduceByLn2(s, s.atLeast(s.atMost(x, s.const(89)), s.const(-104)))
  return scale(s, expReduced(s, r, x, -104), shifted)
}

export function exp2(s: VectorArithmetic, x: Reg): Reg {
  const inside = s.atLeast(s.atMost(x, s.const(129)), s.const(-151))
  const shifted = s.add(inside, s.const(roundingMagic))
  const r = s.mul(s.sub(inside, s.sub(shifted, s.const(roundingMagic))), s.const(Math.LN2))
  return scale(s, expReduced(s, r, x, -151), shifted)
}

export function expm1(s: VectorArithmetic, x: Reg): Reg {
  const { shifted, r } = reduceByLn2(s, s.atLeast(s.atMost(x, s.const(89)), s.const(-20)))
  // 2^n (e^r - 1) + (2^n - 1), halved so that 2^128 is not needed.
  const power = powerOfTwo(s, shifted, -1)
  const result = s.madd(power, expm1Reduced(s, r), s.sub(power, s.const(0.5)))
  const doubled = s.add(result, result)
  return s.select(s.eq(x, s.const(0)), x, doubled)
}

/** x = 2^k m with m in [2/3, 4/3): k, and ln m. */
function logParts(s: VectorArithmetic, x: Reg): { readonly k: Reg; readonly mantissa: Reg } {
  const b = s.builder
  // Subnormal numbers are scaled into the normal range first.
  const tiny = s.lt(x, s.const(1.17549435e-38))
  const scaled = s.select(tiny, s.mul(x, s.const(8388608)), x)
  const shift = s.and(s.const(-23), tiny)
  const bits = b.op('i32', 'i32x4.sub', scaled, b.bits('i32', 0x3f2aaaab))
  const exponent = b.op('i32', 'v128.and', bits, b.bits('i32', -8388608))
  const m = b.op('f32', 'i32x4.sub', scaled, exponent)
  const k = s.add(b.op('f32', 'f32x4.convert_i32x4_s', b.shift('i32x4.shr_s', exponent, 23)), shift)
  const f = s.sub(m, s.const(1))
  const p = s.polynomial(f, [-0.130310059, 0.140869141, -0.121483512, 0.139814854, -0.166846126, 0.200120345, -0.24999620, 0.333331972, -0.5])
  return { k, mantissa: s.madd(p, s.mul(f, f), f) }
}

export function log(s: VectorArithmetic, x: Reg): Reg {
  const { k, mantissa } = logParts(s, x)
  return logSpecials(s, x, s.madd(k, s.const(0.693147182), mantissa))
}

const log2eHigh = Math.fround(Math.LOG2E)

export function log2(s: VectorArithmetic, x: Reg): Reg {
  const { k, mantissa } = logParts(s, x)
  const low = s.madd(mantissa, s.const(Math.LOG2E - log2eHigh), k)
  return logSpecials(s, x, s.madd(mantissa, s.const(log2eHigh), low))
}

/** Results for what has no logarithm: -Infinity at 0; the square root of the rest is NaN, or the Infinity or NaN itself. */
function logSpecials(s: VectorArithmetic, x: Reg, result: Reg): Reg {
  const ordinary = s.and(s.lt(x, s.const(Infinity)), s.lt(s.const(0), x))
  return s.select(ordinary, result, s.select(s.eq(x, s.const(0)), s.const(-Infinity), s.sqrt(x)))
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

/** m / (m + 2) for m = e^2|x| - 1, which is computed without cancellation. Beyond |x| = 10 it is 1. */
export function tanh(s: VectorArithmetic, x: Reg): Reg {
  const a = s.abs(x)
  const { shifted, r } = reduceByLn2(s, s.atMost(s.add(a, a), s.const(20)))
  const power = powerOfTwo(s, shifted)
  const m = s.madd(power, expm1Reduced(s, r), s.sub(power, s.const(1)))
  return s.copysign(s.div(m, s.add(m, s.const(2))), x)
}

/**
 * e / (e + 1) below 0 and 1 / (e + 1) above, for e = e^-|x|, all times 2^64: the division rounds subnormal results. 0 where
 * e^-x overflows.
 */
export function sigmoid(s: VectorArithmetic, x: Reg): Reg {
  const { shifted, r } = reduceByLn2(s, s.atLeast(s.or(x, s.builder.bits('f32', -0x80000000)), s.const(-90)))
  const power = powerOfTwo(s, shifted, 64)
  const e = s.madd(power, expm1Reduced(s, r), power)
  const below = s.andnot(e, s.lt(x, s.const(-88.7228394)))
  const numerator = s.atLeast(below, s.andnot(s.const(2 ** 64), s.lt(x, s.const(0))))
  return s.div(numerator, s.add(e, s.const(2 ** 64)))
}

export function erf(s: VectorArithmetic, x: Reg): Reg {
  // erf is 1 from 4 on.
  const t = s.atMost(s.abs(x), s.const(4))
  const z = s.mul(t, t)
  let e = s.madd(t, s.const(-1.72853470e-5), s.const(3.83197126e-4))
  const u = s.madd(t, s.const(-3.88396438e-3), s.const(2.42546219e-2))
  e = s.madd(e, z, u)
  for (const c of [-1.06777877e-1, -6.34846687e-1, -1.28717512e-1]) e = s.madd(e, t, s.const(c))
  const { shifted, r } = reduceByLn2(s, s.madd(e, t, s.neg(t)))
  const large = s.nmadd(s.add(expm1Reduced(s, r), s.const(1)), powerOfTwo(s, shifted), s.const(1))
  const p = s.polynomial(z, [-5.96761703e-4, 4.99119423e-3, -2.67681349e-2, 1.12819925e-1, -3.76125336e-1, 1.28379166e-1])
  const small = s.madd(p, t, t)
  return s.copysign(s.select(s.lt(s.const(0.927734375), t), large, small), x)
}
