/** Weights that come in and go out: states as safetensors files, and all that does not fit a model. */
import { readFileSync } from 'node:fs'
import { safetensors as reader } from '@jax-js/loaders'
import { describe, expect, it } from 'vitest'
import { trainResponse } from '../../src/responses.ts'
import { bytesOf, expectProblem, notebook, useService, untimed } from '../service.ts'

const service = useService()

interface Golden {
  readonly models: { readonly dtype: string; readonly file: string; readonly x: number[][]; readonly y_hat: number[][] }[]
}
const { models } = JSON.parse(readFileSync(new URL('../golden/weights.json', import.meta.url), 'utf8')) as Golden

const model = { layers: [{ type: 'Linear', in_features: 3, out_features: 4 }, { type: 'Tanh' }, { type: 'Linear', in_features: 4, out_features: 2 }] }
const file = (dtype: string): string => models.find((one) => one.dtype === dtype)!.file
const run = (dtype: 'float32' | 'float64', extra: object = {}): object => ({
  model,
  dtype,
  loss: { type: 'MSELoss' },
  data: { x: models[0]!.x, y: [[1, 0], [0, 1]] },
  optimizer: { type: 'Adam', lr: 0.01 },
  steps: 3,
  ...extra,
})

describe('a state that PyTorch wrote', () => {
  for (const { dtype, file: safetensors, x, y_hat: want } of models) {
    it(`${dtype}: gives PyTorch's outputs`, async () => {
      const { status, body } = await service.post('/v1/forward', { model, dtype: 'float64', data: { x }, state: { safetensors } })
      expect(status, JSON.stringify(body)).toBe(200)
      for (const [i, row] of want.entries()) for (const [j, number] of row.entries()) expect(body.outputs.y_hat[i][j]).toBeCloseTo(number, 12)
    })
  }

  for (const dtype of ['float32', 'float64'] as const) {
    it(`${dtype}: no step gives the same bytes back`, async () => {
      const { body } = await service.post('/v1/train', run(dtype, { steps: 0, state: { safetensors: file(dtype) }, report: { state: 'safetensors' } }))
      expect(untimed(body)).toEqual({ steps: [], state: { safetensors: file(dtype) }, status: 'succeeded' })
    })
  }

  it('is the state that it is in JSON', async () => {
    const { body: read } = await service.post('/v1/train', run('float64', { steps: 0, state: { safetensors: file('float64') } }))
    const whole = await service.post('/v1/train', run('float64', { state: read.state }))
    const same = await service.post('/v1/train', run('float64', { state: { safetensors: file('float64') } }))
    expect(untimed(same.body)).toEqual(untimed(whole.body))
    expect(Object.keys(read.state)).toEqual(['0.weight', '0.bias', '2.weight', '2.bias'])
  })

  it('in a body that is read on a worker', async () => {
    const big = { layers: [{ type: 'Linear', in_features: 200, out_features: 200, bias: false }] }
    const spec = { model: big, loss: { type: 'MSELoss' }, data: { x: { data: Array(200).fill(1), shape: [1, 200] }, y: [Array(200).fill(0)] }, optimizer: { type: 'SGD', lr: 0.1 } }
    const { body } = await service.post('/v1/train', { ...spec, report: { state: 'safetensors', gradients: 'none' } })
    const again = await service.post('/v1/train', { ...spec, steps: 0, state: body.state, report: { state: 'safetensors' } })
    expect(again.body.state).toEqual(body.state)
  })
})

