/** The layers of transformers, and stacks of them. */
import { z } from 'zod'
import { showShape, suggestion } from '../../errors.ts'
import { gelu } from '../../functions/activations.ts'
import type { Result } from '../../functions/define.ts'
import { madeBy } from '../../functions/define.ts'
import { dropout } from '../../functions/dropout.ts'
import { layerNorm } from '../../functions/normalization.ts'
import type { Kind } from '../../functions/parameters.ts'
import { boolean, floatTensor, optional, tensor, withDefault } from '../../functions/parameters.ts'
import type { Value } from '../../ir/value.ts'
import { fail } from '../../lang/values.ts'
import { add, relu } from '../../ops/elementwise.ts'
import type { FloatArray } from '../../random/draw.ts'
import type { Layer, LayerCall, ParameterSpec, Wrong } from '../define.ts'
import { flag, module, partCall, share, size, within } from '../define.ts'
import type { Heads, Masks } from './attention.ts'
import { attend, attentionParameters, likeInput, timeFirst } from './attention.ts'
import { applyLinear, linearParameters } from './linear.ts'
import { affineParameters } from './normalization.ts'

const blockOptions = {
  d_model: size,
  nhead: size,
  dim_feedforward: size.default(2048),
  dropout: share.default(0.1),
  activation: z.enum(['relu', 'gelu']).default('relu'),
  layer_norm_eps: z.number().nonnegative().default(1e-5),
  batch_first: flag.default(false),
  norm_first: flag.default(false).describe('Whether each part is normalized before it, and not after the sum'),
  bias: flag.default(true),
}

type Block = z.infer<z.ZodObject<typeof blockOptions>>

function headsOf({ d_model: width, nhead, dropout: p, bias, batch_first }: Block): Heads {
  return { embed_dim: width, num_heads: nhead, dropout: p, bias, batch_first, add_bias_kv: false, add_zero_attn: false, kdim: null, vdim: null }
}

function checkHeads(type: string): (options: Block, wrong: Wrong) => void {
  return ({ d_model: width, nhead }, wrong) => {
    if (width % nhead !== 0) wrong('nhead', `${type}: d_model must be divisible by nhead, got ${width} and ${nhead}`)
  }
}

/** Parameters in the order of the constructor: attentions, the two linear layers, norms. */
function blockParameters(options: Block, attentions: readonly string[], norms: readonly string[]): ParameterSpec[] {
  const { d_model: width, dim_feedforward: inner, bias } = options
  return [
    ...attentions.flatMap((name) => within(name, attentionParameters(headsOf(options)))),
    ...within('linear1', linearParameters(width, inner, bias)),
    ...within('linear2', linearParameters(inner, width, bias)),
    ...norms.flatMap((name) => within(name, affineParameters([width], true, bias))),
  ]
}

/** Attention with dropout, in the form of `x`. */
function attentionPart(name: string, x: Value, other: Value, options: Block, masks: Masks, call: LayerCall): Value {
  const { batch_first: batchFirst } = options
  const query = timeFirst(x, batchFirst)
  const key = other === x ? query : timeFirst(other, batchFirst)
  const { output } = attend(query, key, key, headsOf(options), masks, partCall(call, name))
  return dropped(likeInput(output, x, batchFirst), options, call)
}

function dropped(x: Value, { dropout: p }: Block, { ctx, training }: LayerCall): Value {
  return training ? dropout(ctx, 'dropout', x, { p }) : x
}

function feedForward(x: Value, options: Block, call: LayerCall): Value {
  const hidden = applyLinear(x, partCall(call, 'linear1'), options.bias)
  const active = options.activation === 'relu' ? relu(hidden) : gelu(hidden, 'none')
  return dropped(applyLinear(dropped(active, options, call), partCall(call, 'linear2'), options.bias), options, call)
}

function normalized(name: string, x: Value, { d_model: width, layer_norm_eps: eps, bias }: Block, { ctx, parameter }: LayerCall): Value {
  return layerNorm(ctx, x, [width], parameter(`${name}.weight`), bias ? parameter(`${name}.bias`) : undefined, eps)
}

/** x + part(x) for each part, normalized before or after. */
function residual(x: Value, parts: readonly ((x: Value) => Value)[], options: Block, call: LayerCall): Value {
  return parts.reduce((y, part, i) => {
    const norm = (value: Value): Value => normalized(`norm${i + 1}`, value, options, call)
    return options.norm_first ? add(y, part(norm(y))) : norm(add(y, part(y)))
  }, x)
}

