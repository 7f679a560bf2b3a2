/**
 * Worker threads with a bounded queue. One is started at once, others when those that there are have no pause; when nothing
 * is asked for a while, a new one takes the place of all. Small jobs that come at once go to a worker together. A training
 * that takes long lets others in between its steps, so that a few of them do not hold up everything else. A job that is
 * given up stops between two steps; one that does not within the grace time is ended with its worker, which is replaced.
 * Jobs that a lost worker had beside are done again elsewhere.
 */
import { randomUUID } from 'node:crypto'
import type { Problem } from './errors.ts'
import { problem } from './errors.ts'
import type { JobRequest, Waiting } from './member.ts'
import { Member, patienceMs } from './member.ts'
import { unpackOutcomes } from './packed.ts'
import type { FromWorker, Outcome, SelfTest, WorkerSetup } from './protocol.ts'
import { reclaimAll } from './reclaim.ts'

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
  /** Workers at most. */
  readonly workers: number
  readonly queueLimit: number
  readonly cancelGraceMs: number
  readonly heapMb: number
  /** After so long with nothing to do, memory is given back. */
  readonly restMs: number
  readonly setup: Omit<WorkerSetup, 'states' | 'busy' | 'programs'>
  readonly onEvent: (event: PoolEvent) => void
}

export type PoolEvent =
  | { readonly type: 'worker ready'; readonly selfTest: SelfTest }
  | { readonly type: 'worker lost'; readonly reason: string }
  | { readonly type: 'rested' }
  | { readonly type: 'debug'; readonly text: string }

/** Long trainings that a worker has at one time besides one, at most. */
const maxGuests = 15

/** Another worker is started when the others have had jobs without a pause for so long. The first request of a new worker may take 100 ms. */
const crowdedMs = 250

/** A new worker has heard by then what the others have compiled. */
const handoverMs = 1000
/** Jobs that have left so much in a worker that it is replaced when nothing is asked for a while. */
const worthwhileJobs = 50

export class Pool {
  readonly #options: PoolOptions
  readonly #members = new Set<Member>()
  readonly #queue: Waiting[] = []
  readonly #ended: (() => void)[] = []
  #nextId = 1
  #closing = false
  #dispatching = false
  /** Whether it is going to look at jobs that stand behind others while a worker is idle. */
  #watching = false
  #growing: NodeJS.Timeout | undefined
  /** Runs while nothing has been done. */
  #resting: NodeJS.Timeout | undefined
  /** Jobs that have ended since workers were replaced. */
  #done = 0
  /** Workers that are not ready yet. */
  #starting = 0
  /** Workers that died in a row without becoming ready. */
  #failures = 0
  #lastTest: SelfTest | undefined
  readonly #programs = randomUUID()
  /** Workers that have a job, for those that could use the cores of others. */
  readonly #busy = new Int32Array(new SharedArrayBuffer(4))

  constructor(options: PoolOptions) {
    this.#options = options
    this.#spawn()
  }

  /** How things stand: for the health routes and tests. */
  get state(): { workers: number; ready: number; busy: number; queued: number; closing: boolean; selfTest: SelfTest | undefined } {
    const members = [...this.#members]
    return {
      workers: members.length,
      ready: members.filter((member) => member.ready).length,
      busy: members.filter((member) => member.jobs.size > 0).length,
      queued: this.#queue.length,
      closing: this.#closing,
      selfTest: this.#lastTest,
    }
  }

  #spawn(whenReady?: () => void): void {
    const { setup, heapMb, queueLimit } = this.#options
    // The debug ladder tells of one job at a time.
    const guests = setup.debug > 0 ? 0 : Math.max(1, Math.min(maxGuests, queueLimit))
    const member = new Member({ ...setup, busy: this.#busy.buffer, programs: this.#programs }, heapMb, guests)
    this.#members.add(member)
    this.#starting++
    member.on(
      (message) => {
        this.#receive(member, message)
        if (message.type === 'ready') whenReady?.()
      },
      (reason) => this.#lose(member, reason),
    )
  }

  #receive(member: Member, message: FromWorker): void {
    switch (message.type) {
      case 'ready':
        member.ready = true
        this.#starting--
        this.#failures = 0
        this.#lastTest = message.selfTest
        this.#options.onEvent({ type: 'worker ready', selfTest: message.selfTest })
        break
      case 'debug':
        this.#options.onEvent({ type: 'debug', text: message.text })
        return
      case 'started': {
        const job = member.jobs.get(message.id)
        if (!job) return
        job.begun = true
        if (!job.told) job.request.onStarted(message.head)
        return
      }
      case 'chunk': {
        const { id, bytes } = message
        const { length } = bytes
        const job = member.jobs.get(id)
        // Else it was on its way when the answer ended.
        if (job && !job.told) job.request.onChunk(bytes, () => member.send({ type: 'taken', id, bytes: length }))
        return
      }
      case 'long': {
        const job = member.jobs.get(message.id)
        if (job) member.markLong(job)
        break
      }
      case 'ended': {
        if (message.ms !== undefined) member.took(message.ms)
        for (const outcome of unpackOutcomes(message.outcomes)) {
          const job = member.end(outcome.id)
          if (job) settle(job, outcome)
          this.#done++
        }
        this.#resting ??= setTimeout(() => this.#rest(), this.#options.restMs).unref()
        this.#resting.refresh()
        break
      }
    }
    this.#dispatch()
    this.#tellEnded()
  }

  #tellEnded(): void {
    if (this.#ended.length > 0 && this.#idle) for (const done of this.#ended.splice(0)) done()
  }

  get #idle(): boolean {
    return this.#queue.length === 0 && [...this.#members].every((member) => member.jobs.size === 0)
  }

