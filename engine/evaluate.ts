/** One pass: the loss and variables of a spec, and the gradients. */
import { gradients } from './autodiff.ts'
import { dependsOn } from './autodiff.ts'
import type { Facts, Path, Prepared, ProgramCache } from './cache.ts'
import type { Binding, CompileOptions, CompiledStep } from './compile.ts'
import { Conditions } from './conditions.ts'
import type { Place } from './errors.ts'
import { SpecError, suggestion } from './errors.ts'
import { indexError } from './faults.ts'
import type { Output } from './ir/print.ts'
import type { Graph, Value } from './ir/value.ts'
import { isFloat } from './ir/value.ts'
import { Tensor, describe } from './lang/values.ts'
import type { Dynamic, Recorder } from './lang/values.ts'
import { Known } from './known.ts'
import type { NonFinite } from './locate.ts'
import { firstNonFinite, locateNonFinite } from './locate.ts'
import type { ModelStructure } from './model.ts'
import { Model } from './model.ts'
import type { DataTensor, Network } from './network.ts'
import { buildNetwork, readData, requireLoss } from './network.ts'
import { Mt19937 } from './random/mt19937.ts'
import { Drawing, drawnInputs } from './random/program.ts'
import type { Elements, Runtime } from './runtime.ts'
import { pathOf, takesPath } from './paths.ts'
import type { EngineLimits, ForwardSpec, TracedSpec } from './spec.ts'
import { structureText } from './structure.ts'
import type { Team } from './team.ts'
import type { TensorResult } from './tensor.ts'

export interface Engine {
  readonly cache: ProgramCache
  readonly limits: EngineLimits
  readonly compile: CompileOptions
  /** Other threads that do parts of the work of large training steps. */
  readonly team?: Team
  /** Nothing is to run: for previews, which are told of the conditions that are assumed. */
  readonly dry?: boolean
  readonly assumed?: (place: Place | undefined) => void
}

export interface Stats {
  readonly fromCache: boolean
  readonly memoryBytes: number
  readonly kernels: number
  readonly nodes: number
}

export interface ForwardResult {
  readonly loss: TensorResult | undefined
  readonly gradFn: string | null
  /** Tensors, and Python numbers that the program computed. */
  readonly outputs: ReadonlyMap<string, TensorResult | number>
  /** Where a number that is not finite first arose, when a result has one. */
  readonly nonFinite: NonFinite | undefined
  readonly stats: Stats
}

export interface BackwardResult {
  readonly loss: TensorResult
  readonly gradFn: string | null
  readonly gradients: ReadonlyMap<string, TensorResult>
  readonly nonFinite: NonFinite | undefined
  readonly stats: Stats
}

/** The numbers of a request: its data, its parameters as they begin, and what draws the rest. */
interface Given {
  readonly model: Model
  readonly data: readonly DataTensor[]
  readonly generator: Mt19937
}

export interface Setup extends Omit<Given, 'generator'> {
  readonly drawing: Drawing
  readonly network: Network
  /** Conditions on tensors, which numbers decided. */
  readonly conditions: Conditions
}

function readGiven(spec: ForwardSpec, { limits }: Engine): Given {
  const data = readData(spec, limits.maxElements)
  const generator = new Mt19937(spec.seed)
  return { data, generator, model: new Model(spec, generator, limits.maxElements) }
}

/** Reads the data, draws the parameters and traces the spec. */
export function setUp(spec: ForwardSpec, engine: Engine, recorder?: Recorder): Setup {
  return setUpGiven(spec, readGiven(spec, engine), engine, recorder)
}

function setUpGiven(spec: ForwardSpec, { data, model, generator }: Given, engine: Engine, recorder?: Recorder): Setup {
  const { limits } = engine
  const drawing = new Drawing(generator)
  const numbers = inputElements(data, model)
  const conditions = new Conditions([], (name) => numbers.get(name) ?? drawing.read(name), engine)
  const decide = (condition: Value, live: Iterable<Value>): boolean => conditions.decide(condition, live)
  const network = buildNetwork(spec, model, data, limits, { decide, draws: drawing.draws, recorder })
  return { model, data, drawing, network, conditions }
}

