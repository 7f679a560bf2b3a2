/** What every part of the reader needs: places, errors, the depth reached. */
import type { SyntaxNode } from '@lezer/common'
import { SpecError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import type { Position } from './ast.ts'
import type { Source } from './source.ts'

export interface ParseLimits {
  readonly maxLength: number
  readonly maxDepth: number
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

export class Syntax {
  readonly source: Source
  readonly limits: ParseLimits
  #depth = 0

  constructor(source: Source, limits: ParseLimits) {
    this.source = source
    this.limits = limits
  }

  at(node: SyntaxNode): Position {
    return this.source.position(node.from)
  }

  fail(code: ErrorCode, message: string, node: SyntaxNode): never {
    throw new SpecError(code, message, this.at(node))
  }

  text(node: SyntaxNode): string {
    return this.source.text.slice(node.from, node.to)
  }

  tooDeep(place: Position): SpecError {
    return new SpecError('program_too_deep', `the program is nested more than ${this.limits.maxDepth} levels deep`, place)
  }

  deeper<T>(node: SyntaxNode, body: () => T): T {
    if (++this.#depth > this.limits.maxDepth) throw this.tooDeep(this.at(node))
    const result = body()
    this.#depth--
    return result
  }

  refuse(node: SyntaxNode): never {
    const what = foreign[node.name]
    if (what !== undefined) this.fail('not_in_language', `${what} is not in the language`, node)
    return this.fail('not_in_language', `"${shorten(this.text(node))}" is not in the language`, node)
  }
}

export function childrenOf(node: SyntaxNode): SyntaxNode[] {
  const children: SyntaxNode[] = []
  for (let child = node.firstChild; child; child = child.nextSibling) children.push(child)
  return children
}

export function shorten(text: string): string {
  return text.length > 40 ? `${text.slice(0, 37)}...` : text
}
