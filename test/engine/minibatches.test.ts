/** Minibatches of rows that follow one another in the data are read where they lie: the same bits as of rows that are gathered. */
import { availableParallelism } from 'node:os'
import { describe, expect, it } from 'vitest'
import type { Engine } from '../../engine/index.ts'
import { ProgramCache, Training, defaultCompileOptions, defaultLimits } from '../../engine/index.ts'
import { compile } from '../../engine/compile.ts'
import { Graph } from '../../engine/ir/value.ts'
import { matmul } from '../../engine/ops/contract.ts'
import { rows as rowsOf } from '../../engine/ops/indexing.ts'
import { input } from '../../engine/ops/source.ts'
import { reshape, slice, transposeLast } from '../../engine/ops/view.ts'
import { Runtime } from '../../engine/runtime.ts'
import type { TrainRequest } from '../../src/spec.ts'
import { Helpers } from '../../src/team.ts'
import { validate } from '../../src/validate.ts'

const team = new Helpers(2, Math.max(2, availableParallelism()), new SharedArrayBuffer(4))

type Rows = readonly unknown[]

interface Request {
  readonly data: Readonly<Record<string, Rows>>
  readonly [field: string]: unknown
}

function begin(request: object, options: Partial<typeof defaultCompileOptions>, helpers?: Helpers): Training {
  const checked = validate('train', request)
  if (!checked.ok) throw new Error(checked.problem.detail)
  const engine: Engine = { cache: new ProgramCache(), limits: defaultLimits, compile: { ...defaultCompileOptions, verify: true, ...options }, ...(helpers && { team: helpers }) }
  return new Training(checked.value as TrainRequest, engine, { gradients: true })
}

function finish(training: Training): { readonly losses: number[]; readonly state: ReadonlyMap<string, string> } {
  const losses: number[] = []
  while (training.status === 'running') losses.push(...training.advance(2).losses)
  const state = new Map([...training.state()].map(([name, { elements }]) => [name, Buffer.from(elements.buffer, elements.byteOffset, elements.byteLength).toString('hex')]))
  training.close()
  return { losses, state }
}

/** The rows that the first epoch of a run sees, in their order. */
function firstEpoch({ batches }: Training, size: number): number[] {
  const seen: number[] = []
  for (let step = 0; step < batches.perEpoch; step++) {
    const plan = batches.plan(step, 1)
    expect(plan.size).toBeLessThanOrEqual(size)
    seen.push(...plan.rows(0))
  }
  return seen
}

const table = (count: number, width: number): number[][] => Array.from({ length: count }, (_, i) => Array.from({ length: width }, (_column, j) => Math.sin(i * width + j)))
const labels = (count: number, classes: number): number[] => Array.from({ length: count }, (_, i) => (i * 7) % classes)
const linear = (from: number, to: number): object => ({ type: 'Linear', in_features: from, out_features: to })
const images = (count: number, channels: number, size: number): number[][][][] => Array.from({ length: count }, (_, i) => Array.from({ length: channels }, (_channel, c) => table(size, size).map((row) => row.map((x) => Math.cos(x * (i + 1) + c)))))

const runs: Readonly<Record<string, Request>> = {
  'one dimension': {
    model: { parameters: { w: { value: 1 }, b: { value: 0 } }, forward: 'y_hat = w * x + b' },
    loss: '((y_hat - y)**2).mean() + x.sum() * w',
    data: { x: table(1, 37)[0]!, y: table(1, 37)[0]!.map((x) => 3 * x - 1) },
    optimizer: { type: 'SGD', lr: 0.1 },
  },
  'two dimensions, an autoencoder': {
    model: { layers: [linear(13, 20), { type: 'Tanh' }, linear(20, 13)] },
    loss: '((y_hat - x)**2).mean() + x.std()',
    data: { x: table(37, 13) },
    optimizer: { type: 'Adam', lr: 0.01 },
  },
  'products, and labels': {
    model: { layers: [linear(64, 50), { type: 'ReLU' }, linear(50, 10)] },
    loss: { type: 'CrossEntropyLoss' },
    data: { x: table(37, 64), y: labels(37, 10) },
    optimizer: { type: 'Adam', lr: 0.01 },
  },
  'four dimensions, convolutions': {
    model: { layers: [{ type: 'Conv2d', in_channels: 2, out_channels: 3, kernel_size: 3, padding: 1 }, { type: 'ReLU' }, { type: 'MaxPool2d', kernel_size: 2 }, { type: 'Flatten' }, linear(48, 4)] },
    loss: { type: 'CrossEntropyLoss' },
    data: { x: images(37, 2, 8), y: labels(37, 4) },
    optimizer: { type: 'SGD', lr: 0.1, momentum: 0.9 },
  },
  'views: turned, cut, joined, spread, looked up': {
    model: {
      parameters: { w: { shape: [6, 5], init: { type: 'normal' } }, table: { shape: [9, 4], init: { type: 'normal' } } },
      forward: 'a = (x.reshape(-1, 2, 6)[:, 1] @ w)\nb = x.T[:6].T @ w\nc = torch.cat([x[:, ::2], x.flip(1)[:, :3]], 1)\nd = table[k].sum((1, 2))\ny_hat = (a * b).sum(1) + c.sum(1) * d + (x.unsqueeze(2) * w[0]).mean((1, 2)) + (x.T @ x).mean()',
    },
    loss: '(y_hat**2).mean()',
    data: { x: table(37, 12), k: Array.from({ length: 37 }, (_, i) => [i % 9, (i * 5) % 9]) },
    optimizer: { type: 'SGD', lr: 0.01 },
  },
  'a recurrent layer': {
    model: { modules: { rnn: { type: 'LSTM', input_size: 3, hidden_size: 21, batch_first: true } }, forward: 'y_hat, (h, c) = rnn(x)' },
    loss: '(y_hat**2).mean()',
    data: { x: Array.from({ length: 37 }, (_, i) => table(6, 3).map((row) => row.map((x) => x * (i + 1)))) },
    optimizer: { type: 'Adam', lr: 0.01 },
  },
}

