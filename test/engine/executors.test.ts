import { describe, it } from 'vitest'
import { gradients } from '../../engine/autodiff.ts'
import { Graph } from '../../engine/ir/value.ts'
import { matmul } from '../../engine/ops/contract.ts'
import { input } from '../../engine/ops/source.ts'
import { transposeLast } from '../../engine/ops/view.ts'
import { TestRandom, expectAgreement } from './agree.ts'
import { randomGraph, scalarOf } from './random-graph.ts'

describe('the compiled module computes what the oracle computes', () => {
  const seeds = Number(process.env['FUZZ_GRAPHS'] ?? 150)
  const first = Number(process.env['FUZZ_SEED'] ?? 1)
  for (const dtype of ['float64', 'float32'] as const) {
    const tolerance = dtype === 'float64' ? 1e-11 : 2e-3
    it(`random graphs in ${dtype}`, () => {
      for (let seed = first; seed < first + seeds; seed++) {
        const { roots, inputs } = randomGraph(seed, 3 + (seed % 25), dtype, false)
        expectAgreement(roots, inputs, tolerance)
      }
    })
    it(`random graphs on rows of tensors in ${dtype}`, () => {
      for (let seed = first; seed < first + seeds; seed++) {
        const { roots, inputs } = randomGraph(seed, 3 + (seed % 25), dtype, false, true)
        expectAgreement(roots, inputs, tolerance)
      }
    })
    it(`random graphs with their gradients in ${dtype}`, () => {
      for (let seed = first; seed < first + seeds; seed++) {
        const { roots, inputs, parameters } = randomGraph(seed, 2 + (seed % 15), dtype, true)
        const loss = scalarOf(roots)
        expectAgreement([loss, ...gradients(loss, parameters)], inputs, tolerance * 10)
      }
    })
  }
})

describe('products of matrices', () => {
  /** m, k and n: not of a tile; longer than a slab of k; more rows than a block (800); strides that share few sets of a cache, or one. */
  const sizes = [[1, 5, 3], [3, 0, 4], [2, 3, 17], [7, 1, 9], [13, 70, 1], [5, 33, 31], [6, 16, 16], [7, 1100, 50], [256, 601, 49], [200, 515, 19], [256, 40, 64], [800, 520, 41], [390, 1024, 129]] as const
  for (const dtype of ['float64', 'float32'] as const) {
    it(`of ${sizes.length} sizes, transposed and not, in ${dtype}`, () => {
      const random = new TestRandom(3)
      for (const [m, k, n] of sizes) {
        for (const [turnA, turnB] of [[false, false], [true, false], [false, true], [true, true]] as const) {
          const graph = new Graph()
          const batch = m * k * n < 2000 ? [3] : []
          const [a, b] = [[m, k, turnA], [k, n, turnB]].map(([rows, columns, turned], i) =>
            input(graph, `x${i}`, [...batch, ...(turned ? [columns, rows] : [rows, columns])] as number[], dtype))
          const inputs = new Map([a!, b!].map((value, i) => [`x${i}`, random.numbers(value.shape, -1, 1)]))
          expectAgreement([matmul(turnA ? transposeLast(a!) : a!, turnB ? transposeLast(b!) : b!)], inputs, dtype === 'float64' ? 1e-12 : 1e-4)
        }
      }
    })
  }
})
