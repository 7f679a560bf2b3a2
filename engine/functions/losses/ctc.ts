/** Connectionist temporal classification (Graves et al. 2006): the likelihood of a label sequence of unknown alignment. */
import { showShape } from '../../errors.ts'
import type { Value } from '../../ir/value.ts'
import { numel } from '../../ir/value.ts'
import type { Dynamic, TraceContext } from '../../lang/values.ts'
import { Tensor, fail } from '../../lang/values.ts'
import { pathSums } from '../../ops/alignment.ts'
import { listAttr, numberAttr } from '../../ops/define.ts'
import * as ew from '../../ops/elementwise.ts'
import { castOp } from '../../ops/identity.ts'
import { checkIndex, gather } from '../../ops/indexing.ts'
import { constant, constantOp, iota, literal, literalOp } from '../../ops/source.ts'
import { concat, expand, expandOp, reshape, reshapeOp, slice, sum } from '../../ops/view.ts'
import { family, signature } from '../define.ts'
import type { Kind } from '../parameters.ts'
import { boolean, floatTensor, integer, integers, tensor, withDefault } from '../parameters.ts'
import { logSumExp } from '../reductions.ts'
import { cumsum } from '../scans.ts'
import type { Reduction } from './reduce.ts'
import { reduceLoss, reduction, reductionNumber } from './reduce.ts'

const { define } = family('losses')

/** Lengths of the samples: `known` where the program spells them out. */
interface Lengths {
  readonly known: readonly number[] | undefined
  /** int32 [N], checked. */
  readonly value: Value
}

const lengthsKind: Kind<readonly number[] | Value> = {
  type: 'Tensor | tuple of ints',
  fits: (value) => tensor.fits(value) || integers.fits(value),
  convert: (value: Dynamic, ctx, what) => (value instanceof Tensor ? value.value : integers.convert(value, ctx, what)),
}

/** The numbers of a tensor that the program spells out. */
function spelledOut(value: Value): readonly number[] | undefined {
  if (value.op === literalOp) return listAttr(value.attrs, 'values')
  if (value.op === constantOp) return [numberAttr(value.attrs, 'value')]
  if (value.op !== castOp && value.op !== reshapeOp && value.op !== expandOp) return undefined
  const numbers = spelledOut(value.inputs[0]!)
  const count = numel(value.shape)
  if (numbers === undefined || numbers.length === count) return numbers
  return numbers.length === 1 ? Array<number>(count).fill(numbers[0]!) : undefined
}

function readLengths(ctx: TraceContext, what: string, given: readonly number[] | Value, samples: number, most: number): Lengths {
  const isTensor = 'op' in given
  const shape = isTensor ? given.shape : [given.length]
  if (numel(shape) !== samples || shape.length > 1) fail(ctx, 'shape_mismatch', `ctc_loss(): ${what}: ${samples} numbers expected (one for each sample), got shape ${showShape(shape)}`)
  const known = isTensor ? spelledOut(given) : given
  const wrong = known?.find((n) => n < 0 || n > most)
  if (wrong !== undefined) fail(ctx, 'bad_argument', `ctc_loss(): ${what}: numbers from 0 to ${most} expected, got ${wrong}`)
  if (known) return { known, value: literal(ctx.graph, known, [samples], 'int32') }
  return { known, value: checkIndex(reshape(given as Value, [samples]), most + 1, what.replace('_', ' ')) }
}

interface Labels {
  /** int32 [N, S], checked; what lies beyond a sample's length is the blank. */
  readonly index: Value
  readonly lengths: Lengths
}

/** Targets [N, S] as they are; [sum of lengths], one sample after the other, as [N, S]. */
function readLabels(ctx: TraceContext, targets: Value, given: readonly number[] | Value, samples: number, classes: number, blank: number): Labels {
  const joined = targets.shape.length === 1
  if (targets.shape.length > 2 || (!joined && targets.shape[0] !== samples)) {
    fail(ctx, 'shape_mismatch', `ctc_loss(): targets of shape (${samples}, S) or (sum of the lengths) expected, got ${showShape(targets.shape)}`)
  }
  const lengths = readLengths(ctx, 'target_lengths', given, samples, targets.shape.at(-1)!)
  const padded = joined ? apart(ctx, targets, lengths) : targets
  const size = lengths.known ? Math.max(...lengths.known) : padded.shape[1]!
  const labels = slice(padded, 1, 0, size)
  const shape = [samples, size]
  const inside = size === 0 || lengths.known?.every((n) => n === size) === true ? labels : ew.where(ew.lt(along(ctx, shape), across(lengths.value, shape)), labels, ew.fullLike(labels, blank))
  return { index: checkIndex(inside, classes, 'label'), lengths }
}

