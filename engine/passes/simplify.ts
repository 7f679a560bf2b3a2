/**
 * Rewrites a graph into a smaller one with the same meaning, and into the form that the later passes expect:
 *
 *  - a tensor with one number everywhere is `constant` or `expand(reshape(constant))`;
 *  - every view has a layout over a buffer (a copy is put in where strides cannot say it);
 *  - every output is a value with a buffer of its own.
 *
 * A rewrite keeps the IEEE result of user arithmetic: no reassociation, no x·0 = 0, no x + 0 = x.
 */
import { contiguous } from '../ir/layout.ts'
import { mapped, mappedNumbers } from '../ir/lists.ts'
import { numberCode } from '../ir/numbers.ts'
import type { Output } from '../ir/print.ts'
import type { Attrs, MapOp, ReduceOp, Source, Value } from '../ir/value.ts'
import { Graph, isFloat, isGiven, madeOf, numel, reachable, sameShape } from '../ir/value.ts'
import { matmulOp } from '../ops/contract.ts'
import { listAttr, numberAttr, textAttr } from '../ops/define.ts'
import { copy, div, fullLike, mul, neg, sqrt } from '../ops/elementwise.ts'
import { indexOp } from '../ops/indexing.ts'
import { constant } from '../ops/source.ts'
import { concat, concatOp, expand, expandOp, permute, permuteOp, reshape, reshapeOp, sum, sumOp, transposeLast, withoutAxes } from '../ops/view.ts'
import type { Shared } from './epilogue.ts'
import { besideKernel } from './epilogue.ts'
import { Pieces } from './pieces.ts'
import { uniform } from './uniform.ts'

export { uniform } from './uniform.ts'

/** What stands for a leaf in the new graph; undefined: the same leaf. */
export type Leaf = (graph: Graph, value: Value) => Value | undefined

export function simplify(outputs: readonly Output[], leaf?: Leaf): Output[] {
  const first = outputs[0]
  if (!first) return []
  const graph = new Graph(first.value.graph.limits)
  const layouts = new Layouts()
  /** By the number of the old value. */
  const done: Value[] = []
  const order = reachable(mapped(outputs, (output) => output.value))
  const readers = countReaders(order, outputs)
  const shared: Shared = ({ id }) => readers[id]! > 1
  for (const value of order) {
    const inputs = madeOf(value.inputs, done)
    graph.place = value.place
    done[value.id] = leaf?.(graph, value) ?? turnedProduct(value, inputs, shared, layouts) ?? besideKernel(value, inputs, shared) ?? rebuild(graph, value, inputs, layouts)
  }
  graph.place = undefined
  return mapped(outputs, ({ name, value }) => ({ name, value: ownBuffer(done[value.id]!) }))
}

/** How many other values read each value; the caller counts as one. */
function countReaders(order: readonly Value[], outputs: readonly Output[]): Int32Array {
  const readers = new Int32Array(order.at(-1)!.id + 1)
  for (const { value } of outputs) readers[value.id] = 1
  for (const { inputs } of order) {
    for (let i = 0; i < inputs.length; i++) if (i === 0 || inputs.indexOf(inputs[i]!) === i) readers[inputs[i]!.id]!++
  }
  return readers
}

/** (A B)ᵀ = Bᵀ Aᵀ, where nothing else reads A B: what follows then reads the product row by row. */
function turnedProduct(value: Value, inputs: readonly Value[], shared: Shared, layouts: Layouts): Value | undefined {
  if (value.op !== permuteOp) return undefined
  const product = value.inputs[0]!
  const rank = value.shape.length
  if (product.op !== matmulOp || shared(product) || inputs[0]!.op !== matmulOp) return undefined
  const order = listAttr(value.attrs, 'order')
  const turns = order.every((axis, i) => axis === (i === rank - 1 ? rank - 2 : i === rank - 2 ? rank - 1 : i))
  if (!turns) return undefined
  const [a, b] = inputs[0]!.inputs as readonly [Value, Value]
  return simplifyMatmul(transposeOf(b, layouts), transposeOf(a, layouts), layouts)
}