describe('a state that goes out', () => {
  it('report.state: a file in base64, which the next request takes', async () => {
    const whole = await service.post('/v1/train', run('float32', { steps: 6, report: { state: 'safetensors' } }))
    expect(trainResponse.parse(whole.body)).toEqual(whole.body)
    const half = await service.post('/v1/train', run('float32', { report: { state: 'safetensors', checkpoint: true } }))
    const rest = await service.post('/v1/train', run('float32', { report: { state: 'safetensors' }, state: half.body.state, checkpoint: half.body.checkpoint }))
    expect(rest.body.state).toEqual(whole.body.state)
  })

  for (const dtype of ['float32', 'float64'] as const) {
    it(`${dtype}: a reader that is not ours finds the same tensors in the file`, async () => {
      const { body: bytes } = await service.post('/v1/train', run(dtype), { accept: 'application/octet-stream' }).buffer(true).parse(bytesOf)
      const { body: json } = await service.post('/v1/train', run(dtype, { report: { tensors: 'flat' } }))
      const { tensors } = reader.parse(new Uint8Array(bytes as Buffer))
      const read = Object.fromEntries(Object.entries(tensors).map(([name, { dtype: type, shape, data }]) => [name, { data: Array.from(data as Float32Array, Number), shape, dtype: { F32: 'float32', F64: 'float64' }[type as 'F32' | 'F64'] }]))
      const written = (json as { state: Record<string, { data: number[] }> }).state
      // A float32 is written as the shortest decimal that reads back the same.
      const exact = (number: number): number => (dtype === 'float32' ? Math.fround(number) : number)
      expect(read).toEqual(Object.fromEntries(Object.entries(written).map(([name, tensor]) => [name, { ...tensor, data: tensor.data.map(exact) }])))
    })
  }

  it('Accept: application/octet-stream: the file itself, and how the run ended', async () => {
    const json = await service.post('/v1/train', run('float32', { report: { state: 'safetensors' } }))
    const { status, headers, body } = await service.post('/v1/train', run('float32'), { accept: 'application/octet-stream' }).buffer(true).parse(bytesOf)
    expect(status).toBe(200)
    expect(headers).toMatchObject({
      'content-type': 'application/octet-stream',
      'content-disposition': 'attachment; filename="state.safetensors"',
      'run-status': 'succeeded',
      'run-steps': '3',
      'run-loss': String(json.body.steps.at(-1).loss),
    })
    expect((body as Buffer).toString('base64')).toBe(json.body.state.safetensors)
  })

  it('of a run that diverged: the state before, and no loss', async () => {
    const spec = { ...notebook, optimizer: { type: 'SGD', lr: 1e30 }, steps: 9 }
    const json = await service.post('/v1/train', { ...spec, report: { state: 'safetensors' } })
    expect(json.body.status).toBe('diverged')
    const { headers, body } = await service.post('/v1/train', spec, { accept: 'application/octet-stream' }).buffer(true).parse(bytesOf)
    expect([headers['run-status'], headers['run-steps'], headers['run-loss']]).toEqual(['diverged', String(json.body.steps.length), undefined])
    expect((body as Buffer).toString('base64')).toBe(json.body.state.safetensors)
  })

  it('a file that is asked for and left out', async () => {
    const { status, body } = await service.post('/v1/train', run('float32', { report: { parameters: 'none' } }), { accept: 'application/octet-stream' })
    expect([status, body.code, body.errors[0].pointer]).toEqual([422, 'bad_option', '/report/parameters'])
  })

  it('other calls have no such answer', async () => {
    const { status, body } = await service.post('/v1/forward', notebook, { accept: 'application/octet-stream' })
    expect([status, body.code]).toEqual([406, 'not_acceptable'])
  })
})

/** A file of float32 zeros and the like: names with dtype, shape and bytes. */
function fileOf(tensors: Record<string, readonly [dtype: string, shape: number[], bytes: number]>): string {
  let end = 0
  const header = Object.fromEntries(Object.entries(tensors).map(([name, [dtype, shape, bytes]]) => [name, { dtype, shape, data_offsets: [end, (end += bytes)] }]))
  const text = Buffer.from(JSON.stringify(header))
  const size = Buffer.alloc(8)
  size.writeBigUInt64LE(BigInt(text.length))
  return Buffer.concat([size, text, Buffer.alloc(end)]).toString('base64')
}

interface Fault {
  readonly pointer: string
  readonly code: string
  readonly message: string
}

async function faultsOf(state: unknown): Promise<[string, string][]> {
  const { status, body } = await service.post('/v1/train', run('float32', { state }))
  expect([status, body.code], JSON.stringify(body)).toEqual([422, 'state_mismatch'])
  return (body.errors as Fault[]).map(({ pointer, code, message }) => {
    expect(code).toBe('state_mismatch')
    return [pointer, message]
  })
}

