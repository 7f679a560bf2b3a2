/**
 * Sections of a loop kernel: the places in its loop nest where instructions can stand, numbered so that a section
 * dominates all later ones whose results it may use.
 *
 *   0                    before all loops
 *   1 … K                inside the d-th outer loop
 *   time(t)              at outer depth K, after t phases; time(0) = K
 *   phase(p, 1 … M)      inside the e-th folded loop of phase p
 */
import { mappedNumbers } from '../ir/lists.ts'
import type { Access, LoopKernel } from '../passes/lower.ts'

export class Sections {
  readonly outer: readonly number[]
  readonly folded: readonly number[]
  readonly phases: number
  /** The loop that is vectorised, or undefined for a kernel of single numbers. */
  readonly vector: number | undefined
  readonly inner: boolean

  constructor(kernel: LoopKernel) {
    const loops = mappedNumbers(kernel.sizes, (_, i) => i)
    this.outer = loops.filter((i) => !kernel.reduced[i])
    this.folded = loops.filter((i) => kernel.reduced[i])
    this.phases = this.folded.length === 0 ? 0 : kernel.phases
    this.inner = kernel.inner
    this.vector = kernel.inner ? this.folded.at(-1) : this.outer.at(-1)
  }

  time(t: number): number {
    return this.outer.length + t * (this.folded.length + 1)
  }

  phase(p: number, depth: number): number {
    return this.time(p) + depth
  }

  get count(): number {
    return this.time(this.phases) + 1
  }

  /** The innermost section that the access moves in. */
  ofAccess(access: Access, full: boolean, phase: number): number {
    if (full) {
      for (let e = this.folded.length; e > 0; e--) {
        if (access.strides[this.folded[e - 1]!] !== 0) return this.phase(phase, e)
      }
    }
    for (let d = this.outer.length; d > 0; d--) {
      if (access.strides[this.outer[d - 1]!] !== 0) return d
    }
    return 0
  }

  /** Whether neighbouring lanes see the same element. */
  isUniform(access: Access): boolean {
    return this.vector === undefined || access.strides[this.vector] === 0
  }
}
