/** Losses of distances and similarities: they compare vectors, or scores with a margin. */
import { showShape } from '../../errors.ts'
import type { Value } from '../../ir/value.ts'
import type { Callable, Dynamic, TraceContext } from '../../lang/values.ts'
import { Tensor, describe, fail } from '../../lang/values.ts'
import * as ew from '../../ops/elementwise.ts'
import { sum } from '../../ops/view.ts'
import { family, signature } from '../define.ts'
import { pairwiseDistance } from '../distances.ts'
import type { Kind } from '../parameters.ts'
import { boolean, floatTensor, number, optional, tensor, withDefault } from '../parameters.ts'
import { broadcast, broadcastFloats } from '../promote.ts'
import type { Reduction } from './reduce.ts'
import { clampAtZero, legacy, reduceLoss, reduction, reductionNumber, reductionOf } from './reduce.ts'

const { define } = family('losses')

/** x where y = 1, max(margin - x, 0) where y = -1, their sum elsewhere. */
function hingeEmbeddingLoss(ctx: TraceContext, input: Value, target: Value, margin: number, how: Reduction): Value {
  const [x, y] = broadcastFloats(ctx, [input, target]) as [Value, Value]
  const zero = ew.fullLike(x, 0)
  const apart = ew.where(ew.ne(y, 1), clampAtZero(ew.sub(margin, x)), zero)
  return reduceLoss(ew.add(apart, ew.where(ew.ne(y, -1), x, zero)), how)
}

/** max(-y (a - b) + margin, 0) */
function marginRankingLoss(ctx: TraceContext, first: Value, second: Value, target: Value, margin: number, how: Reduction): Value {
  const ranks = [first, second, target].map(({ shape }) => shape.length)
  if (new Set(ranks).size > 1) fail(ctx, 'shape_mismatch', `margin_ranking_loss(): tensors of one number of dimensions expected, got shapes ${[first, second, target].map(({ shape }) => showShape(shape)).join(', ')}`)
  const [a, b, y] = broadcastFloats(ctx, [first, second, target]) as [Value, Value, Value]
  return reduceLoss(clampAtZero(ew.add(ew.mul(ew.neg(y), ew.sub(a, b)), margin)), how)
}

/** 1 - cos where y = 1, max(cos - margin, 0) where y = -1, else 0. */
function cosineEmbeddingLoss(ctx: TraceContext, first: Value, second: Value, target: Value, margin: number, how: Reduction): Value {
  const axis = target.shape.length
  if (axis > 1 || first.shape.length !== axis + 1 || second.shape.length !== axis + 1) {
    fail(ctx, 'shape_mismatch', `cosine_embedding_loss(): inputs (N, D) and a target (N), or (D) and (), expected; got ${showShape(first.shape)}, ${showShape(second.shape)} and ${showShape(target.shape)}`)
  }
  const [a, b] = broadcastFloats(ctx, [first, second]) as [Value, Value]
  // PyTorch's 1e-12 is a float32.
  const square = (x: Value): Value => ew.add(sum(ew.mul(x, x), [axis]), Math.fround(1e-12))
  const cosine = ew.div(sum(ew.mul(a, b), [axis]), ew.sqrt(ew.mul(square(a), square(b))))
  const [similar, y] = broadcast(ctx, [cosine, target], cosine.dtype) as [Value, Value]
  const zero = ew.fullLike(similar, 0)
  const same = ew.where(ew.eq(y, 1), ew.sub(1, similar), zero)
  return reduceLoss(ew.add(same, ew.where(ew.eq(y, -1), clampAtZero(ew.sub(similar, margin)), zero)), how)
}

type Distance = (a: Value, b: Value) => Value

interface TripletOptions {
  readonly margin: number
  /** The negative example is compared with the positive one too: the nearer counts. */
  readonly swap: boolean
  readonly reduction: Reduction
}

/** max(d(anchor, positive) - d(anchor, negative) + margin, 0) */
function tripletLoss(ctx: TraceContext, anchor: Value, positive: Value, negative: Value, distance: Distance, { margin, swap, reduction: how }: TripletOptions): Value {
  const near = distance(anchor, positive)
  const far = distance(anchor, negative)
  const between = swap ? distance(positive, negative) : undefined
  const [d, e, f] = broadcast(ctx, [near, far, between ?? far]) as [Value, Value, Value]
  return reduceLoss(clampAtZero(ew.sub(ew.add(d, margin), swap ? ew.minimum(e, f) : e)), how)
}

function normDistance(ctx: TraceContext, p: number, eps: number): Distance {
  return (a, b) => pairwiseDistance(ctx, a, b, p, eps, false)
}

