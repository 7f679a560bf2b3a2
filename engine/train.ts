/** Gradient descent: the steps of `POST /v1/train`. */
import { gradients } from './autodiff.ts'
import type { Prepared } from './cache.ts'
import type { Binding, StepGraph } from './compile.ts'
import { SpecError, invariant, suggestion } from './errors.ts'
import type { Engine, Stats, TensorResult } from './evaluate.ts'
import { bind, gradientTargets } from './evaluate.ts'
import { indexError } from './faults.ts'
import type { NonFinite } from './locate.ts'
import { locateNonFinite } from './locate.ts'
import type { Output } from './ir/print.ts'
import type { Shape, Value } from './ir/value.ts'
import { Model } from './model.ts'
import type { DataTensor, Network } from './network.ts'
import { batchRows, buildNetwork, readData, requireLoss } from './network.ts'
import type { Optimizer } from './optim/optimizers.ts'
import { optimizerTypes } from './optim/optimizers.ts'
import * as ew from './ops/elementwise.ts'
import { input } from './ops/source.ts'
import { expand, sum } from './ops/view.ts'
import type { KernelInfo } from './passes/describe.ts'
import { Batches } from './batches.ts'
import { Mt19937 } from './random/mt19937.ts'
import { Drawing, drawnInputs } from './random/program.ts'
import type { Elements, Runtime } from './runtime.ts'
import { newMemory } from './runtime.ts'
import type { TrainSpec } from './spec.ts'

export interface TrainStep {
  /** From 1. */
  readonly step: number
  readonly loss: number
  readonly lr: number
  /** Total 2-norm of the gradients, before clipping. */
  readonly gradNorm: number
  readonly gradients: ReadonlyMap<string, TensorResult>
}

export interface TrainOptions {
  /** Whether the steps' gradients are recorded. */
  readonly gradients: boolean
}

