/** The order of elements. */
import type { RoutineCode } from '../ir/routine.ts'
import { least } from '../ir/routine.ts'
import type { RoutineOp, RoutineOperands, Value } from '../ir/value.ts'
import { isFloat, numel } from '../ir/value.ts'
import { invariant } from '../errors.ts'
import { register } from './define.ts'

/** Places of the elements of each row in their order, as int32: the routine behind sort, topk and median. */
export const argsortOp: RoutineOp = register({
  kind: 'routine',
  name: 'argsort',
  infer: ([x]) => {
    invariant(x!.shape.length > 0, 'argsort takes rows')
    invariant(x!.dtype !== 'bool', 'argsort takes numbers')
    return { shape: x!.shape, dtype: 'int32' }
  },
  scratch: ([x]) => [{ dtype: 'int32', count: 2 * x!.shape.at(-1)! }],
  operations: ([x]) => numel(x!.shape) * Math.ceil(Math.log2(Math.max(2, x!.shape.at(-1)!))),
  program: mergeSort,
})

/**
 * The places of the elements along the last axis, smallest element first (`descending`: largest first). Stable: equal
 * elements keep their order. NaN counts as larger than all numbers.
 */
export function argsort(x: Value, descending: boolean): Value {
  return x.graph.add(argsortOp, [x], { descending })
}

/** Bottom-up merge sort of places, between the two halves of the working memory. */
function mergeSort<T>(s: RoutineCode<T>, { inputs, result, scratch, shapes, attrs }: RoutineOperands): void {
  const [keys, places] = [inputs[0]!, scratch[0]!]
  const n = shapes[0]!.at(-1)!
  if (n === 0) return
  const descending = attrs['descending'] === true
  const [zero, one, size] = [s.int(0), s.int(1), s.int(n)]
  const comesBefore = (a: T, b: T): T => {
    const ordered = descending ? s.lt(b, a) : s.lt(a, b)
    if (!isFloat(keys.dtype)) return ordered
    const [aIsNaN, bIsNaN] = [s.not(s.eq(a, a)), s.not(s.eq(b, b))]
    return s.or(ordered, descending ? s.and(aIsNaN, s.not(bIsNaN)) : s.and(bIsNaN, s.not(aIsNaN)))
  }
  s.for(zero, s.int(numel(shapes[0]!) / n), (row) => {
    const start = s.mul(row, size)
    s.for(zero, size, (i) => s.store(places, i, i))
    // Runs of `width` places at `from` are merged into runs of twice the width at `to`.
    const [from, to, width] = [s.variable(zero), s.variable(size), s.variable(one)]
    s.while(
      () => s.lt(width.get(), size),
      () => {
        const low = s.variable(zero)
        s.while(
          () => s.lt(low.get(), size),
          () => {
            const middle = least(s, s.add(low.get(), width.get()), size)
            const high = least(s, s.add(middle, width.get()), size)
            const [left, right] = [s.variable(low.get()), s.variable(middle)]
            s.for(low.get(), high, (k) => {
              const takeRight = s.variable(zero)
              const place = (at: T): T => s.load(places, s.add(from.get(), at))
              const key = (at: T): T => s.load(keys, s.add(start, place(at)))
              s.if(
                s.lt(left.get(), middle),
                () => s.if(s.lt(right.get(), high), () => takeRight.set(comesBefore(key(right.get()), key(left.get())))),
                () => takeRight.set(one),
              )
              const next = s.select(takeRight.get(), right.get(), left.get())
              s.store(places, s.add(to.get(), k), place(next))
              right.set(s.add(right.get(), takeRight.get()))
              left.set(s.add(left.get(), s.not(takeRight.get())))
            })
            low.set(high)
          },
        )
        const kept = from.get()
        from.set(to.get())
        to.set(kept)
        width.set(s.add(width.get(), width.get()))
      },
    )
    s.for(zero, size, (i) => s.store(result, s.add(start, i), s.load(places, s.add(from.get(), i))))
  })
}
