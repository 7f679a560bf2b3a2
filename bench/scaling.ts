/** How the time of a step grows with batch, width, depth and length of sequences, beside its operations and bytes. */
import { setFlagsFromString } from 'node:v8'
import { ProgramCache, Training, defaultCompileOptions, defaultLimits } from '../engine/index.ts'
import type { TrainRequest } from '../src/spec.ts'
import { validate } from '../src/validate.ts'
import type { Measured } from './report.ts'
import { table } from './report.ts'
import { lstm, network, transformer } from './workloads.ts'

// So slow that no loss comes near 0, nor gradients to subnormal numbers, which processors are slow with.
const adam = { type: 'Adam', lr: 0.00001 }
const powers = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, i) => 2 ** (from + i))

interface Axis {
  readonly name: string
  readonly sizes: readonly number[]
  readonly request: (size: number) => Record<string, unknown>
}

const axes: readonly Axis[] = [
  { name: 'batch of a 256-256-10 network', sizes: powers(4, 11), request: (n) => network([256, 256, 10], 'ReLU', n, adam) },
  { name: 'width of a network of two hidden layers, batch 64', sizes: powers(4, 10), request: (n) => network([64, n, n, 10], 'Tanh', 64, adam) },
  { name: 'depth of a network of width 64 with layer norms, batch 64', sizes: powers(0, 6), request: deep },
  { name: 'length of sequences of a transformer, width 64, batch 4', sizes: powers(3, 8), request: (n) => transformer(4, n, 64, 1) },
  { name: 'length of sequences of an LSTM, width 32, batch 16', sizes: powers(2, 7), request: (n) => lstm(n, 32, 16) },
]

/** Layer norms keep the gradients of the first layers from vanishing. */
function deep(depth: number): Record<string, unknown> {
  const block = [{ type: 'Linear', in_features: 64, out_features: 64 }, { type: 'LayerNorm', normalized_shape: 64 }, { type: 'ReLU' }]
  return { ...network([64, 10], 'ReLU', 64, adam), model: { layers: [...Array.from({ length: depth }, () => block).flat(), { type: 'Linear', in_features: 64, out_features: 10 }] } }
}

interface Point {
  readonly us: number
  readonly operations: number
  readonly bytes: number
}

/** A run at one size, and the turns that it has had, in microseconds a step. */
class Size {
  readonly #training: Training
  readonly #turns: number[] = []

  constructor(request: Record<string, unknown>) {
    const checked = validate('train', { ...request, steps: 1e9 })
    if (!checked.ok) throw new Error(checked.problem.detail)
    const engine = { cache: new ProgramCache(), limits: { ...defaultLimits, maxSteps: 1e9 }, compile: { ...defaultCompileOptions, exportKernels: true } }
    this.#training = new Training(checked.value as TrainRequest, engine, { gradients: false })
    // V8 makes a function fast after it has been called many times, which those of deep networks are not soon.
    this.#advance(1000)
  }

  turn(): void {
    this.#turns.push(this.#advance(20))
  }

  #advance(ms: number): number {
    const from = performance.now()
    let steps = 0
    while (performance.now() - from < ms) steps += this.#training.advance(10).length
    return ((performance.now() - from) * 1000) / steps
  }

  /** The best turn: what the machine can do, not what else it does. */
  point(): Point {
    const kernels = this.#training.kernels().map(({ info }) => info)
    return { us: Math.min(...this.#turns), operations: kernels.reduce((n, { operations }) => n + operations, 0), bytes: kernels.reduce((n, { bytes }) => n + bytes, 0) }
  }
}

/** Sizes take turns, so that a slow while of the machine is not one size's alone. */
function measure(requests: readonly Record<string, unknown>[], rounds: number): Point[] {
  const sizes = requests.map((request) => new Size(request))
  for (let round = 0; round < rounds; round++) for (const size of sizes) size.turn()
  return sizes.map((size) => size.point())
}

/** The exponent p of y ~ x^p by least squares, over the upper half of the sizes, where fixed costs no longer count. */
function exponent(sizes: readonly number[], values: readonly number[]): number {
  const half = Math.floor(sizes.length / 2)
  const x = sizes.slice(half).map(Math.log2)
  const y = values.slice(half).map(Math.log2)
  const mean = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0) / numbers.length
  const [mx, my] = [mean(x), mean(y)]
  return x.reduce((sum, xi, i) => sum + (xi - mx) * (y[i]! - my), 0) / x.reduce((sum, xi) => sum + (xi - mx) ** 2, 0)
}

/** What an exponent of time may be above that of the work: noise, and caches that no longer hold everything. */
const tolerance = 0.15

export function benchScaling(rounds: number): Measured {
  setFlagsFromString('--experimental-wasm-revectorize')
  const faults: string[] = []
  const rows = axes.map(({ name, sizes, request }) => {
    const points = measure(sizes.map(request), rounds)
    const [time, operations, bytes] = (['us', 'operations', 'bytes'] as const).map((key) => exponent(sizes, points.map((point) => point[key])))
    if (time! > Math.max(operations!, bytes!) + tolerance) faults.push(`${name}: time grows with exponent ${time!.toFixed(2)}, operations with ${operations!.toFixed(2)}, bytes with ${bytes!.toFixed(2)}`)
    const show = (value: number): string => Number(value.toPrecision(3)).toLocaleString('en-US')
    process.stderr.write(`${name}\n`)
    return [name, sizes.map((size, i) => `${size}: ${show(points[i]!.us)}`).join(', '), time!.toFixed(2), operations!.toFixed(2), bytes!.toFixed(2)]
  })
  return { text: table(['what grows', 'µs a step', 'time', 'operations', 'bytes'], rows), missed: faults }
}

