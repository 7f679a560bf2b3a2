/** Python's operators over tensors and over values that are known while tracing. */
import { bitwise, add, compare, div, floorDivide, invert, mul, pow, remainder, sub } from '../functions/elementwise.ts'
import { shift } from '../functions/searching.ts'
import { apply } from '../functions/define.ts'
import { gradFnOf } from '../functions/grad-fn.ts'
import { matmul } from '../functions/products.ts'
import type { TensorOrNumber } from '../functions/parameters.ts'
import { truthOf } from '../functions/truth.ts'
import * as ew from '../ops/elementwise.ts'
import { constant } from '../ops/source.ts'
import { keyOf } from './collections.ts'
import type { BinaryOperator, CompareOperator } from './ast.ts'
import type { Call, Dynamic, Num, TraceContext } from './values.ts'
import { Tensor, bool, describe, fail, float, int, itemsOf, maxItems, tuple } from './values.ts'

/** torch's function for each operator, and what `grad_fn` of its result is called. */
const functions: Record<BinaryOperator, readonly [name: string, gradFn: string | null]> = {
  '+': ['add', 'AddBackward0'],
  '-': ['sub', 'SubBackward0'],
  '*': ['mul', 'MulBackward0'],
  '/': ['div', 'DivBackward0'],
  '//': ['floor_divide', null],
  '%': ['remainder', 'RemainderBackward0'],
  '**': ['pow', 'PowBackward0'],
  '@': ['matmul', 'MmBackward0'],
  '&': ['bitwise_and', null],
  '|': ['bitwise_or', null],
  '^': ['bitwise_xor', null],
  '<<': ['bitwise_left_shift', null],
  '>>': ['bitwise_right_shift', null],
}

/** What `grad_fn` is called where a number stands on the left: 1 - x is rsub, 1 / x the reciprocal times 1. */
const reflected: Partial<Record<BinaryOperator, string>> = { '-': 'RsubBackward1', '/': 'MulBackward0', '**': 'PowBackward1' }

const comparisons = { '==': 'eq', '!=': 'ne', '<': 'lt', '<=': 'le', '>': 'gt', '>=': 'ge' } as const

function operation(name: string, gradFn: string | null, a: Dynamic, b?: Dynamic): Call {
  return { name, gradFn, inputs: [['input', a], ...(b ? [[name === 'pow' ? 'exponent' : 'other', b] as const] : [])] }
}

/** A Python number; True and False count as 1 and 0. */
function asNumber(x: Dynamic): Num | undefined {
  if (x instanceof Tensor) return undefined
  if (x.kind === 'number') return x
  return x.kind === 'boolean' ? int(Number(x.value)) : undefined
}

export function binary(ctx: TraceContext, operator: BinaryOperator, a: Dynamic, b: Dynamic): Dynamic {
  if (a instanceof Tensor || b instanceof Tensor) return tensorBinary(ctx, operator, a, b)
  const x = asNumber(a)
  const y = asNumber(b)
  if (x && y) {
    const truths = !(a instanceof Tensor) && a.kind === 'boolean' && !(b instanceof Tensor) && b.kind === 'boolean'
    return numberBinary(ctx, operator, x, y, truths)
  }
  const left = itemsOf(a)
  const right = itemsOf(b)
  if (operator === '+' && left && right) return { kind: a.kind === 'list' ? 'list' : 'tuple', items: [...left, ...right] }
  if (operator === '*' && left && y?.whole) return repeated(ctx, a, left, y.value)
  if (operator === '*' && right && x?.whole) return repeated(ctx, b, right, x.value)
  return refuse(ctx, operator, a, b)
}

function repeated(ctx: TraceContext, sequence: Dynamic, items: readonly Dynamic[], times: number): Dynamic {
  if (items.length * times > maxItems) fail(ctx, 'trace_too_long', `a sequence of ${items.length * times} items is too long; the limit is ${maxItems}`)
  const copies = Array.from({ length: Math.max(0, times) }, () => items).flat()
  return !(sequence instanceof Tensor) && sequence.kind === 'list' ? { kind: 'list', items: copies } : tuple(copies)
}

function refuse(ctx: TraceContext, operator: string, a: Dynamic, b: Dynamic): never {
  return fail(ctx, 'bad_operand', `the operator ${operator} does not take ${describe(a)} and ${describe(b)}`)
}

