/** Contractions of two or three tensors over dimensions that are named by their numbers. */
import { showShape } from '../errors.ts'
import type { Value } from '../ir/value.ts'
import type { Dynamic, TraceContext } from '../lang/values.ts'
import { fail, itemsOf } from '../lang/values.ts'
import { contract } from './contraction.ts'
import type { Home } from './define.ts'
import { family, signature } from './define.ts'
import { add, mul } from './elementwise.ts'
import type { Kind } from './parameters.ts'
import { integer, integers, optional, resolveDim, tensor, withDefault } from './parameters.ts'

const { define } = family('products')

const everywhere: readonly Home[] = ['torch', 'Tensor']

type Dims = number | readonly [readonly number[], readonly number[]]

/** How many dimensions are summed, or which ones of both sides. */
const contracted: Kind<Dims> = {
  type: 'int | two tuples of ints',
  fits: (value) => integer.fits(value) || twoLists(value) !== undefined,
  convert: (value, ctx, what) => {
    const lists = twoLists(value)
    return lists ? [integers.convert(lists[0], ctx, what), integers.convert(lists[1], ctx, what)] : integer.convert(value, ctx, what)
  },
}

function twoLists(value: Dynamic): readonly [Dynamic, Dynamic] | undefined {
  const items = itemsOf(value)
  return items?.length === 2 && items.every((item) => integers.fits(item)) ? [items[0]!, items[1]!] : undefined
}

function tensordot(ctx: TraceContext, a: Value, b: Value, dims: Dims): Value {
  const [left, right] = typeof dims === 'number' ? lastAndFirst(ctx, a, b, dims) : dims
  if (left.length !== right.length) fail(ctx, 'bad_argument', `tensordot(): dims name ${left.length} and ${right.length} dimensions`)
  const from = left.map((dim) => resolveDim(ctx, dim, a.shape.length, 'dims'))
  const to = right.map((dim) => resolveDim(ctx, dim, b.shape.length, 'dims'))
  if (new Set(from).size !== from.length || new Set(to).size !== to.length) fail(ctx, 'bad_argument', 'tensordot(): dims name a dimension twice')
  const first = [...a.shape.keys()]
  const second = [...b.shape.keys()].map((axis) => (to.includes(axis) ? from[to.indexOf(axis)]! : a.shape.length + axis))
  const output = [...first.filter((label) => !from.includes(label)), ...second.filter((label) => label >= a.shape.length)]
  return contract(ctx, [{ value: a, labels: first }, { value: b, labels: second }], output, 'tensordot()')
}

function lastAndFirst(ctx: TraceContext, a: Value, b: Value, count: number): readonly [number[], number[]] {
  const most = Math.min(a.shape.length, b.shape.length)
  if (count < 0 || count > most) fail(ctx, 'bad_argument', `tensordot(): dims: a number from 0 to ${most} expected, got ${count}; the shapes are ${showShape(a.shape)} and ${showShape(b.shape)}`)
  const numbers = [...Array(count).keys()]
  return [numbers.map((i) => a.shape.length - count + i), numbers]
}

define({ names: 'tensordot', homes: ['torch'], doc: 'Sums products over the last dims of a and the first of b, or over given dimensions', gradFn: 'ReshapeAliasBackward0' },
  signature({ a: tensor, b: tensor, dims: withDefault(contracted, 2) }, ({ a, b, dims }, ctx) => tensordot(ctx, a, b, dims)))

define({ names: 'inner', homes: everywhere, doc: 'Sums of products over the last dimensions', gradFn: 'ReshapeAliasBackward0' },
  signature({ input: tensor, other: tensor }, ({ input, other }, ctx) => {
    if (input.shape.length === 0 || other.shape.length === 0) return mul(ctx, input, other)
    if (input.shape.at(-1) !== other.shape.at(-1)) fail(ctx, 'shape_mismatch', `inner(): the last dimensions must agree, got shapes ${showShape(input.shape)} and ${showShape(other.shape)}`)
    return tensordot(ctx, input, other, [[-1], [-1]])
  }))

/** y_o = Σ x1_i W_oij x2_j + b_o over the last dimensions. */
export function bilinear(ctx: TraceContext, x1: Value, x2: Value, weight: Value, bias: Value | undefined): Value {
  const rows = x1.shape.slice(0, -1)
  const fits = weight.shape.length === 3 && x1.shape.length > 0 && x2.shape.length > 0 && weight.shape[1] === x1.shape.at(-1) && weight.shape[2] === x2.shape.at(-1)
  if (!fits || String(rows) !== String(x2.shape.slice(0, -1))) {
    fail(ctx, 'shape_mismatch', `bilinear(): input1 [..., in1], input2 [..., in2] and weight [out, in1, in2] expected, got ${[x1, x2, weight].map(({ shape }) => showShape(shape)).join(', ')}`)
  }
  const [out, in1, in2] = [-1, -2, -3]
  const first = { value: x1, labels: [...rows.keys(), in1] }
  const second = { value: x2, labels: [...rows.keys(), in2] }
  const result = contract(ctx, [first, { value: weight, labels: [out, in1, in2] }, second], [...rows.keys(), out], 'bilinear()')
  return bias ? add(ctx, result, bias) : result
}

define({ names: 'bilinear', homes: ['torch', 'F'], doc: 'input1 @ weight @ input2 for each output, plus bias', gradFn: 'ReshapeAliasBackward0' },
  signature({ input1: tensor, input2: tensor, weight: tensor, bias: optional(tensor) }, ({ input1, input2, weight, bias }, ctx) => bilinear(ctx, input1, input2, weight, bias)))
