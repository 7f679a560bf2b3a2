/** POST /v1/export: every layer as ONNX gives in onnxruntime what it gives here; what has no form there is refused. */
import { describe, expect, it } from 'vitest'
import { layerTypes } from '../../engine/index.ts'
import { exporters } from '../../src/onnx/layers/index.ts'
import { exported, expectSame, numbersFor } from '../onnx.ts'
import type { Input } from '../onnx.ts'
import { expectProblem, useService } from '../service.ts'

const service = useService()

interface Case {
  /** Options of the layer. */
  readonly options?: object
  readonly shape: readonly number[]
  /** The axis that has another size in a second run; null where none may. */
  readonly free?: number | null
  readonly dtype?: 'int64'
  /** Whole numbers below this, instead of chance. */
  readonly below?: number
  /** In float64, too, where onnxruntime has it. */
  readonly double?: boolean
}

const plain: readonly Case[] = [{ shape: [3, 5] }, { shape: [2, 3, 4] }, { shape: [6] }]
const exact: readonly Case[] = [{ shape: [3, 5], double: true }, ...plain.slice(1)]
const norm = (shape: readonly number[], options: object, more: object = {}): Case => ({ shape, options, ...more })

const simple: Readonly<Record<string, readonly Case[]>> = {
  Linear: [
    { options: { in_features: 5, out_features: 3 }, shape: [4, 5], double: true },
    { options: { in_features: 5, out_features: 3, bias: false }, shape: [4, 5] },
    { options: { in_features: 5, out_features: 3 }, shape: [2, 3, 5] },
    { options: { in_features: 5, out_features: 3, bias: false }, shape: [5], free: null },
  ],
  Identity: exact,
  Flatten: [
    { shape: [2, 3, 4] },
    { shape: [2, 3] },
    { shape: [5] , options: { start_dim: 0 } },
    { shape: [2, 3, 4, 5], options: { start_dim: 2, end_dim: 3 } },
    { shape: [2, 3, 4, 5], options: { start_dim: -3, end_dim: -2 } },
    { shape: [2, 3, 4, 5], options: { start_dim: 0, end_dim: 1 } },
  ],
  Unflatten: [
    { shape: [2, 12], options: { dim: 1, unflattened_size: [3, -1] } },
    { shape: [2, 12, 2], options: { dim: -2, unflattened_size: [3, 4] } },
  ],
  Dropout: [{ shape: [2, 3], options: { p: 0.9 } }],
  Dropout1d: [{ shape: [2, 3, 4] }],
  Dropout2d: [{ shape: [2, 3, 4, 5] }],
  Dropout3d: [{ shape: [2, 3, 4, 5, 2] }],
  AlphaDropout: plain,
  FeatureAlphaDropout: [{ shape: [2, 3, 4] }],
  ReLU: exact,
  ReLU6: [{ shape: [3, 5], options: {} }, { shape: [4], below: 9 }],
  Sigmoid: exact,
  Tanh: exact,
  SELU: [{ shape: [3, 5] }],
  SiLU: plain,
  Mish: plain,
  Hardsigmoid: [{ shape: [3, 5] }, { shape: [9], below: 9 }],
  Hardswish: [{ shape: [3, 5] }],
  LogSigmoid: plain,
  Softsign: [{ shape: [3, 5] }],
  Tanhshrink: exact,
  LeakyReLU: [{ shape: [3, 5], options: { negative_slope: 0.2 } }],
  RReLU: [{ shape: [3, 5] }],
  PReLU: [{ shape: [3, 5] }, { shape: [3, 5], options: { num_parameters: 5 } }, { shape: [2, 3, 4, 5], options: { num_parameters: 3 } }, { shape: [7] }],
  ELU: [{ shape: [3, 5], options: { alpha: 0.7 } }],
  CELU: [{ shape: [3, 5], options: { alpha: 0.7 } }],
  GELU: [{ shape: [3, 5] }, { shape: [3, 5], options: { approximate: 'tanh' } }],
  Softplus: [...plain, { shape: [3, 5], options: { beta: 2, threshold: 1 } }],
  Hardtanh: [{ shape: [3, 5], options: { min_val: -0.5, max_val: 0.25 }, double: true }],
  Softshrink: [{ shape: [3, 5], options: { lambd: 0.3 } }],
  Hardshrink: [{ shape: [3, 5], options: { lambd: 0.3 } }],
  Threshold: [{ shape: [3, 5], options: { threshold: 0.1, value: -7 } }],
  GLU: [{ shape: [3, 6] }, { shape: [3, 4, 5], options: { dim: 1 } }],
  Softmax: [{ shape: [3, 5] }, { shape: [5] }, { shape: [2, 3, 4] }, { shape: [2, 3, 4], options: { dim: 2 } }, { shape: [2, 3, 4, 2], options: { dim: -2 }, double: true }],
  Softmin: [{ shape: [3, 5], options: { dim: 1 } }],
  LogSoftmax: [{ shape: [3, 5], double: true }],
  Softmax2d: [{ shape: [2, 3, 4, 5] }, { shape: [3, 4, 5] }],
  BatchNorm1d: [norm([4, 3], { num_features: 3, eps: 0.1 }), norm([4, 3, 5], { num_features: 3, affine: false }), norm([4, 3], { num_features: 3, track_running_stats: false })],
  BatchNorm2d: [norm([2, 3, 4, 5], { num_features: 3 }), norm([2, 3, 4, 5], { num_features: 3, track_running_stats: false, affine: false })],
  BatchNorm3d: [norm([2, 3, 2, 4, 5], { num_features: 3 })],
  InstanceNorm1d: [norm([2, 3, 4], { num_features: 3 }), norm([3, 4], { num_features: 3, affine: true }, { free: null }), norm([2, 3, 4], { num_features: 3, affine: true, track_running_stats: true }), norm([3, 4], { num_features: 3, track_running_stats: true }, { free: null })],
  InstanceNorm2d: [norm([2, 3, 4, 5], { num_features: 3, affine: true }), norm([3, 4, 5], { num_features: 3 }, { free: null })],
  InstanceNorm3d: [norm([2, 3, 2, 4, 5], { num_features: 3, affine: true })],
  LayerNorm: [
    norm([2, 3, 4], { normalized_shape: 4, eps: 0.01 }),
    norm([2, 3, 4], { normalized_shape: [3, 4] }),
    norm([2, 3, 4], { normalized_shape: [4], bias: false }),
    norm([2, 3, 4], { normalized_shape: [3, 4], elementwise_affine: false }),
  ],
  RMSNorm: [norm([2, 3, 4], { normalized_shape: 4 }), norm([2, 3, 4], { normalized_shape: [3, 4], eps: 0.1, elementwise_affine: false }, { double: true })],
  GroupNorm: [norm([2, 6, 4], { num_groups: 3, num_channels: 6 }), norm([2, 6], { num_groups: 2, num_channels: 6, affine: false }), norm([2, 4, 3, 5], { num_groups: 1, num_channels: 4, eps: 0.1 })],
  LocalResponseNorm: [norm([2, 6, 3], { size: 3, alpha: 0.5 }), norm([2, 6, 3, 4], { size: 2, alpha: 2, beta: 0.6, k: 1.5 })],
  Embedding: [
    { shape: [3, 4], options: { num_embeddings: 7, embedding_dim: 5 }, dtype: 'int64', below: 7 },
    { shape: [3], options: { num_embeddings: 7, embedding_dim: 5, padding_idx: 2 }, below: 7 },
  ],
  EmbeddingBag: (['sum', 'mean', 'max'] as const).flatMap((mode): Case[] => [
    { shape: [3, 4], options: { num_embeddings: 7, embedding_dim: 5, mode }, dtype: 'int64', below: 7 },
    { shape: [4, 5], options: { num_embeddings: 2, embedding_dim: 5, mode, padding_idx: -1 }, below: 2 },
  ]),
}

