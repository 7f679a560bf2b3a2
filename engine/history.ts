/**
 * How a run gets back to an earlier state: a copy of the state now and then, and the numbers that the steps since were
 * given. A copy for each call would take a twentieth of the time of a large network.
 */
import { invariant } from './errors.ts'
import type { Runtime } from './runtime.ts'

interface Call {
  readonly runtime: Runtime
  /** The numbers of its steps; undefined where none follows from the same copy. */
  readonly rows: Uint8Array | undefined
  done: number
}

/** Calls from one copy of the state to the next, at most: all of them are done again to get back. */
const mostCalls = 16

export class History {
  #state: Uint8Array | undefined
  #calls: Call[] = []
  /** Bytes of the numbers that are kept. */
  #bytes = 0

  /** Before a call of `count` steps, whose numbers are written. `fresh`: with a copy of the state as it is now. */
  begin(runtime: Runtime, count: number, fresh: boolean): void {
    const rows = runtime.stepRows(count)
    this.#bytes += rows.length
    if (fresh || this.#calls.length === 0 || this.#calls.length === mostCalls || this.#bytes > (this.#state?.length ?? 0)) {
      this.#state = runtime.copyState(this.#state)
      this.#calls = []
      this.#bytes = rows.length
    }
    const single = fresh || this.#bytes > this.#state!.length
    this.#calls.push({ runtime, rows: single ? undefined : rows.slice(), done: 0 })
  }

  /** After a call, or a part of it. */
  end(done: number): void {
    this.#calls.at(-1)!.done = done
  }

  /** The state is changed otherwise: there is no way back. */
  forget(): void {
    this.#calls = []
  }

  /** The state after the first `count` steps of the last call; `run` does steps. What the last call has recorded stays. */
  back(count: number, run: (runtime: Runtime, steps: number) => void): void {
    const last = this.#calls.at(-1)
    invariant(last && this.#state, 'a call to go back in')
    const records = last.runtime.recordRows(last.done).slice()
    last.runtime.setState(this.#state)
    let current = last.runtime
    for (const call of this.#calls) {
      const { runtime, rows, done } = call
      if (current !== runtime) runtime.writeLiterals()
      current = runtime
      if (rows) runtime.setStepRows(rows)
      run(runtime, call === last ? count : done)
    }
    last.runtime.recordRows(last.done).set(records)
    last.done = count
  }
}
