/**
 * Products of matrices with shapes and strides baked in.
 *
 * C[m, n] is walked in panels of `columns` (16 float32 or 8 float64; half of that without wide SIMD) and tiles of up
 * to 6 rows, whose 24 accumulators stay in registers (12 of 256 bits where V8 packs pairs). A tile reads one element of A
 * per row and one run of B per step of k. B is first copied into a panel only where its columns are not contiguous,
 * or where its row stride would make all rows share the same cache sets.
 */
import type { DType } from '../ir/value.ts'
import { byteSize } from '../ir/value.ts'
import type { Local, ModuleBuilder } from './encode.ts'
import { FunctionBody } from './encode.ts'
import { increment, repeat } from './control.ts'
import type { SimdMemoryOp, SimdOp } from './opcodes.ts'
import { packPanel } from './packing.ts'

/** Strides in elements; addresses in bytes. */
export interface MatmulPlan {
  readonly dtype: DType
  readonly m: number
  readonly n: number
  readonly k: number
  readonly a: Operand
  readonly b: Operand
  readonly c: { readonly address: number }
  /** Sizes of the batch axes, with the operands' strides over them. C is row-major. */
  readonly batch: readonly { readonly size: number; readonly a: number; readonly b: number }[]
  /** Room for one packed panel of B. */
  readonly panelAddress: number
  readonly wide: boolean
}

interface Operand {
  readonly address: number
  readonly row: number
  readonly column: number
}

const maxRows = 6
const unroll = 2

interface Kinds {
  readonly bytes: number
  /** Elements of a 128-bit vector. */
  readonly lanes: number
  readonly splat: SimdMemoryOp
  readonly madd: SimdOp
}

const kinds: Record<'float32' | 'float64', Kinds> = {
  float32: { bytes: 4, lanes: 4, splat: 'v128.load32_splat', madd: 'f32x4.relaxed_madd' },
  float64: { bytes: 8, lanes: 2, splat: 'v128.load64_splat', madd: 'f64x2.relaxed_madd' },
}

/** Columns of a panel. */
export function panelColumns(dtype: DType, wide: boolean): number {
  return (wide ? 4 : 2) * (16 / byteSize[dtype])
}

/** Bytes of the buffer for one packed panel of B; 0 when B is read in place. */
export function panelBytes(dtype: DType, k: number, b: { row: number; column: number }, wide: boolean): number {
  return needsPacking(dtype, k, b) ? k * panelColumns(dtype, wide) * byteSize[dtype] : 0
}

function needsPacking(dtype: DType, k: number, b: { row: number; column: number }): boolean {
  return b.column !== 1 || (k >= 64 && b.row !== 0 && (b.row * byteSize[dtype]) % 4096 === 0)
}

