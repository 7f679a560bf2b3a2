/** Gradient descent: the steps of `POST /v1/train`. */
import { Batches } from './batches.ts'
import type { BatchPlan } from './batches.ts'
import type { Checkpoint } from './checkpoint.ts'
import { generatorOf, readCheckpoint } from './checkpoint.ts'
import { SpecError, invariant } from './errors.ts'
import type { Engine, Stats } from './evaluate.ts'
import type { Shape } from './ir/value.ts'
import type { Recorder } from './lang/values.ts'
import type { NonFinite } from './locate.ts'
import { Known, kindOf } from './known.ts'
import { Model } from './model.ts'
import type { Parameter } from './model.ts'
import type { DataTensor } from './network.ts'
import { readData } from './network.ts'
import type { Written } from './numbers.ts'
import { Pace, StepNumbers } from './numbers.ts'
import type { Progress } from './progress.ts'
import { Course } from './progress.ts'
import { Mt19937 } from './random/mt19937.ts'
import type { Runtime } from './runtime.ts'
import { stateRange } from './runtime.ts'
import type { CheckpointJson, TrainSpec } from './spec.ts'
import { Searcher } from './search.ts'
import type { Ran } from './stepper.ts'
import { Stepper } from './stepper.ts'
import type { TrainStep } from './steps.ts'
import { TrainSteps } from './steps.ts'
import type { StoppingState, ValidationResult } from './validation.ts'
import { EarlyStopping, Validation } from './validation.ts'
import type { Looked, StepChoices, Variant } from './variants.ts'
import { readGradients, readNumbers } from './variants.ts'
import type { TensorResult } from './tensor.ts'

type Numbers = Pick<TrainSteps, 'losses' | 'gradNorms'>

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

/** What runs of one origin have in common. Nothing in it changes but what is still to be made. */
interface Outline {
  readonly course: Course
  choices: StepChoices | undefined
}

