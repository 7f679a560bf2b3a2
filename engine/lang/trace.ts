/**
 * Follows a program once, with the shapes at hand, and records what it computes in a graph. Loops and branches on
 * values that are known now (shapes, numbers) are followed as Python would; tensors become nodes.
 */
import { SpecError, suggestion } from '../errors.ts'
import type { Place } from '../errors.ts'
import { truthOf } from '../functions/builtins.ts'
import type { Value } from '../ir/value.ts'
import { mark } from '../ops/elementwise.ts'
import type { Argument, Expression, Generator, Position, Program, Statement, Target } from './ast.ts'
import { attributeOf, globalNamed, globalNames, homeOf } from './names.ts'
import { binary, comparison, unary } from './operators.ts'
import { bindArguments, itemsOneByOne, unpack } from './sequences.ts'
import { subscript } from './subscript.ts'
import type { Callable, CallArguments, Dynamic, TraceContext } from './values.ts'
import { Tensor, bool, describe, fail, float, int, itemsOf, none } from './values.ts'

export interface TraceLimits {
  /** Statements and loop rounds that a program may take. */
  readonly maxSteps: number
  /** Calls of the program's own functions inside each other. */
  readonly maxCalls: number
  /** Variables whose gradients are asked for; all of them where the program itself asks. */
  readonly marked?: ReadonlySet<string> | 'all'
}

/** What a program left behind. */
export interface TraceResult {
  readonly variables: ReadonlyMap<string, Dynamic>
  /** The name that was assigned last, by the program itself. */
  readonly lastAssigned: string | undefined
  /** Value of the last statement, where that is an expression. */
  readonly lastExpression: Dynamic | undefined
}

/** Values by the name that a program reads them by. */
export type Scope = Map<string, Dynamic>

type Flow = { readonly kind: 'next' | 'break' | 'continue' } | { readonly kind: 'return'; readonly value: Dynamic }
const next: Flow = { kind: 'next' }

/** Follows `program` in `scope`, which it extends. `pointer` is where in the spec the program stands. */
export function trace(program: Program, scope: Scope, ctx: TraceContext, limits: TraceLimits, pointer: string): TraceResult {
  return new Tracer(ctx, limits, pointer).run(program, scope)
}

class Tracer {
  readonly ctx: TraceContext
  readonly limits: TraceLimits
  readonly pointer: string
  #steps = 0
  #calls = 0
  #lastAssigned: string | undefined
  readonly #scopes: Scope[] = []

  constructor(ctx: TraceContext, limits: TraceLimits, pointer: string) {
    this.ctx = { ...ctx, live: () => this.#live() }
    this.limits = limits
    this.pointer = pointer
  }

  run(program: Program, scope: Scope): TraceResult {
    this.#scopes.push(scope)
    try {
      return this.#follow(program, scope)
    } catch (error) {
      throw error instanceof SpecError ? error.at(this.ctx.graph.place ?? {}) : error
    }
  }

  #follow(program: Program, scope: Scope): TraceResult {
    let lastExpression: Dynamic | undefined
    for (const statement of program.body) {
      if (statement.kind === 'expression') {
        this.#count(statement.at)
        lastExpression = this.#evaluate(statement.value, scope)
        continue
      }
      lastExpression = undefined
      if (statement.kind === 'return' || statement.kind === 'break' || statement.kind === 'continue') {
        this.#at(statement.at)
        fail(this.ctx, 'syntax_error', `syntax error: "${statement.kind}" outside of a ${statement.kind === 'return' ? 'function' : 'loop'}`)
      }
      this.#execute(statement, scope)
    }
    this.ctx.graph.place = undefined
    return { variables: scope, lastAssigned: this.#lastAssigned, lastExpression }
  }

  /** From here on, nodes and errors belong to this place. */
  #at(position: Position): void {
    const place: Place = { pointer: this.pointer, line: position.line, column: position.column }
    this.ctx.graph.place = place
  }

