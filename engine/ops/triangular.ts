/** Triangular systems, and the Cholesky factor of symmetric positive-definite matrices [..., n, n]. */
import { invariant } from '../errors.ts'
import type { RoutineCode } from '../ir/routine.ts'
import type { RoutineOp, RoutineOperands, Value } from '../ir/value.ts'
import { numel, sameShape } from '../ir/value.ts'
import { matmul } from './contract.ts'
import { register } from './define.ts'
import type { Matrix } from './elimination.ts'
import { copyAll, cubic, read, requireSquare, subtractRow, write } from './elimination.ts'
import { mul, neg } from './elementwise.ts'
import { joinTriangles, lowerTriangle, upperTriangle } from './triangle.ts'
import { transposeLast } from './view.ts'

export const triangularSolveOp: RoutineOp = register({
  kind: 'routine',
  name: 'triangular_solve',
  infer: ([a, b]) => {
    requireSquare('triangular_solve', a!)
    invariant(b!.dtype === a!.dtype && sameShape(a!.shape.slice(0, -1), b!.shape.slice(0, -1)), 'triangular_solve takes as many rows on both sides')
    return { shape: b!.shape, dtype: b!.dtype }
  },
  scratch: () => [],
  operations: ([a, b]) => numel(b!.shape) * a!.shape.at(-1)!,
  program: substitute,
  grad: (g, [a], x) => {
    const { upper, unit } = triangleAttrs(x)
    const gradient = triangularSolve(transposeLast(a!), g, { upper: !upper, unit })
    const whole = neg(matmul(gradient, transposeLast(x)))
    return [upper ? upperTriangle(whole, unit ? 1 : 0) : lowerTriangle(whole, unit ? -1 : 0), gradient]
  },
})

interface Triangle {
  /** Which triangle of the matrix is read. */
  readonly upper: boolean
  /** Whether the diagonal counts as ones, whatever it holds. */
  readonly unit: boolean
}

function triangleAttrs({ attrs }: { readonly attrs: Value['attrs'] }): Triangle {
  return { upper: attrs['upper'] === true, unit: attrs['unit'] === true }
}

/** X with A X = B, of one triangle of A. Not finite where the diagonal has a zero. */
export function triangularSolve(a: Value, b: Value, { upper, unit }: Triangle): Value {
  return a.graph.add(triangularSolveOp, [a, b], { upper, unit })
}

function substitute<T>(s: RoutineCode<T>, operands: RoutineOperands): void {
  const { inputs, result, shapes } = operands
  const { upper, unit } = triangleAttrs(operands)
  const [n, k] = shapes[1]!.slice(-2) as [number, number]
  const [zero, one, size] = [s.int(0), s.int(1), s.int(n)]
  s.for(zero, s.int(numel(shapes[0]!.slice(0, -2))), (which) => {
    const a: Matrix<T> = { array: inputs[0]!, base: s.mul(which, s.int(n * n)), columns: size }
    const x: Matrix<T> = { array: result, base: s.mul(which, s.int(n * k)), columns: s.int(k) }
    copyAll(s, { ...x, array: inputs[1]! }, x, s.int(n * k))
    s.for(zero, size, (step) => {
      const i = upper ? s.sub(s.sub(size, one), step) : step
      s.for(upper ? s.add(i, one) : zero, upper ? size : i, (j) => subtractRow(s, x, i, j, read(s, a, i, j), zero))
      if (unit) return
      const pivot = read(s, a, i, i)
      s.for(zero, x.columns, (j) => write(s, x, i, j, s.div(read(s, x, i, j), pivot)))
    })
  })
}

export const choleskyOp: RoutineOp = register({
  kind: 'routine',
  name: 'cholesky',
  infer: ([a]) => {
    requireSquare('cholesky', a!)
    return { shape: a!.shape, dtype: a!.dtype }
  },
  scratch: () => [],
  operations: (inputs) => Math.ceil(cubic(inputs) / 3),
  program: factorise,
  // PyTorch's cholesky_backward: L⁻ᵀ ½(P + Pᵀ) L⁻¹, with P the lower triangle of Lᵀ G and its diagonal counted once.
  grad: (g, _inputs, l) => {
    const turned = transposeLast(l)
    const product = matmul(turned, g)
    const inner = mul(joinTriangles(product, transposeLast(product)), 0.5)
    const left = triangularSolve(turned, inner, { upper: true, unit: false })
    return [transposeLast(triangularSolve(turned, transposeLast(left), { upper: true, unit: false }))]
  },
})

/** L, a lower triangle with L Lᵀ = A; reads the lower triangle of A. NaN where A is not positive-definite. */
export function cholesky(a: Value): Value {
  return a.graph.add(choleskyOp, [a])
}

/** Row by row: l_ij = (a_ij - Σ l_ik l_jk) / l_jj, and the root of what is left on the diagonal. */
function factorise<T>(s: RoutineCode<T>, { inputs, result, shapes }: RoutineOperands): void {
  const n = shapes[0]!.at(-1)!
  const [zero, one, size] = [s.int(0), s.int(1), s.int(n)]
  s.for(zero, s.int(numel(shapes[0]!.slice(0, -2))), (which) => {
    const l: Matrix<T> = { array: result, base: s.mul(which, s.int(n * n)), columns: size }
    const a = { ...l, array: inputs[0]! }
    s.for(zero, size, (i) => {
      s.for(zero, s.add(i, one), (j) => {
        const rest = s.variable(read(s, a, i, j))
        s.for(zero, j, (k) => rest.set(s.sub(rest.get(), s.mul(read(s, l, i, k), read(s, l, j, k)))))
        s.if(
          s.eq(i, j),
          () => write(s, l, i, j, s.sqrt(rest.get())),
          () => write(s, l, i, j, s.div(rest.get(), read(s, l, j, j))),
        )
      })
      s.for(s.add(i, one), size, (j) => write(s, l, i, j, s.number(0, result.dtype)))
    })
  })
}