const encoder = { d_model: 6, nhead: 2, dim_feedforward: 5 }

const sequences: Readonly<Record<string, readonly Case[]>> = {
  RNN: [
    { options: { input_size: 3, hidden_size: 4 }, shape: [5, 2, 3] },
    { options: { input_size: 3, hidden_size: 4 }, shape: [5, 2, 3], free: 1 },
    { options: { input_size: 3, hidden_size: 4, nonlinearity: 'relu', num_layers: 2, bidirectional: true, batch_first: true }, shape: [2, 5, 3] },
    { options: { input_size: 3, hidden_size: 4, bias: false }, shape: [5, 3] },
  ],
  LSTM: [
    { options: { input_size: 3, hidden_size: 4, batch_first: true }, shape: [2, 5, 3] },
    { options: { input_size: 3, hidden_size: 4, batch_first: true }, shape: [2, 5, 3], free: 1 },
    { options: { input_size: 3, hidden_size: 2, num_layers: 3, bidirectional: true, dropout: 0.5 }, shape: [5, 2, 3], free: 1 },
    { options: { input_size: 3, hidden_size: 4, bias: false, bidirectional: true }, shape: [5, 3] },
  ],
  GRU: [
    { options: { input_size: 3, hidden_size: 4 }, shape: [5, 2, 3] },
    { options: { input_size: 3, hidden_size: 4, num_layers: 2, bidirectional: true, batch_first: true }, shape: [2, 5, 3] },
    { options: { input_size: 3, hidden_size: 4, bias: false }, shape: [5, 3] },
  ],
  RNNCell: [{ options: { input_size: 3, hidden_size: 4 }, shape: [2, 3] }, { options: { input_size: 3, hidden_size: 4, nonlinearity: 'relu', bias: false }, shape: [3], free: null }],
  LSTMCell: [{ options: { input_size: 3, hidden_size: 4 }, shape: [2, 3] }, { options: { input_size: 3, hidden_size: 4 }, shape: [3], free: null }],
  GRUCell: [{ options: { input_size: 3, hidden_size: 4 }, shape: [2, 3] }, { options: { input_size: 3, hidden_size: 4, bias: false }, shape: [3], free: null }],
  TransformerEncoderLayer: [
    { options: encoder, shape: [5, 2, 6] },
    { options: { ...encoder, batch_first: true, activation: 'gelu', norm_first: true }, shape: [2, 5, 6] },
    { options: { ...encoder, bias: false, layer_norm_eps: 0.1 }, shape: [5, 2, 6], free: 1 },
    { options: encoder, shape: [5, 6] },
  ],
  TransformerEncoder: [
    { options: { encoder_layer: { type: 'TransformerEncoderLayer', ...encoder, batch_first: true }, num_layers: 2 }, shape: [2, 5, 6] },
    { options: { encoder_layer: { type: 'TransformerEncoderLayer', ...encoder }, num_layers: 2, norm: { type: 'LayerNorm', normalized_shape: 6 } }, shape: [5, 2, 6] },
    { options: { encoder_layer: { type: 'TransformerEncoderLayer', ...encoder }, num_layers: 1, norm: { type: 'LayerNorm', normalized_shape: 6, elementwise_affine: false } }, shape: [5, 6] },
  ],
}

