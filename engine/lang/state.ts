/** Where the tracer stands: its place in the program, its open scopes, and how far it has come. */
import type { Place } from '../errors.ts'
import type { Value } from '../ir/value.ts'
import { mark } from '../ops/elementwise.ts'
import type { Position } from './ast.ts'
import type { Dynamic, TraceContext } from './values.ts'
import { Tensor, fail } from './values.ts'

export interface TraceLimits {
  /** Statements and loop rounds that a program may take. */
  readonly maxSteps: number
  /** Calls of the program's own functions inside each other. */
  readonly maxCalls: number
  /** Variables whose gradients are asked for; all of them where the program itself asks. */
  readonly marked?: ReadonlySet<string> | 'all'
}

/** Values by the name that a program reads them by. */
export type Scope = Map<string, Dynamic>

export class State {
  readonly ctx: TraceContext
  readonly pointer: string
  readonly #limits: TraceLimits
  /** The name that was assigned last, by the program itself. */
  lastAssigned: string | undefined
  #steps = 0
  #calls = 0
  readonly #scopes: Scope[] = []
  /** The scope that a comprehension stands in, by its own. */
  readonly #outer = new WeakMap<Scope, Scope>()

  constructor(ctx: TraceContext, limits: TraceLimits, pointer: string) {
    this.ctx = { ...ctx, live: () => this.#live(), gradMode: { enabled: true } }
    this.#limits = limits
    this.pointer = pointer
  }

  /** From here on, nodes and errors belong to this place. */
  at(position: Position): void {
    const place: Place = { pointer: this.pointer, line: position.line, column: position.column }
    this.ctx.graph.place = place
  }

  /** A statement, or a round of a loop. */
  count(position: Position): void {
    if (++this.#steps > this.#limits.maxSteps) {
      this.at(position)
      fail(this.ctx, 'trace_too_long', `following the program takes more than ${this.#limits.maxSteps} statements`)
    }
  }

  /** Runs `body` with a scope of its own; in a function of the program, one level of calls deeper. */
  within<T>(scope: Scope, levels: 0 | 1, body: () => T): T {
    if (this.#calls + levels > this.#limits.maxCalls) fail(this.ctx, 'trace_too_long', `functions call each other more than ${this.#limits.maxCalls} levels deep`)
    this.#calls += levels
    this.#scopes.push(scope)
    try {
      return body()
    } finally {
      this.#calls -= levels
      this.#scopes.pop()
    }
  }

  /** Tensors of the scopes that are open. */
  *#live(): Iterable<Value> {
    for (const scope of this.#scopes) for (const value of scope.values()) if (value instanceof Tensor) yield value.value
  }

  /** The scope of a comprehension: what it binds is not seen outside. */
  inside(scope: Scope): Scope {
    const inner = new Map(scope)
    this.#outer.set(inner, scope)
    return inner
  }

  /** `name := value`, which is also seen outside of comprehensions. */
  assignThrough(name: string, value: Dynamic, scope: Scope, position: Position): void {
    let at: Scope | undefined = scope
    while (at) {
      this.assign(name, value, at, position)
      at = this.#outer.get(at)
    }
  }

  /** `position` is that of the name. */
  assign(name: string, value: Dynamic, scope: Scope, position: Position): void {
    this.ctx.recorder?.assigned(name, value, this.#calls > 0, { pointer: this.pointer, ...position })
    scope.set(name, this.#marked(name, value))
    if (this.#calls === 0) this.lastAssigned = name
  }

  /**
   * A variable whose gradient is asked for gets a node of its own: an equal expression elsewhere is another tensor.
   */
  #marked(name: string, value: Dynamic): Dynamic {
    const { marked } = this.#limits
    if (this.#calls > 0 || !(value instanceof Tensor) || !(marked === 'all' || marked?.has(name))) return value
    const own = new Tensor(mark(value.value, name), value.gradFn, value.requiresGrad)
    this.ctx.recorder?.same(own, value)
    const view = (base: Tensor): Tensor => new Tensor(mark(base.value, name), base.gradFn, base.requiresGrad)
    own.share({ base: value, view, again: () => view(value) })
    return own
  }
}
