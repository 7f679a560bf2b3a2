/** Determinants of square matrices [..., n, n]. */
import type { RoutineArray, RoutineCode } from '../ir/routine.ts'
import type { RoutineOp, RoutineOperands, Shape, Value } from '../ir/value.ts'
import { matmul } from './contract.ts'
import { register } from './define.ts'
import type { Matrix } from './elimination.ts'
import { cubic, eliminate, fillIdentity, forEachMatrix, oneMatrix, read, requireSquare, substituteBack, subtractRow, swapRows, write } from './elimination.ts'
import { mul, sub } from './elementwise.ts'
import { inverse } from './solve.ts'
import { identityMatrix } from './triangle.ts'
import { expand, reshape, slice, sum, transposeLast } from './view.ts'

function batchOf(a: Value): Shape {
  return a.shape.slice(0, -2)
}

/** One number a matrix, spread over it. */
function spread(x: Value, like: Value): Value {
  return expand(reshape(x, [...x.shape, 1, 1]), like.shape)
}

export const determinantOp: RoutineOp = register({
  kind: 'routine',
  name: 'determinant',
  infer: ([a]) => {
    requireSquare('determinant', a!)
    return { shape: batchOf(a!), dtype: a!.dtype }
  },
  scratch: oneMatrix,
  operations: cubic,
  program: (s, operands) => {
    forEachMatrix(s, operands, (a, which) => {
      const product = s.variable(eliminate(s, a))
      s.for(s.int(0), a.columns, (i) => product.set(s.mul(product.get(), read(s, a, i, i))))
      s.store(operands.result, which, product.get())
    })
  },
  grad: (g, [a]) => [mul(spread(g, a!), cofactors(a!))],
})

export function determinant(a: Value): Value {
  return a.graph.add(determinantOp, [a])
}

export const cofactorsOp: RoutineOp = register({
  kind: 'routine',
  name: 'cofactors',
  infer: ([a]) => {
    requireSquare('cofactors', a!)
    return { shape: a!.shape, dtype: a!.dtype }
  },
  scratch: ([a]) => [...oneMatrix([a!]), ...oneMatrix([a!]), { dtype: 'int32', count: a!.shape.at(-1)! }],
  operations: ([a]) => 3 * cubic([a!]),
  program: cofactorMatrix,
  // Of C = det A · A⁻ᵀ: ⟨G, C⟩ A⁻ᵀ - C Gᵀ A⁻ᵀ, for matrices that have an inverse.
  grad: (g, [a], c) => {
    const axes = [a!.shape.length - 2, a!.shape.length - 1]
    const total = mul(spread(sum(mul(g, c), axes), a!), identityMatrix(a!.graph, a!.shape, a!.dtype))
    const inner = sub(total, matmul(c, transposeLast(g)))
    return [matmul(inner, transposeLast(inverse(a!)))]
  },
})

/**
 * The matrix of cofactors, which is the gradient of the determinant and is finite for singular matrices too. Its own
 * gradient is only finite for matrices that have an inverse.
 */
export function cofactors(a: Value): Value {
  return a.graph.add(cofactorsOp, [a])
}

/**
 * With P A Q = L U, the largest of all elements as pivot, the adjugate is det P · det Q · Q adj(U) L⁻¹ P. Let p be the
 * product of all pivots but the last one, u: then adj(U) = p [u U₁⁻¹, -U₁⁻¹ v; 0, 1], with U₁ what U is without its
 * last row and column, and v that column. No division by u, the only pivot that may vanish while p does not.
 */
function cofactorMatrix<T>(s: RoutineCode<T>, operands: RoutineOperands): void {
  const { result, scratch } = operands
  const { dtype } = result
  const n = operands.shapes[0]!.at(-1)!
  if (n === 0) return
  const order = scratch[2]!
  const [zero, one, last] = [s.int(0), s.int(1), s.int(n - 1)]
  forEachMatrix(s, operands, (a, which) => {
    const y: Matrix<T> = { array: scratch[1]!, base: zero, columns: a.columns }
    const size = a.columns
    fillIdentity(s, y, dtype)
    s.for(zero, size, (j) => s.store(order, j, j))
    const product = s.variable(s.number(1, dtype))
    s.for(zero, last, (c) => {
      product.set(s.mul(product.get(), largestToCorner(s, a, y, order, c)))
      const pivot = read(s, a, c, c)
      product.set(s.mul(product.get(), pivot))
      s.if(s.not(s.eq(pivot, s.number(0, dtype))), () =>
        s.for(s.add(c, one), size, (i) => {
          const factor = s.div(read(s, a, i, c), pivot)
          subtractRow(s, a, i, c, factor, s.add(c, one))
          subtractRow(s, y, i, c, factor, zero)
        }),
      )
    })
    const [p, u] = [product.get(), read(s, a, last, last)]
    // The rows above the last become u y₁ - v yₙ, then U₁⁻¹ of that.
    s.for(zero, last, (i) => {
      const v = read(s, a, i, last)
      s.for(zero, size, (j) => write(s, y, i, j, s.sub(s.mul(u, read(s, y, i, j)), s.mul(v, read(s, y, last, j)))))
    })
    substituteBack(s, a, y, last)
    const vanishes = s.eq(p, s.number(0, dtype))
    const target: Matrix<T> = { array: result, base: s.mul(which, s.int(n * n)), columns: size }
    s.for(zero, size, (i) =>
      s.for(zero, size, (j) => write(s, target, j, s.load(order, i), s.select(vanishes, s.number(0, dtype), s.mul(p, read(s, y, i, j))))),
    )
  })
}

