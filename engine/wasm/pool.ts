/**
 * Largest elements of windows, and numbers put at their places, a plane at a time. A plane is laid out by phases, as for
 * a convolution, so that each element of the windows (a tap) is a run of memory.
 */
import type { PlacedTap, SourcePlan } from '../ir/correlation.ts'
import { placedParts } from '../ir/correlation.ts'
import type { PoolPlan } from '../ops/pooling.ts'
import { repeat } from './control.ts'
import type { Pixels, Unit } from './conv-pixels.ts'
import { walkPixels } from './conv-pixels.ts'
import { copyChannels } from './conv-source.ts'
import { copyBack } from './conv-target.ts'
import { storeTile } from './conv-tile.ts'
import type { Local } from './encode.ts'
import { FunctionBody } from './encode.ts'

export interface PoolKernel {
  readonly plan: PoolPlan
  readonly bytes: 4 | 8
  readonly planes: number
}

/** The numbers -Infinity, as a vector. */
function lowest(bytes: 4 | 8): Uint8Array {
  return new Uint8Array(bytes === 4 ? new Float32Array(4).fill(-Infinity).buffer : new Float64Array(2).fill(-Infinity).buffer)
}

function tapsOf(plan: SourcePlan): PlacedTap[] {
  return placedParts(plan)[0]!.rows.flat()
}

/** Vectors of a unit. */
const halves = [0, 1] as const

/** The largest element of each window. */
export function emitLargest({ plan, bytes, planes }: PoolKernel, addresses: { readonly x: number; readonly result: number; readonly laidOut: number; readonly tile: number }): FunctionBody {
  const f = new FunctionBody()
  const [from, at, x, y, value] = [f.local('i32'), f.local('i32'), f.local('i32'), f.local('i32'), f.local('v128')]
  const taps = tapsOf(plan.source)
  const [depth, height, width] = plan.source.sides
  const pixels: Pixels = {
    bytes,
    units: 2,
    counts: [depth.result, height.result, width.result],
    x: { column: 1, row: width.size, plane: height.size * width.size },
    y: { column: 1, row: width.result, plane: height.result * width.result },
  }
  const best = Array.from({ length: 4 }, () => f.local('v128'))
  setTo(f, from, addresses.x)
  setTo(f, y, addresses.result)
  repeat(f, planes, () => {
    setTo(f, at, addresses.laidOut)
    copyChannels(f, { plan: plan.source, bytes, channels: 1, pitch: plan.source.channel, fill: lowest(bytes) }, from, at)
    setTo(f, x, 0)
    walkPixels(f, pixels, x, y, (units) => {
      const vectors = units.flatMap(({ x: start }) => halves.map((half) => start * bytes + half * 16))
      for (const [k, { offset }] of taps.entries()) {
        for (const [v, place] of vectors.entries()) {
          f.get(x)
          f.memory('v128.load', addresses.laidOut + offset * bytes + place)
          f.set(k === 0 ? best[v]! : value)
          if (k > 0) takeLarger(f, bytes, best[v]!, value)
        }
      }
      storeTile(f, { units, width: Math.min(width.result, 32 / bytes), step: 1, plane: 0, bytes, scratch: addresses.tile }, y, [best.slice(0, vectors.length)])
    })
  })
  return f
}

/** Puts numbers at the places of the largest elements; where windows overlap, they add up. */
export function emitPlaced({ plan, bytes, planes }: PoolKernel, addresses: { readonly g: number; readonly x: number; readonly result: number; readonly laidOut: number; readonly target: number; readonly windows: number }): FunctionBody {
  const f = new FunctionBody()
  const [from, numbers, to, at, x, y] = Array.from({ length: 6 }, () => f.local('i32')) as [Local, Local, Local, Local, Local, Local]
  const [depth, height, width] = plan.source.sides
  const row = plan.windows.sides[2].size
  const plain: Pixels = {
    bytes,
    units: 1,
    counts: [depth.result, height.result, width.result],
    x: { column: 1, row: width.size, plane: height.size * width.size },
    y: { column: 1, row: width.result, plane: height.result * width.result },
  }
  const pixels = plan.plain ? plain : { ...plain, y: { column: 1, row, plane: height.result * row }, apart: true }
  setTo(f, from, addresses.x)
  setTo(f, numbers, addresses.g)
  setTo(f, to, addresses.result)
  if (plan.plain) setTo(f, y, addresses.g)
  repeat(f, planes, () => {
    setTo(f, at, addresses.laidOut)
    copyChannels(f, { plan: plan.source, bytes, channels: 1, pitch: plan.source.channel, fill: lowest(bytes) }, from, at)
    if (!plan.plain) {
      // Behind the end of a row there are zeros; where units reach there, they add them.
      setTo(f, at, addresses.windows)
      copyChannels(f, { plan: plan.windows, bytes, channels: 1, pitch: plan.windows.channel }, numbers, at)
      setTo(f, y, addresses.windows)
      f.i32(addresses.target)
      f.i32(0)
      f.i32(plan.target.channel * bytes)
      f.memoryFill()
    }
    setTo(f, x, 0)
    const place = placer(f, plan, bytes, { ...addresses, position: x, numbers: y })
    walkPixels(f, pixels, x, y, ([unit]) => place(unit!))
    copyBack(f, plan.target, bytes, addresses.target, to)
  })
  return f
}

