/**
 * Scalar code: what an elementwise operation's formula may use. Formulas are written once against
 * this interface and run as JavaScript numbers (the oracle) and as WebAssembly SIMD (the kernels).
 *
 * Arithmetic is IEEE 754. `min` and `max` return NaN when either argument is NaN, as PyTorch does.
 * Comparisons give masks; `select(mask, a, b)` is `mask ? a : b`.
 */
import type { DType } from './types.ts'

export interface IndexCheck {
  readonly size: number
  readonly wraps: boolean
  readonly site: number
}

export interface Code<T> {
  /** A number in the type that the formula computes in. */
  const(x: number): T
  add(a: T, b: T): T
  sub(a: T, b: T): T
  mul(a: T, b: T): T
  div(a: T, b: T): T
  /** a·b + c, fused where the processor can. */
  madd(a: T, b: T, c: T): T
  neg(x: T): T
  abs(x: T): T
  /** The size of `x` with the sign of `y`, zeros and NaN included. */
  copysign(x: T, y: T): T
  sqrt(x: T): T
  min(a: T, b: T): T
  max(a: T, b: T): T
  floor(x: T): T
  ceil(x: T): T
  trunc(x: T): T
  /** To the nearest whole number, halves to even. */
  round(x: T): T

  eq(a: T, b: T): T
  ne(a: T, b: T): T
  lt(a: T, b: T): T
  le(a: T, b: T): T

  /** Bitwise on masks and integers. */
  and(a: T, b: T): T
  or(a: T, b: T): T
  xor(a: T, b: T): T
  not(x: T): T
  select(mask: T, a: T, b: T): T

  exp(x: T): T
  exp2(x: T): T
  expm1(x: T): T
  log(x: T): T
  log2(x: T): T
  log10(x: T): T
  log1p(x: T): T
  sin(x: T): T
  cos(x: T): T
  tanh(x: T): T
  sigmoid(x: T): T
  erf(x: T): T
  atan2(y: T, x: T): T
  pow(x: T, y: T): T
  /** The remainder with the sign of the dividend, exact (C's fmod). Integers: the same. */
  fmod(x: T, y: T): T
  /** Integer quotient rounded toward zero; 0 for a zero divisor. */
  quotient(x: T, y: T): T

  /** `formula` in float64: of float32 arguments the result is rounded once. */
  wide(formula: (s: Code<T>, ...args: T[]) => T, ...args: T[]): T

  cast(x: T, from: DType, to: DType): T
  /**
   * `x` as an index into `size` places. A number that is not whole or not in [0, size) stops the run
   * with fault number `site`; the result is then 0. With `wraps`, numbers from -size on count from the end.
   */
  index(x: T, from: DType, check: IndexCheck): T
}

/** c₀ x^n + c₁ x^(n-1) + … by Horner's rule. */
export function polynomial<T>(s: Code<T>, x: T, coefficients: readonly number[]): T {
  let sum = s.const(coefficients[0]!)
  for (const c of coefficients.slice(1)) sum = s.madd(sum, x, s.const(c))
  return sum
}

export function rational<T>(s: Code<T>, x: T, numerator: readonly number[], denominator: readonly number[]): T {
  return s.div(polynomial(s, x, numerator), polynomial(s, x, denominator))
}
