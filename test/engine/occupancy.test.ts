/** The lowest free address, beside a search through all that is taken. */
import { expect, it } from 'vitest'
import { Occupancy } from '../../engine/passes/occupancy.ts'
import { TestRandom } from './agree.ts'

interface Taken {
  readonly from: number
  readonly to: number
  readonly first: number
  readonly last: number
}

function lowest(taken: readonly Taken[], start: number, bytes: number, first: number, last: number): number {
  let from = start
  for (const other of taken.toSorted((a, b) => a.from - b.from)) {
    if (other.first > last || first > other.last) continue
    if (other.from - from >= bytes) break
    from = Math.max(from, other.to)
  }
  return from
}

it('is the lowest one, whatever the sizes and times', () => {
  const random = new TestRandom(11)
  for (const times of [1, 2, 3, 7, 64, 100]) {
    for (let round = 0; round < 10; round++) {
      const occupancy = new Occupancy(times)
      const taken: Taken[] = []
      for (let i = 0; i < 60; i++) {
        const [one, other] = [random.below(times), random.below(times)]
        const [first, last, bytes] = [Math.min(one, other), Math.max(one, other), 64 * (1 + random.below(5))]
        const from = occupancy.lowest(1024, bytes, first, last)
        expect(from).toBe(lowest(taken, 1024, bytes, first, last))
        occupancy.take(from, from + bytes, first, last)
        taken.push({ from, to: from + bytes, first, last })
      }
    }
  }
})
