/** Requests a second through HTTP, beside a bare Fastify route that echoes the same JSON: the two take turns. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import autocannon from 'autocannon'
import { rate, ratio, table } from './report.ts'
import { workloads } from './workloads.ts'

interface Server {
  readonly url: string
  readonly close: () => Promise<void>
}

/** Starts a script that says on its output where it listens. */
async function start(script: string): Promise<Server> {
  const child = spawn(process.execPath, [fileURLToPath(new URL(script, import.meta.url))], {
    env: { ...process.env, PORT: '0', HOST: '127.0.0.1', LOG_LEVEL: 'warn' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [text] = (await once(child.stdout, 'data')) as [Buffer]
  const url = /http:\/\/[\d.]+:\d+/.exec(text.toString())![0]
  return {
    url,
    close: async () => {
      child.kill('SIGTERM')
      await once(child, 'close')
    },
  }
}

async function load(url: string, request: object, seconds: number): Promise<{ readonly perSecond: number; readonly p99: number }> {
  const result = await autocannon({
    url: `${url}/v1/train`,
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(request),
    connections: 16,
    duration: seconds,
  })
  if (result.non2xx > 0 || result.errors > 0) throw new Error(`${result.non2xx} answers were refusals, ${result.errors} requests failed`)
  return { perSecond: result.requests.average, p99: result.latency.p99 }
}

export async function benchHttp(rounds: number, seconds: number): Promise<string> {
  const [service, echo] = [await start('../src/server.ts'), await start('echo.ts')]
  const notebook = workloads[0]!.request()
  const rows: string[][] = []
  for (const steps of [1, 100]) {
    const request = { ...notebook, steps }
    const ours: number[] = []
    const bare: number[] = []
    const latency: number[] = []
    for (const { url } of [service, echo]) await load(url, request, seconds)
    for (let round = 0; round < rounds; round++) {
      const { perSecond, p99 } = await load(service.url, request, seconds)
      ours.push(perSecond)
      latency.push(p99)
      bare.push((await load(echo.url, request, seconds)).perSecond)
    }
    rows.push([`the notebook's example, ${steps === 1 ? '1 step' : `${steps} steps`}`, rate(ours), rate(bare), ratio(ours, bare), `${rate(latency)} ms`])
    process.stderr.write(`${rows.at(-1)!.join('  ')}\n`)
  }
  await service.close()
  await echo.close()
  return table(['requests a second, 16 connections', 'chainrule', 'bare Fastify', 'ratio', 'p99'], rows)
}
