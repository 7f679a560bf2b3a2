/**
 * Singular values of matrices [..., m, n] with their vectors, A = U diag(s) Vᵀ: one-sided Jacobi rotations (Hestenes
 * 1958; Demmel and Veselić 1992), which find small values as exactly as large ones.
 */
import { invariant } from '../errors.ts'
import type { RoutineCode, Variable } from '../ir/routine.ts'
import type { RoutineOp, RoutineOperands, Shape, Value } from '../ir/value.ts'
import { isFloat, numel } from '../ir/value.ts'
import { matmul } from './contract.ts'
import { register } from './define.ts'
import type { Matrix } from './elimination.ts'
import { fillIdentity, read, swapRows, write } from './elimination.ts'
import { add, div, eq, fullLike, logicalAnd, mul, sub, where } from './elementwise.ts'
import { onlyDiagonal } from './triangle.ts'
import { expand, reshape, slice, transposeLast } from './view.ts'

/** Rounds over all pairs of columns; six to ten are usual. */
const mostSweeps = 40

function sizes({ shape }: { readonly shape: Shape }): { readonly m: number; readonly n: number; readonly k: number; readonly batch: Shape } {
  const [m, n] = shape.slice(-2) as [number, number]
  return { m, n, k: Math.min(m, n), batch: shape.slice(0, -2) }
}

export const singularTriplesOp: RoutineOp = register({
  kind: 'routine',
  name: 'singular_triples',
  infer: ([a]) => {
    invariant(isFloat(a!.dtype) && a!.shape.length >= 2, 'singular_triples takes matrices of floating-point numbers')
    const { m, n, k, batch } = sizes(a!)
    return { shape: [...batch, k, 1 + m + n], dtype: a!.dtype }
  },
  // The columns of the matrix and of the rotations as rows; lengths of the columns.
  scratch: ([a]) => {
    const { m, n, k } = sizes(a!)
    return [{ dtype: a!.dtype, count: m * n }, { dtype: a!.dtype, count: k * k }, { dtype: a!.dtype, count: k }]
  },
  operations: ([a]) => {
    const { k } = sizes(a!)
    return 8 * numel(a!.shape) * k * 6
  },
  program: rotateColumns,
  grad: (g, [a], y) => [gradientOf(a!, y, g)],
})

export interface SingularTriples {
  /** [..., k], descending. */
  readonly values: Value
  /** [..., m, k] and [..., n, k]: orthonormal columns, but for zeros on the left where a value is 0. */
  readonly left: Value
  readonly right: Value
}

export function singularTriples(a: Value): SingularTriples {
  return partsOf(a, a.graph.add(singularTriplesOp, [a]))
}

/** The parts of rows [s, u, v]. */
function partsOf(a: Value, rows: Value): SingularTriples {
  const { m, n, k, batch } = sizes(a)
  const axis = rows.shape.length - 1
  return {
    values: reshape(slice(rows, axis, 0, 1), [...batch, k]),
    left: transposeLast(slice(rows, axis, 1, m)),
    right: transposeLast(slice(rows, axis, 1 + m, n)),
  }
}

/** x / y, and 0 for 0 / 0. */
function ratio(x: Value, y: Value): Value {
  return div(x, where(logicalAnd(eq(x, 0), eq(y, 0)), fullLike(y, Infinity), y))
}

/**
 * PyTorch's svd_backward: U (skew(Uᵀ gU) / E · S + S · skew(Vᵀ gV) / E + diag(gs)) Vᵀ, where E_ij = s_j² - s_i², and for
 * what lies outside of the spaces of U and V (I - U Uᵀ) gU S⁻¹ Vᵀ + U S⁻¹ gVᵀ (I - V Vᵀ).
 */
