/**
 * Whose turn it is among the trainings of a worker that take long. Each gives way after a few milliseconds, to the small
 * jobs that have come meanwhile and to the other trainings: those that have not run for long take turns, the rest goes on
 * one after the other, the oldest first.
 */

export interface Run {
  readonly id: number
  /** Milliseconds that it has run for. */
  spent: number
  /** Bytes of its memory. */
  bytes: number
}

/** A run that has not taken longer takes turns with the others. */
const shareMs = 100

export class Turns {
  /** In the order in which they came, but for those that share: these are in the order of their last turn. */
  readonly #waiting: { readonly run: Run; readonly resolve: () => void }[] = []
  readonly #watching: (() => void)[] = []
  readonly #runs: Run[] = []
  readonly #maxBytes: number
  #scheduled = false
  #active: Run | undefined

  /** `maxBytes`: what the memories of all runs together may take, unless it is one alone. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  /** Whether a run with a memory of this size can begin now. */
  hasRoom(bytes: number): boolean {
    let taken = 0
    for (const run of this.#runs) taken += run.bytes
    return taken === 0 || taken + bytes <= this.#maxBytes
  }

  /** Whether nothing runs and nothing waits. */
  get none(): boolean {
    return this.#runs.length === 0
  }

  /** Resolves when another run has ended, or to see whether the one that waits is cancelled. */
  change(): Promise<void> {
    return new Promise((resolve) => this.#watching.push(resolve))
  }

  begin(id: number, bytes: number): Run {
    const run = { id, spent: 0, bytes }
    this.#runs.push(run)
    return run
  }

  end(run: Run): void {
    this.#runs.splice(this.#runs.indexOf(run), 1)
    this.leave(run)
    for (const resolve of this.#watching.splice(0)) resolve()
  }

  /** Gives way; resolves when it is this run's turn again. */
  async next(run: Run, ms: number): Promise<void> {
    run.spent += ms
    this.leave(run)
    await new Promise<void>((resolve) => {
      this.#waiting.push({ run, resolve })
      this.#schedule()
    })
  }

  /** The run waits for something else: others may go on. */
  leave(run: Run): void {
    if (this.#active === run) this.#active = undefined
    this.#schedule()
  }

  /** Lets all go on for a moment, to see whether they are cancelled. */
  wake(): void {
    for (const { resolve } of this.#waiting.splice(0)) resolve()
    for (const resolve of this.#watching.splice(0)) resolve()
  }

  #schedule(): void {
    if (this.#scheduled || this.#waiting.length === 0) return
    this.#scheduled = true
    // After the messages that have come meanwhile.
    setImmediate(() => {
      this.#scheduled = false
      if (this.#active || this.#waiting.length === 0) return
      const sharing = this.#waiting.findIndex(({ run }) => run.spent < shareMs)
      const oldest = this.#waiting.reduce((best, { run }, i) => (run.id < this.#waiting[best]!.run.id ? i : best), 0)
      const [{ run, resolve }] = this.#waiting.splice(sharing >= 0 ? sharing : oldest, 1) as [{ run: Run; resolve: () => void }]
      this.#active = run
      resolve()
    })
  }
}