const upsampled = (mode: string, shape: readonly number[]): Case[] => {
  const dims = shape.length - 2
  return [
    { shape, options: { mode, scale_factor: 2 } },
    { shape, options: { mode, scale_factor: 1.3 } },
    { shape, options: { mode, scale_factor: 1.3, recompute_scale_factor: true } },
    { shape, options: { mode, size: [7, 2, 5].slice(0, dims) } },
    ...(/linear|cubic/.test(mode) ? [{ shape, options: { mode, size: [7, 3, 4].slice(0, dims), align_corners: true } }, { shape, options: { mode, scale_factor: 1.7, align_corners: true } }] : []),
  ]
}

const pooled = (dims: number, more: readonly object[]): Case[] => {
  const shape = [2, 3, 7, 8, 5].slice(0, dims + 2)
  const options = [{ kernel_size: 2 }, { kernel_size: 3, stride: 2, ceil_mode: true }, { kernel_size: [3, 2, 2].slice(0, dims), stride: [2, 3, 1].slice(0, dims) }, ...more]
  return [...options.map((one): Case => ({ shape, options: one })), { shape: shape.slice(1), options: options[1]!, free: null }]
}
const maxPooled = [{ kernel_size: 3, stride: 2, padding: 1 }, { kernel_size: 3, stride: 3, padding: 1, ceil_mode: true }, { kernel_size: 2, dilation: 2, ceil_mode: true, stride: 2 }]
const avgPooled = [{ kernel_size: 3, stride: 2, padding: 1 }, { kernel_size: 3, stride: 3, padding: 1, ceil_mode: true }, { kernel_size: 3, stride: 2, padding: 1, ceil_mode: true, count_include_pad: false }]
const divided = [{ kernel_size: 3, stride: 2, padding: 1, ceil_mode: true, divisor_override: 5 }, { kernel_size: 2, divisor_override: 3 }]