/** Samples that lie one after the other, as rows. */
function apart(ctx: TraceContext, targets: Value, { known, value }: Lengths): Value {
  if (!known) return apartAtRun(ctx, targets, value)
  const total = known.reduce((a, b) => a + b, 0)
  if (total !== targets.shape[0]) fail(ctx, 'shape_mismatch', `ctc_loss(): target_lengths sum up to ${total}, targets have shape ${showShape(targets.shape)}`)
  const size = Math.max(...known)
  if (size === 0) return reshape(targets, [known.length, 0])
  const starts = known.map((_, i) => known.slice(0, i).reduce((a, b) => a + b, 0))
  const places = starts.flatMap((start) => Array.from({ length: size }, (_, j) => Math.min(start + j, total - 1)))
  return reshape(gather(targets, literal(ctx.graph, places, [places.length], 'int32'), 0), [known.length, size])
}

/** The same for lengths that are known when the program runs: each row has room for all labels. */
function apartAtRun(ctx: TraceContext, targets: Value, lengths: Value): Value {
  const [samples, size] = [lengths.shape[0]!, targets.shape[0]!]
  const shape = [samples, size]
  const start = across(ew.sub(cumsum(lengths, 0), lengths), shape)
  const place = ew.where(ew.lt(along(ctx, shape), across(lengths, shape)), ew.add(start, along(ctx, shape)), ew.fullLike(start, 0))
  return reshape(gather(targets, checkIndex(reshape(place, [samples * size]), size, 'sum of the target lengths'), 0), shape)
}

/** 0, 1, … along the rows of a matrix. */
function along(ctx: TraceContext, shape: readonly number[]): Value {
  return expand(reshape(iota(ctx.graph, shape[1]!), [1, shape[1]!]), shape)
}

/** One number for each row of a matrix. */
function across(x: Value, shape: readonly number[]): Value {
  return expand(reshape(x, [shape[0]!, 1]), shape)
}

/** Labels with blanks between and around them: [N, 2 S + 1]. */
function withBlanks(ctx: TraceContext, index: Value, blank: number): Value {
  const [samples, size] = index.shape as [number, number]
  const blanks = (shape: readonly number[]): Value => expand(constant(ctx.graph, blank, 'int32'), shape)
  if (size === 0) return blanks([samples, 1])
  const pairs = concat([blanks([samples, size, 1]), reshape(index, [samples, size, 1])], 2)
  return concat([reshape(pairs, [samples, 2 * size]), blanks([samples, 1])], 1)
}

/** The forward variables after each sample's last step: [N, 2 S + 1]. */
function lastAlphas(ctx: TraceContext, logProbs: Value, labels: Value, lengths: Lengths): Value {
  const [times, samples] = logProbs.shape as [number, number]
  const shape = labels.shape
  const states = shape[1]!
  const emissions = gather(logProbs, expand(reshape(labels, [1, ...shape]), [times, ...shape]), 2)
  // A label can follow the one before at once unless the two are equal; two states before a blank is a blank.
  const edge = expand(constant(ctx.graph, -1, 'int32'), [samples, 2])
  const mayskip = ew.ne(labels, slice(concat([edge, labels], 1), 1, 0, states))
  const [zero, never] = [0, -Infinity].map((x) => expand(constant(ctx.graph, x, logProbs.dtype), shape)) as [Value, Value]
  const alphas = pathSums(emissions, ew.where(mayskip, zero, never))
  const last = checkIndex(ew.maximum(ew.sub(lengths.value, 1), ew.fullLike(lengths.value, 0)), times, 'input lengths')
  return reshape(gather(alphas, expand(reshape(last, [1, samples, 1]), [1, ...shape]), 0), shape)
}

interface CtcOptions {
  readonly blank: number
  readonly reduction: Reduction
  readonly zeroInfinity: boolean
}

