/** Memory that V8 would give back much later by itself: what is collected in time does not add up from request to request. */
import { performance } from 'node:perf_hooks'
import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { measureMemory, runInNewContext } from 'node:vm'

interface Collection {
  readonly type: 'major' | 'minor'
  readonly execution: 'sync'
  readonly flavor?: 'last-resort'
}

let gc: ((how: Collection) => void) | undefined

function collect(how: Collection): void {
  if (!gc) {
    setFlagsFromString('--expose-gc')
    gc = runInNewContext('gc') as (how: Collection) => void
  }
  gc(how)
}

/**
 * Collects the calling thread's garbage: after something large. V8 does it in steps, and keeps its fast code. A collection
 * that `gc` asks for drops the code of all classes that have no object at the moment, which are nearly all of them between
 * two requests: the next ones take two to four times as long.
 */
export async function reclaim(): Promise<void> {
  // What it measures is of no interest: it collects first.
  await measureMemory({ mode: 'summary', execution: 'eager' })
}

/** Takes tens of milliseconds, gives more back, and drops that code. */
export function reclaimAll(): void {
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' })
}

/** Collects what has come and gone in a moment, which takes about one: V8 does not see that much memory outside its heap hangs on it. */
export function reclaimYoung(): void {
  collect({ type: 'minor', execution: 'sync' })
}

/** A thread that has had nothing to do for so long collects, and keeps its code. */
const idleMs = 300
/** One that has had nothing to do for so long gives all back, code too. */
export const restMs = 120_000
/** Work that took longer leaves so much that it is collected at once. */
const longMs = 100
/** Bytes by which its heap must have grown since the last time: after work that took long, when it is idle, when it rests. */
const worthwhile = { long: 16 * 2 ** 20, idle: 4 * 2 ** 20, rest: 4 * 2 ** 20 } as const

/** What is left of a larger heap is mostly unused, or code of long ago: it is all given back, code too. */
const largeHeap = 52 * 2 ** 20

/** Collects a worker's garbage when its heap has grown: after work that took long, when it has been idle for a moment, and thoroughly after a while. */
export class IdleCollector {
  readonly #isIdle: () => boolean
  readonly #timers: readonly NodeJS.Timeout[]
  /** What it held after the last collection, and after the last thorough one. */
  #settled = 0
  #rested = 0
  /** Whether it has done anything yet. */
  #worked = false

  constructor(isIdle: () => boolean) {
    this.#isIdle = isIdle
    const whenIdle = (ms: number, act: () => void): NodeJS.Timeout => setTimeout(() => isIdle() && act(), ms).unref()
    this.#timers = [whenIdle(idleMs, () => void this.#collect(worthwhile.idle)), whenIdle(restMs, () => this.#rest())]
  }

  /** Something has ended that took so long: the thread may be idle from now on. */
  ended(ms: number): void {
    this.#worked = true
    if (ms > longMs) setImmediate(() => void this.#collect(worthwhile.long))
    for (const timer of this.#timers) timer.refresh()
  }

  async #collect(bytes: number): Promise<void> {
    if (held() < this.#settled + bytes) return
    this.#settled = Infinity
    if (this.#worked) await reclaim()
    if (this.#isIdle() && (!this.#worked || getHeapStatistics().total_heap_size > largeHeap)) this.#collectAll()
    else this.#settled = held()
  }

  #rest(): void {
    if (held() > this.#rested + worthwhile.rest) this.#collectAll()
  }

  #collectAll(): void {
    reclaimAll()
    this.#settled = this.#rested = held()
  }
}

/** Share of the time that an idle event loop is busy, at most. */
const idleUtilization = 0.01
/** How often a thread that others wait for is looked at within that time. */
const looks = 3

/** Gives back all that the calling thread does not need each time that its event loop has had next to nothing to do for a while. */
export function reclaimAtRest(): void {
  let rested = held()
  let before = performance.eventLoopUtilization()
  let quiet = 0
  const look = (): void => {
    const now = performance.eventLoopUtilization()
    quiet = performance.eventLoopUtilization(now, before).utilization > idleUtilization ? 0 : quiet + 1
    before = now
    if (quiet !== looks || held() < rested + worthwhile.rest) return
    reclaimAll()
    rested = held()
  }
  setInterval(look, restMs / looks).unref()
}

/** Bytes that the thread's heap has, and those of arrays outside it. */
function held(): number {
  const { total_heap_size: heap, external_memory: outside } = getHeapStatistics()
  return heap + outside
}
