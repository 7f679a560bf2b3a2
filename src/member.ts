/** A worker thread as the pool sees it. */
import { setFlagsFromString } from 'node:v8'
import type { ResourceLimits } from 'node:worker_threads'
import { Worker } from 'node:worker_threads'
import { packJobs } from './packed.ts'
import { Places } from './places.ts'
import type { FromWorker, Head, Job, JobStats, ToWorker, WorkerSetup } from './protocol.ts'
import { jobPlaces } from './protocol.ts'
import type { Format } from './protocol.ts'
import type { Operation } from './spec.ts'

/** How the caller takes an answer. */
export interface JobRequest {
  readonly operation: Operation
  readonly bytes: Uint8Array
  readonly format: Format
  readonly onStarted: (head: Head) => void
  /** Calls `taken` when the piece has been passed on. */
  readonly onChunk: (bytes: Uint8Array, taken: () => void) => void
  /** One of these is called once, at the end. */
  readonly onEnd: (answer: JobAnswer) => void
  /**
   * With a ProblemError for a bad request or a service that shuts down, with the reason of who gave the job up, with a
   * WorkerFault when the service is at fault.
   */
  readonly onFail: (error: Error) => void
}

export interface JobAnswer {
  readonly body: Uint8Array | string
  readonly head: Head
  readonly stats: JobStats
}

/** A job in the queue or in a worker. */
export interface Waiting {
  readonly id: number
  readonly request: JobRequest
  readonly came: number
  /** Whether the answer has begun: then the job cannot be done again. */
  begun: boolean
  /** Whether it lets others in between. */
  long: boolean
  /** Whether nobody waits for it any more. */
  abandoned: boolean
  /** Whether the caller knows how it ended. */
  told: boolean
  /** Workers that were lost with it. */
  losses: number
}

/** Larger requests go by themselves, without a copy. */
const ownMessageBytes = 64 * 1024

/** Posted work that a worker has at one time takes about this long, and has at most this many jobs. */
const batchMs = 1
const maxBatch = 32

/** Young generation of a worker, in MB, two thirds of which it comes to hold: with half of it a program is compiled 6 % slower, with twice as much 4 % faster. */
const youngMb = 24

/** The limits of a worker's heap, to start it with at once: V8's flag for the main thread's young generation, which the start line sets, would else beat them. */
export function heapLimits(oldMb: number): ResourceLimits {
  setFlagsFromString('--max-semi-space-size=0')
  return { maxOldGenerationSizeMb: oldMb, maxYoungGenerationSizeMb: youngMb }
}

/** A worker that has ended nothing for so long is at something slow. */
export const patienceMs = 2 * batchMs

export class Member {
  readonly worker: Worker
  readonly #states = new Int32Array(new SharedArrayBuffer(4 * jobPlaces))
  readonly jobs = new Places<Waiting>(jobPlaces)
  ready = false
  graceTimer: NodeJS.Timeout | undefined
  /** Jobs that do not let others in between, as far as is known. */
  #short = 0
  /** What a job took of a processor lately. */
  #jobMs = 2 * batchMs
  /** When it last ended a job, or began to have one. */
  #moved = 0
  /** When it began to have jobs. */
  #since = 0
  /** Long ones that may be here besides one; without any it takes one job at a time. */
  readonly #guests: number

