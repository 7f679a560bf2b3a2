/** POST /v1/validate: what it says is what a run has, and what it refuses a run refuses, with the same words. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { validateResponse } from '../../src/responses.ts'
import { expectProblem, notebook, useService } from '../service.ts'

const service = useService({ WORKERS: '1', MAX_MEMORY_BYTES: String(64 * 2 ** 20), MAX_STEPS: '100000' })

interface Preview {
  readonly operation: string
  readonly variables: readonly Record<string, unknown>[]
  readonly layers: readonly Record<string, unknown>[]
  readonly parameters: readonly Record<string, unknown>[]
  readonly flops: Record<string, number>
  readonly bytes: Record<string, number>
  readonly run?: Record<string, unknown>
  readonly [field: string]: unknown
}

async function preview(request: object): Promise<Preview> {
  const { body } = await service.post('/v1/validate', request).expect(200)
  expect(validateResponse.safeParse(body).error?.issues ?? []).toEqual([])
  return body as Preview
}

const sgd = { type: 'SGD', lr: 0.01 }
const program = (forward: string[], parameters: object, data: object, loss = 'y_hat.sum()'): object => ({ model: { parameters, forward }, data, loss })
const zeros = (...shape: number[]): object => ({ shape, init: { type: 'zeros' } })

describe('which operation is meant', () => {
  it('is seen by the fields', async () => {
    expect((await preview({ ...notebook, loss: undefined })).operation).toBe('forward')
    expect((await preview(notebook)).operation).toBe('backward')
    expect((await preview({ ...notebook, optimizer: sgd })).operation).toBe('train')
  })

  it('or said', async () => {
    expect(await preview({ ...notebook, operation: 'forward' })).toMatchObject({ operation: 'forward', outputs: { y_hat: { shape: [], dtype: 'float32' } }, flops: { forward: 3, total: 3 } })
    await expectProblem(service, '/v1/validate', { ...notebook, operation: 'train' }, { status: 400, code: 'invalid_request', error: { pointer: '/optimizer', code: 'missing_field' } })
  })

  it('a field of training without an optimizer: the optimizer is missing', () =>
    expectProblem(service, '/v1/validate', { ...notebook, epochs: 2 }, { status: 400, code: 'invalid_request', error: { pointer: '/optimizer', code: 'missing_field' } }))

  it('another word is refused', () => expectProblem(service, '/v1/validate', { ...notebook, operation: 'fit' }, { status: 400, code: 'invalid_request', error: { pointer: '/operation', code: 'invalid_value', message: /"forward", "backward", "train" expected, got "fit"/ } }))
})

describe('variables', () => {
  it('in their order, with shape, dtype, line and column', async () => {
    const { variables } = await preview(program(['h = x @ w', 'n, m = h.shape', 'best = h.argmax(dim=1)', 'y_hat = h.mean()'], { w: zeros(3, 2) }, { x: { shape: [5, 3] } }, 'y_hat'))
    expect(variables).toEqual([
      { name: 'h', type: 'Tensor', shape: [5, 2], dtype: 'float32', requires_grad: true, pointer: '/model/forward', line: 1, column: 1 },
      { name: 'n', type: 'int', value: 5, pointer: '/model/forward', line: 2, column: 1 },
      { name: 'm', type: 'int', value: 2, pointer: '/model/forward', line: 2, column: 4 },
      { name: 'best', type: 'Tensor', shape: [5], dtype: 'int64', requires_grad: false, pointer: '/model/forward', line: 3, column: 1 },
      { name: 'y_hat', type: 'Tensor', shape: [], dtype: 'float32', requires_grad: true, pointer: '/model/forward', line: 4, column: 1 },
    ])
  })

  it('of loops once for each shape, of functions as local, of the loss too', async () => {
    const forward = ['def double(t):', '    u = t * 2', '    return u', 'h = x', 'for i in range(4):', '    h = double(h)', 'for i in range(2):', '    h = torch.cat([h, h])', 'y_hat = w * h']
    const { variables } = await preview(program(forward, { w: zeros() }, { x: { shape: [3] } }, 'total = y_hat.sum()\ntotal * 2'))
    const short = variables.map(({ name, type, value, shape, line, times, local, pointer }) => [name, shape ?? value ?? type, line, times ?? 1, local ?? false, pointer])
    expect(short).toEqual([
      ['h', [3], 4, 1, false, '/model/forward'],
      ['i', 'int', 5, 4, false, '/model/forward'],
      ['u', [3], 2, 4, true, '/model/forward'],
      ['h', [3], 6, 4, false, '/model/forward'],
      ['i', 'int', 7, 2, false, '/model/forward'],
      ['h', [6], 8, 1, false, '/model/forward'],
      ['h', [12], 8, 1, false, '/model/forward'],
      ['y_hat', [12], 9, 1, false, '/model/forward'],
      ['total', [], 1, 1, false, '/loss'],
    ])
  })
})

describe('layers and parameters', () => {
  const layered = {
    model: { layers: [{ type: 'Linear', in_features: 4, out_features: 8 }, { type: 'BatchNorm1d', num_features: 8 }, { type: 'Sequential', layers: [{ type: 'ReLU' }, { type: 'Linear', in_features: 8, out_features: 3 }] }] },
    loss: { type: 'CrossEntropyLoss' },
    data: { x: { shape: [50, 4] }, y: { shape: [50], dtype: 'int64' } },
  }

  it('with their results', async () => {
    const { layers, parameters, buffers, parameter_count: count, trainable_count: trained } = await preview({ ...layered, freeze: ['0.*'] })
    expect(layers).toEqual([
      { name: '0', type: 'Linear', outputs: [{ shape: [50, 8], dtype: 'float32' }], parameters: 40, pointer: '/model/layers/0' },
      { name: '1', type: 'BatchNorm1d', outputs: [{ shape: [50, 8], dtype: 'float32' }], parameters: 16, pointer: '/model/layers/1' },
      { name: '2.0', type: 'ReLU', outputs: [{ shape: [50, 8], dtype: 'float32' }], parameters: 0, pointer: '/model/layers/2/layers/0' },
      { name: '2.1', type: 'Linear', outputs: [{ shape: [50, 3], dtype: 'float32' }], parameters: 27, pointer: '/model/layers/2/layers/1' },
    ])
    expect(parameters[0]).toEqual({ name: '0.weight', shape: [8, 4], dtype: 'float32', count: 32, requires_grad: false })
    expect(buffers).toContainEqual({ name: '1.num_batches_tracked', shape: [], dtype: 'int64', count: 1 })
    expect([count, trained]).toEqual([83, 43])
  })

  it('modules that a program calls, with the line of the call', async () => {
    const model = { modules: { gru: { type: 'GRU', input_size: 2, hidden_size: 3, batch_first: true } }, forward: ['out, h = gru(x)', 'y_hat = out'] }
    const { layers } = await preview({ model, data: { x: { shape: [4, 7, 2] } } })
    expect(layers).toEqual([{ name: 'gru', type: 'GRU', outputs: [{ shape: [4, 7, 3], dtype: 'float32' }, { shape: [1, 4, 3], dtype: 'float32' }], parameters: 63, pointer: '/model/forward', line: 1, column: 10 }])
  })

  it('in training, of a minibatch', async () => {
    const { layers, run } = await preview({ ...layered, optimizer: sgd, batch_size: 16, epochs: 3, accumulate: 2 })
    expect(layers[0]!['outputs']).toEqual([{ shape: [16, 8], dtype: 'float32' }])
    expect(run).toEqual({ steps: 6, minibatches_per_epoch: 4, minibatches_per_step: 2, batch_sizes: [16, 2] })
  })
})

describe('the cost', () => {
  it('a multiply-add is two operations; the gradients of a product are products', async () => {
    const { flops } = await preview({ model: { parameters: { w: zeros(7, 3) }, forward: 'y_hat = x @ w' }, loss: 'y_hat.sum()', data: { x: { shape: [5, 7] } } })
    // 2 · 5 · 7 · 3 for the product, 5 · 3 for the sum; the gradient of w is a product of [7, 5] and [5, 3].
    expect(flops).toEqual({ forward: 225, backward: 210, total: 435 })
  })

  it('an elementwise function is one an element, a view nothing', async () => {
    const { flops } = await preview({ model: { forward: 'y_hat = torch.tanh(x.T.reshape(12) + 1).exp()' }, data: { x: { shape: [3, 4] } } })
    expect(flops).toEqual({ forward: 36, total: 36 })
  })

  it('the update counts in training', async () => {
    const { flops, bytes } = await preview({ ...notebook, optimizer: { type: 'Adam' } })
    expect(flops['update']).toBeGreaterThan(8)
    expect(flops['total']).toBe(flops['forward']! + flops['backward']! + flops['update']!)
    expect(bytes['total']).toBe(bytes['forward']! + bytes['backward']! + bytes['update']!)
  })

  it('memory and kernels are those of the run', async () => {
    const request = { ...notebook, optimizer: sgd, steps: 2 }
    const { memory_bytes: bytes, kernels } = await preview(request)
    await service.post('/v1/train', request).expect(200)
    const line = service.logged().findLast((entry) => entry['route'] === 'POST /v1/train')
    expect([line?.['peak_bytes'], line?.['kernels'], line?.['cached']]).toEqual([bytes, kernels, true])
  })
})

describe('shapes in the place of data', () => {
  it('say what the numbers would', async () => {
    const { data, ...rest } = JSON.parse(readFileSync(new URL('../../examples/iris.json', import.meta.url), 'utf8')) as { data: { x: number[][]; y: number[] } }
    expect(await preview({ ...rest, data: { x: { shape: [data.x.length, 4] }, y: { shape: [data.y.length] } } })).toEqual(await preview({ ...rest, data }))
  })

  it('cost no memory', async () => {
    const { outputs } = await preview({ model: { forward: 'y_hat = x[:2]' }, data: { x: { shape: [3000, 3000] } } })
    expect(outputs).toEqual({ y_hat: { shape: [2, 3000], dtype: 'float32' } })
  })

  it('are not taken where something is to run', () =>
    expectProblem(service, '/v1/backward', { ...notebook, data: { x: { shape: [] }, y: 1 } }, { status: 400, code: 'invalid_request', error: { pointer: '/data/x', code: 'missing_field' } }))

  it('can be too large', () => expectProblem(service, '/v1/validate', { ...notebook, data: { x: { shape: [1e6, 1e6] }, y: 1 } }, { status: 422, code: 'tensor_too_large', error: { pointer: '/data/x' } }))
  it('are checked in form', () => expectProblem(service, '/v1/validate', { ...notebook, data: { x: { shape: [-1] }, y: 1 } }, { status: 400, code: 'invalid_request', error: { pointer: '/data/x/shape' } }))
})

describe('conditions on tensors', () => {
  const branches = ['h = x * w', 'if h.sum() > 0:', '    h = h[:, :2]', 'while h.norm() > 1:', '    h = h / 2', 'assert (h < 9).all()', 'y_hat = h']

  it('are assumed, and said', async () => {
    const { conditions, variables } = await preview(program(branches, { w: zeros() }, { x: { shape: [4, 3] } }))
    expect(conditions).toEqual([2, 4, 6].map((line) => ({ pointer: '/model/forward', line, column: line === 2 ? 4 : line === 4 ? 7 : 8 })))
    expect(variables.map(({ line, shape, conditional }) => [line, shape, conditional])).toEqual([[1, [4, 3], undefined], [3, [4, 2], true], [5, [4, 2], true], [7, [4, 2], true]])
  })

  it('in training too', async () => {
    const { conditions, run } = await preview({ ...program(branches, { w: zeros() }, { x: { shape: [4, 3] } }), optimizer: sgd, steps: 5, batch_size: 3 })
    expect(conditions).toHaveLength(3)
    expect(run).toEqual({ steps: 5, minibatches_per_epoch: 2, minibatches_per_step: 1, batch_sizes: [3, 1] })
  })
})

describe('nothing runs', () => {
  it('a label out of range is not seen', async () => {
    const request = { model: { layers: [{ type: 'Linear', in_features: 2, out_features: 3 }] }, loss: { type: 'CrossEntropyLoss' }, data: { x: [[1, 2]], y: [9] } }
    expect((await preview(request)).operation).toBe('backward')
    await expectProblem(service, '/v1/backward', request, { status: 422, code: 'index_out_of_range' })
  })

  it('a long run takes no time', async () => {
    const began = Date.now()
    const { run } = await preview({ model: { parameters: { w: zeros(500, 500) }, forward: 'y_hat = w @ w @ w' }, loss: 'y_hat.mean()', optimizer: sgd, steps: 90_000, report: { gradients: 'none' } })
    expect(run?.['steps']).toBe(90_000)
    expect(Date.now() - began).toBeLessThan(10_000)
  })
})

describe('what is wrong is said as a run says it', () => {
  const linear = { type: 'Linear', in_features: 2, out_features: 1 }
  const layers = { model: { layers: [linear] }, loss: { type: 'MSELoss' }, data: { x: [[1, 2], [3, 4]], y: [[1], [2]] }, optimizer: sgd }
  const cases: readonly (readonly [what: string, path: string, request: object])[] = [
    ['a form that is wrong in several places', '/v1/train', { ...layers, steps: -1, optimizer: { type: 'SGD', lr: 'a', momentun: 1 }, colour: 'red' }],
    ['an unknown layer', '/v1/train', { ...layers, model: { layers: [{ type: 'Linaer' }] } }],
    ['shapes that do not fit', '/v1/backward', program(['h = x', 'y_hat = h @ w'], { w: zeros(2, 2) }, { x: [[1, 2, 3]] })],
    ['layers that do not fit', '/v1/train', { ...layers, model: { layers: [linear, linear] } }],
    ['a syntax error', '/v1/backward', program(['h = x', 'y_hat = h +'], { w: zeros() }, { x: 1 })],
    ['an unknown function', '/v1/forward', { model: { forward: 'y_hat = torch.relux(x)' }, data: { x: 1 } }],
    ['an output that does not exist', '/v1/forward', { model: { forward: 'y_hat = x' }, data: { x: 1 }, outputs: ['z'] }],
    ['a loss without parameters', '/v1/backward', { model: { forward: 'y_hat = x' }, loss: 'y_hat', data: { x: 1 } }],
    ['a ragged tensor', '/v1/backward', { ...notebook, data: { x: [[1], [1, 2]], y: 1 } }],
    ['a state that does not fit', '/v1/train', { ...layers, state: { '0.weight': [[1]], '0.bais': [1] } }],
    ['rows that do not agree', '/v1/train', { ...layers, batch_size: 1, data: { x: [[1, 2], [3, 4]], y: [[1]] } }],
    ['too many steps', '/v1/train', { ...layers, steps: 100_001 }],
    ['options of a scheduler', '/v1/train', { ...layers, scheduler: { type: 'SequentialLR', schedulers: [{ type: 'ExponentialLR', gamma: 0.9 }], milestones: [2] } }],
    ['early stopping without a validation', '/v1/train', { ...layers, early_stopping: { patience: 1 } }],
    ['data of a validation that do not exist', '/v1/train', { ...layers, validation: { data: { z: 1 } } }],
    ['a metric that does not fit', '/v1/train', { ...layers, validation: { data: { x: [[1, 2]], y: [[1, 2, 3]] }, metrics: ['mae'] } }],
    ['more memory than the limit', '/v1/backward', program(['a = torch.ones(3000, 2000)', 'b = torch.exp(w.sum() * a)', 'y_hat = b @ (b.T @ b)'], { w: zeros() }, {})],
    ['an answer that is too large', '/v1/train', { ...layers, model: { parameters: { w: zeros(1000, 1000) }, forward: 'y_hat = w.sum() * x[:, :1]' }, steps: 1000 }],
  ]

  it.each(cases)('%s', async (_what, path, request) => {
    const [said, done] = await Promise.all(['/v1/validate', path].map((to) => service.post(to, request)))
    const withoutId = ({ instance: _instance, ...problem }: Record<string, unknown>): unknown => JSON.parse(JSON.stringify(problem).replaceAll(/ Known fields: [^"]*/g, ''))
    expect(said!.status).toBeGreaterThanOrEqual(400)
    expect([said!.status, withoutId(said!.body as Record<string, unknown>)]).toEqual([done!.status, withoutId(done!.body as Record<string, unknown>)])
  })
})

describe('golden requests', () => {
  const cases = (file: string): { name: string; request: object }[] => JSON.parse(readFileSync(new URL(`../golden/${file}`, import.meta.url), 'utf8')) as { name: string; request: object }[]

  it('all of /v1/backward are fine, or refused as there', async () => {
    for (const { name, request } of cases('ops.json')) {
      const { status, body } = await service.post('/v1/validate', request)
      expect([name, body.code ?? 'fine']).toEqual([name, status === 200 ? 'fine' : (await service.post('/v1/backward', request)).body.code])
    }
  })

  it.each(['training.json', 'paths-training.json'])('all of %s are fine', async (file) => {
    for (const { name, request } of cases(file)) expect([name, (await preview(request)).operation]).toEqual([name, 'train'])
  })
})
