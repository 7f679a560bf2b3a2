/** Largest and smallest elements along axes. */
import type { ReduceOp, Value } from '../ir/value.ts'
import { listAttr, register, reject } from './define.ts'
import { cast, div, eq, fullLike, where } from './elementwise.ts'
import { expand, keepAxes, sum, withoutAxes } from './view.ts'

type Extremum = 'amax' | 'amin'

function extremum(name: Extremum): ReduceOp {
  return register({
    kind: 'reduce',
    name,
    infer: ([x], attrs) => {
      const axes = listAttr(attrs, 'axes')
      if (axes.some((axis) => x!.shape[axis] === 0)) {
        reject('bad_argument', `${name}: a dimension of size 0 has no largest or smallest element`, x!.graph)
      }
      return { shape: withoutAxes(x!.shape, axes), dtype: x!.dtype }
    },
    identity: (dtype) => (name === 'amax' ? lowest(dtype) : -lowest(dtype)),
    combine: (s, a, b) => (name === 'amax' ? s.max(a, b) : s.min(a, b)),
    grad: (g, [x], y) => [shareTies(g, x!, y)],
  })
}

function lowest(dtype: string): number {
  if (dtype === 'int32') return -(2 ** 31)
  return dtype === 'int64' ? -(2 ** 63) : -Infinity
}

/** Elements that equal the extremum share its gradient evenly, as in PyTorch's amax. */
function shareTies(g: Value, x: Value, y: Value): Value {
  const axes = listAttr(y.attrs, 'axes')
  const isExtremum = eq(x, expand(keepAxes(y, x.shape, axes), x.shape))
  const ties = sum(cast(isExtremum, g.dtype), axes)
  const share = expand(keepAxes(div(g, ties), x.shape, axes), x.shape)
  return where(isExtremum, share, fullLike(share, 0))
}

export const amaxOp = extremum('amax')
export const aminOp = extremum('amin')

/** Largest element over `axes`; NaN if there is one. */
export function amax(x: Value, axes: readonly number[]): Value {
  return axes.length === 0 ? x : x.graph.add(amaxOp, [x], { axes })
}

/** Smallest element over `axes`; NaN if there is one. */
export function amin(x: Value, axes: readonly number[]): Value {
  return axes.length === 0 ? x : x.graph.add(aminOp, [x], { axes })
}
