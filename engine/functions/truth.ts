/** What Python takes for true. */
import { numel } from '../ir/value.ts'
import type { Dynamic, TraceContext } from '../lang/values.ts'
import { Tensor, describe, fail, itemsOf, rangeLength } from '../lang/values.ts'
import * as ew from '../ops/elementwise.ts'
import { reshape } from '../ops/view.ts'
import { knownNumber } from './constants.ts'

function truthOfTensor(ctx: TraceContext, x: Tensor): boolean {
  const { shape, dtype } = x.value
  if (numel(shape) !== 1) {
    fail(ctx, 'bad_argument', `the truth of a ${describe(x)} is ambiguous: use .any() or .all(), or torch.where(condition, a, b) for a choice of elements`)
  }
  const known = knownNumber(x.value)
  if (known !== undefined) return known !== 0
  if (!ctx.decide) return fail(ctx, 'value_dependent', `a condition on ${describe(x)}: its value is only known when the program runs; use torch.where(condition, a, b)`)
  const scalar = reshape(x.value, [])
  return ctx.decide(dtype === 'bool' ? scalar : ew.ne(scalar, 0), ctx.live?.() ?? [])
}

/** What Python takes for true. A condition on a tensor is computed, and the program is followed as it decides. */
export function truthOf(ctx: TraceContext, x: Dynamic): boolean {
  if (x instanceof Tensor) return truthOfTensor(ctx, x)
  switch (x.kind) {
    case 'number':
      return x.value !== 0
    case 'boolean':
      return x.value
    case 'string':
      return x.value !== ''
    case 'none':
      return false
    case 'tuple':
    case 'list':
    case 'named':
      return itemsOf(x)!.length > 0
    case 'range':
      return rangeLength(x) > 0
    case 'dictionary':
      return x.entries.size > 0
    default:
      return true
  }
}
