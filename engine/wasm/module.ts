/** Puts the kernels of a step and the loop over steps into one module. */
import type { DType, Shape, Value } from '../ir/value.ts'
import { byteSize, numel } from '../ir/value.ts'
import { rowLength, rowsOp } from '../ops/indexing.ts'
import type { Fusion } from '../passes/fuse.ts'
import type { Access } from '../passes/lower.ts'
import type { MemoryPlan } from '../passes/memory.ts'
import { bufferBytes, faultAddress } from '../passes/memory.ts'
import type { MatmulKernel, MatrixOperand } from '../passes/product.ts'
import type { Kernel, RoutineKernel, Schedule } from '../passes/schedule.ts'
import type { Argument, KernelCall, KernelCode, KernelContext } from './context.ts'
import { pushArgument } from './control.ts'
import { emitConvolution, emitPool, isConvolution, isPool } from './convolution.ts'
import type { Local } from './encode.ts'
import { FunctionBody, ModuleBuilder } from './encode.ts'
import type { Form } from './forms.ts'
import { formsOf } from './forms.ts'
import { scalarBody } from './scalar.ts'
import type { ScalarName } from './scalar.ts'
import { emitLoop } from './loops.ts'
import type { MatmulPlan } from './matmul.ts'
import { emitMatmul } from './matmul.ts'
import { emitRoutine } from './routine.ts'
import { Threads, programShift } from './threads.ts'

/** Where a named tensor lies. */
export interface Slot {
  readonly name: string
  readonly dtype: DType
  readonly shape: Shape
  readonly address: number
  /** Whether it lies in memory transposed. */
  readonly turned?: boolean
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

interface Call extends KernelCall {
  /** A function that lets other threads do parts of it. */
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
    address: (base) => found(step.memory.addresses, isRows(base) ? base.inputs[0]! : base),
    rows: (base) => (isRows(base) ? { number: found(step.memory.addresses, base.inputs[1]!), bytes: rowLength(base)! * byteSize[base.dtype] } : undefined),
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
    blockAddress: step.memory.blockAddress,
    own: step.parts && ((f) => f.globalGet(0)),
  }
  const functions = new KernelFunctions(module, context, step)
  const calls = step.plan.kernels.map((kernel, i): Call => {
    const call = functions.call(kernel)
    const parts = Math.min(step.parts?.[i] ?? 1, call.units)
    return { ...call, shared: threads && parts > 1 ? threads.share(call, parts) : undefined }
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

function isRows(base: Access['base']): base is Value {
  return !('scratch' in base) && base.op === rowsOp
}

/** Adds the kernels' functions to a module; kernels of one form share theirs. */
class KernelFunctions {
  readonly #module: ModuleBuilder
  readonly #context: KernelContext
  readonly #step: StepPlan
  readonly #ranged: ReadonlySet<Kernel>
  readonly #forms: ReadonlyMap<Kernel, Form>
  readonly #known = new Map<unknown, Omit<KernelCall, 'arguments'>>()

  constructor(module: ModuleBuilder, context: KernelContext, step: StepPlan) {
    this.#module = module
    this.#context = context
    this.#step = step
    const { kernels } = step.plan
    this.#ranged = new Set(kernels.filter((_, i) => (step.parts?.[i] ?? 1) > 1))
    const loops = kernels.filter((kernel) => kernel.kind === 'loop')
    this.#forms = formsOf(loops, (kernel) => (this.#ranged.has(kernel) ? 'ranged' : 'whole'), context)
  }

  call(kernel: Kernel): KernelCall {
    const ranged = this.#ranged.has(kernel)
    if (kernel.kind === 'routine') return { ...this.#once(kernel, () => this.#routine(kernel, ranged)), arguments: [] }
    if (kernel.kind === 'matmul') return this.#product(kernel, ranged)
    const form = this.#forms.get(kernel)
    const code = this.#once(form ?? kernel, () => emitLoop(form?.first ?? kernel, this.#context, ranged, form))
    return { ...code, arguments: form?.distances.get(kernel) ?? [] }
  }

  #product({ value, a, b, rows, ending, dtype, m, n, k, batch, skips }: MatmulKernel, ranged: boolean): KernelCall {
    const place = ({ base, offset }: MatmulKernel['rows'][number]): Argument => ({ bytes: this.#context.address(base) + offset * byteSize[dtype], rows: this.#context.rows(base) })
    const strides = ({ row, column }: MatrixOperand): MatmulPlan['a'] => ({ row, column })
    const plan = { dtype, m, n, k, batch, skips, a: strides(a), b: strides(b) }
    const { memory, wide } = this.#step
    const code = this.#once(JSON.stringify([ranged, plan, ending?.text]), () => emitMatmul(this.#module, { ...plan, ending, workspace: memory.workspace, own: this.#context.own, wide }, ranged))
    return { ...code, arguments: [a, b, { base: value, offset: 0 }, ...rows].map(place) }
  }

  #routine({ value, op, scratches }: RoutineKernel, ranged: boolean): KernelCode {
    const bases = [...value.inputs.map((input) => this.#step.fusion.layouts.of(input).base), value, ...scratches.map(({ scratch }) => scratch)]
    const addresses = bases.map((base) => found(this.#step.memory.addresses, base))
    if (isConvolution(op)) return emitConvolution(this.#module, value, op, addresses, { wide: this.#step.wide, own: this.#context.own }, ranged)
    return { body: isPool(value, op) ? emitPool(value, op, addresses) : emitRoutine(value, op, addresses), units: 0 }
  }

  #once(key: unknown, make: () => KernelCode): Omit<KernelCall, 'arguments'> {
    let known = this.#known.get(key)
    if (!known) {
      const { before, body, after, units } = make()
      known = { index: this.#module.add(body), before: before && this.#module.add(before), after: after && this.#module.add(after), units }
      this.#known.set(key, known)
    }
    return known
  }
}

/** The function that does all of a kernel. */
function wholeKernel(module: ModuleBuilder, call: Call): number {
  if (call.units === 0 && call.before === undefined && call.arguments.length === 0) return call.index
  const f = new FunctionBody()
  callWhole(f, call)
  return module.add(f)
}

function callWhole(f: FunctionBody, call: Call): void {
  const { before, index, units, arguments: rest } = call
  if (before !== undefined) f.call(before)
  for (const unit of units > 0 ? [0, units] : []) f.i32(unit)
  for (const argument of rest) pushArgument(f, argument)
  f.call(index)
  callAfter(f, call)
}

function callAfter(f: FunctionBody, { after, arguments: rest }: Call): void {
  if (after === undefined) return
  for (const argument of rest) pushArgument(f, argument)
  f.call(after)
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
  callAfter(f, call)
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
