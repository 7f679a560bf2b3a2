/** What a program says about itself: whether gradients flow, which dtype numbers get, how far dtypes reach. */
import type { Dynamic, TraceContext } from '../lang/values.ts'
import { bool, fail, float, int } from '../lang/values.ts'
import type { Home } from './define.ts'
import { family, signature } from './define.ts'
import { boolean, dtype, optional, withDefault } from './parameters.ts'

const { define, refuse } = family('gradients')

const everywhere: readonly Home[] = ['torch', 'autograd']

function context(ctx: TraceContext, enabled: boolean): { static: Dynamic } {
  return { static: { kind: 'grad mode', enabled, before: ctx.gradMode?.enabled ?? true } }
}

define({ names: 'no_grad', homes: everywhere, doc: 'with torch.no_grad(): gradients do not flow through what is computed inside' }, signature({}, (_args, ctx) => context(ctx, false)))
define({ names: 'enable_grad', homes: everywhere, doc: 'with torch.enable_grad(): gradients flow, also inside torch.no_grad()' }, signature({}, (_args, ctx) => context(ctx, true)))
define({ names: 'inference_mode', homes: ['torch'], doc: 'As torch.no_grad()' }, signature({ mode: withDefault(boolean, true, 'True') }, ({ mode }, ctx) => context(ctx, !mode)))
define({ names: 'set_grad_enabled', homes: everywhere, doc: 'Whether gradients flow from here on, or inside of with' }, signature({ mode: boolean }, ({ mode }, ctx) => {
  const made = context(ctx, mode)
  if (ctx.gradMode) ctx.gradMode.enabled = mode
  return made
}))
define({ names: 'is_grad_enabled', homes: ['torch'], doc: 'Whether gradients flow here' }, signature({}, (_args, ctx) => ({ static: bool(ctx.gradMode?.enabled !== false) })))

define({ names: 'get_default_dtype', homes: ['torch'], doc: 'The dtype of numbers without one: "dtype" of the request' }, signature({}, (_args, ctx) => ({ static: { kind: 'dtype', dtype: ctx.dtype } })))
refuse(['set_default_dtype', 'set_default_tensor_type'], ['torch'], '"dtype" of the request says it', 'not_in_language')
refuse(['set_printoptions', 'set_num_threads', 'compile', 'save', 'load', 'from_numpy'], ['torch'], 'a program computes with what the request gives, and reaches nothing else', 'unknown_function')

const reaches = {
  float32: { bits: 32, eps: 2 ** -23, max: 3.4028234663852886e38, tiny: 2 ** -126, resolution: 1e-6 },
  float64: { bits: 64, eps: 2 ** -52, max: Number.MAX_VALUE, tiny: 2 ** -1022, resolution: 1e-15 },
} as const

define({ names: 'finfo', homes: ['torch'], doc: 'How far a floating-point dtype reaches: bits, eps, max, min, tiny, smallest_normal, resolution' },
  signature({ type: optional(dtype) }, ({ type }, ctx) => {
    const target = type ?? ctx.dtype
    if (target !== 'float32' && target !== 'float64') return fail(ctx, 'bad_argument', `finfo(): a floating-point dtype expected, got torch.${target}`)
    const { bits, eps, max, tiny, resolution } = reaches[target]
    return { static: { kind: 'named', names: ['bits', 'eps', 'max', 'min', 'tiny', 'smallest_normal', 'resolution'], items: [int(bits), ...[eps, max, -max, tiny, tiny, resolution].map(float)] } }
  }))
