/**
 * Elementwise primitives. Inputs have one shape; broadcasting is an op of its own (`expand`), so no gradient
 * rule un-broadcasts. A number stands for a constant of the other operand's dtype and shape.
 *
 * At kinks the gradients are PyTorch's: relu'(0) = 0, |x|'(0) = 0, maximum shares a tie between both sides.
 */
import { showShape } from '../errors.ts'
import type { Code } from '../ir/code.ts'
import type { DType, MapOp, Value } from '../ir/value.ts'
import { isFloat, sameShape } from '../ir/value.ts'
import type { Takes } from './define.ts'
import { defineMap, numberAttr, register, reject, textAttr } from './define.ts'
import { constant } from './source.ts'
import { expand } from './view.ts'

type Interval = readonly [number, number]
export type Operand = Value | number

export interface Unary {
  (x: Value): Value
  readonly op: MapOp
}

export interface Binary {
  (a: Operand, b: Operand): Value
  readonly op: MapOp
}

interface UnarySpec {
  readonly name: string
  readonly formula: string
  readonly takes?: Takes
  readonly domain: Interval
  readonly cost?: number
  readonly lower: <T>(s: Code<T>, x: T) => T
  /** Gradient from the output's gradient, the input and the output. Null: the derivative is zero everywhere. */
  readonly grad: ((g: Value, x: Value, y: Value) => Value) | null
}

function unary(spec: UnarySpec): Unary {
  const { grad } = spec
  const op = defineMap(
    {
      ...spec,
      arity: 1,
      takes: spec.takes ?? 'float',
      domain: [spec.domain],
      lower: (s, [x]) => spec.lower(s, x!),
    },
    grad ? (g, [x], y) => [grad(g, x!, y)] : undefined,
  )
  return Object.assign((x: Value) => x.graph.add(op, [x]), { op })
}

interface BinarySpec {
  readonly name: string
  readonly formula: string
  readonly takes?: Takes
  readonly gives?: 'bool'
  readonly domain: readonly [Interval, Interval]
  readonly cost?: number
  readonly lower: <T>(s: Code<T>, a: T, b: T) => T
  readonly grad: ((g: Value, a: Value, b: Value, y: Value) => readonly [Value | null, Value | null]) | null
}

function binary(spec: BinarySpec): Binary {
  const { grad } = spec
  const op = defineMap(
    { ...spec, arity: 2, takes: spec.takes ?? 'number', lower: (s, [a, b]) => spec.lower(s, a!, b!) },
    grad ? (g, [a, b], y) => grad(g, a!, b!, y) : undefined,
  )
  return Object.assign((a: Operand, b: Operand) => {
    const [x, y] = operands(a, b)
    return x.graph.add(op, [x, y])
  }, { op })
}

function operands(a: Operand, b: Operand): readonly [Value, Value] {
  if (typeof a !== 'number') return [a, typeof b === 'number' ? fullLike(a, b) : b]
  if (typeof b === 'number') throw new TypeError('an operation needs a value among its operands')
  return [fullLike(b, a), b]
}

/** A tensor of `like`'s shape and dtype with one number everywhere. */
export function fullLike(like: Value, value: number): Value {
  return expand(constant(like.graph, value, like.dtype), like.shape)
}

const anywhere: Interval = [-2, 2]
const positive: Interval = [0.2, 3]

// ---- arithmetic

export const add = binary({
  name: 'add',
  formula: 'a + b',
  domain: [anywhere, anywhere],
  lower: (s, a, b) => s.add(a, b),
  grad: (g) => [g, g],
})

export const sub = binary({
  name: 'sub',
  formula: 'a - b',
  domain: [anywhere, anywhere],
  lower: (s, a, b) => s.sub(a, b),
  grad: (g) => [g, neg(g)],
})

export const mul = binary({
  name: 'mul',
  formula: 'a * b',
  domain: [anywhere, anywhere],
  lower: (s, a, b) => s.mul(a, b),
  grad: (g, a, b) => [mul(g, b), mul(g, a)],
})

/** Division of floating-point numbers. */
export const div = binary({
  name: 'div',
  formula: 'a / b',
  takes: 'float',
  domain: [anywhere, positive],
  cost: 4,
  lower: (s, a, b) => s.div(a, b),
  grad: (g, _a, b, y) => {
    const scaled = div(g, b)
    return [scaled, neg(mul(scaled, y))]
  },
})

/**
 * x to the power y. d/dx = y x^(y-1), zero where y = 0; d/dy = x^y ln x, zero where x = 0 and y ≥ 0 (PyTorch's
 * pow_backward_exponent).
 */
