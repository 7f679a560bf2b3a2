/** Element types and shapes. */

/** `int32` is internal: checked indices. Callers see the other four. */
export type DType = 'float32' | 'float64' | 'int64' | 'int32' | 'bool'
export type Shape = readonly number[]

/** Bytes an element takes in memory. A bool is a 32-bit mask: 0 or -1. */
export const byteSize: Readonly<Record<DType, number>> = { float32: 4, float64: 8, int64: 8, int32: 4, bool: 4 }

export function isFloat(dtype: DType): boolean {
  return dtype === 'float32' || dtype === 'float64'
}

/** Number of elements of a shape. */
export function numel(shape: Shape): number {
  let n = 1
  for (const size of shape) n *= size
  return n
}

export function sameShape(a: Shape, b: Shape): boolean {
  if (a === b) return true
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
