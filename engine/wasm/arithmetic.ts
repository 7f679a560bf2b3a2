/** Arithmetic, comparisons and bit operations on vector registers: what the intrinsics are written in. */
import type { SimdOp } from './opcodes.ts'
import type { Instruction, LaneType, Reg, VectorBuilder } from './registers.ts'
import { plainInstruction } from './registers.ts'

type Arithmetic = 'add' | 'sub' | 'mul' | 'div' | 'min' | 'max' | 'sqrt' | 'floor' | 'ceil' | 'trunc' | 'nearest' | 'neg' | 'abs'
type Comparison = 'eq' | 'ne' | 'lt' | 'le'

/** Works on registers of any lane type; constants have the type it was made with. */
export class VectorArithmetic {
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

  copysign(x: Reg, y: Reg): Reg {
    const sign = x.type === 'f64' ? this.builder.bits64('f64', -0x8000000000000000n) : this.builder.bits('f32', -0x80000000)
    return this.select(sign, y, x)
  }

  sqrt(x: Reg): Reg {
    return this.#arithmetic('sqrt', x)
  }

  min(a: Reg, b: Reg): Reg {
    return this.#extreme('min', a, b)
  }

  max(a: Reg, b: Reg): Reg {
    return this.#extreme('max', a, b)
  }

  /** Of floats in three instructions, or one where `b` is a number; WebAssembly's own min and max take seven on x86. */
  #extreme(which: 'min' | 'max', a: Reg, b: Reg): Reg {
    if (a.type === 'i64') return which === 'min' ? this.select(this.lt(b, a), b, a) : this.select(this.lt(a, b), b, a)
    if (a.type !== 'f32' && a.type !== 'f64') return this.#arithmetic(which, a, b)
    const pick = (x: Reg, y: Reg): Reg => (which === 'min' ? this.atMost(x, y) : this.atLeast(x, y))
    if (isNumber(b)) return pick(a, b)
    // `pick` passes a NaN of its first operand; one of the other sets all bits, which is NaN too.
    return this.or(pick(b, a), this.ne(a, a))
  }

  /** x where it is at most `limit`, else `limit`; NaN passes. One instruction, which `min` is not. */
  atMost(x: Reg, limit: Reg): Reg {
    return this.builder.op(x.type, x.type === 'f64' ? 'f64x2.pmin' : 'f32x4.pmin', x, limit)
  }

  /** x where it is at least `limit`, else `limit`; NaN passes. */
  atLeast(x: Reg, limit: Reg): Reg {
    return this.builder.op(x.type, x.type === 'f64' ? 'f64x2.pmax' : 'f32x4.pmax', x, limit)
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
    for (let i = 1; i < coefficients.length; i++) sum = this.madd(sum, x, this.const(coefficients[i]!))
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

  #arithmetic(op: Arithmetic, ...args: Reg[]): Reg {
    const { type } = args[0]!
    return this.builder.emit(type, instructionOf(type, op), args)
  }

  #compare(op: Comparison, a: Reg, b: Reg): Reg {
    if (a.type === 'm32' || a.type === 'm64') return this.#compareMasks(op, a, b)
    return this.builder.emit(a.type === 'f64' || a.type === 'i64' ? 'm64' : 'm32', instructionOf(a.type, op), [a, b])
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
}

/** Whether the register is a constant, and not NaN. */
function isNumber({ type, instruction }: Reg): boolean {
  if (instruction.kind !== 'constant') return false
  const { bytes } = instruction
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  return !Number.isNaN(type === 'f32' ? view.getFloat32(0, true) : view.getFloat64(0, true))
}

const shapes: Readonly<Record<LaneType, 'f32x4' | 'f64x2' | 'i32x4' | 'i64x2'>> = { f32: 'f32x4', h32: 'f32x4', f64: 'f64x2', i32: 'i32x4', m32: 'i32x4', i64: 'i64x2', m64: 'i64x2' }
/** Of integers these come with a sign and without. */
const signed = new Set<string>(['min', 'max', 'lt', 'le'])

/** Instructions by the lane type and what they do. */
const instructions = new Map<LaneType, Map<Arithmetic | Comparison, Instruction>>()

function instructionOf(type: LaneType, what: Arithmetic | Comparison): Instruction {
  let ofType = instructions.get(type)
  if (!ofType) {
    ofType = new Map()
    instructions.set(type, ofType)
  }
  let instruction = ofType.get(what)
  if (!instruction) {
    instruction = plainInstruction(`${shapes[type]}.${what}${shapes[type].startsWith('i') && signed.has(what) ? '_s' : ''}` as SimdOp)
    ofType.set(what, instruction)
  }
  return instruction
}
