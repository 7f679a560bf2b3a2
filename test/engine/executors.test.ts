import { describe, it } from 'vitest'
import { gradients } from '../../engine/autodiff.ts'
import { mul } from '../../engine/ops/elementwise.ts'
import { add } from '../../engine/ops/elementwise.ts'
import { sum } from '../../engine/ops/view.ts'
import type { Value } from '../../engine/ir/value.ts'
import { expectAgreement } from './agree.ts'
import { randomGraph } from './random-graph.ts'

/** A scalar that depends on every element of every root. */
export function scalarOf(roots: readonly Value[]): Value {
  return roots.map((root) => sum(mul(root, root), root.shape.map((_, axis) => axis))).reduce((a, b) => add(a, b))
}

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
    it(`random graphs with their gradients in ${dtype}`, () => {
      for (let seed = first; seed < first + seeds; seed++) {
        const { roots, inputs, parameters } = randomGraph(seed, 2 + (seed % 15), dtype, true)
        const loss = scalarOf(roots)
        expectAgreement([loss, ...gradients(loss, parameters)], inputs, tolerance * 10)
      }
    })
  }
})
