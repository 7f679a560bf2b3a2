/**
 * Byte offsets that move with the loops. Accesses with the same strides share one pointer local per loop; the
 * address of a buffer is a constant offset of the instruction, or such a one and a parameter of the function.
 */
import { mappedNumbers } from '../ir/lists.ts'
import { byteSize } from '../ir/value.ts'
import type { DType } from '../ir/value.ts'
import type { Access } from '../passes/lower.ts'
import type { KernelBody } from './body.ts'
import type { KernelContext } from './context.ts'
import type { FunctionBody, Local } from './encode.ts'
import type { Move } from './forms.ts'

interface PointerClass {
  /** Bytes per loop. */
  readonly strides: readonly number[]
  /** Whether the offsets begin at the thread's own memory. */
  readonly own: boolean
  /** The parameter that they begin at. */
  readonly parameter: Local | undefined
  readonly sections: number[]
  readonly locals: Local[]
}

export class Pointers {
  readonly #f: FunctionBody
  readonly #body: KernelBody
  readonly #vectors: number
  readonly #classes: PointerClass[] = []
  readonly #byAccess = new Map<Access, PointerClass>()
  readonly #free: Local[] = []

  readonly #context: KernelContext
  readonly #moves: ReadonlyMap<Access, Move> | undefined
  readonly #firstParameter: Local

  /** `moves`: of the form that the function is for, whose parameters begin at `firstParameter`. */
  constructor(f: FunctionBody, body: KernelBody, vectors: number, context: KernelContext, moves: ReadonlyMap<Access, Move> | undefined, firstParameter: Local) {
    this.#f = f
    this.#body = body
    this.#vectors = vectors
    this.#context = context
    this.#moves = moves
    this.#firstParameter = firstParameter
    for (const reg of body.builder.regs) {
      if (reg.instruction.kind !== 'extern') continue
      const extern = body.externs[reg.instruction.id]!
      if (extern.kind === 'load') this.#use(extern.access, byteSize[extern.dtype], reg.section)
      if (extern.kind === 'count') this.#use(extern.access, 1, reg.section)
      if (extern.kind === 'gather') this.#useIndexed(extern, reg.section)
    }
    body.effectsOf.forEach((effects, section) => {
      for (const effect of effects) {
        if (effect.kind === 'store') this.#use(effect.access, byteSize[effect.dtype], section)
        if (effect.kind === 'scatter') this.#useIndexed(effect, section)
      }
    })
  }

  #useIndexed(indexed: { target: Access; index: Access; dtype: DType }, section: number): void {
    this.#use(indexed.target, byteSize[indexed.dtype], section)
    this.#use(indexed.index, 4, section)
  }

  /** `unit` is the bytes of an element. */
  #use(access: Access, unit: number, section: number): void {
    const inScratch = 'scratch' in access.base
    const bytes = inScratch && !this.#body.sections.inner ? unit * this.#body.kernel.lanes * this.#vectors : unit
    const own = inScratch && this.#context.own !== undefined
    const move = this.#moves?.get(access)
    const parameter = move && this.#firstParameter + move.parameter
    let found = this.#classes.find((known) => known.own === own && known.parameter === parameter && isMultiple(known.strides, access.strides, bytes))
    if (!found) {
      found = { strides: mappedNumbers(access.strides, (stride) => stride * bytes), own, parameter, sections: [section], locals: [] }
      this.#classes.push(found)
    } else if (!found.sections.includes(section)) found.sections.push(section)
    this.#byAccess.set(access, found)
  }

  /** The local that holds the moving part of the access's address here, or undefined where it does not move. */
  of(access: Access): Local | undefined {
    const { locals, parameter } = this.#class(access)
    return locals.at(-1) ?? parameter
  }

  /** Pushes the moving part of the access's address. */
  push(access: Access): void {
    this.#push(this.#class(access))
  }

  #push({ locals, own, parameter }: PointerClass): void {
    const local = locals.at(-1) ?? parameter
    if (local !== undefined) this.#f.get(local)
    else if (own) this.#context.own!(this.#f)
    else this.#f.i32(0)
    if (own && locals.length === 0 && parameter !== undefined) {
      this.#context.own!(this.#f)
      this.#f.op('i32.add')
    }
  }

  /** The part that does not move: the address of the access's first element. */
  constant(access: Access, unit: number): number {
    return this.#context.address(access.base) + access.offset * unit + (this.#moves?.get(access)?.shift ?? 0)
  }

  /** Whether the offset can be negative, so that the address must be computed with wrap-around. */
  runsBackwards(access: Access): boolean {
    return this.#class(access).strides.some((stride) => stride < 0)
  }

  #class(access: Access): PointerClass {
    const found = this.#byAccess.get(access)
    if (!found) throw new Error('an access without a pointer class')
    return found
  }

  /**
   * Sets up the pointers that move in `loop` for accesses of the sections `from` to `to` while `body` is emitted. They
   * begin `step` elements of the loop further on for each of `first`, a number in a local.
   */
  within(loop: number, from: number, to: number, body: () => void, begin?: { readonly first: Local; readonly step: number }): void {
    const moving = this.#classes.filter(({ strides, sections }) => strides[loop] !== 0 && sections.some((section) => section >= from && section <= to))
    for (const pointers of moving) {
      const { locals, strides } = pointers
      this.#push(pointers)
      if (begin) {
        this.#f.get(begin.first)
        this.#f.i32(strides[loop]! * begin.step)
        this.#f.op('i32.mul')
        this.#f.op('i32.add')
      }
      const local = this.counter()
      this.#f.set(local)
      locals.push(local)
    }
    this.#moving.push(moving)
    body()
    this.#moving.pop()
    for (const { locals } of moving) this.release(locals.pop()!)
  }

  readonly #moving: PointerClass[][] = []

  /** Moves the pointers of the innermost `within` by `count` elements of its loop. */
  advance(loop: number, count: number): void {
    for (const { strides, locals } of this.#moving.at(-1)!) {
      const local = locals.at(-1)!
      this.#f.get(local)
      this.#f.i32(strides[loop]! * count)
      this.#f.op('i32.add')
      this.#f.set(local)
    }
  }

  /** A 32-bit local, to be released. */
  counter(): Local {
    return this.#free.pop() ?? this.#f.local('i32')
  }

  release(local: Local): void {
    this.#free.push(local)
  }
}

/** Whether `strides` are those of `elements` in bytes. */
function isMultiple(strides: readonly number[], elements: readonly number[], bytes: number): boolean {
  for (let i = 0; i < strides.length; i++) if (strides[i] !== elements[i]! * bytes) return false
  return true
}
