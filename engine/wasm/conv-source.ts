/** Copies the channels of a convolution's source to where its kernels read them: padded, and sorted by phases. */
import type { Side, SourcePlan } from '../ir/correlation.ts'
import { increment, repeat } from './control.ts'
import type { FunctionBody, Local } from './encode.ts'

export interface ChannelCopy {
  readonly plan: SourcePlan
  readonly bytes: 4 | 8
  readonly channels: number
  /** Elements from channel to channel of the copy. */
  readonly pitch: number
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
  readonly zero: Local
  readonly lanes: number

  constructor(f: FunctionBody, copy: ChannelCopy, source: Local, target: Local) {
    this.f = f
    this.copy = copy
    this.source = source
    this.target = target
    this.row = f.local('i32')
    this.zero = f.local('v128')
    this.lanes = 16 / copy.bytes
  }

  run(): void {
    const { f, copy } = this
    const { plan, bytes, channels, pitch } = copy
    const [depth, height, width] = plan.sides
    f.v128(new Uint8Array(16))
    f.set(this.zero)
    repeat(f, channels, () => {
      for (const d of depth.phases) for (const h of height.phases) for (const w of width.phases) this.#phase(held(depth, d), held(height, h), held(width, w))
      this.#zeros(pitch - plan.channel)
      increment(f, this.source, depth.length * height.length * width.length * bytes)
    })
  }

  #phase(d: Held, h: Held, w: Held): void {
    const { f, copy } = this
    const { plan, bytes } = copy
    const [depth, height, width] = plan.sides
    const planeSize = height.size * width.size
    if (d.count * h.count * w.count === 0) {
      this.#zeros(plan.phase)
      return
    }
    const head = (d.first * height.size + h.first) * width.size + w.first
    this.#zeros(head)
    f.get(this.source)
    f.i32(((d.from * height.length + h.from) * width.length + w.from) * bytes)
    f.op('i32.add')
    f.set(this.row)
    const nextRow = height.stride * width.length
    const rows = (count: number): void => {
      if (count > 0) repeat(f, count, () => {
        this.#run(w.count, width.stride)
        increment(f, this.target, w.count * bytes)
        this.#zeros(width.size - w.count)
        increment(f, this.row, nextRow * bytes)
      })
    }
    const last = (): void => {
      this.#run(w.count, width.stride)
      increment(f, this.target, w.count * bytes)
    }
    if (d.count > 1) repeat(f, d.count - 1, () => {
      rows(h.count)
      this.#zeros(planeSize - h.count * width.size)
      increment(f, this.row, (depth.stride * height.length * width.length - h.count * nextRow) * bytes)
    })
    rows(h.count - 1)
    last()
    this.#zeros(plan.phase - head - (d.count - 1) * planeSize - (h.count - 1) * width.size - w.count)
  }

  /** Zeros for `count` elements from the target on, and for less than a vector behind them, which is written afterwards. */
  #zeros(count: number): void {
    const { f, target, copy } = this
    if (count <= 0) return
    if (count > 16 * this.lanes) {
      f.get(target)
      f.i32(0)
      f.i32(count * copy.bytes)
      f.memoryFill()
    } else {
      for (let i = 0; i < count; i += this.lanes) {
        f.get(target)
        f.get(this.zero)
        f.memory('v128.store', i * copy.bytes)
      }
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
    const whole = Math.floor(count / lanes)
    if (whole <= 16) for (let i = 0; i < whole; i++) move(i * lanes)
    else this.#long(whole, lanes, step, move)
    // What is left of the row, together with the end of the last vector.
    if (count % lanes > 0) move(count - lanes)
  }

  /** Many moves in a loop, eight at a time. */
  #long(moves: number, elements: number, step: number, move: (at: number) => void): void {
    const { f, copy } = this
    const chunk = 8
    const loops = Math.floor(moves / chunk)
    repeat(f, loops, () => {
      for (let i = 0; i < chunk; i++) move(i * elements)
      increment(f, this.row, chunk * elements * step * copy.bytes)
      increment(f, this.target, chunk * elements * copy.bytes)
    })
    increment(f, this.row, -loops * chunk * elements * step * copy.bytes)
    increment(f, this.target, -loops * chunk * elements * copy.bytes)
    for (let i = loops * chunk; i < moves; i++) move(i * elements)
  }

  #elements(count: number, step: number): void {
    const { f, copy } = this
    const move = (i: number): void => {
      f.get(this.target)
      f.get(this.row)
      f.scalarMemory(copy.bytes === 4 ? 'f32.load' : 'f64.load', i * step * copy.bytes)
      f.scalarMemory(copy.bytes === 4 ? 'f32.store' : 'f64.store', i * copy.bytes)
    }
    if (count <= 32) for (let i = 0; i < count; i++) move(i)
    else this.#long(count, 1, step, move)
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
