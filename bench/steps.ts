/** Steps a second inside a worker, beside eager PyTorch on one thread: the two take turns. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setFlagsFromString } from 'node:v8'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { Case } from './cases.ts'
import { cases } from './cases.ts'
import { rate, ratio, table } from './report.ts'

interface Trainer {
  /** What trains here. */
  readonly about: string
  /** Trains for that long and gives the steps per second. */
  readonly run: (seconds: number) => Promise<number>
  readonly close: () => Promise<unknown>
}

interface Turn {
  readonly steps: number
  readonly ms: number
}

async function engineTrainer({ request }: Case): Promise<Trainer> {
  const worker = new Worker(new URL('steps-worker.ts', import.meta.url), { workerData: { request } })
  await once(worker, 'message')
  return {
    about: `Node ${process.version}`,
    run: async (seconds) => {
      worker.postMessage(seconds)
      const [{ steps, ms }] = (await once(worker, 'message')) as [Turn]
      return (steps / ms) * 1000
    },
    close: () => worker.terminate(),
  }
}

/** A Python that has torch, if there is one. */
function findPython(): string | undefined {
  return ['python3', '/usr/bin/python3'].find((python) => spawnSync(python, ['-c', 'import torch']).status === 0)
}

async function torchTrainer(python: string, { request }: Case): Promise<Trainer> {
  const child = spawn(python, [fileURLToPath(new URL('pytorch.py', import.meta.url))], { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, OMP_NUM_THREADS: '1', OPENBLAS_NUM_THREADS: '1' } })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async (): Promise<string> => {
    const { value, done } = await lines.next()
    if (done === true) throw new Error('PyTorch ended')
    return value
  }
  child.stdin.write(`${JSON.stringify(request)}\n`)
  const about = await next()
  return {
    about,
    run: async (seconds) => {
      child.stdin.write(`${seconds}\n`)
      const { steps, ms } = JSON.parse(await next()) as Turn
      return (steps / ms) * 1000
    },
    close: async () => {
      child.stdin.end()
      await once(child, 'close')
    },
  }
}

export async function benchSteps(rounds: number, seconds: number): Promise<string> {
  setFlagsFromString('--experimental-wasm-revectorize')
  const python = findPython()
  if (python === undefined) process.stderr.write('no python3 with torch here: steps are measured without PyTorch beside them\n')
  const rows: string[][] = []
  let about = ''
  for (const one of cases()) {
    const trainers = [await engineTrainer(one), ...(python === undefined ? [] : [await torchTrainer(python, one)])]
    about = trainers.map((trainer) => trainer.about).join('; ')
    const rates: number[][] = trainers.map(() => [])
    for (const trainer of trainers) await trainer.run(seconds)
    for (let round = 0; round < rounds; round++) {
      for (const [i, trainer] of trainers.entries()) rates[i]!.push(await trainer.run(seconds))
    }
    for (const trainer of trainers) await trainer.close()
    const [ours, theirs] = rates
    rows.push([one.name, rate(ours!), theirs ? rate(theirs) : '', theirs ? ratio(ours!, theirs) : ''])
    process.stderr.write(`${rows.at(-1)!.join('  ')}\n`)
  }
  return `${about}\n\n${table(['steps a second', 'chainrule', 'PyTorch, eager', 'ratio'], rows)}`
}
