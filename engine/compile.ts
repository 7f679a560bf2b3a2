/**
 * The pipeline: a graph of one step becomes one WebAssembly module.
 *
 *   simplify → legalize → fuse → lower and schedule → plan memory → emit
 */
import { SpecError, invariant } from './errors.ts'
import { mapped } from './ir/lists.ts'
import type { Output } from './ir/print.ts'
import { numberValues, printGraph } from './ir/print.ts'
import type { DType, Shape, Value } from './ir/value.ts'
import { byteSize, numel, reachable } from './ir/value.ts'
import { verify } from './ir/verify.ts'
import { listAttr, numberAttr, textAttr } from './ops/define.ts'
import { indexOp } from './ops/indexing.ts'
import { inputOp, literalOp } from './ops/source.ts'
import { turnedLeaf, turnedName } from './orientation.ts'
import type { KernelInfo } from './passes/describe.ts'
import { kernelInfo, kernelNs, printKernels, printMemory } from './passes/describe.ts'
import { fuse } from './passes/fuse.ts'
import { legalize } from './passes/legalize.ts'
import { planMemory } from './passes/memory.ts'
import type { Kernel } from './passes/schedule.ts'
import { schedule } from './passes/schedule.ts'
import { simplify } from './passes/simplify.ts'
import { disassemble } from './wasm/disassemble.ts'
import { emitStep } from './wasm/module.ts'
import type { Slot, Stream } from './wasm/module.ts'
import { maxParts } from './wasm/threads.ts'

/** A buffer that the caller binds by name. */
export interface Binding {
  readonly name: string
  readonly dtype: DType
  readonly shape: Shape
  /** data: filled once. state: filled once, then updated by each step. step: given anew for each step. */
  readonly role: 'data' | 'state' | 'step'
  /** Whether it lies in memory turned: see orientation.ts. */
  readonly turned?: boolean
}

/** What one step computes. */
export interface StepGraph {
  /** All inputs of the graph, in the order of their buffers. Graphs with equal data and state share a memory. */
  readonly bindings: readonly Binding[]
  /** Recorded after each step, in this order. */
  readonly records: readonly Output[]
  /** New values of state, by the state's name. */
  readonly updates: readonly Output[]
  /** Name of a recorded scalar; the run stops after a step in which it is not finite. */
  readonly stopOn?: string
}

export interface CompileOptions {
  /** Use kernels shaped for V8's wide-SIMD pass. */
  readonly wide: boolean
  /** Steps that the run loop can do between two visits of the host, at most. */
  readonly maxChunk: number
  readonly maxBytes: number
  /** Threads that can share the work of a step; where the work is worth it, programs are made for them. */
  readonly threads: number
  /** Whether programs are made for threads whatever the work, to share a memory with one that is. */
  readonly alwaysShared?: boolean
  /** Check the graph between passes. */
  readonly verify: boolean
  /** Told of each stage of a compilation, with its text for those who want to read it. */
  readonly onStage?: (stage: Stage, text: () => string) => void
  /** Makes each kernel callable by itself, to be timed. */
  readonly exportKernels?: boolean
}

export type Stage = 'traced graph' | 'simplified graph' | 'kernels' | 'memory plan' | 'WebAssembly'

export const defaultCompileOptions: CompileOptions = { wide: true, maxChunk: 1024, maxBytes: 2 ** 32 - 65536, threads: 1, verify: false }

export interface CompiledStep {
  readonly module: WebAssembly.Module
  readonly memoryBytes: number
  /** Bytes from a thread's own memory to the next one's, where threads can share the work; else undefined. */
  readonly ownBytes: number | undefined
  readonly data: readonly Slot[]
  readonly state: readonly Slot[]
  /** Numbers that the program spells out, to be written once. */
  readonly literals: readonly { readonly address: number; readonly dtype: DType; readonly values: readonly number[] }[]
  /** Per-step inputs: `address` is the offset in a row; rows are `stride` bytes apart from `start` on. */
  readonly steps: Stream
  readonly records: Stream
  /** Steps that fit between two visits of the host. */
  readonly chunk: number
  /** The dtype of the numbers that each index check sees. */
  readonly indexTypes: ReadonlyMap<number, DType>
  readonly wasmBytes: number
  readonly kernels: number
  /** What each kernel does, where they are exported. */
  readonly kernelInfos: readonly KernelInfo[]
}

/** Records and updates under names that cannot clash. */
function named(graph: StepGraph): Output[] {
  return [
    ...mapped(graph.records, ({ name, value }) => ({ name: `record ${name}`, value })),
    ...mapped(graph.updates, ({ name, value }) => ({ name: `update ${name}`, value })),
  ]
}