/** Data and initial parameters by the names of their buffers. */
export function inputElements(data: readonly DataTensor[], model: Model): Map<string, Elements> {
  const elements = new Map<string, Elements>()
  for (const tensor of data) elements.set(`data ${tensor.name}`, tensor.elements)
  for (const parameter of model.parameters) elements.set(`parameter ${parameter.name}`, parameter.initial)
  return elements
}

/** All that the network reads. */
function allInputs({ data, model, drawing }: Inputs): Map<string, Elements> {
  const elements = inputElements(data, model)
  for (const { name } of drawnInputs(drawing.draws)) elements.set(name, drawing.read(name))
  return elements
}

/** The forward pass of `POST /v1/forward`. */
export function forward(spec: ForwardSpec, engine: Engine): ForwardResult {
  const { results, facts, stats, again } = onePass(spec, engine, ['forward', spec.outputs], (setup) => {
    const { records, outputs } = forwardRecords(spec, setup)
    return { records, outputs, gradFn: setup.network.loss?.gradFn ?? null }
  })
  const outputs = new Map([...facts.outputs].map(([name, number]) => [name, number ?? results.get(`output ${name}`)!]))
  const found = (setup: Setup): NonFinite | undefined => locateNonFinite({ forward: forwardRecords(spec, setup).records.map(({ value }) => value), gradients: [] }, allInputs(setup), setup.model, engine.compile)
  return { loss: results.get('loss'), gradFn: facts.gradFn, outputs, nonFinite: isOdd(results) ? found(again()) : undefined, stats }
}

/** What a forward pass records, and the outputs by name: numbers that are known already, or nothing. */
export function forwardRecords(spec: ForwardSpec, { network }: Setup): { records: Output[]; outputs: Map<string, number | undefined> } {
  const asked = spec.outputs ?? (network.forward?.lastAssigned === undefined ? [] : [network.forward.lastAssigned])
  const records: Output[] = network.loss ? [{ name: 'loss', value: network.loss.value }] : []
  const outputs = new Map<string, number | undefined>()
  for (const [i, name] of asked.entries()) {
    const value = outputOf(name, network.scope.get(name), [...network.scope.keys()], spec.outputs ? `/outputs/${i}` : '/model/forward')
    if (typeof value !== 'number') records.push({ name: `output ${name}`, value })
    outputs.set(name, typeof value === 'number' ? value : undefined)
  }
  return { records, outputs }
}

function outputOf(name: string, value: Dynamic | undefined, known: readonly string[], pointer: string): Value | number {
  if (value instanceof Tensor) return value.value
  if (value === undefined) throw new SpecError('unknown_name', `there is no variable "${name}"${suggestion(name, known)}`, { pointer })
  if (value.kind === 'number') return value.value
  throw new SpecError('bad_argument', `the output "${name}" is not a tensor, it is a ${describe(value)}`, { pointer })
}

/** The forward and backward pass of `POST /v1/backward`. */
export function backward(spec: ForwardSpec, engine: Engine): BackwardResult {
  const { results, facts, stats, again } = onePass(spec, engine, 'backward', (setup) => {
    const { loss, targets, values } = backwardValues(spec, setup)
    return { records: [{ name: 'loss', value: loss.value }, ...targets.map((name, i) => ({ name: `gradient ${name}`, value: values[i]! }))], outputs: new Map(), gradFn: loss.gradFn }
  })
  const found = (setup: Setup): NonFinite | undefined => {
    const { loss, values } = backwardValues(spec, setup)
    return locateNonFinite({ forward: [loss.value], gradients: values }, allInputs(setup), setup.model, engine.compile)
  }
  const gradientsByName = new Map<string, TensorResult>()
  for (const [name, result] of results) if (name !== 'loss') gradientsByName.set(name.slice('gradient '.length), result)
  return { loss: results.get('loss')!, gradFn: facts.gradFn, gradients: gradientsByName, nonFinite: isOdd(results) ? found(again()) : undefined, stats }
}

