/**
 * Activation functions. A branch that is not taken gets harmless numbers, so that its gradient cannot turn
 * 0 · ∞ into NaN.
 */
import { showShape } from '../errors.ts'
import type { Value } from '../ir/value.ts'
import { numel } from '../ir/value.ts'
import type { TraceContext } from '../lang/values.ts'
import { fail } from '../lang/values.ts'
import * as ew from '../ops/elementwise.ts'
import { expand, reshape, slice } from '../ops/view.ts'
import type { Home } from './define.ts'
import { family, signature } from './define.ts'
import { boolean, floatTensor, integer, number, oneOf, resolveDim, tensor, withDefault } from './parameters.ts'

const { define } = family('activations')

const inplace = withDefault(boolean, false, 'False')

/** ≤ 0 as it is, > 0 as 0: the safe input of branches that hold below 0. */
function negativePart(x: Value): Value {
  return ew.where(ew.gt(x, 0), ew.fullLike(x, 0), x)
}

// ---- formulas

/** x strictly between the limits, else the nearer limit; the gradient is 0 at the limits. */
export function hardtanh(x: Value, low: number, high: number): Value {
  const limited = ew.where(ew.lt(x, low), ew.fullLike(x, low), ew.where(ew.gt(x, high), ew.fullLike(x, high), x))
  const inside = ew.logicalAnd(ew.gt(x, low), ew.lt(x, high))
  return ew.where(inside, x, ew.detach(limited))
}

export function leakyRelu(x: Value, slope: number): Value {
  return ew.where(ew.gt(x, 0), x, ew.mul(x, slope))
}

/** scale · (x, or alpha · (e^(x / inner) - 1) below 0) */
function exponentialUnit(x: Value, alpha: number, inner: number, scale: number): Value {
  const z = ew.div(negativePart(x), inner)
  // The derivative is e^z, and not expm1(z) + 1, which loses digits.
  const below = ew.mul(ew.surrogate(ew.expm1(z), ew.exp(z)), alpha)
  const unit = ew.where(ew.gt(x, 0), x, below)
  return scale === 1 ? unit : ew.mul(unit, scale)
}

export function elu(x: Value, alpha: number): Value {
  return exponentialUnit(x, alpha, 1, 1)
}

/** PyTorch's gradient divides by alpha rounded to float32, whatever the dtype. */
export function celu(x: Value, alpha: number): Value {
  return ew.surrogate(exponentialUnit(x, alpha, alpha, 1), exponentialUnit(x, alpha, Math.fround(alpha), 1))
}

export function selu(x: Value): Value {
  return exponentialUnit(x, 1.6732632423543772, 1, 1.0507009873554805)
}

export function gelu(x: Value, approximate: 'none' | 'tanh'): Value {
  if (approximate === 'none') return ew.mul(ew.mul(x, 0.5), ew.add(ew.erf(ew.mul(x, Math.SQRT1_2)), 1))
  const cube = ew.mul(ew.mul(x, x), x)
  const inner = ew.mul(ew.add(x, ew.mul(cube, 0.044715)), Math.sqrt(2 / Math.PI))
  return ew.mul(ew.mul(x, 0.5), ew.add(ew.tanh(inner), 1))
}

export function silu(x: Value): Value {
  return ew.mul(x, ew.sigmoid(x))
}

/** ln(1 + e^(beta x)) / beta; x itself where beta x is above the threshold. */
export function softplus(x: Value, beta: number, limit: number): Value {
  const z = ew.mul(x, beta)
  const linear = ew.gt(z, limit)
  const safe = ew.where(linear, ew.fullLike(z, 0), z)
  return ew.where(linear, x, ew.div(ew.log1p(ew.exp(safe)), beta))
}

export function mish(x: Value): Value {
  return ew.mul(x, ew.tanh(softplus(x, 1, 20)))
}

/** -ln(1 + e^-x) */
export function logSigmoid(x: Value): Value {
  return ew.sub(ew.minimum(x, ew.fullLike(x, 0)), ew.log1p(ew.exp(ew.neg(ew.abs(x)))))
}

