/** Expressions, and the names that values are assigned to. */
import type { SyntaxNode } from '@lezer/common'
import type { Argument, BinaryOperator, CompareOperator, Entry, Expression, Generator, Item, Parameter, Position, Target } from './ast.ts'
import { SpecError } from '../errors.ts'
import type { Syntax } from './syntax.ts'
import { childrenOf, shorten } from './syntax.ts'

export const binaryOperators = new Set<string>(['+', '-', '*', '/', '//', '%', '**', '@', '&', '|', '^', '<<', '>>'])
const compareOperators = new Set<string>(['==', '!=', '<', '<=', '>', '>=', 'is', 'is not', 'in', 'not in'])

/** What a character behind a backslash stands for. */
const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', '\\': '\\', "'": "'", '"': '"', '\n': '' }

/** Without comments. */
function real(nodes: readonly SyntaxNode[]): SyntaxNode[] {
  return nodes.filter((node) => node.name !== 'Comment')
}

export class ExpressionReader {
  readonly #syntax: Syntax

  constructor(syntax: Syntax) {
    this.#syntax = syntax
  }

  /** One expression, or a tuple without parentheses. */
  sequence(nodes: readonly SyntaxNode[], parent: SyntaxNode): Expression {
    const parts = real(nodes)
    const first = parts[0]
    if (!first) this.#syntax.fail('syntax_error', 'syntax error: an expression is missing', parent)
    if (parts.length === 1 && first.name !== '*') return this.expression(first)
    return { kind: 'tuple', items: this.#items(parts), at: this.#syntax.at(first) }
  }

  #items(nodes: readonly SyntaxNode[]): Item[] {
    const items: Item[] = []
    let star = false
    for (const node of nodes) {
      if (node.name === ',' || node.name === 'Comment') continue
      if (node.name === '*') {
        star = true
        continue
      }
      items.push({ star, value: this.expression(node) })
      star = false
    }
    return items
  }

  expression(node: SyntaxNode): Expression {
    return this.#syntax.deeper(node, () => this.#expressionOf(node))
  }

