/**
 * Convolutions and their gradients by the input, directly: no matrix of windows is made.
 *
 * A sample's source is laid out so that each element of the kernel (a tap) reads it at one distance (ir/correlation.ts).
 * A tile of up to 6 channels of the result by 2 units of pixels, a unit being two 128-bit vectors, stays in registers
 * while all channels of the source and all taps are added: one element of the filter for each channel, one run of the
 * source for each unit. The filter is first brought into that order; each row of taps stands behind the place that it
 * reads.
 */
import type { PlacedPart } from '../ir/correlation.ts'
import { placedParts } from '../ir/correlation.ts'
import type { Meeting, SumPlan } from '../ops/convolution.ts'
import type { KernelCode } from './context.ts'
import { advance, increment, repeat, repeatRange } from './control.ts'
import type { Unit } from './conv-pixels.ts'
import { walkPixels } from './conv-pixels.ts'
import { copyChannels } from './conv-source.ts'
import type { TileShape } from './conv-tile.ts'
import { emitTile } from './conv-tile.ts'
import type { Local, ModuleBuilder } from './encode.ts'
import { FunctionBody } from './encode.ts'
import { rowTiles } from './blocking.ts'

/** Addresses of the buffers and of the working memory. */
export interface SumAddresses {
  readonly source: number
  readonly weight: number
  readonly bias: number | undefined
  readonly result: number
  readonly laidOut: number
  readonly filter: number
  readonly tile: number
}

/** Elements of the weight from channel to channel of the result and of the source, and from group to group. */
export interface WeightStrides {
  readonly to: number
  readonly from: number
  readonly group: number
}

export interface SumKernel {
  readonly met: Meeting
  readonly plan: SumPlan
  readonly weight: WeightStrides
  readonly bytes: 4 | 8
  readonly addresses: SumAddresses
  readonly relu: boolean
  readonly wide: boolean
  /** Pushes how far a thread's own memory lies from that of the first one; undefined where there is one thread. */
  readonly own: ((f: FunctionBody) => void) | undefined
}

/** How the taps of a part are walked: for each group of `channels` channels the same rows of taps. */
interface Walk {
  readonly part: PlacedPart
  readonly channels: number
  /** Distances of the taps of a row from where it begins. */
  readonly row: readonly number[]
  /** Rows of a group of channels: where each begins, and the taps' numbers with their channels. */
  readonly rows: readonly { readonly offset: number; readonly taps: readonly { readonly index: number; readonly channel: number }[] }[]
  /** Rows of taps of the whole filter. */
  readonly count: number
}

/** Adds the functions of the kernel to `module`; gives the one that computes it. With `ranged` its units are the samples. */
export function emitSum(module: ModuleBuilder, kernel: SumKernel, ranged: boolean): KernelCode {
  return new SumEmitter(module, kernel).emit(ranged)
}

class SumEmitter {
  readonly module: ModuleBuilder
  readonly kernel: SumKernel
  readonly walks: readonly Walk[]
  /** Heights of the tiles, and units of pixels of one. */
  readonly heights: readonly (readonly [number, number])[]
  readonly units: number
  f = new FunctionBody()
  readonly #tiles = new Map<string, number>()

  constructor(module: ModuleBuilder, kernel: SumKernel) {
    this.module = module
    this.kernel = kernel
    const { source, from, to } = kernel.plan
    this.walks = placedParts(source).map((part) => walkOf(part, from, source.channel))
    this.heights = rowTiles(to)
    this.units = kernel.wide ? (to >= 4 ? 2 : [6, 4, 3][to - 1]!) : [3, 2, 1][Math.min(to, 3) - 1]!
  }

  emit(ranged: boolean): KernelCode {
    const { met } = this.kernel
    if (met.samples * met.groups === 0) return { body: this.f, units: 0 }
    if (this.walks.some(({ count }) => count === 0) || this.walks.length === 0) this.#clear()
    this.#packFilter()
    if (!ranged) {
      this.#samples(false)
      return { body: this.f, units: 0 }
    }
    const before = this.f
    this.f = new FunctionBody(['i32', 'i32'])
    this.#samples(true)
    return { before, body: this.f, units: met.samples }
  }

