/** The programs of a training run: one for each size of minibatch and each path that its conditions on tensors take. */
import type { Facts, Prepared } from './cache.ts'
import type { CompileOptions, CompiledStep, StepGraph } from './compile.ts'
import { Conditions } from './conditions.ts'
import { EngineFault, invariant } from './errors.ts'
import type { Engine, Stats } from './evaluate.ts'
import type { Recorder } from './lang/values.ts'
import type { ModelStructure } from './model.ts'
import type { DataKind, Minibatch, Network, NetworkOptions } from './network.ts'
import { buildNetwork } from './network.ts'
import type { Mt19937 } from './random/mt19937.ts'
import type { Draw } from './random/program.ts'
import { Drawing, drawnInputs } from './random/program.ts'
import type { Elements, Runtime } from './runtime.ts'
import type { TracedTrainSpec } from './spec.ts'
import { pathOf, takesPath } from './paths.ts'
import type { StepOptions } from './step.ts'
import { stepGraph, watched } from './step.ts'
import { structureText } from './structure.ts'
import type { TensorResult } from './tensor.ts'

export interface Variant {
  /** Rows of the minibatch; 0 where a step sees all the data. */
  readonly size: number
  /** What the conditions were taken for, in the order of the program. */
  readonly path: readonly boolean[]
  /** Whether another step can take another path. */
  readonly open: boolean
  readonly draws: readonly Draw[]
  /** What was traced; traced when it is first asked for where the program came from the cache. */
  readonly network: () => Network
  readonly prepared: Prepared
  runtime: Runtime | undefined
}

/** What a step computes. */
export interface Looked {
  readonly network: Network
  readonly graph: StepGraph
}

/** What all programs of a run have in common. */
export interface StepChoices extends Omit<StepOptions, 'batch' | 'conditions' | 'turned'> {
  /** The text of the first program's structure, once it is known: the choices can be those of several runs. */
  firstText?: string
}

/** Programs that a run keeps; of a path that comes back later, the compiled code may still be in the cache. */
const kept = 64

export class Variants {
  readonly #spec: TracedTrainSpec
  readonly #engine: Engine
  readonly #model: ModelStructure
  readonly #data: readonly DataKind[]
  readonly #options: StepChoices
  /** In the order of use, the latest last. */
  #variants: Variant[] = []
  /** Parameters that lie in memory turned, in all programs; undefined before the first one. */
  #turned: ReadonlySet<string> | undefined
  /** Whether threads can share the memory of the programs; undefined before the first one. */
  #shared: boolean | undefined
  #stats: Stats = { fromCache: true, memoryBytes: 0, kernels: 0, nodes: 0 }

