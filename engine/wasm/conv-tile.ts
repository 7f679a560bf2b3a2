/** The inner kernel of a convolution: a tile of channels by units of pixels, over all rows of taps. */
import type { Local } from './encode.ts'
import { FunctionBody } from './encode.ts'
import { increment, repeat } from './control.ts'
import type { Unit } from './conv-pixels.ts'
import type { SimdMemoryOp, SimdOp } from './opcodes.ts'


export interface TileShape {
  readonly height: number
  /** From the first one on. */
  readonly units: readonly Unit[]
  /** Distances of the taps of a row. */
  readonly row: readonly number[]
  readonly rows: number
  /** Where the rows begin, if they are few; else the filter says it. */
  readonly places: readonly number[] | undefined
  /** Pixels of a unit that count, and their distance in the result. */
  readonly width: number
  readonly step: number
  /** Elements from channel to channel of the result. */
  readonly plane: number
  readonly bytes: 4 | 8
  readonly bias: boolean
  readonly relu: boolean
  readonly scratch: number
  /** Pushes how far a thread's own memory lies from that of the first one; undefined where there is one thread. */
  readonly own?: ((f: FunctionBody) => void) | undefined
}

interface Kinds {
  readonly splat: SimdMemoryOp
  readonly madd: SimdOp
  readonly add: SimdOp
  readonly max: SimdOp
}

const kinds: Record<4 | 8, Kinds> = {
  4: { splat: 'v128.load32_splat', madd: 'f32x4.relaxed_madd', add: 'f32x4.add', max: 'f32x4.pmax' },
  8: { splat: 'v128.load64_splat', madd: 'f64x2.relaxed_madd', add: 'f64x2.add', max: 'f64x2.pmax' },
}

/** A function of the addresses of the first pixel in the source, of the filter, and of the first pixel in the result. */
export function emitTile(shape: TileShape): FunctionBody {
  const { height, units, row, rows, places, bytes } = shape
  const size = 1 + row.length * height
  const kind = kinds[bytes]
  const f = new FunctionBody(['i32', 'i32', 'i32'])
  const vectors = units.flatMap(({ x }) => [x * bytes, x * bytes + 16])
  const sums = Array.from({ length: height }, () => vectors.map(() => f.local('v128')))
  const pixels = vectors.map(() => f.local('v128'))
  /** A row of taps, so many elements from where the address in `from` and the filter's are. */
  const addRow = (from: Local, start: number, filter: number): void => {
    for (const [k, distance] of row.entries()) {
      for (const [v, offset] of vectors.entries()) {
        f.get(from)
        f.memory('v128.load', (start + distance) * bytes + offset)
        f.set(pixels[v]!)
      }
      for (const [i, sum] of sums.entries()) {
        for (const [v, local] of sum.entries()) {
          f.get(1)
          f.memory(kind.splat, (filter + 1 + k * height + i) * bytes)
          f.get(pixels[v]!)
          f.get(local)
          f.simd(kind.madd)
          f.set(local)
        }
      }
    }
  }
  if (places) {
    for (const [r, place] of places.entries()) addRow(0, place, r * size)
    increment(f, 1, rows * size * bytes)
  } else {
    const from = f.local('i32')
    repeat(f, rows, () => {
      f.get(0)
      f.get(1)
      f.scalarMemory('i32.load', 0)
      f.op('i32.add')
      f.set(from)
      addRow(from, 0, 0)
      increment(f, 1, size * bytes)
    })
  }
  finish(f, shape, sums, pixels[0]!)
  storeTile(f, shape, 2, sums)
  return f
}

/** Bias, which stands behind the filter, and max(…, 0), which NaN passes. */
function finish(f: FunctionBody, { bytes, bias, relu }: TileShape, sums: readonly (readonly Local[])[], zero: Local): void {
  const kind = kinds[bytes]
  if (bias) {
    for (const [i, sum] of sums.entries()) {
      for (const local of sum) {
        f.get(local)
        f.get(1)
        f.memory(kind.splat, i * bytes)
        f.simd(kind.add)
        f.set(local)
      }
    }
  }
  if (!relu) return
  f.v128(new Uint8Array(16))
  f.set(zero)
  for (const local of sums.flat()) {
    f.get(local)
    f.get(zero)
    f.simd(kind.max)
    f.set(local)
  }
}

/** How a tile lies in the result: rows of vectors, a channel each, `plane` elements apart. */
export type StoredTile = Pick<TileShape, 'units' | 'width' | 'step' | 'plane' | 'bytes' | 'scratch' | 'own'>

/** Stores the vectors of each channel's units, from the address in `to` on. */
export function storeTile(f: FunctionBody, tile: StoredTile, to: Local, sums: readonly (readonly Local[])[]): void {
  if (tile.width === 32 / tile.bytes && tile.step === 1) storeVectors(f, tile, to, sums)
  else storeElements(f, tile, to, sums)
}

function storeVectors(f: FunctionBody, { units, plane, bytes }: StoredTile, to: Local, sums: readonly (readonly Local[])[]): void {
  for (const [i, sum] of sums.entries()) {
    for (const [u, { y }] of units.entries()) {
      for (const half of [1, 0]) {
        f.get(to)
        f.get(sum[2 * u + half]!)
        f.memory('v128.store', (i * plane + y) * bytes + half * 16)
      }
    }
  }
}

function fromZero(f: FunctionBody): void {
  f.i32(0)
}

/** By way of working memory, where pairs of vectors can be stored. */
function storeElements(f: FunctionBody, { units, plane, bytes, width, step, scratch, own = fromZero }: StoredTile, to: Local, sums: readonly (readonly Local[])[]): void {
  const type = bytes === 4 ? 'f32' : 'f64'
  for (const [i, sum] of sums.entries()) {
    for (const u of units.keys()) {
      for (const half of [1, 0]) {
        own(f)
        f.get(sum[2 * u + half]!)
        f.memory('v128.store', scratch + (i * units.length + u) * 32 + half * 16)
      }
    }
  }
  for (const i of sums.keys()) {
    for (const [u, { y }] of units.entries()) {
      for (let p = 0; p < width; p++) {
        f.get(to)
        own(f)
        f.scalarMemory(`${type}.load`, scratch + (i * units.length + u) * 32 + p * bytes)
        f.scalarMemory(`${type}.store`, (i * plane + y + p * step) * bytes)
      }
    }
  }
}
