/** Copies the channels of the source of a convolution or a pool to where kernels read them: padded, and sorted by phases. */
import type { Side, SourcePlan } from '../ir/correlation.ts'
import { increment, repeat, stretch } from './control.ts'
import type { FunctionBody, Local } from './encode.ts'

export interface ChannelCopy {
  readonly plan: SourcePlan
  readonly bytes: 4 | 8
  readonly channels: number
  /** Elements from channel to channel of the copy. */
  readonly pitch: number
  /** What is around the source, as a vector; zeros by default. */
  readonly fill?: Uint8Array
}

/** The places of one phase that the source has elements for. */
interface Held {
  readonly first: number
  readonly count: number
  /** The element of the source at the first place. */
  readonly from: number
}

function held({ length, before, stride, size }: Side, phase: number): Held {
  const first = Math.max(0, Math.ceil((before - phase) / stride))
  const last = Math.min(size - 1, Math.floor((length - 1 + before - phase) / stride))
  return { first, count: Math.max(0, last - first + 1), from: first * stride + phase - before }
}

/** Copies channels from the address in `source` on to that in `target`; both move behind the last one. */
export function copyChannels(f: FunctionBody, copy: ChannelCopy, source: Local, target: Local): void {
  new Copier(f, copy, source, target).run()
}

class Copier {
  readonly f: FunctionBody
  readonly copy: ChannelCopy
  readonly source: Local
  readonly target: Local
  readonly row: Local
  readonly around: Local
  readonly lanes: number

  constructor(f: FunctionBody, copy: ChannelCopy, source: Local, target: Local) {
    this.f = f
    this.copy = copy
    this.source = source
    this.target = target
    this.row = f.local('i32')
    this.around = f.local('v128')
    this.lanes = 16 / copy.bytes
  }

  run(): void {
    const { f, copy } = this
    const { plan, bytes, channels, pitch } = copy
    const [depth, height, width] = plan.sides
    f.v128(copy.fill ?? new Uint8Array(16))
    f.set(this.around)
    repeat(f, channels, () => {
      for (const d of depth.phases) for (const h of height.phases) for (const w of width.phases) this.#phase(held(depth, d), held(height, h), held(width, w))
      this.#surround(pitch - plan.channel)
      increment(f, this.source, depth.length * height.length * width.length * bytes)
    })
  }

  #phase(d: Held, h: Held, w: Held): void {
    const { f, copy } = this
    const { plan, bytes } = copy
    const [depth, height, width] = plan.sides
    const planeSize = height.size * width.size
    if (d.count * h.count * w.count === 0) {
      this.#surround(plan.phase)
      return
    }
    const head = (d.first * height.size + h.first) * width.size + w.first
    this.#surround(head)
    f.get(this.source)
    f.i32(((d.from * height.length + h.from) * width.length + w.from) * bytes)
    f.op('i32.add')
    f.set(this.row)
    const nextRow = height.stride * width.length
    const rows = (count: number): void => {
      if (count > 0) repeat(f, count, () => {
        this.#run(w.count, width.stride)
        increment(f, this.target, w.count * bytes)
        this.#surround(width.size - w.count)
        increment(f, this.row, nextRow * bytes)
      })
    }
    const last = (): void => {
      this.#run(w.count, width.stride)
      increment(f, this.target, w.count * bytes)
    }
    if (d.count > 1) repeat(f, d.count - 1, () => {
      rows(h.count)
      this.#surround(planeSize - h.count * width.size)
      increment(f, this.row, (depth.stride * height.length * width.length - h.count * nextRow) * bytes)
    })
    rows(h.count - 1)
    last()
    this.#surround(plan.phase - head - (d.count - 1) * planeSize - (h.count - 1) * width.size - w.count)
  }

  /** What is around for `count` elements from the target on, and for less than a vector behind them, which is written afterwards. */
  #surround(count: number): void {
    const { f, target, copy } = this
    if (count <= 0) return
    const vectors = Math.ceil(count / this.lanes)
    const store = (i: number): void => {
      f.get(target)
      f.get(this.around)
      f.memory('v128.store', i * 16)
    }
    if (copy.fill || vectors <= 16) stretch(f, vectors, [[target, 16]], store)
    else {
      f.get(target)
      f.i32(0)
      f.i32(count * copy.bytes)
      f.memoryFill()
    }
    increment(f, target, count * copy.bytes)
  }

  /** A run of `count` elements, every `step`-th of the row. */
  #run(count: number, step: number): void {
    const { lanes } = this
    const pairs = step === 2 && lanes === 4
    if (count < lanes || (step !== 1 && !pairs)) {
      this.#elements(count, step)
      return
    }
    const move = (at: number): void => (pairs ? this.#evenVector(at) : this.#vector(at))
    this.#stretch(Math.floor(count / lanes), lanes, step, (i) => move(i * lanes))
    // What is left of the row, together with the end of the last vector.
    if (count % lanes > 0) move(count - lanes)
  }

  /** Moves of some elements each, of every `step`-th of the row. */
  #stretch(moves: number, elements: number, step: number, move: (i: number) => void): void {
    const { f, copy, row, target } = this
    stretch(f, moves, [[row, elements * step * copy.bytes], [target, elements * copy.bytes]], move)
  }

  #elements(count: number, step: number): void {
    const { f, copy } = this
    const move = (i: number): void => {
      f.get(this.target)
      f.get(this.row)
      f.scalarMemory(copy.bytes === 4 ? 'f32.load' : 'f64.load', i * step * copy.bytes)
      f.scalarMemory(copy.bytes === 4 ? 'f32.store' : 'f64.store', i * copy.bytes)
    }
    this.#stretch(count, 1, step, move)
  }

  #vector(at: number): void {
    const { f, copy } = this
    f.get(this.target)
    f.get(this.row)
    f.memory('v128.load', at * copy.bytes)
    f.memory('v128.store', at * copy.bytes)
  }

  /** Four elements, two apart. */
  #evenVector(at: number): void {
    const { f } = this
    f.get(this.target)
    f.get(this.row)
    f.memory('v128.load', at * 8)
    f.get(this.row)
    f.memory('v128.load', at * 8 + 16)
    f.shuffle(everySecond)
    f.memory('v128.store', at * 4)
  }
}

const everySecond = [0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27]
