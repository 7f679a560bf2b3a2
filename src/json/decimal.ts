/**
 * Decimals to doubles: the nearest double to `digits · 10^exponent`, as JavaScript's own Number gives it, without a
 * string. Short decimals are one exact product or quotient (Clinger); long ones a product of two pairs of doubles with
 * about 106 bits, whose rounding is checked; what is too close to call is left to Number.
 */

/** Powers of ten that are exact. */
export const exactPowers: Float64Array = Float64Array.from({ length: 23 }, (_, i) => Number(`1e${i}`))

/** Whole numbers below this are exact. */
export const exactLimit = 2 ** 53

const least = -290
const most = 290
/** 10^k as a pair of doubles, made when it is first needed; 0 until then. */
const high = new Float64Array(most - least + 1)
const low = new Float64Array(most - least + 1)

function makePower(k: number): void {
  const hi = Number(`1e${k}`)
  // hi is whole · 2^-shift; the rest of 10^k is computed exactly and rounded once.
  let shift = 0
  let whole = hi
  while (!Number.isInteger(whole)) {
    whole *= 2
    shift++
  }
  const one = 1n << BigInt(shift)
  const ten = 10n ** BigInt(Math.abs(k))
  const [numerator, denominator] = k >= 0 ? [ten * one - BigInt(whole), one] : [one - BigInt(whole) * ten, one * ten]
  // Scaled so that the quotient of whole numbers has enough digits.
  const scale = BigInt(shift + 1200)
  const scaled = (numerator << scale) / denominator
  high[k - least] = hi
  low[k - least] = quotient(scaled, shift + 1200)
}

/** n · 2^-shift, where neither is in the range of doubles by itself. */
function quotient(n: bigint, shift: number): number {
  const bits = (n < 0n ? -n : n).toString(2).length
  const drop = Math.max(0, bits - 60)
  return Number(n >> BigInt(drop)) * 2 ** Math.trunc((drop - shift) / 2) * 2 ** (drop - shift - Math.trunc((drop - shift) / 2))
}

const splitter = 2 ** 27 + 1

/**
 * The nearest double to (head · 10^tailDigits + tail) · 10^exponent, for whole head and tail below 2^53 and tail below
 * 10^tailDigits; undefined where it is too close to the middle of two doubles, too large or too small.
 */
export function fromParts(head: number, tail: number, tailDigits: number, exponent: number): number | undefined {
  const top = exponent + tailDigits
  if (top > most - 20 || exponent < least || top < least) return undefined
  if (high[top - least] === 0) makePower(top)
  if (high[exponent - least] === 0) makePower(exponent)
  const p = high[top - least]!
  // head · p exactly, as product + error (Dekker).
  const product = head * p
  const a = splitter * head
  const aHigh = a - (a - head)
  const aLow = head - aHigh
  const b = splitter * p
  const bHigh = b - (b - p)
  const bLow = p - bHigh
  const error = aLow * bLow - (product - aHigh * bHigh - aLow * bHigh - aHigh * bLow)
  const rest = error + head * low[top - least]! + tail * high[exponent - least]!
  const sum = product + rest
  if (!(sum > 1e-280 && sum < 1e300)) return undefined
  const left = rest - (sum - product)
  // Whatever the small terms' rounding, the sum is the same: then it is the nearest.
  const doubt = sum * 2 ** -90
  return sum + (left + doubt) === sum && sum + (left - doubt) === sum ? sum : undefined
}
