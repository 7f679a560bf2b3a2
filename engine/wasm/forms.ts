/**
 * Loop kernels of one form: equal but for where their buffers lie, as those of the steps of a recurrent layer are. They
 * are one function, which takes how far the buffers lie from where its code has them. V8 makes its best code of a
 * function after much use only, so one that all steps share is fast sooner, and smaller, than one for each. A kernel
 * that reads rows of an input takes in the same way where they begin.
 */
import type { DType } from '../ir/value.ts'
import { attrText, byteSize } from '../ir/value.ts'
import { placeOp } from '../passes/legalize.ts'
import type { Access, LoopKernel, Operand, Step } from '../passes/lower.ts'
import type { Argument, FirstRow, KernelContext } from './context.ts'

/** Where the function has an access: so far from the address in the kernel that it is made of, and moved by a parameter. */
export interface Move {
  readonly parameter: number
  readonly shift: number
}

export interface Form {
  /** The kernel that the function is made of. */
  readonly first: LoopKernel
  readonly parameters: number
  readonly moves: ReadonlyMap<Access, Move>
  /** The parameters for each kernel. */
  readonly distances: ReadonlyMap<LoopKernel, readonly Argument[]>
}

/** Fewer kernels keep functions of their own, whose addresses are all constant. */
const fewest = 4

/** Where buffers lie. */
type Places = Pick<KernelContext, 'address' | 'rows'>

/** The forms of the kernels that take where buffers lie; `kindOf` tells kernels apart that are to have different functions. */
export function formsOf(kernels: readonly LoopKernel[], kindOf: (kernel: LoopKernel) => string, places: Places): Map<LoopKernel, Form> {
  const forms = new Map<LoopKernel, Form>()
  // Of most kernels their size tells that there are not enough of one form.
  const similar = grouped(kernels, ({ sizes, steps }) => `${steps.length} ${sizes.join()}`)
  for (const some of similar) {
    // What is added up where it lies begins with zeros: its code knows its address.
    const written = some.filter(({ steps }) => steps.every(({ value }) => value.op.kind !== 'scatter')).map((kernel) => new Writer(places).write(kernel))
    for (const group of grouped(written, ({ kernel, text }) => `${kindOf(kernel)} ${text}`)) {
      const form = formOf(group)
      for (const { kernel } of group) forms.set(kernel, form)
    }
  }
  for (const kernel of kernels) {
    if (forms.has(kernel) || [...kernel.reads.keys()].every((base) => !places.rows(base))) continue
    forms.set(kernel, formOf([new Writer(places).write(kernel)]))
  }
  return forms
}

/** Those of one key together, where there are enough of them. */
function grouped<T>(items: readonly T[], keyOf: (item: T) => string): T[][] {
  return [...Map.groupBy(items, keyOf).values()].filter((group) => group.length >= fewest)
}

function formOf(group: readonly Written[]): Form {
  const [first] = group as readonly [Written, ...Written[]]
  const distances: Argument[][] = group.map(() => [])
  const parameters = new Map<string, Move>()
  const moves = new Map<Access, Move>()
  for (const [i, { access, address }] of first.accesses.entries()) {
    const away = group.map((written) => written.accesses[i]!.address - address)
    const rows = group.map((written) => written.accesses[i]!.rows)
    if (away.every((bytes) => bytes === 0) && !rows[0]) continue
    const key = JSON.stringify([away, rows])
    let move = parameters.get(key)
    if (!move) {
      // An instruction adds its constant to an unsigned number.
      const shift = Math.min(...away)
      move = { parameter: parameters.size, shift }
      parameters.set(key, move)
      for (const [j, bytes] of away.entries()) distances[j]!.push({ bytes: bytes - shift, rows: rows[j] })
    }
    moves.set(access, move)
  }
  return { first: first.kernel, parameters: parameters.size, moves, distances: new Map(group.map(({ kernel }, j) => [kernel, distances[j]!])) }
}

interface Placed {
  readonly access: Access
  readonly address: number
  readonly rows: FirstRow | undefined
}

/** A kernel as text without addresses, and its accesses in the order in which the text has them. */
interface Written {
  readonly kernel: LoopKernel
  readonly text: string
  readonly accesses: readonly Placed[]
}

class Writer {
  readonly #context: Places
  readonly #accesses: Placed[] = []
  /** Numbers of the places that are accessed, by buffer and offset. */
  readonly #places = new Map<Access['base'], Map<number, number>>()
  readonly #steps = new Map<Step, number>()
  #count = 0

  constructor(context: Places) {
    this.#context = context
  }

  write(kernel: LoopKernel): Written {
    const { sizes, reduced, lanes, inner, straight, phases } = kernel
    const text = kernel.steps.map((step, i) => {
      this.#steps.set(step, i)
      return this.#step(step)
    })
    return { kernel, text: `${sizes.join()} ${reduced.join()} ${lanes} ${inner} ${straight} ${phases}\n${text.join('\n')}`, accesses: this.#accesses }
  }

  #step({ value, full, phase, args, indexed, stores }: Step): string {
    // Which concatenation a copy belongs to says no more than where it is stored.
    const attrs = value.op === placeOp ? [] : Object.entries(value.attrs).map(([name, attr]) => `${name}=${attrText(attr)}`)
    const types = [value, ...value.inputs].map(({ dtype }) => dtype)
    const parts = [value.op.name, ...attrs, ...types, full, phase, ...args.map((arg) => this.#operand(arg))]
    if (indexed) parts.push(this.#access(indexed.target, value.dtype), indexed.axisStride, this.#access(indexed.index, 'int32'))
    return [...parts, ...stores.map((access) => this.#access(access, value.dtype))].join(' ')
  }

  #operand(operand: Operand): string {
    switch (operand.kind) {
      case 'step':
        return `step ${this.#steps.get(operand.step)!}`
      case 'constant':
        return `${operand.dtype} ${Object.is(operand.number, -0) ? '-0' : operand.number}`
      case 'load':
        return `${this.#access(operand.access, operand.dtype)} ${operand.full} ${operand.phase}`
      case 'count':
        return `count ${operand.access.offset} ${operand.access.strides.join()} ${operand.full} ${operand.phase}`
    }
  }

  #access(access: Access, dtype: DType): string {
    const { base, offset, strides } = access
    const rows = this.#context.rows(base)
    this.#accesses.push({ access, address: this.#context.address(base) + offset * byteSize[dtype], rows })
    let offsets = this.#places.get(base)
    if (!offsets) {
      offsets = new Map()
      this.#places.set(base, offsets)
    }
    let place = offsets.get(offset)
    if (place === undefined) {
      place = this.#count++
      offsets.set(offset, place)
    }
    return `${'scratch' in base ? 'scratch' : rows ? `rows of ${rows.bytes}` : 'at'} ${place} ${dtype} ${strides.join()}`
  }
}
