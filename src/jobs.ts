/** What a worker does with a request: runs the engine and writes the answer as bytes of JSON. */
import type { Engine, GraphResult, NonFinite, TensorKind, TrainSteps } from '../engine/index.ts'
import { Hessian, SpecError, Training, backward, callGraph, forward, layerPlanner, readTensor, safetensorsSize, writeSafetensors } from '../engine/index.ts'
import type { DebugLadder } from './debug.ts'
import { graphDot } from './graph/dot.ts'
import { graphJson } from './graph/json.ts'
import { graphMermaid } from './graph/mermaid.ts'
import { graphSvg } from './graph/svg.ts'
import type { Format, JobStats } from './protocol.ts'
import { graphTypes } from './protocol.ts'
import { NonFiniteList, base64, checkpointText, earlyStoppingText, estimateText, float32Text, float64Text, pointerPart, stepText, tensorText, tensorsText } from './serialize.ts'
import type { BackwardRequest, ExportRequest, ForwardRequest, GraphRequest, HessianRequest, TrainRequest } from './spec.ts'

/** How a job talks to the rest of the worker. */
export interface JobContext {
  readonly engine: Engine
  readonly maxResponseBytes: number
  /** Throws when the job is to stop. */
  readonly checkCancelled: () => void
  /** Milliseconds of a steady clock. */
  readonly now: () => number
  /** Streamed answers: begins, and takes a piece; resolves when more may follow. */
  readonly start: () => void
  readonly send: (text: string) => Promise<void>
  readonly debug: DebugLadder
}

export interface JobResult {
  /** The body, or the last piece of a streamed answer. */
  readonly body: string | Uint8Array<ArrayBuffer>
  /** By default JSON. */
  readonly contentType?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly stats: JobStats
}

function requireRoom(characters: number, ctx: JobContext): void {
  if (characters <= ctx.maxResponseBytes) return
  throw new SpecError('response_too_large', `the answer would have about ${characters} bytes; the limit is ${ctx.maxResponseBytes}`)
}

export function runForward(request: ForwardRequest, ctx: JobContext): JobResult {
  const began = ctx.now()
  const result = forward(request, ctx.engine)
  const form = request.report.tensors
  const tensors = [...result.outputs.values()].filter((value) => typeof value !== 'number')
  requireRoom(tensors.reduce((n, tensor) => n + estimateText(tensor.shape, tensor.dtype, form), 0), ctx)
  const bad = new NonFiniteList()
  const parts: string[] = []
  if (result.loss) {
    bad.tensor('/loss', result.loss)
    parts.push(`"loss":${tensorText(result.loss, 'nested')}`, `"grad_fn":${JSON.stringify(result.gradFn)}`)
  }
  parts.push(`"outputs":${tensorsText(result.outputs, form, '/outputs', bad)}`)
  return { body: `{${parts.join(',')}${bad.field}${firstNonFiniteText(result.nonFinite)}}`, stats: passStats(result.stats, ctx.now() - began) }
}

export function runBackward(request: BackwardRequest, ctx: JobContext): JobResult {
  const began = ctx.now()
  const result = backward(request, ctx.engine)
  const form = request.report.tensors
  requireRoom([...result.gradients.values()].reduce((n, tensor) => n + estimateText(tensor.shape, tensor.dtype, form), 0), ctx)
  const bad = new NonFiniteList()
  bad.tensor('/loss', result.loss)
  const loss = tensorText(result.loss, 'nested')
  const gradients = tensorsText(result.gradients, form, '/gradients', bad)
  return {
    body: `{"loss":${loss},"grad_fn":${JSON.stringify(result.gradFn)},"gradients":${gradients}${bad.field}${firstNonFiniteText(result.nonFinite)}}`,
    stats: passStats(result.stats, ctx.now() - began),
  }
}

export function runHessian(request: HessianRequest, ctx: JobContext): JobResult {
  const began = ctx.now()
  const hessian = new Hessian(request, ctx.engine)
  const form = request.report.tensors
  const pairs = request.vector ? hessian.parameters.map(({ shape }) => shape) : hessian.parameters.flatMap((a) => hessian.parameters.map((b) => [...a.shape, ...b.shape]))
  requireRoom(pairs.reduce((n, shape) => n + estimateText(shape, request.dtype, form), 0), ctx)
  const result = hessian.run(ctx.checkCancelled)
  const bad = new NonFiniteList()
  bad.tensor('/loss', result.loss)
  const parts = [`"loss":${tensorText(result.loss, 'nested')}`, `"grad_fn":${JSON.stringify(result.gradFn)}`, `"gradients":${tensorsText(result.gradients, form, '/gradients', bad)}`]
  if (result.product) parts.push(`"product":${tensorsText(result.product, form, '/product', bad)}`)
  else parts.push(`"hessian":{${[...result.hessian].map(([name, blocks]) => `${JSON.stringify(name)}:${tensorsText(blocks, form, `/hessian/${pointerPart(name)}`, bad)}`).join(',')}}`)
  return { body: `{${parts.join(',')}${bad.field}}`, stats: passStats(result.stats, ctx.now() - began) }
}

