/**
 * Systems of linear equations: solutions, inverses, triangular systems, Cholesky factors.
 *
 * PyTorch raises an error for a matrix that is singular or not positive-definite. Here its numbers are only known when
 * the program runs, so the result holds infinities or NaN for it.
 */
import { showShape } from '../errors.ts'
import type { Value } from '../ir/value.ts'
import { isFloat, numel, sameShape } from '../ir/value.ts'
import type { TraceContext } from '../lang/values.ts'
import { fail } from '../lang/values.ts'
import { matmul } from '../ops/contract.ts'
import { surrogate } from '../ops/identity.ts'
import { inverse, solve } from '../ops/solve.ts'
import { identityMatrix, lowerTriangle } from '../ops/triangle.ts'
import { cholesky, triangularSolve } from '../ops/triangular.ts'
import { expand, permute, reshape, transposeLast } from '../ops/view.ts'
import type { Home } from './define.ts'
import { family, signature } from './define.ts'
import { boolean, integer, integers, optional, resolveDim, tensor, withDefault } from './parameters.ts'
import { broadcastShapes } from './promote.ts'

const { define } = family('linear algebra')

const everywhere: readonly Home[] = ['torch', 'Tensor']
const yes = withDefault(boolean, true, 'True')
const no = withDefault(boolean, false, 'False')

/** Fails unless `a` holds square matrices of floating-point numbers, [..., n, n]. */
export function requireSquare(ctx: TraceContext, name: string, a: Value): void {
  if (a.shape.length < 2 || a.shape.at(-1) !== a.shape.at(-2)) fail(ctx, 'shape_mismatch', `${name}() takes square matrices, got shape ${showShape(a.shape)}`)
  if (!isFloat(a.dtype)) fail(ctx, 'dtype_mismatch', `${name}() takes floating-point matrices, got ${a.dtype}; convert them first, as in x.float()`)
}

type Solver = (a: Value, b: Value) => Value

/**
 * X with A X = B (or X A = B unless `left`), with broadcast batches; A [..., n, n], B [..., n, k] ([..., k, n]). One
 * matrix for many right sides is taken once, with all of them as columns.
 */
function solveMatrices(ctx: TraceContext, name: string, a: Value, b: Value, left: boolean, solver: Solver): Value {
  requireSquare(ctx, name, a)
  if (a.dtype !== b.dtype) fail(ctx, 'dtype_mismatch', `${name}() takes tensors of one dtype, got ${a.dtype} and ${b.dtype}`)
  const n = a.shape.at(-1)!
  if (b.shape.length < 2 || b.shape.at(left ? -2 : -1) !== n) {
    fail(ctx, 'shape_mismatch', `${name}(): ${n} ${left ? 'rows' : 'columns'} expected in the second tensor, got shapes ${showShape(a.shape)} and ${showShape(b.shape)}`)
  }
  if (!left) return transposeLast(solveMatrices(ctx, name, transposeLast(a), transposeLast(b), true, solver))
  const rank = b.shape.length
  if (a.shape.length === 2 && rank > 2) {
    const rest = b.shape.slice(0, -2)
    const columns = permute(b, [rank - 2, ...rest.keys(), rank - 1])
    const x = reshape(solver(a, reshape(columns, [n, numel(b.shape.with(rank - 2, 1))])), columns.shape)
    return permute(x, [...rest.map((_, i) => i + 1), 0, rank - 1])
  }
  const batch = broadcastShapes(ctx, [a.shape.slice(0, -2), b.shape.slice(0, -2)])
  return solver(expand(a, [...batch, n, n]), expand(b, [...batch, n, b.shape.at(-1)!]))
}

/** torch.linalg.solve: B is a vector, a batch of vectors with the shape of A without its last size, or matrices. */
function solveSystem(ctx: TraceContext, a: Value, b: Value, left: boolean): Value {
  requireSquare(ctx, 'solve', a)
  const vectors = b.shape.length === 1 || sameShape(b.shape, a.shape.slice(0, -1))
  if (!vectors) return solveMatrices(ctx, 'solve', a, b, left, solve)
  if (!left) fail(ctx, 'bad_argument', `solve(): left=False takes matrices on the right side, got shapes ${showShape(a.shape)} and ${showShape(b.shape)}`)
  const x = solveMatrices(ctx, 'solve', a, reshape(b, [...b.shape, 1]), true, solve)
  return reshape(x, x.shape.slice(0, -1))
}

