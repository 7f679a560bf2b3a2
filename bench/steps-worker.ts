/** A worker thread that trains one request for as long as it is asked to. */
import { parentPort, workerData } from 'node:worker_threads'
import { ProgramCache, Training, defaultCompileOptions, defaultLimits } from '../engine/index.ts'
import type { TrainRequest } from '../src/spec.ts'
import { Helpers } from '../src/team.ts'
import { validate } from '../src/validate.ts'

const { request, threads } = workerData as { readonly request: Record<string, unknown>; readonly threads: number }
const checked = validate('train', { ...request, epochs: undefined, steps: 1e9 })
if (!checked.ok) throw new Error(checked.problem.detail)
const engine = { cache: new ProgramCache(), limits: { ...defaultLimits, maxSteps: 1e9 }, compile: defaultCompileOptions, ...(threads > 1 && { team: new Helpers(threads, threads, new SharedArrayBuffer(4)) }) }
const training = new Training(checked.value as TrainRequest, engine, { gradients: false })
const state = Object.fromEntries([...training.state()].map(([name, { elements, shape, dtype }]) => [name, { base64: Buffer.from(elements.buffer as ArrayBuffer, elements.byteOffset, elements.byteLength).toString('base64'), shape, dtype }]))
const firstLoss = training.advance(1).losses[0]!

/** Steps in one call: about 5 ms of them, as in the service. */
let chunk = 1
const began = performance.now()
while (performance.now() - began < 300) {
  const from = performance.now()
  const done = training.advance(chunk).length
  chunk = Math.max(1, Math.round((5 * done) / Math.max(performance.now() - from, 0.001)))
}

parentPort!.on('message', (seconds: number) => {
  const from = performance.now()
  const until = from + seconds * 1000
  let steps = 0
  let loss = 0
  while (performance.now() < until) {
    const done = training.advance(chunk)
    if (training.status !== 'running') throw new Error(`the run has ${training.status}`)
    for (let i = 0; i < done.length; i++) loss += done.losses[i]!
    steps += done.length
  }
  parentPort!.postMessage({ steps, ms: performance.now() - from, loss })
})
parentPort!.postMessage({ loss: firstLoss, state })