/** Several sizes, the last minibatch smaller or left out, one minibatch, one row. */
const sizes = [{ batch_size: 12 }, { batch_size: 12, drop_last: true }, { batch_size: 64 }, { batch_size: 1 }]

describe('minibatches of a run that does not shuffle', () => {
  for (const [name, request] of Object.entries(runs)) {
    for (const dtype of ['float32', 'float64']) {
      it(`${name}, ${dtype}: the same bits as the same rows in a shuffled order`, () => {
        for (const size of sizes) {
          for (const wide of [true, false]) {
            const given = { ...request, ...size, dtype, epochs: 1 }
            const shuffled = begin({ ...given, shuffle: true }, { wide })
            const order = firstEpoch(shuffled, size.batch_size)
            const left = Array.from({ length: 37 }, (_, i) => i).filter((i) => !order.includes(i))
            const data = Object.fromEntries(Object.entries(request.data).map(([tensor, rows]) => [tensor, [...order, ...left].map((i) => rows[i])]))
            const expected = finish(shuffled)
            expect(expected.losses.every(Number.isFinite)).toBe(true)
            expect(finish(begin({ ...given, data }, { wide })), JSON.stringify([size, wide])).toEqual(expected)
          }
        }
      })
    }
  }

  it('with threads: the same bits', () => {
    const request = {
      model: { layers: [linear(131, 257), { type: 'GELU' }, linear(257, 203), { type: 'Tanh' }, linear(203, 37)] },
      loss: '((y_hat - y)**2).mean() + (x**2).mean()',
      data: { x: table(149, 131), y: table(149, 37) },
      optimizer: { type: 'Adam', lr: 0.001 },
      batch_size: 61,
      epochs: 4,
    }
    for (const wide of [true, false]) {
      const alone = finish(begin(request, { wide }))
      const before = team.parts
      do expect(finish(begin(request, { wide }, team))).toEqual(alone)
      while (team.parts === before)
    }
  })

  it('needs no room and no kernel for a minibatch that products read', () => {
    const stats = (shuffle: boolean): { kernels: number; memoryBytes: number } => {
      const training = begin({ ...runs['products, and labels']!, batch_size: 16, shuffle, epochs: 1 }, {})
      return training.stats
    }
    const [inOrder, gathered] = [stats(false), stats(true)]
    expect(inOrder.kernels).toBe(gathered.kernels - 2)
    expect(inOrder.memoryBytes).toBeLessThan(gathered.memoryBytes)
  })
})

describe('rows of an input', () => {
  it('are those that the step is told, also by views of them', () => {
    const graph = new Graph()
    const data = input(graph, 'data', [7, 4], 'float32')
    const x = rowsOf(data, input(graph, 'first', [], 'int32'), 3)
    const compiled = compile({
      bindings: [{ name: 'data', dtype: 'float32', shape: [7, 4], role: 'data' }, { name: 'first', dtype: 'int32', shape: [], role: 'step' }],
      records: [
        { name: 'whole', value: x },
        { name: 'cut', value: slice(x, 1, 3, 2, -2) },
        { name: 'products', value: matmul(x, transposeLast(x)) },
        { name: 'turned', value: reshape(transposeLast(x), [12]) },
      ],
      updates: [],
    }, { ...defaultCompileOptions, verify: true })
    const runtime = new Runtime(compiled)
    runtime.write(compiled.data[0]!, Float32Array.from({ length: 28 }, (_, i) => i))
    for (const step of [0, 1, 2, 3, 4]) runtime.writeStep(compiled.steps.columns[0]!, step, Int32Array.of(4 - step))
    expect(runtime.run(5)).toBe(5)
    for (const step of [0, 1, 2, 3, 4]) {
      const at = (row: number, column: number): number => (4 - step + row) * 4 + column
      const [whole, cut, products, turned] = compiled.records.columns.map((column) => [...(runtime.record(column, step) as Float32Array)])
      const places = [0, 1, 2]
      const columns = [0, 1, 2, 3]
      expect(whole).toEqual(places.flatMap((i) => columns.map((j) => at(i, j))))
      expect(cut).toEqual(places.flatMap((i) => [at(i, 3), at(i, 1)]))
      expect(products).toEqual(places.flatMap((i) => places.map((k) => columns.reduce((sum, j) => sum + at(i, j) * at(k, j), 0))))
      expect(turned).toEqual(columns.flatMap((j) => places.map((i) => at(i, j))))
    }
  })
})
