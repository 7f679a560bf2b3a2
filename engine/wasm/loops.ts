/**
 * Emits a loop kernel as one function.
 *
 * The shapes follow what V8's wide-SIMD pass can pack: two vectors of an instruction stand next to each other, memory is
 * addressed as one index local with different constant offsets, constants live in locals, the higher of two stores
 * comes first. What does not fill a vector is done by one more block with the missing lanes left out.
 */
import { counted } from '../ir/lists.ts'
import type { LoopKernel } from '../passes/lower.ts'
import { Accumulators } from './accumulate.ts'
import { BlockCode } from './block.ts'
import type { Reduction } from './body.ts'
import { KernelBody } from './body.ts'
import { advance, increment, repeat, repeatRange } from './control.ts'
import type { Block, KernelCode, KernelContext } from './context.ts'
import type { Local } from './encode.ts'
import { FunctionBody } from './encode.ts'
import type { Form } from './forms.ts'
import { LocalPool } from './instruction.ts'
import { LaneMemory } from './lanes.ts'
import { Pointers } from './pointers.ts'
import type { Blocks } from './sums.ts'
import { blocksOf, cascadeBlock, fewestVectors, isCascaded, mostVectors } from './sums.ts'

/** Parameters of a function that does some of the rounds. */
const firstUnit: Local = 0
const endUnit: Local = 1

/**
 * With `ranged` the work is cut into units where it can be: rounds of the outermost loop. The function of a form has
 * parameters behind those: how far the buffers lie.
 */
export function emitLoop(kernel: LoopKernel, context: KernelContext, ranged: boolean, form?: Form): KernelCode {
  const emitter = new LoopEmitter(kernel, context, ranged, form)
  const blocks = emitter.blocks
  if (!blocks) return emitter.emit()
  return { body: emitter.emitBlocks(blocks), units: emitter.units, after: new LoopEmitter(kernel, context, false, form).emitTotal(blocks) }
}

/** So many elements are done before code for more of them at a time is compiled; only sums along the vectors need it, whose order it is. */
const fewElements = 64

/** A sum's accumulators are emptied into totals now and then. */
interface Cascade {
  readonly begin: () => void
  readonly flush: () => void
}

class LoopEmitter {
  readonly kernel: LoopKernel
  readonly context: KernelContext
  readonly body: KernelBody
  readonly f: FunctionBody
  readonly pointers: Pointers
  readonly accumulators: Accumulators
  readonly code: BlockCode
  readonly vectors: number

  readonly blocks: Blocks | undefined

  /** Rounds of the outermost loop, or blocks, that can be done in any order, by any thread; 0 where the kernel is one piece. */
  readonly units: number

  constructor(kernel: LoopKernel, context: KernelContext, ranged: boolean, form: Form | undefined) {
    this.kernel = kernel
    this.context = context
    this.body = new KernelBody(kernel)
    this.vectors = this.#chooseVectors()
    this.blocks = ranged ? this.#blocksOf() : undefined
    this.units = this.blocks ? this.blocks.slots - (this.blocks.iterations > 0 && this.blocks.elements > 0 ? 1 : 0) : ranged && this.#divisible() ? this.#rounds() : 0
    const range = this.units > 0 ? 2 : 0
    this.f = new FunctionBody(counted(range + (form?.parameters ?? 0), () => 'i32'))
    this.pointers = new Pointers(this.f, this.body, this.vectors, context, form?.moves, range)
    const memory = new LaneMemory(this.f, this.body, this.pointers)
    const pool = new LocalPool(this.f)
    this.accumulators = new Accumulators(this.f, pool, this.vectors, context)
    this.code = new BlockCode(this.f, this.body, memory, this.accumulators, pool, context)
  }

