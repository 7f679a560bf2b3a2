/** grad_fn of the results of calls is called as PyTorch calls it. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { TensorJson } from '../../engine/index.ts'
import { ProgramCache, callGraph, defaultCompileOptions, defaultLimits } from '../../engine/index.ts'

const { inputs, grad_fn: cases } = JSON.parse(readFileSync(new URL('../golden/grad_fn.json', import.meta.url), 'utf8')) as {
  inputs: { parameters: Record<string, { value: TensorJson }>; data: Record<string, TensorJson> }
  grad_fn: Record<string, string | null>
}
const engine = { cache: new ProgramCache(), limits: defaultLimits, compile: defaultCompileOptions }

describe('grad_fn', () => {
  it.each(Object.entries(cases))('%s', (text, name) => {
    const spec = { model: { parameters: inputs.parameters, forward: `out = ${text}` }, data: inputs.data, seed: 0, dtype: 'float64' as const }
    const { nodes } = callGraph(spec, false, engine)
    // A call that gives back a parameter, as +a does, is no node.
    const out = nodes.find((node) => node.variable === 'out')
    expect(out ? out.gradFn : 'AccumulateGrad').toBe(name)
  })

  const last = (model: object): (string | null)[] => {
    const spec = { model, loss: 'y_hat.sum()', data: { x: { data: [1, 2, 3, 4, 5, 6], shape: [2, 3] }, v: [1, 2, 3] }, seed: 0, dtype: 'float64' as const }
    return callGraph(spec as never, true, engine).nodes.filter((node) => node.module !== undefined).map((node) => node.gradFn)
  }

  it('of layers', () => {
    const linear = (options: object): object => ({ type: 'Linear', in_features: 3, out_features: 2, bias: true, ...options })
    expect(last({ layers: [linear({}), { type: 'Identity' }, { type: 'Flatten', start_dim: 1, end_dim: -1 }, { type: 'Flatten', start_dim: 0, end_dim: -1 }] })).toEqual(['AddmmBackward0', 'AddmmBackward0', 'AddmmBackward0', 'ReshapeAliasBackward0'])
    expect(last({ modules: { fc: linear({ bias: false }) }, forward: ['y_hat = fc(x)'] })).toEqual(['MmBackward0'])
    expect(last({ modules: { fc: linear({}) }, forward: ['y_hat = fc(x[None])'] })).toEqual(['ViewBackward0'])
    expect(last({ modules: { fc: linear({}) }, forward: ['y_hat = fc(v)'] })).toEqual(['AddBackward0'])
    const bilinear = { type: 'Bilinear', in1_features: 3, in2_features: 3, out_features: 2, bias: true }
    expect(last({ modules: { both: bilinear }, forward: ['y_hat = both(x, x)'] })).toEqual(['AddBackward0'])
    expect(last({ modules: { both: { ...bilinear, bias: false } }, forward: ['y_hat = both(x[None], x[None])'] })).toEqual(['ReshapeAliasBackward0'])
    expect(last({ modules: { both: { ...bilinear, bias: false } }, forward: ['y_hat = both(x, x)'] })).toEqual(['ViewBackward0'])
    const norm = { num_features: 3, eps: 1e-5, momentum: 0.1, affine: true, track_running_stats: true }
    expect(last({ layers: [linear({ out_features: 3 }), { type: 'BatchNorm1d', ...norm }, { type: 'Dropout', p: 0.5 }, { type: 'Dropout', p: 0 }] })).toEqual(['AddmmBackward0', 'NativeBatchNormBackward0', 'MulBackward0', 'MulBackward0'])
    expect(last({ modules: { norm: { type: 'InstanceNorm1d', ...norm } }, forward: ['y_hat = norm(x.T)', 'z = norm(x.T[None])', 'y_hat = y_hat + z[0]'] })).toEqual(['SqueezeBackward1', 'ViewBackward0'])
  })

  it('of recurrent layers', () => {
    const of = (type: string, options: object, input: string): (string | null)[] => {
      const module = { type, input_size: 3, hidden_size: 2, num_layers: 1, nonlinearity: 'tanh', bias: true, batch_first: false, dropout: 0, bidirectional: false, proj_size: 0, ...options }
      const parts = type.startsWith('LSTM') ? (type === 'LSTM' ? 'a, (b, c)' : 'a, c') : type.endsWith('Cell') ? 'a' : 'a, b'
      const rest = parts.replaceAll(/[(), ]+/g, ' ').trim().split(' ').map((name) => `y_hat = y_hat + ${name}.sum()`)
      return last({ modules: { rnn: module }, forward: [`${parts} = rnn(${input})`, 'y_hat = x.sum()', ...rest] })
    }
    expect(of('RNN', {}, 'x[None]')).toEqual(['StackBackward0', 'StackBackward0'])
    expect(of('GRU', { batch_first: true }, 'x[None]')).toEqual(['TransposeBackward1', 'StackBackward0'])
    expect(of('LSTM', { batch_first: true }, 'x[None]')).toEqual(['TransposeBackward0', 'StackBackward0', 'StackBackward0'])
    expect(of('LSTM', { bidirectional: true }, 'x[None]')).toEqual(['CatBackward0', 'StackBackward0', 'StackBackward0'])
    expect(of('RNN', {}, 'x')).toEqual(['SqueezeBackward1', 'SqueezeBackward1'])
    expect(of('LSTMCell', {}, 'x')).toEqual(['MulBackward0', 'AddBackward0'])
    expect(of('RNNCell', { nonlinearity: 'relu' }, 'x')).toEqual(['ReluBackward0'])
    expect(of('GRUCell', {}, 'x[0]')).toEqual(['SqueezeBackward1'])
  })

  it('of attention', () => {
    const options = { embed_dim: 3, num_heads: 1, dropout: 0, bias: true, add_bias_kv: false, add_zero_attn: false, kdim: null, vdim: null, batch_first: false }
    const of = (more: object, args: string): (string | null)[] => last({ modules: { attn: { type: 'MultiheadAttention', ...options, ...more } }, forward: [`y, w = attn(${args})`, 'y_hat = y.sum() + w.sum()'] })
    expect(of({}, 'x[None], x[None], x[None]')).toEqual(['ViewBackward0', 'DivBackward0'])
    expect(of({ batch_first: true }, 'x[None], x[None], x[None], average_attn_weights=False')).toEqual(['TransposeBackward0', 'ViewBackward0'])
    expect(of({}, 'x, x, x')).toEqual(['SqueezeBackward1', 'SqueezeBackward1'])
    const block = { d_model: 3, nhead: 1, dim_feedforward: 4, dropout: 0, activation: 'relu', layer_norm_eps: 1e-5, batch_first: false, norm_first: false, bias: true }
    expect(last({ layers: [{ type: 'TransformerEncoderLayer', ...block }, { type: 'TransformerEncoderLayer', ...block, norm_first: true }] })).toEqual(['NativeLayerNormBackward0', 'AddBackward0'])
    expect(last({ layers: [{ type: 'TransformerEncoder', encoder_layer: { ...block, norm_first: true }, num_layers: 2, norm: null }] })).toEqual(['AddBackward0'])
  })

  it('of convolutions and pools', () => {
    const conv = { type: 'Conv1d', in_channels: 2, out_channels: 3, kernel_size: 1, stride: 1, padding: 0, dilation: 1, groups: 1, bias: true, padding_mode: 'zeros' }
    expect(last({ layers: [conv, { type: 'AdaptiveAvgPool1d', output_size: 1 }] })).toEqual(['SqueezeBackward1', 'SqueezeBackward1'])
    expect(last({ modules: { conv, pool: { type: 'AdaptiveAvgPool2d', output_size: 1 }, pad: { type: 'ReflectionPad1d', padding: 1 } }, forward: ['y_hat = pool(pad(conv(x[None])))'] })).toEqual(['ConvolutionBackward0', 'ReflectionPad1DBackward0', 'MeanBackward1'])
    expect(last({ modules: { conv: { ...conv, padding_mode: 'reflect', padding: 1 }, pool: { type: 'AdaptiveAvgPool2d', output_size: [1, 2] } }, forward: ['y_hat = pool(conv(x[None]))'] })).toEqual(['ConvolutionBackward0', 'AdaptiveAvgPool2DBackward0'])
  })

  it('of loss classes', () => {
    const made = (type: string, options: object = {}, y: object = { data: [0.5, 0.25, 0.25, 0.3, 0.3, 0.4], shape: [2, 3] }): string | null => {
      const spec = { model: { parameters: { w: { value: 1 } }, forward: 'y_hat = w * x' }, loss: { type, ...options }, data: { x: { data: [1, 2, 3, 4, 5, 6], shape: [2, 3] }, y }, seed: 0, dtype: 'float64' as const }
      const { nodes, loss } = callGraph(spec as never, true, engine)
      return nodes[loss!]!.gradFn
    }
    const options = { weight: null, ignore_index: -100, reduction: 'mean', label_smoothing: 0 }
    const labels = { data: [1, 0], dtype: 'int64' }
    expect(made('L1Loss', { reduction: 'mean' })).toBe('MeanBackward0')
    expect(made('KLDivLoss', { reduction: 'batchmean', log_target: false })).toBe('DivBackward0')
    expect(made('CrossEntropyLoss', options, labels)).toBe('NllLossBackward0')
    expect(made('CrossEntropyLoss', options)).toBe('DivBackward1')
    expect(made('CrossEntropyLoss', { ...options, label_smoothing: 0.1 }, labels)).toBe('AddBackward0')
  })
})
