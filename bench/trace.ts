/** How long it takes until a program has run once: read, traced, differentiated, compiled; and again with other numbers, when its structure is known. */
import { ProgramCache, Training, backward, defaultCompileOptions, defaultLimits } from '../engine/index.ts'
import type { Engine, ForwardSpec, TensorJson } from '../engine/index.ts'
import type { Measured } from './report.ts'
import { median, table } from './report.ts'

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

/** The same with other numbers: nothing is left over from the request before. */
function shifted(spec: ForwardSpec, by: number): ForwardSpec {
  const shift = (json: TensorJson): TensorJson => (typeof json === 'number' ? json + by : Array.isArray(json) ? (json as readonly TensorJson[]).map((item) => shift(item)) as TensorJson : json)
  return { ...spec, seed: by, data: Object.fromEntries(Object.entries(spec.data).map(([name, json]) => [name, shift(json)])) }
}

const descent = { type: 'SGD', lr: 0.01, momentum: 0, dampening: 0, weight_decay: 0, nesterov: false, maximize: false }

/** What is asked of the engine, and answered with numbers that could be written down. */
const requests: Readonly<Record<string, (spec: ForwardSpec, engine: Engine) => void>> = {
  backward: (spec, engine) => void backward(spec, engine),
  'train, one step': (spec, engine) => {
    const training = new Training({ ...spec, optimizer: descent, steps: 1, shuffle: false, drop_last: false }, engine, { gradients: true })
    training.advance(1).at(0)
    training.state()
    training.close()
  },
}

/** Rounds before the measured ones: the process is then as warm as a service that has had some requests. */
const warmUp = 10
/** Cached requests in a round; their median counts. */
const repeats = 15
/** Of the program of 20 lines, in milliseconds. */
const targets = { first: 5, cached: 0.2 } as const

export function benchTrace(rounds: number): Measured {
  const programs: readonly (readonly [string, (variant: number) => ForwardSpec])[] = [
    ["the notebook's example", notebook],
    [measuredProgram, block],
    ['a while loop on a tensor, 10 rounds', (variant) => loop(10, variant)],
    ['a while loop on a tensor, 100 rounds', (variant) => loop(100, variant)],
  ]
  const rows = programs.flatMap(([name, variantOf]) => Object.entries(requests).map(([kind, run]) => ({ name, variantOf, kind, run, first: [] as number[], cached: [] as number[] })))
  for (let round = -warmUp; round < rounds; round++) {
    for (const [i, { variantOf, run, first, cached }] of rows.entries()) {
      const spec = variantOf((round + warmUp) * rows.length + i)
      const engine = { cache: new ProgramCache(), limits: defaultLimits, compile: defaultCompileOptions }
      const once = (by: number): number => {
        const given = shifted(spec, by)
        const began = performance.now()
        run(given, engine)
        return performance.now() - began
      }
      const compiled = once(0)
      const repeated = Array.from({ length: repeats }, (_, again) => once((again + 1) / 1000))
      if (round < 0) continue
      first.push(compiled)
      cached.push(median(repeated))
    }
  }
  const missed = rows.filter(({ name }) => name === measuredProgram).flatMap(({ kind, ...times }) =>
    (['first', 'cached'] as const).filter((when) => median(times[when]) > targets[when]).map((when) => `${measuredProgram}, ${kind}, ${when}: ${Number(median(times[when]).toPrecision(3))} ms where ${targets[when]} is the target`))
  const text = table(
    ['milliseconds to the first answer', 'first', 'cached'],
    rows.map(({ name, kind, first, cached }) => [`${name}: ${kind}`, show(first), show(cached)]),
  )
  return { text, missed }
}

const measuredProgram = 'a program of 20 lines'

function show(ms: readonly number[]): string {
  const digits = (value: number): string => Number(value.toPrecision(2)).toString()
  return `${digits(median(ms))} (${digits(Math.min(...ms))} to ${digits(Math.max(...ms))})`
}