/** Brings the largest element from row and column `c` on to the place (c, c); gives the sign of the exchanges. */
function largestToCorner<T>(s: RoutineCode<T>, a: Matrix<T>, along: Matrix<T>, order: RoutineArray, c: T): T {
  const { dtype } = a.array
  const [row, column, largest] = [s.variable(c), s.variable(c), s.variable(s.abs(read(s, a, c, c)))]
  s.for(c, a.columns, (i) =>
    s.for(c, a.columns, (j) => {
      const candidate = s.abs(read(s, a, i, j))
      s.if(s.lt(largest.get(), candidate), () => {
        largest.set(candidate)
        row.set(i)
        column.set(j)
      })
    }),
  )
  const sign = s.variable(s.number(1, dtype))
  const turn = (): void => sign.set(s.sub(s.number(0, dtype), sign.get()))
  s.if(s.lt(c, row.get()), () => {
    swapRows(s, a, c, row.get())
    swapRows(s, along, c, row.get())
    turn()
  })
  s.if(s.lt(c, column.get()), () => {
    const from = column.get()
    s.for(s.int(0), a.columns, (i) => {
      const kept = read(s, a, i, c)
      write(s, a, i, c, read(s, a, i, from))
      write(s, a, i, from, kept)
    })
    const kept = s.load(order, c)
    s.store(order, c, s.load(order, from))
    s.store(order, from, kept)
    turn()
  })
  return sign.get()
}

export const scaledDeterminantOp: RoutineOp = register({
  kind: 'routine',
  name: 'scaled_determinant',
  infer: ([a]) => {
    requireSquare('scaled_determinant', a!)
    return { shape: [...batchOf(a!), 2], dtype: a!.dtype }
  },
  scratch: oneMatrix,
  operations: cubic,
  program: scaledProduct,
  // m = 2⁻ᵉ det A, and e is constant: dm = m ⟨A⁻ᵀ, dA⟩.
  grad: (g, [a], y) => {
    const axis = y.shape.length - 1
    const byLog = reshape(slice(mul(g, y), axis, 0, 1), batchOf(a!))
    return [mul(spread(byLog, a!), transposeLast(inverse(a!)))]
  },
})

/** Numbers m and e with det A = m · 2ᵉ and 0.75 ≤ |m| ≤ 1.5 where it is neither 0 nor infinite, so that no product overflows. */
export function scaledDeterminant(a: Value): { readonly mantissa: Value; readonly exponent: Value } {
  const parts = a.graph.add(scaledDeterminantOp, [a])
  const axis = parts.shape.length - 1
  const part = (i: number): Value => reshape(slice(parts, axis, i, 1), batchOf(a))
  return { mantissa: part(0), exponent: part(1) }
}

function scaledProduct<T>(s: RoutineCode<T>, operands: RoutineOperands): void {
  const number = (x: number): T => s.number(x, operands.result.dtype)
  forEachMatrix(s, operands, (a, which) => {
    const [m, e] = [s.variable(eliminate(s, a)), s.variable(number(0))]
    const size = (): T => s.abs(m.get())
    s.for(s.int(0), a.columns, (i) => {
      m.set(s.mul(m.get(), read(s, a, i, i)))
      // 0, NaN and infinities stay as they are.
      s.while(
        () => s.and(s.lt(number(1.5), size()), s.lt(size(), number(Infinity))),
        () => {
          m.set(s.mul(m.get(), number(0.5)))
          e.set(s.add(e.get(), number(1)))
        },
      )
      s.while(
        () => s.and(s.lt(size(), number(0.75)), s.lt(number(0), size())),
        () => {
          m.set(s.mul(m.get(), number(2)))
          e.set(s.sub(e.get(), number(1)))
        },
      )
    })
    const at = s.add(which, which)
    s.store(operands.result, at, m.get())
    s.store(operands.result, s.add(at, s.int(1)), e.get())
  })
}
