/**
 * The accumulators of reductions: one vector for each vector of a block, combined at the end, lane by lane where the
 * reduction runs along the vectors. Long float sums are gathered in blocks, so that they stay accurate.
 */
import { counted } from '../ir/lists.ts'
import type { Reduction } from './body.ts'
import type { KernelContext } from './context.ts'
import type { FunctionBody, Local } from './encode.ts'
import type { LocalPool } from './instruction.ts'
import { emitInstruction } from './instruction.ts'
import type { Reg } from './registers.ts'
import { VectorBuilder, splat } from './registers.ts'
import { VectorCode } from './vector.ts'

export class Accumulators {
  readonly #f: FunctionBody
  readonly #pool: LocalPool
  readonly #vectors: number
  readonly #context: KernelContext
  #own: Local | undefined
  readonly #running = new Map<Reduction, Local[]>()
  readonly #totals = new Map<Reduction, Local[]>()

  constructor(f: FunctionBody, pool: LocalPool, vectors: number, context: KernelContext) {
    this.#f = f
    this.#pool = pool
    this.#vectors = vectors
    this.#context = context
  }

  /** The running accumulator of vector `h`. */
  of(reduction: Reduction, h: number): Local {
    return this.#running.get(reduction)![h]!
  }

  /** Starts from the identity; with `cascaded`, in blocks that are added to totals. */
  begin(reduction: Reduction, cascaded: boolean): void {
    this.#start(reduction, this.#running)
    if (cascaded) this.#start(reduction, this.#totals)
  }

  /** Starts a block of a cascaded reduction. */
  reset(reduction: Reduction): void {
    this.#identity(reduction, this.#running)
  }

  /** Bytes of the running accumulators in memory. */
  get bytes(): number {
    return this.#vectors * 16
  }

  /** Stores the running accumulators behind the address in a local. */
  save(reduction: Reduction, address: Local, offset: number): void {
    const locals = this.#running.get(reduction)!
    for (let i = 0; i < locals.length; i += 2) {
      for (const k of i + 1 < locals.length ? [i + 1, i] : [i]) {
        this.#f.get(address)
        this.#f.get(locals[k]!)
        this.#f.memory('v128.store', offset + k * 16)
      }
    }
  }

  /** Takes the running accumulators from where they were stored. */
  restore(reduction: Reduction, address: Local, offset: number): void {
    for (const [k, local] of this.#running.get(reduction)!.entries()) {
      this.#f.get(address)
      this.#f.memory('v128.load', offset + k * 16)
      this.#f.set(local)
    }
  }

  /** Adds the block to the totals. */
  flush(reduction: Reduction): void {
    const totals = this.#totals.get(reduction)!
    for (const [h, local] of this.#running.get(reduction)!.entries()) this.#combine(reduction, totals[h]!, totals[h]!, local)
    this.#identity(reduction, this.#running)
  }

  /** One result for each vector of the block. */
  results(reduction: Reduction, cascaded: boolean): Local[] {
    return (cascaded ? this.#totals : this.#running).get(reduction)!
  }

  /** One result, in every lane. */
  resultAcross(reduction: Reduction, cascaded: boolean, lanes: 2 | 4): Local {
    const partial = this.results(reduction, cascaded)
    this.#pairUp(partial)
    for (let n = partial.length; n > 1; n = Math.ceil(n / 2)) {
      for (let i = 0; i < Math.floor(n / 2); i++) this.#combine(reduction, partial[i]!, partial[i]!, partial[n - 1 - i]!)
    }
    const first = partial[0]!
    this.#formula(formulaOf(reduction, 'halves'), [first], first)
    if (lanes === 4) this.#formula(formulaOf(reduction, 'neighbours'), [first], first)
    return first
  }

  #start(reduction: Reduction, where: Map<Reduction, Local[]>): void {
    if (!where.has(reduction)) where.set(reduction, counted(this.#vectors, () => this.#f.local('v128')))
    this.#identity(reduction, where)
  }

  #identity(reduction: Reduction, where: ReadonlyMap<Reduction, readonly Local[]>): void {
    for (const local of where.get(reduction)!) {
      this.#f.v128(identityBytes(reduction))
      this.#f.set(local)
    }
  }

  /** target = op(a, b) on whole vectors. */
  #combine(reduction: Reduction, target: Local, a: Local, b: Local): void {
    this.#formula(formulaOf(reduction, 'pair'), [a, b], target)
  }

  #formula({ regs, result }: Formula, inputs: readonly Local[], target: Local): void {
    /** By the number of the register; the inputs are the first ones. */
    const locals = [...inputs]
    const temporary: Local[] = []
    for (let i = inputs.length; i < regs.length; i++) {
      const reg = regs[i]!
      for (const arg of reg.args) this.#f.get(locals[arg.id]!)
      emitInstruction(this.#f, reg)
      const local = reg === result ? target : this.#pool.take()
      if (reg !== result) temporary.push(local)
      this.#f.set(local)
      locals.push(local)
    }
    if (result.id < inputs.length) {
      this.#f.get(locals[result.id]!)
      this.#f.set(target)
    }
    this.#pool.give(temporary)
  }

  /** A local with the place of the thread's own memory, where there are threads. */
  #ownLocal(): Local | undefined {
    const { own } = this.#context
    if (!own) return undefined
    this.#own ??= this.#f.local('i32')
    own(this.#f)
    this.#f.set(this.#own)
    return this.#own
  }

  #pushOwn(own: Local | undefined): void {
    if (own === undefined) this.#f.i32(0)
    else this.#f.get(own)
  }

  /** Stores neighbouring accumulators: packing of two vectors into one starts at pairs of stores. */
  #pairUp(locals: readonly Local[]): void {
    if (locals.length < 2) return
    const { pairAddress } = this.#context
    const own = this.#ownLocal()
    for (let i = 0; i + 1 < locals.length; i += 2) {
      for (const k of [i + 1, i]) {
        this.#pushOwn(own)
        this.#f.get(locals[k]!)
        this.#f.memory('v128.store', pairAddress + k * 16)
      }
    }
    for (let i = 0; i + 1 < locals.length; i += 2) {
      for (const k of [i, i + 1]) {
        this.#pushOwn(own)
        this.#f.memory('v128.load', pairAddress + k * 16)
        this.#f.set(locals[k]!)
      }
    }
  }
}

/** What a reduction makes of two vectors, or of one and the same with its halves or its neighbours swapped. */
interface Formula {
  /** The inputs, then what is computed of them. */
  readonly regs: readonly Reg[]
  readonly result: Reg
}

/** By what is combined, the operation and the type of the lanes. */
const formulas = new Map<string, Formula>()

function formulaOf({ op, type }: Reduction, what: 'pair' | 'halves' | 'neighbours'): Formula {
  const key = `${what} ${op.name} ${type}`
  let formula = formulas.get(key)
  if (!formula) {
    const builder = new VectorBuilder()
    const x = builder.emit(type, { kind: 'extern', id: 0 }, [])
    const y = what === 'pair' ? builder.emit(type, { kind: 'extern', id: 1 }, []) : builder.shuffle(type, what === 'halves' ? swapHalves : swapNeighbours, x, x)
    formula = { result: op.combine(new VectorCode(builder, type), x, y), regs: builder.regs }
    formulas.set(key, formula)
  }
  return formula
}

/** The reduction's identity in every lane. */
export function identityBytes(reduction: Reduction): Uint8Array {
  return splat(reduction.type, reduction.op.identity(reduction.dtype)).bytes
}

const swapHalves = [8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7]
const swapNeighbours = [4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11]
