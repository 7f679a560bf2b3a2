/**
 * A small WebAssembly assembler: bytes only, no knowledge of what they compute.
 *
 * Binary format: WebAssembly Core Specification 2.0, chapter 5, with the relaxed-simd opcodes of 3.0.
 */

import { Bytes } from './bytes.ts'
import { atomic, plain, scalarMemory, simd, simdLane, simdLaneMemory, simdMemory } from './opcodes.ts'
import type { AtomicOp, PlainOp, ScalarMemoryOp, SimdLaneMemoryOp, SimdLaneOp, SimdMemoryOp, SimdOp } from './opcodes.ts'

export type ValType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128'

const valTypeCode: Record<ValType, number> = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b }

/** A local variable of a function. */
export type Local = number

/** The body of one function. Instructions are appended in order; operands come before operators. */
export class FunctionBody {
  readonly code = new Bytes()
  readonly params: readonly ValType[]
  readonly results: readonly ValType[]
  readonly #locals: ValType[] = []

  constructor(params: readonly ValType[] = [], results: readonly ValType[] = []) {
    this.params = params
    this.results = results
  }

  local(type: ValType): Local {
    this.#locals.push(type)
    return this.params.length + this.#locals.length - 1
  }

  op(name: PlainOp): void {
    this.code.u8(plain[name])
  }

  /** i64.trunc_sat_f64_s: toward zero, clamped, NaN to 0. */
  truncSat(): void {
    this.code.u8(0xfc)
    this.code.u32(6)
  }

  get(local: Local): void {
    this.code.code(0x20, local)
  }

  set(local: Local): void {
    this.code.code(0x21, local)
  }

  tee(local: Local): void {
    this.code.code(0x22, local)
  }

  i32(value: number): void {
    this.code.u8(0x41)
    this.code.s32(value)
  }

  i64(value: bigint): void {
    this.code.u8(0x42)
    this.code.s64(value)
  }

  f64(value: number): void {
    this.code.u8(0x44)
    this.code.f64(value)
  }

  /** A 128-bit constant from its 16 bytes. */
  v128(bytes: Uint8Array): void {
    this.code.code(0xfd, 12)
    this.code.append(bytes)
  }

  simd(name: SimdOp): void {
    this.simdCode(simd[name])
  }

  /** A vector instruction by its number. */
  simdCode(code: number): void {
    this.code.code(0xfd, code)
  }

  simdLane(name: SimdLaneOp, lane: number): void {
    this.code.code(0xfd, simdLane[name])
    this.code.u8(lane)
  }

  /** Selects 16 of the 32 bytes of the two operands. */
  shuffle(bytes: readonly number[]): void {
    this.code.code(0xfd, 13)
    for (const byte of bytes) this.code.u8(byte)
  }

  memory(name: SimdMemoryOp, offset: number): void {
    this.code.access(0xfd, simdMemory[name], offset)
  }

  laneMemory(name: SimdLaneMemoryOp, offset: number, lane: number): void {
    this.code.access(0xfd, simdLaneMemory[name], offset)
    this.code.u8(lane)
  }

  scalarMemory(name: ScalarMemoryOp, offset: number): void {
    this.code.u8(scalarMemory[name])
    this.code.code(0, offset)
  }

  /** An atomic access; the address, and what it takes, are on the stack. */
  atomic(name: AtomicOp, offset: number): void {
    const [code, alignment] = atomic[name]
    this.code.u8(0xfe)
    this.code.u8(code)
    this.code.u8(alignment)
    this.code.u32(offset)
  }

  /** Copies memory: destination, source and byte count are on the stack. */
  memoryCopy(): void {
    for (const byte of [0xfc, 10, 0, 0]) this.code.u8(byte)
  }

  /** Fills memory: destination, byte value and byte count are on the stack. */
  memoryFill(): void {
    for (const byte of [0xfc, 11, 0]) this.code.u8(byte)
  }

  block(): void {
    this.code.u8(0x02)
    this.code.u8(0x40)
  }

  loop(): void {
    this.code.u8(0x03)
    this.code.u8(0x40)
  }

  if(): void {
    this.code.u8(0x04)
    this.code.u8(0x40)
  }

  br(depth: number): void {
    this.code.code(0x0c, depth)
  }

  brIf(depth: number): void {
    this.code.code(0x0d, depth)
  }

  call(index: number): void {
    this.code.code(0x10, index)
  }

  /** Calls the function of the module's table whose number is on the stack; `type` is that of its signature. */
  callIndirect(type: number): void {
    this.code.u8(0x11)
    this.code.u32(type)
    this.code.u8(0)
  }

  /** The value of an imported global. */
  globalGet(index: number): void {
    this.code.code(0x23, index)
  }

  /** Ends the function. */
  encode(): Bytes {
    const out = new Bytes()
    const runs: [ValType, number][] = []
    for (const type of this.#locals) {
      const last = runs.at(-1)
      if (last && last[0] === type) last[1]++
      else runs.push([type, 1])
    }
    out.u32(runs.length)
    for (const [type, count] of runs) {
      out.u32(count)
      out.u8(valTypeCode[type])
    }
    out.join(this.code)
    out.u8(plain.end)
    return out
  }
}

