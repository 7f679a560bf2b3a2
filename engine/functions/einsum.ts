/** torch.einsum: sums of products written with letters for the axes. */
import { showShape } from '../errors.ts'
import type { Value } from '../ir/value.ts'
import type { Dynamic, TraceContext } from '../lang/values.ts'
import { Tensor, describe, fail, itemsOf } from '../lang/values.ts'
import type { Labelled } from './contraction.ts'
import { contract } from './contraction.ts'
import { family, signature } from './define.ts'
import type { Kind } from './parameters.ts'

const { define } = family('products')

/** A letter's code, or the dots that stand for the axes without a letter. */
type Subscript = number | '...'

interface Equation {
  readonly operands: readonly (readonly Subscript[])[]
  readonly output: readonly Subscript[] | undefined
}

/** One operand's subscripts or the result's. */
function parseSubscripts(ctx: TraceContext, text: string): Subscript[] {
  const found: Subscript[] = []
  for (let at = 0; at < text.length; at++) {
    if (/[a-zA-Z]/.test(text[at]!)) {
      found.push(text.charCodeAt(at))
    } else if (text.startsWith('...', at)) {
      found.push('...')
      at += 2
    } else {
      fail(ctx, 'bad_argument', `einsum(): "${text[at]}" in the equation is neither a letter nor "..."`)
    }
  }
  return found
}

function parseEquation(ctx: TraceContext, equation: string): Equation {
  const [left, right, ...more] = equation.replaceAll(' ', '').split('->')
  if (more.length > 0) fail(ctx, 'bad_argument', `einsum(): the equation "${equation}" has more than one "->"`)
  return {
    operands: left!.split(',').map((text) => parseSubscripts(ctx, text)),
    output: right === undefined ? undefined : parseSubscripts(ctx, right),
  }
}

/** Subscripts as a list of numbers from 0 to 51 (A to Z, a to z) and `...`. */
function readSubscripts(ctx: TraceContext, list: Dynamic): Subscript[] {
  const items = itemsOf(list)
  if (!items) return fail(ctx, 'bad_argument', `einsum(): a list of subscripts expected after a tensor, got ${describe(list)}`)
  return items.map((item) => {
    if (!(item instanceof Tensor) && item.kind === 'ellipsis') return '...'
    if (!(item instanceof Tensor) && item.kind === 'number' && item.whole && item.value >= 0 && item.value < 52) return item.value + (item.value < 26 ? 65 : 71)
    return fail(ctx, 'bad_argument', `einsum(): a subscript is a number from 0 to 51 or ..., got ${describe(item)}`)
  })
}

/** Names for the axes of an operand. Those behind the dots count -1, -2, … from the last one. */
function nameAxes(ctx: TraceContext, value: Value, subscripts: readonly Subscript[]): Labelled {
  const dots = subscripts.filter((subscript) => subscript === '...').length
  const letters = subscripts.length - dots
  const hidden = value.shape.length - letters
  if (dots > 1) fail(ctx, 'bad_argument', 'einsum(): "..." may stand once in each operand')
  if (hidden < 0 || (dots === 0 && hidden > 0)) {
    fail(ctx, 'shape_mismatch', `einsum(): ${letters} subscripts for a tensor of ${value.shape.length} dimensions, shape ${showShape(value.shape)}`)
  }
  return { value, labels: subscripts.flatMap((subscript) => (subscript === '...' ? Array.from({ length: hidden }, (_, i) => i - hidden) : [subscript])) }
}

/** The result's axes: as written, or the axes behind the dots and, in alphabetical order, the letters that are there once. */
function nameOutput(ctx: TraceContext, operands: readonly Labelled[], output: readonly Subscript[] | undefined): number[] {
  const all = operands.flatMap(({ labels }) => labels)
  const hidden = [...new Set(all.filter((label) => label < 0))].toSorted((a, b) => a - b)
  if (output === undefined) return [...hidden, ...all.filter((label) => label > 0 && all.indexOf(label) === all.lastIndexOf(label)).toSorted((a, b) => a - b)]
  for (const [at, subscript] of output.entries()) {
    const shown = typeof subscript === 'number' ? String.fromCharCode(subscript) : subscript
    if (output.indexOf(subscript) < at) fail(ctx, 'bad_argument', `einsum(): "${shown}" is twice in the result`)
    if (typeof subscript === 'number' && !all.includes(subscript)) fail(ctx, 'bad_argument', `einsum(): "${shown}" is in the result and in no operand`)
  }
  return output.flatMap((subscript) => (subscript === '...' ? hidden : [subscript]))
}

function einsum(ctx: TraceContext, { operands: subscripts, output }: Equation, values: readonly Value[]): Value {
  if (subscripts.length !== values.length) fail(ctx, 'bad_argument', `einsum(): the equation has ${subscripts.length} operands, got ${values.length} tensors`)
  const operands = values.map((value, i) => nameAxes(ctx, value, subscripts[i]!))
  return contract(ctx, operands, nameOutput(ctx, operands, output), 'einsum()')
}

function tensorOf(ctx: TraceContext, value: Dynamic): Value {
  return value instanceof Tensor ? value.value : fail(ctx, 'bad_argument', `einsum(): a tensor expected, got ${describe(value)}`)
}

const anything: Kind<readonly Dynamic[]> = {
  type: 'str, *Tensor',
  fits: () => true,
  convert: (value) => itemsOf(value) ?? [value],
  variadic: true,
}

define({ names: 'einsum', homes: ['torch'], doc: 'Sums of products: einsum("bij,bjk->bik", a, b)', gradFn: 'ViewBackward0' },
  signature({ args: anything }, ({ args }, ctx) => {
    const [first, ...rest] = args
    if (first === undefined || rest.length === 0) return fail(ctx, 'bad_argument', 'einsum() takes an equation and tensors, as in einsum("ij,jk->ik", a, b)')
    if (!(first instanceof Tensor) && first.kind === 'string') {
      const values = rest.length === 1 ? (itemsOf(rest[0]!) ?? rest) : rest
      return einsum(ctx, parseEquation(ctx, first.value), values.map((value) => tensorOf(ctx, value)))
    }
    // Tensors and lists of subscripts in turn; a list without a tensor is that of the result.
    const pairs = Math.floor(args.length / 2)
    const lists = Array.from({ length: pairs }, (_, i) => readSubscripts(ctx, args[2 * i + 1]!))
    const output = args.length % 2 === 1 ? readSubscripts(ctx, args.at(-1)!) : undefined
    return einsum(ctx, { operands: lists, output }, lists.map((_, i) => tensorOf(ctx, args[2 * i]!)))
  }))