function tensorBinary(ctx: TraceContext, operator: BinaryOperator, a: Dynamic, b: Dynamic): Dynamic {
  const x = operandOf(ctx, a, b)
  const y = operandOf(ctx, b, a)
  if (!x || !y) return refuse(ctx, operator, a, b)
  const [name, usual] = functions[operator]
  const call = operation(name, usual, a, b)
  // Where a number stands on the left Python asks the tensor, which has its own ways.
  const gradFn = (a instanceof Tensor ? undefined : reflected[operator]) ?? gradFnOf(name, usual, call.inputs)
  return apply(ctx, { ...call, gradFn }, () => tensorFormula(ctx, operator, x, y, a, b))
}

/** True beside a bool tensor stays a bool. */
function operandOf(ctx: TraceContext, x: Dynamic, other: Dynamic): TensorOrNumber | undefined {
  if (x instanceof Tensor) return x.value
  return x.kind === 'boolean' && other instanceof Tensor && other.value.dtype === 'bool' ? constant(ctx.graph, Number(x.value), 'bool') : asNumber(x)
}

function tensorFormula(ctx: TraceContext, operator: BinaryOperator, x: TensorOrNumber, y: TensorOrNumber, a: Dynamic, b: Dynamic): ReturnType<typeof add> {
  switch (operator) {
    case '+':
      return add(ctx, x, y)
    case '-':
      return sub(ctx, x, y)
    case '*':
      return mul(ctx, x, y)
    case '/':
      return div(ctx, x, y)
    case '//':
      return floorDivide(ctx, x, y)
    case '%':
      return remainder(ctx, x, y)
    case '**':
      return pow(ctx, x, y)
    case '@':
      return 'kind' in x || 'kind' in y ? refuse(ctx, '@', a, b) : matmul(ctx, x, y)
    case '<<':
    case '>>':
      if (![x, y].every((side) => ('kind' in side ? side.whole : side.dtype === 'int64'))) return refuse(ctx, operator, a, b)
      return shift(ctx, operator === '<<' ? 'left' : 'right', x, y)
    default:
      return bitwise(ctx, operator, x, y)
  }
}

function numberBinary(ctx: TraceContext, operator: BinaryOperator, a: Num, b: Num, truths: boolean): Dynamic {
  const whole = a.whole && b.whole
  const result = (value: number): Dynamic => {
    if (!whole) return float(value)
    if (!Number.isSafeInteger(value)) fail(ctx, 'bad_operand', `the whole number ${value} is beyond 2^53`)
    return int(value + 0)
  }
  const [x, y] = [a.value, b.value]
  if ((operator === '/' || operator === '//' || operator === '%') && y === 0) fail(ctx, 'division_by_zero', `division by zero: ${x} ${operator} 0`)
  switch (operator) {
    case '+':
      return result(x + y)
    case '-':
      return result(x - y)
    case '*':
      return result(x * y)
    case '/':
      return float(x / y)
    case '//':
      return result(Math.floor(x / y))
    case '%':
      return result(x - y * Math.floor(x / y))
    case '**':
      if (x === 0 && y < 0) fail(ctx, 'division_by_zero', `division by zero: 0 ** ${y}`)
      return whole && y >= 0 ? result(x ** y) : float(x ** y)
    case '@':
      return refuse(ctx, '@', a, b)
    case '<<':
    case '>>':
      if (!whole || y < 0 || y > 64) return refuse(ctx, operator, a, b)
      return result(operator === '<<' ? x * 2 ** y : Math.floor(x / 2 ** y))
    default: {
      if (!whole) return refuse(ctx, operator, a, b)
      const bits = { '&': x & y, '|': x | y, '^': x ^ y }[operator]
      return truths ? bool(bits !== 0) : int(bits)
    }
  }
}