/** The transpose; of a transpose the original. */
function transposeOf(x: Value, layouts: Layouts): Value {
  const turned = transposeLast(x)
  return x.op === permuteOp ? simplifyView(turned, x, layouts) : turned
}

function ownBuffer(value: Value): Value {
  return value.op.kind === 'view' || isGiven(value) ? value.graph.at(value.place, () => copy(value)) : value
}

/** Layouts of views, computed once each. */
export class Layouts {
  of(value: Value): Source {
    return (value.source ??= this.#compute(value))
  }

  #compute(value: Value): Source {
    if (value.op.kind !== 'view') return { base: value, layout: contiguous(value.shape) }
    const { base, layout } = this.of(value.inputs[0]!)
    const viewed = value.op.layout(layout, value.attrs, value.shape)
    if (!viewed) throw new Error(`%${value.id} ${value.op.name}: a view without a layout`)
    return { base, layout: viewed }
  }
}

function rebuild(graph: Graph, value: Value, inputs: readonly Value[], layouts: Layouts): Value {
  const { op, attrs, shape } = value
  if (op.kind === 'source') return graph.again(value, inputs)
  if (numel(shape) === 0) return expand(constant(graph, 0, value.dtype), shape)
  if (op.kind === 'reduce' && numel(inputs[0]!.shape) === 0) return expand(constant(graph, op.identity(value.dtype), value.dtype), shape)

  if (op.kind === 'map') return foldMap(op, inputs, attrs, value) ?? mapRules(op, inputs, graph, attrs) ?? graph.again(value, inputs)
  if (op.kind === 'view') return simplifyView(value, inputs[0]!, layouts)
  if (op.kind === 'reduce') return simplifyReduce(op, listAttr(attrs, 'axes'), inputs[0]!, value)
  if (op === concatOp) return simplifyConcat(inputs, numberAttr(attrs, 'axis'))
  if (op === matmulOp) return simplifyMatmul(inputs[0]!, inputs[1]!, layouts)
  if (op.kind === 'gather') return graph.again(value, [plainAxis(inputs[0]!, numberAttr(attrs, 'axis'), layouts), inputs[1]!])
  return graph.again(value, inputs)
}

// ---- constants

function foldMap(op: MapOp, inputs: readonly Value[], attrs: Attrs, value: Value): Value | null {
  if (op === indexOp) return null
  const small = inputs.find((input) => uniform(input) === undefined)
  if (!small) {
    const from = mapped(inputs, (input) => input.dtype)
    const x = op.lower(numberCode(from[0]!), mappedNumbers(inputs, (input) => uniform(input)!), attrs, from)
    return isFloat(value.dtype) || Number.isSafeInteger(x) ? expand(constant(inputs[0]!.graph, x, value.dtype), value.shape) : null
  }
  // Of expanded tensors: compute small, then expand.
  if (small.op !== expandOp) return null
  const shape = small.inputs[0]!.shape
  const parts: Value[] = []
  for (const input of inputs) {
    const number = uniform(input)
    if (number !== undefined) parts.push(expand(constant(input.graph, number, input.dtype), shape))
    else if (input.op === expandOp && sameShape(input.inputs[0]!.shape, shape)) parts.push(input.inputs[0]!)
    else return null
  }
  const graph = small.graph
  return expand(mapRules(op, parts, graph, attrs) ?? graph.add(op, parts, attrs), value.shape)
}

// ---- maps

