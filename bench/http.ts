/**
 * Requests a second through HTTP, beside a bare Fastify route that echoes the same JSON and beside FastAPI with PyTorch:
 * they take turns. And how long small requests wait, at half of the highest rate and beside a long training.
 */
import autocannon from 'autocannon'
import type { Arrivals } from './arrivals.ts'
import { waitsOf } from './arrivals.ts'
import type { Measured } from './report.ts'
import { median, missed, rate, ratio, ratios, spread, table } from './report.ts'
import { start, startService } from './server.ts'
import { findPython } from './steps.ts'
import { network, workloads } from './workloads.ts'

interface Load {
  readonly perSecond: number
  readonly p99: number
}

/** As many requests as so many connections can send, each after the answer to the one before. */
async function load(url: string, request: object, connections: number, seconds: number): Promise<Load> {
  const result = await autocannon({
    url: `${url}/v1/train`,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(request),
    connections,
    duration: seconds,
  })
  if (result.non2xx > 0 || result.errors > 0) throw new Error(`${result.non2xx} answers were refusals, ${result.errors} requests failed`)
  return { perSecond: result.requests.average, p99: result.latency.p99 }
}

interface Case {
  readonly steps: number
  readonly connections: number
  /** What is asked for beside a bare echo, and beside FastAPI. */
  readonly targets: { readonly echo?: number; readonly fastapi?: number }
}

/** The rate of the first one is what waiting is measured at half of. */
const cases: readonly Case[] = [
  { steps: 1, connections: 16, targets: { echo: 1 / 3 } },
  { steps: 1, connections: 64, targets: {} },
  { steps: 100, connections: 16, targets: { fastapi: 10 } },
]
/** Rounds' time until V8 has compiled all that is run often. */
const warmUp = 5
/** Most milliseconds that 99 of 100 requests take at half of the highest rate, and beside a long training. */
const patience = { half: 5, beside: 20 } as const

export async function benchHttp(rounds: number, seconds: number): Promise<Measured> {
  const python = findPython('fastapi', 'uvicorn')
  if (python === undefined) process.stderr.write('no python3 with torch, fastapi and uvicorn here: requests are measured without them beside\n')
  // The long training goes on for longer than a request may otherwise.
  const service = await startService({ REQUEST_TIMEOUT_MS: '600000' })
  const echo = await start(process.execPath, ['bench/echo.ts'])
  const fastapi = python === undefined ? undefined : await start(python, ['bench/peers/fastapi_app.py'])
  const notebook = workloads[0]!.request()
  const faults: string[] = []
  const rows: string[][] = []
  let highest = 0
  for (const { steps, connections, targets } of cases) {
    const request = { ...notebook, steps }
    const name = `the notebook's example, ${steps === 1 ? '1 step' : `${steps} steps`}; ${connections} connections`
    const servers = [service, echo, ...(fastapi ? [fastapi] : [])]
    const loads: Load[][] = servers.map(() => [])
    for (const { url } of servers) await load(url, request, connections, warmUp * seconds)
    for (let round = 0; round < rounds; round++) {
      for (const [i, { url }] of servers.entries()) loads[i]!.push(await load(url, request, connections, seconds))
    }
    const [ours, bare, python3] = loads.map((list) => list.map(({ perSecond }) => perSecond)) as [number[], number[], number[] | undefined]
    highest ||= median(ours)
    for (const [who, theirs] of [['echo', bare], ['fastapi', python3]] as const) {
      const target = targets[who]
      const fault = theirs && target !== undefined ? missed(ratios(ours, theirs), target) : undefined
      if (fault !== undefined) faults.push(`${name}, beside ${who === 'echo' ? 'a bare echo' : 'FastAPI'}: ${fault}`)
    }
    rows.push([name, rate(ours), rate(bare), ratio(ours, bare), ...(python3 ? [rate(python3), ratio(ours, python3)] : []), `${rate(loads[0]!.map(({ p99 }) => p99))} ms`])
    process.stderr.write(`${rows.at(-1)!.join('  ')}\n`)
  }
  await fastapi?.close()
  const urls = [service.url, echo.url]
  // Shorter rounds, and many more of them: in one of four or so a shared machine is too slow for some tenths of a second.
  const half = await latencies(urls, { ...notebook, steps: 1 }, { rounds: 10 * rounds, seconds: seconds / 3, perSecond: Math.round(highest / 2) })
  const beside = await besideTraining(urls, { ...notebook, steps: 1 }, { rounds, seconds, perSecond: 200 })
  await service.close()
  await echo.close()
  for (const [what, [found], most] of [[`at half of the highest rate`, half, patience.half], ['beside a long training', beside, patience.beside]] as const) {
    if (median(found) > most) faults.push(`99 of 100 small requests ${what}: ${Number(median(found).toPrecision(3))} ms where ${most} ms is the target`)
  }
  const head = ['requests a second', 'chainrule', 'bare Fastify', 'ratio', ...(fastapi ? ['FastAPI, PyTorch', 'ratio'] : []), 'p99']
  const waiting = [
    [`at ${Math.round(highest / 2).toLocaleString('en-US')} a second, half of the highest rate`, spread(half[0]), spread(half[1]), String(patience.half)],
    ['at 200 a second, beside a long training', spread(beside[0]), spread(beside[1]), String(patience.beside)],
  ]
  return { text: `${table(head, rows)}\n\n${table(["the notebook's example, 1 step: p99 in ms", 'chainrule', 'bare Fastify', 'target'], waiting)}`, missed: faults }
}

interface Effort extends Arrivals {
  readonly rounds: number
}

/** Of the service, and of the echo, which take turns: what the machine itself makes a request wait. */
type Latencies = readonly [service: number[], echo: number[]]

async function latencies(urls: readonly string[], request: object, { rounds, ...arrivals }: Effort): Promise<Latencies> {
  const found: Latencies = [[], []]
  const body = JSON.stringify(request)
  for (let round = 0; round < rounds; round++) {
    for (const [i, url] of urls.entries()) {
      const waits = await waitsOf(`${url}/v1/train`, body, arrivals)
      found[i]!.push(waits[Math.floor(waits.length * 0.99)]!)
    }
  }
  return found
}

/** The same while the service trains a large network, which goes on for all of the time: on the same cores as the echo too. */
async function besideTraining(urls: readonly string[], request: object, effort: Effort): Promise<Latencies> {
  const gone = new AbortController()
  const long = { ...network([512, 512, 512, 10], 'ReLU', 256, { type: 'Adam', lr: 0.001 }), steps: 1_000_000, report: { every: 100_000, gradients: 'none' } }
  const training = fetch(`${urls[0]}/v1/train`, { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(long), signal: gone.signal }).then(
    (answer) => { throw new Error(`the long training ended: ${answer.status}`) },
    () => 'the client went away',
  )
  const found = await Promise.race([latencies(urls, request, effort), training.then((): Latencies => [[], []])])
  gone.abort()
  await training
  return found
}
