/**
 * A small WebAssembly assembler: bytes only, no knowledge of what they compute.
 *
 * Binary format: WebAssembly Core Specification 2.0, chapter 5, with the relaxed-simd opcodes of 3.0.
 */

export type ValType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128'

const valTypeCode: Record<ValType, number> = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b }

/** Plain opcodes: no immediate. */
export const plain = {
  unreachable: 0x00,
  else: 0x05,
  end: 0x0b,
  return: 0x0f,
  drop: 0x1a,
  'i32.eqz': 0x45,
  'i32.eq': 0x46,
  'i32.ne': 0x47,
  'i32.lt_s': 0x48,
  'i32.lt_u': 0x49,
  'i32.gt_u': 0x4b,
  'i32.ge_u': 0x4f,
  'i64.eqz': 0x50,
  'i64.lt_s': 0x53,
  'i64.lt_u': 0x54,
  'i64.ge_u': 0x5a,
  'f64.lt': 0x63,
  'f64.eq': 0x61,
  'i32.add': 0x6a,
  'i32.sub': 0x6b,
  'i32.mul': 0x6c,
  'i32.div_s': 0x6d,
  'i32.rem_s': 0x6f,
  'i32.and': 0x71,
  'i32.or': 0x72,
  'i32.shl': 0x74,
  'i64.clz': 0x79,
  'i64.add': 0x7c,
  'i64.sub': 0x7d,
  'i64.mul': 0x7e,
  'i64.div_s': 0x7f,
  'i64.rem_s': 0x81,
  'i64.and': 0x83,
  'i64.or': 0x84,
  'i64.shl': 0x86,
  'i64.shr_s': 0x87,
  'i64.shr_u': 0x88,
  'f32.add': 0x92,
  'f64.abs': 0x99,
  'f64.trunc': 0x9d,
  'f64.add': 0xa0,
  'f64.sub': 0xa1,
  'f64.mul': 0xa2,
  'f64.div': 0xa3,
  'f64.copysign': 0xa6,
  'i32.wrap_i64': 0xa7,
  'i64.extend_i32_s': 0xac,
  'i64.extend_i32_u': 0xad,
  'f32.convert_i64_s': 0xb4,
  'f32.demote_f64': 0xb6,
  'f64.convert_i64_s': 0xb9,
  'f64.promote_f32': 0xbb,
  'i64.reinterpret_f64': 0xbd,
  'f32.reinterpret_i32': 0xbe,
  'f64.reinterpret_i64': 0xbf,
} as const

/** Loads and stores of scalars. */
export const scalarMemory = {
  'i32.load': 0x28,
  'i64.load': 0x29,
  'f32.load': 0x2a,
  'f64.load': 0x2b,
  'i32.store': 0x36,
  'i64.store': 0x37,
  'f32.store': 0x38,
  'f64.store': 0x39,
} as const