  /** Gives what waits to the workers that have room. An idle one takes from those where jobs stand behind a slow one. */
  #dispatch(): void {
    this.#dispatching = false
    if (this.#queue.length === 0) this.#takeBack()
    this.#handOut()
    let busy = 0
    let behind = false
    for (const { jobs } of this.#members) {
      if (jobs.size > 0) busy++
      if (jobs.size > 1) behind = true
    }
    Atomics.store(this.#busy, 0, busy)
    if (busy === this.#members.size && this.#mayGrow) this.#growing ??= setTimeout(() => this.#lookToGrow(), crowdedMs).unref()
    if (!behind || busy === this.#members.size || this.#watching) return
    this.#watching = true
    setTimeout(() => this.#look(), patienceMs).unref()
  }

  #look(): void {
    this.#watching = false
    this.#dispatch()
  }

  /** Whether another worker can be started: one at a time, and while they do start. */
  get #mayGrow(): boolean {
    return this.#starting === 0 && this.#members.size < this.#options.workers && this.#failures === 0
  }

  #lookToGrow(): void {
    this.#growing = undefined
    if (this.#closing || !this.#mayGrow) return
    if ([...this.#members].every(({ busyMs }) => busyMs > crowdedMs)) this.#spawn()
    this.#dispatch()
  }

  /**
   * Gives back what the service does not need. One new worker comes in the place of all: an idle thread gives back only
   * part of what it has taken, one that has ended all of it. The others stay until the new one has what they compiled.
   */
  #rest(): void {
    if (this.#closing || !this.#idle || this.#starting > 0 || (this.#done < worthwhileJobs && this.#members.size === 1)) return
    this.#done = 0
    const worn = [...this.#members]
    const handOver = async (): Promise<void> => {
      await Promise.all(worn.map((member) => this.#retire(member)))
      if (this.#members.size > this.#options.workers) setTimeout(() => void handOver(), handoverMs).unref()
      else if (this.#idle && !this.#closing) {
        reclaimAll()
        this.#options.onEvent({ type: 'rested' })
      }
    }
    this.#spawn(() => setTimeout(() => void handOver(), handoverMs).unref())
  }

  /** Ends it, unless it has something to do again. */
  async #retire(member: Member): Promise<void> {
    if (member.jobs.size === 0 && this.#members.delete(member)) await member.worker.terminate()
  }

  #handOut(): void {
    while (this.#queue.length > 0) {
      // A training may take long, as may what it would join: not while a worker of its own can be had.
      const apart = this.#queue[0]!.request.operation === 'train' && (this.#mayGrow || (this.#starting > 0 && this.#failures === 0))
      let best: Member | undefined
      let free = 0
      let kept = false
      for (const member of this.#members) {
        if (member.room === 0) continue
        if (apart && member.jobs.size > 0 && !member.flowing) {
          kept ||= member.long > 0
          continue
        }
        free++
        if (!best || before(member, best)) best = member
      }
      if (!best) {
        if (kept && this.#mayGrow) this.#spawn()
        return
      }
      best.assign(this.#queue, best.fast ? best.room : Math.min(best.room, Math.ceil(this.#queue.length / free)))
    }
  }

  /** Jobs that stand behind others in a worker, while one has nothing to do. */
  #takeBack(): void {
    const members = [...this.#members]
    if (!members.some((member) => member.ready && member.jobs.size === 0)) return
    for (const member of members) if (member.jobs.size > 1 && !member.flowing) this.#queue.push(...member.takeBack())
  }

  #lose(member: Member, reason: string): void {
    clearTimeout(member.graceTimer)
    if (!this.#members.delete(member)) return
    if (!member.ready) this.#starting--
    const jobs = member.jobs.clear()
    for (const job of jobs.toReversed()) this.#lostWith(job, reason, jobs.length === 1)
    if (!this.#closing) {
      this.#options.onEvent({ type: 'worker lost', reason })
      // A worker that cannot start is tried again, more slowly each time.
      if (!member.ready) this.#failures++
      setTimeout(() => this.#closing || this.#members.size === this.#options.workers || this.#spawn(), member.ready ? 0 : Math.min(100 * 2 ** this.#failures, 10_000)).unref()
    }
    this.#dispatch()
    this.#tellEnded()
  }

  /** A job whose worker is gone: it is tried once more, unless it was the one that outgrew its memory. */
  #lostWith(job: Waiting, reason: string, alone: boolean): void {
    const { heapMb } = this.#options
    if (job.abandoned) return
    const mayBeInnocent = reason !== 'out of memory' || !alone
    if (!job.begun && !this.#closing && mayBeInnocent && job.losses === 0) this.#queue.unshift({ ...job, long: false, losses: 1 })
    else if (reason === 'out of memory') tell(job, new ProblemError(problem('memory_limit', `the request outgrew the memory of its worker (${heapMb} MB)`)))
    else tell(job, new WorkerFault(`a worker was lost: ${reason}`))
  }

  /** Gives what stops the job, when nobody waits for it any more. Throws a ProblemError when there is no room for it. */
  submit(request: JobRequest): (reason: Error) => void {
    const refusal = this.#refusal()
    if (refusal) throw refusal
    const id = this.#nextId
    this.#nextId = id === 2 ** 31 - 1 ? 1 : id + 1
    this.#queue.push({ id, request, came: performance.timeOrigin + performance.now(), begun: false, long: false, abandoned: false, told: false, losses: 0 })
    // After all requests that have come by now.
    if (!this.#dispatching) setImmediate(() => this.#dispatch())
    this.#dispatching = true
    return (reason) => this.#abandon(id, reason)
  }

  #refusal(): ProblemError | undefined {
    if (this.#closing) return new ProblemError(problem('shutting_down', 'the service is shutting down'), 1)
    const { queueLimit } = this.#options
    if (this.#queue.length < queueLimit) return undefined
    let room = 0
    for (const member of this.#members) room += member.room
    if (this.#queue.length < queueLimit + room) return undefined
    return new ProblemError(problem('queue_full', `all workers are busy and ${this.#queue.length} requests wait; the limit is ${queueLimit}`), 1)
  }

  #abandon(id: number, reason: Error): void {
    const queued = this.#queue.findIndex((waiting) => waiting.id === id)
    if (queued >= 0) {
      tell(this.#queue.splice(queued, 1)[0]!, reason)
      return
    }
    const member = [...this.#members].find((candidate) => candidate.jobs.get(id))
    const job = member?.jobs.get(id)
    if (!member || !job) return
    job.abandoned = true
    tell(job, reason)
    if (member.cancel(id)) {
      // There is room for another one, or there are none any more.
      this.#dispatch()
      this.#tellEnded()
      return
    }
    member.graceTimer ??= setTimeout(() => void member.worker.terminate(), this.#options.cancelGraceMs)
  }

  /** No new work; running jobs may go on for `graceMs`, then they are ended with their workers. */
  async close(graceMs: number): Promise<void> {
    this.#closing = true
    clearTimeout(this.#growing)
    for (const waiting of this.#queue.splice(0)) tell(waiting, new ProblemError(problem('shutting_down', 'the service is shutting down'), 1))
    if (!this.#idle) {
      let timer: NodeJS.Timeout | undefined
      const grace = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, graceMs)
      })
      await Promise.race([new Promise<void>((resolve) => this.#ended.push(resolve)), grace])
      clearTimeout(timer)
    }
    for (const { jobs } of this.#members) for (const job of jobs.list()) tell(job, new ProblemError(problem('shutting_down', 'the service shut down before the computation ended'), 1))
    await Promise.all([...this.#members].map((member) => member.worker.terminate()))
  }
}

/**
 * Whether a worker gets the next job rather than another: one that is at work on small jobs, since to wake a second
 * thread takes longer than they do; else the one with the fewest.
 */
function before(member: Member, other: Member): boolean {
  if (member.flowing !== other.flowing) return member.flowing
  return member.jobs.size < other.jobs.size
}

/** Says how the job failed, unless the caller has been told. */
function tell(job: Waiting, error: Error): void {
  if (job.told) return
  job.told = true
  job.request.onFail(error)
}

function settle(job: Waiting, outcome: Outcome): void {
  switch (outcome.type) {
    case 'done':
      if (job.told) return
      job.told = true
      return job.request.onEnd(outcome)
    case 'refused':
      return tell(job, new ProblemError(outcome.problem))
    case 'cancelled':
      return tell(job, new AbortedError('cancelled'))
    case 'failed':
      return tell(job, new WorkerFault(outcome.message, outcome.stack))
  }
}
