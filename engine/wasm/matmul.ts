/**
 * Products of matrices with shapes and strides baked in.
 *
 * C[m, n] is walked in panels of 16 columns (8 of float64; half of that without wide SIMD) and tiles of up to 6 rows,
 * whose 24 accumulators stay in registers (12 of 256 bits where V8 packs pairs). A tile reads one element of A per row
 * and one run of B per step of k. Operands are copied first only where they would be read badly, and k and m are cut
 * only where they are long: see blocking.ts. Every element of C is summed in the order of k. A bias and an activation are
 * computed of the sums before they leave their registers.
 */
import { counted } from '../ir/lists.ts'
import { byteSize } from '../ir/value.ts'
import type { Ending } from '../passes/product.ts'
import type { Blocking, ProductShape } from './blocking.ts'
import { blockingOf, isSmall, packedBytes, panelColumns, rowTiles } from './blocking.ts'
import type { KernelCode } from './context.ts'
import type { Local, ModuleBuilder } from './encode.ts'
import { FunctionBody } from './encode.ts'
import { advance, copied, increment, repeat, repeatRange } from './control.ts'
import { packPanel, packRows } from './packing.ts'
import { tileBody } from './tile.ts'
import { finitePanel, listBytes, listNonzeros } from './zeros.ts'

export interface MatmulPlan extends ProductShape {
  /** Sizes of the batch axes, with the operands' strides over them. C is row-major. */
  readonly batch: readonly { readonly size: number; readonly a: number; readonly b: number }[]
  readonly ending: Ending | undefined
  /** Room for what is packed, in each thread's own memory. */
  readonly workspace: number
  /** Pushes how far a thread's own memory lies from that of the first one; undefined where there is one thread. */
  readonly own: ((f: FunctionBody) => void) | undefined
  readonly wide: boolean
}

/**
 * Adds the functions of the product to `module`; gives the one that computes it, whose last parameters are the addresses
 * of A, B and C, and of the rows that the ending reads. With `ranged` its units of work are the rounds of the outermost batch axis, blocks of rows where A is
 * packed or its zeros are skipped, or else the panels of columns.
 */
export function emitMatmul(module: ModuleBuilder, plan: MatmulPlan, ranged: boolean): KernelCode {
  return new MatmulEmitter(module, plan, ranged).emit()
}

/** A stretch of k. */
interface Slab {
  readonly depth: number
  /** Whether it adds to what C holds. */
  readonly continues: boolean
  /** Whether it is the last one: what an ending is computed of. */
  readonly ends: boolean
}

/** Locals that hold the addresses of A, B and C, or of parts of them, and of the rows that the ending reads. */
type Places = readonly [a: Local, b: Local, c: Local, ...rows: Local[]]

class MatmulEmitter {
  readonly module: ModuleBuilder
  readonly plan: MatmulPlan
  readonly ranged: boolean
  readonly bytes: number
  readonly columns: number
  readonly packedA: number
  readonly blocking: Blocking
  readonly #functions = new Map<string, number>()

  constructor(module: ModuleBuilder, plan: MatmulPlan, ranged: boolean) {
    this.module = module
    this.plan = plan
    this.ranged = ranged
    this.bytes = byteSize[plan.dtype]
    this.columns = panelColumns(plan.dtype, plan.wide)
    this.blocking = blockingOf(plan, plan.wide, plan.own === undefined ? 'alone' : ranged && plan.batch.length === 0 ? 'shared' : 'one')
    this.packedA = plan.workspace + packedBytes(plan, plan.wide, this.blocking)
  }

  emit(): KernelCode {
    const { plan, ranged } = this
    const f = this.#body(ranged ? 2 : 0)
    const places = this.#parameters(ranged ? 2 : 0)
    const [outermost] = plan.batch
    if (outermost) {
      this.#batches(f, places)
      return { body: f, units: ranged ? outermost.size : 0 }
    }
    if (ranged && (this.blocking.packsA || plan.skips)) return { body: f, units: this.#rangeOfBlocks(f, places) }
    this.#product(f, places, plan.m, ranged)
    return { body: f, units: ranged ? Math.ceil(plan.n / this.columns) : 0 }
  }

  /** A function whose parameters from `first` on are the places. */
  #body(first: number): FunctionBody {
    return new FunctionBody(counted(first + 3 + (this.plan.ending?.rows ?? 0), () => 'i32'))
  }

