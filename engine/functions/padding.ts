/** F.pad: constants at the edges, or elements of the input: mirrored, repeated, or from the other end. */
import { showShape } from '../errors.ts'
import type { Value } from '../ir/value.ts'
import type { TraceContext } from '../lang/values.ts'
import { fail } from '../lang/values.ts'
import { concat, expand, slice } from '../ops/view.ts'
import { family, madeBy, signature } from './define.ts'
import { integers, number, oneOf, optional, tensor, withDefault } from './parameters.ts'
import { padAxis } from './spatial.ts'

const { define } = family('images')

export type PadMode = 'constant' | 'reflect' | 'replicate' | 'circular'

const gradFns: Readonly<Record<PadMode, (dims: number) => string>> = {
  constant: () => 'ConstantPadNdBackward0',
  reflect: (dims) => `ReflectionPad${dims}DBackward0`,
  replicate: (dims) => `ReplicationPad${dims}DBackward0`,
  circular: () => 'CopySlices',
}

/** What grad_fn is called after a pad of `dims` dimensions. */
export function padGradFn(mode: PadMode, dims: number): string {
  return gradFns[mode](dims)
}

/** `pads`: before and after, from the last dimension on; negative counts cut. */
export function pad(ctx: TraceContext, x: Value, pads: readonly number[], mode: PadMode, value: number): Value {
  const rank = x.shape.length
  const dims = pads.length / 2
  if (!Number.isInteger(dims) || dims > rank) fail(ctx, 'bad_argument', `pad(): pad: two ints for each of at most ${rank} dimensions expected, got ${pads.length} of them`)
  if (mode !== 'constant' && (dims < 1 || dims > 3 || rank < dims + 1 || rank > dims + 2)) {
    fail(ctx, 'bad_argument', `pad(): mode='${mode}' pads the last 1, 2 or 3 dimensions of an input that has one or two more, got ${pads.length} ints for shape ${showShape(x.shape)}`)
  }
  return Array.from({ length: dims }, (_, i) => i).reduce((y, i) => {
    const axis = rank - 1 - i
    const [before, after] = [pads[2 * i]!, pads[2 * i + 1]!]
    const size = y.shape[axis]!
    if (size + before + after < 0) fail(ctx, 'bad_argument', `pad(): pad: ${before} and ${after} leave less than nothing of the ${size} elements of dimension ${axis}`)
    // What goes around goes around what is left after the cut.
    if (mode === 'circular') return widen(ctx, slice(y, axis, Math.max(0, -before), size + Math.min(0, before) + Math.min(0, after)), axis, Math.max(0, before), Math.max(0, after), mode, value)
    // Elements of the input that the edges are made of are those of the whole input: what is cut is cut afterwards.
    const widened = widen(ctx, y, axis, Math.max(0, before), Math.max(0, after), mode, value)
    return slice(widened, axis, Math.max(0, -before), size + before + after)
  }, x)
}

function widen(ctx: TraceContext, x: Value, axis: number, before: number, after: number, mode: PadMode, value: number): Value {
  const size = x.shape[axis]!
  if (mode === 'constant' || (before === 0 && after === 0)) return padAxis(x, axis, before, after, value)
  const most = { reflect: size - 1, replicate: size === 0 ? 0 : Infinity, circular: size }[mode]
  const wrong = [before, after].find((count) => count > most)
  if (wrong !== undefined) fail(ctx, 'bad_argument', `pad(): mode='${mode}' takes at most ${Math.max(0, most)} elements of dimension ${axis}, whose size is ${size}; got ${wrong}`)
  const part = (start: number, count: number, step: 1 | -1): Value[] => (count > 0 ? [slice(x, axis, start, count, step)] : [])
  const repeated = (at: number, count: number): Value[] => (count > 0 ? [expand(slice(x, axis, at, 1), x.shape.with(axis, count))] : [])
  if (mode === 'reflect') return concat([...part(before, before, -1), x, ...part(size - 2, after, -1)], axis)
  if (mode === 'replicate') return concat([...repeated(0, before), x, ...repeated(size - 1, after)], axis)
  return concat([...part(size - before, before, 1), x, ...part(0, after, 1)], axis)
}

define({ names: 'pad', homes: ['F'], doc: 'Elements added at the ends of the last dimensions: a constant, or mirrored, repeated or wrapped around' },
  signature({ input: tensor, pad: integers, mode: withDefault(oneOf('constant', 'reflect', 'replicate', 'circular'), 'constant', "'constant'"), value: optional(number) }, ({ input, pad: pads, mode, value }, ctx) => {
    if (value !== undefined && value !== 0 && mode !== 'constant') fail(ctx, 'bad_argument', `pad(): mode='${mode}' takes no value, got ${value}`)
    return madeBy(padGradFn(mode, pads.length / 2), pad(ctx, input, pads, mode, value ?? 0))
  }))