function gradientOf(a: Value, y: Value, g: Value): Value {
  const { m, n, k, batch } = sizes(a)
  const { values, left: u, right: v } = partsOf(a, y)
  const { values: gs, left: gu, right: gv } = partsOf(a, g)
  const square = [...batch, k, k]
  const down = expand(reshape(values, [...batch, k, 1]), square)
  const across = expand(reshape(values, [...batch, 1, k]), square)
  const gaps = mul(sub(across, down), add(across, down))
  const skewed = (x: Value): Value => ratio(sub(x, transposeLast(x)), gaps)
  const turned = add(mul(skewed(matmul(transposeLast(u), gu)), across), mul(down, skewed(matmul(transposeLast(v), gv))))
  const inner = add(turned, onlyDiagonal(expand(reshape(gs, [...batch, k, 1]), square)))
  let total = matmul(matmul(u, inner), transposeLast(v))
  const outside = (x: Value, gx: Value): Value => ratio(sub(gx, matmul(x, matmul(transposeLast(x), gx))), expand(reshape(values, [...batch, 1, k]), gx.shape))
  if (m > k) total = add(total, matmul(outside(u, gu), transposeLast(v)))
  if (n > k) total = add(total, matmul(u, transposeLast(outside(v, gv))))
  return total
}

/** Rotates pairs of columns (of rows, of a wide matrix) until all are at right angles: their lengths are the values. */
function rotateColumns<T>(s: RoutineCode<T>, { inputs, result, scratch, shapes }: RoutineOperands): void {
  const { m, n, k, batch } = sizes({ shape: shapes[0]! })
  if (k === 0) return
  const { dtype } = result
  const wide = m < n
  const length = Math.max(m, n)
  const [zero, one] = [s.int(0), s.int(1)]
  const [rows, size] = [s.int(k), s.int(length)]
  const number = (x: number): T => s.number(x, dtype)
  const columns: Matrix<T> = { array: scratch[0]!, base: zero, columns: size }
  const turns: Matrix<T> = { array: scratch[1]!, base: zero, columns: rows }
  const lengths = scratch[2]!
  const epsilon = dtype === 'float32' ? 2 ** -23 : 2 ** -52
  /** Columns are at right angles up to rounding; what is below the rounding of the longest one is left alone. */
  const [enough, nothingness] = [number(Math.sqrt(length) * epsilon), number(epsilon ** 2)]

  // Four sums side by side: each waits for itself alone.
  const product = (i: T, j: T): T => {
    const sums = [0, 1, 2, 3].map(() => s.variable(number(0)))
    const gather = (sum: Variable<T>, c: T): void => sum.set(s.add(sum.get(), s.mul(read(s, columns, i, c), read(s, columns, j, c))))
    s.for(zero, s.int(Math.floor(length / 4)), (step) => {
      const at = s.mul(step, s.int(4))
      for (const [lane, sum] of sums.entries()) gather(sum, s.add(at, s.int(lane)))
    })
    for (let rest = length - (length % 4); rest < length; rest++) gather(sums[rest % 4]!, s.int(rest))
    return sums.map((sum) => sum.get()).reduce((x, y) => s.add(x, y))
  }
  const rotate = (matrix: Matrix<T>, p: T, q: T, cosine: T, sine: T): void =>
    s.for(zero, matrix.columns, (c) => {
      const [x, y] = [read(s, matrix, p, c), read(s, matrix, q, c)]
      write(s, matrix, p, c, s.sub(s.mul(cosine, x), s.mul(sine, y)))
      write(s, matrix, q, c, s.add(s.mul(sine, x), s.mul(cosine, y)))
    })

  const atLeastZero = (x: T): T => s.select(s.lt(x, number(0)), number(0), x)
  /** Brings the longest column from `p` on to that place (de Rijk 1989): fewer sweeps. `lengths` holds squares here. */
  const longestTo = (p: T): void => {
    const best = s.variable(p)
    s.for(s.add(p, one), rows, (j) => s.if(s.lt(s.load(lengths, best.get()), s.load(lengths, j)), () => best.set(j)))
    s.if(s.lt(p, best.get()), () => {
      const from = best.get()
      swapRows(s, columns, p, from)
      swapRows(s, turns, p, from)
      const kept = s.load(lengths, p)
      s.store(lengths, p, s.load(lengths, from))
      s.store(lengths, from, kept)
    })
  }

  s.for(zero, s.int(numel(batch)), (which) => {
    const a: Matrix<T> = { array: inputs[0]!, base: s.mul(which, s.int(m * n)), columns: s.int(n) }
    const target: Matrix<T> = { array: result, base: s.mul(which, s.int(k * (1 + m + n))), columns: s.int(1 + m + n) }
    // Scaled by the largest element, so that no square overflows; all becomes NaN where one is not finite.
    const [largest, nothing] = [s.variable(number(0)), s.variable(number(0))]
    s.for(zero, rows, (i) =>
      s.for(zero, size, (j) => {
        const x = wide ? read(s, a, i, j) : read(s, a, j, i)
        write(s, columns, i, j, x)
        nothing.set(s.add(nothing.get(), s.mul(x, number(0))))
        s.if(s.lt(largest.get(), s.abs(x)), () => largest.set(s.abs(x)))
      }),
    )
    const scale = s.add(s.select(s.eq(largest.get(), number(0)), number(1), largest.get()), nothing.get())
    s.for(zero, s.int(k * length), (i) => s.store(columns.array, i, s.div(s.load(columns.array, i), scale)))
    fillIdentity(s, turns, dtype)

    const [turned, sweeps, top] = [s.variable(one), s.variable(zero), s.variable(number(0))]
    s.while(
      () => s.and(turned.get(), s.lt(sweeps.get(), s.int(mostSweeps))),
      () => {
        turned.set(zero)
        sweeps.set(s.add(sweeps.get(), one))
        s.for(zero, rows, (i) => s.store(lengths, i, product(i, i)))
        s.for(zero, rows, (p) => {
          longestTo(p)
          s.if(s.eq(p, zero), () => top.set(s.load(lengths, p)))
          s.for(s.add(p, one), rows, (q) => {
            const [alpha, beta, gamma] = [s.load(lengths, p), s.load(lengths, q), product(p, q)]
            const slant = s.abs(gamma)
            s.if(s.and(s.lt(s.mul(enough, s.mul(s.sqrt(alpha), s.sqrt(beta))), slant), s.lt(s.mul(nothingness, top.get()), slant)), () => {
              turned.set(one)
              const zeta = s.div(s.sub(beta, alpha), s.add(gamma, gamma))
              const steep = s.div(number(1), s.add(s.abs(zeta), s.sqrt(s.add(number(1), s.mul(zeta, zeta)))))
              const tangent = s.select(s.lt(zeta, number(0)), s.sub(number(0), steep), steep)
              const cosine = s.div(number(1), s.sqrt(s.add(number(1), s.mul(tangent, tangent))))
              const sine = s.mul(cosine, tangent)
              rotate(columns, p, q, cosine, sine)
              rotate(turns, p, q, cosine, sine)
              const moved = s.mul(tangent, gamma)
              s.store(lengths, p, atLeastZero(s.sub(alpha, moved)))
              s.store(lengths, q, atLeastZero(s.add(beta, moved)))
            })
          })
        })
      },
    )

    s.for(zero, rows, (i) => s.store(lengths, i, s.sqrt(product(i, i))))
    // The longest first; what has been taken is -1.
    s.for(zero, rows, (i) => {
      const best = s.variable(zero)
      s.for(one, rows, (j) => s.if(s.lt(s.load(lengths, best.get()), s.load(lengths, j)), () => best.set(j)))
      const [from, long] = [best.get(), s.load(lengths, best.get())]
      s.store(lengths, from, number(-1))
      write(s, target, i, zero, s.mul(long, scale))
      const [offset, other] = wide ? [1 + m, 1] : [1, 1 + m]
      const unit = s.select(s.eq(long, number(0)), number(Infinity), long)
      s.for(zero, size, (c) => write(s, target, i, s.add(s.int(offset), c), s.div(read(s, columns, from, c), unit)))
      s.for(zero, rows, (c) => write(s, target, i, s.add(s.int(other), c), read(s, turns, from, c)))
    })
  })
}
