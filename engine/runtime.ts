/** Runs a compiled step: one instance, one linear memory. */
import { invariant } from './errors.ts'
import type { CompiledStep } from './compile.ts'
import type { DType } from './ir/value.ts'
import { byteSize, numel } from './ir/value.ts'
import { faultAddress } from './passes/memory.ts'
import type { Column, Slot } from './wasm/module.ts'

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
  readonly #run: (steps: number) => number
  readonly #exports: WebAssembly.Exports

  /** Whether no other program uses the memory. */
  readonly ownsMemory: boolean

  /** Programs with the same data and state can share `memory`, which must hold the larger one. */
  constructor(compiled: CompiledStep, memory?: WebAssembly.Memory) {
    this.compiled = compiled
    this.ownsMemory = memory === undefined
    this.memory = memory ?? newMemory(compiled.memoryBytes)
    const instance = new WebAssembly.Instance(compiled.module, { env: { memory: this.memory } })
    this.#exports = instance.exports
    this.#run = instance.exports['run'] as (steps: number) => number
    this.writeLiterals()
  }

  /** Writes the numbers that the program spells out: at the start, and where another program has used the memory since. */
  writeLiterals(): void {
    for (const { address, dtype, values } of this.compiled.literals) writeNumbers(this.memory, address, dtype, values)
  }

  /** Fills a data or state buffer. The elements are in the buffer's dtype and count. */
  write(slot: Slot, elements: Elements): void {
    const count = numel(slot.shape)
    invariant(elements.length === count, `${slot.name} takes ${count} elements, got ${elements.length}`)
    writeElements(this.memory, slot.address, slot.dtype, elements)
  }

  read(slot: Slot): Elements {
    return readElements(this.memory, slot.address, slot.dtype, numel(slot.shape))
  }

  /** The bytes of all state, in `into` when it has room for them. */
  copyState(into?: Uint8Array): Uint8Array {
    const { from, to } = this.#stateBytes()
    const copy = into?.length === to - from ? into : new Uint8Array(to - from)
    copy.set(new Uint8Array(this.memory.buffer, from, to - from))
    return copy
  }

  setState(bytes: Uint8Array): void {
    new Uint8Array(this.memory.buffer, this.#stateBytes().from, bytes.length).set(bytes)
  }

  /** State buffers lie one behind the other. */
  #stateBytes(): { from: number; to: number } {
    const [first] = this.compiled.state
    const last = this.compiled.state.at(-1)
    return first && last ? { from: first.address, to: last.address + numel(last.shape) * byteSize[last.dtype] } : { from: 0, to: 0 }
  }

  /** Sets a per-step input for step `row` of the next run. */
  writeStep(column: Column, row: number, elements: Elements): void {
    const { start, stride } = this.compiled.steps
    writeElements(this.memory, start + row * stride + column.offset, column.dtype, elements)
  }

  /** The same for one floating-point number. */
  writeStepNumber(column: Column, row: number, value: number): void {
    const view = new DataView(this.memory.buffer)
    const at = this.compiled.steps.start + row * this.compiled.steps.stride + column.offset
    if (column.dtype === 'float32') view.setFloat32(at, value, true)
    else view.setFloat64(at, value, true)
  }

  /** What a per-step input was for step `row` of the last run. */
  stepInput(column: Column, row: number): Elements {
    const { start, stride } = this.compiled.steps
    return readElements(this.memory, start + row * stride + column.offset, column.dtype, numel(column.shape))
  }

  /** Does up to `steps` steps; fewer when the watched number stops being finite or an index is out of range. */
  run(steps: number): number {
    invariant(steps <= this.compiled.chunk, `at most ${this.compiled.chunk} steps at a time`)
    return this.#run(steps)
  }

  /** Kernel `index` of the step by itself, where the program was compiled with its kernels exported. */
  kernel(index: number): (() => void) | undefined {
    return this.#exports[`kernel ${index}`] as (() => void) | undefined
  }

  /** What a recorded tensor was after step `row` of the last run. */
  record(column: Column, row: number): Elements {
    const { start, stride } = this.compiled.records
    return readElements(this.memory, start + row * stride + column.offset, column.dtype, numel(column.shape))
  }

  /** The same for a scalar, as a number. */
  recordNumber(column: Column, row: number): number {
    const view = new DataView(this.memory.buffer)
    const { start, stride } = this.compiled.records
    const at = start + row * stride + column.offset
    return column.dtype === 'float32' ? view.getFloat32(at, true) : view.getFloat64(at, true)
  }

  /** Takes the fault that stopped the last run, if one did. */
  takeFault(): RunFault | undefined {
    const view = new DataView(this.memory.buffer)
    const number = view.getInt32(faultAddress, true)
    if (number === 0) return undefined
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

export function newMemory(bytes: number): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: Math.ceil(bytes / 65536) })
}

function writeElements(memory: WebAssembly.Memory, address: number, dtype: DType, elements: Elements): void {
  if (dtype === 'bool') {
    const masks = new Int32Array(memory.buffer, address, elements.length)
    for (let i = 0; i < elements.length; i++) masks[i] = elements[i] ? -1 : 0
    return
  }
  viewOf(memory, address, dtype, elements.length).set(elements as never)
}

function writeNumbers(memory: WebAssembly.Memory, address: number, dtype: DType, values: readonly number[]): void {
  const view = viewOf(memory, address, dtype, values.length)
  for (const [i, x] of values.entries()) view[i] = dtype === 'int64' ? BigInt(Math.trunc(x)) : dtype === 'bool' ? (x === 0 ? 0 : -1) : x
}

function readElements(memory: WebAssembly.Memory, address: number, dtype: DType, count: number): Elements {
  const view = viewOf(memory, address, dtype, count)
  if (dtype === 'bool') return Uint8Array.from(view as Int32Array, (mask) => (mask === 0 ? 0 : 1))
  return view.slice()
}

function viewOf(memory: WebAssembly.Memory, address: number, dtype: DType, count: number): Exclude<Elements, Uint8Array> {
  switch (dtype) {
    case 'float32':
      return new Float32Array(memory.buffer, address, count)
    case 'float64':
      return new Float64Array(memory.buffer, address, count)
    case 'int64':
      return new BigInt64Array(memory.buffer, address, count)
    case 'int32':
    case 'bool':
      return new Int32Array(memory.buffer, address, count)
  }
}
