/** Places in sorted sequences, and membership, by comparing with every element; shifts of whole numbers. */
import { showShape } from '../errors.ts'
import type { Value } from '../ir/value.ts'
import { isFloat, numel, sameShape } from '../ir/value.ts'
import type { TraceContext } from '../lang/values.ts'
import { fail } from '../lang/values.ts'
import * as ew from '../ops/elementwise.ts'
import { checkIndex, gather } from '../ops/indexing.ts'
import { expand, reshape, sum } from '../ops/view.ts'
import { family, signature } from './define.ts'
import { floorDivide } from './elementwise.ts'
import type { TensorOrNumber } from './parameters.ts'
import { boolean, oneOf, operand, optional, tensor, withDefault } from './parameters.ts'
import { asTensor, broadcast, resultType } from './promote.ts'

const { define, refuse } = family('sorting')

/** How many of the elements along the last axis of `sequence` lie before each of `values`. */
function placesIn(ctx: TraceContext, sequence: Value, values: TensorOrNumber, right: boolean): Value {
  const dtype = resultType(ctx, [sequence, values])
  const wanted = asTensor(ctx, values, dtype)
  const size = sequence.shape.at(-1) ?? 0
  const shape = [...wanted.shape, size]
  const lead = sequence.shape.slice(0, -1)
  const rows = sequence.shape.length === 1 ? Array<number>(wanted.shape.length).fill(1) : [...lead, 1]
  const against = expand(reshape(ew.cast(sequence, dtype), [...rows, size]), shape)
  const sought = expand(reshape(wanted, [...wanted.shape, 1]), shape)
  // NaN comes last, behind every number.
  const before = right ? ew.le(against, sought) : ew.lt(against, sought)
  const counted = isFloat(dtype) ? ew.logicalOr(before, ew.ne(sought, sought)) : before
  return sum(ew.cast(counted, 'int64'), [wanted.shape.length])
}

function requireSide(ctx: TraceContext, right: boolean, side: 'left' | 'right' | undefined): boolean {
  if (right && side === 'left') fail(ctx, 'bad_argument', "searchsorted(): side='left' and right=True do not go together")
  return right || side === 'right'
}

const out32 = withDefault(boolean, false, 'False')

define({ names: 'searchsorted', homes: ['torch'], doc: 'Where values would be put into sorted_sequence, along its last dimension' },
  signature({ sorted_sequence: tensor, input: operand, out_int32: out32, right: withDefault(boolean, false, 'False'), side: optional(oneOf('left', 'right')), sorter: optional(tensor) },
    ({ sorted_sequence: sequence, input: values, right, side, sorter }, ctx) => {
      const rank = sequence.shape.length
      if (rank === 0) fail(ctx, 'shape_mismatch', 'searchsorted(): sorted_sequence must have at least one dimension')
      const lead = 'kind' in values ? [] : values.shape.slice(0, -1)
      if (rank > 1 && String(lead) !== String(sequence.shape.slice(0, -1))) {
        fail(ctx, 'shape_mismatch', `searchsorted(): values must have the leading dimensions of sorted_sequence ${showShape(sequence.shape)}, got ${'kind' in values ? 'a number' : showShape(values.shape)}`)
      }
      if (sorter && !sameShape(sorter.shape, sequence.shape)) fail(ctx, 'shape_mismatch', `searchsorted(): sorter must have the shape of sorted_sequence ${showShape(sequence.shape)}, got ${showShape(sorter.shape)}`)
      return placesIn(ctx, sorter ? gather(sequence, checkIndex(sorter, sequence.shape[rank - 1]!, 'index'), rank - 1) : sequence, values, requireSide(ctx, right, side))
    }))

define({ names: 'bucketize', homes: ['torch'], doc: 'The bucket between boundaries that each element of input lies in' },
  signature({ input: operand, boundaries: tensor, out_int32: out32, right: withDefault(boolean, false, 'False') }, ({ input, boundaries, right }, ctx) => {
    if (boundaries.shape.length !== 1) fail(ctx, 'shape_mismatch', `bucketize(): boundaries must be a vector, got shape ${showShape(boundaries.shape)}`)
    return placesIn(ctx, boundaries, input, right)
  }))

define({ names: 'isin', homes: ['torch'], doc: 'Whether elements are among test_elements' },
  signature({ elements: operand, test_elements: operand, assume_unique: withDefault(boolean, false, 'False'), invert: withDefault(boolean, false, 'False') }, ({ elements, test_elements, invert }, ctx) => {
    const dtype = resultType(ctx, [elements, test_elements])
    const [x, tests] = [asTensor(ctx, elements, dtype), asTensor(ctx, test_elements, dtype)]
    const count = numel(tests.shape)
    const shape = [...x.shape, count]
    const same = ew.eq(expand(reshape(x, [...x.shape, 1]), shape), expand(reshape(tests, [...Array<number>(x.shape.length).fill(1), count]), shape))
    const found = sum(ew.cast(same, 'int64'), [x.shape.length])
    return invert ? ew.eq(found, 0) : ew.ne(found, 0)
  }))

// ---- shifts

/** x times, or divided by and rounded down, 2 to the power of `by`, bit by bit of `by`. */
export function shift(ctx: TraceContext, direction: 'left' | 'right', a: TensorOrNumber, b: TensorOrNumber): Value {
  const [x, by] = broadcast(ctx, [a, b]) as [Value, Value]
  if (x.dtype !== 'int64') fail(ctx, 'dtype_mismatch', `bitwise_${direction}_shift(): tensors of whole numbers expected, got ${x.dtype}`)
  let result = x
  for (let bit = 0; bit < 6; bit++) {
    const set = ew.ne(ew.logicalAnd(by, ew.fullLike(by, 2 ** bit)), 0)
    const power: TensorOrNumber = { kind: 'number', value: 2 ** (2 ** bit), whole: true }
    result = ew.where(set, direction === 'left' ? ew.mul(result, power.value) : floorDivide(ctx, result, power), result)
  }
  return result
}

for (const direction of ['left', 'right'] as const) {
  define({ names: `bitwise_${direction}_shift`, homes: ['torch', 'Tensor'], doc: direction === 'left' ? 'input * 2 ** other, of whole numbers' : 'input // 2 ** other, of whole numbers' },
    signature({ input: operand, other: operand }, ({ input, other }, ctx) => shift(ctx, direction, input, other)))
}

refuse(['gcd', 'lcm'], ['torch', 'Tensor'], "Euclid's algorithm takes as many steps as the numbers ask for; math.gcd and math.lcm take numbers that are known while the program is followed", 'not_in_language')