const adaptive = (dims: number): Case[] => {
  const shape = [2, 3, 6, 8, 5].slice(0, dims + 2)
  const sizes = [1, [3, 4, 5].slice(0, dims), [4, 8, 3].slice(0, dims), [5, 3, 2].slice(0, dims), [9, 2, 7].slice(0, dims), [null, 2, null].slice(0, dims)]
  return [...sizes.map((output_size): Case => ({ shape, options: { output_size } })), { shape: shape.slice(1), options: { output_size: 4 }, free: null }]
}

const convolved = (dims: number): Case[] => {
  const shape = [2, 4, 7, 8, 6].slice(0, dims + 2)
  const channels = { in_channels: 4, out_channels: 6, kernel_size: 3 }
  const options = [
    channels,
    { ...channels, stride: 2, padding: 1, groups: 2 },
    { ...channels, kernel_size: [3, 2, 1].slice(0, dims), dilation: 2, padding: [2, 0, 1].slice(0, dims), bias: false },
    { ...channels, kernel_size: 4, padding: 'same' },
    { ...channels, padding: 2, padding_mode: 'reflect' },
    { ...channels, padding: 'same', padding_mode: 'circular', dilation: 2 },
    { ...channels, padding: [1, 2, 1].slice(0, dims), padding_mode: 'replicate' },
  ]
  return [...options.map((one): Case => ({ shape, options: one })), { shape: shape.slice(1), options: channels, free: null }]
}

const transposed = (dims: number): Case[] => {
  const shape = [2, 4, 3, 4, 2].slice(0, dims + 2)
  const channels = { in_channels: 4, out_channels: 6, kernel_size: 3 }
  return [
    { shape, options: channels },
    { shape, options: { ...channels, stride: 2, padding: 1, output_padding: 1, groups: 2 } },
    { shape, options: { ...channels, kernel_size: [3, 2, 1].slice(0, dims), dilation: 2, stride: [1, 3, 2].slice(0, dims), bias: false } },
    { shape: shape.slice(1), options: channels, free: null },
  ]
}

const pads = (dims: number, more: object = {}): Case[] => {
  const shape = [2, 3, 5, 6, 4].slice(0, dims + 2)
  return [
    { shape, options: { padding: 2, ...more } },
    { shape, options: { padding: [1, 2, 3, 0, 0, 1].slice(0, 2 * dims), ...more } },
    { shape, options: { padding: [2, -1, -2, 3, -1, -1].slice(0, 2 * dims), ...more } },
    { shape: shape.slice(1), options: { padding: 1, ...more }, free: null },
  ]
}