export const pow = binary({
  name: 'pow',
  formula: 'a ** b',
  takes: 'float',
  domain: [positive, anywhere],
  cost: 40,
  lower: (s, a, b) => s.pow(a, b),
  grad: (g, a, b, y) => {
    const byBase = mul(g, mul(b, pow(a, sub(b, 1))))
    const byExponent = mul(g, mul(y, log(a)))
    const zero = fullLike(g, 0)
    return [where(eq(b, 0), zero, byBase), where(logicalAnd(eq(a, 0), ge(b, 0)), zero, byExponent)]
  },
})

/** The larger one; NaN if either is NaN. At a tie each side gets half of the gradient. */
export const maximum = binary({
  name: 'maximum',
  formula: 'max(a, b)',
  domain: [[-2, -0.1], [0.1, 2]],
  lower: (s, a, b) => s.max(a, b),
  grad: (g, a, b) => shareTie(g, a, b, gt(a, b)),
})

/** The smaller one; NaN if either is NaN. At a tie each side gets half of the gradient. */
export const minimum = binary({
  name: 'minimum',
  formula: 'min(a, b)',
  domain: [[-2, -0.1], [0.1, 2]],
  lower: (s, a, b) => s.min(a, b),
  grad: (g, a, b) => shareTie(g, a, b, lt(a, b)),
})

function shareTie(g: Value, a: Value, b: Value, first: Value): readonly [Value, Value] {
  const half = mul(g, 0.5)
  const zero = fullLike(g, 0)
  const tie = eq(a, b)
  return [where(tie, half, where(first, g, zero)), where(tie, half, where(first, zero, g))]
}

/** Remainder with the sign of the dividend (C's fmod). d/da = 1, d/db = -trunc(a / b). */
export const fmod = binary({
  name: 'fmod',
  formula: 'a - b * trunc(a / b)',
  domain: [[0.1, 0.9], [1.1, 2]],
  cost: 40,
  lower: (s, a, b) => s.fmod(a, b),
  grad: (g, a, b) => [g, isFloat(a.dtype) ? neg(mul(g, trunc(div(a, b)))) : null],
})

/** Quotient of whole numbers, rounded toward zero. */
export const quotient = binary({
  name: 'quotient',
  formula: 'trunc(a / b)',
  takes: 'integer',
  domain: [anywhere, positive],
  cost: 40,
  lower: (s, a, b) => s.quotient(a, b),
  grad: null,
})

/** The angle of the point (b, a) in [-π, π]. */
export const atan2 = binary({
  name: 'atan2',
  formula: 'atan2(a, b)',
  takes: 'float',
  domain: [positive, positive],
  cost: 40,
  lower: (s, a, b) => s.atan2(a, b),
  grad: (g, a, b) => {
    const scaled = div(g, add(mul(a, a), mul(b, b)))
    return [mul(scaled, b), neg(mul(scaled, a))]
  },
})

// ---- one argument

export const neg = unary({
  name: 'neg',
  formula: '-x',
  takes: 'number',
  domain: anywhere,
  lower: (s, x) => s.neg(x),
  grad: (g) => neg(g),
})

export const abs = unary({
  name: 'abs',
  formula: '|x|',
  takes: 'number',
  domain: [0.1, 2],
  lower: (s, x) => s.abs(x),
  grad: (g, x) => mul(g, sign(x)),
})

/** -1, 0 or 1; 0 for NaN, as in PyTorch. */
export const sign = unary({
  name: 'sign',
  formula: '(x > 0) - (x < 0)',
  takes: 'number',
  domain: [0.1, 2],
  cost: 4,
  lower: (s, x) => {
    const zero = s.const(0)
    return s.select(s.lt(zero, x), s.const(1), s.select(s.lt(x, zero), s.const(-1), zero))
  },
  grad: null,
})

export const sqrt = unary({
  name: 'sqrt',
  formula: '√x',
  domain: positive,
  cost: 4,
  lower: (s, x) => s.sqrt(x),
  grad: (g, _x, y) => div(g, mul(y, 2)),
})

/** e^x. Below x = -103.97 (float32) the result is 0. */
export const exp = unary({
  name: 'exp',
  formula: 'e ** x',
  domain: anywhere,
  cost: 14,
  lower: (s, x) => s.exp(x),
  grad: (g, _x, y) => mul(g, y),
})

/** e^x - 1 without cancellation near 0. */
export const expm1 = unary({
  name: 'expm1',
  formula: 'e ** x - 1',
  domain: anywhere,
  cost: 18,
  lower: (s, x) => s.expm1(x),
  grad: (g, _x, y) => mul(g, add(y, 1)),
})

