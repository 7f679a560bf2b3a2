/** The vector instructions of a loop kernel: built from its steps, before any loop is emitted. */
import { EngineFault, invariant } from '../errors.ts'
import { mapped } from '../ir/lists.ts'
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
  readonly regsOf: Reg[][] = []
  readonly effectsOf: Effect[][] = []
  /** The numbers of what reads a buffer, or counts, so that nothing is read twice. */
  readonly #readsOf = new Map<Access['base'] | 'count', number[]>()
  /** By the index of the step. */
  readonly #done: Reg[] = []
  readonly #codes = new Map<LaneType, VectorCode>()

  constructor(kernel: LoopKernel) {
    this.kernel = kernel
    this.sections = new Sections(kernel)
    const { count } = this.sections
    for (let section = 0; section < count; section++) {
      this.effectsOf.push([])
      this.regsOf.push([])
    }
    for (const step of kernel.steps) this.#build(step)
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
    this.#done[step.index] = reg
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
      const from = mapped(value.inputs, (input) => input.dtype)
      const args = mapped(step.args, this.#operand)
      return op.lower(this.#code(laneType(from[0]!, this.kernel.lanes)), args, value.attrs, from)
    }
    if (op.kind === 'reduce') return this.#reduce(step, value, op)
    if (op.kind === 'gather') return this.#gather(step, value)
    throw new EngineFault(`${op.name} in a loop kernel`)
  }

  #code(type: LaneType): VectorCode {
    let code = this.#codes.get(type)
    if (!code) {
      code = new VectorCode(this.builder, type)
      this.#codes.set(type, code)
    }
    return code
  }

  #reduce(step: Step, value: Value, op: ReduceOp): Reg {
    const type = laneType(value.dtype, this.kernel.lanes)
    const reduction: Reduction = { op, dtype: value.dtype, type, phase: step.phase - 1 }
    this.reductions.push(reduction)
    const section = this.#deepest(reduction.phase)
    let x = this.#operand(step.args[0]!)
    if (this.sections.inner) x = this.builder.emit(type, this.#extern({ kind: 'tail', reduction }), [x], { section, uniform: false })
    const before = this.builder.emit(type, this.#extern({ kind: 'accumulator', reduction }), [], { section, uniform: false })
    const after = op.combine(this.#code(type), before, x)
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

  readonly #operand = (operand: Operand): Reg => {
    const { lanes } = this.kernel
    switch (operand.kind) {
      case 'step': {
        const reg = this.#done[operand.step.index]
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

  /** The accumulator, the result and the tail of a reduction are asked for once each. */
  #extern(extern: Extern): { kind: 'extern'; id: number } {
    if (!('access' in extern) && !('target' in extern)) return { kind: 'extern', id: this.externs.push(extern) - 1 }
    const base = extern.kind === 'count' ? 'count' : ('access' in extern ? extern.access : extern.target).base
    const known = this.#readsOf.get(base)
    const same = known?.find((id) => sameRead(this.externs[id]!, extern))
    if (same !== undefined) return { kind: 'extern', id: same }
    const id = this.externs.push(extern) - 1
    if (known) known.push(id)
    else this.#readsOf.set(base, [id])
    return { kind: 'extern', id }
  }
}

/** Whether two that read one buffer, or count, give the same. */
function sameRead(a: Extern, b: Extern): boolean {
  if (a.kind === 'gather') return b.kind === 'gather' && a.axisStride === b.axisStride && sameElements(a.target, b.target) && a.index.base === b.index.base && sameElements(a.index, b.index)
  return 'access' in a && 'access' in b && sameElements(a.access, b.access)
}

function sameElements(a: Access, b: Access): boolean {
  if (a.offset !== b.offset) return false
  for (let i = 0; i < a.strides.length; i++) if (a.strides[i] !== b.strides[i]) return false
  return true
}
