/** Layers whose options or inputs cannot be: what is said of it, and where. Numbers are in test/golden/layers-training.json. */
import { describe, expect, it } from 'vitest'
import { expectProblem as refused, useService } from '../service.ts'

const service = useService({ WORKERS: '1' })

/** A layer on rows of four numbers, unless another shape is named. */
function applied(layer: object, shape: readonly number[] = [6, 4]): object {
  const count = shape.reduce((a, b) => a * b, 1)
  return { model: { layers: [layer] }, loss: 'y_hat.sum()', data: { x: { data: Array.from({ length: count }, (_, i) => (i % 7) - 3), shape } } }
}

/** A module `m` in a program. */
function called(layer: object, program: string): object {
  return { model: { modules: { m: layer }, forward: [`y_hat = ${program}`] }, loss: 'y_hat.sum()', data: { x: { data: [1, 2, 3, 4, 5, 6], shape: [2, 3] } } }
}

type Row = readonly [what: string, layer: object, option: string, code: string, message: RegExp]

describe('options', () => {
  const table: readonly Row[] = [
    ['of another name', { type: 'BatchNorm1d', num_features: 4, unbiased: true }, 'unbiased', 'unknown_field', /there is no field "unbiased"/],
    ['nearly right', { type: 'LayerNorm', normalized_shape: 4, element_wise_affine: true }, 'element_wise_affine', 'unknown_field', /did you mean "elementwise_affine"/],
    ['a size of 0', { type: 'GroupNorm', num_groups: 0, num_channels: 4 }, 'num_groups', 'invalid_value', />0, got 0/],
    ['a negative size', { type: 'Embedding', num_embeddings: -3, embedding_dim: 2 }, 'num_embeddings', 'invalid_value', />0, got -3/],
    ['a probability above 1', { type: 'Dropout', p: 1.5 }, 'p', 'invalid_value', /<=1, got 1.5/],
    ['no shape', { type: 'LayerNorm', normalized_shape: [] }, 'normalized_shape', 'invalid_value', /./],
    ['no layers', { type: 'GRU', input_size: 4, hidden_size: 3, num_layers: 0 }, 'num_layers', 'invalid_value', />0, got 0/],
    ['a nonlinearity that RNN does not have', { type: 'RNN', input_size: 4, hidden_size: 3, nonlinearity: 'sigmoid' }, 'nonlinearity', 'invalid_value', /one of "tanh", "relu" expected, got "sigmoid"/],
    ['an option of RNN alone', { type: 'GRU', input_size: 4, hidden_size: 3, nonlinearity: 'tanh' }, 'nonlinearity', 'unknown_field', /there is no field "nonlinearity"/],
    ['a kernel of 0', { type: 'Conv1d', in_channels: 4, out_channels: 2, kernel_size: 0 }, 'kernel_size', 'invalid_value', />=1, got 0/],
    ['a negative padding', { type: 'Conv1d', in_channels: 4, out_channels: 2, kernel_size: 1, padding: -1 }, 'padding', 'invalid_value', />=0, got -1/],
    ['a negative size in a list', { type: 'MaxPool2d', kernel_size: [2, -3] }, 'kernel_size/1', 'invalid_value', />=1, got -3/],
    ['too many sizes', { type: 'AvgPool2d', kernel_size: [1, 2, 3] }, 'kernel_size', 'invalid_value', /2 items, got/],
    ['a padding of another word', { type: 'Conv2d', in_channels: 4, out_channels: 2, kernel_size: 1, padding: 'full' }, 'padding', 'invalid_type', /one of the documented forms expected, got "full"/],
    ['a divisor of 0', { type: 'AvgPool2d', kernel_size: 2, divisor_override: 0 }, 'divisor_override', 'invalid_value', /must not be 0/],
    ['a divisor of one dimension', { type: 'AvgPool1d', kernel_size: 2, divisor_override: 3 }, 'divisor_override', 'unknown_field', /there is no field/],
    ['padding of a transposed convolution', { type: 'ConvTranspose1d', in_channels: 4, out_channels: 2, kernel_size: 1, padding_mode: 'reflect' }, 'padding_mode', 'invalid_value', /one of "zeros" expected/],
    ['an output size of 0', { type: 'AdaptiveAvgPool2d', output_size: [0, 2] }, 'output_size/0', 'invalid_value', />0, got 0/],
    ['a pad of three numbers', { type: 'ZeroPad2d', padding: [1, 2, 3] }, 'padding', 'invalid_value', /4 items/],
    ['no heads', { type: 'MultiheadAttention', embed_dim: 4, num_heads: 0 }, 'num_heads', 'invalid_value', />0, got 0/],
    ['an activation that a transformer does not have', { type: 'TransformerDecoderLayer', d_model: 4, nhead: 2, activation: 'tanh' }, 'activation', 'invalid_value', /one of "relu", "gelu" expected/],
    ['an unknown option in a layer of a stack', { type: 'TransformerEncoder', num_layers: 1, encoder_layer: { type: 'TransformerEncoderLayer', d_model: 4, nhead: 2, dim_feed_forward: 3 } }, 'encoder_layer/dim_feed_forward', 'unknown_field', /did you mean "dim_feedforward"/],
    ['another layer in a stack', { type: 'TransformerEncoder', num_layers: 1, encoder_layer: { type: 'Linear', d_model: 4, nhead: 2 } }, 'encoder_layer/type', 'invalid_value', /one of "TransformerEncoderLayer" expected, got "Linear"/],
    ['an unknown mode', { type: 'EmbeddingBag', num_embeddings: 3, embedding_dim: 2, mode: 'median' }, 'mode', 'invalid_value', /one of "sum", "mean", "max" expected, got "median"/],
  ]
  it.each(table)('%s: %j', (_what, layer, option, code, message) => refused(service, '/v1/backward', applied(layer), { status: 400, code: 'invalid_request', error: { pointer: `/model/layers/0/${option}`, code, message } }))

  const together: Row[] = [
    ['groups that do not divide the channels', { type: 'GroupNorm', num_groups: 3, num_channels: 4 }, 'num_groups', 'bad_option', /num_channels must be divisible by num_groups, got 4 and 3/],
    ['a padding row outside of the table', { type: 'Embedding', num_embeddings: 3, embedding_dim: 2, padding_idx: 3 }, 'padding_idx', 'bad_option', /from -3 to 2, got 3/],
    ['a padding row before the table', { type: 'EmbeddingBag', num_embeddings: 3, embedding_dim: 2, padding_idx: -4 }, 'padding_idx', 'bad_option', /got -4/],
    ['frequencies and largest elements', { type: 'EmbeddingBag', num_embeddings: 3, embedding_dim: 2, mode: 'max', scale_grad_by_freq: true }, 'scale_grad_by_freq', 'bad_option', /does not take scale_grad_by_freq/],
    ['limits in the wrong order', { type: 'Hardtanh', min_val: 1, max_val: 0 }, 'min_val', 'bad_option', /min_val must be below max_val, got 1 and 0/],
    ['slopes in the wrong order', { type: 'RReLU', lower: 1, upper: 0.5 }, 'lower', 'bad_option', /got 1 and 0.5/],
  ]
  const recurrent = { type: 'LSTM', input_size: 4, hidden_size: 3 }
  const conv = { type: 'Conv2d', in_channels: 4, out_channels: 6, kernel_size: 3 }
  const transposed = { ...conv, type: 'ConvTranspose2d' }
  together.push(
    ['groups that do not divide the channels', { ...conv, groups: 3 }, 'groups', 'bad_option', /Conv2d: in_channels must be divisible by groups, got 4 and 3/],
    ['groups that do not divide what comes out', { ...conv, out_channels: 5, groups: 2 }, 'groups', 'bad_option', /out_channels must be divisible by groups, got 5 and 2/],
    ['same padding with a stride', { ...conv, padding: 'same', stride: [1, 2] }, 'padding', 'bad_option', /not supported for strided convolutions, got stride \[1, 2\]/],
    ['groups of a transposed convolution', { ...transposed, groups: 4 }, 'groups', 'bad_option', /ConvTranspose2d: out_channels must be divisible by groups, got 6 and 4/],
    ['too much output_padding', { ...transposed, stride: 2, output_padding: [1, 2] }, 'output_padding', 'bad_option', /smaller than either stride or dilation, got 2 with stride 2 and dilation 1/],
    ['padding wider than half of a window', { type: 'MaxPool2d', kernel_size: [4, 2], padding: 2 }, 'padding', 'bad_option', /at most half of the kernel size, got 2 and 2/],
    ['padding of means', { type: 'AvgPool1d', kernel_size: 3, padding: 2 }, 'padding', 'bad_option', /got 2 and 3/],
    ['neither size nor factor', { type: 'Upsample' }, 'size', 'bad_option', /either size or scale_factor/],
    ['size and factor', { type: 'UpsamplingNearest2d', size: 4, scale_factor: 2 }, 'size', 'bad_option', /either size or scale_factor/],
    ['corners of nearest pixels', { type: 'Upsample', size: 4, align_corners: true }, 'align_corners', 'bad_option', /not with mode 'nearest'/],
    ['a factor of a size', { type: 'Upsample', size: 4, recompute_scale_factor: true }, 'recompute_scale_factor', 'bad_option', /of no meaning with a size/],
  )
  const block = { type: 'TransformerEncoderLayer', d_model: 4, nhead: 3 }
  together.push(
    ['heads that do not divide the width', { type: 'MultiheadAttention', embed_dim: 4, num_heads: 3 }, 'num_heads', 'bad_option', /embed_dim must be divisible by num_heads, got 4 and 3/],
    ['heads of an encoder layer', block, 'nhead', 'bad_option', /TransformerEncoderLayer: d_model must be divisible by nhead, got 4 and 3/],
    ['heads of a layer of a stack', { type: 'TransformerEncoder', encoder_layer: block, num_layers: 2 }, 'encoder_layer/nhead', 'bad_option', /d_model must be divisible by nhead/],
    ['heads of a decoder', { type: 'TransformerDecoder', decoder_layer: { ...block, type: 'TransformerDecoderLayer' }, num_layers: 2 }, 'decoder_layer/nhead', 'bad_option', /TransformerDecoderLayer: d_model must be divisible/],
    ['a norm of another width', { type: 'TransformerEncoder', encoder_layer: { ...block, nhead: 2 }, num_layers: 2, norm: { type: 'LayerNorm', normalized_shape: 5 } }, 'norm/normalized_shape', 'bad_option', /the width of the layers, d_model = 4, got 5/],
    ['a projection that is not smaller', { ...recurrent, proj_size: 3 }, 'proj_size', 'bad_option', /proj_size must be smaller than hidden_size, got 3 and 3/],
  )
  it.each(together)('%s: %j', (_what, layer, option, code, message) => refused(service, '/v1/backward', applied(layer), { status: 422, code, error: { pointer: `/model/layers/0/${option}`, code, message } }))
})

