/** Products that skip zeros of data give the bits of those that do not. */
import { describe, expect, it } from 'vitest'
import { compile, defaultCompileOptions } from '../../engine/compile.ts'
import { ProgramCache, Training, defaultLimits } from '../../engine/index.ts'
import type { DType, Value } from '../../engine/ir/value.ts'
import { Graph } from '../../engine/ir/value.ts'
import { matmul } from '../../engine/ops/contract.ts'
import { add, cast, relu } from '../../engine/ops/elementwise.ts'
import { checkIndex, gather, rows } from '../../engine/ops/indexing.ts'
import { input } from '../../engine/ops/source.ts'
import { expand, permute } from '../../engine/ops/view.ts'
import { isSparse } from '../../engine/sparsity.ts'
import type { FunctionBody } from '../../engine/wasm/encode.ts'
import { ModuleBuilder } from '../../engine/wasm/encode.ts'
import { entryBytes, finitePanel, listBytes, listHead, listNonzeros } from '../../engine/wasm/zeros.ts'
import type { TrainRequest } from '../../src/spec.ts'
import { validate } from '../../src/validate.ts'
import { TestRandom, bindingsOf, runCompiled } from './agree.ts'

interface Case {
  readonly m: number
  readonly k: number
  readonly n: number
  readonly turnedA?: boolean
  readonly turnedB?: boolean
  /** A bias and relu behind the product. */
  readonly ends?: boolean
  /** A is these rows of the data, in their order or in any. */
  readonly of?: 'rows' | 'gathered'
}

const cases: Readonly<Record<string, Case>> = {
  'rows of a minibatch': { m: 64, k: 200, n: 128, ends: true, of: 'rows' },
  'rows that are gathered': { m: 37, k: 150, n: 66, of: 'gathered' },
  'columns, as for the gradient of a weight': { m: 203, k: 64, n: 70, turnedA: true },
  'columns, few of them': { m: 5, k: 900, n: 64, turnedA: true, ends: true },
  'a second factor that is packed': { m: 62, k: 100, n: 80, turnedB: true },
  'slabs of k': { m: 61, k: 2311, n: 64, ends: true },
  'slabs of k, columns': { m: 21, k: 1300, n: 67, turnedA: true },
  'blocks of rows': { m: 700, k: 900, n: 65 },
}

function built({ m, k, n, turnedA = false, turnedB = false, ends = false, of }: Case, dtype: DType, sparse: boolean): Value {
  const graph = new Graph()
  const turned = (value: Value): Value => permute(value, [1, 0])
  const data = input(graph, 'a', turnedA ? [k, m] : [of ? m + 9 : m, k], dtype, sparse)
  const some = of === 'rows' ? rows(data, input(graph, 'first', [], 'int32'), m) : of === 'gathered' ? gather(data, expand(checkIndex(cast(input(graph, 'places', [m, 1], dtype), 'int64'), m + 9, 'index'), [m, k]), 0) : data
  const a = turnedA ? turned(some) : some
  const b = input(graph, 'b', turnedB ? [n, k] : [k, n], dtype)
  const product = matmul(a, turnedB ? turned(b) : b)
  return ends ? relu(add(product, expand(input(graph, 'bias', [n], dtype), [m, n]))) : product
}

function numbersFor({ m, k, n, of }: Case): Map<string, Float64Array> {
  const random = new TestRandom(m + k)
  const draw = (count: number, zeros = 0): Float64Array => Float64Array.from({ length: count }, () => (random.next() < zeros ? (random.next() < 0.5 ? 0 : -0) : 2 * random.next() - 1))
  const a = draw((of ? m + 9 : m) * k, 0.9)
  // Long runs of zeros beside the single ones; a number that is not finite counts as any other that is not zero.
  a.fill(0, Math.floor(a.length / 3), Math.floor(a.length / 2))
  a[a.length - 2] = Infinity
  return new Map([['a', a], ['b', draw(k * n)], ['bias', draw(n)], ['first', Float64Array.of(7)], ['places', Float64Array.from({ length: m }, (_, i) => (i * 5) % (m + 9))]])
}

function titles(root: Value): string[] {
  const compiled = compile({ bindings: bindingsOf([root]), records: [{ name: 'out', value: root }], updates: [] }, { ...defaultCompileOptions, exportKernels: true })
  return compiled.kernelInfos.map(({ title }) => title)
}

