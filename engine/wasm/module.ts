/** Puts the kernels of a step and the loop over steps into one module. */
import type { DType, Shape } from '../ir/value.ts'
import { byteSize, numel } from '../ir/value.ts'
import type { Fusion } from '../passes/fuse.ts'
import type { Access } from '../passes/lower.ts'
import type { MemoryPlan } from '../passes/memory.ts'
import { bufferBytes, faultAddress } from '../passes/memory.ts'
import type { MatmulKernel, MatrixOperand } from '../passes/product.ts'
import type { Kernel, RoutineKernel, Schedule } from '../passes/schedule.ts'
import type { KernelCode, KernelContext } from './context.ts'
import { emitConvolution, emitPool, isConvolution, isPool } from './convolution.ts'
import type { Local } from './encode.ts'
import { FunctionBody, ModuleBuilder } from './encode.ts'
import { scalarBody } from './scalar.ts'
import type { ScalarName } from './scalar.ts'
import { emitLoop } from './loops.ts'
import { emitMatmul } from './matmul.ts'
import { emitRoutine } from './routine.ts'
import { Threads, programShift } from './threads.ts'

/** Where a named tensor lies. */
export interface Slot {
  readonly name: string
  readonly dtype: DType
  readonly shape: Shape
  readonly address: number
}

/** A tensor of each step: copied from (inputs) or to (records) its column of the step's row. */
export interface Column {
  readonly name: string
  readonly dtype: DType
  readonly shape: Shape
  readonly buffer: number
  readonly offset: number
  readonly bytes: number
}

/** One row a step, `stride` bytes apart. */
export interface Stream {
  readonly start: number
  readonly stride: number
  readonly columns: readonly Column[]
}

export interface StepPlan {
  readonly plan: Schedule
  readonly fusion: Fusion
  readonly memory: MemoryPlan
  readonly steps: Stream
  readonly records: Stream
  readonly stop: Slot | undefined
  readonly wide: boolean
  readonly memoryBytes: number
  /** Whether each kernel can be called by itself, as `kernel 0` and so on. */
  readonly exportKernels: boolean
  /** Into how many parts each kernel is to be cut, for threads that share a memory; undefined where one thread has its own. */
  readonly parts: readonly number[] | undefined
}

/** Most pages of a memory, as the specification has it. */
export const maxPages = 65536

/** One kernel: its function, and how many units it can be cut into; `shared` lets other threads do parts of it. */
interface Call {
  readonly before: number | undefined
  readonly index: number
  readonly units: number
  readonly shared: number | undefined
}

/**
 * A module with an export `run(n, program)`: does up to n steps and gives how many it did. It stops early after a step
 * whose `stop` number is not finite, and before counting a step with a fault. Where `program` is not 0, threads that
 * call `assist(program)` do parts of the kernels.
 */
export function emitStep(step: StepPlan): Uint8Array<ArrayBuffer> {
  const module = new ModuleBuilder(step.parts && { maxPages, global: 'own' })
  const threads = step.parts && new Threads(module)
  const scalars = new Map<ScalarName, number>()
  const context: KernelContext = {
    address: (base) => found(step.memory.addresses, base),
    size: (base) => found(step.memory.sizes, base),
    scalar: (name) => {
      let index = scalars.get(name)
      if (index === undefined) {
        index = module.add(scalarBody(name))
        scalars.set(name, index)
      }
      return index
    },
    faultAddress,
    pairAddress: step.memory.pairAddress,
    own: step.parts && ((f) => f.globalGet(0)),
  }
  const calls = step.plan.kernels.map((kernel, i): Call => {
    const wanted = step.parts?.[i] ?? 1
    const code = kernelCode(kernel, module, context, step, wanted > 1)
    const index = module.add(code.body)
    const parts = Math.min(wanted, code.units)
    const before = code.before && module.add(code.before)
    return { before, index, units: code.units, shared: threads && parts > 1 ? threads.share(code, index, parts) : undefined }
  })
  if (step.exportKernels) for (const [i, call] of calls.entries()) module.export(`kernel ${i}`, wholeKernel(module, call))
  module.export('run', module.add(runLoop(step, calls)))
  return module.encode(Math.ceil(step.memoryBytes / 65536))
}

function found(map: ReadonlyMap<Access['base'], number>, base: Access['base']): number {
  const value = map.get(base)
  if (value === undefined) throw new Error('a buffer without a place')
  return value
}

function kernelCode(kernel: Kernel, module: ModuleBuilder, context: KernelContext, step: StepPlan, ranged: boolean): KernelCode {
  if (kernel.kind === 'loop') return emitLoop(kernel, context, ranged)
  return kernel.kind === 'matmul' ? matmulCode(module, kernel, context, step, ranged) : routineCode(module, kernel, context, step, ranged)
}

/** The function that does all of a kernel. */
function wholeKernel(module: ModuleBuilder, call: Call): number {
  if (call.units === 0 && call.before === undefined) return call.index
  const f = new FunctionBody()
  callWhole(f, call)
  return module.add(f)
}

