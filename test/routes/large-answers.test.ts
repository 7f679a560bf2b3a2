/** The limit of an answer's size, also where what an answer takes is only known when it is written. */
import { describe, it } from 'vitest'
import { expectProblem, useService } from '../service.ts'

const service = useService({ WORKERS: '1', MAX_RESPONSE_BYTES: '2000' })
const tooLarge = { status: 422, code: 'response_too_large' }

describe('an answer that is larger than the limit', () => {
  it('many brackets', () => expectProblem(service, '/v1/forward', { model: { forward: `y = torch.zeros(${[50, ...Array<number>(12).fill(1)].join(', ')})` }, data: {} }, tooLarge))

  it('long decimals', () => expectProblem(service, '/v1/forward', { model: { forward: 'y = torch.full([85], -1 / 7e200)' }, dtype: 'float64', data: {} }, tooLarge))

  it('the state of an optimizer', () =>
    expectProblem(service, '/v1/train', { model: { parameters: { w: { shape: [60], init: { type: 'normal' } } }, forward: 'y_hat = w' }, loss: '(y_hat**2).sum()', optimizer: { type: 'Adam' }, report: { gradients: 'none', checkpoint: true } }, tooLarge))
})
