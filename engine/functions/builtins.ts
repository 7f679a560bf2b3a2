/** Python's built-in functions, over values that are known while tracing. */
import type { Value } from '../ir/value.ts'
import { isFloat, numel } from '../ir/value.ts'
import { dictionary } from '../lang/collections.ts'
import { binary, compareOrder, comparison } from '../lang/operators.ts'
import { itemsOneByOne } from '../lang/sequences.ts'
import type { Callable, Dynamic, Num, TraceContext } from '../lang/values.ts'
import { Tensor, bool, describe, fail, float, int, itemsOf, list, none, rangeLength, tuple } from '../lang/values.ts'
import * as ew from '../ops/elementwise.ts'
import { reshape } from '../ops/view.ts'
import { knownNumber } from './constants.ts'
import { apply, family, signature } from './define.ts'
import { add } from './elementwise.ts'
import type { Kind } from './parameters.ts'
import { anything, boolean, operand, optional, pythonInteger as integer, withDefault } from './parameters.ts'
import { truthOf } from './truth.ts'

const { define, refuse } = family("Python's own functions")

/** Anything that can be gone through: of a tensor its rows, of a dictionary its keys. */
const sequence: Kind<readonly Dynamic[]> = {
  type: 'sequence',
  fits: (value) => value instanceof Tensor || value.kind === 'dictionary' || itemsOf(value) !== undefined,
  convert: (value, ctx, what) => {
    if (!sequence.fits(value)) fail(ctx, 'bad_argument', `${what}: a sequence expected, got ${describe(value)}`)
    return itemsOf(value) ?? [...itemsOneByOne(ctx, value)]
  },
}

function builtin(name: string, doc: string, ...signatures: Parameters<typeof define>[1][]): void {
  define({ names: name, homes: ['builtin'], doc }, ...signatures)
}

builtin('range', 'Whole numbers from start up to, not including, stop',
  signature({ stop: integer }, ({ stop }) => ({ static: { kind: 'range', start: 0, stop, step: 1 } })),
  signature({ start: integer, stop: integer, step: withDefault(integer, 1) }, ({ start, stop, step }, ctx) => {
    if (step === 0) fail(ctx, 'bad_argument', 'range(): step must not be 0')
    return { static: { kind: 'range', start, stop, step } }
  }))

const bound: Kind<number | undefined> = optional(integer)
const sliceOf = (start: number | undefined, stop: number | undefined, step: number | undefined): { readonly static: Dynamic } => ({ static: { kind: 'slice', start, stop, step: step ?? 1 } })
builtin('slice', 'A slice as an object: x[slice(1, 3)] is x[1:3]',
  signature({ stop: bound }, ({ stop }) => sliceOf(undefined, stop, undefined)),
  signature({ start: bound, stop: bound, step: bound }, ({ start, stop, step }) => sliceOf(start, stop, step)))

builtin('len', 'Number of items, or the first size of a tensor', signature({ obj: anything }, ({ obj }, ctx) => {
  if (obj instanceof Tensor) return { static: int(obj.value.shape[0] ?? fail(ctx, 'bad_argument', 'len() of a 0-d tensor')) }
  if (obj.kind === 'range') return { static: int(rangeLength(obj)) }
  if (obj.kind === 'dictionary') return { static: int(obj.entries.size) }
  if (obj.kind === 'string') return { static: int(obj.value.length) }
  return { static: int(itemsOf(obj)?.length ?? fail(ctx, 'bad_argument', `len() takes a sequence or a tensor, got ${describe(obj)}`)) }
}))

builtin('enumerate', 'Pairs of a running number and an item', signature({ iterable: sequence, start: withDefault(integer, 0) }, ({ iterable, start }) => ({
  static: list(iterable.map((item, i) => tuple([int(start + i), item]))),
})))

/** The arguments of a function that takes any number of them. */
const several: Kind<readonly Dynamic[]> = { type: '*sequence', fits: () => true, variadic: true, convert: (value) => [value], convertAll: (values) => values, default: { value: [], shown: '()' } }

builtin('zip', 'Tuples of the items at the same place', signature({ iterables: several, strict: withDefault(boolean, false, 'False') }, ({ iterables, strict }, ctx) => {
  const lists = iterables.map((item) => sequence.convert(item, ctx, 'zip()'))
  const lengths = lists.map((items) => items.length)
  if (strict && new Set(lengths).size > 1) fail(ctx, 'bad_argument', `zip(): with strict=True sequences of one length expected, got ${lengths.join(', ')}`)
  return { static: list(Array.from({ length: lists.length === 0 ? 0 : Math.min(...lengths) }, (_, i) => tuple(lists.map((items) => items[i]!)))) }
}))

