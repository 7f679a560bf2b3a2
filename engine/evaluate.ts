/** One pass: the loss and variables of a spec, and the gradients. */
import { gradients } from './autodiff.ts'
import { dependsOn } from './autodiff.ts'
import type { ProgramCache } from './cache.ts'
import type { Binding, CompileOptions, StepGraph } from './compile.ts'
import { Conditions } from './conditions.ts'
import { SpecError, suggestion } from './errors.ts'
import { indexError } from './faults.ts'
import type { Output } from './ir/print.ts'
import type { Value } from './ir/value.ts'
import { isFloat } from './ir/value.ts'
import { Tensor, describe } from './lang/values.ts'
import type { Dynamic, Recorder } from './lang/values.ts'
import type { NonFinite } from './locate.ts'
import { firstNonFinite, locateNonFinite } from './locate.ts'
import { Model } from './model.ts'
import type { DataTensor, Network } from './network.ts'
import { buildNetwork, readData, requireLoss } from './network.ts'
import { Mt19937 } from './random/mt19937.ts'
import { Drawing, drawnInputs } from './random/program.ts'
import type { Elements, Runtime } from './runtime.ts'
import type { EngineLimits, ForwardSpec } from './spec.ts'
import type { TensorResult } from './tensor.ts'

export interface Engine {
  readonly cache: ProgramCache
  readonly limits: EngineLimits
  readonly compile: CompileOptions
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

export interface Setup {
  readonly model: Model
  readonly data: readonly DataTensor[]
  readonly drawing: Drawing
  readonly network: Network
}

/** Reads the data, draws the parameters and traces the spec. */
export function setUp(spec: ForwardSpec, engine: Engine, recorder?: Recorder): Setup {
  const { limits } = engine
  const data = readData(spec, limits.maxElements)
  const generator = new Mt19937(spec.seed)
  const model = new Model(spec, generator, limits.maxElements)
  const drawing = new Drawing(generator)
  const numbers = inputElements(data, model)
  const conditions = new Conditions([], (name) => numbers.get(name) ?? drawing.read(name), engine)
  const decide = (condition: Value, live: Iterable<Value>): boolean => conditions.decide(condition, live)
  const network = buildNetwork(spec, model, data, limits, { decide, draws: drawing.draws, recorder })
  return { model, data, drawing, network }
}

/** Data and initial parameters by the names of their buffers. */
export function inputElements(data: readonly DataTensor[], model: Model): Map<string, Elements> {
  const elements = new Map<string, Elements>()
  for (const tensor of data) elements.set(`data ${tensor.name}`, tensor.elements)
  for (const parameter of model.parameters) elements.set(`parameter ${parameter.name}`, parameter.initial)
  return elements
}

/** All that the network reads. */
function allInputs({ data, model, drawing }: Setup): Map<string, Elements> {
  const elements = inputElements(data, model)
  for (const { name } of drawnInputs(drawing.draws)) elements.set(name, drawing.read(name))
  return elements
}

/** The forward pass of `POST /v1/forward`. */
export function forward(spec: ForwardSpec, engine: Engine): ForwardResult {
  const setup = setUp(spec, engine)
  const { network } = setup
  const asked = spec.outputs ?? (network.forward?.lastAssigned === undefined ? [] : [network.forward.lastAssigned])
  const records: Output[] = network.loss ? [{ name: 'loss', value: network.loss.value }] : []
  const numbers = new Map<string, number>()
  for (const [i, name] of asked.entries()) {
    const value = outputOf(name, network.scope.get(name), [...network.scope.keys()], spec.outputs ? `/outputs/${i}` : '/model/forward')
    if (typeof value === 'number') numbers.set(name, value)
    else records.push({ name: `output ${name}`, value })
  }
  const { results, stats } = runOnce(setup, records, engine)
  const outputs = new Map(asked.map((name) => [name, numbers.get(name) ?? results.get(`output ${name}`)!]))
  const nonFinite = isOdd(results) ? locateNonFinite({ forward: records.map(({ value }) => value), gradients: [] }, allInputs(setup), setup.model, engine.compile) : undefined
  return { loss: results.get('loss'), gradFn: network.loss?.gradFn ?? null, outputs, nonFinite, stats }
}

function outputOf(name: string, value: Dynamic | undefined, known: readonly string[], pointer: string): Value | number {
  if (value instanceof Tensor) return value.value
  if (value === undefined) throw new SpecError('unknown_name', `there is no variable "${name}"${suggestion(name, known)}`, { pointer })
  if (value.kind === 'number') return value.value
  throw new SpecError('bad_argument', `the output "${name}" is not a tensor, it is a ${describe(value)}`, { pointer })
}

/** The forward and backward pass of `POST /v1/backward`. */
export function backward(spec: ForwardSpec, engine: Engine): BackwardResult {
  const setup = setUp(spec, engine)
  const { model, network } = setup
  const loss = requireLoss(network)
  const targets = gradientTargets(spec, model, network)
  const values = gradients(loss.value, [...targets.values()])
  const records = [{ name: 'loss', value: loss.value }, ...[...targets.keys()].map((name, i) => ({ name, value: values[i]! }))]
  const { results, stats } = runOnce(setup, records, engine)
  const nonFinite = isOdd(results) ? locateNonFinite({ forward: [loss.value], gradients: values }, allInputs(setup), model, engine.compile) : undefined
  return {
    loss: results.get('loss')!,
    gradFn: loss.gradFn,
    nonFinite,
    gradients: new Map([...targets.keys()].map((name) => [name, results.get(name)!])),
    stats,
  }
}

/** What gradients are taken with respect to, by name: the trainable parameters, then what `retain_grad` names. */
export function gradientTargets(spec: ForwardSpec, model: Model, network: Network): Map<string, Value> {
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
    throw new SpecError('loss_without_parameters', `the loss depends on no parameter${names === '' ? ': the model has none' : ` (there are ${names})`}`, { pointer: '/loss' })
  }
  return targets
}

