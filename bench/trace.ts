/** How long it takes until a program runs: read, traced, differentiated, compiled; and again when its code is in the cache. */
import { ProgramCache, backward, defaultCompileOptions, defaultLimits } from '../engine/index.ts'
import type { ForwardSpec } from '../engine/index.ts'
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

function block(): ForwardSpec {
  const x = Array.from({ length: 16 }, (_row, i) => Array.from({ length: 8 }, (_column, j) => Math.sin(i * 8 + j)))
  return {
    model: {
      parameters: { w1: parameter(32, 8), b1: parameter(32), w2: parameter(32, 32), b2: parameter(32), w3: parameter(4, 32), b3: parameter(4) },
      forward: twentyLines,
    },
    loss: 'F.nll_loss(y_hat, y) + 0.01 * penalty',
    data: { x, y: { data: x.map((_row, i) => i % 4), shape: [16], dtype: 'int64' } },
    seed: 0,
    dtype: 'float32',
  }
}

/** A loop that goes on while a condition on a tensor holds. */
function loop(rounds: number): ForwardSpec {
  return {
    model: { parameters: { w: { value: 1 } }, forward: `h = w * x\nn = (x * 0).sum()\nwhile n < ${rounds}:\n    h = torch.tanh(h * 1.01 + 0.1)\n    n = n + 1\ny_hat = h` },
    loss: '(y_hat**2).mean()',
    data: { x: Array.from({ length: 100 }, (_, i) => i / 50 - 1) },
    seed: 0,
    dtype: 'float32',
  }
}

export function benchTrace(rounds: number): string {
  const programs: readonly (readonly [string, ForwardSpec])[] = [
    ['a program of 20 lines', block()],
    ['a while loop on a tensor, 10 rounds', loop(10)],
    ['a while loop on a tensor, 100 rounds', loop(100)],
  ]
  const once = (spec: ForwardSpec, cache: ProgramCache): number => {
    const began = performance.now()
    backward(spec, { cache, limits: defaultLimits, compile: defaultCompileOptions })
    return performance.now() - began
  }
  const times = programs.map(() => ({ first: [] as number[], cached: [] as number[] }))
  for (let round = -3; round < rounds; round++) {
    for (const [i, [, spec]] of programs.entries()) {
      const cache = new ProgramCache()
      const first = once(spec, cache)
      once(spec, cache)
      const cached = once(spec, cache)
      if (round < 0) continue
      times[i]!.first.push(first)
      times[i]!.cached.push(cached)
    }
  }
  return table(
    ['milliseconds to the first loss and gradients', 'first', 'cached'],
    programs.map(([name], i) => [name, show(times[i]!.first), show(times[i]!.cached)]),
  )
}

function show(ms: readonly number[]): string {
  const digits = (value: number): string => Number(value.toPrecision(2)).toString()
  return `${digits(median(ms))} (${digits(Math.min(...ms))} to ${digits(Math.max(...ms))})`
}
