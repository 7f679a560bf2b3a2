/** Pages of other origins: what a browser asks before it sends their requests, and what it looks for in the answers. */
import { describe, expect, it } from 'vitest'
import type { Response } from 'supertest'
import { readConfig } from '../../src/config.ts'
import { notebook, useService } from '../service.ts'

const origin = 'https://notebook.example'
const training = { ...notebook, optimizer: { type: 'SGD', lr: 0.01 }, steps: 2 }
const exposed = 'Server-Timing, X-Request-Id, Retry-After, ETag, Location, Allow, Content-Disposition, Run-Status, Run-Steps, Run-Loss'

/** What says whose pages may read the answer. */
const said = ({ status, headers }: Response): unknown[] => [status, headers['access-control-allow-origin'], headers['access-control-expose-headers']]

describe('one origin of several', () => {
  const service = useService({ WORKERS: '1', CORS_ORIGINS: `http://localhost:5173, ${origin}`, MAX_BODY_BYTES: '1000' })
  const ask = (from: string): Promise<globalThis.Response> =>
    fetch(`${service.url}/v1/train`, { method: 'OPTIONS', headers: { origin: from, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' } })

  it('may post JSON: the question before it is answered, and the answer kept', async () => {
    const response = await ask(origin)
    expect([response.status, await response.text()]).toEqual([204, ''])
    expect(Object.fromEntries([...response.headers].filter(([name]) => name.startsWith('access-control-')))).toEqual({
      'access-control-allow-origin': origin,
      'access-control-allow-methods': 'GET, HEAD, POST',
      'access-control-allow-headers': 'content-type',
      'access-control-expose-headers': exposed,
      'access-control-max-age': '7200',
    })
    expect(response.headers.get('vary')).toBe('Origin, Access-Control-Request-Headers')
    expect(response.headers.get('x-request-id')).not.toBeNull()
  })

  it.each(['application/json', 'application/x-ndjson', 'text/event-stream', 'application/octet-stream'])('may read %s', async (accept) => {
    const response = await service.post('/v1/train', training, { origin, accept }).expect(200)
    expect(said(response)).toEqual([200, origin, exposed])
    expect(response.headers['vary']).toContain('Origin')
    expect(response.headers).not.toHaveProperty('access-control-allow-credentials')
  })

  it.each([
    ['of a program', 422, '/v1/train', { ...training, loss: 'nothing' }],
    ['of a body that is too large', 413, '/v1/train', { ...training, note: 'a'.repeat(1000) }],
    ['of a path that there is not', 404, '/v1/nothing', {}],
    ['of a method', 405, '/health/live', {}],
  ] as const)('may read a problem %s', async (_what, status, path, body) => {
    const response = await service.post(path, body, { origin })
    expect(said(response)).toEqual([status, origin, exposed])
    expect(response.headers['content-type']).toMatch(/^application\/problem\+json/)
  })

  it('may read what is asked for with GET', async () => expect(said(await service.get('/v1/capabilities?kind=dtypes').set({ origin }))).toEqual([200, origin, exposed]))

  it.each(['https://other.example', `${origin}.other.example`, 'null'])('%s may not', async (other) => {
    expect((await ask(other)).headers.get('access-control-allow-origin')).toBeNull()
    const response = await service.post('/v1/train', training, { origin: other })
    expect(response.headers).not.toHaveProperty('access-control-allow-origin')
    // A cache must not give this answer to those who may.
    expect(response.headers['vary']).toContain('Origin')
  })
})

describe('all origins', () => {
  const service = useService({ WORKERS: '1', CORS_ORIGINS: '*' })

  it('may read answers', async () => expect(said(await service.post('/v1/train', training, { origin }))).toEqual([200, '*', exposed]))
})

describe('without the setting', () => {
  const service = useService({ WORKERS: '1' })

  it('no origin may, and OPTIONS is no method', async () => {
    const asked = await fetch(`${service.url}/v1/train`, { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'POST' } })
    expect(asked.status).toBe(405)
    const response = await service.post('/v1/train', training, { origin })
    expect(said(response)).toEqual([200, undefined, undefined])
    expect(response.headers).not.toHaveProperty('vary')
  })
})

describe('the setting', () => {
  it.each([
    ['example.com', '"example.com" is no origin'],
    ['localhost:5173', '"localhost:5173" is no origin'],
    ['https://a.org/', '"https://a.org/" is no origin; write https://a.org'],
    ['https://a.org/page,https://b.org', '"https://a.org/page" is no origin; write https://a.org'],
    ['https://A.org', '"https://A.org" is no origin; write https://a.org'],
    ['https://a.org:443', 'write https://a.org'],
    ['https://a.org,', '"" is no origin'],
    ['https://a.org,*', '"*" is no origin'],
    ['https://*.a.org', 'is no origin'],
    ['null', '"null" is no origin'],
  ])('%s is refused at the start', (setting, message) => expect(() => readConfig({ CORS_ORIGINS: setting })).toThrow(message))

  it.each(['none', '*', 'https://a.org', 'http://localhost:5173, https://a.org:8443,http://[::1]:3000'])('%s is taken', (setting) => expect(readConfig({ CORS_ORIGINS: setting }).CORS_ORIGINS).toBe(setting))
})
