/** Steps a second inside a worker, beside eager PyTorch on one thread, jax-js and TensorFlow.js: all take turns. */
import type { ChildProcess } from 'node:child_process'
import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setFlagsFromString } from 'node:v8'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { Measured } from './report.ts'
import { missed, rate, ratio, ratios, table } from './report.ts'
import type { Workload } from './workloads.ts'
import { workloads } from './workloads.ts'

interface Trainer {
  readonly about: string
  /** Of the first step. */
  readonly loss: number
  /** Trains for that long and gives the steps per second. */
  readonly run: (seconds: number) => Promise<number>
  readonly close: () => Promise<unknown>
}

interface Turn {
  readonly steps: number
  readonly ms: number
}

/** What a peer is told: the request, and the parameters that ours begins with. */
interface Job {
  readonly id: string
  readonly request: object
  readonly state: object
}

const path = (file: string): string => fileURLToPath(new URL(file, import.meta.url))

async function engineTrainer(request: object, threads: number): Promise<Trainer & { readonly state: object }> {
  const worker = new Worker(new URL('steps-worker.ts', import.meta.url), { workerData: { request, threads } })
  const [{ loss, state }] = (await once(worker, 'message')) as [{ loss: number; state: object }]
  return {
    about: `Node ${process.version}`,
    loss,
    state,
    run: async (seconds) => {
      worker.postMessage(seconds)
      const [{ steps, ms }] = (await once(worker, 'message')) as [Turn]
      return (steps / ms) * 1000
    },
    close: () => worker.terminate(),
  }
}

/** A process that says what it is and the loss of its first step, then answers each number of seconds with a turn. */
async function processTrainer(child: ChildProcess, job: Job): Promise<Trainer | undefined> {
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]()
  const next = async (): Promise<string | undefined> => {
    const { value, done } = await lines.next()
    return done === true ? undefined : value
  }
  child.stdin!.on('error', () => {})
  child.stdin!.write(`${JSON.stringify(job)}\n`)
  const first = await next()
  if (first === undefined) return undefined
  const { about, loss } = JSON.parse(first) as { about: string; loss: number }
  return {
    about,
    loss,
    run: async (seconds) => {
      child.stdin!.write(`${seconds}\n`)
      const { steps, ms } = JSON.parse((await next())!) as Turn
      return (steps / ms) * 1000
    },
    close: async () => {
      child.stdin!.end()
      await once(child, 'close')
    },
  }
}

/** A Python that has torch, if there is one. */
export function findPython(...modules: string[]): string | undefined {
  return ['python3', '/usr/bin/python3'].find((python) => spawnSync(python, ['-c', `import ${['torch', ...modules].join(', ')}`]).status === 0)
}

interface Peer {
  readonly name: string
  readonly start: () => ChildProcess
}

/** Who trains beside ours, all with that many threads. */
function peers(threads: number): Peer[] {
  const python = findPython()
  const script = (name: string, file: string): Peer[] => {
    const installed = existsSync(path('peers/node_modules'))
    return installed ? [{ name, start: () => spawn(process.execPath, [path(file)], { stdio: ['pipe', 'pipe', 'ignore'] }) }] : []
  }
  if (python === undefined) process.stderr.write('no python3 with torch here: steps are measured without PyTorch beside them\n')
  const torch = (): ChildProcess =>
    spawn(python!, [path('pytorch.py')], { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, OMP_NUM_THREADS: String(threads), OPENBLAS_NUM_THREADS: String(threads) } })
  const eager = python === undefined ? [] : [{ name: 'PyTorch', start: torch }]
  if (threads > 1) return eager
  if (!existsSync(path('peers/node_modules'))) process.stderr.write('npm ci --prefix bench/peers installs jax-js and TensorFlow.js, to be measured too\n')
  return [...eager, ...script('jax-js', 'peers/jax.js'), ...script('TensorFlow.js', 'peers/tfjs.js')]
}

/** Rates of one workload by who trained it; peers that cannot are left out. */
async function measure(workload: Workload, threads: number, others: readonly Peer[], { rounds, seconds }: Effort, about: Set<string>): Promise<Map<string, number[]>> {
  const request = workload.request()
  const ours = await engineTrainer(request, threads)
  const trainers = new Map<string, Trainer>([['chainrule', ours]])
  for (const { name, start } of others) {
    const trainer = await processTrainer(start(), { id: workload.id, request, state: ours.state })
    if (!trainer) continue
    if (!(Math.abs(trainer.loss - ours.loss) <= 1e-3 * Math.abs(ours.loss))) throw new Error(`${workload.id}: ${name} begins with a loss of ${trainer.loss}, chainrule with ${ours.loss}`)
    trainers.set(name, trainer)
  }
  const rates = new Map([...trainers.keys()].map((name) => [name, [] as number[]]))
  for (const trainer of trainers.values()) await trainer.run(seconds)
  for (let round = 0; round < rounds; round++) {
    for (const [name, trainer] of trainers) rates.get(name)!.push(await trainer.run(seconds))
  }
  for (const trainer of trainers.values()) {
    about.add(trainer.about)
    await trainer.close()
  }
  return rates
}

/** What is asked for beside peers of JavaScript. */
const targetOfPeers = 3

interface Effort {
  readonly rounds: number
  /** Of each turn. */
  readonly seconds: number
}

/** `only`: the id of the one workload to measure. */
export async function benchSteps(effort: Effort, only?: string): Promise<Measured> {
  setFlagsFromString('--experimental-wasm-revectorize')
  const about = new Set<string>()
  const faults: string[] = []
  const chosen = workloads.filter(({ id }) => only === undefined || id === only)
  const one = await rowsOf(chosen.map((workload) => ({ workload, target: workload.target })), 1, effort, about, faults)
  const two = await rowsOf(chosen.flatMap((workload) => (workload.targetOfTwo === undefined ? [] : [{ workload, target: workload.targetOfTwo }])), 2, effort, about, faults)
  const tables = [['steps a second, one thread', one] as const, ['steps a second, two threads', two] as const].filter(([, { rows }]) => rows.length > 0)
  return { text: [[...about].join('; '), ...tables.map(([title, { head, rows }]) => table([title, ...head], rows))].join('\n\n'), missed: faults }
}

interface Aim {
  readonly workload: Workload
  readonly target: number | undefined
}

async function rowsOf(aims: readonly Aim[], threads: number, effort: Effort, about: Set<string>, faults: string[]): Promise<{ head: string[]; rows: string[][] }> {
  const others = aims.length === 0 ? [] : peers(threads)
  const rows: string[][] = []
  for (const { workload, target } of aims) {
    const rates = await measure(workload, threads, others, effort, about)
    const ours = rates.get('chainrule')!
    const cells = others.map(({ name }) => {
      const theirs = rates.get(name)
      if (!theirs) return 'cannot'
      const aim = name === 'PyTorch' ? target : targetOfPeers
      const fault = aim === undefined ? undefined : missed(ratios(ours, theirs), aim)
      if (fault !== undefined) faults.push(`${workload.name}, ${threads === 1 ? 'one thread' : `${threads} threads`}, beside ${name}: ${fault}`)
      return ratio(ours, theirs)
    })
    rows.push([workload.name, rate(ours), ...(rates.has('PyTorch') ? [rate(rates.get('PyTorch')!)] : []), ...cells, String(target ?? '')])
    process.stderr.write(`${rows.at(-1)!.join('  ')}\n`)
  }
  return { head: ['chainrule', ...others.slice(0, 1).map(({ name }) => name), ...others.map(({ name }) => `beside ${name}`), 'target'], rows }
}
