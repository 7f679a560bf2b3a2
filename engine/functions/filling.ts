/** Methods that give a tensor other numbers and keep its shape and dtype: `x.fill_(1)`. What they give is put in its place by lang/memory.ts. */
import { showShape } from '../errors.ts'
import { isFloat } from '../ir/value.ts'
import type { Value } from '../ir/value.ts'
import { fail } from '../lang/values.ts'
import * as ew from '../ops/elementwise.ts'
import { constant, literal } from '../ops/source.ts'
import { expand, reshape } from '../ops/view.ts'
import { family, signature } from './define.ts'
import { boolean, floatTensor, integer, number, operand, optional, tensor, withDefault } from './parameters.ts'
import { asTensor, isTensor } from './promote.ts'
import { bernoulli, exponential, floatDType, normal, randint, requireProbability, uniform } from './random.ts'

const { define } = family('changes in place')

function filled(input: Value, value: Value): Value {
  return expand(ew.cast(value, input.dtype), input.shape)
}

define({ names: 'zero_', homes: ['Tensor'], doc: 'Puts 0 everywhere', gradFn: 'ZeroBackward0' }, signature({ input: tensor }, ({ input }) => filled(input, constant(input.graph, 0, input.dtype))))
define({ names: 'fill_', homes: ['Tensor'], doc: 'Puts a number everywhere', gradFn: 'FillBackward0' },
  signature({ input: tensor, value: operand }, ({ input, value }, ctx) => {
    if (isTensor(value) && value.shape.length > 0) fail(ctx, 'shape_mismatch', `fill_(): value: a number or a 0-d tensor expected, got shape ${showShape(value.shape)}`)
    return filled(input, asTensor(ctx, value, input.dtype))
  }))
define({ names: 'copy_', homes: ['Tensor'], doc: 'Puts the numbers of another tensor in place, which are broadcast and converted', gradFn: 'CopyBackwards' },
  signature({ input: tensor, src: tensor, non_blocking: withDefault(boolean, false, 'False') }, ({ input, src }, ctx) => copied(input, src, (message) => fail(ctx, 'shape_mismatch', `copy_(): ${message}`))))
define({ names: 'fill_diagonal_', homes: ['Tensor'], doc: 'Puts a number on the diagonal', gradFn: 'FillDiagonalBackward0' },
  signature({ input: tensor, fill_value: number, wrap: withDefault(boolean, false, 'False') }, ({ input, fill_value, wrap }, ctx) => {
    const { shape } = input
    const same = shape.every((n) => n === shape[0])
    if (shape.length < 2 || (shape.length > 2 && !same)) fail(ctx, 'shape_mismatch', `fill_diagonal_(): a matrix, or a tensor whose sizes are equal, expected, got shape ${showShape(shape)}`)
    if (wrap && shape.length === 2 && shape[0]! > shape[1]!) fail(ctx, 'bad_argument', 'fill_diagonal_(): wrap is not supported here; use x[i, j] = value')
    const [side, strides] = [Math.min(...shape), shape.map((_, i) => shape.slice(i + 1).reduce((a, b) => a * b, 1))]
    const on = new Set(Array.from({ length: side }, (_, i) => strides.reduce((at, stride) => at + stride * i, 0)))
    const mask = literal(input.graph, Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Number(on.has(i))), shape, 'int64')
    return ew.where(ew.cast(mask, 'bool'), ew.fullLike(input, fill_value), input)
  }))

/** `src` in the shape and dtype of `input`; dimensions of size 1 in front are dropped. */
export function copied(input: Value, src: Value, mismatch: (message: string) => never): Value {
  const surplus = Math.max(0, src.shape.length - input.shape.length)
  const shape = src.shape.slice(0, surplus).every((n) => n === 1) ? src.shape.slice(surplus) : src.shape
  const offset = input.shape.length - shape.length
  if (offset < 0 || shape.some((n, i) => n !== 1 && n !== input.shape[offset + i])) mismatch(`shape ${showShape(src.shape)} cannot be broadcast to ${showShape(input.shape)}`)
  return expand(ew.cast(reshape(src, shape), input.dtype), input.shape)
}

// ---- draws

define({ names: 'normal_', homes: ['Tensor'], doc: 'Puts numbers from the normal distribution in place' },
  signature({ input: floatTensor, mean: withDefault(number, 0), std: withDefault(number, 1) }, ({ input, mean, std }, ctx) => normal(ctx, input.shape, floatDType(ctx, 'normal_', input.dtype), mean, std)))
define({ names: 'uniform_', homes: ['Tensor'], doc: 'Puts uniform numbers in [from, to) in place' },
  signature({ input: floatTensor, from: withDefault(number, 0), to: withDefault(number, 1) }, ({ input, from, to }, ctx) => uniform(ctx, input.shape, floatDType(ctx, 'uniform_', input.dtype), from, to)))
define({ names: 'exponential_', homes: ['Tensor'], doc: 'Puts numbers from the exponential distribution in place' },
  signature({ input: floatTensor, lambd: withDefault(number, 1) }, ({ input, lambd }, ctx) => {
    const drawn = exponential(ctx, input.shape, floatDType(ctx, 'exponential_', input.dtype))
    return lambd === 1 ? drawn : ew.div(drawn, lambd)
  }))
define({ names: 'bernoulli_', homes: ['Tensor'], doc: '1 with probability p, else 0' },
  signature({ input: tensor, p: withDefault(number, 0.5) }, ({ input, p }, ctx) => ew.cast(bernoulli(ctx, input.shape, input.dtype, requireProbability(ctx, 'bernoulli_', p)), input.dtype)))
define({ names: 'random_', homes: ['Tensor'], doc: 'Whole numbers in [from, to) in place' },
  signature({ input: tensor, to: integer }, ({ input, to }, ctx) => ew.cast(randint(ctx, input.shape, 0, to, isFloat(input.dtype) ? 'int64' : input.dtype), input.dtype)),
  signature({ input: tensor, from: integer, to: optional(integer) }, ({ input, from, to }, ctx) => {
    if (to === undefined) return fail(ctx, 'bad_argument', 'random_(): give the range, as in random_(0, 10)')
    return ew.cast(randint(ctx, input.shape, from, to, isFloat(input.dtype) ? 'int64' : input.dtype), input.dtype)
  }))
