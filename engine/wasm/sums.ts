/** How long sums are cut into blocks: by the sizes alone, so that the result does not depend on who does which block. */
import type { LoopKernel } from '../passes/lower.ts'
import type { Reduction } from './body.ts'

/** Iterations after which a float sum moves on to fresh accumulators, so that long sums stay accurate. */
export const cascadeBlock = 256

/** Vectors that an iteration of a sum handles. */
export const mostVectors = 8
export const fewestVectors = 2

/**
 * A kernel of nothing but sums over all elements, long enough that they begin afresh every `cascadeBlock` iterations. What
 * each of these blocks comes to is kept, and added up in the order of the blocks when all are done: the same bits, whoever
 * does which block.
 */
export interface Blocks {
  readonly whole: number
  /** Iterations behind the last whole block. */
  readonly iterations: number
  /** Elements behind the last iteration. */
  readonly elements: number
  /** Sums that are kept, one for each of the above. */
  readonly slots: number
}

/** The blocks of `count` elements, of which an iteration handles `step`. */
export function blocksOf(count: number, step: number): Blocks {
  const rounds = Math.floor(count / step)
  const [whole, iterations, elements] = [Math.floor(rounds / cascadeBlock), rounds % cascadeBlock, count % step]
  return { whole, iterations, elements, slots: whole + (iterations > 0 ? 1 : 0) + (elements > 0 ? 1 : 0) }
}

/** Bytes for what the blocks of a kernel's sums come to, at most: see Blocks. */
export function blockBytes({ sizes, reduced, lanes, steps }: LoopKernel): number {
  if (!reduced.every(Boolean)) return 0
  const sums = steps.filter(({ value }) => value.op.kind === 'reduce').length
  const count = sizes.reduce((n, size) => n * size, 1)
  return sums * mostVectors * 16 * (Math.ceil(count / (cascadeBlock * fewestVectors * lanes)) + 2)
}

/** Whether the reduction is a sum of floats, whose accumulators begin afresh now and then. */
export function isCascaded({ op, type }: Reduction): boolean {
  return op.name === 'sum' && type.startsWith('f')
}
