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

/** What Python has and this language has not, and what to do instead. */
export const foreign: Readonly<Record<string, string>> = {
  ClassDefinition: 'class is not in the language: layers are listed in model.layers or model.modules, functions are made with def',
  FormatString: 'an f-string is not in the language: a program has numbers and tensors, and no use for text',
  SetExpression: 'a set is not in the language: use a tuple or a list',
  SetComprehensionExpression: 'a set is not in the language: use a list',
  AwaitExpression: 'await is not in the language',
  YieldExpression: 'yield is not in the language: return a list',
  YieldStatement: 'yield is not in the language: return a list',
  DecoratedStatement: 'a decorator is not in the language',
  ScopeStatement: 'global and nonlocal are not in the language: pass values as arguments and return them',
  TryStatement: 'try is not in the language',
  RaiseStatement: 'raise is not in the language: use assert',
  MatchStatement: 'match is not in the language: use if',
  PrintStatement: 'print is not in the language: name what you want to see in "outputs" of the request',
  TypeDefinition: 'type is not in the language',
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
    if (what !== undefined) this.fail('not_in_language', what, node)
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
