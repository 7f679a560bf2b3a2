/** What the passes make of a graph: the memory plan on random graphs, layouts of views, and a few plans as text. */
import { describe, expect, it } from 'vitest'
import type { Binding, StepGraph } from '../../engine/compile.ts'
import { compile, defaultCompileOptions } from '../../engine/compile.ts'
import { gradients } from '../../engine/autodiff.ts'
import { interpret } from '../../engine/interpret.ts'
import type { Value } from '../../engine/ir/value.ts'
import { Graph, numel, reachable } from '../../engine/ir/value.ts'
import type { Layout } from '../../engine/ir/layout.ts'
import { contiguous, flatDims, refine, stridesOn } from '../../engine/ir/layout.ts'
import { ProgramCache, Training, backward } from '../../engine/index.ts'
import { matmul } from '../../engine/ops/contract.ts'
import * as ew from '../../engine/ops/elementwise.ts'
import { checkIndex, gather } from '../../engine/ops/indexing.ts'
import { input } from '../../engine/ops/source.ts'
import { expand, permute, reshape, slice } from '../../engine/ops/view.ts'
import { fuse } from '../../engine/passes/fuse.ts'
import { legalize } from '../../engine/passes/legalize.ts'
import { planMemory } from '../../engine/passes/memory.ts'
import { schedule } from '../../engine/passes/schedule.ts'
import { simplify } from '../../engine/passes/simplify.ts'
import { disassemble } from '../../engine/wasm/disassemble.ts'
import { defaultLimits } from '../../engine/spec.ts'
import type { TrainRequest } from '../../src/spec.ts'
import { validate } from '../../src/validate.ts'
import { TestRandom } from './agree.ts'
import { randomGraph, scalarOf } from './random-graph.ts'

describe('the memory plan', () => {
  /** Buffers that hold something at the same time never share a byte. */
  function checkOverlaps(roots: readonly Value[]): number {
    const outputs = legalize(simplify(simplify(roots.map((value, i) => ({ name: `out${i}`, value })))))
    const fusion = fuse(outputs.map((output) => output.value))
    const plan = schedule(fusion, [])
    const kept = new Set(outputs.map((output) => output.value))
    const sources = reachable([...kept]).filter((value) => value.op.kind === 'source')
    const memory = planMemory(sources, plan, kept, true)

    // From the kernels alone: written first, read last.
    const lives = new Map<unknown, { first: number; last: number }>()
    for (const source of sources) lives.set(source, { first: -1, last: Infinity })
    for (const [i, kernel] of plan.kernels.entries()) {
      for (const value of kernel.writes) {
        const life = lives.get(value)
        lives.set(value, { first: life?.first ?? i, last: kept.has(value) ? Infinity : Math.max(i, life?.last ?? i) })
      }
      for (const value of kernel.reads.keys()) {
        const life = lives.get(value)
        expect(life, 'a buffer is written before it is read').toBeDefined()
        lives.set(value, { first: life!.first, last: Math.max(life!.last, i) })
      }
      if (kernel.kind === 'loop') for (const { scratch } of kernel.scratches) lives.set(scratch, { first: i, last: i })
    }
    const placed = [...lives].map(([base, life]) => ({ ...life, from: memory.addresses.get(base as Value)!, to: memory.addresses.get(base as Value)! + memory.sizes.get(base as Value)! }))
    for (const [i, a] of placed.entries()) {
      expect(a.to).toBeLessThanOrEqual(memory.workspace)
      for (const b of placed.slice(i + 1)) {
        const together = a.first <= b.last && b.first <= a.last
        expect(together && a.from < b.to && b.from < a.to).toBe(false)
      }
    }
    return placed.length
  }

  it('never puts two live buffers into one place, over random graphs', () => {
    let buffers = 0
    for (let seed = 1; seed <= 80; seed++) buffers += checkOverlaps(randomGraph(seed, 3 + (seed % 25), 'float32', false).roots)
    for (let seed = 1; seed <= 60; seed++) {
      const { roots, parameters } = randomGraph(seed, 2 + (seed % 15), 'float64', true)
      const loss = scalarOf(roots)
      buffers += checkOverlaps([loss, ...gradients(loss, parameters)])
    }
    expect(buffers).toBeGreaterThan(1000)
  })

  it('buffers share space when they can', () => {
    const graph = new Graph()
    let x = input(graph, 'x', [64, 64], 'float32')
    const start = x
    for (let i = 0; i < 20; i++) x = ew.tanh(matmul(x, start))
    const bytes = 64 * 64 * 4
    const { memoryBytes } = compile(stepOf([x]))
    // Input, two temporaries in turn, the output and its record, a panel.
    expect(memoryBytes).toBeLessThan(bytes * 7 + 2 ** 20)
  })
})

