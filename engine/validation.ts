/** Validation while training: loss and metrics on other data, with the layers in eval mode; and stopping early by it. */
import { Conditions } from './conditions.ts'
import type { Prepared } from './cache.ts'
import type { StepGraph } from './compile.ts'
import { SpecError, escape, suggestion } from './errors.ts'
import type { Engine } from './evaluate.ts'
import { indexError } from './faults.ts'
import { measure } from './metrics.ts'
import type { Model } from './model.ts'
import type { DataTensor, Network } from './network.ts'
import { buildNetwork, readData, requireLoss } from './network.ts'
import { numel } from './ir/value.ts'
import { Mt19937 } from './random/mt19937.ts'
import { Drawing, drawnInputs } from './random/program.ts'
import { Tensor } from './lang/values.ts'
import type { Elements } from './runtime.ts'
import type { EarlyStoppingSpec, ProgramText, TrainSpec, TypedOptions, ValidationSpec } from './spec.ts'
import type { TensorResult } from './tensor.ts'

export interface ValidationResult {
  readonly loss: number
  readonly metrics: ReadonlyMap<string, number>
}

interface Program {
  readonly network: Network
  readonly prepared: Prepared
  /** Whether it is to be traced again: other parameters could take another path, or it draws. */
  readonly open: boolean
}

export class Validation {
  /** Steps from one validation to the next. */
  readonly every: number
  readonly #spec: TrainSpec
  readonly #given: ValidationSpec
  readonly #engine: Engine
  readonly #model: Model
  readonly #data: readonly DataTensor[]
  #program: Program | undefined

  /** `epoch`: steps of an epoch. */
  constructor(spec: TrainSpec, given: ValidationSpec, engine: Engine, model: Model, epoch: number) {
    this.every = given.every ?? Math.max(1, epoch)
    this.#given = given
    this.#engine = engine
    this.#model = model
    const unknown = Object.keys(given.data).find((name) => !(name in spec.data))
    if (unknown !== undefined) {
      throw new SpecError('unknown_name', `the run has no data "${unknown}"${suggestion(unknown, Object.keys(spec.data))}`, { pointer: `/validation/data/${escape(unknown)}` })
    }
    // What is the same for both, such as a constant, need not be given twice.
    this.#spec = { ...spec, data: { ...spec.data, ...given.data }, retain_grad: undefined }
    this.#data = readData(this.#spec, engine.limits.maxElements)
  }

  /** Loss and metrics with the parameters and buffers that `parameter` gives. */
  run(parameter: (name: string) => Elements): ValidationResult {
    const inputs = new Map<string, Elements>(this.#data.map(({ name, elements }) => [`data ${name}`, elements]))
    for (const { name } of this.#model.parameters) inputs.set(`parameter ${name}`, parameter(name))
    // The draws of the run go on as if nothing had been validated.
    const drawing = new Drawing(new Mt19937(this.#spec.seed))
    const program = this.#program ?? this.#trace(inputs, drawing)
    if (!program.open) this.#program = program
    const { network, prepared } = program
    const runtime = prepared.runtime()
    for (const slot of runtime.compiled.data) runtime.write(slot, inputs.get(slot.name)!)
    if (runtime.run(1) !== 1) throw indexError(runtime.takeFault(), network.graph)
    const results = new Map(prepared.compiled.records.columns.map((column): [string, TensorResult] => [column.name, { shape: column.shape, dtype: column.dtype, elements: runtime.record(column, 0) }]))
    prepared.release(runtime)
    const loss = Number(results.get('loss')!.elements[0])
    const [prediction, target] = [results.get('y_hat'), results.get('y')]
    return { loss, metrics: measure(this.#given.metrics, { loss, prediction, target, threshold: thresholdOf(this.#spec.loss) }) }
  }

  /** Traces the program and, unless they are too large, lets the metrics see tensors of its shapes: what does not fit is an error. */
  check(): void {
    const { network } = this.#trace(new Map(), new Drawing(new Mt19937(this.#spec.seed)))
    const [prediction, target] = this.#compared(network).map(({ value: { shape, dtype } }): TensorResult => ({ shape, dtype, elements: new Float64Array(Math.min(numel(shape), maxChecked + 1)) }))
    if ([prediction, target].every((tensor) => (tensor?.elements.length ?? 0) <= maxChecked)) measure(this.#given.metrics, { loss: 0, prediction, target, threshold: 0 })
  }

  #trace(inputs: Map<string, Elements>, drawing: Drawing): Program {
    const conditions = new Conditions([], (name) => inputs.get(name) ?? drawing.read(name), this.#engine)
    const decide: Network['ctx']['decide'] = (condition, live) => conditions.decide(condition, live)
    const network = buildNetwork(this.#spec, this.#model, this.#data, this.#engine.limits, { training: false, decide, draws: drawing.draws })
    for (const { name } of drawnInputs(drawing.draws)) inputs.set(name, drawing.read(name))
    const records = [{ name: 'loss', value: requireLoss(network).value }, ...this.#compared(network)]
    const graph: StepGraph = {
      bindings: [
        ...network.data,
        ...this.#model.parameters.map(({ name, dtype, shape }) => ({ name: `parameter ${name}`, dtype, shape, role: 'data' as const })),
        ...drawnInputs(drawing.draws).map(({ name, dtype, shape }) => ({ name, dtype, shape, role: 'data' as const })),
      ],
      records,
      updates: [],
    }
    return { network, prepared: this.#engine.cache.prepare(graph, { ...this.#engine.compile, maxChunk: 1 }), open: conditions.taken.length > 0 || drawing.draws.length > 0 }
  }

  /** y_hat and y, where a metric compares them. */
  #compared(network: Network): StepGraph['records'] {
    const compares = this.#given.metrics.findIndex((name) => name !== 'perplexity')
    if (compares < 0) return []
    return ['y_hat', 'y'].map((name) => {
      const tensor = network.scope.get(name)
      if (!(tensor instanceof Tensor)) {
        throw new SpecError('bad_metric', `${this.#given.metrics[compares]!} compares y_hat and y; there is no tensor "${name}"`, { pointer: `/validation/metrics/${compares}` })
      }
      return { name, value: tensor.value }
    })
  }
}

/** Elements of tensors that metrics are tried on before a run. */
const maxChecked = 2 ** 20

/** Losses on logits decide at 0, others at a probability of one half. */
function thresholdOf(loss: ProgramText | TypedOptions | undefined): number {
  const text = typeof loss === 'object' && 'type' in loss ? loss.type : [loss ?? ''].flat().join('\n')
  return /BCEWithLogits|SoftMargin|HingeEmbedding|_with_logits|soft_margin/.test(text) ? 0 : 0.5
}

/** What early stopping has seen. */
export interface StoppingState {
  readonly best: number | null
  readonly best_step: number
  /** Validations since the best one. */
  readonly bad: number
}

/** Counts validations that were no better than the best one. */
export class EarlyStopping {
  readonly spec: EarlyStoppingSpec
  state: StoppingState = { best: null, best_step: 0, bad: 0 }

  constructor(spec: EarlyStoppingSpec) {
    this.spec = spec
  }

  /** Takes a validation's loss; says whether it is the best so far. */
  see(loss: number, step: number): boolean {
    const { best, bad } = this.state
    const better = loss < (best ?? Infinity) - this.spec.min_delta
    this.state = better ? { best: loss, best_step: step, bad: 0 } : { ...this.state, bad: bad + 1 }
    return better
  }

  get stops(): boolean {
    return this.state.bad >= this.spec.patience
  }
}
