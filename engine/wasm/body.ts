/** The vector instructions of a loop kernel: built from its steps, before any loop is emitted. */
import { EngineFault, invariant } from '../errors.ts'
import type { DType, ReduceOp, Value } from '../ir/value.ts'
import type { Access, LoopKernel, Operand, Step } from '../passes/lower.ts'
import { Sections } from './sections.ts'
import type { LaneType, Reg } from './registers.ts'
import { VectorBuilder, laneType } from './registers.ts'
import { VectorCode } from './vector.ts'

/** What an `extern` instruction reads. */
export type Extern =
  | { readonly kind: 'load'; readonly access: Access; readonly dtype: DType }
  | { readonly kind: 'count'; readonly access: Access }
  | { readonly kind: 'gather'; readonly target: Access; readonly axisStride: number; readonly index: Access; readonly dtype: DType }
  | { readonly kind: 'accumulator'; readonly reduction: Reduction }
  | { readonly kind: 'result'; readonly reduction: Reduction }
  /** Argument 0 with the lanes beyond the end replaced by the reduction's identity. */
  | { readonly kind: 'tail'; readonly reduction: Reduction }

export interface Reduction {
  readonly op: ReduceOp
  readonly dtype: DType
  readonly type: LaneType
  readonly phase: number
}

/** What happens at the end of a section. */
export type Effect =
  | { readonly kind: 'store'; readonly reg: Reg; readonly access: Access; readonly dtype: DType }
  | { readonly kind: 'accumulate'; readonly reg: Reg; readonly reduction: Reduction }
  | { readonly kind: 'scatter'; readonly reg: Reg; readonly target: Access; readonly axisStride: number; readonly index: Access; readonly dtype: DType }

export class KernelBody {
  readonly kernel: LoopKernel
  readonly sections: Sections
  readonly builder = new VectorBuilder()
  readonly externs: Extern[] = []
  readonly reductions: Reduction[] = []
  readonly regsOf: Reg[][]
  readonly effectsOf: Effect[][]
  readonly #externIds = new Map<string, number>()
  readonly #accessIds = new Map<Access, string>()
  readonly #baseIds = new Map<Access['base'], number>()
  readonly #done = new Map<Step, Reg>()

  constructor(kernel: LoopKernel) {
    this.kernel = kernel
    this.sections = new Sections(kernel)
    this.effectsOf = Array.from({ length: this.sections.count }, () => [])
    for (const step of kernel.steps) this.#build(step)
    this.regsOf = Array.from({ length: this.sections.count }, () => [])
    for (const reg of this.builder.regs) this.regsOf[reg.section]!.push(reg)
  }

  /** Whether the register stands for the result of a reduction. */
  isResult(reg: Reg): boolean {
    return reg.instruction.kind === 'extern' && this.externs[reg.instruction.id]!.kind === 'result'
  }

  /** The register that stands for the reduction's result, if anything reads it. */
  resultOf(reduction: Reduction): Reg | undefined {
    return this.builder.regs.find(({ instruction }) => {
      if (instruction.kind !== 'extern') return false
      const extern = this.externs[instruction.id]!
      return extern.kind === 'result' && extern.reduction === reduction
    })
  }

  #build(step: Step): void {
    const { value } = step
    if (value.op.kind === 'scatter') {
      const reg = this.#operand(step.args[0]!)
      const { target, axisStride, index } = step.indexed!
      const section = this.sections.ofAccess(index, true, step.phase)
      const deepest = Math.max(reg.section, section, this.sections.ofAccess(target, true, step.phase), this.#deepest(step.phase))
      this.effectsOf[deepest]!.push({ kind: 'scatter', reg, target, axisStride, index, dtype: value.dtype })
      return
    }
    const reg = this.#value(step, value)
    this.#done.set(step, reg)
    for (const access of step.stores) {
      const section = Math.max(reg.section, this.sections.ofAccess(access, step.full, step.phase))
      this.effectsOf[section]!.push({ kind: 'store', reg, access, dtype: value.dtype })
    }
  }

