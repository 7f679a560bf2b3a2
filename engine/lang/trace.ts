/**
 * Follows a program once, with the shapes at hand, and records what it computes in a graph. Loops and branches on
 * values that are known now (shapes, numbers) are followed as Python would; tensors become nodes.
 */
import { SpecError } from '../errors.ts'
import type { Program, Statement } from './ast.ts'
import { Evaluator } from './evaluate.ts'
import { binary } from './operators.ts'
import { bindArguments } from './sequences.ts'
import type { Scope, TraceLimits } from './state.ts'
import { State } from './state.ts'
import type { Callable, Dynamic, TraceContext } from './values.ts'
import { fail, none } from './values.ts'

export type { Scope, TraceLimits } from './state.ts'

/** What a program left behind. */
export interface TraceResult {
  readonly variables: ReadonlyMap<string, Dynamic>
  /** The name that was assigned last, by the program itself. */
  readonly lastAssigned: string | undefined
  /** Value of the last statement, where that is an expression. */
  readonly lastExpression: Dynamic | undefined
}

type Flow = { readonly kind: 'next' | 'break' | 'continue' } | { readonly kind: 'return'; readonly value: Dynamic }
const next: Flow = { kind: 'next' }

/** Follows `program` in `scope`, which it extends. `pointer` is where in the spec the program stands. */
export function trace(program: Program, scope: Scope, ctx: TraceContext, limits: TraceLimits, pointer: string): TraceResult {
  return new Tracer(ctx, limits, pointer).run(program, scope)
}

class Tracer {
  readonly #state: State
  readonly #expressions: Evaluator

  constructor(ctx: TraceContext, limits: TraceLimits, pointer: string) {
    this.#state = new State(ctx, limits, pointer)
    this.#expressions = new Evaluator(this.#state)
  }

  run(program: Program, scope: Scope): TraceResult {
    try {
      return this.#state.within(scope, 0, () => this.#follow(program, scope))
    } catch (error) {
      throw error instanceof SpecError ? error.at(this.#state.ctx.graph.place ?? {}) : error
    }
  }

  #follow(program: Program, scope: Scope): TraceResult {
    let lastExpression: Dynamic | undefined
    for (const statement of program.body) {
      if (statement.kind === 'expression') {
        this.#state.count(statement.at)
        lastExpression = this.#expressions.evaluate(statement.value, scope)
        continue
      }
      lastExpression = undefined
      if (statement.kind === 'return' || statement.kind === 'break' || statement.kind === 'continue') {
        this.#state.at(statement.at)
        fail(this.#state.ctx, 'syntax_error', `syntax error: "${statement.kind}" outside of a ${statement.kind === 'return' ? 'function' : 'loop'}`)
      }
      this.#execute(statement, scope)
    }
    this.#state.ctx.graph.place = undefined
    return { variables: scope, lastAssigned: this.#state.lastAssigned, lastExpression }
  }

  // ---- statements

  #block(statements: readonly Statement[], scope: Scope): Flow {
    for (const statement of statements) {
      const flow = this.#execute(statement, scope)
      if (flow.kind !== 'next') return flow
    }
    return next
  }

  #execute(statement: Statement, scope: Scope): Flow {
    this.#state.count(statement.at)
    switch (statement.kind) {
      case 'assign': {
        const value = this.#expressions.evaluate(statement.value, scope)
        for (const target of statement.targets) this.#state.bind(target, value, scope)
        return next
      }
      case 'update': {
        const before = this.#expressions.lookUp(statement.name, statement.at, scope)
        const value = this.#expressions.evaluate(statement.value, scope)
        this.#state.at(statement.at)
        this.#state.assign(statement.name, binary(this.#state.ctx, statement.operator, before, value), scope)
        return next
      }
      case 'expression':
        this.#expressions.evaluate(statement.value, scope)
        return next
      case 'if': {
        for (const { condition, body } of statement.branches) if (this.#expressions.isTrue(condition, scope)) return this.#block(body, scope)
        return this.#block(statement.otherwise, scope)
      }
      case 'for':
        return this.#for(statement, scope)
      case 'while':
        return this.#while(statement, scope)
      case 'def':
        this.#state.assign(statement.name, this.#function(statement, scope), scope)
        return next
      case 'return':
        return { kind: 'return', value: statement.value ? this.#expressions.evaluate(statement.value, scope) : none }
      case 'pass':
        return next
      case 'break':
      case 'continue':
        return { kind: statement.kind }
    }
  }

  #for(statement: Extract<Statement, { kind: 'for' }>, scope: Scope): Flow {
    for (const item of this.#expressions.iterate(statement.iterable, scope)) {
      this.#state.count(statement.at)
      this.#state.bind(statement.target, item, scope)
      const flow = this.#block(statement.body, scope)
      if (flow.kind === 'return') return flow
      if (flow.kind === 'break') return next
    }
    return this.#block(statement.otherwise, scope)
  }

  #while(statement: Extract<Statement, { kind: 'while' }>, scope: Scope): Flow {
    while (this.#expressions.isTrue(statement.condition, scope)) {
      this.#state.count(statement.at)
      const flow = this.#block(statement.body, scope)
      if (flow.kind === 'return') return flow
      if (flow.kind === 'break') return next
    }
    return this.#block(statement.otherwise, scope)
  }

  #function(statement: Extract<Statement, { kind: 'def' }>, scope: Scope): Callable {
    const defaults = statement.parameters.map((parameter) => parameter.default && this.#expressions.evaluate(parameter.default, scope))
    return {
      kind: 'function',
      name: statement.name,
      call: (args) => {
        const inner: Scope = new Map([...scope, ...bindArguments(this.#state.ctx, statement, defaults, args)])
        return this.#state.within(inner, 1, () => {
          const flow = this.#block(statement.body, inner)
          return flow.kind === 'return' ? flow.value : none
        })
      },
    }
  }
}
