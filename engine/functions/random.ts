/**
 * Functions that draw random numbers: PyTorch's, for the spec's seed. A draw is an input of the graph (random/program.ts),
 * filled in row-major order.
 */
import { showShape } from '../errors.ts'
import type { DType, Shape, Value } from '../ir/value.ts'
import { numel } from '../ir/value.ts'
import type { Dynamic, TraceContext } from '../lang/values.ts'
import { describe, fail, itemsOf, none } from '../lang/values.ts'
import * as ew from '../ops/elementwise.ts'
import { input as inputValue } from '../ops/source.ts'
import { expand } from '../ops/view.ts'
import * as random from '../random/draw.ts'
import type { Drawn, DrawnType, FloatType } from '../random/draw.ts'
import type { Mt19937 } from '../random/mt19937.ts'
import { asLeaf, family, signature } from './define.ts'
import type { Kind } from './parameters.ts'
import { boolean, device, dtype, floatTensor, integer, integers, number, operand, optional, sizes, tensor, withDefault } from './parameters.ts'
import type { TensorOrNumber } from './parameters.ts'
import { broadcastShapes, isTensor } from './promote.ts'

const { define } = family('random numbers')

type Draw<T extends DType> = (generator: Mt19937, type: T, count: number) => Drawn

/** A tensor that is drawn anew in each forward pass. */
function drawn<T extends DrawnType>(ctx: TraceContext, shape: Shape, type: T, draw: Draw<T>): Value {
  const negative = shape.find((n) => n < 0)
  if (negative !== undefined) fail(ctx, 'bad_argument', `shape ${showShape(shape)}: ${negative} is no size`)
  const name = `random ${ctx.draws.length}`
  const value = inputValue(ctx.graph, name, shape, type)
  const count = numel(shape)
  ctx.draws.push({ name, shape, dtype: type, draw: (generator) => draw(generator, type, count) })
  return value
}

/** Uniform in [from, to). */
export function uniform(ctx: TraceContext, shape: Shape, type: FloatType, from = 0, to = 1): Value {
  return drawn(ctx, shape, type, (generator, kind, count) => random.uniform(generator, kind, count, from, to))
}

export function normal(ctx: TraceContext, shape: Shape, type: FloatType, mean = 0, std = 1): Value {
  return drawn(ctx, shape, type, (generator, kind, count) => random.normal(generator, kind, count, mean, std))
}

/** 1 with probability p, else 0. */
export function bernoulli(ctx: TraceContext, shape: Shape, type: DType, p: number): Value {
  return drawn(ctx, shape, drawnType(type), (generator, kind, count) => random.bernoulli(generator, kind, count, p))
}

/** Exponentially distributed with rate 1. */
export function exponential(ctx: TraceContext, shape: Shape, type: FloatType): Value {
  return drawn(ctx, shape, type, random.exponential)
}

function drawnType(type: DType): DrawnType {
  return type === 'int32' ? 'int64' : type
}

// ---- arguments

/** `generator=` and `out=` have no meaning here: only None passes. */
function absent(reason: string): Kind<undefined> {
  const isNone = (value: Dynamic): boolean => 'kind' in value && value.kind === 'none'
  return {
    type: 'None',
    fits: isNone,
    convert: (value, ctx, what) => (isNone(value) ? undefined : fail(ctx, 'bad_argument', `${what}: ${reason}`)),
    default: { value: undefined, shown: 'None' },
  }
}

const oneGenerator = 'every draw takes from the one generator that "seed" of the request starts; torch.manual_seed(n) starts it anew'
const generator = { generator: absent(oneGenerator), out: absent('a new tensor is made; assign the result') }
const placement = { device, requires_grad: withDefault(boolean, false, 'False'), pin_memory: withDefault(boolean, false, 'False') }
const factory = { ...generator, dtype: optional(dtype), ...placement }

/** A tuple or list of ints, never a single one: `randint(3, 5, (2,))`. */
const shapeTuple: Kind<readonly number[]> = {
  ...integers,
  type: 'tuple of ints',
  fits: (value) => itemsOf(value) !== undefined && integers.fits(value),
  convert: (value, ctx, what) => (itemsOf(value) ? integers.convert(value, ctx, what) : fail(ctx, 'bad_argument', `${what}: a tuple of ints expected, got ${describe(value)}`)),
}

/** The dtype of a draw of fractions. */
export function floatDType(ctx: TraceContext, name: string, type: DType): FloatType {
  if (type === 'float32' || type === 'float64') return type
  return fail(ctx, 'dtype_mismatch', `${name}(): a floating-point dtype expected, got ${type}; give dtype=`)
}

// ---- uniform, normal

for (const [name, words, draw] of [['rand', 'in [0, 1)', uniform], ['randn', 'from the standard normal distribution', normal]] as const) {
  define({ names: name, homes: ['torch'], doc: `Numbers ${words}` },
    signature({ size: sizes, ...factory }, ({ size, dtype: type, requires_grad }, ctx) => asLeaf(ctx, draw(ctx, size, floatDType(ctx, name, type ?? ctx.dtype)), requires_grad)))
  define({ names: `${name}_like`, homes: ['torch'], doc: `Numbers ${words}, of the shape of input` },
    signature({ input: tensor, dtype: optional(dtype), ...placement }, ({ input, dtype: type, requires_grad }, ctx) => asLeaf(ctx, draw(ctx, input.shape, floatDType(ctx, `${name}_like`, type ?? input.dtype)), requires_grad)))
}

