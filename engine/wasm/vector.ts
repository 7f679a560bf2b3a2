/**
 * Vector code: scalar formulas turned into SSA instructions on 128-bit vectors. Common subexpressions are shared,
 * and every instruction is put into the earliest section (loop level) where its operands are known.
 *
 * A loop works on 4 lanes of 32 bits or on 2 lanes of 64 bits. In a 64-bit loop a bool is a 64-bit mask, an int32
 * is widened to 64 bits, and float32 appears only next to a conversion, in the low half of a vector.
 */
import { invariant } from '../errors.ts'
import type { Code, IndexCheck } from '../ir/code.ts'
import type { DType } from '../ir/value.ts'
import type { SimdOp } from './encode.ts'
import type { HelperName } from './helpers.ts'
import * as f32 from './intrinsics32.ts'
import * as f64 from './intrinsics64.ts'

/** What the lanes of a register hold. `h32`: float32 in the low two lanes. */
export type LaneType = 'f32' | 'f64' | 'i32' | 'i64' | 'm32' | 'm64' | 'h32'

export type Instruction =
  | { readonly kind: 'op'; readonly op: SimdOp }
  | { readonly kind: 'shift'; readonly op: SimdOp; readonly count: number }
  | { readonly kind: 'shuffle'; readonly bytes: readonly number[] }
  | { readonly kind: 'constant'; readonly bytes: Uint8Array }
  /** Calls a scalar function for each lane. */
  | { readonly kind: 'lanes'; readonly helper: HelperName; readonly operand: 'f64' | 'i64'; readonly result: 'f64' | 'i64' | 'f32' }
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

type Arithmetic = 'add' | 'sub' | 'mul' | 'div' | 'min' | 'max' | 'sqrt' | 'floor' | 'ceil' | 'trunc' | 'nearest' | 'neg' | 'abs'
type Comparison = 'eq' | 'ne' | 'lt' | 'le'

export class VectorBuilder {
  readonly regs: Reg[] = []
  readonly #known = new Map<string, Reg>()

  /** Adds an instruction, or finds the equal one of its section. */
  emit(type: LaneType, instruction: Instruction, args: readonly Reg[], place?: { section: number; uniform: boolean }): Reg {
    const section = args.reduce((s, arg) => Math.max(s, arg.section), place?.section ?? 0)
    const uniform = args.every((arg) => arg.uniform) && (place?.uniform ?? true)
    const key = `${section}:${type}:${instructionKey(instruction)}(${args.map((arg) => arg.id).join(',')})`
    const known = this.#known.get(key)
    if (known) return known
    const reg: Reg = { id: this.regs.length, type, instruction, args, section, uniform }
    this.regs.push(reg)
    this.#known.set(key, reg)
    return reg
  }

  op(type: LaneType, op: SimdOp, ...args: Reg[]): Reg {
    return this.emit(type, { kind: 'op', op }, args)
  }

  shift(op: 'i32x4.shl' | 'i32x4.shr_s' | 'i32x4.shr_u' | 'i64x2.shl' | 'i64x2.shr_s' | 'i64x2.shr_u', x: Reg, count: number): Reg {
    return this.emit(x.type, { kind: 'shift', op, count }, [x])
  }

  shuffle(type: LaneType, bytes: readonly number[], a: Reg, b: Reg): Reg {
    return this.emit(type, { kind: 'shuffle', bytes }, [a, b])
  }

  /** The same number in every lane. */
  constant(type: LaneType, value: number): Reg {
    return this.emit(type, { kind: 'constant', bytes: splatBytes(type, value) }, [])
  }

  /** The same 32 or 64 bits in every lane. */
  bits(type: 'f32' | 'i32' | 'm32', word: number): Reg {
    return this.emit(type, { kind: 'constant', bytes: new Uint8Array(Int32Array.of(word, word, word, word).buffer) }, [])
  }

