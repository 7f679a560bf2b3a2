/**
 * Follows a program once, with the shapes at hand, and records what it computes in a graph. Loops and branches on
 * values that are known now (shapes, numbers) are followed as Python would; tensors become nodes.
 */
import { SpecError, suggestion } from '../errors.ts'
import type { Place } from '../errors.ts'
import { callFunction, findFunction, functionNames } from '../functions/index.ts'
import { mathConstants, truthOf } from '../functions/builtins.ts'
import { wrap } from '../functions/define.ts'
import type { Home } from '../functions/index.ts'
import type { DType } from '../ir/value.ts'
import { permute, transposeLast } from '../ops/view.ts'
import * as ew from '../ops/elementwise.ts'
import type { Argument, Expression, Generator, Position, Program, Statement, Target } from './ast.ts'
import { binary, comparison, unary } from './operators.ts'
import { subscript } from './subscript.ts'
import type { Callable, CallArguments, Dynamic, TraceContext } from './values.ts'
import { Tensor, bool, describe, fail, float, int, itemsOf, none, tuple } from './values.ts'

export interface TraceLimits {
  /** Statements and loop rounds that a program may take. */
  readonly maxSteps: number
  /** Calls of the program's own functions inside each other. */
  readonly maxCalls: number
  /** Variables whose gradients are asked for. */
  readonly marked?: ReadonlySet<string>
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

/** `torch.float32` and its like. Whole numbers have one width here. */
const dtypes: Readonly<Record<string, DType>> = {
  float32: 'float32', float: 'float32', float64: 'float64', double: 'float64', int64: 'int64', long: 'int64', int32: 'int64', int: 'int64', bool: 'bool',
}

/** Names of modules, and the functions and modules in them. */
const namespaces: Readonly<Record<string, { readonly home?: Home; readonly inside: Readonly<Record<string, string>> }>> = {
  torch: { home: 'torch', inside: { nn: 'torch.nn', linalg: 'torch.linalg', functional: 'torch.functional', Tensor: 'torch.Tensor' } },
  'torch.nn': { inside: { functional: 'F' } },
  'torch.functional': { home: 'torch', inside: {} },
  'torch.linalg': { home: 'linalg', inside: {} },
  'torch.Tensor': { home: 'Tensor', inside: {} },
  F: { home: 'F', inside: {} },
  math: { home: 'math', inside: {} },
}

const globals: Readonly<Record<string, string>> = { torch: 'torch', F: 'F', math: 'math', nn: 'torch.nn' }

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

  constructor(ctx: TraceContext, limits: TraceLimits, pointer: string) {
    this.ctx = ctx
    this.limits = limits
    this.pointer = pointer
  }

  run(program: Program, scope: Scope): TraceResult {
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

  /** Items one after the other, so that a huge range costs only the rounds that are made. */
  *#iterate(expression: Expression, scope: Scope): Generator_<Dynamic> {
    const iterable = this.#evaluate(expression, scope)
    if (!(iterable instanceof Tensor) && iterable.kind === 'range') {
      for (let i = iterable.start; iterable.step > 0 ? i < iterable.stop : i > iterable.stop; i += iterable.step) yield int(i)
      return
    }
    this.#at(expression.at)
    if (iterable instanceof Tensor) {
      const rows = iterable.value.shape[0] ?? fail(this.ctx, 'bad_argument', 'iteration over a 0-d tensor')
      for (let i = 0; i < rows; i++) yield subscript(this.ctx, iterable, int(i))
      return
    }
    yield* itemsOf(iterable) ?? fail(this.ctx, 'bad_argument', `${describe(iterable)} cannot be iterated over`)
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
    const items = value instanceof Tensor ? [...this.#rows(value)] : itemsOf(value)
    if (!items) fail(this.ctx, 'unpack_mismatch', `${describe(value)} cannot be unpacked`)
    const star = target.items.findIndex((item) => item.star)
    const wanted = target.items.length
    if (star < 0 ? items.length !== wanted : items.length < wanted - 1) {
      fail(this.ctx, 'unpack_mismatch', `${wanted} names${star < 0 ? '' : ' or more values'} expected, got ${items.length} values`)
    }
    const after = wanted - star - 1
    for (const [i, item] of target.items.entries()) {
      if (i === star) this.#bind(item.target, { kind: 'list', items: items.slice(star, items.length - after) }, scope)
      else this.#bind(item.target, items[star >= 0 && i > star ? items.length - (wanted - i) : i]!, scope)
    }
  }

  #rows(value: Tensor): Dynamic[] {
    return Array.from({ length: value.value.shape[0] ?? 0 }, (_, i) => subscript(this.ctx, value, int(i)))
  }

