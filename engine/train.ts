/** Gradient descent: the steps of `POST /v1/train`. */
import { gradients } from './autodiff.ts'
import { Batches } from './batches.ts'
import type { BatchPlan } from './batches.ts'
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
import type { Optimizer } from './optim/optimizers.ts'
import { optimizerTypes } from './optim/optimizers.ts'
import type { KernelInfo } from './passes/describe.ts'
import { Mt19937 } from './random/mt19937.ts'
import { Drawing, drawnInputs } from './random/program.ts'
import type { Elements, RunFault, Runtime } from './runtime.ts'
import { newMemory } from './runtime.ts'
import type { TrainSpec } from './spec.ts'
import { learningRate } from './step.ts'
import type { Variant } from './variants.ts'
import { Variants, strayCondition } from './variants.ts'

export interface TrainStep {
  /** From 1. */
  readonly step: number
  readonly loss: number
  readonly lr: number
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
  readonly optimizer: Optimizer
  readonly batches: Batches
  /** Steps that the run will have when nothing stops it. */
  readonly totalSteps: number
  /** The gradients of a step: parameters, then what retain_grad names. */
  readonly gradientNames: readonly string[]
  readonly gradientShapes: readonly Shape[]
  status: 'running' | 'succeeded' | 'diverged' = 'running'
  nonFinite: StepNonFinite | undefined
  #done = 0
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
    const found = optimizerTypes.get(spec.optimizer.type)
    if (!found) {
      throw new SpecError('unknown_optimizer', `there is no optimizer "${spec.optimizer.type}"${suggestion(spec.optimizer.type, optimizerTypes.keys())}`, { pointer: '/optimizer/type' })
    }
    this.optimizer = found
    this.data = readData(spec, engine.limits.maxElements)
    this.#generator = new Mt19937(spec.seed)
    this.model = new Model(spec, this.#generator, engine.limits.maxElements)
    this.batches = new Batches(spec, this.data, this.#generator)
    this.totalSteps = this.#countSteps()
    this.#variants = new Variants(spec, engine, this.model, this.data, { optimizer: this.optimizer, gradients: options.gradients })
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
  }

  get doneSteps(): number {
    return this.#done
  }

  get stats(): Stats {
    return this.#variants.stats
  }

  #countSteps(): number {
    const { steps, epochs } = this.spec
    const total = epochs === undefined ? (steps ?? 1) : epochs * this.batches.perEpoch
    const { maxSteps } = this.engine.limits
    if (total > maxSteps) {
      const shown = epochs === undefined ? `${total} steps` : `${epochs} epochs of ${this.batches.perEpoch} steps`
      throw new SpecError('too_many_steps', `${shown} are more than the limit of ${maxSteps}`, { pointer: epochs === undefined ? '/steps' : '/epochs' })
    }
    return total
  }

  // ---- running

  /** Does up to `steps` steps, at least one, and gives those that were done. Fewer than asked: the run has ended, or a program's chunk has. */
  advance(steps: number): TrainStep[] {
    invariant(this.status === 'running', 'the run goes on')
    const plan = this.batches.plan(this.#done, Math.min(steps, this.totalSteps - this.#done))
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
    this.#writeNumbers(runtime, count, plan.rows)
    this.#writeDraws(runtime, count, variant.network)
    this.#before = runtime.copyState(this.#before)
    return { done: runtime.run(count), fault: runtime.takeFault() }
  }

  /** The step of the last call that took another path than the program's, and what its conditions were until there. */
  #stray(variant: Variant, done: number, faulty: boolean): { readonly row: number; readonly known: readonly boolean[] } | undefined {
    const runtime = this.#runtimeOf(variant)
    // What a step with a fault decided was not recorded: its path has to be found anew.
    if (faulty) return { row: done, known: [] }
    const known = done === 0 ? undefined : strayCondition(variant, runtime, done - 1)
    return known && { row: done - 1, known }
  }

