/** Memory accesses of vector code: contiguous, repeated, strided and indexed, whole vectors and partial ones. */
import type { DType } from '../ir/value.ts'
import { byteSize } from '../ir/value.ts'
import type { Access } from '../passes/lower.ts'
import type { KernelBody } from './body.ts'
import type { Block } from './context.ts'
import type { FunctionBody, Local } from './encode.ts'
import type { Pointers } from './pointers.ts'

interface Indexed {
  readonly target: Access
  readonly axisStride: number
  readonly index: Access
  readonly dtype: DType
}

/** Pushes an address and gives the constant offset that the instruction adds to it. */
type PushAddress = (bytes: number) => number

export class LaneMemory {
  readonly #f: FunctionBody
  readonly #body: KernelBody
  readonly #pointers: Pointers
  readonly #lanes: 2 | 4
  #address: Local | undefined

  constructor(f: FunctionBody, body: KernelBody, pointers: Pointers) {
    this.#f = f
    this.#body = body
    this.#pointers = pointers
    this.#lanes = body.kernel.lanes
  }

  // ---- loads

  /** Pushes vector `h` of the block. Lanes from `tail` on (0: none) may be anything. */
  load(access: Access, dtype: DType, uniform: boolean, h: number, tail: number): void {
    const at = this.#addressing(access, byteSize[dtype])
    const stride = this.#laneStride(access)
    if (uniform) this.#repeated(at, dtype)
    else this.#elements(at, dtype, stride, h, tail)
  }

  /** The running number that a counter access stands for, as 32 or 64 bit integers. */
  count(access: Access, h: number): void {
    const f = this.#f
    const pointer = this.#pointers.of(access)
    f.i32(access.offset)
    if (pointer !== undefined) {
      f.get(pointer)
      f.op('i32.add')
    }
    const stride = this.#laneStride(access)
    const steps = Array.from({ length: this.#lanes }, (_, lane) => (h * this.#lanes + lane) * stride)
    if (this.#lanes === 4) {
      f.simd('i32x4.splat')
      f.v128(new Uint8Array(Int32Array.from(steps).buffer))
      f.simd('i32x4.add')
    } else {
      f.op('i64.extend_i32_s')
      f.simd('i64x2.splat')
      f.v128(new Uint8Array(BigInt64Array.from(steps.map(BigInt)).buffer))
      f.simd('i64x2.add')
    }
  }

  gather(indexed: Indexed, h: number, tail: number): void {
    const f = this.#f
    const unit = byteSize[indexed.dtype]
    const stride = this.#laneStride(indexed.target)
    if (this.#laneStride(indexed.index) === 0) {
      this.#pushIndexed(indexed, 0, 0)
      const base = this.#addressLocal()
      f.set(base)
      const at: PushAddress = (bytes) => {
        f.get(base)
        if (bytes >= 0) return bytes
        // Backwards, where an offset that is written into the instruction cannot go.
        f.i32(bytes)
        f.op('i32.add')
        return 0
      }
      if (stride === 0) this.#repeated(at, indexed.dtype)
      else this.#elements(at, indexed.dtype, stride, h, tail)
      return
    }
    this.#assemble(indexed.dtype, tail, (lane) => {
      const element = h * this.#lanes + lane
      this.#pushIndexed(indexed, element * stride * unit, element)
      return 0
    })
  }

  #repeated(at: PushAddress, dtype: DType): void {
    const f = this.#f
    const offset = at(0)
    if (byteSize[dtype] === 8) f.memory('v128.load64_splat', offset)
    else f.memory('v128.load32_splat', offset)
    if (this.#widens(dtype)) f.simd('i64x2.extend_low_i32x4_s')
  }

