/** GET /openapi.yaml, /docs (Swagger UI) and /errors (what every error code means). */
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import { errorCodes } from '../engine/index.ts'
import { formCodes, serviceCodes } from '../src/errors.ts'
import { buildDocument, documentText } from '../src/openapi.ts'
import type { OperationDoc } from '../src/openapi.ts'
import { escapeHtml, page } from '../src/page.ts'

const documentDoc: OperationDoc = {
  operationId: 'getOpenApiDocument',
  tag: 'Service',
  summary: 'This document',
  answers: { 200: { description: 'OpenAPI 3.1 in YAML', content: { 'application/yaml': 'text' } } },
  problems: [500],
}

const errorsDoc: OperationDoc = {
  operationId: 'getErrorCodes',
  tag: 'Service',
  summary: 'What every error code means',
  answers: { 200: { description: 'A page with a table of all codes', content: { 'text/html': 'text' } } },
  problems: [500],
}

export default async function docsRoutes(app: FastifyInstance): Promise<void> {
  app.get('/openapi.yaml', { config: { api: documentDoc } }, async (_request, reply) => reply.type('application/yaml').send(documentText(app.operations)))
  app.get('/errors', { config: { api: errorsDoc } }, async (_request, reply) => reply.type('text/html; charset=utf-8').send(errorsPage()))
  // The UI reads the document once all routes are known.
  await app.register(async (inner) => {
    await inner.register(swagger, { mode: 'static', specification: { document: lazyDocument(app) as never } })
    await inner.register(swaggerUi, { routePrefix: '/docs', staticCSP: true, logLevel: 'warn' })
  })
}

/** An object whose properties are the document's when they are read. */
function lazyDocument(app: FastifyInstance): object {
  let built: Record<string, unknown> | undefined
  const document = (): Record<string, unknown> => (built ??= buildDocument(app.operations))
  return new Proxy(
    {},
    {
      get: (_target, key) => (typeof key === 'string' ? document()[key] : undefined),
      has: (_target, key) => key in document(),
      ownKeys: () => Reflect.ownKeys(document()),
      getOwnPropertyDescriptor: (_target, key) => ({ value: typeof key === 'string' ? document()[key] : undefined, enumerable: true, configurable: true }),
    },
  )
}

function errorsPage(): string {
  const rows = [
    ...Object.entries(serviceCodes).map(([code, { status, title }]) => [code, String(status), title] as const),
    ...Object.entries(formCodes).map(([code, title]) => [code, '400, inside errors', title] as const),
    ...Object.entries(errorCodes).map(([code, title]) => [code, '422', title] as const),
  ]
  const body = rows.map(([code, status, title]) => `<tr id="${code}"><td><code>${code}</code></td><td>${status}</td><td>${escapeHtml(title)}</td></tr>`)
  return page('Error codes', `<p>Every problem has a <code>code</code>. Inside <code>errors</code>, each fault has one too, with a JSON pointer and, in a program, line and column.</p><table><tr><th>code</th><th>status</th><th>meaning</th></tr>${body.join('')}</table>`)
}
