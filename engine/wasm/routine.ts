/** Routines as scalar WebAssembly. Every operation leaves its result in a local of its own; V8 sees through them. */
import { invariant } from '../errors.ts'
import type { RoutineArray, RoutineCode, Variable } from '../ir/routine.ts'
import type { DType, RoutineOp, Value } from '../ir/value.ts'
import { byteSize } from '../ir/value.ts'
import { routineOperands } from '../ops/routine.ts'
import type { Local, ValType } from './encode.ts'
import { FunctionBody } from './encode.ts'
import { emitInstruction } from './instruction.ts'
import type { PlainOp } from './opcodes.ts'
import type { Reg } from './registers.ts'
import { VectorBuilder } from './registers.ts'
import { VectorCode } from './vector.ts'

type ScalarType = Exclude<ValType, 'v128'>

interface Scalar {
  readonly type: ScalarType
  readonly local: Local
}

const scalarType: Readonly<Record<DType, ScalarType>> = { float32: 'f32', float64: 'f64', int64: 'i64', int32: 'i32', bool: 'i32' }

/** Byte addresses of the operands, the result and the working memory, in the order of the arrays' ids. */
export function emitRoutine(value: Value, op: RoutineOp, addresses: readonly number[]): FunctionBody {
  const f = new FunctionBody()
  op.program(new ScalarRoutine(f, addresses), routineOperands(value, op))
  return f
}

class ScalarRoutine implements RoutineCode<Scalar> {
  readonly #f: FunctionBody
  readonly #addresses: readonly number[]

  constructor(f: FunctionBody, addresses: readonly number[]) {
    this.#f = f
    this.#addresses = addresses
  }

  int(x: number): Scalar {
    this.#f.i32(x)
    return this.#keep('i32')
  }

  number(x: number, dtype: DType): Scalar {
    const type = scalarType[dtype]
    if (type === 'i32') this.#f.i32(x)
    else if (type === 'i64') this.#f.i64(BigInt(x))
    else this.#f.f64(x)
    if (type === 'f32') this.#f.op('f32.demote_f64')
    return this.#keep(type)
  }

  add(a: Scalar, b: Scalar): Scalar {
    return this.#apply(`${a.type}.add`, a.type, a, b)
  }

  sub(a: Scalar, b: Scalar): Scalar {
    return this.#apply(`${a.type}.sub`, a.type, a, b)
  }

  mul(a: Scalar, b: Scalar): Scalar {
    return this.#apply(`${a.type}.mul`, a.type, a, b)
  }

  div(a: Scalar, b: Scalar): Scalar {
    return this.#apply(`${floating(a)}.div`, a.type, a, b)
  }

  abs(x: Scalar): Scalar {
    return this.#apply(`${floating(x)}.abs`, x.type, x)
  }

  sqrt(x: Scalar): Scalar {
    return this.#apply(`${floating(x)}.sqrt`, x.type, x)
  }

  exp(x: Scalar): Scalar {
    return this.#firstLane((s, v) => s.exp(v), x)
  }

  log(x: Scalar): Scalar {
    return this.#firstLane((s, v) => s.log(v), x)
  }

  eq(a: Scalar, b: Scalar): Scalar {
    return this.#apply(`${a.type}.eq`, 'i32', a, b)
  }

  lt(a: Scalar, b: Scalar): Scalar {
    return this.#apply(a.type === 'f32' || a.type === 'f64' ? `${a.type}.lt` : `${a.type}.lt_s`, 'i32', a, b)
  }

  le(a: Scalar, b: Scalar): Scalar {
    return this.#apply(a.type === 'f32' || a.type === 'f64' ? `${a.type}.le` : `${a.type}.le_s`, 'i32', a, b)
  }

  and(a: Scalar, b: Scalar): Scalar {
    return this.#apply('i32.and', 'i32', a, b)
  }

  or(a: Scalar, b: Scalar): Scalar {
    return this.#apply('i32.or', 'i32', a, b)
  }

