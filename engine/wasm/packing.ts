/** Copies of parts of matrices, in the order in which the tiles of a product read them. */
import { increment, repeat } from './control.ts'
import type { Local } from './encode.ts'
import { FunctionBody } from './encode.ts'

/** A panel of `columns` columns and k rows; strides of the matrix and of the copy, in elements. */
export interface Panel {
  readonly k: number
  readonly row: number
  readonly column: number
  readonly columns: number
  readonly stride: number
  readonly bytes: number
}

/** A function of the address of the panel's first element and the address to copy it to. */
export function packPanel(panel: Panel): FunctionBody {
  const f = new FunctionBody(['i32', 'i32'])
  if (panel.column === 1) packContiguous(f, panel)
  else if (panel.row === 1) packTransposed(f, panel)
  else packStrided(f, panel)
  return f
}

function packContiguous(f: FunctionBody, panel: Panel): void {
  const vectors = Math.ceil((panel.columns * panel.bytes) / 16)
  const temporaries = Array.from({ length: vectors }, () => f.local('v128'))
  repeat(f, panel.k, () => {
    for (const [j, local] of temporaries.entries()) {
      f.get(0)
      f.memory('v128.load', j * 16)
      f.set(local)
    }
    for (let j = 0; j < vectors; j += 2) {
      for (const v of j + 1 < vectors ? [j + 1, j] : [j]) {
        f.get(1)
        f.get(temporaries[v]!)
        f.memory('v128.store', v * 16)
      }
    }
    increment(f, 0, panel.row * panel.bytes)
    increment(f, 1, panel.stride * panel.bytes)
  })
}

/** B's columns are contiguous: blocks of `lanes` columns are transposed in registers. */
function packTransposed(f: FunctionBody, panel: Panel): void {
  const { k, column, columns, stride, bytes } = panel
  const lanes = 16 / bytes
  const source = Array.from({ length: lanes }, () => f.local('v128'))
  const turned = Array.from({ length: lanes }, () => f.local('v128'))
  const blocks = Math.floor(k / lanes)
  if (blocks > 0) {
    repeat(f, blocks, () => {
      for (let j = 0; j < Math.ceil(columns / lanes); j++) {
        for (let c = 0; c < lanes; c++) {
          f.get(0)
          f.memory('v128.load', Math.min(j * lanes + c, columns - 1) * column * bytes)
          f.set(source[c]!)
        }
        transpose(f, source, turned)
        for (let r = 0; r < lanes; r++) {
          f.get(1)
          f.get(turned[r]!)
          f.memory('v128.store', r * stride * bytes + j * 16)
        }
      }
      increment(f, 0, lanes * bytes)
      increment(f, 1, lanes * stride * bytes)
    })
  }
  for (let u = 0; u < k % lanes; u++) copyRow(f, panel, u)
}

function packStrided(f: FunctionBody, panel: Panel): void {
  repeat(f, panel.k, () => {
    copyRow(f, panel, 0)
    increment(f, 0, panel.row * panel.bytes)
    increment(f, 1, panel.stride * panel.bytes)
  })
}

/** Row `u` from here, element by element. */
function copyRow(f: FunctionBody, { row, column, columns, stride, bytes }: Panel, u: number): void {
  for (let j = 0; j < columns; j++) {
    f.get(1)
    f.get(0)
    f.scalarMemory(bytes === 4 ? 'f32.load' : 'f64.load', (u * row + j * column) * bytes)
    f.scalarMemory(bytes === 4 ? 'f32.store' : 'f64.store', (u * stride + j) * bytes)
  }
}

