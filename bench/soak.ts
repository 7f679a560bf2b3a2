/** Memory over many requests of all kinds: what the idle service takes, and whether it grows. */
import { readConfig } from '../src/config.ts'
import type { Measured } from './report.ts'
import { table } from './report.ts'
import { startService } from './server.ts'
import { workloads } from './workloads.ts'

/** Most MB of an idle service, and most growth of what it settles at after the first thousand requests. */
const targets = { idle: 120, growth: 0.1 } as const
const warmUp = 1000
/** The service has given back by then what it does not need; V8 keeps the pages of ended threads for half a minute. */
const atRestMs = readConfig(process.env).REST_AFTER_MS + 45_000

const notebook = workloads[0]!.request()
const program = { model: { parameters: { w: { value: [[0.5, -1], [1, 2]] } }, forward: ['h = torch.tanh(x @ w)', 'y_hat = h.sum(dim=1)'] }, loss: '(y_hat - y).pow(2).mean()', data: { x: [[1, 2], [3, 4], [5, 6]], y: [1, 2, 3] } }
const layers = { model: { layers: [{ type: 'Linear', in_features: 2, out_features: 16 }, { type: 'ReLU' }, { type: 'Linear', in_features: 16, out_features: 1 }] }, loss: { type: 'MSELoss' }, data: { x: [[1, 2], [3, 4], [5, 6]], y: [[1], [2], [3]] } }

/** What request number `i` asks: usual ones, new structures, streams, graphs, large tensors, and wrong ones. */
function requestOf(i: number): { readonly path: string; readonly body: string; readonly accept?: string } {
  const adam = { type: 'Adam', lr: 0.01 + (i % 7) / 1000 }
  switch (i % 12) {
    case 0:
      return { path: 'train', body: JSON.stringify({ ...notebook, steps: 1 + (i % 100) }) }
    case 1:
      return { path: 'forward', body: JSON.stringify({ ...program, data: { ...program.data, y: [i, 2, 3] } }) }
    case 2:
      return { path: 'train', body: JSON.stringify({ ...layers, optimizer: adam, steps: 20, batch_size: 2, shuffle: true, seed: i }) }
    case 3:
      return { path: 'train', body: JSON.stringify({ ...layers, optimizer: adam, steps: 30 }), accept: 'text/event-stream' }
    case 4:
      return { path: 'graph', body: JSON.stringify({ ...program, format: i % 24 === 4 ? 'json' : 'dot' }) }
    case 5:
      return { path: 'backward', body: JSON.stringify({ ...program, loss: 'z.mean()' }) }
    case 6:
      return { path: 'backward', body: '{"model": {' }
    case 7:
      // Structures of their own, as in two cases below: the cache of programs is full after the first thousand requests.
      return { path: 'backward', body: JSON.stringify({ ...program, loss: `((y_hat - y).pow(2) * ${i % 5000}).mean()` }) }
    case 8:
      return { path: 'forward', body: JSON.stringify({ model: { forward: 'y_hat = x * 2' }, data: { x: Array.from({ length: i % 96 === 8 ? 30_000 : 300 }, (_, k) => k / 7) } }) }
    case 9:
      return { path: 'hessian', body: JSON.stringify({ ...program, loss: `(y_hat - y).pow(2).mean() * ${i % 5000}` }) }
    case 10:
      return { path: 'train', body: JSON.stringify({ ...layers, optimizer: { type: 'SGD', lr: 0.01 }, steps: 5, report: { state: 'safetensors', gradients: 'norms' } }) }
    default:
      return { path: 'backward', body: JSON.stringify({ ...notebook, loss: `(y_hat - y)**2 / ${1 + (i % 5000)}`, optimizer: undefined }) }
  }
}

export async function benchSoak(requests: number): Promise<Measured> {
  const server = await startService()
  const memoryAfter = async (ms: number): Promise<number> => {
    await new Promise((resolve) => setTimeout(resolve, ms))
    return server.memory().now
  }
  const idle = await memoryAfter(atRestMs)
  let next = 0
  const client = async (upTo: number): Promise<void> => {
    while (next < upTo) {
      const { path, body, accept = 'application/json' } = requestOf(next++)
      const answer = await fetch(`${server.url}/v1/${path}`, { method: 'POST', headers: { 'content-type': 'application/json', accept: path === 'graph' ? '*/*' : accept }, body })
      await answer.arrayBuffer()
      if (answer.status >= 500) throw new Error(`${path} answered ${answer.status}`)
    }
  }
  const run = (upTo: number): Promise<unknown> => Promise.all(Array.from({ length: 8 }, () => client(upTo)))
  const marks: { readonly requests: number; readonly soon: number; readonly rest: number | undefined }[] = []
  const parts = [warmUp, ...Array.from({ length: 10 }, (_, i) => warmUp + Math.round(((requests - warmUp) * (i + 1)) / 10))]
  for (const upTo of parts) {
    await run(upTo)
    const soon = await memoryAfter(1000)
    const rest = upTo === warmUp || upTo === requests ? await memoryAfter(atRestMs) : undefined
    marks.push({ requests: upTo, soon, rest })
    process.stderr.write(`${upTo} requests: ${Math.round(soon)} MB${rest === undefined ? '' : `, at rest ${Math.round(rest)} MB`}\n`)
  }
  await server.close()
  const growth = marks.at(-1)!.rest! / marks[0]!.rest! - 1
  const missed: string[] = []
  if (idle > targets.idle) missed.push(`the idle service takes ${Math.round(idle)} MB, at most ${targets.idle} are asked for`)
  if (growth > targets.growth) missed.push(`memory grows by ${(growth * 100).toFixed(0)} % from ${warmUp} to ${requests} requests, at most ${targets.growth * 100} % are asked for`)
  const rows = [
    ['idle, after the start', '', `${Math.round(idle)} MB`],
    ...marks.map(({ requests: count, soon, rest }) => [`after ${count.toLocaleString('en-US')} requests`, `${Math.round(soon)} MB`, rest === undefined ? '' : `${Math.round(rest)} MB`]),
  ]
  return { text: table(['resident memory', 'a second later', 'at rest'], rows), missed }
}
