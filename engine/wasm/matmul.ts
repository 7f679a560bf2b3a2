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
import type { KernelCode } from './context.ts'
import type { Local, ModuleBuilder } from './encode.ts'
import { FunctionBody } from './encode.ts'
import { advance, increment, repeat, repeatRange } from './control.ts'
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
  /** Room for one packed panel of B, in each thread's own memory. */
  readonly panelAddress: number
  /** Pushes how far a thread's own memory lies from that of the first one; undefined where there is one thread. */
  readonly own: ((f: FunctionBody) => void) | undefined
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

/**
 * Adds the functions of the product to `module`; gives the one that computes it. With `ranged` its units of work are
 * the rounds of the outermost batch axis, or the panels of columns.
 */
export function emitMatmul(module: ModuleBuilder, plan: MatmulPlan, ranged: boolean): KernelCode {
  return new MatmulEmitter(module, plan).emit(ranged)
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

  emit(ranged: boolean): KernelCode {
    const { plan } = this
    const f = new FunctionBody(ranged ? ['i32', 'i32'] : [])
    const [a, b, c] = [plan.a, plan.b, plan.c].map(({ address }) => {
      const local = f.local('i32')
      f.i32(address)
      f.set(local)
      return local
    }) as [Local, Local, Local]
    const [outermost] = plan.batch
    if (outermost) this.#batches(f, [a, b, c], ranged)
    else this.#panels(f, [a, b, c], ranged)
    return { body: f, units: ranged ? (outermost ? outermost.size : Math.ceil(plan.n / this.columns)) : 0 }
  }

  /** A product for each index of the batch axes. */
  #batches(f: FunctionBody, [a, b, c]: readonly [Local, Local, Local], ranged: boolean): void {
    const { plan, kind } = this
    const product = new FunctionBody(['i32', 'i32', 'i32'])
    this.#panels(product, [0, 1, 2], false)
    const one = this.module.add(product)
    const inner = plan.batch.slice(1).reduce((n, { size }) => n * size, 1)
    const outermost = plan.batch[0]!
    if (ranged) {
      advance(f, a, 0, outermost.a * kind.bytes)
      advance(f, b, 0, outermost.b * kind.bytes)
      advance(f, c, 0, inner * plan.m * plan.n * kind.bytes)
    }
    const loop = (depth: number): void => {
      const axis = plan.batch[depth]
      if (!axis) {
        for (const local of [a, b, c]) f.get(local)
        f.call(one)
        increment(f, c, plan.m * plan.n * kind.bytes)
        return
      }
      const round = (): void => {
        loop(depth + 1)
        increment(f, a, axis.a * kind.bytes)
        increment(f, b, axis.b * kind.bytes)
      }
      if (depth === 0 && ranged) {
        repeatRange(f, round)
        return
      }
      repeat(f, axis.size, round)
      increment(f, a, -axis.size * axis.a * kind.bytes)
      increment(f, b, -axis.size * axis.b * kind.bytes)
    }
    loop(0)
  }

  /** All panels of columns, or those of the range that the function was given; the locals hold the addresses of A, B and C. */
  #panels(f: FunctionBody, [a, b, c]: readonly [Local, Local, Local], ranged: boolean): void {
    const { plan, kind, columns } = this
    const whole = Math.floor(plan.n / columns)
    const rest = plan.n - whole * columns
    const [acrossB, acrossC] = [columns * plan.b.column * kind.bytes, columns * kind.bytes]
    const panel = (): void => {
      this.#panel(f, columns, [a, b, c])
      increment(f, b, acrossB)
      increment(f, c, acrossC)
    }
    if (ranged) {
      advance(f, b, 0, acrossB)
      advance(f, c, 0, acrossC)
      if (whole > 0) repeatRange(f, panel, rest > 0 ? whole : undefined)
      if (rest === 0) return
      f.get(1)
      f.i32(whole + 1)
      f.op('i32.eq')
      f.if()
      this.#panel(f, rest, [a, b, c])
      f.op('end')
      return
    }
    if (whole > 0) repeat(f, whole, panel)
    if (rest > 0) this.#panel(f, rest, [a, b, c])
  }

  /** All rows of one panel of columns. */
  #panel(f: FunctionBody, columns: number, [fromA, panelOfB, fromC]: readonly [Local, Local, Local]): void {
    const { plan, kind } = this
    if (this.packs) {
      f.get(panelOfB)
      this.#pushPacked(f)
      f.call(this.#packer(columns))
    }
    const a = f.local('i32')
    const c = f.local('i32')
    f.get(fromA)
    f.set(a)
    f.get(fromC)
    f.set(c)
    for (const [height, count] of rowTiles(plan.m)) {
      repeat(f, count, () => {
        f.get(a)
        if (this.packs) this.#pushPacked(f)
        else f.get(panelOfB)
        f.get(c)
        f.call(this.#tile(height, columns))
        increment(f, a, height * plan.a.row * kind.bytes)
        increment(f, c, height * plan.n * kind.bytes)
      })
    }
  }

  /** Pushes the address of the packed panel. */
  #pushPacked(f: FunctionBody): void {
    const { own, panelAddress } = this.plan
    f.i32(panelAddress)
    if (!own) return
    own(f)
    f.op('i32.add')
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