  not(a: Scalar): Scalar {
    return this.#apply('i32.eqz', 'i32', a)
  }

  select(condition: Scalar, a: Scalar, b: Scalar): Scalar {
    return this.#apply('select', a.type, a, b, condition)
  }

  load(array: RoutineArray, index: Scalar): Scalar {
    const type = scalarType[array.dtype]
    this.#offset(array, index)
    this.#f.scalarMemory(`${type}.load`, this.#address(array))
    return this.#keep(type)
  }

  store(array: RoutineArray, index: Scalar, value: Scalar): void {
    const type = scalarType[array.dtype]
    invariant(type === value.type, 'a routine stores numbers of the type of the array')
    this.#offset(array, index)
    this.#f.get(value.local)
    this.#f.scalarMemory(`${type}.store`, this.#address(array))
  }

  variable(initial: Scalar): Variable<Scalar> {
    const kept: Scalar = { type: initial.type, local: this.#f.local(initial.type) }
    const set = (value: Scalar): void => {
      this.#f.get(value.local)
      this.#f.set(kept.local)
    }
    set(initial)
    return {
      // A copy: the variable may change before the value is used.
      get: () => {
        this.#f.get(kept.local)
        return this.#keep(kept.type)
      },
      set,
    }
  }

  for(from: Scalar, to: Scalar, body: (i: Scalar) => void): void {
    const i = this.variable(from)
    const one = this.int(1)
    this.while(
      () => this.lt(i.get(), to),
      () => {
        const at = i.get()
        body(at)
        i.set(this.add(at, one))
      },
    )
  }

  while(condition: () => Scalar, body: () => void): void {
    const f = this.#f
    f.block()
    f.loop()
    f.get(condition().local)
    f.op('i32.eqz')
    f.brIf(1)
    body()
    f.br(0)
    f.op('end')
    f.op('end')
  }

  if(condition: Scalar, then: () => void, otherwise?: () => void): void {
    const f = this.#f
    f.get(condition.local)
    f.if()
    then()
    if (otherwise) {
      f.op('else')
      otherwise()
    }
    f.op('end')
  }

  #apply(op: PlainOp, type: ScalarType, ...operands: readonly Scalar[]): Scalar {
    for (const { local } of operands) this.#f.get(local)
    this.#f.op(op)
    return this.#keep(type)
  }

  /** A function that only vector code has, of a number in all lanes. */
  #firstLane(formula: (s: VectorCode, x: Reg) => Reg, x: Scalar): Scalar {
    const f = this.#f
    const type = floating(x)
    const lanes = type === 'f32' ? 'f32x4' : 'f64x2'
    const builder = new VectorBuilder()
    const operand = builder.emit(type, { kind: 'extern', id: 0 }, [])
    const result = formula(new VectorCode(builder, type), operand)
    const locals = new Map<Reg, Local>()
    for (const reg of builder.regs) {
      for (const arg of reg.args) f.get(locals.get(arg)!)
      if (reg === operand) {
        f.get(x.local)
        f.simd(`${lanes}.splat`)
      } else emitInstruction(f, reg)
      const local = f.local('v128')
      f.set(local)
      locals.set(reg, local)
    }
    f.get(locals.get(result)!)
    f.simdLane(`${lanes}.extract_lane`, 0)
    return this.#keep(type)
  }

  /** What is on the stack, in a local. */
  #keep(type: ScalarType): Scalar {
    const local = this.#f.local(type)
    this.#f.set(local)
    return { type, local }
  }

  #offset(array: RoutineArray, index: Scalar): void {
    this.#f.get(index.local)
    this.#f.i32(byteSize[array.dtype])
    this.#f.op('i32.mul')
  }

  #address({ id }: RoutineArray): number {
    const address = this.#addresses[id]
    invariant(address !== undefined, 'a routine uses its own arrays')
    return address
  }
}

function floating({ type }: Scalar): 'f32' | 'f64' {
  invariant(type === 'f32' || type === 'f64', 'a floating-point number')
  return type
}
