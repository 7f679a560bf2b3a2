/** POST /v1/forward, /v1/backward, /v1/train: answers in every form. */
import { describe, expect, it } from 'vitest'
import { backwardResponse, forwardResponse, trainEnd, trainResponse, trainStep } from '../../src/responses.ts'
import { notebook, useService, untimed } from '../service.ts'

const service = useService()

const sgd = { type: 'SGD', lr: 0.01 }
const matrix = {
  model: { parameters: { w: { value: [[1, 2], [3, 4]] }, c: { value: [1, 1], requires_grad: false } }, forward: ['h = x @ w', 'y_hat = h + c'] },
  loss: '(y_hat ** 2).mean()',
  data: { x: [[1, 0], [0, 1]] },
}

describe('the notebook', () => {
  it('forward: loss 1, grad_fn PowBackward0', async () => {
    const { body } = await service.post('/v1/forward', notebook)
    expect(body).toEqual({ loss: 1, grad_fn: 'PowBackward0', outputs: { y_hat: 1 } })
  })

  it('backward: gradient -2', async () => {
    const { body } = await service.post('/v1/backward', notebook)
    expect(body).toEqual({ loss: 1, grad_fn: 'PowBackward0', gradients: { w: -2 } })
  })

  it('train: 1.02 after a step, and on as PyTorch goes', async () => {
    const { body } = await service.post('/v1/train', { ...notebook, optimizer: sgd, steps: 4 })
    expect(trainResponse.parse(body)).toEqual(body)
    // PyTorch 1.13: w = 1.0199999809, 1.0396000147, 1.0588079691, 1.0776318312 and these losses and gradients.
    const losses = [1, 0.9604000449180603, 0.9223681688308716, 0.8858424425125122]
    const gradients = [-2, -1.9600000381469727, -1.920799970626831, -1.8823840618133545]
    body.steps.forEach((step: { step: number; loss: number; gradients: { w: number }; lr: number }, i: number) => {
      expect(step).toMatchObject({ step: i + 1, lr: 0.01 })
      expect(Math.abs(step.loss - losses[i]!)).toBeLessThan(2e-7)
      expect(Math.abs(step.gradients.w - gradients[i]!)).toBeLessThan(2e-7)
    })
    expect(body.steps[0]).toEqual({ step: 1, loss: 1, lr: 0.01, grad_norm: 2, gradients: { w: -2 } })
    expect(body.status).toBe('succeeded')
    const { text } = await service.post('/v1/train', { ...notebook, optimizer: sgd, steps: 1 })
    expect(text).toMatch(/^{"steps":\[{"step":1,"loss":1,"lr":0.01,"grad_norm":2,"gradients":{"w":-2}}\],"state":{"w":1.02},"status":"succeeded","timing":{.*},"memory_bytes":\d+}$/)
  })

  it('the text of a notebook cell works as it stands', async () => {
    const forward = ['# Forward pass and compute the loss', 'y_hat = w * x                       # Function: y_hat = w * x', 'loss = (y_hat - y)**2               # Loss: (y_hat - y)**2']
    const { body } = await service.post('/v1/backward', { ...notebook, model: { ...notebook.model, forward }, loss: 'loss' })
    expect(body).toMatchObject({ loss: 1, grad_fn: 'PowBackward0', gradients: { w: -2 } })
  })
})

