/** Attention: means of values, weighted by how well queries and keys agree. */
import { showShape } from '../errors.ts'
import type { Value } from '../ir/value.ts'
import type { TraceContext } from '../lang/values.ts'
import { fail } from '../lang/values.ts'
import * as ew from '../ops/elementwise.ts'
import { amax } from '../ops/extrema.ts'
import { iota } from '../ops/source.ts'
import { expand, reshape, sum, transposeLast } from '../ops/view.ts'
import { family, signature } from './define.ts'
import { dropout } from './dropout.ts'
import { boolean, floatTensor, number, optional, tensor, withDefault } from './parameters.ts'
import { matmul } from './products.ts'
import { broadcastShapes } from './promote.ts'
import { softmax, spread } from './reductions.ts'

const { define } = family('tables and attention')

export interface Attention {
  /** bool: what takes part; floating point: added to the scores. Broadcast to them. */
  readonly attn_mask: Value | undefined
  readonly dropout_p: number
  /** Only keys up to the place of the query take part. */
  readonly is_causal: boolean
  /** Of the scores; by default 1 / √(width of the queries). */
  readonly scale: number | undefined
}

/** Softmax over the last axis; zeros where every score is -∞, as in rows that a mask shuts off. */
export function safeSoftmax(scores: Value): Value {
  const axis = scores.shape.length - 1
  const m = amax(ew.detach(scores), [axis])
  const none = ew.eq(m, -Infinity)
  const e = ew.exp(ew.sub(scores, spread(ew.where(none, ew.fullLike(m, 0), m), scores, [axis])))
  const total = sum(e, [axis])
  return ew.div(e, spread(ew.where(none, ew.fullLike(total, 1), total), scores, [axis]))
}

/** Scores with a mask: -∞ where a bool mask is false, a floating-point one is added. */
function masked(ctx: TraceContext, scores: Value, mask: Value): Value {
  if (mask.dtype !== 'bool' && mask.dtype !== scores.dtype) {
    fail(ctx, 'dtype_mismatch', `scaled_dot_product_attention(): attn_mask: bool or the dtype of query expected, got ${mask.dtype} and query ${scores.dtype}`)
  }
  const shape = broadcastShapes(ctx, [scores.shape, mask.shape])
  if (String(shape) !== String(scores.shape)) fail(ctx, 'shape_mismatch', `scaled_dot_product_attention(): attn_mask of shape ${showShape(mask.shape)} cannot be expanded to the scores' shape ${showShape(scores.shape)}`)
  const full = expand(mask, scores.shape)
  return mask.dtype === 'bool' ? ew.where(full, scores, ew.fullLike(scores, -Infinity)) : ew.add(scores, full)
}

/** True where the key's place is not behind the query's. */
function upTo(scores: Value): Value {
  const [queries, keys] = scores.shape.slice(-2) as [number, number]
  const shape = [queries, keys]
  const query = expand(reshape(iota(scores.graph, queries), [queries, 1]), shape)
  return expand(ew.le(expand(iota(scores.graph, keys), shape), query), scores.shape)
}

/** The weights of the keys for each query, after softmax and before dropout. */
export function attentionWeights(ctx: TraceContext, query: Value, key: Value, { attn_mask: mask, is_causal: causal, scale }: Omit<Attention, 'dropout_p'>): Value {
  const scores = matmul(ctx, ew.mul(query, scale ?? 1 / Math.sqrt(query.shape.at(-1)!)), transposeLast(key))
  if (scores.shape.at(-1) === 0) return scores
  if (causal) return softmax(ew.where(upTo(scores), scores, ew.fullLike(scores, -Infinity)), scores.shape.length - 1)
  return mask ? safeSoftmax(masked(ctx, scores, mask)) : softmax(scores, scores.shape.length - 1)
}

export function scaledDotProductAttention(ctx: TraceContext, query: Value, key: Value, value: Value, how: Attention): Value {
  const name = 'scaled_dot_product_attention'
  const given = { query, key, value }
  for (const [what, x] of Object.entries(given)) {
    if (x.shape.length < 2) fail(ctx, 'shape_mismatch', `${name}(): ${what}: at least 2 dimensions (..., length, width) expected, got shape ${showShape(x.shape)}`)
    if (x.dtype !== query.dtype) fail(ctx, 'dtype_mismatch', `${name}(): query, key and value must have one dtype, got ${query.dtype}, ${key.dtype} and ${value.dtype}`)
  }
  if (query.shape.at(-1) !== key.shape.at(-1)) fail(ctx, 'shape_mismatch', `${name}(): query and key must have one width, got shapes ${showShape(query.shape)} and ${showShape(key.shape)}`)
  if (key.shape.at(-2) !== value.shape.at(-2)) fail(ctx, 'shape_mismatch', `${name}(): key and value must have one length, got shapes ${showShape(key.shape)} and ${showShape(value.shape)}`)
  if (how.attn_mask && how.is_causal) fail(ctx, 'bad_argument', `${name}(): either attn_mask or is_causal, not both`)
  const weights = attentionWeights(ctx, query, key, how)
  return matmul(ctx, dropout(ctx, name, weights, { p: how.dropout_p }), value)
}

/** Fewer heads of keys and values than of queries: each serves several queries in a row. */
function repeatedHeads(ctx: TraceContext, query: Value, x: Value): Value {
  const [heads, own] = [query.shape.at(-3), x.shape.at(-3)]
  if (heads === undefined || own === undefined || own === 0 || heads % own !== 0) {
    return fail(ctx, 'shape_mismatch', `scaled_dot_product_attention(): with enable_gqa the heads of query must be a multiple of those of key and value, got shapes ${showShape(query.shape)} and ${showShape(x.shape)}`)
  }
  const [before, after] = [x.shape.slice(0, -2), x.shape.slice(-2)]
  const repeated = expand(reshape(x, [...before, 1, ...after]), [...before, heads / own, ...after])
  return reshape(repeated, [...x.shape.slice(0, -3), heads, ...after])
}

define({ names: 'scaled_dot_product_attention', homes: ['F'], doc: 'softmax(query @ key.mT * scale + mask) @ value; a row whose keys are all masked gives zeros', gradFn: 'UnsafeViewBackward0' },
  signature({ query: floatTensor, key: floatTensor, value: floatTensor, attn_mask: optional(tensor), dropout_p: withDefault(number, 0), is_causal: withDefault(boolean, false, 'False'), scale: optional(number), enable_gqa: withDefault(boolean, false, 'False') }, ({ query, key, value, enable_gqa: shared, ...how }, ctx) =>
    shared ? scaledDotProductAttention(ctx, query, repeatedHeads(ctx, query, key), repeatedHeads(ctx, query, value), how) : scaledDotProductAttention(ctx, query, key, value, how)))
