/**
 * The helper threads of a worker. They are started by the first run that can use them, sleep while no step runs, and are
 * called only while cores are free: other requests come first.
 */
import { MessageChannel, Worker } from 'node:worker_threads'
import type { MessagePort } from 'node:worker_threads'
import type { SharedProgram, Team } from '../engine/index.ts'

export interface AssistantSetup {
  /** Element 0 counts the calls, element 1 is the number of the program to assist in, element 2 counts the parts of kernels that were done. */
  readonly calls: SharedArrayBuffer
  /** Gets each program before the first call, and its number when it does not run any more. */
  readonly port: MessagePort
  /** 1 for the first helper. */
  readonly number: number
}

interface Helper {
  readonly worker: Worker
  readonly calls: Int32Array
  readonly port: MessagePort
}

export class Helpers implements Team {
  readonly threads: number
  readonly #cores: number
  readonly #busy: Int32Array
  #helpers: readonly Helper[] | undefined
  /** Programs that the helpers have, by their numbers. */
  readonly #known = new Set<number>()

  /** `busy`: element 0 is the number of workers that have a job. */
  constructor(threads: number, cores: number, busy: SharedArrayBuffer) {
    this.threads = threads
    this.#cores = cores
    this.#busy = new Int32Array(busy)
  }

  isFree(): boolean {
    return this.#free() > 0
  }

  /** Helpers that a core is free for. */
  #free(): number {
    return Math.min(this.threads - 1, this.#cores - Atomics.load(this.#busy, 0))
  }

  /** Parts of kernels that helpers have done so far. */
  get parts(): number {
    return (this.#helpers ?? []).reduce((sum, { calls }) => sum + Atomics.load(calls, 2), 0)
  }

  assist(program: SharedProgram): void {
    this.#helpers ??= Array.from({ length: this.threads - 1 }, (_, i) => start(i + 1))
    if (!this.#known.has(program.number)) {
      this.#known.add(program.number)
      for (const { port } of this.#helpers) port.postMessage(program)
    }
    for (const helper of this.#helpers.slice(0, this.#free())) call(helper, program.number)
  }

  leave(program: SharedProgram): void {
    if (!this.#known.delete(program.number)) return
    for (const helper of this.#helpers!) {
      helper.port.postMessage(program.number)
      call(helper, 0)
    }
  }
}

function start(number: number): Helper {
  const { port1, port2 } = new MessageChannel()
  const calls = new SharedArrayBuffer(12)
  const setup: AssistantSetup = { calls, port: port2, number }
  const worker = new Worker(new URL('./assistant.ts', import.meta.url), { workerData: setup, transferList: [port2], execArgv: ['--disable-warning=ExperimentalWarning'] })
  worker.unref()
  port1.unref()
  return { worker, calls: new Int32Array(calls), port: port1 }
}

function call({ calls }: Helper, program: number): void {
  Atomics.store(calls, 1, program)
  Atomics.add(calls, 0, 1)
  Atomics.notify(calls, 0)
}
