/** PyTorch's draws on the CPU: the same numbers, in the same order, for the same generator. */
import { Mt19937 } from './mt19937.ts'
import { boxMuller32 } from './normal32.ts'

export type FloatArray = Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>
export type FloatType = 'float32' | 'float64'

/** Elements of a tensor that was drawn: int64 as bigint, bool as 0 and 1. */
export type Drawn = FloatArray | BigInt64Array<ArrayBuffer> | Uint8Array<ArrayBuffer>
export type DrawnType = FloatType | 'int64' | 'bool'

function floats(type: FloatType, count: number): FloatArray {
  return type === 'float32' ? new Float32Array(count) : new Float64Array(count)
}

/** In [0, 1), with 24 bits. */
function unit32(generator: Mt19937): number {
  return (generator.random() & 0xffffff) * 2 ** -24
}

/** In [0, 1), with 53 bits. */
function unit64(generator: Mt19937): number {
  const high = generator.random()
  const low = generator.random()
  return ((high & 0x1fffff) * 2 ** 32 + low) * 2 ** -53
}

/** Tensor.uniform_(from, to) */
export function uniform(generator: Mt19937, type: FloatType, count: number, from: number, to: number): FloatArray {
  const out = floats(type, count)
  if (type === 'float64') {
    for (let i = 0; i < count; i++) out[i] = fusedMultiplyAdd(unit64(generator), to - from, from)
    return out
  }
  const low = Math.fround(from)
  const span = Math.fround(Math.fround(to) - low)
  // The product of two float32 is exact in float64: rounded once, as by a fused multiply-add.
  for (let i = 0; i < count; i++) out[i] = unit32(generator) * span + low
  return out
}

/** a b + c rounded once: PyTorch's kernels are compiled to it. The product is split exactly (Dekker 1971). */
function fusedMultiplyAdd(a: number, b: number, c: number): number {
  const product = a * b
  const [aHigh, bHigh] = [upperHalf(a), upperHalf(b)]
  const [aLow, bLow] = [a - aHigh, b - bHigh]
  const lost = aHigh * bHigh - product + aHigh * bLow + aLow * bHigh + aLow * bLow
  const sum = product + c
  const part = sum - product
  return sum + (product - (sum - part) + (c - part) + lost)
}

/** The upper 26 bits of a number. */
function upperHalf(x: number): number {
  const shifted = x * 134217729
  return shifted - (shifted - x)
}

/** Tensor.normal_(mean, std): fewer than 16 elements one by one in float64, more in blocks of 16. */
export function normal(generator: Mt19937, type: FloatType, count: number, mean: number, std: number): FloatArray {
  const out = floats(type, count)
  if (count < 16) {
    for (let i = 0; i < count; i++) out[i] = normalOne(generator) * std + mean
    return out
  }
  const unit = type === 'float32' ? unit32 : unit64
  const pairs = (data: FloatArray, start: number): void => (data instanceof Float32Array ? boxMuller32(data, start, mean, std) : boxMuller(data, start, mean, std))
  for (let i = 0; i < count; i++) out[i] = unit(generator)
  for (let i = 0; i + 16 <= count; i += 16) pairs(out, i)
  if (count % 16 !== 0) {
    const last = count - 16
    for (let i = last; i < count; i++) out[i] = unit(generator)
    pairs(out, last)
  }
  return out
}

/** 16 uniform numbers become 16 normal ones (Box & Muller 1958): radius from the first eight, angle from the others. */
function boxMuller(data: Float64Array, start: number, mean: number, std: number): void {
  for (let j = start; j < start + 8; j++) {
    const radius = Math.sqrt(-2 * Math.log(1 - data[j]!))
    const angle = 2 * Math.PI * data[j + 8]!
    data[j] = radius * Math.cos(angle) * std + mean
    data[j + 8] = radius * Math.sin(angle) * std + mean
  }
}

function normalOne(generator: Mt19937): number {
  const kept = generator.nextNormal
  if (kept !== undefined) {
    generator.nextNormal = undefined
    return kept
  }
  const u1 = unit64(generator)
  const u2 = unit64(generator)
  const radius = Math.sqrt(-2 * Math.log1p(-u2))
  generator.nextNormal = radius * Math.sin(2 * Math.PI * u1)
  return radius * Math.cos(2 * Math.PI * u1)
}

/** Tensor.bernoulli_(p): 1 with probability p, else 0. Each draw takes 53 bits, whatever the dtype. */
export function bernoulli(generator: Mt19937, type: DrawnType, count: number, p: number): Drawn {
  return filled(type, count, () => Number(unit64(generator) < p))
}

/** Tensor.random_(from, to): whole numbers from `from` up to, not including, `to`. */
export function integers(generator: Mt19937, type: DrawnType, count: number, from: number, to: number): Drawn {
  const range = to - from
  if (range < 2 ** 32) return filled(type, count, () => (generator.random() % range) + from)
  return filled(type, count, () => Number(generator.random64() % BigInt(range)) + from)
}

/** Tensor.exponential_(): -ln(1 - u), computed in float64. */
export function exponential(generator: Mt19937, type: FloatType, count: number): FloatArray {
  const out = floats(type, count)
  for (let i = 0; i < count; i++) out[i] = -Math.log1p(-unit64(generator))
  return out
}

function filled(type: DrawnType, count: number, draw: () => number): Drawn {
  if (type === 'int64') return BigInt64Array.from({ length: count }, () => BigInt(draw()))
  const out = type === 'bool' ? new Uint8Array(count) : floats(type, count)
  for (let i = 0; i < count; i++) out[i] = draw()
  return out
}

/** torch.randperm(n) */
export function permutation(generator: Mt19937, n: number): Int32Array<ArrayBuffer> {
  const order = Int32Array.from({ length: n }, (_, i) => i)
  for (let i = 0; i < n - 1; i++) {
    const j = i + (generator.random() % (n - i))
    const kept = order[i]!
    order[i] = order[j]!
    order[j] = kept
  }
  return order
}

/**
 * The order of the samples in one epoch of a shuffling DataLoader. Each epoch it takes two 63-bit numbers from the
 * generator: its own base seed, then the seed of a generator that makes the permutation.
 */
export function shuffledEpoch(generator: Mt19937, n: number): Int32Array<ArrayBuffer> {
  generator.random64()
  const seed = generator.random64() % 2n ** 63n
  return permutation(new Mt19937(Number(seed % 2n ** 32n)), n)
}
