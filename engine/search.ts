/** Steps of an optimizer that looks at the loss at several points: the program gives loss and gradient, the search moves the parameters. */
import type { BatchPlan } from './batches.ts'
import { invariant } from './errors.ts'
import type { DType, Shape } from './ir/value.ts'
import { numel } from './ir/value.ts'
import type { Parameter, ParameterKind } from './model.ts'
import type { SearchMemory, Vector } from './optim/index.ts'
import type { Elements, Runtime } from './runtime.ts'
import type { Ran, Stepper } from './stepper.ts'
import type { TensorResult } from './tensor.ts'
import { readGradients, readNumbers } from './variants.ts'

/** One evaluation of the loss. */
export interface StepReading {
  readonly losses: Float64Array
  readonly gradNorms: Float64Array
  readonly gradients: ReadonlyMap<string, TensorResult>
}

/** A search with the options that hold in this step. */
export type SearchStep = (memory: SearchMemory, start: Vector, evaluate: (point: Vector) => { readonly loss: number; readonly gradient: Vector }) => { readonly point: Vector; readonly memory: SearchMemory }

export class Searcher {
  readonly #stepper: Stepper
  readonly #parameters: readonly Parameter[]

  /** `parameters`: those that are trained. */
  constructor(stepper: Stepper, parameters: readonly Parameter[]) {
    this.#stepper = stepper
    this.#parameters = parameters
  }

  /** One step on the minibatch of the plan. Gives its first evaluation, whose loss and gradients are the step's. */
  step(plan: BatchPlan, search: SearchStep, memory: SearchMemory, write: (runtime: Runtime, count: number) => number): { readonly ran: Ran; readonly reading: StepReading; readonly memory: SearchMemory } {
    let first: { readonly ran: Ran; readonly reading: StepReading } | undefined
    let last: Runtime | undefined
    const evaluate = (point: Vector): { readonly loss: number; readonly gradient: Vector } => {
      const ran = this.#stepper.run(plan, (runtime, count) => {
        this.#move(runtime, point)
        return write(runtime, count)
      })
      const { prepared } = ran.variant
      const reading = { ...readNumbers(prepared, ran.runtime, 1), gradients: readGradients(prepared, ran.runtime, 0) }
      first ??= { ran, reading }
      last = ran.runtime
      return { loss: reading.losses[0]!, gradient: this.#flat((name) => reading.gradients.get(name)!.elements) }
    }
    const start = this.#flat((name) => this.#stepper.read(`parameter ${name}`) ?? this.#parameters.find((parameter) => parameter.name === name)!.initial)
    const found = search(memory, start, evaluate)
    invariant(first && last, 'a search evaluates its start')
    this.#move(last, found.point)
    return { ...first, memory: found.memory }
  }

  #move(runtime: Runtime, point: Vector): void {
    let at = 0
    for (const { name, shape } of this.#parameters) {
      const slot = runtime.compiled.state.find((state) => state.name === `parameter ${name}`)
      invariant(slot, `${name} is in the state`)
      runtime.write(slot, point.subarray(at, (at += numel(shape))))
    }
  }

  #flat(elements: (name: string) => Elements): Vector {
    return joined(this.#parameters.map(({ name }) => elements(name) as Vector))
  }
}

function joined(parts: readonly Vector[]): Vector {
  const length = parts.reduce((total, part) => total + part.length, 0)
  const out = parts.every((part) => part instanceof Float32Array) ? new Float32Array(length) : new Float64Array(length)
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

/** What a search keeps, by parameter: `old_dirs` of shape [k, ...] holds k vectors' parts. */
export function searchTensors(vectors: SearchMemory['vectors'], parameters: readonly ParameterKind[]): Map<string, Map<string, TensorResult>> {
  const dtype = widest(parameters)
  let at = 0
  return new Map(
    parameters.map(({ name, shape }) => {
      const from = at
      at += numel(shape)
      const slots = Object.entries(vectors).map(([slot, list]) => {
        const elements = list.length === 0 && dtype === 'float64' ? new Float64Array(0) : joined(list.map((vector) => vector.subarray(from, at)))
        return [slot, { shape: [list.length, ...shape], dtype, elements }] as const
      })
      return [name, new Map(slots)] as const
    }),
  )
}

/** What vectors over all these parameters are held in. */
function widest(parameters: readonly ParameterKind[]): DType {
  return parameters.every(({ dtype }) => dtype === 'float32') ? 'float32' : 'float64'
}

/** The slots of `counts` vectors. */
export function searchSlots(counts: Readonly<Record<string, number>>, parameters: readonly ParameterKind[]): Map<string, Map<string, { readonly shape: Shape; readonly dtype: DType }>> {
  const dtype = widest(parameters)
  return new Map(parameters.map(({ name, shape }) => [name, new Map(Object.entries(counts).map(([slot, count]) => [slot, { shape: [count, ...shape], dtype }]))]))
}

/** Vectors from their parts. */
export function searchVectors(tensors: ReadonlyMap<string, ReadonlyMap<string, TensorResult>>, parameters: readonly ParameterKind[], counts: Readonly<Record<string, number>>): SearchMemory['vectors'] {
  const partOf = ({ name, shape }: { readonly name: string; readonly shape: Shape }, slot: string, i: number): Vector => {
    const size = numel(shape)
    return (tensors.get(name)!.get(slot)!.elements as Vector).subarray(i * size, (i + 1) * size)
  }
  return Object.fromEntries(Object.entries(counts).map(([slot, count]) => [slot, Array.from({ length: count }, (_, i) => joined(parameters.map((parameter) => partOf(parameter, slot, i))))]))
}
