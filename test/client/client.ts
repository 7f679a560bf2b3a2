/** A client generated from openapi.yaml at work: typed requests, answers and problems. Prints what it got as JSON. */
import createClient from 'openapi-fetch'
import type { components, paths } from './schema.d.ts'

const client = createClient<paths>({ baseUrl: process.env['CHAINRULE_URL'] ?? 'http://127.0.0.1:3000' })

const model: components['schemas']['Model'] = { parameters: { w: { value: 1, requires_grad: true } }, forward: 'y_hat = w * x' }
const data: Record<string, components['schemas']['Tensor']> = { x: 1, y: 2 }
const loss = '(y_hat - y)**2'

const forward = await client.POST('/v1/forward', { body: { model, data, loss } })
const backward = await client.POST('/v1/backward', { body: { model, data, loss } })
const trained = await client.POST('/v1/train', {
  body: {
    model: { layers: [{ type: 'Sequential', layers: [{ type: 'Linear', in_features: 2, out_features: 4 }, { type: 'ReLU' }] }, { type: 'Linear', in_features: 4, out_features: 1 }] },
    loss: { type: 'MSELoss' },
    data: { x: [[0, 0], [0, 1], [1, 0], [1, 1]], y: [[0], [1], [1], [0]] },
    optimizer: { type: 'Adam', lr: 0.1, betas: [0.9, 0.99] },
    steps: 5,
    report: { gradients: 'none' },
  },
})
const saved = await client.POST('/v1/train', { body: { model, data, loss, optimizer: { type: 'SGD', lr: 0.01 }, steps: 1, report: { state: 'safetensors' } } })
const state = saved.data?.state?.['safetensors']
const loaded = await client.POST('/v1/forward', { body: { model, data, loss, state: { safetensors: typeof state === 'string' ? state : '' } } })
const exported = await client.POST('/v1/export', { body: { model: { layers: [{ type: 'Linear', in_features: 2, out_features: 1 }] }, input: { shape: [1, 2] } }, parseAs: 'arrayBuffer' })
const file: unknown = exported.data
const wrong = await client.POST('/v1/backward', { body: { model: { forward: 'y_hat = z' }, loss: 'y_hat', data: {} } })
const ready = await client.GET('/health/ready')

const problem: components['schemas']['Problem'] | undefined = wrong.error
const lossOfFirstStep: number | null | undefined = trained.data?.steps[0]?.loss

process.stdout.write(
  JSON.stringify({
    forward: forward.data,
    gradient: backward.data?.gradients['w'],
    steps: trained.data?.steps.length,
    lossOfFirstStep,
    status: trained.data?.status,
    lossOfSavedState: loaded.data?.loss,
    exported: file instanceof ArrayBuffer && file.byteLength > 100,
    code: problem?.code,
    line: problem?.errors?.[0]?.line,
    ready: ready.data?.status,
  }),
)
