/**
 * Second derivatives: the Hessian of the loss row by row, or its product with a vector. A row is the gradient of
 * (gradient · v) for a basis vector v (Pearlmutter 1994), so the graph is as large for one row as for all.
 */
import { dependsOn, gradients } from './autodiff.ts'
import { SpecError, escape, showShape } from './errors.ts'
import type { Engine, Setup, Stats } from './evaluate.ts'
import { bindAll, gradientTargets, inputBindings, setUp } from './evaluate.ts'
import { indexError } from './faults.ts'
import type { Prepared } from './cache.ts'
import type { Output } from './ir/print.ts'
import type { DType, Shape, Value } from './ir/value.ts'
import { numel, sameShape } from './ir/value.ts'
import { requireLoss } from './network.ts'
import * as ew from './ops/elementwise.ts'
import { input } from './ops/source.ts'
import { sum } from './ops/view.ts'
import { select } from './optim/groups.ts'
import type { Elements, Runtime } from './runtime.ts'
import type { ForwardSpec } from './spec.ts'
import type { TensorJson, TensorResult } from './tensor.ts'
import { readTensor, toElements } from './tensor.ts'

export interface HessianSpec extends ForwardSpec {
  /** Patterns of the parameters; all trainable ones where it is left out. */
  readonly parameters?: readonly string[] | undefined
  /** A direction for each of the parameters. */
  readonly vector?: Readonly<Record<string, TensorJson>> | undefined
}

interface Chosen {
  readonly name: string
  readonly shape: Shape
  readonly dtype: DType
}

export interface HessianResult {
  readonly loss: TensorResult
  readonly gradFn: string | null
  readonly gradients: ReadonlyMap<string, TensorResult>
  /** Of parameters a and b: the second derivatives, of shape [...a, ...b]. Empty where a product was asked for. */
  readonly hessian: ReadonlyMap<string, ReadonlyMap<string, TensorResult>>
  /** The Hessian times the given vector, of the parameters' shapes. */
  readonly product: ReadonlyMap<string, TensorResult> | undefined
  readonly stats: Stats
}

/** Most rows of a matrix: what is larger is asked for as products. */
export const maxHessianRows = 10_000

/** Second derivatives of a spec: prepared by the constructor, computed by `run`. */
export class Hessian {
  /** The parameters in the order of the answer. */
  readonly parameters: readonly Chosen[]
  readonly #setup: Setup
  readonly #vector: ReadonlyMap<string, Elements> | undefined
  readonly #prepared: Prepared
  readonly #gradFn: string | null

  constructor(spec: HessianSpec, engine: Engine) {
    const setup = setUp(spec, engine)
    const { model, network } = setup
    const loss = requireLoss(network)
    const targets = gradientTargets(spec, model, network)
    const names = spec.parameters ? [...new Set(spec.parameters.flatMap((pattern, i) => select(pattern, [...targets.keys()], `/parameters/${i}`)))] : [...targets.keys()]
    this.parameters = model.parameters.filter(({ name }) => names.includes(name)).map(({ name, shape, dtype }) => ({ name, shape, dtype }))
    this.#setup = setup
    this.#gradFn = loss.gradFn
    this.#vector = spec.vector && readVector(spec.vector, this.parameters, engine.limits.maxElements)
    if (!this.#vector && this.rows > maxHessianRows) {
      throw new SpecError('tensor_too_large', `the chosen parameters have ${this.rows} elements; a whole Hessian is computed for at most ${maxHessianRows}: choose some of them with "parameters", or ask for a product with "vector"`, { pointer: '/parameters' })
    }
    const values = this.parameters.map(({ name }) => targets.get(name)!)
    const first = gradients(loss.value, values)
    const vectors = this.parameters.map(({ name, shape, dtype }) => input(network.graph, `vector ${name}`, shape, dtype))
    const along = first.map((g, i) => ew.cast(sum(ew.mul(g, vectors[i]!), [...g.shape.keys()]), loss.value.dtype)).reduce((a, b) => ew.add(a, b))
    const products = second(along, values)
    const records: Output[] = [
      { name: 'loss', value: loss.value },
      ...this.parameters.map(({ name }, i) => ({ name: `gradient ${name}`, value: first[i]! })),
      ...this.parameters.map(({ name }, i) => ({ name: `product ${name}`, value: products[i]! })),
    ]
    const bindings = [...inputBindings(setup), ...this.parameters.map(({ name, shape, dtype }) => ({ name: `vector ${name}`, dtype, shape, role: 'step' as const }))]
    this.#prepared = engine.cache.prepare({ bindings, records, updates: [] }, { ...engine.compile, maxChunk: Math.max(1, Math.min(engine.compile.maxChunk, this.#vector ? 1 : this.rows)) })
  }

  /** Elements of the chosen parameters. */
  get rows(): number {
    return this.parameters.reduce((n, { shape }) => n + numel(shape), 0)
  }