/** `,"first_non_finite":{…}`, or nothing. */
function firstNonFiniteText(found: NonFinite | undefined, step?: number): string {
  if (!found) return ''
  const { phase, operation, value, place, index } = found
  return `,"first_non_finite":${JSON.stringify({ step, phase, operation, value, pointer: place?.pointer, line: place?.line, column: place?.column, index })}`
}

/** How a graph can be written. */
const graphWriters: Readonly<Record<GraphRequest['format'], (graph: GraphResult) => string | Promise<string>>> = { json: graphJson, dot: graphDot, mermaid: graphMermaid, svg: graphSvg }

/** Characters that a node and an edge take in the longest form, roughly. */
const drawnCharacters = { node: 2000, edge: 600 } as const

export async function runGraph(request: GraphRequest, ctx: JobContext): Promise<JobResult> {
  const began = ctx.now()
  const graph = callGraph(request, request.backward, ctx.engine)
  requireRoom(graph.nodes.length * drawnCharacters.node + graph.edges.length * drawnCharacters.edge, ctx)
  ctx.checkCancelled()
  return { body: await graphWriters[request.format](graph), contentType: graphTypes[request.format], stats: passStats(graph.stats, ctx.now() - began) }
}

export async function runExport({ input, data, dynamic_axes: dynamicAxes, ...spec }: ExportRequest, ctx: JobContext): Promise<JobResult> {
  const began = ctx.now()
  // Loaded when the first model is exported.
  const { exportOnnx } = await import('./onnx/export.ts')
  const planOf = layerPlanner(spec, ctx.engine)
  const body = exportOnnx(planOf, { input: inputKind(input, data, spec.dtype, ctx), dtype: spec.dtype, dynamicAxes })
  requireRoom(body.length, ctx)
  const headers = { 'content-disposition': 'attachment; filename="model.onnx"' }
  return { body, contentType: 'application/octet-stream', headers, stats: { compileMs: 0, runMs: ctx.now() - began, steps: 0, peakBytes: 0, kernels: 0, cached: false } }
}

function inputKind(input: ExportRequest['input'], data: ExportRequest['data'], dtype: TensorKind['dtype'], ctx: JobContext): TensorKind {
  if (input) return { shape: input.shape, dtype: input.dtype ?? dtype }
  const given = readTensor(data!.x, '/data/x', ctx.engine.limits.maxElements)
  return { shape: given.shape, dtype: given.dtype ?? dtype }
}

function passStats(stats: { fromCache: boolean; memoryBytes: number; kernels: number }, ms: number): JobStats {
  return { compileMs: 0, runMs: ms, steps: 0, peakBytes: stats.memoryBytes, kernels: stats.kernels, cached: stats.fromCache }
}

// ---- training

type TextFormat = Exclude<Format, 'octets'>

/** Steps between two looks at the cancel flag take about this long. */
const chunkMs = 5
/** A streamed answer goes out in pieces of about this size, or after this time. */
const pieceCharacters = 64 * 1024
const pieceMs = 50

export async function runTrain(request: TrainRequest, format: Format, ctx: JobContext): Promise<JobResult> {
  const began = ctx.now()
  const training = new Training(request, ctx.engine, { gradients: format !== 'octets' && request.report.gradients !== 'none' })
  const compiled = ctx.now()
  try {
    const answer = format === 'octets' ? await runToFile(training, request, ctx) : await runToText(training, request, format, ctx)
    const { stats } = training
    if (ctx.debug.probes) ctx.debug.kernels(training)
    return {
      ...answer,
      stats: { compileMs: compiled - began, runMs: ctx.now() - compiled, steps: training.doneSteps, peakBytes: stats.memoryBytes, kernels: stats.kernels, cached: stats.fromCache },
    }
  } finally {
    training.close()
  }
}

