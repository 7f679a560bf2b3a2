/** The programs of a training run: one for each size of minibatch and each path that its conditions on tensors take. */
import type { Prepared } from './cache.ts'
import type { StepGraph } from './compile.ts'
import { Conditions } from './conditions.ts'
import { invariant } from './errors.ts'
import type { Engine, Stats } from './evaluate.ts'
import type { Model } from './model.ts'
import type { DataTensor, Network } from './network.ts'
import { buildNetwork } from './network.ts'
import type { Mt19937 } from './random/mt19937.ts'
import { Drawing, drawnInputs } from './random/program.ts'
import type { Elements, Runtime } from './runtime.ts'
import type { TrainSpec } from './spec.ts'
import type { StepOptions } from './step.ts'
import { stepGraph } from './step.ts'
import type { TensorResult } from './tensor.ts'

export interface Variant {
  /** Rows of the minibatch; 0 where a step sees all the data. */
  readonly size: number
  /** What the conditions were taken for, in the order of the program. */
  readonly path: readonly boolean[]
  /** Whether another step can take another path. */
  readonly open: boolean
  readonly network: Network
  readonly graph: StepGraph
  readonly prepared: Prepared
  runtime: Runtime | undefined
}

/** What all programs of a run have in common. */
export type StepChoices = Omit<StepOptions, 'size' | 'conditions'>

/** Programs that a run keeps; of a path that comes back later, the compiled code may still be in the cache. */
const kept = 64

export class Variants {
  readonly #spec: TrainSpec
  readonly #engine: Engine
  readonly #model: Model
  readonly #data: readonly DataTensor[]
  readonly #options: StepChoices
  /** In the order of use, the latest last. */
  #variants: Variant[] = []
  #stats: Stats = { fromCache: true, memoryBytes: 0, kernels: 0, nodes: 0 }

  constructor(spec: TrainSpec, engine: Engine, model: Model, data: readonly DataTensor[], options: StepChoices) {
    this.#spec = spec
    this.#engine = engine
    this.#model = model
    this.#data = data
    this.#options = options
  }

  /** Of all programs so far. */
  get stats(): Stats {
    return this.#stats
  }

  /**
   * The program for minibatches of `size`, on the path that `known` begins and the numbers of the inputs decide.
   * `generator` makes the draws that conditions depend on; it is left as it was.
   */
  trace(size: number, known: readonly boolean[], inputs: (name: string) => Elements | undefined, generator: Mt19937): Variant {
    const drawing = new Drawing(generator.copy())
    const conditions = new Conditions(known, (name) => inputs(name) ?? drawing.read(name), this.#engine)
    const batch = this.#spec.batch_size === undefined ? undefined : size
    const network = buildNetwork(this.#spec, this.#model, this.#data, this.#engine.limits, { batch, decide: (condition, live) => conditions.decide(condition, live), draws: drawing.draws })
    const same = this.#variants.find((variant) => variant.size === size && equal(variant.path, conditions.taken))
    if (same) return this.#use(same)
    const graph = stepGraph(this.#spec, this.#model, network, { ...this.#options, size, conditions })
    const prepared = this.#engine.cache.prepare(graph, this.#engine.compile)
    const { compiled, fromCache } = prepared
    const before = this.#stats
    this.#stats = {
      fromCache: before.fromCache && fromCache,
      memoryBytes: Math.max(before.memoryBytes, compiled.memoryBytes),
      kernels: before.kernels + compiled.kernels.length,
      nodes: before.nodes + network.graph.values.length,
    }
    return this.#use({ size, path: conditions.taken, open: graph.stopOn !== 'loss', network, graph, prepared, runtime: undefined })
  }

  /** The program that minibatches of `size` used last. */
  latest(size: number): Variant | undefined {
    return this.#variants.findLast((variant) => variant.size === size)
  }

  /** A program whose path begins with `known`, the latest that is not among `except`. */
  find(size: number, known: readonly boolean[], except: ReadonlySet<Variant>): Variant | undefined {
    if (known.length === 0) return undefined
    const found = this.#variants.findLast((variant) => variant.size === size && !except.has(variant) && equal(variant.path.slice(0, known.length), known))
    return found && this.#use(found)
  }

  #use(variant: Variant): Variant {
    this.#variants = [...this.#variants.filter((other) => other !== variant), variant].slice(-kept)
    return variant
  }

  /** Gives what may be used again back to the cache. */
  release(): void {
    for (const { prepared, runtime } of this.#variants) if (runtime) prepared.release(runtime)
  }
}

/** Where step `row` of the last call left the path of the program: what its conditions were, up to and with the first that differs. */
export function strayCondition(variant: Variant, runtime: Runtime, row: number): boolean[] | undefined {
  for (const column of runtime.compiled.records.columns) {
    const [kind, number] = column.name.split(' ')
    if (kind !== 'condition') continue
    const i = Number(number)
    const taken = variant.path[i]
    invariant(taken !== undefined, 'a condition of the path')
    const was = runtime.record(column, row)[0] !== 0
    if (was !== taken) return [...variant.path.slice(0, i), was]
  }
  return undefined
}

/** Draws for the next `count` steps, one after the other: what is drawn ahead is what each step would draw. */
export function writeDraws({ network }: Variant, runtime: Runtime, count: number, generator: Mt19937): void {
  const columns = new Map(runtime.compiled.steps.columns.map((column) => [column.name, column]))
  for (let row = 0; row < count; row++) {
    const drawing = new Drawing(generator, network.ctx.draws)
    for (const { name } of drawnInputs(network.ctx.draws)) runtime.writeStep(columns.get(name)!, row, drawing.read(name))
    drawing.finish()
  }
}

/** What step `row` of the last call recorded. */
export function readStep({ prepared }: Variant, runtime: Runtime, row: number): { readonly loss: number; readonly gradNorm: number; readonly gradients: ReadonlyMap<string, TensorResult> } {
  const [loss, norm, ...others] = prepared.compiled.records.columns
  const recorded = others.filter((column) => column.name.startsWith('gradient '))
  return {
    loss: runtime.recordNumber(loss!, row),
    gradNorm: runtime.recordNumber(norm!, row),
    gradients: new Map(recorded.map((column) => [column.name.slice('gradient '.length), { shape: column.shape, dtype: column.dtype, elements: runtime.record(column, row) }])),
  }
}

function equal(a: readonly boolean[], b: readonly boolean[]): boolean {
  return a.length === b.length && a.every((x, i) => x === b[i])
}