/** The loss, and its gradients in the order of the targets. */
export function backwardValues(spec: ForwardSpec, { model, network }: Pick<Setup, 'model' | 'network'>): { loss: Tensor; targets: string[]; values: Value[] } {
  const loss = requireLoss(network)
  const targets = gradientTargets(spec, model, network)
  return { loss, targets: [...targets.keys()], values: gradients(loss.value, [...targets.values()]) }
}

/** What gradients are taken with respect to, by name: the trainable parameters, then what `retain_grad` names. */
export function gradientTargets(spec: TracedSpec, model: ModelStructure, network: Network): Map<string, Value> {
  const targets = new Map<string, Value>()
  for (const { name, requiresGrad } of model.parameters) if (requiresGrad) targets.set(name, network.parameters.get(name)!)
  for (const [i, name] of (spec.retain_grad ?? []).entries()) {
    const value = network.scope.get(name)
    const pointer = `/retain_grad/${i}`
    if (!(value instanceof Tensor)) throw new SpecError('unknown_name', `there is no tensor "${name}"${suggestion(name, network.scope.keys())}`, { pointer })
    if (!isFloat(value.value.dtype)) throw new SpecError('dtype_mismatch', `only floating-point tensors have gradients; "${name}" is a ${describe(value)}`, { pointer })
    targets.set(name, value.value)
  }
  const loss = requireLoss(network)
  // Through a step function gradients flow, and are zero.
  if (targets.size === 0 || !(loss.requiresGrad || dependsOn(loss.value, [...targets.values()]))) {
    const names = [...targets.keys()].map((name) => `"${name}"`).join(', ')
    throw new SpecError('loss_without_parameters', `the loss depends on no parameter${names !== '' ? ` (there are ${names})` : model.parameters.length === 0 ? ': the model has none' : ': all of them are frozen or constant'}`, { pointer: '/loss' })
  }
  return targets
}

type Results = Map<string, TensorResult>

/** What a pass computes, and what its answer has to know of the trace. */
type Asked = { readonly records: readonly Output[] } & Pick<Facts, 'outputs' | 'gradFn'>

/** The texts of what passes are made of. */
const passTexts = new Known<string>()

/**
 * Runs the program of a spec once. Where the cache knows the structure of the spec, nothing is traced: `again` sets the
 * pass up anew for what only a graph can tell. `more` says what is asked, beside the spec.
 */
function onePass(spec: ForwardSpec, engine: Engine, more: unknown, ask: (setup: Setup) => Asked): { results: Results; facts: Facts; stats: Stats; again: () => Setup } {
  const given = readGiven(spec, engine)
  const { wide, maxBytes } = engine.compile
  const circumstances = { origin: spec.origin, engine, purpose: String(more), data: given.data, model: given.model }
  const text = passTexts.get(circumstances, () => structureText({ spec, ...given, limits: engine.limits }, [more, wide, maxBytes]))
  const again = (): Setup => setUp(spec, engine)
  const known = engine.cache.recall(text)
  if (known && (!known.facts.path || takes(known.facts.path, given, engine))) {
    const { prepared, facts } = known
    const drawing = new Drawing(given.generator, [...facts.draws])
    return { results: runPrepared(prepared, { ...given, drawing }, () => again().network.graph), facts, stats: statsOf(prepared, facts.nodes), again }
  }
  const setup = setUpGiven(spec, given, engine)
  const { records, outputs, gradFn } = ask(setup)
  const { graph, ctx } = setup.network
  const prepared = prepare(setup, records, engine)
  const results = runPrepared(prepared, setup, () => graph)
  const facts = { nodes: graph.values.length, draws: ctx.draws, outputs, gradFn }
  const { conditions } = setup
  const path = conditions.taken.length === 0 ? undefined : pathOf(text, prepared, conditions, inputBindings(setup), ctx.draws.length > 0, engine)
  if (conditions.taken.length === 0 || path) engine.cache.remember(text, prepared, { ...facts, path })
  return { results, facts, stats: statsOf(prepared, facts.nodes), again: () => setup }
}

