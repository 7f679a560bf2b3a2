/** A worker thread: small jobs one after the other, and long trainings that take turns with them, on an engine of its own. */
import { getPriority, setPriority } from 'node:os'
import { BroadcastChannel, parentPort, workerData } from 'node:worker_threads'
import type { ProgramNews } from '../engine/index.ts'
import { ProgramCache, SpecError, defaultCompileOptions } from '../engine/index.ts'
import type { Engine } from '../engine/index.ts'
import { DebugLadder } from './debug.ts'
import type { Problem } from './errors.ts'
import type { JobContext, JobResult } from './jobs.ts'
import { requireRoom, runBackward, runExport, runForward, runGraph, runHessian } from './jobs.ts'
import { Outbox, lengthOf } from './outbox.ts'
import { unpackJobs } from './packed.ts'
import { runValidate } from './preview.ts'
import type { FromWorker, Head, Job, ToWorker, WorkerSetup } from './protocol.ts'
import { IdleCollector, reclaim } from './reclaim.ts'
import { selfTest } from './self-test.ts'
import type { BackwardRequest, ExportRequest, ForwardRequest, GraphRequest, HessianRequest, TrainRequest, ValidateRequest } from './spec.ts'
import { Helpers } from './team.ts'
import { runTrain } from './training.ts'
import type { Run } from './turns.ts'
import { Turns } from './turns.ts'
import { problemOf, validateText } from './validate.ts'

const setup = workerData as WorkerSetup
const port = parentPort!
const states = new Int32Array(setup.states)

/** The main thread, which all clients wait for, goes first where there are fewer cores than threads with work. */
const nicer = 5
// Elsewhere it would hold for the whole process. Threads that this one starts have it too.
if (process.platform === 'linux') setPriority(Math.min(19, getPriority() + nicer))

/** What is left of larger requests is given back at once. */
const reclaimBytes = 16 * 2 ** 20

/** Bodies that were handed over by themselves. */
const largeBytes = 64 * 1024

/** Thrown between steps when the job is to stop. */
class Cancelled extends Error {}

/** The request is not of the documented form. */
class Refused extends Error {
  readonly problem: Problem

  constructor(problem: Problem) {
    super(problem.detail)
    this.problem = problem
  }
}

function post(message: FromWorker, transfer: ArrayBuffer[] = []): void {
  port.postMessage(message, transfer)
}

const debug = new DebugLadder(setup.debug, () => performance.now(), (text) => post({ type: 'debug', text }))
const outbox = new Outbox(post)
const turns = new Turns(setup.limits.maxMemoryBytes)

/** What one worker compiles, the others need not. */
const programs = new BroadcastChannel(setup.programs)
const cache = new ProgramCache(setup.programCache, undefined, (news) => programs.postMessage(news))
programs.addEventListener('message', ({ data }: { data: unknown }) => {
  const news = data as ProgramNews | 'begun'
  if (news === 'begun') cache.tellAll()
  else cache.learn(news)
})

let engine: Engine = {
  cache,
  limits: setup.limits,
  compile: { ...defaultCompileOptions, wide: setup.wide, maxBytes: setup.limits.maxMemoryBytes },
  ...(setup.threads > 1 && { team: new Helpers(setup.threads, setup.cores, setup.busy) }),
}

/** What a job's answer and its turns stand at. */
class Course implements JobContext {
  readonly #job: Job
  readonly #release: () => void
  #run: Run | undefined
  #long = false
  readonly queueMs: number
  readonly engine = engine
  readonly maxResponseBytes = setup.limits.maxResponseBytes
  readonly debug = debug
  readonly began = performance.now()

  constructor(job: Job, release: () => void) {
    this.#job = job
    this.#release = release
    this.queueMs = Math.max(0, performance.timeOrigin + this.began - job.came)
  }

  now(): number {
    return performance.now()
  }

