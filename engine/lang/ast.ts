/** The syntax tree of a program. Positions count lines and columns from 1. */

export interface Position {
  readonly line: number
  readonly column: number
}

export interface Argument {
  /** Set for `name=value`. */
  readonly name?: string
  /** `*value`: the elements of a sequence. */
  readonly star: boolean
  /** `**value`: named arguments of a dictionary. */
  readonly double?: true
  readonly value: Expression
  readonly at: Position
}

export interface Generator {
  readonly target: Target
  readonly iterable: Expression
  readonly conditions: readonly Expression[]
}

export type BinaryOperator = '+' | '-' | '*' | '/' | '//' | '%' | '**' | '@' | '&' | '|' | '^' | '<<' | '>>'
export type CompareOperator = '==' | '!=' | '<' | '<=' | '>' | '>=' | 'is' | 'is not' | 'in' | 'not in'

export type Expression = { readonly at: Position } & (
  | { readonly kind: 'number'; readonly value: number; readonly whole: boolean }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'none' }
  | { readonly kind: 'ellipsis' }
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'attribute'; readonly object: Expression; readonly name: string }
  | { readonly kind: 'call'; readonly callee: Expression; readonly args: readonly Argument[] }
  | { readonly kind: 'subscript'; readonly object: Expression; readonly index: Expression }
  | { readonly kind: 'slice'; readonly start?: Expression; readonly stop?: Expression; readonly step?: Expression }
  | { readonly kind: 'tuple' | 'list'; readonly items: readonly Item[] }
  | { readonly kind: 'comprehension'; readonly element: Expression; readonly generators: readonly Generator[] }
  | { readonly kind: 'dictionary'; readonly entries: readonly Entry[] }
  | { readonly kind: 'dictionary comprehension'; readonly entry: Entry; readonly generators: readonly Generator[] }
  | { readonly kind: 'lambda'; readonly parameters: readonly Parameter[]; readonly body: Expression }
  | { readonly kind: 'named'; readonly name: string; readonly value: Expression }
  | { readonly kind: 'unary'; readonly operator: '-' | '+' | '~' | 'not'; readonly operand: Expression }
  | { readonly kind: 'binary'; readonly operator: BinaryOperator; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'compare'; readonly first: Expression; readonly rest: readonly { readonly operator: CompareOperator; readonly right: Expression }[] }
  | { readonly kind: 'logic'; readonly operator: 'and' | 'or'; readonly left: Expression; readonly right: Expression }
  | { readonly kind: 'conditional'; readonly condition: Expression; readonly whenTrue: Expression; readonly whenFalse: Expression }
)

export interface Item {
  readonly star: boolean
  readonly value: Expression
}

/** `key: value`; without a key, `**value`. */
export interface Entry {
  readonly key?: Expression
  readonly value: Expression
}

/** What an assignment binds: a name, an element of a list or dictionary, or a pattern of these. */
export type Target = { readonly at: Position } & (
  | { readonly kind: 'name'; readonly name: string }
  | { readonly kind: 'element'; readonly object: Expression; readonly index: Expression }
  | { readonly kind: 'pattern'; readonly items: readonly { readonly star: boolean; readonly target: Target }[] }
)

export interface Parameter {
  readonly name: string
  readonly default?: Expression
  /** `*args` takes the positional arguments that are left, `**kwargs` the named ones. */
  readonly takes: 'one' | 'positional rest' | 'named rest'
  /** How the argument may be given. */
  readonly given: 'either way' | 'by position' | 'by name'
  readonly at: Position
}

export type Statement = { readonly at: Position } & (
  | { readonly kind: 'assign'; readonly targets: readonly Target[]; readonly value: Expression }
  | { readonly kind: 'update'; readonly target: Exclude<Target, { kind: 'pattern' }>; readonly operator: BinaryOperator; readonly value: Expression }
  | { readonly kind: 'expression'; readonly value: Expression }
  | { readonly kind: 'if'; readonly branches: readonly { readonly condition: Expression; readonly body: readonly Statement[] }[]; readonly otherwise: readonly Statement[] }
  | { readonly kind: 'for'; readonly target: Target; readonly iterable: Expression; readonly body: readonly Statement[]; readonly otherwise: readonly Statement[] }
  | { readonly kind: 'while'; readonly condition: Expression; readonly body: readonly Statement[]; readonly otherwise: readonly Statement[] }
  | { readonly kind: 'def'; readonly name: string; readonly parameters: readonly Parameter[]; readonly body: readonly Statement[] }
  | { readonly kind: 'return'; readonly value?: Expression }
  | { readonly kind: 'import'; readonly imports: readonly Import[] }
  | { readonly kind: 'assert'; readonly condition: Expression; readonly message?: Expression }
  | { readonly kind: 'with'; readonly contexts: readonly Expression[]; readonly body: readonly Statement[] }
  | { readonly kind: 'delete'; readonly names: readonly string[] }
  | { readonly kind: 'pass' | 'break' | 'continue' }
)

/** What `path` leads to from a global name, or (`import a.b`) where it starts, under `name`. */
export interface Import {
  readonly path: readonly string[]
  readonly name: string
  readonly binds: 'end' | 'start'
}

export interface Program {
  readonly body: readonly Statement[]
}
