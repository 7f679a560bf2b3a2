/**
 * Vector instructions in SSA form. Common subexpressions are shared, and every instruction is put into the earliest
 * section (loop level) where its operands are known.
 *
 * A loop works on 4 lanes of 32 bits or on 2 lanes of 64 bits. In a 64-bit loop a bool is a 64-bit mask, an int32
 * is widened to 64 bits, and float32 appears only next to a conversion, in the low half of a vector.
 */
import type { DType } from '../ir/value.ts'
import { simd } from './opcodes.ts'
import type { SimdOp } from './opcodes.ts'
import type { ScalarName } from './scalar.ts'

/** What the lanes of a register hold. `h32`: float32 in the low two lanes. */
export type LaneType = 'f32' | 'f64' | 'i32' | 'i64' | 'm32' | 'm64' | 'h32'

export type Instruction =
  | { readonly kind: 'op'; readonly op: SimdOp; readonly code: number }
  | { readonly kind: 'shift'; readonly op: SimdOp; readonly count: number }
  | { readonly kind: 'shuffle'; readonly bytes: readonly number[] }
  | { readonly kind: 'constant'; readonly bytes: Uint8Array; readonly hash: number }
  /** Calls a scalar function for each lane. */
  | { readonly kind: 'lanes'; readonly scalar: ScalarName; readonly operand: 'f64' | 'i64'; readonly result: 'f64' | 'i64' | 'f32' }
  /** Four float32 lanes: argument 2, but where the mask (argument 0) is set a float64 function of argument 1. For what is hardly ever set. */
  | { readonly kind: 'rare'; readonly scalar: ScalarName }
  /** Reads memory, a counter, an accumulator or an indexed place: known to the loop generator only. */
  | { readonly kind: 'extern'; readonly id: number }
  /** Records a fault where the mask (argument 0) is set; argument 1 is the offending number. */
  | { readonly kind: 'fault'; readonly site: number }

export interface Reg {
  readonly id: number
  readonly type: LaneType
  readonly instruction: Instruction
  readonly args: readonly Reg[]
  /** Index into the kernel's list of sections. */
  readonly section: number
  /** Whether all lanes of all vectors of an iteration are equal. */
  readonly uniform: boolean
  readonly hash: number
  /** Another one of the same bucket. */
  next: Reg | undefined
}

export function laneType(dtype: DType, lanes: 2 | 4): LaneType {
  switch (dtype) {
    case 'float32':
      return lanes === 4 ? 'f32' : 'h32'
    case 'float64':
      return 'f64'
    case 'int64':
      return 'i64'
    case 'int32':
      return lanes === 4 ? 'i32' : 'i64'
    case 'bool':
      return lanes === 4 ? 'm32' : 'm64'
  }
}

export class VectorBuilder {
  readonly regs: Reg[] = []
  /** The last register of each bucket of hashes: a power of two. */
  #buckets = emptyBuckets(fewBuckets.length)