  readonly checkCancelled = (): void => {
    if (Atomics.load(states, this.#job.place) !== -this.#job.id) throw new Cancelled()
  }

  claim(bytes: number): Promise<void> | undefined {
    if (!turns.hasRoom(bytes)) return this.#waitForRoom(bytes)
    this.#run = turns.begin(this.#job.id, bytes)
    return undefined
  }

  async #waitForRoom(bytes: number): Promise<void> {
    while (!turns.hasRoom(bytes)) {
      this.#tellLong()
      await turns.change()
      this.checkCancelled()
    }
    this.#run = turns.begin(this.#job.id, bytes)
  }

  async giveWay(ms: number): Promise<void> {
    this.#tellLong()
    await turns.next(this.#run!, ms)
    this.checkCancelled()
  }

  #tellLong(): void {
    if (!this.#long) post({ type: 'long', id: this.#job.id })
    this.#long = true
    this.#release()
  }

  start(head: Head): void {
    post({ type: 'started', id: this.#job.id, head })
  }

  async send(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const waiting = outbox.send(this.#job.id, bytes)
    if (!waiting) return
    // A slow reader: others go on until the main thread has passed something on.
    this.#tellLong()
    if (this.#run) turns.leave(this.#run)
    for (let wait: Promise<void> | undefined = waiting; wait; wait = outbox.wait(this.#job.id)) {
      await wait
      this.checkCancelled()
    }
  }

  end(): void {
    if (this.#run) turns.end(this.#run)
    outbox.forget(this.#job.id)
  }
}

async function run(job: Job, bytes: Uint8Array, ctx: Course): Promise<JobResult> {
  const validated = validateText(job.operation, bytes)
  // What is read is not needed any more; left to the garbage collector it would stay for a while.
  if (bytes.length > largeBytes && bytes.buffer instanceof ArrayBuffer) bytes.buffer.transfer(0)
  if (!validated.ok) throw new Refused(validated.problem)
  const request = validated.value
  debug.begin()
  switch (job.operation) {
    case 'forward':
      return runForward(request as ForwardRequest, ctx)
    case 'backward':
      return runBackward(request as BackwardRequest, ctx)
    case 'hessian':
      return runHessian(request as HessianRequest, ctx)
    case 'graph':
      return runGraph(request as GraphRequest, ctx)
    case 'export':
      return runExport(request as ExportRequest, ctx)
    case 'train':
      return runTrain(request as TrainRequest, job.format, ctx)
    case 'validate':
      return runValidate(request as ValidateRequest, ctx)
  }
}

/** Jobs that wait for the one that is under way to end, or to let others in. */
const posted: Job[] = []
let busy = false
const collector = new IdleCollector(() => !busy && posted.length === 0 && turns.none)

function takeUp(): void {
  const job = busy ? undefined : posted.shift()
  if (!job) return
  busy = true
  let holds = true
  void handle(job, () => {
    if (!holds) return
    holds = false
    busy = false
    takeUp()
  })
}

/** `release` lets the next one be taken up. */
async function handle(job: Job, release: () => void): Promise<void> {
  // The main thread may have taken it back.
  if (Atomics.compareExchange(states, job.place, job.id, -job.id) !== job.id) return release()
  const ctx = new Course(job, release)
  const { id } = job
  const size = job.body.length
  try {
    const { body, head = { contentType: 'application/json', headers: [] }, stats, streamed = false } = await run(job, typeof job.body === 'string' ? Buffer.from(job.body, 'latin1') : job.body, ctx)
    // Estimated before, but now it is known.
    if (!streamed) requireRoom(lengthOf(body), ctx)
    if (debug.on) debug.ran(job.operation, stats)
    outbox.end({ type: 'done', id, body: await outbox.passOn(head, body, ctx, streamed), head, stats })
  } catch (error) {
    if (error instanceof Cancelled) outbox.end({ type: 'cancelled', id })
    else if (error instanceof Refused) outbox.end({ type: 'refused', id, problem: error.problem })
    else if (error instanceof SpecError) outbox.end({ type: 'refused', id, problem: problemOf(error) })
    else outbox.end({ type: 'failed', id, message: String(error), stack: error instanceof Error ? error.stack : undefined })
  } finally {
    ctx.end()
    if (size > reclaimBytes) setImmediate(() => void reclaim())
    release()
    collector.ended(performance.now() - ctx.began)
  }
}

port.on('message', (message: ToWorker) => {
  switch (message.type) {
    case 'taken':
      return outbox.taken(message.id, message.bytes)
    case 'wake':
      turns.wake()
      return outbox.wake()
    case 'jobs': {
      const jobs = unpackJobs(message.jobs)
      outbox.expect(jobs.length)
      posted.push(...jobs)
      takeUp()
    }
  }
})

const tested = selfTest(engine)
engine = {
  ...engine,
  compile: {
    ...engine.compile,
    wide: tested.wide,
    exportKernels: debug.probes,
    ...(debug.on && { onStage: (stage, text) => debug.stage(stage, text) }),
  },
}
programs.postMessage('begun')
post({ type: 'ready', selfTest: tested })
