/**
 * The gradient of a convolution by its weight: for each pair of channels and each tap, the sum of products of the
 * source and the result's gradient over all pixels and samples.
 *
 * Blocks of samples are laid out so that a tap's products are those of two runs of memory; what lies between the rows
 * of the gradient is zero. A tile of channels of the gradient by taps keeps two vectors of sums for each pair.
 */
import type { PlacedTap } from '../ir/correlation.ts'
import { placedParts } from '../ir/correlation.ts'
import type { Meeting, WeightPlan } from '../ops/convolution.ts'
import { increment, repeat } from './control.ts'
import { copyChannels } from './conv-source.ts'
import type { Local, ModuleBuilder } from './encode.ts'
import { FunctionBody } from './encode.ts'

export interface WeightKernel {
  readonly met: Meeting
  readonly plan: WeightPlan
  readonly bytes: 4 | 8
  readonly addresses: { readonly source: number; readonly gradient: number; readonly result: number; readonly laidOut: number; readonly gradientLaidOut: number; readonly sums: number }
  readonly wide: boolean
}

/** Taps that a tile takes at once, of neighbouring channels where the kernel has one element. */
interface Piece {
  /** Where it begins, in the source and in the weight. */
  readonly x: number
  readonly w: number
  /** Distances of all taps from there. */
  readonly taps: readonly Distance[]
}

interface Distance {
  readonly x: number
  readonly w: number
}

/** Pieces of one group of channels, and how many such groups there are. */
interface Run {
  readonly channels: number
  readonly count: number
  readonly pieces: readonly Piece[]
}

/** Adds the functions of the kernel to `module`; gives the one that computes it. */
export function emitWeight(module: ModuleBuilder, kernel: WeightKernel): FunctionBody {
  return new WeightEmitter(module, kernel).emit()
}

class WeightEmitter {
  readonly module: ModuleBuilder
  readonly kernel: WeightKernel
  readonly rows: readonly (readonly PlacedTap[])[]
  /** Elements of a channel of the weight. */
  readonly size: number
  /** Bytes of a sample's group in both operands, as they are. */
  readonly given: Pair
  /** Bytes from sample to sample, as they are read. */
  readonly apart: Pair
  /** Tiles of channels of the gradient, and pairs of vectors of sums of one: with those of the source and the gradient all fit the 15 registers there are. */
  readonly heights: readonly (readonly [number, number])[]
  readonly pairs: number
  readonly #tiles = new Map<string, number>()

  constructor(module: ModuleBuilder, kernel: WeightKernel) {
    this.module = module
    this.kernel = kernel
    const { met, plan, bytes, wide } = kernel
    this.rows = placedParts(plan.source)[0]!.rows
    this.size = this.rows.flat().length
    const [inputs, outputs] = [met.inputs * bytes, met.outputs * bytes]
    const { sides } = plan.source
    this.given = { x: sides.reduce((n, { length }) => n * length, inputs), g: sides.reduce((n, { result }) => n * result, outputs) }
    this.apart = plan.direct ? { x: this.given.x * met.groups, g: this.given.g * met.groups } : { x: plan.pitch * inputs, g: plan.gradient.channel * sides[0].result * outputs }
    this.pairs = wide ? 9 : 4
    this.heights = balanced(met.outputs, wide ? 3 : 2)
  }

  emit(): FunctionBody {
    const { kernel, given } = this
    const { met, plan, bytes, addresses } = kernel
    const f = new FunctionBody()
    const total = met.groups * met.outputs * met.inputs * this.size * bytes
    f.i32(addresses.result)
    f.i32(0)
    f.i32(total)
    f.memoryFill()
    const [source, gradient, result] = [f.local('i32'), f.local('i32'), f.local('i32')]
    f.i32(addresses.source)
    f.set(source)
    f.i32(addresses.gradient)
    f.set(gradient)
    const group = this.#group()
    const samples = (count: number): void => {
      f.i32(addresses.result)
      f.set(result)
      repeat(f, met.groups, () => {
        for (const local of [source, gradient, result]) f.get(local)
        f.i32(count)
        f.call(group)
        increment(f, source, given.x)
        increment(f, gradient, given.g)
        increment(f, result, total / met.groups)
      })
      increment(f, source, (count - 1) * met.groups * given.x)
      increment(f, gradient, (count - 1) * met.groups * given.g)
    }
    const blocks = Math.floor(met.samples / plan.block)
    if (blocks > 0) repeat(f, blocks, () => samples(plan.block))
    if (met.samples % plan.block > 0) samples(met.samples % plan.block)
    return f
  }

