/** What arrives at computed places along one axis, put together: the largest, and the product. Sums are in indexing.ts. */
import { invariant } from '../errors.ts'
import type { RoutineCode } from '../ir/routine.ts'
import type { RoutineOp, RoutineOperands, Value } from '../ir/value.ts'
import { isFloat, numel, sameShape } from '../ir/value.ts'
import { numberAttr, register } from './define.ts'
import { div, eq, fullLike, mul, where } from './elementwise.ts'
import { cast } from './identity.ts'
import { gather, scatterAdd } from './indexing.ts'

type Combine = <T>(s: RoutineCode<T>, sofar: T, x: T) => T

/** Each element is combined, in row-major order, with what stands at its place; where none arrives `identity` stays. */
function scatterProgram<T>(s: RoutineCode<T>, { inputs, result, shapes, attrs }: RoutineOperands, identity: number, combine: Combine): void {
  const [source, index] = [inputs[0]!, inputs[1]!]
  const shape = shapes[0]!
  const [axis, size] = [numberAttr(attrs, 'axis'), numberAttr(attrs, 'size')]
  const [outer, rows, inner] = [numel(shape.slice(0, axis)), shape[axis]!, numel(shape.slice(axis + 1))]
  const first = s.number(identity, result.dtype)
  s.for(s.int(0), s.int(outer * size * inner), (at) => s.store(result, at, first))
  s.for(s.int(0), s.int(outer), (block) => {
    s.for(s.int(0), s.int(rows), (row) => {
      s.for(s.int(0), s.int(inner), (column) => {
        const at = s.add(s.mul(s.add(s.mul(block, s.int(rows)), row), s.int(inner)), column)
        const to = s.add(s.mul(s.add(s.mul(block, s.int(size)), s.load(index, at)), s.int(inner)), column)
        s.store(result, to, combine(s, s.load(result, to), s.load(source, at)))
      })
    })
  })
}

function infer([source, index]: readonly Value[], axis: number, size: number): { shape: readonly number[]; dtype: Value['dtype'] } {
  invariant(index!.dtype === 'int32' && sameShape(source!.shape, index!.shape), 'scattering takes checked indices of the shape of the source')
  invariant(source!.dtype !== 'bool', 'scattering takes numbers')
  return { shape: source!.shape.with(axis, size), dtype: source!.dtype }
}

export const scatterMaxOp: RoutineOp = register({
  kind: 'routine',
  name: 'scatter_max',
  infer: (inputs, attrs) => infer(inputs, numberAttr(attrs, 'axis'), numberAttr(attrs, 'size')),
  scratch: () => [],
  operations: ([source]) => numel(source!.shape) * 4,
  program: (s, operands) => {
    const { dtype } = operands.result
    const least = isFloat(dtype) ? -Infinity : dtype === 'int32' ? -(2 ** 31) : -(2 ** 63)
    scatterProgram(s, operands, least, (code, sofar, x) => {
      const larger = code.lt(sofar, x)
      return code.select(isFloat(dtype) ? code.or(larger, code.not(code.eq(x, x))) : larger, x, sofar)
    })
  },
})

/**
 * The largest element of `source` that arrives at each of `size` places along `axis`, NaN if one is; the least number
 * of the dtype where none does. No gradient: see functions/scattering.ts.
 */
export function scatterMax(source: Value, index: Value, axis: number, size: number): Value {
  return source.graph.add(scatterMaxOp, [source, index], { axis, size })
}

export const scatterProductOp: RoutineOp = register({
  kind: 'routine',
  name: 'scatter_product',
  infer: (inputs, attrs) => infer(inputs, numberAttr(attrs, 'axis'), numberAttr(attrs, 'size')),
  scratch: () => [],
  operations: ([source]) => numel(source!.shape) * 3,
  program: (s, operands) => scatterProgram(s, operands, 1, (code, sofar, x) => code.mul(sofar, x)),
  // The product of the others: by division, or where the element is 0 and the only one, the product without it.
  grad: (g, [source, index], y) => {
    const [axis, size] = [numberAttr(y.attrs, 'axis'), numberAttr(y.attrs, 'size')]
    const zero = eq(source!, 0)
    const nonzero = where(zero, fullLike(source!, 1), source!)
    const zeros = gather(scatterAdd(cast(zero, y.dtype), index!, axis, size), index!, axis)
    const alone = gather(mul(g, scatterProduct(nonzero, index!, axis, size)), index!, axis)
    const others = div(gather(mul(g, y), index!, axis), nonzero)
    return [where(zero, where(eq(zeros, 1), alone, fullLike(alone, 0)), others), null]
  },
})

/** The product of the elements of `source` that arrive at each of `size` places along `axis`; 1 where none does. */
export function scatterProduct(source: Value, index: Value, axis: number, size: number): Value {
  return source.graph.add(scatterProductOp, [source, index], { axis, size })
}
