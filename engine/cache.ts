/** Compiled programs by the structure of their graph; the least recently used go first. */
import { hash } from 'node:crypto'
import type { CompileOptions, CompiledStep, StepGraph } from './compile.ts'
import { compile, structureOf } from './compile.ts'
import { Runtime } from './runtime.ts'

interface Entry {
  readonly compiled: CompiledStep
  /** A small instance that is kept for the next request with the same structure. */
  runtime: Runtime | undefined
}

/** Memories up to this size stay with their program. */
const keptBytes = 4 * 2 ** 20

export interface Prepared {
  readonly compiled: CompiledStep
  readonly fromCache: boolean
  /** An instance of its own until `release`. */
  readonly runtime: (memory?: WebAssembly.Memory) => Runtime
  readonly release: (runtime: Runtime) => void
}

export class ProgramCache {
  readonly #entries = new Map<string, Entry>()
  readonly #capacity: number

  constructor(capacity = 200) {
    this.#capacity = capacity
  }

  prepare(graph: StepGraph, options: CompileOptions): Prepared {
    const key = hash('sha256', `${options.wide} ${options.maxChunk}\n${structureOf(graph)}`)
    let entry = this.#entries.get(key)
    const fromCache = entry !== undefined
    entry ??= { compiled: compile(graph, options), runtime: undefined }
    // Moves the entry to the end: the map's order is the order of use.
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    const oldest = this.#entries.keys().next().value
    if (this.#entries.size > this.#capacity && oldest !== undefined) this.#entries.delete(oldest)
    return use(entry, fromCache)
  }
}

function use(entry: Entry, fromCache: boolean): Prepared {
  return {
    compiled: entry.compiled,
    fromCache,
    runtime: (memory) => {
      const kept = memory ? undefined : entry.runtime
      if (!kept) return new Runtime(entry.compiled, memory)
      entry.runtime = undefined
      return kept
    },
    release: (runtime) => {
      if (entry.compiled.memoryBytes <= keptBytes && runtime.ownsMemory) entry.runtime = runtime
    },
  }
}
