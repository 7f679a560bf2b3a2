/** Routines: the same program in the oracle and as scalar WebAssembly, on operands of every kind. */
import { describe, expect, it } from 'vitest'
import { interpret } from '../../engine/interpret.ts'
import type { DType, Shape, Value } from '../../engine/ir/value.ts'
import { Graph, numel } from '../../engine/ir/value.ts'
import * as ew from '../../engine/ops/elementwise.ts'
import { argsort } from '../../engine/ops/sorting.ts'
import { constant, input } from '../../engine/ops/source.ts'
import { expand, permute, slice } from '../../engine/ops/view.ts'
import { TestRandom, runCompiled } from './agree.ts'

/** Places by their numbers, NaN as the largest; JavaScript's sort is stable. */
function places(row: readonly number[], descending: boolean): number[] {
  const order = (a: number, b: number): number => (Number.isNaN(a) ? (Number.isNaN(b) ? 0 : 1) : Number.isNaN(b) ? -1 : a - b)
  return [...row.keys()].toSorted((i, j) => (descending ? order(row[j]!, row[i]!) : order(row[i]!, row[j]!)))
}

function rowsOf(numbers: readonly number[], size: number): number[][] {
  return Array.from({ length: numbers.length / size }, (_, i) => numbers.slice(i * size, (i + 1) * size))
}

describe('argsort', () => {
  const random = new TestRandom(7)
  const check = (numbers: readonly number[], shape: Shape, dtype: DType): void => {
    for (const descending of [false, true]) {
      const graph = new Graph()
      const sorted = argsort(input(graph, 'x', shape, dtype), descending)
      const values = new Map([['x', Float64Array.from(numbers)]])
      const want = rowsOf(numbers, shape.at(-1)!).flatMap((row) => places(row, descending))
      expect([...interpret([sorted], values)[0]!]).toEqual(want)
      expect([...runCompiled([sorted], values)[0]!]).toEqual(want)
    }
  }

  it.each(['float32', 'float64', 'int64'] as const)('orders %s, equal elements in their order', (dtype) => {
    for (const size of [1, 2, 3, 4, 7, 16, 33, 1000]) {
      const shape = [3, size]
      check(Array.from({ length: numel(shape) }, () => Math.round(random.next() * 20 - 10)), shape, dtype)
    }
  })

  it.each(['float32', 'float64'] as const)('NaN is the largest %s, infinities have their place', (dtype) => {
    check([1, NaN, -Infinity, 0, NaN, Infinity, -0, 2, NaN, -3], [10], dtype)
    check([NaN, NaN, NaN], [3], dtype)
  })

  it('of views, of what a loop computes and of constants', () => {
    const graph = new Graph()
    const x = input(graph, 'x', [4, 6], 'float64')
    const values = new Map([['x', Float64Array.from({ length: 24 }, () => random.next())]])
    const operands: Value[] = [permute(x, [1, 0]), slice(x, 1, 5, 3, -2), ew.sin(ew.mul(x, 9)), expand(constant(graph, 2, 'float64'), [2, 3]), slice(x, 0, 2, 1)]
    const sorted = operands.map((operand) => argsort(operand, false))
    const [wanted, got] = [interpret(sorted, values), runCompiled(sorted, values)]
    for (const [i, want] of wanted.entries()) expect([...got[i]!]).toEqual([...want])
  })
})
