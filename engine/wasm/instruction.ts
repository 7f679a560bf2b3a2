/** Single vector instructions, and the locals that hold their results. */
import { invariant } from '../errors.ts'
import type { FunctionBody, Local } from './encode.ts'
import type { Reg } from './registers.ts'

/** Vector locals of a function that are taken for a while and used again afterwards. */
export class LocalPool {
  readonly #f: FunctionBody
  readonly #free: Local[] = []

  constructor(f: FunctionBody) {
    this.#f = f
  }

  take(): Local {
    return this.#free.pop() ?? this.#f.local('v128')
  }

  give(locals: readonly Local[]): void {
    this.#free.push(...locals)
  }
}

/** Emits the instruction alone: its operands are on the stack. */
export function emitInstruction(f: FunctionBody, reg: Reg): void {
  const { instruction } = reg
  switch (instruction.kind) {
    case 'op':
      f.simdCode(instruction.code)
      return
    case 'shift':
      f.i32(instruction.count)
      f.simd(instruction.op)
      return
    case 'shuffle':
      f.shuffle(instruction.bytes)
      return
    case 'constant':
      f.v128(instruction.bytes)
      return
    default:
      invariant(false, `${instruction.kind} is emitted elsewhere`)
  }
}