describe('forward', () => {
  it('returns the variables that are asked for, without a loss too', async () => {
    const { loss: _loss, ...spec } = matrix
    const { body } = await service.post('/v1/forward', { ...spec, outputs: ['h', 'y_hat', 'x', 'w'] })
    expect(forwardResponse.parse(body)).toEqual(body)
    expect(body).toEqual({ outputs: { h: [[1, 2], [3, 4]], y_hat: [[2, 3], [4, 5]], x: [[1, 0], [0, 1]], w: [[1, 2], [3, 4]] } })
  })

  it('an unknown output is an error with its place', async () => {
    const { status, body } = await service.post('/v1/forward', { ...matrix, outputs: ['h', 'hh'] })
    expect([status, body.code, body.errors[0].pointer]).toEqual([422, 'unknown_name', '/outputs/1'])
  })

  it('Python numbers, whole numbers, truth values', async () => {
    const spec = { model: { forward: ['n = x.shape[0]', 'm = x > 2', 'i = x.argmax()', 'half = n / 4'] }, data: { x: [1, 3] }, outputs: ['n', 'm', 'i', 'half'] }
    const { body } = await service.post('/v1/forward', spec)
    expect(body.outputs).toEqual({ n: 2, m: [false, true], i: 1, half: 0.5 })
  })

  it('grad_fn is null where no gradient flows', async () => {
    const { body } = await service.post('/v1/forward', { model: { forward: 'y_hat = x' }, loss: 'y_hat.sum()', data: { x: [1, 2] } })
    expect(body).toEqual({ loss: 3, grad_fn: null, outputs: { y_hat: [1, 2] } })
  })

  it('modules are called by their names', async () => {
    const model = { modules: { fc1: { type: 'Linear', in_features: 2, out_features: 2 }, act: { type: 'ReLU' } }, forward: ['h = act(fc1(x))', 'y_hat = h @ fc1.weight'] }
    const state = { 'fc1.weight': [[1, -1], [0, 2]], 'fc1.bias': [0, -1] }
    const { body } = await service.post('/v1/forward', { model, state, data: { x: [[3, 1]] }, outputs: ['h', 'y_hat'] })
    expect(body.outputs).toEqual({ h: [[2, 1]], y_hat: [[2, 0]] })
  })

  it('what is not finite is null, and the answer says so', async () => {
    const { body } = await service.post('/v1/forward', { model: { forward: 'y_hat = torch.log(x)' }, loss: 'y_hat.sum()', data: { x: [1, 0, -1] } })
    expect(forwardResponse.parse(body)).toEqual(body)
    expect(body).toEqual({
      loss: null,
      grad_fn: null,
      outputs: { y_hat: [0, null, null] },
      non_finite: [
        { pointer: '/loss', count: 1, first: 'NaN' },
        { pointer: '/outputs/y_hat', count: 2, first: '-Infinity' },
      ],
      first_non_finite: { phase: 'forward', operation: 'log', value: '-Infinity', pointer: '/model/forward', line: 1, column: 9 },
    })
  })
})

