/** Runs a graph through the oracle and through the compiled module, and compares. */
import { expect } from 'vitest'
import type { Binding } from '../../engine/compile.ts'
import { compile, defaultCompileOptions } from '../../engine/compile.ts'
import { interpret } from '../../engine/interpret.ts'
import { printGraph } from '../../engine/ir/print.ts'
import type { DType, Shape, Value } from '../../engine/ir/value.ts'
import { numel, reachable } from '../../engine/ir/value.ts'
import { inputOp } from '../../engine/ops/source.ts'
import type { Elements } from '../../engine/runtime.ts'
import { Runtime } from '../../engine/runtime.ts'

export type Numbers = ReadonlyMap<string, Float64Array>

export function toElements(numbers: ArrayLike<number>, dtype: DType): Elements {
  switch (dtype) {
    case 'float32':
      return Float32Array.from(numbers)
    case 'float64':
      return Float64Array.from(numbers)
    case 'int64':
      return BigInt64Array.from(Array.from(numbers, (x) => BigInt(Math.trunc(x))))
    case 'int32':
      return Int32Array.from(numbers)
    case 'bool':
      return Uint8Array.from(numbers)
  }
}

export function toNumbers(elements: Elements): Float64Array {
  return Float64Array.from(elements as ArrayLike<number | bigint>, Number)
}

export function bindingsOf(roots: readonly Value[]): Binding[] {
  return reachable(roots)
    .filter((value) => value.op === inputOp)
    .map(({ attrs, dtype, shape }) => ({ name: attrs['name'] as string, dtype, shape, role: 'data' as const }))
}

/** One step of the compiled graph. */
export function runCompiled(roots: readonly Value[], inputs: Numbers, options: Partial<typeof defaultCompileOptions> = {}): Float64Array[] {
  const records = roots.map((value, i) => ({ name: `out${i}`, value }))
  const compiled = compile({ bindings: bindingsOf(roots), records, updates: [] }, { ...defaultCompileOptions, verify: true, ...options })
  const runtime = new Runtime(compiled)
  for (const slot of compiled.data) runtime.write(slot, toElements(inputs.get(slot.name)!, slot.dtype))
  const steps = runtime.run(1)
  if (steps !== 1) throw new Error(`fault: index ${runtime.takeFault()?.value}`)
  return compiled.records.columns.map((column) => toNumbers(runtime.record(column, 0)))
}

/** Expects both executors to give the same numbers, with kernels for wide SIMD and without. */
export function expectAgreement(roots: readonly Value[], inputs: Numbers, tolerance: number): void {
  const expected = interpret(roots, inputs)
  for (const wide of [true, false]) {
    const actual = runCompiled(roots, inputs, { wide })
    for (const [i, want] of expected.entries()) {
      const index = firstDifference(want, actual[i]!, tolerance)
      if (index >= 0) {
        expect.fail(`output ${i} (wide ${wide}), element ${index}: expected ${want[index]}, got ${actual[i]![index]}\n${printGraph([{ name: `out${i}`, value: roots[i]! }])}`)
      }
    }
  }
}

/** Index of the first element that differs by more than `tolerance`, relative or absolute; -1 when there is none. */
export function firstDifference(want: ArrayLike<number>, got: ArrayLike<number>, tolerance: number): number {
  if (want.length !== got.length) return Math.min(want.length, got.length)
  for (let i = 0; i < want.length; i++) {
    const [a, b] = [want[i]!, got[i]!]
    if (Object.is(a, b) || a === b || (Number.isNaN(a) && Number.isNaN(b))) continue
    if (!(Math.abs(a - b) <= tolerance * Math.max(1, Math.abs(a)))) return i
  }
  return -1
}

/** A seeded generator of test numbers (mulberry32). */
export class TestRandom {
  #state: number

  constructor(seed: number) {
    this.#state = seed
  }

  /** In [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let t = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296
  }

  below(n: number): number {
    return Math.floor(this.next() * n)
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!
  }

  between(low: number, high: number): number {
    return low + this.next() * (high - low)
  }

  /** Numbers that float32 holds exactly, so that both precisions start from the same. */
  numbers(shape: Shape, low: number, high: number): Float64Array {
    return Float64Array.from({ length: numel(shape) }, () => Math.fround(this.between(low, high)))
  }
}
