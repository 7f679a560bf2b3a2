/**
 * Solutions of systems of linear equations, for square matrices [..., n, n].
 *
 * Where PyTorch raises an error for a singular matrix, the numbers here are infinite or NaN: they are only known when
 * the program runs.
 */
import { invariant } from '../errors.ts'
import type { RoutineOp, Value } from '../ir/value.ts'
import { numel, sameShape } from '../ir/value.ts'
import { matmul } from './contract.ts'
import { register } from './define.ts'
import { copyAll, cubic, eliminate, fillIdentity, forEachMatrix, oneMatrix, requireSquare, substituteBack } from './elimination.ts'
import { neg } from './elementwise.ts'
import { transposeLast } from './view.ts'

export const solveOp: RoutineOp = register({
  kind: 'routine',
  name: 'solve',
  infer: ([a, b]) => {
    requireSquare('solve', a!)
    invariant(b!.dtype === a!.dtype && sameShape(a!.shape.slice(0, -1), b!.shape.slice(0, -1)), 'solve takes as many rows on both sides')
    return { shape: b!.shape, dtype: b!.dtype }
  },
  scratch: oneMatrix,
  operations: ([a, b]) => cubic([a!]) + 2 * numel(b!.shape) * a!.shape.at(-1)!,
  program: (s, operands) => {
    const { inputs, result, shapes } = operands
    const [n, k] = shapes[1]!.slice(-2) as [number, number]
    const count = s.int(n * k)
    forEachMatrix(s, operands, (a, which) => {
      const x = { array: result, base: s.mul(which, count), columns: s.int(k) }
      copyAll(s, { ...x, array: inputs[1]! }, x, count)
      eliminate(s, a, x)
      substituteBack(s, a, x, a.columns)
    })
  },
  grad: (g, [a], x) => {
    const gradient = solve(transposeLast(a!), g)
    return [neg(matmul(gradient, transposeLast(x))), gradient]
  },
})

/** X with A X = B; A of shape [..., n, n], B of shape [..., n, k]. Not finite where A is singular. */
export function solve(a: Value, b: Value): Value {
  return a.graph.add(solveOp, [a, b])
}

export const inverseOp: RoutineOp = register({
  kind: 'routine',
  name: 'inverse',
  infer: ([a]) => {
    requireSquare('inverse', a!)
    return { shape: a!.shape, dtype: a!.dtype }
  },
  scratch: oneMatrix,
  operations: ([a]) => 3 * cubic([a!]),
  program: (s, operands) => {
    const { result } = operands
    forEachMatrix(s, operands, (a, which) => {
      const x = { array: result, base: s.mul(which, s.mul(a.columns, a.columns)), columns: a.columns }
      fillIdentity(s, x, result.dtype)
      eliminate(s, a, x)
      substituteBack(s, a, x, a.columns)
    })
  },
  grad: (g, _inputs, x) => {
    const turned = transposeLast(x)
    return [neg(matmul(matmul(turned, g), turned))]
  },
})

/** The inverse matrix. Not finite where there is none. */
export function inverse(a: Value): Value {
  return a.graph.add(inverseOp, [a])
}
