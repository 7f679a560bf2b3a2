/**
 * Emits a loop kernel as one function.
 *
 * The shapes follow what V8's wide-SIMD pass can pack: two vectors of an instruction stand next to each other, memory is
 * addressed as one index local with different constant offsets, constants live in locals, the higher of two stores
 * comes first. What does not fill a vector is done by one more block with the missing lanes left out.
 */
import { invariant } from '../errors.ts'
import type { LoopKernel } from '../passes/lower.ts'
import type { Effect, Extern, Reduction } from './body.ts'
import { KernelBody } from './body.ts'
import type { Block, KernelContext } from './context.ts'
import type { Local } from './encode.ts'
import { FunctionBody } from './encode.ts'
import { emitInline } from './helpers.ts'
import { LaneMemory } from './lanes.ts'
import { Pointers } from './pointers.ts'
import type { Reg } from './vector.ts'
import { VectorBuilder } from './vector.ts'

/** Iterations after which a float sum moves on to fresh accumulators, so that long sums stay accurate. */
const cascadeBlock = 256

export function emitLoop(kernel: LoopKernel, context: KernelContext): FunctionBody {
  return new LoopEmitter(kernel, context).emit()
}

/** A sum's accumulators are emptied into totals now and then. */
interface Cascade {
  readonly begin: () => void
  readonly flush: () => void
}

class LoopEmitter {
  readonly kernel: LoopKernel
  readonly context: KernelContext
  readonly body: KernelBody
  readonly f = new FunctionBody()
  readonly pointers: Pointers
  readonly memory: LaneMemory
  readonly vectors: number
  readonly lastUse: Map<Reg, number>
  readonly #locals = new Map<Reg, Local[]>()
  readonly #free: Local[] = []
  readonly #accumulators = new Map<Reduction, Local[]>()
  readonly #totals = new Map<Reduction, Local[]>()

  constructor(kernel: LoopKernel, context: KernelContext) {
    this.kernel = kernel
    this.context = context
    this.body = new KernelBody(kernel)
    this.vectors = this.#chooseVectors()
    this.pointers = new Pointers(this.f, this.body, this.vectors)
    this.memory = new LaneMemory(this.f, this.body, this.pointers, context)
    this.lastUse = this.#localUses()
  }

