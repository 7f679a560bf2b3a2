/**
 * Compiled programs, found in two ways: by the structure of their graph, and by the text of a request's structure, which
 * spares even the tracing. Bounded in number and in bytes; the least recently used go first.
 */
import { hash } from 'node:crypto'
import type { CompileOptions, CompiledStep, StepGraph } from './compile.ts'
import { compile } from './compile.ts'
import type { Draw } from './random/program.ts'
import { Runtime } from './runtime.ts'
import { structureBytes } from './structure-bytes.ts'

/** What conditions on tensors were taken for, in the order of the program, and the key of the program that computes whether they are. */
export interface Path {
  readonly taken: readonly boolean[]
  readonly check: string
}

/** What an answer needs to know of a traced program beside its code. Holds no part of the graph. */
export interface Facts {
  readonly nodes: number
  readonly draws: readonly Draw[]
  readonly gradFn: string | null
  /** The outputs of a forward pass in their order; a number where the program computed a Python number. */
  readonly outputs: ReadonlyMap<string, number | undefined>
  /** Where conditions on tensors were decided by numbers: the facts are of requests whose numbers take this path. */
  readonly path?: Path | undefined
}

/** Memories up to this size stay with their program. */
const keptBytes = 4 * 2 ** 20
/** Texts of requests that lead to one program, and the longest that is kept. */
const maxTexts = 8
const maxTextLength = 2 ** 16
/** Texts of requests with conditions on tensors that are kept in mind. */
const maxMet = 1000
/** Machine code and what V8 keeps beside it, for a byte of WebAssembly. */
const codeBytes = 10

interface Program {
  readonly key: string
  readonly compiled: CompiledStep
  readonly texts: Map<string, Facts>
  /** A small instance that is kept for the next request with the same structure. */
  runtime: Runtime | undefined
  /** The cache's clock when it was used last. */
  used: number
}

export interface Limits {
  readonly programs: number
  readonly bytes: number
}

/**
 * What one thread tells the others of a program: its code, when it has compiled it, and a text that leads to it. Plain
 * data, but for the module.
 */
export type ProgramNews = { readonly key: string; readonly compiled: CompiledStep } | { readonly key: string; readonly text: string; readonly facts: Facts }

/** A program for one request. */
export class Prepared {
  readonly compiled: CompiledStep
  readonly fromCache: boolean
  readonly #program: Program
  readonly #changed: (program: Program) => void

  constructor(program: Program, fromCache: boolean, changed: (program: Program) => void) {
    this.compiled = program.compiled
    this.fromCache = fromCache
    this.#program = program
    this.#changed = changed
  }

  get key(): string {
    return this.#program.key
  }

  /**
   * An instance of its own until `release`. It may have run for another request: data, state and the numbers of steps
   * are to be written before it runs. All else is written by a step before it is read.
   */
  runtime(memory?: WebAssembly.Memory): Runtime {
    const kept = memory ? undefined : this.#program.runtime
    if (!kept) return new Runtime(this.compiled, memory)
    this.#program.runtime = undefined
    return kept
  }

  release(runtime: Runtime): void {
    if (this.compiled.memoryBytes > keptBytes || !runtime.ownsMemory) return
    this.#program.runtime = runtime
    this.#changed(this.#program)
  }
}

export class ProgramCache {
  readonly #limits: Limits
  readonly #programs = new Map<string, Program>()
  readonly #byText = new Map<string, Program>()
  readonly #sizes = new Map<Program, number>()
  /** The key of the program that a text with conditions led to, by the hash of the text. */
  readonly #met = new Map<string, string>()
  #bytes = 0
  #clock = 0
  readonly #changed = (program: Program): void => this.#weigh(program)
  readonly #tell: ((news: ProgramNews) => void) | undefined

  /** `tell` is told what other threads can use: see `learn`. */
  constructor(programs = 200, bytes = 64 * 2 ** 20, tell?: (news: ProgramNews) => void) {
    this.#limits = { programs, bytes }
    this.#tell = tell
  }

