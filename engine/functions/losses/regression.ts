/** Losses of numbers, as torch.nn.functional defines them. */
import { showShape } from '../../errors.ts'
import type { Value } from '../../ir/value.ts'
import { sameShape } from '../../ir/value.ts'
import type { TraceContext } from '../../lang/values.ts'
import { fail } from '../../lang/values.ts'
import * as ew from '../../ops/elementwise.ts'
import { reshape, sum } from '../../ops/view.ts'
import type { Signature } from '../define.ts'
import { family, signature } from '../define.ts'
import type { TensorOrNumber } from '../parameters.ts'
import { boolean, floatTensor, number, operand, optional, tensor, withDefault } from '../parameters.ts'
import { asTensor, broadcastFloats, isTensor } from '../promote.ts'
import type { Reduction } from './reduce.ts'
import { allAxes, legacy, reduceLoss, reduction, reductionNumber, reductionOf } from './reduce.ts'

const { define } = family('losses')

function differences(ctx: TraceContext, input: Value, target: Value): Value {
  const [x, y] = broadcastFloats(ctx, [input, target]) as [Value, Value]
  return ew.sub(x, y)
}

function squares(ctx: TraceContext, input: Value, target: Value): Value {
  const d = differences(ctx, input, target)
  return ew.mul(d, d)
}

function l1Loss(ctx: TraceContext, input: Value, target: Value, how: Reduction): Value {
  return reduceLoss(distances(ctx, input, target), how)
}

function distances(ctx: TraceContext, input: Value, target: Value): Value {
  return ew.abs(differences(ctx, input, target))
}

/** d² / 2 beta where |d| < beta, |d| - beta / 2 beyond. */
function smoothL1Loss(ctx: TraceContext, input: Value, target: Value, how: Reduction, beta: number): Value {
  if (beta < 0) fail(ctx, 'bad_argument', `smooth_l1_loss(): beta must not be negative, got ${beta}`)
  if (beta === 0) return l1Loss(ctx, input, target, how)
  const d = differences(ctx, input, target)
  const size = ew.abs(d)
  return reduceLoss(ew.where(ew.lt(size, beta), ew.div(ew.mul(ew.mul(d, d), 0.5), beta), ew.sub(size, beta / 2)), how)
}

/** d² / 2 where |d| ≤ delta, delta (|d| - delta / 2) beyond. */
function huberLoss(ctx: TraceContext, input: Value, target: Value, how: Reduction, delta: number): Value {
  if (delta <= 0) fail(ctx, 'bad_argument', `huber_loss(): delta must be positive, got ${delta}`)
  const d = differences(ctx, input, target)
  const size = ew.abs(d)
  return reduceLoss(ew.where(ew.le(size, delta), ew.mul(ew.mul(d, d), 0.5), ew.mul(ew.sub(size, delta / 2), delta)), how)
}

/** Losses times weights of the input's shape. The mean of mse_loss and l1_loss is over the weights, huber_loss's is not. */
function weighted(ctx: TraceContext, name: string, losses: Value, input: Value, weight: Value, how: Reduction): Value {
  if (!sameShape(weight.shape, input.shape)) fail(ctx, 'shape_mismatch', `${name}(): weight of shape ${showShape(input.shape)} expected (that of input), got ${showShape(weight.shape)}`)
  const [x, w] = broadcastFloats(ctx, [losses, weight]) as [Value, Value]
  const products = ew.mul(x, w)
  if (how !== 'mean' || name === 'huber_loss') return reduceLoss(products, how)
  return ew.div(sum(products, allAxes(products)), sum(ew.cast(weight, products.dtype), allAxes(weight)))
}

interface PoissonOptions {
  readonly logInput: boolean
  readonly full: boolean
  readonly eps: number
}

/** e^x - y x, or x - y ln(x + eps); `full` adds Stirling's y ln y - y + ln(2 π y) / 2 where y is above 1. */
function poissonNllLoss(ctx: TraceContext, input: Value, target: Value, how: Reduction, { logInput, full, eps }: PoissonOptions): Value {
  const [x, y] = broadcastFloats(ctx, [input, target]) as [Value, Value]
  const losses = logInput ? ew.sub(ew.exp(x), ew.mul(y, x)) : ew.sub(x, ew.mul(y, ew.log(ew.add(x, eps))))
  if (!full) return reduceLoss(losses, how)
  const small = ew.le(y, 1)
  const safe = ew.where(small, ew.fullLike(y, 1), y)
  const stirling = ew.add(ew.sub(ew.mul(safe, ew.log(safe)), safe), ew.mul(ew.log(ew.mul(safe, 2 * Math.PI)), 0.5))
  return reduceLoss(ew.add(losses, ew.where(small, ew.fullLike(y, 0), stirling)), how)
}