/** Natural logarithm: -Infinity at 0, NaN below. */
export const log = unary({
  name: 'log',
  formula: 'ln x',
  domain: positive,
  cost: 18,
  lower: (s, x) => s.log(x),
  grad: (g, x) => div(g, x),
})

/** ln(1 + x) without cancellation near 0. */
export const log1p = unary({
  name: 'log1p',
  formula: 'ln(1 + x)',
  domain: [-0.5, 2],
  cost: 22,
  lower: (s, x) => s.log1p(x),
  grad: (g, x) => div(g, add(x, 1)),
})

export const sin = unary({
  name: 'sin',
  formula: 'sin x',
  domain: [-6, 6],
  cost: 25,
  lower: (s, x) => s.sin(x),
  grad: (g, x) => mul(g, cos(x)),
})

export const cos = unary({
  name: 'cos',
  formula: 'cos x',
  domain: [-6, 6],
  cost: 25,
  lower: (s, x) => s.cos(x),
  grad: (g, x) => neg(mul(g, sin(x))),
})

export const tanh = unary({
  name: 'tanh',
  formula: 'tanh x',
  domain: anywhere,
  cost: 25,
  lower: (s, x) => s.tanh(x),
  grad: (g, _x, y) => mul(g, sub(1, mul(y, y))),
})

/** Logistic sigmoid. The gradient uses the output, so the input may be freed. */
export const sigmoid = unary({
  name: 'sigmoid',
  formula: '1 / (1 + e ** -x)',
  domain: [-6, 6],
  cost: 18,
  lower: (s, x) => s.sigmoid(x),
  grad: (g, _x, y) => mul(g, mul(y, sub(1, y))),
})

/** Gauss error function. d/dx = 2/√π e^(-x²). */
export const erf = unary({
  name: 'erf',
  formula: 'erf x',
  domain: anywhere,
  cost: 30,
  lower: (s, x) => s.erf(x),
  grad: (g, x) => mul(g, mul(exp(neg(mul(x, x))), 2 / Math.sqrt(Math.PI))),
})

/** max(x, 0); NaN stays NaN. The gradient uses the output and is 0 at 0. */
export const relu = unary({
  name: 'relu',
  formula: 'max(x, 0)',
  takes: 'number',
  domain: [0.1, 2],
  lower: (s, x) => s.max(x, s.const(0)),
  grad: (g, _x, y) => where(gt(y, 0), g, fullLike(g, 0)),
})

export const floor = unary({ name: 'floor', formula: '⌊x⌋', domain: [0.1, 0.9], lower: (s, x) => s.floor(x), grad: null })
export const ceil = unary({ name: 'ceil', formula: '⌈x⌉', domain: [0.1, 0.9], lower: (s, x) => s.ceil(x), grad: null })
export const trunc = unary({ name: 'trunc', formula: 'x toward 0', domain: [0.1, 0.9], lower: (s, x) => s.trunc(x), grad: null })
/** To the nearest whole number, halves to even. */
export const round = unary({ name: 'round', formula: 'nearest, halves to even', domain: [0.1, 0.4], lower: (s, x) => s.round(x), grad: null })

// ---- comparisons and logic

type Compare = <T>(s: Code<T>, a: T, b: T) => T

function comparison(name: string, formula: string, lower: Compare): Binary {
  return binary({ name, formula, takes: 'any', gives: 'bool', domain: [anywhere, anywhere], lower, grad: null })
}

export const eq = comparison('eq', 'a == b', (s, a, b) => s.eq(a, b))
export const ne = comparison('ne', 'a != b', (s, a, b) => s.ne(a, b))
export const lt = comparison('lt', 'a < b', (s, a, b) => s.lt(a, b))
export const le = comparison('le', 'a <= b', (s, a, b) => s.le(a, b))
export const gt = comparison('gt', 'a > b', (s, a, b) => s.lt(b, a))
export const ge = comparison('ge', 'a >= b', (s, a, b) => s.le(b, a))

function bitwise(name: string, formula: string, lower: Compare): Binary {
  return binary({ name, formula, takes: 'integer', domain: [anywhere, anywhere], lower, grad: null })
}

export const logicalAnd = bitwise('and', 'a & b', (s, a, b) => s.and(a, b))
export const logicalOr = bitwise('or', 'a | b', (s, a, b) => s.or(a, b))
export const logicalXor = bitwise('xor', 'a ^ b', (s, a, b) => s.xor(a, b))
export const not = unary({ name: 'not', formula: '~x', takes: 'integer', domain: anywhere, lower: (s, x) => s.not(x), grad: null })

// ---- choice, conversion, indices