const outlines = new Known<Outline>()

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
  /** The program of the first step. */
  readonly first: Variant
  status: 'running' | 'succeeded' | 'diverged' = 'running'
  nonFinite: StepNonFinite | undefined
  /** Minibatches that are done. A step takes as many of them as are accumulated. */
  #done = 0
  readonly #pace: Pace
  readonly #course: Course
  #progress: Progress
  readonly #numbers: StepNumbers
  /** The numbers of the minibatches of the last call. */
  #written: Written | undefined
  #latest: TrainSteps | undefined
  /** Losses of the minibatches of a step that is not done, and of the steps of an epoch that a scheduler watches. */
  #losses: number[] = []
  #epochLosses: number[] = []
  readonly #generator: Mt19937
  readonly #stepper: Stepper
  readonly #searcher: Searcher | undefined
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
    this.#pace = new Pace(spec.accumulate ?? 1, this.batches.perEpoch)
    this.totalSteps = (spec.checkpoint?.step ?? 0) + this.#countSteps()
    const circumstances = { origin: spec.checkpoint ? undefined : spec.origin, engine, purpose: options.gradients ? 'train with gradients' : 'train', data: this.data, model: this.model }
    const outline = outlines.get(circumstances, () => ({ course: this.#planCourse(), choices: undefined }))
    this.#course = outline.course
    this.#progress = this.#course.start
    this.#numbers = new StepNumbers(this.#course, this.#pace, this.#course.watches && !spec.validation)
    this.#validation = spec.validation && new Validation(spec, spec.validation, engine, this.model, Math.floor(this.batches.perEpoch / this.#pace.accumulate))
    if (spec.early_stopping && !spec.validation) throw new SpecError('bad_option', 'early stopping needs a validation, whose loss it watches', { pointer: '/early_stopping' })
    this.#stopping = spec.early_stopping && new EarlyStopping(spec.early_stopping)
    if (spec.checkpoint) this.#goOn(spec.checkpoint)
    outline.choices ??= this.#choose()
    this.#stepper = new Stepper(spec, engine, this.model, this.data, this.#generator, outline.choices, (buffer) => this.#course.initial(buffer))
    this.#searcher = this.#course.optimizer.search && new Searcher(this.#stepper, this.#trained())
    this.first = this.#stepper.prepare(this.batches.sizes, () => this.batches.plan(this.#done, 1))
    const recorded = this.first.prepared.compiled.records.columns.filter(({ name }) => name.startsWith('gradient '))
    // A search needs the gradients whether or not they are reported.
    const reported = options.gradients ? recorded : []
    this.gradientNames = reported.map(({ name }) => name.slice('gradient '.length))
    this.gradientShapes = reported.map(({ shape }) => shape)
    if (this.doneSteps === this.totalSteps) this.status = 'succeeded'
  }

  #trained(): Parameter[] {
    return this.model.parameters.filter((parameter) => parameter.requiresGrad)
  }

  #planCourse(): Course {
    // A step that accumulates several epochs ends them as one.
    const epochSteps = Math.min(this.totalSteps, Math.floor((this.totalSteps * this.#pace.accumulate) / this.batches.perEpoch))
    return new Course(this.spec, this.#trained().map(kindOf), this.spec.scheduler?.every === 'epoch' ? epochSteps : this.totalSteps)
  }

  #choose(): StepChoices {
    return {
      optimizer: this.#course.optimizer,
      groups: this.#course.groups.map(({ parameters }, i) => {
        const { lr: _rate, initial_lr: _initial, ...baked } = this.#progress.groups[i]!
        return { parameters, options: baked }
      }),
      numbers: this.#course.numbers(this.#progress).numbers.map((numbers) => Object.keys(numbers)),
      gradients: this.options.gradients,
    }
  }

  get doneSteps(): number {
    return Math.floor(this.#done / this.#pace.accumulate)
  }

  /** What a step computes, for a preview: traced for `recorder`, with the conditions of `engine`, which is dry. What is wrong with the validation is found too. */
  look(engine: Engine, recorder: Recorder): Looked {
    this.#validation?.check()
    return this.#stepper.look(this.batches.sizes[0]!, engine, recorder)
  }

  /** Puts data and state into the memory of the run, as the first step would: large values that it began with can be collected then. */
  load(): void {
    this.#stepper.load(this.first)
  }

  /** With the copy of the state that the run keeps, to get back to an earlier one. */
  get stats(): Stats {
    const { from, to } = stateRange(this.first.prepared.compiled)
    return { ...this.#stepper.stats, memoryBytes: this.#stepper.stats.memoryBytes + to - from }
  }

  #countSteps(): number {
    const { steps, epochs, checkpoint } = this.spec
    const total = epochs === undefined ? (steps ?? 1) : Math.floor(((checkpoint?.minibatches ?? 0) + epochs * this.batches.perEpoch) / this.#pace.accumulate) - (checkpoint?.step ?? 0)
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
    const expected = { ...start, type: optimizer.type, slots: this.#course.slots.bind(this.#course), minibatchesPerEpoch: this.batches.perEpoch, accumulate: this.#pace.accumulate, names, stopping: this.#stopping?.state }
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
  advance(steps: number): TrainSteps {
    invariant(this.status === 'running', 'the run goes on')
    this.#latest?.end()
    const most = Math.min(steps, this.totalSteps - this.doneSteps, this.#untilValidation())
    const plan = this.batches.plan(this.#done, most * this.#pace.accumulate - (this.#done % this.#pace.accumulate))
    if (this.#course.optimizer.search) return this.#search(plan)
    const ran = this.#stepper.run(plan, (runtime, count) => this.#writeNumbers(runtime, count, plan))
    const { variant: { prepared }, runtime, done } = ran
    return this.#finish(ran, readNumbers(prepared, runtime, done), (row) => readGradients(prepared, runtime, row))
  }

  /** One step of an optimizer that evaluates the loss at several points of the minibatch that is next. */
  #search(plan: BatchPlan): TrainSteps {
    const { memory: before, step } = this.#course.search(this.#progress)
    const { ran, reading, memory } = this.#searcher!.step(plan, step, before, (runtime) => this.#writeNumbers(runtime, 1, plan))
    const counted = this.#written!.after(0)
    const after = { ...counted, kept: [{ ...memory.kept, step: counted.kept[0]!['step']! }], vectors: memory.vectors }
    this.#written = { ...this.#written!, after: () => after }
    return this.#finish(ran, reading, () => (this.options.gradients ? reading.gradients : new Map()))
  }

  #writeNumbers(runtime: Runtime, count: number, plan: BatchPlan): number {
    this.#written = this.#numbers.write(runtime, this.#progress, this.#done, count, plan.rows)
    return this.#written.count
  }

  /** What the last call gave. */
  #finish(ran: Ran, read: Numbers, gradients: (row: number) => TrainStep['gradients']): TrainSteps {
    const { done } = ran
    this.#lookForSuspect(ran, read)
    const { losses, gradNorms, rows } = this.#pace.accumulate === 1 ? { ...read, rows: undefined } : this.#gather(read, done)
    const rowOf = (i: number): number => rows?.[i] ?? i
    const { options, after } = this.#written!
    const rates = (i: number): number[] => options(rowOf(i)).map((group) => group['lr'] as number)
    const steps = new TrainSteps({ first: this.doneSteps + 1, losses, gradNorms, rates, gradients: (i) => gradients(rowOf(i)) })
    this.#latest = steps
    if (this.#course.watches) this.#epochLosses.push(...losses)
    if (!Number.isFinite(losses.at(-1) ?? 0)) {
      this.status = 'diverged'
      this.nonFinite = this.#suspect
      // The state of the answer is the one that the last loss was computed from.
      this.#stepper.rewind(done - 1)
    }
    if (done > 0) this.#progress = after(done - 1)
    this.#done += done
    steps.validation = steps.length > 0 ? this.#validate() : undefined
    this.#schedule(steps.validation)
    if (steps.validation) this.#see(steps.validation)
    if (this.status === 'running' && this.doneSteps === this.totalSteps) this.status = 'succeeded'
    if (this.status === 'succeeded' && this.#best && this.#best.done !== this.#done) this.#goBack(this.#best)
    return steps
  }

  /** Steps from their minibatches: the mean loss, and the row of the minibatch that ends each. */
  #gather({ losses, gradNorms }: Numbers, done: number): Numbers & { readonly rows: readonly number[] } {
    const means: number[] = []
    const rows: number[] = []
    for (let row = 0; row < done; row++) {
      this.#losses.push(losses[row]!)
      if (Number.isFinite(losses[row]) && !this.#pace.isLast(this.#done + row)) continue
      means.push(this.#losses.reduce((a, b) => a + b) / this.#losses.length)
      rows.push(row)
      this.#losses = []
    }
    return { losses: Float64Array.from(means), gradNorms: Float64Array.from(rows, (row) => gradNorms[row]!), rows }
  }

  /** Finds where a number stopped being finite, the first time that a loss or a norm shows it. */
  #lookForSuspect(ran: Ran, { losses, gradNorms }: Numbers): void {
    for (let row = 0; row < ran.done; row++) {
      if (Number.isFinite(losses[row]! + gradNorms[row]!) || (Number.isFinite(losses[row]) && Number.isFinite(gradNorms[row]))) continue
      this.#suspect ??= this.#locate(ran, row)
    }
  }

  /** A scheduler that watches the loss steps when the loss is known: that of a validation where there are any. */
  #schedule(validation: ValidationResult | undefined): void {
    const last = this.#done - 1
    if (!this.#course.watches || last < 0 || !this.#pace.isLast(last)) return
    const schedules = this.#validation ? validation !== undefined : this.#course.schedules(this.#pace.endsEpoch(last))
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
    if (!this.#validation || this.status !== 'running' || !this.#pace.isLast(this.#done - 1)) return undefined
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
    return found && { ...found, step: Math.floor((this.#done + row) / this.#pace.accumulate) + 1 }
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
    this.#latest?.end()
    this.#stepper.close()
  }
}
