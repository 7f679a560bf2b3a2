/** A worker thread that has programs run once: new ones, and the same again with other numbers. */
import { parentPort, workerData } from 'node:worker_threads'
import { ProgramCache, Training, backward, defaultCompileOptions, defaultLimits } from '../engine/index.ts'
import type { Engine, ForwardSpec, TensorJson } from '../engine/index.ts'
import { median } from './report.ts'
import type { ProgramTimes, TraceSetup } from './trace.ts'

/** Two blocks of a residual network with layer norms, in 20 lines. */
const twentyLines = `
h = F.linear(x, w1, b1)
mean = h.mean(dim=-1, keepdim=True)
var = h.var(dim=-1, unbiased=False, keepdim=True)
h = (h - mean) / torch.sqrt(var + 1e-5)
h = F.gelu(h)
r = F.linear(h, w2, b2)
gate = torch.sigmoid(r)
h = h + gate * torch.tanh(r)
mean = h.mean(dim=-1, keepdim=True)
var = h.var(dim=-1, unbiased=False, keepdim=True)
h = (h - mean) / torch.sqrt(var + 1e-5)
scores = h @ h.T / math.sqrt(32)
weights = F.softmax(scores, dim=-1)
a = weights @ h
h = h + F.dropout(a, 0.1, training=False)
r = F.silu(F.linear(h, w2, b2))
h = torch.where(r > 0, h + r, h - 0.1 * r)
logits = F.linear(h, w3, b3)
penalty = (w1 ** 2).mean() + (w2 ** 2).mean()
y_hat = F.log_softmax(logits, dim=-1)
`.trim()

function parameter(...shape: number[]): { readonly shape: number[]; readonly init: { readonly type: 'uniform'; readonly a: number; readonly b: number } } {
  return { shape, init: { type: 'uniform', a: -0.3, b: 0.3 } }
}

/** V8 has the code of a module with the same bytes at hand: the numbers in the text are others in each variant. */
function block(variant: number): ForwardSpec {
  const x = Array.from({ length: 16 }, (_row, i) => Array.from({ length: 8 }, (_column, j) => Math.sin(i * 8 + j)))
  return {
    model: {
      parameters: { w1: parameter(32, 8), b1: parameter(32), w2: parameter(32, 32), b2: parameter(32), w3: parameter(4, 32), b3: parameter(4) },
      forward: twentyLines.replaceAll('1e-5', String(1e-5 + variant * 1e-9)).replace('sqrt(32)', `sqrt(${32 + variant})`).replace('0.1 * r', `${0.1 + variant / 1e4} * r`),
    },
    loss: 'F.nll_loss(y_hat, y) + 0.01 * penalty',
    data: { x, y: { data: x.map((_row, i) => i % 4), shape: [16], dtype: 'int64' } },
    seed: 0,
    dtype: 'float32',
  }
}

/** A loop that goes on while a condition on a tensor holds. */
function loop(rounds: number, variant: number): ForwardSpec {
  return {
    model: { parameters: { w: { value: 1 } }, forward: `h = w * x\nn = (x * 0).sum()\nwhile n < ${rounds}:\n    h = torch.tanh(h * ${1.01 + variant / 1e5} + 0.1)\n    n = n + 1\ny_hat = h` },
    loss: '(y_hat**2).mean()',
    data: { x: Array.from({ length: 100 }, (_, i) => i / 50 - 1) },
    seed: 0,
    dtype: 'float32',
  }
}

function notebook(): ForwardSpec {
  return { model: { parameters: { w: { value: 1 } }, forward: 'y_hat = w * x' }, loss: '(y_hat - y)**2', data: { x: 1, y: 2 }, seed: 0, dtype: 'float32' }
}

/** The same with other data, as the service finds it out of the same text around them: nothing is left over from the request before. */
function shifted(spec: ForwardSpec, by: number, origin: object): ForwardSpec {
  const shift = (json: TensorJson): TensorJson => (typeof json === 'number' ? json + by : Array.isArray(json) ? (json as readonly TensorJson[]).map((item) => shift(item)) as TensorJson : json)
  return { ...spec, origin, data: Object.fromEntries(Object.entries(spec.data).map(([name, json]) => [name, shift(json)])) }
}

const descent = { type: 'SGD', lr: 0.01, momentum: 0, dampening: 0, weight_decay: 0, nesterov: false, maximize: false }

/** What is asked of the engine, and answered with numbers that could be written down. Gives when the program was compiled, where that can be told. */
const requests: Readonly<Record<string, (spec: ForwardSpec, engine: Engine) => number | undefined>> = {
  backward: (spec, engine) => {
    backward(spec, engine)
    return undefined
  },
  'train, one step': (spec, engine) => {
    const training = new Training({ ...spec, optimizer: descent, steps: 1, shuffle: false, drop_last: false }, engine, { gradients: true })
    const compiled = performance.now()
    training.advance(1).at(0)
    training.state()
    training.close()
    return compiled
  },
}

const setup = workerData as TraceSetup

const programs: readonly (readonly [string, (variant: number) => ForwardSpec])[] = [
  ["the notebook's example", notebook],
  [setup.measured, block],
  ['a while loop on a tensor, 10 rounds', (variant) => loop(10, variant)],
  ['a while loop on a tensor, 100 rounds', (variant) => loop(100, variant)],
]
const rows = programs.flatMap(([program, variantOf]) => Object.entries(requests).map(([request, run]) => ({ program, request, variantOf, run })))

/** Cached requests in a round; their median counts. */
const repeats = 15

let variant = 0

/** Each program once, with an empty cache, and then again. */
function round(): ProgramTimes[] {
  return rows.map(({ program, request, variantOf, run }) => {
    const spec = variantOf(variant++)
    const engine = { cache: new ProgramCache(), limits: defaultLimits, compile: defaultCompileOptions }
    const origin = {}
    const once = (given: ForwardSpec): { readonly all: number; readonly compile: number | undefined } => {
      const began = performance.now()
      const compiled = run(given, engine)
      return { all: performance.now() - began, compile: compiled && compiled - began }
    }
    const { all: first, compile } = once(spec)
    return { program, request, first, compile, cached: median(Array.from({ length: repeats }, (_, again) => once(shifted(spec, (again + 1) / 1000, origin)).all)) }
  })
}

const { young, warmUpMs, rounds } = setup
const began = performance.now()
const times = (count: number): ProgramTimes[] => Array.from({ length: count }, round).flat()
times(young.after)
const early = times(young.rounds)
while (performance.now() - began < warmUpMs) round()
parentPort!.postMessage({ young: early, warm: times(rounds) })
