/** Gradient descent: the steps of `POST /v1/train`. */
import { gradients } from './autodiff.ts'
import { Batches } from './batches.ts'
import type { BatchPlan } from './batches.ts'
import type { Checkpoint } from './checkpoint.ts'
import { generatorOf, readCheckpoint } from './checkpoint.ts'
import { SpecError, invariant, suggestion } from './errors.ts'
import type { Engine, Stats, TensorResult } from './evaluate.ts'
import { bind, gradientTargets, inputElements } from './evaluate.ts'
import { indexError } from './faults.ts'
import type { Shape } from './ir/value.ts'
import type { NonFinite } from './locate.ts'
import { locateNonFinite } from './locate.ts'
import { Model } from './model.ts'
import type { DataTensor } from './network.ts'
import { batchRows, readData, requireLoss } from './network.ts'
import type { Group } from './optim/groups.ts'
import { groupsOf } from './optim/groups.ts'
import { optimizerTypes } from './optim/index.ts'
import type { KernelInfo } from './passes/describe.ts'
import type { Progress } from './progress.ts'
import { Course } from './progress.ts'
import { Mt19937 } from './random/mt19937.ts'
import type { Elements, RunFault, Runtime } from './runtime.ts'
import { newMemory } from './runtime.ts'
import type { CheckpointJson, TrainSpec } from './spec.ts'
import type { Variant } from './variants.ts'
import { Variants, readStep, strayCondition, writeDraws } from './variants.ts'

export interface TrainStep {
  /** From 1. */
  readonly step: number
  readonly loss: number
  /** Of each parameter group. */
  readonly rates: readonly number[]
  /** Total 2-norm of the gradients, before clipping. */
  readonly gradNorm: number
  readonly gradients: ReadonlyMap<string, TensorResult>
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
  readonly #groups: readonly Group[]
  #progress: Progress
  /** The progress after each minibatch of the last call. */
  #ahead: Progress[] = []
  /** Losses of the minibatches of a step that is not done, and of the steps of an epoch that a scheduler watches. */
  #losses: number[] = []
  #epochLosses: number[] = []
  readonly #generator: Mt19937
  readonly #variants: Variants
  #memory: WebAssembly.Memory | undefined
  #bound = false
  #last: Variant | undefined
  /** Where a number first stopped being finite, while the losses still are. */
  #suspect: StepNonFinite | undefined
  /** The state before the steps of the last call. */
  #before: Uint8Array | undefined
  /** Steps to try at once where the path can change: doubled while it stays the same. */
  #stretch = 1

