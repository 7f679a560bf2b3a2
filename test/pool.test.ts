/** What the pool tells those who gave it jobs. */
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { problem } from '../src/errors.ts'
import type { JobAnswer, JobRequest } from '../src/member.ts'
import { AbortedError, ProblemError } from '../src/pool.ts'
import { notebook, useService } from './service.ts'

const service = useService({ WORKERS: '1', CANCEL_GRACE_MS: '400' })

interface Noted {
  readonly request: JobRequest
  readonly calls: string[]
  /** Of the answer, when it has come. */
  readonly stats: Partial<JobAnswer['stats']>
  readonly ended: Promise<void>
}

/** A job whose calls are noted. */
function noted(operation: JobRequest['operation'], body: object, onChunk: JobRequest['onChunk'] = (_bytes, taken) => taken()): Noted {
  const calls: string[] = []
  const stats: Noted['stats'] = {}
  const { promise: ended, resolve } = Promise.withResolvers<void>()
  const call = (name: string): void => {
    calls.push(name)
    if (name !== 'started' && name !== 'chunk') resolve()
  }
  const request: JobRequest = {
    operation,
    format: operation === 'train' ? 'ndjson' : 'json',
    bytes: Buffer.from(JSON.stringify(body)),
    onStarted: () => call('started'),
    onChunk: (bytes, taken) => {
      call('chunk')
      onChunk(bytes, taken)
    },
    onEnd: (answer) => {
      Object.assign(stats, answer.stats)
      call('end')
    },
    onFail: (error) => call(error instanceof ProblemError ? error.problem.code : error.constructor.name),
  }
  return { request, calls, stats, ended }
}

const stream = { ...notebook, optimizer: { type: 'SGD', lr: 1e-9 }, steps: 1_000_000 }

describe('a job that is given up', () => {
  it('hears nothing more of pieces that were on their way', async () => {
    const { request, calls, ended } = noted('train', stream, () => {
      // Meanwhile more of them come.
      const from = performance.now()
      while (performance.now() - from < 100);
      giveUp(new ProblemError(problem('timeout', 'too long')))
    })
    const giveUp = service.app.pool.submit(request)
    await ended
    while (service.app.pool.state.busy > 0) await sleep(5)
    expect(calls).toEqual(['started', 'chunk', 'timeout'])
  })

  it('while it waits for a slow reader makes room for the next', async () => {
    const { pool } = service.app
    const long = noted('train', stream, () => {})
    const stopLong = pool.submit(long.request)
    while (!long.calls.includes('chunk')) await sleep(5)
    stopLong(new AbortedError('left'))
    const next = noted('backward', notebook)
    pool.submit(next.request)
    await next.ended
    expect([long.calls.at(-1), next.calls]).toEqual(['AbortedError', ['end']])
    expect(pool.state).toMatchObject({ workers: 1, busy: 0, queued: 0 })
  })
})

describe('a service at rest', () => {
  const resting = useService({ WORKERS: '1', REST_AFTER_MS: '200' })

  it('has one new worker in the place of the old one, which is there until the new one has what was compiled', async () => {
    const { pool } = resting.app
    const backward = async (): Promise<Noted['stats']> => {
      const { request, calls, stats, ended } = noted('backward', { ...notebook, loss: '(y_hat - y)**2 * 3' })
      pool.submit(request)
      await ended
      expect(calls).toEqual(['end'])
      return stats
    }
    expect((await backward()).cached).toBe(false)
    for (let i = 0; i < 60; i++) expect((await backward()).cached).toBe(true)
    while (pool.state.workers === 1) await sleep(5)
    expect(pool.state).toMatchObject({ workers: 2, ready: 1, busy: 0 })
    while (pool.state.workers === 2) {
      expect(pool.state.ready).toBeGreaterThan(0)
      await sleep(5)
    }
    expect(pool.state).toMatchObject({ workers: 1, ready: 1, busy: 0 })
    expect((await backward()).cached).toBe(true)
  })
})