function functionOf(ctx: TraceContext, what: string, value: Dynamic): Callable {
  return !(value instanceof Tensor) && value.kind === 'function' ? value : fail(ctx, 'bad_argument', `${what}: a function expected, got ${describe(value)}`)
}

function called(f: Callable, ...args: readonly Dynamic[]): Dynamic {
  return f.call({ positional: args, named: new Map() })
}

builtin('map', 'What a function makes of the items, as a list', signature({ function: anything, iterables: several }, ({ function: given, iterables }, ctx) => {
  const f = functionOf(ctx, 'map(): function', given)
  const lists = iterables.map((item) => sequence.convert(item, ctx, 'map()'))
  if (lists.length === 0) fail(ctx, 'bad_argument', 'map() takes a function and at least one sequence')
  return { static: list(Array.from({ length: Math.min(...lists.map((items) => items.length)) }, (_, i) => called(f, ...lists.map((items) => items[i]!)))) }
}))
builtin('filter', 'The items for which a function (or, with None, the item itself) is true, as a list', signature({ function: anything, iterable: sequence }, ({ function: given, iterable }, ctx) => {
  const f = given instanceof Tensor || given.kind !== 'none' ? functionOf(ctx, 'filter(): function', given) : undefined
  return { static: list(iterable.filter((item) => truthOf(ctx, f ? called(f, item) : item))) }
}))

for (const [name, decides, doc] of [['any', true, 'Whether one of the items is true'], ['all', false, 'Whether all items are true']] as const) {
  builtin(name, doc, signature({ iterable: sequence }, ({ iterable }, ctx) => {
    for (const item of iterable) if (truthOf(ctx, item) === decides) return { static: bool(decides) }
    return { static: bool(!decides) }
  }))
}

/** What things are ordered by. */
function keyed(ctx: TraceContext, name: string, items: readonly Dynamic[], key: Dynamic): readonly { readonly item: Dynamic; readonly by: Dynamic }[] {
  const f = key instanceof Tensor || key.kind !== 'none' ? functionOf(ctx, `${name}(): key`, key) : undefined
  return items.map((item) => ({ item, by: f ? called(f, item) : item }))
}

function orderOf(ctx: TraceContext, name: string, a: Dynamic, b: Dynamic): number {
  const known = !(a instanceof Tensor || b instanceof Tensor)
  return compareOrder(a, b) ?? fail(ctx, 'bad_argument', `${name}(): ${describe(a)} and ${describe(b)} have no order${known ? '' : ' while the program is followed; torch.sort orders the numbers of a tensor'}`)
}

builtin('sorted', 'The items in order, as a list', signature({ iterable: sequence, key: withDefault<Dynamic>(anything, none, 'None'), reverse: withDefault(boolean, false, 'False') }, ({ iterable, key, reverse }, ctx) => {
  const sign = reverse ? -1 : 1
  return { static: list(keyed(ctx, 'sorted', iterable, key).toSorted((a, b) => sign * orderOf(ctx, 'sorted', a.by, b.by)).map(({ item }) => item)) }
}))

for (const kind of ['list', 'tuple'] as const) {
  builtin(kind, `The items as a ${kind}`, signature({ iterable: withDefault(sequence, [], '()') }, ({ iterable }) => ({ static: { kind, items: iterable } })))
}

builtin('reversed', 'The items from the last to the first', signature({ sequence }, ({ sequence: items }) => ({ static: list(items.toReversed()) })))

/** Numbers only: a tensor has methods for these. */
function numbersOf(ctx: TraceContext, name: string, items: readonly Dynamic[]): Num[] {
  return items.map((item) => {
    if (!(item instanceof Tensor) && item.kind === 'number') return item
    if (!(item instanceof Tensor) && item.kind === 'boolean') return int(Number(item.value))
    return fail(ctx, 'bad_argument', `${name}() takes Python numbers here, got ${describe(item)}; for tensors use torch.${name}`)
  })
}

for (const [name, sign] of [['min', 1], ['max', -1]] as const) {
  builtin(name, `The ${name === 'min' ? 'smallest' : 'largest'} of the items, or of the arguments`,
    signature({ args: several, key: withDefault<Dynamic>(anything, none, 'None'), default: withDefault<Dynamic | undefined>(anything, undefined, 'nothing') }, ({ args, key, default: otherwise }, ctx) => {
      const items = args.length === 1 ? sequence.convert(args[0]!, ctx, `${name}()`) : args
      const [first, ...rest] = keyed(ctx, name, items, key)
      if (!first) return { static: otherwise ?? fail(ctx, 'bad_argument', `${name}() of nothing`) }
      // The first of equal ones, and Python's ways with NaN: it is never before another.
      const before = (a: Dynamic, b: Dynamic): boolean =>
        a instanceof Tensor || b instanceof Tensor ? truthOf(ctx, comparison(ctx, sign > 0 ? '<' : '>', a, b)) : sign * orderOf(ctx, name, a, b) < 0
      const best = rest.reduce((found, other) => (before(other.by, found.by) ? other : found), first)
      if (!(best.by instanceof Tensor)) orderOf(ctx, name, best.by, best.by)
      return { static: best.item }
    }))
}

