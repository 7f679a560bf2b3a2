/** How a product of matrices is cut, so that what is read again and again stays in the caches. */
import type { DType } from '../ir/value.ts'
import { byteSize } from '../ir/value.ts'
import { listBytes } from './zeros.ts'

/** Sizes, and the strides of the operands in elements. */
export interface ProductShape {
  readonly dtype: DType
  readonly m: number
  readonly n: number
  readonly k: number
  readonly a: { readonly row: number; readonly column: number }
  readonly b: { readonly row: number; readonly column: number }
  /** Whether zeros of A are skipped: see zeros.ts. */
  readonly skips: boolean
}

export interface Blocking {
  /** Steps of k done at a time; C keeps the sums in between. */
  readonly depth: number
  /** Rows of A that all columns are done with before the next ones; a multiple of 6, unless it is all. */
  readonly rows: number
  /** Whether blocks of A, and panels of B, are first copied to where a tile reads them in order. */
  readonly packsA: boolean
  readonly packsB: boolean
  /** Whether all panels of a slab are copied before its first block of rows, and not each one for each block. */
  readonly packsSlab: boolean
  /** Elements from row to row of a copy of a block of A, made where its own rows lie in one set of the first cache; else 0. */
  readonly spread: number
}

/** A product of fewer multiplications is done sooner than more code for it is compiled. */
const smallProduct = 2 ** 16

export function isSmall({ m, n, k }: ProductShape): boolean {
  return m * n * k < smallProduct
}

/** Who does a product: the one thread that there is, one of several, or several by blocks of rows where A is packed and else by panels of columns. */
export type Workers = 'alone' | 'one' | 'shared'

/** Rows of a tile. */
export const tileRows = 6
const line = 64
/** The first cache: 64 sets; 8 lines each of the 8 or more that processors have. */
const sets = 64
const ways = 8
/** Bytes of a panel of B: the second cache gives it on as fast as it is read, but not beside columns of A, of which each line is read for several tiles. */
const panelBytes = { rows: 64 * 1024, columns: 32 * 1024 } as const
/** Bytes of a block of A that stay in the second cache. */
const blockBytes = 768 * 1024

/** Bytes of all panels of a slab, at most, where they are copied at once. */
const slabBytes = 16 * 1024 * 1024

/** Rows that are so many bytes apart are on a page each, or nearly so: where a panel is read for many rows, it is copied to few pages. */
const farBytes = 2048
/** Tiles of rows that are many. */
const manyReads = 40

/** Where threads share blocks of rows: how many there are, unless they would be lower than this. */
const sharedBlocks = 8
const sharedRows = 96
/** The same where zeros are skipped: each thread lists those of its own rows. */
const sharedSparseRows = 36

/** Columns of a panel. */
export function panelColumns(dtype: DType, wide: boolean): number {
  return (wide ? 4 : 2) * (16 / byteSize[dtype])
}

export function blockingOf({ dtype, m, n, k, a, b, skips }: ProductShape, wide: boolean, workers: Workers): Blocking {
  const bytes = byteSize[dtype]
  const columns = panelColumns(dtype, wide)
  const shared = workers === 'shared'
  const slabs = Math.ceil((k * columns * bytes) / (a.column === 1 ? panelBytes.rows : panelBytes.columns))
  const depth = Math.min(k, 4 * Math.ceil(k / slabs / 4))
  const most = tileRows * Math.max(1, Math.floor(blockBytes / (depth * bytes * tileRows)))
  // Copies pay where they are read several times; more often where the second cache can nearly keep up.
  const reads = Math.ceil(m / tileRows)
  // Rows as wide as a panel lie as they would in a copy.
  const badly = b.row !== columns && (b.row * bytes >= farBytes || !stays(depth, b.row * bytes))
  const packsB = b.column !== 1 || (badly && reads >= (sharing(b.row * bytes) > 8 ? 4 : manyReads))
  const readsBadly = a.column !== 1 && a.row === 1 && n >= panelsForCopy(a.column * bytes) * columns && !stays(depth, a.column * bytes)
  const packsA = !skips && readsBadly && (!shared || m >= 2 * sharedRows)
  if (shared && (packsA || skips)) return { depth, rows: Math.min(most, Math.max(skips ? sharedSparseRows : sharedRows, tileRows * Math.ceil(m / sharedBlocks / tileRows))), packsA, packsB, packsSlab: false, spread: 0 }
  // Blocks of one size.
  const blocks = m <= 1.5 * most ? 1 : Math.ceil(m / most)
  const packsSlab = packsB && blocks > 1 && workers === 'alone' && depth * columns * Math.ceil(n / columns) * bytes <= slabBytes
  const crowded = a.column === 1 && (a.row * bytes) % line === 0 && sharing(a.row * bytes) === sets
  const spread = crowded && !shared && !skips && blocks > 1 && n >= 8 * columns ? depth + line / bytes : 0
  return { depth, rows: blocks === 1 ? m : tileRows * Math.ceil(m / blocks / tileRows), packsA, packsB, packsSlab, spread }
}

