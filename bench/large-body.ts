/** A request of 100 MB of numbers: how long other clients wait for the main thread meanwhile, and how much memory it takes. */
import { Worker } from 'node:worker_threads'
import { performance } from 'node:perf_hooks'
import { once } from 'node:events'
import type { Measured } from './report.ts'
import { median, rate, spread, table } from './report.ts'
import { startService } from './server.ts'

const bodyBytes = 100 * 2 ** 20
/** Most milliseconds that a call of another client may wait, and most memory, in sizes of the body. */
const targets = { wait: 20, memory: 4 } as const

const kinds: Readonly<Record<string, () => string>> = {
  'float32 numbers': () => String(Number(Math.fround(Math.random() * 2 - 1).toPrecision(8))),
  'float64 numbers': () => String(Math.random() * 2 - 1),
  'whole numbers': () => String(Math.floor(Math.random() * 256)),
}

/** About 100 MB of JSON: a tensor of rows. */
function bodyOf(number: () => string): Uint8Array<ArrayBuffer> {
  const rows: string[] = []
  let length = 0
  // A thousand different rows are enough.
  const pool = Array.from({ length: 1000 }, () => `[${Array.from({ length: 100 }, number).join(',')}]`)
  for (let i = 0; length < bodyBytes - 200; i++) {
    const row = pool[i % pool.length]!
    rows.push(row)
    length += row.length + 1
  }
  return new TextEncoder().encode(`{"model":{"forward":"y_hat = x.sum()"},"data":{"x":[${rows.join(',')}]}}`)
}

/** Calls of GET /health/live by another client, in a thread of its own, until it is told to stop. */
const client = `
const { parentPort, workerData } = require('node:worker_threads')
const http = require('node:http')
const agent = new http.Agent({ keepAlive: true })
const call = () => new Promise((resolve, reject) => http.get(workerData + '/health/live', { agent }, (answer) => answer.resume().on('end', resolve)).on('error', reject))
let going = true
parentPort.once('message', () => { going = false })
;(async () => {
  const waits = []
  for (let i = 0; i < 200; i++) await call()
  parentPort.postMessage('warm')
  while (going) {
    const from = performance.now()
    await call()
    waits.push(performance.now() - from)
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  agent.destroy()
  parentPort.postMessage(waits)
})()
`

async function waitsDuring(url: string, work: () => Promise<unknown>): Promise<number[]> {
  const worker = new Worker(client, { eval: true, workerData: url })
  await once(worker, 'message')
  await work()
  worker.postMessage('stop')
  const [waits] = (await once(worker, 'message')) as [number[]]
  return waits
}

export async function benchLargeBody(rounds: number): Promise<Measured> {
  const rows: string[][] = []
  const missed: string[] = []
  for (const [kind, number] of Object.entries(kinds)) {
    const body = bodyOf(number)
    const server = await startService({ MAX_BODY_BYTES: String(2 * bodyBytes), WORKERS: '1' })
    const quiet: number[] = []
    const longest: number[] = []
    const seconds: number[] = []
    for (let round = 0; round < rounds; round++) {
      // What the client's clock and the machine alone make of it, for as long as a request takes.
      quiet.push(Math.max(...(await waitsDuring(server.url, () => new Promise((resolve) => setTimeout(resolve, 2000))))))
      const waits = await waitsDuring(server.url, async () => {
        const from = performance.now()
        const answer = await fetch(`${server.url}/v1/forward`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
        const text = await answer.text()
        if (answer.status !== 200) throw new Error(text)
        seconds.push((performance.now() - from) / 1000)
      })
      longest.push(Math.max(...waits))
    }
    const { peak } = server.memory()
    const size = body.length / 2 ** 20
    await server.close()
    rows.push([kind, `${rate(seconds)} s`, `${spread(longest)} ms`, `${rate(quiet)} ms`, `${Math.round(peak)} MB`, (peak / size).toFixed(2)])
    process.stderr.write(`${rows.at(-1)!.join('  ')}\n`)
    if (median(longest) > targets.wait) missed.push(`a body of ${kind}: another client waits ${rate(longest)} ms, ${targets.wait} are asked for`)
    if (peak / size > targets.memory) missed.push(`a body of ${kind}: memory is ${(peak / size).toFixed(2)} times the body, ${targets.memory} are asked for`)
  }
  return { text: table(['100 MB of JSON', 'answered in', 'longest wait of another client', 'without the body', 'peak memory of the process', 'in sizes of the body'], rows), missed }
}
