/** Random options of convolutions and pools: both executors agree, and the numbers with and without wide SIMD are the same. */
import { describe, expect, it } from 'vitest'
import { gradients } from '../../engine/autodiff.ts'
import type { DType, Value } from '../../engine/ir/value.ts'
import { Graph } from '../../engine/ir/value.ts'
import { convolution } from '../../engine/ops/convolution.ts'
import * as ew from '../../engine/ops/elementwise.ts'
import { pickLargest } from '../../engine/ops/pooling.ts'
import { input } from '../../engine/ops/source.ts'
import { sum } from '../../engine/ops/view.ts'
import { TestRandom, expectAgreement, runCompiled } from './agree.ts'

interface Axis {
  readonly kernel: number
  readonly stride: number
  readonly dilation: number
  readonly before: number
  readonly size: number
  readonly output: number
}

function randomAxes(random: TestRandom, kernels: readonly number[], padding: (kernel: number) => number): Axis[] {
  const rank = random.pick([1, 2, 2, 2, 3])
  return Array.from({ length: rank }, () => {
    const kernel = random.pick(kernels)
    const [stride, dilation, before] = [random.pick([1, 1, 2, 3, kernel]), random.pick([1, 1, 1, 2]), random.below(padding(kernel) + 1)]
    const span = dilation * (kernel - 1) + 1
    const size = Math.max(1, span - 2 * before) + random.below([200, 24, 6][rank - 1]!)
    return { kernel, stride, dilation, before, size, output: Math.floor((size + 2 * before - span) / stride) + 1 }
  })
}

const list = (axes: readonly Axis[], name: keyof Axis): number[] => axes.map((axis) => axis[name])

/** A loss whose gradients are of all sizes. */
function lossOf(y: Value): Value {
  return sum(ew.tanh(y), [...y.shape.keys()])
}

function check(roots: readonly Value[], values: ReadonlyMap<string, Float64Array>, dtype: DType): void {
  expectAgreement(roots, values, dtype === 'float32' ? 3e-5 : 1e-11)
  const [wide, narrow] = [runCompiled(roots, values, { wide: true }), runCompiled(roots, values, { wide: false })]
  expect(wide.map((numbers) => [...numbers])).toEqual(narrow.map((numbers) => [...numbers]))
}

describe('random options', () => {
  it('of convolutions', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = new TestRandom(seed)
      const dtype = seed % 3 === 0 ? 'float64' : 'float32'
      const [groups, inputs, outputs, samples] = [random.pick([1, 1, 1, 2, 3]), 1 + random.below(4), 1 + random.below(9), 1 + random.below(3)]
      const axes = randomAxes(random, [1, 2, 3, 3, 5], () => 3)
      const graph = new Graph()
      const x = input(graph, 'x', [samples, inputs * groups, ...list(axes, 'size')], dtype)
      const w = input(graph, 'w', [outputs * groups, inputs, ...list(axes, 'kernel')], dtype)
      const bias = input(graph, 'b', [outputs * groups], dtype)
      const values = new Map([x, w, bias].map((value) => [String(value.attrs['name']), random.numbers(value.shape, -1, 1).map(Math.fround)]))
      const y = convolution(x, w, seed % 2 ? bias : undefined, list(axes, 'output'), { stride: list(axes, 'stride'), dilation: list(axes, 'dilation'), before: list(axes, 'before'), groups })
      check([y, ew.relu(y), ...gradients(lossOf(seed % 4 < 2 ? ew.relu(y) : y), [x, w, bias])], new Map(values), dtype)
    }
  })

  it('of a convolution, max(…, 0) and a pool', () => {
    for (let seed = 1; seed <= 30; seed++) {
      const random = new TestRandom(seed)
      const graph = new Graph()
      const x = input(graph, 'x', [2, 2, 6 + random.below(9), 6 + random.below(30)], 'float32')
      const w = input(graph, 'w', [3, 2, 3, 3], 'float32')
      const bias = input(graph, 'b', [3], 'float32')
      const values = new Map([x, w, bias].map((value) => [String(value.attrs['name']), random.numbers(value.shape, -1, 1).map(Math.fround)]))
      const [height, width] = x.shape.slice(2) as [number, number]
      const y = ew.relu(convolution(x, w, bias, [height, width], { stride: [1, 1], dilation: [1, 1], before: [1, 1], groups: 1 }))
      const [size, stride] = random.pick([[2, 2], [3, 2], [2, 1]])
      const options = { kernel: [size, size], stride: [stride, stride], dilation: [1, 1], before: [0, 0], extent: [height, width].map((n) => Math.floor((n - size) / stride) + 1) }
      const pooled = pickLargest(y, y, options)
      check([pooled, ...gradients(lossOf(pooled), [x, w, bias])], values, 'float32')
    }
  })

  it('of pools, with equal elements and NaN', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = new TestRandom(seed)
      const dtype = seed % 3 === 0 ? 'float64' : 'float32'
      const axes = randomAxes(random, [1, 2, 2, 3, 5], (kernel) => Math.floor(kernel / 2))
      const graph = new Graph()
      const x = input(graph, 'x', [1 + random.below(3), 1 + random.below(3), ...list(axes, 'size')], dtype)
      const numbers = random.numbers(x.shape, -2, 2).map((value) => Math.round(value * 4) / 4)
      if (seed % 5 === 0) numbers[random.below(numbers.length)] = NaN
      const y = pickLargest(x, x, { kernel: list(axes, 'kernel'), stride: list(axes, 'stride'), dilation: list(axes, 'dilation'), before: list(axes, 'before'), extent: list(axes, 'output') })
      check([y, ...gradients(lossOf(y), [x])], new Map([['x', numbers]]), dtype)
    }
  })
})