export function unary(ctx: TraceContext, operator: '-' | '+' | '~' | 'not', x: Dynamic): Dynamic {
  if (operator === 'not') return bool(!truthOf(ctx, x))
  if (x instanceof Tensor) {
    if (operator === '+') return x
    if (operator === '~') return apply(ctx, operation('bitwise_not', null, x), () => invert(ctx, x.value))
    if (x.value.dtype === 'bool') fail(ctx, 'dtype_mismatch', 'the operator - does not take a bool tensor; use ~')
    return apply(ctx, operation('neg', 'NegBackward0', x), () => ew.neg(x.value))
  }
  const found = asNumber(x)
  if (!found || (operator === '~' && !found.whole)) return fail(ctx, 'bad_operand', `the operator ${operator} does not take ${describe(x)}`)
  if (operator === '~') return int(-found.value - 1)
  return { ...found, value: operator === '-' ? (found.whole ? 0 - found.value : -found.value) : found.value }
}

export function comparison(ctx: TraceContext, operator: CompareOperator, a: Dynamic, b: Dynamic): Dynamic {
  switch (operator) {
    case 'is':
    case 'is not': {
      const same = isSame(a, b)
      return bool(operator === 'is' ? same : !same)
    }
    case 'in':
    case 'not in': {
      const found = contains(ctx, operator, a, b)
      return bool(operator === 'in' ? found : !found)
    }
    default:
      return compareValues(ctx, operator, a, b)
  }
}

function contains(ctx: TraceContext, operator: string, x: Dynamic, container: Dynamic): boolean {
  if (!(container instanceof Tensor)) {
    if (container.kind === 'dictionary') return container.entries.has(keyOf(ctx, x))
    if (container.kind === 'string' && !(x instanceof Tensor) && x.kind === 'string') return container.value.includes(x.value)
  }
  const items = itemsOf(container)
  return items ? items.some((item) => equals(x, item)) : fail(ctx, 'bad_operand', `"${operator}" takes a sequence on the right, got ${describe(container)}`)
}

function compareValues(ctx: TraceContext, operator: '==' | '!=' | '<' | '<=' | '>' | '>=', a: Dynamic, b: Dynamic): Dynamic {
  if (a instanceof Tensor || b instanceof Tensor) {
    const x = a instanceof Tensor ? a.value : asNumber(a)
    const y = b instanceof Tensor ? b.value : asNumber(b)
    if (!x || !y) return refuse(ctx, operator, a, b)
    return apply(ctx, operation(comparisons[operator], null, a, b), () => compare(ctx, operator, x, y))
  }
  if (operator === '==' || operator === '!=') return bool(equals(a, b) === (operator === '=='))
  const order = compareOrder(a, b)
  return order === undefined ? refuse(ctx, operator, a, b) : bool({ '<': order < 0, '<=': order <= 0, '>': order > 0, '>=': order >= 0 }[operator])
}

/** Below 0 if a comes first, above 0 if b does, NaN where neither; undefined for what has no order. */
export function compareOrder(a: Dynamic, b: Dynamic): number | undefined {
  const x = asNumber(a)
  const y = asNumber(b)
  if (x && y) return x.value === y.value ? 0 : x.value < y.value ? -1 : x.value > y.value ? 1 : Number.NaN
  if (a instanceof Tensor || b instanceof Tensor) return undefined
  if (a.kind === 'string' && b.kind === 'string') return a.value === b.value ? 0 : a.value < b.value ? -1 : 1
  const left = itemsOf(a)
  const right = itemsOf(b)
  if (!left || !right) return undefined
  for (const [i, item] of left.entries()) {
    if (i >= right.length) return 1
    if (!equals(item, right[i]!)) return compareOrder(item, right[i]!)
  }
  return left.length - right.length
}

/** Identity, for None, truth values and dtypes, which have one object each; tensors by the object. */
function isSame(a: Dynamic, b: Dynamic): boolean {
  if (a === b) return true
  return !(a instanceof Tensor) && !(b instanceof Tensor) && (a.kind === 'none' || a.kind === 'boolean' || a.kind === 'dtype') && equals(a, b)
}

export function equals(a: Dynamic, b: Dynamic): boolean {
  if (a instanceof Tensor || b instanceof Tensor) return a === b
  const x = asNumber(a)
  const y = asNumber(b)
  if (x && y) return x.value === y.value
  const left = itemsOf(a)
  const right = itemsOf(b)
  if (left && right) return left.length === right.length && left.every((item, i) => equals(item, right[i]!))
  if (a.kind === 'string' && b.kind === 'string') return a.value === b.value
  if (a.kind === 'dtype' && b.kind === 'dtype') return a.dtype === b.dtype
  return a.kind === 'none' && b.kind === 'none'
}