function mapRules(op: MapOp, inputs: readonly Value[], graph: Graph, attrs: Attrs): Value | null {
  const x = inputs[0]!
  const y = inputs[1]!
  const right = inputs.length === 2 ? uniform(y) : undefined
  const left = inputs.length === 2 ? uniform(x) : undefined
  switch (op.name) {
    case 'mul':
      if (right === 1) return x
      if (left === 1) return y
      if (right === -1) return neg(x)
      if (left === -1) return neg(y)
      return null
    case 'div':
      return right === undefined ? null : divideBy(x, right)
    case 'sub':
      return right !== undefined && Object.is(right, 0) ? x : null
    case 'add':
      return addPieces(x, y)
    case 'neg':
      return x.op === op ? x.inputs[0]! : null
    case 'pow':
      return right === undefined ? null : power(x, right)
    case 'detach':
    case 'mark':
    case 'surrogate':
      return x
    case 'cast':
      if (x.dtype === textAttr(attrs, 'dtype')) return x
      return x.op === op && keepsAll(x.inputs[0]!.dtype, x.dtype) ? graph.at(undefined, () => rebuildCast(x.inputs[0]!, attrs, op)) : null
    case 'where': {
      const choice = uniform(x)
      return choice === undefined ? null : inputs[choice === 0 ? 2 : 1]!
    }
    default:
      return null
  }
}

function rebuildCast(x: Value, attrs: Attrs, op: MapOp): Value {
  return x.dtype === textAttr(attrs, 'dtype') ? x : x.graph.add(op, [x], attrs)
}

/** Whether a conversion loses nothing, so that a second one may start from the first's input. */
function keepsAll(from: string, to: string): boolean {
  return (from === 'bool' && to !== 'bool') || (from === 'float32' && to === 'float64') || (from === 'int32' && (to === 'int64' || to === 'float64'))
}

/** Division by a power of two is an exact multiplication. */
function divideBy(x: Value, divisor: number): Value | null {
  if (divisor === 1) return x
  const log = Math.log2(Math.abs(divisor))
  return Number.isInteger(log) && Math.abs(log) < 120 ? mul(x, 1 / divisor) : null
}

/** PyTorch's own special cases of pow with a number as exponent. */
function power(x: Value, exponent: number): Value | null {
  switch (exponent) {
    case 0:
      return fullLike(x, 1)
    case 1:
      return x
    case 2:
      return mul(x, x)
    case 3:
      return mul(mul(x, x), x)
    case 0.5:
      return sqrt(x)
    case -0.5:
      return div(fullLike(x, 1), sqrt(x))
    case -1:
      return div(fullLike(x, 1), x)
    case -2:
      return div(fullLike(x, 1), mul(x, x))
    default:
      return null
  }
}

// ---- views and reductions

function simplifyView(value: Value, x: Value, layouts: Layouts): Value {
  const { op, attrs, shape } = value
  const number = uniform(x)
  if (number !== undefined) return expand(constant(x.graph, number, x.dtype), shape)
  if (op === reshapeOp) return simplifyReshape(value, x.op === reshapeOp ? x.inputs[0]! : x, layouts)
  if (op === permuteOp && x.op === permuteOp) {
    const first = listAttr(x.attrs, 'order')
    return permute(x.inputs[0]!, mappedNumbers(listAttr(attrs, 'order'), (axis) => first[axis]!))
  }
  if (op === expandOp) {
    const repeated = x.op === expandOp ? x.inputs[0]! : x
    return sameShape(repeated.shape, shape) ? repeated : x.graph.again(value, [repeated])
  }
  return x.graph.again(value, [op === permuteOp ? x : plainAxis(x, numberAttr(attrs, 'axis'), layouts)])
}

function simplifyReshape(value: Value, x: Value, layouts: Layouts): Value {
  const { attrs, shape } = value
  if (sameShape(x.shape, shape)) return x
  const { base, layout } = layouts.of(x)
  const viewed = reshapeOp.layout(layout, attrs, shape)
  const result = x.graph.again(value, [viewed ? x : copy(x)])
  if (viewed) result.source ??= { base, layout: viewed }
  return result
}

/** `x`, or a copy of it when `axis` needs more than one stride. */
function plainAxis(x: Value, axis: number, layouts: Layouts): Value {
  const { layout } = layouts.of(x)
  return (layout.axes[axis]?.length ?? 0) > 1 ? copy(x) : x
}

