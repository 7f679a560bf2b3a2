/**
 * PyTorch's CPU generator: the Mersenne Twister (Matsumoto & Nishimura 1998), seeded as `torch.manual_seed` does.
 */

const size = 624
const middle = 397
/** Words of 32 bits that its state has. */
export const generatorWords = size

/** All that decides what a generator draws next. */
export interface GeneratorState {
  readonly words: Uint32Array<ArrayBuffer>
  readonly at: number
  readonly nextNormal: number | undefined
}

export class Mt19937 {
  /** Made when the first number is drawn: many requests draw none. */
  #words: Uint32Array<ArrayBuffer> | undefined
  #seed = 0
  #at = size
  /** The second number of a pair of normal draws, kept for the next call. */
  nextNormal: number | undefined

  /** `seed`: a whole number below 2^53; its low 32 bits count, as in PyTorch. */
  constructor(seed: number) {
    this.#seed = seed % 2 ** 32
  }

  /** Starts anew, as `torch.manual_seed(seed)` does. A negative seed counts as two's complement. */
  seed(seed: number): void {
    this.#words = undefined
    this.#seed = seed % 2 ** 32
    this.#at = size
    this.nextNormal = undefined
  }

  get state(): GeneratorState {
    return { words: (this.#words ?? seeded(this.#seed)).slice(), at: this.#at, nextNormal: this.nextNormal }
  }

  set state({ words, at, nextNormal }: GeneratorState) {
    this.#words = words.slice()
    this.#at = at
    this.nextNormal = nextNormal
  }

  /** A generator that gives the same numbers from here on. */
  copy(): Mt19937 {
    const copy = new Mt19937(0)
    copy.restore(this)
    return copy
  }

  /** Goes on as `from` would. */
  restore(from: Mt19937): void {
    this.#words = from.#words?.slice()
    this.#seed = from.#seed
    this.#at = from.#at
    this.nextNormal = from.nextNormal
  }

  /** 32 random bits. */
  random(): number {
    // A generator without words stands at the end of them.
    if (this.#at === size) this.#refill()
    let y = this.#words![this.#at++]!
    y ^= y >>> 11
    y ^= (y << 7) & 0x9d2c5680
    y ^= (y << 15) & 0xefc60000
    return (y ^ (y >>> 18)) >>> 0
  }

  /** 64 random bits; the first draw is the high half. */
  random64(): bigint {
    const high = BigInt(this.random())
    return (high << 32n) | BigInt(this.random())
  }

  #refill(): void {
    const state = (this.#words ??= seeded(this.#seed))
    for (let i = 0; i < size - middle; i++) state[i] = state[i + middle]! ^ twisted(state[i]!, state[i + 1]!)
    for (let i = size - middle; i < size - 1; i++) state[i] = state[i + middle - size]! ^ twisted(state[i]!, state[i + 1]!)
    state[size - 1] = state[middle - 1]! ^ twisted(state[size - 1]!, state[0]!)
    this.#at = 0
  }
}

function twisted(first: number, second: number): number {
  return (((first & 0x80000000) | (second & 0x7fffffff)) >>> 1) ^ (second & 1 ? 0x9908b0df : 0)
}

function seeded(seed: number): Uint32Array<ArrayBuffer> {
  const words = new Uint32Array(size)
  words[0] = seed
  for (let i = 1; i < size; i++) {
    const previous = words[i - 1]!
    words[i] = Math.imul(1812433253, previous ^ (previous >>> 30)) + i
  }
  return words
}
