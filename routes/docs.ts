/** GET /openapi.yaml, /docs (Swagger UI) and /errors (what every error code means). */
import { readFile } from 'node:fs/promises'
import swagger from '@fastify/swagger'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { errorCodes } from '../engine/errors.ts'
import { formCodes, serviceCodes } from '../src/errors.ts'
import type { OperationDoc } from '../src/openapi.ts'
import { escapeHtml, page } from '../src/page.ts'
import { version } from '../src/version.ts'

const documentDoc = async (): Promise<OperationDoc> => ({
  operationId: 'getOpenApiDocument',
  tag: 'Service',
  summary: 'This document',
  answers: { 200: { description: 'OpenAPI 3.1 in YAML', content: { 'application/yaml': 'text' } } },
  problems: [500],
})

const errorsDoc = async (): Promise<OperationDoc> => ({
  operationId: 'getErrorCodes',
  tag: 'Service',
  summary: 'What every error code means',
  answers: { 200: { description: 'A page with a table of all codes', content: { 'text/html': 'text' } } },
  problems: [500],
})

/** Made from the schemas by `npm run openapi`, and checked to be what they say: the schemas are not in this thread. */
const document = new URL('../openapi.yaml', import.meta.url)

export default async function docsRoutes(app: FastifyInstance): Promise<void> {
  app.get('/openapi.yaml', { config: { api: documentDoc } }, async (_request, reply) => reply.type('application/yaml').send(await readFile(document)))
  app.get('/errors', { config: { api: errorsDoc } }, async (_request, reply) => reply.type('text/html; charset=utf-8').send(errorsPage()))
  await app.register(async (inner) => {
    // The UI's plugin asks for one that has the document. Its own routes of it, from which the UI reads, lead to the above.
    await inner.register(swagger, { mode: 'static', specification: { document: { openapi: '3.1.0', info: { title: 'chainrule', version: version() }, paths: {} } } })
    const preHandler = (request: FastifyRequest, reply: FastifyReply, done: () => void): void => {
      const { url } = request.routeOptions
      if (url === '/docs/json' || url === '/docs/yaml') reply.redirect('../openapi.yaml')
      else done()
    }
    await inner.register(swaggerUi, { routePrefix: '/docs', staticCSP: true, transformStaticCSP: asServed, logLevel: 'warn', uiHooks: { preHandler } })
  })
}

/** Where the service is reached by HTTP, the page's own files are too. */
function asServed(policy: string): string {
  return policy.replace('upgrade-insecure-requests;', '').trim()
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
