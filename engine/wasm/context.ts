/** What the parts of the code generator share. */
import type { Access } from '../passes/lower.ts'
import type { FunctionBody } from './encode.ts'
import type { ScalarName } from './scalar.ts'

/** What a kernel needs to know about the module around it. */
export interface KernelContext {
  /** Byte address of a buffer; of rows of an input, that of its row 0. */
  readonly address: (base: Access['base']) => number
  /** Which row the rows of an input begin with; undefined for what lies at its address. */
  readonly rows: (base: Access['base']) => FirstRow | undefined
  /** Bytes of a buffer, padding included. */
  readonly size: (base: Access['base']) => number
  /** Index of a scalar function. */
  readonly scalar: (name: ScalarName) => number
  /** Where faults are recorded; see memory.ts. */
  readonly faultAddress: number
  /** 256 bytes for the pairs of accumulators at the end of a reduction, in a thread's own memory. */
  readonly pairAddress: number
  /** Room for what the blocks of sums come to, that threads share; see sums.ts. */
  readonly blockAddress: number
  /** Pushes how far the thread's own memory lies from that of the first one; undefined where there is one thread. */
  readonly own: ((f: FunctionBody) => void) | undefined
}

/** Where rows of an input begin: at a row whose number is an int32 in memory. */
export interface FirstRow {
  readonly number: number
  readonly bytes: number
}

/** A number that a kernel's function takes: bytes, to which those of the rows before the first one are added. */
export interface Argument {
  readonly bytes: number
  readonly rows: FirstRow | undefined
}

/** A kernel's function. One whose units of work do not depend on each other takes the first one and the one behind the last, before what else it takes. */
export interface KernelCode {
  /** What is done once, before any unit. */
  readonly before?: FunctionBody
  readonly body: FunctionBody
  /** 0: the function does all of the work. */
  readonly units: number
  /** What is done once, after all units; takes what else the function takes. */
  readonly after?: FunctionBody | undefined
}

/** A call of a kernel's function for all of its work: units, if there are any, and what else it takes. */
export interface KernelCall {
  readonly before: number | undefined
  readonly after: number | undefined
  readonly index: number
  readonly units: number
  readonly arguments: readonly Argument[]
}

/** Vectors of a block, and how many lanes of the last one count (0: all). */
export interface Block {
  readonly vectors: number
  readonly tail: number
}
