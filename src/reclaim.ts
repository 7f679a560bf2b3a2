/** Memory that V8 would give back much later by itself: what is collected in time does not add up from request to request. */
import { createHook } from 'node:async_hooks'
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
  reclaimFreed()
}

/** Takes tens of milliseconds, gives more back, and drops that code. */
export function reclaimAll(): void {
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' })
  reclaimFreed()
}

/** What `keepTicks` keeps. */
const ticks: object[] = []

/**
 * Keeps `process.nextTick` fast, which every request calls several times; to be called once, before anything is collected.
 * When V8 collects while nothing is queued, it forgets the hidden class of what is queued; the literal in `nextTick`, with
 * computed names, then takes the slow path forever: 280 ns a call instead of 45, 7 % of the main thread's time under load.
 * One of these objects that stays alive keeps the class.
 */
export function keepTicks(): void {
  const hook = createHook({
    init: (_id, type, _trigger, resource) => {
      if (type === 'TickObject') ticks.push(resource)
    },
    trackPromises: false,
  })
  hook.enable()
  process.nextTick(() => {})
  hook.disable()
}

let trim: ((keep: bigint) => number) | undefined

/** `malloc_trim` of glibc. Other C libraries have none, and Node may be built without `node:ffi`. */
function findTrim(): (keep: bigint) => number {
  try {
    const { DynamicLibrary } = process.getBuiltinModule('node:ffi')
    return new DynamicLibrary(null).getFunction('malloc_trim', { arguments: ['uint64'], return: 'int32' })
  } catch {
    return () => 0
  }
}

/** Gives back what malloc keeps of the memory that all threads have freed. V8's compilers free tens of MB at a time. Takes a few milliseconds. */
function reclaimFreed(): void {
  trim ??= findTrim()
  trim(0n)
}

/** Collects what has come and gone in a moment, which takes about one: V8 does not see that much memory outside its heap hangs on it. */
export function reclaimYoung(): void {
  collect({ type: 'minor', execution: 'sync' })
}

/** A worker that has had nothing to do for so long collects, and keeps its code. */
const idleMs = 300
/** Work that took longer leaves so much that it is collected at once. */
const longMs = 100
/** Bytes by which its heap must have grown since the last time: after work that took long, and when it is idle. */
const worthwhile = { long: 16 * 2 ** 20, idle: 4 * 2 ** 20 } as const

/** What is left of a larger heap is mostly unused, or code of long ago: it is all given back, code too. */
const largeHeap = 52 * 2 ** 20

/** Collects a worker's garbage when its heap has grown: after work that took long, and when it has been idle for a moment. */
export class IdleCollector {
  readonly #isIdle: () => boolean
  readonly #timer: NodeJS.Timeout
  /** What it held after the last collection. */
  #settled = 0
  /** Whether it has done anything yet. */
  #worked = false

  constructor(isIdle: () => boolean) {
    this.#isIdle = isIdle
    this.#timer = setTimeout(() => isIdle() && void this.#collect(worthwhile.idle), idleMs).unref()
  }

  /** Something has ended that took so long: the thread may be idle from now on. */
  ended(ms: number): void {
    this.#worked = true
    if (ms > longMs) setImmediate(() => void this.#collect(worthwhile.long))
    this.#timer.refresh()
  }

  async #collect(bytes: number): Promise<void> {
    if (held() < this.#settled + bytes) return
    this.#settled = Infinity
    if (this.#worked) await reclaim()
    if (this.#isIdle() && (!this.#worked || getHeapStatistics().total_heap_size > largeHeap)) reclaimAll()
    this.#settled = held()
  }
}

/** Bytes that the thread's heap has, and those of arrays outside it. */
function held(): number {
  const { total_heap_size: heap, external_memory: outside } = getHeapStatistics()
  return heap + outside
}