/** 4x4 float32 or 2x2 float64 transposition by shuffles. */
function transpose(f: FunctionBody, source: readonly Local[], target: readonly Local[]): void {
  const shuffle = (a: Local, b: Local, bytes: readonly number[], into: Local): void => {
    f.get(a)
    f.get(b)
    f.shuffle(bytes)
    f.set(into)
  }
  if (source.length === 2) {
    shuffle(source[0]!, source[1]!, lowHalves, target[0]!)
    shuffle(source[0]!, source[1]!, highHalves, target[1]!)
    return
  }
  const [x0, x1, x2, x3] = source as [Local, Local, Local, Local]
  const [y0, y1, y2, y3] = target as [Local, Local, Local, Local]
  shuffle(x0, x1, lowWords, y0)
  shuffle(x2, x3, lowWords, y1)
  shuffle(x0, x1, highWords, y2)
  shuffle(x2, x3, highWords, y3)
  shuffle(y0, y1, lowHalves, x0)
  shuffle(y0, y1, highHalves, x1)
  shuffle(y2, y3, lowHalves, x2)
  shuffle(y2, y3, highHalves, x3)
  for (let i = 0; i < 4; i++) {
    f.get(source[i]!)
    f.set(target[i]!)
  }
}

/** The bytes of some lanes of two vectors. */
function bytesOf(...lanes: number[]): number[] {
  const width = 16 / lanes.length
  return lanes.flatMap((lane) => Array.from({ length: width }, (_, i) => lane * width + i))
}

const lowHalves = bytesOf(0, 2)
const highHalves = bytesOf(1, 3)
const lowWords = bytesOf(0, 4, 1, 5)
const highWords = bytesOf(2, 6, 3, 7)

/** Rows of A whose columns are `stride` elements apart and contiguous, cut into tiles of rows. */
export interface RowBlock {
  readonly depth: number
  readonly stride: number
  readonly tiles: readonly (readonly [height: number, count: number])[]
  readonly bytes: number
}

/** Columns that are copied of all tiles before the next ones: few, as they may share a set of the cache. */
const packedColumns = 8

/** A function of the address of the block and the address to copy it to: tile after tile, in each column after column. */
export function packRows({ depth, stride, tiles, bytes }: RowBlock): FunctionBody {
  const f = new FunctionBody(['i32', 'i32'])
  const [columnFrom, columnTo, from, to] = Array.from({ length: 4 }, () => f.local('i32')) as [Local, Local, Local, Local]
  const parts = Array.from({ length: 3 }, () => f.local('v128'))
  const move = (source: Local, target: Local): void => {
    f.get(source)
    f.set(target)
  }
  for (const [height, count] of tiles) {
    const columns = (n: number): void => {
      move(columnFrom, from)
      move(columnTo, to)
      repeat(f, count, () => {
        for (let u = 0; u < n; u++) copyRun(f, { from, offset: u * stride * bytes }, { to, offset: u * height * bytes }, height * bytes, parts)
        increment(f, from, height * bytes)
        increment(f, to, height * depth * bytes)
      })
      increment(f, columnFrom, n * stride * bytes)
      increment(f, columnTo, n * height * bytes)
    }
    move(0, columnFrom)
    move(1, columnTo)
    if (depth >= packedColumns) repeat(f, Math.floor(depth / packedColumns), () => columns(packedColumns))
    if (depth % packedColumns > 0) columns(depth % packedColumns)
    increment(f, 0, count * height * bytes)
    increment(f, 1, count * height * depth * bytes)
  }
  return f
}

/** Copies a few contiguous bytes, exactly. */
function copyRun(f: FunctionBody, source: { from: Local; offset: number }, target: { to: Local; offset: number }, length: number, parts: readonly Local[]): void {
  const pieces: { at: number; size: number }[] = []
  for (let at = 0; at < length; at += pieces.at(-1)!.size) pieces.push({ at, size: [16, 8, 4].find((size) => size <= length - at)! })
  for (const [i, { at, size }] of pieces.entries()) {
    f.get(source.from)
    f.memory(size === 16 ? 'v128.load' : size === 8 ? 'v128.load64_zero' : 'v128.load32_zero', source.offset + at)
    f.set(parts[i]!)
  }
  for (const [i, { at, size }] of pieces.entries()) {
    f.get(target.to)
    f.get(parts[i]!)
    if (size === 16) f.memory('v128.store', target.offset + at)
    else f.laneMemory(size === 8 ? 'v128.store64_lane' : 'v128.store32_lane', target.offset + at, 0)
  }
}
