/** The process: start, settings, signals, memory. */
import { execFileSync, spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFile, readdir } from 'node:fs/promises'
import { getPriority } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { notebook } from './service.ts'

interface Process {
  readonly child: ChildProcess
  readonly url: string
  readonly output: () => string
}

const started: ChildProcess[] = []

function start(settings: Record<string, string>, flags: readonly string[] = []): { child: ChildProcess; output: () => string } {
  const child = spawn(process.execPath, [...flags, 'src/server.ts'], { env: { ...process.env, LOG_LEVEL: 'warn', WORKERS: '1', ...settings } })
  started.push(child)
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()))
  return { child, output: () => text }
}

async function listen(settings: Record<string, string> = {}, flags: readonly string[] = []): Promise<Process> {
  const { child, output } = start({ PORT: '0', ...settings }, flags)
  for (;;) {
    const url = /listens on (http:\S+?)\. Try/.exec(output())?.[1]
    if (url !== undefined) {
      while ((await fetch(`${url}/health/ready`)).status !== 200) await sleep(20)
      return { child, url, output }
    }
    if (child.exitCode !== null) throw new Error(`the server ended:\n${output()}`)
    await sleep(20)
  }
}

function post(url: string, path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> {
  return fetch(url + path, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: typeof body === 'string' ? body : JSON.stringify(body) })
}

afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL')
})

const long = { model: { parameters: { w: { shape: [100, 100], init: { type: 'uniform' } } }, forward: 'y_hat = w @ w' }, loss: 'y_hat.mean()', optimizer: { type: 'SGD', lr: 1e-9 }, report: { gradients: 'none', every: 1000, parameters: 'none' } }

