/** What goes between the threads arrives as it was sent. */
import { describe, expect, it } from 'vitest'
import { packJobs, packOutcomes, unpackJobs, unpackOutcomes } from '../src/packed.ts'
import type { Job, JobStats, Outcome } from '../src/protocol.ts'

const job: Job = { id: 7, place: 3, operation: 'train', format: 'json', came: 1.5, body: '{"a":1}' }
const stats: JobStats = { queueMs: 0.5, parseMs: 0.25, compileMs: 0, runMs: 1e-3, steps: 3, peakBytes: 1536, kernels: 2, cached: true }
const done = (id: number, headers: readonly string[], length?: number): Outcome => ({
  type: 'done', id, body: `{"id":${id}}`, head: { contentType: 'application/json', headers, ...(length !== undefined && { length }) }, stats,
})

describe('packed', () => {
  it('jobs, large ones as bytes', () => {
    const jobs: Job[] = [job, { ...job, id: 8, place: 0, operation: 'export', format: 'octets', body: Uint8Array.of(1, 2) }, { ...job, id: 2 ** 31 - 1, body: '' }]
    expect(unpackJobs(structuredClone(packJobs(jobs)))).toEqual(jobs)
    expect(unpackJobs(packJobs([]))).toEqual([])
  })

  it('outcomes of all kinds beside each other', () => {
    const outcomes: Outcome[] = [
      done(1, []),
      { type: 'refused', id: 2, problem: { type: 't', title: 'T', status: 422, detail: 'd', code: 'c' } },
      done(3, ['server-timing', 'queue;dur=1', 'run-loss', '0.5']),
      { type: 'cancelled', id: 4 },
      { ...done(5, []), body: Uint8Array.of(3) } as Outcome,
      { type: 'failed', id: 6, message: 'm', stack: undefined },
      done(7, ['a', 'b'], 0),
      done(8, [], 12),
    ]
    expect(unpackOutcomes(structuredClone(packOutcomes(outcomes)))).toEqual(outcomes)
    expect(unpackOutcomes(packOutcomes([]))).toEqual([])
  })
})