  #elements(at: PushAddress, dtype: DType, stride: number, h: number, tail: number): void {
    const unit = byteSize[dtype]
    const first = h * this.#lanes
    if (stride === 1) this.#contiguous(at(first * unit), dtype, tail === 0 ? this.#lanes : tail)
    else this.#assemble(dtype, tail, (lane) => at((first + lane) * stride * unit))
  }

  #contiguous(offset: number, dtype: DType, count: number): void {
    const f = this.#f
    const bytes = count * byteSize[dtype]
    if (this.#widens(dtype) && count === 2) f.memory('v128.load32x2_s', offset)
    else if (bytes === 4) f.memory('v128.load32_zero', offset)
    else if (bytes === 8) f.memory('v128.load64_zero', offset)
    else f.memory('v128.load', offset)
    if (this.#widens(dtype) && count === 1) f.simd('i64x2.extend_low_i32x4_s')
  }

  /** One lane after the other; all addresses are pushed before, that of the first lane last. */
  #assemble(dtype: DType, tail: number, pushLane: (lane: number) => number): void {
    const f = this.#f
    const wide = byteSize[dtype] === 8
    const offsets: number[] = []
    for (let lane = (tail === 0 ? this.#lanes : tail) - 1; lane >= 0; lane--) offsets.push(pushLane(lane))
    f.memory(wide ? 'v128.load64_zero' : 'v128.load32_zero', offsets.pop()!)
    for (let lane = 1; offsets.length > 0; lane++) f.laneMemory(wide ? 'v128.load64_lane' : 'v128.load32_lane', offsets.pop()!, lane)
    if (this.#widens(dtype)) f.simd('i64x2.extend_low_i32x4_s')
  }

  // ---- stores

  store(access: Access, dtype: DType, block: Block, get: (h: number) => void): void {
    const f = this.#f
    const unit = byteSize[dtype]
    const at = this.#addressing(access, unit)
    const stride = this.#laneStride(access)
    if (stride === 0) {
      const offset = at(0)
      get(0)
      f.laneMemory(unit === 8 ? 'v128.store64_lane' : 'v128.store32_lane', offset, 0)
      return
    }
    for (const h of highFirst(block.vectors)) {
      const count = h === block.vectors - 1 && block.tail > 0 ? block.tail : this.#lanes
      const value = (): void => {
        get(h)
        if (!this.#widens(dtype)) return
        get(h)
        f.shuffle(evenWords)
      }
      if (stride === 1) this.#storeContiguous(at, h * this.#lanes * unit, dtype, count, value)
      else {
        for (let lane = 0; lane < count; lane++) {
          const offset = at((h * this.#lanes + lane) * stride * unit)
          value()
          f.laneMemory(unit === 8 ? 'v128.store64_lane' : 'v128.store32_lane', offset, lane)
        }
      }
    }
  }

  #storeContiguous(at: PushAddress, from: number, dtype: DType, count: number, value: () => void): void {
    const f = this.#f
    const end = count * byteSize[dtype]
    if (end === 16) {
      const offset = at(from)
      value()
      f.memory('v128.store', offset)
      return
    }
    for (let byte = 0; byte < end; ) {
      const size = end - byte >= 8 ? 8 : 4
      const offset = at(from + byte)
      value()
      f.laneMemory(size === 8 ? 'v128.store64_lane' : 'v128.store32_lane', offset, byte / size)
      byte += size
    }
  }

  /** Adds each element at its indexed place, in order. */
  scatter(indexed: Indexed, block: Block, get: (h: number) => void): void {
    const unit = byteSize[indexed.dtype]
    const stride = this.#laneStride(indexed.target)
    const whole = this.#laneStride(indexed.index) === 0 && stride === 1
    for (let h = 0; h < block.vectors; h++) {
      const count = h === block.vectors - 1 && block.tail > 0 ? block.tail : this.#lanes
      if (whole && count === this.#lanes) {
        this.#addVector(indexed, h, get)
        continue
      }
      for (let lane = 0; lane < count; lane++) {
        const element = h * this.#lanes + lane
        this.#addLane(indexed, lane, () => this.#pushIndexed(indexed, element * stride * unit, element), () => get(h))
      }
    }
  }

  #addVector(indexed: Indexed, h: number, get: (h: number) => void): void {
    const f = this.#f
    this.#pushIndexed(indexed, h * 16, 0)
    const address = this.#addressLocal()
    f.tee(address)
    f.get(address)
    f.memory('v128.load', 0)
    get(h)
    f.simd(vectorAdds[indexed.dtype as keyof typeof vectorAdds])
    f.memory('v128.store', 0)
  }

  #addLane(indexed: Indexed, lane: number, pushAddress: () => void, get: () => void): void {
    const f = this.#f
    const [extract, load, add, store] = scalarAdds[indexed.dtype as keyof typeof scalarAdds]
    pushAddress()
    const address = this.#addressLocal()
    f.tee(address)
    f.get(address)
    f.scalarMemory(load, 0)
    get()
    f.simdLane(extract, lane)
    f.op(add)
    f.scalarMemory(store, 0)
  }

  // ---- addresses

  #laneStride(access: Access): number {
    const { sections } = this.#body
    if ('scratch' in access.base && !sections.inner) return 1
    return sections.vector === undefined ? 0 : access.strides[sections.vector]!
  }

  /** Whether the dtype is held in 64-bit lanes but stored in 32 bits. */
  #widens(dtype: DType): boolean {
    return this.#lanes === 2 && (dtype === 'int32' || dtype === 'bool')
  }

  #addressing(access: Access, unit: number): PushAddress {
    const f = this.#f
    const base = this.#pointers.constant(access, unit)
    const laneStride = this.#laneStride(access)
    if (this.#pointers.runsBackwards(access) || laneStride < 0) {
      return (bytes) => {
        this.#pointers.push(access)
        f.i32(base + bytes)
        f.op('i32.add')
        return 0
      }
    }
    return (bytes) => {
      this.#pointers.push(access)
      return base + bytes
    }
  }

  /** Pushes the address of the place that index element `element` of the block points at, plus `bytes`. */
  #pushIndexed(indexed: Indexed, bytes: number, element: number): void {
    const f = this.#f
    const unit = byteSize[indexed.dtype]
    const at = this.#addressing(indexed.index, 4)
    const offset = at(element * this.#laneStride(indexed.index) * 4)
    f.scalarMemory('i32.load', offset)
    f.i32(indexed.axisStride * unit)
    f.op('i32.mul')
    const pointer = this.#pointers.of(indexed.target)
    if (pointer !== undefined) {
      f.get(pointer)
      f.op('i32.add')
    }
    f.i32(this.#pointers.constant(indexed.target, unit) + bytes)
    f.op('i32.add')
  }

  #addressLocal(): Local {
    this.#address ??= this.#f.local('i32')
    return this.#address
  }
}

/** 1, 0, 3, 2, …: of two neighbouring stores the higher address comes first. */
function highFirst(count: number): number[] {
  const order: number[] = []
  for (let h = 0; h < count; h += 2) order.push(...(h + 1 < count ? [h + 1, h] : [h]))
  return order
}

const evenWords = [0, 1, 2, 3, 8, 9, 10, 11, 0, 1, 2, 3, 8, 9, 10, 11]

const vectorAdds = { float32: 'f32x4.add', float64: 'f64x2.add', int64: 'i64x2.add' } as const

const scalarAdds = {
  float32: ['f32x4.extract_lane', 'f32.load', 'f32.add', 'f32.store'],
  float64: ['f64x2.extract_lane', 'f64.load', 'f64.add', 'f64.store'],
  int64: ['i64x2.extract_lane', 'i64.load', 'i64.add', 'i64.store'],
} as const