/** Sequences of one width, one batch and one number of dimensions. */
function requireSequences(type: string, given: Readonly<Record<string, Value>>, { d_model: width, batch_first: batchFirst }: Block, { ctx, mismatch }: LayerCall): void {
  const [first] = Object.values(given)
  const batch = batchFirst ? 0 : 1
  for (const [name, x] of Object.entries(given)) {
    const rank = x.shape.length
    if ((rank !== 2 && rank !== 3) || rank !== first!.shape.length) fail(ctx, 'shape_mismatch', `${type} expected ${Object.keys(given).join(' and ')} of 3 dimensions ${batchFirst ? '(N, L, d_model)' : '(L, N, d_model)'}, or of 2 (L, d_model), got shape ${showShape(x.shape)}`)
    if (x.shape.at(-1) !== width) mismatch('d_model', `${type} expected ${name} to have the width d_model = ${width}, got shape ${showShape(x.shape)}`)
    if (rank === 3 && x.shape[batch] !== first!.shape[batch]) fail(ctx, 'shape_mismatch', `${type}: all must have one batch, got shapes ${showShape(first!.shape)} and ${showShape(x.shape)}`)
  }
}

const mask = optional(tensor)
const hint = withDefault(boolean, false, 'False')

/** is_causal only says of a mask what it is. */
function requireMask(type: string, name: string, causal: boolean, given: Value | undefined, { ctx }: LayerCall): void {
  if (causal && !given) fail(ctx, 'bad_argument', `${type}: ${name} says of a mask that it is causal; give the mask too`)
}

// ---- one layer

function encode(src: Value, masks: Masks, options: Block, call: LayerCall): Value {
  requireSequences('TransformerEncoderLayer', { src }, options, call)
  return residual(src, [(x) => attentionPart('self_attn', x, x, options, masks, call), (x) => feedForward(x, options, call)], options, call)
}

function decode(tgt: Value, memory: Value, own: Masks, across: Masks, options: Block, call: LayerCall): Value {
  requireSequences('TransformerDecoderLayer', { tgt, memory }, options, call)
  const parts = [(x: Value) => attentionPart('self_attn', x, x, options, own, call), (x: Value) => attentionPart('multihead_attn', x, memory, options, across, call), (x: Value) => feedForward(x, options, call)]
  return residual(tgt, parts, options, call)
}

const encoderParameters = (options: Block): ParameterSpec[] => blockParameters(options, ['self_attn'], ['norm1', 'norm2'])
const decoderParameters = (options: Block): ParameterSpec[] => blockParameters(options, ['self_attn', 'multihead_attn'], ['norm1', 'norm2', 'norm3'])

const decoderMasks = { tgt_mask: mask, memory_mask: mask, tgt_key_padding_mask: mask, memory_key_padding_mask: mask, tgt_is_causal: hint, memory_is_causal: hint } as const

interface DecoderMasks {
  readonly tgt_mask: Value | undefined
  readonly memory_mask: Value | undefined
  readonly tgt_key_padding_mask: Value | undefined
  readonly memory_key_padding_mask: Value | undefined
  readonly tgt_is_causal: boolean
  readonly memory_is_causal: boolean
}

/** The masks of the two attentions. */
function bothMasks(type: string, given: DecoderMasks, call: LayerCall): readonly [own: Masks, across: Masks] {
  requireMask(type, 'tgt_is_causal', given.tgt_is_causal, given.tgt_mask, call)
  requireMask(type, 'memory_is_causal', given.memory_is_causal, given.memory_mask, call)
  return [{ attn_mask: given.tgt_mask, key_padding_mask: given.tgt_key_padding_mask }, { attn_mask: given.memory_mask, key_padding_mask: given.memory_key_padding_mask }]
}

// ---- stacks

/** A layer as an option of another one. */
function partOption<O extends z.ZodRawShape>(type: string, options: O) {
  const names = ['type', ...Object.keys(options)]
  return z.strictObject({ type: z.literal(type), ...options }, {
    error: (issue) => (issue.code === 'unrecognized_keys' ? `there is no field "${issue.keys[0]}"${suggestion(issue.keys[0]!, names)} Known fields: ${names.join(', ')}` : undefined),
  })
}

const finalNorm = partOption('LayerNorm', {
  normalized_shape: z.union([size, z.tuple([size])]),
  eps: z.number().nonnegative().default(1e-5),
  elementwise_affine: flag.default(true),
  bias: flag.default(true),
}).nullable().default(null).describe('Applied to what the last layer gives')

interface Stack {
  readonly num_layers: number
  readonly norm: z.infer<typeof finalNorm>
}

/** `count` layers that start alike, as PyTorch's copies of one, and the norm behind them. */
function stackParameters(own: readonly ParameterSpec[], { num_layers: count, norm }: Stack): ParameterSpec[] {
  const drawn = new Map<string, FloatArray>()
  const copies = Array.from({ length: count }, (_, i) => within(`layers.${i}`, own.map((parameter): ParameterSpec => ({
    ...parameter,
    fill: (ctx, shape) => {
      if (i > 0) return drawn.get(parameter.name)!.slice()
      const elements = parameter.fill(ctx, shape)
      drawn.set(parameter.name, elements)
      return elements
    },
  }))))
  return [...copies.flat(), ...(norm ? within('norm', affineParameters([norm.normalized_shape].flat(), norm.elementwise_affine, norm.elementwise_affine && norm.bias)) : [])]
}

