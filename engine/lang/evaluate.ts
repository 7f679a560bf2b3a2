/** What expressions of a program evaluate to, with the values at hand. */
import { SpecError, suggestion } from '../errors.ts'
import { knownNumber } from '../functions/constants.ts'
import { callFunction, findFunction } from '../functions/define.ts'
import { truthOf } from '../functions/truth.ts'
import { numel } from '../ir/value.ts'
import type { Argument, Entry, Expression, Generator, Parameter, Position, Target } from './ast.ts'
import { dictionary, setItem } from './collections.ts'
import { changeElements } from './elements.ts'
import { attributeOf, globalNamed, globalNames, homeOf } from './names.ts'
import { binary, comparison, unary } from './operators.ts'
import { allItems, bindArguments, itemsOneByOne, unpack } from './sequences.ts'
import type { Scope, State } from './state.ts'
import { subscript } from './subscript.ts'
import type { CallArguments, Callable, Dictionary, Dynamic, TraceContext } from './values.ts'
import { Tensor, bool, describe, fail, float, int, list, none, tuple } from './values.ts'

export class Evaluator {
  readonly state: State

  constructor(state: State) {
    this.state = state
  }

  get #ctx(): TraceContext {
    return this.state.ctx
  }

  isTrue(condition: Expression, scope: Scope): boolean {
    const value = this.evaluate(condition, scope)
    this.state.at(condition.at)
    return truthOf(this.#ctx, value)
  }

  iterate(expression: Expression, scope: Scope): Iterable<Dynamic> {
    const iterable = this.evaluate(expression, scope)
    this.state.at(expression.at)
    return itemsOneByOne(this.#ctx, iterable)
  }

  evaluate(expression: Expression, scope: Scope): Dynamic {
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
        return this.lookUp(expression.name, expression.at, scope)
      case 'attribute':
        return this.#attribute(expression, scope)
      case 'call':
        return this.#call(expression, scope)
      case 'subscript': {
        const object = this.evaluate(expression.object, scope)
        const index = this.evaluate(expression.index, scope)
        this.state.at(expression.at)
        return subscript(this.#ctx, object, index)
      }
      case 'slice':
        return this.#slice(expression, scope)
      case 'tuple':
      case 'list':
        return expression.kind === 'list' ? list(this.#items(expression.items, scope)) : tuple(this.#items(expression.items, scope))
      case 'comprehension': {
        const items: Dynamic[] = []
        this.#comprehend(expression.generators, this.state.inside(scope), (inner) => items.push(this.evaluate(expression.element, inner)))
        return list(items)
      }
      case 'dictionary':
        return this.#dictionaryOf(expression.entries.flatMap((entry) => this.#entry(entry, scope)), expression.at)
      case 'dictionary comprehension': {
        const entries: (readonly [Dynamic, Dynamic])[] = []
        this.#comprehend(expression.generators, this.state.inside(scope), (inner) => entries.push(...this.#entry(expression.entry, inner)))
        return this.#dictionaryOf(entries, expression.at)
      }
      case 'lambda':
        return this.function('<lambda>', expression.parameters, scope, (inner) => this.evaluate(expression.body, inner))
      case 'named': {
        const value = this.evaluate(expression.value, scope)
        this.state.at(expression.at)
        this.state.assignThrough(expression.name, value, scope, expression.at)
        return value
      }
      case 'unary': {
        const operand = this.evaluate(expression.operand, scope)
        this.state.at(expression.at)
        return unary(this.#ctx, expression.operator, operand)
      }
      case 'binary': {
        const left = this.evaluate(expression.left, scope)
        const right = this.evaluate(expression.right, scope)
        this.state.at(expression.at)
        return binary(this.#ctx, expression.operator, left, right)
      }
      case 'compare':
        return this.#compare(expression, scope)
      case 'logic': {
        const left = this.evaluate(expression.left, scope)
        this.state.at(expression.left.at)
        const decided = truthOf(this.#ctx, left) === (expression.operator === 'or')
        return decided ? left : this.evaluate(expression.right, scope)
      }
      case 'conditional':
        return this.evaluate(this.isTrue(expression.condition, scope) ? expression.whenTrue : expression.whenFalse, scope)
    }
  }

  /** A function of the program: its parameters, and what it does in a scope that has them. */
  function(name: string, parameters: readonly Parameter[], scope: Scope, body: (inner: Scope) => Dynamic): Callable {
    const defaults = parameters.map((parameter) => parameter.default && this.evaluate(parameter.default, scope))
    return {
      kind: 'function',
      name,
      call: (args) => {
        const inner: Scope = new Map([...scope, ...bindArguments(this.#ctx, name, parameters, defaults, args)])
        return this.state.within(inner, 1, () => body(inner))
      },
    }
  }

  bind(target: Target, value: Dynamic, scope: Scope): void {
    switch (target.kind) {
      case 'name':
        this.state.assign(target.name, value, scope, target.at)
        return
      case 'element': {
        const object = this.evaluate(target.object, scope)
        const index = this.evaluate(target.index, scope)
        this.state.at(target.at)
        this.setElement(object, index, value)
        return
      }
      case 'pattern':
        this.state.at(target.at)
        for (const [part, item] of unpack(this.#ctx, target, value)) this.bind(part, item, scope)
    }
  }

  setElement(object: Dynamic, index: Dynamic, value: Dynamic): void {
    if (object instanceof Tensor) changeElements(this.#ctx, object, index, value)
    else setItem(this.#ctx, object, index, value)
  }

  #dictionaryOf(entries: Iterable<readonly [Dynamic, Dynamic]>, at: Position): Dictionary {
    this.state.at(at)
    return dictionary(this.#ctx, entries)
  }

  #entry({ key, value }: Entry, scope: Scope): (readonly [Dynamic, Dynamic])[] {
    if (key) return [[this.evaluate(key, scope), this.evaluate(value, scope)]]
    return [...this.#dictionary(value, scope).entries.values()]
  }

  /** What `**` stands before. */
  #dictionary(expression: Expression, scope: Scope): Dictionary {
    const value = this.evaluate(expression, scope)
    this.state.at(expression.at)
    return !(value instanceof Tensor) && value.kind === 'dictionary' ? value : fail(this.#ctx, 'bad_argument', `** takes a dict, got ${describe(value)}`)
  }

  #items(items: readonly { star: boolean; value: Expression }[], scope: Scope): Dynamic[] {
    return items.flatMap(({ star, value }) => {
      const item = this.evaluate(value, scope)
      if (!star) return [item]
      this.state.at(value.at)
      return allItems(this.#ctx, item) ?? fail(this.#ctx, 'bad_argument', `* takes a sequence, got ${describe(item)}`)
    })
  }

  #comprehend(generators: readonly Generator[], scope: Scope, visit: (scope: Scope) => void): void {
    const [first, ...rest] = generators
    if (!first) {
      visit(scope)
      return
    }
    const assigned = this.state.lastAssigned
    for (const item of this.iterate(first.iterable, scope)) {
      this.state.count(first.iterable.at)
      this.bind(first.target, item, scope)
      if (first.conditions.every((condition) => this.isTrue(condition, scope))) this.#comprehend(rest, scope, visit)
    }
    this.state.lastAssigned = assigned
  }

  #compare(expression: Extract<Expression, { kind: 'compare' }>, scope: Scope): Dynamic {
    let left = this.evaluate(expression.first, scope)
    let result: Dynamic = bool(true)
    for (const [i, { operator, right: rightExpression }] of expression.rest.entries()) {
      if (i > 0) {
        this.state.at(expression.at)
        if (!truthOf(this.#ctx, result)) return result
      }
      const right = this.evaluate(rightExpression, scope)
      this.state.at(expression.at)
      result = comparison(this.#ctx, operator, left, right)
      left = right
    }
    return result
  }

  #slice(expression: Extract<Expression, { kind: 'slice' }>, scope: Scope): Dynamic {
    const bound = (part: Expression | undefined): number | undefined => {
      const value = part && this.evaluate(part, scope)
      if (value === undefined || (!(value instanceof Tensor) && value.kind === 'none')) return undefined
      if (!(value instanceof Tensor) && value.kind === 'number' && value.whole) return value.value
      this.state.at(expression.at)
      if (value instanceof Tensor && value.value.dtype === 'int64' && numel(value.value.shape) === 1) {
        return knownNumber(value.value) ?? fail(this.#ctx, 'value_dependent', 'the bound of a slice is only known when the program runs, and the shape would depend on it; use index_select with torch.arange, or a mask in torch.where')
      }
      return fail(this.#ctx, 'bad_index', `a slice takes ints, got ${describe(value)}`)
    }
    return { kind: 'slice', start: bound(expression.start), stop: bound(expression.stop), step: bound(expression.step) ?? 1 }
  }

  // ---- names

  lookUp(name: string, position: Position, scope: Scope): Dynamic {
    const found = scope.get(name)
    if (found) return found
    const global = globalNamed(name, this.#ctx)
    if (global) return global
    this.state.at(position)
    const known = [...scope.keys(), ...globalNames()]
    return fail(this.#ctx, 'unknown_name', `"${name}" is not defined${suggestion(name, known)}`)
  }

  #attribute(expression: Extract<Expression, { kind: 'attribute' }>, scope: Scope): Dynamic {
    const object = this.evaluate(expression.object, scope)
    this.state.at(expression.at)
    return attributeOf(object, expression.name, this.#ctx)
  }

  // ---- calls

  #call(expression: Extract<Expression, { kind: 'call' }>, scope: Scope): Dynamic {
    const callee = this.#callee(expression.callee, scope)
    const args = this.#arguments(expression.args, scope)
    this.state.at(expression.at)
    // torch.Tensor is a class: its methods are functions, and it makes tensors.
    const made = !(callee instanceof Tensor) && callee.kind === 'namespace' && callee.name === 'torch.Tensor' ? findFunction('torch', 'Tensor') : undefined
    if (made) return callFunction(made, args, this.#ctx, 'torch.Tensor')
    if (callee instanceof Tensor || callee.kind !== 'function') return fail(this.#ctx, 'unknown_function', `${describe(callee)} cannot be called`)
    try {
      return callee.call(args)
    } catch (error) {
      throw error instanceof SpecError ? error.at({ pointer: this.state.pointer, ...expression.at }) : error
    }
  }

  /** An unknown name that is called is an unknown function. */
  #callee(expression: Expression, scope: Scope): Dynamic {
    if (expression.kind !== 'name' || scope.has(expression.name) || globalNamed(expression.name, this.#ctx)) {
      return this.evaluate(expression, scope)
    }
    this.state.at(expression.at)
    const { name } = expression
    const elsewhere = homeOf(name)
    const hint = elsewhere ? `; did you mean "${elsewhere}.${name}"?` : suggestion(name, [...scope.keys(), ...globalNames()])
    return fail(this.#ctx, 'unknown_function', `there is no function "${name}"${hint}`)
  }

  #arguments(args: readonly Argument[], scope: Scope): CallArguments {
    const positional: Dynamic[] = []
    const named = new Map<string, Dynamic>()
    for (const { name, star, double, value } of args) {
      if (double) {
        for (const [key, item] of this.#dictionary(value, scope).entries.values()) {
          if (key instanceof Tensor || key.kind !== 'string') fail(this.#ctx, 'bad_argument', `** takes a dict with names as keys, got the key ${describe(key)}`)
          if (named.has(key.value)) fail(this.#ctx, 'bad_argument', `the argument "${key.value}" is given twice`)
          named.set(key.value, item)
        }
        continue
      }
      const given = this.evaluate(value, scope)
      if (name !== undefined) named.set(name, given)
      else if (star) positional.push(...(allItems(this.#ctx, given) ?? fail(this.#ctx, 'bad_argument', `* takes a sequence, got ${describe(given)}`)))
      else positional.push(given)
    }
    return { positional, named }
  }
}