  /** How many vectors an iteration handles: many for short bodies, few where registers are scarce. */
  #chooseVectors(): number {
    const { vector } = this.body.sections
    if (vector === undefined) return 1
    const available = Math.ceil(this.kernel.sizes[vector]! / this.kernel.lanes)
    if (this.kernel.straight) return available
    if (!this.kernel.inner && this.kernel.sizes.reduce((n, size) => n * size, 1) <= fewElements) return 1
    const work = this.body.builder.regs.filter((reg) => !reg.uniform).length
    const sums = this.body.reductions.length > 0
    const wanted = (work <= 6 || (work <= 12 && !this.kernel.inner)) && sums ? mostVectors : work <= 12 ? 4 : fewestVectors
    return Math.min(wanted, available)
  }

  /** The blocks of a kernel of nothing but sums over all elements, if it is one that long. */
  #blocksOf(): Blocks | undefined {
    const { sections, reductions } = this.body
    const [loop, ...more] = sections.folded
    if (loop === undefined || more.length > 0 || sections.outer.length > 0 || sections.phases !== 1 || !sections.inner) return undefined
    if (!this.#needsCascade() || !reductions.every(isCascaded) || !this.#independent()) return undefined
    return blocksOf(this.kernel.sizes[loop]!, this.kernel.lanes * this.vectors)
  }

  #divisible(): boolean {
    return this.body.sections.outer.length > 0 && this.#independent()
  }

  /** Whether no round touches what another one writes: additions at computed places and stores outside the loops do. */
  #independent(): boolean {
    const { effectsOf, builder } = this.body
    const scatters = effectsOf.some((effects) => effects.some(({ kind }) => kind === 'scatter'))
    // Of several faults the first one is told, whatever the number of threads.
    const checks = builder.regs.some(({ instruction }) => instruction.kind === 'fault')
    return !scatters && !checks && effectsOf[0]!.length === 0
  }

  #rounds(): number {
    const loop = this.body.sections.outer[0]!
    const size = this.kernel.sizes[loop]!
    return loop === this.body.sections.vector ? Math.ceil(size / (this.kernel.lanes * this.vectors)) : size
  }

  emit(): KernelCode {
    this.#zeroScattered()
    const single: Block = { vectors: 1, tail: 1 }
    this.code.emit(0, this.body.sections.vector === undefined ? single : { vectors: this.vectors, tail: 0 })
    this.#outerLoop(1)
    return { body: this.f, units: this.units }
  }

  /** The blocks that the function was given: what each comes to is stored. */
  emitBlocks({ whole, iterations, elements }: Blocks): FunctionBody {
    const { body: { sections, reductions }, f, pointers, accumulators, code } = this
    const { lanes } = this.kernel
    const loop = sections.folded[0]!
    const section = sections.phase(0, 1)
    const step = lanes * this.vectors
    const bytes = reductions.length * accumulators.bytes
    code.emit(0, { vectors: this.vectors, tail: 0 })
    for (const reduction of reductions) accumulators.begin(reduction, false)
    const slot = f.local('i32')
    advance(f, slot, firstUnit, bytes)
    const keep = (count: number, iteration: () => void): void => {
      for (const reduction of reductions) accumulators.reset(reduction)
      this.#repeat(count, iteration)
      for (const [i, reduction] of reductions.entries()) accumulators.save(reduction, slot, this.context.blockAddress + i * accumulators.bytes)
      increment(f, slot, bytes)
    }
    const iteration = (): void => {
      code.scoped(() => code.emit(section, { vectors: this.vectors, tail: 0 }))
      pointers.advance(loop, step)
    }
    pointers.within(loop, section, section, () => {
      if (whole > 0) repeatRange(f, () => keep(cascadeBlock, iteration), this.units > whole ? whole : undefined)
      if (this.units === whole) return
      f.get(endUnit)
      f.i32(this.units)
      f.op('i32.eq')
      f.if()
      if (iterations > 0) keep(iterations, iteration)
      if (elements > 0) keep(1, () => code.scoped(() => code.emit(section, { vectors: Math.ceil(elements / lanes), tail: elements % lanes })))
      f.op('end')
    }, { first: firstUnit, step: cascadeBlock * step })
    return f
  }

  /** Adds up what the blocks came to, and does what is left. */
  emitTotal({ slots }: Blocks): FunctionBody {
    const { body: { sections, reductions }, f, accumulators, code } = this
    const block: Block = { vectors: this.vectors, tail: 0 }
    code.emit(0, block)
    for (const reduction of reductions) accumulators.begin(reduction, true)
    const slot = f.local('i32')
    repeat(f, slots, () => {
      for (const [i, reduction] of reductions.entries()) {
        accumulators.restore(reduction, slot, this.context.blockAddress + i * accumulators.bytes)
        accumulators.flush(reduction)
      }
      increment(f, slot, reductions.length * accumulators.bytes)
    })
    for (const reduction of reductions) this.#finish(reduction, block, true)
    code.emit(sections.time(1), block)
    return f
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
    const ranged = depth === 1 && this.units > 0
    if (loop === sections.vector) {
      const body = (block: Block): void => {
        this.code.emit(depth, block)
        this.#phases(block)
      }
      if (ranged) this.#vectorRange(loop, sections.count - 1, body)
      else this.#vectorLoop(loop, depth, sections.count - 1, body)
      return
    }
    const body = (): void => {
      this.code.emit(depth, { vectors: this.vectors, tail: 0 })
      this.#outerLoop(depth + 1)
    }
    if (ranged) this.#countedRange(loop, sections.count - 1, body)
    else this.#countedLoop(loop, depth, sections.count - 1, body)
  }

  /** The rounds of the outermost loop from the first to before the last that the function was given. */
  #countedRange(loop: number, to: number, body: () => void): void {
    this.pointers.within(loop, 1, to, () => {
      repeatRange(this.f, () => {
        body()
        this.pointers.advance(loop, 1)
      })
    }, { first: firstUnit, step: 1 })
  }

  /** The same where a round is a block of vectors, and the last one may be a smaller one. */
  #vectorRange(loop: number, to: number, body: (block: Block) => void): void {
    const { lanes, sizes, straight } = this.kernel
    const step = lanes * this.vectors
    const whole = straight ? 0 : Math.floor(sizes[loop]! / step)
    const rest = sizes[loop]! - whole * step
    this.pointers.within(loop, 1, to, () => {
      if (whole > 0) {
        repeatRange(this.f, () => {
          this.code.scoped(() => body({ vectors: this.vectors, tail: 0 }))
          this.pointers.advance(loop, step)
        }, rest > 0 ? whole : undefined)
      }
      if (rest > 0) {
        this.f.get(endUnit)
        this.f.i32(this.units)
        this.f.op('i32.eq')
        this.f.if()
        this.code.scoped(() => body({ vectors: Math.ceil(rest / lanes), tail: rest % lanes }))
        this.f.op('end')
      }
    }, { first: firstUnit, step })
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
          this.code.scoped(() => body({ vectors: this.vectors, tail: 0 }))
          this.pointers.advance(loop, step)
        }
        if (cascade) this.#blocked(whole, iteration, cascade)
        else this.#repeat(whole, iteration)
      }
      if (rest > 0) {
        if (cascade && whole > 0) cascade.begin()
        this.code.scoped(() => body({ vectors: Math.ceil(rest / lanes), tail: rest % lanes }))
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
      if (p > 0) this.code.emit(sections.time(p), block)
      const reductions = this.body.reductions.filter((reduction) => reduction.phase === p)
      const cascaded = this.#needsCascade() ? reductions.filter(isCascaded) : []
      for (const reduction of reductions) this.accumulators.begin(reduction, cascaded.includes(reduction))
      this.#folded(p, 1, block, cascaded)
      for (const reduction of reductions) this.#finish(reduction, block, cascaded.includes(reduction))
    }
    if (sections.phases > 0) this.code.emit(sections.time(sections.phases), block)
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
        this.code.emit(section, block)
        this.#folded(phase, depth + 1, block, cascaded)
      })
      return
    }
    const cascade = cascaded.length === 0 ? undefined : {
      begin: () => {
        for (const reduction of cascaded) this.accumulators.reset(reduction)
      },
      flush: () => {
        for (const reduction of cascaded) this.accumulators.flush(reduction)
      },
    }
    if (loop === sections.vector) {
      this.#vectorLoop(loop, section, last, (inside) => this.code.emit(section, inside), cascade)
      if (cascade && this.kernel.sizes[loop]! < this.kernel.lanes * this.vectors) cascade.flush()
      return
    }
    const size = this.kernel.sizes[loop]!
    this.pointers.within(loop, section, last, () => {
      const iteration = (): void => {
        this.code.scoped(() => this.code.emit(section, block))
        this.pointers.advance(loop, 1)
      }
      if (cascade) this.#blocked(size, iteration, cascade)
      else this.#repeat(size, iteration)
    })
  }

  /** Leaves the reduction's result in the locals that its result register stands for. */
  #finish(reduction: Reduction, block: Block, cascaded: boolean): void {
    const result = this.body.resultOf(reduction)
    if (!result) return
    if (this.body.sections.inner) this.code.define(result, [this.accumulators.resultAcross(reduction, cascaded, this.kernel.lanes)])
    else this.code.define(result, this.accumulators.results(reduction, cascaded).slice(0, block.vectors))
  }
}
