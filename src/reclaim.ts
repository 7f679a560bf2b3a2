/** Memory that V8 would give back much later by itself: what is collected in time does not add up from request to request. */
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

interface Collection {
  readonly type: 'major' | 'minor'
  readonly execution: 'sync'
  readonly flavor?: 'regular' | 'last-resort'
}

let gc: ((how: Collection) => void) | undefined

function collect(how: Collection): void {
  if (!gc) {
    setFlagsFromString('--expose-gc')
    gc = runInNewContext('gc') as (how: Collection) => void
  }
  gc(how)
}

/** Collects the calling thread's garbage: after something large. Takes tens of milliseconds; `thorough`: twice that, and gives more back. */
export function reclaim(thorough = false): void {
  collect({ type: 'major', execution: 'sync', flavor: thorough ? 'last-resort' : 'regular' })
}

/** Collects what has come and gone in a moment, which takes about one: V8 does not see that much memory outside its heap hangs on it. */
export function reclaimYoung(): void {
  collect({ type: 'minor', execution: 'sync' })
}

/** A thread that has had nothing to do for so long may collect. */
const idleMs = 300
/** Work that took longer leaves so much that it is collected at once. */
const longMs = 100
/** Bytes by which its heap must have grown since the last time: after work that took long, and when it is idle. */
const worthwhile = { long: 16 * 2 ** 20, idle: 4 * 2 ** 20 } as const

/** Collects garbage when a thread's heap has grown: after work that took long, and when it has been idle for a moment. */
export class IdleCollector {
  readonly #isIdle: () => boolean
  #timer: NodeJS.Timeout | undefined
  /** What it held after the last collection, and after the last thorough one. */
  #left = 0
  #settled = 0

  constructor(isIdle: () => boolean) {
    this.#isIdle = isIdle
    this.#watch()
  }

  /** Something has ended that took so long: the thread may be idle from now on. */
  ended(ms: number): void {
    if (ms > longMs) setImmediate(() => this.#collectLong())
    this.#watch()
  }

  #watch(): void {
    if (this.#timer) this.#timer.refresh()
    else this.#timer = setTimeout(() => this.#look(), idleMs).unref()
  }

  #look(): void {
    if (!this.#isIdle() || held() < this.#settled + worthwhile.idle) return
    reclaim(true)
    this.#left = this.#settled = held()
  }

  #collectLong(): void {
    if (held() < this.#left + worthwhile.long) return
    reclaim()
    this.#left = held()
  }
}

/** Bytes that the thread's heap has, and those of arrays outside it. */
function held(): number {
  const { total_heap_size: heap, external_memory: outside } = getHeapStatistics()
  return heap + outside
}
