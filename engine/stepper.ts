/** Runs minibatches, each by the program of the path that its numbers decide. All programs work on one memory. */
import { gradients } from './autodiff.ts'
import type { BatchPlan } from './batches.ts'
import type { Engine, Stats } from './evaluate.ts'
import { bind, gradientTargets, inputElements } from './evaluate.ts'
import { indexError } from './faults.ts'
import { History } from './history.ts'
import type { Recorder } from './lang/values.ts'
import type { NonFinite } from './locate.ts'
import { locateNonFinite } from './locate.ts'
import type { Model } from './model.ts'
import type { DataTensor } from './network.ts'
import { batchRows, requireLoss } from './network.ts'
import type { KernelInfo } from './passes/describe.ts'
import type { Mt19937 } from './random/mt19937.ts'
import type { Elements, RunFault, Runtime } from './runtime.ts'
import { newMemory } from './runtime.ts'
import type { TrainSpec } from './spec.ts'
import type { Looked, StepChoices, Variant } from './variants.ts'
import { Variants, strayCondition, writeDraws } from './variants.ts'

/** Minibatches that were done in one call. */
export interface Ran {
  readonly variant: Variant
  readonly runtime: Runtime
  readonly done: number
}

export class Stepper {
  readonly #spec: TrainSpec
  readonly #engine: Engine
  readonly #model: Model
  readonly #data: readonly DataTensor[]
  readonly #generator: Mt19937
  readonly #initial: (buffer: string) => Elements | number
  readonly #variants: Variants
  #memory: WebAssembly.Memory | undefined
  #bound = false
  #last: Variant | undefined
  readonly #history = new History()
  /** Whether the state is written between the calls. */
  readonly #searches: boolean
  /** Minibatches to try at once where the path can change: doubled while it stays the same. */
  #stretch = 1

  /** `initial` gives what the optimizer's tensors start as. */
  constructor(spec: TrainSpec, engine: Engine, model: Model, data: readonly DataTensor[], generator: Mt19937, choices: StepChoices, initial: (buffer: string) => Elements | number) {
    this.#spec = spec
    this.#engine = engine
    this.#model = model
    this.#data = data
    this.#generator = generator
    this.#initial = initial
    this.#searches = choices.optimizer.search !== undefined
    this.#variants = new Variants(spec, engine, model, data, choices)
  }

  /** Traces the programs for minibatches of these sizes; `plan` is that of the first one. Gives the program of the first size. */
  prepare([usual, ...others]: readonly number[], plan: () => BatchPlan): Variant {
    const atFirst = (name: string): Elements | undefined => this.#number(name, plan)
    const first = this.#variants.trace(usual!, [], atFirst, this.#generator)
    // Which path the minibatches of another size take is seen when their turn comes.
    if (!first.open) for (const size of others) this.#variants.trace(size, [], atFirst, this.#generator)
    // Several programs work on one memory: data and state lie at the same addresses.
    if (others.length > 0 || first.open) this.#memory = newMemory(this.stats.memoryBytes, first.prepared.compiled.ownBytes !== undefined)
    return first
  }

  /** See Training. */
  look(size: number, engine: Engine, recorder: Recorder): Looked {
    return this.#variants.look(size, engine, recorder)
  }

  get stats(): Stats {
    return this.#variants.stats
  }

  /** Puts data and state into the memory of the program, as its first call would. */
  load(variant: Variant): void {
    this.#runtimeOf(variant)
  }

  /**
   * Does minibatches of the plan, at least one; fewer than planned where a program's chunk ends, the path changes, or a
   * loss is not finite. `write` sets the numbers of the next `count` ones and says how many are to be done.
   */
  run(plan: BatchPlan, write: (runtime: Runtime, count: number) => number): Ran {
    let variant = this.#variants.latest(plan.size) ?? this.#follow(plan, [])
    const generator = variant.open ? this.#generator.copy() : undefined
    const tried: Variant[] = []
    for (;;) {
      const runtime = this.#runtimeOf(variant)
      const { done, fault } = this.#try(variant, runtime, plan, write)
      const stray = variant.open && !tried.includes(variant) ? this.#stray(variant, runtime, done, fault !== undefined) : undefined
      if (!stray) {
        if (fault) throw indexError(fault, variant.network().graph)
        this.#stretch = Math.max(this.#stretch, 2 * done)
        return { variant, runtime, done }
      }
      this.#stretch = 1
      this.rewind(stray.row)
      if (stray.row > 0) return { variant, runtime, done: stray.row }
      // The first one already leaves the path. Rounding can differ between programs: a path that was tried is not left again.
      tried.push(variant)
      this.#generator.restore(generator!)
      variant = this.#variants.find(plan.size, stray.known, tried) ?? this.#follow(plan, stray.known)
    }
  }

