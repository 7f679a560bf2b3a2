/** Copies a plane that is sorted by phases back to where it lies row by row, without its padding. */
import type { Side, SourcePlan } from '../ir/correlation.ts'
import { increment, repeat, stretch } from './control.ts'
import type { FunctionBody, Local } from './encode.ts'

/** Elements of the plane with one remainder: from + step, …; and where the phase, if it is there, has the first one. */
interface Residue {
  readonly from: number
  readonly count: number
  readonly phase: number
  readonly first: number
  /** Elements that the phase has. */
  readonly held: number
}

function residues({ length, before, stride, phases, size }: Side): Residue[] {
  return Array.from({ length: Math.min(stride, length) }, (_, from) => {
    const phase = phases.indexOf((from + before) % stride)
    const first = Math.floor((from + before) / stride)
    const count = Math.ceil((length - from) / stride)
    return { from, count, phase, first, held: phase < 0 ? 0 : Math.max(0, Math.min(count, size - first)) }
  })
}

/** From the address `source` to the address in `target`, which moves behind the plane. */
export function copyBack(f: FunctionBody, plan: SourcePlan, bytes: 4 | 8, source: number, target: Local): void {
  const [depth, height, width] = plan.sides
  const [from, to] = [f.local('i32'), f.local('i32')]
  const columns = residues(width)
  const row = width.length * bytes
  const place = (d: number, h: number): number => (d * height.size + h) * width.size
  for (const d of residues(depth)) {
    for (const h of residues(height)) {
      const phase = (w: number): number => ((d.phase * height.phases.length + h.phase) * width.phases.length + w) * plan.phase
      const rows = (count: number, filled: boolean): void => {
        if (count > 0) repeat(f, count, () => {
          copyRow(f, columns.map((run) => ({
            bytes,
            step: width.stride,
            from: (phase(run.phase) + run.first) * bytes,
            to: run.from * bytes,
            held: filled ? run.held : 0,
            count: run.count,
          })), from, to)
          increment(f, from, width.size * bytes)
          increment(f, to, height.stride * row)
        })
      }
      const planes = (count: number, filled: boolean): void => {
        if (count > 0) repeat(f, count, () => {
          rows(h.held, filled)
          rows(h.count - h.held, false)
          increment(f, from, (height.size - h.count) * width.size * bytes)
          increment(f, to, (depth.stride * height.length - height.stride * h.count) * row)
        })
      }
      f.i32(source + place(d.first, h.first) * bytes)
      f.set(from)
      f.get(target)
      f.i32((d.from * height.length + h.from) * row)
      f.op('i32.add')
      f.set(to)
      planes(d.held, true)
      planes(d.count - d.held, false)
    }
  }
  increment(f, target, depth.length * height.length * row)
}

interface Run {
  readonly bytes: 4 | 8
  readonly step: number
  /** Bytes from the addresses on. */
  readonly from: number
  readonly to: number
  /** Elements that are copied, and those that there are; the others are zero. */
  readonly held: number
  readonly count: number
}

function copyRow(f: FunctionBody, runs: readonly Run[], from: Local, to: Local): void {
  const [first, second] = runs as readonly [Run, Run | undefined]
  const pairs = second?.step === 2 && first.bytes === 4 ? Math.min(first.held, second.held) : 0
  if (pairs < 4) {
    for (const run of runs) copyRun(f, run, 0, from, to)
    return
  }
  const interleave = (at: number): void => {
    for (const half of [0, 1]) {
      f.get(to)
      for (const run of [first, second!]) {
        f.get(from)
        f.memory('v128.load', run.from + at * 4)
      }
      f.shuffle(half === 0 ? lowerHalves : upperHalves)
      f.memory('v128.store', first.to + at * 8 + half * 16)
    }
  }
  stretch(f, Math.floor(pairs / 4), [[from, 16], [to, 32]], (i) => interleave(4 * i))
  if (pairs % 4 > 0) interleave(pairs - 4)
  for (const run of runs) copyRun(f, run, pairs, from, to)
}

/** From element `start` of the run on. */
function copyRun(f: FunctionBody, { bytes, step, from: fromOffset, to: toOffset, held, count }: Run, start: number, from: Local, to: Local): void {
  const type = bytes === 4 ? 'f32' : 'f64'
  const lanes = 16 / bytes
  const whole = step === 1 ? Math.floor((held - start) / lanes) : 0
  stretch(f, whole, [[from, 16], [to, 16]], (v) => {
    f.get(to)
    f.get(from)
    f.memory('v128.load', fromOffset + start * bytes + v * 16)
    f.memory('v128.store', toOffset + start * bytes + v * 16)
  })
  const copied = start + whole * lanes
  stretch(f, Math.max(0, held - copied), [[from, bytes], [to, step * bytes]], (i) => {
    f.get(to)
    f.get(from)
    f.scalarMemory(`${type}.load`, fromOffset + (copied + i) * bytes)
    f.scalarMemory(`${type}.store`, toOffset + (copied + i) * step * bytes)
  })
  const filled = Math.max(held, start)
  stretch(f, Math.max(0, count - filled), [[to, step * bytes]], (i) => {
    f.get(to)
    if (bytes === 4) f.i32(0)
    else f.i64(0n)
    f.scalarMemory(bytes === 4 ? 'i32.store' : 'i64.store', toOffset + (filled + i) * step * bytes)
  })
}

const lane = (i: number): number[] => [0, 1, 2, 3].map((byte) => 4 * i + byte)
/** Lanes of two vectors in turn. */
const lowerHalves = [0, 4, 1, 5].flatMap(lane)
const upperHalves = [2, 6, 3, 7].flatMap(lane)