/** A function that can be part of any module. */
type Finished = Pick<FunctionBody, 'params' | 'results'> & { readonly bytes: Uint8Array }

/** Functions that modules have in common, by their keys: the oldest go first where there are too many. */
const common = new Map<string, Finished>()
const maxCommon = 200

/** What a module asks of a memory that threads share. */
export interface SharedMemory {
  /** Most pages that the memory may have. */
  readonly maxPages: number
  /** Name of an i32 that each thread gives a value of its own, as global 0. */
  readonly global: string
}

/** A module that imports one memory as `env.memory` and exports some of its functions. */
export class ModuleBuilder {
  readonly #shared: SharedMemory | undefined
  readonly #functions: (FunctionBody | Finished)[] = []
  readonly #exports: [string, number][] = []
  readonly #signatures: { readonly key: string; readonly params: readonly ValType[]; readonly results: readonly ValType[] }[] = []
  readonly #table: number[] = []
  readonly #byKey = new Map<string, number>()

  constructor(shared?: SharedMemory) {
    this.#shared = shared
  }

  /** Adds a function and gives its index. Bodies may still grow until `encode`. */
  add(body: FunctionBody): number {
    return this.#functions.push(body) - 1
  }

  /** The function of that key, which calls no other one: made when it is first asked for, and kept for other modules. */
  once(key: string, make: () => FunctionBody): number {
    const known = this.#byKey.get(key)
    if (known !== undefined) return known
    let finished = common.get(key)
    if (!finished) {
      const body = make()
      finished = { params: body.params, results: body.results, bytes: body.encode().take() }
      common.set(key, finished)
      if (common.size > maxCommon) common.delete(common.keys().next().value!)
    }
    const index = this.#functions.push(finished) - 1
    this.#byKey.set(key, index)
    return index
  }

  export(name: string, index: number): void {
    this.#exports.push([name, index])
  }

  /** Puts a function into the table and gives its number there. */
  tabulate(index: number): number {
    return this.#table.push(index) - 1
  }

  /** The number of a signature. */
  type(params: readonly ValType[], results: readonly ValType[]): number {
    const key = `${params.join()} ${results.join()}`
    const known = this.#signatures.findIndex((signature) => signature.key === key)
    return known >= 0 ? known : this.#signatures.push({ key, params, results }) - 1
  }

  encode(minPages: number): Uint8Array<ArrayBuffer> {
    const out = new Bytes()
    for (const byte of [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0]) out.u8(byte)
    const typeOf = this.#functions.map((body) => this.type(body.params, body.results))
    section(out, 1, (s) => {
      s.u32(this.#signatures.length)
      for (const { params, results } of this.#signatures) {
        s.u8(0x60)
        for (const types of [params, results]) {
          s.u32(types.length)
          for (const type of types) s.u8(valTypeCode[type])
        }
      }
    })
    section(out, 2, (s) => this.#imports(s, minPages))
    section(out, 3, (s) => {
      s.u32(typeOf.length)
      for (const type of typeOf) s.u32(type)
    })
    if (this.#shared) {
      section(out, 4, (s) => {
        for (const byte of [1, 0x70, 0]) s.u8(byte)
        s.u32(this.#table.length)
      })
    }
    section(out, 7, (s) => {
      s.u32(this.#exports.length)
      for (const [name, index] of this.#exports) {
        s.text(name)
        s.u8(0)
        s.u32(index)
      }
    })
    if (this.#shared) {
      section(out, 9, (s) => {
        // One segment for table 0, from its entry 0 on.
        for (const byte of [1, 0, 0x41, 0, 0x0b]) s.u8(byte)
        s.u32(this.#table.length)
        for (const index of this.#table) s.u32(index)
      })
    }
    section(out, 10, (s) => {
      s.u32(this.#functions.length)
      for (const body of this.#functions) {
        if ('bytes' in body) {
          s.u32(body.bytes.length)
          s.append(body.bytes)
          continue
        }
        const code = body.encode()
        s.u32(code.length)
        s.join(code)
      }
    })
    return out.take()
  }

  #imports(s: Bytes, minPages: number): void {
    s.u32(this.#shared ? 2 : 1)
    s.text('env')
    s.text('memory')
    s.u8(2)
    s.u8(this.#shared ? 3 : 0)
    s.u32(minPages)
    if (!this.#shared) return
    s.u32(this.#shared.maxPages)
    s.text('env')
    s.text(this.#shared.global)
    // A global that does not change, of type i32.
    for (const byte of [3, valTypeCode.i32, 0]) s.u8(byte)
  }
}

function section(out: Bytes, id: number, fill: (s: Bytes) => void): void {
  const body = new Bytes()
  fill(body)
  out.u8(id)
  out.u32(body.length)
  out.join(body)
}
