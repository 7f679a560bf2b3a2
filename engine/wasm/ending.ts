/** What is computed of the sums of a product's tile before they are stored. */
import { invariant } from '../errors.ts'
import { byteSize } from '../ir/value.ts'
import type { DType } from '../ir/value.ts'
import type { Argument, Ending } from '../passes/product.ts'
import type { FunctionBody, Local } from './encode.ts'
import { emitInstruction } from './instruction.ts'
import type { LaneType, Reg } from './registers.ts'
import { VectorBuilder, laneType } from './registers.ts'
import { VectorCode } from './vector.ts'

/** The first of the function's parameters that hold the addresses of rows. */
export const firstRow: Local = 3

export class EndingCode {
  readonly #f: FunctionBody
  readonly #builder = new VectorBuilder()
  readonly #result: Reg
  /** Of what stays the same from row to row: by the number of the register, a local for each vector, or one for all. */
  readonly #fixed: Local[][] = []
  readonly #temporaries = new Map<string, Local>()

  /** Loads what the rows of the tile have in common; `vectors` is how many a row of it takes. */
  constructor(f: FunctionBody, ending: Ending, dtype: DType, vectors: number) {
    this.#f = f
    const lanes = byteSize[dtype] === 8 ? 2 : 4
    const type = laneType(dtype, lanes)
    const inputs = Array.from({ length: 1 + ending.rows }, (_, id) => this.#builder.emit(type, { kind: 'extern', id }, [], { section: 0, uniform: false }))
    const done: Reg[] = []
    const argument = (arg: Argument): Reg => {
      if (arg.kind === 'product') return inputs[0]!
      if (arg.kind === 'constant') return this.#builder.constant(laneType(arg.dtype, lanes), arg.number)
      return arg.kind === 'row' ? inputs[1 + arg.index]! : done[arg.index]!
    }
    const codes = new Map<LaneType, VectorCode>()
    const codeOf = (kind: LaneType): VectorCode => {
      const code = codes.get(kind) ?? new VectorCode(this.#builder, kind)
      codes.set(kind, code)
      return code
    }
    for (const { op, attrs, from, args } of ending.steps) done.push(op.lower(codeOf(laneType(from[0]!, lanes)), args.map(argument), attrs, from))
    const result = done.at(-1)
    invariant(result, 'an ending has a step')
    this.#result = result
    for (let row = 0; row < ending.rows; row++) {
      this.#fixed[inputs[1 + row]!.id] = Array.from({ length: vectors }, (_, j) => {
        f.get(firstRow + row)
        f.memory('v128.load', j * 16)
        return this.#stored()
      })
    }
    for (const reg of this.#builder.regs) {
      if (reg.instruction.kind !== 'constant') continue
      f.v128(reg.instruction.bytes)
      this.#fixed[reg.id] = [this.#stored()]
    }
  }

  #stored(): Local {
    const local = this.#f.local('v128')
    this.#f.set(local)
    return local
  }

  /** What is to be stored for a row of sums, vector by vector. */
  row(sums: readonly Local[]): readonly Local[] {
    const locals = [...this.#fixed]
    locals[0] = [...sums]
    for (const reg of this.#builder.regs) {
      if (locals[reg.id]) continue
      // Neighbouring vectors stand next to each other, as V8's wide-SIMD pass wants them.
      locals[reg.id] = sums.map((_, j) => {
        for (const { id } of reg.args) this.#f.get(locals[id]![j] ?? locals[id]![0]!)
        emitInstruction(this.#f, reg)
        const local = this.#temporary(reg, j)
        this.#f.set(local)
        return local
      })
    }
    return locals[this.#result.id]!
  }

  /** Used again for each row. */
  #temporary({ id }: Reg, vector: number): Local {
    const key = `${id} ${vector}`
    const local = this.#temporaries.get(key) ?? this.#f.local('v128')
    this.#temporaries.set(key, local)
    return local
  }
}