/** Heights of the row tiles, as [height, count]: sixes, then fours and fives, so that no tile is nearly empty. */
export function rowTiles(m: number): [number, number][] {
  const sixes = Math.floor(m / maxRows)
  const rest = m - sixes * maxRows
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

/** Adds the functions of the product to `module`; gives the index of the one that computes it. */
export function emitMatmul(module: ModuleBuilder, plan: MatmulPlan): number {
  return new MatmulEmitter(module, plan).emit()
}

class MatmulEmitter {
  readonly module: ModuleBuilder
  readonly plan: MatmulPlan
  readonly kind: Kinds
  readonly columns: number
  readonly packs: boolean
  readonly #tiles = new Map<string, number>()
  readonly #packers = new Map<number, number>()

  constructor(module: ModuleBuilder, plan: MatmulPlan) {
    this.module = module
    this.plan = plan
    this.kind = kinds[plan.dtype as 'float32' | 'float64']
    this.columns = panelColumns(plan.dtype, plan.wide)
    this.packs = needsPacking(plan.dtype, plan.k, plan.b)
  }

  emit(): number {
    const { plan, kind } = this
    const one = this.#product()
    if (plan.batch.length === 0) {
      const f = new FunctionBody()
      f.i32(plan.a.address)
      f.i32(plan.b.address)
      f.i32(plan.c.address)
      f.call(one)
      return this.module.add(f)
    }
    const f = new FunctionBody()
    const a = f.local('i32')
    const b = f.local('i32')
    const c = f.local('i32')
    f.i32(plan.a.address)
    f.set(a)
    f.i32(plan.b.address)
    f.set(b)
    f.i32(plan.c.address)
    f.set(c)
    const loop = (depth: number): void => {
      const axis = plan.batch[depth]
      if (!axis) {
        for (const local of [a, b, c]) f.get(local)
        f.call(one)
        increment(f, c, plan.m * plan.n * kind.bytes)
        return
      }
      repeat(f, axis.size, () => {
        loop(depth + 1)
        increment(f, a, axis.a * kind.bytes)
        increment(f, b, axis.b * kind.bytes)
      })
      increment(f, a, -axis.size * axis.a * kind.bytes)
      increment(f, b, -axis.size * axis.b * kind.bytes)
    }
    loop(0)
    return this.module.add(f)
  }

  /** A function of the addresses of A, B and C. */
  #product(): number {
    const { plan, kind, columns } = this
    const f = new FunctionBody(['i32', 'i32', 'i32'])
    const whole = Math.floor(plan.n / columns)
    const rest = plan.n - whole * columns
    if (whole > 0) {
      repeat(f, whole, () => {
        this.#panel(f, columns)
        increment(f, 1, columns * plan.b.column * kind.bytes)
        increment(f, 2, columns * kind.bytes)
      })
    }
    if (rest > 0) this.#panel(f, rest)
    return this.module.add(f)
  }

  /** All rows of one panel of columns; locals 0, 1 and 2 are the addresses of A, the panel of B and the panel of C. */
  #panel(f: FunctionBody, columns: number): void {
    const { plan, kind } = this
    if (this.packs) {
      f.get(1)
      f.i32(plan.panelAddress)
      f.call(this.#packer(columns))
    }
    const a = f.local('i32')
    const c = f.local('i32')
    f.get(0)
    f.set(a)
    f.get(2)
    f.set(c)
    for (const [height, count] of rowTiles(plan.m)) {
      repeat(f, count, () => {
        f.get(a)
        if (this.packs) f.i32(plan.panelAddress)
        else f.get(1)
        f.get(c)
        f.call(this.#tile(height, columns))
        increment(f, a, height * plan.a.row * kind.bytes)
        increment(f, c, height * plan.n * kind.bytes)
      })
    }
  }

  /** A function of the addresses of a tile's rows of A, panel of B and corner of C. */
  #tile(height: number, columns: number): number {
    const key = `${height}x${columns}`
    const known = this.#tiles.get(key)
    if (known !== undefined) return known
    const index = this.module.add(this.#tileBody(height, columns))
    this.#tiles.set(key, index)
    return index
  }

  #tileBody(height: number, columns: number): FunctionBody {
    const { plan, kind } = this
    const { bytes, lanes } = kind
    const vectors = Math.ceil(columns / lanes)
    const f = new FunctionBody(['i32', 'i32', 'i32'])
    const sums = Array.from({ length: height }, () => Array.from({ length: vectors }, () => f.local('v128')))
    const row = Array.from({ length: vectors }, () => f.local('v128'))
    const bRow = this.packs ? this.columns : plan.b.row
    const step = (u: number): void => {
      for (let j = 0; j < vectors; j++) {
        f.get(1)
        f.memory('v128.load', u * bRow * bytes + j * 16)
        f.set(row[j]!)
      }
      for (let i = 0; i < height; i++) {
        for (let j = 0; j < vectors; j++) {
          f.get(0)
          f.memory(kind.splat, (i * plan.a.row + u * plan.a.column) * bytes)
          f.get(row[j]!)
          f.get(sums[i]![j]!)
          f.simd(kind.madd)
          f.set(sums[i]![j]!)
        }
      }
    }
    const loops = Math.floor(plan.k / unroll)
    if (loops > 0) {
      repeat(f, loops, () => {
        for (let u = 0; u < unroll; u++) step(u)
        increment(f, 0, unroll * plan.a.column * bytes)
        increment(f, 1, unroll * bRow * bytes)
      })
    }
    for (let u = 0; u < plan.k % unroll; u++) step(u)
    for (let i = 0; i < height; i++) this.#storeRow(f, sums[i]!, i * plan.n * bytes, columns)
    return f
  }

  /** Stores a row of the tile; neighbouring vectors with the higher address first. */
  #storeRow(f: FunctionBody, vectors: readonly Local[], offset: number, columns: number): void {
    const { bytes, lanes } = this.kind
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

  /** A function of the address of a panel of B and the address to copy it to. */
  #packer(columns: number): number {
    const known = this.#packers.get(columns)
    if (known !== undefined) return known
    const { plan, kind } = this
    const index = this.module.add(packPanel({ k: plan.k, row: plan.b.row, column: plan.b.column, columns, stride: this.columns, bytes: kind.bytes }))
    this.#packers.set(columns, index)
    return index
  }
}
