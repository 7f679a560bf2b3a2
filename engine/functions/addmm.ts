/** Products that are scaled and added to another tensor in one call. */
import { isFloat } from '../ir/value.ts'
import type { Value } from '../ir/value.ts'
import type { TraceContext } from '../lang/values.ts'
import { fail } from '../lang/values.ts'
import * as ew from '../ops/elementwise.ts'
import { sum } from '../ops/view.ts'
import { family, signature } from './define.ts'
import { number, tensor, withDefault } from './parameters.ts'
import { matmul, outer, requireRank } from './products.ts'
import { resultType } from './promote.ts'
import { expandTo } from './shaping.ts'

const { define } = family('products')

interface Addition {
  readonly name: string
  /** Names of the factors. */
  readonly factors: readonly [string, string]
  readonly doc: string
  readonly gradFn: string
  readonly product: (ctx: TraceContext, a: Value, b: Value) => Value
}

function scaled(ctx: TraceContext, name: string, x: Value, factor: number): Value {
  if (!isFloat(x.dtype) && !Number.isInteger(factor)) fail(ctx, 'bad_argument', `${name}(): integer tensors take whole numbers as alpha and beta, got ${factor}`)
  if (factor === 1) return x
  return x.dtype === 'bool' ? ew.logicalAnd(x, ew.fullLike(x, Number(factor !== 0))) : ew.mul(x, factor)
}

/** beta · input + alpha · product. With beta = 0 nothing of `input` counts, not even NaN. */
function addition({ name, factors: [first, second], doc, gradFn, product }: Addition): void {
  define({ names: name, homes: ['torch', 'Tensor'], doc, gradFn },
    signature({ input: tensor, [first]: tensor, [second]: tensor, beta: withDefault(number, 1), alpha: withDefault(number, 1) }, (args, ctx) => {
      const { input, beta, alpha } = args
      const total = product(ctx, args[first] as Value, args[second] as Value)
      const dtype = resultType(ctx, [input, total])
      const [base, added] = [expandTo(ctx, ew.cast(input, dtype), total.shape), scaled(ctx, name, ew.cast(total, dtype), alpha)]
      if (beta === 0) return added
      // A sum of bools is "or".
      return (dtype === 'bool' ? ew.logicalOr : ew.add)(scaled(ctx, name, base, beta), added)
    }))
}

/** A product of factors with the given numbers of dimensions. */
function ranked(name: string, left: number, right: number): Addition['product'] {
  return (ctx, a, b) => {
    requireRank(ctx, name, a, left)
    requireRank(ctx, name, b, right)
    if (left === 3 && a.shape[0] !== b.shape[0]) fail(ctx, 'shape_mismatch', `${name}(): batches of ${a.shape[0]} and ${b.shape[0]} matrices`)
    return matmul(ctx, a, b)
  }
}

const batches = ranked('addbmm', 3, 3)

addition({ name: 'addmm', factors: ['mat1', 'mat2'], doc: 'beta * input + alpha * (mat1 @ mat2)', gradFn: 'AddmmBackward0', product: ranked('addmm', 2, 2) })
addition({ name: 'addmv', factors: ['mat', 'vec'], doc: 'beta * input + alpha * (mat @ vec)', gradFn: 'AddmvBackward0', product: ranked('addmv', 2, 1) })
addition({ name: 'baddbmm', factors: ['batch1', 'batch2'], doc: 'beta * input + alpha * (batch1 @ batch2)', gradFn: 'BaddbmmBackward0', product: ranked('baddbmm', 3, 3) })
addition({ name: 'addbmm', factors: ['batch1', 'batch2'], doc: 'beta * input + alpha * (batch1 @ batch2).sum(0)', gradFn: 'AddbmmBackward0', product: (ctx, a, b) => sum(batches(ctx, a, b), [0]) })
addition({ name: 'addr', factors: ['vec1', 'vec2'], doc: 'beta * input + alpha * outer(vec1, vec2)', gradFn: 'AddrBackward0', product: (ctx, a, b) => outer(ctx, 'addr', a, b) })
