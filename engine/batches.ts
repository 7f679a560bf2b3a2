/** Which rows each step sees: torch's DataLoader with a batch size, shuffling and drop_last. */
import { SpecError, escape, showShape } from './errors.ts'
import type { DataTensor } from './network.ts'
import { shuffledEpoch } from './random/draw.ts'
import type { Mt19937 } from './random/mt19937.ts'
import type { TrainSpec } from './spec.ts'

/** Steps that one program can do in a row: minibatches of one size. */
export interface BatchPlan {
  readonly size: number
  readonly count: number
  /** Row numbers of the minibatch of the i-th of these steps: the first alone where they follow one another. */
  readonly rows: (i: number) => Int32Array
}

export class Batches {
  readonly #generator: Mt19937
  readonly #shuffle: boolean
  readonly #rows: number
  readonly #size: number
  readonly #whole: number
  readonly #rest: number
  #order: Int32Array | undefined
  #epoch = -1
  /** The generator when the epoch began. */
  #begun: Mt19937 | undefined
  readonly perEpoch: number
  /** Sizes of the minibatches, the usual one first. Without a batch size: one program that sees all the data. */
  readonly sizes: readonly number[]

  constructor(spec: TrainSpec, data: readonly DataTensor[], generator: Mt19937) {
    this.#generator = generator
    this.#shuffle = spec.shuffle
    const batched = data.filter((tensor) => tensor.shape.length > 0)
    const empty = batched.find((tensor) => tensor.shape[0] === 0)
    if (empty) throw new SpecError('empty_data', `the tensor "${empty.name}" has no rows (shape ${showShape(empty.shape)})`, { pointer: `/data/${escape(empty.name)}` })
    if (spec.batch_size === undefined) {
      this.#rows = 0
      this.#size = 0
      this.#whole = 1
      this.#rest = 0
      this.perEpoch = 1
      this.sizes = [0]
      return
    }
    const [first, ...others] = batched
    if (!first) throw new SpecError('batch_mismatch', 'batch_size needs a data tensor with a dimension of samples', { pointer: '/batch_size' })
    for (const other of others) {
      if (other.shape[0] !== first.shape[0]) {
        throw new SpecError(
          'batch_mismatch',
          `with batch_size the tensors must agree in their first dimension: "${first.name}" has ${first.shape[0]} rows, "${other.name}" has ${other.shape[0]}`,
          { pointer: `/data/${escape(other.name)}` },
        )
      }
    }
    this.#rows = first.shape[0]!
    this.#size = Math.min(spec.batch_size, this.#rows)
    this.#whole = Math.floor(this.#rows / spec.batch_size)
    this.#rest = this.#whole === 0 ? this.#rows : this.#rows - this.#whole * this.#size
    const usesRest = this.#rest > 0 && !spec.drop_last
    if (!usesRest) this.#rest = 0
    this.perEpoch = this.#whole + (usesRest ? 1 : 0)
    if (this.perEpoch === 0) {
      throw new SpecError('empty_data', `with drop_last and batch_size ${spec.batch_size}, ${this.#rows} rows make no minibatch`, { pointer: '/batch_size' })
    }
    this.sizes = [...(this.#whole > 0 ? [this.#size] : []), ...(usesRest ? [this.#rest] : [])]
  }

  /** The next steps, at most `most`, that one program can do. */
  plan(step: number, most: number): BatchPlan {
    if (this.#rows === 0) return { size: 0, count: most, rows: () => new Int32Array(0) }
    this.#startEpoch(Math.floor(step / this.perEpoch))
    const batch = step % this.perEpoch
    const isRest = batch >= this.#whole
    const size = isRest ? this.#rest : this.#size
    const told = this.#shuffle ? size : 1
    return {
      size,
      count: Math.min(most, isRest ? 1 : this.#whole - batch),
      rows: (i) => this.#order!.subarray((batch + i) * this.#size, (batch + i) * this.#size + told),
    }
  }

  /** The order of an epoch is drawn when the epoch begins. A DataLoader that does not shuffle draws its base seed all the same. */
  #startEpoch(epoch: number): void {
    if (epoch === this.#epoch) return
    this.#epoch = epoch
    this.#begun = this.#generator.copy()
    this.#drawOrder(this.#generator)
  }

  #drawOrder(generator: Mt19937): void {
    if (!this.#shuffle) generator.random64()
    this.#order = this.#shuffle ? shuffledEpoch(generator, this.#rows) : (this.#order ?? Int32Array.from({ length: this.#rows }, (_, i) => i))
  }

  /** The generator as it was when the epoch of minibatch `at` began; undefined where none is under way. */
  epochGenerator(at: number): Mt19937 | undefined {
    return at % this.perEpoch === 0 ? undefined : this.#begun
  }

  /** Goes on before minibatch `at` of a run, in the epoch that began with `generator`. */
  resume(at: number, generator: Mt19937 | undefined): void {
    if (!generator) return
    this.#epoch = Math.floor(at / this.perEpoch)
    this.#begun = generator
    this.#drawOrder(generator.copy())
  }
}