describe('backward', () => {
  it('gives the gradient of every trainable parameter, zeros where none flows', async () => {
    const model = { ...matrix.model, parameters: { ...matrix.model.parameters, unused: { value: [1, 2, 3] } } }
    const { body } = await service.post('/v1/backward', { ...matrix, model })
    expect(backwardResponse.parse(body)).toEqual(body)
    expect(body.gradients).toEqual({ w: [[1, 1.5], [2, 2.5]], unused: [0, 0, 0] })
    expect(body.grad_fn).toBe('MeanBackward0')
  })

  it('gradients of intermediate values and of data', async () => {
    const { body } = await service.post('/v1/backward', { ...matrix, retain_grad: ['h', 'x'] })
    expect(Object.keys(body.gradients)).toEqual(['w', 'h', 'x'])
    expect(body.gradients.h).toEqual([[1, 1.5], [2, 2.5]])
    expect(body.gradients.x).toEqual([[4, 9], [7, 16]])
  })

  it('two equal expressions are two tensors', async () => {
    const spec = { model: { parameters: { w: { value: 3 } }, forward: ['a = w * 2', 'b = w * 2'] }, loss: 'a * 5 + b', data: {} }
    const { body } = await service.post('/v1/backward', { ...spec, retain_grad: ['a', 'b'] })
    expect(body.gradients).toEqual({ w: 12, a: 5, b: 1 })
  })

  it('float64', async () => {
    const { body } = await service.post('/v1/backward', { model: { parameters: { w: { value: 0.1 } }, forward: 'y_hat = w * 3' }, loss: 'y_hat', dtype: 'float64' })
    expect(body).toEqual({ loss: 0.30000000000000004, grad_fn: 'MulBackward0', gradients: { w: 3 } })
  })

  it('tensors flat and in base64', async () => {
    const flat = await service.post('/v1/backward', { ...matrix, report: { tensors: 'flat' } })
    expect(flat.body.gradients.w).toEqual({ data: [1, 1.5, 2, 2.5], shape: [2, 2], dtype: 'float32' })
    const packed = await service.post('/v1/backward', { ...matrix, report: { tensors: 'base64' } })
    const bytes = Buffer.from(packed.body.gradients.w.base64, 'base64')
    expect([...new Float32Array(bytes.buffer, bytes.byteOffset, 4)]).toEqual([1, 1.5, 2, 2.5])
  })

  it('tensors may be sent flat, in base64, and as truth values', async () => {
    const nested = await service.post('/v1/forward', { model: { forward: 'y_hat = torch.where(m, a, b) * i' }, data: { a: [[1, 2]], b: [[3, 4]], m: [[true, false]], i: [[5, 6]] } })
    const other = await service.post('/v1/forward', {
      model: { forward: 'y_hat = torch.where(m, a, b) * i' },
      data: {
        a: { data: [1, 2], shape: [1, 2] },
        b: { base64: Buffer.from(Float32Array.of(3, 4).buffer).toString('base64'), shape: [1, 2] },
        m: { base64: Buffer.from([1, 0]).toString('base64'), shape: [1, 2], dtype: 'bool' },
        i: { data: [[5, 6]], dtype: 'int64' },
      },
    })
    expect(nested.body.outputs).toEqual({ y_hat: [[5, 24]] })
    expect(other.body).toEqual(nested.body)
  })
})

const run = { ...matrix, optimizer: { type: 'SGD', lr: 0.1 }, steps: 10 }