/** PyTorch's gradient is 1/6 rounded to float32, whatever the dtype. */
export function hardsigmoid(x: Value): Value {
  const ramp = hardtanh(ew.add(x, 3), 0, 6)
  return ew.surrogate(ew.div(ramp, 6), ew.mul(ramp, Math.fround(1 / 6)))
}

export function hardswish(x: Value): Value {
  const ramp = hardtanh(ew.add(x, 3), 0, 6)
  // At -3 PyTorch takes the slope of the middle.
  const [below, above] = [ew.lt(x, -3), ew.ge(x, 3)]
  const safe = ew.where(ew.logicalOr(below, above), ew.fullLike(x, 0), x)
  const middle = ew.add(ew.div(ew.mul(safe, safe), 6), ew.mul(safe, 0.5))
  const like = ew.where(below, ew.fullLike(x, 0), ew.where(above, x, middle))
  return ew.surrogate(ew.div(ew.mul(x, ramp), 6), like)
}

export function softsign(x: Value): Value {
  return ew.div(x, ew.add(ew.abs(x), 1))
}

export function tanhshrink(x: Value): Value {
  return ew.sub(x, ew.tanh(x))
}

export function softshrink(x: Value, lambda: number): Value {
  const below = ew.where(ew.lt(x, -lambda), ew.add(x, lambda), ew.fullLike(x, 0))
  return ew.where(ew.gt(x, lambda), ew.sub(x, lambda), below)
}

export function hardshrink(x: Value, lambda: number): Value {
  const kept = ew.gt(ew.abs(x), lambda)
  return ew.where(kept, x, ew.where(ew.eq(x, x), ew.fullLike(x, 0), ew.detach(x)))
}

export function threshold(x: Value, limit: number, value: number): Value {
  return ew.where(ew.le(x, limit), ew.fullLike(x, value), x)
}

/** x, or weight * x at and below 0: one weight for all, or one for each channel (dimension 1; of a vector: none). */
export function prelu(ctx: TraceContext, x: Value, weight: Value): Value {
  if (weight.dtype !== x.dtype) fail(ctx, 'dtype_mismatch', `prelu(): input and weight must have one dtype, got ${x.dtype} and ${weight.dtype}`)
  const count = numel(weight.shape)
  const channels = x.shape.length > 1 ? x.shape[1]! : 1
  if (weight.shape.length > 1 || (count !== 1 && count !== channels)) {
    fail(ctx, 'shape_mismatch', `prelu(): weight of one element or of shape [${channels}] (the channels of an input of shape ${showShape(x.shape)}) expected, got ${showShape(weight.shape)}`)
  }
  const spread = reshape(weight, count === 1 ? [] : x.shape.map((_, axis) => (axis === 1 ? count : 1)))
  return ew.where(ew.gt(x, 0), x, ew.mul(expand(spread, x.shape), x))
}

/** The first half along `axis`, times sigmoid of the second. */
export function glu(ctx: TraceContext, x: Value, axis: number): Value {
  const size = x.shape[axis]
  if (size === undefined || size % 2 !== 0) fail(ctx, 'shape_mismatch', `glu(): dimension ${axis} must have an even size, got shape ${showShape(x.shape)}`)
  const half = size / 2
  return ew.mul(slice(x, axis, 0, half), ew.sigmoid(slice(x, axis, half, half)))
}

// ---- torch's functions

const functional: readonly Home[] = ['F']

function activation(name: string, doc: string, gradFn: string, formula: (x: Value) => Value, homes = functional): void {
  define({ names: name, homes, doc, gradFn }, signature({ input: floatTensor, inplace }, ({ input }) => formula(input)))
}

define({ names: 'relu', homes: ['torch', 'Tensor', 'F'], doc: 'max(input, 0)', gradFn: 'ReluBackward0' },
  signature({ input: tensor, inplace }, ({ input }) => ew.relu(input)))
activation('relu6', 'input limited to [0, 6]', 'HardtanhBackward0', (x) => hardtanh(x, 0, 6))
activation('selu', 'Scaled exponential linear unit', 'EluBackward0', selu, ['torch', 'F'])
activation('silu', 'input * sigmoid(input)', 'SiluBackward0', silu)
activation('mish', 'input * tanh(softplus(input))', 'MishBackward0', mish)
activation('hardsigmoid', 'Sigmoid in three pieces', 'HardsigmoidBackward0', hardsigmoid)
activation('hardswish', 'input * hardsigmoid(input)', 'HardswishBackward0', hardswish)
activation('logsigmoid', 'ln(sigmoid(input))', 'LogSigmoidBackward0', logSigmoid)
activation('softsign', 'input / (1 + |input|)', 'DivBackward0', softsign)
activation('tanhshrink', 'input - tanh(input)', 'SubBackward0', tanhshrink)

