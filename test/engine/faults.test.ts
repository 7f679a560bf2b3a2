/** What an index out of range is said to be, and what is no error of the caller. */
import { describe, expect, it } from 'vitest'
import { EngineFault, SpecError } from '../../engine/errors.ts'
import { indexError } from '../../engine/faults.ts'
import { Graph } from '../../engine/ir/value.ts'
import { checkIndex } from '../../engine/ops/indexing.ts'
import { input } from '../../engine/ops/source.ts'

const graph = new Graph()
checkIndex(input(graph, 'i', [], 'int64'), 3, 'index', true)
checkIndex(input(graph, 'target', [], 'float32'), 2, 'class label')

describe('a program that stopped at an index check', () => {
  it('is an error of the caller, with what was expected', () => {
    expect(indexError({ site: 0, value: 3 }, graph)).toEqual(new SpecError('index_out_of_range', 'index 3 is out of range: whole numbers from -3 to 2 expected'))
    expect(indexError({ site: 1, value: 0.5 }, graph)).toEqual(new SpecError('index_out_of_range', 'class label 0.5 is not a whole number; whole numbers from 0 to 1 expected'))
  })

  it('is a fault of the engine where no check explains it', () => {
    expect(() => indexError(undefined, graph)).toThrow(EngineFault)
    expect(() => indexError({ site: 2, value: 0 }, graph)).toThrow(EngineFault)
  })
})
