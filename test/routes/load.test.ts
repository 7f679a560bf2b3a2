/** The bounded queue, the time limit, workers that are replaced. */
import { setTimeout as sleep } from 'node:timers/promises'
import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import { buildApp } from '../../src/app.ts'
import { readConfig } from '../../src/config.ts'
import { notebook, useService } from '../service.ts'

/** Thousands of short steps: stops within milliseconds. */
const manySteps = {
  model: { parameters: { w: { shape: [200, 200], init: { type: 'uniform' } } }, forward: 'y_hat = w @ w' },
  loss: 'y_hat.mean()',
  optimizer: { type: 'SGD', lr: 1e-9 },
  steps: 1_000_000,
  report: { gradients: 'none', every: 1000, parameters: 'none' },
}

/** One step of many seconds: a worker in the middle of it does not look at its cancel flag. */
const oneLongStep = {
  ...manySteps,
  model: { parameters: { w: { shape: [2000, 2000], init: { type: 'uniform' } } }, forward: ['y_hat = w', 'for i in range(30):', '  y_hat = y_hat @ w / 2000'] },
  steps: 5,
}

const example = { loss: 1, grad_fn: 'PowBackward0', gradients: { w: -2 } }

describe('a full queue', () => {
  const service = useService({ WORKERS: '1', QUEUE_LIMIT: '1', CANCEL_GRACE_MS: '200' })

  it('503 with Retry-After when the queue is full; those who wait are served', async () => {
    const leaving = new AbortController()
    const running = fetch(`${service.url}/v1/train`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(oneLongStep), signal: leaving.signal })
    const outcome = running.then(() => 'answered', () => 'left')
    while (service.app.pool.state.busy === 0) await sleep(5)
    const waiting = service.post('/v1/backward', notebook).then((response) => response)
    while (service.app.pool.state.queued === 0) await sleep(5)
    const refused = await service.post('/v1/backward', notebook)
    expect([refused.status, refused.body.code, refused.headers['retry-after']]).toEqual([503, 'queue_full', '1'])
    leaving.abort()
    expect(await outcome).toBe('left')
    expect((await waiting).body).toEqual(example)
  })

})

describe('a busy service', () => {
  const service = useService({ WORKERS: '1', QUEUE_LIMIT: '1', REQUEST_TIMEOUT_MS: '700', CANCEL_GRACE_MS: '200' })

  it('504 after the time limit, and the thread is free again', async () => {
    const from = performance.now()
    const { status, body } = await service.post('/v1/train', manySteps)
    const ms = performance.now() - from
    expect([status, body.code]).toEqual([504, 'timeout'])
    expect(ms).toBeGreaterThan(650)
    const again = await service.post('/v1/backward', notebook)
    expect(again.body).toEqual(example)
    expect(service.app.pool.state).toMatchObject({ workers: 1, busy: 0 })
    expect(service.logged().some((line) => String(line['msg']).startsWith('worker lost'))).toBe(false)
  })

  it('a streamed answer ends with the problem', async () => {
    const { text } = await service.post('/v1/train', { ...manySteps, report: { ...manySteps.report, every: 50 } }, { accept: 'application/x-ndjson' }).buffer(true).parse(collect)
    const lines = text.trimEnd().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>)
    expect(lines[0]).toMatchObject({ step: 50 })
    expect(lines.at(-1)).toMatchObject({ error: { code: 'timeout', status: 504 } })
  })

  it('what does not stop is ended, and its worker replaced', async () => {
    const { status, body } = await service.post('/v1/train', oneLongStep)
    expect([status, body.code]).toEqual([504, 'timeout'])
    const from = performance.now()
    let next = await service.post('/v1/backward', notebook)
    while (next.status !== 200 && performance.now() - from < 10_000) next = await service.post('/v1/backward', notebook)
    expect(next.body).toEqual(example)
    expect(service.logged().some((line) => String(line['msg']).startsWith('worker lost'))).toBe(true)
    expect(service.app.pool.state).toMatchObject({ workers: 1, ready: 1, busy: 0 })
  })
})