/** Vector opcodes without immediate (prefix 0xfd). */
export const simd = {
  'i8x16.swizzle': 14,
  'i8x16.splat': 15,
  'i32x4.splat': 17,
  'i64x2.splat': 18,
  'f32x4.splat': 19,
  'f64x2.splat': 20,
  'i32x4.eq': 55,
  'i32x4.ne': 56,
  'i32x4.lt_s': 57,
  'i32x4.lt_u': 58,
  'i32x4.gt_s': 59,
  'i32x4.gt_u': 60,
  'i32x4.le_s': 61,
  'i32x4.ge_s': 63,
  'f32x4.eq': 65,
  'f32x4.ne': 66,
  'f32x4.lt': 67,
  'f32x4.gt': 68,
  'f32x4.le': 69,
  'f32x4.ge': 70,
  'f64x2.eq': 71,
  'f64x2.ne': 72,
  'f64x2.lt': 73,
  'f64x2.gt': 74,
  'f64x2.le': 75,
  'f64x2.ge': 76,
  'v128.not': 77,
  'v128.and': 78,
  'v128.andnot': 79,
  'v128.or': 80,
  'v128.xor': 81,
  'v128.bitselect': 82,
  'v128.any_true': 83,
  'f32x4.demote_f64x2_zero': 94,
  'f64x2.promote_low_f32x4': 95,
  'f32x4.ceil': 103,
  'f32x4.floor': 104,
  'f32x4.trunc': 105,
  'f32x4.nearest': 106,
  'f64x2.ceil': 116,
  'f64x2.floor': 117,
  'f64x2.trunc': 122,
  'f64x2.nearest': 148,
  'i32x4.abs': 160,
  'i32x4.neg': 161,
  'i32x4.all_true': 163,
  'i32x4.shl': 171,
  'i32x4.shr_s': 172,
  'i32x4.shr_u': 173,
  'i32x4.add': 174,
  'i32x4.sub': 177,
  'i32x4.mul': 181,
  'i32x4.min_s': 182,
  'i32x4.max_s': 184,
  'i64x2.abs': 192,
  'i64x2.neg': 193,
  'i64x2.extend_low_i32x4_s': 199,
  'i64x2.extend_low_i32x4_u': 201,
  'i64x2.shl': 203,
  'i64x2.shr_s': 204,
  'i64x2.shr_u': 205,
  'i64x2.add': 206,
  'i64x2.sub': 209,
  'i64x2.mul': 213,
  'i64x2.eq': 214,
  'i64x2.ne': 215,
  'i64x2.lt_s': 216,
  'i64x2.gt_s': 217,
  'i64x2.le_s': 218,
  'i64x2.ge_s': 219,
  'f32x4.abs': 224,
  'f32x4.neg': 225,
  'f32x4.sqrt': 227,
  'f32x4.add': 228,
  'f32x4.sub': 229,
  'f32x4.mul': 230,
  'f32x4.div': 231,
  'f32x4.min': 232,
  'f32x4.max': 233,
  'f32x4.pmin': 234,
  'f32x4.pmax': 235,
  'f64x2.abs': 236,
  'f64x2.neg': 237,
  'f64x2.sqrt': 239,
  'f64x2.add': 240,
  'f64x2.sub': 241,
  'f64x2.mul': 242,
  'f64x2.div': 243,
  'f64x2.min': 244,
  'f64x2.max': 245,
  'f64x2.pmin': 246,
  'f64x2.pmax': 247,
  'i32x4.trunc_sat_f32x4_s': 248,
  'f32x4.convert_i32x4_s': 250,
  'i32x4.trunc_sat_f64x2_s_zero': 252,
  'f64x2.convert_low_i32x4_s': 254,
  'f32x4.relaxed_madd': 0x105,
  'f32x4.relaxed_nmadd': 0x106,
  'f64x2.relaxed_madd': 0x107,
  'f64x2.relaxed_nmadd': 0x108,
} as const

/** Vector loads and stores: address immediate. */
export const simdMemory = {
  'v128.load': 0,
  'v128.load32x2_s': 5,
  'v128.load32_splat': 9,
  'v128.load64_splat': 10,
  'v128.store': 11,
  'v128.load32_zero': 92,
  'v128.load64_zero': 93,
} as const

/** Vector loads and stores of one lane: address and lane immediates. */
export const simdLaneMemory = {
  'v128.load32_lane': 86,
  'v128.load64_lane': 87,
  'v128.store32_lane': 90,
  'v128.store64_lane': 91,
} as const

/** Lane access: lane immediate. */
export const simdLane = {
  'i32x4.extract_lane': 27,
  'i32x4.replace_lane': 28,
  'i64x2.extract_lane': 29,
  'i64x2.replace_lane': 30,
  'f32x4.extract_lane': 31,
  'f32x4.replace_lane': 32,
  'f64x2.extract_lane': 33,
  'f64x2.replace_lane': 34,
} as const

export type PlainOp = keyof typeof plain
export type ScalarMemoryOp = keyof typeof scalarMemory
export type SimdOp = keyof typeof simd
export type SimdMemoryOp = keyof typeof simdMemory
export type SimdLaneMemoryOp = keyof typeof simdLaneMemory
export type SimdLaneOp = keyof typeof simdLane

/** A growing byte buffer. */
export class Bytes {
  #data = new Uint8Array(256)
  length = 0

  u8(byte: number): void {
    this.#reserve(1)
    this.#data[this.length++] = byte
  }

  append(bytes: Uint8Array): void {
    this.#reserve(bytes.length)
    this.#data.set(bytes, this.length)
    this.length += bytes.length
  }

  /** Unsigned LEB128. */
  u32(value: number): void {
    let rest = value >>> 0
    while (rest >= 0x80) {
      this.u8((rest & 0x7f) | 0x80)
      rest >>>= 7
    }
    this.u8(rest)
  }

  /** Signed LEB128. */
  s64(value: bigint): void {
    let rest = BigInt.asIntN(64, value)
    for (;;) {
      const byte = Number(rest & 0x7fn)
      rest >>= 7n
      if ((rest === 0n && (byte & 0x40) === 0) || (rest === -1n && (byte & 0x40) !== 0)) {
        this.u8(byte)
        return
      }
      this.u8(byte | 0x80)
    }
  }

  s32(value: number): void {
    let rest = value | 0
    for (;;) {
      const byte = rest & 0x7f
      rest >>= 7
      if ((rest === 0 && (byte & 0x40) === 0) || (rest === -1 && (byte & 0x40) !== 0)) {
        this.u8(byte)
        return
      }
      this.u8(byte | 0x80)
    }
  }