function callWhole(f: FunctionBody, { before, index, units }: Call): void {
  if (before !== undefined) f.call(before)
  if (units > 0) {
    f.i32(0)
    f.i32(units)
  }
  f.call(index)
}

function routineCode(module: ModuleBuilder, kernel: RoutineKernel, context: KernelContext, step: StepPlan, ranged: boolean): KernelCode {
  const { value, op, scratches } = kernel
  const bases = [...value.inputs.map((input) => step.fusion.layouts.of(input).base), value, ...scratches.map(({ scratch }) => scratch)]
  const addresses = bases.map((base) => found(step.memory.addresses, base))
  if (isConvolution(op)) return emitConvolution(module, value, op, addresses, { wide: step.wide, own: context.own }, ranged)
  return { body: isPool(value, op) ? emitPool(value, op, addresses) : emitRoutine(value, op, addresses), units: 0 }
}

function matmulCode(module: ModuleBuilder, kernel: MatmulKernel, context: KernelContext, step: StepPlan, ranged: boolean): KernelCode {
  const address = ({ base, offset }: MatrixOperand): number => context.address(base) + offset * byteSize[kernel.dtype]
  const addresses = { a: address(kernel.a), b: address(kernel.b), c: context.address(kernel.value) }
  return emitMatmul(module, { ...kernel, addresses, workspace: step.memory.workspace, own: context.own, wide: step.wide }, ranged)
}

function runLoop(step: StepPlan, calls: readonly Call[]): FunctionBody {
  const f = new FunctionBody(['i32', 'i32'], ['i32'])
  const count = f.local('i32')
  const inputRow = f.local('i32')
  const recordRow = f.local('i32')
  const number = f.local('f64')
  const program = f.local('i64')
  if (step.parts) {
    f.get(1)
    f.op('i64.extend_i32_u')
    f.i64(programShift)
    f.op('i64.shl')
    f.set(program)
  }
  f.block()
  f.get(0)
  f.op('i32.eqz')
  f.brIf(0)
  f.loop()
  for (const column of step.steps.columns) {
    copyIn(f, column, step.steps.start, inputRow)
  }
  for (const call of calls) callKernel(f, call, program)
  // A fault leaves the step uncounted; the host finds what is wrong in the fault record.
  f.i32(0)
  f.scalarMemory('i32.load', faultAddress)
  f.brIf(1)
  for (const { state, next } of step.plan.copied) {
    f.i32(found(step.memory.addresses, state))
    f.i32(found(step.memory.addresses, next))
    f.i32(bufferBytes(state))
    f.memoryCopy()
  }
  for (const column of step.records.columns) copyOut(f, column, step.records.start, recordRow)
  for (const [local, amount] of [[count, 1], [inputRow, step.steps.stride], [recordRow, step.records.stride]] as const) {
    f.get(local)
    f.i32(amount)
    f.op('i32.add')
    f.set(local)
  }
  if (step.stop) {
    f.i32(0)
    f.scalarMemory(step.stop.dtype === 'float32' ? 'f32.load' : 'f64.load', step.stop.address)
    if (step.stop.dtype === 'float32') f.op('f64.promote_f32')
    // x - x is 0 for finite x and NaN otherwise.
    f.set(number)
    f.get(number)
    f.get(number)
    f.op('f64.sub')
    f.f64(0)
    f.op('f64.eq')
    f.op('i32.eqz')
    f.brIf(1)
  }
  f.get(count)
  f.get(0)
  f.op('i32.lt_u')
  f.brIf(0)
  f.op('end')
  f.op('end')
  f.get(count)
  return f
}

/** Alone, or with other threads where there are any. */
function callKernel(f: FunctionBody, call: Call, program: Local): void {
  if (call.shared === undefined) {
    callWhole(f, call)
    return
  }
  f.get(1)
  f.if()
  if (call.before !== undefined) f.call(call.before)
  f.get(program)
  f.call(call.shared)
  f.op('else')
  callWhole(f, call)
  f.op('end')
}

function copyIn(f: FunctionBody, column: Column, start: number, row: number): void {
  if (numel(column.shape) === 1) {
    f.i32(0)
    f.get(row)
    moveScalar(f, column.bytes, start + column.offset, column.buffer)
    return
  }
  f.i32(column.buffer)
  f.get(row)
  f.i32(start + column.offset)
  f.op('i32.add')
  f.i32(column.bytes)
  f.memoryCopy()
}

function copyOut(f: FunctionBody, column: Column, start: number, row: number): void {
  if (numel(column.shape) === 1) {
    f.get(row)
    f.i32(0)
    moveScalar(f, column.bytes, column.buffer, start + column.offset)
    return
  }
  f.get(row)
  f.i32(start + column.offset)
  f.op('i32.add')
  f.i32(column.buffer)
  f.i32(column.bytes)
  f.memoryCopy()
}

/** The two addresses are on the stack: where to, where from. */
function moveScalar(f: FunctionBody, bytes: number, from: number, to: number): void {
  f.scalarMemory(bytes === 8 ? 'i64.load' : 'i32.load', from)
  f.scalarMemory(bytes === 8 ? 'i64.store' : 'i32.store', to)
}
