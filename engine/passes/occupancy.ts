/** Ranges of addresses that do not touch, in order: where each begins and ends, one after the other. */
class Ranges {
  readonly #bounds: number[] = []

  /** How many bounds lie before an address, or at it. */
  #before(address: number): number {
    let low = 0
    let high = this.#bounds.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.#bounds[middle]! <= address) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Adds a range, joined with those that it overlaps or touches. */
  add(from: number, to: number): void {
    // Where an odd number of bounds lies before, it is in a range or at the end of one.
    const first = this.#before(from - 1)
    const end = this.#before(to)
    const joinsBefore = first % 2 === 1
    const joinsBehind = end % 2 === 1
    if (joinsBefore && joinsBehind) {
      if (end > first) this.#bounds.splice(first, end - first)
    } else if (joinsBefore) this.#replace(first, end, to)
    else if (joinsBehind) this.#replace(first, end, from)
    else if (first === this.#bounds.length) this.#bounds.push(from, to)
    else this.#bounds.splice(first, end - first, from, to)
  }

  #replace(first: number, end: number, bound: number): void {
    if (end === first + 1) this.#bounds[first] = bound
    else this.#bounds.splice(first, end - first, bound)
  }

  /** The end of the last range that begins before `to`, where it lies behind `from`; else `from`. */
  past(from: number, to: number): number {
    const begun = this.#before(to - 1)
    return begun === 0 ? from : Math.max(from, this.#bounds[begun % 2 === 0 ? begun - 1 : begun]!)
  }
}

/**
 * Which addresses are taken at which times. A binary tree over the times, in which neighbouring buffers become one range:
 * both questions take time that grows with the logarithm of the number of times, unless there are many gaps.
 */
export class Occupancy {
  /** Times that the tree has room for: a power of two. Node 1 is all of them, 2n and 2n + 1 are the halves of node n. */
  readonly #times: number
  /** By node, what is taken during all of its times. */
  readonly #always: (Ranges | undefined)[] = []
  /** By node, what is taken at some of its times, for those that are not longer than the node. */
  readonly #ever: (Ranges | undefined)[] = []

  constructor(times: number) {
    this.#times = 2 ** Math.ceil(Math.log2(Math.max(1, times)))
  }

  /** The lowest address from `start` on from which on so many bytes are free from time `first` to `last`. */
  lowest(start: number, bytes: number, first: number, last: number): number {
    const taken: Ranges[] = []
    this.#collect(1, 0, this.#times, first, last, taken)
    let from = start
    for (let moved = true; moved; ) {
      const before = from
      for (const ranges of taken) from = ranges.past(from, from + bytes)
      moved = from > before
    }
    return from
  }

  /** Takes addresses from time `first` to `last`. */
  take(from: number, to: number, first: number, last: number): void {
    this.#enter(1, 0, this.#times, first, last, from, to)
  }

  /** What is taken at times from `first` to `last` that belong to a node. */
  #collect(node: number, begin: number, length: number, first: number, last: number, taken: Ranges[]): void {
    const whole = first <= begin && begin + length - 1 <= last
    const ranges = whole ? this.#ever[node] : this.#always[node]
    if (ranges) taken.push(ranges)
    if (whole) return
    const half = length / 2
    if (first < begin + half) this.#collect(2 * node, begin, half, first, last, taken)
    if (last >= begin + half) this.#collect(2 * node + 1, begin + half, half, first, last, taken)
  }

  #enter(node: number, begin: number, length: number, first: number, last: number, from: number, to: number): void {
    ;(this.#ever[node] ??= new Ranges()).add(from, to)
    if (first <= begin && begin + length - 1 <= last) {
      ;(this.#always[node] ??= new Ranges()).add(from, to)
      return
    }
    const half = length / 2
    if (first < begin + half) this.#enter(2 * node, begin, half, first, last, from, to)
    if (last >= begin + half) this.#enter(2 * node + 1, begin + half, half, first, last, from, to)
  }
}