export const whereOp: MapOp = register({
  kind: 'map',
  name: 'where',
  arity: 3,
  cost: 1,
  infer: ([condition, a, b]) => {
    const graph = condition!.graph
    if (condition!.dtype !== 'bool') reject('dtype_mismatch', `where takes a bool condition, got ${condition!.dtype}`, graph)
    if (a!.dtype !== b!.dtype) reject('dtype_mismatch', `where takes two tensors of one dtype, got ${a!.dtype} and ${b!.dtype}`, graph)
    if (!sameShape(a!.shape, b!.shape) || !sameShape(a!.shape, condition!.shape)) {
      const shapes = [condition!, a!, b!].map((value) => showShape(value.shape))
      reject('shape_mismatch', `where takes tensors of one shape, got ${shapes.join(', ')}`, graph)
    }
    return { shape: a!.shape, dtype: a!.dtype }
  },
  lower: (s, [condition, a, b]) => s.select(condition!, a!, b!),
  grad: (g, [condition]) => {
    const zero = fullLike(g, 0)
    return [null, where(condition!, g, zero), where(condition!, zero, g)]
  },
})

/** `condition ? a : b`, elementwise. */
export function where(condition: Value, a: Value, b: Value): Value {
  return condition.graph.add(whereOp, [condition, a, b])
}

/** Conversion between dtypes. To an integer: toward zero. To bool: not equal to 0. */
export const castOp: MapOp = register({
  kind: 'map',
  name: 'cast',
  arity: 1,
  cost: 1,
  infer: ([x], attrs) => ({ shape: x!.shape, dtype: textAttr(attrs, 'dtype') as DType }),
  lower: (s, [x], attrs, [from]) => s.cast(x!, from!, textAttr(attrs, 'dtype') as DType),
  grad: (g, [x], y) => [isFloat(x!.dtype) && isFloat(y.dtype) ? cast(g, x!.dtype) : null],
})

export function cast(x: Value, dtype: DType): Value {
  return x.dtype === dtype ? x : x.graph.add(castOp, [x], { dtype })
}

/** The same numbers in a buffer of their own, row-major. */
export const copyOp: MapOp = register({
  kind: 'map',
  name: 'copy',
  arity: 1,
  cost: 0,
  infer: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
  lower: (_s, [x]) => x!,
  grad: (g) => [g],
})

export function copy(x: Value): Value {
  return x.graph.add(copyOp, [x])
}

/** The same numbers; no gradient flows back. */
export const detachOp: MapOp = register({
  kind: 'map',
  name: 'detach',
  arity: 1,
  cost: 0,
  infer: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
  lower: (_s, [x]) => x!,
})

export function detach(x: Value): Value {
  return x.graph.add(detachOp, [x])
}

/**
 * The numbers of `value` with the gradient of `like`: for functions whose gradient PyTorch defines otherwise than by
 * their formula.
 */
export const surrogateOp: MapOp = register({
  kind: 'map',
  name: 'surrogate',
  arity: 2,
  cost: 0,
  infer: ([value]) => ({ shape: value!.shape, dtype: value!.dtype }),
  lower: (_s, [value]) => value!,
  grad: (g) => [null, g],
})

export function surrogate(value: Value, like: Value): Value {
  return value.graph.add(surrogateOp, [value, like])
}

/** The same numbers under a name: a node that is not shared with equal ones, so that it has a gradient of its own. */
export const markOp: MapOp = register({
  kind: 'map',
  name: 'mark',
  arity: 1,
  cost: 0,
  infer: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
  lower: (_s, [x]) => x!,
  grad: (g) => [g],
})

export function mark(x: Value, name: string): Value {
  return x.graph.add(markOp, [x], { name })
}

/** Whole numbers as checked indices into `size` places; out of range stops the run with an error. */
export const indexOp: MapOp = register({
  kind: 'map',
  name: 'index',
  arity: 1,
  cost: 2,
  infer: ([x]) => ({ shape: x!.shape, dtype: 'int32' }),
  lower: (s, [x], attrs, [from]) =>
    s.index(x!, from!, { size: numberAttr(attrs, 'size'), wraps: attrs['wraps'] === true, site: numberAttr(attrs, 'site') }),
})

/**
 * `what` names the index in the error: "class label", "index". With `wraps`, negative numbers count from the end.
 */
export function checkIndex(x: Value, size: number, what: string, wraps = false): Value {
  if (x.dtype === 'bool') reject('dtype_mismatch', `${what}: whole numbers expected, got bool`, x.graph)
  const { indexSites, place } = x.graph
  let site = indexSites.findIndex((known) => known.input === x && known.size === size && known.wraps === wraps)
  if (site < 0) site = indexSites.push({ input: x, size, what, wraps, place }) - 1
  return x.graph.add(indexOp, [x], { size, wraps, site })
}