  /** A function of the addresses of source, gradient and result, and of a number of samples: one group of theirs. */
  #group(): number {
    const { kernel } = this
    const { met, plan, bytes } = kernel
    const f = new FunctionBody(['i32', 'i32', 'i32', 'i32'])
    const [x, g] = plan.direct ? [0, 1] : [this.#layOut(f, 0), this.#layOut(f, 1)]
    const [xAt, w] = [f.local('i32'), f.local('i32')]
    for (const [height, count] of this.heights) {
      repeat(f, count, () => {
        f.get(x)
        f.set(xAt)
        f.get(2)
        f.set(w)
        for (const { channels, count: times, pieces } of this.#runs(height)) {
          repeat(f, times, () => {
            for (const piece of pieces) {
              f.get(xAt)
              f.i32(piece.x * bytes)
              f.op('i32.add')
              f.get(g)
              f.get(w)
              f.i32(piece.w * bytes)
              f.op('i32.add')
              f.get(3)
              f.call(this.#tile(height, piece.taps))
            }
            increment(f, xAt, channels * plan.pitch * bytes)
            increment(f, w, channels * this.size * bytes)
          })
        }
        increment(f, g, height * plan.gradient.channel * plan.source.sides[0].result * bytes)
        increment(f, 2, height * met.inputs * this.size * bytes)
      })
    }
    return this.module.add(f)
  }

  /** Lays out all samples of an operand (0: the source, 1: the gradient), whose address is that parameter; gives where they lie. */
  #layOut(f: FunctionBody, operand: 0 | 1): Local {
    const { met, plan, bytes, addresses } = this.kernel
    const [from, to, left] = [f.local('i32'), f.local('i32'), f.local('i32')]
    const start = operand === 0 ? addresses.laidOut : addresses.gradientLaidOut
    f.get(operand)
    f.set(from)
    f.i32(start)
    f.set(to)
    f.get(3)
    f.set(left)
    f.loop()
    if (operand === 0) copyChannels(f, { plan: plan.source, bytes, channels: met.inputs, pitch: plan.pitch }, from, to)
    else copyChannels(f, { plan: plan.gradient, bytes, channels: met.outputs * plan.source.sides[0].result, pitch: plan.gradient.channel }, from, to)
    increment(f, from, (met.groups - 1) * (operand === 0 ? this.given.x : this.given.g))
    countDown(f, left)
    f.i32(start)
    f.set(from)
    return from
  }

