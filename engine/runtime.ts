/** Runs a compiled step: one instance, one linear memory. */
import { invariant } from './errors.ts'
import type { CompiledStep } from './compile.ts'
import type { DType, Shape } from './ir/value.ts'
import { byteSize, numel } from './ir/value.ts'
import { faultAddress, threadAddresses } from './passes/memory.ts'
import type { SharedProgram, Team } from './team.ts'
import type { Column, Slot } from './wasm/module.ts'
import { maxPages } from './wasm/module.ts'
import { programShift } from './wasm/threads.ts'

/** Elements of a tensor in JavaScript: int64 as bigint, bool as 0 and 1. */
export type Elements = Float32Array | Float64Array | BigInt64Array | Int32Array | Uint8Array

/** An index that was out of range: the number of the check, and the number that it saw. */
export interface RunFault {
  readonly site: number
  readonly value: number
}

export class Runtime {
  readonly compiled: CompiledStep
  readonly memory: WebAssembly.Memory
  readonly #run: (steps: number, program: number) => number
  readonly #program: SharedProgram | undefined
  readonly #exports: WebAssembly.Exports
  #views: Views

  /** Whether no other program uses the memory. */
  readonly ownsMemory: boolean

  /** Programs with the same data and state can share `memory`, which must hold the larger one. */
  constructor(compiled: CompiledStep, memory?: WebAssembly.Memory) {
    this.compiled = compiled
    this.ownsMemory = memory === undefined
    const { ownBytes } = compiled
    this.memory = memory ?? newMemory(compiled.memoryBytes, ownBytes !== undefined)
    const instance = new WebAssembly.Instance(compiled.module, { env: { memory: this.memory, own: 0 } })
    this.#views = viewsOf(this.memory)
    this.#exports = instance.exports
    this.#run = instance.exports['run'] as (steps: number, program: number) => number
    this.#program = ownBytes === undefined ? undefined : { number: nextProgram(), module: compiled.module, memory: this.memory, ownBytes }
    this.writeLiterals()
  }

  /** Writes the numbers that the program spells out: at the start, and where another program has used the memory since. */
  writeLiterals(): void {
    const views = this.#viewed()
    for (const { address, dtype, values } of this.compiled.literals) writeNumbers(views, address, dtype, values)
  }

