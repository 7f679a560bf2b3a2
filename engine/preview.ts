/** What a request would compute, without running it: shapes, parameters, arithmetic, memory. */
import type { Cost } from './cost.ts'
import { costOf } from './cost.ts'
import type { Place } from './errors.ts'
import { invariant } from './errors.ts'
import type { Engine, Setup } from './evaluate.ts'
import { backwardValues, forwardRecords, prepare, setUp } from './evaluate.ts'
import type { Output } from './ir/print.ts'
import type { Value } from './ir/value.ts'
import { numel } from './ir/value.ts'
import type { TensorKind } from './layered.ts'
import type { Call, Dynamic, Recorder } from './lang/values.ts'
import { Tensor, describe } from './lang/values.ts'
import type { Model } from './model.ts'
import type { Network } from './network.ts'
import type { ForwardSpec } from './spec.ts'
import type { Training } from './train.ts'

/** An assignment of a program. Assignments that are alike, as in the rounds of a loop, are one. */
export interface PreviewVariable {
  readonly name: string
  /** Of a tensor. */
  readonly tensor: (TensorKind & { readonly requiresGrad: boolean }) | undefined
  /** `Tensor`, or what another value is: `int`, `tuple of 2`. */
  readonly type: string
  /** Of a Python number, text or truth value that is always the same. */
  value: number | string | boolean | undefined
  /** Whether it is local to a function of the program. */
  readonly local: boolean
  /** Whether a condition on a tensor was assumed before. */
  readonly conditional: boolean
  readonly place: Place
  times: number
}

/** A call of a layer. */
export interface PreviewLayer {
  readonly name: string
  readonly type: string
  readonly outputs: readonly TensorKind[]
  /** Elements of its parameters. */
  readonly parameters: number
  readonly place: Place | undefined
  times: number
}

/** What a part of the work adds to the parts before it. */
export interface Phases {
  readonly forward: Cost
  readonly backward: Cost | undefined
  readonly update: Cost | undefined
}

export interface Preview {
  readonly model: Model
  readonly variables: readonly PreviewVariable[]
  readonly layers: readonly PreviewLayer[]
  readonly loss: (TensorKind & { readonly gradFn: string | null }) | undefined
  /** Of a forward pass; Python numbers are known already. */
  readonly outputs: ReadonlyMap<string, TensorKind | number>
  readonly phases: Phases
  readonly memoryBytes: number
  readonly kernels: number
  /** Conditions on tensors that were assumed. */
  readonly conditions: readonly Place[]
}

export function previewForward(spec: ForwardSpec, engine: Engine): Preview {
  const seen = new Seen()
  const setup = setUp(spec, seen.dry(engine), seen)
  const { records, outputs: known } = forwardRecords(spec, setup)
  const tensors = new Map(records.map(({ name, value }) => [name, kindOf(value)]))
  const outputs = new Map([...known].map(([name, number]) => [name, number ?? tensors.get(`output ${name}`)!]))
  return { ...pass(setup, seen, engine, records), outputs, phases: phasesOf([records]) }
}

export function previewBackward(spec: ForwardSpec, engine: Engine): Preview {
  const seen = new Seen()
  const setup = setUp(spec, seen.dry(engine), seen)
  const records = backwardRecords(spec, setup)
  return { ...pass(setup, seen, engine, records), outputs: new Map(), phases: phasesOf([records.slice(0, 1), records]) }
}

/** Of a run that was made by a dry engine. */
export function previewTraining(training: Training): Preview {
  const { spec, engine, model, first } = training
  invariant(engine.dry, 'a run that is only looked at')
  const seen = new Seen()
  const { network, graph } = training.look(seen.dry(engine), seen)
  const records = backwardRecords(spec, { model, network })
  const whole = [...graph.records, ...graph.updates.map(({ name, value }) => ({ name: `update ${name}`, value }))]
  const { memoryBytes } = training.stats
  return { ...seen.report(model, network), outputs: new Map(), phases: phasesOf([records.slice(0, 1), records, whole]), memoryBytes, kernels: first.prepared.compiled.kernels }
}