function stepOf(roots: readonly Value[]): StepGraph {
  const bindings: Binding[] = reachable(roots)
    .filter(({ op }) => op.name === 'input')
    .map(({ attrs, dtype, shape }) => ({ name: attrs['name'] as string, dtype, shape, role: 'data' }))
  return { bindings, records: roots.map((value, i) => ({ name: `out${i}`, value })), updates: [] }
}

describe('layouts', () => {
  it('of random chains of views lead to the elements that the views have', () => {
    let views = 0
    for (let seed = 1; seed <= 300; seed++) {
      const random = new TestRandom(seed)
      const graph = new Graph()
      const base = input(graph, 'x', random.pick([[4, 6], [2, 3, 4], [24], [5, 1, 3], [8, 8]]), 'float64')
      let view = base
      let layout: Layout = contiguous(base.shape)
      for (let i = 0; i < 5; i++) {
        const next = nextView(random, view)
        if (next === view) continue
        const found = layoutFrom(view, layout, next)
        // Some reshapes need a copy; they are left out.
        if (!found) continue
        view = next
        layout = found
        views++
      }
      const places = Float64Array.from({ length: numel(base.shape) }, (_, i) => i)
      const [want] = interpret([view], new Map([['x', places]]))
      expect(elementsOf(flatDims(layout), layout.offset)).toEqual([...want!])
    }
    expect(views).toBeGreaterThan(1000)
  })

  /** The layout of `view`, which is `base` or a view of it. */
  function layoutFrom(base: Value, layout: Layout, view: Value): Layout | null {
    if (view === base) return layout
    const inner = layoutFrom(base, layout, view.inputs[0]!)
    return inner && view.op.kind === 'view' ? view.op.layout(inner, view.attrs, view.shape) : null
  }

  function nextView(random: TestRandom, x: Value): Value {
    const rank = x.shape.length
    const axis = random.below(Math.max(1, rank))
    switch (random.below(4)) {
      case 0:
        return permute(x, [...x.shape.keys()].toSorted(() => random.next() - 0.5))
      case 1:
        return reshape(x, random.pick([[numel(x.shape)], [1, ...x.shape], [...x.shape, 1]]))
      case 2:
        return rank > 0 && x.shape[axis]! > 1 ? slice(x, axis, 1, x.shape[axis]! - 1, 1) : x
      default:
        return expand(reshape(x, [...x.shape, 1]), [...x.shape, 2])
    }
  }

  function elementsOf(dims: readonly { size: number; stride: number }[], offset: number): number[] {
    const [first, ...rest] = dims
    if (!first) return [offset]
    return Array.from({ length: first.size }, (_, i) => elementsOf(rest, offset + i * first.stride)).flat()
  }

  it('refine: the coarsest sizes that both are made of', () => {
    expect(refine([6, 4], [24])).toEqual([6, 4])
    expect(refine([6, 4], [2, 12])).toEqual([2, 3, 4])
    expect(refine([2, 3], [3, 2])).toBeNull()
    expect(refine([1, 5], [5])).toEqual([5])
  })

  it('stridesOn: strides of a layout on finer sizes', () => {
    expect(stridesOn(flatDims(contiguous([6, 4])), [2, 3, 4])).toEqual([12, 4, 1])
    expect(stridesOn([{ size: 4, stride: 1 }, { size: 6, stride: 4 }], [2, 2, 6])).toEqual([2, 1, 4])
    expect(stridesOn([{ size: 6, stride: 1 }], [4])).toBeNull()
  })
})

const sgd = { type: 'SGD', lr: 0.01, momentum: 0, dampening: 0, weight_decay: 0, nesterov: false, maximize: false }
const common = { seed: 0, dtype: 'float32', steps: 1, shuffle: false, drop_last: false } as const

const specs = {
  notebook: { ...common, model: { parameters: { w: { value: 1 } }, forward: 'y_hat = w * x' }, loss: '(y_hat - y)**2', data: { x: 1, y: 2 }, optimizer: sgd },
  classifier: {
    ...common,
    model: { layers: [{ type: 'Linear', in_features: 4, out_features: 8, bias: true }, { type: 'ReLU' }, { type: 'Linear', in_features: 8, out_features: 3, bias: true }] },
    loss: { type: 'CrossEntropyLoss', weight: null, ignore_index: -100, reduction: 'mean', label_smoothing: 0 },
    data: { x: Array.from({ length: 5 }, () => [1, 2, 3, 4]), y: [0, 1, 2, 0, 1] },
    optimizer: { type: 'Adam', lr: 0.01, betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0, amsgrad: false, maximize: false },
  },
  images: {
    ...common,
    model: {
      layers: [
        { type: 'Conv2d', in_channels: 1, out_channels: 4, kernel_size: 3, stride: 1, padding: 1, dilation: 1, groups: 1, bias: true, padding_mode: 'zeros' },
        { type: 'ReLU' },
        { type: 'MaxPool2d', kernel_size: 2, stride: null, padding: 0, dilation: 1, return_indices: false, ceil_mode: false },
        { type: 'Conv2d', in_channels: 4, out_channels: 3, kernel_size: 4, stride: 1, padding: 0, dilation: 1, groups: 1, bias: true, padding_mode: 'zeros' },
        { type: 'Flatten', start_dim: 1, end_dim: -1 },
      ],
    },
    loss: { type: 'CrossEntropyLoss', weight: null, ignore_index: -100, reduction: 'mean', label_smoothing: 0 },
    data: { x: Array.from({ length: 2 }, () => [Array.from({ length: 8 }, (_, i) => Array.from({ length: 8 }, (_unused, j) => i * j))]), y: [0, 2] },
    optimizer: sgd,
  },
} as const

