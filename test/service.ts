/** The real service, for tests: an app on its own workers. */
import { afterAll, beforeAll, expect } from 'vitest'
import { pino } from 'pino'
import supertest from 'supertest'
import type { FastifyInstance } from 'fastify'
import { buildApp } from '../src/app.ts'
import { readConfig } from '../src/config.ts'

export interface Service {
  readonly app: FastifyInstance
  readonly url: string
  /** Posts JSON, or text as it is. */
  readonly post: (path: string, body: unknown, headers?: Record<string, string>) => supertest.Test
  readonly get: (path: string) => supertest.Test
  /** Lines of the log so far. */
  readonly logged: () => Record<string, unknown>[]
}

/** Starts a service before the tests of a file and closes it after them. */
export function useService(settings: Record<string, string> = {}): Service {
  const lines: string[] = []
  let app: FastifyInstance | undefined
  let url = ''
  beforeAll(async () => {
    const config = readConfig({ WORKERS: '2', WIDE_SIMD: process.env['WIDE_SIMD'] ?? 'on', ...settings })
    const logger = pino({ level: 'info' }, { write: (line: string) => void lines.push(line) })
    app = await buildApp({ config, logger })
    url = await app.listen({ port: 0, host: '127.0.0.1' })
    while (app.pool.state.ready === 0) await new Promise((resolve) => setTimeout(resolve, 10))
  })
  afterAll(async () => {
    await app?.close()
  })
  return {
    get app() {
      return app!
    },
    get url() {
      return url
    },
    post: (path, body, headers = {}) =>
      supertest(url)
        .post(path)
        .set({ 'content-type': 'application/json', ...headers })
        .send(typeof body === 'string' ? body : JSON.stringify(body)),
    get: (path) => supertest(url).get(path),
    logged: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>),
  }
}

/** The answer of a training without what differs from run to run: how long it took, and how much memory. */
export function untimed<T extends object>(body: T): Omit<T, 'timing' | 'memory_bytes'> {
  const { timing, memory_bytes: bytes, ...rest } = body as T & { timing: Record<string, number>; memory_bytes: number }
  expect(Object.entries(timing).map(([part, ms]) => [part, ms >= 0 && ms < 60_000])).toEqual(['queue', 'parse', 'compile', 'train', 'step'].map((part) => [part, true]))
  expect(bytes).toBeGreaterThan(1000)
  return rest
}

/** The test client's parser for an answer of bytes. */
export function bytesOf(response: supertest.Response, done: (error: Error | null, body: unknown) => void): void {
  const parts: Buffer[] = []
  response.on('data', (part: Buffer) => parts.push(part))
  response.on('end', () => done(null, Buffer.concat(parts)))
}

/** The notebook's example. */
export const notebook = {
  model: { parameters: { w: { value: 1.0 } }, forward: 'y_hat = w * x' },
  loss: '(y_hat - y)**2',
  data: { x: 1.0, y: 2.0 },
}

export interface ExpectedProblem {
  readonly status: number
  readonly code: string
  /** Fields of the first item of `errors`. */
  readonly error?: { pointer?: string; code?: string; line?: number; column?: number; message?: RegExp }
}

/** Posts what must be refused. */
export async function expectProblem(service: Service, path: string, body: unknown, { status, code, error }: ExpectedProblem): Promise<void> {
  const response = await service.post(path, body)
  expect([response.status, response.body.code], JSON.stringify(response.body)).toEqual([status, code])
  expect(response.headers['content-type']).toMatch(/^application\/problem\+json/)
  expect(response.body).toMatchObject({ type: `/errors#${code}`, status, title: expect.any(String), detail: expect.any(String), instance: `urn:request:${response.headers['x-request-id']}` })
  if (!error) return
  const { message, ...place } = error
  expect(response.body.errors[0], JSON.stringify(response.body)).toMatchObject(place)
  if (message) expect(response.body.errors[0].message).toMatch(message)
}
