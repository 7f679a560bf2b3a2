/** What a worker does with a training: runs its steps a few milliseconds at a time, and writes the answer as they come. */
import type { TrainSteps } from '../engine/index.ts'
import { SpecError, Training, safetensorsSize, writeSafetensors } from '../engine/index.ts'
import type { JobContext, JobResult } from './jobs.ts'
import { firstNonFiniteText, requireRoom, msText, serverTiming } from './jobs.ts'
import type { Format, JobStats } from './protocol.ts'
import { contentTypes } from './protocol.ts'
import { reclaim } from './reclaim.ts'
import { NonFiniteList, base64, checkpointText, earlyStoppingText, estimateText, float32Text, float64Text, stepText, tensorsText } from './serialize.ts'
import type { TrainRequest } from './spec.ts'
import { Text } from './text.ts'

type TextFormat = Exclude<Format, 'octets'>

/** Steps between two looks at the cancel flag take about this long. */
const chunkMs = 5
/** A streamed answer goes out in pieces of about this size, or after this time. */
const pieceCharacters = 64 * 1024
const pieceMs = 50

/** A run with what it took so far. */
interface Run {
  readonly training: Training
  readonly request: TrainRequest
  readonly stats: () => JobStats
}

/** A run of so much memory begins with the garbage of its preparation collected, so that both are not held at once. */
const collectBytes = 64 * 2 ** 20

export async function runTrain(request: TrainRequest, format: Format, ctx: JobContext): Promise<JobResult> {
  const began = ctx.now()
  const training = new Training(request, ctx.engine, { gradients: format !== 'octets' && request.report.gradients !== 'none' })
  const compiled = ctx.now()
  const stats = (): JobStats => {
    const { fromCache: cached, memoryBytes: peakBytes, kernels } = training.stats
    return { queueMs: ctx.queueMs, parseMs: began - ctx.began, compileMs: compiled - began, runMs: ctx.now() - compiled, steps: training.doneSteps, peakBytes, kernels, cached }
  }
  try {
    const room = ctx.claim(training.stats.memoryBytes)
    if (room) await room
    if (training.stats.memoryBytes > collectBytes) {
      training.load()
      await reclaim()
    }
    const result = format === 'octets' ? await runToFile({ training, request, stats }, ctx) : await runToText({ training, request, stats }, format, ctx)
    if (ctx.debug.probes) ctx.debug.kernels(training)
    return result
  } finally {
    training.close()
  }
}

function trainTiming({ queueMs, parseMs, compileMs, runMs }: JobStats): string {
  return serverTiming([['queue', queueMs], ['parse', parseMs], ['compile', compileMs], ['train', runMs]])
}

async function runToText({ training, request, stats }: Run, format: TextFormat, ctx: JobContext): Promise<JobResult> {
  requireRoom(estimateRun(training, request), ctx)
  const writer = new StepWriter(format, ctx)
  const streamed = format !== 'json'
  if (streamed) {
    const { queueMs, parseMs, compileMs } = stats()
    ctx.start({ contentType: contentTypes[format], headers: ['server-timing', serverTiming([['queue', queueMs], ['parse', parseMs], ['compile', compileMs]])] })
  }
  const report = { gradients: request.report.gradients, tensors: request.report.tensors, dtype: request.dtype }
  const { every } = request.report
  try {
    await runSteps(training, ctx, (done) => {
      const last = training.status !== 'running' || done.validation ? done.length - 1 : done.length
      for (let i = 0; i < done.length; i++) if ((done.first + i) % every === 0 || i === last) writer.step(stepText(done.at(i), report))
      return writer.flush()
    })
    const taken = stats()
    const body = writer.finish(endText(training, request, taken))
    return { body, streamed, stats: taken, head: { contentType: contentTypes[format], headers: ['server-timing', trainTiming(taken)] } }
  } catch (error) {
    // The steps before what is wrong come before it.
    if (streamed && error instanceof SpecError) await writer.send()
    throw error
  }
}

/** The state alone, as a safetensors file; how the run ended is in the headers. */
async function runToFile({ training, request: { report, dtype }, stats }: Run, ctx: JobContext): Promise<JobResult> {
  if (report.parameters === 'none') throw new SpecError('bad_option', 'Accept: application/octet-stream asks for the state, which report.parameters leaves out', { pointer: '/report/parameters' })
  requireRoom(safetensorsSize(training.model.parameters.map((parameter) => [parameter.name, parameter])), ctx)
  let loss: number | undefined
  await runSteps(training, ctx, (done) => {
    loss = done.losses.at(-1) ?? loss
    return undefined
  })
  const number = dtype === 'float32' ? float32Text : float64Text
  const taken = stats()
  const headers = ['content-disposition', 'attachment; filename="state.safetensors"', 'run-status', training.status, 'run-steps', String(training.doneSteps), 'server-timing', trainTiming(taken)]
  if (loss !== undefined && Number.isFinite(loss)) headers.push('run-loss', number(loss))
  return { body: writeSafetensors(training.state()), head: { contentType: 'application/octet-stream', headers }, stats: taken }
}

