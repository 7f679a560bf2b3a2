/** Going through sequences: items one by one, unpacking into names, arguments into parameters. */
import { suggestion } from '../errors.ts'
import type { Parameter, Target } from './ast.ts'
import { dictionary } from './collections.ts'
import { subscript } from './subscript.ts'
import type { CallArguments, Dynamic, TraceContext } from './values.ts'
import { Tensor, describe, fail, int, itemsOf, list, tuple } from './values.ts'

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
  if (iterable.kind === 'dictionary') {
    for (const [key] of iterable.entries.values()) yield key
    return
  }
  yield* itemsOf(iterable) ?? fail(ctx, 'bad_argument', `${describe(iterable)} cannot be iterated over`)
}

/** All items, as a star in front takes them: those of a sequence, the rows of a tensor, the keys of a dictionary. */
export function allItems(ctx: TraceContext, value: Dynamic): readonly Dynamic[] | undefined {
  return value instanceof Tensor || value.kind === 'dictionary' ? [...itemsOneByOne(ctx, value)] : itemsOf(value)
}

/** Which name of the pattern gets what; one starred name takes what the others leave. */
export function unpack(ctx: TraceContext, pattern: Extract<Target, { kind: 'pattern' }>, value: Dynamic): [Target, Dynamic][] {
  const items = allItems(ctx, value)
  if (!items) return fail(ctx, 'unpack_mismatch', `${describe(value)} cannot be unpacked`)
  const star = pattern.items.findIndex((item) => item.star)
  const wanted = pattern.items.length
  if (star < 0 ? items.length !== wanted : items.length < wanted - 1) {
    fail(ctx, 'unpack_mismatch', `${star < 0 ? wanted : `${wanted - 1} or more`} values to unpack expected, got ${items.length}`)
  }
  const surplus = items.length - wanted
  return pattern.items.map(({ target }, i) => {
    if (star < 0 || i < star) return [target, items[i]!]
    return [target, i === star ? list(items.slice(star, star + surplus + 1)) : items[i + surplus]!]
  })
}

/** The parameters of a program's own function, by name. */
export function bindArguments(
  ctx: TraceContext,
  name: string,
  parameters: readonly Parameter[],
  defaults: readonly (Dynamic | undefined)[],
  { positional, named }: CallArguments,
): Map<string, Dynamic> {
  const ones = parameters.filter(({ takes }) => takes === 'one')
  const places = ones.filter(({ given }) => given !== 'by name')
  const byName = ones.filter(({ given }) => given !== 'by position').map((parameter) => parameter.name)
  const restOf = (takes: Parameter['takes']): string | undefined => parameters.find((parameter) => parameter.takes === takes)?.name
  const [rest, names] = [restOf('positional rest'), restOf('named rest')]
  if (positional.length > places.length && rest === undefined) fail(ctx, 'bad_argument', `${name}() takes ${places.length} arguments, got ${positional.length}`)
  const others: [Dynamic, Dynamic][] = []
  for (const [given, value] of named) {
    if (byName.includes(given)) continue
    if (names === undefined) fail(ctx, 'bad_argument', `${name}() has no argument "${given}"${suggestion(given, byName)}`)
    others.push([{ kind: 'string', value: given }, value])
  }
  const bound = new Map(ones.map((parameter): [string, Dynamic] => {
    const at = places.indexOf(parameter)
    const given = at >= 0 ? positional[at] : undefined
    const byItsName = parameter.given === 'by position' ? undefined : named.get(parameter.name)
    if (given && byItsName) fail(ctx, 'bad_argument', `${name}(): the argument "${parameter.name}" is given twice`)
    const value = given ?? byItsName ?? defaults[parameters.indexOf(parameter)]
    return [parameter.name, value ?? fail(ctx, 'bad_argument', `${name}(): the argument "${parameter.name}" is missing`)]
  }))
  if (rest !== undefined) bound.set(rest, tuple(positional.slice(places.length)))
  if (names !== undefined) bound.set(names, dictionary(ctx, others))
  return bound
}
