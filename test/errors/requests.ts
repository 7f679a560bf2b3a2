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
const hessian = (change: object): RefusedRequest => ({ path: '/v1/hessian', request: { ...notebook, ...change } })
const init = (type: object, shape: readonly number[] = [2]): RefusedRequest => backward({ model: { parameters: { w: { shape, init: type } }, forward: 'y_hat = w' } })
const search = { type: 'LBFGS' }

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
  backward({ data: { x: { data: [0.5], shape: [1], dtype: 'int64' }, y: 2 } }),
  backward({ data: { x: { base64: '?', shape: [1], dtype: 'float32' }, y: 2 } }),
  backward({ model: { parameters: { w: { shape: [2] } }, forward: 'y_hat = w' } }),
  backward({ model: { layers: [linear] }, data: { y: 2 } }),
  backward({ model: { layers: [{ type: 'Residual', layers: [linear] }] }, data: { x: [[1, 2]], y: 2 } }),
  init({ type: 'uniform', a: 1, b: 0 }),
  init({ type: 'trunc_normal', a: 1, b: 0 }),
  init({ type: 'xavier_uniform' }),
  init({ type: 'orthogonal' }),
  init({ type: 'dirac', groups: 2 }, [3, 2, 1]),
  { path: '/v1/forward', request: { ...notebook, outputs: ['z'] } },
  { path: '/v1/forward', request: { model: { forward: 'z = (1, 2)' }, data: { x: 1 }, outputs: ['z'] } },
  // losses
  backward({ loss: 'y_hat * torch.ones(2)' }),
  backward({ loss: 'h = y_hat' }),
  backward({ model: { forward: 'y_hat = x * 2' } }),
  { path: '/v1/graph', request: { model: { forward: 'y_hat = x' }, data: { x: 1 } } },
  backward({ retain_grad: ['z'] }),
  backward({ model: { parameters: { w: { value: 1 } }, forward: ['k = torch.arange(2)', 'y_hat = w * x'] }, retain_grad: ['k'] }),
  backward({ loss: '3' }),
  train({ model: { parameters: { w: { value: 1 } }, forward: 'z = w * x' } }),
  // second derivatives
  hessian({ vector: { w: 1, v: 2 } }),
  hessian({ vector: {} }),
  hessian({ vector: { w: [1] } }),
  hessian({ model: { parameters: { w: { shape: [10_001], init: { type: 'ones' } } }, forward: 'y_hat = w.sum() * x' } }),
  // training
  train({ state: { '0.weight': [[1]], '0.bias': [1] } }),
  train({ state: { safetensors: 'AAAA' } }),
  train({ state: { safetensors: '?' } }),
  train({ checkpoint }),
  train({ checkpoint: { ...checkpoint, optimizer: { ...checkpoint.optimizer, type: 'Adam' } }, state: { '0.weight': [[1, 2]], '0.bias': [1] } }),
  train({ data: { x: [], y: [] } }),
  train({ batch_size: 2, data: { x: [[1, 2], [3, 4]], y: [[1], [2], [3]] } }),
  train({ model: { layers: [{ ...linear, out_features: 3 }] }, loss: { type: 'CrossEntropyLoss' }, data: { x: [[1, 2], [3, 4]], y: [0, 3] } }),
  train({ scheduler: { type: 'SequentialLR', schedulers: [{ type: 'ExponentialLR', gamma: 0.9 }], milestones: [2] } }),
  train({ batch_size: 2, model: { parameters: { w: { value: 1 } }, forward: 'y_hat = w * x' }, data: { x: 1, y: 2 } }),
  train({ batch_size: 3, drop_last: true }),
  train({ optimizer: { type: 'Muon' } }),
  train({ optimizer: { type: 'SGD', groups: [{ match: 'fc.*' }] } }),
  train({ optimizer: { type: 'SGD', groups: [{ match: '*' }, { match: '0.*' }] } }),
  train({ optimizer: search, clip_grad_norm: 1 }),
  train({ optimizer: search, model: { parameters: { w: { value: [[1, 2]] } }, forward: 'y_hat = F.embedding(torch.tensor([0]), w, max_norm=1.0)' } }),
  train({ optimizer: { type: 'Adagrad' }, scheduler: { type: 'CyclicLR', base_lr: 0.1, max_lr: 1 } }),
  train({ scheduler: { type: 'LambdaLR', lr_lambda: 'epoch > 1' } }),
  train({ early_stopping: { patience: 1 } }),
  train({ validation: { data: { x: [[1, 2]], y: [[1, 2, 3]] }, metrics: ['mae'] } }),
  train({ validation: { data: { z: [[1, 2]] } } }),
  train({ loss: '(y_hat - t).sum()', data: { x: [[1, 2]], t: [[1]] }, validation: { data: { x: [[1, 2]], t: [[1]] }, metrics: ['mae'] } }),
  { path: '/v1/export', request: { model: { parameters: { w: { value: 1 } }, forward: 'y_hat = w' }, input: { shape: [1, 2] } } },
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