const singular = 'not finite for a singular matrix'

define({ names: 'solve', homes: ['linalg'], doc: `X with A @ X = B, with left=False X @ A = B; ${singular}`, gradFn: 'LinalgSolveExBackward0' },
  signature({ A: tensor, B: tensor, left: yes }, ({ A, B, left }, ctx) => solveSystem(ctx, A, B, left)))

for (const [names, homes, parameter] of [['inverse', everywhere, 'input'], [['inv'], ['linalg'], 'A']] as const) {
  define({ names, homes, doc: `The inverse matrix; ${singular}`, gradFn: 'LinalgInvExBackward0' },
    signature({ [parameter]: tensor }, (args, ctx) => {
      const a = args[parameter] as Value
      requireSquare(ctx, typeof names === 'string' ? names : names[0], a)
      return inverse(a)
    }))
}

// ---- triangular systems

function triangularSolver(upper: boolean, unit: boolean): Solver {
  return (a, b) => triangularSolve(a, b, { upper, unit })
}

define({ names: 'solve_triangular', homes: ['linalg'], doc: 'X with A @ X = B, with left=False X @ A = B, of one triangle of A', gradFn: 'LinalgSolveTriangularBackward0' },
  signature({ A: tensor, B: tensor, upper: boolean, left: yes, unitriangular: no }, ({ A, B, upper, left, unitriangular }, ctx) =>
    // X A = B is solved as Aᵀ Xᵀ = Bᵀ, with the other triangle.
    solveMatrices(ctx, 'solve_triangular', A, B, left, triangularSolver(upper === left, unitriangular))))

define({ names: 'triangular_solve', homes: everywhere, doc: 'X with A @ X = input of one triangle of A, and A; prefer torch.linalg.solve_triangular', gradFn: 'TriangularSolveBackward0' },
  signature({ input: tensor, A: tensor, upper: yes, transpose: no, unitriangular: no }, ({ input, A, upper, transpose, unitriangular }, ctx) => {
    for (const x of [input, A]) if (x.shape.length < 2) fail(ctx, 'shape_mismatch', `triangular_solve(): matrices expected, got shape ${showShape(x.shape)}`)
    const solution = solveMatrices(ctx, 'triangular_solve', transpose ? transposeLast(A) : A, input, true, triangularSolver(upper !== transpose, unitriangular))
    return { names: ['solution', 'cloned_coefficient'], values: [solution, expand(A, [...solution.shape.slice(0, -2), ...A.shape.slice(-2)])] }
  }))

// ---- Cholesky factors

const notPositive = 'NaN for a matrix that is not positive-definite'

const byInput = signature({ input: tensor, upper: no }, ({ input, upper }, ctx) => factorise(ctx, input, upper))
const choleskyFactor = { names: 'cholesky', doc: `Lower triangle L with L @ L.T = A, or with upper=True L.T; ${notPositive}`, gradFn: 'LinalgCholeskyExBackward0' }
define({ ...choleskyFactor, homes: everywhere }, byInput)
// PyTorch documents A and takes input; also below.
define({ ...choleskyFactor, homes: ['linalg'] }, signature({ A: tensor, upper: no }, ({ A, upper }, ctx) => factorise(ctx, A, upper)), byInput)

/** Only the lower triangle is read; with `upper` that is the upper one of the transpose. */
function factorise(ctx: TraceContext, a: Value, upper: boolean): Value {
  requireSquare(ctx, 'cholesky', a)
  return upper ? transposeLast(cholesky(transposeLast(a))) : cholesky(a)
}

/**
 * The lower triangle L that a factor of A stands for, and A = L Lᵀ. As in PyTorch, the gradient takes the
 * factor as a whole matrix, and is not cut to its triangle.
 */
function factored(factor: Value, upper: boolean): { readonly l: Value; readonly a: Value } {
  const whole = upper ? transposeLast(factor) : factor
  const l = lowerTriangle(whole)
  return { l, a: surrogate(matmul(l, transposeLast(l)), matmul(whole, transposeLast(whole))) }
}

/** X with L Lᵀ X = B, by two triangular systems; its gradient is that of a system with the matrix A = L Lᵀ. */
function solveFactored(factor: Value, b: Value, upper: boolean): Value {
  const { l, a } = factored(factor, upper)
  const half = triangularSolve(l, b, { upper: false, unit: false })
  return surrogate(triangularSolve(transposeLast(l), half, { upper: true, unit: false }), solve(a, b))
}

