/**
 * Conditions on tensors: PyTorch's dynamic graph. While a program is traced, a condition on numbers that are only known
 * when it runs is computed at once, from the inputs of this request, and the tracer follows the branch that it decides.
 */
import type { ProgramCache } from './cache.ts'
import type { CompileOptions } from './compile.ts'
import type { Place } from './errors.ts'
import { invariant } from './errors.ts'
import { indexError } from './faults.ts'
import type { Value } from './ir/value.ts'
import { Graph } from './ir/value.ts'
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

  /** A program of what is new since the last condition. Rounds of a loop have one structure, so the cache has it. */
  #compute(condition: Value, live: Iterable<Value>): boolean {
    const part = this.#notYetComputed(condition)
    const graph = new Graph(condition.graph.limits)
    const rebuilt = new Map<Value, Value>()
    const given: { readonly name: string; readonly elements: Elements; readonly value: Value }[] = []
    for (const value of part) {
      const elements = this.#computed.get(value) ?? (value.op === inputOp ? this.#inputs(textAttr(value.attrs, 'name')) : undefined)
      if (elements) {
        const name = `given ${given.length}`
        const stand = input(graph, name, value.shape, value.dtype)
        given.push({ name, elements, value: stand })
        rebuilt.set(value, stand)
      } else {
        rebuilt.set(value, graph.at(value.place, () => graph.add(value.op, value.inputs.map((from) => rebuilt.get(from)!), value.attrs)))
      }
    }
    const kept = [...new Set(live)].filter((value) => rebuilt.has(value) && value.op.kind !== 'source' && !this.#computed.has(value))
    const prepared = this.#compiler.cache.prepare(
      {
        bindings: given.map(({ name, value: { dtype, shape } }) => ({ name, dtype, shape, role: 'data' as const })),
        records: [condition, ...kept].map((value, i) => ({ name: String(i), value: rebuilt.get(value)! })),
        updates: [],
      },
      { ...this.#compiler.compile, maxChunk: 1 },
    )
    const runtime = prepared.runtime()
    for (const [i, slot] of runtime.compiled.data.entries()) runtime.write(slot, given[i]!.elements)
    if (runtime.run(1) !== 1) throw indexError(runtime.takeFault(), condition.graph)
    const [decided, ...numbers] = runtime.compiled.records.columns.map((column) => runtime.record(column, 0))
    for (const [i, value] of kept.entries()) this.#computed.set(value, numbers[i]!)
    prepared.release(runtime)
    invariant(decided, 'the condition is recorded')
    return decided[0] !== 0
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