  /** `check` is called between parts of the work, and may throw. */
  run(check: () => void): HessianResult {
    const runtime = this.#prepared.runtime()
    bindAll(runtime, this.#setup)
    const vector = this.#vector
    const product = vector && this.#read(this.#rows(runtime, 1, (row) => {
      for (const [name, elements] of vector) this.#write(runtime, row, name, elements)
    }, check), 'product ')
    const hessian = vector ? new Map<string, Map<string, TensorResult>>() : this.#matrix(runtime, check)
    const { memoryBytes, kernels } = this.#prepared.compiled
    const [loss] = this.#prepared.compiled.records.columns
    const result = {
      loss: { shape: [], dtype: loss!.dtype, elements: runtime.record(loss!, 0) },
      gradFn: this.#gradFn, gradients: this.#read(runtime, 'gradient '), hessian, product,
      stats: { fromCache: this.#prepared.fromCache, memoryBytes, kernels, nodes: this.#setup.network.graph.values.length },
    }
    this.#prepared.release(runtime)
    return result
  }

  #matrix(runtime: Runtime, check: () => void): Map<string, Map<string, TensorResult>> {
    const { parameters } = this
    const block = (a: Chosen, b: Chosen): TensorResult => ({ shape: [...a.shape, ...b.shape], dtype: b.dtype, elements: blank(b.dtype, numel(a.shape) * numel(b.shape)) })
    const blocks = new Map(parameters.map((a) => [a.name, new Map(parameters.map((b) => [b.name, block(a, b)]))]))
    const zeros = new Map(parameters.map(({ name, shape, dtype }) => [name, blank(dtype, numel(shape))]))
    // Row i of the matrix: an element of a parameter.
    const places = parameters.flatMap(({ name, shape }) => Array.from({ length: numel(shape) }, (_, at) => ({ name, at })))
    const { chunk, records } = runtime.compiled
    for (let from = 0; from < Math.max(1, places.length); from += chunk) {
      const rows = places.slice(from, from + chunk)
      // Where there are no elements, one pass gives the loss.
      this.#rows(runtime, Math.max(1, rows.length), (row) => {
        for (const [name, elements] of zeros) {
          const one = rows[row]?.name === name ? rows[row].at : undefined
          this.#write(runtime, row, name, one === undefined ? elements : elements.slice().fill(1, one, one + 1))
        }
      }, check)
      for (const [row, { name, at }] of rows.entries()) {
        for (const b of parameters) {
          const column = records.columns.find((candidate) => candidate.name === `product ${b.name}`)!
          blocks.get(name)!.get(b.name)!.elements.set(runtime.record(column, row) as never, at * numel(b.shape))
        }
      }
    }
    return blocks
  }

  /** Runs `count` rows, for which `write` sets the vectors. */
  #rows(runtime: Runtime, count: number, write: (row: number) => void, check: () => void): Runtime {
    check()
    for (let row = 0; row < count; row++) write(row)
    if (runtime.run(count) < count) throw indexError(runtime.takeFault(), this.#setup.network.graph)
    return runtime
  }

  #write(runtime: Runtime, row: number, name: string, elements: Elements): void {
    runtime.writeStep(runtime.compiled.steps.columns.find((column) => column.name === `vector ${name}`)!, row, elements)
  }

  #read(runtime: Runtime, prefix: string): Map<string, TensorResult> {
    return new Map(
      this.parameters.map(({ name, shape, dtype }) => {
        const column = runtime.compiled.records.columns.find((candidate) => candidate.name === `${prefix}${name}`)!
        return [name, { shape, dtype, elements: runtime.record(column, 0) }]
      }),
    )
  }
}

/** Gradients of what may not depend on the parameters any more, as the slope of a linear loss does not. */
function second(along: Value, values: readonly Value[]): Value[] {
  return dependsOn(along, values) ? gradients(along, values) : values.map((value) => ew.fullLike(value, 0))
}

function blank(dtype: DType, count: number): Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer> {
  return dtype === 'float32' ? new Float32Array(count) : new Float64Array(count)
}

/** One tensor for each of the parameters, or all that is wrong with them. */
function readVector(given: Readonly<Record<string, TensorJson>>, parameters: readonly Chosen[], maxElements: number): Map<string, Elements> {
  const known = parameters.map(({ name }) => name)
  const stray = Object.keys(given).find((name) => !known.includes(name))
  if (stray !== undefined) throw new SpecError('unknown_name', `"${stray}" is not among the chosen parameters; there are ${known.slice(0, 20).join(', ')}`, { pointer: `/vector/${escape(stray)}` })
  return new Map(
    parameters.map(({ name, shape, dtype }) => {
      const json = given[name]
      if (json === undefined) throw new SpecError('shape_mismatch', `a vector has a part for each of the chosen parameters; that of "${name}" is missing`, { pointer: '/vector' })
      const pointer = `/vector/${escape(name)}`
      const tensor = readTensor(json, pointer, maxElements)
      if (!sameShape(tensor.shape, shape)) throw new SpecError('shape_mismatch', `the shape of "${name}", ${showShape(shape)}, expected, got ${showShape(tensor.shape)}`, { pointer })
      return [name, toElements(tensor, dtype)]
    }),
  )
}
