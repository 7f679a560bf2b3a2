/**
 * Reading and adding at computed places along one axis. Indices are int32 from `checkIndex`, so kernels may
 * trust them; the first of the rows of a minibatch comes from the host, which counts them.
 */
import { invariant, showShape } from '../errors.ts'
import type { Attrs, Dense, KernelOp, MapOp, Shape, Value } from '../ir/value.ts'
import { numel, sameShape } from '../ir/value.ts'
import { numberAttr, register, reject } from './define.ts'
import { eq, where } from './choice.ts'
import { add } from './arithmetic.ts'
import { fullLike } from './map.ts'
import { constant, inputOp, iota } from './source.ts'
import { expand, reshape } from './view.ts'

/** Whole numbers as checked indices into `size` places; out of range stops the run with an error. */
export const indexOp: MapOp = register({
  kind: 'map',
  name: 'index',
  arity: 1,
  cost: 2,
  infer: ([x]) => ({ shape: x!.shape, dtype: 'int32' }),
  lower: (s, [x], attrs, [from]) =>
    s.index(x!, from!, { size: numberAttr(attrs, 'size'), wraps: attrs['wraps'] === true, site: numberAttr(attrs, 'site') }),
})

/**
 * `what` names the index in the error: "class label", "index". With `wraps`, negative numbers count from the end.
 */
export function checkIndex(x: Value, size: number, what: string, wraps = false): Value {
  if (x.dtype === 'bool') reject('dtype_mismatch', `${what}: whole numbers expected, got bool`, x.graph)
  const { indexSites, place } = x.graph
  let site = indexSites.findIndex((known) => known.input === x && known.size === size && known.wraps === wraps)
  if (site < 0) site = indexSites.push({ input: x, size, what, wraps, place }) - 1
  return x.graph.add(indexOp, [x], { size, wraps, site })
}

export const gatherOp: KernelOp = register({
  kind: 'gather',
  name: 'gather',
  infer: ([data, index], attrs) => {
    const axis = numberAttr(attrs, 'axis')
    invariant(index!.dtype === 'int32', 'gather takes checked indices')
    invariant(sameShape(index!.shape, data!.shape.with(axis, index!.shape[axis]!)), () => `gather: data ${showShape(data!.shape)} and index ${showShape(index!.shape)} differ outside dimension ${axis}`)
    return { shape: index!.shape, dtype: data!.dtype }
  },
  grad: (g, [data, index], y) => [scatterAdd(g, index!, numberAttr(y.attrs, 'axis'), data!.shape[numberAttr(y.attrs, 'axis')]!), null],
  evaluate: ([data, index], attrs, result) => {
    const out = new Float64Array(numel(result))
    forEachIndexed(index!, data!.shape, attrs, (from, at) => {
      out[at] = data!.data[from]!
    })
    return out
  },
})

/** result[i…] = data[i… with the `axis` coordinate replaced by index[i…]]. Shapes agree but for `axis`. */
export function gather(data: Value, index: Value, axis: number): Value {
  return data.graph.add(gatherOp, [data, index], { axis })
}

export const rowsOp: KernelOp = register({
  kind: 'rows',
  name: 'rows',
  infer: ([data, first], attrs) => {
    const size = numberAttr(attrs, 'size')
    invariant(data!.op === inputOp && size <= data!.shape[0]!, 'rows are some of an input')
    invariant(first!.op.kind === 'source' && first!.dtype === 'int32' && first!.shape.length === 0, 'the first of the rows is given')
    return { shape: data!.shape.with(0, size), dtype: data!.dtype }
  },
  grad: (g, [data, first]) => {
    const [size, ...rest] = g.shape as [number, ...number[]]
    const places = add(iota(g.graph, size), expand(first!, [size]))
    return [scatterAdd(g, expand(reshape(places, [size, ...rest.map(() => 1)]), g.shape), 0, data!.shape[0]!), null]
  },
  evaluate: ([data, first], _attrs, result) => {
    const width = numel(result.slice(1))
    const start = first!.data[0]! * width
    return data!.data.slice(start, start + numel(result))
  },
})

/** `size` rows of an input that nothing overwrites, from row number `first` on, a source too: nothing is copied. */
export function rows(data: Value, first: Value, size: number): Value {
  return data.graph.add(rowsOp, [data, first], { size })
}

/** Elements from row to row, where the value is rows of an input. */
export function rowLength({ op, shape }: Value): number | undefined {
  return op === rowsOp ? numel(shape.slice(1)) : undefined
}

export const scatterAddOp: KernelOp = register({
  kind: 'scatter',
  name: 'scatter_add',
  infer: ([source, index], attrs) => {
    invariant(index!.dtype === 'int32' && sameShape(source!.shape, index!.shape), 'scatter_add takes checked indices of the shape of the source')
    invariant(source!.dtype !== 'int32' && source!.dtype !== 'bool', () => `scatter_add adds numbers, not ${source!.dtype}`)
    return { shape: source!.shape.with(numberAttr(attrs, 'axis'), numberAttr(attrs, 'size')), dtype: source!.dtype }
  },
  grad: (g, [, index], y) => [gather(g, index!, numberAttr(y.attrs, 'axis')), null],
  evaluate: ([source, index], attrs, result) => {
    const out = new Float64Array(numel(result))
    forEachIndexed(index!, result, attrs, (to, at) => {
      out[to]! += source!.data[at]!
    })
    return out
  },
})

/**
 * Zeros with `size` places along `axis`; source[i…] is added at the place index[i…]. Places are filled in
 * row-major order of the source, so the result does not depend on scheduling.
 */
export function scatterAdd(source: Value, index: Value, axis: number, size: number): Value {
  if (numel(source.shape) === 0) return expand(constant(source.graph, 0, source.dtype), source.shape.with(axis, size))
  if (source.shape[axis] === 1) {
    // One place per row: a comparison instead of a scatter, which fuses with its neighbours.
    const shape = source.shape.with(axis, size)
    const places = expand(reshape(iota(source.graph, size), shape.map((n, i) => (i === axis ? n : 1))), shape)
    const spread = expand(source, shape)
    return where(eq(places, expand(index, shape)), spread, fullLike(spread, 0))
  }
  return source.graph.add(scatterAddOp, [source, index], { axis, size })
}

/** Calls `visit(offset in a tensor of shape `target`, offset in the index)` for every index. */
function forEachIndexed(index: Dense, target: Shape, attrs: Attrs, visit: (there: number, here: number) => void): void {
  const axis = numberAttr(attrs, 'axis')
  const inner = numel(target.slice(axis + 1))
  const [count, size] = [index.shape[axis]!, target[axis]!]
  for (let at = 0; at < index.data.length; at++) {
    const outer = Math.floor(at / (count * inner))
    visit((outer * size + index.data[at]!) * inner + (at % inner), at)
  }
}
