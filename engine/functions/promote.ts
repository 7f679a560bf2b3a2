/** Broadcasting and type promotion, as PyTorch does them. */
import { showShape } from '../errors.ts'
import { mapped } from '../ir/lists.ts'
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

function highest(a: DType | undefined, b: DType): DType {
  return a === undefined || rank[b] > rank[a] ? b : a
}

/** torch.result_type: of tensors with dimensions, 0-d tensors and Python numbers, in this order of weight. */
export function resultType(ctx: TraceContext, operands: readonly TensorOrNumber[]): DType {
  let [tensors, single, numbers]: (DType | undefined)[] = []
  for (const x of operands) {
    if (!isTensor(x)) numbers = highest(numbers, x.whole ? 'int64' : ctx.dtype)
    else if (x.shape.length > 0) tensors = highest(tensors, x.dtype === 'int32' ? 'int64' : x.dtype)
    else single = highest(single, x.dtype === 'int32' ? 'int64' : x.dtype)
  }
  let result = tensors
  if (single !== undefined && (result === undefined || category(single) > category(result))) result = single
  if (numbers !== undefined && (result === undefined || category(numbers) > category(result))) result = numbers
  return result ?? ctx.dtype
}

/** The shape that all shapes broadcast to; an error that shows both shapes when there is none. */
export function broadcastShapes(ctx: TraceContext, shapes: readonly Shape[]): Shape {
  return shapes.reduce<Shape>((a, b) => commonShape(ctx, a, b), [])
}

function commonShape(ctx: TraceContext, a: Shape, b: Shape): Shape {
  if (a.length === 0 || sameShape(a, b)) return b
  const length = Math.max(a.length, b.length)
  const [skipA, skipB] = [length - a.length, length - b.length]
  const shape: number[] = []
  for (let i = 0; i < length; i++) {
    const x = i < skipA ? 1 : a[i - skipA]!
    const y = i < skipB ? 1 : b[i - skipB]!
    if (x !== y && x !== 1 && y !== 1) {
      fail(ctx, 'shape_mismatch', `shapes ${showShape(a)} and ${showShape(b)} cannot be broadcast together: sizes ${x} and ${y} differ in dimension ${i}`)
    }
    shape.push(x === 1 ? y : x)
  }
  return shape
}

/** Tensors of one shape and dtype. */
export function broadcast(ctx: TraceContext, operands: readonly TensorOrNumber[], dtype = resultType(ctx, operands)): Value[] {
  let shape: Shape = []
  for (const x of operands) if (isTensor(x)) shape = commonShape(ctx, shape, x.shape)
  return mapped(operands, (x) => expand(asTensor(ctx, x, dtype), shape))
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
