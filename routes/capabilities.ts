/** GET /v1/capabilities: what the service can do. The answer stays the same while the process runs. */
import { createHash } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { nearest } from '../engine/errors.ts'
import type { Kind } from '../src/capabilities.ts'
import { kinds } from '../src/capabilities.ts'
import { problem } from '../src/errors.ts'
import type { OperationDoc } from '../src/openapi.ts'
import { ProblemError } from '../src/pool.ts'

const doc = async (): Promise<OperationDoc> => ({
  operationId: 'getCapabilities',
  tag: 'Service',
  summary: 'What the service can do',
  description: 'Functions with their signatures, layers, losses, optimizers, schedulers, initialisations and metrics with the schemas of their options, dtypes, the limits in force, operations. With `If-None-Match` and the `ETag` of an earlier answer it is sent again only where it has changed (else 304).',
  query: { kind: { description: 'One kind of things instead of all', values: kinds } },
  answers: { 200: { description: 'All kinds, or the asked one', content: { 'application/json': (await import('../src/responses.ts')).capabilitiesResponse } }, 304: { description: 'As it was', content: {} } },
  problems: [400, 500],
})

interface Written {
  readonly body: string
  readonly etag: string
}

export default async function capabilitiesRoute(app: FastifyInstance): Promise<void> {
  const written = new Map<Kind | undefined, Written>()
  const write = async (kind: Kind | undefined): Promise<Written> => {
    const body = (await app.capabilities())[kind ?? 'all']
    const made = { body, etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"` }
    written.set(kind, made)
    return made
  }
  app.get('/v1/capabilities', { config: { api: doc } }, async (request, reply) => {
    const kind = kindOf(request.query as Readonly<Record<string, unknown>>)
    const { body, etag } = written.get(kind) ?? (await write(kind))
    reply.header('etag', etag).header('cache-control', 'public, max-age=300')
    if (isKnown(request.headers['if-none-match'], etag)) return reply.code(304).send()
    return reply.type('application/json').send(body)
  })
}

function kindOf(query: Readonly<Record<string, unknown>>): Kind | undefined {
  const unknown = Object.keys(query).find((name) => name !== 'kind')
  if (unknown !== undefined) throw new ProblemError(problem('invalid_request', `there is no parameter "${unknown}"; the one of this path is "kind"`))
  const { kind } = query
  if (kind === undefined) return undefined
  const known = kinds.find((name) => name === kind)
  if (known) return known
  const near = typeof kind === 'string' ? nearest(kind, kinds) : undefined
  throw new ProblemError(problem('invalid_request', `kind: one of ${kinds.join(', ')} expected, got ${JSON.stringify(kind)}${near === undefined ? '' : `; did you mean "${near}"?`}`))
}

/** RFC 9110, 13.1.2: a list of tags, or an asterisk; weak ones count too. */
function isKnown(header: string | undefined, etag: string): boolean {
  const tags = (header ?? '').split(',').map((tag) => tag.trim().replace(/^W\//, ''))
  return tags.includes('*') || tags.includes(etag)
}
