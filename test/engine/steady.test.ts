import { describe, expect, it } from 'vitest'
import { optimizerTypes } from '../../engine/index.ts'
import { z } from 'zod'

/** Options that make a rule depend on the count of steps, or not. */
const variations: Readonly<Record<string, readonly object[]>> = { SGD: [{ momentum: 0.9, dampening: 0.5 }, { momentum: 0.9, nesterov: true }], RMSprop: [{ momentum: 0.5, centered: true }], Adagrad: [{ lr_decay: 0.1 }] }

describe.each([...optimizerTypes.values()].filter(({ search }) => !search).map((optimizer) => [optimizer.type, optimizer] as const))('%s', (type, optimizer) => {
  it('is steady only where its numbers stay the same and it keeps nothing but the count', () => {
    for (const given of [{}, ...(variations[type] ?? [])]) {
      const options = z.object(optimizer.options).parse(given)
      let kept = optimizer.start(options, Math.fround)
      for (let step = 0; step < 5; step++) {
        const next = optimizer.next(options, kept, Math.fround)
        if (optimizer.steady(options, kept)) {
          const later = optimizer.next(options, next.kept, Math.fround)
          expect(later.numbers).toEqual(next.numbers)
          expect(next.kept).toEqual({ ...kept, step: step + 1 })
          expect(optimizer.steady(options, next.kept)).toBe(true)
        }
        ;({ kept } = next)
      }
    }
  })
})