  constructor(spec: TrainSpec, engine: Engine, options: TrainOptions) {
    this.spec = spec
    this.engine = engine
    this.options = options
    const optimizer = optimizerTypes.get(spec.optimizer.type)
    if (!optimizer) {
      throw new SpecError('unknown_optimizer', `there is no optimizer "${spec.optimizer.type}"${suggestion(spec.optimizer.type, optimizerTypes.keys())}`, { pointer: '/optimizer/type' })
    }
    this.data = readData(spec, engine.limits.maxElements)
    this.#generator = new Mt19937(spec.seed)
    this.model = new Model(spec, this.#generator, engine.limits.maxElements)
    this.batches = new Batches(spec, this.data, this.#generator)
    this.#accumulate = spec.accumulate ?? 1
    this.totalSteps = (spec.checkpoint?.step ?? 0) + this.#countSteps()
    const trained = this.model.parameters.filter((parameter) => parameter.requiresGrad)
    for (const { name, shape } of trained) {
      const wrong = optimizer.refuses(shape)
      if (wrong !== undefined) throw new SpecError('shape_mismatch', `${wrong} (parameter "${name}")`, { pointer: '/optimizer/type' })
    }
    this.#groups = groupsOf(spec.optimizer, trained.map(({ name }) => name))
    for (const { options: given } of this.#groups) {
      const wrong = optimizer.check(given)
      if (wrong !== undefined) throw new SpecError('bad_option', wrong, { pointer: '/optimizer' })
    }
    const epochSteps = Math.floor((this.totalSteps * this.#accumulate) / this.batches.perEpoch)
    this.#course = new Course(optimizer, this.#groups, trained, spec.scheduler, spec.dtype, spec.scheduler?.every === 'epoch' ? epochSteps : this.totalSteps)
    this.#progress = this.#course.start
    if (spec.checkpoint) this.#goOn(spec.checkpoint)
    this.#variants = new Variants(spec, engine, this.model, this.data, {
      optimizer,
      groups: this.#groups.map(({ parameters }, i) => ({ parameters, options: this.#progress.groups[i]! })),
      numbers: this.#course.numbers(this.#progress).numbers.map((numbers) => Object.keys(numbers)),
      gradients: options.gradients,
    })
    const [usual, ...others] = this.batches.sizes
    const atFirst = (name: string): Elements | undefined => this.#number(name, () => this.batches.plan(0, 1))
    const first = this.#variants.trace(usual!, [], atFirst, this.#generator)
    // Which path the minibatches of another size take is seen when their turn comes.
    if (!first.open) for (const size of others) this.#variants.trace(size, [], atFirst, this.#generator)
    const recorded = first.graph.records.filter(({ name }) => name.startsWith('gradient '))
    this.gradientNames = recorded.map(({ name }) => name.slice('gradient '.length))
    this.gradientShapes = recorded.map(({ value }) => value.shape)
    // Several programs work on one memory: data and state lie at the same addresses.
    if (others.length > 0 || first.open) this.#memory = newMemory(this.stats.memoryBytes)
    if (this.doneSteps === this.totalSteps) this.status = 'succeeded'
  }

  get doneSteps(): number {
    return Math.floor(this.#done / this.#accumulate)
  }

  get stats(): Stats {
    return this.#variants.stats
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
    const { start, optimizer, slots } = this.#course
    const names = this.model.parameters.map(({ name }) => name)
    const expected = { ...start, type: optimizer.type, slots, minibatchesPerEpoch: this.batches.perEpoch, accumulate: this.#accumulate, names }
    const checkpoint = readCheckpoint(json, this.spec.state, expected, this.engine.limits.maxElements)
    const { progress, epochGenerator } = checkpoint
    this.#progress = progress
    this.#course.restore(checkpoint.tensors)
    this.#done = checkpoint.minibatches
    this.#epochLosses = [...checkpoint.losses]
    this.#generator.state = checkpoint.generator
    this.batches.resume(this.#done, epochGenerator && generatorOf(epochGenerator))
  }

  /** What another run needs to go on from here, beside the state. Only between steps, and not of a run that has diverged. */
  checkpoint(): Checkpoint {
    invariant(this.status !== 'diverged', 'a run that can go on')
    const slots = new Map(this.#last?.runtime?.compiled.state.map((slot) => [slot.name, slot]))
    const read = (name: string): Elements | undefined => {
      const slot = slots.get(name)
      return slot && this.#last?.runtime?.read(slot)
    }
    return {
      step: this.doneSteps, minibatches: this.#done, minibatchesPerEpoch: this.batches.perEpoch, type: this.#course.optimizer.type, progress: this.#progress, tensors: this.#course.tensors(read),
      losses: this.#epochLosses, generator: this.#generator.state, epochGenerator: this.batches.epochGenerator(this.#done)?.state,
    }
  }

  // ---- running

  /** Does up to `steps` steps, at least one, and gives those that were done. Fewer than asked: the run has ended, or a program's chunk has. */
  advance(steps: number): TrainStep[] {
    invariant(this.status === 'running', 'the run goes on')
    const plan = this.batches.plan(this.#done, Math.min(steps * this.#accumulate, this.totalSteps * this.#accumulate - this.#done))
    const generator = this.#generator.copy()
    const tried = new Set<Variant>()
    let variant = this.#variants.latest(plan.size) ?? this.#follow(plan, [])
    for (;;) {
      const { done, fault } = this.#run(variant, plan)
      const stray = variant.open && !tried.has(variant) ? this.#stray(variant, done, fault !== undefined) : undefined
      if (!stray) {
        if (fault) throw indexError(fault, variant.network.graph)
        return this.#finish(variant, done)
      }
      this.#stretch = 1
      const runtime = this.#runtimeOf(variant)
      this.#rewind(runtime, stray.row)
      if (stray.row > 0) return this.#finish(variant, stray.row)
      // The first step already leaves the path. Rounding can differ between programs: a path that was tried is not left again.
      tried.add(variant)
      this.#generator.restore(generator)
      variant = this.#variants.find(plan.size, stray.known, tried) ?? this.#follow(plan, stray.known)
    }
  }

  /** The program for the step that is next: its conditions computed from the numbers as they are, but for the `known` first ones. */
  #follow(plan: BatchPlan, known: readonly boolean[]): Variant {
    return this.#variants.trace(plan.size, known, (name) => this.#number(name, () => plan), this.#generator)
  }

  /** An input of the step that is next. */
  #number(name: string, plan: () => BatchPlan): Elements | undefined {
    if (name === batchRows) return plan().rows(0)
    if (name.startsWith('data ')) return this.data.find((tensor) => name === `data ${tensor.name}`)?.elements
    const slot = this.#last?.runtime?.compiled.state.find((state) => state.name === name)
    if (slot) return this.#last!.runtime!.read(slot)
    return this.model.parameters.find((parameter) => name === `parameter ${parameter.name}`)?.initial
  }

  #run(variant: Variant, plan: BatchPlan): { readonly done: number; readonly fault: RunFault | undefined } {
    const runtime = this.#runtimeOf(variant)
    const most = variant.open ? (variant.network.ctx.draws.length > 0 ? 1 : this.#stretch) : Infinity
    const count = Math.min(plan.count, runtime.compiled.chunk, most)
    const rows = this.#writeNumbers(runtime, count, plan.rows)
    writeDraws(variant, runtime, rows, this.#generator)
    this.#before = runtime.copyState(this.#before)
    return { done: runtime.run(rows), fault: runtime.takeFault() }
  }

  /** The step of the last call that took another path than the program's, and what its conditions were until there. */
  #stray(variant: Variant, done: number, faulty: boolean): { readonly row: number; readonly known: readonly boolean[] } | undefined {
    const runtime = this.#runtimeOf(variant)
    // What a step with a fault decided was not recorded: its path has to be found anew.
    if (faulty) return { row: done, known: [] }
    const known = done === 0 ? undefined : strayCondition(variant, runtime, done - 1)
    return known && { row: done - 1, known }
  }

  /** What the last call gave, of its first `done` minibatches. */
  #finish(variant: Variant, done: number): TrainStep[] {
    const runtime = this.#runtimeOf(variant)
    const steps: TrainStep[] = []
    for (let row = 0; row < done; row++) {
      const read = readStep(variant, runtime, row)
      const finite = Number.isFinite(read.loss)
      if (!finite || !Number.isFinite(read.gradNorm)) this.#suspect ??= this.#locate(variant, runtime, done, row)
      this.#losses.push(read.loss)
      if (finite && !this.#isLast(this.#done + row)) continue
      const loss = this.#losses.reduce((a, b) => a + b) / this.#losses.length
      this.#losses = []
      if (this.#course.watches) this.#epochLosses.push(loss)
      steps.push({ ...read, loss, step: Math.floor((this.#done + row) / this.#accumulate) + 1, rates: this.#rates(row) })
    }
    if (done > 0 && !Number.isFinite(runtime.recordNumber(variant.prepared.compiled.records.columns[0]!, done - 1))) {
      this.status = 'diverged'
      this.nonFinite = this.#suspect
      // The state of the answer is the one that the last loss was computed from.
      this.#rewind(runtime, done - 1)
    }
    if (done > 0) this.#progress = this.#ahead[done - 1]!
    this.#done += done
    this.#schedule()
    this.#stretch = Math.max(this.#stretch, 2 * done)
    if (this.status === 'running' && this.doneSteps === this.totalSteps) this.status = 'succeeded'
    return steps
  }

  /** A scheduler that watches the loss steps when the loss is known. */
  #schedule(): void {
    const last = this.#done - 1
    if (!this.#course.watches || last < 0 || !this.#isLast(last)) return
    const mean = this.#epochLosses.reduce((a, b) => a + b, 0) / this.#epochLosses.length
    const schedules = this.#course.schedules(this.#endsEpoch(last))
    if (schedules) this.#epochLosses = []
    this.#progress = this.#course.after(this.#progress, this.#progress.kept, schedules, mean)
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

  #runtimeOf(variant: Variant): Runtime {
    const { memoryBytes } = variant.prepared.compiled
    if (this.#memory && this.#memory.buffer.byteLength < memoryBytes) this.#memory.grow(Math.ceil((memoryBytes - this.#memory.buffer.byteLength) / 65536))
    variant.runtime ??= variant.prepared.runtime(this.#memory)
    // The programs share their memory but for data and state.
    if (this.#last !== variant) variant.runtime.writeLiterals()
    if (!this.#bound) {
      bind(variant.runtime, this.data, this.model)
      for (const slot of variant.runtime.compiled.state) {
        if (!slot.name.startsWith('parameter ')) variant.runtime.write(slot, this.#course.initial(slot))
      }
      this.#bound = true
    }
    this.#last = variant
    return variant.runtime
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
        if (schedules && this.#course.watches) return row + 1
      } else this.#ahead.push(progress)
    }
    return count
  }

  /** The state after the first `steps` steps of the last call. */
  #rewind(runtime: Runtime, steps: number): void {
    runtime.setState(this.#before!)
    runtime.run(steps)
  }

  /** Where in step `row` of the last call a number stopped being finite. Leaves the state as it was. */
  #locate(variant: Variant, runtime: Runtime, done: number, row: number): StepNonFinite | undefined {
    const { state, steps } = variant.prepared.compiled
    const inputs = inputElements(this.data, this.model)
    this.#rewind(runtime, row)
    for (const slot of state) inputs.set(slot.name, runtime.read(slot))
    for (const column of steps.columns) inputs.set(column.name, runtime.stepInput(column, row))
    this.#rewind(runtime, done)
    const loss = requireLoss(variant.network).value
    const targets = [...gradientTargets(this.spec, this.model, variant.network).values()]
    const found = locateNonFinite({ forward: [loss], gradients: gradients(loss, targets) }, inputs, this, this.engine.compile)
    return found && { ...found, step: Math.floor((this.#done + row) / this.#accumulate) + 1 }
  }

  /** The parameters as they are now: after the last step, or before the step whose loss was not finite. */
  state(): Map<string, TensorResult> {
    const runtime = this.#last?.runtime
    const slots = new Map(runtime?.compiled.state.map((slot) => [slot.name, slot]))
    return new Map(
      this.model.parameters.map(({ name, shape, dtype, initial }) => {
        const slot = slots.get(`parameter ${name}`)
        return [name, { shape, dtype, elements: slot && runtime ? runtime.read(slot) : initial }]
      }),
    )
  }

  /**
   * The kernels of the last step, to be timed one by one where they are exported. They work on the run's memory: what
   * the run gave must have been read.
   */
  kernels(): { readonly info: KernelInfo; readonly run: () => void }[] {
    const runtime = this.#last?.runtime
    return (runtime?.compiled.kernels ?? []).flatMap((info, i) => {
      const run = runtime!.kernel(i)
      return run ? [{ info, run }] : []
    })
  }

  /** Gives what may be used again back to the cache. */
  close(): void {
    this.#variants.release()
  }
}