const spatial: Readonly<Record<string, readonly Case[]>> = {
  Conv1d: convolved(1), Conv2d: convolved(2), Conv3d: convolved(3),
  ConvTranspose1d: transposed(1), ConvTranspose2d: transposed(2), ConvTranspose3d: transposed(3),
  MaxPool1d: pooled(1, [...maxPooled, { kernel_size: 2, return_indices: true }]), MaxPool2d: pooled(2, maxPooled), MaxPool3d: pooled(3, maxPooled),
  AvgPool1d: pooled(1, avgPooled), AvgPool2d: pooled(2, [...avgPooled, ...divided]), AvgPool3d: pooled(3, [...avgPooled, ...divided]),
  LPPool1d: pooled(1, []).map((one) => ({ ...one, options: { ...one.options, norm_type: 2 } })), LPPool2d: pooled(2, []).map((one) => ({ ...one, options: { ...one.options, norm_type: 4 } })),
  AdaptiveAvgPool1d: adaptive(1), AdaptiveAvgPool2d: adaptive(2), AdaptiveAvgPool3d: adaptive(3),
  AdaptiveMaxPool1d: adaptive(1), AdaptiveMaxPool2d: adaptive(2), AdaptiveMaxPool3d: adaptive(3),
  ZeroPad1d: pads(1), ZeroPad2d: pads(2), ZeroPad3d: pads(3),
  ConstantPad1d: pads(1, { value: 0.5 }), ConstantPad2d: pads(2, { value: -2 }), ConstantPad3d: pads(3, { value: 7 }),
  ReflectionPad1d: pads(1), ReflectionPad2d: pads(2), ReflectionPad3d: pads(3),
  ReplicationPad1d: pads(1), ReplicationPad2d: pads(2), ReplicationPad3d: pads(3),
  CircularPad1d: pads(1), CircularPad2d: pads(2), CircularPad3d: pads(3),
  Upsample: [
    ...['nearest', 'nearest-exact', 'linear', 'area'].flatMap((mode) => upsampled(mode, [2, 3, 5])),
    ...['nearest', 'nearest-exact', 'bilinear', 'bicubic', 'area'].flatMap((mode) => upsampled(mode, [2, 3, 5, 6])),
    ...['nearest', 'nearest-exact', 'trilinear', 'area'].flatMap((mode) => upsampled(mode, [2, 3, 5, 4, 6])),
  ],
  UpsamplingNearest2d: [{ shape: [2, 3, 4, 5], options: { scale_factor: 2 } }, { shape: [2, 3, 4, 5], options: { size: [3, 9] } }],
  UpsamplingBilinear2d: [{ shape: [2, 3, 4, 5], options: { scale_factor: 1.5 } }, { shape: [2, 3, 4, 5], options: { size: 9 } }],
  PixelShuffle: [{ shape: [2, 12, 3, 4], options: { upscale_factor: 2 } }, { shape: [12, 3, 4], options: { upscale_factor: 2 }, free: null }, { shape: [2, 3, 9, 2, 2], options: { upscale_factor: 3 } }],
  PixelUnshuffle: [{ shape: [2, 3, 4, 6], options: { downscale_factor: 2 } }, { shape: [3, 4, 6], options: { downscale_factor: 2 }, free: null }],
  ChannelShuffle: [{ shape: [2, 6, 3, 4], options: { groups: 3 } }, { shape: [2, 6, 3], options: { groups: 2 } }],
  Unfold: [
    { shape: [2, 3, 6, 7], options: { kernel_size: [2, 3] } },
    { shape: [2, 3, 6, 7], options: { kernel_size: 2, dilation: 2, padding: [1, 2], stride: [2, 1] } },
    { shape: [3, 6, 7], options: { kernel_size: 3 }, free: null },
  ],
  Fold: [
    { shape: [2, 18, 20], options: { output_size: [5, 7], kernel_size: [2, 3] } },
    { shape: [2, 8, 16], options: { output_size: [6, 5], kernel_size: 2, stride: [2, 1], padding: [1, 0] } },
    { shape: [2, 8, 6], options: { output_size: [6, 5], kernel_size: 2, stride: 2 } },
    { shape: [12, 4], options: { output_size: 6, kernel_size: 2, stride: 3, dilation: 2 }, free: null },
  ],
}

const cases: Readonly<Record<string, readonly Case[]>> = { ...simple, ...sequences, ...spatial }

const refused: Readonly<Record<string, { readonly layer: object; readonly shape: readonly number[]; readonly reason: RegExp }>> = {
  Bilinear: { layer: { in1_features: 2, in2_features: 3, out_features: 2 }, shape: [4, 2], reason: /input2/ },
  MultiheadAttention: { layer: { embed_dim: 4, num_heads: 2 }, shape: [3, 2, 4], reason: /key/ },
  TransformerDecoderLayer: { layer: encoder, shape: [5, 2, 6], reason: /memory/ },
  CosineSimilarity: { layer: {}, shape: [3, 4], reason: /x2/ },
  PairwiseDistance: { layer: {}, shape: [3, 4], reason: /x2/ },
  TransformerDecoder: { layer: { decoder_layer: { type: 'TransformerDecoderLayer', ...encoder }, num_layers: 1 }, shape: [5, 2, 6], reason: /memory/ },
}

function inputOf({ shape, below }: Case, at: number): Input {
  const input = numbersFor(shape, at)
  return below === undefined ? input : { shape, numbers: input.numbers.map((_, i) => (i * i + at + Math.floor(i / 5)) % below) }
}

