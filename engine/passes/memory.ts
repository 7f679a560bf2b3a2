/**
 * The memory plan: a byte address for every buffer. Buffers that are not needed at the same time share space.
 *
 *   0       control words (fault record, what threads tell each other, accumulator pairs)
 *   1024    persistent buffers, in the order of their declaration: data, parameters, optimizer state
 *           temporaries, by liveness
 *           what the blocks of a sum come to, where threads share the work
 *           what each thread has for itself, where threads share the work: pairs of accumulators, working memory, panels
 *           numbers that change with the step, and the record of each step
 */
import type { Value } from '../ir/value.ts'
import { byteSize, numel } from '../ir/value.ts'
import { workspaceBytes } from '../wasm/blocking.ts'
import { blockBytes } from '../wasm/sums.ts'
import type { Access, Scratch } from './lower.ts'
import { Occupancy } from './occupancy.ts'
import type { Kernel, Schedule } from './schedule.ts'

/** First word: 1 + number of the failed index check, or 0. Then the numbers (16) and which of them are wrong (16 bytes each). */
export const faultAddress = 0
/** Words by which threads share the work of a kernel: see wasm/threads.ts. A cache line each. */
export const threadAddresses = { work: 64, finished: 128 } as const
const pairAddress = 256
const pairBytes = 256
const firstBuffer = 1024
/** Alignment of buffers, and room behind the last one for reads past the end of a partial vector. */
const alignment = 64

export interface MemoryPlan {
  readonly addresses: ReadonlyMap<Access['base'], number>
  readonly sizes: ReadonlyMap<Access['base'], number>
  /** Where pairs of accumulators are put side by side. */
  readonly pairAddress: number
  /** Where threads put what the blocks of a sum come to. */
  readonly blockAddress: number
  /** Where products pack parts of their operands. */
  readonly workspace: number
  /** From a thread's own memory to that of the next one, in bytes; 0 where there is one thread. */
  readonly ownBytes: number
  /** First byte behind all buffers. */
  readonly end: number
}

interface Interval {
  readonly base: Access['base']
  readonly bytes: number
  readonly first: number
  last: number
}

/** Bytes a value takes, rounded up to whole lines. */
export function bufferBytes(value: Pick<Value, 'dtype' | 'shape'>): number {
  return roundUp(Math.max(1, numel(value.shape)) * byteSize[value.dtype])
}

export function roundUp(bytes: number): number {
  return Math.ceil(bytes / alignment) * alignment
}

export function planMemory(persistent: readonly Value[], plan: Schedule, kept: ReadonlySet<Value>, wide: boolean, threads = 1): MemoryPlan {
  const addresses = new Map<Access['base'], number>()
  const sizes = new Map<Access['base'], number>()
  let end = firstBuffer
  for (const value of persistent) {
    addresses.set(value, end)
    sizes.set(value, bufferBytes(value))
    end += bufferBytes(value)
  }
  for (const [next, state] of plan.inPlace) {
    addresses.set(next, addresses.get(state)!)
    sizes.set(next, sizes.get(state)!)
  }
  const intervals = lifetimes(plan.kernels, addresses, kept, threads === 1)
  end = assign(intervals, plan.kernels.length + 1, addresses, end)
  for (const { base, bytes } of intervals) sizes.set(base, bytes)
  const workspace = roundUp(most(plan.kernels, (kernel) => (kernel.kind === 'matmul' ? workspaceBytes(kernel, wide, threads === 1) : 0)))
  if (threads === 1) return { addresses, sizes, pairAddress, blockAddress: end, workspace: end, ownBytes: 0, end: end + workspace + alignment }
  const blockAddress = end
  end += roundUp(most(plan.kernels, (kernel) => (kernel.kind === 'loop' ? blockBytes(kernel) : 0)))
  const scratch = placeScratch(plan.kernels, addresses, sizes, end + pairBytes)
  const ownBytes = roundUp(pairBytes + scratch + workspace + alignment)
  return { addresses, sizes, pairAddress: end, blockAddress, workspace: end + pairBytes + scratch, ownBytes, end: end + threads * ownBytes }
}

/** What the kernel takes that takes most. */
function most(kernels: readonly Kernel[], bytesOf: (kernel: Kernel) => number): number {
  return kernels.reduce((bytes, kernel) => Math.max(bytes, bytesOf(kernel)), 0)
}

/** The working memory of each kernel, from the same address on; gives the bytes of the largest. */
function placeScratch(kernels: readonly Kernel[], addresses: Map<Access['base'], number>, sizes: Map<Access['base'], number>, start: number): number {
  let largest = 0
  for (const kernel of kernels) {
    let at = start
    for (const { base, bytes } of scratchesOf(kernel)) {
      addresses.set(base, at)
      sizes.set(base, bytes)
      at += bytes
    }
    largest = Math.max(largest, at - start)
  }
  return largest
}

function lifetimes(kernels: readonly Kernel[], placed: ReadonlyMap<Access['base'], number>, kept: ReadonlySet<Value>, withScratch: boolean): Interval[] {
  const intervals = new Map<Access['base'], Interval>()
  const end = kernels.length
  for (const [i, kernel] of kernels.entries()) {
    for (const value of kernel.reads.keys()) {
      const interval = intervals.get(value)
      if (interval) interval.last = Math.max(interval.last, i)
    }
    for (const value of kernel.writes) {
      if (placed.has(value)) continue
      const interval = intervals.get(value)
      if (interval) interval.last = Math.max(interval.last, i)
      else intervals.set(value, { base: value, bytes: bufferBytes(value), first: i, last: kept.has(value) ? end : i })
    }
    if (withScratch) for (const { base, bytes } of scratchesOf(kernel)) intervals.set(base, { base, bytes, first: i, last: i })
  }
  return [...intervals.values()]
}

function scratchesOf(kernel: Kernel): { readonly base: Scratch; readonly bytes: number }[] {
  if (kernel.kind === 'matmul') return []
  const run = kernel.kind === 'routine' || kernel.inner
  return kernel.scratches.map(({ scratch, count }) => ({ base: scratch, bytes: scratchBytes(scratch, count, run) }))
}

/** A run of elements, or a block of up to 8 vectors for each folded index. */
function scratchBytes(scratch: Scratch, count: number, run: boolean): number {
  return roundUp(run ? count * byteSize[scratch.dtype] : count * 8 * 16)
}

/** Largest first, each at the lowest address that is free while it lives. Gives the end of the space used. */
function assign(intervals: readonly Interval[], times: number, addresses: Map<Access['base'], number>, start: number): number {
  const occupancy = new Occupancy(times)
  let end = start
  for (const { base, bytes, first, last } of intervals.toSorted((a, b) => b.bytes - a.bytes || a.first - b.first)) {
    const from = occupancy.lowest(start, bytes, first, last)
    occupancy.take(from, from + bytes, first, last)
    addresses.set(base, from)
    end = Math.max(end, from + bytes)
  }
  return end
}
