/** The bytes that the cache knows programs by. */
import { describe, expect, it } from 'vitest'
import type { Binding, StepGraph } from '../../engine/compile.ts'
import { defaultCompileOptions } from '../../engine/compile.ts'
import { printGraph } from '../../engine/ir/print.ts'
import { Graph } from '../../engine/ir/value.ts'
import type { Value } from '../../engine/ir/value.ts'
import { add } from '../../engine/ops/elementwise.ts'
import { constant, input } from '../../engine/ops/source.ts'
import { reshape, sum } from '../../engine/ops/view.ts'
import { structureBytes } from '../../engine/structure-bytes.ts'
import { randomGraph } from './random-graph.ts'

const empty: StepGraph = { bindings: [], records: [], updates: [] }

function textOf(graph: StepGraph, options = defaultCompileOptions): string {
  return Buffer.from(structureBytes(graph, options)).toString('latin1')
}

function recording(values: readonly Value[]): StepGraph {
  return { ...empty, records: values.map((value, i) => ({ name: `value ${i}`, value })) }
}

describe('the bytes of a structure', () => {
  it('are the same for graphs that print the same, and for no others', () => {
    const byText = new Map<string, string>()
    const byBytes = new Map<string, string>()
    let repeats = 0
    for (let seed = 0; seed < 1500; seed++) {
      const graph = recording(randomGraph(seed, 1 + (seed % 4), seed % 2 === 0 ? 'float32' : 'float64', false).roots)
      const [text, bytes] = [printGraph(graph.records), textOf(graph)]
      if (byText.has(text)) repeats++
      expect(byText.get(text) ?? bytes).toBe(bytes)
      expect(byBytes.get(bytes) ?? text).toBe(text)
      byText.set(text, bytes)
      byBytes.set(bytes, text)
    }
    expect(repeats).toBeGreaterThan(0)
    expect(byBytes.size).toBeGreaterThan(1000)
  })

  it('do not depend on what else the graph holds', () => {
    const one = new Graph()
    const other = new Graph()
    const y = input(other, 'y', [3], 'float32')
    sum(add(y, y), [0])
    const [first, second] = [one, other].map((graph) => textOf(recording([sum(input(graph, 'x', [3], 'float32'), [0])])))
    expect(first).toBe(second)
  })

  it('do not depend on what was written before', () => {
    const graph = new Graph()
    const small = recording([sum(input(graph, 'x', [3], 'float32'), [0])])
    const before = textOf(small)
    let value = input(graph, 'x', [], 'float32')
    for (let i = 0; i < 10_000; i++) value = add(value, constant(graph, i, 'float32'))
    const large = textOf(recording([value]))
    expect(large.length).toBeGreaterThan(2 ** 18)
    expect(textOf(small)).toBe(before)
    expect(textOf(recording([value]))).toBe(large)
  })

  it('tell numbers, names, roles and options apart', () => {
    const graph = new Graph()
    const x = input(graph, 'x', [2, 3], 'float32')
    const binding: Binding = { name: 'x', dtype: 'float32', shape: [2, 3], role: 'data' }
    const variants: string[] = [
      ...[0, -0, 1, 1e-300, NaN, Infinity].map((number) => textOf(recording([constant(graph, number, 'float64')]))),
      textOf(recording([constant(graph, 1, 'float32')])),
      ...[[6], [3, 2], [1, 6]].map((shape) => textOf(recording([reshape(x, shape)]))),
      ...[['ab', 'c'], ['a', 'bc'], ['ab', 'ć'], ['ab', '\ud800'], ['ab', '\ud801']].map(([a, b]) => textOf({ ...empty, records: [{ name: a!, value: x }, { name: b!, value: x }] })),
      textOf({ ...empty, records: [{ name: 'ab', value: x }], updates: [{ name: 'c', value: x }] }),
      textOf({ ...empty, stopOn: 'loss' }),
      ...[binding, { ...binding, turned: true }, { ...binding, role: 'state' as const }, { ...binding, shape: [6] }, { ...binding, dtype: 'float64' as const }].map((given) => textOf({ ...empty, bindings: [given] })),
      ...[{}, { wide: false }, { maxChunk: 1 }, { threads: 2 }, { alwaysShared: true }].map((options) => textOf(empty, { ...defaultCompileOptions, ...options })),
    ]
    expect(new Set(variants).size).toBe(variants.length)
  })
})