/** Random weights in place of the initial ones, which may be zeros and ones; running variances are positive. */
async function stateOf(model: object, dtype: string): Promise<Record<string, unknown>> {
  const { body } = await service.post('/v1/train', {
    model: { modules: { m: (model as { layers: object[] }).layers[0] }, parameters: { unused: { value: 1 } }, forward: 'y_hat = unused' }, loss: 'y_hat', optimizer: { type: 'SGD' }, steps: 0, dtype, report: { tensors: 'flat' },
  })
  const state = body.state as Record<string, { shape: number[]; dtype: string; data: number[] }>
  return Object.fromEntries(
    Object.entries(state).flatMap(([name, tensor], i) => {
      if (!name.startsWith('m.')) return []
      const { numbers } = numbersFor(tensor.shape, 100 * i)
      const data = tensor.dtype === 'int64' ? tensor.data : name.endsWith('_var') ? numbers.map((x) => x * x + 0.5) : numbers
      return [[name.replace('m.', '0.'), { shape: tensor.shape, dtype: tensor.dtype, data }]]
    }),
  )
}

describe('every layer gives in onnxruntime what it gives here', () => {
  it('and all have a form in src/onnx/layers, or a reason, that is tried here', () => {
    expect([...exporters.keys()].toSorted()).toEqual([...layerTypes.keys()].toSorted())
    expect([...Object.keys(cases), ...Object.keys(refused)].toSorted()).toEqual([...layerTypes.keys()].toSorted())
  })

  for (const [type, list] of Object.entries(cases)) {
    for (const [i, one] of list.entries()) {
      for (const dtype of one.double ? (['float32', 'float64'] as const) : (['float32'] as const)) {
        it(`${type} ${i + 1}: [${one.shape.join(', ')}] ${JSON.stringify(one.options ?? {})} ${dtype}`, async () => {
          const model = { layers: [{ type, ...one.options }] }
          const state = await stateOf(model, dtype)
          const extra = { dtype, state }
          const { free = 0 } = one
          const axes = free === null ? [] : [free]
          const file = await exported(service, { model, ...extra, input: { shape: one.shape, ...(one.dtype && { dtype: one.dtype }) }, dynamic_axes: axes })
          const kind = one.dtype ?? dtype
          await expectSame(service, model, file, inputOf(one, 0), kind, extra)
          for (const axis of axes) {
            const shape = one.shape.with(axis, one.shape[axis]! + 3)
            await expectSame(service, model, file, inputOf({ ...one, shape }, 7), kind, extra)
          }
        })
      }
    }
  }
})

describe('what has no form in ONNX', () => {
  for (const [type, { layer, shape, reason }] of Object.entries(refused)) {
    it(type, async () => {
      const { status, body } = await service.post('/v1/export', { model: { layers: [{ type, ...layer }] }, input: { shape } })
      expect([status, body.detail]).toEqual([422, expect.stringMatching(reason)])
    })
  }
})

const linear = { type: 'Linear', in_features: 4, out_features: 4 }

describe('models', () => {
  const model = {
    layers: [
      linear,
      { type: 'Sequential', layers: [{ type: 'ReLU' }, { type: 'Residual', layers: [linear, { type: 'Tanh' }, { type: 'Residual', layers: [linear] }] }] },
      { type: 'Dropout' },
      { type: 'Linear', in_features: 4, out_features: 3 },
      { type: 'Identity' },
    ],
  }

  it('chains and sums of layers, trained, by their state', async () => {
    const data = { x: [[1, 2, 3, 4], [0, -1, 0.5, 2]], y: [[1, 0, 0], [0, 1, 0]] }
    const trained = await service.post('/v1/train', { model, loss: { type: 'MSELoss' }, data, optimizer: { type: 'Adam', lr: 0.05 }, steps: 20, report: { state: 'safetensors' } })
    const { state } = trained.body
    const file = await exported(service, { model, state, data: { x: data.x } })
    for (const rows of [1, 2, 50]) await expectSame(service, model, file, numbersFor([rows, 4]), 'float32', { state })
  })

  it('by the seed alone', async () => {
    const file = await exported(service, { model, seed: 7, input: { shape: [1, 4] } })
    await expectSame(service, model, file, numbersFor([3, 4]), 'float32', { seed: 7 })
  })

  it('a model that does nothing', async () => {
    const file = await exported(service, { model: { layers: [{ type: 'Identity' }] }, input: { shape: [2] } })
    await expectSame(service, { layers: [{ type: 'Identity' }] }, file, numbersFor([4]), 'float32', {})
  })

  it('names of inputs, outputs and parameters', async () => {
    const text = (await exported(service, { model, input: { shape: [1, 4] } })).toString('latin1')
    for (const name of ['x', 'y_hat', 'batch', '0.weight', '1.1.0.bias', '3.weight', '1.1.2.0/Gemm', 'chainrule']) expect(text).toContain(name)
  })

  it('several axes of any size', async () => {
    const layers = { layers: [linear, { type: 'GELU' }, { type: 'LayerNorm', normalized_shape: 4 }] }
    const file = await exported(service, { model: layers, input: { shape: [1, 2, 4] }, dynamic_axes: [0, 1] })
    await expectSame(service, layers, file, numbersFor([3, 5, 4]), 'float32', {})
  })

  it('an axis that is not named has the size that was given', async () => {
    const file = await exported(service, { model, input: { shape: [2, 4] }, dynamic_axes: [] })
    await expectSame(service, model, file, numbersFor([2, 4]), 'float32', {})
    await expect(expectSame(service, model, file, numbersFor([3, 4]), 'float32', {})).rejects.toThrow(/invalid dimensions|Got: 3 Expected: 2/)
  })

  it('where axis 0 cannot be free, it is fixed', async () => {
    const layers = { layers: [{ type: 'Linear', in_features: 4, out_features: 2 }] }
    await expectSame(service, layers, await exported(service, { model: layers, input: { shape: [4] } }), numbersFor([4]), 'float32', {})
  })
})

