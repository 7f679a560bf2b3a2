/**
 * The iteration space of a loop kernel: sizes in row-major order, some of which are folded by reductions.
 * Values of all sizes are "full"; values of the sizes that are kept are "outer".
 */
import type { Dim } from '../ir/layout.ts'
import { refine, stridesOn } from '../ir/layout.ts'
import type { Shape } from '../ir/value.ts'

export interface Domain {
  readonly sizes: readonly number[]
  readonly reduced: readonly boolean[]
  /** Whether a reduction has decided which sizes are folded. */
  readonly split: boolean
}

export function plainDomain(sizes: readonly number[]): Domain {
  const real = sizes.filter((size) => size !== 1)
  return { sizes: real, reduced: real.map(() => false), split: false }
}

/** The domain of a reduction of `shape` over `axes`. */
export function reduceDomain(shape: Shape, axes: readonly number[]): Domain {
  const kept = shape.map((size, axis) => ({ size, reduced: axes.includes(axis) })).filter(({ size }) => size !== 1)
  const runs: { size: number; reduced: boolean }[] = []
  for (const dim of kept) {
    const last = runs.at(-1)
    if (last?.reduced === dim.reduced) last.size *= dim.size
    else runs.push({ ...dim })
  }
  return { sizes: runs.map((run) => run.size), reduced: runs.map((run) => run.reduced), split: true }
}

export function fullCount(domain: Domain): number {
  return domain.sizes.reduce((n, size) => n * size, 1)
}

export function outerCount(domain: Domain): number {
  return domain.sizes.reduce((n, size, i) => (domain.reduced[i] ? n : n * size), 1)
}

export function keptSizes(domain: Domain): number[] {
  return domain.sizes.filter((_, i) => !domain.reduced[i])
}

/** The common refinement, or null when the sizes do not nest or two reductions fold different ones. */
export function meet(a: Domain, b: Domain): Domain | null {
  if (sameSizes(a.sizes, b.sizes)) {
    if (!b.split) return a
    if (!a.split) return b
    return a.reduced.every((flag, i) => flag === b.reduced[i]) ? a : null
  }
  const sizes = refine(a.sizes, b.sizes)
  if (!sizes) return null
  const left = flagsOn(a, sizes)
  const right = flagsOn(b, sizes)
  if (a.split && b.split && left.some((flag, i) => flag !== right[i])) return null
  return { sizes, reduced: a.split ? left : right, split: a.split || b.split }
}

function sameSizes(a: readonly number[], b: readonly number[]): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Refines the kept sizes only. */
export function meetKept(domain: Domain, sizes: readonly number[]): Domain | null {
  const finer = refine(keptSizes(domain), sizes.filter((size) => size !== 1))
  if (!finer) return null
  const out: { size: number; reduced: boolean }[] = []
  for (const [i, size] of domain.sizes.entries()) {
    if (domain.reduced[i]) {
      out.push({ size, reduced: true })
      continue
    }
    for (let rest = size; rest > 1; ) {
      const piece = finer.shift()!
      out.push({ size: piece, reduced: false })
      rest /= piece
    }
  }
  return { sizes: out.map((dim) => dim.size), reduced: out.map((dim) => dim.reduced), split: domain.split }
}

function flagsOn(domain: Domain, sizes: readonly number[]): boolean[] {
  const flags: boolean[] = []
  let at = 0
  for (const [i, size] of domain.sizes.entries()) {
    for (let rest = size; rest > 1; rest /= sizes[at++]!) flags.push(domain.reduced[i]!)
  }
  return flags
}

/** Row-major strides of a value that has the kept sizes only (0 where folded). */
export function outerStrides(domain: Domain): number[] {
  return rowMajor(domain.sizes, (i) => !domain.reduced[i])
}

export function fullStrides(domain: Domain): number[] {
  return rowMajor(domain.sizes, () => true)
}

function rowMajor(sizes: readonly number[], counts: (i: number) => boolean): number[] {
  const strides = sizes.map(() => 0)
  let stride = 1
  for (let i = sizes.length - 1; i >= 0; i--) {
    if (!counts(i)) continue
    strides[i] = stride
    stride *= sizes[i]!
  }
  return strides
}

/** Strides over the whole domain of a value whose dims cover the kept sizes only; null when they do not fit. */
export function keptStrides(domain: Domain, dims: readonly Dim[]): number[] | null {
  const strides = stridesOn(dims, keptSizes(domain))
  if (!strides) return null
  return domain.reduced.map((reduced) => (reduced ? 0 : strides.shift()!))
}