describe('train', () => {
  it('reports norms of the gradients, or nothing, and every n-th step and the last', async () => {
    const norms = await service.post('/v1/train', { ...run, report: { gradients: 'norms' } })
    expect(norms.body.steps[0].gradients).toEqual({ w: 3.6742346 })
    expect(norms.body.steps[0].grad_norm).toBe(3.6742346)
    const sparse = await service.post('/v1/train', { ...run, report: { every: 4, gradients: 'none', parameters: 'none' } })
    expect(sparse.body.steps.map((step: { step: number }) => step.step)).toEqual([4, 8, 10])
    expect(Object.keys(sparse.body.steps[0])).toEqual(['step', 'loss', 'lr', 'grad_norm'])
    expect(sparse.body.state).toBeUndefined()
    const all = await service.post('/v1/train', run)
    expect(sparse.body.steps[1].loss).toBe(all.body.steps[7].loss)
  })

  it('goes on from a returned state', async () => {
    const whole = await service.post('/v1/train', run)
    const half = await service.post('/v1/train', { ...run, steps: 5 })
    const rest = await service.post('/v1/train', { ...run, steps: 5, state: half.body.state })
    expect(rest.body.state).toEqual(whole.body.state)
    expect(rest.body.steps.map((step: { loss: number }) => step.loss)).toEqual(whole.body.steps.slice(5).map((step: { loss: number }) => step.loss))
  })

  it('constants stay', async () => {
    const { body } = await service.post('/v1/train', run)
    expect(body.state.c).toEqual([1, 1])
    expect(Object.keys(body.steps[0].gradients)).toEqual(['w'])
  })

  it('zero steps give the initial state', async () => {
    const { body } = await service.post('/v1/train', { ...run, steps: 0 })
    expect(untimed(body)).toEqual({ steps: [], state: { w: [[1, 2], [3, 4]], c: [1, 1] }, status: 'succeeded' })
  })

  it('steps and epochs exclude each other', async () => {
    const { status, body } = await service.post('/v1/train', { ...run, epochs: 2 })
    expect([status, body.errors[0].pointer]).toEqual([400, '/epochs'])
  })

  it('lines: each step, then the rest', async () => {
    const { text, headers } = await service.post('/v1/train', run, { accept: 'application/x-ndjson' }).buffer(true).parse(collect)
    expect(headers['content-type']).toMatch(/^application\/x-ndjson/)
    const lines = textOf(text).trimEnd().split('\n').map((line) => JSON.parse(line) as unknown)
    const { body } = await service.post('/v1/train', run)
    expect(lines.slice(0, -1).map((line) => trainStep.parse(line))).toEqual(body.steps)
    expect(untimed(trainEnd.parse(lines.at(-1)))).toEqual({ state: body.state, status: 'succeeded' })
    expect(headers['server-timing']).toMatch(/^queue;dur=[\d.]+, parse;dur=[\d.]+, compile;dur=[\d.]+$/)
  })

  it('server-sent events: step, then done', async () => {
    const { text, headers } = await service.post('/v1/train', run, { accept: 'text/event-stream' }).buffer(true).parse(collect)
    expect(headers['content-type']).toMatch(/^text\/event-stream/)
    const [comment, ...events] = textOf(text).trimEnd().split('\n\n')
    expect(comment).toBe(': started')
    const { body } = await service.post('/v1/train', run)
    expect(events.map((event) => event.split('\n')[0])).toEqual([...body.steps.map(() => 'event: step'), 'event: done'])
    const data = events.map((event) => JSON.parse(event.split('\n')[1]!.slice('data: '.length)) as unknown)
    expect(data.slice(0, -1)).toEqual(body.steps)
    expect(untimed(data.at(-1) as object)).toEqual({ state: body.state, status: 'succeeded' })
  })

  it('a bad spec is a problem with its status, in a streamed answer too', async () => {
    const { status, body, headers } = await service.post('/v1/train', { ...run, model: { ...run.model, forward: 'y_hat = z' } }, { accept: 'text/event-stream' })
    expect([status, headers['content-type'], body.code]).toEqual([422, 'application/problem+json; charset=utf-8', 'unknown_name'])
  })

  it('a fault after the first step is the last event', async () => {
    // The index runs out of range while training: it grows with w.
    const spec = { model: { parameters: { w: { value: 0 } }, forward: 'y_hat = w * table[w.detach().floor()]' }, loss: '-y_hat', data: { table: [1, 1, 1] }, optimizer: { type: 'SGD', lr: 0.5 }, steps: 20 }
    const { status, body } = await service.post('/v1/train', spec)
    expect([status, body.code, body.errors[0]]).toMatchObject([422, 'index_out_of_range', { pointer: '/model/forward', line: 1, message: /index 3 is out of range/ }])
    const streamed = await service.post('/v1/train', spec, { accept: 'application/x-ndjson' }).buffer(true).parse(collect)
    const last = JSON.parse(textOf(streamed.text).trimEnd().split('\n').at(-1)!) as { error: { code: string } }
    expect(last.error.code).toBe('index_out_of_range')
  })

  it('a run that diverges stops, and says where the first number that is not finite arose', async () => {
    const spec = { model: { parameters: { w: { value: 2.5 } }, forward: ['h = w - x', 'g = torch.log(h)', 'y_hat = g * 2'] }, loss: 'y_hat', data: { x: 1 }, optimizer: { type: 'SGD', lr: 0.5 }, steps: 100 }
    const { body } = await service.post('/v1/train', spec)
    expect(trainResponse.parse(body)).toEqual(body)
    const last = body.steps.at(-1)
    expect(body).toMatchObject({ status: 'diverged', first_non_finite: { step: last.step, phase: 'forward', operation: 'log', value: 'NaN', pointer: '/model/forward', line: 2, column: 5 } })
    expect(last).toMatchObject({ loss: null, non_finite: [{ pointer: '/loss', count: 1, first: 'NaN' }] })
    // The state is the one that the loss was computed from: finite, and below x.
    expect(body.state.w).toBeLessThan(1)
  })

  it('a gradient that is not finite is found in the step before', async () => {
    const spec = { model: { parameters: { w: { value: 0 } }, forward: 'y_hat = torch.sqrt(w * w)' }, loss: 'y_hat', data: {}, optimizer: sgd, steps: 5 }
    const { body } = await service.post('/v1/train', spec)
    expect(body).toMatchObject({ status: 'diverged', first_non_finite: { step: 1, phase: 'backward', operation: 'sqrt', value: 'Infinity', line: 1, column: 9 } })
    expect(body.steps).toHaveLength(2)
  })
})