/**
 * log_probs (T, N, C) or (T, C). PyTorch's gradient adds e^log_probs to that of the formula, which the gradient of
 * log_softmax takes away again.
 */
function ctcLoss(ctx: TraceContext, logProbs: Value, targets: Value, inputLengths: readonly number[] | Value, targetLengths: readonly number[] | Value, options: CtcOptions): Value {
  const { blank, reduction: how, zeroInfinity } = options
  const batched = logProbs.shape.length === 3
  if (!batched && logProbs.shape.length !== 2) fail(ctx, 'shape_mismatch', `ctc_loss(): log_probs of shape (T, N, C) or (T, C) expected, got ${showShape(logProbs.shape)}`)
  const x = batched ? logProbs : reshape(logProbs, logProbs.shape.toSpliced(1, 0, 1))
  const [times, samples, classes] = x.shape as [number, number, number]
  if (numel(x.shape) === 0) fail(ctx, 'shape_mismatch', `ctc_loss(): log_probs must not be empty, got shape ${showShape(logProbs.shape)}`)
  if (blank < 0 || blank >= classes) fail(ctx, 'bad_argument', `ctc_loss(): blank must be one of the ${classes} classes, got ${blank}`)
  const lengths = readLengths(ctx, 'input_lengths', inputLengths, samples, times)
  const { index, lengths: sizes } = readLabels(ctx, targets, targetLengths, samples, classes, blank)
  const labels = withBlanks(ctx, index, blank)
  const alpha = lastAlphas(ctx, x, labels, lengths)

  // An alignment ends with the last label or the blank behind it.
  const { shape } = alpha
  const end = ew.mul(across(sizes.value, shape), 2)
  const state = along(ctx, shape)
  const isLast = ew.logicalOr(ew.eq(state, end), ew.eq(state, ew.sub(end, 1)))
  const ends = ew.where(isLast, alpha, ew.fullLike(alpha, -Infinity))
  const impossible = ew.eq(sum(ew.cast(ew.gt(ends, -Infinity), 'int32'), [1]), 0)
  const safe = zeroInfinity ? ew.where(across(impossible, shape), ew.fullLike(ends, 0), ends) : ends
  const alone = ew.neg(logSumExp(safe, [1]))
  const zero = ew.fullLike(alone, 0)
  const nothingIsLeft = ew.where(ew.eq(sizes.value, 0), zero, ew.fullLike(alone, Infinity))
  const needsSteps = lengths.known?.every((n) => n > 0) === true
  const likelihood = needsSteps ? alone : ew.where(ew.gt(lengths.value, 0), alone, nothingIsLeft)
  const within = ew.lt(expand(reshape(iota(ctx.graph, times), [times, 1, 1]), x.shape), expand(reshape(lengths.value, [1, samples, 1]), x.shape))
  const probabilities = sum(ew.where(within, ew.exp(x), ew.fullLike(x, 0)), [0, 2])
  const losses = ew.surrogate(likelihood, ew.add(likelihood, probabilities))
  const finite = zeroInfinity ? ew.where(ew.logicalOr(impossible, ew.eq(losses, Infinity)), zero, losses) : losses
  if (how !== 'mean') return reduceLoss(batched ? finite : reshape(finite, []), how)
  return reduceLoss(ew.div(finite, ew.cast(ew.maximum(sizes.value, ew.fullLike(sizes.value, 1)), finite.dtype)), 'mean')
}

// ---- torch's functions

const ctcArguments = { log_probs: floatTensor, targets: tensor, input_lengths: lengthsKind, target_lengths: lengthsKind, blank: withDefault(integer, 0) }
const zeroInfinity = withDefault(boolean, false, 'False')

for (const [home, how] of [['F', reduction], ['torch', reductionNumber]] as const) {
  define({ names: 'ctc_loss', homes: [home], doc: 'Likelihood of label sequences of unknown alignment', gradFn: 'MeanBackward0' },
    signature({ ...ctcArguments, reduction: how, zero_infinity: zeroInfinity }, ({ log_probs, targets, input_lengths, target_lengths, blank, reduction: chosen, zero_infinity }, ctx) =>
      ctcLoss(ctx, log_probs, targets, input_lengths, target_lengths, { blank, reduction: chosen, zeroInfinity: zero_infinity })))
}
