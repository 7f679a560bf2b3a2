/** The code of one block of a loop kernel: what its sections compute, load and store, vector by vector. */
import { EngineFault, invariant } from '../errors.ts'
import { counted } from '../ir/lists.ts'
import type { Accumulators } from './accumulate.ts'
import { identityBytes } from './accumulate.ts'
import type { Effect, Extern, KernelBody, Reduction } from './body.ts'
import type { Block, KernelContext } from './context.ts'
import type { FunctionBody, Local } from './encode.ts'
import type { LocalPool } from './instruction.ts'
import { emitInstruction } from './instruction.ts'
import type { LaneMemory } from './lanes.ts'
import type { Reg } from './registers.ts'
import { emitInline } from './scalar.ts'
import type { ScalarName } from './scalar.ts'

export class BlockCode {
  readonly #f: FunctionBody
  readonly #body: KernelBody
  readonly #memory: LaneMemory
  readonly #accumulators: Accumulators
  readonly #pool: LocalPool
  readonly #context: KernelContext
  /** By the number of the register. */
  readonly #lastUse: readonly number[]
  readonly #locals: (readonly Local[] | undefined)[] = []
  /** Registers in the order in which they were given locals. */
  readonly #defined: Reg[] = []

  constructor(f: FunctionBody, body: KernelBody, memory: LaneMemory, accumulators: Accumulators, pool: LocalPool, context: KernelContext) {
    this.#f = f
    this.#body = body
    this.#memory = memory
    this.#accumulators = accumulators
    this.#pool = pool
    this.#context = context
    this.#lastUse = localUses(body)
  }