function takes(path: Path, { data, model }: Given, { cache }: Engine): boolean {
  const elements = inputElements(data, model)
  return takesPath(path, (name) => elements.get(name), cache)
}

/** Runs the network once for what is to be recorded. */
export function runOnce(setup: Setup, records: readonly Output[], engine: Engine): { results: Results; stats: Stats } {
  const prepared = prepare(setup, records, engine)
  const { graph } = setup.network
  return { results: runPrepared(prepared, setup, () => graph), stats: statsOf(prepared, graph.values.length) }
}

/** The program of one pass. */
export function prepare(setup: Setup, records: readonly Output[], engine: Engine): Prepared {
  return engine.cache.prepare({ bindings: inputBindings(setup), records, updates: [] }, { ...engine.compile, maxChunk: 1 })
}

function statsOf({ compiled, fromCache }: Prepared, nodes: number): Stats {
  return { fromCache, memoryBytes: compiled.memoryBytes, kernels: compiled.kernels, nodes }
}

/** `graph` is asked for where an index is out of range. */
function runPrepared(prepared: Prepared, inputs: Inputs, graph: () => Graph): Results {
  const runtime = prepared.runtime()
  bindAll(runtime, inputs)
  const done = runtime.run(1)
  if (done !== 1) throw indexError(runtime.takeFault(), graph())
  const results: Results = new Map()
  for (const column of prepared.compiled.records.columns) results.set(column.name, { shape: column.shape, dtype: column.dtype, elements: runtime.record(column, 0) })
  prepared.release(runtime)
  return results
}

/** What is written into the buffers of a pass. */
type Inputs = Pick<Setup, 'data' | 'model' | 'drawing'>

/** Data, parameters and draws, none of which changes. */
export function inputBindings({ model, drawing, network }: Setup): Binding[] {
  return [
    ...network.data,
    ...model.parameters.map(({ name, dtype, shape }) => ({ name: `parameter ${name}`, dtype, shape, role: 'data' as const })),
    ...drawnInputs(drawing.draws).map(({ name, dtype, shape }) => ({ name, dtype, shape, role: 'data' as const })),
  ]
}

/** Writes all that the network reads into its buffers. */
export function bindAll(runtime: Runtime, { data, model, drawing }: Inputs): void {
  bind(runtime, data, model)
  const slots = new Map(runtime.compiled.data.map((slot) => [slot.name, slot]))
  for (const { name } of drawnInputs(drawing.draws)) runtime.write(slots.get(name)!, drawing.read(name))
}

function isOdd(results: ReadonlyMap<string, TensorResult>): boolean {
  return [...results.values()].some(({ dtype, elements }) => isFloat(dtype) && firstNonFinite(elements) >= 0)
}

/** A buffer that is filled at the start, and the tensor that it gets: where that stood among its like the last time. */
interface Filled {
  readonly slot: CompiledStep['data'][number]
  readonly isData: boolean
  readonly name: string
  at: number
}

const filledKnown = new WeakMap<CompiledStep, readonly Filled[]>()

function filledOf(compiled: CompiledStep): readonly Filled[] {
  let filled = filledKnown.get(compiled)
  if (!filled) {
    filled = [...compiled.data, ...compiled.state].flatMap((slot) => {
      const [, kind, name] = /^(data|parameter) (.*)$/s.exec(slot.name) ?? []
      return name === undefined ? [] : [{ slot, isData: kind === 'data', name, at: 0 }]
    })
    filledKnown.set(compiled, filled)
  }
  return filled
}

/** Writes data and initial parameters into their buffers. */
export function bind(runtime: Runtime, data: readonly DataTensor[], { parameters }: Model): void {
  for (const filled of filledOf(runtime.compiled)) {
    const { slot, isData, name } = filled
    const named: readonly { readonly name: string }[] = isData ? data : parameters
    if (named[filled.at]?.name !== name) filled.at = named.findIndex((tensor) => tensor.name === name)
    const given = isData ? data[filled.at]?.elements : parameters[filled.at]?.initial
    if (given) runtime.write(slot, given)
  }
}
