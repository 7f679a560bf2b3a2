/** What a program is refused with, when its variables have the given shapes. */
import { expect } from 'vitest'
import { SpecError } from '../../engine/errors.ts'
import type { Shape } from '../../engine/ir/value.ts'
import { Graph } from '../../engine/ir/value.ts'
import { parse } from '../../engine/lang/parse.ts'
import type { Scope } from '../../engine/lang/trace.ts'
import { trace } from '../../engine/lang/trace.ts'
import { Tensor } from '../../engine/lang/values.ts'
import { input } from '../../engine/ops/source.ts'
import '../../engine/functions/index.ts'

/** Traces a program on parameters of these shapes, which are float64; those whose name begins with "int" are int64 data. */
export function traced(text: string, shapes: Readonly<Record<string, Shape>>): Scope {
  const graph = new Graph()
  const leaf = (name: string, shape: Shape): Tensor => new Tensor(input(graph, name, shape, name.startsWith('int') ? 'int64' : 'float64'), 'a leaf', !name.startsWith('int'))
  const scope: Scope = new Map(Object.entries(shapes).map(([name, shape]) => [name, leaf(name, shape)]))
  trace(parse(text, { maxLength: 10_000, maxDepth: 50 }), scope, { graph, dtype: 'float64', draws: [] }, { maxSteps: 10_000, maxCalls: 30 }, '/model/forward')
  return scope
}

/** Code, message and line of the first fault; a failure of the test where the program is taken. */
export function refusalOf(text: string, shapes: Readonly<Record<string, Shape>>): [code: string, message: string, line: number | undefined] {
  try {
    traced(text, shapes)
  } catch (error) {
    if (!(error instanceof SpecError)) throw error
    const [{ code, message, line }] = error.faults
    return [code, message, line]
  }
  return expect.fail(`the program is taken: ${text}`)
}
