/** POST /v1/forward, /v1/backward, /v1/graph, /v1/export, /v1/hessian and /v1/train: the body goes to a worker, its answer comes back. */
import { PassThrough } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { problem } from '../src/errors.ts'
import type { JobAnswer } from '../src/pool.ts'
import { AbortedError, ProblemError } from '../src/pool.ts'
import type { Format, Job, JobStats } from '../src/protocol.ts'
import { contentTypes, formats } from '../src/protocol.ts'
import type { Operation } from '../src/spec.ts'
import { validateText } from '../src/validate.ts'
import { operationDocs } from '../src/operations.ts'

export default async function computeRoutes(app: FastifyInstance): Promise<void> {
  for (const operation of ['forward', 'backward', 'graph', 'export', 'hessian', 'train'] as const) {
    app.post(`/v1/${operation}`, { config: { api: operationDocs[operation] } }, async (request, reply) => {
      // The form of a graph is a field of the request.
      const format = operation === 'graph' ? 'json' : formatOf(operation, request)
      const job = jobOf(operation, request, app.settings.INLINE_BODY_BYTES)
      await answer(app, operation, format, job, request, reply)
      return reply
    })
  }
}

/** What the Accept header asks for. */
function formatOf(operation: Operation, request: FastifyRequest): Format {
  const offered = formats[operation] ?? ['json']
  const chosen = request.accepts().type(offered.map((format) => contentTypes[format]))
  const format = offered.find((candidate) => contentTypes[candidate] === chosen)
  if (format) return format
  const list = offered.map((candidate) => contentTypes[candidate]).join(', ')
  throw new ProblemError(problem('not_acceptable', `${list} can be had, got Accept: ${request.headers.accept ?? ''}`))
}

/** Small bodies are checked here; large ones in the worker, so that they do not hold up other requests. */
function jobOf(operation: Operation, request: FastifyRequest, inlineBytes: number): Job['request'] {
  const bytes = request.body
  if (!(bytes instanceof Uint8Array) || bytes.length === 0) {
    throw new ProblemError(problem('unsupported_media_type', 'a JSON body is expected, sent as application/json'))
  }
  if (bytes.length > inlineBytes) return { bytes }
  const validated = validateText(operation, bytes)
  if (!validated.ok) throw new ProblemError(validated.problem)
  return { checked: validated.value }
}

async function answer(app: FastifyInstance, operation: Operation, format: Format, job: Job['request'], request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const controller = new AbortController()
  const gone = (): void => {
    if (!reply.raw.writableFinished) controller.abort(new AbortedError('the client went away'))
  }
  reply.raw.once('close', gone)
  const { REQUEST_TIMEOUT_MS: limit } = app.settings
  const timer = setTimeout(() => controller.abort(new ProblemError(problem('timeout', `the computation took longer than the limit of ${limit} ms`))), limit)
  const stream = format === 'json' || format === 'octets' ? undefined : new Streamed(format, reply)
  try {
    const result = await app.pool.run({
      operation,
      request: job,
      format,
      signal: controller.signal,
      onStarted: () => stream?.begin(),
      onChunk: (bytes, taken) => stream?.write(bytes, taken),
    })
    logStats(request, operation, result.stats)
    if (stream) stream.end(result)
    else reply.headers(result.headers).type(result.contentType).send(result.body)
  } catch (error) {
    if (error instanceof AbortedError) {
      request.logFields['aborted'] = true
      stream?.destroy()
      if (!stream?.begun) reply.hijack()
      reply.raw.destroy()
    } else if (stream?.begun && error instanceof ProblemError) {
      request.logFields['code'] = error.problem.code
      stream.fail({ ...error.problem, instance: `urn:request:${request.id}` })
    } else if (stream?.begun) {
      request.log.error({ err: error }, 'fault')
      stream.fail({ ...problem('internal_error', `a fault of the service; quote the id ${request.id}`), instance: `urn:request:${request.id}` })
    } else {
      throw error
    }
  } finally {
    clearTimeout(timer)
    reply.raw.off('close', gone)
  }
}

function logStats(request: FastifyRequest, operation: Operation, stats: JobStats): void {
  const round = (ms: number): number => Math.round(ms * 1000) / 1000
  Object.assign(request.logFields, { peak_bytes: stats.peakBytes, kernels: stats.kernels, cached: stats.cached })
  if (operation === 'train') {
    Object.assign(request.logFields, { steps: stats.steps, compile_ms: round(stats.compileMs), step_ms: stats.steps === 0 ? 0 : round(stats.runMs / stats.steps) })
  }
}

/** An answer in pieces: lines of JSON, or server-sent events. */
class Streamed {
  readonly #format: Format
  readonly #reply: FastifyReply
  readonly #body = new PassThrough()
  begun = false

  constructor(format: Format, reply: FastifyReply) {
    this.#format = format
    this.#reply = reply
  }

  /** Sends the head of the answer: from here on its status is 200. */
  begin(): void {
    this.begun = true
    this.#reply.header('cache-control', 'no-store').header('x-accel-buffering', 'no').header('connection', 'close').type(contentTypes[this.#format])
    // A first comment at once, so that a client sees that its events come.
    if (this.#format === 'sse') this.#body.write(': started\n\n')
    this.#reply.send(this.#body)
  }

  write(bytes: Uint8Array, taken: () => void): void {
    this.#body.write(bytes, () => taken())
  }

  end(result: JobAnswer): void {
    this.#body.end(result.body)
  }

  /** The answer ends with a problem. */
  fail(given: object): void {
    const text = JSON.stringify(given)
    this.#body.end(this.#format === 'sse' ? `event: error\ndata: ${text}\n\n` : `{"error":${text}}\n`)
  }

  destroy(): void {
    this.#body.destroy()
  }
}
