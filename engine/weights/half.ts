/** Floating-point numbers of 16 bits as float32, which holds each of them. */

/** IEEE 754 binary16: one bit of sign, 5 of exponent, 10 of fraction. */
export function widenFloat16(halves: Uint16Array): Float32Array<ArrayBuffer> {
  return Float32Array.from(new Float16Array(halves.buffer, halves.byteOffset, halves.length))
}

/** bfloat16: the upper half of a float32. */
export function widenBfloat16(halves: Uint16Array): Float32Array<ArrayBuffer> {
  const bits = new Uint32Array(halves.length)
  for (let i = 0; i < halves.length; i++) bits[i] = halves[i]! << 16
  return new Float32Array(bits.buffer)
}
