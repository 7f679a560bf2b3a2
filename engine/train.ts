/** Gradient descent: the steps of `POST /v1/train`. */
import { Batches } from './batches.ts'
import type { BatchPlan } from './batches.ts'
import type { Checkpoint } from './checkpoint.ts'
import { generatorOf, readCheckpoint } from './checkpoint.ts'
import { SpecError, invariant } from './errors.ts'
import type { Engine, Stats } from './evaluate.ts'
import type { Shape } from './ir/value.ts'
import type { NonFinite } from './locate.ts'
import { Model } from './model.ts'
import type { DataTensor } from './network.ts'
import { batchRows, readData } from './network.ts'
import type { Progress } from './progress.ts'
import { Course } from './progress.ts'
import { Mt19937 } from './random/mt19937.ts'
import type { Runtime } from './runtime.ts'
import type { CheckpointJson, TrainSpec } from './spec.ts'
import { Searcher } from './search.ts'
import type { Ran } from './stepper.ts'
import { Stepper } from './stepper.ts'
import type { StoppingState, ValidationResult } from './validation.ts'
import { EarlyStopping, Validation } from './validation.ts'
import { readStep } from './variants.ts'
import type { TensorResult } from './tensor.ts'

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

/** A run as it was after a step. */
interface Moment {
  readonly state: Uint8Array
  readonly done: number
  readonly progress: Progress
  readonly losses: readonly number[]
  readonly generator: Mt19937
  readonly epochGenerator: Mt19937 | undefined
}

/** Where a number first stopped being finite, and in which step. */
export interface StepNonFinite extends NonFinite {
  readonly step: number
}

export interface TrainOptions {
  /** Whether the steps' gradients are recorded. */
  readonly gradients: boolean
}

