/** Scalar code on JavaScript numbers: float64 throughout, masks are 0 and 1. Folds constants and drives the oracle. */
import type { Code } from './code.ts'
import type { DType } from './value.ts'

/** An index that is not whole or not in range, found while evaluating. */
export class IndexFault extends Error {
  readonly value: number

  constructor(value: number) {
    super(`index ${value} is out of range`)
    this.name = 'IndexFault'
    this.value = value
  }
}

/** Bitwise operations on masks and on whole numbers; 64 bits wide, as int64 is. */
function bits(a: number, b: number, op: (a: bigint, b: bigint) => bigint): number {
  return Number(BigInt.asIntN(64, op(BigInt(Math.trunc(a)), BigInt(Math.trunc(b)))))
}

/** `dtype` is what the formula computes in; it decides what `not` and `quotient` mean. */
export function numberCode(dtype: DType): Code<number> {
  const code: Code<number> = {
    const: (x) => x,
    add: (a, b) => a + b,
    sub: (a, b) => a - b,
    mul: (a, b) => a * b,
    div: (a, b) => a / b,
    madd: (a, b, c) => a * b + c,
    neg: (x) => -x,
    abs: Math.abs,
    copysign: (x, y) => (y < 0 || Object.is(y, -0) ? -Math.abs(x) : Math.abs(x)),
    sqrt: Math.sqrt,
    min: Math.min,
    max: Math.max,
    floor: Math.floor,
    ceil: Math.ceil,
    trunc: Math.trunc,
    round: roundHalfEven,
    eq: (a, b) => Number(a === b),
    ne: (a, b) => Number(a !== b),
    lt: (a, b) => Number(a < b),
    le: (a, b) => Number(a <= b),
    and: (a, b) => bits(a, b, (x, y) => x & y),
    or: (a, b) => bits(a, b, (x, y) => x | y),
    xor: (a, b) => bits(a, b, (x, y) => x ^ y),
    not: (x) => (dtype === 'bool' ? Number(x === 0) : -x - 1),
    select: (mask, a, b) => (mask === 0 ? b : a),
    exp: Math.exp,
    exp2: (x) => 2 ** x,
    expm1: Math.expm1,
    log: Math.log,
    log2: Math.log2,
    log10: Math.log10,
    log1p: Math.log1p,
    sin: Math.sin,
    cos: Math.cos,
    tanh: Math.tanh,
    sigmoid: (x) => 1 / (1 + Math.exp(-x)),
    erf,
    atan2: Math.atan2,
    // C's pow: 1 to any power is 1, and (-1) to ±Infinity is 1. JavaScript's gives NaN.
    pow: (x, y) => (x === 1 || (x === -1 && Math.abs(y) === Infinity) ? 1 : x ** y),
    fmod: (x, y) => (dtype === 'int64' && y === 0 ? 0 : x % y),
    quotient: (x, y) => (y === 0 ? 0 : Math.trunc(x / y)),
    wide: (formula, ...args) => formula(code, ...args),
    cast: (x, _from, to) => {
      if (to === 'float64') return x
      if (to === 'float32') return Math.fround(x)
      if (to === 'bool') return Number(x !== 0)
      return Number.isNaN(x) ? 0 : Math.trunc(x) + 0
    },
    index: (x, _from, { size, wraps }) => {
      const place = wraps && x < 0 ? x + size : x
      if (!Number.isInteger(x) || place < 0 || place >= size) throw new IndexFault(x)
      return place
    },
  }
  return code
}

function roundHalfEven(x: number): number {
  if (Math.abs(x) >= 2 ** 52 || Number.isNaN(x)) return x
  const shift = x < 0 || Object.is(x, -0) ? -(2 ** 52) : 2 ** 52
  const rounded = x + shift - shift
  return rounded === 0 && shift < 0 ? -0 : rounded
}

/** erf by its Taylor series near 0 and by the continued fraction of erfc far out (Abramowitz & Stegun 7.1.6, 7.1.14). */
function erf(x: number): number {
  const a = Math.abs(x)
  if (Number.isNaN(x)) return x
  if (a > 6) return Math.sign(x)
  if (a < 1.5) {
    // erf x = 2/√π e^(-x²) Σ 2^n x^(2n+1) / (1·3·…·(2n+1)): all terms positive, no cancellation.
    let term = a
    let total = a
    for (let n = 1; term > total * 1e-18; n++) {
      term *= (2 * a * a) / (2 * n + 1)
      total += term
    }
    return Math.sign(x) * (2 / Math.sqrt(Math.PI)) * Math.exp(-a * a) * total
  }
  let fraction = 0
  for (let n = 300; n > 0; n--) fraction = n / 2 / (a + fraction)
  return Math.sign(x) * (1 - Math.exp(-a * a) / (Math.sqrt(Math.PI) * (a + fraction)))
}
