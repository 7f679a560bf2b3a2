/** What a worker sends: answers of small jobs together, large ones in pieces that wait for a slow reader. */
import { packOutcomes } from './packed.ts'
import type { FromWorker, Head, Outcome } from './protocol.ts'

/** Larger answers go in pieces. */
const wholeBytes = 2 ** 20

/** Bytes of an answer in pieces that the main thread has not passed on yet, at most. */
const maxInFlight = 2 ** 20

interface Flow {
  inFlight: number
  freed: () => void
}

/** How an answer in pieces goes out. */
export interface Channel {
  readonly start: (head: Head) => void
  /** Resolves when more may follow. */
  readonly send: (bytes: Uint8Array<ArrayBuffer>) => Promise<void>
}

export type Body = string | Uint8Array<ArrayBuffer> | readonly Uint8Array<ArrayBuffer>[]

/** Bytes of a body; of a string, its characters. */
export function lengthOf(body: Body): number {
  return typeof body === 'string' || body instanceof Uint8Array ? body.length : body.reduce((sum, { length }) => sum + length, 0)
}

export class Outbox {
  readonly #post: (message: FromWorker, transfer?: ArrayBuffer[]) => void
  readonly #flows = new Map<number, Flow>()
  #ended: Outcome[] = []
  #scheduled = false
  /** What the thread had taken of a processor when the jobs that came last began, and how many they were. */
  #began = 0
  #count = 0

  constructor(post: (message: FromWorker, transfer?: ArrayBuffer[]) => void) {
    this.#post = post
  }

  /** Jobs have come. */
  expect(jobs: number): void {
    this.#began = threadMs()
    this.#count = jobs
  }

  // ---- answers in pieces

  /** Sends a piece. Gives what to wait for before the next one, if anything. */
  send(id: number, bytes: Uint8Array<ArrayBuffer>): Promise<void> | undefined {
    let flow = this.#flows.get(id)
    if (!flow) this.#flows.set(id, (flow = { inFlight: 0, freed: () => {} }))
    flow.inFlight += bytes.length
    this.#post({ type: 'chunk', id, bytes }, [bytes.buffer])
    return this.wait(id)
  }

  wait(id: number): Promise<void> | undefined {
    const flow = this.#flows.get(id)
    if (!flow || flow.inFlight <= maxInFlight) return undefined
    return new Promise((resolve) => {
      flow.freed = resolve
    })
  }

  taken(id: number, bytes: number): void {
    const flow = this.#flows.get(id)
    if (!flow) return
    flow.inFlight -= bytes
    flow.freed()
  }

  /** Lets all that wait look whether they are cancelled. */
  wake(): void {
    for (const { freed } of this.#flows.values()) freed()
  }

  forget(id: number): void {
    this.#flows.delete(id)
  }

  /** Sends all of a large answer but its last piece, which is given back. `streamed`: the answer has begun. */
  async passOn(head: Head, body: Body, channel: Channel, streamed: boolean): Promise<string | Uint8Array<ArrayBuffer>> {
    if (typeof body === 'string' || body instanceof Uint8Array) return body
    const total = lengthOf(body)
    if (total <= wholeBytes && !streamed) return Buffer.concat(body, total)
    if (!streamed) channel.start({ ...head, length: total })
    for (const block of body.slice(0, -1)) await channel.send(block)
    return body.at(-1) ?? ''
  }

  // ---- ends

  /** The job is over. */
  end(outcome: Outcome): void {
    this.#ended.push(outcome)
    if (!this.#scheduled) setImmediate(() => this.#flush())
    this.#scheduled = true
  }

  /** One message for all that has ended by now. */
  #flush(): void {
    this.#scheduled = false
    const outcomes = this.#ended
    this.#ended = []
    // Of those that came together; what ends later has let others in between.
    const ms = this.#count === 0 ? undefined : (threadMs() - this.#began) / this.#count
    this.#count = 0
    const buffers = outcomes.flatMap((outcome) => (outcome.type === 'done' && typeof outcome.body !== 'string' && outcome.body.byteLength === outcome.body.buffer.byteLength ? [outcome.body.buffer] : []))
    this.#post({ type: 'ended', outcomes: packOutcomes(outcomes), ms }, buffers)
  }
}

/** What this thread has taken of a processor. */
function threadMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1000
}
