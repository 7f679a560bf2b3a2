/** Gradients of slices of one tensor: summed piece by piece, and never in more nodes than there are slices. */
import { describe, expect, it } from 'vitest'
import { gradients } from '../../engine/autodiff.ts'
import { interpret } from '../../engine/interpret.ts'
import type { Value } from '../../engine/ir/value.ts'
import { Graph, reachable } from '../../engine/ir/value.ts'
import * as ew from '../../engine/ops/elementwise.ts'
import { input } from '../../engine/ops/source.ts'
import { concat, concatOp, slice, sum } from '../../engine/ops/view.ts'
import { simplify } from '../../engine/passes/simplify.ts'
import { TestRandom } from './agree.ts'

/** Σ (k + 1) xᵢ² over the elements of slice k. */
function lossOf(x: Value, slices: readonly (readonly [start: number, length: number])[]): Value {
  let loss: Value | undefined
  for (const [k, [start, length]] of slices.entries()) {
    const part = slice(x, 0, start, length)
    const term = sum(ew.mul(ew.mul(part, part), k + 1), [0])
    loss = loss ? ew.add(loss, term) : term
  }
  return loss!
}

describe('gradients of slices', () => {
  it('are right wherever the slices lie', () => {
    const random = new TestRandom(7)
    const size = 12
    for (let round = 0; round < 200; round++) {
      const x = input(new Graph(), 'x', [size], 'float64')
      const numbers = Float64Array.from({ length: size }, (_, i) => i - 5)
      const slices = Array.from({ length: 1 + random.below(6) }, () => {
        const start = random.below(size)
        return [start, 1 + random.below(size - start)] as const
      })
      const expected = Array.from(numbers, (number, i) => slices.reduce((total, [start, length], k) => total + (i >= start && i < start + length ? 2 * (k + 1) * number : 0), 0))
      const [gradient] = gradients(lossOf(x, slices), [x])
      const outputs = simplify([{ name: 'g', value: gradient! }])
      const [value] = interpret([outputs[0]!.value], new Map([['x', numbers]]))
      expect([...value!].map((number) => number + 0), JSON.stringify(slices)).toEqual(expected)
    }
  })

  it('of slices that do not overlap are one concatenation', () => {
    const x = input(new Graph(), 'x', [6], 'float32')
    const [gradient] = gradients(lossOf(x, [[4, 1], [0, 2], [2, 2]]), [x])
    expect(gradient!.op).toBe(concatOp)
    expect(gradient!.inputs.map(({ shape }) => shape)).toEqual([[2], [2], [1], [1]])
    expect(reachable([gradient!]).filter(({ op }) => op === concatOp)).toHaveLength(1)
  })

  it('grow as the slices do', () => {
    const sizeOf = (count: number): number => {
      const x = input(new Graph(), 'x', [count], 'float32')
      const [gradient] = gradients(lossOf(x, Array.from({ length: count }, (_, i) => [i, 1] as const)), [x])
      const [output] = simplify([{ name: 'g', value: gradient! }])
      return [gradient!, output!.value].reduce((total, { graph }) => total + graph.values.reduce((inputs, value) => inputs + 1 + value.inputs.length, 0), 0)
    }
    expect(sizeOf(400) / sizeOf(200)).toBeLessThan(2.1)
  })
})

describe('sums of concatenations', () => {
  it('are taken piece by piece, where the pieces meet', () => {
    const graph = new Graph()
    const [a, b, c] = ['a', 'b', 'c'].map((name) => input(graph, name, [2], 'float32')) as [Value, Value, Value]
    const zero = ew.fullLike(a, 0)
    const total = (x: Value, y: Value): Value => simplify([{ name: 'total', value: ew.add(x, y) }])[0]!.value
    const disjoint = total(concat([a, zero], 0), concat([zero, b], 0))
    expect(disjoint.inputs.map(({ attrs }) => attrs['name'])).toEqual(['a', 'b'])
    const wide = input(graph, 'wide', [4], 'float32')
    const across = total(concat([a, concat([b, c], 0)], 0), concat([zero, wide], 0))
    expect(across.op.name).toBe('add')
  })
})
