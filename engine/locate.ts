/** Where a number that is not finite first arose, in a step that has been found to give one. */
import type { CompileOptions } from './compile.ts'
import { compile } from './compile.ts'
import { SpecError, escape } from './errors.ts'
import type { Place } from './errors.ts'
import type { Shape, Value } from './ir/value.ts'
import { isFloat, reachable } from './ir/value.ts'
import type { Model } from './model.ts'
import { textAttr } from './ops/define.ts'
import { inputOp } from './ops/source.ts'
import { sliceOp } from './ops/view.ts'
import { windowsOp } from './ops/windows.ts'
import type { Elements } from './runtime.ts'
import { Runtime } from './runtime.ts'

type Kind = 'NaN' | 'Infinity' | '-Infinity'

export interface NonFinite {
  readonly phase: 'forward' | 'backward'
  /** torch's name of the call whose result, or gradient, has the first one: `log`; `data` or `parameter` where it was given. */
  readonly operation: string
  readonly value: Kind
  readonly place: Place | undefined
  /** The place in the data or parameter that it came with. */
  readonly index: readonly number[] | undefined
}

/** What a step computed. */
export interface Results {
  /** Results of the forward pass. */
  readonly forward: readonly Value[]
  readonly gradients: readonly Value[]
}

/**
 * Runs the step once more with every intermediate value kept. From the results that are not finite it goes back through
 * values that are not finite either, and finds the first of them in the order of the program: an infinity that a
 * softmax or a `where` has made harmless is not the cause. Undefined when the values do not fit in memory.
 */
export function locateNonFinite(results: Results, inputs: ReadonlyMap<string, Elements>, model: Model, options: CompileOptions): NonFinite | undefined {
  const roots = [...results.forward, ...results.gradients]
  const all = reachable(roots)
  const origins = originsOf(all)
  const kinds = runKept(all.filter((value) => origins.get(value) === value), inputs, options)
  if (!kinds) return undefined
  const odd = (values: readonly Value[]): Value[] => values.map((value) => origins.get(value)!).filter((value) => kinds.has(value))
  const found = new Set<Value>()
  const stack = odd(roots)
  while (stack.length > 0) {
    const value = stack.pop()!
    if (found.has(value)) continue
    found.add(value)
    stack.push(...odd(value.inputs))
  }
  const first = [...found].toSorted((a, b) => a.id - b.id)[0]
  if (!first) return undefined
  const value = kinds.get(first)!
  if (first.op === inputOp && first.call === undefined) return { phase: 'forward', value, ...given(textAttr(first.attrs, 'name'), first.shape, inputs, model) }
  const phase = new Set(reachable(results.forward)).has(first) ? 'forward' : 'backward'
  return { phase, operation: first.call ?? first.op.name, value, place: first.place, index: undefined }
}

/** For a view what it views: the same numbers. A slice may leave some out, so it counts by itself. */
function originsOf(all: readonly Value[]): ReadonlyMap<Value, Value> {
  const origins = new Map<Value, Value>()
  for (const value of all) origins.set(value, value.op.kind === 'view' && value.op !== sliceOp && value.op !== windowsOp ? origins.get(value.inputs[0]!)! : value)
  return origins
}

/** Which values are not finite, and what their first such element is. */
function runKept(all: readonly Value[], inputs: ReadonlyMap<string, Elements>, options: CompileOptions): Map<Value, Kind> | undefined {
  const read = all.filter((value) => value.op === inputOp)
  const bindings = read.map((value) => ({ name: textAttr(value.attrs, 'name'), dtype: value.dtype, shape: value.shape, role: 'data' as const }))
  const kept = all.filter((value) => isFloat(value.dtype) && value.op.kind !== 'source')
  const records = kept.map((value, i) => ({ name: String(i), value }))
  let runtime: Runtime
  try {
    runtime = new Runtime(compile({ bindings, records, updates: [] }, { ...options, maxChunk: 1 }))
  } catch (error) {
    if (error instanceof SpecError && error.code === 'memory_limit') return undefined
    throw error
  }
  for (const slot of runtime.compiled.data) runtime.write(slot, inputs.get(slot.name)!)
  runtime.run(1)
  const kinds = new Map<Value, Kind>()
  const look = (value: Value, elements: Elements): void => {
    const at = isFloat(value.dtype) ? firstNonFinite(elements) : -1
    if (at >= 0) kinds.set(value, kindOf(Number(elements[at])))
  }
  for (const value of read) look(value, inputs.get(textAttr(value.attrs, 'name'))!)
  for (const [i, column] of runtime.compiled.records.columns.entries()) look(kept[i]!, runtime.record(column, 0))
  return kinds
}

/** The place of the first element that is not finite, or -1. */
export function firstNonFinite(elements: Elements): number {
  // x - x is 0 for finite x and NaN otherwise.
  for (let i = 0; i < elements.length; i++) if ((elements[i] as number) - (elements[i] as number) !== 0) return i
  return -1
}

function kindOf(x: number): Kind {
  return Number.isNaN(x) ? 'NaN' : x > 0 ? 'Infinity' : '-Infinity'
}

/** The place of an input that was not finite from the start. */
function given(input: string, shape: Shape, inputs: ReadonlyMap<string, Elements>, model: Model): Pick<NonFinite, 'operation' | 'place' | 'index'> {
  const at = firstNonFinite(inputs.get(input)!)
  const index = shape.map((size, axis) => Math.floor(at / shape.slice(axis + 1).reduce((a, b) => a * b, 1)) % size)
  const [operation, name] = [input.slice(0, input.indexOf(' ')), input.slice(input.indexOf(' ') + 1)]
  const own = operation === 'data' ? `/data/${escape(name)}` : model.parameters.find((parameter) => parameter.name === name)?.pointer
  const pointer = operation === 'parameter' ? (model.restored.get(name) ?? own) : own
  return { operation, place: pointer === undefined ? undefined : { pointer }, index }
}