describe('products that skip zeros', () => {
  for (const [name, shape] of Object.entries(cases)) {
    for (const dtype of ['float32', 'float64'] as const) {
      it(`${name}, ${dtype}`, () => {
        const [dense, sparse] = [built(shape, dtype, false), built(shape, dtype, true)]
        expect(titles(sparse).join()).toContain('skipping zeros')
        expect(titles(dense).join()).not.toContain('skipping zeros')
        const numbers = numbersFor(shape)
        const compare = (): Float64Array => {
          for (const wide of [true, false]) {
            const [want] = runCompiled([dense], numbers, { wide })
            const [got] = runCompiled([sparse], numbers, { wide })
            expect(got, `wide ${wide}`).toEqual(want)
          }
          return runCompiled([sparse], numbers)[0]!
        }
        expect(compare().filter(Number.isFinite).length).toBeGreaterThan(0)
        // 0 times what is not finite is NaN: in the first and in a later panel of columns.
        for (const at of [0, 40]) {
          for (const number of [NaN, Infinity, -Infinity]) {
            numbers.get('b')!.fill(0.5)
            numbers.get('b')![at] = number
            expect(compare().some(Number.isNaN)).toBe(true)
          }
        }
      })
    }
  }

  it('gives +0 where a sum underflows from below, whichever panels are done densely', () => {
    const shape = { m: 14, k: 400, n: 64 }
    const numbers = new Map([['a', new Float64Array(14 * 400)], ['b', new Float64Array(400 * 64).fill(-1)]])
    for (let row = 0; row < 14; row++) numbers.get('a')![row * 400] = 1e-30
    numbers.get('b')!.fill(-1e-30, 0, 64)
    const signs = (sparse: boolean, wide: boolean): number[] => [...runCompiled([built(shape, 'float32', sparse)], numbers, { wide })[0]!]
    expect(signs(false, true).every((sum) => Object.is(sum, -0))).toBe(true)
    for (const wide of [true, false]) expect(signs(true, wide).every((sum) => Object.is(sum, 0))).toBe(true)
    // In column 3: of a panel of 16 columns, or of 8.
    numbers.get('b')![64 + 3] = NaN
    for (const wide of [true, false]) expect(signs(true, wide).every((sum, i) => Object.is(sum, i % 64 === 3 ? NaN : 0))).toBe(true)
  })

  it('are those with data as the first factor, and columns enough', () => {
    const graph = new Graph()
    const [x, w] = [input(graph, 'x', [512, 512], 'float32', true), input(graph, 'w', [512, 512], 'float32')]
    expect(titles(matmul(x, w))).toEqual(['product 512x512 @ 512x512, skipping zeros'])
    expect(titles(matmul(w, x))).toEqual(['product 512x512 @ 512x512'])
    const few = input(graph, 'few', [512, 48], 'float32')
    expect(titles(matmul(x, few))).toEqual(['product 512x512 @ 512x48'])
  })
})

/** What a function of addresses makes of a memory that begins with these numbers. */
function called(body: FunctionBody, numbers: Float32Array | Float64Array, ...addresses: number[]): { result: unknown; floats: Float32Array; doubles: Float64Array; words: Int32Array } {
  const builder = new ModuleBuilder()
  builder.export('run', builder.add(body))
  const memory = new WebAssembly.Memory({ initial: 1 })
  new Uint8Array(memory.buffer).set(new Uint8Array(numbers.buffer))
  const { exports } = new WebAssembly.Instance(new WebAssembly.Module(builder.encode(1)), { env: { memory } })
  const result: unknown = (exports['run'] as (...given: number[]) => unknown)(...addresses)
  return { result, floats: new Float32Array(memory.buffer), doubles: new Float64Array(memory.buffer), words: new Int32Array(memory.buffer) }
}

describe('the lists of what is not zero', () => {
  // 7 rows of 5 columns, of which 1 and 4 are zeros everywhere, 2 in the first four rows, 3 in the last three.
  const at = (row: number, column: number): number => (column === 0 || (column === 2 && row > 3) || (column === 3 && row < 4) ? 10 * row + column + 1 : row % 2 === 0 ? 0 : -0)

  for (const [name, row, column] of [['rows', 5, 1], ['columns', 1, 7]] as const) {
    for (const [Numbers, bytes] of [[Float32Array, 4], [Float64Array, 8]] as const) {
      it(`of ${name} of ${8 * bytes} bits have what is not, in order, and end there`, () => {
        const numbers = new Numbers(35)
        for (let i = 0; i < 7; i++) for (let k = 0; k < 5; k++) numbers[i * row + k * column] = at(i, k)
        const { floats, doubles, words } = called(listNonzeros({ depth: 5, row, column, bRow: 100, tiles: [[4, 1], [3, 1]], bytes }), numbers, 0, 1024)
        const stored = bytes === 4 ? floats : doubles
        let list = 1024
        for (const [first, height, steps] of [[0, 4, [0, 3]], [4, 3, [0, 2]]] as const) {
          let entry = list + listHead
          for (const k of steps) {
            expect(words[entry / 4]).toBe(k * 100 * bytes)
            const start = entry / bytes + 1
            expect([...stored.subarray(start, start + height)]).toEqual(Array.from({ length: height }, (_, i) => at(first + i, k)))
            entry += entryBytes(height, bytes)
          }
          expect(words[list / 4]).toBe(entry)
          list += listBytes(height, 5, bytes)
        }
      })
    }
  }

  it('are followed where a panel is finite, and only there', () => {
    for (const [Numbers, bytes] of [[Float32Array, 4], [Float64Array, 8]] as const) {
      const columns = 32 / bytes
      const numbers = new Numbers(7 * 20)
      for (let i = 0; i < numbers.length; i++) numbers[i] = i % 20 < columns ? i - 70 : NaN
      const finite = (): unknown => called(finitePanel(7, 20, 2, bytes), numbers, 0).result
      expect(finite()).toBe(1)
      for (const number of [NaN, Infinity, -Infinity]) {
        for (let i = 0; i < 7 * columns; i++) {
          const place = Math.floor(i / columns) * 20 + (i % columns)
          const before = numbers[place]!
          numbers[place] = number
          expect(finite()).toBe(0)
          numbers[place] = before
        }
      }
    }
  })
})

