/** What all losses share: how a loss of every element becomes one number, and the arguments that say so. */
import { showShape } from '../../errors.ts'
import type { Value } from '../../ir/value.ts'
import { numel, sameShape } from '../../ir/value.ts'
import type { TraceContext } from '../../lang/values.ts'
import { fail } from '../../lang/values.ts'
import * as ew from '../../ops/elementwise.ts'
import { sum } from '../../ops/view.ts'
import type { Kind } from '../parameters.ts'
import { boolean, integer, oneOf, optional, withDefault } from '../parameters.ts'
import { broadcastFloats } from '../promote.ts'

export type Reduction = 'mean' | 'sum' | 'none'

const word = oneOf('mean', 'sum', 'none')

/** `reduction` of torch.nn.functional; 'elementwise_mean' is an old name. */
export const reduction: Kind<Reduction> = withDefault(renamed(), 'mean', "'mean'")

function renamed(): Kind<Reduction> {
  const old = oneOf('elementwise_mean')
  return { ...word, fits: (value) => word.fits(value) || old.fits(value), convert: (value, ctx, what) => (old.fits(value) ? 'mean' : word.convert(value, ctx, what)) }
}

/** `reduction` of the functions of `torch` itself, 0, 1 or 2. Left out it is 0: PyTorch's parser does not know the word Mean of its declarations. */
export const reductionNumber: Kind<Reduction> = withDefault(
  {
    type: '0 | 1 | 2',
    fits: integer.fits,
    convert: (value, ctx, what) => (['none', 'mean', 'sum'] as const)[integer.convert(value, ctx, what)] ?? fail(ctx, 'bad_argument', `${what}: 0 (none), 1 (mean) or 2 (sum) expected`),
  },
  'none',
  '0',
)

/** Old arguments, which override `reduction`. */
export const sizeAverage = optional(boolean)
export const reduce = optional(boolean)

interface Legacy<R> {
  readonly size_average: boolean | undefined
  readonly reduce: boolean | undefined
  readonly reduction: R
}

/** What the old arguments mean, where they are given. */
export function reductionOf<R>({ size_average: average, reduce: reduced, reduction: given }: Legacy<R>): R | Reduction {
  if (average === undefined && reduced === undefined) return given
  if (reduced === false) return 'none'
  return average === false ? 'sum' : 'mean'
}

/** input, target, size_average, reduce, reduction: the order of most losses. */
export const legacy = { size_average: sizeAverage, reduce, reduction }

export function allAxes(x: Value): number[] {
  return [...x.shape.keys()]
}

export function reduceLoss(x: Value, how: Reduction): Value {
  if (how === 'none') return x
  const total = sum(x, allAxes(x))
  return how === 'sum' ? total : ew.div(total, numel(x.shape))
}

export function requireSameShape(ctx: TraceContext, name: string, input: Value, target: Value): void {
  if (!sameShape(input.shape, target.shape)) {
    fail(ctx, 'shape_mismatch', `${name}(): input of shape ${showShape(input.shape)} and target of shape ${showShape(target.shape)} must have one shape`)
  }
}

/** Losses times weights that broadcast to them. */
export function weightedBy(ctx: TraceContext, losses: Value, weight: Value | undefined): Value {
  if (!weight) return losses
  const [x, w] = broadcastFloats(ctx, [losses, weight]) as [Value, Value]
  return ew.mul(x, w)
}

/** max(x, 0); the gradient passes at 0, as clamp's does. */
export function clampAtZero(x: Value): Value {
  return ew.where(ew.lt(x, 0), ew.fullLike(x, 0), x)
}

/** max(x, 0); no gradient at 0. */
export function hinge(x: Value): Value {
  return ew.where(ew.gt(x, 0), x, ew.fullLike(x, 0))
}
