/** Runs whose steps several threads share, through HTTP. */
import { describe, expect, it } from 'vitest'
import { useService } from '../service.ts'

const linear = (from: number, to: number): object => ({ type: 'Linear', in_features: from, out_features: to })

const request = {
  model: { layers: [linear(64, 300), { type: 'Tanh' }, linear(300, 300), { type: 'Tanh' }, linear(300, 10)] },
  loss: { type: 'CrossEntropyLoss' },
  data: { x: Array.from({ length: 200 }, (_, i) => Array.from({ length: 64 }, (_column, j) => Math.cos(i + 3 * j))), y: Array.from({ length: 200 }, (_, i) => i % 10) },
  optimizer: { type: 'Adam', lr: 0.001 },
  batch_size: 90,
  epochs: 8,
  report: { gradients: 'norms', tensors: 'base64' },
}

describe('threads that share a run', () => {
  const alone = useService({ WORKERS: '1', THREADS_PER_RUN: '1' })
  const shared = useService({ WORKERS: '1', THREADS_PER_RUN: '3' })

  it('give the same losses, norms and parameters as one thread, run after run', async () => {
    const { steps, state, status } = (await alone.post('/v1/train', request).expect(200)).body as Record<string, unknown>
    expect(status).toBe('succeeded')
    for (let i = 0; i < 3; i++) expect((await shared.post('/v1/train', request).expect(200)).body).toMatchObject({ steps, state, status })
  })
})