function requireStd(ctx: TraceContext, std: number): number {
  return std >= 0 ? std : fail(ctx, 'bad_argument', `normal(): std must not be negative, got ${std}`)
}

/** Standard normal numbers times std plus mean. No gradient flows back to either: PyTorch's is 0. */
function normalOf(ctx: TraceContext, mean: TensorOrNumber, std: TensorOrNumber): Value {
  if (!isTensor(mean) && !isTensor(std)) return fail(ctx, 'bad_argument', 'normal() of two numbers needs size=')
  const leading = isTensor(mean) ? mean : (std as Value)
  const type = floatDType(ctx, 'normal', leading.dtype)
  const shape = broadcastShapes(ctx, [mean, std].filter(isTensor).map((x) => x.shape))
  const spread = (x: Value): Value => expand(ew.detach(ew.cast(x, type)), shape)
  const noise = isTensor(std) ? ew.mul(normal(ctx, shape, type), spread(std)) : normal(ctx, shape, type, 0, requireStd(ctx, std.value))
  return ew.add(noise, isTensor(mean) ? spread(mean) : mean.value)
}

define({ names: 'normal', homes: ['torch'], doc: 'Numbers from the normal distribution with the given mean and std', gradFn: 'NormalBackward0' },
  signature({ mean: operand, std: withDefault(operand, { kind: 'number', value: 1, whole: false }, '1.0'), ...generator }, ({ mean, std }, ctx) => normalOf(ctx, mean, std)),
  signature({ mean: number, std: number, size: shapeTuple, ...factory }, ({ mean, std, size, dtype: type }, ctx) =>
    normal(ctx, size, floatDType(ctx, 'normal', type ?? ctx.dtype), mean, requireStd(ctx, std))))

// ---- whole numbers

export function randint(ctx: TraceContext, shape: Shape, low: number, high: number, type: DType): Value {
  if (low >= high) fail(ctx, 'bad_argument', `randint(): high must be larger than low, got low=${low} and high=${high}`)
  if (type === 'bool' && (low < 0 || high > 2)) fail(ctx, 'bad_argument', `randint(): bool takes 0 and 1, got the range [${low}, ${high})`)
  return drawn(ctx, shape, drawnType(type), (mt, kind, count) => random.integers(mt, kind, count, low, high))
}

define({ names: 'randint', homes: ['torch'], doc: 'Whole numbers from low (0 if left out) up to, not including, high' },
  signature({ high: integer, size: shapeTuple, ...factory }, ({ high, size, dtype: type }, ctx) => randint(ctx, size, 0, high, type ?? 'int64')),
  signature({ low: integer, high: integer, size: shapeTuple, ...factory }, ({ low, high, size, dtype: type }, ctx) => randint(ctx, size, low, high, type ?? 'int64')))
define({ names: 'randint_like', homes: ['torch'], doc: 'Whole numbers from low (0 if left out) up to, not including, high, of the shape of input' },
  signature({ input: tensor, high: integer, dtype: optional(dtype), ...placement }, ({ input, high, dtype: type }, ctx) => randint(ctx, input.shape, 0, high, type ?? input.dtype)),
  signature({ input: tensor, low: integer, high: integer, dtype: optional(dtype), ...placement }, ({ input, low, high, dtype: type }, ctx) => randint(ctx, input.shape, low, high, type ?? input.dtype)))

define({ names: 'randperm', homes: ['torch'], doc: 'The numbers from 0 to n - 1 in random order' },
  signature({ n: integer, ...factory }, ({ n, dtype: type }, ctx) => {
    if (n < 0) fail(ctx, 'bad_argument', `randperm(): n must not be negative, got ${n}`)
    if (type === 'bool') fail(ctx, 'dtype_mismatch', 'randperm(): a dtype of numbers expected, got bool')
    const order = drawn(ctx, [n], 'int64', (mt, _kind, count) => BigInt64Array.from(random.permutation(mt, count), BigInt))
    return ew.cast(order, type ?? 'int64')
  }))

// ---- bernoulli

define({ names: 'bernoulli', homes: ['torch', 'Tensor'], doc: '1 with the probability that input gives (or p), else 0', gradFn: 'BernoulliBackward0' },
  signature({ input: floatTensor, ...generator }, ({ input }, ctx) => {
    // float32 probabilities are compared with 24 random bits, float64 ones with 53.
    const draw = uniform(ctx, input.shape, floatDType(ctx, 'bernoulli', input.dtype))
    return ew.cast(ew.lt(draw, ew.detach(input)), input.dtype)
  }),
  signature({ input: tensor, p: number, ...generator }, ({ input, p }, ctx) => bernoulli(ctx, input.shape, input.dtype, requireProbability(ctx, 'bernoulli', p))))

export function requireProbability(ctx: TraceContext, name: string, p: number): number {
  return p >= 0 && p <= 1 ? p : fail(ctx, 'bad_argument', `${name}(): p must be between 0 and 1, got ${p}`)
}

// ---- the generator

define({ names: 'manual_seed', homes: ['torch'], doc: 'Starts the generator anew, in each forward pass' },
  signature({ seed: number }, ({ seed }, ctx) => {
    // The low 32 bits count; of a negative number those of its two's complement.
    ctx.draws.push({ seed: ((Math.trunc(seed) % 2 ** 32) + 2 ** 32) % 2 ** 32 })
    return { static: none }
  }))
define({ names: 'Generator', homes: ['torch'], doc: 'Not in a program: there is one generator, started by the request\'s "seed"' },
  signature({ device }, (_args, ctx) => fail(ctx, 'bad_argument', `Generator(): ${oneGenerator}`)))
