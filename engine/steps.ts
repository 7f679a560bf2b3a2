/** The steps of a training run that were done in one call: numbers in columns, all else made when it is asked for. */
import { invariant } from './errors.ts'
import type { TensorResult } from './tensor.ts'
import type { ValidationResult } from './validation.ts'

export interface TrainStep {
  /** From 1. */
  readonly step: number
  readonly loss: number
  /** Of each parameter group. */
  readonly rates: readonly number[]
  /** Total 2-norm of the gradients, before clipping. */
  readonly gradNorm: number
  readonly gradients: ReadonlyMap<string, TensorResult>
  /** After this step, where its turn has come. */
  readonly validation?: ValidationResult
}

type Gradients = ReadonlyMap<string, TensorResult>

interface Parts {
  /** Number of the first step, from 1. */
  readonly first: number
  readonly losses: Float64Array
  readonly gradNorms: Float64Array
  readonly rates: (i: number) => readonly number[]
  readonly gradients: (i: number) => Gradients
}

export class TrainSteps implements Iterable<TrainStep> {
  readonly first: number
  readonly losses: Float64Array
  readonly gradNorms: Float64Array
  /** After the last of the steps, where its turn has come. */
  validation: ValidationResult | undefined
  /** Rates of each parameter group in step `i` of these. */
  readonly rates: (i: number) => readonly number[]
  readonly #gradients: (i: number) => Gradients
  #over = false

  constructor({ first, losses, gradNorms, rates, gradients }: Parts) {
    this.first = first
    this.losses = losses
    this.gradNorms = gradNorms
    this.rates = rates
    this.#gradients = gradients
  }

  get length(): number {
    return this.losses.length
  }

  /** Recorded gradients of step `i` of these: they lie in the run's memory, until its next steps. */
  gradients(i: number): Gradients {
    invariant(!this.#over, 'gradients are read before the next steps are done')
    return this.#gradients(i)
  }

  /** The run goes on. */
  end(): void {
    this.#over = true
  }

  at(i: number): TrainStep {
    const step = { step: this.first + i, loss: this.losses[i]!, rates: this.rates(i), gradNorm: this.gradNorms[i]!, gradients: this.gradients(i) }
    return this.validation && i === this.length - 1 ? { ...step, validation: this.validation } : step
  }

  *[Symbol.iterator](): Iterator<TrainStep> {
    for (let i = 0; i < this.length; i++) yield this.at(i)
  }
}