  /** Values defined in `body` give their locals back afterwards, unless later phases may use them. */
  scoped(body: () => void): void {
    if (this.#body.kernel.straight) {
      body()
      return
    }
    const before = this.#defined.length
    body()
    for (let i = before; i < this.#defined.length; i++) {
      const reg = this.#defined[i]!
      const locals = this.#locals[reg.id]
      this.#locals[reg.id] = undefined
      if (locals && !this.#body.isResult(reg)) this.#pool.give(locals)
    }
    this.#defined.length = before
  }

  /** Says in which locals a register is read, one for each vector. */
  define(reg: Reg, locals: readonly Local[]): void {
    this.#locals[reg.id] = locals
    this.#defined.push(reg)
  }

  /** Emits what belongs to one section. */
  emit(section: number, block: Block): void {
    for (const reg of this.#body.regsOf[section]!) this.#reg(reg, block)
    for (const effect of this.#body.effectsOf[section]!) this.#effect(effect, block)
  }

  #reg(reg: Reg, block: Block): void {
    if (this.#body.isResult(reg)) return
    const vectors = reg.uniform ? 1 : block.vectors
    if (reg.instruction.kind === 'fault') {
      for (let h = 0; h < vectors; h++) this.#fault(reg, reg.instruction.site, h, block)
      this.#release(reg)
      return
    }
    if (reg.instruction.kind === 'rare') {
      this.define(reg, this.#rare(reg, reg.instruction.scalar, vectors))
      this.#release(reg)
      return
    }
    // Operands that end here may share the local of the result of the same vector only after all vectors.
    this.define(reg, this.#vectors(reg, vectors, block))
    this.#release(reg)
  }

  /** The first vectors of an instruction, each in a new local. */
  #vectors(reg: Reg, count: number, block: Block): Local[] {
    const first = this.#vector(reg, 0, block)
    if (count === 1) return [first]
    const locals = [first, this.#vector(reg, 1, block)]
    for (let h = 2; h < count; h++) locals.push(this.#vector(reg, h, block))
    return locals
  }

  #vector(reg: Reg, h: number, block: Block): Local {
    const { instruction, args } = reg
    if (instruction.kind === 'lanes') this.#lanes(reg, h)
    else if (instruction.kind === 'extern') this.#extern(this.#body.externs[instruction.id]!, reg, h, h === block.vectors - 1 ? block.tail : 0)
    else {
      for (const arg of args) this.#use(arg, h)
      emitInstruction(this.#f, reg)
    }
    const local = this.#pool.take()
    this.#f.set(local)
    return local
  }

  /** Frees the locals of operands that are not used after `reg`. */
  #release(reg: Reg): void {
    for (const arg of reg.args) {
      if (this.#lastUse[arg.id] !== reg.id) continue
      const locals = this.#locals[arg.id]
      if (!locals || this.#body.isResult(arg)) continue
      this.#locals[arg.id] = undefined
      this.#pool.give(locals)
    }
  }

  #use(reg: Reg, h: number): void {
    const locals = this.#locals[reg.id]
    if (!locals) throw new EngineFault(`register ${reg.id} is not defined before its use`)
    this.#f.get(locals[reg.uniform ? 0 : h]!)
  }

  /** A scalar function of each 64-bit lane. */
  #lanes(reg: Reg, h: number): void {
    const { instruction } = reg
    invariant(instruction.kind === 'lanes', 'a lane call')
    const extract = instruction.operand === 'f64' ? 'f64x2.extract_lane' : 'i64x2.extract_lane'
    for (const lane of [0, 1]) {
      for (const arg of reg.args) {
        this.#use(arg, h)
        this.#f.simdLane(extract, lane)
      }
      if (!emitInline(instruction.scalar, this.#f)) this.#f.call(this.#context.scalar(instruction.scalar))
      const [splat, replace] = laneWrites[instruction.result]
      if (lane === 0) this.#f.simd(splat)
      else this.#f.simdLane(replace, lane)
    }
  }

  /** Results of a scalar function of each lane, taken where the mask is set; nothing is called where none is. */
  #rare({ args: [mask, x, usual] }: Reg, scalar: ScalarName, vectors: number): Local[] {
    const f = this.#f
    const results = counted(vectors, () => this.#pool.take())
    for (const [h, result] of results.entries()) {
      this.#use(usual!, h)
      f.set(result)
      this.#use(mask!, h)
      if (h > 0) f.simd('v128.or')
    }
    f.simd('v128.any_true')
    f.if()
    for (const [h, result] of results.entries()) {
      for (const lane of [0, 1, 2, 3]) {
        this.#use(x!, h)
        f.simdLane('f32x4.extract_lane', lane)
        f.op('f64.promote_f32')
        f.call(this.#context.scalar(scalar))
        f.op('f32.demote_f64')
        if (lane === 0) f.simd('f32x4.splat')
        else f.simdLane('f32x4.replace_lane', lane)
      }
      f.get(result)
      this.#use(mask!, h)
      f.simd('v128.bitselect')
      f.set(result)
    }
    f.op('end')
    return results
  }

  #extern(extern: Extern, reg: Reg, h: number, tail: number): void {
    switch (extern.kind) {
      case 'load':
        this.#memory.load(extern.access, extern.dtype, reg.uniform, h, tail)
        return
      case 'count':
        this.#memory.count(extern.access, h)
        return
      case 'gather':
        this.#memory.gather(extern, h, tail)
        return
      case 'accumulator':
        this.#f.get(this.#accumulators.of(extern.reduction, h))
        return
      case 'tail':
        this.#use(reg.args[0]!, h)
        if (tail > 0) this.#maskTail(extern.reduction, tail)
        return
      case 'result':
        invariant(false, 'results are set by their reduction')
    }
  }

  /** Replaces the lanes from `tail` on by the reduction's identity. */
  #maskTail(reduction: Reduction, tail: number): void {
    this.#f.v128(identityBytes(reduction))
    this.#f.v128(laneMask(tail, this.#body.kernel.lanes))
    this.#f.simd('v128.bitselect')
  }

  /** Remembers the first fault of a step: its number, the offending numbers and which of them are wrong. */
  #fault(reg: Reg, site: number, h: number, block: Block): void {
    const mask = this.#pool.take()
    this.#use(reg.args[0]!, h)
    if (block.tail > 0 && h === block.vectors - 1) {
      this.#f.v128(laneMask(block.tail, this.#body.kernel.lanes))
      this.#f.simd('v128.and')
    }
    this.#f.tee(mask)
    this.#f.simd('v128.any_true')
    this.#f.if()
    this.#f.i32(0)
    this.#f.scalarMemory('i32.load', this.#context.faultAddress)
    this.#f.op('i32.eqz')
    this.#f.if()
    this.#f.i32(0)
    this.#f.i32(site + 1)
    this.#f.scalarMemory('i32.store', this.#context.faultAddress)
    this.#f.i32(0)
    this.#use(reg.args[1]!, h)
    this.#f.memory('v128.store', this.#context.faultAddress + 16)
    this.#f.i32(0)
    this.#f.get(mask)
    this.#f.memory('v128.store', this.#context.faultAddress + 32)
    this.#f.op('end')
    this.#f.op('end')
    this.#pool.give([mask])
  }

  #effect(effect: Effect, block: Block): void {
    const get = (h: number): void => this.#use(effect.reg, h)
    switch (effect.kind) {
      case 'accumulate':
        for (let h = 0; h < block.vectors; h++) {
          get(h)
          this.#f.set(this.#accumulators.of(effect.reduction, h))
        }
        return
      case 'store':
        this.#memory.store(effect.access, effect.dtype, block, get)
        return
      case 'scatter':
        this.#memory.scatter(effect, block, get)
        return
    }
  }
}

const unused = -1
const escapes = -2

/** By the number of the register: the id of the last user, or that it is used outside its section. */
function localUses(body: KernelBody): number[] {
  const last: number[] = []
  for (const { id, args, section } of body.builder.regs) {
    last.push(unused)
    for (const arg of args) last[arg.id] = arg.section !== section || last[arg.id] === escapes ? escapes : id
  }
  for (const effects of body.effectsOf) for (const { reg } of effects) last[reg.id] = escapes
  return last
}

/** All bits set in the first `count` lanes. */
function laneMask(count: number, lanes: 2 | 4): Uint8Array {
  const bytes = new Uint8Array(16)
  bytes.fill(0xff, 0, (count * 16) / lanes)
  return bytes
}

const laneWrites = {
  f64: ['f64x2.splat', 'f64x2.replace_lane'],
  i64: ['i64x2.splat', 'i64x2.replace_lane'],
  f32: ['f32x4.splat', 'f32x4.replace_lane'],
} as const
