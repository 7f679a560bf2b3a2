/** Attention with several heads, as a layer and as a part of transformers. */
import { showShape } from '../../errors.ts'
import { safeSoftmax } from '../../functions/attention.ts'
import { madeBy } from '../../functions/define.ts'
import { dropout } from '../../functions/dropout.ts'
import { boolean, floatTensor, optional, tensor, withDefault } from '../../functions/parameters.ts'
import { linear } from '../../functions/products.ts'
import { mean, softmax } from '../../functions/reductions.ts'
import type { Value } from '../../ir/value.ts'
import { isFloat } from '../../ir/value.ts'
import { Tensor, fail, none, tuple } from '../../lang/values.ts'
import { matmul } from '../../ops/contract.ts'
import * as ew from '../../ops/elementwise.ts'
import { constant } from '../../ops/source.ts'
import { concat, expand, permute, reshape, slice, transposeLast } from '../../ops/view.ts'
import type { LayerCall, ParameterSpec } from '../define.ts'
import { drawnInOrder, flag, module, partCall, share, size, within } from '../define.ts'
import { filled, xavierNormal, xavierUniform } from '../init.ts'
import { applyLinear, linearParameters } from './linear.ts'

export interface Heads {
  readonly embed_dim: number
  readonly num_heads: number
  readonly dropout: number
  readonly bias: boolean
  readonly add_bias_kv: boolean
  readonly add_zero_attn: boolean
  readonly kdim: number | null
  readonly vdim: number | null
  readonly batch_first: boolean
}

/** Whether queries, keys and values have one width, and so one packed weight. */
function isPacked({ embed_dim: width, kdim, vdim }: Heads): boolean {
  return (kdim ?? width) === width && (vdim ?? width) === width
}

/** PyTorch's constructor draws out_proj first, and then sets its bias to 0. */
export function attentionParameters(options: Heads): ParameterSpec[] {
  const { embed_dim: width, bias, kdim, vdim } = options
  const projections: readonly [string, number, number][] = isPacked(options)
    ? [['in_proj_weight', 3 * width, width]]
    : [['q_proj_weight', width, width], ['k_proj_weight', width, kdim ?? width], ['v_proj_weight', width, vdim ?? width]]
  const weights = projections.map(([name, rows, columns]) => ({ name, shape: [rows, columns], fill: xavierUniform(1) }))
  const extra = options.add_bias_kv ? ['bias_k', 'bias_v'].map((name) => ({ name, shape: [1, 1, width], fill: xavierNormal(1) })) : []
  const [outWeight, ...outBias] = within('out_proj', linearParameters(width, width, bias))
  const zeros = { fill: filled(0) }
  const inState = [...weights, ...(bias ? [{ name: 'in_proj_bias', shape: [3 * width], ...zeros }] : []), ...extra, outWeight!, ...outBias.map((parameter) => ({ ...parameter, ...zeros }))]
  const overwritten = outBias.map((parameter) => ({ ...parameter, name: 'drawn and set to 0' }))
  return drawnInOrder(inState, [outWeight!, ...overwritten, ...weights, ...extra])
}

/** What is left out of the attention: true in a bool mask; a floating-point one is added to the scores. */
export interface Masks {
  /** [L, S], or one for each head of each sample. */
  readonly attn_mask: Value | undefined
  /** [N, S]: keys that nobody sees. */
  readonly key_padding_mask: Value | undefined
}

export interface Attended {
  /** [L, N, embed_dim] */
  readonly output: Value
  /** Weights of the keys, after dropout: [N · heads, L, S]. */
  readonly weights: Value
}

/** [length, batch, width] of an input in any of its forms. */
export function timeFirst(x: Value, batchFirst: boolean): Value {
  if (x.shape.length === 2) return reshape(x, [x.shape[0]!, 1, x.shape[1]!])
  return batchFirst ? permute(x, [1, 0, 2]) : x
}

/** The form of the input again. */
export function likeInput(output: Value, input: Value, batchFirst: boolean): Value {
  if (input.shape.length === 2) return reshape(output, [output.shape[0]!, output.shape[2]!])
  return batchFirst ? permute(output, [1, 0, 2]) : output
}