  /** All samples, or those of the range that the function was given. */
  #samples(ranged: boolean): void {
    const { f, kernel } = this
    const { met, plan, bytes, addresses } = kernel
    const [source, copied, result, filter] = [f.local('i32'), f.local('i32'), f.local('i32'), f.local('i32')]
    const groupBytes = plan.from * plan.source.sides.reduce((n, { length }) => n * length, 1) * bytes
    f.i32(addresses.source)
    f.set(source)
    f.i32(addresses.result)
    f.set(result)
    if (ranged) {
      advance(f, source, 0, met.groups * groupBytes)
      advance(f, result, 0, met.groups * plan.to * this.#plane * bytes)
    }
    const each = (body: () => void): void => (ranged ? repeatRange(f, body) : repeat(f, met.samples, body))
    each(() => {
      f.i32(addresses.filter)
      f.set(filter)
      repeat(f, met.groups, () => {
        if (plan.source.direct) {
          f.get(source)
          f.set(copied)
          increment(f, source, groupBytes)
        } else {
          this.#setToLaidOut(copied)
          copyChannels(f, { plan: plan.source, bytes, channels: plan.from, pitch: plan.source.channel }, source, copied)
          this.#setToLaidOut(copied)
        }
        for (const walk of this.walks) {
          if (walk.count > 0) this.#part(walk, copied, result, filter)
          increment(f, filter, this.#filterBytes(walk))
        }
        increment(f, result, plan.to * this.#plane * bytes)
      })
    })
  }

  /** Each thread lays the source out in its own memory. */
  #setToLaidOut(local: Local): void {
    const { f, kernel } = this
    f.i32(kernel.addresses.laidOut)
    if (kernel.own) {
      kernel.own(f)
      f.op('i32.add')
    }
    f.set(local)
  }

  /** Elements of a channel of the result. */
  get #plane(): number {
    return this.kernel.plan.source.sides.reduce((n, { result }) => n * result, 1)
  }

  /** Places that no tap reaches are zero. */
  #clear(): void {
    const { met, plan, bytes, addresses } = this.kernel
    this.f.i32(addresses.result)
    this.f.i32(0)
    this.f.i32(met.samples * met.groups * plan.to * this.#plane * bytes)
    this.f.memoryFill()
  }

  // ---- the filter

