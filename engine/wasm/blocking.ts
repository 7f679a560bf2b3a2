/** How a product of matrices is cut, so that what is read again and again stays in the caches. */
import type { DType } from '../ir/value.ts'
import { byteSize } from '../ir/value.ts'

/** Sizes, and the strides of the operands in elements. */
export interface ProductShape {
  readonly dtype: DType
  readonly m: number
  readonly n: number
  readonly k: number
  readonly a: { readonly row: number; readonly column: number }
  readonly b: { readonly row: number; readonly column: number }
}

export interface Blocking {
  /** Steps of k done at a time; C keeps the sums in between. */
  readonly depth: number
  /** Rows of A that all columns are done with before the next ones; a multiple of 6, unless it is all. */
  readonly rows: number
  /** Whether blocks of A, and panels of B, are first copied to where a tile reads them in order. */
  readonly packsA: boolean
  readonly packsB: boolean
}

/** Rows of a tile. */
export const tileRows = 6
const line = 64
/** The first cache: 64 sets; 8 lines each of the 8 or more that processors have. */
const sets = 64
const ways = 8
/** Bytes of a block of A that stay in the second cache. */
const blockBytes = 512 * 1024

/** Where threads share blocks of rows: how many there are, unless they would be lower than this. */
const sharedBlocks = 8
const sharedRows = 96

/** Columns of a panel. */
export function panelColumns(dtype: DType, wide: boolean): number {
  return (wide ? 4 : 2) * (16 / byteSize[dtype])
}

/** `shared`: threads share the work, by blocks of rows where A is packed and else by panels of columns. */
export function blockingOf({ dtype, m, n, k, a, b }: ProductShape, wide: boolean, shared = false): Blocking {
  const bytes = byteSize[dtype]
  const slabs = Math.ceil((k * panelColumns(dtype, wide) * bytes) / (sets * ways * line))
  const depth = Math.min(k, 4 * Math.ceil(k / slabs / 4))
  const most = tileRows * Math.max(1, Math.floor(blockBytes / (depth * bytes * tileRows)))
  // Copies pay where they are read several times.
  const packsB = b.column !== 1 || (m >= 4 * tileRows && !stays(depth, b.row * bytes))
  const readsBadly = a.column !== 1 && a.row === 1 && n >= 3 * panelColumns(dtype, wide) && !stays(depth, a.column * bytes)
  const packsA = readsBadly && (!shared || m >= 2 * sharedRows)
  if (shared && packsA) return { depth, rows: Math.min(most, Math.max(sharedRows, tileRows * Math.ceil(m / sharedBlocks / tileRows))), packsA, packsB }
  // Blocks of one size: each of them packs the panels of B anew.
  const blocks = m <= 1.5 * most ? 1 : Math.ceil(m / most)
  return { depth, rows: blocks === 1 ? m : tileRows * Math.ceil(m / blocks / tileRows), packsA, packsB }
}

/** Whether `count` lines, `stride` bytes apart, have room in the first cache together: strides of powers of two share few sets. */
function stays(count: number, stride: number): boolean {
  if (stride % line !== 0) return true
  let shared = 1
  while (shared < sets && (stride / line) % (2 * shared) === 0) shared *= 2
  return count <= (sets / shared) * ways
}

/** Bytes for one packed panel of B. */
export function panelBytes(shape: ProductShape, wide: boolean): number {
  const { depth, packsB } = blockingOf(shape, wide)
  return packsB ? depth * panelColumns(shape.dtype, wide) * byteSize[shape.dtype] : 0
}

/** Bytes for what is packed, by one thread or by several: a panel of B, then a block of A. */
export function workspaceBytes(shape: ProductShape, wide: boolean): number {
  const blocks = [false, true].map((shared) => blockingOf(shape, wide, shared)).filter(({ packsA }) => packsA)
  const most = Math.max(0, ...blocks.map(({ depth, rows }) => depth * rows * byteSize[shape.dtype] + line))
  return panelBytes(shape, wide) + most
}

/** Heights of the row tiles, as [height, count]: sixes, then fours and fives, so that no tile is nearly empty. */
export function rowTiles(m: number): [number, number][] {
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