  #count(position: Position): void {
    if (++this.#steps > this.limits.maxSteps) {
      this.#at(position)
      fail(this.ctx, 'trace_too_long', `following the program takes more than ${this.limits.maxSteps} statements`)
    }
  }

  /** Tensors of the scopes that are open. */
  *#live(): Iterable<Value> {
    for (const scope of this.#scopes) for (const value of scope.values()) if (value instanceof Tensor) yield value.value
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
    this.#count(statement.at)
    switch (statement.kind) {
      case 'assign': {
        const value = this.#evaluate(statement.value, scope)
        for (const target of statement.targets) this.#bind(target, value, scope)
        return next
      }
      case 'update': {
        const before = this.#lookUp(statement.name, statement.at, scope)
        const value = this.#evaluate(statement.value, scope)
        this.#at(statement.at)
        this.#assign(statement.name, binary(this.ctx, statement.operator, before, value), scope)
        return next
      }
      case 'expression':
        this.#evaluate(statement.value, scope)
        return next
      case 'if': {
        for (const { condition, body } of statement.branches) if (this.#isTrue(condition, scope)) return this.#block(body, scope)
        return this.#block(statement.otherwise, scope)
      }
      case 'for':
        return this.#for(statement, scope)
      case 'while':
        return this.#while(statement, scope)
      case 'def':
        this.#assign(statement.name, this.#function(statement, scope), scope)
        return next
      case 'return':
        return { kind: 'return', value: statement.value ? this.#evaluate(statement.value, scope) : none }
      case 'pass':
        return next
      case 'break':
      case 'continue':
        return { kind: statement.kind }
    }
  }

  #for(statement: Extract<Statement, { kind: 'for' }>, scope: Scope): Flow {
    for (const item of this.#iterate(statement.iterable, scope)) {
      this.#count(statement.at)
      this.#bind(statement.target, item, scope)
      const flow = this.#block(statement.body, scope)
      if (flow.kind === 'return') return flow
      if (flow.kind === 'break') return next
    }
    return this.#block(statement.otherwise, scope)
  }

  #while(statement: Extract<Statement, { kind: 'while' }>, scope: Scope): Flow {
    while (this.#isTrue(statement.condition, scope)) {
      this.#count(statement.at)
      const flow = this.#block(statement.body, scope)
      if (flow.kind === 'return') return flow
      if (flow.kind === 'break') return next
    }
    return this.#block(statement.otherwise, scope)
  }

  #iterate(expression: Expression, scope: Scope): Iterable<Dynamic> {
    const iterable = this.#evaluate(expression, scope)
    this.#at(expression.at)
    return itemsOneByOne(this.ctx, iterable)
  }

  #isTrue(condition: Expression, scope: Scope): boolean {
    const value = this.#evaluate(condition, scope)
    this.#at(condition.at)
    return truthOf(this.ctx, value)
  }

  #bind(target: Target, value: Dynamic, scope: Scope): void {
    if (target.kind === 'name') {
      this.#assign(target.name, value, scope)
      return
    }
    this.#at(target.at)
    for (const [part, item] of unpack(this.ctx, target, value)) this.#bind(part, item, scope)
  }

  #assign(name: string, value: Dynamic, scope: Scope): void {
    this.ctx.recorder?.assigned(name, value, this.#calls > 0)
    scope.set(name, this.#marked(name, value))
    if (this.#calls === 0) this.#lastAssigned = name
  }

  /**
   * A variable whose gradient is asked for gets a node of its own: an equal expression elsewhere is another tensor.
   */
  #marked(name: string, value: Dynamic): Dynamic {
    const { marked } = this.limits
    if (this.#calls > 0 || !(value instanceof Tensor) || !(marked === 'all' || marked?.has(name))) return value
    const own = new Tensor(mark(value.value, name), value.gradFn, value.requiresGrad)
    this.ctx.recorder?.same(own, value)
    return own
  }

  #function(statement: Extract<Statement, { kind: 'def' }>, scope: Scope): Callable {
    const defaults = statement.parameters.map((parameter) => parameter.default && this.#evaluate(parameter.default, scope))
    return {
      kind: 'function',
      name: statement.name,
      call: (args) => {
        if (this.#calls >= this.limits.maxCalls) fail(this.ctx, 'trace_too_long', `functions call each other more than ${this.limits.maxCalls} levels deep`)
        const inner: Scope = new Map([...scope, ...bindArguments(this.ctx, statement, defaults, args)])
        this.#calls++
        this.#scopes.push(inner)
        try {
          const flow = this.#block(statement.body, inner)
          return flow.kind === 'return' ? flow.value : none
        } finally {
          this.#calls--
          this.#scopes.pop()
        }
      },
    }
  }

  // ---- expressions

  #evaluate(expression: Expression, scope: Scope): Dynamic {
    switch (expression.kind) {
      case 'number':
        return expression.whole ? int(expression.value) : float(expression.value)
      case 'string':
        return { kind: 'string', value: expression.value }
      case 'boolean':
        return bool(expression.value)
      case 'none':
        return none
      case 'ellipsis':
        return { kind: 'ellipsis' }
      case 'name':
        return this.#lookUp(expression.name, expression.at, scope)
      case 'attribute':
        return this.#attribute(expression, scope)
      case 'call':
        return this.#call(expression, scope)
      case 'subscript': {
        const object = this.#evaluate(expression.object, scope)
        const index = this.#evaluate(expression.index, scope)
        this.#at(expression.at)
        return subscript(this.ctx, object, index)
      }
      case 'slice':
        return this.#slice(expression, scope)
      case 'tuple':
      case 'list':
        return { kind: expression.kind, items: this.#items(expression.items, scope) }
      case 'comprehension': {
        const items: Dynamic[] = []
        this.#comprehend(expression.generators, new Map(scope), (inner) => items.push(this.#evaluate(expression.element, inner)))
        return { kind: 'list', items }
      }
      case 'unary': {
        const operand = this.#evaluate(expression.operand, scope)
        this.#at(expression.at)
        return unary(this.ctx, expression.operator, operand)
      }
      case 'binary': {
        const left = this.#evaluate(expression.left, scope)
        const right = this.#evaluate(expression.right, scope)
        this.#at(expression.at)
        return binary(this.ctx, expression.operator, left, right)
      }
      case 'compare':
        return this.#compare(expression, scope)
      case 'logic': {
        const left = this.#evaluate(expression.left, scope)
        this.#at(expression.left.at)
        const decided = truthOf(this.ctx, left) === (expression.operator === 'or')
        return decided ? left : this.#evaluate(expression.right, scope)
      }
      case 'conditional':
        return this.#evaluate(this.#isTrue(expression.condition, scope) ? expression.whenTrue : expression.whenFalse, scope)
    }
  }

  #items(items: readonly { star: boolean; value: Expression }[], scope: Scope): Dynamic[] {
    return items.flatMap(({ star, value }) => {
      const item = this.#evaluate(value, scope)
      if (!star) return [item]
      this.#at(value.at)
      return itemsOf(item) ?? fail(this.ctx, 'bad_argument', `* takes a sequence, got ${describe(item)}`)
    })
  }

  #comprehend(generators: readonly Generator[], scope: Scope, visit: (scope: Scope) => void): void {
    const [first, ...rest] = generators
    if (!first) {
      visit(scope)
      return
    }
    const assigned = this.#lastAssigned
    for (const item of this.#iterate(first.iterable, scope)) {
      this.#count(first.iterable.at)
      this.#bind(first.target, item, scope)
      if (first.conditions.every((condition) => this.#isTrue(condition, scope))) this.#comprehend(rest, scope, visit)
    }
    this.#lastAssigned = assigned
  }

  #compare(expression: Extract<Expression, { kind: 'compare' }>, scope: Scope): Dynamic {
    let left = this.#evaluate(expression.first, scope)
    let result: Dynamic = bool(true)
    for (const [i, { operator, right: rightExpression }] of expression.rest.entries()) {
      if (i > 0) {
        this.#at(expression.at)
        if (!truthOf(this.ctx, result)) return result
      }
      const right = this.#evaluate(rightExpression, scope)
      this.#at(expression.at)
      result = comparison(this.ctx, operator, left, right)
      left = right
    }
    return result
  }

  #slice(expression: Extract<Expression, { kind: 'slice' }>, scope: Scope): Dynamic {
    const bound = (part: Expression | undefined): number | undefined => {
      const value = part && this.#evaluate(part, scope)
      if (value === undefined || (!(value instanceof Tensor) && value.kind === 'none')) return undefined
      if (!(value instanceof Tensor) && value.kind === 'number' && value.whole) return value.value
      this.#at(expression.at)
      return fail(this.ctx, 'bad_index', `a slice takes ints, got ${describe(value)}`)
    }
    return { kind: 'slice', start: bound(expression.start), stop: bound(expression.stop), step: bound(expression.step) ?? 1 }
  }

  // ---- names

  #lookUp(name: string, position: Position, scope: Scope): Dynamic {
    const found = scope.get(name)
    if (found) return found
    const global = globalNamed(name, this.ctx)
    if (global) return global
    this.#at(position)
    const known = [...scope.keys(), ...globalNames()]
    return fail(this.ctx, 'unknown_name', `"${name}" is not defined${suggestion(name, known)}`)
  }

  #attribute(expression: Extract<Expression, { kind: 'attribute' }>, scope: Scope): Dynamic {
    const object = this.#evaluate(expression.object, scope)
    this.#at(expression.at)
    return attributeOf(object, expression.name, this.ctx)
  }

  // ---- calls

  #call(expression: Extract<Expression, { kind: 'call' }>, scope: Scope): Dynamic {
    const callee = this.#callee(expression.callee, scope)
    const args = this.#arguments(expression.args, scope)
    this.#at(expression.at)
    if (callee instanceof Tensor || callee.kind !== 'function') return fail(this.ctx, 'unknown_function', `${describe(callee)} cannot be called`)
    const depth = this.#calls
    try {
      return callee.call(args)
    } catch (error) {
      this.#calls = depth
      throw error instanceof SpecError ? error.at({ pointer: this.pointer, ...expression.at }) : error
    }
  }

  /** An unknown name that is called is an unknown function. */
  #callee(expression: Expression, scope: Scope): Dynamic {
    if (expression.kind !== 'name' || scope.has(expression.name) || globalNamed(expression.name, this.ctx)) {
      return this.#evaluate(expression, scope)
    }
    this.#at(expression.at)
    const { name } = expression
    const elsewhere = homeOf(name)
    const hint = elsewhere ? `; did you mean "${elsewhere}.${name}"?` : suggestion(name, [...scope.keys(), ...globalNames()])
    return fail(this.ctx, 'unknown_function', `there is no function "${name}"${hint}`)
  }

  #arguments(args: readonly Argument[], scope: Scope): CallArguments {
    const positional: Dynamic[] = []
    const named = new Map<string, Dynamic>()
    for (const { name, star, value } of args) {
      const given = this.#evaluate(value, scope)
      if (name !== undefined) named.set(name, given)
      else if (star) positional.push(...(itemsOf(given) ?? fail(this.ctx, 'bad_argument', `* takes a sequence, got ${describe(given)}`)))
      else positional.push(given)
    }
    return { positional, named }
  }
}
