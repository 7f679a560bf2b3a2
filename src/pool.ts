/**
 * Worker threads with a bounded queue. A job that is given up stops between two steps; one that does not within the
 * grace time is ended with its worker, which is replaced. A worker that dies takes only its own job with it.
 */
import { Worker } from 'node:worker_threads'
import type { Problem } from './errors.ts'
import { problem } from './errors.ts'
import type { Format, FromWorker, Job, JobStats, SelfTest, ToWorker, WorkerSetup } from './protocol.ts'
import type { Operation } from './spec.ts'

/** A request that is answered with a problem. */
export class ProblemError extends Error {
  readonly problem: Problem
  /** Seconds after which to try again. */
  readonly retryAfter: number | undefined

  constructor(given: Problem, retryAfter?: number) {
    super(given.detail)
    this.name = 'ProblemError'
    this.problem = given
    this.retryAfter = retryAfter
  }
}

/** The work stopped because nobody waits for it any more. */
export class AbortedError extends Error {}

/** A fault of the engine or a worker, for the log. */
export class WorkerFault extends Error {
  readonly workerStack: string | undefined

  constructor(message: string, stack?: string) {
    super(message)
    this.name = 'WorkerFault'
    this.workerStack = stack
  }
}

export interface PoolOptions {
  readonly workers: number
  readonly queueLimit: number
  readonly cancelGraceMs: number
  readonly heapMb: number
  readonly setup: Omit<WorkerSetup, 'cancelled'>
  readonly onEvent: (event: PoolEvent) => void
}

export type PoolEvent =
  | { readonly type: 'worker ready'; readonly selfTest: SelfTest }
  | { readonly type: 'worker lost'; readonly reason: string }
  | { readonly type: 'debug'; readonly text: string }

/** How the caller takes an answer. */
export interface JobRequest {
  readonly operation: Operation
  readonly request: Job['request']
  readonly format: Format
  /** Aborted when the client goes away or the time is over; its reason is what `run` rejects with. */
  readonly signal: AbortSignal
  readonly onStarted: () => void
  /** Calls `taken` when the piece has been passed on. */
  readonly onChunk: (bytes: Uint8Array, taken: () => void) => void
}

export interface JobAnswer {
  readonly body: Uint8Array
  readonly contentType: string
  readonly headers: Readonly<Record<string, string>>
  readonly stats: JobStats
}

interface Waiting {
  readonly id: number
  readonly request: JobRequest
  readonly resolve: (answer: JobAnswer) => void
  readonly reject: (error: Error) => void
}

class Member {
  readonly worker: Worker
  readonly cancelled = new SharedArrayBuffer(4)
  job: Waiting | undefined
  ready = false
  graceTimer: NodeJS.Timeout | undefined

  constructor(options: PoolOptions) {
    const setup: WorkerSetup = { ...options.setup, cancelled: this.cancelled }
    this.worker = new Worker(new URL('./worker.ts', import.meta.url), {
      workerData: setup,
      resourceLimits: { maxOldGenerationSizeMb: options.heapMb },
      execArgv: ['--disable-warning=ExperimentalWarning'],
    })
  }

  send(message: ToWorker, transfer: ArrayBuffer[] = []): void {
    this.worker.postMessage(message, transfer)
  }

  cancel(id: number): void {
    Atomics.store(new Int32Array(this.cancelled), 0, id)
  }
}

export class Pool {
  readonly #options: PoolOptions
  readonly #members = new Set<Member>()
  readonly #queue: Waiting[] = []
  readonly #ended: (() => void)[] = []
  #nextId = 1
  #closing = false
  /** Workers that died in a row without becoming ready. */
  #failures = 0
  #lastTest: SelfTest | undefined

  constructor(options: PoolOptions) {
    this.#options = options
    for (let i = 0; i < options.workers; i++) this.#spawn()
  }

  /** How things stand: for the health routes and tests. */
  get state(): { workers: number; ready: number; busy: number; queued: number; closing: boolean; selfTest: SelfTest | undefined } {
    const members = [...this.#members]
    return {
      workers: members.length,
      ready: members.filter((member) => member.ready).length,
      busy: members.filter((member) => member.job).length,
      queued: this.#queue.length,
      closing: this.#closing,
      selfTest: this.#lastTest,
    }
  }

  #spawn(): void {
    const member = new Member(this.#options)
    this.#members.add(member)
    member.worker.on('message', (message: FromWorker) => this.#receive(member, message))
    let reason = 'it ended'
    member.worker.on('error', (error: Error & { code?: string }) => {
      reason = error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? 'out of memory' : error.message
    })
    member.worker.on('exit', () => this.#lose(member, reason))
  }

  #receive(member: Member, message: FromWorker): void {
    const { job } = member
    switch (message.type) {
      case 'ready':
        member.ready = true
        this.#failures = 0
        this.#lastTest = message.selfTest
        this.#options.onEvent({ type: 'worker ready', selfTest: message.selfTest })
        this.#next(member)
        return
      case 'debug':
        this.#options.onEvent({ type: 'debug', text: message.text })
        return
      default:
        if (message.id !== job?.id) return
    }
    switch (message.type) {
      case 'started':
        job.request.onStarted()
        return
      case 'chunk': {
        const { bytes } = message
        const { length } = bytes
        job.request.onChunk(bytes, () => member.send({ type: 'taken', bytes: length }))
        return
      }
      case 'done':
        this.#finish(member)
        job.resolve({ body: message.body, contentType: message.contentType, headers: message.headers, stats: message.stats })
        return
      case 'refused':
        this.#finish(member)
        job.reject(new ProblemError(message.problem))
        return
      case 'cancelled':
        this.#finish(member)
        job.reject(new AbortedError('cancelled'))
        return
      case 'failed':
        this.#finish(member)
        job.reject(new WorkerFault(message.message, message.stack))
        return
    }
  }

  /** The member is free again. */
  #finish(member: Member): void {
    clearTimeout(member.graceTimer)
    member.job = undefined
    this.#next(member)
    if (this.#idle) for (const done of this.#ended.splice(0)) done()
  }

  get #idle(): boolean {
    return this.#queue.length === 0 && [...this.#members].every((member) => !member.job)
  }

  #next(member: Member): void {
    if (!member.ready || member.job) return
    const waiting = this.#queue.shift()
    if (waiting) this.#assign(member, waiting)
  }

