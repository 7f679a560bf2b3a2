/**
 * Kinds of parameters of a function: how an argument is checked and converted, and how it reads in the catalogue.
 */
import { showShape } from '../errors.ts'
import { mapped, mappedNumbers } from '../ir/lists.ts'
import type { DType, Value } from '../ir/value.ts'
import { isFloat, numel } from '../ir/value.ts'
import type { Dynamic, Num, TraceContext } from '../lang/values.ts'
import { Tensor, describe, fail, itemsOf } from '../lang/values.ts'
import { knownNumber } from './constants.ts'

/** Converts an argument; throws a SpecError that says what was expected. */
export interface Kind<T> {
  /** As in a Python signature: `int`, `Tensor`, `int | tuple`. */
  readonly type: string
  /** Whether an argument of this type can be meant: chooses between signatures. */
  readonly fits: (value: Dynamic) => boolean
  readonly convert: (value: Dynamic, ctx: TraceContext, what: string) => T
  /** Present when the argument may be left out. */
  readonly default?: { readonly value: T; readonly shown: string }
  /** Takes all remaining positional arguments: `x.view(2, 3)`. */
  readonly variadic?: boolean
  /** Of a variadic one: takes the arguments as they are, where one of them is not a sequence of all. */
  readonly convertAll?: (values: readonly Dynamic[], ctx: TraceContext, what: string) => T
}

function expected(ctx: TraceContext, what: string, type: string, got: Dynamic): never {
  if (/^(an int|a number)$/.test(type) && got instanceof Tensor && numel(got.value.shape) === 1 && knownNumber(got.value) === undefined) {
    fail(ctx, 'value_dependent', `${what}: ${type} expected, got ${describe(got)}, whose number is only known when the program runs`)
  }
  return fail(ctx, 'bad_argument', `${what}: ${type} expected, got ${describe(got)}`)
}

/** `read` gives undefined for a value of another type. */
function kind<T>(type: string, words: string, read: (value: Dynamic) => T | undefined): Kind<T> {
  return {
    type,
    fits: (value) => read(value) !== undefined,
    convert: (value, ctx, what) => read(value) ?? expected(ctx, what, words, value),
  }
}

function tagged<K extends Exclude<Dynamic, Tensor>['kind']>(value: Dynamic, tag: K): Extract<Dynamic, { kind: K }> | undefined {
  return !(value instanceof Tensor) && value.kind === tag ? (value as Extract<Dynamic, { kind: K }>) : undefined
}

/** A Python number; True and False count as 1 and 0. */
function numberOf(value: Dynamic): Num | undefined {
  const truth = tagged(value, 'boolean')
  return truth ? { kind: 'number', value: Number(truth.value), whole: true } : tagged(value, 'number')
}

/** An int that is no bool: PyTorch's ints, where `x.sum(True)` is an error. */
function wholeOf(value: Dynamic): number | undefined {
  const found = tagged(value, 'number')
  return found?.whole ? found.value : undefined
}

export const tensor: Kind<Value> = kind('Tensor', 'a tensor', (value) => (value instanceof Tensor ? value.value : undefined))

/** The tensor of the program, and not only its value. */
export const tensorItself: Kind<Tensor> = kind('Tensor', 'a tensor', (value) => (value instanceof Tensor ? value : undefined))

export const floatTensor: Kind<Value> = {
  ...tensor,
  convert: (value, ctx, what) => {
    const x = tensor.convert(value, ctx, what)
    return isFloat(x.dtype) ? x : fail(ctx, 'dtype_mismatch', `${what}: a floating-point tensor expected, got ${describe(value)}`)
  },
}

/** A tensor, or a Python number that takes part in type promotion as such. */
export type TensorOrNumber = Value | Num

export const operand: Kind<TensorOrNumber> = kind<TensorOrNumber>('Tensor | number', 'a tensor or a number', (value) => (value instanceof Tensor ? value.value : numberOf(value)))

/** A tuple or list of tensors. */
export const tensors: Kind<readonly Value[]> = {
  type: 'tuple of Tensors',
  fits: (value) => itemsOf(value)?.every((item) => item instanceof Tensor) ?? false,
  convert: (value, ctx, what) => {
    const items = itemsOf(value)
    if (!items || items.length === 0) return expected(ctx, what, 'a tuple or list of tensors', value)
    return mapped(items, (item, i) => tensor.convert(item, ctx, `${what}[${i}]`))
  },
}