describe('the server', () => {
  it('says where it listens and what to try, and the request that it prints works', async () => {
    const { url, output } = await listen()
    const [, path, data] = /curl -s http:\/\/[^/]+(\S+) -H 'content-type: application\/json' -d '(.*)'/.exec(output())!
    const response = await post(url, path!, data)
    expect(await response.json()).toMatchObject({ status: 'succeeded', steps: [{ step: 1, loss: 1, gradients: { w: -2 } }, {}, {}] })
  })

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    it(`${signal}: finishes what runs, exits with 0`, async () => {
      const { child, url, output } = await listen()
      const running = post(url, '/v1/train', { ...long, steps: 10_000 })
      await sleep(150)
      const exit = once(child, 'exit')
      child.kill(signal)
      expect((await (await running).json()) as object).toMatchObject({ status: 'succeeded' })
      expect(await exit, output()).toEqual([0, null])
    })
  }

  it('SIGTERM: what does not finish within the limit is cancelled, exit 0 all the same', async () => {
    const { child, url, output } = await listen({ SHUTDOWN_TIMEOUT_MS: '300' })
    const running = post(url, '/v1/train', { ...long, steps: 5_000_000 })
    await sleep(150)
    const from = performance.now()
    const exit = once(child, 'exit')
    child.kill('SIGTERM')
    expect((await running).status).toBe(503)
    expect(await exit, output()).toEqual([0, null])
    expect(performance.now() - from).toBeLessThan(3000)
  })

  it('workers stand behind the main thread when cores are taken', async () => {
    const { child, url } = await listen()
    expect((await post(url, '/v1/backward', notebook)).status).toBe(200)
    const niceOf = async (thread: string): Promise<number> => {
      const stat = await readFile(`/proc/${child.pid}/task/${thread}/stat`, 'utf8')
      // Behind the name in brackets, which can have spaces.
      return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16])
    }
    const main = await niceOf(String(child.pid))
    const all = await Promise.all((await readdir(`/proc/${child.pid}/task`)).map(niceOf))
    expect(main).toBe(getPriority())
    expect(all.filter((nice) => nice !== main)).toEqual([Math.min(19, main + 5)])
  })

  it('a wrong setting stops it at once, with its name', async () => {
    const { child, output } = start({ PORT: '-1', WORKERS: 'many' })
    const [code] = (await once(child, 'exit')) as [number]
    expect(code).toBe(1)
    expect(output()).toMatch(/PORT: .*got "-1"[\s\S]*WORKERS: .*got "many"/)
  })

  it('process.nextTick is as fast after the collection that follows the start as before', async () => {
    // What V8 has seen at the places of the function that can take the slow path for good.
    const told = `process.once('exit', () => console.log('slow places:', new Function('return %GetFeedback(process.nextTick)')().filter(([kind, state]) => kind === 'DefineKeyedOwnPropertyInLiteral' && state === 'MEGAMORPHIC').length))`
    const { child, url, output } = await listen({}, ['--allow-natives-syntax', '--import', `data:text/javascript,${encodeURIComponent(told)}`])
    for (const wait of [0, 3500]) {
      await sleep(wait)
      for (let i = 0; i < 100; i++) expect((await post(url, '/v1/backward', notebook)).status).toBe(200)
    }
    child.kill('SIGTERM')
    await once(child, 'close')
    expect(output()).toContain('slow places: 0')
  })

  it('a taken port stops it with a message', async () => {
    const { url } = await listen()
    const { child, output } = start({ PORT: new URL(url).port })
    const [code] = (await once(child, 'exit')) as [number]
    expect(code).toBe(1)
    expect(output()).toMatch(/EADDRINUSE/)
  })

  it('narrow kernels give the same answers when wide SIMD is turned off', async () => {
    const [wide, narrow] = [await listen(), await listen({ WIDE_SIMD: 'off' })]
    expect(await (await fetch(`${narrow.url}/health/ready`)).json()).toMatchObject({ wide_simd: false })
    const spec = { ...long, steps: 3, report: { gradients: 'values' } }
    const answers = await Promise.all([wide, narrow].map(async ({ url }) => (await post(url, '/v1/train', spec)).text()))
    const [first, second] = answers.map((text) => text.replace(/,"timing":.*/, ''))
    expect(first).toBe(second)
  })

  it('ENGINE_DEBUG shows more with each level', async () => {
    const marks = [/^train: prepared in [\d.]+ ms, 2 steps in [\d.]+ ms; 1 kernels, \d+ bytes of memory/m, /^kernel 0: [\d.]+ us, [\d.]+ GFLOP\/s, [\d.]+ GB\/s {2}loop 1/m, /^traced graph\n%0 = input/m, /^simplified graph\n[^]*^kernels\n[^]*^memory plan\n/m, /^func 1 "run"/m]
    const shown = await Promise.all([0, 1, 2, 3, 4, 5].map(async (level) => {
      const { url, output } = await listen({ ENGINE_DEBUG: String(level) })
      await (await post(url, '/v1/train', { ...notebook, optimizer: { type: 'SGD', lr: 0.01 }, steps: 2 })).text()
      return marks.map((mark) => mark.test(output()))
    }))
    expect(shown).toEqual([0, 1, 2, 3, 4, 5].map((level) => marks.map((_, i) => i < level)))
  })

  it('memory comes back after bad and large requests', async () => {
    const { child, url } = await listen({ MAX_BODY_BYTES: String(40 * 2 ** 20) })
    const resident = async (): Promise<number> => {
      const status = await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => undefined)
      const kilobytes = status === undefined ? execFileSync('ps', ['-o', 'rss=', '-p', String(child.pid)], { encoding: 'utf8' }) : /VmRSS:\s+(\d+)/.exec(status)![1]
      return Number(kilobytes) / 1024
    }
    const big = JSON.stringify({ model: { forward: 'y_hat = x.sum()' }, data: { x: Array.from({ length: 1_000_000 }, (_, i) => i) } })
    const round = async (): Promise<void> => {
      await post(url, '/v1/forward', big)
      await post(url, '/v1/forward', big.replace(',7,', ',"7",'))
      await post(url, '/v1/backward', { ...notebook, model: { parameters: { w: { value: 1 } }, forward: ['y_hat = w', 'for i in range(20000):', '  y_hat = y_hat * i'] } })
      for (let i = 0; i < 50; i++) await post(url, '/v1/backward', { ...notebook, loss: `y_hat ** ${i}` })
    }
    for (let i = 0; i < 4; i++) await round()
    const settled = await resident()
    for (let i = 0; i < 8; i++) await round()
    expect(settled).toBeGreaterThan(0)
    expect(await resident()).toBeLessThan(settled * 1.25 + 50)
    expect(await (await post(url, '/v1/backward', notebook)).json()).toMatchObject({ gradients: { w: -2 } })
  })
})