function requireOneRank(ctx: TraceContext, tensors: readonly Value[]): void {
  const [first, ...others] = tensors
  if (others.some(({ shape }) => shape.length !== first!.shape.length)) {
    fail(ctx, 'shape_mismatch', `triplet_margin_loss(): tensors of one number of dimensions expected, got shapes ${tensors.map(({ shape }) => showShape(shape)).join(', ')}`)
  }
}

// ---- torch's functions

const hinge = { doc: 'input where target is 1, its distance below margin where target is -1', gradFn: 'MeanBackward0' }
const hingeArguments = { input: floatTensor, target: tensor, margin: withDefault(number, 1) }
define({ names: 'hinge_embedding_loss', homes: ['F'], ...hinge },
  signature({ ...hingeArguments, ...legacy }, ({ input, target, margin, ...how }, ctx) => hingeEmbeddingLoss(ctx, input, target, margin, reductionOf(how))))
define({ names: 'hinge_embedding_loss', homes: ['torch'], ...hinge },
  signature({ ...hingeArguments, reduction: reductionNumber }, ({ input, target, margin, reduction: how }, ctx) => hingeEmbeddingLoss(ctx, input, target, margin, how)))

const inputs = { input1: floatTensor, input2: floatTensor, target: tensor, margin: withDefault(number, 0) }
for (const [name, doc, formula] of [
  ['margin_ranking_loss', 'How far the ranking of two inputs is from what target (1 or -1) says', marginRankingLoss],
  ['cosine_embedding_loss', 'Cosine distance, or similarity above margin, as target (1 or -1) says', cosineEmbeddingLoss],
] as const) {
  define({ names: name, homes: ['F'], doc, gradFn: 'MeanBackward0' },
    signature({ ...inputs, ...legacy }, ({ input1, input2, target, margin, ...how }, ctx) => formula(ctx, input1, input2, target, margin, reductionOf(how))))
  define({ names: name, homes: ['torch'], doc, gradFn: 'MeanBackward0' },
    signature({ ...inputs, reduction: reductionNumber }, ({ input1, input2, target, margin, reduction: how }, ctx) => formula(ctx, input1, input2, target, margin, how)))
}

const triple = { anchor: floatTensor, positive: floatTensor, negative: floatTensor }
const triplet = { doc: 'How much nearer the negative example is than the positive one, plus margin', gradFn: 'MeanBackward0' }
const tripletArguments = { ...triple, margin: withDefault(number, 1), p: withDefault(number, 2), eps: withDefault(number, 1e-6), swap: withDefault(boolean, false, 'False') }
define({ names: 'triplet_margin_loss', homes: ['F'], ...triplet },
  signature({ ...tripletArguments, ...legacy }, ({ anchor, positive, negative, margin, p, eps, swap, ...how }, ctx) => {
    requireOneRank(ctx, [anchor, positive, negative])
    return tripletLoss(ctx, anchor, positive, negative, normDistance(ctx, p, eps), { margin, swap, reduction: reductionOf(how) })
  }))
define({ names: 'triplet_margin_loss', homes: ['torch'], ...triplet },
  signature({ ...tripletArguments, reduction: reductionNumber }, ({ anchor, positive, negative, margin, p, eps, swap, reduction: how }, ctx) => {
    requireOneRank(ctx, [anchor, positive, negative])
    return tripletLoss(ctx, anchor, positive, negative, normDistance(ctx, p, eps), { margin, swap, reduction: how })
  }))

function callable(value: Dynamic): Callable | undefined {
  return !(value instanceof Tensor) && value.kind === 'function' ? value : undefined
}

const functionKind: Kind<Callable> = {
  type: 'function',
  fits: (value) => callable(value) !== undefined,
  convert: (value, ctx, what) => callable(value) ?? fail(ctx, 'bad_argument', `${what}: a function of two tensors expected, got ${describe(value)}`),
}

/** A function of the program, or of torch, as a distance. */
function distanceBy(ctx: TraceContext, given: Callable): Distance {
  return (a, b) => {
    const result = given.call({ positional: [a, b].map((x) => new Tensor(x, null, true)), named: new Map() })
    return result instanceof Tensor ? result.value : fail(ctx, 'bad_argument', `triplet_margin_with_distance_loss(): distance_function must give a tensor, got ${describe(result)}`)
  }
}

define({ names: 'triplet_margin_with_distance_loss', homes: ['F'], doc: 'triplet_margin_loss with a distance of its own', gradFn: 'MeanBackward0' },
  signature({ ...triple, distance_function: optional(functionKind), margin: withDefault(number, 1), swap: withDefault(boolean, false, 'False'), reduction }, ({ anchor, positive, negative, distance_function, margin, swap, reduction: how }, ctx) =>
    tripletLoss(ctx, anchor, positive, negative, distance_function ? distanceBy(ctx, distance_function) : normDistance(ctx, 2, 1e-6), { margin, swap, reduction: how })))