describe('sparse data', () => {
  const image = (pixel: (row: number, column: number, i: number) => number): Float32Array => Float32Array.from({ length: 100 * 784 }, (_, at) => pixel(Math.floor((at % 784) / 28), at % 28, Math.floor(at / 784)))
  const random = new TestRandom(1)
  const found = (pixel: (row: number, column: number, i: number) => number, shape = [100, 784]): boolean => isSparse(image(pixel), shape, 'float32')

  it('is images on black, classes as one of many, rows of mostly zeros', () => {
    expect(found((row, column) => (row > 6 && row < 20 && column > 6 && column < 20 ? random.next() : 0))).toBe(true)
    expect(found((row, column) => (row > 6 && row < 20 && column > 6 && column < 20 ? random.next() : -0), [100, 1, 28, 28])).toBe(true)
    expect(found((row, column, i) => Number(row * 28 + column === (i * 31) % 784))).toBe(true)
    expect(found(() => (random.next() < 0.05 ? 1 : 0))).toBe(true)
    expect(found(() => 0)).toBe(true)
  })

  it('is not what has zeros here and there, whole samples or features of zeros alone, or numbers that are near to it', () => {
    expect(found(() => random.next())).toBe(false)
    expect(found(() => (random.next() < 0.5 ? 1 : 0))).toBe(false)
    expect(found((_row, _column, i) => (i % 2 === 0 ? 0 : 1))).toBe(false)
    expect(found((_row, column) => (column % 2 === 0 ? 0 : 1))).toBe(false)
    expect(found(() => 1e-45)).toBe(false)
  })

  it('is large, of floats, and has two dimensions', () => {
    expect(isSparse(new Float32Array(100 * 100), [100, 100], 'float32')).toBe(false)
    expect(isSparse(new Float32Array(200 * 100), [200, 100], 'float32')).toBe(true)
    expect(isSparse(new Float32Array(200 * 100), [20_000], 'float32')).toBe(false)
    expect(isSparse(new Float32Array(4 * 10_000), [4, 10_000], 'float32')).toBe(false)
    expect(isSparse(new BigInt64Array(200 * 100), [200, 100], 'int64')).toBe(false)
  })
})

describe('trainings on sparse data', () => {
  const samples = 190
  const width = 240
  const labels = Array.from({ length: samples }, (_, i) => i % 10)

  function train(cache: ProgramCache, zeros: boolean): { titles: string; losses: number[]; fromCache: boolean } {
    const x = Array.from({ length: samples }, (_, i) => Array.from({ length: width }, (_pixel, j) => (zeros && (j + i) % width > 30 ? 0 : Math.sin(i * width + j))))
    const checked = validate('train', {
      model: { layers: [{ type: 'Linear', in_features: width, out_features: 96 }, { type: 'ReLU' }, { type: 'Linear', in_features: 96, out_features: 10 }] },
      loss: { type: 'CrossEntropyLoss' },
      data: { x, y: labels },
      optimizer: { type: 'SGD', lr: 0.1 },
      batch_size: 50,
      epochs: 3,
    })
    if (!checked.ok) throw new Error(checked.problem.detail)
    const training = new Training(checked.value as TrainRequest, { cache, limits: defaultLimits, compile: { ...defaultCompileOptions, exportKernels: true } }, { gradients: false })
    const losses: number[] = []
    while (training.status === 'running') losses.push(...training.advance(100).losses)
    const shown = training.kernels().map(({ info }) => info.title).join('\n')
    return { titles: shown, losses, fromCache: training.stats.fromCache }
  }

  it('have programs of their own, in the forward pass and for the gradient of the weight', () => {
    const cache = new ProgramCache()
    const dense = train(cache, false)
    const sparse = train(cache, true)
    expect(dense.titles).not.toContain('skipping zeros')
    expect(sparse.titles.match(/skipping zeros/g)).toHaveLength(2)
    expect(sparse.fromCache).toBe(false)
    expect(train(cache, true)).toEqual({ ...sparse, fromCache: true })
    expect(train(cache, false)).toEqual({ ...dense, fromCache: true })
  })
})
