/** What a worker does with a request: runs the engine and writes the answer as bytes of JSON. */
import type { Engine, GraphResult, NonFinite, TensorKind } from '../engine/index.ts'
import { Hessian, SpecError, backward, callGraph, forward, layerPlanner, readTensor } from '../engine/index.ts'
import type { DebugLadder } from './debug.ts'
import { graphDot } from './graph/dot.ts'
import { graphJson } from './graph/json.ts'
import { graphMermaid } from './graph/mermaid.ts'
import { graphSvg } from './graph/svg.ts'
import type { Body } from './outbox.ts'
import type { Head, JobStats } from './protocol.ts'
import { graphTypes } from './protocol.ts'
import { NonFiniteList, estimateText, pointerPart, tensorText, tensorsText } from './serialize.ts'
import type { BackwardRequest, ExportRequest, ForwardRequest, GraphRequest, HessianRequest } from './spec.ts'

/** How a job talks to the rest of the worker. */
export interface JobContext {
  readonly engine: Engine
  readonly maxResponseBytes: number
  /** Throws when the job is to stop. */
  readonly checkCancelled: () => void
  /** Milliseconds of a steady clock. */
  readonly now: () => number
  /** How long the job waited, and when the worker took it up. */
  readonly queueMs: number
  readonly began: number
  /** Takes room for a training's memory beside those that are under way; gives what to wait for until there is some, if anything. */
  readonly claim: (bytes: number) => Promise<void> | undefined
  /** Between two steps: lets others go on, after so many milliseconds. */
  readonly giveWay: (ms: number) => Promise<void>
  /** Streamed answers: begins, and takes a piece; resolves when more may follow. */
  readonly start: (head: Head) => void
  readonly send: (bytes: Uint8Array<ArrayBuffer>) => Promise<void>
  readonly debug: DebugLadder
}

export interface JobResult {
  /** The body, or the last piece of a streamed answer. */
  readonly body: Body
  /** By default that of JSON. */
  readonly head?: Head
  readonly stats: JobStats
  /** Whether the answer has begun. */
  readonly streamed?: boolean
}

export function requireRoom(characters: number, ctx: JobContext): void {
  if (characters <= ctx.maxResponseBytes) return
  throw new SpecError('response_too_large', `the answer would have about ${characters} bytes; the limit is ${ctx.maxResponseBytes}`)
}

/** A call's whole answer, with how long it took in `Server-Timing`. */
export function answered(body: Body, stats: JobStats, contentType = 'application/json', headers: readonly string[] = []): JobResult {
  return { body, stats, head: { contentType, headers: [...headers, 'server-timing', serverTiming([['queue', stats.queueMs], ['parse', stats.parseMs], ['compute', stats.runMs]])] } }
}

export function serverTiming(entries: readonly (readonly [string, number])[]): string {
  let text = ''
  for (const [name, ms] of entries) text += `${text === '' ? '' : ', '}${name};dur=${msText(ms)}`
  return text
}

/** Milliseconds to the microsecond. Whole numbers are written in a fraction of the time that others take. */
export function msText(ms: number): string {
  const all = Math.round(ms * 1000)
  const whole = Math.floor(all / 1000)
  const rest = all - whole * 1000
  if (rest === 0) return `${whole}`
  const zeros = rest < 10 ? '00' : rest < 100 ? '0' : ''
  return `${whole}.${zeros}${rest % 100 === 0 ? rest / 100 : rest % 10 === 0 ? rest / 10 : rest}`
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
  return answered(`{${parts.join(',')}${bad.field}${firstNonFiniteText(result.nonFinite)}}`, passStats(result.stats, began, ctx))
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
  const text = `{"loss":${loss},"grad_fn":${JSON.stringify(result.gradFn)},"gradients":${gradients}${bad.field}${firstNonFiniteText(result.nonFinite)}}`
  return answered(text, passStats(result.stats, began, ctx))
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
  return answered(`{${parts.join(',')}${bad.field}}`, passStats(result.stats, began, ctx))
}

/** `,"first_non_finite":{…}`, or nothing. */
export function firstNonFiniteText(found: NonFinite | undefined, step?: number): string {
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
  return answered(await graphWriters[request.format](graph), passStats(graph.stats, began, ctx), graphTypes[request.format])
}

export async function runExport({ input, data, dynamic_axes: dynamicAxes, ...spec }: ExportRequest, ctx: JobContext): Promise<JobResult> {
  const began = ctx.now()
  // Loaded when the first model is exported.
  const { exportOnnx } = await import('./onnx/export.ts')
  const planOf = layerPlanner(spec, ctx.engine)
  const body = exportOnnx(planOf, { input: inputKind(input, data, spec.dtype, ctx), dtype: spec.dtype, dynamicAxes })
  requireRoom(body.length, ctx)
  const stats = passStats({ fromCache: false, memoryBytes: 0, kernels: 0 }, began, ctx)
  return answered(body, stats, 'application/octet-stream', ['content-disposition', 'attachment; filename="model.onnx"'])
}

function inputKind(input: ExportRequest['input'], data: ExportRequest['data'], dtype: TensorKind['dtype'], ctx: JobContext): TensorKind {
  if (input) return { shape: input.shape, dtype: input.dtype ?? dtype }
  const given = readTensor(data!.x, '/data/x', ctx.engine.limits.maxElements)
  return { shape: given.shape, dtype: given.dtype ?? dtype }
}

export function passStats(stats: { fromCache: boolean; memoryBytes: number; kernels: number }, began: number, ctx: JobContext): JobStats {
  return { queueMs: ctx.queueMs, parseMs: began - ctx.began, compileMs: 0, runMs: ctx.now() - began, steps: 0, peakBytes: stats.memoryBytes, kernels: stats.kernels, cached: stats.fromCache }
}
