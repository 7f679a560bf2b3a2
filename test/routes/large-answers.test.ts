/** The limit of an answer's size, also where what an answer takes is only known when it is written. */
import { describe, expect, it } from 'vitest'
import { expectProblem, useService } from '../service.ts'

const service = useService({ WORKERS: '1', MAX_RESPONSE_BYTES: '2000' })
const tooLarge = { status: 422, code: 'response_too_large' }

describe('an answer that is larger than the limit', () => {
  it('many brackets', () => expectProblem(service, '/v1/forward', { model: { forward: `y = torch.zeros(${[50, ...Array<number>(12).fill(1)].join(', ')})` }, data: {} }, tooLarge))

  it('long decimals', () => expectProblem(service, '/v1/forward', { model: { forward: 'y = torch.full([85], -1 / 7e200)' }, dtype: 'float64', data: {} }, tooLarge))

  const kept = { model: { parameters: { w: { shape: [60], init: { type: 'normal' } } }, forward: 'y_hat = w' }, loss: '(y_hat**2).sum()', optimizer: { type: 'Adam' }, report: { gradients: 'none', checkpoint: true } }

  it('the state of an optimizer', () => expectProblem(service, '/v1/train', kept, tooLarge))

  it.each([
    ['application/x-ndjson', /^\{"step":1,.+\}\n\{"step":2,.+\}\n\{"error":(.+)\}\n$/],
    ['text/event-stream', /^: started\n\nevent: step\ndata: \{"step":1,.+\}\n\nevent: step\ndata: \{"step":2,.+\}\n\nevent: error\ndata: (.+)\n\n$/],
  ])('%s: ends with the problem, behind the steps', async (accept, form) => {
    const { text, headers } = await service.post('/v1/train', { ...kept, steps: 2 }, { accept }).expect(200).buffer(true)
    expect(text).toMatch(form)
    expect(JSON.parse(form.exec(text)![1]!)).toMatchObject({ ...tooLarge, detail: expect.stringMatching(/^the answer would have about \d{4} bytes; the limit is 2000$/), instance: `urn:request:${headers['x-request-id']}` })
  })
})