async function runToText(training: Training, request: TrainRequest, format: TextFormat, ctx: JobContext): Promise<Pick<JobResult, 'body'>> {
  requireRoom(estimateRun(training, request), ctx)
  const writer = new StepWriter(format, ctx)
  if (format !== 'json') ctx.start()
  const report = { gradients: request.report.gradients, tensors: request.report.tensors, dtype: request.dtype }
  const { every } = request.report
  await runSteps(training, ctx, async (done) => {
    const last = training.status !== 'running' || done.validation ? done.length - 1 : done.length
    for (let i = 0; i < done.length; i++) if ((done.first + i) % every === 0 || i === last) writer.step(stepText(done.at(i), report))
    await writer.flush()
  })
  return { body: writer.finish(endText(training, request)) }
}

/** The state alone, as a safetensors file; how the run ended is in the headers. */
async function runToFile(training: Training, { report, dtype }: TrainRequest, ctx: JobContext): Promise<Pick<JobResult, 'body' | 'contentType' | 'headers'>> {
  if (report.parameters === 'none') throw new SpecError('bad_option', 'Accept: application/octet-stream asks for the state, which report.parameters leaves out', { pointer: '/report/parameters' })
  requireRoom(safetensorsSize(training.model.parameters.map((parameter) => [parameter.name, parameter])), ctx)
  let loss: number | undefined
  await runSteps(training, ctx, async (done) => {
    loss = done.losses.at(-1) ?? loss
  })
  const number = dtype === 'float32' ? float32Text : float64Text
  const headers = {
    'content-disposition': 'attachment; filename="state.safetensors"',
    'run-status': training.status,
    'run-steps': String(training.doneSteps),
    ...(loss !== undefined && Number.isFinite(loss) && { 'run-loss': number(loss) }),
  }
  return { body: writeSafetensors(training.state()), contentType: 'application/octet-stream', headers }
}

/** Characters of the whole answer, estimated before the first step. */
function estimateRun(training: Training, request: TrainRequest): number {
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

async function runSteps(training: Training, ctx: JobContext, take: (done: TrainSteps) => Promise<void>): Promise<void> {
  let steps = 1
  while (training.status === 'running') {
    ctx.checkCancelled()
    const from = ctx.now()
    const done = training.advance(steps)
    const elapsed = Math.max(ctx.now() - from, 0.01)
    steps = Math.max(1, Math.min(steps * 4, Math.floor((done.length * chunkMs) / elapsed)))
    await take(done)
  }
}

/** What follows the steps: the final state, how the run ended, and where it left the finite numbers. */
function endText(training: Training, request: TrainRequest): string {
  const bad = new NonFiniteList()
  const parts: string[] = []
  if (request.report.parameters === 'values') parts.push(`"state":${stateText(training, request, bad)}`)
  if (request.report.checkpoint && training.status === 'succeeded') parts.push(`"checkpoint":${checkpointText(training.checkpoint(), request.report.tensors, bad)}`)
  if (training.stopping) parts.push(`"early_stopping":${earlyStoppingText(training.stopping, training.stoppedEarly, request.dtype)}`)
  parts.push(`"status":"${training.status}"`)
  return parts.join(',') + firstNonFiniteText(training.nonFinite, training.nonFinite?.step) + bad.field
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
  #pieces: string[] = []
  #length = 0
  #total = 0
  #sent: number

  constructor(format: TextFormat, ctx: JobContext) {
    this.#format = format
    this.#ctx = ctx
    this.#sent = ctx.now()
  }

  step(text: string): void {
    const framed = this.#format === 'sse' ? `event: step\ndata: ${text}\n\n` : this.#format === 'ndjson' ? `${text}\n` : text
    this.#pieces.push(framed)
    this.#length += framed.length
    this.#total += framed.length
    if (this.#total > this.#ctx.maxResponseBytes) requireRoom(this.#total, this.#ctx)
  }

  /** Sends what has gathered, when it is enough or has waited long enough. */
  async flush(): Promise<void> {
    if (this.#format === 'json' || this.#length === 0) return
    const now = this.#ctx.now()
    if (this.#length < pieceCharacters && now - this.#sent < pieceMs) return
    const text = this.#pieces.join('')
    this.#pieces = []
    this.#length = 0
    this.#sent = now
    await this.#ctx.send(text)
  }

  /** The rest of the answer. */
  finish(end: string): string {
    switch (this.#format) {
      case 'json':
        return `{"steps":[${this.#pieces.join(',')}],${end}}`
      case 'ndjson':
        return `${this.#pieces.join('')}{${end}}\n`
      default:
        return `${this.#pieces.join('')}event: done\ndata: {${end}}\n\n`
    }
  }
}