  /** Takes what another thread has compiled or remembered. */
  learn(news: ProgramNews): void {
    if ('compiled' in news) {
      if (!this.#programs.has(news.key)) this.#use({ key: news.key, compiled: news.compiled, texts: new Map(), runtime: undefined, used: 0 })
      return
    }
    const program = this.#programs.get(news.key)
    if (program) this.#remember(news.text, program, news.facts)
  }

  /** Tells all that another thread, which has just begun, can use. */
  tellAll(): void {
    for (const program of this.#programs.values()) {
      if (isLarge(program.compiled)) continue
      this.#tell?.({ key: program.key, compiled: program.compiled })
      for (const [text, facts] of program.texts) if (facts.draws.length === 0) this.#tell?.({ key: program.key, text, facts })
    }
  }

  prepare(graph: StepGraph, options: CompileOptions): Prepared {
    const key = hash('sha256', structureBytes(graph, options))
    const known = this.#programs.get(key)
    const program = known ?? { key, compiled: compile(graph, options), texts: new Map(), runtime: undefined, used: 0 }
    this.#use(program)
    if (!known && !isLarge(program.compiled)) this.#tell?.({ key, compiled: program.compiled })
    return new Prepared(program, known !== undefined, this.#changed)
  }

  /** The program of a request whose structure has this text, where one was remembered. */
  recall(text: string): { readonly prepared: Prepared; readonly facts: Facts } | undefined {
    const program = this.#byText.get(text)
    const facts = program?.texts.get(text)
    if (!program || !facts) return undefined
    this.#use(program)
    return { prepared: new Prepared(program, true, this.#changed), facts }
  }

  /** The program of that key, where it is still there. */
  find(key: string): Prepared | undefined {
    const program = this.#programs.get(key)
    if (!program) return undefined
    this.#use(program)
    return new Prepared(program, true, this.#changed)
  }

  /** Whether the text led to this program the last time too. */
  repeats(text: string, { key }: Prepared): boolean {
    if (text.length > maxTextLength) return false
    const name = hash('sha256', text)
    const before = this.#met.get(name)
    this.#met.delete(name)
    this.#met.set(name, key)
    if (this.#met.size > maxMet) this.#met.delete(this.#met.keys().next().value!)
    return before === key
  }

  remember(text: string, { key }: Prepared, facts: Facts): void {
    const program = this.#programs.get(key)
    if (!program || text.length > maxTextLength) return
    this.#remember(text, program, facts)
    // How numbers are drawn is code, which stays in its thread.
    if (facts.draws.length === 0) this.#tell?.({ key, text, facts })
  }

  #remember(text: string, program: Program, facts: Facts): void {
    // A text with conditions can have led to another one.
    if (this.#byText.get(text) !== program) this.#byText.get(text)?.texts.delete(text)
    program.texts.set(text, facts)
    this.#byText.set(text, program)
    const oldest = program.texts.size > maxTexts ? program.texts.keys().next().value : undefined
    if (oldest !== undefined) {
      program.texts.delete(oldest)
      this.#byText.delete(oldest)
    }
    this.#weigh(program)
  }

  #use(program: Program): void {
    program.used = ++this.#clock
    if (this.#programs.has(program.key)) return
    this.#programs.set(program.key, program)
    this.#weigh(program)
  }

  /** Counts the bytes of a program anew, and drops the oldest ones where there are too many. */
  #weigh(program: Program): void {
    if (this.#programs.get(program.key) !== program) return
    const size = bytesOf(program)
    this.#bytes += size - (this.#sizes.get(program) ?? 0)
    this.#sizes.set(program, size)
    while (this.#programs.size > 1 && (this.#programs.size > this.#limits.programs || this.#bytes > this.#limits.bytes)) {
      let oldest = program
      for (const other of this.#programs.values()) if (other.used < oldest.used) oldest = other
      this.#drop(oldest)
    }
  }

  #drop(program: Program): void {
    this.#programs.delete(program.key)
    this.#bytes -= this.#sizes.get(program) ?? 0
    this.#sizes.delete(program)
    for (const text of program.texts.keys()) this.#byText.delete(text)
  }
}

/** Whether the numbers that it spells out are too many to send around. */
function isLarge({ literals }: CompiledStep): boolean {
  return literals.reduce((sum, { values }) => sum + values.length, 0) > 100_000
}

function bytesOf({ compiled, runtime, texts }: Program): number {
  let bytes = compiled.wasmBytes * codeBytes + (runtime?.memory.buffer.byteLength ?? 0)
  for (const { values } of compiled.literals) bytes += values.length * 8
  for (const text of texts.keys()) bytes += text.length * 2
  return bytes
}
