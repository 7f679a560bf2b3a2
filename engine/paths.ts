/**
 * Requests with conditions on tensors that come again: whether their numbers take the path that is known is computed at
 * once, by a program of the conditions alone, and nothing is traced.
 */
import type { Path, Prepared, ProgramCache } from './cache.ts'
import type { Binding } from './compile.ts'
import type { Compiler, Conditions } from './conditions.ts'
import type { Value } from './ir/value.ts'
import { reachable } from './ir/value.ts'
import { logicalAnd, not } from './ops/choice.ts'
import { textAttr } from './ops/define.ts'
import { inputOp } from './ops/source.ts'
import type { Elements } from './runtime.ts'

/** Whether each condition is what it was taken for: a bool, 0-d. */
export function asTaken(conditions: readonly (readonly [value: Value, taken: boolean])[]): Value {
  return conditions.map(([value, taken]) => (taken ? value : not(value))).reduce(logicalAnd)
}

/**
 * The path of what was traced, where there is one to remember with the text of the request: undefined the first time,
 * as most requests come once, and where numbers are drawn, which conditions may depend on.
 */
export function pathOf(text: string, prepared: Prepared, { taken, values }: Conditions, bindings: readonly Binding[], drawn: boolean, { cache, compile }: Compiler): Path | undefined {
  if (drawn || !cache.repeats(text, prepared)) return undefined
  const value = asTaken(values.map((condition, i) => [condition, taken[i]!]))
  const read = new Set(reachable([value]).filter(({ op }) => op === inputOp).map(({ attrs }) => textAttr(attrs, 'name')))
  const inputs = bindings.filter(({ name }) => read.has(name)).map((binding) => ({ ...binding, role: 'data' as const }))
  const check = cache.prepare({ bindings: inputs, records: [{ name: 'path', value }], updates: [] }, { ...compile, maxChunk: 1, threads: 1 })
  return { taken, check: check.key }
}

/** Whether the inputs take the path; false too where the program that computes it is gone. */
export function takesPath({ check }: Path, inputs: (name: string) => Elements | undefined, cache: ProgramCache): boolean {
  const prepared = cache.find(check)
  if (!prepared) return false
  const runtime = prepared.runtime()
  for (const slot of runtime.compiled.data) runtime.write(slot, inputs(slot.name)!)
  // On another path an index can be out of range.
  const done = runtime.run(1) === 1 || runtime.takeFault() === undefined
  const taken = done && runtime.record(runtime.compiled.records.columns[0]!, 0)[0] !== 0
  prepared.release(runtime)
  return taken
}