function engineOf(onStage?: (stage: string, text: () => string) => void): ConstructorParameters<typeof Training>[1] {
  return { cache: new ProgramCache(), limits: defaultLimits, compile: { ...defaultCompileOptions, verify: true, ...(onStage && { onStage }) } }
}

describe('plans as text', () => {
  for (const [name, spec] of Object.entries(specs)) {
    it(`${name}: graphs, kernels, memory`, async () => {
      const stages: string[] = []
      new Training(spec, engineOf((stage, text) => {
        if (stage !== 'WebAssembly') stages.push(`# ${stage}\n\n${text()}\n`)
      }), { gradients: true }).close()
      await expect(stages.join('\n')).toMatchFileSnapshot(`plans/${name}.txt`)
    })
  }
})

describe('functions of kernels', () => {
  it('are shared where kernels differ in addresses only', () => {
    const graph = new Graph()
    const [a, b] = [input(graph, 'a', [40, 30], 'float32'), input(graph, 'b', [40, 30], 'float32')]
    const [w, v] = [input(graph, 'w', [30, 30], 'float32'), input(graph, 'v', [40, 30], 'float32')]
    const bytesOf = (steps: number): number => {
      let x = a
      for (let i = 0; i < steps; i++) x = ew.mul(ew.tanh(matmul(ew.add(x, i % 2 === 0 ? b : v), w)), ew.sigmoid(x))
      return compile(stepOf([x])).wasmBytes
    }
    expect(bytesOf(40) - bytesOf(20)).toBeLessThan((bytesOf(2) - bytesOf(1)) / 2)
  })
})

describe('the disassembler', () => {
  it('reads every instruction that the assembler writes', () => {
    for (let seed = 1; seed <= 40; seed++) {
      const { roots } = randomGraph(seed, 20, seed % 2 ? 'float32' : 'float64', false)
      let text = ''
      const shared = seed % 3 === 0
      compile(stepOf(roots), { ...defaultCompileOptions, ...(shared && { threads: 2, alwaysShared: true }), onStage: (stage, read) => (text = stage === 'WebAssembly' ? read() : text) })
      const lines = text.split('\n')
      expect(lines[0]).toMatch(shared ? /^import memory env\.memory, \d+ pages or more, shared, at most 65536$/ : /^import memory env\.memory, \d+ pages or more$/)
      expect(lines.filter((line) => line.startsWith('func')).at(-1)).toMatch(/^func \d+ "run" \(i32 i32\) -> \(i32\)$/)
      expect(lines.filter((line) => /^ +(loop|block|if)$/.test(line)).length).toBe(lines.filter((line) => /^ +end$/.test(line)).length)
    }
  })

  it('says which byte is unknown', () => {
    const bytes = Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 10, 5, 1, 3, 0, 0xff, 0x0b])
    expect(() => disassemble(bytes)).toThrow('byte 0xff')
  })
})

describe('the engine by itself', () => {
  it('gradients need a loss', () => {
    expect(() => backward({ ...specs.notebook, loss: undefined }, engineOf())).toThrow(expect.objectContaining({ code: 'no_loss' }))
  })
})