/** `like` is what to make again where nothing is simpler. */
function simplifyReduce(op: ReduceOp, axes: readonly number[], x: Value, like?: Value): Value {
  const number = uniform(x)
  const count = axes.reduce((n, axis) => n * x.shape[axis]!, 1)
  const times = op === sumOp ? count : 1
  if (number !== undefined) return expand(constant(x.graph, number * times, x.dtype), withoutAxes(x.shape, axes))
  const dull = axes.filter((axis) => x.shape[axis] === 1)
  if (dull.length > 0) {
    const squeezed = reshape(x, x.shape.filter((_, axis) => !dull.includes(axis)))
    const rest = mappedNumbers(axes.filter((axis) => !dull.includes(axis)), (axis) => axis - dull.filter((d) => d < axis).length)
    return rest.length === 0 ? squeezed : simplifyReduce(op, rest, squeezed)
  }
  if (x.op === expandOp) {
    const inner = x.inputs[0]!
    const repeated = axes.filter((axis) => inner.shape[axis] === 1)
    if (repeated.length > 0) {
      const copies = repeated.reduce((n, axis) => n * x.shape[axis]!, 1)
      const reduced = simplifyReduce(op, axes, expand(inner, mappedNumbers(x.shape, (n, axis) => (repeated.includes(axis) ? 1 : n))))
      return op === sumOp ? mul(reduced, copies) : reduced
    }
  }
  return like ? x.graph.again(like, [x]) : x.graph.add(op, [x], { axes })
}

// ---- concatenation

function simplifyConcat(parts: readonly Value[], axis: number): Value {
  const flat = parts.filter((part) => part.shape[axis] !== 0).flatMap((part) => (part.op === concatOp && numberAttr(part.attrs, 'axis') === axis ? part.inputs : [part]))
  return concat(flat, axis)
}

function addPieces(x: Value, y: Value): Value | null {
  const pieces = Pieces.of(x)
  return pieces?.add(y) ? pieces.value() : null
}

// ---- products

/** Products with a side or an inner dimension of 1 are sums of elementwise products, which fuse. */
function simplifyMatmul(a: Value, b: Value, layouts: Layouts): Value {
  const rank = a.shape.length
  const batch = a.shape.slice(0, -2)
  const [m, k, n] = [a.shape[rank - 2]!, a.shape[rank - 1]!, b.shape[rank - 1]!]
  if (k === 0) return expand(constant(a.graph, 0, a.dtype), [...batch, m, n])
  if (k === 1) return mul(expand(a, [...batch, m, n]), expand(b, [...batch, m, n]))
  if (n === 1) return reshape(sum(mul(a, expand(transposeLast(b), [...batch, m, k])), [rank - 1]), [...batch, m, 1])
  if (m === 1) {
    const columns = layouts.of(b).layout.axes[rank - 1]!
    if (columns.length === 1 && columns[0]!.stride !== 1) {
      const dots = sum(mul(expand(a, [...batch, n, k]), transposeLast(b)), [rank - 1])
      return reshape(dots, [...batch, 1, n])
    }
    return reshape(sum(mul(expand(transposeLast(a), [...batch, k, n]), b), [rank - 2]), [...batch, 1, n])
  }
  const left = plainMatrix(a, layouts)
  const right = plainMatrix(b, layouts)
  const manyDims = (x: Value, axis: number): boolean => layouts.of(x).layout.axes[axis]!.length > 1
  // A batch axis that neither operand can walk with one stride would need loops that fit both.
  const tangled = batch.some((_, axis) => manyDims(left, axis) && manyDims(right, axis))
  return a.graph.add(matmulOp, [tangled ? copy(left) : left, right])
}

/** A matrix whose rows and columns have one stride each, none of them negative. */
function plainMatrix(x: Value, layouts: Layouts): Value {
  const { layout } = layouts.of(x)
  const matrix = layout.axes.length - 2
  if (layout.axes.every((dims, axis) => (axis < matrix || dims.length <= 1) && dims.every((dim) => dim.stride >= 0))) return x
  // The copy keeps what is contiguous together; products of a matrix and of its transpose then share it.
  return layout.axes.at(-2)?.at(-1)?.stride === 1 ? transposeLast(copy(transposeOf(x, layouts))) : copy(x)
}