  /** How many vectors an iteration handles: many for short bodies, few where registers are scarce. */
  #chooseVectors(): number {
    const { vector } = this.body.sections
    if (vector === undefined) return 1
    const available = Math.ceil(this.kernel.sizes[vector]! / this.kernel.lanes)
    if (this.kernel.straight) return available
    const work = this.body.builder.regs.filter((reg) => !reg.uniform).length
    const sums = this.body.reductions.length > 0
    const wanted = work <= 6 && sums ? 8 : work <= 12 ? 4 : 2
    return Math.min(wanted, available)
  }

  /** For values that are used in their own section only: the id of the last user. */
  #localUses(): Map<Reg, number> {
    const last = new Map<Reg, number>()
    const escapes = new Set<Reg>()
    for (const reg of this.body.builder.regs) {
      for (const arg of reg.args) {
        if (arg.section !== reg.section) escapes.add(arg)
        last.set(arg, reg.id)
      }
    }
    for (const effects of this.body.effectsOf) for (const { reg } of effects) escapes.add(reg)
    for (const reg of escapes) last.delete(reg)
    return last
  }

  emit(): FunctionBody {
    this.#zeroScattered()
    const single: Block = { vectors: 1, tail: 1 }
    this.#section(0, this.body.sections.vector === undefined ? single : { vectors: this.vectors, tail: 0 })
    this.#outerLoop(1)
    return this.f
  }

  /** Scatter adds to what is there: the target starts as zeros. */
  #zeroScattered(): void {
    for (const effects of this.body.effectsOf) {
      for (const effect of effects) {
        if (effect.kind !== 'scatter') continue
        this.f.i32(this.context.address(effect.target.base))
        this.f.i32(0)
        this.f.i32(this.context.size(effect.target.base))
        this.f.memoryFill()
      }
    }
  }

  // ---- loops

  #outerLoop(depth: number): void {
    const { sections } = this.body
    if (depth > sections.outer.length) {
      this.#phases({ vectors: sections.vector === undefined ? 1 : this.vectors, tail: sections.vector === undefined ? 1 : 0 })
      return
    }
    const loop = sections.outer[depth - 1]!
    if (loop === sections.vector) {
      this.#vectorLoop(loop, depth, sections.count - 1, (block) => {
        this.#section(depth, block)
        this.#phases(block)
      })
      return
    }
    this.#countedLoop(loop, depth, sections.count - 1, () => {
      this.#section(depth, { vectors: this.vectors, tail: 0 })
      this.#outerLoop(depth + 1)
    })
  }

  /** A loop whose body holds the sections `from` to `to`. */
  #countedLoop(loop: number, from: number, to: number, body: () => void): void {
    this.pointers.within(loop, from, to, () => {
      this.#repeat(this.kernel.sizes[loop]!, () => {
        body()
        this.pointers.advance(loop, 1)
      })
    })
  }

  #repeat(count: number, body: () => void): void {
    if (count === 1) {
      body()
      return
    }
    const counter = this.pointers.counter()
    this.f.i32(count)
    this.f.set(counter)
    this.f.loop()
    body()
    this.#countDown(counter)
    this.f.brIf(0)
    this.f.op('end')
    this.pointers.release(counter)
  }

  #countDown(counter: Local): void {
    this.f.get(counter)
    this.f.i32(1)
    this.f.op('i32.sub')
    this.f.tee(counter)
  }

  /** Whole blocks in a loop, then one block for what remains. */
  #vectorLoop(loop: number, from: number, to: number, body: (block: Block) => void, cascade?: Cascade): void {
    const { lanes } = this.kernel
    const step = lanes * this.vectors
    const size = this.kernel.sizes[loop]!
    const whole = this.kernel.straight ? 0 : Math.floor(size / step)
    const rest = size - whole * step
    this.pointers.within(loop, from, to, () => {
      if (whole > 0) {
        const iteration = (): void => {
          this.#scoped(() => body({ vectors: this.vectors, tail: 0 }))
          this.pointers.advance(loop, step)
        }
        if (cascade) this.#blocked(whole, iteration, cascade)
        else this.#repeat(whole, iteration)
      }
      if (rest > 0) {
        if (cascade && whole > 0) cascade.begin()
        this.#scoped(() => body({ vectors: Math.ceil(rest / lanes), tail: rest % lanes }))
        if (cascade && whole > 0) cascade.flush()
      }
    })
  }

  /** A loop of `count` iterations that starts afresh every `cascadeBlock`. */
  #blocked(count: number, body: () => void, cascade: Cascade): void {
    const blocks = Math.floor(count / cascadeBlock)
    const rest = count % cascadeBlock
    const run = (n: number): void => {
      cascade.begin()
      this.#repeat(n, body)
      cascade.flush()
    }
    if (blocks > 0) this.#repeat(blocks, () => run(cascadeBlock))
    if (rest > 0) run(rest)
  }

  // ---- phases

  #phases(block: Block): void {
    const { sections } = this.body
    for (let p = 0; p < sections.phases; p++) {
      if (p > 0) this.#section(sections.time(p), block)
      const reductions = this.body.reductions.filter((reduction) => reduction.phase === p)
      const cascaded = this.#needsCascade() ? reductions.filter(({ op, type }) => op.name === 'sum' && type.startsWith('f')) : []
      for (const reduction of reductions) this.#begin(reduction, this.#accumulators)
      for (const reduction of cascaded) this.#begin(reduction, this.#totals)
      this.#folded(p, 1, block, cascaded)
      for (const reduction of reductions) this.#finish(reduction, block, cascaded.includes(reduction))
    }
    if (sections.phases > 0) this.#section(sections.time(sections.phases), block)
  }

  #needsCascade(): boolean {
    const { folded, inner } = this.body.sections
    if (this.kernel.straight) return false
    const count = folded.reduce((n, loop) => n * this.kernel.sizes[loop]!, 1)
    return count / (inner ? this.kernel.lanes * this.vectors : 1) > 2 * cascadeBlock
  }

  #folded(phase: number, depth: number, block: Block, cascaded: readonly Reduction[]): void {
    const { sections } = this.body
    const loop = sections.folded[depth - 1]!
    const section = sections.phase(phase, depth)
    const last = sections.phase(phase, sections.folded.length)
    if (depth < sections.folded.length) {
      this.#countedLoop(loop, section, last, () => {
        this.#section(section, block)
        this.#folded(phase, depth + 1, block, cascaded)
      })
      return
    }
    const cascade = cascaded.length === 0 ? undefined : {
      begin: () => {
        for (const reduction of cascaded) this.#reset(reduction, this.#accumulators)
      },
      flush: () => {
        for (const reduction of cascaded) this.#flush(reduction)
      },
    }
    if (loop === sections.vector) {
      this.#vectorLoop(loop, section, last, (inside) => this.#section(section, inside), cascade)
      if (cascade && this.kernel.sizes[loop]! < this.kernel.lanes * this.vectors) cascade.flush()
      return
    }
    const size = this.kernel.sizes[loop]!
    this.pointers.within(loop, section, last, () => {
      const iteration = (): void => {
        this.#scoped(() => this.#section(section, block))
        this.pointers.advance(loop, 1)
      }
      if (cascade) this.#blocked(size, iteration, cascade)
      else this.#repeat(size, iteration)
    })
  }

  // ---- reductions

  #begin(reduction: Reduction, where: Map<Reduction, Local[]>): void {
    let locals = where.get(reduction)
    if (!locals) {
      locals = Array.from({ length: this.vectors }, () => this.f.local('v128'))
      where.set(reduction, locals)
    }
    this.#reset(reduction, where)
  }

  #reset(reduction: Reduction, where: Map<Reduction, Local[]>): void {
    const identity = new VectorBuilder().constant(reduction.type, reduction.op.identity(reduction.dtype))
    invariant(identity.instruction.kind === 'constant', 'the identity is a constant')
    for (const local of where.get(reduction)!) {
      this.f.v128(identity.instruction.bytes)
      this.f.set(local)
    }
  }

  #flush(reduction: Reduction): void {
    const totals = this.#totals.get(reduction)!
    for (const [h, local] of this.#accumulators.get(reduction)!.entries()) this.#combine(reduction, totals[h]!, totals[h]!, local)
    this.#reset(reduction, this.#accumulators)
  }

  /** target = op(a, b) on whole vectors. */
  #combine(reduction: Reduction, target: Local, a: Local, b: Local): void {
    this.#formula(reduction, [a, b], target, (builder, [x, y]) => reduction.op.combine(builder.code(reduction.type), x!, y!))
  }

  /** Emits a small formula over locals. */
  #formula(reduction: Reduction, inputs: readonly Local[], target: Local, formula: (builder: VectorBuilder, inputs: Reg[]) => Reg): void {
    const builder = new VectorBuilder()
    const regs = inputs.map((_, id) => builder.emit(reduction.type, { kind: 'extern', id }, []))
    const result = formula(builder, regs)
    const locals = new Map<Reg, Local>(regs.map((reg, i) => [reg, inputs[i]!]))
    const temporary: Local[] = []
    for (const reg of builder.regs) {
      if (locals.has(reg)) continue
      for (const arg of reg.args) this.f.get(locals.get(arg)!)
      this.#instruction(reg)
      const local = reg === result ? target : this.#take()
      if (reg !== result) temporary.push(local)
      this.f.set(local)
      locals.set(reg, local)
    }
    if (regs.includes(result)) {
      this.f.get(locals.get(result)!)
      this.f.set(target)
    }
    this.#free.push(...temporary)
  }

  /** Leaves the reduction's result in the locals that its result register stands for. */
  #finish(reduction: Reduction, block: Block, cascaded: boolean): void {
    const partial = (cascaded ? this.#totals : this.#accumulators).get(reduction)!
    const result = this.body.builder.regs.find((reg) => reg.instruction.kind === 'extern' && isResult(this.body.externs[reg.instruction.id]!, reduction))
    if (!result) return
    if (!this.body.sections.inner) {
      this.#locals.set(result, partial.slice(0, block.vectors))
      return
    }
    this.#pairUp(partial)
    for (let n = partial.length; n > 1; n = Math.ceil(n / 2)) {
      for (let i = 0; i < Math.floor(n / 2); i++) this.#combine(reduction, partial[i]!, partial[i]!, partial[n - 1 - i]!)
    }
    // Across the lanes: every lane ends with the result.
    const first = partial[0]!
    const swaps = this.kernel.lanes === 4 ? [swapHalves, swapNeighbours] : [swapHalves]
    for (const bytes of swaps) {
      this.#formula(reduction, [first], first, (builder, [x]) =>
        reduction.op.combine(builder.code(reduction.type), x!, builder.shuffle(reduction.type, bytes, x!, x!)))
    }
    this.#locals.set(result, [first])
  }

  /** Stores neighbouring accumulators: packing of two vectors into one starts at pairs of stores. */
  #pairUp(locals: readonly Local[]): void {
    if (locals.length < 2) return
    for (let i = 0; i + 1 < locals.length; i += 2) {
      for (const k of [i + 1, i]) {
        this.f.i32(0)
        this.f.get(locals[k]!)
        this.f.memory('v128.store', this.context.pairAddress + k * 16)
      }
    }
    for (let i = 0; i + 1 < locals.length; i += 2) {
      for (const k of [i, i + 1]) {
        this.f.i32(0)
        this.f.memory('v128.load', this.context.pairAddress + k * 16)
        this.f.set(locals[k]!)
      }
    }
  }

  // ---- instructions

  /** Values defined in `body` give their locals back afterwards, unless later phases may use them. */
  #scoped(body: () => void): void {
    if (this.kernel.straight) {
      body()
      return
    }
    const before = new Set(this.#locals.keys())
    body()
    for (const [reg, locals] of this.#locals) {
      if (before.has(reg)) continue
      this.#locals.delete(reg)
      if (!isExternResult(reg, this.body.externs)) this.#free.push(...locals)
    }
  }

  #take(): Local {
    return this.#free.pop() ?? this.f.local('v128')
  }

  #section(section: number, block: Block): void {
    for (const reg of this.body.regsOf[section]!) this.#reg(reg, block)
    for (const effect of this.body.effectsOf[section]!) this.#effect(effect, block)
  }

  #reg(reg: Reg, block: Block): void {
    if (isExternResult(reg, this.body.externs)) return
    const vectors = reg.uniform ? 1 : block.vectors
    if (reg.instruction.kind === 'fault') {
      for (let h = 0; h < vectors; h++) this.#fault(reg, reg.instruction.site, h, block)
      this.#release(reg)
      return
    }
    const locals: Local[] = []
    for (let h = 0; h < vectors; h++) {
      const tail = h === block.vectors - 1 ? block.tail : 0
      if (reg.instruction.kind === 'lanes') this.#lanes(reg, h)
      else if (reg.instruction.kind === 'extern') this.#extern(this.body.externs[reg.instruction.id]!, reg, h, tail)
      else {
        for (const arg of reg.args) this.#use(arg, h)
        this.#instruction(reg)
      }
      // Operands that end here may share the local of the result of the same vector only after all vectors.
      const local = this.#take()
      this.f.set(local)
      locals.push(local)
    }
    this.#locals.set(reg, locals)
    this.#release(reg)
  }

  /** Frees the locals of operands that are not used after `reg`. */
  #release(reg: Reg): void {
    for (const arg of new Set(reg.args)) {
      if (this.lastUse.get(arg) !== reg.id) continue
      const locals = this.#locals.get(arg)
      if (!locals || isExternResult(arg, this.body.externs)) continue
      this.#locals.delete(arg)
      this.#free.push(...locals)
    }
  }

  #use(reg: Reg, h: number): void {
    const locals = this.#locals.get(reg)
    invariant(locals, `register ${reg.id} is defined before its use`)
    this.f.get(locals[reg.uniform ? 0 : h]!)
  }

  #instruction(reg: Reg): void {
    const { instruction } = reg
    switch (instruction.kind) {
      case 'op':
        this.f.simd(instruction.op)
        return
      case 'shift':
        this.f.i32(instruction.count)
        this.f.simd(instruction.op)
        return
      case 'shuffle':
        this.f.shuffle(instruction.bytes)
        return
      case 'constant':
        this.f.v128(instruction.bytes)
        return
      default:
        invariant(false, `${instruction.kind} is emitted elsewhere`)
    }
  }

  /** A scalar function of each 64-bit lane. */
  #lanes(reg: Reg, h: number): void {
    const { instruction } = reg
    invariant(instruction.kind === 'lanes', 'a lane call')
    const extract = instruction.operand === 'f64' ? 'f64x2.extract_lane' : 'i64x2.extract_lane'
    for (const lane of [0, 1]) {
      for (const arg of reg.args) {
        this.#use(arg, h)
        this.f.simdLane(extract, lane)
      }
      if (!emitInline(instruction.helper, this.f)) this.f.call(this.context.helper(instruction.helper))
      const [splat, replace] = laneWrites[instruction.result]
      if (lane === 0) this.f.simd(splat)
      else this.f.simdLane(replace, lane)
    }
  }

  #extern(extern: Extern, reg: Reg, h: number, tail: number): void {
    switch (extern.kind) {
      case 'load':
        this.memory.load(extern.access, extern.dtype, reg.uniform, h, tail)
        return
      case 'count':
        this.memory.count(extern.access, h)
        return
      case 'gather':
        this.memory.gather(extern, h, tail)
        return
      case 'accumulator':
        this.f.get(this.#accumulators.get(extern.reduction)![h]!)
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
    const { op, dtype, type } = reduction
    const identity = new VectorBuilder().constant(type, op.identity(dtype)).instruction
    invariant(identity.kind === 'constant', 'the identity is a constant')
    this.f.v128(identity.bytes)
    this.f.v128(laneMask(tail, this.kernel.lanes))
    this.f.simd('v128.bitselect')
  }

  /** Remembers the first fault of a step: its number, the offending numbers and which of them are wrong. */
  #fault(reg: Reg, site: number, h: number, block: Block): void {
    const mask = this.#take()
    this.#use(reg.args[0]!, h)
    if (block.tail > 0 && h === block.vectors - 1) {
      this.f.v128(laneMask(block.tail, this.kernel.lanes))
      this.f.simd('v128.and')
    }
    this.f.tee(mask)
    this.f.simd('v128.any_true')
    this.f.if()
    this.f.i32(0)
    this.f.scalarMemory('i32.load', this.context.faultAddress)
    this.f.op('i32.eqz')
    this.f.if()
    this.f.i32(0)
    this.f.i32(site + 1)
    this.f.scalarMemory('i32.store', this.context.faultAddress)
    this.f.i32(0)
    this.#use(reg.args[1]!, h)
    this.f.memory('v128.store', this.context.faultAddress + 16)
    this.f.i32(0)
    this.f.get(mask)
    this.f.memory('v128.store', this.context.faultAddress + 32)
    this.f.op('end')
    this.f.op('end')
    this.#free.push(mask)
  }

  // ---- effects

  #effect(effect: Effect, block: Block): void {
    const get = (h: number): void => this.#use(effect.reg, h)
    switch (effect.kind) {
      case 'accumulate': {
        const accumulators = this.#accumulators.get(effect.reduction)!
        for (let h = 0; h < block.vectors; h++) {
          get(h)
          this.f.set(accumulators[h]!)
        }
        return
      }
      case 'store':
        this.memory.store(effect.access, effect.dtype, block, get)
        return
      case 'scatter':
        this.memory.scatter(effect, block, get)
        return
    }
  }
}

function isResult(extern: Extern, reduction: Reduction): boolean {
  return extern.kind === 'result' && extern.reduction === reduction
}

function isExternResult(reg: Reg, externs: readonly Extern[]): boolean {
  return reg.instruction.kind === 'extern' && externs[reg.instruction.id]!.kind === 'result'
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

const swapHalves = [8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7]
const swapNeighbours = [4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11]
