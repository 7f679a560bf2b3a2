/** Where the first number that is not finite arose: forward, backward and training. */
import { describe, expect, it } from 'vitest'
import { backwardResponse, forwardResponse } from '../../src/responses.ts'
import { useService } from '../service.ts'

const service = useService({ WORKERS: '1' })

const float32 = (numbers: number[], shape: number[]): object => ({ base64: Buffer.from(Float32Array.from(numbers).buffer).toString('base64'), shape })

interface Program {
  readonly forward: string | string[]
  readonly loss?: string
  readonly w?: unknown
  readonly data?: object
  readonly dtype?: string
}

const specOf = ({ forward, loss = 'y_hat.sum()', w = [1, 2], data = {}, dtype = 'float32' }: Program): object => ({ model: { parameters: { w: { value: w } }, forward }, loss, data, dtype })

const line1 = { pointer: '/model/forward', line: 1 }

const forwardCases: readonly (readonly [string, Program, object])[] = [
  ['log(0)', { forward: 'y_hat = torch.log(w * x)', data: { x: [1, 0] } }, { operation: 'log', value: '-Infinity', ...line1, column: 9 }],
  ['0 / 0 with an operator', { forward: ['h = w - w', 'y_hat = 1 + h / (w * 0)'] }, { operation: 'div', value: 'NaN', pointer: '/model/forward', line: 2, column: 13 }],
  ['1 / 0', { forward: 'y_hat = 1 / (w - 1)' }, { operation: 'div', value: 'Infinity', ...line1, column: 9 }],
  ['exp over the limit of float32', { forward: 'y_hat = (w * 60).exp()' }, { operation: 'exp', value: 'Infinity', ...line1, column: 9 }],
  ['sqrt(-1)', { forward: 'y_hat = torch.sqrt(-w)' }, { operation: 'sqrt', value: 'NaN', ...line1, column: 9 }],
  ['a function of several primitives', { forward: 'y_hat = torch.xlogy(w, w - 2)' }, { operation: 'xlogy', value: 'NaN', ...line1, column: 9 }],
  ['a power', { forward: 'y_hat = (w - 1) ** -1' }, { operation: 'pow', value: 'Infinity', ...line1, column: 9 }],
  ['inside a function of the program', { forward: ['def f(a):', '  return torch.log(a)', 'y_hat = f(w - 1) * 2'] }, { operation: 'log', value: '-Infinity', pointer: '/model/forward', line: 2, column: 10 }],
  ['in a loss', { forward: 'y_hat = w - 1', loss: 'torch.log(y_hat).mean()' }, { operation: 'log', value: '-Infinity', pointer: '/loss', line: 1, column: 1 }],
  ['a mask that softmax makes harmless is not the cause', { forward: ['h = torch.softmax(w.masked_fill(w > 1.5, -math.inf), 0)', 'y_hat = h / (h - 1)'] }, { operation: 'div', value: 'Infinity', pointer: '/model/forward', line: 2, column: 9 }],
  ['a mask over everything is', { forward: 'y_hat = torch.softmax(w.masked_fill(w > 0, -math.inf), 0)' }, { operation: 'masked_fill', value: '-Infinity', ...line1, column: 23 }],
  ['an infinity that is added', { forward: "y_hat = w + float('inf')" }, { operation: 'add', value: 'Infinity', ...line1, column: 9 }],
  ['NaN in the data', { forward: 'y_hat = w * x.T[0]', data: { x: float32([1, 2, 3, NaN], [2, 2]) }, loss: 'y_hat.sum() + x.sum()' }, { operation: 'data', value: 'NaN', pointer: '/data/x', index: [1, 1] }],
  ['an infinity in a parameter', { forward: 'y_hat = w * 2', w: float32([1, -Infinity], [2]) }, { operation: 'parameter', value: '-Infinity', pointer: '/model/parameters/w', index: [1] }],
  ['a scalar in the data', { forward: 'y_hat = w * x', data: { x: float32([Infinity], []) } }, { operation: 'data', value: 'Infinity', pointer: '/data/x', index: [] }],
  ['NaN in rows that are left out is not the cause', { forward: 'y_hat = torch.log(w - 1) * x[:1]', data: { x: float32([1, NaN], [2]) } }, { operation: 'log', value: '-Infinity', ...line1, column: 9 }],
]

const backwardCases: readonly (readonly [string, Program, object])[] = [
  ['sqrt at 0', { forward: 'y_hat = torch.sqrt(w - 1)' }, { operation: 'sqrt', value: 'Infinity', ...line1, column: 9 }],
  ['a NaN of where: log', { forward: ['safe = torch.where(w > 1, torch.log(w - 1), w)', 'y_hat = safe'] }, { operation: 'log', value: 'NaN', ...line1, column: 27 }],
  ['a NaN of where: sqrt', { forward: 'y_hat = torch.where(w > 1, (w - 1).sqrt(), w)' }, { operation: 'sqrt', value: 'NaN', ...line1, column: 28 }],
  ['a root as a power', { forward: 'y_hat = (w - 1) ** 0.5' }, { operation: 'pow', value: 'Infinity', ...line1, column: 9 }],
]