/** Code for a unit of windows. */
function placer(f: FunctionBody, plan: PoolPlan, bytes: 4 | 8, at: { readonly laidOut: number; readonly target: number; readonly position: Local; readonly numbers: Local }): (unit: Unit) => void {
  const shape = bytes === 4 ? 'f32x4' : 'f64x2'
  const [taps, placed] = [tapsOf(plan.source), tapsOf(plan.target)]
  const [best, taken, value, chosen, number] = Array.from({ length: 5 }, () => halves.map(() => f.local('v128'))) as [Local[], Local[], Local[], Local[], Local[]]
  const load = (tap: PlacedTap, unit: Unit, into: readonly Local[]): void => {
    for (const half of halves) {
      f.get(at.position)
      f.memory('v128.load', at.laidOut + (tap.offset + unit.x) * bytes + half * 16)
      f.set(into[half]!)
    }
  }
  return (unit) => {
    for (const [k, tap] of taps.entries()) {
      load(tap, unit, k === 0 ? best : value)
      if (k > 0) for (const half of halves) takeLarger(f, bytes, best[half]!, value[half]!)
    }
    for (const half of halves) {
      f.get(at.numbers)
      f.memory('v128.load', unit.y * bytes + half * 16)
      f.set(number[half]!)
    }
    for (const [k, tap] of taps.entries()) {
      load(tap, unit, value)
      for (const half of halves) {
        f.get(value[half]!)
        f.get(best[half]!)
        f.simd(`${shape}.eq`)
        f.get(value[half]!)
        f.get(value[half]!)
        f.simd(`${shape}.ne`)
        f.simd('v128.or')
        f.set(chosen[half]!)
      }
      for (const half of halves) {
        // Of those that no earlier tap took.
        f.get(number[half]!)
        f.get(chosen[half]!)
        f.simd('v128.and')
        if (k > 0) {
          f.get(taken[half]!)
          f.simd('v128.andnot')
        }
        f.set(value[half]!)
        if (k > 0) {
          f.get(taken[half]!)
          f.get(chosen[half]!)
          f.simd('v128.or')
          f.set(taken[half]!)
        } else {
          f.get(chosen[half]!)
          f.set(taken[half]!)
        }
      }
      const to = (half: number): number => at.target + (placed[k]!.offset + unit.x) * bytes + half * 16
      if (!plan.plain) {
        for (const half of halves) {
          f.get(value[half]!)
          f.get(at.position)
          f.memory('v128.load', to(half))
          f.simd(`${shape}.add`)
          f.set(value[half]!)
        }
      }
      for (const half of [1, 0]) {
        f.get(at.position)
        f.get(value[half]!)
        f.memory('v128.store', to(half))
      }
    }
  }
}

/** best = the larger one, of equal ones the one before; NaN stays. */
function takeLarger(f: FunctionBody, bytes: 4 | 8, best: Local, value: Local): void {
  const shape = bytes === 4 ? 'f32x4' : 'f64x2'
  f.get(best)
  f.get(value)
  f.simd(`${shape}.pmax`)
  f.get(value)
  f.get(value)
  f.simd(`${shape}.ne`)
  f.simd('v128.or')
  f.set(best)
}

function setTo(f: FunctionBody, local: Local, address: number): void {
  f.i32(address)
  f.set(local)
}