describe('a state that is refused', () => {
  const safetensors = (text: string): object => run('float32', { state: { safetensors: text } })

  it('no base64', () => expectProblem(service, '/v1/train', safetensors('%'), { status: 422, code: 'invalid_safetensors', error: { pointer: '/state/safetensors', message: /base64 text expected/ } }))
  it('no safetensors', () => expectProblem(service, '/v1/train', safetensors('AAAA'), { status: 422, code: 'invalid_safetensors', error: { pointer: '/state/safetensors', message: /truncated/ } }))
  it('another field beside the file', () =>
    expectProblem(service, '/v1/train', run('float32', { state: { safetensors: file('float32'), '0.bias': [1] } }), { status: 400, code: 'invalid_request', error: { pointer: '/state/safetensors', code: 'invalid_type' } }))
  it('no object', () => expectProblem(service, '/v1/train', run('float32', { state: 'AAAA' }), { status: 400, code: 'invalid_request', error: { pointer: '/state', code: 'invalid_type' } }))
  it('a wrong element', () => expectProblem(service, '/v1/train', run('float32', { state: { '0.bias': [1, 'NaN'] } }), { status: 400, code: 'invalid_request', error: { pointer: '/state/0.bias/1', code: 'invalid_type' } }))

  it('a file: all that does not fit at once', async () => {
    const state = fileOf({ '0.weight': ['F32', [3, 4], 48], '0.bias': ['I64', [4], 32], '2.wieght': ['F32', [2, 4], 32], '2.bias': ['F16', [2], 4], 'fc.bias': ['BOOL', [1], 1] })
    const pointer = '/state/safetensors'
    expect(await faultsOf({ safetensors: state })).toEqual([
      [pointer, '"0.weight" has shape [4, 3], got [3, 4]'],
      [pointer, '"0.bias" is float32, got int64'],
      [pointer, 'the model has no parameter "2.wieght"; did you mean "2.weight"?'],
      [pointer, 'the model has no parameter "fc.bias"; did you mean "0.bias"?'],
      [pointer, 'the state lacks 2.weight'],
    ])
  })

  it('a file without some of the names', async () => {
    expect(await faultsOf({ safetensors: fileOf({ '2.weight': ['F32', [2, 4], 32] }) })).toEqual([['/state/safetensors', 'the state lacks 0.weight, 0.bias, 2.bias']])
  })

  it('in JSON: all that does not fit at once', async () => {
    const state = { '0.weight': [[1, 2, 3]], '0.bias': { data: [1, 2, 3, 4], dtype: 'int64' }, '2.wieght': [[1]], '2.bias': [true, false] }
    expect(await faultsOf(state)).toEqual([
      ['/state/0.weight', '"0.weight" has shape [4, 3], got [1, 3]'],
      ['/state/0.bias', '"0.bias" is float32, got int64'],
      ['/state/2.wieght', 'the model has no parameter "2.wieght"; did you mean "2.weight"?'],
      ['/state/2.bias', '"2.bias" is float32, got bool'],
      ['/state', 'the state lacks 2.weight'],
    ])
  })

  it('many names: the first twenty faults, and the missing names in one', async () => {
    const deep = { layers: Array.from({ length: 40 }, () => ({ type: 'Linear', in_features: 1, out_features: 1 })) }
    const { body } = await service.post('/v1/forward', { model: deep, data: { x: [[1]] }, state: { safetensors: fileOf({}) } })
    expect(body.errors).toHaveLength(1)
    expect(body.errors[0].message).toMatch(/^the state lacks 0\.weight, 0\.bias, 1\.weight, .*24\.bias and 30 more$/)
  })

  it('whole numbers where the model counts', async () => {
    const spec = { model: { parameters: { n: { value: { data: [1, 2], dtype: 'int64' } }, flags: { value: [true, false] } }, forward: ['y_hat = n * 2', 'z = flags'] }, data: {}, outputs: ['y_hat', 'z'] }
    const given = await service.post('/v1/forward', { ...spec, state: { n: [3, 4], flags: [0, 1] } })
    expect(given.body.outputs).toEqual({ y_hat: [6, 8], z: [false, true] })
    await expectProblem(service, '/v1/forward', { ...spec, state: { n: [3, 4.5] } }, { status: 422, code: 'state_mismatch', error: { pointer: '/state/n', message: /"n" is int64, got 4\.5 at element 1/ } })
  })

  it('a part of a state in JSON leaves the rest as it is', async () => {
    const zero = await service.post('/v1/train', run('float32', { steps: 0 }))
    const part = await service.post('/v1/train', run('float32', { steps: 0, state: { '2.bias': [1, 2] } }))
    expect(part.body.state).toEqual({ ...zero.body.state, '2.bias': [1, 2] })
  })

  it('a file that is not finite: where in the request', async () => {
    const bytes = Buffer.from(file('float32'), 'base64')
    bytes.writeFloatLE(NaN, bytes.length - 4)
    const { body } = await service.post('/v1/backward', { model, loss: 'y_hat.sum()', data: { x: models[0]!.x }, state: { safetensors: bytes.toString('base64') } })
    expect(body.first_non_finite).toMatchObject({ operation: 'parameter', pointer: '/state/safetensors' })
  })
})
