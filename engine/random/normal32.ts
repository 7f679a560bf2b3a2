/**
 * Normal numbers in float32, to the last bit those of PyTorch's kernel on processors with AVX2: the logarithm, sine and
 * cosine of Cephes (Moshier 1992) in single precision, and the products that its compiler fuses with a sum.
 */
const { fround } = Math

/** a b + c rounded once: the product of two float32 is exact in float64. */
function fused(a: number, b: number, c: number): number {
  return fround(a * b + c)
}

function polynomial(coefficients: readonly number[], x: number): number {
  let sum = coefficients[0]!
  for (let i = 1; i < coefficients.length; i++) sum = fused(sum, x, coefficients[i]!)
  return sum
}

const logarithm = [7.0376836292e-2, -1.151461031e-1, 1.167699874e-1, -1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1].map(fround)
const cosine = [2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2].map(fround)
const sine = [-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1].map(fround)
/** π/4 in three parts, and 4/π. */
const eighths = [0.78515625, 2.4187564849853516e-4, 3.774894977445941e-8].map(fround)
const perEighth = fround(1.27323954473516)
/** ln 2 in two parts. */
const [ln2High, ln2Low] = [0.693359375, fround(-2.1219444e-4)]
const halfRoot = fround(Math.SQRT1_2)
const turn = fround(2 * Math.PI)

const float = new Float32Array(1)
const bits = new Int32Array(float.buffer)

/** ln x, for x above 0. */
function log(x: number): number {
  float[0] = x
  let exponent = (bits[0]! >> 23) - 126
  bits[0] = (bits[0]! & ~0x7f800000) | 0x3f000000
  const part = float[0]
  let m = fround(part - 1)
  if (part < halfRoot) {
    exponent--
    m = fround(m + part)
  }
  const square = fround(m * m)
  const tail = fused(fround(polynomial(logarithm, m) * m), square, fround(exponent * ln2Low))
  return fused(exponent, ln2High, fround(m + fused(square, -0.5, tail)))
}

/** 16 uniform numbers become 16 normal ones (Box & Muller 1958): radius from the first eight, angle from the others. */
export function boxMuller32(data: Float32Array, start: number, mean: number, std: number): void {
  const [scale, shift] = [fround(std), fround(mean)]
  for (let j = start; j < start + 8; j++) {
    const radius = fround(Math.sqrt(fround(-2 * log(1 - data[j]!))))
    const angle = fround(turn * data[j + 8]!)
    const eighth = (Math.trunc(fround(angle * perEighth)) + 1) & ~1
    const x = eighths.reduce((rest, part) => fused(-eighth, part, rest), angle)
    const square = fround(x * x)
    const even = fround(fused(fround(polynomial(cosine, square) * square), square, -fround(square * 0.5)) + 1)
    const odd = fused(fround(polynomial(sine, square) * square), x, x)
    const [sin, cos] = (eighth & 2) === 0 ? [odd, even] : [even, odd]
    data[j] = fused(fround(radius * (((eighth - 2) & 4) === 0 ? -cos : cos)), scale, shift)
    data[j + 8] = fused(fround(radius * ((eighth & 4) === 0 ? sin : -sin)), scale, shift)
  }
}