/** (ln v + (x - y)² / v) / 2, with the variance v at least eps: its gradient passes all the same. */
function gaussianNllLoss(ctx: TraceContext, input: Value, target: Value, variance: TensorOrNumber, how: Reduction, full: boolean, eps: number): Value {
  const given = isTensor(variance) ? spreadVariance(ctx, input, variance) : asTensor(ctx, variance, input.dtype)
  if (!isTensor(variance) && variance.value < 0) fail(ctx, 'bad_argument', `gaussian_nll_loss(): var must not be negative, got ${variance.value}`)
  const [x, y, raw] = broadcastFloats(ctx, [input, target, given]) as [Value, Value, Value]
  const v = ew.surrogate(ew.where(ew.lt(raw, eps), ew.fullLike(raw, eps), raw), raw)
  const d = ew.sub(x, y)
  const losses = ew.mul(ew.add(ew.log(v), ew.div(ew.mul(d, d), v)), 0.5)
  return reduceLoss(full ? ew.add(losses, 0.5 * Math.log(2 * Math.PI)) : losses, how)
}

/** One variance for each element, or one for each row: of the input's shape without its last dimension, or with size 1 there. */
function spreadVariance(ctx: TraceContext, input: Value, variance: Value): Value {
  const rows = input.shape.slice(0, -1)
  if (sameShape(variance.shape, input.shape)) return variance
  if (input.shape.length > 0 && sameShape(variance.shape, rows)) return reshape(variance, [...rows, 1])
  if (input.shape.length > 0 && sameShape(variance.shape, [...rows, 1])) return variance
  return fail(ctx, 'shape_mismatch', `gaussian_nll_loss(): var of shape ${showShape(input.shape)} or ${showShape([...rows, 1])} expected, got ${showShape(variance.shape)}`)
}

// ---- torch's functions

const pair = { input: floatTensor, target: tensor }

function distance(name: 'mse_loss' | 'l1_loss', formula: (ctx: TraceContext, input: Value, target: Value) => Value): Signature {
  return signature({ ...pair, ...legacy, weight: optional(tensor) }, ({ input, target, weight, ...how }, ctx) => {
    const losses = formula(ctx, input, target)
    return weight ? weighted(ctx, name, losses, input, weight, reductionOf(how)) : reduceLoss(losses, reductionOf(how))
  })
}

define({ names: 'mse_loss', homes: ['F'], doc: 'Squared error', gradFn: 'MseLossBackward0' }, distance('mse_loss', squares))
define({ names: 'l1_loss', homes: ['F'], doc: 'Absolute error', gradFn: 'L1LossBackward0' }, distance('l1_loss', distances))
define({ names: 'smooth_l1_loss', homes: ['F'], doc: 'Squared error near 0, absolute error beyond beta', gradFn: 'SmoothL1LossBackward0' },
  signature({ ...pair, ...legacy, beta: withDefault(number, 1) }, ({ input, target, beta, ...how }, ctx) => smoothL1Loss(ctx, input, target, reductionOf(how), beta)))
define({ names: 'huber_loss', homes: ['F'], doc: 'Squared error near 0, delta times absolute error beyond', gradFn: 'HuberLossBackward0' },
  signature({ ...pair, reduction, delta: withDefault(number, 1), weight: optional(tensor) }, ({ input, target, reduction: how, delta, weight }, ctx) =>
    weight ? weighted(ctx, 'huber_loss', huberLoss(ctx, input, target, 'none', delta), input, weight, how) : huberLoss(ctx, input, target, how, delta)))

const flag = (value: boolean): ReturnType<typeof withDefault<boolean>> => withDefault(boolean, value, value ? 'True' : 'False')
const poisson = { doc: 'Negative log likelihood of the Poisson distribution', gradFn: 'MeanBackward0' }

define({ names: 'poisson_nll_loss', homes: ['F'], ...poisson },
  signature({ ...pair, log_input: flag(true), full: flag(false), size_average: legacy.size_average, eps: withDefault(number, 1e-8), reduce: legacy.reduce, reduction }, ({ input, target, log_input, full, eps, ...how }, ctx) =>
    poissonNllLoss(ctx, input, target, reductionOf(how), { logInput: log_input, full, eps })))
define({ names: 'poisson_nll_loss', homes: ['torch'], ...poisson },
  signature({ ...pair, log_input: boolean, full: boolean, eps: number, reduction: reductionNumber }, ({ input, target, log_input, full, eps, reduction: how }, ctx) =>
    poissonNllLoss(ctx, input, target, how, { logInput: log_input, full, eps })))
define({ names: 'gaussian_nll_loss', homes: ['F'], doc: 'Negative log likelihood of the normal distribution', gradFn: 'MeanBackward0' },
  signature({ ...pair, var: operand, full: flag(false), eps: withDefault(number, 1e-6), reduction }, ({ input, target, var: variance, full, eps, reduction: how }, ctx) =>
    gaussianNllLoss(ctx, input, target, variance, how, full, eps)))
