/** How long it takes until a program has run once: read, traced, differentiated, compiled; and again with other numbers, when its structure is known. */
import { once } from 'node:events'
import { setFlagsFromString } from 'node:v8'
import { Worker } from 'node:worker_threads'
import { readConfig } from '../src/config.ts'
import { heapLimits } from '../src/member.ts'
import type { Measured } from './report.ts'
import { median, table } from './report.ts'
import { startFlags } from './server.ts'

/** Milliseconds of a program's first run, of what comes before its first step, and of runs when its structure is known. */
export interface ProgramTimes {
  readonly program: string
  readonly request: string
  readonly first: number
  readonly compile: number | undefined
  readonly cached: number
}

export interface TraceSetup {
  /** What the program with targets is called. */
  readonly measured: string
  /** Rounds of each program in a thread that has had `after` of them. */
  readonly young: { readonly after: number; readonly rounds: number }
  /** V8 has then compiled what runs often, as before the requests that `http` counts. */
  readonly warmUpMs: number
  readonly rounds: number
}

const measuredProgram = 'a program of 20 lines'

/** Of the program of 20 lines, in milliseconds. */
const targets = { compile: 5, cached: 0.2 } as const

/** In a thread like the service's workers. */
export async function benchTrace(rounds: number): Promise<Measured> {
  for (const flag of [...startFlags(), '--experimental-wasm-revectorize']) setFlagsFromString(flag)
  const setup: TraceSetup = { measured: measuredProgram, young: { after: 10, rounds }, warmUpMs: 15_000, rounds }
  const worker = new Worker(new URL('./trace-worker.ts', import.meta.url), { workerData: setup, resourceLimits: heapLimits(readConfig({}).WORKER_HEAP_MB) })
  const [times] = (await once(worker, 'message')) as [Readonly<Record<'young' | 'warm', readonly ProgramTimes[]>>]
  await worker.terminate()

  const nameOf = ({ program, request }: ProgramTimes): string => `${program}: ${request}`
  const young = Map.groupBy(times.young, nameOf)
  const warm = Map.groupBy(times.warm, nameOf)
  const missed = [...warm].flatMap(([name, list]) => {
    if (list[0]!.program !== measuredProgram) return []
    return (['compile', 'cached'] as const).flatMap((what) => {
      const ms = median(known(list, what))
      return ms > targets[what] ? [`${name}, ${what}: ${Number(ms.toPrecision(3))} ms where ${targets[what]} is the target`] : []
    })
  })
  const rows = [...warm].map(([name, list]) => [name, show(known(young.get(name)!, 'first')), show(known(list, 'first')), show(known(list, 'compile')), show(known(list, 'cached'))])
  return { text: table(['milliseconds to the first answer', 'young thread', 'warm thread', 'before the first step', 'cached'], rows), missed }
}

function known(list: readonly ProgramTimes[], what: 'first' | 'compile' | 'cached'): number[] {
  return list.flatMap((times) => times[what] ?? [])
}

function show(ms: readonly number[]): string {
  if (ms.length === 0) return ''
  const digits = (value: number): string => Number(value.toPrecision(2)).toString()
  return `${digits(median(ms))} (${digits(Math.min(...ms))} to ${digits(Math.max(...ms))})`
}
