/** The documentation: openapi.yaml, its examples, the pages. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { errorCodes } from '../../engine/index.ts'
import { formCodes, serviceCodes } from '../../src/errors.ts'
import { declaredOperations } from '../../src/declared.ts'
import { buildDocument, yamlOf } from '../../src/openapi.ts'
import { useService, untimed } from '../service.ts'

const service = useService({ WORKERS: '1' })
const committed = readFileSync(new URL('../../openapi.yaml', import.meta.url), 'utf8')

interface Media {
  readonly schema: unknown
  readonly examples?: Record<string, { summary: string; value: unknown }>
}

interface OperationJson {
  readonly operationId: string
  readonly requestBody?: { content: Record<string, Media> }
  readonly responses: Record<string, { content?: Record<string, Media>; $ref?: string }>
}

const document = parse(committed) as { paths: Record<string, Record<string, OperationJson>>; components: { schemas: Record<string, Record<string, unknown>> } }
const operations = Object.entries(document.paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, operation]) => ({ path, method, operation })))

describe('openapi.yaml', () => {
  it('is what the schemas say (else: npm run openapi)', async () => {
    expect(yamlOf(buildDocument(await declaredOperations()))).toBe(committed)
  })

  it('is served', async () => {
    const { text, headers } = await service.get('/openapi.yaml')
    expect(text).toBe(committed)
    expect(headers['content-type']).toMatch(/^application\/yaml/)
  })

  it('knows every route', () => {
    const routes = ['/', '/docs', '/errors', '/health/live', '/health/ready', '/openapi.yaml', '/v1/backward', '/v1/capabilities', '/v1/export', '/v1/forward', '/v1/graph', '/v1/hessian', '/v1/train', '/v1/validate']
    for (const path of routes.filter((route) => route !== '/docs')) expect(document.paths[path], path).toBeDefined()
    expect(Object.keys(document.paths).toSorted()).toEqual(routes.filter((route) => route !== '/docs'))
  })

  it('every operation has an id of its own, and problems as problem+json', () => {
    const ids = operations.map(({ operation }) => operation.operationId)
    expect(new Set(ids).size).toBe(ids.length)
    for (const { path, operation } of operations) {
      for (const [status, response] of Object.entries(operation.responses)) {
        if (Number(status) >= 400 && path !== '/health/ready') expect(response.$ref, `${path} ${status}`).toBe(`#/components/responses/Problem${status}`)
      }
    }
  })

  it('requests take no unknown fields; answers may grow some', () => {
    const { TrainRequest, Linear, TrainResponse, TrainStep } = document.components.schemas
    expect([TrainRequest!['additionalProperties'], Linear!['additionalProperties']]).toEqual([false, false])
    expect([TrainResponse!['additionalProperties'], TrainStep!['additionalProperties']]).toEqual([undefined, undefined])
  })

  it('unions are told apart by type, and every reference leads somewhere', () => {
    const { Layer } = document.components.schemas as { Layer: { oneOf: { $ref: string }[]; discriminator: { propertyName: string; mapping: Record<string, string> } } }
    expect(Layer.discriminator.propertyName).toBe('type')
    expect(Object.values(Layer.discriminator.mapping)).toEqual(Layer.oneOf.map((option) => option.$ref))
    for (const [, name] of committed.matchAll(/#\/components\/schemas\/(\w+)/g)) expect(document.components.schemas[name!], name).toBeDefined()
  })

  it('no schema stands there twice or without need', () => {
    const used = new Set([...committed.matchAll(/\$ref: "?#\/components\/schemas\/(\w+)/g)].map(([, name]) => name))
    expect(Object.keys(document.components.schemas).filter((name) => !used.has(name))).toEqual([])
  })

  for (const { path, method, operation } of operations) {
    const requests = operation.requestBody?.content['application/json']?.examples ?? {}
    for (const [name, { value }] of Object.entries(requests)) {
      it(`the example "${name}" of ${method.toUpperCase()} ${path} gives the answer that it shows`, async () => {
        const { status, body } = await service.post(path, value)
        const shown = operation.responses['200']!.content!['application/json']!.examples![name]!.value as object
        expect([status, 'timing' in body ? untimed(body) : body]).toEqual([200, 'timing' in shown ? untimed(shown) : shown])
      })
    }
  }
})

describe('pages', () => {
  it('the home page says what this is and links on; its request works', async () => {
    const { text, headers } = await service.get('/')
    expect(headers['content-type']).toMatch(/^text\/html/)
    for (const link of ['/docs', '/openapi.yaml', '/errors', '/health/ready']) {
      expect(text).toContain(`href="${link}"`)
      const { status } = await service.get(link).redirects(1)
      expect(status, link).toBe(200)
    }
    const request = /-d '(\{[\s\S]*\})'/.exec(text.replaceAll('&quot;', '"'))![1]!
    const { body } = await service.post('/v1/train', request)
    expect(body.steps).toHaveLength(3)
  })

  it('/docs shows the document, also where it is reached by HTTP', async () => {
    const { text, headers } = await service.get('/docs').redirects(1)
    expect(text).toContain('swagger-ui')
    expect(headers['content-security-policy']).toMatch(/^default-src 'self';(?!.*upgrade-insecure-requests)/)
    for (const path of ['/docs/json', '/docs/yaml']) {
      const { text: yaml, redirects } = await service.get(path).redirects(1)
      expect([yaml === committed, redirects]).toEqual([true, [`${service.url}/openapi.yaml`]])
    }
  })

  it('/errors explains every code', async () => {
    const { text } = await service.get('/errors')
    for (const code of [...Object.keys(errorCodes), ...Object.keys(serviceCodes), ...Object.keys(formCodes)]) expect(text).toContain(`id="${code}"`)
  })
})

describe('health', () => {
  it('live', async () => {
    const { status, body } = await service.get('/health/live')
    expect([status, body]).toEqual([200, { status: 'ok' }])
  })

  it('ready after a self-test', async () => {
    const { status, body } = await service.get('/health/ready')
    expect([status, body]).toMatchObject([200, { status: 'ready', workers: 1, ready: 1, wide_simd: true }])
    expect(body.self_test_ms).toBeGreaterThan(0)
  })
})
