/** The graph as text: one line a value, stable between runs, for snapshots and the debug ladder. */
import { mapped } from './lists.ts'
import type { Value } from './value.ts'
import { attrText, reachable } from './value.ts'

export interface Output {
  readonly name: string
  readonly value: Value
}

/** Numbers in order of appearance, so that they depend on the structure alone. */
export function numberValues(outputs: readonly Output[]): Map<Value, number> {
  return new Map(reachable(mapped(outputs, (output) => output.value)).map((value, number) => [value, number]))
}

/** `%3 = mul(%1, %2) : float32[2, 3]` */
export function printValue(value: Value, numbers: ReadonlyMap<Value, number>): string {
  const inputs = value.inputs.map((input) => `%${numbers.get(input)!}`)
  const attrs = Object.entries(value.attrs).map(([name, attr]) => `${name}=${attrText(attr)}`)
  return `%${numbers.get(value)!} = ${value.op.name}(${[...inputs, ...attrs].join(', ')}) : ${value.dtype}[${value.shape.join(', ')}]`
}

/** A line for every value that the outputs need, then the outputs by name. */
export function printGraph(outputs: readonly Output[]): string {
  const numbers = numberValues(outputs)
  const lines = [...numbers.keys()].map((value) => printValue(value, numbers))
  for (const { name, value } of outputs) lines.push(`${name} -> %${numbers.get(value)!}`)
  return lines.join('\n')
}