  text(value: string): void {
    const bytes = new TextEncoder().encode(value)
    this.u32(bytes.length)
    this.append(bytes)
  }

  take(): Uint8Array<ArrayBuffer> {
    return this.#data.slice(0, this.length)
  }

  #reserve(count: number): void {
    if (this.length + count <= this.#data.length) return
    const grown = new Uint8Array(Math.max(this.#data.length * 2, this.length + count))
    grown.set(this.#data.subarray(0, this.length))
    this.#data = grown
  }
}

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
    this.code.u8(0x20)
    this.code.u32(local)
  }

  set(local: Local): void {
    this.code.u8(0x21)
    this.code.u32(local)
  }

  tee(local: Local): void {
    this.code.u8(0x22)
    this.code.u32(local)
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
    this.code.append(new Uint8Array(Float64Array.of(value).buffer))
  }

  /** A 128-bit constant from its 16 bytes. */
  v128(bytes: Uint8Array): void {
    this.code.u8(0xfd)
    this.code.u32(12)
    this.code.append(bytes)
  }

  simd(name: SimdOp): void {
    this.code.u8(0xfd)
    this.code.u32(simd[name])
  }

  simdLane(name: SimdLaneOp, lane: number): void {
    this.code.u8(0xfd)
    this.code.u32(simdLane[name])
    this.code.u8(lane)
  }

  /** Selects 16 of the 32 bytes of the two operands. */
  shuffle(bytes: readonly number[]): void {
    this.code.u8(0xfd)
    this.code.u32(13)
    for (const byte of bytes) this.code.u8(byte)
  }

  memory(name: SimdMemoryOp, offset: number): void {
    this.code.u8(0xfd)
    this.code.u32(simdMemory[name])
    this.code.u8(0)
    this.code.u32(offset)
  }

  laneMemory(name: SimdLaneMemoryOp, offset: number, lane: number): void {
    this.code.u8(0xfd)
    this.code.u32(simdLaneMemory[name])
    this.code.u8(0)
    this.code.u32(offset)
    this.code.u8(lane)
  }

  scalarMemory(name: ScalarMemoryOp, offset: number): void {
    this.code.u8(scalarMemory[name])
    this.code.u8(0)
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
    this.code.u8(0x0c)
    this.code.u32(depth)
  }

  brIf(depth: number): void {
    this.code.u8(0x0d)
    this.code.u32(depth)
  }

  call(index: number): void {
    this.code.u8(0x10)
    this.code.u32(index)
  }

  encode(): Uint8Array {
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
    out.append(this.code.take())
    out.u8(plain.end)
    return out.take()
  }
}

/** A module that imports one memory as `env.memory` and exports some of its functions. */
export class ModuleBuilder {
  readonly #functions: FunctionBody[] = []
  readonly #exports: [string, number][] = []

  /** Adds a function and gives its index. Bodies may still grow until `encode`. */
  add(body: FunctionBody, exportAs?: string): number {
    this.#functions.push(body)
    const index = this.#functions.length - 1
    if (exportAs !== undefined) this.#exports.push([exportAs, index])
    return index
  }

  encode(minPages: number): Uint8Array<ArrayBuffer> {
    const out = new Bytes()
    for (const byte of [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0]) out.u8(byte)
    const signatures: string[] = []
    const typeOf = this.#functions.map((body) => {
      const signature = JSON.stringify([body.params, body.results])
      const known = signatures.indexOf(signature)
      return known >= 0 ? known : signatures.push(signature) - 1
    })
    section(out, 1, (s) => {
      s.u32(signatures.length)
      for (const signature of signatures) {
        s.u8(0x60)
        for (const types of JSON.parse(signature) as [ValType[], ValType[]]) {
          s.u32(types.length)
          for (const type of types) s.u8(valTypeCode[type])
        }
      }
    })
    section(out, 2, (s) => {
      s.u32(1)
      s.text('env')
      s.text('memory')
      s.u8(2)
      s.u8(0)
      s.u32(minPages)
    })
    section(out, 3, (s) => {
      s.u32(typeOf.length)
      for (const type of typeOf) s.u32(type)
    })
    section(out, 7, (s) => {
      s.u32(this.#exports.length)
      for (const [name, index] of this.#exports) {
        s.text(name)
        s.u8(0)
        s.u32(index)
      }
    })
    section(out, 10, (s) => {
      s.u32(this.#functions.length)
      for (const body of this.#functions) {
        const bytes = body.encode()
        s.u32(bytes.length)
        s.append(bytes)
      }
    })
    return out.take()
  }
}

function section(out: Bytes, id: number, fill: (s: Bytes) => void): void {
  const body = new Bytes()
  fill(body)
  out.u8(id)
  out.u32(body.length)
  out.append(body.take())
}
