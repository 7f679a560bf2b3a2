/** Where a number that is not finite first arose, in a step that has been found to have one. */
import { gradients } from './autodiff.ts'
import { compile } from './compile.ts'
import { SpecError } from './errors.ts'
import type { Place } from './errors.ts'
import type { Engine } from './evaluate.ts'
import type { DType, Value } from './ir/value.ts'
import { isFloat, reachable } from './ir/value.ts'
import { inputOp } from './ops/source.ts'
import type { Elements } from './runtime.ts'
import { Runtime } from './runtime.ts'

export interface NonFinite {
  readonly step: number
  readonly phase: 'forward' | 'backward'
  /** The operation whose result has the first one: "log", "div". */
  readonly operation: string
  readonly value: 'NaN' | 'Infinity' | '-Infinity'
  readonly place: Place | undefined
}

/**
 * Runs the step once more with every intermediate value kept, and finds the first in the order of the program.
 * Undefined when the values do not fit in memory.
 */
export function locateNonFinite(loss: Value, targets: ReadonlyMap<string, Value>, inputs: ReadonlyMap<string, Elements>, engine: Engine): Omit<NonFinite, 'step'> | undefined {
  const forward = new Set(reachable([loss]))
  const all = reachable([loss, ...gradients(loss, [...targets.values()])])
  const kept = all.filter((value) => isFloat(value.dtype) && value.op.kind !== 'view' && value.op.kind !== 'source')
  const bindings = all.filter((value) => value.op === inputOp).map((value) => ({ name: value.attrs['name'] as string, dtype: value.dtype, shape: value.shape, role: 'data' as const }))
  const records = kept.map((value, i) => ({ name: String(i), value }))
  let runtime: Runtime
  try {
    runtime = new Runtime(compile({ bindings, records, updates: [] }, { ...engine.compile, maxChunk: 1 }))
  } catch (error) {
    if (error instanceof SpecError && error.code === 'memory_limit') return undefined
    throw error
  }
  for (const slot of runtime.compiled.data) runtime.write(slot, inputs.get(slot.name)!)
  runtime.run(1)
  for (const [i, column] of runtime.compiled.records.columns.entries()) {
    const value = firstNonFinite(runtime.record(column, 0), column.dtype)
    if (value === undefined) continue
    const node = kept[i]!
    return { phase: forward.has(node) ? 'forward' : 'backward', operation: node.op.name, value, place: node.place }
  }
  return undefined
}

function firstNonFinite(elements: Elements, dtype: DType): NonFinite['value'] | undefined {
  if (!isFloat(dtype)) return undefined
  for (const x of elements as Float32Array | Float64Array) {
    if (Number.isFinite(x)) continue
    return Number.isNaN(x) ? 'NaN' : x > 0 ? 'Infinity' : '-Infinity'
  }
  return undefined
}
