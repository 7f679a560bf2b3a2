/** Products of matrices as kernels: sizes, and the strides that the operands' layouts give. */
import { flatDims, isWhole, stridesOn } from '../ir/layout.ts'
import type { Attrs, DType, MapOp, Source, Value } from '../ir/value.ts'
import { attrText, numel } from '../ir/value.ts'
import { gatherOp, rowsOp } from '../ops/indexing.ts'
import { inputOp } from '../ops/source.ts'
import type { Group } from './group.ts'
import type { Layouts } from './simplify.ts'
import { uniform } from './uniform.ts'

/** A matrix over the buffer of `base`. Offset and strides are in elements. */
export interface MatrixOperand {
  readonly base: Value
  readonly offset: number
  readonly row: number
  readonly column: number
}

/** Where a step of an ending takes a number from. A row is one of those that lie beside all rows of the product. */
export type Argument =
  | { readonly kind: 'product' }
  | { readonly kind: 'row' | 'step'; readonly index: number }
  | { readonly kind: 'constant'; readonly number: number; readonly dtype: DType }

/** What is computed of each element of a product before it is stored, the last step's result: a bias and an activation. */
export interface Ending {
  readonly steps: readonly { readonly op: MapOp; readonly attrs: Attrs; readonly from: readonly DType[]; readonly args: readonly Argument[] }[]
  /** How many rows are read. */
  readonly rows: number
  /** The same for all endings that compute the same. */
  readonly text: string
}

/** C[m, n] = A[m, k] B[k, n] at every place of the batch axes; C is row-major. */
export interface MatmulKernel {
  readonly kind: 'matmul'
  readonly product: Value
  /** What is stored: the product, or what its ending makes of it. */
  readonly value: Value
  readonly dtype: DType
  readonly m: number
  readonly n: number
  readonly k: number
  readonly a: MatrixOperand
  readonly b: MatrixOperand
  /** Sizes of the batch axes, with the operands' strides over them. */
  readonly batch: readonly { readonly size: number; readonly a: number; readonly b: number }[]
  /** Whether zeros of A are skipped. */
  readonly skips: boolean
  /** What is computed: the product, then the steps of its ending. */
  readonly members: readonly Value[]
  readonly ending: Ending | undefined
  /** The rows that the ending reads. */
  readonly rows: readonly { readonly base: Value; readonly offset: number }[]
  readonly reads: ReadonlyMap<Value, number>
  readonly writes: readonly Value[]
}

export function lowerProduct(group: Group, layouts: Layouts): MatmulKernel {
  const [product] = group.members as unknown as readonly [Value]
  const value = group.ending ?? product
  const [left, right] = product.inputs as readonly [Value, Value]
  const rank = product.shape.length
  const a = layouts.of(left)
  const b = layouts.of(right)
  const members = [...group.members].toSorted((x, y) => x.id - y.id)
  const ending = group.ending && endingOf(members, layouts)
  const [m, n, k] = [left.shape[rank - 2]!, right.shape[rank - 1]!, left.shape[rank - 1]!]
  const batch = left.shape.slice(0, -2).flatMap((size, axis) => batchDims(size, a.layout.axes[axis]!, b.layout.axes[axis]!))
  return {
    kind: 'matmul',
    product,
    value,
    members,
    dtype: product.dtype,
    m,
    n,
    k,
    a: matrix(a, rank),
    b: matrix(b, rank),
    batch,
    skips: batch.length === 0 && n >= fewestColumns && m * n * k >= fewestProducts && ofSparseData(a.base, layouts),
    ending: ending?.ending,
    rows: ending?.rows ?? [],
    reads: new Map([a.base, b.base, ...(ending?.rows.map(({ base }) => base) ?? [])].map((base) => [base, 0])),
    writes: [value],
  }
}

/** What a product has, at least, that skips zeros: finding them takes as long as one or two panels of columns. */
const fewestColumns = 64
const fewestProducts = 2 ** 18

/** Whether `value` is data of many zeros, or rows of it. */
function ofSparseData({ op, attrs, inputs }: Value, layouts: Layouts): boolean {
  if (op === inputOp) return attrs['sparse'] === true
  return (op === rowsOp || op === gatherOp) && ofSparseData(layouts.of(inputs[0]!).base, layouts)
}

/** More would take registers from the sums. */
const maxSteps = 8

/** Whether `members` are few cheap steps on elements of the product, beside constants and rows that are the same for all of its rows. */
export function endsProduct(product: Value, members: ReadonlySet<Value>, layouts: Layouts): boolean {
  if (members.size > maxSteps) return false
  for (const { op, inputs, shape, dtype } of members) {
    if (op.kind !== 'map' || op.cost !== 1 || numel(shape) !== numel(product.shape) || !fits(dtype, product)) return false
    for (const input of inputs) {
      if (!fits(input.dtype, product)) return false
      if (uniform(input) !== undefined) continue
      const { base, layout } = layouts.of(input)
      const inRegister = (base === product || members.has(base)) && isWhole(layout, numel(product.shape))
      if (!inRegister && (base.dtype !== product.dtype || members.has(base) || base === product || !isRow(product, input, layouts))) return false
    }
  }
  return true
}

function fits(dtype: DType, product: Value): boolean {
  return dtype === product.dtype || dtype === 'bool'
}

/** Whether each row of the product meets the same numbers, which lie next to each other. */
function isRow(product: Value, input: Value, layouts: Layouts): boolean {
  const n = product.shape.at(-1)!
  const strides = stridesOn(flatDims(layouts.of(input).layout), [numel(product.shape) / n, n])
  return strides !== null && strides[0] === 0 && strides[1] === 1
}

/** Of the members, the last one is what is stored. */
function endingOf([product, ...values]: readonly Value[], layouts: Layouts): { ending: Ending; rows: MatmulKernel['rows'] } {
  const rows: { base: Value; offset: number }[] = []
  const argument = (input: Value): Argument => {
    const number = uniform(input)
    if (number !== undefined) return { kind: 'constant', number, dtype: input.dtype }
    const { base, layout: { offset } } = layouts.of(input)
    if (base === product) return { kind: 'product' }
    const step = values.indexOf(base)
    if (step >= 0) return { kind: 'step', index: step }
    let index = rows.findIndex((row) => row.base === base && row.offset === offset)
    if (index < 0) index = rows.push({ base, offset }) - 1
    return { kind: 'row', index }
  }
  const steps: Ending['steps'][number][] = []
  for (const { op, attrs, inputs } of values) steps.push({ op: op as MapOp, attrs, from: inputs.map(({ dtype }) => dtype), args: inputs.map(argument) })
  const text = steps.map(({ op, attrs, args }) => [op.name, ...Object.entries(attrs).map(([name, attr]) => `${name}=${attrText(attr)}`), ...args.map(argumentText)].join(' ')).join('; ')
  return { ending: { steps, rows: rows.length, text }, rows }
}

function argumentText(argument: Argument): string {
  if (argument.kind === 'product') return 'product'
  if (argument.kind === 'constant') return `${argument.dtype} ${attrText(argument.number)}`
  return `${argument.kind} ${argument.index}`
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
