/** A fixed sample of random programs with PyTorch's answers; `npm run fuzz` makes others where PyTorch is installed. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { PyTorchAnswer } from './compare.ts'
import { compare } from './compare.ts'
import type { FuzzProgram } from './generate.ts'
import { Generator } from './generate.ts'
import { faultOf, mutated } from './mutate.ts'

const sample = JSON.parse(readFileSync(new URL('sample.json', import.meta.url), 'utf8')) as { readonly program: FuzzProgram; readonly answer: PyTorchAnswer }[]

describe('random programs', () => {
  for (const { program, answer } of sample) {
    it(`${program.seed}, ${answer.statuses.filter((status) => status === 'kept').length} operations`, () => expect(compare(program, answer)).toEqual({ kind: 'agrees' }))
  }

  it('the generator makes the same program for the same seed, from 1 to 30 operations, and nothing that breaks the engine', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const length = 1 + (seed % 30)
      const program = new Generator(seed).program(length)
      expect(new Generator(seed).program(length)).toEqual(program)
      expect(program.lines.filter((line) => line.refused?.code === 'internal_error')).toEqual([])
      expect(program.lines.some((line) => line.refused === undefined)).toBe(true)
    }
  })

  it('an answer with another number is a disagreement', () => {
    const { program, answer } = sample[0]!
    expect(compare(program, { ...answer, loss: answer.loss + 1 }).kind).toBe('disagrees')
  })
})

describe('calls with other arguments', () => {
  it('are refused or not, and break nothing', () => {
    const texts = mutated(3)
    const faults = Array.from({ length: 1500 }, () => texts.next().value as string).flatMap((text) => {
      const fault = faultOf(text)
      return fault === undefined ? [] : [`${text}\n${fault}`]
    })
    expect(faults).toEqual([])
  })
})