function factoredInverse(ctx: TraceContext, factor: Value, upper: boolean): Value {
  requireSquare(ctx, 'cholesky_inverse', factor)
  const { l, a } = factored(factor, upper)
  const half = triangularSolve(l, identityMatrix(l.graph, l.shape, l.dtype), { upper: false, unit: false })
  return surrogate(matmul(transposeLast(half), half), inverse(a))
}

define({ names: 'cholesky_solve', homes: everywhere, doc: 'X with A @ X = input, from the Cholesky factor L of A', gradFn: 'CholeskySolveBackward0' },
  signature({ B: tensor, L: tensor, upper: no }, ({ B, L, upper }, ctx) => solveMatrices(ctx, 'cholesky_solve', L, B, true, (factor, b) => solveFactored(factor, b, upper))),
  signature({ input: tensor, input2: tensor, upper: no }, ({ input, input2, upper }, ctx) => solveMatrices(ctx, 'cholesky_solve', input2, input, true, (factor, b) => solveFactored(factor, b, upper))))

define({ names: 'cholesky_inverse', homes: everywhere, doc: 'The inverse of A, from its Cholesky factor L', gradFn: 'CholeskyInverseBackward0' },
  signature({ L: tensor, upper: no }, ({ L, upper }, ctx) => factoredInverse(ctx, L, upper)),
  signature({ input: tensor, upper: no }, ({ input, upper }, ctx) => factoredInverse(ctx, input, upper)))

// ---- tensors as matrices

function tensorInverse(ctx: TraceContext, a: Value, ind: number): Value {
  if (ind <= 0) fail(ctx, 'bad_argument', `tensorinv(): ind: a positive number expected, got ${ind}`)
  const [rows, columns] = [a.shape.slice(0, ind), a.shape.slice(ind)]
  if (numel(rows) !== numel(columns)) fail(ctx, 'shape_mismatch', `tensorinv(): as many elements before dimension ${ind} as from it on expected, got shape ${showShape(a.shape)}`)
  const square = reshape(a, [numel(rows), numel(columns)])
  requireSquare(ctx, 'tensorinv', square)
  return reshape(inverse(square), [...columns, ...rows])
}

const ind = withDefault(integer, 2)
define({ names: 'tensorinv', homes: ['linalg'], doc: `The inverse of the matrix whose rows are the first ind dimensions; ${singular}`, gradFn: 'ReshapeAliasBackward0' },
  signature({ A: tensor, ind }, ({ A, ind: count }, ctx) => tensorInverse(ctx, A, count)),
  signature({ input: tensor, ind }, ({ input, ind: count }, ctx) => tensorInverse(ctx, input, count)))

/** `dims` of A are moved to its end; what follows the dimensions of B then is the shape of X. */
function tensorSolve(ctx: TraceContext, a: Value, b: Value, dims: readonly number[] = []): Value {
  const last = dims.map((dim) => resolveDim(ctx, dim, a.shape.length, 'dims'))
  if (new Set(last).size !== last.length) fail(ctx, 'bad_argument', `tensorsolve(): dims ${showShape(dims)} name a dimension twice`)
  const moved = permute(a, [...[...a.shape.keys()].filter((axis) => !last.includes(axis)), ...last])
  const shape = moved.shape.slice(b.shape.length)
  if (numel(b.shape) !== numel(shape) || numel(a.shape) !== numel(shape) ** 2) {
    fail(ctx, 'shape_mismatch', `tensorsolve(): A needs ${numel(b.shape)} elements in the dimensions behind those of B, got shapes ${showShape(a.shape)} and ${showShape(b.shape)}`)
  }
  const x = solveSystem(ctx, reshape(moved, [numel(shape), numel(shape)]), reshape(b, [numel(shape)]), true)
  return reshape(x, shape)
}

const movedDims = optional(integers)
define({ names: 'tensorsolve', homes: ['linalg'], doc: `X with tensordot(A, X, X.ndim) = B; ${singular}`, gradFn: 'ReshapeAliasBackward0' },
  signature({ A: tensor, B: tensor, dims: movedDims }, ({ A, B, dims }, ctx) => tensorSolve(ctx, A, B, dims)),
  signature({ input: tensor, other: tensor, dims: movedDims }, ({ input, other, dims }, ctx) => tensorSolve(ctx, input, other, dims)))
