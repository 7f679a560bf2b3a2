/** Python's built-in functions and the math module, over values that are known while tracing. */
import { itemsOneByOne } from '../lang/sequences.ts'
import type { Dynamic, Num, TraceContext } from '../lang/values.ts'
import { Tensor, bool, describe, fail, float, int, itemsOf, rangeLength, tuple } from '../lang/values.ts'
import { numel } from '../ir/value.ts'
import * as ew from '../ops/elementwise.ts'
import { reshape } from '../ops/view.ts'
import { apply, define, signature } from './define.ts'
import { knownNumber } from './constants.ts'
import { add } from './elementwise.ts'
import type { Kind } from './parameters.ts'
import { anything, number, operand, optional, pythonInteger as integer, withDefault } from './parameters.ts'

const sequence: Kind<readonly Dynamic[]> = {
  type: 'sequence',
  fits: (value) => itemsOf(value) !== undefined,
  convert: (value, ctx, what) => itemsOf(value) ?? fail(ctx, 'bad_argument', `${what}: a sequence expected, got ${describe(value)}`),
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

builtin('len', 'Number of items, or the first size of a tensor', signature({ obj: anything }, ({ obj }, ctx) => {
  if (obj instanceof Tensor) return { static: int(obj.value.shape[0] ?? fail(ctx, 'bad_argument', 'len() of a 0-d tensor')) }
  if (obj.kind === 'range') return { static: int(rangeLength(obj)) }
  return { static: int(itemsOf(obj)?.length ?? fail(ctx, 'bad_argument', `len() takes a sequence or a tensor, got ${describe(obj)}`)) }
}))

builtin('enumerate', 'Pairs of a running number and an item', signature({ iterable: sequence, start: withDefault(integer, 0) }, ({ iterable, start }) => ({
  static: { kind: 'list', items: iterable.map((item, i) => tuple([int(start + i), item])) },
})))

builtin('zip', 'Tuples of the items at the same place', signature({ iterables: { ...anything, type: '*sequence', variadic: true } }, ({ iterables }, ctx) => {
  const lists = (itemsOf(iterables) ?? [iterables]).map((item) => sequence.convert(item, ctx, 'zip()'))
  const length = Math.min(...lists.map((list) => list.length))
  return { static: { kind: 'list', items: Array.from({ length }, (_, i) => tuple(lists.map((list) => list[i]!))) } }
}))

for (const kind of ['list', 'tuple'] as const) {
  builtin(kind, `The items as a ${kind}`, signature({ iterable: sequence }, ({ iterable }) => ({ static: { kind, items: iterable } })))
}

builtin('reversed', 'The items from the last to the first', signature({ sequence }, ({ sequence: items }) => ({ static: { kind: 'list', items: items.toReversed() } })))

/** Numbers only: a tensor has methods for these. */
function numbersOf(ctx: TraceContext, name: string, items: readonly Dynamic[]): Num[] {
  return items.map((item) => {
    if (!(item instanceof Tensor) && item.kind === 'number') return item
    if (!(item instanceof Tensor) && item.kind === 'boolean') return int(Number(item.value))
    return fail(ctx, 'bad_argument', `${name}() takes Python numbers here, got ${describe(item)}; for tensors use torch.${name}`)
  })
}

for (const [name, pick] of [['min', Math.min], ['max', Math.max]] as const) {
  builtin(name, `The ${name === 'min' ? 'smallest' : 'largest'} of numbers`, signature({ args: { ...anything, type: '*number', variadic: true } }, ({ args }, ctx) => {
    const found = numbersOf(ctx, name, itemsOf(args) ?? [args])
    if (found.length === 0) fail(ctx, 'bad_argument', `${name}() of nothing`)
    const values = found.map((x) => x.value)
    const best = found[values.indexOf(pick(...values))] ?? found.find((x) => Number.isNaN(x.value))!
    return { static: best }
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

/** Python's: to the nearest, halves to even; an int unless digits are given. */
function rounded(x: number, digits: number): number {
  const scale = 10 ** digits
  const scaled = x * scale
  const low = Math.floor(scaled)
  const up = scaled - low > 0.5 || (scaled - low === 0.5 && low % 2 !== 0)
  return (low + Number(up)) / scale
}

builtin('round', 'A number rounded to so many digits, halves to even', signature({ number, ndigits: optional(integer) }, ({ number: x, ndigits }) => ({
  static: ndigits === undefined ? int(rounded(x, 0) + 0) : float(rounded(x, ndigits)),
})))

function numberOfTensor(ctx: TraceContext, name: string, x: Tensor): number {
  if (numel(x.value.shape) !== 1) fail(ctx, 'bad_argument', `${name}() of a tensor: one element expected, got ${describe(x)}`)
  return knownNumber(x.value) ?? fail(ctx, 'value_dependent', `${name}() of a tensor: its number is only known when the program runs; a 0-d tensor takes part in arithmetic as a number does`)
}

/** A number, or the word for an infinity or NaN. */
function toFloat(ctx: TraceContext, x: Dynamic, name: string): number {
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

builtin('float', 'A Python float', signature({ x: anything }, ({ x }, ctx) => ({ static: float(toFloat(ctx, x, 'float')) })))
builtin('int', 'A Python int, rounded toward 0', signature({ x: anything }, ({ x }, ctx) => {
  const value = Math.trunc(toFloat(ctx, x, 'int'))
  if (!Number.isSafeInteger(value)) fail(ctx, 'bad_argument', `int() of ${value}`)
  return { static: int(value + 0) }
}))
builtin('bool', 'True or False', signature({ x: anything }, ({ x }, ctx) => ({ static: bool(truthOf(ctx, x)) })))

function truthOfTensor(ctx: TraceContext, x: Tensor): boolean {
  const { shape, dtype } = x.value
  if (numel(shape) !== 1) {
    fail(ctx, 'bad_argument', `the truth of a ${describe(x)} is ambiguous: use .any() or .all(), or torch.where(condition, a, b) for a choice of elements`)
  }
  const known = knownNumber(x.value)
  if (known !== undefined) return known !== 0
  if (!ctx.decide) return fail(ctx, 'value_dependent', `a condition on ${describe(x)}: its value is only known when the program runs; use torch.where(condition, a, b)`)
  const scalar = reshape(x.value, [])
  return ctx.decide(dtype === 'bool' ? scalar : ew.ne(scalar, 0), ctx.live?.() ?? [])
}

/** What Python takes for true. A condition on a tensor is computed, and the program is followed as it decides. */
export function truthOf(ctx: TraceContext, x: Dynamic): boolean {
  if (x instanceof Tensor) return truthOfTensor(ctx, x)
  switch (x.kind) {
    case 'number':
      return x.value !== 0
    case 'boolean':
      return x.value
    case 'string':
      return x.value !== ''
    case 'none':
      return false
    case 'tuple':
    case 'list':
    case 'named':
    case 'range':
      return itemsOf(x)!.length > 0
    default:
      return true
  }
}

// ---- math

function mathFunction(name: string, doc: string, formula: (x: number) => number, whole = false): void {
  define({ names: name, homes: ['math'], doc }, signature({ x: number }, ({ x }, ctx) => {
    const y = formula(x)
    if (Number.isNaN(y) && !Number.isNaN(x)) fail(ctx, 'bad_argument', `math.${name}(${x}) is not defined`)
    return { static: whole ? int(y) : float(y) }
  }))
}

for (const name of ['sqrt', 'exp', 'expm1', 'log2', 'log10', 'log1p', 'sin', 'cos', 'tan', 'asin', 'acos', 'atan', 'sinh', 'cosh', 'tanh'] as const) {
  mathFunction(name, `math.${name} of a number`, Math[name])
}
mathFunction('fabs', 'Absolute value of a number', Math.abs)
mathFunction('floor', 'Rounds a number down to an int', Math.floor, true)
mathFunction('ceil', 'Rounds a number up to an int', Math.ceil, true)
define({ names: 'log', homes: ['math'], doc: 'Logarithm of a number, natural or to a base' }, signature({ x: number, base: withDefault(number, Math.E, 'e') }, ({ x, base }, ctx) => {
  if (x <= 0) fail(ctx, 'bad_argument', `math.log(${x}) is not defined`)
  return { static: float(base === Math.E ? Math.log(x) : Math.log(x) / Math.log(base)) }
}))
define({ names: 'pow', homes: ['math'], doc: 'A number to the power of another' }, signature({ x: number, y: number }, ({ x, y }) => ({ static: float(x ** y) })))

/** Constants of the math and torch modules. */
export const mathConstants: Readonly<Record<string, number>> = { pi: Math.PI, e: Math.E, inf: Infinity, nan: Number.NaN, tau: 2 * Math.PI }
