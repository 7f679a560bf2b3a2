/** The innermost loop of a product: a tile of up to 6 rows by a panel of columns, whose sums stay in registers. */
import { counted } from '../ir/lists.ts'
import type { DType } from '../ir/value.ts'
import type { Ending } from '../passes/product.ts'
import { increment, repeat } from './control.ts'
import type { Local } from './encode.ts'
import { FunctionBody } from './encode.ts'
import { EndingCode } from './ending.ts'
import type { SimdMemoryOp, SimdOp } from './opcodes.ts'
import { forEachEntry } from './zeros.ts'

/** Strides in elements. */
export interface Tile {
  readonly dtype: DType
  readonly height: number
  readonly columns: number
  readonly depth: number
  /** Steps of k in a round of the loop. */
  readonly unroll: number
  readonly a: { readonly row: number; readonly column: number }
  readonly bRow: number
  readonly cRow: number
  /** Whether the product skips zeros, and whether this tile does: A is then given as a list of what is not zero. */
  readonly skips: boolean
  readonly listed: boolean
  /** Whether C holds the sums of earlier steps of k. */
  readonly continues: boolean
  /** What is computed of the sums before they are stored. */
  readonly ending: Ending | undefined
}

interface Kinds {
  readonly bytes: number
  /** Elements of a 128-bit vector. */
  readonly lanes: number
  readonly splat: SimdMemoryOp
  readonly madd: SimdOp
  readonly add: SimdOp
}

const kinds: Record<'float32' | 'float64', Kinds> = {
  float32: { bytes: 4, lanes: 4, splat: 'v128.load32_splat', madd: 'f32x4.relaxed_madd', add: 'f32x4.add' },
  float64: { bytes: 8, lanes: 2, splat: 'v128.load64_splat', madd: 'f64x2.relaxed_madd', add: 'f64x2.add' },
}

/** A function of the addresses of the tile's rows of A or of the list of them, the panel of B, the corner of C, and of the ending's rows there. */
export function tileBody({ dtype, height, columns, depth, unroll, a, bRow, cRow, skips, listed, continues, ending }: Tile): FunctionBody {
  const kind = kinds[dtype as 'float32' | 'float64']
  const { bytes, lanes } = kind
  const vectors = Math.ceil(columns / lanes)
  const f = new FunctionBody(counted(3 + (ending?.rows ?? 0), () => 'i32'))
  const sums = counted(height, () => counted(vectors, () => f.local('v128')))
  const row = counted(vectors, () => f.local('v128'))
  if (continues) {
    for (const [i, locals] of sums.entries()) {
      for (const [j, local] of locals.entries()) {
        f.get(2)
        f.memory('v128.load', i * cRow * bytes + j * 16)
        f.set(local)
      }
    }
  }
  const step = (b: Local, u: number, offsetOf: (i: number) => number): void => {
    for (let j = 0; j < vectors; j++) {
      f.get(b)
      f.memory('v128.load', u * bRow * bytes + j * 16)
      f.set(row[j]!)
    }
    for (let i = 0; i < height; i++) {
      for (let j = 0; j < vectors; j++) {
        f.get(0)
        f.memory(kind.splat, offsetOf(i))
        f.get(row[j]!)
        f.get(sums[i]![j]!)
        f.simd(kind.madd)
        f.set(sums[i]![j]!)
      }
    }
  }
  if (listed) {
    const b = f.local('i32')
    forEachEntry(f, { list: 0, panel: 1, b, height, bytes }, () => step(b, 0, (i) => (1 + i) * bytes))
  } else {
    const dense = (u: number): void => step(1, u, (i) => (i * a.row + u * a.column) * bytes)
    const loops = Math.floor(depth / unroll)
    if (loops > 0) {
      repeat(f, loops, () => {
        for (let u = 0; u < unroll; u++) dense(u)
        increment(f, 0, unroll * a.column * bytes)
        increment(f, 1, unroll * bRow * bytes)
      })
    }
    for (let u = 0; u < depth % unroll; u++) dense(u)
  }
  if (skips) makeZerosPositive(f, sums.flat(), kind)
  const end = ending && new EndingCode(f, ending, dtype, vectors)
  for (let i = 0; i < height; i++) storeRow(f, end?.row(sums[i]!) ?? sums[i]!, i * cRow * bytes, columns, kind)
  return f
}

/** A sum that has underflowed from below is -0 until a zero is added that is left out of some lists: how tiles are cut must not show. */
function makeZerosPositive(f: FunctionBody, sums: readonly Local[], { add }: Kinds): void {
  for (const local of sums) {
    f.get(local)
    f.v128(new Uint8Array(16))
    f.simd(add)
    f.set(local)
  }
}

/** Stores a row of the tile; neighbouring vectors with the higher address first. */
function storeRow(f: FunctionBody, vectors: readonly Local[], offset: number, columns: number, { bytes, lanes }: Kinds): void {
  const whole = Math.floor(columns / lanes)
  for (let j = 0; j < whole; j += 2) {
    for (const v of j + 1 < whole ? [j + 1, j] : [j]) {
      f.get(2)
      f.get(vectors[v]!)
      f.memory('v128.store', offset + v * 16)
    }
  }
  for (let byte = whole * 16; byte < columns * bytes; ) {
    const size = columns * bytes - byte >= 8 ? 8 : 4
    f.get(2)
    f.get(vectors[whole]!)
    f.laneMemory(size === 8 ? 'v128.store64_lane' : 'v128.store32_lane', offset + byte, (byte % 16) / size)
    byte += size
  }
}
