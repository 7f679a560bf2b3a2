/** Triangles and diagonals of matrices, cut out by comparing the numbers of rows and columns. */
import type { DType, Graph, Shape, Value } from '../ir/value.ts'
import type { Binary } from './map.ts'
import { fullLike } from './map.ts'
import { eq, ge, le, where } from './choice.ts'
import { add } from './elementwise.ts'
import { cast } from './identity.ts'
import { constant, iota } from './source.ts'
import { expand, reshape } from './view.ts'

/** [rows, columns] of bool: how the number of the column compares with that of the row plus `offset`. */
function compareColumns(graph: Graph, rows: number, columns: number, relation: Binary, offset: number): Value {
  const shape = [rows, columns]
  if (rows === 0 || columns === 0) return expand(constant(graph, 0, 'bool'), shape)
  const row = add(iota(graph, rows), Math.max(-rows, Math.min(columns, offset)))
  return relation(expand(iota(graph, columns), shape), expand(reshape(row, [rows, 1]), shape))
}

function cut(x: Value, relation: Binary, offset: number): Value {
  const [rows, columns] = x.shape.slice(-2) as [number, number]
  return where(expand(compareColumns(x.graph, rows, columns, relation, offset), x.shape), x, fullLike(x, 0))
}

/** What lies on the diagonal number `diagonal` (0: the main one, 1: the one above) and below; zeros elsewhere. */
export function lowerTriangle(x: Value, diagonal = 0): Value {
  return cut(x, le, diagonal)
}

/** What lies on the diagonal number `diagonal` and above; zeros elsewhere. */
export function upperTriangle(x: Value, diagonal = 0): Value {
  return cut(x, ge, diagonal)
}

/** What lies on the diagonal number `diagonal`; zeros elsewhere. */
export function onlyDiagonal(x: Value, diagonal = 0): Value {
  return cut(x, eq, diagonal)
}

/** `below` on the diagonal and below it, `above` above it; both of one shape. */
export function joinTriangles(below: Value, above: Value): Value {
  const [rows, columns] = below.shape.slice(-2) as [number, number]
  return where(expand(compareColumns(below.graph, rows, columns, le, 0), below.shape), below, above)
}

/** The identity matrix, repeated over the leading axes of `shape`, whose last two are equal. */
export function identityMatrix(graph: Graph, shape: Shape, dtype: DType): Value {
  const [rows, columns] = shape.slice(-2) as [number, number]
  return expand(cast(compareColumns(graph, rows, columns, eq, 0), dtype), shape)
}
