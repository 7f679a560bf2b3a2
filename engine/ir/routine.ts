/**
 * Routines: algorithms that are no loop over elements (sorting, factorisations). Written once against this interface;
 * it runs as JavaScript numbers (the oracle) and as scalar WebAssembly.
 *
 * Operands and the result lie row-major in arrays of their own. A condition is a whole number, 0 for false.
 */
import type { DType } from './types.ts'

/** An operand, the result or working memory; row-major. */
export interface RoutineArray {
  readonly id: number
  readonly dtype: DType
}

export interface Variable<T> {
  readonly get: () => T
  readonly set: (value: T) => void
}

export interface RoutineCode<T> {
  /** A whole number: a place, a count, a condition. */
  int(x: number): T
  /** A number of the given dtype. */
  number(x: number, dtype: DType): T

  /** Both operands are of one type, also below. */
  add(a: T, b: T): T
  sub(a: T, b: T): T
  mul(a: T, b: T): T
  /** Of floating-point numbers. */
  div(a: T, b: T): T
  abs(x: T): T
  sqrt(x: T): T
  exp(x: T): T
  log(x: T): T

  eq(a: T, b: T): T
  lt(a: T, b: T): T
  le(a: T, b: T): T
  /** Of conditions; both are evaluated. */
  and(a: T, b: T): T
  or(a: T, b: T): T
  not(a: T): T
  select(condition: T, a: T, b: T): T

  load(array: RoutineArray, index: T): T
  store(array: RoutineArray, index: T, value: T): void

  variable(initial: T): Variable<T>
  /** `body` for from, from + 1, … while it is below `to`. */
  for(from: T, to: T, body: (i: T) => void): void
  while(condition: () => T, body: () => void): void
  if(condition: T, then: () => void, otherwise?: () => void): void
}

/** The smaller of two whole numbers. */
export function least<T>(code: RoutineCode<T>, a: T, b: T): T {
  return code.select(code.lt(a, b), a, b)
}

/** Numbers that run at once; `memory` holds the arrays by their ids. */
export function numberRoutine(memory: readonly Float64Array[]): RoutineCode<number> {
  return {
    int: (x) => x,
    number: (x) => x,
    add: (a, b) => a + b,
    sub: (a, b) => a - b,
    mul: (a, b) => a * b,
    div: (a, b) => a / b,
    abs: Math.abs,
    sqrt: Math.sqrt,
    exp: Math.exp,
    log: Math.log,
    eq: (a, b) => Number(a === b),
    lt: (a, b) => Number(a < b),
    le: (a, b) => Number(a <= b),
    and: (a, b) => a & b,
    or: (a, b) => a | b,
    not: (a) => Number(a === 0),
    select: (condition, a, b) => (condition ? a : b),
    load: ({ id }, index) => memory[id]![index]!,
    store: ({ id }, index, value) => {
      memory[id]![index] = value
    },
    variable: (initial) => {
      let value = initial
      return {
        get: () => value,
        set: (next) => {
          value = next
        },
      }
    },
    for: (from, to, body) => {
      for (let i = from; i < to; i++) body(i)
    },
    while: (condition, body) => {
      while (condition()) body()
    },
    if: (condition, then, otherwise) => {
      if (condition) then()
      else otherwise?.()
    },
  }
}