/** A program for one size of minibatch. */
interface Variant {
  readonly network: Network
  readonly graph: StepGraph
  readonly prepared: Prepared
  runtime: Runtime | undefined
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
  nonFinite: NonFinite | undefined
  #done = 0
  readonly #generator: Mt19937
  readonly #variants = new Map<number, Variant>()
  #memory: WebAssembly.Memory | undefined
  #bound = false
  #last: Variant | undefined
  /** Where a number first stopped being finite, while the losses still are. */
  #suspect: NonFinite | undefined
  /** The state before the steps of the last call. */
  #before: Uint8Array | undefined

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
    const sizes = this.batches.sizes
    for (const size of sizes) this.#variants.set(size, this.#prepare(size))
    const first = this.#variants.get(sizes[0]!)!
    const recorded = first.graph.records.filter(({ name }) => name.startsWith('gradient '))
    this.gradientNames = recorded.map(({ name }) => name.slice('gradient '.length))
    this.gradientShapes = recorded.map(({ value }) => value.shape)
    // With a smaller last minibatch two programs work on one memory: data and state lie at the same addresses.
    if (sizes.length > 1) this.#memory = newMemory(Math.max(...[...this.#variants.values()].map((variant) => variant.prepared.compiled.memoryBytes)))
  }

  get doneSteps(): number {
    return this.#done
  }

  get stats(): Stats {
    const variants = [...this.#variants.values()]
    return {
      fromCache: variants.every((variant) => variant.prepared.fromCache),
      memoryBytes: Math.max(...variants.map((variant) => variant.prepared.compiled.memoryBytes)),
      kernels: variants.reduce((n, variant) => n + variant.prepared.compiled.kernels.length, 0),
      nodes: variants.reduce((n, variant) => n + variant.network.graph.values.length, 0),
    }
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

  // ---- the graph of a step

  #prepare(size: number): Variant {
    const network = buildNetwork(this.spec, this.model, this.data, this.engine.limits, this.spec.batch_size === undefined ? undefined : size)
    const graph = this.#stepGraph(network, size)
    return { network, graph, prepared: this.engine.cache.prepare(graph, this.engine.compile), runtime: undefined }
  }

  #stepGraph(network: Network, size: number): StepGraph {
    const loss = requireLoss(network)
    const targets = gradientTargets(this.spec, this.model, network)
    const names = [...targets.keys()]
    const values = gradients(loss.value, [...targets.values()])
    network.graph.place = undefined
    const trained = this.model.parameters.filter((parameter) => parameter.requiresGrad)
    const own = trained.map(({ name }) => values[names.indexOf(name)]!)
    const norm = totalNorm(own)
    const clipped = this.#clip(own, norm)

    const bindings: Binding[] = [...network.data]
    const records: Output[] = [{ name: 'loss', value: loss.value }, { name: 'grad_norm', value: norm }]
    if (this.options.gradients) records.push(...names.map((name, i) => ({ name: `gradient ${name}`, value: values[i]! })))
    const updates: Output[] = []
    const frozen = this.model.parameters.filter((parameter) => !parameter.requiresGrad)
    for (const { name, dtype, shape } of frozen) bindings.push({ name: `parameter ${name}`, dtype, shape, role: 'data' })
    const options = this.spec.optimizer
    const numbers = this.#numberInputs(network)
    for (const [i, { name, dtype, shape }] of trained.entries()) {
      const parameter = network.parameters.get(name)!
      bindings.push({ name: `parameter ${name}`, dtype, shape, role: 'state' })
      const slots: Record<string, Value> = {}
      for (const slot of this.optimizer.slots(options)) {
        const slotName = `${slot} ${name}`
        bindings.push({ name: slotName, dtype, shape, role: 'state' })
        slots[slot] = input(network.graph, slotName, shape, dtype)
      }
      const next = this.optimizer.update(options, clipped[i]!, parameter, slots, numbers)
      updates.push({ name: `parameter ${name}`, value: next.parameter })
      for (const [slot, value] of Object.entries(next.slots)) updates.push({ name: `${slot} ${name}`, value })
    }
    for (const name of Object.keys(numbers)) bindings.push({ name: `number ${name}`, dtype: this.spec.dtype, shape: [], role: 'step' })
    if (this.spec.batch_size !== undefined) bindings.push({ name: batchRows, dtype: 'int32', shape: [size], role: 'step' })
    for (const { name, dtype, shape } of drawnInputs(network.ctx.draws)) bindings.push({ name, dtype, shape, role: 'step' })
    return { bindings, records, updates, stopOn: 'loss' }
  }

  #numberInputs(network: Network): Record<string, Value> {
    const names = Object.keys(this.optimizer.numbers(this.spec.optimizer, 1, this.#rate()))
    return Object.fromEntries(names.map((name) => [name, input(network.graph, `number ${name}`, [], this.spec.dtype)]))
  }

  /** torch.nn.utils.clip_grad_norm_ (with its 1e-6) and clip_grad_value_. */
  #clip(values: readonly Value[], norm: Value): Value[] {
    let clipped = [...values]
    const { clip_grad_norm: maxNorm, clip_grad_value: limit } = this.spec
    if (maxNorm !== undefined) {
      const factor = ew.minimum(ew.div(maxNorm, ew.add(norm, 1e-6)), 1)
      clipped = clipped.map((g) => ew.mul(g, expand(factor, g.shape)))
    }
    if (limit !== undefined) clipped = clipped.map((g) => ew.minimum(ew.maximum(g, -limit), limit))
    return clipped
  }

  #rate(): number {
    return this.spec.optimizer['lr'] as number
  }

  // ---- running

  /** Does up to `steps` steps and gives those that were done. Fewer than asked: the run has ended, or a program's chunk has. */
  advance(steps: number): TrainStep[] {
    invariant(this.status === 'running', 'the run goes on')
    const plan = this.batches.plan(this.#done, Math.min(steps, this.totalSteps - this.#done))
    const variant = this.#variants.get(plan.size)!
    const runtime = this.#runtimeOf(variant)
    const { compiled } = variant.prepared
    const count = Math.min(plan.count, compiled.chunk)
    this.#writeNumbers(runtime, count, plan.rows)
    this.#writeDraws(runtime, count, variant.network)
    this.#before = runtime.copyState(this.#before)
    const done = runtime.run(count)
    const fault = runtime.takeFault()
    if (fault) throw indexError(fault, variant.network.graph)
    const lossColumn = compiled.records.columns[0]!
    const rows = Array.from({ length: done }, (_, i) => this.#readStep(variant, runtime, i))
    const odd = rows.findIndex((row) => !Number.isFinite(row.loss) || !Number.isFinite(row.gradNorm))
    if (odd >= 0) this.#suspect ??= this.#locate(variant, runtime, rows, odd)
    if (done > 0 && !Number.isFinite(runtime.recordNumber(lossColumn, done - 1))) {
      this.status = 'diverged'
      this.nonFinite = this.#suspect
      // The state of the answer is the one that the last loss was computed from.
      this.#rewind(runtime, done - 1)
    }
    this.#done += done
    if (this.status === 'running' && this.#done === this.totalSteps) this.status = 'succeeded'
    return rows
  }

  #runtimeOf(variant: Variant): Runtime {
    variant.runtime ??= variant.prepared.runtime(this.#memory)
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
        const numbers = this.optimizer.numbers(this.spec.optimizer, this.#done + row + 1, this.#rate())
        const value = numbers[column.name.slice('number '.length)]!
        runtime.writeStep(column, row, column.dtype === 'float32' ? Float32Array.of(value) : Float64Array.of(value))
      }
    }
  }

  /** Draws for the next `count` steps, one after the other: what is drawn ahead is what each step would draw. */
  #writeDraws(runtime: Runtime, count: number, network: Network): void {
    const columns = new Map(runtime.compiled.steps.columns.map((column) => [column.name, column]))
    for (let row = 0; row < count; row++) {
      const drawing = new Drawing(this.#generator, network.ctx.draws)
      for (const { name } of drawnInputs(network.ctx.draws)) runtime.writeStep(columns.get(name)!, row, drawing.read(name))
      drawing.finish()
    }
  }

  #readStep(variant: Variant, runtime: Runtime, row: number): TrainStep {
    const [loss, norm, ...rest] = variant.prepared.compiled.records.columns
    return {
      step: this.#done + row + 1,
      loss: runtime.recordNumber(loss!, row),
      lr: this.#rate(),
      gradNorm: runtime.recordNumber(norm!, row),
      gradients: new Map(rest.map((column) => [column.name.slice('gradient '.length), { shape: column.shape, dtype: column.dtype, elements: runtime.record(column, row) }])),
    }
  }

  /** The state after the first `steps` steps of the last call. */
  #rewind(runtime: Runtime, steps: number): void {
    runtime.setState(this.#before!)
    runtime.run(steps)
  }

  /** Where in step `row` of the last call a number stopped being finite. Leaves the state as it was. */
  #locate(variant: Variant, runtime: Runtime, rows: readonly TrainStep[], row: number): NonFinite | undefined {
    const { state, steps } = variant.prepared.compiled
    const inputs = new Map<string, Elements>()
    for (const tensor of this.data) inputs.set(`data ${tensor.name}`, tensor.elements)
    for (const parameter of this.model.parameters) inputs.set(`parameter ${parameter.name}`, parameter.initial)
    this.#rewind(runtime, row)
    for (const slot of state) inputs.set(slot.name, runtime.read(slot))
    for (const column of steps.columns) inputs.set(column.name, runtime.stepInput(column, row))
    this.#rewind(runtime, rows.length)
    const found = locateNonFinite(requireLoss(variant.network).value, gradientTargets(this.spec, this.model, variant.network), inputs, this.engine)
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
    for (const { prepared, runtime } of this.#variants.values()) if (runtime) prepared.release(runtime)
  }
}

function zeros(like: Elements): Elements {
  return like.fill(0 as never)
}

/** √Σ g² over all gradients; zero when there are none. */
function totalNorm(values: readonly Value[]): Value {
  const squares = values.map((g) => ew.cast(sum(ew.mul(g, g), [...g.shape.keys()]), values[0]!.dtype))
  return ew.sqrt(squares.reduce((a, b) => ew.add(a, b)))
}
