/** The service as a Fastify instance: the same in tests and in production. */
import { randomUUID } from 'node:crypto'
import { IncomingMessage, ServerResponse } from 'node:http'
import type { OutgoingHttpHeaders } from 'node:http'
import { Socket } from 'node:net'
import { availableParallelism } from 'node:os'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { setFlagsFromString } from 'node:v8'
import accepts from '@fastify/accepts'
import autoload from '@fastify/autoload'
import fastify, { LogController } from 'fastify'
import type { ConnectionError, FastifyBaseLogger, FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import helmet from 'helmet'
import type { HelmetOptions } from 'helmet'
import { pino } from 'pino'
import { BodyTooLarge, takeBody } from './body.ts'
import type { CapabilityTexts } from './capabilities.ts'
import { capabilitySource } from './capabilities.ts'
import type { Config } from './config.ts'
import { allowOrigins } from './cors.ts'
import { problem } from './errors.ts'
import type { OperationDoc } from './openapi.ts'
import type { PoolEvent } from './pool.ts'
import { Pool, ProblemError, WorkerFault } from './pool.ts'

declare module 'fastify' {
  interface FastifyInstance {
    readonly pool: Pool
    readonly settings: Config
    readonly capabilities: () => Promise<CapabilityTexts>
  }
  interface FastifyContextConfig {
    /** What the route says of itself; the schemas are loaded only where that is asked for. */
    api?: () => Promise<OperationDoc>
  }
  interface FastifyRequest {
    /** What the route wants in the request's line of the log. */
    logFields: Record<string, unknown>
  }
}

/** What helmet sets: always the same, so it is asked once. */
function headersOf(options: HelmetOptions): OutgoingHttpHeaders {
  const request = new IncomingMessage(new Socket())
  const response = new ServerResponse(request)
  helmet({ contentSecurityPolicy: false, ...options })(request, response, () => {})
  // What Node gives is a dictionary, which is read more slowly.
  return { ...response.getHeaders() }
}

/** For what a browser can show as a page. */
const pageHeaders = headersOf({})
/** For the answers of operations, which are data: what says how a page behaves would only make small ones larger. */
const dataHeaders = headersOf({
  crossOriginOpenerPolicy: false,
  originAgentCluster: false,
  xDnsPrefetchControl: false,
  xDownloadOptions: false,
  xPermittedCrossDomainPolicies: false,
  xXssProtection: false,
})

export interface AppOptions {
  readonly config: Config
  /** By default a pino logger at the configured level. */
  readonly logger?: FastifyBaseLogger
}

export async function buildApp({ config, logger }: AppOptions): Promise<FastifyInstance> {
  // Before the first module is compiled: V8 reuses code of equal bytes.
  if (config.WIDE_SIMD === 'on') setFlagsFromString('--experimental-wasm-revectorize')
  const log = logger ?? pino({ level: config.LOG_LEVEL })
  const app = fastify({
    loggerInstance: log,
    // One line a request, written when its connection has it or is gone.
    logController: new LogController({ disableRequestLogging: true }),
    // Lines name their request themselves: a logger for each takes 4 % of the main thread's time.
    childLoggerFactory: (own) => own,
    genReqId: requestId,
    requestIdHeader: false,
    // A closing server answers 503 by itself, as a problem.
    return503OnClosing: false,
    frameworkErrors: (error, request, reply) => answerBadUrl(error, request, reply),
    clientErrorHandler: answerNoRequest,
    forceCloseConnections: 'idle',
  })
  const pool = new Pool({ ...poolSizes(config), setup: workerSetup(config), onEvent: (event) => logEvent(log, event) })
  app.decorate('pool', pool)
  app.decorate('settings', config)
  app.decorateRequest('logFields')
  app.decorate('capabilities', capabilitySource(config))
  let closing = false
  app.addHook('preClose', async () => {
    closing = true
    await pool.close(config.SHUTDOWN_TIMEOUT_MS)
  })

  app.addHook('onRequest', (request, reply, done) => {
    request.logFields = {}
    reply.headers(request.method === 'POST' ? dataHeaders : pageHeaders).header('x-request-id', request.id)
    if (closing) reply.header('connection', 'close')
    // Also when the client has gone away, of which Fastify tells nothing.
    reply.raw.on('close', () => logRequest(request, reply))
    done()
  })
  app.setErrorHandler((error: FastifyError, request, reply) => answerError(error, request, reply))
  app.setNotFoundHandler((request, reply) => answerUnknown(app, request, reply))
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', (_request, payload, done) => takeBody(payload, config.MAX_BODY_BYTES, done))

  await app.register(accepts)
  await allowOrigins(app, config.CORS_ORIGINS)
  await registerRoutes(app)
  return app
}

export async function registerRoutes(app: FastifyInstance): Promise<void> {
  await app.register(autoload, { dir: fileURLToPath(new URL('../routes', import.meta.url)), forceESM: true })
}

function poolSizes(config: Config): { workers: number; queueLimit: number; cancelGraceMs: number; heapMb: number; restMs: number } {
  return { workers: config.WORKERS, queueLimit: config.QUEUE_LIMIT, cancelGraceMs: config.CANCEL_GRACE_MS, heapMb: config.WORKER_HEAP_MB, restMs: config.REST_AFTER_MS }
}

function workerSetup(config: Config): ConstructorParameters<typeof Pool>[0]['setup'] {
  return {
    threads: config.THREADS_PER_RUN,
    cores: availableParallelism(),
    wide: config.WIDE_SIMD === 'on',
    debug: config.ENGINE_DEBUG,
    programCache: config.PROGRAM_CACHE,
    limits: {
      maxSteps: config.MAX_STEPS,
      maxElements: config.MAX_ELEMENTS,
      maxProgramLength: config.MAX_PROGRAM_LENGTH,
      maxProgramDepth: config.MAX_PROGRAM_DEPTH,
      maxTraceSteps: config.MAX_TRACE_STEPS,
      maxNodes: config.MAX_GRAPH_NODES,
      maxMemoryBytes: config.MAX_MEMORY_BYTES,
      maxResponseBytes: config.MAX_RESPONSE_BYTES,
    },
  }
}

function logEvent(log: FastifyBaseLogger, event: PoolEvent): void {
  if (event.type === 'worker lost') log.warn({ reason: event.reason }, 'worker lost; another one starts')
  else if (event.type === 'rested') log.debug('at rest: one new worker in the place of all')
  // For reading, so not as JSON.
  else if (event.type === 'debug') process.stderr.write(event.text)
  else if (event.selfTest.note === undefined) log.debug(event.selfTest, 'worker ready')
  else log.warn(event.selfTest, 'worker ready')
}

/** A caller's own id when it is plain and short, else a new one. */
function requestId(request: { headers: Record<string, string | string[] | undefined> }): string {
  const given = request.headers['x-request-id']
  return typeof given === 'string' && /^[\w.:+/=@-]{1,128}$/.test(given) ? given : randomUUID()
}

/** The request's line of the log; `aborted` where the answer did not get out, and no status where it had not begun. */
function logRequest(request: FastifyRequest, reply: FastifyReply): void {
  const route = request.routeOptions.url ?? request.url
  const { headersSent, writableFinished } = reply.raw
  request.log.info({ reqId: request.id, ...request.logFields, route: `${request.method} ${route}`, ...(headersSent && { status: reply.statusCode }), ms: Math.round(reply.elapsedTime * 100) / 100, ...(!writableFinished && { aborted: true }) }, 'request')
}

// ---- errors

/** Problems of errors that Fastify itself throws. */
const frameworkProblems: Readonly<Record<string, { code: string; detail: (request: FastifyRequest) => string }>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: { code: 'unsupported_media_type', detail: (request) => `application/json expected, got ${request.headers['content-type'] ?? 'no content type'}` },
}

