/** GFLOP/s of products of matrices in training steps, beside what a loop of nothing but fused multiply-adds reaches. */
import { setFlagsFromString } from 'node:v8'
import type { TrainSpec } from '../engine/index.ts'
import { ProgramCache, Training, defaultCompileOptions, defaultLimits } from '../engine/index.ts'
import { FunctionBody, ModuleBuilder } from '../engine/wasm/encode.ts'
import type { Measured } from './report.ts'
import { median, missed, spread, table } from './report.ts'
import { uniformTensor } from './workloads.ts'

/** [m, k, n]: cubes, and what the workloads' layers multiply, forward and for both gradients. */
const shapes: readonly (readonly [number, number, number])[] = [
  ...[64, 128, 256, 512, 1024].map((n) => [n, n, n] as const),
  [64, 784, 128], [784, 64, 128], [256, 1024, 1024], [1024, 256, 1024], [512, 64, 192], [512, 192, 64], [64, 512, 192],
]

const target = 0.9

interface Timed {
  readonly run: () => void
  readonly operations: number
}

/** Six rows of two 256-bit multiply-adds each, as in a product's tile, on operands that stay in the nearest cache. */
function peak(): Timed {
  const rounds = 20_000
  const pairs = 12
  const module = new ModuleBuilder()
  const f = new FunctionBody()
  const sums = Array.from({ length: 2 * pairs }, () => f.local('v128'))
  const rows = Array.from({ length: 4 }, () => f.local('v128'))
  const count = f.local('i32')
  const at = f.local('i32')
  f.i32(rounds)
  f.set(count)
  f.loop()
  for (const [j, row] of rows.entries()) {
    f.get(at)
    f.memory('v128.load', j * 16)
    f.set(row)
  }
  for (const [i, sum] of sums.entries()) {
    f.get(at)
    f.memory('v128.load32_splat', 64 + (i >> 2) * 4)
    f.get(rows[i % 4]!)
    f.get(sum)
    f.simd('f32x4.relaxed_madd')
    f.set(sum)
  }
  f.get(count)
  f.i32(1)
  f.op('i32.sub')
  f.tee(count)
  f.brIf(0)
  f.op('end')
  for (let i = 0; i < sums.length; i += 2) {
    for (const k of [i + 1, i]) {
      f.get(at)
      f.get(sums[k]!)
      f.memory('v128.store', 256 + k * 16)
    }
  }
  module.export('run', module.add(f))
  const instance = new WebAssembly.Instance(new WebAssembly.Module(module.encode(1)), { env: { memory: new WebAssembly.Memory({ initial: 1 }) } })
  return { run: instance.exports['run'] as () => void, operations: rounds * 2 * pairs * 4 * 2 }
}

/** The product of a program that multiplies two parameters, by itself. */
function product([m, k, n]: readonly [number, number, number]): Timed {
  const spec = {
    model: { parameters: { a: { value: uniformTensor([m, k]) }, b: { value: uniformTensor([k, n]) } }, forward: 'y_hat = a @ b' },
    loss: '(y_hat**2).mean()',
    data: {},
    seed: 0,
    dtype: 'float32',
    optimizer: { type: 'SGD', lr: 1e-6, momentum: 0, dampening: 0, weight_decay: 0, nesterov: false, maximize: false },
    steps: 2,
    shuffle: false,
    drop_last: false,
  } as unknown as TrainSpec
  const engine = { cache: new ProgramCache(), limits: defaultLimits, compile: { ...defaultCompileOptions, exportKernels: true } }
  const training = new Training(spec, engine, { gradients: false })
  training.advance(1)
  const found = training.kernels().find(({ info }) => info.title.startsWith(`product ${m}x${k} @ ${k}x${n}`))
  if (!found) throw new Error(`no product of ${m}x${k} and ${k}x${n}`)
  return { run: found.run, operations: found.info.operations }
}

/** The best of several rates of a turn of about two milliseconds, in GFLOP/s. */
function turn({ run, operations }: Timed): number {
  const repeats = Math.max(1, Math.round(2e8 / operations))
  let best = 0
  for (let i = 0; i < 5; i++) {
    const from = performance.now()
    for (let r = 0; r < repeats; r++) run()
    best = Math.max(best, (operations * repeats) / (performance.now() - from) / 1e6)
  }
  return best
}

export function benchProducts(rounds: number): Measured {
  setFlagsFromString('--experimental-wasm-revectorize')
  const limit = peak()
  const products = shapes.map(product)
  // V8 makes its best code while these run.
  for (const timed of [limit, ...products]) for (let i = 0; i < 3; i++) turn(timed)
  const rates = products.map(() => [] as number[])
  const shares = products.map(() => [] as number[])
  const limits: number[] = []
  for (let round = 0; round < rounds; round++) {
    for (const [i, timed] of products.entries()) {
      const peakNow = turn(limit)
      const now = turn(timed)
      limits.push(peakNow)
      rates[i]!.push(now)
      shares[i]!.push(now / peakNow)
    }
  }
  const names = shapes.map(([m, k, n]) => `${m} x ${k} by ${k} x ${n}`)
  const faults = names.flatMap((name, i) => missed(shares[i]!, target)?.replace(/^/, `product ${name}, share of the peak: `) ?? [])
  const rows = names.map((name, i) => [name, Number(median(rates[i]!).toPrecision(3)).toString(), spread(shares[i]!)])
  return { text: `a loop of multiply-adds alone: ${Number(median(limits).toPrecision(3))} GFLOP/s\n\n${table(['product', 'GFLOP/s', 'share of that'], rows)}`, missed: faults }
}
