/**
 * Follows a program once, with the shapes at hand, and records what it computes in a graph. Loops and branches on
 * values that are known now (shapes, numbers) are followed as Python would; tensors become nodes.
 */
import { SpecError } from '../errors.ts'
import type { BinaryOperator, Import, Program, Statement } from './ast.ts'
import { setItem } from './collections.ts'
import { Evaluator } from './evaluate.ts'
import { changeElements } from './elements.ts'
import { attributeOf, moduleNamed } from './names.ts'
import { binary } from './operators.ts'
import type { Scope, TraceLimits } from './state.ts'
import { State } from './state.ts'
import { subscript } from './subscript.ts'
import type { Callable, Dynamic, TraceContext } from './values.ts'
import { Tensor, describe, fail, itemsOf, none } from './values.ts'

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
        for (const target of statement.targets) this.#expressions.bind(target, value, scope)
        return next
      }
      case 'update':
        this.#update(statement, scope)
        return next
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
        this.#state.assign(statement.name, this.#function(statement, scope), scope, statement.at)
        return next
      case 'import':
        for (const entry of statement.imports) this.#import(entry, statement, scope)
        return next
      case 'assert':
        this.#assert(statement, scope)
        return next
      case 'with':
        return this.#with(statement, scope)
      case 'delete':
        for (const name of statement.names) {
          this.#expressions.lookUp(name, statement.at, scope)
          scope.delete(name)
        }
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
      this.#expressions.bind(statement.target, item, scope)
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

  #update({ target, operator, value: given, at }: Extract<Statement, { kind: 'update' }>, scope: Scope): void {
    const { ctx } = this.#state
    if (target.kind === 'name') {
      const before = this.#expressions.lookUp(target.name, at, scope)
      const value = this.#expressions.evaluate(given, scope)
      this.#state.at(at)
      this.#state.assign(target.name, updated(ctx, operator, before, value), scope, target.at)
      return
    }
    const object = this.#expressions.evaluate(target.object, scope)
    const index = this.#expressions.evaluate(target.index, scope)
    const value = this.#expressions.evaluate(given, scope)
    this.#state.at(at)
    if (object instanceof Tensor) changeElements(ctx, object, index, value, operator)
    else setItem(ctx, object, index, updated(ctx, operator, subscript(ctx, object, index), value))
  }

  #import({ path, name, binds }: Import, { at }: Statement, scope: Scope): void {
    this.#state.at(at)
    const { ctx } = this.#state
    const [first, ...rest] = path as [string, ...string[]]
    const start = moduleNamed(first) ?? fail(ctx, 'not_in_language', `import of "${first}" is not in the language: torch and math can be imported`)
    const end = rest.reduce((object, part) => attributeOf(object, part, ctx), start)
    scope.set(name, binds === 'end' ? end : start)
  }

  #assert({ condition, message, at }: Extract<Statement, { kind: 'assert' }>, scope: Scope): void {
    if (this.#expressions.isTrue(condition, scope)) return
    const said = message && this.#expressions.evaluate(message, scope)
    this.#state.at(at)
    const text = said === undefined ? '' : `: ${!(said instanceof Tensor) && said.kind === 'string' ? said.value : describe(said)}`
    fail(this.#state.ctx, 'assertion_failed', `the assertion does not hold${text}`)
  }

  /** Blocks in which gradients flow, or do not. */
  #with({ contexts, body }: Extract<Statement, { kind: 'with' }>, scope: Scope): Flow {
    const { ctx } = this.#state
    const mode = ctx.gradMode!
    const before: boolean[] = []
    try {
      for (const context of contexts) {
        const value = this.#expressions.evaluate(context, scope)
        this.#state.at(context.at)
        if (value instanceof Tensor || value.kind !== 'grad mode') return fail(ctx, 'not_in_language', `with takes torch.no_grad() and its like, got ${describe(value)}`)
        before.push(value.before)
        mode.enabled = value.enabled
      }
      return this.#block(body, scope)
    } finally {
      if (before.length > 0) mode.enabled = before[0]!
    }
  }

  #function(statement: Extract<Statement, { kind: 'def' }>, scope: Scope): Callable {
    return this.#expressions.function(statement.name, statement.parameters, scope, (inner) => {
      const flow = this.#block(statement.body, inner)
      return flow.kind === 'return' ? flow.value : none
    })
  }
}

/** What += and its like give: a list keeps its identity, all else is a new value, which other names and views do not see. */
function updated(ctx: TraceContext, operator: BinaryOperator, before: Dynamic, value: Dynamic): Dynamic {
  if (!(before instanceof Tensor) && before.kind === 'list' && operator === '+') {
    before.items = [...before.items, ...(itemsOf(value) ?? fail(ctx, 'bad_operand', `the operator += does not take ${describe(before)} and ${describe(value)}`))]
    return before
  }
  return binary(ctx, operator, before, value)
}
