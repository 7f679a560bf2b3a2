/**
 * Conditions on tensors: PyTorch's dynamic graph. While a program is traced, a condition on numbers that are only known
 * when it runs is computed at once, from the inputs of this request, and the tracer follows the branch that it decides.
 */
import type { Prepared, ProgramCache } from './cache.ts'
import type { CompileOptions, StepGraph } from './compile.ts'
import type { Place } from './errors.ts'
import { invariant } from './errors.ts'
import { indexError } from './faults.ts'
import type { Value } from './ir/value.ts'
import { Graph, sameAttrs, sameShape } from './ir/value.ts'
import { textAttr } from './ops/define.ts'
import { input, inputOp } from './ops/source.ts'
import type { Elements } from './runtime.ts'

/** What compiles and keeps programs. */
export interface Compiler {
  readonly cache: ProgramCache
  readonly compile: CompileOptions
  /** Nothing is to run: conditions are assumed. */
  readonly dry?: boolean
  /** Told of the conditions that are. */
  readonly assumed?: (place: Place | undefined) => void
}

export class Conditions {
  /** What was decided, in the order of the program. */
  readonly taken: boolean[] = []
  /** The conditions themselves: bool, 0-d. */
  readonly values: Value[] = []
  readonly #known: readonly boolean[]
  readonly #inputs: (name: string) => Elements
  readonly #compiler: Compiler
  readonly #computed = new Map<Value, Elements>()
  /** The last programs: rounds of a loop have one structure. */
  readonly #programs: { readonly part: Part; readonly prepared: Prepared }[] = []
  /** Places of conditions that were assumed. */
  readonly #met = new Set<string>()

  /** The first conditions are decided by `known`; the others from the numbers of the inputs. */
  constructor(known: readonly boolean[], inputs: (name: string) => Elements, compiler: Compiler) {
    this.#known = known
    this.#inputs = inputs
    this.#compiler = compiler
  }

  /** `live` are values that later conditions can depend on: they are kept, so that nothing is computed twice. */
  decide(condition: Value, live: Iterable<Value>): boolean {
    const known = this.#known[this.values.length]
    const decided = known ?? (this.#compiler.dry === true ? this.#assume(condition.graph) : this.#compute(condition, live))
    this.values.push(condition)
    this.taken.push(decided)
    return decided
  }

  /** Without numbers, a condition holds the first time that its place is met and no more: a branch is taken, a loop ends after a round. */
  #assume({ place }: Graph): boolean {
    const key = `${place?.pointer ?? ''} ${place?.line ?? 0} ${place?.column ?? 0}`
    const first = !this.#met.has(key)
    this.#met.add(key)
    this.#compiler.assumed?.(place)
    return first
  }

  /** A program of what is new since the last condition. */
  #compute(condition: Value, live: Iterable<Value>): boolean {
    const values = this.#notYetComputed(condition)
    const elements = values.map((value) => this.#computed.get(value) ?? (value.op === inputOp ? this.#inputs(textAttr(value.attrs, 'name')) : undefined))
    const isNew = new Set(values.filter((value, i) => !elements[i] && value.op.kind !== 'source'))
    const kept = [...new Set(live)].filter((value) => isNew.has(value))
    const part = new Part(values, elements.map((given) => given !== undefined), [condition, ...kept])
    const known = this.#programs.find((program) => program.part.equals(part))
    const prepared = known?.prepared ?? this.#prepare(part)
    const runtime = prepared.runtime()
    const given = elements.filter((numbers) => numbers !== undefined)
    for (const [i, slot] of runtime.compiled.data.entries()) runtime.write(slot, given[i]!)
    if (runtime.run(1) !== 1) throw indexError(runtime.takeFault(), condition.graph)
    const [decided, ...numbers] = runtime.compiled.records.columns.map((column) => runtime.record(column, 0))
    for (const [i, value] of kept.entries()) this.#computed.set(value, numbers[i]!)
    prepared.release(runtime)
    invariant(decided, 'the condition is recorded')
    return decided[0] !== 0
  }

  #prepare(part: Part): Prepared {
    const prepared = this.#compiler.cache.prepare(part.graph(), { ...this.#compiler.compile, maxChunk: 1 })
    this.#programs.push({ part, prepared })
    if (this.#programs.length > maxPrograms) this.#programs.shift()
    return prepared
  }

  /** What `condition` needs, back to what is known, in topological order. */
  #notYetComputed(condition: Value): Value[] {
    const seen = new Set<Value>()
    const stack = [condition]
    while (stack.length > 0) {
      const value = stack.pop()!
      if (seen.has(value)) continue
      seen.add(value)
      if (!this.#computed.has(value)) stack.push(...value.inputs)
    }
    return [...seen].toSorted((a, b) => a.id - b.id)
  }
}

/** Programs of conditions that are compared with a new one: those of a loop with some branches. */
const maxPrograms = 8

/** A part of a graph, from values whose numbers are given. */
class Part {
  /** In topological order. */
  readonly values: readonly Value[]
  readonly given: readonly boolean[]
  readonly records: readonly Value[]
  /** The place of each value among the values. */
  readonly #places: ReadonlyMap<Value, number>

  constructor(values: readonly Value[], given: readonly boolean[], records: readonly Value[]) {
    this.values = values
    this.given = given
    this.records = records
    this.#places = new Map(values.map((value, i) => [value, i]))
  }

  /** Whether the programs of both are the same. */
  equals(other: Part): boolean {
    if (this.values.length !== other.values.length || this.records.length !== other.records.length) return false
    const alike = (a: Value, b: Value): boolean => this.#places.get(a) === other.#places.get(b)
    return (
      this.records.every((record, i) => alike(record, other.records[i]!)) &&
      this.values.every((value, i) => {
        const { op, attrs, inputs, shape, dtype } = other.values[i]!
        if (this.given[i] !== other.given[i]) return false
        if (this.given[i]) return value.dtype === dtype && sameShape(value.shape, shape)
        return value.op === op && value.inputs.length === inputs.length && value.inputs.every((from, j) => alike(from, inputs[j]!)) && sameAttrs(value.attrs, attrs)
      })
    )
  }

  /** The same in a graph of its own, in which what is given are inputs. */
  graph(): StepGraph {
    const graph = new Graph(this.values[0]!.graph.limits)
    const bindings: StepGraph['bindings'][number][] = []
    const rebuilt = new Map<Value, Value>()
    for (const [i, value] of this.values.entries()) {
      const { shape, dtype } = value
      if (this.given[i]) {
        const name = `given ${bindings.length}`
        bindings.push({ name, dtype, shape, role: 'data' })
        rebuilt.set(value, input(graph, name, shape, dtype))
      } else {
        rebuilt.set(value, graph.at(value.place, () => graph.again(value, value.inputs.map((from) => rebuilt.get(from)!))))
      }
    }
    return { bindings, records: this.records.map((value, i) => ({ name: String(i), value: rebuilt.get(value)! })), updates: [] }
  }
}