  constructor(setup: Omit<WorkerSetup, 'states'>, heapMb: number, guests: number) {
    this.#guests = guests
    const workerData: WorkerSetup = { ...setup, states: this.#states.buffer }
    this.worker = new Worker(new URL('./worker.ts', import.meta.url), {
      workerData,
      resourceLimits: heapLimits(heapMb),
      execArgv: ['--disable-warning=ExperimentalWarning'],
    })
  }

  /** Whether its jobs are so small that they had better go together than to several workers. */
  get fast(): boolean {
    return this.#jobMs < batchMs / 4
  }

  /** Whether it is at work on such jobs, and ends them as it should. */
  get flowing(): boolean {
    return this.fast && this.jobs.size > 0 && performance.now() - this.#moved < patienceMs
  }

  /** Jobs that let others in between. */
  get long(): number {
    return this.jobs.size - this.#short
  }

  /** For how long it has had jobs without a pause. */
  get busyMs(): number {
    return this.jobs.size === 0 ? 0 : performance.now() - this.#since
  }

  /** How many more jobs it may be given now. */
  get room(): number {
    if (!this.ready) return 0
    if (this.long > this.#guests) return 0
    // Two batches, so that the next one is there when the first is done; unless there is something slow among them.
    const most = this.#guests === 0 ? 1 : Math.max(1, Math.min(maxBatch, Math.floor((2 * batchMs) / this.#jobMs)))
    return Math.max(0, most - this.#short)
  }

  /** Gives it the first of the jobs, as many as one message takes. */
  assign(queue: Waiting[], most: number): void {
    let bytes = 0
    let count = 0
    while (count < most && count < queue.length) {
      const { length } = queue[count]!.request.bytes
      if (length > ownMessageBytes && count > 0) break
      bytes += length
      count++
      if (length > ownMessageBytes) break
    }
    const taken = queue.splice(0, count)
    if (this.jobs.size === 0) this.#moved = this.#since = performance.now()
    const [first] = taken
    const alone = bytes > ownMessageBytes ? ownBuffer(first!.request.bytes) : undefined
    const jobs = taken.map((job): Job => {
      const { id, came, request: { operation, format, bytes: own } } = job
      this.#short++
      const place = this.jobs.add(job)
      Atomics.store(this.#states, place, id)
      return { id, place, operation, format, came, body: own.length > ownMessageBytes ? own : latin1(own) }
    })
    // What is handed over cannot be done again.
    if (alone) first!.losses = Infinity
    this.send({ type: 'jobs', jobs: packJobs(jobs) }, alone ? [alone] : [])
  }

  markLong(job: Waiting): void {
    if (job.long) return
    job.long = true
    this.#short--
  }

  /** Takes a job that has ended away. */
  end(id: number): Waiting | undefined {
    this.#moved = performance.now()
    return this.#remove(id)
  }

  #remove(id: number): Waiting | undefined {
    const job = this.jobs.take(id)
    if (!job) return undefined
    if (!job.long) this.#short--
    if (this.graceTimer && job.abandoned) {
      // Others that were given up have the whole time from now on: this one stood before them.
      if (this.jobs.list().some(({ abandoned }) => abandoned)) this.graceTimer.refresh()
      else {
        clearTimeout(this.graceTimer)
        this.graceTimer = undefined
      }
    }
    return job
  }

  /** Slow ones count at once, fast ones by and by. */
  took(ms: number): void {
    this.#jobMs += (ms - this.#jobMs) * (ms > this.#jobMs ? 0.5 : 0.1)
  }

  /** Whether it had not been taken up yet: then it is no longer here. */
  cancel(id: number): boolean {
    const before = Atomics.exchange(this.#states, this.jobs.placeOf(id), 0)
    if (before === id) {
      this.#remove(id)
      return true
    }
    this.send({ type: 'wake' })
    return false
  }

  /** Half of the jobs that it has not taken up, for a worker that has nothing to do. */
  takeBack(): Waiting[] {
    const posted = this.jobs.list().filter(({ id, losses }) => losses === 0 && Atomics.load(this.#states, this.jobs.placeOf(id)) === id)
    return posted.slice(posted.length >> 1).filter(({ id }) => {
      if (Atomics.compareExchange(this.#states, this.jobs.placeOf(id), id, 0) !== id) return false
      this.#remove(id)
      return true
    })
  }

  send(message: ToWorker, transfer: ArrayBuffer[] = []): void {
    this.worker.postMessage(message, transfer)
  }

  on(receive: (message: FromWorker) => void, lost: (reason: string) => void): void {
    this.worker.on('message', receive)
    let reason = 'it ended'
    this.worker.on('error', (error: Error & { code?: string }) => {
      reason = error.code === 'ERR_WORKER_OUT_OF_MEMORY' ? 'out of memory' : error.message
    })
    this.worker.on('exit', () => lost(reason))
  }
}

function latin1({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('latin1')
}

/** The buffer of the bytes, where it holds nothing else: it can be handed over instead of copied. */
function ownBuffer({ buffer, byteLength }: Uint8Array): ArrayBuffer | undefined {
  return buffer instanceof ArrayBuffer && buffer.byteLength === byteLength ? buffer : undefined
}
