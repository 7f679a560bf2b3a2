/** Going through sequences: items one by one, unpacking into names, arguments into parameters. */
import { suggestion } from '../errors.ts'
import type { Statement, Target } from './ast.ts'
import { subscript } from './subscript.ts'
import type { CallArguments, Dynamic, TraceContext } from './values.ts'
import { Tensor, describe, fail, int, itemsOf } from './values.ts'

/** Items one after the other, so that a huge range costs only the rounds that are made. A tensor gives its rows. */
export function* itemsOneByOne(ctx: TraceContext, iterable: Dynamic): Generator<Dynamic, void, undefined> {
  if (iterable instanceof Tensor) {
    const rows = iterable.value.shape[0] ?? fail(ctx, 'bad_argument', 'iteration over a 0-d tensor')
    for (let i = 0; i < rows; i++) yield subscript(ctx, iterable, int(i))
    return
  }
  if (iterable.kind === 'range') {
    for (let i = iterable.start; iterable.step > 0 ? i < iterable.stop : i > iterable.stop; i += iterable.step) yield int(i)
    return
  }
  yield* itemsOf(iterable) ?? fail(ctx, 'bad_argument', `${describe(iterable)} cannot be iterated over`)
}

/** Which name of the pattern gets what; one starred name takes what the others leave. */
export function unpack(ctx: TraceContext, pattern: Extract<Target, { kind: 'pattern' }>, value: Dynamic): [Target, Dynamic][] {
  const items = value instanceof Tensor ? [...itemsOneByOne(ctx, value)] : itemsOf(value)
  if (!items) return fail(ctx, 'unpack_mismatch', `${describe(value)} cannot be unpacked`)
  const star = pattern.items.findIndex((item) => item.star)
  const wanted = pattern.items.length
  if (star < 0 ? items.length !== wanted : items.length < wanted - 1) {
    fail(ctx, 'unpack_mismatch', `${star < 0 ? wanted : `${wanted - 1} or more`} values expected, got ${items.length}`)
  }
  const surplus = items.length - wanted
  return pattern.items.map(({ target }, i) => {
    if (star < 0 || i < star) return [target, items[i]!]
    return [target, i === star ? { kind: 'list', items: items.slice(star, star + surplus + 1) } : items[i + surplus]!]
  })
}

/** The parameters of a program's own function, by name. */
export function bindArguments(
  ctx: TraceContext,
  { name, parameters }: Extract<Statement, { kind: 'def' }>,
  defaults: readonly (Dynamic | undefined)[],
  args: CallArguments,
): Map<string, Dynamic> {
  const names = parameters.map((parameter) => parameter.name)
  if (args.positional.length > names.length) fail(ctx, 'bad_argument', `${name}() takes ${names.length} arguments, got ${args.positional.length}`)
  for (const given of args.named.keys()) {
    if (!names.includes(given)) fail(ctx, 'bad_argument', `${name}() has no argument "${given}"${suggestion(given, names)}`)
  }
  return new Map(names.map((parameter, i) => {
    if (i < args.positional.length && args.named.has(parameter)) fail(ctx, 'bad_argument', `${name}(): the argument "${parameter}" is given twice`)
    const value = args.positional[i] ?? args.named.get(parameter) ?? defaults[i]
    return [parameter, value ?? fail(ctx, 'bad_argument', `${name}(): the argument "${parameter}" is missing`)]
  }))
}