function requireInputs(query: Value, key: Value, value: Value, options: Heads, { ctx, mismatch }: LayerCall): void {
  const type = 'MultiheadAttention'
  const rank = query.shape.length
  if ((rank !== 2 && rank !== 3) || key.shape.length !== rank || value.shape.length !== rank) {
    fail(ctx, 'shape_mismatch', `${type} expected query, key and value of 3 dimensions each, or of 2 without the batch, got shapes ${[query, key, value].map(({ shape }) => showShape(shape)).join(', ')}`)
  }
  const { embed_dim: width, kdim, vdim } = options
  for (const [what, x, option, wanted] of [['query', query, 'embed_dim', width], ['key', key, 'kdim', kdim ?? width], ['value', value, 'vdim', vdim ?? width]] as const) {
    if (x.shape.at(-1) !== wanted) mismatch(options[option] === null ? 'embed_dim' : option, `${type} expected a ${what} of width ${wanted}, got shape ${showShape(x.shape)}`)
  }
  const batch = options.batch_first ? 0 : 1
  const batches = rank === 3 ? [query, key, value].map(({ shape }) => shape[batch]) : []
  if (String(key.shape.slice(0, -1)) !== String(value.shape.slice(0, -1)) || new Set(batches).size > 1) {
    fail(ctx, 'shape_mismatch', `${type}: key and value must have one length, and all one batch, got shapes ${[query, key, value].map(({ shape }) => showShape(shape)).join(', ')}`)
  }
}

/** Queries, keys and values after their projections. */
function projected(query: Value, key: Value, value: Value, options: Heads, { ctx, parameter }: LayerCall): readonly [Value, Value, Value] {
  const { embed_dim: width, bias } = options
  const part = (x: Value, axis: number, i: number): Value => slice(x, axis, i * width, width)
  const biasOf = (i: number): Value | undefined => (bias ? part(parameter('in_proj_bias'), 0, i) : undefined)
  if (!isPacked(options)) {
    return [linear(ctx, query, parameter('q_proj_weight'), biasOf(0)), linear(ctx, key, parameter('k_proj_weight'), biasOf(1)), linear(ctx, value, parameter('v_proj_weight'), biasOf(2))]
  }
  const weight = parameter('in_proj_weight')
  if (query === key && key === value) {
    const all = linear(ctx, query, weight, bias ? parameter('in_proj_bias') : undefined)
    return [part(all, 2, 0), part(all, 2, 1), part(all, 2, 2)]
  }
  return [linear(ctx, query, part(weight, 0, 0), biasOf(0)), linear(ctx, key, part(weight, 0, 1), biasOf(1)), linear(ctx, value, part(weight, 0, 2), biasOf(2))]
}

/** A mask for the scores [heads of samples, queries, keys]; keys that were added at the end are seen by all. */
function spreadMask(mask: Value, keys: number, scores: Value): Value {
  const [heads, queries, all] = scores.shape as [number, number, number]
  const full = expand(mask, [heads, queries, keys])
  return all === keys ? full : concat([full, expand(constant(mask.graph, 0, mask.dtype), [heads, queries, all - keys])], 2)
}

function applyMask(scores: Value, mask: Value): Value {
  return mask.dtype === 'bool' ? ew.where(mask, ew.fullLike(scores, -Infinity), scores) : ew.add(scores, mask)
}

/** The masks as they fit scores of `keys` keys, each checked. */
function masksFor(scores: Value, keys: number, batch: number, heads: number, { attn_mask: mask, key_padding_mask: padding }: Masks, { ctx }: LayerCall): Value[] {
  const queries = scores.shape[1]!
  for (const [name, given] of [['attn_mask', mask], ['key_padding_mask', padding]] as const) {
    if (given && given.dtype !== 'bool' && !isFloat(given.dtype)) fail(ctx, 'dtype_mismatch', `${name}: bool or floating point expected, got ${given.dtype}`)
  }
  const found: Value[] = []
  const typed = (given: Value): Value => (given.dtype === 'bool' ? given : ew.cast(given, scores.dtype))
  if (mask) {
    const wanted = mask.shape.length === 3 ? [batch * heads, queries, keys] : [queries, keys]
    if (String(mask.shape) !== String(wanted)) fail(ctx, 'shape_mismatch', `attn_mask of shape [${queries}, ${keys}] or [${batch * heads}, ${queries}, ${keys}] expected, got ${showShape(mask.shape)}`)
    found.push(spreadMask(typed(mask), keys, scores))
  }
  if (padding) {
    const rows = padding.shape.length === 1 && batch === 1 ? reshape(padding, [1, padding.shape[0]!]) : padding
    if (String(rows.shape) !== String([batch, keys])) fail(ctx, 'shape_mismatch', `key_padding_mask of shape ${showShape(batch === 1 ? [keys] : [batch, keys])} expected, got ${showShape(padding.shape)}`)
    const perHead = reshape(expand(reshape(typed(rows), [batch, 1, 1, keys]), [batch, heads, 1, keys]), [batch * heads, 1, keys])
    found.push(spreadMask(perHead, keys, scores))
  }
  return found
}