describe('long trainings', () => {
  const service = useService({ WORKERS: '1', QUEUE_LIMIT: '2', REQUEST_TIMEOUT_MS: '60000' })

  it('let small requests in, and each other; what waits beside them is bounded', async () => {
    const leaving = new AbortController()
    const post = (): Promise<string> =>
      fetch(`${service.url}/v1/train`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(manySteps), signal: leaving.signal }).then((response) => String(response.status), () => 'left')
    const running: Promise<string>[] = []
    for (let i = 0; i < 5; i++) {
      running.push(post())
      await sleep(100)
      if (i > 1) continue
      const from = performance.now()
      const { body } = await service.post('/v1/backward', notebook)
      expect(body).toEqual(example)
      // It does not wait for their end, which is minutes away.
      expect(performance.now() - from).toBeLessThan(5000)
    }
    // Three are in the worker, two in the queue.
    expect(service.app.pool.state).toMatchObject({ busy: 1, queued: 2 })
    const refused = await service.post('/v1/backward', notebook)
    expect([refused.status, refused.body.code]).toEqual([503, 'queue_full'])
    leaving.abort()
    expect(await Promise.all(running)).toEqual(running.map(() => 'left'))
    const again = await service.post('/v1/backward', notebook)
    expect(again.body).toEqual(example)
    expect(service.logged().some((line) => String(line['msg']).startsWith('worker lost'))).toBe(false)
  })

  it('all come to their end, with the numbers that they have alone', async () => {
    const spec = { ...manySteps, model: { ...manySteps.model, parameters: { w: { shape: [64, 64], init: { type: 'uniform' } } } }, steps: 3000 }
    const alone = await service.post('/v1/train', spec)
    const together = await Promise.all([1, 2, 3].map(() => service.post('/v1/train', spec)))
    for (const { status, body } of together) expect([status, body.steps]).toEqual([200, alone.body.steps])
  })
})

describe('many small requests at once', () => {
  const service = useService({ WORKERS: '1', QUEUE_LIMIT: '100' })

  it('each get their own answer; a wrong one does not spoil the others', async () => {
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, i) => service.post('/v1/forward', i % 7 === 0 ? '{"model": ' : { model: { forward: 'y_hat = x * 2' }, data: { x: i } })),
    )
    for (const [i, { status, body }] of answers.entries()) {
      if (i % 7 === 0) expect([status, body.code]).toEqual([400, 'invalid_json'])
      else expect([status, body]).toEqual([200, { outputs: { y_hat: 2 * i } }])
    }
  })
})

describe('workers', () => {
  const service = useService({ WORKERS: '2' })

  it('one is there at the start', () => {
    expect(service.app.pool.state).toMatchObject({ workers: 1, ready: 1 })
  })

  it('another one starts beside a long training, which does not join a first; small requests do not wait for it', async () => {
    const leaving = new AbortController()
    const post = (): Promise<string> =>
      fetch(`${service.url}/v1/train`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(manySteps), signal: leaving.signal }).then((response) => String(response.status), () => 'left')
    // The worker is known to be fast, and would be given many at once.
    for (let i = 0; i < 50; i++) await service.post('/v1/train', { ...notebook, optimizer: { type: 'SGD', lr: 0.01 }, steps: 1 })
    const running = [post()]
    await sleep(30)
    running.push(post())
    while (service.app.pool.state.ready < 2) await sleep(5)
    await sleep(100)
    expect(service.app.pool.state).toMatchObject({ workers: 2, ready: 2, busy: 2, queued: 0 })
    const { body } = await service.post('/v1/backward', notebook)
    expect(body).toEqual(example)
    leaving.abort()
    expect(await Promise.all(running)).toEqual(['left', 'left'])
  })
})

describe('small requests and one that is slow', () => {
  const service = useService({ WORKERS: '2' })
  const slow = { model: { forward: ['a = torch.ones(1200, 1200)', 'for i in range(20):', '  a = a @ a / 1200', 'y_hat = a.mean()'] } }

  it('another worker takes back what stands behind it', async () => {
    const first = new AbortController()
    const training = fetch(`${service.url}/v1/train`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(manySteps), signal: first.signal }).catch(() => 'left')
    while (service.app.pool.state.ready < 2) await sleep(5)
    first.abort()
    expect(await training).toBe('left')
    // Both workers are known to be fast before the slow one comes.
    for (let i = 0; i < 20; i++) await Promise.all(Array.from({ length: 40 }, () => service.post('/v1/backward', notebook)))
    const ended: string[] = []
    const note = (name: string) => ({ status }: { status: number }): number => ended.push(`${name} ${status}`)
    const all = [service.post('/v1/forward', slow).then(note('slow'))]
    for (let i = 0; i < 5; i++) all.push(service.post('/v1/backward', notebook).then(note('small')))
    await sleep(20)
    for (let i = 0; i < 5; i++) all.push(service.post('/v1/backward', notebook).then(note('small')))
    await Promise.all(all)
    expect(ended).toEqual([...Array.from({ length: 10 }, () => 'small 200'), 'slow 200'])
  })
})

