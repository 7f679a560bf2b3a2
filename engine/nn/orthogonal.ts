/** torch.nn.init.orthogonal_: the Q of a matrix of normal numbers whose R has a positive diagonal. */
import type { FloatArray } from '../random/draw.ts'

/**
 * Makes the columns of a matrix [rows, columns] orthonormal, or its rows where there are fewer of those. Gram and
 * Schmidt's way, twice for each (Kahan & Parlett's rule), in float64: with a positive diagonal of R the result is the
 * one that PyTorch gets from Householder's.
 */
export function orthonormalize(matrix: FloatArray, rows: number, columns: number): void {
  const across = rows < columns
  const [count, length] = across ? [rows, columns] : [columns, rows]
  const at = (which: number, i: number): number => (across ? which * columns + i : i * columns + which)
  const vectors: Float64Array[] = []
  for (let which = 0; which < count; which++) {
    const vector = Float64Array.from({ length }, (_, i) => matrix[at(which, i)]!)
    for (let pass = 0; pass < 2; pass++) for (const other of vectors) subtract(vector, other, dot(vector, other))
    const norm = Math.sqrt(dot(vector, vector))
    for (let i = 0; i < length; i++) matrix[at(which, i)] = vector[i]! /= norm
    vectors.push(vector)
  }
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}

function subtract(a: Float64Array, b: Float64Array, factor: number): void {
  for (let i = 0; i < a.length; i++) a[i]! -= factor * b[i]!
}
