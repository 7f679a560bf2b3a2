/** Largest and smallest elements along axes. */
import { invariant } from '../errors.ts'
import type { ReduceOp, Value } from '../ir/value.ts'
import { listAttr, register, reject } from './define.ts'
import { cast, div, eq, mul } from './elementwise.ts'
import { expand, keepAxes, sum, withoutAxes } from './view.ts'

type Extremum = 'amax' | 'amin'

function extremum(name: Extremum): ReduceOp {
  return register({
    kind: 'reduce',
    name,
    infer: ([x], attrs) => {
      const axes = listAttr(attrs, 'axes')
      invariant(x!.dtype !== 'bool', `${name} takes numbers`)
      if (axes.some((axis) => x!.shape[axis] === 0)) {
        reject('bad_argument', `${name}: a dimension of size 0 has no largest or smallest element`, x!.graph)
      }
      return { shape: withoutAxes(x!.shape, axes), dtype: x!.dtype }
    },
    identity: (dtype) => identities[name][dtype === 'int32' || dtype === 'int64' ? dtype : 'float'],
    combine: (s, a, b) => (name === 'amax' ? s.max(a, b) : s.min(a, b)),
    grad: (g, [x], y) => [shareTies(g, x!, y)],
  })
}

/** What leaves every element as it is. The ends of int64 are rounded to float64 here and clamped where they are used. */
const identities = {
  amax: { float: -Infinity, int32: -(2 ** 31), int64: -(2 ** 63) },
  amin: { float: Infinity, int32: 2 ** 31 - 1, int64: 2 ** 63 },
} as const

/** Elements that equal the extremum share its gradient evenly, as in PyTorch's amax: a NaN, which nothing equals, makes it 0 / 0. */
function shareTies(g: Value, x: Value, y: Value): Value {
  const axes = listAttr(y.attrs, 'axes')
  const isExtremum = cast(eq(x, expand(keepAxes(y, x.shape, axes), x.shape)), g.dtype)
  const share = div(g, sum(isExtremum, axes))
  return mul(isExtremum, expand(keepAxes(share, x.shape, axes), x.shape))
}

export const amaxOp = extremum('amax')
export const aminOp = extremum('amin')

/** Largest element over `axes`; NaN if there is one. */
export function amax(x: Value, axes: readonly number[]): Value {
  return reduced(amaxOp, x, axes)
}

/** Smallest element over `axes`; NaN if there is one. */
export function amin(x: Value, axes: readonly number[]): Value {
  return reduced(aminOp, x, axes)
}

/** Bools are masks, which have no order: they are compared as numbers. */
function reduced(op: ReduceOp, x: Value, axes: readonly number[]): Value {
  if (axes.length === 0) return x
  if (x.dtype === 'bool') return cast(reduced(op, cast(x, 'int64'), axes), 'bool')
  return x.graph.add(op, [x], { axes })
}