describe('requests that are given up', () => {
  const service = useService({ WORKERS: '1', QUEUE_LIMIT: '100', CANCEL_GRACE_MS: '200' })

  it('make room in the worker for those that wait', async () => {
    for (let i = 0; i < 20; i++) await Promise.all(Array.from({ length: 40 }, () => service.post('/v1/backward', notebook)))
    const post = (path: string, spec: object, signal: AbortSignal): Promise<number | string> =>
      fetch(`${service.url}${path}`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(spec), signal }).then(({ status }) => status, () => 'left')
    const [slow, first, last] = [new AbortController(), new AbortController(), new AbortController()]
    const all = [post('/v1/train', { ...oneLongStep, steps: 1 }, slow.signal)]
    while (service.app.pool.state.busy === 0) await sleep(5)
    for (let i = 0; i < 60; i++) all.push(post('/v1/backward', notebook, first.signal))
    while (service.app.pool.state.queued === 0) await sleep(5)
    await sleep(100)
    for (let i = 0; i < 10; i++) all.push(post('/v1/backward', notebook, last.signal))
    await sleep(100)
    expect(service.app.pool.state.queued).toBeGreaterThanOrEqual(10)
    first.abort()
    await sleep(100)
    expect(service.app.pool.state).toMatchObject({ busy: 1, queued: 0 })
    slow.abort()
    last.abort()
    expect(await Promise.all(all)).toEqual(all.map(() => 'left'))
  })
})

describe('an answer of many megabytes', () => {
  const service = useService({ WORKERS: '1' })

  it('comes in pieces, with its length', async () => {
    const { headers, body } = await service.post('/v1/forward', { model: { forward: 'y_hat = torch.arange(1000000) * 0.5' }, data: {}, dtype: 'float64' })
    expect(Number(headers['content-length'])).toBeGreaterThan(5e6)
    expect(body.outputs.y_hat).toHaveLength(1_000_000)
    expect(body.outputs.y_hat[999_999]).toBe(499_999.5)
  })
})

describe('a slow reader', () => {
  const service = useService({ WORKERS: '1' })

  it('does not make the service gather the whole answer', async () => {
    const response = await fetch(`${service.url}/v1/train`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/x-ndjson' },
      body: JSON.stringify({ model: { parameters: { w: { shape: [100, 100], init: { type: 'uniform' } } }, forward: 'y_hat = w * w' }, loss: 'y_hat.mean()', optimizer: { type: 'SGD', lr: 0.1 }, steps: 600 }),
    })
    const reader = response.body!.getReader()
    await reader.read()
    await sleep(1000)
    // About 70 MB would be there by now; the worker waits instead.
    expect(service.app.pool.state.busy).toBe(1)
    let bytes = 0
    let last = ''
    for (let piece = await reader.read(); !piece.done; piece = await reader.read()) {
      bytes += piece.value.length
      last = new TextDecoder().decode(piece.value.subarray(-200))
    }
    expect(bytes).toBeGreaterThan(50e6)
    expect(last).toMatch(/"status":"succeeded",.*}\n$/)
    expect(service.app.pool.state.busy).toBe(0)
  })
})

describe('a service that closes', () => {
  const service = useService({ WORKERS: '1', SHUTDOWN_TIMEOUT_MS: '400' })

  it('finishes what is short, refuses what is new, ends what is long', async () => {
    const long = service.post('/v1/train', manySteps).then((response) => response)
    while (service.app.pool.state.busy === 0) await sleep(5)
    const closing = service.app.close()
    await sleep(50)
    const ready = await service.get('/health/ready')
    expect([ready.status, ready.body.status]).toEqual([503, 'shutting down'])
    const refused = await service.post('/v1/backward', notebook)
    expect([refused.status, refused.body.code, refused.headers['retry-after']]).toEqual([503, 'shutting_down', '1'])
    const ended = await long
    expect([ended.status, ended.body.code, ended.headers['retry-after']]).toEqual([503, 'shutting_down', '1'])
    await closing
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

describe('a fault of the service', () => {
  it('is a 500 with an id to quote; the stack is in the log alone', async () => {
    const lines: string[] = []
    const app = await buildApp({ config: readConfig({ WORKERS: '1' }), logger: pino({ level: 'info' }, { write: (line: string) => void lines.push(line) }) })
    app.get('/fault', () => {
      throw new TypeError('a secret of the service')
    })
    const { statusCode, headers, body } = await app.inject({ url: '/fault', headers: { 'x-request-id': 'abc' } })
    await app.close()
    expect(statusCode).toBe(500)
    expect(headers['content-type']).toMatch(/^application\/problem\+json/)
    expect(JSON.parse(body)).toMatchObject({ code: 'internal_error', instance: 'urn:request:abc', detail: expect.stringContaining('abc') })
    expect(body).not.toMatch(/secret|TypeError|\.ts/)
    expect(lines.some((line) => line.includes('a secret of the service') && line.includes('load.test.ts'))).toBe(true)
  })
})

describe('a request that outgrows its worker', () => {
  const service = useService({ WORKERS: '1', WORKER_HEAP_MB: '60' })

  it('is told so; a new worker serves the next', async () => {
    const { status, body } = await service.post('/v1/forward', { model: { forward: Array.from({ length: 2_000_000 }, (_, i) => `x${i}`) }, data: { x: 1 } })
    expect([status, body.code]).toEqual([422, 'memory_limit'])
    expect(body.detail).toContain('60 MB')
    const next = await service.post('/v1/backward', notebook)
    expect(next.body).toEqual(example)
  })
})