define({ names: 'leaky_relu', homes: functional, doc: 'input, or negative_slope * input below 0', gradFn: 'LeakyReluBackward0' },
  signature({ input: floatTensor, negative_slope: withDefault(number, 0.01), inplace }, ({ input, negative_slope }) => leakyRelu(input, negative_slope)))
define({ names: 'elu', homes: functional, doc: 'Exponential linear unit', gradFn: 'EluBackward0' },
  signature({ input: floatTensor, alpha: withDefault(number, 1), inplace }, ({ input, alpha }) => elu(input, alpha)))
define({ names: 'celu', homes: ['torch', 'F'], doc: 'Continuously differentiable exponential linear unit', gradFn: 'CeluBackward0' },
  signature({ input: floatTensor, alpha: withDefault(number, 1), inplace }, ({ input, alpha }, ctx) => {
    if (alpha === 0) fail(ctx, 'bad_argument', 'celu(): alpha must not be 0')
    return celu(input, alpha)
  }))
define({ names: 'gelu', homes: functional, doc: 'Gaussian error linear unit', gradFn: 'GeluBackward0' },
  signature({ input: floatTensor, approximate: withDefault(oneOf('none', 'tanh'), 'none', "'none'") }, ({ input, approximate }) => gelu(input, approximate)))
define({ names: 'softplus', homes: functional, doc: 'ln(1 + exp(beta * input)) / beta', gradFn: 'SoftplusBackward0' },
  signature({ input: floatTensor, beta: withDefault(number, 1), threshold: withDefault(number, 20) }, ({ input, beta, threshold: limit }) => softplus(input, beta, limit)))
define({ names: 'hardtanh', homes: functional, doc: 'input limited to [min_val, max_val]', gradFn: 'HardtanhBackward0' },
  signature({ input: floatTensor, min_val: withDefault(number, -1), max_val: withDefault(number, 1), inplace }, ({ input, min_val, max_val }, ctx) => {
    if (min_val > max_val) fail(ctx, 'bad_argument', `hardtanh(): min_val must not be above max_val, got ${min_val} and ${max_val}`)
    return hardtanh(input, min_val, max_val)
  }))
define({ names: 'softshrink', homes: functional, doc: 'input moved toward 0 by lambd', gradFn: 'SoftshrinkBackward0' },
  signature({ input: floatTensor, lambd: withDefault(number, 0.5) }, ({ input, lambd }, ctx) => {
    if (lambd < 0) fail(ctx, 'bad_argument', `softshrink(): lambd must not be negative, got ${lambd}`)
    return softshrink(input, lambd)
  }))
define({ names: 'hardshrink', homes: ['torch', 'Tensor', 'F'], doc: 'input, or 0 where it is at most lambd in size', gradFn: 'HardshrinkBackward0' },
  signature({ input: floatTensor, lambd: withDefault(number, 0.5) }, ({ input, lambd }) => hardshrink(input, lambd)))
define({ names: 'threshold', homes: ['torch', 'F'], doc: 'input, or value where it is at most threshold', gradFn: 'ThresholdBackward0' },
  signature({ input: floatTensor, threshold: number, value: number, inplace }, ({ input, threshold: limit, value }) => threshold(input, limit, value)))
define({ names: 'prelu', homes: ['torch', 'Tensor', 'F'], doc: 'input, or weight * input below 0', gradFn: 'PreluBackward0' },
  signature({ input: floatTensor, weight: floatTensor }, ({ input, weight }, ctx) => prelu(ctx, input, weight)))
define({ names: 'glu', homes: functional, doc: 'The first half along dim, times sigmoid of the second', gradFn: 'GluBackward0' },
  signature({ input: floatTensor, dim: withDefault(integer, -1) }, ({ input, dim }, ctx) => glu(ctx, input, resolveDim(ctx, dim, input.shape.length))))