function answerError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  // The client went away while the answer was on its way.
  if (reply.raw.destroyed) return reply
  const known = frameworkProblems[error.code]
  if (error instanceof ProblemError) return sendProblem(error, request, reply)
  if (known) return sendProblem(new ProblemError(problem(known.code, known.detail(request))), request, reply)
  if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500) {
    return sendProblem(new ProblemError({ ...problem('invalid_request', error.message), status: error.statusCode }), request, reply)
  }
  request.log.error({ reqId: request.id, err: error, ...(error instanceof WorkerFault && { workerStack: error.workerStack }) }, 'fault')
  return sendProblem(new ProblemError(problem('internal_error', `a fault of the service; quote the id ${request.id}`)), request, reply)
}

export function sendProblem(error: ProblemError, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const { errors, ...head } = error.problem
  request.logFields['code'] = head.code
  if (error.retryAfter !== undefined) reply.header('retry-after', String(error.retryAfter))
  const text = JSON.stringify({ ...head, instance: `urn:request:${request.id}`, ...(errors && { errors }) })
  reply.code(head.status).type('application/problem+json; charset=utf-8')
  if (!(error instanceof BodyTooLarge)) return reply.send(text)
  return reply.header('content-length', Buffer.byteLength(text)).send(Readable.from(heldOpen(text, error.drained)))
}

async function* heldOpen(text: string, until: Promise<void>): AsyncGenerator<string> {
  yield text
  await until
}

/** What is no path, which Fastify refuses before any hook. */
function answerBadUrl(error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  request.logFields = {}
  reply.raw.on('close', () => logRequest(request, reply))
  answerError(error, request, reply.headers(pageHeaders).header('x-request-id', request.id))
}

const unreadable: Readonly<Record<string, { readonly status: string; readonly detail: string }>> = {
  ERR_HTTP_REQUEST_TIMEOUT: { status: '408 Request Timeout', detail: 'the request did not come in time' },
  HPE_HEADER_OVERFLOW: { status: '431 Request Header Fields Too Large', detail: 'path and headers are larger than the limit of 16 kB' },
}

/** What came is no request of HTTP, or only a part of one: the connection ends. */
function answerNoRequest(error: ConnectionError, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return
  const { status, detail } = unreadable[error.code] ?? { status: '400 Bad Request', detail: 'what came is not HTTP/1.1' }
  const id = randomUUID()
  const body = JSON.stringify({ ...problem('invalid_request', detail), status: Number.parseInt(status, 10), instance: `urn:request:${id}` })
  if (socket.writable) socket.write(`HTTP/1.1 ${status}\r\nContent-Type: application/problem+json; charset=utf-8\r\nContent-Length: ${body.length}\r\nX-Request-Id: ${id}\r\nConnection: close\r\n\r\n${body}`)
  socket.destroy(error)
}

const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'] as const

function answerUnknown(app: FastifyInstance, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const path = request.url.split('?')[0]!
  const allowed = methods.filter((method) => app.findRoute({ method, url: path }) !== null)
  // A route for all files of a folder has none of this name.
  if (allowed.length === 0 || allowed.some((method) => method === request.method)) return sendProblem(new ProblemError(problem('not_found', `there is nothing at ${path}; see /docs`)), request, reply)
  reply.header('allow', allowed.join(', '))
  return sendProblem(new ProblemError(problem('method_not_allowed', `${path} takes ${allowed.join(', ')}, got ${request.method}`)), request, reply)
}