/** Panels of columns for which a tile's rows, whose columns are `stride` bytes apart, are read, from which on a copy of them pays. */
function panelsForCopy(stride: number): number {
  const shared = sharing(stride)
  if (shared <= 4) return Infinity
  return shared <= 16 ? 8 : 3
}

/** Whether `count` lines, `stride` bytes apart, have room in the first cache together: strides of powers of two share few sets. */
function stays(count: number, stride: number): boolean {
  return stride % line !== 0 || count <= (sets / sharing(stride)) * ways
}

/** Of so many sets one is used by lines that are `stride` bytes apart, a multiple of a line. */
function sharing(stride: number): number {
  let shared = 1
  while (shared < sets && (stride / line) % (2 * shared) === 0) shared *= 2
  return shared
}

/** Bytes for what is packed of B at a time. */
export function packedBytes({ dtype, n }: ProductShape, wide: boolean, { depth, packsB, packsSlab }: Blocking): number {
  const columns = panelColumns(dtype, wide)
  return packsB ? depth * columns * byteSize[dtype] * (packsSlab ? Math.ceil(n / columns) : 1) : 0
}

/** Bytes for the lists of what is not zero in a block of A. */
function listsBytes(shape: ProductShape, { depth, rows }: Blocking): number {
  return rowTiles(rows, isSmall(shape)).reduce((bytes, [height, count]) => bytes + count * listBytes(height, depth, byteSize[shape.dtype]), line)
}

/** Bytes for what a thread packs: of B, then a block of A. `alone`: whether there are no other threads. */
export function workspaceBytes(shape: ProductShape, wide: boolean, alone: boolean): number {
  const possible: readonly Workers[] = alone ? ['alone'] : ['one', 'shared']
  return Math.max(...possible.map((workers) => {
    const blocking = blockingOf(shape, wide, workers)
    if (shape.skips) return packedBytes(shape, wide, blocking) + listsBytes(shape, blocking)
    const ofA = blocking.packsA || blocking.spread > 0 ? Math.max(blocking.depth, blocking.spread) * blocking.rows * byteSize[shape.dtype] + line : 0
    return packedBytes(shape, wide, blocking) + ofA
  }))
}

/**
 * Heights of the row tiles, as [height, count]: sixes, then fours and fives, so that no tile is nearly empty. Where `alike`
 * and sixes or fives cut all rows, there are those only: less code, which takes longer to compile than a few rows take
 * to run. Fours would take a tenth longer.
 */
export function rowTiles(m: number, alike = false): [number, number][] {
  const even = alike ? [6, 5].find((rows) => m % rows === 0) : undefined
  if (even !== undefined) return [[even, m / even]]
  const sixes = Math.floor(m / tileRows)
  const rest = m - sixes * tileRows
  const tiles: [number, number][] = []
  const push = (height: number, count: number): void => {
    if (count > 0) tiles.push([height, count])
  }
  if (rest === 0) {
    push(6, sixes)
  } else if (sixes === 0 || rest >= 4) {
    push(6, sixes)
    push(rest, 1)
  } else if (rest === 3) {
    push(6, sixes - 1)
    push(5, 1)
    push(4, 1)
  } else if (rest === 2) {
    push(6, sixes - 1)
    push(4, 2)
  } else if (sixes >= 2) {
    push(6, sixes - 2)
    push(5, 1)
    push(4, 2)
  } else {
    push(4, 1)
    push(3, 1)
  }
  return tiles
}
