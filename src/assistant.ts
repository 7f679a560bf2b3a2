/** A helper thread: does parts of the work of the program that its worker runs, and sleeps in between. */
import { receiveMessageOnPort, workerData } from 'node:worker_threads'
import type { SharedProgram } from '../engine/index.ts'
import type { AssistantSetup } from './team.ts'

const { calls, port, number } = workerData as AssistantSetup
const words = new Int32Array(calls)

let seen = 0
const programs = new Map<number, (program: number) => number>()
for (;;) {
  Atomics.wait(words, 0, seen)
  seen = Atomics.load(words, 0)
  for (let given = receiveMessageOnPort(port); given; given = receiveMessageOnPort(port)) {
    const program = given.message as SharedProgram | number
    if (typeof program === 'number') programs.delete(program)
    else programs.set(program.number, assistOf(program))
  }
  const wanted = Atomics.load(words, 1)
  Atomics.add(words, 2, programs.get(wanted)?.(wanted) ?? 0)
}

/** The function of the program that does parts of its kernels, with working memory of this thread's own. */
function assistOf({ module, memory, ownBytes }: SharedProgram): (program: number) => number {
  const { exports } = new WebAssembly.Instance(module, { env: { memory, own: number * ownBytes } })
  return exports['assist'] as (program: number) => number
}
