/**
 * Python text to syntax tree. The grammar is @lezer/python's; this walk allows only the listed nodes, so what is not
 * in the language is an error with its place.
 */
import type { SyntaxNode } from '@lezer/common'
import { parser } from '@lezer/python'
import { SpecError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import type { Argument, BinaryOperator, CompareOperator, Expression, Generator, Item, Parameter, Position, Program, Statement, Target } from './ast.ts'
import { Source } from './source.ts'

export interface ParseLimits {
  readonly maxLength: number
  readonly maxDepth: number
}

/** Throws a SpecError with line and column when the text is not a program of the language. */
export function parse(text: string, limits: ParseLimits): Program {
  if (text.length > limits.maxLength) {
    throw new SpecError('program_too_long', `the program has ${text.length} characters; the limit is ${limits.maxLength}`)
  }
  return new Reader(new Source(text), limits).program()
}

/** Statements that Python has and this language has not. */
const foreign: Record<string, string> = {
  ImportStatement: 'import',
  ClassDefinition: 'class',
  LambdaExpression: 'lambda',
  FormatString: 'an f-string',
  DictionaryExpression: 'a dictionary',
  SetExpression: 'a set',
  SetComprehensionExpression: 'a set',
  DictionaryComprehensionExpression: 'a dictionary',
  AwaitExpression: 'await',
  YieldExpression: 'yield',
  YieldStatement: 'yield',
  NamedExpression: 'the := operator',
  AssertStatement: 'assert',
  DecoratedStatement: 'a decorator',
  ScopeStatement: 'global and nonlocal',
  DeleteStatement: 'del',
  TryStatement: 'try',
  RaiseStatement: 'raise',
  WithStatement: 'with',
  MatchStatement: 'match',
  PrintStatement: 'print',
  TypeDefinition: 'type',
}

const binaryOperators = new Set<string>(['+', '-', '*', '/', '//', '%', '**', '@', '&', '|', '^'])
const compareOperators = new Set<string>(['==', '!=', '<', '<=', '>', '>=', 'is', 'is not', 'in', 'not in'])

class Reader {
  readonly source: Source
  readonly limits: ParseLimits
  #depth = 0

  constructor(source: Source, limits: ParseLimits) {
    this.source = source
    this.limits = limits
  }

  program(): Program {
    const deep = this.source.bracketsDeeperThan(this.limits.maxDepth)
    if (deep !== undefined) throw this.#tooDeep(this.source.position(deep))
    const tree = parser.parse(this.source.text)
    this.#findSyntaxError(tree.topNode)
    return { body: this.#block(tree.topNode, 1) }
  }

  // ---- errors

  #at(node: SyntaxNode): Position {
    return this.source.position(node.from)
  }

  #fail(code: ErrorCode, message: string, node: SyntaxNode): never {
    throw new SpecError(code, message, this.#at(node))
  }

  #text(node: SyntaxNode): string {
    return this.source.text.slice(node.from, node.to)
  }

  #tooDeep(place: Position): SpecError {
    return new SpecError('program_too_deep', `the program is nested more than ${this.limits.maxDepth} levels deep`, place)
  }

  /** The first place where the grammar gave up. */
  #findSyntaxError(top: SyntaxNode): void {
    const cursor = top.cursor()
    do {
      if (!cursor.type.isError) continue
      const { from, to } = cursor
      const found = this.source.text.slice(from, Math.max(to, from + 1)).split('\n')[0]!
      const what = found.trim() === '' ? 'the line ends too early' : `"${shorten(found.trim())}" is not expected here`
      throw new SpecError('syntax_error', `syntax error: ${what}`, this.source.position(from))
    } while (cursor.next())
  }

  #deeper<T>(node: SyntaxNode, body: () => T): T {
    if (++this.#depth > this.limits.maxDepth) throw this.#tooDeep(this.#at(node))
    const result = body()
    this.#depth--
    return result
  }

  #refuse(node: SyntaxNode): never {
    const what = foreign[node.name]
    if (what !== undefined) this.#fail('not_in_language', `${what} is not in the language`, node)
    return this.#fail('not_in_language', `"${shorten(this.#text(node))}" is not in the language`, node)
  }

  // ---- statements

  /** Statements that are children of `node`; all must start in the same column. */
  #block(node: SyntaxNode, column: number): Statement[] {
    const statements: Statement[] = []
    let first: number | undefined = column === 1 ? 1 : undefined
    let lastLine = 0
    for (const child of childrenOf(node)) {
      if (child.name === 'Comment' || child.name === ':') continue
      const at = this.#at(child)
      if (at.line !== lastLine && !this.#isInline(node, child)) {
        first ??= at.column
        if (at.column !== first) this.#fail('syntax_error', `unexpected indentation: column ${first} expected, got column ${at.column}`, child)
      }
      lastLine = at.line
      statements.push(...this.#statement(child))
    }
    return statements
  }

  /** `if x: y = 1` has its body on the line of the colon. */
  #isInline(block: SyntaxNode, child: SyntaxNode): boolean {
    const colon = block.firstChild
    return colon?.name === ':' && this.#at(colon).line === this.#at(child).line
  }

  #statement(node: SyntaxNode): Statement[] {
    return this.#deeper(node, () => {
      const at = this.#at(node)
      switch (node.name) {
        case 'StatementGroup':
          return this.#group(node)
        case 'AssignStatement':
          return [this.#assign(node, at)]
        case 'UpdateStatement':
          return [this.#update(node, at)]
        case 'ExpressionStatement':
          return [{ kind: 'expression', value: this.#sequence(childrenOf(node), node), at }]
        case 'IfStatement':
          return [this.#if(node, at)]
        case 'ForStatement':
          return [this.#for(node, at)]
        case 'WhileStatement':
          return [this.#while(node, at)]
        case 'FunctionDefinition':
          return [this.#def(node, at)]
        case 'ReturnStatement': {
          const rest = childrenOf(node).slice(1)
          return [{ kind: 'return', ...(rest.length > 0 && { value: this.#sequence(rest, node) }), at }]
        }
        case 'PassStatement':
          return [{ kind: 'pass', at }]
        case 'BreakStatement':
          return [{ kind: 'break', at }]
        case 'ContinueStatement':
          return [{ kind: 'continue', at }]
        default:
          return this.#refuse(node)
      }
    })
  }

  #group(node: SyntaxNode): Statement[] {
    let expectStatement = true
    const statements: Statement[] = []
    for (const child of childrenOf(node)) {
      if (child.name === ';') {
        if (expectStatement) this.#fail('syntax_error', 'syntax error: a statement is missing before ";"', child)
        expectStatement = true
      } else {
        expectStatement = false
        if (child.name !== 'Comment') statements.push(...this.#statement(child))
      }
    }
    return statements
  }

  #assign(node: SyntaxNode, at: Position): Statement {
    const parts: SyntaxNode[][] = [[]]
    for (const child of childrenOf(node)) {
      if (child.name === 'AssignOp') parts.push([])
      else if (child.name !== 'TypeDef') parts.at(-1)!.push(child)
    }
    const value = parts.pop()!
    if (parts.length === 0) this.#fail('syntax_error', 'syntax error: a value is missing', node)
    return { kind: 'assign', targets: parts.map((part) => this.#targets(part, node)), value: this.#sequence(value, node), at }
  }

  #update(node: SyntaxNode, at: Position): Statement {
    const [target, operator, ...value] = childrenOf(node)
    if (target?.name !== 'VariableName') this.#fail('not_in_language', 'only a name can be updated; nothing is changed in place', target ?? node)
    const symbol = this.#text(operator!).slice(0, -1)
    if (!binaryOperators.has(symbol)) this.#fail('not_in_language', `the operator ${symbol}= is not in the language`, operator!)
    return { kind: 'update', name: this.#name(target), operator: symbol as BinaryOperator, value: this.#sequence(value, node), at }
  }

  #if(node: SyntaxNode, at: Position): Statement {
    const branches: { condition: Expression; body: Statement[] }[] = []
    let otherwise: Statement[] = []
    let condition: Expression | undefined
    for (const child of childrenOf(node)) {
      if (child.name === 'if' || child.name === 'elif' || child.name === 'else' || child.name === 'Comment') continue
      if (child.name !== 'Body') {
        condition = this.#expression(child)
      } else if (condition) {
        branches.push({ condition, body: this.#body(child) })
        condition = undefined
      } else {
        otherwise = this.#body(child)
      }
    }
    return { kind: 'if', branches, otherwise, at }
  }

  #for(node: SyntaxNode, at: Position): Statement {
    const children = childrenOf(node).filter((child) => child.name !== 'Comment')
    if (children[0]!.name !== 'for') this.#refuse(node)
    const at_in = children.findIndex((child) => child.name === 'in')
    const bodies = children.filter((child) => child.name === 'Body')
    const firstBody = children.findIndex((child) => child.name === 'Body')
    return {
      kind: 'for',
      target: this.#targets(children.slice(1, at_in), node),
      iterable: this.#sequence(children.slice(at_in + 1, firstBody), node),
      body: this.#body(bodies[0]!),
      otherwise: bodies[1] ? this.#body(bodies[1]) : [],
      at,
    }
  }

  #while(node: SyntaxNode, at: Position): Statement {
    const children = childrenOf(node).filter((child) => child.name !== 'Comment')
    const bodies = children.filter((child) => child.name === 'Body')
    return { kind: 'while', condition: this.#expression(children[1]!), body: this.#body(bodies[0]!), otherwise: bodies[1] ? this.#body(bodies[1]) : [], at }
  }

  #def(node: SyntaxNode, at: Position): Statement {
    const children = childrenOf(node)
    if (children[0]!.name !== 'def') this.#refuse(node)
    const list = children.find((child) => child.name === 'ParamList')!
    const body = children.find((child) => child.name === 'Body')!
    const parameters: Parameter[] = []
    let last: SyntaxNode | undefined
    let defaulted = false
    for (const child of childrenOf(list)) {
      if (child.name === 'VariableName' && !defaulted) {
        parameters.push({ name: this.#name(child), at: this.#at(child) })
        last = child
      } else if (child.name === 'AssignOp') {
        defaulted = true
      } else if (defaulted) {
        parameters.push({ ...parameters.pop()!, default: this.#expression(child) })
        defaulted = false
      } else if (!['(', ')', ',', 'TypeDef', 'Comment'].includes(child.name)) {
        this.#fail('not_in_language', `"${this.#text(child)}" in a parameter list is not in the language`, last ?? child)
      }
    }
    return { kind: 'def', name: this.#name(children[1]!), parameters, body: this.#body(body), at }
  }

  #body(node: SyntaxNode): Statement[] {
    const statements = this.#block(node, 0)
    if (statements.length === 0) this.#fail('syntax_error', 'syntax error: an indented block is expected', node)
    return statements
  }

  // ---- targets

  /** Names separated by commas; one without a comma stands for itself. */
  #targets(nodes: readonly SyntaxNode[], parent: SyntaxNode): Target {
    const items: { star: boolean; target: Target }[] = []
    let star = false
    let commas = 0
    for (const node of nodes) {
      if (node.name === ',') commas++
      else if (node.name === '*') star = true
      else if (node.name !== 'Comment') {
        items.push({ star, target: this.#target(node) })
        star = false
      }
    }
    const first = items[0]
    if (!first) this.#fail('syntax_error', 'syntax error: a name is expected before "="', parent)
    if (commas === 0 && !first.star) return first.target
    if (items.filter((item) => item.star).length > 1) this.#fail('syntax_error', 'syntax error: only one starred name is allowed', parent)
    return { kind: 'pattern', items, at: first.target.at }
  }

  #target(node: SyntaxNode): Target {
    switch (node.name) {
      case 'VariableName':
        return { kind: 'name', name: this.#name(node), at: this.#at(node) }
      case 'TupleExpression':
      case 'ArrayExpression':
        return this.#targets(childrenOf(node).slice(1, -1), node)
      case 'ParenthesizedExpression':
        return this.#target(childrenOf(node)[1]!)
      case 'MemberExpression':
        return this.#fail('not_in_language', 'assignment to an element or an attribute is not in the language: nothing is changed in place', node)
      default:
        return this.#fail('syntax_error', `syntax error: "${shorten(this.#text(node))}" cannot be assigned to`, node)
    }
  }

  // ---- expressions

  /** One expression, or a tuple without parentheses. */
  #sequence(nodes: readonly SyntaxNode[], parent: SyntaxNode): Expression {
    const real = nodes.filter((node) => node.name !== 'Comment')
    const first = real[0]
    if (!first) this.#fail('syntax_error', 'syntax error: an expression is missing', parent)
    if (real.length === 1 && first.name !== '*') return this.#expression(first)
    return { kind: 'tuple', items: this.#items(real), at: this.#at(first) }
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
      items.push({ star, value: this.#expression(node) })
      star = false
    }
    return items
  }

  #expression(node: SyntaxNode): Expression {
    return this.#deeper(node, () => this.#expressionOf(node))
  }

  #expressionOf(node: SyntaxNode): Expression {
    const at = this.#at(node)
    switch (node.name) {
      case 'Number':
        return { ...this.#number(node), at }
      case 'String':
        return { kind: 'string', value: this.#string(node), at }
      case 'ContinuedString':
        return { kind: 'string', value: childrenOf(node).map((part) => this.#string(part)).join(''), at }
      case 'Boolean':
        return { kind: 'boolean', value: this.#text(node) === 'True', at }
      case 'None':
        return { kind: 'none', at }
      case 'Ellipsis':
        return { kind: 'ellipsis', at }
      case 'VariableName':
        return { kind: 'name', name: this.#name(node), at }
      case 'ParenthesizedExpression': {
        const inside = childrenOf(node).filter((child) => child.name !== 'Comment')[1]!
        return this.#expression(inside)
      }
      case 'TupleExpression':
        return { kind: 'tuple', items: this.#items(childrenOf(node).slice(1, -1)), at }
      case 'ArrayExpression':
        return { kind: 'list', items: this.#items(childrenOf(node).slice(1, -1)), at }
      case 'ArrayComprehensionExpression':
      case 'ComprehensionExpression':
        return this.#comprehension(childrenOf(node).slice(1, -1), node, at)
      case 'MemberExpression':
        return this.#member(node, at)
      case 'CallExpression':
        return this.#call(node, at)
      case 'UnaryExpression':
        return this.#unary(node, at)
      case 'BinaryExpression':
        return this.#binary(node, at)
      case 'ConditionalExpression': {
        const [whenTrue, , condition, , whenFalse] = childrenOf(node).filter((child) => child.name !== 'Comment')
        return { kind: 'conditional', condition: this.#expression(condition!), whenTrue: this.#expression(whenTrue!), whenFalse: this.#expression(whenFalse!), at }
      }
      default:
        return this.#refuse(node)
    }
  }

  #number(node: SyntaxNode): { kind: 'number'; value: number; whole: boolean } {
    const text = this.#text(node)
    if (/[jJ]$/.test(text)) this.#fail('not_in_language', 'complex numbers are not in the language', node)
    const digits = text.replaceAll(/(?<=[\da-fA-FxXoObB])_(?=[\da-fA-F])/g, '')
    if (!/^(0[xX][\da-fA-F]+|0[oO][0-7]+|0[bB][01]+|0+|[1-9]\d*|(\d+\.\d*|\.\d+|\d+)([eE][+-]?\d+)?)$/.test(digits) || /^0\d+$/.test(digits.replace(/^0+$/, '0'))) {
      this.#fail('syntax_error', `syntax error: "${text}" is not a number`, node)
    }
    const value = Number(digits)
    const whole = !/^\d*\.|[eE]/.test(digits) || /^0[xX]/.test(digits)
    if (whole && !Number.isSafeInteger(value)) this.#fail('bad_argument', `the whole number ${text} is beyond 2^53`, node)
    return { kind: 'number', value, whole }
  }

  #string(node: SyntaxNode): string {
    const text = this.#text(node)
    if (node.name !== 'String') this.#refuse(node)
    const match = /^([a-zA-Z]*)("""|'''|"|')([\s\S]*)\2$/.exec(text)
    if (!match || match[1] !== '') this.#fail('not_in_language', `the string ${shorten(text)} is not in the language`, node)
    if (match[3]!.includes('\\')) this.#fail('not_in_language', 'escapes in strings are not in the language', node)
    return match[3]!
  }

  #name(node: SyntaxNode): string {
    const name = this.#text(node)
    if (name.includes('__')) this.#fail('not_in_language', `names with two underscores are not in the language: "${name}"`, node)
    return name
  }

  #comprehension(nodes: readonly SyntaxNode[], parent: SyntaxNode, at: Position): Expression {
    const [element, ...rest] = nodes
    const generators: { target: Target; iterable: Expression; conditions: Expression[] }[] = []
    for (let i = 0; i < rest.length; ) {
      if (rest[i]!.name === 'if') {
        generators.at(-1)!.conditions.push(this.#expression(rest[i + 1]!))
        i += 2
        continue
      }
      if (rest[i]!.name !== 'for') this.#refuse(parent)
      const inAt = rest.findIndex((child, k) => k > i && child.name === 'in')
      generators.push({ target: this.#targets(rest.slice(i + 1, inAt), parent), iterable: this.#expression(rest[inAt + 1]!), conditions: [] })
      i = inAt + 2
    }
    return { kind: 'comprehension', element: this.#expression(element!), generators: generators satisfies Generator[], at }
  }

  #member(node: SyntaxNode, at: Position): Expression {
    const [objectNode, token, ...rest] = childrenOf(node).filter((child) => child.name !== 'Comment')
    const object = this.#expression(objectNode!)
    if (token!.name === '.') return { kind: 'attribute', object, name: this.#name(rest[0]!), at }
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
    if (nodes.length === 0) this.#fail('syntax_error', 'syntax error: an index is missing', parent)
    if (!nodes.some((node) => node.name === ':')) return this.#sequence(nodes, parent)
    const bounds: (Expression | undefined)[] = [undefined]
    for (const node of nodes) {
      if (node.name === ':') bounds.push(undefined)
      else bounds[bounds.length - 1] = this.#expression(node)
    }
    if (bounds.length > 3) this.#fail('syntax_error', 'syntax error: a slice has at most start, stop and step', nodes[0]!)
    const [start, stop, step] = bounds
    return { kind: 'slice', ...(start && { start }), ...(stop && { stop }), ...(step && { step }), at: this.#at(nodes[0]!) }
  }

  #call(node: SyntaxNode, at: Position): Expression {
    const [callee, list] = childrenOf(node)
    return { kind: 'call', callee: this.#expression(callee!), args: this.#arguments(list!), at }
  }

  #arguments(list: SyntaxNode): Argument[] {
    const children = childrenOf(list).slice(1, -1).filter((child) => child.name !== 'Comment')
    if (children.some((child) => child.name === 'for')) {
      const value = this.#comprehension(children, list, this.#at(list))
      return [{ star: false, value, at: value.at }]
    }
    const args: Argument[] = []
    for (let i = 0; i < children.length; i++) {
      const child = children[i]!
      const at = this.#at(child)
      if (child.name === ',') continue
      if (child.name === '**') this.#fail('not_in_language', '** in a call is not in the language', child)
      if (child.name === '*') {
        args.push({ star: true, value: this.#expression(children[++i]!), at })
      } else if (children[i + 1]?.name === 'AssignOp') {
        const name = this.#name(child)
        if (args.some((arg) => arg.name === name)) this.#fail('syntax_error', `syntax error: the argument "${name}" is given twice`, child)
        args.push({ name, star: false, value: this.#expression(children[i + 2]!), at })
        i += 2
      } else {
        if (args.some((arg) => arg.name !== undefined)) this.#fail('syntax_error', 'syntax error: a positional argument follows a named one', child)
        args.push({ star: false, value: this.#expression(child), at })
      }
    }
    return args
  }

  #unary(node: SyntaxNode, at: Position): Expression {
    const [operator, operand] = childrenOf(node).filter((child) => child.name !== 'Comment')
    return { kind: 'unary', operator: this.#text(operator!) as '-' | '+' | '~' | 'not', operand: this.#expression(operand!), at }
  }

  #binary(node: SyntaxNode, at: Position): Expression {
    const children = childrenOf(node).filter((child) => child.name !== 'Comment')
    const left = children[0]!
    const right = children.at(-1)!
    const operator = children.slice(1, -1).map((child) => this.#text(child)).join(' ')
    if (operator === 'and' || operator === 'or') return { kind: 'logic', operator, left: this.#expression(left), right: this.#expression(right), at }
    if (compareOperators.has(operator)) {
      const last = { operator: operator as CompareOperator, right: this.#expression(right) }
      // a < b < c: the comparison on the left is part of the chain unless it stands in parentheses.
      const before = this.#expression(left)
      if (left.name === 'BinaryExpression' && before.kind === 'compare') return { kind: 'compare', first: before.first, rest: [...before.rest, last], at }
      return { kind: 'compare', first: before, rest: [last], at }
    }
    if (!binaryOperators.has(operator)) this.#fail('not_in_language', `the operator ${operator} is not in the language`, children[1]!)
    return { kind: 'binary', operator: operator as BinaryOperator, left: this.#expression(left), right: this.#expression(right), at }
  }
}

function childrenOf(node: SyntaxNode): SyntaxNode[] {
  const children: SyntaxNode[] = []
  for (let child = node.firstChild; child; child = child.nextSibling) children.push(child)
  return children
}

function shorten(text: string): string {
  return text.length > 40 ? `${text.slice(0, 37)}...` : text
}
