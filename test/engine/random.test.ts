/** The generator draws what PyTorch draws. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { normal, permutation, shuffledEpoch, uniform } from '../../engine/random/draw.ts'
import { Mt19937 } from '../../engine/random/mt19937.ts'

interface Draws {
  readonly seed: number
  readonly uniform: number[]
  readonly uniform64: number[]
  readonly few: number[]
  readonly many: number[]
  readonly many64: number[]
  readonly order: number[]
  readonly epochs: number[][]
}

const cases = JSON.parse(readFileSync(new URL('../golden/random.json', import.meta.url), 'utf8')) as Draws[]

describe('one stream of draws of every kind', () => {
  for (const want of cases) {
    it(`after manual_seed(${want.seed})`, () => {
      const generator = new Mt19937(want.seed)
      expect([...uniform(generator, 'float32', 40, -0.0357, 0.0357)], 'to the last bit').toEqual(want.uniform)
      expect([...uniform(generator, 'float64', 40, 2, 5)], 'to the last bit').toEqual(want.uniform64)
      const few = [...normal(generator, 'float32', 5, 1, 2), ...normal(generator, 'float64', 2, 0, 1)]
      few.forEach((x, i) => expect(x).toBeCloseTo(want.few[i]!, 6))
      expect([...normal(generator, 'float32', 37, 0, 0.5)], 'to the last bit').toEqual(want.many.map(Math.fround))
      normal(generator, 'float64', 18, 3, 1).forEach((x, i) => expect(Math.abs(x - want.many64[i]!)).toBeLessThan(1e-14))
      expect([...permutation(generator, 23)]).toEqual(want.order)
      expect([[...shuffledEpoch(generator, 9)], [...shuffledEpoch(generator, 9)]]).toEqual(want.epochs)
    })
  }
})

it('a table of normal numbers in float32, to the last bit', () => {
  const runs = JSON.parse(readFileSync(new URL('../golden/inits-training.json', import.meta.url), 'utf8')) as { name: string; request: { seed: number }; expect: { initial_state: { w: number[][] } } }[]
  const { request, expect: want } = runs.find(({ name }) => name === 'init/a large table/float32')!
  expect([...normal(new Mt19937(request.seed), 'float32', 64 * 32, 0, 1)]).toEqual(want.initial_state.w.flat().map(Math.fround))
})
