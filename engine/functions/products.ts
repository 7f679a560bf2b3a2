/** Products of vectors and matrices. */
import { showShape } from '../errors.ts'
import type { Value } from '../ir/value.ts'
import { isFloat } from '../ir/value.ts'
import type { TraceContext } from '../lang/values.ts'
import { fail } from '../lang/values.ts'
import * as ew from '../ops/elementwise.ts'
import { matmul as matmulOp } from '../ops/contract.ts'
import { expand, reshape, sum, transposeLast } from '../ops/view.ts'
import type { Home } from './define.ts'
import { family, signature } from './define.ts'
import { add, mul } from './elementwise.ts'
import { floatTensor, integer, optional, resolveDims, tensor, withDefault } from './parameters.ts'
import { broadcastShapes } from './promote.ts'

const { define } = family('products')

const everywhere: readonly Home[] = ['torch', 'Tensor']

/** torch.matmul: vectors, matrices and batches of matrices, with broadcast batch dimensions. */
export function matmul(ctx: TraceContext, a: Value, b: Value): Value {
  if (a.shape.length === 0 || b.shape.length === 0) {
    fail(ctx, 'shape_mismatch', `both arguments of a matrix product need at least 1 dimension, got shapes ${showShape(a.shape)} and ${showShape(b.shape)}; use * for numbers`)
  }
  if (a.dtype !== b.dtype) fail(ctx, 'dtype_mismatch', `a matrix product takes tensors of one dtype, got ${a.dtype} and ${b.dtype}`)
  if (a.dtype === 'bool') fail(ctx, 'dtype_mismatch', 'a matrix product takes numbers, got bool; use .float() or .long()')
  const left = a.shape.length === 1 ? reshape(a, [1, a.shape[0]!]) : a
  const right = b.shape.length === 1 ? reshape(b, [b.shape[0]!, 1]) : b
  const k = left.shape.at(-1)!
  if (k !== right.shape.at(-2)) {
    fail(ctx, 'shape_mismatch', `shapes ${showShape(a.shape)} and ${showShape(b.shape)} cannot be multiplied: ${k} columns and ${right.shape.at(-2)} rows`)
  }
  const [m, n] = [left.shape.at(-2)!, right.shape.at(-1)!]
  const batch = broadcastShapes(ctx, [left.shape.slice(0, -2), right.shape.slice(0, -2)])
  const result = isFloat(a.dtype) ? batched(left, right, batch) : sumOfProducts(left, right, batch)
  const shape = [...batch]
  if (a.shape.length > 1) shape.push(m)
  if (b.shape.length > 1) shape.push(n)
  return reshape(result, shape)
}

/** One product where only the left side has a batch: its rows are stacked, as PyTorch does. */
function batched(left: Value, right: Value, batch: readonly number[]): Value {
  const [m, k, n] = [left.shape.at(-2)!, left.shape.at(-1)!, right.shape.at(-1)!]
  if (right.shape.length === 2 && left.shape.length > 2) {
    const rows = left.shape.slice(0, -1).reduce((a, b) => a * b, 1)
    return reshape(matmulOp(reshape(left, [rows, k]), right), [...batch, m, n])
  }
  return matmulOp(expand(left, [...batch, m, k]), expand(right, [...batch, k, n]))
}

/** Integer matrices: elementwise products, summed. */
function sumOfProducts(left: Value, right: Value, batch: readonly number[]): Value {
  const [m, k, n] = [left.shape.at(-2)!, left.shape.at(-1)!, right.shape.at(-1)!]
  const shape = [...batch, m, n, k]
  const a = expand(reshape(left, [...left.shape.slice(0, -1), 1, k]), shape)
  const b = expand(reshape(transposeLast(right), [...right.shape.slice(0, -2), 1, n, k]), shape)
  return sum(ew.cast(ew.mul(ew.cast(a, 'int64'), ew.cast(b, 'int64')), 'int64'), [shape.length - 1])
}

/** x Wᵀ + b, W of shape [out, in]. */
export function linear(ctx: TraceContext, input: Value, weight: Value, bias: Value | undefined): Value {
  const result = matmul(ctx, input, weight.shape.length === 2 ? transposeLast(weight) : weight)
  return bias ? add(ctx, result, bias) : result
}

/** Fails where a tensor of another number of dimensions is given. */
export function requireRank(ctx: TraceContext, name: string, x: Value, rank: number): void {
  if (x.shape.length !== rank) fail(ctx, 'shape_mismatch', `${name}() takes ${['numbers', 'vectors', 'matrices', 'batches of matrices'][rank]} (${rank} dimensions), got shape ${showShape(x.shape)}`)
}

function product(name: string, second: string, doc: string, gradFn: string, ranks: readonly [number, number]): void {
  define({ names: name, homes: everywhere, doc, gradFn },
    signature({ input: tensor, [second]: tensor }, (args, ctx) => {
      const { input } = args
      const other = args[second] as Value
      requireRank(ctx, name, input, ranks[0])
      requireRank(ctx, name, other, ranks[1])
      if (ranks[0] === 3 && input.shape[0] !== other.shape[0]) {
        fail(ctx, 'shape_mismatch', `${name}() takes batches of one size, got shapes ${showShape(input.shape)} and ${showShape(other.shape)}; use torch.matmul to broadcast`)
      }
      return matmul(ctx, input, other)
    }))
}

define({ names: 'matmul', homes: ['torch', 'Tensor', 'linalg'], doc: 'Matrix product, with broadcast batches', gradFn: 'MmBackward0' },
  signature({ input: tensor, other: tensor }, ({ input, other }, ctx) => matmul(ctx, input, other)))
product('mm', 'mat2', 'Product of two matrices', 'MmBackward0', [2, 2])
product('bmm', 'mat2', 'Products of two batches of matrices', 'BmmBackward0', [3, 3])
product('mv', 'vec', 'Product of a matrix and a vector', 'MvBackward0', [2, 1])
product('dot', 'tensor', 'Dot product of two vectors', 'DotBackward0', [1, 1])
product('vdot', 'other', 'Dot product of two vectors', 'VdotBackward0', [1, 1])

/** All products of elements of two vectors. */
export function outer(ctx: TraceContext, name: string, a: Value, b: Value): Value {
  requireRank(ctx, name, a, 1)
  requireRank(ctx, name, b, 1)
  return mul(ctx, reshape(a, [a.shape[0]!, 1]), b)
}

define({ names: ['outer', 'ger'], homes: everywhere, doc: 'All products of elements of two vectors', gradFn: 'MulBackward0' },
  signature({ input: tensor, vec2: tensor }, ({ input, vec2 }, ctx) => outer(ctx, 'outer', input, vec2)))

define({ names: 'linear', homes: ['F'], doc: 'input @ weight.T + bias', gradFn: 'AddmmBackward0' },
  signature({ input: tensor, weight: tensor, bias: optional(tensor) }, ({ input, weight, bias }, ctx) => linear(ctx, input, weight, bias)))

define({ names: 'vecdot', homes: ['linalg'], doc: 'Dot products along dim, with broadcasting', gradFn: 'SumBackward1' },
  signature({ x: floatTensor, y: floatTensor, dim: withDefault(integer, -1) }, ({ x, y, dim }, ctx) => {
    const products = mul(ctx, x, y)
    return sum(products, resolveDims(ctx, [dim], products.shape))
  }))
