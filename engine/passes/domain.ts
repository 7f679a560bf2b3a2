/**
 * The iteration space of a loop kernel: sizes in row-major order, some of which are folded by reductions.
 * Values of all sizes are "full"; values of the sizes that are kept are "outer".
 */
import type { Dim } from '../ir/layout.ts'
import { refine, stridesOn } from '../ir/layout.ts'
import { mappedNumbers, repeated } from '../ir/lists.ts'
import type { Shape } from '../ir/value.ts'
import { numel } from '../ir/value.ts'

export interface Domain {
  readonly sizes: readonly number[]
  readonly reduced: readonly boolean[]
  /** Whether a reduction has decided which sizes are folded. */
  readonly split: boolean
}

export function plainDomain(sizes: readonly number[]): Domain {
  const real: number[] = []
  const reduced: boolean[] = []
  for (const size of sizes) {
    if (size === 1) continue
    real.push(size)
    reduced.push(false)
  }
  return { sizes: real, reduced, split: false }
}

/** The domain of a reduction of `shape` over `axes`. */
export function reduceDomain(shape: Shape, axes: readonly number[]): Domain {
  const sizes: number[] = []
  const reduced: boolean[] = []
  for (let axis = 0; axis < shape.length; axis++) {
    const size = shape[axis]!
    if (size === 1) continue
    const folded = axes.includes(axis)
    const last = sizes.length - 1
    if (last >= 0 && reduced[last] === folded) {
      sizes[last]! *= size
    } else {
      sizes.push(size)
      reduced.push(folded)
    }
  }
  return { sizes, reduced, split: true }
}

export function fullCount(domain: Domain): number {
  return numel(domain.sizes)
}

export function outerCount({ sizes, reduced }: Domain): number {
  let count = 1
  for (let i = 0; i < sizes.length; i++) if (!reduced[i]) count *= sizes[i]!
  return count
}

export function keptSizes({ sizes, reduced }: Domain): number[] {
  const kept: number[] = []
  for (let i = 0; i < sizes.length; i++) if (!reduced[i]) kept.push(sizes[i]!)
  return kept
}

/** The common refinement, or null when the sizes do not nest or two reductions fold different ones. */
export function meet(a: Domain, b: Domain): Domain | null {
  if (sameItems(a.sizes, b.sizes)) {
    if (!b.split) return a
    if (!a.split) return b
    return sameItems(a.reduced, b.reduced) ? a : null
  }
  const sizes = refine(a.sizes, b.sizes)
  if (!sizes) return null
  const decided = a.split ? a : b
  const reduced = flagsOn(decided, sizes)
  if (a.split && b.split && !sameItems(reduced, flagsOn(b, sizes))) return null
  return { sizes, reduced, split: decided.split }
}

export function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Refines the kept sizes only. */
export function meetKept(domain: Domain, sizes: readonly number[]): Domain | null {
  const finer = refine(keptSizes(domain), sizes.filter((size) => size !== 1))
  if (!finer) return null
  const out: number[] = []
  const reduced: boolean[] = []
  let next = 0
  for (let i = 0; i < domain.sizes.length; i++) {
    const size = domain.sizes[i]!
    if (domain.reduced[i]) {
      out.push(size)
      reduced.push(true)
      continue
    }
    for (let rest = size; rest > 1; ) {
      const piece = finer[next++]!
      out.push(piece)
      reduced.push(false)
      rest /= piece
    }
  }
  return { sizes: out, reduced, split: domain.split }
}

/** The same with a folded size cut where `inner` elements are behind the cut. */
export function cutFolded(domain: Domain, inner: number): Domain {
  const { sizes, reduced, split } = domain
  let behind = 1
  for (let i = sizes.length - 1; i >= 0; i--) {
    const part = inner / behind
    behind *= sizes[i]!
    if (behind <= inner) continue
    const cuts = reduced[i]! && part > 1 && Number.isInteger(part) && sizes[i]! % part === 0
    return cuts ? { sizes: sizes.toSpliced(i, 1, sizes[i]! / part, part), reduced: reduced.toSpliced(i, 0, true), split } : domain
  }
  return domain
}

function flagsOn(domain: Domain, sizes: readonly number[]): readonly boolean[] {
  if (sameItems(domain.sizes, sizes)) return domain.reduced
  const flags: boolean[] = []
  let at = 0
  for (let i = 0; i < domain.sizes.length; i++) {
    for (let rest = domain.sizes[i]!; rest > 1; rest /= sizes[at++]!) flags.push(domain.reduced[i]!)
  }
  return flags
}

/** Row-major strides of a value that has the kept sizes only (0 where folded). */
export function outerStrides(domain: Domain): number[] {
  return rowMajor(domain, false)
}

export function fullStrides(domain: Domain): number[] {
  return rowMajor(domain, true)
}

function rowMajor({ sizes, reduced }: Domain, full: boolean): number[] {
  const strides = repeated(0, sizes.length)
  let stride = 1
  for (let i = sizes.length - 1; i >= 0; i--) {
    if (!full && reduced[i]) continue
    strides[i] = stride
    stride *= sizes[i]!
  }
  return strides
}

/** Strides over the whole domain of a value whose dims cover the kept sizes only; null when they do not fit. */
export function keptStrides(domain: Domain, dims: readonly Dim[]): number[] | null {
  const strides = stridesOn(dims, keptSizes(domain))
  if (!strides) return null
  let next = 0
  return mappedNumbers(domain.reduced, (reduced) => (reduced ? 0 : strides[next++]!))
}
