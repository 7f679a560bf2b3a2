/** Messages between the main thread and a worker. Big buffers are transferred, not copied. */
import type { Problem } from './errors.ts'
import type { GraphRequest, Operation } from './spec.ts'

/** How an answer is given; `octets`: the trained state as a safetensors file. */
export type Format = 'json' | 'ndjson' | 'sse' | 'octets'

export const contentTypes: Readonly<Record<Format, string>> = {
  json: 'application/json',
  ndjson: 'application/x-ndjson',
  sse: 'text/event-stream',
  octets: 'application/octet-stream',
}

/** Forms that an answer can be had in, where they are not JSON alone. */
export const formats: Partial<Record<Operation, readonly Format[]>> = { train: ['json', 'ndjson', 'sse', 'octets'], export: ['octets'] }

/** Media types of a graph, by the field `format` of its request. */
export const graphTypes: Readonly<Record<GraphRequest['format'], string>> = {
  json: 'application/json',
  dot: 'text/vnd.graphviz; charset=utf-8',
  mermaid: 'text/vnd.mermaid; charset=utf-8',
  svg: 'image/svg+xml; charset=utf-8',
}

/** What a worker needs to know when it starts. */
export interface WorkerSetup {
  /** Element 0: the id of a job that is to stop. */
  readonly cancelled: SharedArrayBuffer
  readonly wide: boolean
  readonly debug: number
  readonly programCache: number
  readonly limits: {
    readonly maxSteps: number
    readonly maxElements: number
    readonly maxProgramLength: number
    readonly maxProgramDepth: number
    readonly maxTraceSteps: number
    readonly maxNodes: number
    readonly maxMemoryBytes: number
    readonly maxResponseBytes: number
  }
}

export interface Job {
  readonly id: number
  readonly operation: Operation
  /** A checked request, or the bytes of one that is still to be checked. */
  readonly request: { readonly checked: unknown } | { readonly bytes: Uint8Array }
  readonly format: Format
}

export type ToWorker = { readonly type: 'job'; readonly job: Job } | { readonly type: 'taken'; readonly bytes: number }

/** What the log says of a call. */
export interface JobStats {
  readonly compileMs: number
  readonly runMs: number
  readonly steps: number
  readonly peakBytes: number
  readonly kernels: number
  readonly cached: boolean
}

export interface SelfTest {
  /** Whether kernels shaped for wide SIMD are used. */
  readonly wide: boolean
  readonly ms: number
  readonly note?: string
}

export type FromWorker =
  | { readonly type: 'ready'; readonly selfTest: SelfTest }
  /** A streamed answer begins: nothing can be refused any more. */
  | { readonly type: 'started'; readonly id: number }
  | { readonly type: 'chunk'; readonly id: number; readonly bytes: Uint8Array<ArrayBuffer> }
  /** The end of the answer; its whole body when it is not streamed. */
  | { readonly type: 'done'; readonly id: number; readonly body: Uint8Array<ArrayBuffer>; readonly contentType: string; readonly headers: Readonly<Record<string, string>>; readonly stats: JobStats }
  | { readonly type: 'refused'; readonly id: number; readonly problem: Problem }
  | { readonly type: 'cancelled'; readonly id: number }
  | { readonly type: 'failed'; readonly id: number; readonly message: string; readonly stack: string | undefined }
  | { readonly type: 'debug'; readonly text: string }