describe('weights that lie in memory turned', () => {
  const turnedOf = (optimizer: object, model: object): string[] => {
    const training = new Training({ ...specs.classifier, model, optimizer, data: { x: [[1, 2], [3, 4], [5, 6]], y: [0, 1, 2] }, batch_size: 2, steps: 3 } as never, engineOf(), { gradients: true })
    const { state } = training.first.prepared.compiled
    while (training.status === 'running') training.advance(1)
    return state.filter(({ turned }) => turned === true).map(({ name }) => name)
  }
  const adam = { type: 'Adam', lr: 0.1, betas: [0.9, 0.999], eps: 1e-8, weight_decay: 0, amsgrad: false, maximize: false }

  it('are those of the first layer, with what the optimizer keeps', () => {
    const layers = [2, 2, 3].flatMap((width, i) => [{ type: 'Linear', in_features: 2, out_features: width, bias: true }, ...(i < 2 ? [{ type: 'Tanh' }] : [])])
    expect(turnedOf(adam, { layers })).toEqual(['parameter 0.weight', 'exp_avg 0.weight', 'exp_avg_sq 0.weight'])
  })

  it('are not read by anything else', () => {
    const parameters = { w: { value: [[1, 2], [3, 4], [5, 6]] } }
    expect(turnedOf(adam, { parameters, forward: 'y_hat = x @ w.T' })).toEqual(['parameter w', 'exp_avg w', 'exp_avg_sq w'])
    expect(turnedOf(adam, { parameters, forward: 'y_hat = x @ w.T + w.sum()' })).toEqual([])
    expect(turnedOf(adam, { parameters, forward: 'y_hat = (x @ w.T) @ w @ w.T' })).toEqual([])
  })
})

describe('the cache of programs', () => {
  const engine = engineOf()
  const train = (spec: object): Training => new Training({ ...specs.notebook, ...spec }, engine, { gradients: true })

  it('other numbers: nothing is compiled', () => {
    expect(train({}).stats.fromCache).toBe(false)
    const second = train({ data: { x: 3, y: -1 }, model: { parameters: { w: { value: 2 } }, forward: 'y_hat = w * x' }, optimizer: { ...sgd, lr: 0.5 }, steps: 7 })
    expect(second.stats.fromCache).toBe(true)
    expect(second.advance(1).at(0)).toMatchObject({ loss: 49, rates: [0.5] })
  })

  it('another name of a variable, or a comment: nothing is compiled', () => {
    expect(train({ model: { parameters: { w: { value: 1 } }, forward: 'h = w * x  # the product' }, loss: '(h - y)**2' }).stats.fromCache).toBe(true)
  })

  it('another shape, dtype, program or optimizer is another program', () => {
    expect(train({ data: { x: [1, 2], y: [1, 2] }, loss: '((y_hat - y)**2).sum()' }).stats.fromCache).toBe(false)
    expect(train({ dtype: 'float64' }).stats.fromCache).toBe(false)
    expect(train({ loss: '(y_hat - y)**4' }).stats.fromCache).toBe(false)
    expect(train({ optimizer: { ...sgd, momentum: 0.9 } }).stats.fromCache).toBe(false)
  })

  it('the least recently used goes first', () => {
    const small = { ...engine, cache: new ProgramCache(2) }
    const fromCache = (power: number): boolean => new Training({ ...specs.notebook, loss: `(y_hat - y)**${power}` }, small, { gradients: true }).stats.fromCache
    expect([2, 3, 2, 4, 2, 3].map(fromCache)).toEqual([false, false, true, false, true, false])
  })
})

it('what an optimizer keeps of a large parameter, and a weight that lies turned, are written in their places: nothing is held twice', () => {
  const size = 1000
  const checked = validate('train', {
    model: { layers: [{ type: 'Linear', in_features: size, out_features: size }] },
    loss: { type: 'MSELoss' },
    data: { x: [Array.from({ length: size }, () => 1)], y: [Array.from({ length: size }, () => 0)] },
    optimizer: { type: 'Adam', lr: 0.01 },
    steps: 1,
  })
  if (!checked.ok) throw new Error(checked.problem.detail)
  const training = new Training(checked.value as TrainRequest, { cache: new ProgramCache(), limits: defaultLimits, compile: defaultCompileOptions }, { gradients: false })
  expect(training.first.prepared.compiled.state.some(({ turned }) => turned)).toBe(true)
  const before = process.memoryUsage().arrayBuffers
  training.load()
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4 * size * size)
})

it('what a kernel is said to read of what it gathers from is what it takes, which decides whether threads share it', () => {
  const graph = new Graph()
  const index = checkIndex(input(graph, 'rows', [8, 1], 'int64'), 5000, 'index')
  const taken = gather(input(graph, 'x', [5000, 100], 'float32'), expand(index, [8, 100]), 0)
  const bindings: Binding[] = [
    { name: 'x', shape: [5000, 100], dtype: 'float32', role: 'data' },
    { name: 'rows', shape: [8, 1], dtype: 'int64', role: 'data' },
  ]
  const compiled = compile({ bindings, records: [{ name: 'taken', value: taken }], updates: [] }, { ...defaultCompileOptions, exportKernels: true, threads: 2 })
  const gathering = compiled.kernelInfos.find(({ title }) => title.includes('gather'))!
  expect(gathering.bytes).toBeLessThan(3 * 8 * 100 * 4)
  expect(compiled.ownBytes).toBeUndefined()
})