  #expressionOf(node: SyntaxNode): Expression {
    const at = this.#syntax.at(node)
    switch (node.name) {
      case 'Number':
        return { ...this.#number(node), at }
      case 'String':
        return { kind: 'string', value: this.#string(node), at }
      case 'ContinuedString':
        return { kind: 'string', value: childrenOf(node).map((part) => this.#string(part)).join(''), at }
      case 'Boolean':
        return { kind: 'boolean', value: this.#syntax.text(node) === 'True', at }
      case 'None':
        return { kind: 'none', at }
      case 'Ellipsis':
        return { kind: 'ellipsis', at }
      case 'VariableName':
        return { kind: 'name', name: this.name(node), at }
      case 'ParenthesizedExpression': {
        const inside = real(childrenOf(node))[1]!
        return this.expression(inside)
      }
      case 'TupleExpression':
        return { kind: 'tuple', items: this.#items(childrenOf(node).slice(1, -1)), at }
      case 'ArrayExpression':
        return { kind: 'list', items: this.#items(childrenOf(node).slice(1, -1)), at }
      case 'ArrayComprehensionExpression':
      case 'ComprehensionExpression':
        return this.#comprehension(childrenOf(node).slice(1, -1), node, at)
      case 'DictionaryExpression':
        return { kind: 'dictionary', entries: this.#entries(childrenOf(node).slice(1, -1)), at }
      case 'DictionaryComprehensionExpression': {
        const [key, , value, ...rest] = real(childrenOf(node).slice(1, -1))
        return { kind: 'dictionary comprehension', entry: { key: this.expression(key!), value: this.expression(value!) }, generators: this.#generators(rest, node), at }
      }
      case 'LambdaExpression': {
        const children = real(childrenOf(node))
        return { kind: 'lambda', parameters: this.parameters(children[1]!), body: this.expression(children.at(-1)!), at }
      }
      case 'NamedExpression': {
        const [name, , value] = real(childrenOf(node))
        return { kind: 'named', name: this.name(name!), value: this.expression(value!), at }
      }
      case 'MemberExpression':
        return this.#member(node, at)
      case 'CallExpression':
        return this.#call(node, at)
      case 'UnaryExpression':
        return this.#unary(node, at)
      case 'BinaryExpression':
        return this.#binary(node, at)
      case 'ConditionalExpression': {
        const [whenTrue, , condition, , whenFalse] = real(childrenOf(node))
        return { kind: 'conditional', condition: this.expression(condition!), whenTrue: this.expression(whenTrue!), whenFalse: this.expression(whenFalse!), at }
      }
      default:
        return this.#syntax.refuse(node)
    }
  }

  #number(node: SyntaxNode): { kind: 'number'; value: number; whole: boolean } {
    const text = this.#syntax.text(node)
    if (/[jJ]$/.test(text)) this.#syntax.fail('not_in_language', 'complex numbers are not in the language', node)
    const digits = text.replaceAll(/(?<=[\da-fA-FxXoObB])_(?=[\da-fA-F])/g, '')
    if (!/^(0[xX][\da-fA-F]+|0[oO][0-7]+|0[bB][01]+|0+|[1-9]\d*|(\d+\.\d*|\.\d+|\d+)([eE][+-]?\d+)?)$/.test(digits) || /^0\d+$/.test(digits.replace(/^0+$/, '0'))) {
      this.#syntax.fail('syntax_error', `syntax error: "${text}" is not a number`, node)
    }
    const value = Number(digits)
    const whole = !/^\d*\.|[eE]/.test(digits) || /^0[xX]/.test(digits)
    if (whole && !Number.isSafeInteger(value)) this.#syntax.fail('bad_argument', `the whole number ${text} is beyond 2^53`, node)
    return { kind: 'number', value, whole }
  }

  #string(node: SyntaxNode): string {
    const text = this.#syntax.text(node)
    if (node.name !== 'String') this.#syntax.refuse(node)
    const match = /^([a-zA-Z]*)("""|'''|"|')([\s\S]*)\2$/.exec(text)
    const prefix = match?.[1]!.toLowerCase()
    if (!match || (prefix !== '' && prefix !== 'r' && prefix !== 'u')) this.#syntax.fail('not_in_language', `the string ${shorten(text)} is not in the language: it takes text, not bytes`, node)
    const content = match[3]!
    if (prefix === 'r' || !content.includes('\\')) return content
    return content.replaceAll(/\\([\s\S])/g, (_, escaped: string) => {
      const meant = escapes[escaped]
      return meant ?? this.#syntax.fail('not_in_language', `the escape \\${escaped} in a string is not in the language`, node)
    })
  }

  name(node: SyntaxNode): string {
    const name = this.#syntax.text(node)
    if (name.includes('__')) this.#syntax.fail('not_in_language', `names with two underscores are not in the language: "${name}"`, node)
    return name
  }

  #comprehension(nodes: readonly SyntaxNode[], parent: SyntaxNode, at: Position): Expression {
    const [element, ...rest] = real(nodes)
    return { kind: 'comprehension', element: this.expression(element!), generators: this.#generators(rest, parent), at }
  }

  #generators(rest: readonly SyntaxNode[], parent: SyntaxNode): Generator[] {
    const generators: { target: Target; iterable: Expression; conditions: Expression[] }[] = []
    for (let i = 0; i < rest.length; ) {
      if (rest[i]!.name === 'if') {
        generators.at(-1)!.conditions.push(this.expression(rest[i + 1]!))
        i += 2
        continue
      }
      if (rest[i]!.name !== 'for') this.#syntax.refuse(parent)
      const inAt = rest.findIndex((child, k) => k > i && child.name === 'in')
      generators.push({ target: this.targets(rest.slice(i + 1, inAt), parent), iterable: this.expression(rest[inAt + 1]!), conditions: [] })
      i = inAt + 2
    }
    return generators
  }

  /** `key: value, **more` */
  #entries(nodes: readonly SyntaxNode[]): Entry[] {
    const parts = real(nodes).filter((node) => node.name !== ',' && node.name !== ':')
    const entries: Entry[] = []
    for (let i = 0; i < parts.length; i += 2) {
      const value = this.expression(parts[i + 1]!)
      entries.push(parts[i]!.name === '**' ? { value } : { key: this.expression(parts[i]!), value })
    }
    return entries
  }

  /** Of a def or a lambda. */
  parameters(list: SyntaxNode): Parameter[] {
    const parameters: Parameter[] = []
    let given: Parameter['given'] = 'either way'
    let takes: Parameter['takes'] = 'one'
    let defaulted = false
    let end = list.from
    for (const child of childrenOf(list)) {
      const text = this.#syntax.text(child)
      // The grammar passes over the slash.
      if (this.#syntax.source.text.slice(end, child.from).includes('/')) {
        parameters.splice(0, parameters.length, ...parameters.map((parameter) => ({ ...parameter, given: 'by position' as const })))
      }
      end = child.to
      if (child.name === 'Comment') continue
      if (child.name === 'AssignOp') {
        defaulted = true
      } else if (defaulted) {
        parameters.push({ ...parameters.pop()!, default: this.expression(child) })
        defaulted = false
      } else if (child.name === 'VariableName') {
        parameters.push({ name: this.name(child), takes, given, at: this.#syntax.at(child) })
        if (takes === 'positional rest') given = 'by name'
        takes = 'one'
      } else if (text === '*' || text === '**') {
        takes = text === '*' ? 'positional rest' : 'named rest'
      } else if (text === ',' && takes === 'positional rest') {
        // A star that stands alone.
        given = 'by name'
        takes = 'one'
      }
    }
    for (const [i, { name, at, default: value, given: way, takes: what }] of parameters.entries()) {
      if (parameters.findIndex((other) => other.name === name) < i) throw new SpecError('syntax_error', `syntax error: the parameter "${name}" is there twice`, at)
      const before = parameters[i - 1]
      if (!value && what === 'one' && way !== 'by name' && before?.default && before.takes === 'one') throw new SpecError('syntax_error', `syntax error: the parameter "${name}" without a default follows one with a default`, at)
    }
    return parameters
  }

  #member(node: SyntaxNode, at: Position): Expression {
    const [objectNode, token, ...rest] = real(childrenOf(node))
    const object = this.expression(objectNode!)
    if (token!.name === '.') return { kind: 'attribute', object, name: this.name(rest[0]!), at }
    return { kind: 'subscript', object, index: this.#index(rest.slice(0, -1), node), at }
  }

  /** What stands between the brackets: expressions, slices, and tuples of them. */
  #index(nodes: readonly SyntaxNode[], parent: SyntaxNode): Expression {
    const groups: SyntaxNode[][] = [[]]
    for (const node of nodes) {
      if (node.name === ',') groups.push([])
      else groups.at(-1)!.push(node)
    }
    const isTuple = groups.length > 1
    if (isTuple && groups.at(-1)!.length === 0) groups.pop()
    const parts = groups.map((group) => this.#indexPart(group, parent))
    return isTuple ? { kind: 'tuple', items: parts.map((value) => ({ star: false, value })), at: parts[0]!.at } : parts[0]!
  }

  #indexPart(nodes: readonly SyntaxNode[], parent: SyntaxNode): Expression {
    if (nodes.length === 0) this.#syntax.fail('syntax_error', 'syntax error: an index is missing', parent)
    if (!nodes.some((node) => node.name === ':')) return this.sequence(nodes, parent)
    const bounds: (Expression | undefined)[] = [undefined]
    for (const node of nodes) {
      if (node.name === ':') bounds.push(undefined)
      else bounds[bounds.length - 1] = this.expression(node)
    }
    if (bounds.length > 3) this.#syntax.fail('syntax_error', 'syntax error: a slice has at most start, stop and step', nodes[0]!)
    const [start, stop, step] = bounds
    return { kind: 'slice', ...(start && { start }), ...(stop && { stop }), ...(step && { step }), at: this.#syntax.at(nodes[0]!) }
  }

  #call(node: SyntaxNode, at: Position): Expression {
    const [callee, list] = childrenOf(node)
    return { kind: 'call', callee: this.expression(callee!), args: this.#arguments(list!), at }
  }

  #arguments(list: SyntaxNode): Argument[] {
    const children = real(childrenOf(list).slice(1, -1))
    if (children.some((child) => child.name === 'for')) {
      const value = this.#comprehension(children, list, this.#syntax.at(list))
      return [{ star: false, value, at: value.at }]
    }
    const args: Argument[] = []
    for (let i = 0; i < children.length; i++) {
      const child = children[i]!
      const at = this.#syntax.at(child)
      if (child.name === ',') continue
      if (child.name === '*' || child.name === '**') {
        args.push({ star: child.name === '*', ...(child.name === '**' && { double: true as const }), value: this.expression(children[++i]!), at })
      } else if (children[i + 1]?.name === 'AssignOp') {
        const name = this.name(child)
        if (this.#syntax.text(children[i + 1]!) === ':=') {
          args.push({ star: false, value: { kind: 'named', name, value: this.expression(children[i + 2]!), at }, at })
          i += 2
          continue
        }
        if (args.some((arg) => arg.name === name)) this.#syntax.fail('syntax_error', `syntax error: the argument "${name}" is given twice`, child)
        args.push({ name, star: false, value: this.expression(children[i + 2]!), at })
        i += 2
      } else {
        if (args.some((arg) => arg.name !== undefined || arg.double)) this.#syntax.fail('syntax_error', 'syntax error: a positional argument follows a named one', child)
        args.push({ star: false, value: this.expression(child), at })
      }
    }
    return args
  }

  #unary(node: SyntaxNode, at: Position): Expression {
    const [operator, operand] = real(childrenOf(node))
    return { kind: 'unary', operator: this.#syntax.text(operator!) as '-' | '+' | '~' | 'not', operand: this.expression(operand!), at }
  }

  #binary(node: SyntaxNode, at: Position): Expression {
    const children = real(childrenOf(node))
    const left = children[0]!
    const right = children.at(-1)!
    const operator = children.slice(1, -1).map((child) => this.#syntax.text(child)).join(' ')
    if (operator === 'and' || operator === 'or') return { kind: 'logic', operator, left: this.expression(left), right: this.expression(right), at }
    if (compareOperators.has(operator)) {
      const last = { operator: operator as CompareOperator, right: this.expression(right) }
      // a < b < c: the comparison on the left is part of the chain unless it stands in parentheses.
      const before = this.expression(left)
      if (left.name === 'BinaryExpression' && before.kind === 'compare') return { kind: 'compare', first: before.first, rest: [...before.rest, last], at }
      return { kind: 'compare', first: before, rest: [last], at }
    }
    if (!binaryOperators.has(operator)) this.#syntax.fail('not_in_language', `the operator ${operator} is not in the language`, children[1]!)
    return { kind: 'binary', operator: operator as BinaryOperator, left: this.expression(left), right: this.expression(right), at }
  }

  /** Names separated by commas; one without a comma stands for itself. */
  targets(nodes: readonly SyntaxNode[], parent: SyntaxNode): Target {
    const items: { star: boolean; target: Target }[] = []
    let star = false
    let commas = 0
    for (const node of nodes) {
      if (node.name === ',') commas++
      else if (node.name === '*') star = true
      else if (node.name !== 'Comment') {
        items.push({ star, target: this.target(node) })
        star = false
      }
    }
    const first = items[0]
    if (!first) this.#syntax.fail('syntax_error', 'syntax error: a name is expected before "="', parent)
    if (commas === 0 && !first.star) return first.target
    if (items.filter((item) => item.star).length > 1) this.#syntax.fail('syntax_error', 'syntax error: only one starred name is allowed', parent)
    return { kind: 'pattern', items, at: first.target.at }
  }

  target(node: SyntaxNode): Target {
    switch (node.name) {
      case 'VariableName':
        return { kind: 'name', name: this.name(node), at: this.#syntax.at(node) }
      case 'TupleExpression':
      case 'ArrayExpression':
        return this.targets(childrenOf(node).slice(1, -1), node)
      case 'ParenthesizedExpression':
        return this.target(childrenOf(node)[1]!)
      case 'MemberExpression': {
        const member = this.expression(node)
        if (member.kind === 'subscript') return { kind: 'element', object: member.object, index: member.index, at: member.at }
        return this.#syntax.fail('not_in_language', 'assignment to an attribute is not in the language: nothing is changed in place', node)
      }
      default:
        return this.#syntax.fail('syntax_error', `syntax error: "${shorten(this.#syntax.text(node))}" cannot be assigned to`, node)
    }
  }
}
