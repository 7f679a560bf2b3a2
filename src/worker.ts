/** A worker thread: one job at a time, on an engine of its own. */
import { parentPort, workerData } from 'node:worker_threads'
import { ProgramCache, SpecError, defaultCompileOptions } from '../engine/index.ts'
import type { Engine } from '../engine/index.ts'
import { DebugLadder } from './debug.ts'
import type { Problem } from './errors.ts'
import type { JobContext, JobResult } from './jobs.ts'
import { runBackward, runExport, runForward, runGraph, runHessian, runTrain } from './jobs.ts'
import type { FromWorker, Job, ToWorker, WorkerSetup } from './protocol.ts'
import { selfTest } from './self-test.ts'
import type { BackwardRequest, ExportRequest, ForwardRequest, GraphRequest, HessianRequest, TrainRequest } from './spec.ts'
import { problemOf, validateText } from './validate.ts'

const setup = workerData as WorkerSetup
const port = parentPort!
const cancelled = new Int32Array(setup.cancelled)

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

/** Bytes of a streamed answer that the main thread has not passed on yet, at most. */
const maxInFlight = 2 ** 20
const flow = { inFlight: 0, freed: (): void => {} }

function post(message: FromWorker, transfer: ArrayBuffer[] = []): void {
  port.postMessage(message, transfer)
}

const debug = new DebugLadder(setup.debug, () => performance.now(), (text) => post({ type: 'debug', text }))

let engine: Engine = {
  cache: new ProgramCache(setup.programCache),
  limits: setup.limits,
  compile: { ...defaultCompileOptions, wide: setup.wide, maxBytes: setup.limits.maxMemoryBytes },
}

function contextOf(job: Job): JobContext {
  return {
    engine,
    maxResponseBytes: setup.limits.maxResponseBytes,
    checkCancelled: () => {
      if (Atomics.load(cancelled, 0) === job.id) throw new Cancelled()
    },
    now: () => performance.now(),
    start: () => post({ type: 'started', id: job.id }),
    send: async (text) => {
      const bytes = new TextEncoder().encode(text)
      flow.inFlight += bytes.length
      post({ type: 'chunk', id: job.id, bytes }, [bytes.buffer])
      // A slow reader: wait until the main thread has passed something on, and look at the flag meanwhile.
      while (flow.inFlight > maxInFlight) {
        await nextAcknowledgement()
        if (Atomics.load(cancelled, 0) === job.id) throw new Cancelled()
      }
    },
    debug,
  }
}

/** Resolves when the main thread has taken a piece, and now and then without. */
function nextAcknowledgement(): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, 100)
    flow.freed = () => {
      clearTimeout(timer)
      resolve()
    }
  })
}

async function run(job: Job): Promise<JobResult> {
  const ctx = contextOf(job)
  ctx.checkCancelled()
  const request = checkedRequest(job)
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
  }
}

function checkedRequest(job: Job): unknown {
  if ('checked' in job.request) return job.request.checked
  const validated = validateText(job.operation, job.request.bytes)
  if (!validated.ok) throw new Refused(validated.problem)
  return validated.value
}

async function handle(job: Job): Promise<void> {
  flow.inFlight = 0
  try {
    const { body: given, contentType = 'application/json', headers = {}, stats } = await run(job)
    if (debug.on) debug.ran(job.operation, stats)
    const body = typeof given === 'string' ? new TextEncoder().encode(given) : given
    post({ type: 'done', id: job.id, body, contentType, headers, stats }, [body.buffer])
  } catch (error) {
    if (error instanceof Cancelled) post({ type: 'cancelled', id: job.id })
    else if (error instanceof Refused) post({ type: 'refused', id: job.id, problem: error.problem })
    else if (error instanceof SpecError) post({ type: 'refused', id: job.id, problem: problemOf(error) })
    else post({ type: 'failed', id: job.id, message: String(error), stack: error instanceof Error ? error.stack : undefined })
  }
}

port.on('message', (message: ToWorker) => {
  if (message.type === 'taken') {
    flow.inFlight -= message.bytes
    flow.freed()
  } else {
    void handle(message.job)
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
post({ type: 'ready', selfTest: tested })
