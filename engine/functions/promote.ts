/** Broadcasting and type promotion, as PyTorch does them. */
import { showShape } from '../errors.ts'
import type { DType, Shape, Value } from '../ir/value.ts'
import { isFloat, sameShape } from '../ir/value.ts'
import type { TraceContext } from '../lang/values.ts'
import { fail } from '../lang/values.ts'
import { cast } from '../ops/elementwise.ts'
import { constant } from '../ops/source.ts'
import { expand } from '../ops/view.ts'
import type { TensorOrNumber } from './parameters.ts'

export function isTensor(x: TensorOrNumber): x is Value {
  return !('kind' in x)
}

const rank: Record<DType, number> = { bool: 0, int32: 1, int64: 1, float32: 2, float64: 3 }

/** bool, integer or floating point: only a higher category of a number or 0-d tensor changes the result's dtype. */
function category(dtype: DType): number {
  return Math.min(rank[dtype], 2)
}

/** The smaller dtype that holds numbers of both. */
export function promoted(a: DType, b: DType): DType {
  return rank[b] > rank[a] ? b : a
}

/** torch.result_type: of tensors with dimensions, 0-d tensors and Python numbers, in this order of weight. */
export function resultType(ctx: TraceContext, operands: readonly TensorOrNumber[]): DType {
  const levels: DType[][] = [[], [], []]
  for (const x of operands) {
    if (!isTensor(x)) levels[2]!.push(x.whole ? 'int64' : ctx.dtype)
    else levels[x.shape.length > 0 ? 0 : 1]!.push(x.dtype === 'int32' ? 'int64' : x.dtype)
  }
  let result: DType | undefined
  for (const dtypes of levels) {
    if (dtypes.length === 0) continue
    const highest = dtypes.reduce((a, b) => (rank[b] > rank[a] ? b : a))
    if (result === undefined || category(highest) > category(result)) result = highest
  }
  return result ?? ctx.dtype
}

/** The shape that all shapes broadcast to; an error that shows both shapes when there is none. */
export function broadcastShapes(ctx: TraceContext, shapes: readonly Shape[]): number[] {
  const [first, ...rest] = shapes
  if (first && rest.every((shape) => sameShape(shape, first))) return [...first]
  return shapes.reduce<number[]>((a, b) => {
    const length = Math.max(a.length, b.length)
    return Array.from({ length }, (_, i) => {
      const x = a[i - length + a.length] ?? 1
      const y = b[i - length + b.length] ?? 1
      if (x !== y && x !== 1 && y !== 1) {
        fail(ctx, 'shape_mismatch', `shapes ${showShape(a)} and ${showShape(b)} cannot be broadcast together: sizes ${x} and ${y} differ in dimension ${i}`)
      }
      return x === 1 ? y : x
    })
  }, [])
}

/** Tensors of one shape and dtype. */
export function broadcast(ctx: TraceContext, operands: readonly TensorOrNumber[], dtype = resultType(ctx, operands)): Value[] {
  const shape = broadcastShapes(ctx, operands.filter(isTensor).map((x) => x.shape))
  return operands.map((x) => expand(asTensor(ctx, x, dtype), shape))
}

export function asTensor(ctx: TraceContext, x: TensorOrNumber, dtype: DType): Value {
  return isTensor(x) ? cast(x, dtype) : constant(ctx.graph, x.value, dtype)
}

/** The dtype of a function of numbers that gives fractions: integers and bools become the default dtype. */
export function floatType(ctx: TraceContext, dtype: DType): DType {
  return isFloat(dtype) ? dtype : ctx.dtype
}

/** Floating-point tensors of one shape. */
export function broadcastFloats(ctx: TraceContext, operands: readonly TensorOrNumber[]): Value[] {
  return broadcast(ctx, operands, floatType(ctx, resultType(ctx, operands)))
}