describe('what is refused', () => {
  const expectRefused = (request: object, pointer: string, message: RegExp): Promise<void> =>
    expectProblem(service, '/v1/export', request, { status: 422, code: 'not_exportable', error: { pointer, code: 'not_exportable', message } })
  const unflatten = { type: 'Unflatten', dim: 0, unflattened_size: [2, 3] }

  it('a program', () =>
    expectProblem(service, '/v1/export', { model: { forward: 'y_hat = x' }, input: { shape: [1] } }, { status: 422, code: 'no_model', error: { pointer: '/model', message: /only a list of layers/ } }))
  it('an axis that a layer fixes', () => expectRefused({ model: { layers: [linear, unflatten] }, input: { shape: [6, 4] }, dynamic_axes: [0] }, '/dynamic_axes', /axis 0 cannot have any size: .*\[2, 3\]/))
  it('an axis that a layer writes into the file', () =>
    expectRefused({ model: { layers: [{ type: 'Tanh' }, { type: 'Flatten', start_dim: 0, end_dim: 1 }] }, input: { shape: [2, 3, 4] }, dynamic_axes: [0, 2] }, '/dynamic_axes/1', /axis 2 cannot have any size: layer 1 depends on it/))
  it('an axis that the input does not have', () => expectRefused({ model: { layers: [linear] }, input: { shape: [1, 4] }, dynamic_axes: [2] }, '/dynamic_axes/0', /the input has 2 axes/))
  it('an LSTM with a projection', () => expectRefused({ model: { layers: [linear, { type: 'LSTM', input_size: 4, hidden_size: 3, proj_size: 2 }] }, input: { shape: [5, 2, 4] } }, '/model/layers/1', /layer 1 \(LSTM\) cannot be exported: .*proj_size/))
  it('an input that does not fit', () =>
    expectProblem(service, '/v1/export', { model: { layers: [linear] }, input: { shape: [1, 5] } }, { status: 422, code: 'shape_mismatch', error: { pointer: '/model/layers/0/in_features', message: /got shape \[1, 5\]/ } }))
  it('a state that does not fit', () =>
    expectProblem(service, '/v1/export', { model: { layers: [linear] }, input: { shape: [1, 4] }, state: { '0.bias': [1] } }, { status: 422, code: 'state_mismatch', error: { pointer: '/state/0.bias' } }))
  it('no input', () => expectProblem(service, '/v1/export', { model: { layers: [linear] } }, { status: 400, code: 'invalid_request', error: { pointer: '/input', message: /the shape of an input, or "data" with an "x"/ } }))
  it('two inputs', () => expectProblem(service, '/v1/export', { model: { layers: [linear] }, input: { shape: [1, 4] }, data: { x: [[1, 2, 3, 4]] } }, { status: 400, code: 'invalid_request', error: { pointer: '/input' } }))
  it('an answer as JSON', async () => {
    const { status, body } = await service.post('/v1/export', { model: { layers: [linear] }, input: { shape: [1, 4] } }, { accept: 'application/json' })
    expect([status, body.code, body.detail]).toEqual([406, 'not_acceptable', 'application/octet-stream can be had, got Accept: application/json'])
  })
})
