/** What is computed of a product before it is stored gives the same bits as what is computed of it afterwards. */
import { describe, expect, it } from 'vitest'
import { compile, defaultCompileOptions } from '../../engine/compile.ts'
import type { DType, Value } from '../../engine/ir/value.ts'
import { Graph, numel, reachable } from '../../engine/ir/value.ts'
import { fullLike } from '../../engine/ops/elementwise.ts'
import { matmul } from '../../engine/ops/contract.ts'
import * as ew from '../../engine/ops/elementwise.ts'
import { input } from '../../engine/ops/source.ts'
import { expand, permute, reshape, sum } from '../../engine/ops/view.ts'
import { TestRandom, bindingsOf, runCompiled } from './agree.ts'

interface Case {
  readonly m: number
  readonly k: number
  readonly n: number
  readonly batch?: number
  /** Whether an operand is given transposed. */
  readonly turnedA?: boolean
  readonly turnedB?: boolean
}

type End = (y: Value, row: (name: string) => Value) => Value

const ends: Readonly<Record<string, End>> = {
  'a bias': (y, row) => ew.add(y, row('bias')),
  'a bias and relu': (y, row) => ew.relu(ew.add(y, row('bias'))),
  'relu alone': (y) => ew.relu(y),
  'a bias, a scale, and another slope below zero': (y, row) => {
    const z = ew.mul(ew.add(y, row('bias')), row('scale'))
    return ew.where(ew.lt(z, fullLike(z, 0)), ew.mul(z, fullLike(z, 0.01)), z)
  },
}

const cases: readonly Case[] = [
  { m: 1, k: 1, n: 2 },
  { m: 7, k: 5, n: 3 },
  { m: 13, k: 64, n: 10 },
  { m: 64, k: 40, n: 33, turnedB: true },
  { m: 20, k: 1024, n: 48 },
  { m: 20, k: 1536, n: 48, turnedA: true },
  { m: 9, k: 2000, n: 17, turnedB: true },
  { m: 400, k: 512, n: 64 },
  { m: 11, k: 30, n: 24, batch: 3 },
]

function built({ m, k, n, batch, turnedA, turnedB }: Case, dtype: DType, end: End): { product: Value; result: Value } {
  const graph = new Graph()
  const front = batch === undefined ? [] : [batch]
  const operand = (name: string, rows: number, columns: number, turned = false): Value => {
    const shape = [...front, ...(turned ? [columns, rows] : [rows, columns])]
    const given = input(graph, name, shape, dtype)
    const last = shape.length - 1
    return turned ? permute(given, [...shape.keys()].with(last, last - 1).with(last - 1, last)) : given
  }
  const product = matmul(operand('a', m, k, turnedA), operand('b', k, n, turnedB))
  const row = (name: string): Value => expand(reshape(input(graph, name, [n], dtype), [...front.map(() => 1), 1, n]), product.shape)
  return { product, result: end(product, row) }
}

function numbersFor(roots: readonly Value[]): Map<string, Float64Array> {
  const random = new TestRandom(numel(roots[0]!.shape))
  const inputs = reachable(roots).filter(({ op }) => op.kind === 'source' && op.name === 'input')
  return new Map(inputs.map(({ attrs, shape }) => [String(attrs['name']), Float64Array.from({ length: numel(shape) }, () => 2 * random.next() - 1)]))
}

describe('endings of products', () => {
  for (const [name, end] of Object.entries(ends)) {
    for (const dtype of ['float32', 'float64'] as const) {
      it(`${name}, ${dtype}`, () => {
        for (const shape of cases) {
          const { product, result } = built(shape, dtype, end)
          const numbers = numbersFor([result])
          if (numbers.has('bias')) numbers.get('bias')![0] = NaN
          for (const wide of [true, false]) {
            const [before] = runCompiled([result], numbers, { wide })
            const [after] = runCompiled([result, product], numbers, { wide })
            expect(before, JSON.stringify({ shape, wide })).toEqual(after)
          }
        }
      })
    }
  }

  const kernelsOf = (roots: readonly Value[]): number => compile({ bindings: bindingsOf(roots), records: roots.map((value, i) => ({ name: `out${i}`, value })), updates: [] }, defaultCompileOptions).kernels

  it('take a kernel away, unless the product itself is asked for, or more than rows is needed', () => {
    const shape = { m: 8, k: 8, n: 8 }
    const { product, result } = built(shape, 'float32', ends['a bias and relu']!)
    expect(kernelsOf([result])).toBe(1)
    expect(kernelsOf([result, product])).toBe(2)
    const folded = built(shape, 'float32', (y) => sum(ew.relu(y), [0, 1]))
    expect(kernelsOf([folded.result])).toBe(2)
    const dear = built(shape, 'float32', (y) => ew.tanh(y))
    expect(kernelsOf([dear.result])).toBe(2)
  })
})
