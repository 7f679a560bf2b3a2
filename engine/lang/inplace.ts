/** Methods whose name ends with an underscore: the function of that name, whose result takes the place of the tensor. */
import { findFunction } from '../functions/index.ts'
import type { Home } from '../functions/index.ts'
import { callFunction } from '../functions/index.ts'
import { isLeaf, related, write } from './memory.ts'
import type { CallArguments, Callable, TraceContext } from './values.ts'
import { Tensor, describe, fail } from './values.ts'

/** Functions that PyTorch has in place too. */
const names = new Set(
  `abs absolute acos acosh add addbmm addcdiv addcmul addmm addmv addr arccos arccosh arcsin arcsinh arctan2 arctan arctanh asin asinh atan2 atan atanh baddbmm
   bitwise_and bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift bitwise_xor ceil celu clamp clamp_max clamp_min clip copysign cos cosh cumprod cumsum deg2rad digamma
   div divide dropout elu eq erf erfc erfinv exp2 exp expm1 fix float_power floor floor_divide fmod frac ge greater greater_equal gt hardswish hardtanh heaviside hypot index_add index_copy
   index_fill index_put index_reduce ldexp le leaky_relu lerp less less_equal lgamma log10 log1p log2 log logical_and logical_not logical_or logical_xor logit lt
   masked_fill masked_scatter mish mul multiply nan_to_num ne neg negative not_equal pow put rad2deg reciprocal relu relu6 remainder renorm round rrelu rsqrt scatter scatter_add
   scatter_reduce selu sgn sigmoid sign silu sin sinc sinh sqrt square sub subtract tan tanh threshold tril triu true_divide trunc xlogy`.split(/\s+/),
)

/** Those that give the tensor another shape: it becomes a view of what it was. */
const reshaping = new Set(['squeeze', 'unsqueeze', 't', 'transpose', 'swapaxes', 'swapdims'])

/** `object.name_`, as a method of a tensor (home 'Tensor') or a function of a module; undefined where there is none. */
export function inPlace(ctx: TraceContext, home: Home, name: string, tensor?: Tensor): Callable | undefined {
  if (!name.endsWith('_') || name === 'requires_grad_') return undefined
  const plain = name.slice(0, -1)
  const own = findFunction(home, name)
  const entry = own ?? (names.has(plain) || reshaping.has(plain) ? findFunction(home, plain) : undefined)
  if (!entry && plain !== 'detach') return undefined
  const call = (written: CallArguments): Tensor => {
    const args = tensor ? { positional: [tensor, ...written.positional], named: written.named } : written
    const target = args.positional[0] ?? args.named.get('input')
    if (!(target instanceof Tensor)) return fail(ctx, 'bad_argument', `${name}(): a tensor expected, got ${target ? describe(target) : 'nothing'}`)
    const shown = `${name}()`
    if (plain === 'detach') return detached(ctx, target)
    if (isLeaf(target) && !reshaping.has(plain)) fail(ctx, 'not_in_language', `${shown}: a parameter, or another tensor that gradients are asked of, is not changed in place; write x = x.${own ? 'clone()' : `${plain}(…)`}`)
    const made = callFunction(entry!, args, ctx, name)
    if (!(made instanceof Tensor)) return fail(ctx, 'bad_argument', `${shown} does not give one tensor`)
    if (reshaping.has(plain)) return reshaped(ctx, target, made, (base) => callFunction(entry!, { ...args, positional: [base, ...args.positional.slice(1)] }, ctx, plain) as Tensor, plain)
    return write(ctx, target, made, shown)
  }
  return { kind: 'function', name, call }
}

function detached(ctx: TraceContext, target: Tensor): Tensor {
  const entry = findFunction('Tensor', 'detach')!
  const made = callFunction(entry, { positional: [target], named: new Map() }, ctx, 'detach_') as Tensor
  target.become(made.value, false)
  return target
}

/** What `target` was becomes a tensor without a name, and `target` a view of it. */
function reshaped(ctx: TraceContext, target: Tensor, made: Tensor, again: (base: Tensor) => Tensor, name: string): Tensor {
  const before = new Tensor(target.value, target.gradFn, target.requiresGrad)
  if (target.sharing) before.share(target.sharing)
  before.ordered = target.ordered
  target.become(made.value, made.requiresGrad, made.gradFn)
  if (target !== made) related(ctx, name, target, before, again)
  return target
}
