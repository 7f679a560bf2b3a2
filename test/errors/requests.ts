/** Requests that are refused for what stands outside of their programs: one or more for each code of the spec. */

export interface RefusedRequest {
  readonly path: string
  readonly request: object | string
}

const notebook = { model: { parameters: { w: { value: 1 } }, forward: 'y_hat = w * x' }, loss: '(y_hat - y)**2', data: { x: 1, y: 2 } }
const linear = { type: 'Linear', in_features: 2, out_features: 1 }
const fit = { model: { layers: [linear] }, loss: { type: 'MSELoss' }, data: { x: [[1, 2], [3, 4]], y: [[1], [2]] }, optimizer: { type: 'SGD' } }
const checkpoint = {
  step: 1, minibatches: 1, minibatches_per_epoch: 1, optimizer: { type: 'SGD', groups: [{ lr: 0.1 }], kept: [{ step: 1 }], state: {} }, losses: [], generator: { words: '', at: 0, next_normal: null },
}

const backward = (change: object): RefusedRequest => ({ path: '/v1/backward', request: { ...notebook, ...change } })
const train = (change: object): RefusedRequest => ({ path: '/v1/train', request: { ...fit, ...change } })

export const requests: readonly RefusedRequest[] = [
  // the form
  { path: '/v1/backward', request: '{"model": ' },
  train({ optimizer: undefined }),
  train({ stepz: 3 }),
  train({ steps: 'ten' }),
  train({ steps: -1 }),
  // names of types
  train({ model: { layers: [{ type: 'Linaer' }] } }),
  train({ loss: { type: 'MSE' } }),
  train({ optimizer: { type: 'SDG' } }),
  train({ scheduler: { type: 'StepLr' } }),
  backward({ model: { parameters: { w: { shape: [2], init: { type: 'kaiming' } } }, forward: 'y_hat = w' } }),
  // the model and its data
  backward({ data: { x: [[1, 2], [3]], y: 2 } }),
  backward({ data: { x: { data: [1, 2, 3], shape: [2, 2] }, y: 2 } }),
  { path: '/v1/forward', request: { model: { parameters: { w: { value: 1 } } } } },
  backward({ model: { layers: [linear], forward: 'y_hat = x' } }),
  backward({ data: { x: 1, y: 2, w: 3 } }),
  backward({ model: { parameters: { w: { shape: [2], init: { type: 'eye' } } }, forward: 'y_hat = w' } }),
  train({ model: { layers: [{ type: 'MultiheadAttention', embed_dim: 5, num_heads: 2 }] } }),
  train({ model: { layers: [linear, linear] } }),
  // losses
  backward({ loss: 'y_hat * torch.ones(2)' }),
  backward({ loss: 'h = y_hat' }),
  backward({ model: { forward: 'y_hat = x * 2' } }),
  { path: '/v1/graph', request: { model: { forward: 'y_hat = x' }, data: { x: 1 } } },
  backward({ retain_grad: ['z'] }),
  // training
  train({ state: { '0.weight': [[1]], '0.bias': [1] } }),
  train({ state: { safetensors: 'AAAA' } }),
  train({ checkpoint }),
  train({ data: { x: [], y: [] } }),
  train({ batch_size: 2, data: { x: [[1, 2], [3, 4]], y: [[1], [2], [3]] } }),
  train({ model: { layers: [{ ...linear, out_features: 3 }] }, loss: { type: 'CrossEntropyLoss' }, data: { x: [[1, 2], [3, 4]], y: [0, 3] } }),
  train({ scheduler: { type: 'SequentialLR', schedulers: [{ type: 'ExponentialLR', gamma: 0.9 }], milestones: [2] } }),
  train({ early_stopping: { patience: 1 } }),
  train({ validation: { data: { x: [[1, 2]], y: [[1, 2, 3]] }, metrics: ['mae'] } }),
  { path: '/v1/export', request: { model: { layers: [linear] }, input: { shape: [1, 2] }, dynamic_axes: [2] } },
  // limits
  { path: '/v1/graph', request: { model: { forward: ['for k in range(10100):', `    y = [${Array<string>(10).fill('x > 0').join(', ')}]`] }, data: { x: 1 }, backward: false } },
  backward({ model: { parameters: { w: { value: 1 } }, forward: `y_hat = w  # ${'-'.repeat(100_000)}` } }),
  backward({ model: { parameters: { w: { value: 1 } }, forward: `y_hat = ${'('.repeat(200)}w${')'.repeat(200)}` } }),
  backward({ model: { parameters: { w: { value: 1 } }, forward: ['a = torch.ones(10000, 9000)', 'b = torch.exp(w * a)', 'y_hat = b @ (b.T @ b)'] }, loss: 'y_hat.sum()' }),
  backward({ model: { parameters: { w: { shape: [100_000, 100_000], init: { type: 'zeros' } } }, forward: 'y_hat = w.sum()' } }),
  train({ steps: 100_000_000 }),
  train({ model: { parameters: { w: { shape: [3000, 1000], init: { type: 'zeros' } } }, forward: 'y_hat = w' }, loss: 'y_hat.sum()', steps: 100 }),
]