describe('inputs', () => {
  const table: readonly (readonly [layer: object, shape: readonly number[], option: string, message: RegExp])[] = [
    [{ type: 'Linear', in_features: 3, out_features: 2 }, [6, 4], '/in_features', /last dimension is in_features = 3, got shape \[6, 4\]/],
    [{ type: 'BatchNorm1d', num_features: 3 }, [6, 4], '/num_features', /num_features = 3 channels \(dimension 1\), got shape \[6, 4\]/],
    [{ type: 'BatchNorm2d', num_features: 4 }, [6, 4], '/type', /BatchNorm2d expected an input of 4 dimensions, got shape \[6, 4\]/],
    [{ type: 'BatchNorm1d', num_features: 4 }, [1, 4], '', /more than 1 value per channel expected when training, got an input of shape \[1, 4\]/],
    [{ type: 'InstanceNorm1d', num_features: 4 }, [4, 1], '', /more than 1 spatial element expected/],
    [{ type: 'InstanceNorm2d', num_features: 3 }, [4, 2, 2], '/num_features', /channels \(dimension 0\), got shape \[4, 2, 2\]/],
    [{ type: 'LayerNorm', normalized_shape: [6, 3] }, [6, 4], '/normalized_shape', /last dimensions are normalized_shape = \[6, 3\], got shape \[6, 4\]/],
    [{ type: 'RMSNorm', normalized_shape: 3 }, [6, 4], '/normalized_shape', /RMSNorm expected/],
    [{ type: 'GroupNorm', num_groups: 2, num_channels: 2 }, [6, 4], '/num_channels', /num_channels = 2 channels \(dimension 1\), got shape \[6, 4\]/],
    [{ type: 'LocalResponseNorm', size: 2 }, [6, 4], '', /at least 3 dimensions, got shape \[6, 4\]/],
    [{ type: 'PReLU', num_parameters: 3 }, [6, 4], '/num_parameters', /num_parameters = 3 channels \(dimension 1\), got shape \[6, 4\]/],
    [{ type: 'Unflatten', dim: 1, unflattened_size: [3, -1] }, [6, 4], '', /shape \[3, -1\] is invalid for a tensor of 4 elements/],
    [{ type: 'Dropout1d' }, [6], '', /Dropout1d: an input of 2 or 3 dimensions expected, got shape \[6\]/],
    [{ type: 'Softmax2d' }, [6, 4], '', /Softmax2d takes \(N, C, H, W\) or \(C, H, W\), got shape \[6, 4\]/],
    [{ type: 'Residual', layers: [{ type: 'Linear', in_features: 4, out_features: 2 }] }, [6, 4], '', /Residual adds what its layers give to what they got, so both must have one shape; got \[6, 2\] and \[6, 4\]/],
    [{ type: 'LSTM', input_size: 3, hidden_size: 2 }, [6, 4], '/input_size', /LSTM expected an input whose last dimension is input_size = 3, got shape \[6, 4\]/],
    [{ type: 'RNN', input_size: 4, hidden_size: 2 }, [4], '', /RNN expected an input of 3 dimensions \(L, N, input_size\), or of 2 \(L, input_size\), got shape \[4\]/],
    [{ type: 'GRU', input_size: 4, hidden_size: 2 }, [0, 2, 4], '', /a sequence of at least one step, got shape \[0, 2, 4\]/],
    [{ type: 'LSTMCell', input_size: 4, hidden_size: 2 }, [2, 3, 4], '', /LSTMCell expected an input of 2 dimensions \(N, input_size\), or of 1/],
    [{ type: 'GRUCell', input_size: 3, hidden_size: 2 }, [2, 4], '/input_size', /input_size = 3/],
    [{ type: 'Conv2d', in_channels: 3, out_channels: 2, kernel_size: 2 }, [2, 4, 5, 5], '/in_channels', /Conv2d expected an input with in_channels = 3 channels \(dimension 1\), got shape \[2, 4, 5, 5\]/],
    [{ type: 'Conv2d', in_channels: 3, out_channels: 2, kernel_size: 2 }, [4, 5, 5], '/in_channels', /\(dimension 0\), got shape \[4, 5, 5\]/],
    [{ type: 'ConvTranspose1d', in_channels: 3, out_channels: 2, kernel_size: 2 }, [6, 4], '/in_channels', /in_channels = 3/],
    [{ type: 'Conv1d', in_channels: 3, out_channels: 2, kernel_size: 2 }, [6], '', /Conv1d expected an input of 3 dimensions \(N, C and 1 spatial\), or 2 without the batch, got shape \[6\]/],
    [{ type: 'Conv1d', in_channels: 3, out_channels: 2, kernel_size: 9 }, [2, 3, 4], '', /reaches over \[9\] elements/],
    [{ type: 'MaxPool2d', kernel_size: 2 }, [6, 4], '', /MaxPool2d\(\): an input of 4 dimensions/],
    [{ type: 'UpsamplingBilinear2d', size: 2 }, [6, 4, 3], '', /UpsamplingBilinear2d takes \(N, C, H, W\), got shape \[6, 4, 3\]/],
    [{ type: 'PixelShuffle', upscale_factor: 2 }, [2, 6, 3, 3], '', /does not divide the 6 channels/],
    [{ type: 'ReflectionPad2d', padding: 1 }, [6, 4], '', /ReflectionPad2d expected an input of 4 dimensions, or 3 without the batch, got shape \[6, 4\]/],
    [{ type: 'TransformerEncoderLayer', d_model: 6, nhead: 2 }, [2, 3, 4], '/d_model', /TransformerEncoderLayer expected src to have the width d_model = 6, got shape \[2, 3, 4\]/],
    [{ type: 'TransformerEncoderLayer', d_model: 4, nhead: 2 }, [4], '', /expected src of 3 dimensions \(L, N, d_model\), or of 2 \(L, d_model\), got shape \[4\]/],
    [{ type: 'TransformerEncoder', num_layers: 1, encoder_layer: { type: 'TransformerEncoderLayer', d_model: 6, nhead: 2 } }, [2, 3, 4], '/encoder_layer/d_model', /width d_model = 6/],
  ]
  it.each(table)('%j of shape %j', (layer, shape, option, message) =>
    refused(service, '/v1/backward', { ...applied(layer, shape), training: true }, { status: 422, code: 'shape_mismatch', error: { pointer: `/model/layers/0${option}`, code: 'shape_mismatch', message } }))

  it('a row that the table does not have', () =>
    refused(service, '/v1/forward', applied({ type: 'Embedding', num_embeddings: 3, embedding_dim: 2 }), { status: 422, code: 'index_out_of_range', error: { code: 'index_out_of_range', message: /index -3 is out of range: whole numbers from 0 to 2 expected/ } }))

  it('a layer of two tensors in a list', () =>
    refused(service, '/v1/backward', applied({ type: 'Bilinear', in1_features: 4, in2_features: 4, out_features: 2 }), { status: 422, code: 'bad_argument', error: { pointer: '/model/layers/0', code: 'bad_argument', message: /Bilinear\(\): the argument "input2" \(Tensor\) is missing/ } }))
})