  /** How the taps of all channels are taken by a tile of this height. */
  #runs(height: number): Run[] {
    const { met, plan } = this.kernel
    const most = Math.max(1, Math.floor(this.pairs / height))
    if (this.size === 1) {
      return balanced(met.inputs, most).map(([channels, count]) => ({
        channels,
        count,
        pieces: [{ x: 0, w: 0, taps: Array.from({ length: channels }, (_, c) => ({ x: c * plan.pitch, w: c })) }],
      }))
    }
    const lists = this.rows[0]!.length >= most ? this.rows : [this.rows.flat()]
    const pieces = lists.flatMap((list) => {
      let at = 0
      return balanced(list.length, most).flatMap(([size, count]) => Array.from({ length: count }, () => list.slice(at, (at += size))))
    })
    return [{
      channels: 1,
      count: met.inputs,
      pieces: pieces.map((taps) => {
        const x = Math.min(...taps.map(({ offset }) => offset))
        const w = taps[0]!.index
        return { x, w, taps: taps.map(({ offset, index }) => ({ x: offset - x, w: index - w })) }
      }),
    }]
  }

  #tile(height: number, taps: readonly Distance[]): number {
    const key = JSON.stringify([height, taps])
    let index = this.#tiles.get(key)
    if (index === undefined) {
      index = this.module.add(this.#tileBody(height, taps))
      this.#tiles.set(key, index)
    }
    return index
  }

  /** A function of the addresses of the first tap's source, the gradient and the first tap's weight, and of the number of samples. */
  #tileBody(height: number, taps: readonly Distance[]): FunctionBody {
    const { plan, bytes } = this.kernel
    const madd = bytes === 4 ? 'f32x4.relaxed_madd' : 'f64x2.relaxed_madd'
    const f = new FunctionBody(['i32', 'i32', 'i32', 'i32'])
    const pair = (): [Local, Local] => [f.local('v128'), f.local('v128')]
    const sums = Array.from({ length: height }, () => taps.map(pair))
    const [sources, gradient] = [taps.map(pair), pair()]
    const [depth, height2, width] = plan.source.sides
    const channel = plan.gradient.channel * depth.result * bytes
    const runs = (plan.gradient.channel * bytes) / 32
    const slice = height2.size * width.size * bytes
    const load = (from: Local, offset: number, into: readonly Local[]): void => {
      for (const [half, local] of into.entries()) {
        f.get(from)
        f.memory('v128.load', offset + half * 16)
        f.set(local)
      }
    }
    f.loop()
    repeat(f, depth.result, () => {
      repeat(f, runs, () => {
        for (const [t, { x }] of taps.entries()) load(0, x * bytes, sources[t]!)
        for (const [o, row] of sums.entries()) {
          load(1, o * channel, gradient)
          for (const [t, sum] of row.entries()) {
            for (const [half, local] of sum.entries()) {
              f.get(gradient[half]!)
              f.get(sources[t]![half]!)
              f.get(local)
              f.simd(madd)
              f.set(local)
            }
          }
        }
        increment(f, 0, 32)
        increment(f, 1, 32)
      })
      increment(f, 0, slice - runs * 32)
    })
    increment(f, 0, this.apart.x - depth.result * slice)
    increment(f, 1, this.apart.g - channel)
    countDown(f, 3)
    this.#add(f, sums, taps)
    return f
  }

  /** Adds the lanes of each pair of vectors to their weight. */
  #add(f: FunctionBody, sums: readonly (readonly (readonly Local[])[])[], taps: readonly Distance[]): void {
    const { met, bytes, addresses } = this.kernel
    const type = bytes === 4 ? 'f32' : 'f64'
    const lanes = 16 / bytes
    // Two vectors are packed into one where pairs of them are stored.
    for (const [i, sum] of sums.flat().entries()) {
      for (const half of [1, 0]) {
        f.i32(0)
        f.get(sum[half]!)
        f.memory('v128.store', addresses.sums + i * 32 + half * 16)
      }
    }
    for (const [o, row] of sums.entries()) {
      for (const [t, [first, second]] of row.entries()) {
        for (const [half, local] of [first!, second!].entries()) {
          f.i32(0)
          f.memory('v128.load', addresses.sums + (o * row.length + t) * 32 + half * 16)
          f.set(local)
        }
        f.get(first!)
        f.get(second!)
        f.simd(bytes === 4 ? 'f32x4.add' : 'f64x2.add')
        f.set(first!)
        const at = (o * met.inputs * this.size + taps[t]!.w) * bytes
        f.get(2)
        f.get(2)
        f.scalarMemory(`${type}.load`, at)
        for (let lane = 0; lane < lanes; lane++) {
          f.get(first!)
          f.simdLane(bytes === 4 ? 'f32x4.extract_lane' : 'f64x2.extract_lane', lane)
          if (lane % 2 === 1) f.op(`${type}.add`)
        }
        if (lanes === 4) f.op(`${type}.add`)
        f.op(`${type}.add`)
        f.scalarMemory(`${type}.store`, at)
      }
    }
  }
}

interface Pair {
  readonly x: number
  readonly g: number
}

/** Ends a loop that is done as often as `left` says. */
function countDown(f: FunctionBody, left: Local): void {
  f.get(left)
  f.i32(1)
  f.op('i32.sub')
  f.tee(left)
  f.brIf(0)
  f.op('end')
}

/** `count` in parts of at most `most`, all nearly equal: [size, how many]. */
function balanced(count: number, most: number): [number, number][] {
  const parts = Math.ceil(count / most)
  const [size, larger] = [Math.floor(count / parts), count % parts]
  return ([[size + 1, larger], [size, parts - larger]] as [number, number][]).filter(([, n]) => n > 0)
}
