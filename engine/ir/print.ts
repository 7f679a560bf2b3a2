/** The graph as text: one line a value, stable between runs, for snapshots and the debug ladder. */
import type { Value } from './value.ts'
import { attrText, reachable } from './value.ts'

export interface Output {
  readonly name: string
  readonly value: Value
}

/**
 * `%3 = mul(%1, %2) : float32[2, 3]` for every value that the outputs need, then the outputs by name. Values
 * are numbered in order of appearance, so the text depends on the structure alone.
 */
export function printGraph(outputs: readonly Output[]): string {
  const numbers = new Map<Value, number>()
  const lines: string[] = []
  for (const value of reachable(outputs.map((output) => output.value))) {
    const number = numbers.size
    numbers.set(value, number)
    const inputs = value.inputs.map((input) => `%${numbers.get(input)!}`)
    const attrs = Object.entries(value.attrs).map(([name, attr]) => `${name}=${attrText(attr)}`)
    lines.push(`%${number} = ${value.op.name}(${[...inputs, ...attrs].join(', ')}) : ${value.dtype}[${value.shape.join(', ')}]`)
  }
  for (const { name, value } of outputs) lines.push(`${name} -> %${numbers.get(value)!}`)
  return lines.join('\n')
}
