/**
 * Sums of concatenations along one axis, piece by piece: how the gradients of the slices of one tensor come together.
 * Padding with zeros vanishes, so slices that do not overlap cost no addition, and any number of them is one concatenation.
 */
import type { Value } from '../ir/value.ts'
import { numberAttr } from '../ops/define.ts'
import { add } from '../ops/elementwise.ts'
import { constant } from '../ops/source.ts'
import { concat, concatOp, expand } from '../ops/view.ts'
import { uniform } from './uniform.ts'

export class Pieces {
  readonly #axis: number
  readonly #parts: Value[]
  /** Where each part begins. */
  readonly #starts: number[] = []
  readonly #end: number

  private constructor(whole: Value) {
    this.#axis = numberAttr(whole.attrs, 'axis')
    this.#parts = [...whole.inputs]
    let start = 0
    for (const part of this.#parts) {
      this.#starts.push(start)
      start += this.#width(part)
    }
    this.#end = start
  }

  /** Those of a concatenation; undefined of any other value. */
  static of(whole: Value): Pieces | undefined {
    return whole.op === concatOp ? new Pieces(whole) : undefined
  }

  /** Adds a value of the same shape; says no, and adds nothing, where that would cut a piece that is not padding. */
  add(other: Value): boolean {
    if (other.op !== concatOp || numberAttr(other.attrs, 'axis') !== this.#axis) return false
    const places: { readonly part: Value; readonly start: number }[] = []
    let start = 0
    for (const part of other.inputs) {
      if (uniform(part) !== 0) {
        if (!this.#fits(part, start)) return false
        places.push({ part, start })
      }
      start += this.#width(part)
    }
    for (const { part, start: at } of places) this.#addPart(part, at)
    return true
  }

  /** The sum as one value. */
  value(): Value {
    const joined: Value[] = []
    for (const part of this.#parts) {
      const last = joined.at(-1)
      if (last && uniform(last) === 0 && uniform(part) === 0) joined[joined.length - 1] = this.#sized(part, this.#width(last) + this.#width(part))
      else joined.push(part)
    }
    return concat(joined, this.#axis)
  }

  #width(part: Value): number {
    return part.shape[this.#axis]!
  }

  /** The part in which place `at` lies. */
  #find(at: number): number {
    let low = 0
    let high = this.#starts.length
    while (high - low > 1) {
      const middle = (low + high) >> 1
      if (this.#starts[middle]! <= at) low = middle
      else high = middle
    }
    return low
  }

  #fits(part: Value, start: number): boolean {
    const end = start + this.#width(part)
    if (!this.#divides(start) || !this.#divides(end)) return false
    // A part that is cut must be the same number everywhere.
    return uniform(part) !== undefined || this.#find(end - 1) === this.#find(start)
  }

  /** Whether parts end at a place, or can be cut there. */
  #divides(at: number): boolean {
    if (at === this.#end) return true
    const i = this.#find(at)
    return this.#starts[i] === at || uniform(this.#parts[i]!) !== undefined
  }

  #addPart(part: Value, start: number): void {
    const end = start + this.#width(part)
    this.#cut(start)
    this.#cut(end)
    for (let i = this.#find(start); i < this.#parts.length && this.#starts[i]! < end; i++) {
      const before = this.#parts[i]!
      const piece = this.#width(before) === end - start ? part : this.#sized(part, this.#width(before))
      this.#parts[i] = uniform(before) === 0 ? piece : add(before, piece)
    }
  }

  #cut(at: number): void {
    if (at === this.#end) return
    const i = this.#find(at)
    const start = this.#starts[i]!
    if (start === at) return
    const part = this.#parts[i]!
    this.#parts.splice(i, 1, this.#sized(part, at - start), this.#sized(part, start + this.#width(part) - at))
    this.#starts.splice(i + 1, 0, at)
  }

  /** The same number everywhere, for another width. */
  #sized(part: Value, width: number): Value {
    return expand(constant(part.graph, uniform(part)!, part.dtype), part.shape.with(this.#axis, width))
  }
}
