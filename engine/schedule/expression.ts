/** A number as a Python expression of another, in the place of torch's lambda. */
import { SpecError } from '../errors.ts'
import { Graph } from '../ir/value.ts'
import { parse } from '../lang/parse.ts'
import type { Scope } from '../lang/trace.ts'
import { trace } from '../lang/trace.ts'
import { describe, int } from '../lang/values.ts'

const longest = 1000

/** The text as a function of `variable`, a whole number. `pointer` is where it was given. */
export function expressionOf(text: string, variable: string, pointer: string): (x: number) => number {
  const at = (error: unknown): never => {
    throw error instanceof SpecError ? error.at({ pointer }) : error
  }
  return (x) => {
    try {
      const program = parse(text, { maxLength: longest, maxDepth: 50 })
      const scope: Scope = new Map([[variable, int(x)]])
      const { lastExpression } = trace(program, scope, { graph: new Graph(), dtype: 'float64', draws: [] }, { maxSteps: 1000, maxCalls: 10 }, pointer)
      if (lastExpression === undefined || !('kind' in lastExpression) || lastExpression.kind !== 'number') {
        throw new SpecError('bad_option', `a number made of ${variable} expected, such as "0.95 ** ${variable}"${lastExpression === undefined ? '' : `; got ${describe(lastExpression)}`}`, { pointer })
      }
      return lastExpression.value
    } catch (error) {
      return at(error)
    }
  }
}