export class Training {
  readonly spec: TrainSpec
  readonly engine: Engine
  readonly options: TrainOptions
  readonly model: Model
  readonly data: readonly DataTensor[]
  readonly batches: Batches
  /** Steps that the run will have when nothing stops it. */
  readonly totalSteps: number
  /** The gradients of a step: parameters, then what retain_grad names. */
  readonly gradientNames: readonly string[]
  readonly gradientShapes: readonly Shape[]
  status: 'running' | 'succeeded' | 'diverged' = 'running'
  nonFinite: StepNonFinite | undefined
  /** Minibatches that are done. A step takes as many of them as are accumulated. */
  #done = 0
  readonly #accumulate: number
  readonly #course: Course
  #progress: Progress
  /** The progress after each minibatch of the last call. */
  #ahead: Progress[] = []
  /** Losses of the minibatches of a step that is not done, and of the steps of an epoch that a scheduler watches. */
  #losses: number[] = []
  #epochLosses: number[] = []
  readonly #generator: Mt19937
  readonly #stepper: Stepper
  readonly #searcher: Searcher
  readonly #validation: Validation | undefined
  readonly #stopping: EarlyStopping | undefined
  /** The run after its best validation, where the state is to be that one's. */
  #best: Moment | undefined
  /** Where a number first stopped being finite, while the losses still are. */
  #suspect: StepNonFinite | undefined
  constructor(spec: TrainSpec, engine: Engine, options: TrainOptions) {
    this.spec = spec
    this.engine = engine
    this.options = options
    this.data = readData(spec, engine.limits.maxElements)
    this.#generator = new Mt19937(spec.seed)
    this.model = new Model(spec, this.#generator, engine.limits.maxElements)
    this.batches = new Batches(spec, this.data, this.#generator)
    this.#accumulate = spec.accumulate ?? 1
    this.totalSteps = (spec.checkpoint?.step ?? 0) + this.#countSteps()
    const trained = this.model.parameters.filter((parameter) => parameter.requiresGrad)
    const epochSteps = Math.floor((this.totalSteps * this.#accumulate) / this.batches.perEpoch)
    this.#course = new Course(spec, trained, spec.scheduler?.every === 'epoch' ? epochSteps : this.totalSteps)
    this.#progress = this.#course.start
    this.#validation = spec.validation && new Validation(spec, spec.validation, engine, this.model, Math.floor(this.batches.perEpoch / this.#accumulate))
    if (spec.early_stopping && !spec.validation) throw new SpecError('bad_option', 'early stopping needs a validation, whose loss it watches', { pointer: '/early_stopping' })
    this.#stopping = spec.early_stopping && new EarlyStopping(spec.early_stopping)
    if (spec.checkpoint) this.#goOn(spec.checkpoint)
    const choices = {
      optimizer: this.#course.optimizer,
      groups: this.#course.groups.map(({ parameters }, i) => {
        const { lr: _rate, initial_lr: _initial, ...baked } = this.#progress.groups[i]!
        return { parameters, options: baked }
      }),
      numbers: this.#course.numbers(this.#progress).numbers.map((numbers) => Object.keys(numbers)),
      gradients: options.gradients,
    }
    this.#stepper = new Stepper(spec, engine, this.model, this.data, this.#generator, choices, (slot) => this.#course.initial(slot))
    this.#searcher = new Searcher(this.#stepper, trained)
    const first = this.#stepper.prepare(this.batches.sizes, () => this.batches.plan(this.#done, 1))
    const recorded = first.prepared.compiled.records.columns.filter(({ name }) => name.startsWith('gradient '))
    // A search needs the gradients whether or not they are reported.
    const reported = options.gradients ? recorded : []
    this.gradientNames = reported.map(({ name }) => name.slice('gradient '.length))
    this.gradientShapes = reported.map(({ shape }) => shape)
    if (this.doneSteps === this.totalSteps) this.status = 'succeeded'
  }

  get doneSteps(): number {
    return Math.floor(this.#done / this.#accumulate)
  }

  get stats(): Stats {
    return this.#stepper.stats
  }

  #countSteps(): number {
    const { steps, epochs, checkpoint } = this.spec
    const total = epochs === undefined ? (steps ?? 1) : Math.floor(((checkpoint?.minibatches ?? 0) + epochs * this.batches.perEpoch) / this.#accumulate) - (checkpoint?.step ?? 0)
    const { maxSteps } = this.engine.limits
    if (total > maxSteps) {
      const shown = epochs === undefined ? `${total} steps` : `${epochs} epochs of ${this.batches.perEpoch} minibatches`
      throw new SpecError('too_many_steps', `${shown} are more than the limit of ${maxSteps}`, { pointer: epochs === undefined ? '/steps' : '/epochs' })
    }
    return total
  }

  // ---- going on

  #goOn(json: CheckpointJson): void {
    const { start, optimizer } = this.#course
    const names = this.model.parameters.map(({ name }) => name)
    const expected = { ...start, type: optimizer.type, slots: this.#course.slots.bind(this.#course), minibatchesPerEpoch: this.batches.perEpoch, accumulate: this.#accumulate, names, stopping: this.#stopping?.state }
    const checkpoint = readCheckpoint(json, this.model.restored, expected, this.engine.limits.maxElements)
    const { epochGenerator } = checkpoint
    this.#progress = this.#course.restore(checkpoint)
    this.#done = checkpoint.minibatches
    this.#epochLosses = [...checkpoint.losses]
    if (this.#stopping && checkpoint.stopping) this.#stopping.state = checkpoint.stopping
    this.#generator.state = checkpoint.generator
    this.batches.resume(this.#done, epochGenerator && generatorOf(epochGenerator))
  }

  /** What another run needs to go on from here, beside the state. Only between steps, and not of a run that has diverged. */
  checkpoint(): Checkpoint {
    invariant(this.status !== 'diverged', 'a run that can go on')
    return {
      step: this.doneSteps, minibatches: this.#done, minibatchesPerEpoch: this.batches.perEpoch, type: this.#course.optimizer.type, progress: this.#progress, tensors: this.#course.tensors(this.#progress, (name) => this.#stepper.read(name)),
      losses: this.#epochLosses, stopping: this.#stopping && { ...this.#stopping.state, bad: this.#best ? 0 : this.#stopping.state.bad }, generator: this.#generator.state, epochGenerator: this.batches.epochGenerator(this.#done)?.state,
    }
  }

  // ---- running

  /** Does up to `steps` steps, at least one, and gives those that were done. Fewer than asked: the run has ended, or a program's chunk has. */
  advance(steps: number): TrainStep[] {
    invariant(this.status === 'running', 'the run goes on')
    const most = Math.min(steps, this.totalSteps - this.doneSteps, this.#untilValidation())
    const plan = this.batches.plan(this.#done, most * this.#accumulate - (this.#done % this.#accumulate))
    if (this.#course.optimizer.search) return this.#search(plan)
    return this.#finish(this.#stepper.run(plan, (runtime, count) => this.#writeNumbers(runtime, count, plan.rows)))
  }

  /** One step of an optimizer that evaluates the loss at several points of the minibatch that is next. */
  #search(plan: BatchPlan): TrainStep[] {
    const { memory: before, step } = this.#course.search(this.#progress)
    const { ran, reading, memory } = this.#searcher.step(plan, step, before, (runtime) => this.#writeNumbers(runtime, 1, plan.rows))
    const [after] = this.#ahead
    this.#ahead = [{ ...after!, kept: [{ ...memory.kept, step: after!.kept[0]!['step']! }], vectors: memory.vectors }]
    return this.#finish(ran, () => (this.options.gradients ? reading : { ...reading, gradients: new Map() }))
  }

  /** What the last call gave, of its first `done` minibatches. */
  #finish(ran: Ran, readRow = (row: number) => readStep(ran.variant, ran.runtime, row)): TrainStep[] {
    const { runtime, done } = ran
    const steps: TrainStep[] = []
    for (let row = 0; row < done; row++) {
      const read = readRow(row)
      const finite = Number.isFinite(read.loss)
      if (!finite || !Number.isFinite(read.gradNorm)) this.#suspect ??= this.#locate(ran, row)
      this.#losses.push(read.loss)
      if (finite && !this.#isLast(this.#done + row)) continue
      const loss = this.#losses.reduce((a, b) => a + b) / this.#losses.length
      this.#losses = []
      if (this.#course.watches) this.#epochLosses.push(loss)
      steps.push({ ...read, loss, step: Math.floor((this.#done + row) / this.#accumulate) + 1, rates: this.#rates(row) })
    }
    if (!Number.isFinite(steps.at(-1)?.loss ?? 0)) {
      this.status = 'diverged'
      this.nonFinite = this.#suspect
      // The state of the answer is the one that the last loss was computed from.
      this.#stepper.rewind(runtime, done - 1)
    }
    if (done > 0) this.#progress = this.#ahead[done - 1]!
    this.#done += done
    const validation = steps.length > 0 ? this.#validate() : undefined
    this.#schedule(validation)
    if (validation) this.#see(validation)
    if (this.status === 'running' && this.doneSteps === this.totalSteps) this.status = 'succeeded'
    if (this.status === 'succeeded' && this.#best && this.#best.done !== this.#done) this.#goBack(this.#best)
    return validation ? [...steps.slice(0, -1), { ...steps.at(-1)!, validation }] : steps
  }

  /** A scheduler that watches the loss steps when the loss is known: that of a validation where there are any. */
  #schedule(validation: ValidationResult | undefined): void {
    const last = this.#done - 1
    if (!this.#course.watches || last < 0 || !this.#isLast(last)) return
    const schedules = this.#validation ? validation !== undefined : this.#course.schedules(this.#endsEpoch(last))
    if (!schedules) return
    const mean = this.#epochLosses.reduce((a, b) => a + b, 0) / this.#epochLosses.length
    this.#epochLosses = []
    this.#progress = this.#course.after(this.#progress, this.#progress.kept, true, validation?.loss ?? mean)
  }

  // ---- validation

  #untilValidation(): number {
    return this.#validation ? this.#validation.every - (this.doneSteps % this.#validation.every) : Infinity
  }

  /** Validates after the last step done, if it is time. */
  #validate(): ValidationResult | undefined {
    const step = this.doneSteps
    if (!this.#validation || this.status !== 'running' || !this.#isLast(this.#done - 1)) return undefined
    if (step % this.#validation.every !== 0 && step !== this.totalSteps) return undefined
    const state = this.state()
    return this.#validation.run((name) => state.get(name)!.elements)
  }

  #see({ loss }: ValidationResult): void {
    if (!this.#stopping) return
    if (this.#stopping.see(loss, this.doneSteps) && this.#stopping.spec.restore_best) this.#best = this.#moment()
    if (this.#stopping.stops) this.status = 'succeeded'
  }

  /** What early stopping has seen; the best step is the one that the state is of, where it was to be restored. */
  get stopping(): StoppingState | undefined {
    return this.#stopping?.state
  }

  /** Whether it ended before all of its steps. */
  get stoppedEarly(): boolean {
    return this.#stopping?.stops === true
  }

  #moment(): Moment {
    return {
      state: this.#stepper.copyState(), done: this.#done, progress: this.#progress, losses: this.#epochLosses,
      generator: this.#generator.copy(), epochGenerator: this.batches.epochGenerator(this.#done)?.copy(),
    }
  }

  #goBack({ state, done, progress, losses, generator, epochGenerator }: Moment): void {
    this.#stepper.setState(state)
    this.#done = done
    this.#progress = progress
    this.#epochLosses = [...losses]
    this.#generator.restore(generator)
    this.batches.resume(done, epochGenerator)
  }

  #locate(ran: Ran, row: number): StepNonFinite | undefined {
    const found = this.#stepper.locate(ran, row)
    return found && { ...found, step: Math.floor((this.#done + row) / this.#accumulate) + 1 }
  }

  /** Whether the optimizer steps after minibatch `at`. */
  #isLast(at: number): boolean {
    return (at + 1) % this.#accumulate === 0
  }

  /** Whether the step that ends with minibatch `at` has an epoch's last minibatch. */
  #endsEpoch(at: number): boolean {
    const { perEpoch } = this.batches
    return Math.floor((at + 1) / perEpoch) > Math.floor((at + 1 - this.#accumulate) / perEpoch)
  }

  /** The rates of the step of row `row` of the last call. */
  #rates(row: number): number[] {
    return (row === 0 ? this.#progress : this.#ahead[row - 1]!).groups.map((group) => group['lr'] as number)
  }

  /** The numbers of the next `count` minibatches; fewer where the scheduler has to see a loss first. Gives how many. */
  #writeNumbers(runtime: Runtime, count: number, rows: (row: number) => Int32Array): number {
    const { columns } = runtime.compiled.steps
    const batch = columns.find(({ name }) => name === batchRows)
    const ofGroups = columns.flatMap((column) => {
      const [, group, name] = /^number (\d+) (.+)$/.exec(column.name) ?? []
      return name === undefined ? [] : [{ column, group: Number(group), name }]
    })
    const [keep, last] = ['number keep', 'number last'].map((name) => columns.find((column) => column.name === name))
    let progress = this.#progress
    this.#ahead = []
    for (let row = 0; row < count; row++) {
      const at = this.#done + row
      const { numbers, kept } = this.#course.numbers(progress)
      for (const { column, group, name } of ofGroups) runtime.writeStepNumber(column, row, numbers[group]![name]!)
      if (batch) runtime.writeStep(batch, row, rows(row))
      if (keep) runtime.writeStepNumber(keep, row, Number(at % this.#accumulate > 0))
      if (last) runtime.writeStepNumber(last, row, Number(this.#isLast(at)))
      if (this.#isLast(at)) {
        const schedules = this.#course.schedules(this.#endsEpoch(at))
        progress = this.#course.after(progress, kept, schedules && !this.#course.watches, Number.NaN)
        this.#ahead.push(progress)
        if (schedules && this.#course.watches && !this.#validation) return row + 1
      } else this.#ahead.push(progress)
    }
    return count
  }

  /** The parameters as they are now: after the last step, or before the step whose loss was not finite. */
  state(): Map<string, TensorResult> {
    return new Map(this.model.parameters.map(({ name, shape, dtype, initial }) => [name, { shape, dtype, elements: this.#stepper.read(`parameter ${name}`) ?? initial }]))
  }

  /** The kernels of the last step: see Stepper. */
  kernels(): ReturnType<Stepper['kernels']> {
    return this.#stepper.kernels()
  }

  /** Gives what may be used again back to the cache. */
  close(): void {
    this.#stepper.close()
  }
}
