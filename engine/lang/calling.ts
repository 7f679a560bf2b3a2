/** Calls of torch's functions: their results may be views, and `inplace=True` and `out=` change tensors. */
import { sameShape } from '../ir/value.ts'
import { callFunction, givenArguments } from '../functions/define.ts'
import type { TorchFunction } from '../functions/define.ts'
import * as ew from '../ops/elementwise.ts'
import { disordering, fitsInto, isLeaf, related, views, write } from './memory.ts'
import type { CallArguments, Dynamic, TraceContext } from './values.ts'
import { Tensor, fail } from './values.ts'

export function callTorch(entry: TorchFunction, written: CallArguments, ctx: TraceContext, shown: string): Dynamic {
  const out = written.named.get('out')
  const args = out instanceof Tensor ? { positional: written.positional, named: new Map([...written.named].filter(([name]) => name !== 'out')) } : written
  const result = callFunction(entry, args, ctx, shown)
  const first = args.positional[0] ?? args.named.get('input')
  if (out instanceof Tensor && result instanceof Tensor) return intoOut(ctx, out, result, shown)
  if (disordering.has(entry.name) && result instanceof Tensor && !views.has(entry.name)) result.ordered = false
  if (!(first instanceof Tensor)) return result
  if (result instanceof Tensor && result !== first && asksInPlace(entry, args) && (isLeaf(first) || fitsInto(first, result))) return write(ctx, first, result, `${shown}(inplace=True)`)
  return related(ctx, entry.name, result, first, (base, quiet) => callFunction(entry, withFirst(args, base), quiet, shown))
}

function withFirst({ positional, named }: CallArguments, base: Tensor): CallArguments {
  return positional.length > 0 ? { positional: positional.with(0, base), named } : { positional, named: new Map([...named, ['input', base]]) }
}

function asksInPlace({ signatures }: TorchFunction, args: CallArguments): boolean {
  return signatures.some((candidate) => 'inplace' in candidate.parameters && givenArguments(candidate, args).some(([name, value]) => name === 'inplace' && !(value instanceof Tensor) && value.kind === 'boolean' && value.value))
}

function intoOut(ctx: TraceContext, out: Tensor, result: Tensor, shown: string): Tensor {
  if (result.requiresGrad || out.requiresGrad) fail(ctx, 'bad_argument', `${shown}(): out= takes no part in gradients; assign the result to a name`)
  if (sameShape(out.value.shape, result.value.shape)) return write(ctx, out, result, `${shown}(out=…)`)
  out.change(ew.cast(result.value, out.value.dtype), false, null)
  return out
}
