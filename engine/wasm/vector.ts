/** Scalar formulas as vector instructions. */
import { invariant } from '../errors.ts'
import type { Code, IndexCheck } from '../ir/code.ts'
import type { DType } from '../ir/value.ts'
import { errorFunction } from '../ops/gaussian.ts'
import { VectorArithmetic } from './arithmetic.ts'
import * as f32 from './intrinsics32.ts'
import * as f64 from './intrinsics64.ts'
import { largeAngle } from './large-angles.ts'
import type { Reg } from './registers.ts'
import { laneType } from './registers.ts'
import type { ScalarName } from './scalar.ts'

/** Scalar code over vector registers of one lane type. */
export class VectorCode extends VectorArithmetic implements Code<Reg> {
  exp(x: Reg): Reg {
    return this.#intrinsic(f32.exp, f64.exp, x)
  }

  exp2(x: Reg): Reg {
    return this.#intrinsic(f32.exp2, f64.exp2, x)
  }

  expm1(x: Reg): Reg {
    return this.#intrinsic(f32.expm1, f64.expm1, x)
  }

  log(x: Reg): Reg {
    return this.#intrinsic(f32.log, f64.log, x)
  }

  log2(x: Reg): Reg {
    return this.#intrinsic(f32.log2, f64.log2, x)
  }

  log10(x: Reg): Reg {
    return this.wide(f64.log10, x)
  }

  log1p(x: Reg): Reg {
    return this.#intrinsic(f32.log1p, f64.log1p, x)
  }

  sin(x: Reg): Reg {
    return this.#beyond('largeSine', x, this.wide(f64.sin, x))
  }

  cos(x: Reg): Reg {
    return this.#beyond('largeCosine', x, this.wide(f64.cos, x))
  }

  /** float32 only: in float64 code the branch would cost ordinary angles half of their speed. */
  #beyond(scalar: ScalarName, x: Reg, result: Reg): Reg {
    if (x.type !== 'f32') return result
    const mask = this.le(this.builder.constant('f32', largeAngle), this.abs(x))
    return this.builder.emit('f32', { kind: 'rare', scalar }, [mask, x, result])
  }

  tanh(x: Reg): Reg {
    return this.#intrinsic(f32.tanh, f64.tanh, x)
  }

  sigmoid(x: Reg): Reg {
    return this.#intrinsic(f32.sigmoid, f64.sigmoid, x)
  }

  erf(x: Reg): Reg {
    return this.#intrinsic(f32.erf, errorFunction, x)
  }

  atan2(y: Reg, x: Reg): Reg {
    return this.wide(f64.atan2, y, x)
  }

  pow(x: Reg, y: Reg): Reg {
    return this.wide(f64.pow, x, y)
  }

  fmod(x: Reg, y: Reg): Reg {
    if (x.type === 'i64') return this.lanes('imod', 'i64', 'i64', x, y)
    return this.wide((s, a, b) => s.lanes('fmod', 'f64', 'f64', a, b), x, y)
  }

  quotient(x: Reg, y: Reg): Reg {
    return this.lanes('iquot', 'i64', 'i64', x, y)
  }

  /** Calls a scalar function for each of two 64-bit lanes. */
  lanes(scalar: ScalarName, operand: 'f64' | 'i64', result: 'f64' | 'i64' | 'f32', ...args: Reg[]): Reg {
    return this.builder.emit(result === 'f32' ? 'h32' : result, { kind: 'lanes', scalar, operand, result }, args)
  }

  /** Float32 vectors are widened to two float64 vectors and rounded back once. */
  wide(code: (s: VectorCode, ...args: Reg[]) => Reg, ...args: Reg[]): Reg {
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

const highHalf = [8, 9, 10, 11, 12, 13, 14, 15, 8, 9, 10, 11, 12, 13, 14, 15]
const joinLow = [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23]