/** Runs the network once for what is to be recorded. */
export function runOnce(setup: Setup, records: readonly Output[], engine: Engine): { results: Map<string, TensorResult>; stats: Stats } {
  const { network } = setup
  const graph: StepGraph = { bindings: inputBindings(setup), records, updates: [] }
  const prepared = engine.cache.prepare(graph, { ...engine.compile, maxChunk: 1 })
  const runtime = prepared.runtime()
  bindAll(runtime, setup)
  const done = runtime.run(1)
  if (done !== 1) throw indexError(runtime.takeFault(), network.graph)
  const results = new Map(prepared.compiled.records.columns.map((column) => [column.name, { shape: column.shape, dtype: column.dtype, elements: runtime.record(column, 0) }]))
  prepared.release(runtime)
  const { memoryBytes, kernels } = prepared.compiled
  return { results, stats: { fromCache: prepared.fromCache, memoryBytes, kernels: kernels.length, nodes: network.graph.values.length } }
}

/** Data, parameters and draws, none of which changes. */
export function inputBindings({ model, drawing, network }: Setup): Binding[] {
  return [
    ...network.data,
    ...model.parameters.map(({ name, dtype, shape }) => ({ name: `parameter ${name}`, dtype, shape, role: 'data' as const })),
    ...drawnInputs(drawing.draws).map(({ name, dtype, shape }) => ({ name, dtype, shape, role: 'data' as const })),
  ]
}

/** Writes all that the network reads into its buffers. */
export function bindAll(runtime: Runtime, { data, model, drawing }: Setup): void {
  bind(runtime, data, model)
  const slots = new Map(runtime.compiled.data.map((slot) => [slot.name, slot]))
  for (const { name } of drawnInputs(drawing.draws)) runtime.write(slots.get(name)!, drawing.read(name))
}

function isOdd(results: ReadonlyMap<string, TensorResult>): boolean {
  return [...results.values()].some(({ dtype, elements }) => isFloat(dtype) && firstNonFinite(elements) >= 0)
}

/** Writes data and initial parameters into their buffers. */
export function bind(runtime: Runtime, data: readonly DataTensor[], model: Model): void {
  const elements = inputElements(data, model)
  for (const slot of [...runtime.compiled.data, ...runtime.compiled.state]) {
    const given = elements.get(slot.name)
    if (given) runtime.write(slot, given)
  }
}
