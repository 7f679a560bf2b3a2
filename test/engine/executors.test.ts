import { describe, it } from 'vitest'
import { gradients } from '../../engine/autodiff.ts'
import { expectAgreement } from './agree.ts'
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
    it(`random graphs with their gradients in ${dtype}`, () => {
      for (let seed = first; seed < first + seeds; seed++) {
        const { roots, inputs, parameters } = randomGraph(seed, 2 + (seed % 15), dtype, true)
        const loss = scalarOf(roots)
        expectAgreement([loss, ...gradients(loss, parameters)], inputs, tolerance * 10)
      }
    })
  }
})