/** An int, or a tensor of one whole number that the program itself has. */
function orTensor(inner: Kind<number>, whole: boolean): Kind<number> {
  return {
    ...inner,
    convert: (value, ctx, what) => {
      const known = value instanceof Tensor && value.value.dtype !== 'bool' && !(whole && isFloat(value.value.dtype)) ? knownNumber(value.value) : undefined
      return known ?? inner.convert(value, ctx, what)
    },
  }
}

export const integer: Kind<number> = orTensor(kind('int', 'an int', wholeOf), true)
/** Python's ints, of which True and False are two. */
export const pythonInteger: Kind<number> = orTensor(kind('int', 'an int', (value) => (numberOf(value)?.whole ? numberOf(value)?.value : undefined)), true)
export const number: Kind<number> = orTensor(kind('float', 'a number', (value) => numberOf(value)?.value), false)
export const boolean: Kind<boolean> = kind('bool', 'True or False', (value) => tagged(value, 'boolean')?.value)
export const dtype: Kind<DType> = kind('torch.dtype', 'a dtype such as torch.float64', (value) => tagged(value, 'dtype')?.dtype)

/** Whatever is given. */
export const anything: Kind<Dynamic> = { type: 'object', fits: () => true, convert: (value) => value }

/** An int or a tuple of ints. */
export const integers: Kind<readonly number[]> = {
  type: 'int | tuple of ints',
  fits: (value) => wholeOf(value) !== undefined || (itemsOf(value)?.every((item) => wholeOf(item) !== undefined) ?? false),
  convert: (value, ctx, what) => {
    const items = itemsOf(value)
    return items ? mappedNumbers(items, (item, i) => integer.convert(item, ctx, `${what}[${i}]`)) : [integer.convert(value, ctx, what)]
  },
}

/** `f(2, 3)` or `f((2, 3))`. */
export const sizes: Kind<readonly number[]> = { ...integers, type: '*int', variadic: true }

/** One of the given words. */
export function oneOf<W extends string>(...words: readonly W[]): Kind<W> {
  const list = words.map((word) => `'${word}'`).join(' | ')
  return kind<W>(list, list, (value) => words.find((word) => word === tagged(value, 'string')?.value))
}

/** There is one device; naming it changes nothing. */
export const device: Kind<'cpu' | undefined> = optional({ ...oneOf('cpu'), convert: (value, ctx, what) => (tagged(value, 'string')?.value === 'cpu' ? 'cpu' : fail(ctx, 'bad_argument', `${what}: there is one device, 'cpu', got ${describe(value)}`)) })

/** May be left out. */
export function withDefault<T>(inner: Kind<T>, value: T, shown = String(value)): Kind<T> {
  return { ...inner, default: { value, shown } }
}

/** May be left out or None. */
export function optional<T>(inner: Kind<T>): Kind<T | undefined> {
  return {
    ...inner,
    type: `${inner.type} | None`,
    fits: (value) => isNone(value) || inner.fits(value),
    convert: (value, ctx, what) => (isNone(value) ? undefined : inner.convert(value, ctx, what)),
    default: { value: undefined, shown: 'None' },
  }
}

function isNone(value: Dynamic): boolean {
  return tagged(value, 'none') !== undefined
}

/** A dimension counted from the front or, negative, from the end. */
export function resolveDim(ctx: TraceContext, dim: number, rank: number, what = 'dim'): number {
  const size = Math.max(1, rank)
  if (dim < -size || dim >= size) fail(ctx, 'bad_argument', `${what}: dimension out of range (expected to be in [${-size}, ${size - 1}], got ${dim})`)
  return dim < 0 ? dim + size : dim
}

/** The dimensions of a reduction, ascending; all of them when none are given. Of a 0-d tensor: none. */
export function resolveDims(ctx: TraceContext, dims: readonly number[] | undefined, shape: readonly number[]): number[] {
  const rank = shape.length
  if (dims === undefined || dims.length === 0) return [...Array(rank).keys()]
  const resolved = mappedNumbers(dims, (dim) => resolveDim(ctx, dim, rank))
  if (new Set(resolved).size !== resolved.length) fail(ctx, 'bad_argument', `dim ${showShape(dims)} names a dimension twice`)
  return rank === 0 ? [] : resolved.toSorted((a, b) => a - b)
}