  /** The program for the minibatch that is next: its conditions computed from the numbers as they are, but for the `known` first ones. */
  #follow(plan: BatchPlan, known: readonly boolean[]): Variant {
    return this.#variants.trace(plan.size, known, (name) => this.#number(name, () => plan), this.#generator)
  }

  /** An input of the minibatch that is next. */
  #number(name: string, plan: () => BatchPlan): Elements | undefined {
    if (name === batchRows) return plan().rows(0)
    if (name.startsWith('data ')) return this.#data.find((tensor) => name === `data ${tensor.name}`)?.elements
    return this.read(name) ?? this.#model.parameters.find((parameter) => name === `parameter ${parameter.name}`)?.initial
  }

  #try(variant: Variant, runtime: Runtime, plan: BatchPlan, write: (runtime: Runtime, count: number) => number): { readonly done: number; readonly fault: RunFault | undefined } {
    const most = variant.open ? (variant.draws.length > 0 ? 1 : this.#stretch) : Infinity
    const count = write(runtime, Math.min(plan.count, runtime.compiled.chunk, most))
    writeDraws(variant, runtime, count, this.#generator)
    this.#history.begin(runtime, count, variant.open || this.#searches)
    const done = runtime.run(count, this.#engine.team)
    this.#history.end(done)
    return { done, fault: runtime.takeFault() }
  }

  /** The minibatch of the last call that took another path than the program's, and what its conditions were until there. */
  #stray(variant: Variant, runtime: Runtime, done: number, faulty: boolean): { readonly row: number; readonly known: readonly boolean[] } | undefined {
    // What a minibatch with a fault decided was not recorded: its path has to be found anew.
    if (faulty) return { row: done, known: [] }
    const known = done === 0 ? undefined : strayCondition(variant, runtime, done - 1)
    return known && { row: done - 1, known }
  }

  #runtimeOf(variant: Variant): Runtime {
    const { memoryBytes } = variant.prepared.compiled
    if (this.#memory && this.#memory.buffer.byteLength < memoryBytes) this.#memory.grow(Math.ceil((memoryBytes - this.#memory.buffer.byteLength) / 65536))
    variant.runtime ??= variant.prepared.runtime(this.#memory)
    // The programs share their memory but for data and state.
    if (this.#last !== variant) variant.runtime.writeLiterals()
    if (!this.#bound) {
      bind(variant.runtime, this.#data, this.#model)
      for (const slot of variant.runtime.compiled.state) {
        if (slot.name.startsWith('parameter ')) this.#model.taken(slot.name.slice('parameter '.length), slot.shape)
        else variant.runtime.write(slot, this.#initial(slot.name))
      }
      this.#bound = true
    }
    this.#last = variant
    return variant.runtime
  }

  // ---- the state

  /** The state after the first `count` minibatches of the last call. */
  rewind(count: number): void {
    this.#history.back(count, (runtime, steps) => runtime.run(steps, this.#engine.team))
  }

  /** A tensor of the state as it is now, by the name of its buffer; undefined before the first minibatch, and for what never changes. */
  read(name: string): Elements | undefined {
    const runtime = this.#last?.runtime
    const slot = runtime?.compiled.state.find((state) => state.name === name)
    return slot && runtime?.read(slot)
  }

  /** All of the state. */
  copyState(): Uint8Array {
    return this.#last!.runtime!.copyState()
  }

  setState(bytes: Uint8Array): void {
    this.#last!.runtime!.setState(bytes)
    this.#history.forget()
  }

  /** Where in minibatch `row` of the last call a number stopped being finite. Leaves the state as it was. */
  locate({ variant, runtime, done }: Ran, row: number): NonFinite | undefined {
    const inputs = inputElements(this.#data, this.#model)
    this.rewind(row)
    for (const slot of runtime.compiled.state) inputs.set(slot.name, runtime.read(slot))
    for (const column of runtime.compiled.steps.columns) inputs.set(column.name, runtime.stepInput(column, row))
    this.rewind(done)
    const network = variant.network()
    const loss = requireLoss(network).value
    const targets = [...gradientTargets(this.#spec, this.#model, network).values()]
    return locateNonFinite({ forward: [loss], gradients: gradients(loss, targets) }, inputs, this.#model, this.#engine.compile)
  }

  /**
   * The kernels of the last program, to be timed one by one where they are exported. They work on the run's memory: what
   * the run gave must have been read.
   */
  kernels(): { readonly info: KernelInfo; readonly run: () => void }[] {
    const runtime = this.#last?.runtime
    return (runtime?.compiled.kernelInfos ?? []).flatMap((info, i) => {
      const run = runtime!.kernel(i)
      return run ? [{ info, run }] : []
    })
  }

  /** Gives what may be used again back to the cache. */
  close(): void {
    this.#variants.release()
  }
}