  bits64(type: 'f64' | 'i64' | 'm64', word: bigint): Reg {
    return this.emit(type, { kind: 'constant', bytes: new Uint8Array(BigInt64Array.of(BigInt.asIntN(64, word), BigInt.asIntN(64, word)).buffer) }, [])
  }

  code(type: LaneType): VectorCode {
    return new VectorCode(this, type)
  }
}

function instructionKey(instruction: Instruction): string {
  switch (instruction.kind) {
    case 'op':
      return instruction.op
    case 'shift':
      return `${instruction.op}${instruction.count}`
    case 'shuffle':
    case 'constant':
      return `${instruction.kind}${instruction.bytes.join('.')}`
    case 'lanes':
      return `${instruction.helper}>${instruction.result}`
    case 'extern':
      return `extern${instruction.id}`
    case 'fault':
      return `fault${instruction.site}`
  }
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

/** Scalar code over vector registers of one lane type. */
export class VectorCode implements Code<Reg> {
  readonly builder: VectorBuilder
  readonly type: LaneType

  constructor(builder: VectorBuilder, type: LaneType) {
    this.builder = builder
    this.type = type
  }

  const(x: number): Reg {
    return this.builder.constant(this.type, x)
  }

  add(a: Reg, b: Reg): Reg {
    return this.#arithmetic('add', a, b)
  }

  sub(a: Reg, b: Reg): Reg {
    return this.#arithmetic('sub', a, b)
  }

  mul(a: Reg, b: Reg): Reg {
    return this.#arithmetic('mul', a, b)
  }

  div(a: Reg, b: Reg): Reg {
    return this.#arithmetic('div', a, b)
  }

  neg(x: Reg): Reg {
    return this.#arithmetic('neg', x)
  }

  abs(x: Reg): Reg {
    return this.#arithmetic('abs', x)
  }

  sqrt(x: Reg): Reg {
    return this.#arithmetic('sqrt', x)
  }

  min(a: Reg, b: Reg): Reg {
    return a.type === 'i64' ? this.select(this.lt(b, a), b, a) : this.#arithmetic('min', a, b)
  }

  max(a: Reg, b: Reg): Reg {
    return a.type === 'i64' ? this.select(this.lt(a, b), b, a) : this.#arithmetic('max', a, b)
  }

  floor(x: Reg): Reg {
    return this.#arithmetic('floor', x)
  }

  ceil(x: Reg): Reg {
    return this.#arithmetic('ceil', x)
  }

  trunc(x: Reg): Reg {
    return this.#arithmetic('trunc', x)
  }

  round(x: Reg): Reg {
    return this.#arithmetic('nearest', x)
  }

  /** a·b + c, fused where the processor can. */
  madd(a: Reg, b: Reg, c: Reg): Reg {
    return this.builder.op(a.type, a.type === 'f64' ? 'f64x2.relaxed_madd' : 'f32x4.relaxed_madd', a, b, c)
  }

  /** c - a·b, fused where the processor can. */
  nmadd(a: Reg, b: Reg, c: Reg): Reg {
    return this.builder.op(a.type, a.type === 'f64' ? 'f64x2.relaxed_nmadd' : 'f32x4.relaxed_nmadd', a, b, c)
  }

  /** c₀ x^n + c₁ x^(n-1) + … by Horner's rule. */
  polynomial(x: Reg, coefficients: readonly number[]): Reg {
    let sum = this.const(coefficients[0]!)
    for (const c of coefficients.slice(1)) sum = this.madd(sum, x, this.const(c))
    return sum
  }

  eq(a: Reg, b: Reg): Reg {
    return this.#compare('eq', a, b)
  }

  ne(a: Reg, b: Reg): Reg {
    return this.#compare('ne', a, b)
  }

  lt(a: Reg, b: Reg): Reg {
    return this.#compare('lt', a, b)
  }

  le(a: Reg, b: Reg): Reg {
    return this.#compare('le', a, b)
  }

  and(a: Reg, b: Reg): Reg {
    return this.builder.op(a.type, 'v128.and', a, b)
  }

  or(a: Reg, b: Reg): Reg {
    return this.builder.op(a.type, 'v128.or', a, b)
  }

  xor(a: Reg, b: Reg): Reg {
    return this.builder.op(a.type, 'v128.xor', a, b)
  }

  /** a where b's bits are not set. */
  andnot(a: Reg, b: Reg): Reg {
    return this.builder.op(a.type, 'v128.andnot', a, b)
  }

  not(x: Reg): Reg {
    return this.builder.op(x.type, 'v128.not', x)
  }

  select(mask: Reg, a: Reg, b: Reg): Reg {
    return this.builder.op(a.type, 'v128.bitselect', a, b, mask)
  }

  exp(x: Reg): Reg {
    return this.#intrinsic(f32.exp, f64.exp, x)
  }

  expm1(x: Reg): Reg {
    return this.#intrinsic(f32.expm1, f64.expm1, x)
  }

  log(x: Reg): Reg {
    return this.#intrinsic(f32.log, f64.log, x)
  }

  log1p(x: Reg): Reg {
    return this.#intrinsic(f32.log1p, f64.log1p, x)
  }

  sin(x: Reg): Reg {
    return this.#wide(f64.sin, x)
  }

  cos(x: Reg): Reg {
    return this.#wide(f64.cos, x)
  }

  tanh(x: Reg): Reg {
    return this.#intrinsic(f32.tanh, f64.tanh, x)
  }

  sigmoid(x: Reg): Reg {
    return this.#intrinsic(f32.sigmoid, f64.sigmoid, x)
  }

  erf(x: Reg): Reg {
    return this.#intrinsic(f32.erf, f64.erf, x)
  }

  atan2(y: Reg, x: Reg): Reg {
    return this.#wide(f64.atan2, y, x)
  }

  pow(x: Reg, y: Reg): Reg {
    return this.#wide(f64.pow, x, y)
  }

  fmod(x: Reg, y: Reg): Reg {
    if (x.type === 'i64') return this.lanes('imod', 'i64', 'i64', x, y)
    return this.#wide((s, a, b) => s.lanes('fmod', 'f64', 'f64', a, b), x, y)
  }

  quotient(x: Reg, y: Reg): Reg {
    return this.lanes('iquot', 'i64', 'i64', x, y)
  }

  /** Calls a scalar helper for each of two 64-bit lanes. */
  lanes(helper: HelperName, operand: 'f64' | 'i64', result: 'f64' | 'i64' | 'f32', ...args: Reg[]): Reg {
    return this.builder.emit(result === 'f32' ? 'h32' : result, { kind: 'lanes', helper, operand, result }, args)
  }

  /** Applies float64 code; float32 vectors are widened to two float64 vectors and rounded back once. */
  #wide(code: (s: VectorCode, ...args: Reg[]) => Reg, ...args: Reg[]): Reg {
    const inner = new VectorCode(this.builder, 'f64')
    if (args[0]!.type === 'f64') return code(inner, ...args)
    invariant(args[0]!.type === 'f32', 'float64 code takes floats')
    const b = this.builder
    const low = code(inner, ...args.map((x) => b.op('f64', 'f64x2.promote_low_f32x4', x)))
    const high = code(inner, ...args.map((x) => b.op('f64', 'f64x2.promote_low_f32x4', b.shuffle('f32', highHalf, x, x))))
    return b.shuffle('f32', joinLow, b.op('f32', 'f32x4.demote_f64x2_zero', low), b.op('f32', 'f32x4.demote_f64x2_zero', high))
  }

  #intrinsic(narrow: (s: VectorCode, x: Reg) => Reg, wide: (s: VectorCode, x: Reg) => Reg, x: Reg): Reg {
    invariant(x.type === 'f32' || x.type === 'f64', 'an intrinsic takes floats')
    const inner = x.type === this.type ? this : new VectorCode(this.builder, x.type)
    return x.type === 'f32' ? narrow(inner, x) : wide(inner, x)
  }

  #arithmetic(op: Arithmetic, ...args: Reg[]): Reg {
    const type = args[0]!.type
    if (type === 'i32' && (op === 'min' || op === 'max')) return this.builder.op(type, `i32x4.${op}_s`, ...args)
    const shape = shapeOf(type)
    return this.builder.op(type, `${shape}.${op}` as SimdOp, ...args)
  }

  #compare(op: Comparison, a: Reg, b: Reg): Reg {
    const mask = a.type === 'f64' || a.type === 'i64' || a.type === 'm64' ? 'm64' : 'm32'
    if (a.type === 'm32' || a.type === 'm64') return this.#compareMasks(op, a, b)
    if (a.type === 'f32' || a.type === 'f64') return this.builder.op(mask, `${a.type === 'f32' ? 'f32x4' : 'f64x2'}.${op}`, a, b)
    const signed = op === 'lt' || op === 'le' ? (`${op}_s` as const) : op
    return this.builder.op(mask, `${a.type === 'i32' ? 'i32x4' : 'i64x2'}.${signed}`, a, b)
  }

  /** false < true. */
  #compareMasks(op: Comparison, a: Reg, b: Reg): Reg {
    switch (op) {
      case 'eq':
        return this.not(this.xor(a, b))
      case 'ne':
        return this.xor(a, b)
      case 'lt':
        return this.andnot(b, a)
      case 'le':
        return this.or(this.not(a), b)
    }
  }

  cast(x: Reg, _from: DType, to: DType): Reg {
    const b = this.builder
    const lanes = x.type === 'f32' || x.type === 'i32' || x.type === 'm32' ? 4 : 2
    const target = laneType(to, lanes)
    if (x.type === target) return x
    const isMask = x.type === 'm32' || x.type === 'm64'
    if (isMask) return b.op(target, 'v128.and', x, b.constant(target, 1))
    switch (target) {
      case 'm32':
      case 'm64':
        return this.ne(x.type === 'h32' ? this.#promote(x) : x, b.constant(x.type === 'h32' ? 'f64' : x.type, 0))
      case 'f32':
        return b.op('f32', 'f32x4.convert_i32x4_s', x)
      case 'i32':
        return b.op('i32', 'i32x4.trunc_sat_f32x4_s', x)
      case 'f64':
        return x.type === 'h32' ? this.#promote(x) : this.lanes('itof', 'i64', 'f64', x)
      case 'i64':
        return this.lanes('ftoi', 'f64', 'i64', x.type === 'h32' ? this.#promote(x) : x)
      case 'h32':
        return x.type === 'f64' ? b.op('h32', 'f32x4.demote_f64x2_zero', x) : this.lanes('itof32', 'i64', 'f32', x)
    }
  }

  #promote(x: Reg): Reg {
    return this.builder.op('f64', 'f64x2.promote_low_f32x4', x)
  }

  index(x: Reg, from: DType, { size, wraps, site }: IndexCheck): Reg {
    const b = this.builder
    const count = b.constant(x.type, size)
    const zero = b.constant(x.type, 0)
    const place = wraps ? this.select(this.lt(x, zero), this.add(x, count), x) : x
    let good = this.and(this.le(zero, place), this.lt(place, count))
    if (x.type === 'f32' || x.type === 'f64') good = this.and(good, this.eq(x, this.trunc(x)))
    b.emit('m32', { kind: 'fault', site }, [this.not(good), x])
    const index = this.cast(place, from, 'int32')
    return b.op(index.type, 'v128.and', index, good)
  }
}

function shapeOf(type: LaneType): 'f32x4' | 'f64x2' | 'i32x4' | 'i64x2' {
  switch (type) {
    case 'f32':
    case 'h32':
      return 'f32x4'
    case 'f64':
      return 'f64x2'
    case 'i32':
    case 'm32':
      return 'i32x4'
    case 'i64':
    case 'm64':
      return 'i64x2'
  }
}

const highHalf = [8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15]
const joinLow = [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23]