describe('calls in a program', () => {
  const linear = { type: 'Linear', in_features: 3, out_features: 2 }
  const attention = { type: 'MultiheadAttention', embed_dim: 3, num_heads: 3 }
  const table: readonly (readonly [layer: object, program: string, code: string, message: RegExp])[] = [
    [linear, 'm(x, x)', 'bad_argument', /m\(\) takes 1 arguments, got 2; the signature is m\(input: Tensor\)/],
    [linear, 'm()', 'bad_argument', /the argument "input" \(Tensor\) is missing/],
    [linear, 'm(3)', 'bad_argument', /m\(\): input: a tensor expected, got int 3/],
    [linear, 'm(inputs=x)', 'bad_argument', /m\(\)/],
    [{ type: 'Sequential', layers: [linear] }, 'm(x, x)', 'bad_argument', /m\(\) takes 1 arguments, got 2/],
    [linear, 'm.wieght.sum() + x', 'unknown_attribute', /m has no "wieght"; did you mean "weight"/],
    [{ type: 'Bilinear', in1_features: 3, in2_features: 2, out_features: 2 }, 'm(x, x)', 'shape_mismatch', /last dimension is in2_features = 2, got shape \[2, 3\]/],
    [{ type: 'EmbeddingBag', num_embeddings: 9, embedding_dim: 2 }, 'm(x[0])', 'shape_mismatch', /a vector takes offsets of 1 dimension, got None/],
    [{ type: 'RNN', input_size: 3, hidden_size: 2 }, 'm(x, x)[0]', 'shape_mismatch', /RNN expected h_0 of shape \[1, 2\], got \[2, 3\]/],
    [{ type: 'RNN', input_size: 3, hidden_size: 2 }, 'm(x, (x, x))[0]', 'bad_argument', /m\(\): hx: a tensor expected, got tuple of 2/],
    [{ type: 'LSTM', input_size: 3, hidden_size: 2 }, 'm(x, x)[0]', 'bad_argument', /hx: a tuple or list of tensors expected, got float32 tensor/],
    [{ type: 'LSTM', input_size: 3, hidden_size: 2 }, 'm(x, (x,))[0]', 'bad_argument', /hx: a tuple \(h_0, c_0\) expected, got tuple of 1/],
    [{ type: 'LSTM', input_size: 3, hidden_size: 2, batch_first: true }, 'm(x[None], (torch.zeros(1, 1, 2), torch.zeros(1, 2)))[0]', 'shape_mismatch', /LSTM expected c_0 of shape \[1, 1, 2\], got \[1, 2\]/],
    [{ type: 'GRU', input_size: 3, hidden_size: 2 }, 'm(x, torch.zeros(1, 2, dtype=torch.float64))[0]', 'dtype_mismatch', /input and h_0 must have one dtype, got float32 and float64/],
    [{ type: 'LSTMCell', input_size: 3, hidden_size: 2 }, 'm(x, (torch.zeros(2, 3), torch.zeros(2, 2)))[0]', 'shape_mismatch', /LSTMCell expected h of shape \[2, 2\], got \[2, 3\]/],
    [{ type: 'GRUCell', input_size: 3, hidden_size: 2 }, 'm(x, torch.zeros(2, 2).double())', 'dtype_mismatch', /input and h must have one dtype/],
    [{ type: 'ConvTranspose1d', in_channels: 2, out_channels: 2, kernel_size: 2, stride: 2 }, 'm(x, 8)', 'bad_argument', /output_size from \[6\] to \[7\] expected for an input of shape \[2, 3\], got \[8\]/],
    [{ type: 'ConvTranspose1d', in_channels: 2, out_channels: 2, kernel_size: 2, stride: 2 }, 'm(x, (2, 2, 8))', 'bad_argument', /output_size of 1 or 2 numbers expected, got 3/],
    [{ type: 'CosineSimilarity' }, 'm(x)', 'bad_argument', /the argument "x2" \(Tensor\) is missing/],
    [attention, 'm(x, x)[0]', 'bad_argument', /the argument "value" \(Tensor\) is missing/],
    [attention, 'm(x, x, x[None])[0]', 'shape_mismatch', /query, key and value of 3 dimensions each, or of 2 without the batch, got shapes \[2, 3\], \[2, 3\], \[1, 2, 3\]/],
    [attention, 'm(x, x.T, x.T)[0]', 'shape_mismatch', /expected a key of width 3, got shape \[3, 2\]/],
    [{ ...attention, kdim: 2 }, 'm(x, x, x)[0]', 'shape_mismatch', /expected a key of width 2, got shape \[2, 3\]/],
    [attention, 'm(x, x, x[:1])[0]', 'shape_mismatch', /key and value must have one length/],
    [attention, 'm(x[None], x[:, None], x[:, None])[0]', 'shape_mismatch', /all one batch, got shapes \[1, 2, 3\], \[2, 1, 3\], \[2, 1, 3\]/],
    [attention, 'm(x, x, x, attn_mask=torch.ones(3, 3))[0]', 'shape_mismatch', /attn_mask of shape \[2, 2\] or \[3, 2, 2\] expected, got \[3, 3\]/],
    [attention, 'm(x, x, x, torch.ones(3))[0]', 'shape_mismatch', /key_padding_mask of shape \[2\] expected, got \[3\]/],
    [attention, 'm(x, x, x, torch.ones(2).long())[0]', 'dtype_mismatch', /key_padding_mask: bool or floating point expected, got int64/],
    [attention, 'm(x, x, x, is_causal=True)[0]', 'bad_argument', /give the mask too/],
    [{ type: 'TransformerEncoderLayer', d_model: 3, nhead: 1 }, 'm(x, is_causal=True)', 'bad_argument', /is_causal says of a mask that it is causal/],
    [{ type: 'TransformerDecoderLayer', d_model: 3, nhead: 1 }, 'm(x)', 'bad_argument', /the argument "memory" \(Tensor\) is missing/],
    [{ type: 'TransformerDecoderLayer', d_model: 3, nhead: 1 }, 'm(x, x[None])', 'shape_mismatch', /expected tgt and memory of 3 dimensions/],
    [{ type: 'TransformerDecoderLayer', d_model: 3, nhead: 1 }, 'm(x[None], x[:, None])', 'shape_mismatch', /all must have one batch/],
    [{ type: 'TransformerDecoderLayer', d_model: 3, nhead: 1 }, 'm(x, x, tgt_is_causal=True)', 'bad_argument', /tgt_is_causal says of a mask/],
  ]
  it.each(table)('%j: %s', (layer, program, code, message) => refused(service, '/v1/backward', called(layer, program), { status: 422, code, error: { line: 1, code, message } }))
})

