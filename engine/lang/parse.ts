/**
 * Python text to syntax tree. The grammar is @lezer/python's; this walk allows only the listed nodes, so what is not
 * in the language is an error with its place.
 */
import type { SyntaxNode } from '@lezer/common'
import { parser } from '@lezer/python'
import { SpecError } from '../errors.ts'
import type { BinaryOperator, Expression, Position, Program, Statement } from './ast.ts'
import { ExpressionReader, binaryOperators } from './expressions.ts'
import { Source } from './source.ts'
import type { ParseLimits } from './syntax.ts'
import { Syntax, childrenOf, shorten } from './syntax.ts'

/** Throws a SpecError with line and column when the text is not a program of the language. */
export function parse(text: string, limits: ParseLimits): Program {
  if (text.length > limits.maxLength) {
    throw new SpecError('program_too_long', `the program has ${text.length} characters; the limit is ${limits.maxLength}`)
  }
  return new StatementReader(new Syntax(new Source(text), limits)).program()
}

class StatementReader {
  readonly #syntax: Syntax
  readonly #expressions: ExpressionReader

  constructor(syntax: Syntax) {
    this.#syntax = syntax
    this.#expressions = new ExpressionReader(syntax)
  }

  program(): Program {
    const { source, limits } = this.#syntax
    const deep = source.bracketsDeeperThan(limits.maxDepth)
    if (deep !== undefined) throw this.#syntax.tooDeep(source.position(deep))
    const tree = parser.parse(source.text)
    this.#findSyntaxError(tree.topNode)
    return { body: this.#block(tree.topNode, 1) }
  }

  /** The first place where the grammar gave up. A strict parser would say so itself, but is a copy, with which parsing takes half as long again. */
  #findSyntaxError(top: SyntaxNode): void {
    const cursor = top.cursor()
    do {
      if (!cursor.type.isError) continue
      const { text } = this.#syntax.source
      const { from, to } = cursor
      const found = text.slice(from, Math.max(to, from + 1)).split('\n')[0]!.trim()
      const indent = /^[ \t]+(?=[^\s#])/.exec(text.slice(from))?.[0]
      if (found === '' && indent !== undefined && (from === 0 || text[from - 1] === '\n')) {
        throw new SpecError('syntax_error', 'syntax error: unexpected indentation', this.#syntax.source.position(from + indent.length))
      }
      const what = found === '' ? 'the line ends too early' : `"${shorten(found)}" is not expected here`
      throw new SpecError('syntax_error', `syntax error: ${what}`, this.#syntax.source.position(from))
    } while (cursor.next())
  }

  /** Statements that are children of `node`; all must start in the same column. */
  #block(node: SyntaxNode, column: number): Statement[] {
    const statements: Statement[] = []
    let first: number | undefined = column === 1 ? 1 : undefined
    let lastLine = 0
    /** `if x: y = 1` has its body on the line of the colon. */
    let inline: number | undefined
    for (const child of childrenOf(node)) {
      const { name } = child
      if (name === 'Comment') continue
      const at = this.#syntax.at(child)
      if (name === ':') {
        inline = at.line
        continue
      }
      if (at.line !== lastLine && at.line !== inline) {
        first ??= at.column
        if (at.column !== first) this.#syntax.fail('syntax_error', `unexpected indentation: column ${first} expected, got column ${at.column}`, child)
      }
      lastLine = at.line
      statements.push(...this.#statement(child))
    }
    return statements
  }

  #statement(node: SyntaxNode): Statement[] {
    return this.#syntax.deeper(node, () => {
      const at = this.#syntax.at(node)
      switch (node.name) {
        case 'StatementGroup':
          return this.#group(node)
        case 'AssignStatement':
          return [this.#assign(node, at)]
        case 'UpdateStatement':
          return [this.#update(node, at)]
        case 'ExpressionStatement':
          return [{ kind: 'expression', value: this.#expressions.sequence(childrenOf(node), node), at }]
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
          return [{ kind: 'return', ...(rest.length > 0 && { value: this.#expressions.sequence(rest, node) }), at }]
        }
        case 'ImportStatement':
          return [this.#import(node, at)]
        case 'AssertStatement':
          return [this.#assert(node, at)]
        case 'WithStatement':
          return [this.#with(node, at)]
        case 'DeleteStatement':
          return [this.#delete(node, at)]
        case 'PassStatement':
          return [{ kind: 'pass', at }]
        case 'BreakStatement':
          return [{ kind: 'break', at }]
        case 'ContinueStatement':
          return [{ kind: 'continue', at }]
        default:
          return this.#syntax.refuse(node)
      }
    })
  }

  #group(node: SyntaxNode): Statement[] {
    let expectStatement = true
    const statements: Statement[] = []
    for (const child of childrenOf(node)) {
      if (child.name === ';') {
        if (expectStatement) this.#syntax.fail('syntax_error', 'syntax error: a statement is missing before ";"', child)
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
    // `x: int` alone says nothing.
    if (parts.length === 0) return { kind: 'pass', at }
    return { kind: 'assign', targets: parts.map((part) => this.#expressions.targets(part, node)), value: this.#expressions.sequence(value, node), at }
  }

  #update(node: SyntaxNode, at: Position): Statement {
    const [target, operator, ...value] = childrenOf(node)
    if (operator!.name === ',') this.#syntax.fail('syntax_error', 'syntax error: only one name can be updated', target!)
    const updated = this.#expressions.target(target!)
    if (updated.kind === 'pattern') this.#syntax.fail('syntax_error', 'syntax error: only one name can be updated', target!)
    const symbol = this.#syntax.text(operator!).slice(0, -1)
    if (!binaryOperators.has(symbol)) this.#syntax.fail('not_in_language', `the operator ${symbol}= is not in the language`, operator!)
    return { kind: 'update', target: updated, operator: symbol as BinaryOperator, value: this.#expressions.sequence(value, node), at }
  }

  #if(node: SyntaxNode, at: Position): Statement {
    const branches: { condition: Expression; body: Statement[] }[] = []
    let otherwise: Statement[] = []
    let condition: Expression | undefined
    for (const child of childrenOf(node)) {
      if (child.name === 'if' || child.name === 'elif' || child.name === 'else' || child.name === 'Comment') continue
      if (child.name !== 'Body') {
        condition = this.#expressions.expression(child)
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
    if (children[0]!.name !== 'for') this.#syntax.refuse(node)
    const at_in = children.findIndex((child) => child.name === 'in')
    const bodies = children.filter((child) => child.name === 'Body')
    const firstBody = children.findIndex((child) => child.name === 'Body')
    return {
      kind: 'for',
      target: this.#expressions.targets(children.slice(1, at_in), node),
      iterable: this.#expressions.sequence(children.slice(at_in + 1, firstBody), node),
      body: this.#body(bodies[0]!),
      otherwise: bodies[1] ? this.#body(bodies[1]) : [],
      at,
    }
  }

  #while(node: SyntaxNode, at: Position): Statement {
    const children = childrenOf(node).filter((child) => child.name !== 'Comment')
    const bodies = children.filter((child) => child.name === 'Body')
    return { kind: 'while', condition: this.#expressions.expression(children[1]!), body: this.#body(bodies[0]!), otherwise: bodies[1] ? this.#body(bodies[1]) : [], at }
  }

  #def(node: SyntaxNode, at: Position): Statement {
    const children = childrenOf(node)
    if (children[0]!.name !== 'def') this.#syntax.fail('not_in_language', 'async is not in the language', node)
    const list = children.find((child) => child.name === 'ParamList')!
    const body = children.find((child) => child.name === 'Body')!
    return { kind: 'def', name: this.#expressions.name(children[1]!), parameters: this.#expressions.parameters(list), body: this.#body(body), at }
  }

  /** `import a.b as c, d` and `from a.b import c as d, e` */
  #import(node: SyntaxNode, at: Position): Statement {
    const children = childrenOf(node).filter((child) => !['Comment', '(', ')'].includes(child.name))
    const star = children.find((child) => child.name === '*')
    if (star) this.#syntax.fail('not_in_language', 'import * is not in the language: name what you import', star)
    const word = children.findIndex((child) => child.name === 'import')
    const path = (nodes: readonly SyntaxNode[]): string[] => nodes.filter((child) => child.name === 'VariableName').map((child) => this.#expressions.name(child))
    const from = path(children.slice(1, Math.max(1, word)))
    if (word > 0 && from.length === 0) this.#syntax.refuse(node)
    const groups: SyntaxNode[][] = [[]]
    for (const child of children.slice(word + 1)) {
      if (child.name === ',') groups.push([])
      else groups.at(-1)!.push(child)
    }
    const imports = groups.filter((group) => group.length > 0).map((group) => {
      const as = group.findIndex((child) => child.name === 'as')
      const names = path(as < 0 ? group : group.slice(0, as))
      const whole = [...from, ...names]
      if (as >= 0) return { path: whole, name: path(group.slice(as))[0]!, binds: 'end' as const }
      return word > 0 ? { path: whole, name: names.at(-1)!, binds: 'end' as const } : { path: whole, name: names[0]!, binds: 'start' as const }
    })
    return { kind: 'import', imports, at }
  }

  #assert(node: SyntaxNode, at: Position): Statement {
    const [condition, message] = childrenOf(node).slice(1).filter((child) => child.name !== ',' && child.name !== 'Comment')
    return { kind: 'assert', condition: this.#expressions.expression(condition!), ...(message && { message: this.#expressions.expression(message) }), at }
  }

  #with(node: SyntaxNode, at: Position): Statement {
    const children = childrenOf(node).filter((child) => child.name !== 'Comment' && child.name !== ',')
    const as = children.find((child) => child.name === 'as')
    if (children[0]!.name !== 'with' || as) this.#syntax.fail('not_in_language', 'of with, only with torch.no_grad(): and its like are in the language', as ?? node)
    return { kind: 'with', contexts: children.slice(1, -1).map((child) => this.#expressions.expression(child)), body: this.#body(children.at(-1)!), at }
  }

  #delete(node: SyntaxNode, at: Position): Statement {
    const names = childrenOf(node).slice(1).filter((child) => child.name !== ',' && child.name !== 'Comment')
    for (const name of names) if (name.name !== 'VariableName') this.#syntax.fail('not_in_language', 'only names can be deleted; nothing is changed in place', name)
    return { kind: 'delete', names: names.map((name) => this.#expressions.name(name)), at }
  }

  #body(node: SyntaxNode): Statement[] {
    const statements = this.#block(node, 0)
    if (statements.length === 0) this.#syntax.fail('syntax_error', 'syntax error: an indented block is expected', node)
    return statements
  }
}