  #assign(name: string, value: Dynamic, scope: Scope): void {
    scope.set(name, this.#marked(name, value))
    if (this.#calls === 0) this.#lastAssigned = name
  }

  /**
   * A variable whose gradient is asked for gets a node of its own: an equal expression elsewhere is another tensor.
   */
  #marked(name: string, value: Dynamic): Dynamic {
    if (this.#calls > 0 || !this.limits.marked?.has(name) || !(value instanceof Tensor)) return value
    return new Tensor(ew.mark(value.value, name), value.gradFn, value.requiresGrad)
  }

  #function(statement: Extract<Statement, { kind: 'def' }>, scope: Scope): Callable {
    const defaults = statement.parameters.map((parameter) => parameter.default && this.#evaluate(parameter.default, scope))
    return {
      kind: 'function',
      name: statement.name,
      call: (args) => {
        if (this.#calls >= this.limits.maxCalls) fail(this.ctx, 'trace_too_long', `functions call each other more than ${this.limits.maxCalls} levels deep`)
        const inner: Scope = new Map(scope)
        this.#bindParameters(statement, defaults, args, inner)
        this.#calls++
        try {
          const flow = this.#block(statement.body, inner)
          return flow.kind === 'return' ? flow.value : none
        } finally {
          this.#calls--
        }
      },
    }
  }

  #bindParameters(statement: Extract<Statement, { kind: 'def' }>, defaults: readonly (Dynamic | undefined)[], args: CallArguments, inner: Scope): void {
    const names = statement.parameters.map((parameter) => parameter.name)
    if (args.positional.length > names.length) fail(this.ctx, 'bad_argument', `${statement.name}() takes ${names.length} arguments, got ${args.positional.length}`)
    for (const [i, name] of names.entries()) {
      const value = args.positional[i] ?? args.named.get(name) ?? defaults[i]
      if (!value) fail(this.ctx, 'bad_argument', `${statement.name}(): the argument "${name}" is missing`)
      inner.set(name, value)
    }
    for (const name of args.named.keys()) {
      if (!names.includes(name)) fail(this.ctx, 'bad_argument', `${statement.name}() has no argument "${name}"${suggestion(name, names)}`)
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
    const namespace = globals[name]
    if (namespace !== undefined) return { kind: 'namespace', name: namespace }
    const entry = findFunction('builtin', name)
    if (entry) return { kind: 'function', name, call: (args) => callFunction(entry, args, this.ctx, name) }
    this.#at(position)
    const known = [...scope.keys(), ...Object.keys(globals), ...functionNames('builtin')]
    return fail(this.ctx, 'unknown_name', `"${name}" is not defined${suggestion(name, known)}`)
  }

  #attribute(expression: Extract<Expression, { kind: 'attribute' }>, scope: Scope): Dynamic {
    const object = this.#evaluate(expression.object, scope)
    this.#at(expression.at)
    const { name } = expression
    if (object instanceof Tensor) return this.#tensorAttribute(object, name)
    if (object.kind === 'namespace') return this.#member(object.name, name)
    if (object.kind === 'named') {
      const place = object.names.indexOf(name)
      if (place >= 0) return object.items[place]!
    }
    if (object.kind === 'function' && object.attributes) {
      const found = object.attributes.get(name)
      if (found) return found
      return fail(this.ctx, 'unknown_attribute', `${object.name} has no "${name}"${suggestion(name, object.attributes.keys())}`)
    }
    return fail(this.ctx, 'unknown_attribute', `${describe(object)} has no "${name}"`)
  }

  #tensorAttribute(tensor: Tensor, name: string): Dynamic {
    const { value } = tensor
    const rank = value.shape.length
    switch (name) {
      case 'shape':
        return tuple(value.shape.map(int))
      case 'dtype':
        return { kind: 'dtype', dtype: value.dtype }
      case 'ndim':
        return int(rank)
      case 'requires_grad':
        return bool(tensor.requiresGrad)
      case 'data':
        return wrap(ew.detach(value), null, [tensor])
      case 'T':
        return wrap(permute(value, [...Array(rank).keys()].toReversed()), 'PermuteBackward0', [tensor])
      case 'mT':
        if (rank < 2) return fail(this.ctx, 'shape_mismatch', `.mT needs at least 2 dimensions, got ${describe(tensor)}`)
        return wrap(transposeLast(value), 'TransposeBackward0', [tensor])
    }
    const entry = findFunction('Tensor', name)
    if (!entry) {
      const known = [...functionNames('Tensor'), 'shape', 'dtype', 'ndim', 'T', 'mT']
      return fail(this.ctx, 'unknown_function', `a tensor has no "${name}"${suggestion(name, known)}`)
    }
    return {
      kind: 'function',
      name,
      call: (args) => callFunction(entry, { positional: [tensor, ...args.positional], named: args.named }, this.ctx, name),
    }
  }

  #member(namespace: string, name: string): Dynamic {
    const { home, inside } = namespaces[namespace]!
    const nested = inside[name]
    if (nested !== undefined) return { kind: 'namespace', name: nested }
    const entry = home && findFunction(home, name)
    const shown = `${namespace}.${name}`
    if (entry) return { kind: 'function', name: shown, call: (args) => callFunction(entry, args, this.ctx, shown) }
    if (namespace === 'torch' && dtypes[name]) return { kind: 'dtype', dtype: dtypes[name] }
    if ((namespace === 'math' || namespace === 'torch') && mathConstants[name] !== undefined) return float(mathConstants[name])
    const known = [...(home ? functionNames(home) : []), ...Object.keys(inside)]
    return fail(this.ctx, 'unknown_function', `${namespace} has no "${name}"${suggestion(name, known)}`)
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
    if (expression.kind !== 'name' || scope.has(expression.name) || globals[expression.name] !== undefined || findFunction('builtin', expression.name)) {
      return this.#evaluate(expression, scope)
    }
    this.#at(expression.at)
    const { name } = expression
    const elsewhere = (['torch', 'F', 'math'] as const).find((home) => findFunction(home, name))
    const hint = elsewhere ? `; did you mean "${elsewhere}.${name}"?` : suggestion(name, [...scope.keys(), ...functionNames('builtin')])
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

/** The iterator that a generator method gives. */
type Generator_<T> = globalThis.Generator<T, void, undefined>