/** Characters of the whole answer, estimated before the first step. */
export function estimateRun(training: Training, request: TrainRequest): number {
  const { report } = request
  const reported = Math.ceil((training.totalSteps - training.doneSteps) / report.every) + 1
  let perStep = 120 + (request.validation ? 60 + 40 * request.validation.metrics.length : 0)
  if (report.gradients === 'norms') perStep += training.gradientNames.length * 60
  if (report.gradients === 'values') perStep += training.gradientShapes.reduce((n, shape) => n + estimateText(shape, request.dtype, report.tensors), 0)
  const state = report.parameters === 'values' ? estimateState(training, request) : 0
  return reported * perStep + state
}

function estimateState({ model: { parameters } }: Training, { report }: TrainRequest): number {
  if (report.state === 'safetensors') return 30 + Math.ceil((safetensorsSize(parameters.map((parameter) => [parameter.name, parameter])) * 4) / 3)
  return parameters.reduce((n, { shape, dtype }) => n + estimateText(shape, dtype, report.tensors), 0)
}

async function runSteps(training: Training, ctx: JobContext, take: (done: TrainSteps) => Promise<void> | undefined): Promise<void> {
  let steps = 1
  let turnFrom = ctx.now()
  while (training.status === 'running') {
    ctx.checkCancelled()
    const from = ctx.now()
    const done = training.advance(steps)
    const elapsed = Math.max(ctx.now() - from, 0.01)
    steps = Math.max(1, Math.min(steps * 4, Math.floor((done.length * chunkMs) / elapsed)))
    const taken = take(done)
    if (taken) await taken
    const turn = ctx.now() - turnFrom
    if (turn < chunkMs || training.status !== 'running') continue
    await ctx.giveWay(turn)
    turnFrom = ctx.now()
  }
}

/** What follows the steps: the final state, how the run ended and what it took, and where it left the finite numbers. */
function endText(training: Training, request: TrainRequest, { queueMs, parseMs, compileMs, runMs, steps, peakBytes }: JobStats): string {
  const bad = new NonFiniteList()
  const parts: string[] = []
  if (request.report.parameters === 'values') parts.push(`"state":${stateText(training, request, bad)}`)
  if (request.report.checkpoint && training.status === 'succeeded') parts.push(`"checkpoint":${checkpointText(training.checkpoint(), request.report.tensors, bad)}`)
  if (training.stopping) parts.push(`"early_stopping":${earlyStoppingText(training.stopping, training.stoppedEarly, request.dtype)}`)
  parts.push(`"status":"${training.status}"`)
  const step = steps === 0 ? 0 : Number((runMs / steps).toPrecision(4))
  const timing = `"timing":{"queue":${msText(queueMs)},"parse":${msText(parseMs)},"compile":${msText(compileMs)},"train":${msText(runMs)},"step":${step}},"memory_bytes":${peakBytes}`
  return `${parts.join(',')}${firstNonFiniteText(training.nonFinite, training.nonFinite?.step)}${bad.field},${timing}`
}

function stateText(training: Training, { report }: TrainRequest, bad: NonFiniteList): string {
  const state = training.state()
  if (report.state === 'safetensors') return `{"safetensors":"${base64(writeSafetensors(state))}"}`
  return tensorsText(state, report.tensors, '/state', bad)
}

/** Frames steps and the end for each format. */
class StepWriter {
  readonly #format: TextFormat
  readonly #ctx: JobContext
  readonly #text = new Text()
  #steps = 0
  #total = 0
  #sent: number

  constructor(format: TextFormat, ctx: JobContext) {
    this.#format = format
    this.#ctx = ctx
    this.#sent = ctx.now()
    if (format === 'json') this.#add('{"steps":[')
  }

  /** One more part of the answer, where there is room: what an estimate let pass is known here. */
  #add(text: string): void {
    this.#total += text.length
    requireRoom(this.#total, this.#ctx)
    this.#text.add(text)
  }

  step(text: string): void {
    switch (this.#format) {
      case 'sse':
        return this.#add(`event: step\ndata: ${text}\n\n`)
      case 'ndjson':
        return this.#add(`${text}\n`)
      case 'json':
        this.#add(this.#steps++ === 0 ? text : `,${text}`)
    }
  }

  /** Sends what has gathered, when it is enough or has waited long enough. Gives what to wait for, if anything. */
  flush(): Promise<void> | undefined {
    if (this.#format === 'json' || this.#text.length === 0) return undefined
    const now = this.#ctx.now()
    if (this.#text.length < pieceCharacters && now - this.#sent < pieceMs) return undefined
    this.#sent = now
    return this.send()
  }

  /** Sends what has gathered. */
  async send(): Promise<void> {
    const pieces = this.#text.take()
    if (typeof pieces !== 'string') for (const piece of pieces) await this.#ctx.send(piece)
    else if (pieces !== '') await this.#ctx.send(new TextEncoder().encode(pieces))
  }

  /** The rest of the answer. */
  finish(end: string): string | Uint8Array<ArrayBuffer>[] {
    switch (this.#format) {
      case 'json':
        this.#add(`],${end}}`)
        break
      case 'ndjson':
        this.#add(`{${end}}\n`)
        break
      case 'sse':
        this.#add(`event: done\ndata: {${end}}\n\n`)
    }
    return this.#text.take()
  }
}