/** a + b of tensors and numbers. */
function plus(ctx: TraceContext, a: Dynamic, b: Dynamic): Dynamic {
  if (!(a instanceof Tensor) && !(b instanceof Tensor)) {
    const [x, y] = numbersOf(ctx, 'sum', [a, b]) as [Num, Num]
    return x.whole && y.whole ? int(x.value + y.value) : float(x.value + y.value)
  }
  return apply(ctx, { name: 'add', gradFn: 'AddBackward0', inputs: [['input', a], ['other', b]] }, () => add(ctx, operand.convert(a, ctx, 'sum()'), operand.convert(b, ctx, 'sum()')))
}

builtin('sum', 'The sum of items: numbers, or tensors one after the other', signature({ iterable: anything, start: withDefault<Dynamic>(anything, int(0), '0') }, ({ iterable, start }, ctx) => {
  let total = start
  for (const item of itemsOf(iterable) ?? itemsOneByOne(ctx, iterable)) total = plus(ctx, total, item)
  return { static: total }
}))

function absolute(ctx: TraceContext, x: Dynamic): Dynamic {
  const [found] = numbersOf(ctx, 'abs', [x])
  return found!.whole ? int(Math.abs(found!.value)) : float(Math.abs(found!.value))
}

define({ names: 'abs', homes: ['builtin'], doc: 'Absolute value of a number or tensor', gradFn: 'AbsBackward0' }, signature({ x: operand }, ({ x }, ctx) => ('kind' in x ? { static: absolute(ctx, x) } : ew.abs(x))))

/** More digits than a double has behind a point that a half can stand at. */
const allDigits = 100

/** Python's: to the nearest, halves to even; an int unless digits are given. */
function rounded(x: number, digits: number): number {
  if (!Number.isFinite(x) || digits > 22) return x
  if (digits <= 0) {
    const scale = 10 ** -digits
    const low = Math.floor(x / scale)
    const rest = x - low * scale
    return (low + Number(rest > scale / 2 || (rest === scale / 2 && low % 2 !== 0))) * scale
  }
  // All digits that the number has, so that 2.675, which is a little less, becomes 2.67.
  const shown = Math.abs(x).toFixed(allDigits)
  const cut = shown.indexOf('.') + 1 + digits
  const half = /^50*$/.test(shown.slice(cut))
  const last = Number(shown[cut - 1])
  const size = half && last % 2 === 0 ? Number(shown.slice(0, cut)) : Number(Math.abs(x).toFixed(digits))
  return x < 0 ? -size : size
}

builtin('pow', 'A number or tensor to the power of another', signature({ base: anything, exp: anything }, ({ base, exp }, ctx) => ({ static: binary(ctx, '**', base, exp) })))
builtin('divmod', 'Quotient rounded down, and remainder', signature({ a: anything, b: anything }, ({ a, b }, ctx) => ({ static: tuple([binary(ctx, '//', a, b), binary(ctx, '%', a, b)]) })))

builtin('round', 'A number rounded to so many digits, halves to even', signature({ number: anything, ndigits: optional(integer) }, ({ number: x, ndigits }, ctx) => {
  const [{ value, whole }] = numbersOf(ctx, 'round', [x]) as [Num]
  if (ndigits === undefined && !Number.isFinite(value)) fail(ctx, 'bad_argument', `round() of ${value}`)
  const result = rounded(value, ndigits ?? 0)
  return { static: ndigits === undefined || whole ? int(result + 0) : float(result) }
}))

/** The number, or, where it is only known when the program runs, a 0-d tensor through which no gradient flows. */
function numberOfTensor(ctx: TraceContext, name: string, x: Tensor): number | Value {
  if (numel(x.value.shape) !== 1) fail(ctx, 'bad_argument', `${name}() of a tensor: one element expected, got ${describe(x)}`)
  return knownNumber(x.value) ?? ew.detach(reshape(x.value, []))
}