describe('forward', () => {
  it.each(forwardCases)('%s', async (_name, program, expected) => {
    for (const path of ['/v1/forward', '/v1/backward']) {
      const { status, body } = await service.post(path, specOf(program))
      expect(status, JSON.stringify(body)).toBe(200)
      expect((path === '/v1/forward' ? forwardResponse : backwardResponse).parse(body)).toEqual(body)
      expect(body.first_non_finite).toEqual({ phase: 'forward', ...expected })
      expect(body.non_finite.length).toBeGreaterThan(0)
    }
  })

  it('only an output', async () => {
    const { body } = await service.post('/v1/forward', { ...specOf({ forward: ['h = torch.log(w - 1)', 'y_hat = w * 2'] }), outputs: ['h', 'y_hat'] })
    expect(body).toMatchObject({ loss: 6, outputs: { y_hat: [2, 4] }, first_non_finite: { phase: 'forward', operation: 'log', ...line1, column: 5 } })
  })

  it('the same numbers in float64 are finite', async () => {
    const { body } = await service.post('/v1/forward', specOf({ forward: 'y_hat = (w * 60).exp()', dtype: 'float64' }))
    expect(body.first_non_finite).toBeUndefined()
    expect(body.loss).toBeGreaterThan(1e50)
  })

  it('finite answers have no such field', async () => {
    const { body } = await service.post('/v1/backward', specOf({ forward: 'y_hat = w * 2' }))
    expect(Object.keys(body)).toEqual(['loss', 'grad_fn', 'gradients'])
  })

  it('a state that is not finite', async () => {
    const spec = { model: { layers: [{ type: 'Linear', in_features: 1, out_features: 2 }] }, loss: 'y_hat.sum()', data: { x: [[1]] }, state: { '0.bias': float32([1, NaN], [2]) } }
    const { body } = await service.post('/v1/backward', spec)
    expect(body.first_non_finite).toEqual({ phase: 'forward', operation: 'parameter', value: 'NaN', pointer: '/state/0.bias', index: [1] })
  })
})

describe('backward', () => {
  it.each(backwardCases)('%s', async (_name, program, expected) => {
    const { status, body } = await service.post('/v1/backward', specOf(program))
    expect(status, JSON.stringify(body)).toBe(200)
    expect(backwardResponse.parse(body)).toEqual(body)
    expect(body.loss).toEqual(expect.any(Number))
    expect(body.first_non_finite).toEqual({ phase: 'backward', ...expected })
  })

  it('an infinity that where hides going forward, and that the gradient of the division meets', async () => {
    const { body } = await service.post('/v1/backward', specOf({ forward: ['d = w - 1', 'y_hat = torch.where(d > 0, 1 / d, d)'] }))
    expect(body).toMatchObject({ loss: 1, gradients: { w: [null, -1] }, first_non_finite: { phase: 'forward', operation: 'div', value: 'Infinity', pointer: '/model/forward', line: 2, column: 28 } })
  })

  it('a layer', async () => {
    const model = { layers: [{ type: 'Linear', in_features: 1, out_features: 1 }, { type: 'Softplus', beta: 0 }] }
    const { body } = await service.post('/v1/backward', { model, loss: { type: 'MSELoss' }, data: { x: [[1]], y: [[0]] }, state: { '0.weight': [[1]], '0.bias': [0] } })
    expect(body.first_non_finite).toEqual({ phase: 'forward', operation: 'Softplus', value: 'Infinity', pointer: '/model/layers/1' })
  })

  it('a loss class', async () => {
    const spec = { model: { parameters: { w: { value: [0, 0] } }, forward: 'y_hat = w * 1' }, loss: { type: 'MSELoss' }, data: { y: [3e38, 1] } }
    const { body } = await service.post('/v1/backward', spec)
    expect(body.first_non_finite).toEqual({ phase: 'forward', operation: 'MSELoss', value: 'Infinity', pointer: '/loss' })
  })
})

describe('train', () => {
  const optimizer = { type: 'SGD', lr: 0.1 }

  it('data that was not finite from the start, in minibatches too', async () => {
    const spec = { model: { parameters: { w: { value: [1, 2] } }, forward: 'y_hat = x * w' }, loss: 'y_hat.sum()', data: { x: float32([1, 2, 3, 4, 5, NaN], [3, 2]) }, optimizer, steps: 5 }
    const whole = await service.post('/v1/train', spec)
    expect(whole.body).toMatchObject({ status: 'diverged', first_non_finite: { step: 1, phase: 'forward', operation: 'data', value: 'NaN', pointer: '/data/x', index: [2, 1] } })
    const rows = await service.post('/v1/train', { ...spec, batch_size: 1 })
    expect(rows.body).toMatchObject({ status: 'diverged', first_non_finite: { step: 3, operation: 'data', index: [2, 1] } })
  })

  it('a parameter that grew beyond all limits', async () => {
    const spec = { model: { parameters: { w: { value: 1 } }, forward: 'y_hat = w * x' }, loss: 'y_hat', data: { x: 1e30 }, optimizer: { type: 'SGD', lr: 1e30 }, steps: 5 }
    const { body } = await service.post('/v1/train', spec)
    expect(body).toMatchObject({ status: 'diverged', first_non_finite: { step: 2, operation: 'parameter', value: '-Infinity', pointer: '/model/parameters/w', index: [] } })
  })
})