describe('every request', () => {
  it('the same request twice gives the same bytes, whichever worker took it', async () => {
    const spec = { ...matrix, model: { layers: [{ type: 'Linear', in_features: 2, out_features: 16 }, { type: 'Tanh' }, { type: 'Linear', in_features: 16, out_features: 1 }] }, data: { x: [[1, 2], [3, 4], [5, 6]], y: [[1], [2], [3]] }, loss: { type: 'MSELoss' }, optimizer: { type: 'Adam', lr: 0.05 }, epochs: 4, batch_size: 2, shuffle: true }
    const answers = await Promise.all(Array.from({ length: 12 }, async () => (await service.post('/v1/train', spec)).text.replace(/,"timing":.*$/, '')))
    expect(new Set(answers).size).toBe(1)
    expect(JSON.parse(`${answers[0]}}`).steps).toHaveLength(8)
  })

  it('carries an id: a caller may choose it', async () => {
    const own = await service.post('/v1/forward', notebook, { 'x-request-id': 'run-42' })
    expect(own.headers['x-request-id']).toBe('run-42')
    const odd = await service.post('/v1/forward', notebook, { 'x-request-id': 'a b"c' })
    expect(odd.headers['x-request-id']).toMatch(/^[0-9a-f-]{36}$/)
  })

  it.each(['/v1/forward', '/nothing'])('carries what keeps a browser from misusing it: %s', async (path) => {
    const { headers } = await service.post(path, notebook)
    expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'x-frame-options': 'SAMEORIGIN', 'referrer-policy': 'no-referrer', 'cross-origin-resource-policy': 'same-origin' })
    expect(headers).not.toHaveProperty('x-powered-by')
    // Only pages have what says how a page behaves.
    expect(headers).not.toHaveProperty('cross-origin-opener-policy')
    expect((await service.get('/')).headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'cross-origin-opener-policy': 'same-origin', 'x-dns-prefetch-control': 'off' })
  })

  it('a large body is checked in a worker, with the same result', async () => {
    const x = Array.from({ length: 30_000 }, (_, i) => i / 1000)
    const { body } = await service.post('/v1/forward', { model: { forward: 'y_hat = x.sum()' }, data: { x }, dtype: 'float64' })
    expect(body.outputs.y_hat).toBeCloseTo(449985, 6)
    const bad = await service.post('/v1/forward', { model: { forward: 'y_hat = x.sum()' }, data: { x: [...x, 'one'] } })
    expect([bad.status, bad.body.errors[0].pointer]).toEqual([400, '/data/x/30000'])
  })

  it('is a line of the log: id, route, status, ms; for training steps, compile time, time a step, peak bytes', async () => {
    await service.post('/v1/train', { ...run }, { 'x-request-id': 'logged-1' })
    const line = service.logged().find((entry) => entry['reqId'] === 'logged-1')
    expect(line).toMatchObject({ route: 'POST /v1/train', status: 200, ms: expect.any(Number), steps: 10, compile_ms: expect.any(Number), step_ms: expect.any(Number), peak_bytes: expect.any(Number) })
  })
})

/** supertest's parser for text of any type. */
function collect(response: unknown, done: (error: Error | null, body: unknown) => void): void {
  const stream = response as NodeJS.ReadableStream & { text?: string }
  let text = ''
  stream.setEncoding('utf8')
  stream.on('data', (chunk: string) => (text += chunk))
  stream.on('end', () => {
    stream.text = text
    done(null, text)
  })
}

const textOf = (text: unknown): string => String(text)
