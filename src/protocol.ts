/**
 * Messages between the main thread and a worker. Large bytes are transferred, not copied. Small ones travel together, and
 * as strings: a buffer for each would keep the garbage collectors busy.
 */
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
  /**
   * How each job stands, at its place: its id when it is posted, minus that when the worker has taken it up, 0 when it is
   * to stop. Who comes first, the worker or the main thread that takes it back, is decided by one exchange.
   */
  readonly states: SharedArrayBuffer
  /** Element 0 is the number of workers that have a job. */
  readonly busy: SharedArrayBuffer
  /** Threads that share the steps of one run, and cores there are for all. */
  readonly threads: number
  readonly cores: number
  /** Name of the channel on which the workers tell each other of the programs that they have compiled. */
  readonly programs: string
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

/** Jobs that a worker has at one time, at most. */
export const jobPlaces = 64

export interface Job {
  readonly id: number
  /** Where its state stands. */
  readonly place: number
  readonly operation: Operation
  readonly format: Format
  /** When the request came, in ms since the epoch. */
  readonly came: number
  /** The request's bytes, as they are or as the characters of a string. */
  readonly body: Uint8Array | string
}

/** The fields of jobs, one after the other. */
export type PackedJobs = readonly (number | string | Uint8Array)[]

export type ToWorker =
  | { readonly type: 'jobs'; readonly jobs: PackedJobs }
  /** A piece of a streamed answer has been passed on. */
  | { readonly type: 'taken'; readonly id: number; readonly bytes: number }
  /** Wakes a job that waits for its turn, so that it sees that it is cancelled. */
  | { readonly type: 'wake' }

/** What the log says of a call, and `Server-Timing`. */
export interface JobStats {
  /** From the request's coming to the worker's taking it up. */
  readonly queueMs: number
  /** Reading and checking the request. */
  readonly parseMs: number
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

/** What stands before the bytes of an answer. */
export interface Head {
  readonly contentType: string
  /** Names and values of headers, one after the other. */
  readonly headers: readonly string[]
  /** Bytes of the whole answer, where they are known. */
  readonly length?: number
}

/** How a job ended. */
export type Outcome =
  /** With the whole answer, or the end of a streamed one. */
  | { readonly type: 'done'; readonly id: number; readonly body: Uint8Array<ArrayBuffer> | string; readonly head: Head; readonly stats: JobStats }
  | { readonly type: 'refused'; readonly id: number; readonly problem: Problem }
  | { readonly type: 'cancelled'; readonly id: number }
  | { readonly type: 'failed'; readonly id: number; readonly message: string; readonly stack: string | undefined }

/** The fields of finished answers that are strings; other outcomes stand between them as they are. */
export type PackedOutcomes = readonly (number | string | boolean | Outcome)[]

export type FromWorker =
  | { readonly type: 'ready'; readonly selfTest: SelfTest }
  /** An answer in pieces begins: nothing can be refused any more. */
  | { readonly type: 'started'; readonly id: number; readonly head: Head }
  | { readonly type: 'chunk'; readonly id: number; readonly bytes: Uint8Array<ArrayBuffer> }
  /** A training that takes its time: it lets others in between its steps. */
  | { readonly type: 'long'; readonly id: number }
  /** `ms`: what a job took of a processor, where that is known. */
  | { readonly type: 'ended'; readonly outcomes: PackedOutcomes; readonly ms: number | undefined }
  | { readonly type: 'debug'; readonly text: string }