  #finish(variant: Variant, done: number): TrainStep[] {
    const runtime = this.#runtimeOf(variant)
    const rows = Array.from({ length: done }, (_, i) => this.#readStep(variant, runtime, i))
    const odd = rows.findIndex((row) => !Number.isFinite(row.loss) || !Number.isFinite(row.gradNorm))
    if (odd >= 0) this.#suspect ??= this.#locate(variant, runtime, rows, odd)
    if (done > 0 && !Number.isFinite(rows.at(-1)!.loss)) {
      this.status = 'diverged'
      this.nonFinite = this.#suspect
      // The state of the answer is the one that the last loss was computed from.
      this.#rewind(runtime, done - 1)
    }
    this.#done += done
    this.#stretch = Math.max(this.#stretch, 2 * done)
    if (this.status === 'running' && this.#done === this.totalSteps) this.status = 'succeeded'
    return rows
  }

  #runtimeOf(variant: Variant): Runtime {
    const { memoryBytes } = variant.prepared.compiled
    if (this.#memory && this.#memory.buffer.byteLength < memoryBytes) this.#memory.grow(Math.ceil((memoryBytes - this.#memory.buffer.byteLength) / 65536))
    variant.runtime ??= variant.prepared.runtime(this.#memory)
    // The programs share their memory but for data and state.
    if (this.#last !== variant) variant.runtime.writeLiterals()
    if (!this.#bound) {
      bind(variant.runtime, this.data, this.model)
      for (const slot of variant.runtime.compiled.state) if (!slot.name.startsWith('parameter ')) variant.runtime.write(slot, zeros(variant.runtime.read(slot)))
      this.#bound = true
    }
    this.#last = variant
    return variant.runtime
  }

  #writeNumbers(runtime: Runtime, count: number, rows: (row: number) => Int32Array): void {
    for (const column of runtime.compiled.steps.columns) {
      if (column.name !== batchRows && !column.name.startsWith('number ')) continue
      for (let row = 0; row < count; row++) {
        if (column.name === batchRows) {
          runtime.writeStep(column, row, rows(row))
          continue
        }
        const numbers = this.optimizer.numbers(this.spec.optimizer, this.#done + row + 1, learningRate(this.spec))
        const value = numbers[column.name.slice('number '.length)]!
        runtime.writeStep(column, row, column.dtype === 'float32' ? Float32Array.of(value) : Float64Array.of(value))
      }
    }
  }

  /** Draws for the next `count` steps, one after the other: what is drawn ahead is what each step would draw. */
  #writeDraws(runtime: Runtime, count: number, network: Variant['network']): void {
    const columns = new Map(runtime.compiled.steps.columns.map((column) => [column.name, column]))
    for (let row = 0; row < count; row++) {
      const drawing = new Drawing(this.#generator, network.ctx.draws)
      for (const { name } of drawnInputs(network.ctx.draws)) runtime.writeStep(columns.get(name)!, row, drawing.read(name))
      drawing.finish()
    }
  }

  #readStep(variant: Variant, runtime: Runtime, row: number): TrainStep {
    const [loss, norm, ...others] = variant.prepared.compiled.records.columns
    const recorded = others.filter((column) => column.name.startsWith('gradient '))
    return {
      step: this.#done + row + 1,
      loss: runtime.recordNumber(loss!, row),
      lr: learningRate(this.spec),
      gradNorm: runtime.recordNumber(norm!, row),
      gradients: new Map(recorded.map((column) => [column.name.slice('gradient '.length), { shape: column.shape, dtype: column.dtype, elements: runtime.record(column, row) }])),
    }
  }

  /** The state after the first `steps` steps of the last call. */
  #rewind(runtime: Runtime, steps: number): void {
    runtime.setState(this.#before!)
    runtime.run(steps)
  }

  /** Where in step `row` of the last call a number stopped being finite. Leaves the state as it was. */
  #locate(variant: Variant, runtime: Runtime, rows: readonly TrainStep[], row: number): StepNonFinite | undefined {
    const { state, steps } = variant.prepared.compiled
    const inputs = inputElements(this.data, this.model)
    this.#rewind(runtime, row)
    for (const slot of state) inputs.set(slot.name, runtime.read(slot))
    for (const column of steps.columns) inputs.set(column.name, runtime.stepInput(column, row))
    this.#rewind(runtime, rows.length)
    const loss = requireLoss(variant.network).value
    const targets = [...gradientTargets(this.spec, this.model, variant.network).values()]
    const found = locateNonFinite({ forward: [loss], gradients: gradients(loss, targets) }, inputs, this, this.engine.compile)
    return found && { ...found, step: rows[row]!.step }
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

function zeros(like: Elements): Elements {
  return like.fill(0 as never)
}
