/** A module's bytes as text, one instruction a line: what the assembler wrote, read back. */
import { atomic, plain, scalarMemory, simd, simdLane, simdLaneMemory, simdMemory } from './opcodes.ts'

const names = (table: Readonly<Record<string, number>>): Map<number, string> => new Map(Object.entries(table).map(([name, code]) => [code, name]))

const plainNames = names(plain)
const memoryNames = names(scalarMemory)
const simdNames = names(simd)
const simdMemoryNames = names(simdMemory)
const laneMemoryNames = names(simdLaneMemory)
const laneNames = names(simdLane)
const atomicNames = new Map<number, string>(Object.entries(atomic).map(([name, [code]]) => [code, name]))
const typeNames = new Map([[0x7f, 'i32'], [0x7e, 'i64'], [0x7d, 'f32'], [0x7c, 'f64'], [0x7b, 'v128']])

/** The functions of a module that this assembler made; exports by their names. Throws on a byte that it does not know. */
export function disassemble(bytes: Uint8Array<ArrayBuffer>): string {
  const module = new Reader(bytes)
  module.skip(8)
  let signatures: string[] = []
  let types: number[] = []
  const exported = new Map<number, string>()
  const lines: string[] = []
  while (!module.done) {
    const id = module.byte()
    const section = module.part(module.u32())
    if (id === 1) signatures = section.list(() => section.signature())
    if (id === 2) section.list(() => lines.push(section.import()))
    if (id === 3) types = section.list(() => section.u32())
    if (id === 7) {
      section.list(() => {
        const name = section.text()
        section.skip(1)
        exported.set(section.u32(), name)
      })
    }
    if (id === 10) {
      let index = 0
      section.list(() => {
        const name = exported.get(index)
        lines.push(`func ${index}${name === undefined ? '' : ` "${name}"`} ${signatures[types[index]!]!}`, ...section.part(section.u32()).body())
        index++
      })
    }
  }
  return lines.join('\n')
}

class Reader {
  readonly #bytes: Uint8Array<ArrayBuffer>
  readonly #view: DataView
  #at = 0

  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length
  }

  byte(): number {
    return this.#bytes[this.#at++]!
  }

  skip(count: number): void {
    this.#at += count
  }

  part(length: number): Reader {
    this.#at += length
    return new Reader(this.#bytes.subarray(this.#at - length, this.#at))
  }

  u32(): number {
    return Number(this.#leb(false))
  }

  list<T>(item: () => T): T[] {
    return Array.from({ length: this.u32() }, item)
  }

  text(): string {
    const length = this.u32()
    this.#at += length
    return new TextDecoder().decode(this.#bytes.subarray(this.#at - length, this.#at))
  }

  signature(): string {
    this.skip(1)
    const [params, results] = [this.list(() => typeNames.get(this.byte())!), this.list(() => typeNames.get(this.byte())!)]
    return `(${params.join(' ')}) -> (${results.join(' ')})`
  }

  import(): string {
    const name = `${this.text()}.${this.text()}`
    if (this.byte() === 3) return `import global ${name} ${typeNames.get(this.byte())!}${this.byte() === 0 ? '' : ' mut'}`
    const shared = this.byte() === 3
    const pages = this.u32()
    return `import memory ${name}, ${pages} pages or more${shared ? `, shared, at most ${this.u32()}` : ''}`
  }

  /** Locals and instructions of a function, indented by nesting. */
  body(): string[] {
    const locals = this.list(() => `${this.u32()} ${typeNames.get(this.byte())!}`)
    const lines = locals.length > 0 ? [`  local ${locals.join(', ')}`] : []
    let depth = 1
    while (!this.done) {
      const text = this.#instruction()
      if (text === 'end' || text === 'else') depth--
      if (depth > 0) lines.push('  '.repeat(depth) + text)
      if (text === 'loop' || text === 'block' || text === 'if' || text === 'else') depth++
    }
    return lines
  }

  #instruction(): string {
    const code = this.byte()
    if (code === 0xfd) return this.#simd(this.u32())
    if (code === 0xfc) return this.#bulk(this.u32())
    if (code === 0xfe) return `${atomicNames.get(this.byte())!} ${this.#address()}`
    const known = plainNames.get(code)
    if (known !== undefined) return known
    const memory = memoryNames.get(code)
    if (memory !== undefined) return `${memory} ${this.#address()}`
    switch (code) {
      case 0x02:
      case 0x03:
      case 0x04:
        this.skip(1)
        return ['block', 'loop', 'if'][code - 2]!
      case 0x0c:
      case 0x0d:
        return `${code === 0x0c ? 'br' : 'br_if'} ${this.u32()}`
      case 0x10:
        return `call ${this.u32()}`
      case 0x11:
        return `call_indirect type ${this.u32()}${this.#table()}`
      case 0x23:
        return `global.get ${this.u32()}`
      case 0x20:
      case 0x21:
      case 0x22:
        return `local.${['get', 'set', 'tee'][code - 0x20]!} ${this.u32()}`
      case 0x41:
        return `i32.const ${this.#leb(true)}`
      case 0x42:
        return `i64.const ${this.#leb(true)}`
      case 0x44:
        this.skip(8)
        return `f64.const ${this.#view.getFloat64(this.#at - 8, true)}`
      default:
        throw new Error(`byte 0x${code.toString(16)} at ${this.#at - 1} is no instruction`)
    }
  }

  #simd(code: number): string {
    const known = simdNames.get(code)
    if (known !== undefined) return known
    const memory = simdMemoryNames.get(code)
    if (memory !== undefined) return `${memory} ${this.#address()}`
    const laneMemory = laneMemoryNames.get(code)
    if (laneMemory !== undefined) return `${laneMemory} ${this.#address()} ${this.byte()}`
    const lane = laneNames.get(code)
    if (lane !== undefined) return `${lane} ${this.byte()}`
    if (code === 12) return `v128.const i32x4 ${this.#words().join(' ')}`
    if (code === 13) return `i8x16.shuffle ${Array.from({ length: 16 }, () => this.byte()).join(' ')}`
    throw new Error(`vector opcode ${code} at ${this.#at - 1} is unknown`)
  }

  #words(): string[] {
    this.skip(16)
    return Array.from({ length: 4 }, (_, i) => `0x${this.#view.getUint32(this.#at - 16 + 4 * i, true).toString(16).padStart(8, '0')}`)
  }

  #bulk(code: number): string {
    if (code === 6) return 'i64.trunc_sat_f64_s'
    this.skip(code === 10 ? 2 : 1)
    return code === 10 ? 'memory.copy' : 'memory.fill'
  }

  /** There is one table: its number is not shown. */
  #table(): string {
    this.skip(1)
    return ''
  }

  #address(): string {
    this.skip(1)
    return `offset=${this.u32()}`
  }

  #leb(signed: boolean): bigint {
    let value = 0n
    let shift = 0n
    for (;;) {
      const byte = this.byte()
      value |= BigInt(byte & 0x7f) << shift
      shift += 7n
      if (byte < 0x80) return !signed || (byte & 0x40) === 0 ? value : BigInt.asIntN(64, value | (-1n << shift))
    }
  }
}