  /** Adds an instruction, or finds the equal one of its section. */
  emit(type: LaneType, instruction: Instruction, args: readonly Reg[], place?: { section: number; uniform: boolean }): Reg {
    let section = place?.section ?? 0
    let uniform = place?.uniform ?? true
    let hash = hashOf(instruction)
    for (const arg of args) {
      if (arg.section > section) ({ section } = arg)
      uniform &&= arg.uniform
      hash = Math.imul(hash ^ arg.id, 0x9e3779b1)
      hash ^= hash >>> 15
    }
    hash = (hash + section) | 0
    const bucket = hash & (this.#buckets.length - 1)
    const next = this.#buckets[bucket]
    for (let known = next; known; known = known.next) {
      if (known.hash === hash && known.section === section && known.type === type && sameArgs(known.args, args) && sameInstruction(known.instruction, instruction)) return known
    }
    const reg: Reg = { id: this.regs.length, type, instruction, args, section, uniform, hash, next }
    this.#buckets[bucket] = reg
    if (this.regs.push(reg) > 4 * this.#buckets.length) this.#grow()
    return reg
  }

  #grow(): void {
    this.#buckets = emptyBuckets(4 * this.#buckets.length)
    for (const reg of this.regs) {
      const bucket = reg.hash & (this.#buckets.length - 1)
      reg.next = this.#buckets[bucket]
      this.#buckets[bucket] = reg
    }
  }

  op(type: LaneType, op: SimdOp, ...args: Reg[]): Reg {
    return this.emit(type, plainInstruction(op), args)
  }

  shift(op: 'i32x4.shl' | 'i32x4.shr_s' | 'i32x4.shr_u' | 'i64x2.shl' | 'i64x2.shr_s' | 'i64x2.shr_u', x: Reg, count: number): Reg {
    return this.emit(x.type, { kind: 'shift', op, count }, [x])
  }

  shuffle(type: LaneType, bytes: readonly number[], a: Reg, b: Reg): Reg {
    return this.emit(type, { kind: 'shuffle', bytes }, [a, b])
  }

  /** The same number in every lane. */
  constant(type: LaneType, value: number): Reg {
    return this.emit(type, splat(type, value), [])
  }

  /** The same 32 or 64 bits in every lane. */
  bits(type: 'f32' | 'i32' | 'm32', word: number): Reg {
    return this.emit(type, constantFor('bits', word, () => constantOf(new Uint8Array(Int32Array.of(word, word, word, word).buffer))), [])
  }

  bits64(type: 'f64' | 'i64' | 'm64', word: bigint): Reg {
    return this.emit(type, constantFor('bits', word, () => constantOf(new Uint8Array(BigInt64Array.of(BigInt.asIntN(64, word), BigInt.asIntN(64, word)).buffer))), [])
  }
}

/** A copy takes a fiftieth of the time that Array.from does. */
const fewBuckets: readonly (Reg | undefined)[] = Array.from({ length: 64 })

function emptyBuckets(count: number): (Reg | undefined)[] {
  return count === fewBuckets.length ? fewBuckets.slice() : Array.from({ length: count })
}

function sameArgs(a: readonly Reg[], b: readonly Reg[]): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

function sameInstruction(a: Instruction, b: Instruction): boolean {
  if (a === b) return true
  switch (a.kind) {
    case 'op':
      return b.kind === 'op' && a.code === b.code
    case 'shift':
      return b.kind === 'shift' && a.op === b.op && a.count === b.count
    case 'shuffle':
    case 'constant':
      return a.kind === b.kind && a.bytes.every((byte, i) => byte === b.bytes[i])
    case 'lanes':
      return b.kind === 'lanes' && a.scalar === b.scalar && a.result === b.result
    case 'rare':
      return b.kind === 'rare' && a.scalar === b.scalar
    case 'extern':
      return b.kind === 'extern' && a.id === b.id
    case 'fault':
      return b.kind === 'fault' && a.site === b.site
  }
}

function hashOf(instruction: Instruction): number {
  switch (instruction.kind) {
    case 'op':
      return instruction.code
    case 'shift':
      return 1000 + instruction.count
    case 'extern':
      return 2000 + instruction.id
    case 'fault':
      return -1 - instruction.site
    case 'lanes':
      return 1
    case 'rare':
      return 2
    case 'shuffle':
      return hashOfBytes(instruction.bytes)
    case 'constant':
      return instruction.hash
  }
}

function hashOfBytes(bytes: Uint8Array | readonly number[]): number {
  let hash = 7
  for (let i = 0; i < 16; i++) hash = (Math.imul(hash, 31) + bytes[i]!) | 0
  return hash
}

/** The same number in every lane, or the same bits. */
type Constant = Extract<Instruction, { kind: 'constant' }>

function constantOf(bytes: Uint8Array): Constant {
  return { kind: 'constant', bytes, hash: hashOfBytes(bytes) }
}

const plainInstructions = new Map<SimdOp, Instruction>()

export function plainInstruction(op: SimdOp): Instruction {
  let instruction = plainInstructions.get(op)
  if (!instruction) {
    instruction = { kind: 'op', op, code: simd[op] }
    plainInstructions.set(op, instruction)
  }
  return instruction
}

/** The numbers that most kernels have, by lane type, and those that are given as bits. */
const constants = new Map<LaneType | 'bits', Map<number | bigint, Constant>>()
const maxConstants = 1000

function constantFor(type: LaneType | 'bits', value: number | bigint, make: () => Constant): Constant {
  let ofType = constants.get(type)
  if (!ofType || ofType.size > maxConstants) {
    ofType = new Map()
    constants.set(type, ofType)
  }
  let instruction = ofType.get(value)
  if (!instruction) {
    instruction = make()
    ofType.set(value, instruction)
  }
  return instruction
}

export function splat(type: LaneType, value: number): Constant {
  // A map does not tell the zeros apart.
  return Object.is(value, -0) ? constantOf(splatBytes(type, value)) : constantFor(type, value, () => constantOf(splatBytes(type, value)))
}

function splatBytes(type: LaneType, value: number): Uint8Array {
  switch (type) {
    case 'f32':
    case 'h32':
      return new Uint8Array(Float32Array.of(value, value, value, value).buffer)
    case 'f64':
      return new Uint8Array(Float64Array.of(value, value).buffer)
    case 'i32':
      return new Uint8Array(Int32Array.of(value, value, value, value).buffer)
    case 'i64':
      return new Uint8Array(BigInt64Array.of(toInt64(value), toInt64(value)).buffer)
    case 'm32':
    case 'm64':
      return new Uint8Array(16).fill(value === 0 ? 0 : 0xff)
  }
}

/** The nearest int64, at the ends of the range too. */
function toInt64(value: number): bigint {
  const whole = BigInt(Math.trunc(value))
  const top = 2n ** 63n - 1n
  return whole > top ? top : whole
}