/** A number, the number of a tensor, or the word for an infinity or NaN. */
function toFloat(ctx: TraceContext, x: Dynamic, name: string): number | Value {
  if (x instanceof Tensor) return numberOfTensor(ctx, name, x)
  if (x.kind === 'number') return x.value
  if (x.kind === 'boolean') return Number(x.value)
  const words: Record<string, number> = { inf: Infinity, '+inf': Infinity, infinity: Infinity, '-inf': -Infinity, '-infinity': -Infinity, nan: Number.NaN }
  if (x.kind === 'string') {
    const text = x.value.trim().toLowerCase()
    const value = words[text] ?? (text === '' ? Number.NaN : Number(text))
    if (text in words || !Number.isNaN(value)) return value
  }
  return fail(ctx, 'bad_argument', `${name}() takes a number${name === 'float' ? " or a text such as '-inf'" : ''}, got ${describe(x)}`)
}

builtin('float', 'A Python float', signature({ x: anything }, ({ x }, ctx) => {
  const found = toFloat(ctx, x, 'float')
  if (typeof found === 'number') return { static: float(found) }
  return isFloat(found.dtype) ? found : ew.cast(found, ctx.dtype)
}))
builtin('int', 'A Python int, rounded toward 0', signature({ x: anything }, ({ x }, ctx) => {
  const found = toFloat(ctx, x, 'int')
  if (typeof found !== 'number') return ew.cast(found, 'int64')
  const value = Math.trunc(found)
  if (!Number.isSafeInteger(value)) fail(ctx, 'bad_argument', `int() of ${value}`)
  return { static: int(value + 0) }
}))
builtin('bool', 'True or False', signature({ x: anything }, ({ x }, ctx) => ({ static: bool(truthOf(ctx, x)) })))

// ---- classes and objects

/** Names of the classes that isinstance() knows, and what belongs to them. */
const classes: Readonly<Record<string, (x: Dynamic) => boolean>> = {
  int: (x) => !(x instanceof Tensor) && ((x.kind === 'number' && x.whole) || x.kind === 'boolean'),
  float: (x) => !(x instanceof Tensor) && x.kind === 'number' && !x.whole,
  bool: (x) => !(x instanceof Tensor) && x.kind === 'boolean',
  str: (x) => !(x instanceof Tensor) && x.kind === 'string',
  tuple: (x) => !(x instanceof Tensor) && (x.kind === 'tuple' || x.kind === 'named'),
  list: (x) => !(x instanceof Tensor) && x.kind === 'list',
  dict: (x) => !(x instanceof Tensor) && x.kind === 'dictionary',
  range: (x) => !(x instanceof Tensor) && x.kind === 'range',
  'torch.Tensor': (x) => x instanceof Tensor,
}

function isInstance(ctx: TraceContext, x: Dynamic, type: Dynamic): boolean {
  const types = itemsOf(type)
  if (types) return types.some((one) => isInstance(ctx, x, one))
  const name = !(type instanceof Tensor) && (type.kind === 'function' || type.kind === 'namespace') ? type.name : ''
  return Object.hasOwn(classes, name) ? classes[name]!(x) : fail(ctx, 'bad_argument', `isinstance() knows ${Object.keys(classes).join(', ')}, got ${describe(type)}`)
}

builtin('isinstance', 'Whether an object is of a class', signature({ obj: anything, cls: anything }, ({ obj, cls }, ctx) => ({ static: bool(isInstance(ctx, obj, cls)) })))
builtin('callable', 'Whether an object can be called', signature({ obj: anything }, ({ obj }) => ({ static: bool(!(obj instanceof Tensor) && obj.kind === 'function') })))
builtin('dict', 'A dictionary of pairs, or of another one', signature({ iterable: withDefault<Dynamic>(anything, tuple([]), '()') }, ({ iterable }, ctx) => {
  if (!(iterable instanceof Tensor) && iterable.kind === 'dictionary') return { static: { kind: 'dictionary', entries: new Map(iterable.entries) } }
  return { static: dictionary(ctx, sequence.convert(iterable, ctx, 'dict()').map((pair) => {
    const items = itemsOf(pair)
    return items?.length === 2 ? [items[0]!, items[1]!] : fail(ctx, 'bad_argument', `dict(): pairs of a key and a value expected, got ${describe(pair)}`)
  })) }
}))

refuse(['print'], ['builtin'], 'nothing is printed: name what you want to see in "outputs" of the request', 'not_in_language')
refuse(['str', 'repr', 'format', 'ord', 'chr', 'bytes'], ['builtin'], 'a program has numbers and tensors, and no use for text', 'not_in_language')
refuse(['set', 'frozenset'], ['builtin'], 'use a tuple or a list', 'not_in_language')
refuse(['type'], ['builtin'], 'use isinstance', 'not_in_language')
refuse(['iter', 'next'], ['builtin'], 'use for, or an index', 'not_in_language')
refuse(['complex'], ['builtin'], 'numbers are real here', 'not_in_language')