export function compile(graph: StepGraph, options: CompileOptions = defaultCompileOptions): CompiledStep {
  const check = options.verify ? (outputs: readonly Output[]): void => verify(outputs.map((output) => output.value)) : (): void => {}
  const turned = new Set(graph.bindings.flatMap((binding) => (binding.turned === true ? [binding.name] : [])))
  const traced = named(graph)
  check(traced)
  options.onStage?.('traced graph', () => printGraph(traced))
  const simplified = simplify(simplify(traced, turned.size > 0 ? turnedLeaf(turned) : undefined))
  check(simplified)
  const outputs = legalize(simplified)
  check(outputs)
  options.onStage?.('simplified graph', () => printGraph(outputs))

  const results = mapped(outputs, (output) => output.value)
  const values = reachable(results)
  const fusion = fuse(results, values)
  const sources = values.filter((value) => value.op.kind === 'source')
  const inputs = new Map(sources.filter((value) => value.op === inputOp).map((value) => [textAttr(value.attrs, 'name'), value]))
  const literals = sources.filter((value) => value.op === literalOp)
  // A binding that nothing reads has its place in memory all the same, so that programs can share one.
  const slots = graph.bindings.map((binding) => inputs.get(binding.turned === true ? turnedName(binding.name) : binding.name) ?? placeholder(binding))
  const slotOf = new Map(graph.bindings.map(({ name }, i) => [name, slots[i]!]))
  const updates = outputs.slice(graph.records.length).map(({ value }, i) => {
    const state = slotOf.get(graph.updates[i]!.name)
    invariant(state, () => `${graph.updates[i]!.name} is bound`)
    return { state, next: value }
  })
  const plan = schedule(fusion, updates)
  const parts = partsOf(plan.kernels, options)
  const memory = planMemory([...slots, ...literals], plan, new Set(results), options.wide, parts ? options.threads : 1)
  options.onStage?.('kernels', () => printKernels(plan.kernels, numberValues(outputs)))
  options.onStage?.('memory plan', () => printMemory(memory, numberValues(outputs)))

  const address = (value: Value): number => {
    const found = memory.addresses.get(value)
    invariant(found !== undefined, () => `%${value.id} has a buffer`)
    return found
  }
  const slot = (name: string, value: Value): Slot => ({ name, dtype: value.dtype, shape: value.shape, address: address(value) })
  const bound = graph.bindings.map(({ name, shape, role }, i) => ({ role, slot: { ...slot(name, slots[i]!), shape, turned: turned.has(name) } }))
  const stepInputs = bound.filter(({ role }) => role === 'step').map((b) => b.slot)
  const records = outputs.slice(0, graph.records.length).map(({ value }, i) => slot(graph.records[i]!.name, value))
  const stepBytes = rowBytes(stepInputs)
  const recordBytes = rowBytes(records)
  const chunk = Math.max(1, Math.min(options.maxChunk, Math.floor(chunkBytes / Math.max(1, stepBytes + recordBytes))))
  const steps = stream(stepInputs, memory.end, stepBytes)
  const recorded = stream(records, memory.end + stepBytes * chunk, recordBytes)
  const memoryBytes = recorded.start + recordBytes * chunk + 64
  if (memoryBytes > options.maxBytes) {
    throw new SpecError(
      'memory_limit',
      `the program needs ${memoryBytes} bytes of memory (${Math.ceil(memoryBytes / 2 ** 20)} MiB); the limit is ${options.maxBytes} bytes (${Math.floor(options.maxBytes / 2 ** 20)} MiB)`,
    )
  }
  const stop = graph.stopOn === undefined ? undefined : records.find(({ name }) => name === graph.stopOn)
  const bytes = emitStep({ plan, fusion, memory, steps, records: recorded, stop, wide: options.wide, memoryBytes, exportKernels: options.exportKernels === true, parts })
  options.onStage?.('WebAssembly', () => disassemble(bytes))
  return {
    module: new WebAssembly.Module(bytes),
    memoryBytes,
    ownBytes: parts && memory.ownBytes,
    data: bound.filter(({ role }) => role === 'data').map((b) => b.slot),
    state: bound.filter(({ role }) => role === 'state').map((b) => b.slot),
    literals: literals.map((value) => ({ address: address(value), dtype: value.dtype, values: listAttr(value.attrs, 'values') })),
    steps,
    records: recorded,
    chunk,
    indexTypes: new Map(values.filter((value) => value.op === indexOp).map((value) => [numberAttr(value.attrs, 'site'), value.inputs[0]!.dtype])),
    wasmBytes: bytes.length,
    kernels: plan.kernels.length,
    kernelInfos: options.exportKernels ? plan.kernels.map(kernelInfo) : [],
  }
}

/** Nanoseconds of work that a part of a kernel must have, so that handing it to another thread pays. */
const partNs = 4000
/** Nanoseconds in a step that threads can share, at least, so that a program is made for them. */
const sharedNs = 20_000

/** Into how many parts each kernel is cut; undefined where one thread does it all. */
function partsOf(kernels: readonly Kernel[], { threads, alwaysShared }: CompileOptions): number[] | undefined {
  if (threads === 1) return undefined
  const costs = kernels.map(kernelNs)
  const parts = costs.map((ns) => Math.min(maxParts, Math.floor(ns / partNs)))
  const gain = costs.reduce((sum, ns, i) => sum + (parts[i]! > 1 ? ns : 0), 0)
  return gain >= sharedNs || alwaysShared === true ? parts : undefined
}

/** Memory for per-step numbers and records, roughly. */
const chunkBytes = 2 ** 20

function placeholder(binding: Binding): Value {
  // Never part of the graph: only its type and its identity matter.
  return { id: -1, op: inputOp, inputs: [], attrs: {}, shape: binding.shape, dtype: binding.dtype, place: undefined } as unknown as Value
}

function rowBytes(slots: readonly Slot[]): number {
  return slots.reduce((bytes, slot) => bytes + slotBytes(slot), 0)
}

/** Bytes of a tensor in a row; rows keep 8-byte alignment. */
function slotBytes(slot: Slot): number {
  return Math.ceil((numel(slot.shape) * byteSize[slot.dtype]) / 8) * 8
}

function stream(slots: readonly Slot[], start: number, stride: number): Stream {
  let offset = 0
  const columns = slots.map((slot) => {
    const column = { name: slot.name, dtype: slot.dtype, shape: slot.shape, buffer: slot.address, offset, bytes: numel(slot.shape) * byteSize[slot.dtype] }
    offset += slotBytes(slot)
    return column
  })
  return { start, stride, columns }
}