  constructor(spec: TracedTrainSpec, engine: Engine, model: ModelStructure, data: readonly DataKind[], options: StepChoices) {
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
    const text = this.#text(size)
    const recalled = known.length === 0 ? this.#engine.cache.recall(text) : undefined
    if (recalled && (!recalled.facts.path || takesPath(recalled.facts.path, inputs, this.#engine.cache))) return this.#recalled(size, recalled)
    const drawing = new Drawing(generator.copy())
    const conditions = new Conditions(known, (name) => inputs(name) ?? drawing.read(name), this.#engine)
    const network = this.#network(size, drawing.draws, (condition, live) => conditions.decide(condition, live))
    const same = this.#variants.find((variant) => variant.size === size && equal(variant.path, conditions.taken))
    if (same) return this.#use(same)
    const graph = stepGraph(this.#spec, this.#model, network, { ...this.#options, batch: this.#batch(size), conditions, turned: this.#turned })
    const prepared = this.#engine.cache.prepare(graph, this.#compile)
    const nodes = network.graph.values.length
    const path = known.length === 0 && conditions.taken.length > 0 ? pathOf(text, prepared, conditions, graph.bindings, drawing.draws.length > 0, this.#engine) : undefined
    if (conditions.taken.length === 0 || path) this.#engine.cache.remember(text, prepared, { nodes, draws: drawing.draws, gradFn: null, outputs: new Map(), path })
    return this.#take({ size, path: conditions.taken, open: graph.stopOn !== 'loss', draws: drawing.draws, network: () => network, prepared, runtime: undefined }, nodes)
  }

  /** The program that the cache has for the step. */
  #recalled(size: number, { prepared, facts }: { readonly prepared: Prepared; readonly facts: Facts }): Variant {
    const path = facts.path?.taken ?? []
    const same = this.#variants.find((variant) => variant.size === size && equal(variant.path, path))
    if (same && path.length > 0) return this.#use(same)
    let traced: Network | undefined
    const network = (): Network => {
      const conditions = new Conditions(path, noNumbers, this.#engine)
      return (traced ??= this.#network(size, [], (condition, live) => conditions.decide(condition, live)))
    }
    const open = prepared.compiled.records.columns.some(({ name }) => name === watched)
    return this.#take({ size, path, open, draws: facts.draws, network, prepared, runtime: undefined }, facts.nodes)
  }

  #network(size: number, draws: Draw[], decide?: NetworkOptions['decide'], recorder?: Recorder): Network {
    return buildNetwork(this.#spec, this.#model, this.#data, this.#engine.limits, { batch: this.#batch(size), decide, draws, recorder })
  }

  #batch(size: number): Minibatch | undefined {
    return size > 0 ? { size, shuffled: this.#spec.shuffle } : undefined
  }

  /** A step that nothing is to run of. */
  look(size: number, engine: Engine, recorder: Recorder): Looked {
    const conditions = new Conditions([], noNumbers, engine)
    const network = this.#network(size, [], (condition, live) => conditions.decide(condition, live), recorder)
    return { network, graph: stepGraph(this.#spec, this.#model, network, { ...this.#options, batch: this.#batch(size), conditions }) }
  }

  /** The structure of the step for minibatches of `size`. The first one's is the same for all runs with these choices. */
  #text(size: number): string {
    return this.#turned ? this.#textOf(size) : (this.#options.firstText ??= this.#textOf(size))
  }

  #textOf(size: number): string {
    const { accumulate, clip_grad_norm: norm, clip_grad_value: value } = this.#spec
    const { optimizer, groups, numbers, gradients } = this.#options
    const { wide, maxChunk, maxBytes, threads, alwaysShared } = this.#compile
    const step = ['train', this.#batch(size), accumulate, norm, value, optimizer.type, groups, numbers, gradients, this.#turned && [...this.#turned], wide, maxChunk, maxBytes, threads, alwaysShared]
    return structureText({ spec: this.#spec, model: this.#model, data: this.#data, limits: this.#engine.limits }, step)
  }

  /** How the next program is compiled. */
  get #compile(): CompileOptions {
    const { compile, team } = this.#engine
    const threads = this.#shared === false ? 1 : (team?.threads ?? 1)
    return this.#shared === undefined ? { ...compile, threads } : { ...compile, threads, alwaysShared: this.#shared }
  }

  #take(variant: Variant, nodes: number): Variant {
    const { compiled, fromCache } = variant.prepared
    this.#turned ??= turnedIn(compiled)
    // All programs of a run work on one memory, which threads can share or not.
    this.#shared = compiled.ownBytes !== undefined
    const before = this.#stats
    this.#stats = {
      fromCache: before.fromCache && fromCache,
      memoryBytes: Math.max(before.memoryBytes, compiled.memoryBytes),
      kernels: before.kernels + compiled.kernels,
      nodes: before.nodes + nodes,
    }
    return this.#use(variant)
  }

  /** The program that minibatches of `size` used last. */
  latest(size: number): Variant | undefined {
    return this.#variants.findLast((variant) => variant.size === size)
  }

  /** A program whose path begins with `known`, the latest that is not among `except`. */
  find(size: number, known: readonly boolean[], except: readonly Variant[]): Variant | undefined {
    if (known.length === 0) return undefined
    const found = this.#variants.findLast((variant) => variant.size === size && !except.includes(variant) && equal(variant.path.slice(0, known.length), known))
    return found && this.#use(found)
  }

  #use(variant: Variant): Variant {
    if (this.#variants.at(-1) === variant) return variant
    const inOrder = [...this.#variants.filter((other) => other !== variant), variant]
    for (const { runtime } of inOrder.slice(0, -kept)) runtime?.leave(this.#engine.team)
    this.#variants = inOrder.slice(-kept)
    return variant
  }

  /** Gives what may be used again back to the cache. */
  release(): void {
    for (const { prepared, runtime } of this.#variants) {
      runtime?.leave(this.#engine.team)
      if (runtime) prepared.release(runtime)
    }
  }
}

function noNumbers(): never {
  throw new EngineFault('numbers of a run that is only looked at')
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
export function writeDraws({ draws }: Variant, runtime: Runtime, count: number, generator: Mt19937): void {
  if (draws.length === 0) return
  const columns = new Map(runtime.compiled.steps.columns.map((column) => [column.name, column]))
  for (let row = 0; row < count; row++) {
    const drawing = new Drawing(generator, [...draws])
    for (const { name } of drawnInputs(draws)) runtime.writeStep(columns.get(name)!, row, drawing.read(name))
    drawing.finish()
  }
}

const turnedKnown = new WeakMap<CompiledStep, ReadonlySet<string>>()

/** Parameters that lie in the program's memory turned. */
function turnedIn(compiled: CompiledStep): ReadonlySet<string> {
  let turned = turnedKnown.get(compiled)
  if (!turned) {
    turned = new Set(compiled.state.flatMap((slot) => (slot.turned === true && slot.name.startsWith('parameter ') ? [slot.name.slice('parameter '.length)] : [])))
    turnedKnown.set(compiled, turned)
  }
  return turned
}

/** The gradients that step `row` of the last call recorded. */
export function readGradients({ compiled }: Prepared, runtime: Runtime, row: number): ReadonlyMap<string, TensorResult> {
  const gradients = new Map<string, TensorResult>()
  for (const column of compiled.records.columns) {
    if (column.name.startsWith('gradient ')) gradients.set(column.name.slice('gradient '.length), { shape: column.shape, dtype: column.dtype, elements: runtime.record(column, row) })
  }
  return gradients
}

/** The losses and the norms of the gradients of the first `count` steps of the last call. */
export function readNumbers({ compiled }: Prepared, runtime: Runtime, count: number): { readonly losses: Float64Array; readonly gradNorms: Float64Array } {
  const [loss, norm] = compiled.records.columns
  return { losses: runtime.recordNumbers(loss!, count), gradNorms: runtime.recordNumbers(norm!, count) }
}

function equal(a: readonly boolean[], b: readonly boolean[]): boolean {
  return a.length === b.length && a.every((x, i) => x === b[i])
}
