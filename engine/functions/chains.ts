/** Products of several matrices and powers of one. */
import { showShape } from '../errors.ts'
import type { Value } from '../ir/value.ts'
import { isFloat } from '../ir/value.ts'
import type { TraceContext } from '../lang/values.ts'
import { fail } from '../lang/values.ts'
import { inverse } from '../ops/solve.ts'
import { identityMatrix } from '../ops/triangle.ts'
import { reshape } from '../ops/view.ts'
import { family, signature } from './define.ts'
import type { Kind } from './parameters.ts'
import { integer, tensor, tensors } from './parameters.ts'
import { matmul, requireRank } from './products.ts'

const { define } = family('products')

/** The product of a chain of matrices in the order with the fewest multiplications. */
function productOfChain(ctx: TraceContext, matrices: readonly Value[]): Value {
  const count = matrices.length
  const sizes = [...matrices.map(({ shape }) => shape[0]!), matrices.at(-1)!.shape[1]!]
  // cost[i][j] is that of the product of matrices i to j, split[i][j] the last matrix of its left half.
  const cost = Array.from({ length: count }, () => Array<number>(count).fill(0))
  const split = Array.from({ length: count }, () => Array<number>(count).fill(0))
  for (let length = 1; length < count; length++) {
    for (let i = 0; i + length < count; i++) {
      const j = i + length
      cost[i]![j] = Infinity
      for (let k = i; k < j; k++) {
        const total = cost[i]![k]! + cost[k + 1]![j]! + sizes[i]! * sizes[k + 1]! * sizes[j + 1]!
        if (total < cost[i]![j]!) [cost[i]![j], split[i]![j]] = [total, k]
      }
    }
  }
  const part = (i: number, j: number): Value => (i === j ? matrices[i]! : matmul(ctx, part(i, split[i]![j]!), part(split[i]![j]! + 1, j)))
  return part(0, count - 1)
}

/** linalg.multi_dot: the first and the last may be vectors. */
function multiDot(ctx: TraceContext, given: readonly Value[]): Value {
  if (given.length < 2) fail(ctx, 'bad_argument', `multi_dot(): at least 2 tensors expected, got ${given.length}`)
  const last = given.length - 1
  const matrices = given.map((x, i) => {
    if (x.shape.length === 1 && i === 0) return reshape(x, [1, x.shape[0]!])
    if (x.shape.length === 1 && i === last) return reshape(x, [x.shape[0]!, 1])
    requireRank(ctx, 'multi_dot', x, 2)
    return x
  })
  const result = productOfChain(ctx, matrices)
  return reshape(result, [...(given[0]!.shape.length === 1 ? [] : [result.shape[0]!]), ...(given[last]!.shape.length === 1 ? [] : [result.shape[1]!])])
}

define({ names: 'multi_dot', homes: ['linalg'], doc: 'Product of several matrices, in the cheapest order', gradFn: 'ViewBackward0' },
  signature({ tensors }, ({ tensors: given }, ctx) => multiDot(ctx, given)))

const matricesInTurn: Kind<readonly Value[]> = {
  ...tensors,
  type: '*Tensor',
  variadic: true,
  convert: (value, ctx, what) => (tensor.fits(value) ? [tensor.convert(value, ctx, what)] : tensors.convert(value, ctx, what)),
}

define({ names: 'chain_matmul', homes: ['torch'], doc: 'Product of several matrices, in the cheapest order', gradFn: 'ViewBackward0' },
  signature({ matrices: matricesInTurn }, ({ matrices }, ctx) => {
    for (const matrix of matrices) requireRank(ctx, 'chain_matmul', matrix, 2)
    return productOfChain(ctx, matrices)
  }))

/** By squaring; a negative power is one of the inverse. */
function matrixPower(ctx: TraceContext, a: Value, n: number): Value {
  const [rows, columns] = a.shape.slice(-2)
  if (a.shape.length < 2 || rows !== columns) fail(ctx, 'shape_mismatch', `matrix_power() takes square matrices, got shape ${showShape(a.shape)}`)
  if (n === 0) return identityMatrix(ctx.graph, a.shape, a.dtype)
  if (n < 0 && !isFloat(a.dtype)) fail(ctx, 'dtype_mismatch', `matrix_power(): a negative power takes floating-point matrices, got ${a.dtype}`)
  let square = n < 0 ? inverse(a) : a
  let result: Value | undefined
  for (let rest = Math.abs(n); rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result = result ? matmul(ctx, result, square) : square
    if (rest > 1) square = matmul(ctx, square, square)
  }
  return result!
}

define({ names: 'matrix_power', homes: ['torch', 'Tensor'], doc: 'Power of square matrices; a negative one is that of the inverse', gradFn: 'MmBackward0' },
  signature({ input: tensor, n: integer }, ({ input, n }, ctx) => matrixPower(ctx, input, n)))
define({ names: 'matrix_power', homes: ['linalg'], doc: 'Power of square matrices; a negative one is that of the inverse', gradFn: 'MmBackward0' },
  signature({ A: tensor, n: integer }, ({ A, n }, ctx) => matrixPower(ctx, A, n)),
  // PyTorch documents A and takes input.
  signature({ input: tensor, n: integer }, ({ input, n }, ctx) => matrixPower(ctx, input, n)))