  #tileBytes(walk: Walk, height: number): number {
    const bias = this.kernel.addresses.bias === undefined ? 0 : height
    return (walk.count * (1 + walk.row.length * height) + bias) * this.kernel.bytes
  }

  #filterBytes(walk: Walk): number {
    return walk.count === 0 ? 0 : this.heights.reduce((n, [height, count]) => n + count * this.#tileBytes(walk, height), 0)
  }

  /** For each group, part and tile: its rows of taps, then its bias. */
  #packFilter(): void {
    const { f, kernel } = this
    const { met, plan, weight, bytes, addresses } = kernel
    const [to, group, from, bias, offset] = [f.local('i32'), f.local('i32'), f.local('i32'), f.local('i32'), f.local('i32')]
    f.i32(addresses.filter)
    f.set(to)
    f.i32(addresses.weight)
    f.set(group)
    f.i32(addresses.bias ?? 0)
    f.set(bias)
    repeat(f, met.groups, () => {
      for (const walk of this.walks) {
        if (walk.count === 0) continue
        f.get(group)
        f.set(from)
        for (const [height, count] of this.heights) {
          repeat(f, count, () => {
            f.i32(0)
            f.set(offset)
            repeat(f, plan.from / walk.channels, () => this.#packRows(walk, height, { to, from, offset }))
            increment(f, from, (height * weight.to - plan.from * weight.from) * bytes)
            if (addresses.bias === undefined) return
            for (let i = 0; i < height; i++) this.#move(to, i, bias, i)
            increment(f, to, height * bytes)
            increment(f, bias, height * bytes)
          })
        }
      }
      increment(f, group, weight.group * bytes)
    })
  }

  /** The rows of taps of one group of channels, which all locals then have behind them. */
  #packRows({ row, rows, channels }: Walk, height: number, { to, from, offset }: { readonly to: Local; readonly from: Local; readonly offset: Local }): void {
    const { f, kernel } = this
    const { plan, weight, bytes } = kernel
    const size = 1 + row.length * height
    for (const [i, { offset: start }] of rows.entries()) {
      f.get(to)
      f.get(offset)
      f.i32(start * bytes)
      f.op('i32.add')
      f.scalarMemory('i32.store', i * size * bytes)
    }
    repeat(f, height, () => {
      for (const [i, { taps }] of rows.entries()) {
        for (const [k, { index, channel }] of taps.entries()) this.#move(to, i * size + 1 + k * height, from, channel * weight.from + index)
      }
      increment(f, to, bytes)
      increment(f, from, weight.to * bytes)
    })
    increment(f, to, (rows.length * size - height) * bytes)
    increment(f, from, (channels * weight.from - height * weight.to) * bytes)
    increment(f, offset, channels * plan.source.channel * bytes)
  }

  #move(to: Local, at: number, from: Local, index: number): void {
    const { f, kernel } = this
    const type = kernel.bytes === 4 ? 'f32' : 'f64'
    f.get(to)
    f.get(from)
    f.scalarMemory(`${type}.load`, index * kernel.bytes)
    f.scalarMemory(`${type}.store`, at * kernel.bytes)
  }

  // ---- the pixels

  /** All pixels of a part of one sample and group. */
  #part(walk: Walk, source: Local, result: Local, filter: Local): void {
    const { f, kernel } = this
    const { plan, bytes } = kernel
    const [, height, width] = plan.source.sides
    const [d, h, w] = walk.part.axes
    const [x, y] = [f.local('i32'), f.local('i32')]
    f.get(source)
    f.set(x)
    f.get(result)
    f.i32(((d.start * height.result + h.start) * width.result + w.start) * bytes)
    f.op('i32.add')
    f.set(y)
    const pixels = {
      bytes,
      units: this.units,
      counts: [d.count, h.count, w.count] as const,
      x: { column: 1, row: width.size, plane: height.size * width.size },
      y: { column: w.step, row: h.step * width.result, plane: d.step * height.result * width.result },
    }
    walkPixels(f, pixels, x, y, (units) => this.#tile(walk, units, { x, y, filter }))
  }

  /** All channels of the result, at the units of a tile. */
  #tile(walk: Walk, units: readonly Unit[], at: { readonly x: Local; readonly y: Local; readonly filter: Local }): void {
    const { f, kernel } = this
    const { bytes } = kernel
    const [filter, y] = [f.local('i32'), f.local('i32')]
    const first = units[0]!
    f.get(at.filter)
    f.set(filter)
    f.get(at.y)
    f.i32(first.y * bytes)
    f.op('i32.add')
    f.set(y)
    const w = walk.part.axes[2]
    for (const [height, count] of this.heights) {
      const tile = this.#function({
        height,
        units: units.map((unit) => ({ x: unit.x - first.x, y: unit.y - first.y })),
        row: walk.row,
        rows: walk.count,
        places: this.#places(walk),
        width: Math.min(w.count, 32 / bytes),
        step: w.step,
        plane: this.#plane,
        bytes,
        bias: kernel.addresses.bias !== undefined,
        relu: kernel.relu,
        scratch: kernel.addresses.tile,
        own: kernel.own,
      })
      repeat(f, count, () => {
        f.get(at.x)
        f.i32(first.x * bytes)
        f.op('i32.add')
        f.get(filter)
        f.get(y)
        f.call(tile)
        increment(f, filter, this.#tileBytes(walk, height))
        increment(f, y, height * this.#plane * bytes)
      })
    }
  }

  /** Where the rows of taps begin, if they are few. */
  #places({ rows, channels, count }: Walk): number[] | undefined {
    const { plan } = this.kernel
    if (count > fewRows) return undefined
    return Array.from({ length: plan.from / channels }, (_, group) => rows.map(({ offset }) => group * channels * plan.source.channel + offset)).flat()
  }

  #function(shape: TileShape): number {
    const key = JSON.stringify(shape)
    let index = this.#tiles.get(key)
    if (index === undefined) {
      index = this.module.add(emitTile(shape))
      this.#tiles.set(key, index)
    }
    return index
  }
}

/** Rows of taps that a tile has no loop for. */
const fewRows = 4

/** Taps of a row at most. */
const longest = 8

function walkOf(part: PlacedPart, channels: number, channelSize: number): Walk {
  const [taps] = part.rows
  if (!taps) return { part, channels: 1, row: [], rows: [], count: 0 }
  const start = (run: PlacedPart['rows'][number]): number => Math.min(...run.map(({ offset }) => offset))
  const distances = (run: PlacedPart['rows'][number]): number[] => run.map(({ offset }) => offset - start(run))
  const chunksOf = (size: number): PlacedPart['rows'][number][] => part.rows.flatMap((row) => Array.from({ length: row.length / size }, (_, i) => row.slice(i * size, (i + 1) * size)))
  let size = Math.min(taps.length, longest)
  while (taps.length % size !== 0 || chunksOf(size).some((run) => String(distances(run)) !== String(distances(taps.slice(0, size))))) size--
  const runs = chunksOf(size)
  // Where there is one short row, rows of several channels.
  let together = runs.length === 1 ? Math.max(1, Math.floor(4 / size)) : 1
  while (channels % together !== 0) together--
  const each = Array.from({ length: together }, (_, channel) => channel)
  return {
    part,
    channels: together,
    row: each.flatMap((channel) => distances(runs[0]!).map((distance) => channel * channelSize + distance)),
    rows: runs.map((run) => ({ offset: start(run), taps: each.flatMap((channel) => run.map(({ index }) => ({ index, channel }))) })),
    count: runs.length * (channels / together),
  }
}
