/** GET /health/live and /health/ready. */
import type { FastifyInstance } from 'fastify'
import type { OperationDoc } from '../src/openapi.ts'

const liveDoc = async (): Promise<OperationDoc> => ({
  operationId: 'getLive',
  tag: 'Service',
  summary: 'Whether the process answers',
  answers: { 200: { description: 'It does', content: { 'application/json': (await import('../src/responses.ts')).liveResponse } } },
  problems: [500],
})

const readyDoc = async (): Promise<OperationDoc> => {
  const { readyResponse } = await import('../src/responses.ts')
  return {
    operationId: 'getReady',
    tag: 'Service',
    summary: 'Whether a worker has passed its self-test and requests are taken',
    answers: {
      200: { description: 'Ready', content: { 'application/json': readyResponse } },
      503: { description: 'Starting or shutting down', content: { 'application/json': readyResponse } },
    },
    problems: [500],
  }
}

export default async function healthRoutes(app: FastifyInstance): Promise<void> {
  app.get('/health/live', { config: { api: liveDoc } }, async () => ({ status: 'ok' }))

  // Ready when a worker has passed its self-test and the service takes requests.
  app.get('/health/ready', { config: { api: readyDoc } }, async (_request, reply) => {
    const { workers, ready, busy, queued, closing, selfTest } = app.pool.state
    const status = closing ? 'shutting down' : ready > 0 ? 'ready' : 'starting'
    reply.code(status === 'ready' ? 200 : 503)
    if (status !== 'ready') reply.header('retry-after', '1')
    return {
      status,
      workers,
      ready,
      busy,
      queued,
      wide_simd: selfTest?.wide ?? null,
      self_test_ms: selfTest ? Math.round(selfTest.ms * 10) / 10 : null,
      ...(selfTest?.note !== undefined && { note: selfTest.note }),
    }
  })
}
