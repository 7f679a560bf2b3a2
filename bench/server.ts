/** Servers in processes of their own, to be measured. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export interface Server {
  readonly url: string
  /** Resident memory, and the most that it was, in MB; only on Linux. */
  readonly memory: () => { readonly now: number; readonly peak: number }
  /** The most counts from now on. */
  readonly forgetPeak: () => void
  readonly close: () => Promise<void>
}

const root = fileURLToPath(new URL('..', import.meta.url))

/** What `npm start` gives Node before it, and then. */
function startLines(): Readonly<Record<'prestart' | 'start', readonly string[]>> {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<'prestart' | 'start', string> }
  const words = (line: string): string[] => line.split(' ').slice(1)
  return { prestart: words(scripts.prestart), start: words(scripts.start) }
}

/** V8's settings in the service. */
export function startFlags(): string[] {
  return startLines().start.filter((word) => word.startsWith('--') && !word.startsWith('--disable-warning'))
}

/** Starts the service as `npm start` does. */
export function startService(environment: Record<string, string> = {}): Promise<Server> {
  const lines = startLines()
  execFileSync(process.execPath, lines.prestart, { cwd: root })
  return start(process.execPath, lines.start, environment)
}

/** Starts a script that says on its output where it listens. */
export async function start(program: string, args: readonly string[], environment: Record<string, string> = {}): Promise<Server> {
  const child = spawn(program, args, {
    cwd: root,
    env: { ...process.env, PORT: '0', HOST: '127.0.0.1', LOG_LEVEL: 'warn', OMP_NUM_THREADS: '1', ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  // Also where a measurement ends with an error.
  const kill = (): void => void child.kill('SIGKILL')
  process.once('exit', kill)
  const [text] = (await once(child.stdout, 'data')) as [Buffer]
  const url = /http:\/\/[\d.]+:\d+/.exec(text.toString())![0]
  await answers(`${url}/health/ready`)
  return {
    url,
    memory: () => {
      const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
      const megabytes = (field: string): number => Number(new RegExp(`${field}:\\s+(\\d+)`).exec(status)![1]) / 1024
      return { now: megabytes('VmRSS'), peak: megabytes('VmHWM') }
    },
    forgetPeak: () => writeFileSync(`/proc/${child.pid}/clear_refs`, '5'),
    close: async () => {
      child.kill('SIGTERM')
      await once(child, 'close')
      process.off('exit', kill)
    },
  }
}

/** Resolves when something answers there, whatever it says. */
async function answers(url: string): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    const found = await fetch(url).catch(() => undefined)
    await found?.arrayBuffer()
    if (found && found.status !== 503) return
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  throw new Error(`${url} does not answer`)
}