/** The loss, then its gradients. */
function backwardRecords(spec: ForwardSpec, setup: Pick<Setup, 'model' | 'network'>): Output[] {
  const { loss, targets, values } = backwardValues(spec, setup)
  return [{ name: 'loss', value: loss.value }, ...targets.map((name, i) => ({ name: `gradient ${name}`, value: values[i]! }))]
}

function pass(setup: Setup, seen: Seen, engine: Engine, records: readonly Output[]): Omit<Preview, 'outputs' | 'phases'> {
  const { memoryBytes, kernels } = prepare(setup, records, engine).compiled
  return { ...seen.report(setup.model, setup.network), memoryBytes, kernels }
}

/** From outputs of more and more of the work: the loss, the gradients too, the whole step. */
function phasesOf(outputs: readonly (readonly Output[])[]): Phases {
  const costs = outputs.map(costOf)
  const added = (i: number): Cost | undefined => costs[i] && { flops: Math.max(0, costs[i].flops - costs[i - 1]!.flops), bytes: Math.max(0, costs[i].bytes - costs[i - 1]!.bytes) }
  return { forward: costs[0]!, backward: added(1), update: added(2) }
}

function kindOf({ shape, dtype }: Value): TensorKind {
  return { shape, dtype }
}

/** Takes down variables and layers while a program is traced. */
class Seen implements Recorder {
  readonly #variables = new Map<string, PreviewVariable>()
  readonly #layers = new Map<string, Omit<PreviewLayer, 'parameters'>>()
  readonly #conditions = new Map<string, Place>()

  leaf(): void {}

  same(): void {}

  changed(): void {}

  own(value: Value): Value {
    return value
  }

  called({ module: name, name: type }: Call, results: readonly Tensor[], place: Place | undefined): void {
    if (name === undefined) return
    const outputs = results.map(({ value }) => kindOf(value))
    count(this.#layers, JSON.stringify([name, outputs, place]), () => ({ name, type, outputs, place, times: 0 }))
  }

  assigned(name: string, value: Dynamic, local: boolean, place: Place): void {
    if (!(value instanceof Tensor) && value.kind === 'function') return
    const tensor = value instanceof Tensor ? { ...kindOf(value.value), requiresGrad: value.requiresGrad } : undefined
    const conditional = this.#conditions.size > 0
    const type = typeOf(value)
    const known = 'value' in value && !(value instanceof Tensor) ? value.value : undefined
    const variable = count(this.#variables, JSON.stringify([name, tensor, type, place]), () => ({ name, tensor, type, value: known, local, conditional, place, times: 0 }))
    if (variable.value !== known) variable.value = undefined
  }

  /** An engine that runs nothing and tells what it assumes. */
  dry(engine: Engine): Engine {
    return { ...engine, dry: true, assumed: (place = {}) => void this.#conditions.set(JSON.stringify(place), place) }
  }

  report(model: Model, { loss }: Network): Pick<Preview, 'model' | 'variables' | 'layers' | 'loss' | 'conditions'> {
    const parametersOf = (layer: string): number => model.parameters.reduce((n, { name, shape, buffer }) => (!buffer && name.startsWith(`${layer}.`) ? n + numel(shape) : n), 0)
    return {
      model,
      variables: [...this.#variables.values()],
      layers: [...this.#layers.values()].map((layer) => ({ ...layer, parameters: parametersOf(layer.name) })),
      loss: loss && { ...kindOf(loss.value), gradFn: loss.gradFn },
      conditions: [...this.#conditions.values()],
    }
  }
}

/** One time more what is known by `key`. */
function count<T extends { times: number }>(known: Map<string, T>, key: string, make: () => T): T {
  const item = known.get(key) ?? make()
  item.times++
  known.set(key, item)
  return item
}

function typeOf(value: Dynamic): string {
  if (value instanceof Tensor) return 'Tensor'
  if (value.kind === 'number') return value.whole ? 'int' : 'float'
  if (value.kind === 'boolean') return 'bool'
  return value.kind === 'string' ? 'str' : describe(value)
}
