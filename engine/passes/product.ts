/** Products of matrices as kernels: sizes, and the strides that the operands' layouts give. */
import type { DType, Source, Value } from '../ir/value.ts'
import type { Layouts } from './simplify.ts'

/** A matrix over the buffer of `base`. Offset and strides are in elements. */
export interface MatrixOperand {
  readonly base: Value
  readonly offset: number
  readonly row: number
  readonly column: number
}

/** C[m, n] = A[m, k] B[k, n] at every place of the batch axes; C is row-major. */
export interface MatmulKernel {
  readonly kind: 'matmul'
  readonly value: Value
  readonly dtype: DType
  readonly m: number
  readonly n: number
  readonly k: number
  readonly a: MatrixOperand
  readonly b: MatrixOperand
  /** Sizes of the batch axes, with the operands' strides over them. */
  readonly batch: readonly { readonly size: number; readonly a: number; readonly b: number }[]
  readonly reads: ReadonlyMap<Value, number>
  readonly writes: readonly Value[]
}

export function lowerProduct(value: Value, layouts: Layouts): MatmulKernel {
  const [left, right] = value.inputs as readonly [Value, Value]
  const rank = value.shape.length
  const a = layouts.of(left)
  const b = layouts.of(right)
  return {
    kind: 'matmul',
    value,
    dtype: value.dtype,
    m: left.shape[rank - 2]!,
    n: right.shape[rank - 1]!,
    k: left.shape[rank - 1]!,
    a: matrix(a, rank),
    b: matrix(b, rank),
    batch: left.shape.slice(0, -2).flatMap((size, axis) => batchDims(size, a.layout.axes[axis]!, b.layout.axes[axis]!)),
    reads: new Map([[a.base, 0], [b.base, 0]]),
    writes: [value],
  }
}

function matrix({ base, layout }: Source, rank: number): MatrixOperand {
  return { base, offset: layout.offset, row: layout.axes[rank - 2]![0]?.stride ?? 0, column: layout.axes[rank - 1]![0]?.stride ?? 0 }
}

type Dims = readonly { readonly size: number; readonly stride: number }[]

/** The loops of a batch axis: as many as either operand needs to walk it. */
function batchDims(size: number, a: Dims, b: Dims): { size: number; a: number; b: number }[] {
  if (size === 1) return []
  const sizes = a.length >= b.length ? a.map((dim) => dim.size) : b.map((dim) => dim.size)
  const on = (dims: Dims): number[] => {
    if (dims.length === sizes.length) return dims.map((dim) => dim.stride)
    const strides: number[] = []
    let stride = dims[0]!.stride
    for (let i = sizes.length - 1; i >= 0; i--) {
      strides.unshift(stride)
      stride *= sizes[i]!
    }
    return strides
  }
  const left = on(a)
  const right = on(b)
  return sizes.map((n, i) => ({ size: n, a: left[i]!, b: right[i]! }))
}
