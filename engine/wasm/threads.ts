/**
 * Threads that share the work of a program's kernels.
 *
 * The thread that runs a program offers a kernel by one 64-bit word: which program, which kernel, how many of its parts
 * nobody has begun. Any thread begins a part by counting that number down with a compare-and-exchange, so a thread that
 * comes late takes nothing away, and one that is not there is not missed. The first thread does parts itself until none
 * is left, then waits for those that others have begun. What a part computes does not depend on who does it: the result
 * is the same to the last bit whatever the number of threads.
 *
 *   work      program (24 bits) | kernel (20 bits) | parts left (20 bits)
 *   finished  parts that helpers have done of the kernel that is offered
 */
import { threadAddresses } from '../passes/memory.ts'
import type { KernelCall } from './context.ts'
import { pushArgument } from './control.ts'
import type { ModuleBuilder } from './encode.ts'
import { FunctionBody } from './encode.ts'

/** Bits to the left of which the word has its kernel, and its program. */
const kernelShift = 20n
export const programShift = 40n
const leftMask = (1n << kernelShift) - 1n
/** Most parts of a kernel: enough that threads end at nearly the same time. */
export const maxParts = 16

/** Adds the functions by which threads share kernels. */
export class Threads {
  readonly #module: ModuleBuilder
  readonly #partType: number
  readonly #offer: number

  constructor(module: ModuleBuilder) {
    this.#module = module
    this.#partType = module.type(['i32'], [])
    this.#offer = module.add(this.#offerBody())
    module.export('assist', module.add(this.#assistBody()))
  }

  /** A function that does a kernel in `parts`; its parameter is the program, shifted to its place in the word. */
  share({ index, units, arguments: rest }: KernelCall, parts: number): number {
    const part = new FunctionBody(['i32'])
    for (const next of [0, 1]) {
      part.get(0)
      part.i32(next)
      part.op('i32.add')
      part.i32(units)
      part.op('i32.mul')
      part.i32(parts)
      part.op('i32.div_u')
    }
    for (const argument of rest) pushArgument(part, argument)
    part.call(index)
    const kernel = this.#module.tabulate(this.#module.add(part))
    const f = new FunctionBody(['i64'])
    f.get(0)
    f.i64((BigInt(kernel) << kernelShift) | BigInt(parts))
    f.op('i64.or')
    f.call(this.#offer)
    return this.#module.add(f)
  }

  /** Begins a part of the word in local `word`, or branches to the loop `again` levels out where another thread was faster. */
  #begin(f: FunctionBody, word: number, again: number): void {
    f.i32(0)
    f.get(word)
    f.get(word)
    f.i64(1n)
    f.op('i64.sub')
    f.atomic('i64.atomic.rmw.cmpxchg', threadAddresses.work)
    f.get(word)
    f.op('i64.ne')
    f.brIf(again)
  }

  /** Does the part that was begun: the last one that the word counts. */
  #doPart(f: FunctionBody, word: number): void {
    f.get(word)
    f.i64(leftMask)
    f.op('i64.and')
    f.op('i32.wrap_i64')
    f.i32(1)
    f.op('i32.sub')
    f.get(word)
    f.i64(kernelShift)
    f.op('i64.shr_u')
    f.i64(leftMask)
    f.op('i64.and')
    f.op('i32.wrap_i64')
    f.callIndirect(this.#partType)
  }

  /** Offers the word that it is given, and comes back when all parts are done. */
  #offerBody(): FunctionBody {
    const f = new FunctionBody(['i64'])
    const word = f.local('i64')
    const others = f.local('i32')
    f.get(0)
    f.i64(leftMask)
    f.op('i64.and')
    f.op('i32.wrap_i64')
    f.set(others)
    f.i32(0)
    f.get(0)
    f.atomic('i64.atomic.store', threadAddresses.work)
    f.block()
    f.loop()
    f.i32(0)
    f.atomic('i64.atomic.load', threadAddresses.work)
    f.tee(word)
    f.i64(leftMask)
    f.op('i64.and')
    f.op('i64.eqz')
    f.brIf(1)
    this.#begin(f, word, 0)
    this.#doPart(f, word)
    f.get(others)
    f.i32(1)
    f.op('i32.sub')
    f.set(others)
    f.br(0)
    f.op('end')
    f.op('end')
    f.loop()
    f.i32(0)
    f.atomic('i32.atomic.load', threadAddresses.finished)
    f.get(others)
    f.op('i32.ne')
    f.brIf(0)
    f.op('end')
    f.i32(0)
    f.i32(0)
    f.atomic('i32.atomic.store', threadAddresses.finished)
    return f
  }

  /** What a helper does: parts of the kernels of this program, until the word is another program's. Gives how many. */
  #assistBody(): FunctionBody {
    const f = new FunctionBody(['i32'], ['i32'])
    const word = f.local('i64')
    const done = f.local('i32')
    f.block()
    f.loop()
    f.i32(0)
    f.atomic('i64.atomic.load', threadAddresses.work)
    f.tee(word)
    f.i64(programShift)
    f.op('i64.shr_u')
    f.op('i32.wrap_i64')
    f.get(0)
    f.op('i32.ne')
    f.brIf(1)
    f.get(word)
    f.i64(leftMask)
    f.op('i64.and')
    f.op('i64.eqz')
    f.brIf(0)
    this.#begin(f, word, 0)
    this.#doPart(f, word)
    f.i32(0)
    f.i32(1)
    f.atomic('i32.atomic.rmw.add', threadAddresses.finished)
    f.op('drop')
    f.get(done)
    f.i32(1)
    f.op('i32.add')
    f.set(done)
    f.br(0)
    f.op('end')
    f.op('end')
    f.get(done)
    return f
  }
}
