/** Tensors whose numbers are known while a program is followed: made of numbers of the program, of no input. */
import { interpret } from '../interpret.ts'
import type { Value } from '../ir/value.ts'
import { isFloat, numel, reachable } from '../ir/value.ts'
import type { Num } from '../lang/values.ts'

/** Larger tensors count as unknown. */
const maxElements = 10_000

const found = new WeakMap<Value, readonly number[] | null>()

/** The elements of `value`, row by row; undefined where they are only known when the program runs. */
export function knownNumbers(value: Value): readonly number[] | undefined {
  if (value.bound) return undefined
  let numbers = found.get(value)
  if (numbers === undefined) {
    numbers = compute(value)
    found.set(value, numbers)
  }
  return numbers ?? undefined
}

function compute(value: Value): readonly number[] | null {
  const parts = reachable([value])
  if (parts.some((part) => numel(part.shape) > maxElements) || parts.length > maxElements) return null
  const [numbers] = interpret([value], new Map())
  return [...numbers!].map((x) => (value.dtype === 'float32' ? Math.fround(x) : x))
}

/** An element as a Python number. */
export function asPythonNumber(value: Value, x: number): Num | { readonly kind: 'boolean'; readonly value: boolean } {
  if (value.dtype === 'bool') return { kind: 'boolean', value: x !== 0 }
  return { kind: 'number', value: x, whole: !isFloat(value.dtype) }
}

/** The number of a tensor of one element, where it is known. */
export function knownNumber(value: Value): number | undefined {
  return numel(value.shape) === 1 ? knownNumbers(value)?.[0] : undefined
}
