/**
 * Small jobs and their answers on their way between the threads: flat lists of numbers and strings, which are copied in
 * a fraction of the time that objects take.
 */
import type { Job, JobStats, Outcome, PackedJobs, PackedOutcomes } from './protocol.ts'

export function packJobs(jobs: readonly Job[]): PackedJobs {
  const packed: (number | string | Uint8Array)[] = []
  for (const { id, place, operation, format, came, body } of jobs) packed.push(id, place, operation, format, came, body)
  return packed
}

export function unpackJobs(packed: PackedJobs): Job[] {
  const jobs: Job[] = []
  for (let at = 0; at < packed.length; at += 6) {
    const [id, place, operation, format, came, body] = [packed[at], packed[at + 1], packed[at + 2], packed[at + 3], packed[at + 4], packed[at + 5]]
    jobs.push({ id, place, operation, format, came, body } as Job)
  }
  return jobs
}

export function packOutcomes(outcomes: readonly Outcome[]): PackedOutcomes {
  const packed: (number | string | boolean | Outcome)[] = []
  for (const outcome of outcomes) {
    if (outcome.type !== 'done' || typeof outcome.body !== 'string') {
      packed.push(outcome)
      continue
    }
    const { id, body, head: { contentType, headers, length }, stats: { queueMs, parseMs, compileMs, runMs, steps, peakBytes, kernels, cached } } = outcome
    packed.push(id, body, contentType, length ?? -1, queueMs, parseMs, compileMs, runMs, steps, peakBytes, kernels, cached)
    packed.push(headers.length)
    for (const text of headers) packed.push(text)
  }
  return packed
}

export function unpackOutcomes(packed: PackedOutcomes): Outcome[] {
  const outcomes: Outcome[] = []
  let at = 0
  while (at < packed.length) {
    const id = packed[at++]!
    if (typeof id === 'object') {
      outcomes.push(id)
      continue
    }
    const [body, contentType, length] = [packed[at], packed[at + 1], packed[at + 2]] as [string, string, number]
    const stats = { queueMs: packed[at + 3], parseMs: packed[at + 4], compileMs: packed[at + 5], runMs: packed[at + 6], steps: packed[at + 7], peakBytes: packed[at + 8], kernels: packed[at + 9], cached: packed[at + 10] } as JobStats
    const count = packed[at + 11] as number
    at += 12
    const headers: string[] = []
    for (let i = 0; i < count; i++) headers.push(packed[at++] as string)
    outcomes.push({ type: 'done', id: id as number, body, head: length < 0 ? { contentType, headers } : { contentType, headers, length }, stats })
  }
  return outcomes
}