  #assign(member: Member, waiting: Waiting): void {
    member.job = waiting
    member.cancel(0)
    const { operation, request, format } = waiting.request
    member.send({ type: 'job', job: { id: waiting.id, operation, request, format } }, ownBuffers(request))
  }

  #lose(member: Member, reason: string): void {
    clearTimeout(member.graceTimer)
    this.#members.delete(member)
    const { job } = member
    member.job = undefined
    if (job) {
      const outgrown = reason === 'out of memory'
      job.reject(outgrown ? new ProblemError(problem('memory_limit', `the request outgrew the memory of its worker (${this.#options.heapMb} MB)`)) : new WorkerFault(`a worker was lost: ${reason}`))
    }
    if (!this.#closing) {
      this.#options.onEvent({ type: 'worker lost', reason })
      // A worker that cannot start is tried again, more slowly each time.
      if (!member.ready) this.#failures++
      setTimeout(() => this.#closing || this.#spawn(), member.ready ? 0 : Math.min(100 * 2 ** this.#failures, 10_000)).unref()
    }
    if (this.#idle) for (const done of this.#ended.splice(0)) done()
  }

  /**
   * Runs a job. Rejects with a ProblemError for a bad request or a full queue, with the signal's reason when it is
   * aborted, with a WorkerFault when the service is at fault.
   */
  run(request: JobRequest): Promise<JobAnswer> {
    if (this.#closing) return Promise.reject(new ProblemError(problem('shutting_down', 'the service is shutting down'), 1))
    const free = [...this.#members].find((member) => member.ready && !member.job)
    if (!free && this.#queue.length >= this.#options.queueLimit) {
      return Promise.reject(new ProblemError(problem('queue_full', `all workers are busy and ${this.#queue.length} requests wait; the limit is ${this.#options.queueLimit}`), 1))
    }
    if (request.signal.aborted) return Promise.reject(reasonOf(request.signal))
    const id = this.#nextId
    this.#nextId = this.#nextId === 2 ** 31 - 1 ? 1 : this.#nextId + 1
    return new Promise<JobAnswer>((resolve, reject) => {
      const onAbort = (): void => {
        reject(reasonOf(request.signal))
        this.#abandon(id)
      }
      request.signal.addEventListener('abort', onAbort, { once: true })
      const settled = (): void => request.signal.removeEventListener('abort', onAbort)
      const waiting: Waiting = {
        id,
        request,
        resolve: (answer) => {
          settled()
          resolve(answer)
        },
        reject: (error) => {
          settled()
          reject(error)
        },
      }
      if (free) this.#assign(free, waiting)
      else this.#queue.push(waiting)
    })
  }

  /** Stops a job that nobody waits for. */
  #abandon(id: number): void {
    const queued = this.#queue.findIndex((waiting) => waiting.id === id)
    if (queued >= 0) {
      this.#queue.splice(queued, 1)
      return
    }
    const member = [...this.#members].find((candidate) => candidate.job?.id === id)
    if (!member) return
    member.cancel(id)
    member.graceTimer = setTimeout(() => void member.worker.terminate(), this.#options.cancelGraceMs)
  }

  /** No new work; running jobs may go on for `graceMs`, then they are ended with their workers. */
  async close(graceMs: number): Promise<void> {
    this.#closing = true
    for (const waiting of this.#queue.splice(0)) waiting.reject(new ProblemError(problem('shutting_down', 'the service is shutting down'), 1))
    if (!this.#idle) {
      let timer: NodeJS.Timeout | undefined
      const grace = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, graceMs)
      })
      await Promise.race([new Promise<void>((resolve) => this.#ended.push(resolve)), grace])
      clearTimeout(timer)
    }
    for (const { job } of this.#members) job?.reject(new ProblemError(problem('shutting_down', 'the service shut down before the computation ended'), 1))
    await Promise.all([...this.#members].map((member) => member.worker.terminate()))
  }
}

/** The buffer of the bytes, where it holds nothing else: it can be handed over instead of copied. */
function ownBuffers(request: Job['request']): ArrayBuffer[] {
  if (!('bytes' in request)) return []
  const { buffer, byteLength } = request.bytes
  return buffer instanceof ArrayBuffer && buffer.byteLength === byteLength ? [buffer] : []
}

function reasonOf(signal: AbortSignal): Error {
  return signal.reason instanceof Error ? signal.reason : new AbortedError('aborted')
}