function checkStack(name: 'encoder_layer' | 'decoder_layer', type: string, block: Block, { norm }: Stack, wrong: Wrong): void {
  checkHeads(type)(block, (option, message) => wrong(`${name}/${option}`, message))
  const width = norm && [norm.normalized_shape].flat()[0]!
  if (width !== null && width !== block.d_model) wrong('norm/normalized_shape', `the norm must have the width of the layers, d_model = ${block.d_model}, got ${width}`)
}

/** The layers in turn, then the norm. `name` is that of the option that says what a layer is. */
function applyStack(x: Value, name: string, block: Block, { num_layers: count, norm }: Stack, call: LayerCall, layer: (x: Value, own: LayerCall) => Value): Result {
  let y = x
  const mismatch: Wrong = (option, message) => call.mismatch(`${name}/${option}`, message)
  for (let i = 0; i < count; i++) y = layer(y, { ...partCall(call, `layers.${i}`), mismatch })
  if (!norm) return made(block, y)
  const { ctx, parameter } = call
  return layerNorm(ctx, y, [norm.normalized_shape].flat(), norm.elementwise_affine ? parameter('norm.weight') : undefined, norm.elementwise_affine && norm.bias ? parameter('norm.bias') : undefined, norm.eps)
}

/** PyTorch's is_causal of a stack may be None. */
const causal: Kind<boolean | undefined> = optional(boolean)

/** What ends a layer: a norm, or a sum. */
function made({ norm_first: first }: Block, value: Value): Result {
  return madeBy(first ? 'AddBackward0' : 'NativeLayerNormBackward0', value)
}

export const transformerLayers: readonly Layer[] = [
  module({
    type: 'TransformerEncoderLayer',
    doc: 'Self-attention and a network of two layers, each added to its input and normalized',
    options: blockOptions,
    gradFn: 'NativeLayerNormBackward0',
    inputs: { src: floatTensor, src_mask: mask, src_key_padding_mask: mask, is_causal: hint },
    check: checkHeads('TransformerEncoderLayer'),
    parameters: encoderParameters,
    forward: ({ src, src_mask, src_key_padding_mask, is_causal }, options, call) => {
      requireMask('TransformerEncoderLayer', 'is_causal', is_causal, src_mask, call)
      return made(options, encode(src, { attn_mask: src_mask, key_padding_mask: src_key_padding_mask }, options, call))
    },
  }),
  module({
    type: 'TransformerDecoderLayer',
    doc: 'Self-attention, attention to memory and a network of two layers, each added to its input and normalized; takes tgt and memory',
    options: blockOptions,
    gradFn: 'NativeLayerNormBackward0',
    inputs: { tgt: floatTensor, memory: floatTensor, ...decoderMasks },
    check: checkHeads('TransformerDecoderLayer'),
    parameters: decoderParameters,
    forward: ({ tgt, memory, ...masks }, options, call) => made(options, decode(tgt, memory, ...bothMasks('TransformerDecoderLayer', masks, call), options, call)),
  }),
  module({
    type: 'TransformerEncoder',
    doc: 'A stack of encoder layers that start alike',
    options: { encoder_layer: partOption('TransformerEncoderLayer', blockOptions), num_layers: size, norm: finalNorm },
    gradFn: 'NativeLayerNormBackward0',
    inputs: { src: floatTensor, mask, src_key_padding_mask: mask, is_causal: causal },
    check: (options, wrong) => checkStack('encoder_layer', 'TransformerEncoderLayer', options.encoder_layer, options, wrong),
    parameters: (options) => stackParameters(encoderParameters(options.encoder_layer), options),
    forward: ({ src, mask: given, src_key_padding_mask, is_causal }, options, call) => {
      requireMask('TransformerEncoder', 'is_causal', is_causal === true, given, call)
      return applyStack(src, 'encoder_layer', options.encoder_layer, options, call, (x, own) => encode(x, { attn_mask: given, key_padding_mask: src_key_padding_mask }, options.encoder_layer, own))
    },
  }),
  module({
    type: 'TransformerDecoder',
    doc: 'A stack of decoder layers that start alike; takes tgt and memory',
    options: { decoder_layer: partOption('TransformerDecoderLayer', blockOptions), num_layers: size, norm: finalNorm },
    gradFn: 'NativeLayerNormBackward0',
    inputs: { tgt: floatTensor, memory: floatTensor, ...decoderMasks, tgt_is_causal: causal },
    check: (options, wrong) => checkStack('decoder_layer', 'TransformerDecoderLayer', options.decoder_layer, options, wrong),
    parameters: (options) => stackParameters(decoderParameters(options.decoder_layer), options),
    forward: ({ tgt, memory, ...masks }, options, call) => {
      const both = bothMasks('TransformerDecoder', { ...masks, tgt_is_causal: masks.tgt_is_causal === true }, call)
      return applyStack(tgt, 'decoder_layer', options.decoder_layer, options, call, (x, own) => decode(x, memory, ...both, options.decoder_layer, own))
    },
  }),
]
