/** POST /v1/forward, /v1/backward, /v1/graph, /v1/export, /v1/hessian, /v1/train and /v1/validate: the body goes to a worker, its answer comes back. */
import { PassThrough } from 'node:stream'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { problem } from '../src/errors.ts'
import { AbortedError, ProblemError } from '../src/pool.ts'
import type { Format, Head, JobStats } from '../src/protocol.ts'
import { formats, contentTypes } from '../src/protocol.ts'
import type { Operation } from '../src/spec.ts'

export default async function computeRoutes(app: FastifyInstance): Promise<void> {
  for (const operation of ['forward', 'backward', 'graph', 'export', 'hessian', 'train', 'validate'] as const) {
    app.post(`/v1/${operation}`, { config: { api: async () => (await import('../src/operations.ts')).operationDocs[operation] } }, (request, reply) => {
      const body = bodyOf(request)
      // The form of a graph is a field of the request.
      answer(app, operation, operation === 'graph' ? 'json' : formatOf(operation, request), body, request, reply)
    })
  }
}

function bodyOf({ body, headers }: FastifyRequest): Uint8Array {
  const { 'content-type': type, 'content-encoding': coding = 'identity' } = headers
  if (type === undefined) throw new ProblemError(problem('unsupported_media_type', 'a JSON body is expected, sent as application/json'))
  if (coding.toLowerCase() !== 'identity') throw new ProblemError(problem('unsupported_media_type', `a body without Content-Encoding is expected, got ${coding}`))
  if (!(body instanceof Uint8Array) || body.length === 0) throw new ProblemError(problem('invalid_json', 'the body is empty; a JSON object is expected'))
  return body
}

/** Answers to Accept headers, of which there are few. */
const maxKnown = 100
const known = new Map<string, Format>()

/** What the Accept header asks for. */
function formatOf(operation: Operation, request: FastifyRequest): Format {
  const { accept } = request.headers
  if (accept === undefined && !formats[operation]) return 'json'
  const key = `${operation} ${accept ?? ''}`
  let format = known.get(key)
  if (!format) {
    format = chosenFormat(operation, request)
    if (known.size < maxKnown) known.set(key, format)
  }
  return format
}

function chosenFormat(operation: Operation, request: FastifyRequest): Format {
  const offered = formats[operation] ?? ['json']
  const chosen = request.accepts().type(offered.map((format) => contentTypes[format]))
  const format = offered.find((candidate) => contentTypes[candidate] === chosen)
  if (format) return format
  const list = offered.map((candidate) => contentTypes[candidate]).join(', ')
  throw new ProblemError(problem('not_acceptable', `${list} can be had, got Accept: ${request.headers.accept ?? ''}`))
}

/** Hands the request in, and answers when the worker has. */
function answer(app: FastifyInstance, operation: Operation, format: Format, bytes: Uint8Array, request: FastifyRequest, reply: FastifyReply): void {
  let pieces: Pieces | undefined
  const abandon = app.pool.submit({
    operation,
    format,
    bytes,
    onStarted: (head) => {
      pieces = new Pieces(format, reply, head)
    },
    onChunk: (piece, taken) => pieces?.write(piece, taken),
    onEnd: ({ body, head, stats }) => {
      settled()
      logStats(request, operation, stats)
      if (pieces) pieces.end(body)
      else withHead(reply, head).send(body)
    },
    onFail: (error) => {
      settled()
      if (error instanceof AbortedError) {
        if (!pieces) reply.hijack()
        pieces?.destroy()
        reply.raw.destroy()
      } else if (!pieces) {
        reply.send(error)
      } else {
        pieces.fail(problemIn(error, request))
      }
    },
  })
  let over = false
  reply.raw.on('close', () => {
    if (!over && !reply.raw.writableFinished) abandon(new AbortedError('the client went away'))
  })
  const { REQUEST_TIMEOUT_MS: limit } = app.settings
  const timer = setTimeout(() => abandon(new ProblemError(problem('timeout', `the computation took longer than the limit of ${limit} ms`))), limit)
  const settled = (): void => {
    over = true
    clearTimeout(timer)
  }
}

/** Sets the headers of an answer. */
function withHead(reply: FastifyReply, { contentType, headers }: Head): FastifyReply {
  for (let i = 0; i < headers.length; i += 2) reply.header(headers[i]!, headers[i + 1])
  return reply.type(contentType)
}

/** What ends an answer that has begun. */
function problemIn(error: unknown, request: FastifyRequest): object {
  const instance = `urn:request:${request.id}`
  if (error instanceof ProblemError) {
    request.logFields['code'] = error.problem.code
    return { ...error.problem, instance }
  }
  request.log.error({ reqId: request.id, err: error }, 'fault')
  return { ...problem('internal_error', `a fault of the service; quote the id ${request.id}`), instance }
}

function logStats(request: FastifyRequest, operation: Operation, stats: JobStats): void {
  const round = (ms: number): number => Math.round(ms * 1000) / 1000
  Object.assign(request.logFields, { peak_bytes: stats.peakBytes, kernels: stats.kernels, cached: stats.cached })
  if (operation === 'train') {
    Object.assign(request.logFields, { steps: stats.steps, compile_ms: round(stats.compileMs), step_ms: stats.steps === 0 ? 0 : round(stats.runMs / stats.steps) })
  }
}

/** An answer in pieces: lines of JSON, server-sent events, or one that is too large for one piece. From here on its status is 200. */
class Pieces {
  readonly #format: Format
  readonly #reply: FastifyReply
  readonly #body = new PassThrough()

  constructor(format: Format, reply: FastifyReply, head: Head) {
    this.#format = format
    this.#reply = reply
    withHead(reply, head)
    const { length } = head
    if (length === undefined) reply.header('cache-control', 'no-store').header('x-accel-buffering', 'no').header('connection', 'close')
    else reply.header('content-length', length)
    // A first comment at once, so that a client sees that its events come.
    if (format === 'sse') this.#body.write(': started\n\n')
    reply.send(this.#body)
    // Not only with the first step.
    reply.raw.flushHeaders()
  }

  write(bytes: Uint8Array, taken: () => void): void {
    this.#body.write(bytes, () => taken())
  }

  end(body: Uint8Array | string): void {
    this.#body.end(body)
  }

  /** The answer ends with a problem; one whose length was told is cut short. */
  fail(given: object): void {
    const text = JSON.stringify(given)
    if (this.#format === 'sse') this.#body.end(`event: error\ndata: ${text}\n\n`)
    else if (this.#format === 'ndjson') this.#body.end(`{"error":${text}}\n`)
    else this.#reply.raw.destroy()
  }

  destroy(): void {
    this.#body.destroy()
  }
}