  #deepest(phase: number): number {
    const { folded, outer } = this.sections
    return folded.length > 0 ? this.sections.phase(phase, folded.length) : outer.length
  }

  #value(step: Step, value: Value): Reg {
    const { op } = value
    if (op.kind === 'map') {
      const from = value.inputs.map((input) => input.dtype)
      const code = new VectorCode(this.builder, laneType(from[0]!, this.kernel.lanes))
      return op.lower(code, step.args.map((arg) => this.#operand(arg)), value.attrs, from)
    }
    if (op.kind === 'reduce') return this.#reduce(step, value, op)
    if (op.kind === 'gather') return this.#gather(step, value)
    throw new EngineFault(`${op.name} in a loop kernel`)
  }

  #reduce(step: Step, value: Value, op: ReduceOp): Reg {
    const type = laneType(value.dtype, this.kernel.lanes)
    const reduction: Reduction = { op, dtype: value.dtype, type, phase: step.phase - 1 }
    this.reductions.push(reduction)
    const section = this.#deepest(reduction.phase)
    let x = this.#operand(step.args[0]!)
    if (this.sections.inner) x = this.builder.emit(type, this.#extern({ kind: 'tail', reduction }), [x], { section, uniform: false })
    const before = this.builder.emit(type, this.#extern({ kind: 'accumulator', reduction }), [], { section, uniform: false })
    const after = op.combine(new VectorCode(this.builder, type), before, x)
    this.effectsOf[section]!.push({ kind: 'accumulate', reg: after, reduction })
    return this.builder.emit(type, this.#extern({ kind: 'result', reduction }), [], {
      section: this.sections.time(step.phase),
      uniform: this.sections.inner,
    })
  }

  #gather(step: Step, value: Value): Reg {
    invariant(step.indexed, 'a gather has an index')
    const { target, axisStride, index } = step.indexed
    const section = Math.max(this.sections.ofAccess(target, step.full, step.phase), this.sections.ofAccess(index, step.full, step.phase))
    const uniform = this.sections.isUniform(target) && this.sections.isUniform(index)
    const extern = this.#extern({ kind: 'gather', target, axisStride, index, dtype: value.dtype })
    return this.builder.emit(laneType(value.dtype, this.kernel.lanes), extern, [], { section, uniform })
  }

  #operand(operand: Operand): Reg {
    const { lanes } = this.kernel
    switch (operand.kind) {
      case 'step': {
        const reg = this.#done.get(operand.step)
        invariant(reg, 'steps come after their operands')
        return reg
      }
      case 'constant':
        return this.builder.constant(laneType(operand.dtype, lanes), operand.number)
      case 'load': {
        const type = laneType(operand.dtype, lanes)
        const place = this.#placeOf(operand.access, operand.full, operand.phase)
        return this.builder.emit(type, this.#extern({ kind: 'load', access: operand.access, dtype: operand.dtype }), [], place)
      }
      case 'count': {
        const place = this.#placeOf(operand.access, operand.full, operand.phase)
        return this.builder.emit(laneType('int32', lanes), this.#extern({ kind: 'count', access: operand.access }), [], place)
      }
    }
  }

  #placeOf(access: Access, full: boolean, phase: number): { section: number; uniform: boolean } {
    const inScratch = 'scratch' in access.base
    return {
      section: this.sections.ofAccess(access, full, phase),
      // In scratch each vector of a block has a place of its own.
      uniform: this.sections.isUniform(access) && !(inScratch && !this.sections.inner),
    }
  }

  #extern(extern: Extern): { kind: 'extern'; id: number } {
    const key = this.#externKey(extern)
    let id = this.#externIds.get(key)
    if (id === undefined) {
      id = this.externs.push(extern) - 1
      this.#externIds.set(key, id)
    }
    return { kind: 'extern', id }
  }

  #externKey(extern: Extern): string {
    switch (extern.kind) {
      case 'load':
        return `load ${this.#accessKey(extern.access)}`
      case 'count':
        return `count ${extern.access.offset} ${extern.access.strides.join()}`
      case 'gather':
        return `gather ${this.#accessKey(extern.target)} ${extern.axisStride} ${this.#accessKey(extern.index)}`
      default:
        return `${extern.kind} ${this.reductions.indexOf(extern.reduction)}`
    }
  }

  #accessKey(access: Access): string {
    let key = this.#accessIds.get(access)
    if (key === undefined) {
      let base = this.#baseIds.get(access.base)
      if (base === undefined) {
        base = this.#baseIds.size
        this.#baseIds.set(access.base, base)
      }
      key = `${base}+${access.offset}@${access.strides.join()}`
      this.#accessIds.set(access, key)
    }
    return key
  }
}
