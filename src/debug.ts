/** The debug ladder, ENGINE_DEBUG from 1 to 5: what the engine made of a request, as text. */
import type { Stage, Training } from '../engine/index.ts'
import type { JobStats } from './protocol.ts'
import type { Operation } from './spec.ts'

/** The level from which on the text of a stage is shown. */
const levels: Readonly<Record<Stage, number>> = { 'traced graph': 3, 'simplified graph': 4, kernels: 4, 'memory plan': 4, WebAssembly: 5 }

/** Milliseconds that a kernel is repeated for, to be timed. */
const probeMs = 2

export class DebugLadder {
  readonly #level: number
  readonly #now: () => number
  readonly #print: (text: string) => void
  #timings: string[] = []
  #last = 0

  constructor(level: number, now: () => number, print: (text: string) => void) {
    this.#level = level
    this.#now = now
    this.#print = print
  }

  get on(): boolean {
    return this.#level > 0
  }

  /** Whether kernels are to be timed one by one. */
  get probes(): boolean {
    return this.#level >= 2
  }

  begin(): void {
    this.#timings = []
    this.#last = this.#now()
  }

  stage(stage: Stage, text: () => string): void {
    this.#timings.push(`${stage} ${(this.#now() - this.#last).toFixed(3)}`)
    if (this.#level >= levels[stage]) this.#print(`${stage}\n${text()}\n`)
    this.#last = this.#now()
  }

  /** One line of timings and memory. */
  ran(operation: Operation, stats: JobStats): void {
    const { compileMs, runMs, steps, kernels, peakBytes, cached } = stats
    const run = operation === 'train' ? `prepared in ${compileMs.toFixed(3)} ms, ${steps} steps in ${runMs.toFixed(3)} ms` : `done in ${runMs.toFixed(3)} ms`
    const stages = cached ? 'compiled before' : `to each stage, in ms: ${this.#timings.join(', ')}`
    this.#print(`${operation}: ${run}; ${kernels} kernels, ${peakBytes} bytes of memory; ${stages}\n`)
  }

  /** A line for each kernel of a training step: its time, GFLOP/s and GB/s. */
  kernels(training: Training): void {
    const lines = training.kernels().map(({ info, run }, i) => {
      const us = this.#time(run)
      return `kernel ${i}: ${us.toFixed(2)} us, ${(info.operations / us / 1e3).toFixed(2)} GFLOP/s, ${(info.bytes / us / 1e3).toFixed(2)} GB/s  ${info.title}`
    })
    this.#print(`${lines.join('\n')}\n`)
  }

  /** Microseconds of a call: the best of five batches. */
  #time(run: () => void): number {
    let calls = 1
    let best = Infinity
    for (let batch = 0; batch < 5; batch++) {
      const began = this.#now()
      for (let i = 0; i < calls; i++) run()
      const ms = this.#now() - began
      best = Math.min(best, ms / calls)
      calls = Math.max(1, Math.ceil(calls * (probeMs / 5 / Math.max(ms, 0.001))))
    }
    return best * 1000
  }
}