describe('max_norm', () => {
  const weight = [[0.9, -1.2, 0.3], [0.1, 0.2, -0.1], [2, 0.5, -1]]
  const run = (model: object, more: object = {}): object => ({
    model, loss: '(y_hat ** 2).sum() + y_hat.sum()', data: { x: { data: [2, 0, 2, 1, 0, 0], shape: [3, 2], dtype: 'int64' } }, dtype: 'float64', steps: 4, optimizer: { type: 'SGD', lr: 0.05, momentum: 0.9 }, ...more,
  })
  const program = (forward: string): object => ({ parameters: { w: { value: weight }, u: { value: 1 } }, forward })

  it('changes a parameter of a program as it changes the table of a layer', async () => {
    const layer = await service.post('/v1/train', run({ layers: [{ type: 'Embedding', num_embeddings: 3, embedding_dim: 3, max_norm: 0.8 }] }, { state: { '0.weight': weight } }))
    const own = await service.post('/v1/train', run(program('y_hat = F.embedding(x, w, max_norm=0.8)')))
    expect(own.body.state.w).toEqual(layer.body.state['0.weight'])
    expect(own.body.steps.map((step: { loss: number }) => step.loss)).toEqual(layer.body.steps.map((step: { loss: number }) => step.loss))
  })

  it('changes what no gradient reaches', async () => {
    const { body } = await service.post('/v1/train', run(program('y_hat = u * F.embedding(x, w.detach(), max_norm=0.8)'), { steps: 1 }))
    expect(body.state.w.map((row: number[]) => Math.hypot(...row))).toEqual([expect.closeTo(0.8, 6), expect.closeTo(Math.hypot(0.1, 0.2, 0.1), 12), expect.closeTo(0.8, 6)])
  })

  it('is not for LBFGS', async () => {
    const { status, body } = await service.post('/v1/train', run(program('y_hat = u * F.embedding(x, w, max_norm=0.8)'), { optimizer: { type: 'LBFGS' } }))
    expect([status, body.errors[0].code, body.errors[0].message]).toEqual([422, 'bad_option', expect.stringContaining('max_norm would change "w" at each of them')])
  })
})