  /** Fills a data or state buffer: with elements of the buffer's dtype and count, or all of a floating-point one with one number. */
  write(slot: Slot, elements: Elements | number): void {
    const count = numel(slot.shape)
    const at = slot.address / byteSize[slot.dtype]
    if (typeof elements === 'number') {
      viewOf(this.#viewed(), slot.dtype).fill(elements as never, at, at + count)
      return
    }
    invariant(elements.length === count, () => `${slot.name} takes ${count} elements, got ${elements.length}`)
    if (slot.turned === true) transpose(elements, 0, viewOf(this.#viewed(), slot.dtype), at, slot.shape)
    else writeElements(this.#viewed(), slot.address, slot.dtype, elements)
  }

  read(slot: Slot): Elements {
    const elements = readElements(this.#viewed(), slot.address, slot.dtype, numel(slot.shape))
    if (slot.turned === true) transpose(viewOf(this.#viewed(), slot.dtype), slot.address / byteSize[slot.dtype], elements, 0, slot.shape.toReversed())
    return elements
  }

  /** The memory as numbers; anew when it has grown. */
  #viewed(): Views {
    if (this.#views.bytes.length === 0) this.#views = viewsOf(this.memory)
    return this.#views
  }

  /** The bytes of all state, in `into` when it has room for them. */
  copyState(into?: Uint8Array): Uint8Array {
    const { from, to } = stateRange(this.compiled)
    const copy = into?.length === to - from ? into : new Uint8Array(to - from)
    copy.set(this.#viewed().bytes.subarray(from, to))
    return copy
  }

  setState(bytes: Uint8Array): void {
    this.#viewed().bytes.set(bytes, stateRange(this.compiled).from)
  }

  /** The per-step inputs of the first `count` steps of the next run, as they are in memory. */
  stepRows(count: number): Uint8Array {
    const { start, stride } = this.compiled.steps
    return this.#viewed().bytes.subarray(start, start + count * stride)
  }

  setStepRows(rows: Uint8Array): void {
    this.#viewed().bytes.set(rows, this.compiled.steps.start)
  }

  /** What the first `count` steps of the last run recorded, as it is in memory. */
  recordRows(count: number): Uint8Array {
    const { start, stride } = this.compiled.records
    return this.#viewed().bytes.subarray(start, start + count * stride)
  }

  /** Sets a per-step input for step `row` of the next run. */
  writeStep(column: Column, row: number, elements: Elements): void {
    const { start, stride } = this.compiled.steps
    writeElements(this.#viewed(), start + row * stride + column.offset, column.dtype, elements)
  }

  /** Sets a floating-point number for `count` steps of the next run, from step `row` on. */
  writeStepNumber(column: Column, row: number, value: number, count = 1): void {
    const { start, stride } = this.compiled.steps
    const [floats, unit] = this.#floats(column)
    let at = (start + row * stride + column.offset) / unit
    for (let i = 0; i < count; i++) {
      floats[at] = value
      at += stride / unit
    }
  }

  #floats({ dtype }: Column): readonly [floats: Float32Array | Float64Array, unit: number] {
    const { float32, float64 } = this.#viewed()
    return dtype === 'float32' ? [float32, 4] : [float64, 8]
  }

  /** What a per-step input was for step `row` of the last run. */
  stepInput(column: Column, row: number): Elements {
    const { start, stride } = this.compiled.steps
    return readElements(this.#viewed(), start + row * stride + column.offset, column.dtype, numel(column.shape))
  }

  /**
   * Does up to `steps` steps; fewer when the watched number stops being finite or an index is out of range. A team does
   * parts of the work where the program is made for threads and cores are free.
   */
  run(steps: number, team?: Team): number {
    invariant(steps <= this.compiled.chunk, () => `at most ${this.compiled.chunk} steps at a time`)
    if (!this.#program || !team?.isFree()) return this.#run(steps, 0)
    const word = new BigInt64Array(this.memory.buffer, threadAddresses.work, 1)
    Atomics.store(word, 0, BigInt(this.#program.number) << programShift)
    team.assist(this.#program)
    try {
      return this.#run(steps, this.#program.number)
    } finally {
      // The helpers stop looking for work.
      Atomics.store(word, 0, 0n)
    }
  }

  /** A team that has assisted in the program lets go of it. */
  leave(team: Team | undefined): void {
    if (this.#program) team?.leave(this.#program)
  }

  /** Kernel `index` of the step by itself, where the program was compiled with its kernels exported. */
  kernel(index: number): (() => void) | undefined {
    return this.#exports[`kernel ${index}`] as (() => void) | undefined
  }

  /** What a recorded tensor was after step `row` of the last run. */
  record(column: Column, row: number): Elements {
    const { start, stride } = this.compiled.records
    return readElements(this.#viewed(), start + row * stride + column.offset, column.dtype, numel(column.shape))
  }

  /** What a recorded floating-point number was after each of the first `count` steps of the last run. */
  recordNumbers(column: Column, count: number): Float64Array<ArrayBuffer> {
    const { start, stride } = this.compiled.records
    const [floats, unit] = this.#floats(column)
    const numbers = new Float64Array(count)
    let at = (start + column.offset) / unit
    for (let i = 0; i < count; i++) {
      numbers[i] = floats[at]!
      at += stride / unit
    }
    return numbers
  }

  /** Takes the fault that stopped the last run, if one did. */
  takeFault(): RunFault | undefined {
    const number = this.#viewed().int32[faultAddress / 4]!
    if (number === 0) return undefined
    const view = new DataView(this.memory.buffer)
    view.setInt32(faultAddress, 0, true)
    const dtype = this.compiled.indexTypes.get(number - 1)
    invariant(dtype, 'a fault names an index check of the program')
    return { site: number - 1, value: faultyNumber(view, dtype) }
  }
}

/** The first of the lanes that were checked at once and failed. */
function faultyNumber(view: DataView, dtype: DType): number {
  const unit = byteSize[dtype]
  for (let lane = 0; lane < 16; lane += unit) {
    if (view.getInt32(faultAddress + 32 + lane, true) === 0) continue
    const at = faultAddress + 16 + lane
    if (dtype === 'float32') return view.getFloat32(at, true)
    if (dtype === 'float64') return view.getFloat64(at, true)
    return dtype === 'int64' ? Number(view.getBigInt64(at, true)) : view.getInt32(at, true)
  }
  return Number.NaN
}

let programs = 0

/** Numbers by which threads tell programs apart: 1 to 2^23 - 1. */
function nextProgram(): number {
  programs = programs === 2 ** 23 - 1 ? 1 : programs + 1
  return programs
}

export function newMemory(bytes: number, shared: boolean): WebAssembly.Memory {
  const initial = Math.ceil(bytes / 65536)
  return shared ? new WebAssembly.Memory({ initial, maximum: maxPages, shared }) : new WebAssembly.Memory({ initial })
}

/** One memory, as numbers of each dtype. */
interface Views {
  readonly bytes: Uint8Array
  readonly int32: Int32Array
  readonly int64: BigInt64Array
  readonly float32: Float32Array
  readonly float64: Float64Array
}

/** Where the state lies: its buffers are one behind the other. */
export function stateRange({ state }: CompiledStep): { readonly from: number; readonly to: number } {
  const [first] = state
  const last = state.at(-1)
  return first && last ? { from: first.address, to: last.address + numel(last.shape) * byteSize[last.dtype] } : { from: 0, to: 0 }
}

function viewsOf({ buffer }: WebAssembly.Memory): Views {
  return { bytes: new Uint8Array(buffer), int32: new Int32Array(buffer), int64: new BigInt64Array(buffer), float32: new Float32Array(buffer), float64: new Float64Array(buffer) }
}

/** Puts a matrix that lies at `start` of `from` transposed at `at` of `into`. */
function transpose(from: Elements, start: number, into: Elements, at: number, [rows, columns]: Shape): void {
  let next = at
  for (let j = 0; j < columns!; j++) for (let i = 0; i < rows!; i++) into[next++] = from[start + i * columns! + j]! as never
}

function writeElements(views: Views, address: number, dtype: DType, elements: Elements): void {
  const view = viewOf(views, dtype)
  const at = address / byteSize[dtype]
  if (dtype === 'bool') for (let i = 0; i < elements.length; i++) view[at + i] = elements[i] ? -1 : 0
  else if (elements.length === 1) view[at] = elements[0] as never
  else view.set(elements as never, at)
}

function writeNumbers(views: Views, address: number, dtype: DType, values: readonly number[]): void {
  const view = viewOf(views, dtype)
  const at = address / byteSize[dtype]
  for (const [i, x] of values.entries()) view[at + i] = dtype === 'int64' ? BigInt(Math.trunc(x)) : dtype === 'bool' ? (x === 0 ? 0 : -1) : x
}

function readElements(views: Views, address: number, dtype: DType, count: number): Elements {
  const view = viewOf(views, dtype)
  const at = address / byteSize[dtype]
  if (dtype === 'bool') return Uint8Array.from({ length: count }, (_, i) => (view[at + i] === 0 ? 0 : 1))
  return view.slice(at, at + count)
}

function viewOf(views: Views, dtype: DType): Exclude<Elements, Uint8Array> {
  return dtype === 'bool' ? views.int32 : views[dtype]
}