  #parameters(first: number): Places {
    return [first, first + 1, first + 2, ...counted(this.plan.ending?.rows ?? 0, (row) => first + 3 + row)]
  }

  /** A product for each index of the batch axes. */
  #batches(f: FunctionBody, places: Places): void {
    const { plan, bytes, ranged } = this
    const [a, b, c] = places
    const one = this.#function('product', (product, parameters) => this.#product(product, parameters, plan.m, false))
    const inner = plan.batch.slice(1).reduce((n, { size }) => n * size, 1)
    const outermost = plan.batch[0]!
    if (ranged) {
      advance(f, a, 0, outermost.a * bytes)
      advance(f, b, 0, outermost.b * bytes)
      advance(f, c, 0, inner * plan.m * plan.n * bytes)
    }
    const loop = (depth: number): void => {
      const axis = plan.batch[depth]
      if (!axis) {
        for (const local of places) f.get(local)
        f.call(one)
        increment(f, c, plan.m * plan.n * bytes)
        return
      }
      const round = (): void => {
        loop(depth + 1)
        increment(f, a, axis.a * bytes)
        increment(f, b, axis.b * bytes)
      }
      if (depth === 0 && ranged) {
        repeatRange(f, round)
        return
      }
      repeat(f, axis.size, round)
      increment(f, a, -axis.size * axis.a * bytes)
      increment(f, b, -axis.size * axis.b * bytes)
    }
    loop(0)
  }

  /** The blocks of rows that the function was given; gives how many there are. */
  #rangeOfBlocks(f: FunctionBody, places: Places): number {
    const { plan, bytes } = this
    const [a, , c] = places
    const { rows } = this.blocking
    const [whole, rest] = [Math.floor(plan.m / rows), plan.m % rows]
    const block = (count: number): void => {
      for (const local of places) f.get(local)
      f.call(this.#function(`rows ${count}`, (body, parameters) => this.#product(body, parameters, count, false)))
    }
    advance(f, a, 0, rows * plan.a.row * bytes)
    advance(f, c, 0, rows * plan.n * bytes)
    const round = (): void => {
      block(rows)
      increment(f, a, rows * plan.a.row * bytes)
      increment(f, c, rows * plan.n * bytes)
    }
    repeatRange(f, round, rest > 0 ? whole : undefined)
    if (rest > 0) ifLast(f, whole, () => block(rest))
    return Math.ceil(plan.m / rows)
  }

  /** Some rows: one slab of k after the other, in each one block of rows after the other. Changes the places. */
  #product(f: FunctionBody, places: Places, rows: number, ranged: boolean): void {
    const { plan, bytes } = this
    const { depth } = this.blocking
    const slab = (part: Slab): void => {
      this.#blocks(f, places, rows, part, ranged)
      if (part.ends) return
      increment(f, places[0], part.depth * plan.a.column * bytes)
      increment(f, places[1], part.depth * plan.b.row * bytes)
    }
    const slabs = Math.ceil(plan.k / depth)
    const last = plan.k - (slabs - 1) * depth
    // Those that have others before and behind them are alike; without an ending, a whole last one is too.
    const alike = slabs - (last === depth && !plan.ending ? 1 : 2)
    slab({ depth: slabs === 1 ? last : depth, continues: false, ends: slabs === 1 })
    if (alike > 0) repeat(f, alike, () => slab({ depth, continues: true, ends: false }))
    if (slabs - 1 - Math.max(0, alike) > 0) slab({ depth: last, continues: true, ends: true })
  }

  /** A block is a function, unless it is the only one. */
  #blocks(f: FunctionBody, [fromA, fromB, fromC, ...rest]: Places, rows: number, slab: Slab, ranged: boolean): void {
    const { plan, bytes } = this
    const b = this.blocking.packsSlab ? this.#packedSlab(f, fromB, slab.depth) : fromB
    const alone = slab.ends && !slab.continues && rows <= this.blocking.rows
    const block = (places: Places, count: number): void => {
      if (ranged || alone) {
        this.#panels(f, places, count, slab, ranged)
        return
      }
      for (const local of places) f.get(local)
      f.call(this.#function(`block ${count} ${slab.depth} ${slab.continues} ${slab.ends}`, (body, parameters) => this.#panels(body, parameters, count, slab, false)))
    }
    if (rows <= this.blocking.rows) {
      block([fromA, b, fromC, ...rest], rows)
      return
    }
    const [a, c] = [copied(f, fromA), copied(f, fromC)]
    const each = this.blocking.rows
    repeat(f, Math.floor(rows / each), () => {
      block([a, b, c, ...rest], each)
      increment(f, a, each * plan.a.row * bytes)
      increment(f, c, each * plan.n * bytes)
    })
    if (rows % each > 0) block([a, b, c, ...rest], rows % each)
  }

  /** Packs all panels of a slab; gives a local with the address of the copy. */
  #packedSlab(f: FunctionBody, fromB: Local, depth: number): Local {
    const { plan, bytes, columns } = this
    const [b, to, start] = [copied(f, fromB), f.local('i32'), f.local('i32')]
    this.#pushOwn(f, plan.workspace)
    f.set(to)
    f.get(to)
    f.set(start)
    const panel = (count: number): void => {
      f.get(b)
      f.get(to)
      f.call(this.#panelPacker(count, depth))
      increment(f, b, columns * plan.b.column * bytes)
      increment(f, to, columns * depth * bytes)
    }
    if (plan.n >= columns) repeat(f, Math.floor(plan.n / columns), () => panel(columns))
    if (plan.n % columns > 0) panel(plan.n % columns)
    return start
  }

  /** A block of rows: all panels of columns, or those of the range that the function was given. */
  #panels(f: FunctionBody, [a, ...from]: Places, rows: number, slab: Slab, ranged: boolean): void {
    const { plan, bytes, columns } = this
    const { packsA, spread } = this.blocking
    if (plan.skips) {
      f.get(a)
      this.#pushOwn(f, this.packedA)
      f.call(this.#lister(rows, slab.depth))
    } else if (packsA || spread > 0) {
      f.get(a)
      this.#pushOwn(f, this.packedA)
      f.call(packsA ? this.#rowPacker(rows, slab.depth) : this.#rowCopier(rows, slab.depth))
      this.#pushOwn(f, this.packedA)
      f.set(a)
    }
    const [b, ...along] = from.map((local) => copied(f, local)) as [b: Local, c: Local, ...rows: Local[]]
    const whole = Math.floor(plan.n / columns)
    const rest = plan.n - whole * columns
    const panel = (): void => {
      this.#panel(f, [a, b, ...along], rows, columns, slab)
      increment(f, b, columns * (this.blocking.packsSlab ? slab.depth : plan.b.column) * bytes)
      for (const local of along) increment(f, local, columns * bytes)
    }
    if (!ranged) {
      if (whole > 0) repeat(f, whole, panel)
      if (rest > 0) this.#panel(f, [a, b, ...along], rows, rest, slab)
      return
    }
    advance(f, b, 0, columns * plan.b.column * bytes)
    for (const local of along) advance(f, local, 0, columns * bytes)
    if (whole > 0) repeatRange(f, panel, rest > 0 ? whole : undefined)
    if (rest > 0) ifLast(f, whole, () => this.#panel(f, [a, b, ...along], rows, rest, slab))
  }

  /** A block of rows of one panel of columns. */
  #panel(f: FunctionBody, [fromA, panelOfB, fromC, ...rest]: Places, rows: number, columns: number, slab: Slab): void {
    const { plan, bytes } = this
    const { packsA, packsB, packsSlab, spread } = this.blocking
    const packs = packsB && !packsSlab
    if (packs) {
      f.get(panelOfB)
      this.#pushOwn(f, plan.workspace)
      f.call(this.#panelPacker(columns, slab.depth))
    }
    const pushB = (): void => (packs ? this.#pushOwn(f, plan.workspace) : f.get(panelOfB))
    const [a, c] = [copied(f, fromA), copied(f, fromC)]
    const tiles = (listed: boolean, bytesOf: (height: number) => number): void => {
      for (const [height, count] of this.#tiles(rows)) {
        repeat(f, count, () => {
          f.get(a)
          pushB()
          f.get(c)
          if (slab.ends) for (const local of rest) f.get(local)
          f.call(this.#tile(height, columns, slab, listed))
          increment(f, a, bytesOf(height))
          increment(f, c, height * plan.n * bytes)
        })
      }
    }
    const dense = (): void => tiles(false, (height) => height * (packsA ? slab.depth : spread || plan.a.row) * bytes)
    if (!plan.skips) {
      dense()
      return
    }
    pushB()
    f.call(this.#finite(columns, slab.depth))
    f.if()
    this.#pushOwn(f, this.packedA)
    f.set(a)
    tiles(true, (height) => listBytes(height, slab.depth, bytes))
    f.op('else')
    dense()
    f.op('end')
  }

  #tiles(rows: number): [height: number, count: number][] {
    return rowTiles(rows, isSmall(this.plan))
  }

  /** Pushes an address in the thread's own memory. */
  #pushOwn(f: FunctionBody, address: number): void {
    f.i32(address)
    if (!this.plan.own) return
    this.plan.own(f)
    f.op('i32.add')
  }

  /** A function of the places, made once for each `key`. */
  #function(key: string, fill: (f: FunctionBody, parameters: Places) => void): number {
    return this.#once(key, () => {
      const f = this.#body(0)
      fill(f, this.#parameters(0))
      return f
    })
  }

  #once(key: string, make: () => FunctionBody): number {
    let index = this.#functions.get(key)
    if (index === undefined) {
      index = this.module.add(make())
      this.#functions.set(key, index)
    }
    return index
  }

  #tile(height: number, columns: number, { depth, continues, ends }: Slab, listed: boolean): number {
    const { plan } = this
    const ending = ends ? plan.ending : undefined
    const { packsA, spread } = this.blocking
    const a = packsA ? { row: 1, column: height } : { row: spread || plan.a.row, column: plan.a.column }
    // Operands come as addresses, so products of one form share their tiles.
    // Two steps at a time gain 2 %.
    const unroll = isSmall(plan) ? 1 : 2
    const tile = { dtype: plan.dtype, height, columns, depth, unroll, a, bRow: this.#bRow, cRow: plan.n, skips: plan.skips, listed, continues }
    return this.module.once(`tile ${JSON.stringify(tile)} ${ending?.text ?? ''}`, () => tileBody({ ...tile, ending }))
  }

  /** From row to row of a panel of B, in elements. */
  get #bRow(): number {
    return this.blocking.packsB ? this.columns : this.plan.b.row
  }

  /** A function of the address of a block of rows of A and the address of lists of what is not zero in it. */
  #lister(rows: number, depth: number): number {
    const { plan, bytes } = this
    const block = { depth, ...plan.a, bRow: this.#bRow, tiles: this.#tiles(rows), bytes }
    return this.module.once(`nonzeros ${JSON.stringify(block)}`, () => listNonzeros(block))
  }

  /** A function that tells whether a panel of B is finite. */
  #finite(columns: number, depth: number): number {
    const { bytes } = this
    const vectors = Math.ceil((columns * bytes) / 16)
    return this.module.once(`finite ${depth} ${this.#bRow} ${vectors} ${bytes}`, () => finitePanel(depth, this.#bRow, vectors, bytes))
  }

  /** A function of the address of a block of rows of A and the address to copy it to, row by row. */
  #rowCopier(rows: number, depth: number): number {
    const { plan, bytes } = this
    const stride = this.blocking.spread * bytes
    return this.module.once(`copies ${rows} ${depth} ${plan.a.row} ${stride} ${bytes}`, () => {
      const f = new FunctionBody(['i32', 'i32'])
      repeat(f, rows, () => {
        f.get(1)
        f.get(0)
        f.i32(depth * bytes)
        f.memoryCopy()
        increment(f, 0, plan.a.row * bytes)
        increment(f, 1, stride)
      })
      return f
    })
  }

  /** A function of the address of a panel of B and the address to copy it to. */
  #panelPacker(columns: number, depth: number): number {
    const { plan, bytes } = this
    const panel = { k: depth, row: plan.b.row, column: plan.b.column, columns, stride: this.columns, bytes }
    return this.module.once(`panel ${JSON.stringify(panel)}`, () => packPanel(panel))
  }

  /** A function of the address of a block of rows of A and the address to copy it to. */
  #rowPacker(rows: number, depth: number): number {
    const { plan, bytes } = this
    const packed = { depth, stride: plan.a.column, tiles: this.#tiles(rows), bytes }
    return this.module.once(`rows ${JSON.stringify(packed)}`, () => packRows(packed))
  }
}

/** Emits `body` for where the range of a function with parameters from and to ends behind unit `last`. */
function ifLast(f: FunctionBody, last: number, body: () => void): void {
  f.get(1)
  f.i32(last + 1)
  f.op('i32.eq')
  f.if()
  body()
  f.op('end')
}
