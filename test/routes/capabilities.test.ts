/** GET /v1/capabilities: what is listed is what requests can use. */
import { describe, expect, it } from 'vitest'
import { findFunction } from '../../engine/functions/index.ts'
import type { Home } from '../../engine/functions/index.ts'
import { containers, layerTypes } from '../../engine/index.ts'
import type { Capabilities } from '../../src/catalogue.ts'
import { kinds } from '../../src/capabilities.ts'
import { capabilitiesResponse } from '../../src/responses.ts'
import { notebook, useService } from '../service.ts'

const service = useService({ WORKERS: '1', MAX_STEPS: '77' })

async function all(): Promise<Capabilities> {
  return (await service.get('/v1/capabilities').expect(200)).body as Capabilities
}

describe('the answer', () => {
  it('has the documented form, and every kind', async () => {
    const body = await all()
    expect(capabilitiesResponse.safeParse(body).error?.issues ?? []).toEqual([])
    expect(Object.keys(body)).toEqual(['version', ...kinds])
    for (const kind of kinds) expect(Object.keys(body[kind]).length, kind).toBeGreaterThan(0)
  })

  it('lists functions with their homes, signatures and one line', async () => {
    const { functions, refused_functions: refused } = await all()
    expect(functions.find(({ name, homes }) => name === 'softplus' && homes.includes('F'))).toEqual({
      name: 'softplus', also: [], family: 'activations', homes: ['F'], signatures: ['softplus(input: Tensor, beta: float = 1, threshold: float = 20)'], doc: expect.any(String),
    })
    const homeOf = (home: string): Home => home.replace('torch.', '') as Home
    for (const { name, also, homes, signatures, doc } of functions) {
      expect([name, doc !== '' && !doc.endsWith('.') && signatures.length > 0]).toEqual([name, true])
      for (const home of homes) for (const given of [name, ...also]) expect(findFunction(homeOf(home), given), `${home}.${given}`).toBeDefined()
    }
    expect(refused.find(({ name }) => name === 'masked_select')).toEqual({ name: 'masked_select', also: [], homes: ['torch', 'Tensor'], code: 'value_dependent', reason: expect.stringContaining('torch.where') })
  })

  it('lists layers with schemas of their options', async () => {
    const { layers } = await all()
    expect(layers.map(({ type }) => type)).toEqual([...layerTypes.keys(), ...containers.keys()])
    expect(layers.find(({ type }) => type === 'Linear')).toMatchObject({
      doc: expect.stringContaining('weight.T'),
      call: '(input: Tensor)',
      schema: { properties: { in_features: { type: 'integer', exclusiveMinimum: 0 }, bias: { type: 'boolean', default: true } }, required: ['type', 'in_features', 'out_features'], additionalProperties: false },
    })
  })

  it('every reference of a schema leads to a component of openapi.yaml', async () => {
    const { text } = await service.get('/v1/capabilities')
    const { text: document } = await service.get('/openapi.yaml')
    const targets = new Set([...text.matchAll(/"\$ref":"([^"]+)"/g)].map(([, target]) => target!))
    expect(targets.size).toBeGreaterThan(5)
    for (const target of targets) {
      expect(target).toMatch(/^\/openapi\.yaml#\/components\/schemas\//)
      expect(document).toContain(`\n    ${target.slice(target.lastIndexOf('/') + 1)}:\n`)
    }
  })

  it('lists the limits in force', async () => {
    const { limits } = await all()
    expect(limits).toMatchObject({ max_steps: 77, max_graph_nodes: 100_000, request_timeout_ms: 60_000 })
    const { body } = await service.post('/v1/train', { ...notebook, optimizer: { type: 'SGD' }, steps: limits['max_steps']! + 1 })
    expect(body.code).toBe('too_many_steps')
  })

  it('lists the operations with their media types', async () => {
    const { operations } = await all()
    expect(operations.find(({ path }) => path === '/v1/train')?.media_types).toEqual(['application/json', 'application/x-ndjson', 'text/event-stream', 'application/octet-stream'])
    expect(operations.find(({ path }) => path === '/v1/graph')?.media_types).toContain('image/svg+xml')
    expect(operations.find(({ path }) => path === '/v1/capabilities')?.media_types).toEqual(['application/json'])
  })
})

describe('one kind', () => {
  it.each(kinds)('%s', async (kind) => {
    const { body } = await service.get(`/v1/capabilities?kind=${kind}`).expect(200)
    expect(body).toEqual({ version: expect.any(String), [kind]: (await all())[kind] })
  })

  it('that does not exist', async () => {
    const { status, body } = await service.get('/v1/capabilities?kind=layer')
    expect([status, body.code, body.detail]).toEqual([400, 'invalid_request', expect.stringContaining('did you mean "layers"?')])
  })

  it('under another name', async () => {
    const { status, body } = await service.get('/v1/capabilities?type=layers')
    expect([status, body.code]).toEqual([400, 'invalid_request'])
  })
})

describe('caching', () => {
  it('an unchanged answer is not sent again', async () => {
    const { headers } = await service.get('/v1/capabilities').expect(200)
    expect(headers['cache-control']).toBe('public, max-age=300')
    for (const header of [headers['etag']!, `"other", W/${headers['etag']}`, '*']) {
      const again = await service.get('/v1/capabilities').set('if-none-match', header).expect(304)
      expect([again.text, again.headers['etag']]).toEqual(['', headers['etag']])
    }
    await service.get('/v1/capabilities').set('if-none-match', '"other"').expect(200)
  })

  it('kinds have tags of their own', async () => {
    const [a, b] = await Promise.all(['layers', 'losses'].map((kind) => service.get(`/v1/capabilities?kind=${kind}`)))
    expect(a!.headers['etag']).not.toBe(b!.headers['etag'])
  })
})
