/**
 * Products whose first factor is mostly zeros skip them, as long as the second one is finite: 0 times a number that is
 * not would be NaN. Of each tile of A a list is made of the steps of k at which any of its rows is not zero, once for all
 * panels of B: how far the row of B lies behind the first one, then the tile's column of A. What is left out would
 * have added zeros, so the sums are the same; those that are zero are made +0.
 */
import { increment, repeat } from './control.ts'
import type { Local } from './encode.ts'
import { FunctionBody } from './encode.ts'

/** At the front of a list is the address of its end. */
export const listHead = 8

/** Bytes of an entry, whose first ones say where the row of B lies. */
export function entryBytes(height: number, bytes: number): number {
  return (1 + height) * bytes
}

/** Bytes of the list of a tile, at most. */
export function listBytes(height: number, depth: number, bytes: number): number {
  return listHead + depth * entryBytes(height, bytes)
}

/** A block of A, cut into tiles of rows. Strides are in elements. */
export interface SparseBlock {
  readonly depth: number
  readonly row: number
  readonly column: number
  readonly bRow: number
  readonly tiles: readonly (readonly [height: number, count: number])[]
  readonly bytes: number
}

/** A function of the address of the block and the address of the lists to be written. */
export function listNonzeros({ depth, row, column, bRow, tiles, bytes }: SparseBlock): FunctionBody {
  const f = new FunctionBody(['i32', 'i32'])
  const [from, to, distance] = [f.local('i32'), f.local('i32'), f.local('i32')]
  const word = row === 1 || bytes === 8 ? 'i64' : 'i32'
  const [piece, any] = [f.local(word), f.local(word)]
  for (const [height, count] of tiles) {
    repeat(f, count, () => {
      f.get(0)
      f.set(from)
      f.get(1)
      f.i32(listHead)
      f.op('i32.add')
      f.set(to)
      f.i32(0)
      f.set(distance)
      repeat(f, depth, () => {
        f.get(to)
        f.get(distance)
        f.scalarMemory('i32.store', 0)
        for (const [i, { source, target, size }] of piecesOf(height, row, bytes).entries()) {
          f.get(from)
          f.scalarMemory(size === 8 ? 'i64.load' : 'i32.load', source)
          if (size === 4 && word === 'i64') f.op('i64.extend_i32_u')
          f.set(piece)
          f.get(to)
          f.get(piece)
          if (size === 4 && word === 'i64') f.op('i32.wrap_i64')
          f.scalarMemory(size === 8 ? 'i64.store' : 'i32.store', target)
          f.get(piece)
          if (i > 0) {
            f.get(any)
            f.op(`${word}.or`)
          }
          f.set(any)
        }
        // An entry of zeros, of either sign, is written over by the next one.
        f.get(to)
        f.get(any)
        if (word === 'i32') f.i32(0x7fffffff)
        else f.i64(bytes === 4 ? 0x7fffffff7fffffffn : 0x7fffffffffffffffn)
        f.op(`${word}.and`)
        f.op(`${word}.eqz`)
        f.op('i32.eqz')
        f.i32(entryBytes(height, bytes))
        f.op('i32.mul')
        f.op('i32.add')
        f.set(to)
        increment(f, from, column * bytes)
        increment(f, distance, bRow * bytes)
      })
      f.get(1)
      f.get(to)
      f.scalarMemory('i32.store', 0)
      increment(f, 0, height * row * bytes)
      increment(f, 1, listBytes(height, depth, bytes))
    })
  }
  return f
}

/** The pieces in which a column of a tile is copied behind the front of an entry: two float32 at once where they are neighbours. */
function piecesOf(height: number, row: number, bytes: number): { readonly source: number; readonly target: number; readonly size: 4 | 8 }[] {
  const pieces: { source: number; target: number; size: 4 | 8 }[] = []
  for (let i = 0; i < height; ) {
    const together = bytes === 4 && row === 1 && i + 1 < height ? 2 : 1
    pieces.push({ source: i * row * bytes, target: (1 + i) * bytes, size: together * bytes === 8 ? 8 : 4 })
    i += together
  }
  return pieces
}

/** A function of the address of a panel of B, `depth` rows of some vectors: 1 where all of it is finite, else 0. */
export function finitePanel(depth: number, bRow: number, vectors: number, bytes: number): FunctionBody {
  const f = new FunctionBody(['i32'], ['i32'])
  const vector = f.local('v128')
  const finite = Array.from({ length: vectors }, () => f.local('v128'))
  for (const local of finite) {
    f.v128(new Uint8Array(16).fill(0xff))
    f.set(local)
  }
  const [sub, eq] = bytes === 4 ? (['f32x4.sub', 'f32x4.eq'] as const) : (['f64x2.sub', 'f64x2.eq'] as const)
  repeat(f, depth, () => {
    for (const [j, local] of finite.entries()) {
      // x - x is 0 for finite x and NaN otherwise.
      f.get(0)
      f.memory('v128.load', j * 16)
      f.tee(vector)
      f.get(vector)
      f.simd(sub)
      f.tee(vector)
      f.get(vector)
      f.simd(eq)
      f.get(local)
      f.simd('v128.and')
      f.set(local)
    }
    increment(f, 0, bRow * bytes)
  })
  finite.forEach((local, j) => {
    f.get(local)
    if (j > 0) f.simd('v128.and')
  })
  f.simd('i32x4.all_true')
  return f
}

/** Emits `body` for each entry of the list at the address in local `list`, which is moved behind it; `b` then holds the address of the row of B in the panel at `panel`. */
export function forEachEntry(f: FunctionBody, { list, panel, b, height, bytes }: { readonly list: Local; readonly panel: Local; readonly b: Local; readonly height: number; readonly bytes: number }, body: () => void): void {
  const end = f.local('i32')
  f.get(list)
  f.scalarMemory('i32.load', 0)
  f.set(end)
  increment(f, list, listHead)
  f.get(list)
  f.get(end)
  f.op('i32.ne')
  f.if()
  f.loop()
  f.get(panel)
  f.get(list)
  f.scalarMemory('i32.load', 0)
  f.op('i32.add')
  f.set(b)
  body()
  increment(f, list, entryBytes(height, bytes))
  f.get(list)
  f.get(end)
  f.op('i32.ne')
  f.brIf(0)
  f.op('end')
  f.op('end')
}