/** Attention of inputs [length, batch, width]. */
export function attend(query: Value, key: Value, value: Value, options: Heads, masks: Masks, call: LayerCall): Attended {
  const { embed_dim: width, num_heads: heads, dropout: p, bias } = options
  const { ctx, training, parameter } = call
  const [queries, batch] = query.shape as [number, number, number]
  const keys = key.shape[0]!
  const [q, ...kv] = projected(query, key, value, options, call)
  const split = (x: Value): Value => permute(reshape(x, [x.shape[0]!, batch * heads, width / heads]), [1, 0, 2])
  const [k, v] = (['bias_k', 'bias_v'] as const).map((name, i) => {
    const parts = [options.add_bias_kv ? concat([kv[i]!, expand(parameter(name), [1, batch, width])], 0) : kv[i]!].map(split)
    if (options.add_zero_attn) parts.push(expand(constant(ctx.graph, 0, q.dtype), [batch * heads, 1, width / heads]))
    return concat(parts, 1)
  }) as [Value, Value]
  const scores = matmul(ew.mul(split(q), 1 / Math.sqrt(width / heads)), transposeLast(k))
  const fitting = masksFor(scores, keys, batch, heads, masks, call)
  const certain = fitting.length > 0 ? safeSoftmax(fitting.reduce(applyMask, scores)) : softmax(scores, 2)
  const weights = training ? dropout(ctx, 'MultiheadAttention', certain, { p }) : certain
  const joined = reshape(permute(matmul(weights, v), [1, 0, 2]), [queries, batch, width])
  return { output: applyLinear(joined, partCall(call, 'out_proj'), bias), weights }
}

export const attentionLayers = [
  module({
    type: 'MultiheadAttention',
    doc: 'Attention of several heads over query, key and value; gives (output, weights), the weights a mean over the heads',
    options: {
      embed_dim: size,
      num_heads: size,
      dropout: share.default(0),
      bias: flag.default(true),
      add_bias_kv: flag.default(false).describe('Learned rows behind the keys and values'),
      add_zero_attn: flag.default(false).describe('A row of zeros behind the keys and values'),
      kdim: size.nullable().default(null).describe('Width of the keys, where it is not embed_dim'),
      vdim: size.nullable().default(null).describe('Width of the values, where it is not embed_dim'),
      batch_first: flag.default(false),
    },
    gradFn: 'ViewBackward0',
    inputs: {
      query: floatTensor, key: floatTensor, value: floatTensor, key_padding_mask: optional(tensor), need_weights: withDefault(boolean, true, 'True'), attn_mask: optional(tensor),
      average_attn_weights: withDefault(boolean, true, 'True'), is_causal: withDefault(boolean, false, 'False'),
    },
    check: ({ embed_dim: width, num_heads: heads }, wrong) => width % heads !== 0 && wrong('num_heads', `MultiheadAttention: embed_dim must be divisible by num_heads, got ${width} and ${heads}`),
    parameters: attentionParameters,
    forward: ({ query, key, value, need_weights: wanted, average_attn_weights: average, is_causal: causal, ...masks }, options, call) => {
      requireInputs(query, key, value, options, call)
      if (causal && !masks.attn_mask) fail(call.ctx, 'bad_argument', 'MultiheadAttention: is_causal says of an attn_mask that it is causal; give the mask too')
      const { batch_first: batchFirst, num_heads: heads } = options
      const single = query.shape.length === 2
      const [q, k, v] = [query, key, value].map((x) => timeFirst(x, batchFirst)) as [Value, Value, Value]
      const { output, weights } = attend(q, k, v, options, masks, call)
      const made = single ? 'SqueezeBackward1' : batchFirst ? 'TransposeBackward0' : 'ViewBackward0'
      const result = likeInput(output, query, batchFirst)
      if (!wanted) return madeBy(made, result)
      const [, queries, keys] = weights.shape as [number, number, number]
      const byHead = reshape(weights, [...(single ? [] : [q.shape[1]!]), heads, queries, keys])
      return madeBy([made, single ? made : average ? 'DivBackward0' : 'ViewBackward0'], [result, average ? mean(byHead, [single ? 0 : 1]) : byHead])
    },
    arrange: (results) => (results instanceof Tensor ? tuple([results, none]) : results),
  }),
]
