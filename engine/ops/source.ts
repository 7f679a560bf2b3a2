/** Leaves of the graph. */
import type { DType, Graph, Shape, SourceOp, Value } from '../ir/value.ts'
import { numel } from '../ir/value.ts'
import { listAttr, numberAttr, register, textAttr } from './define.ts'

/** A named buffer that the runtime fills: data, a parameter, optimizer state, a number that changes with the step. `sparse`: see isSparse. */
export const inputOp: SourceOp = register({
  kind: 'source',
  name: 'input',
  infer: (_inputs, attrs) => ({ shape: listAttr(attrs, 'shape'), dtype: textAttr(attrs, 'dtype') as DType }),
})

export function input(graph: Graph, name: string, shape: Shape, dtype: DType, sparse = false): Value {
  return graph.add(inputOp, [], sparse ? { name, shape, dtype, sparse } : { name, shape, dtype })
}

/** One number. Larger constants are this one, expanded. */
export const constantOp: SourceOp = register({
  kind: 'source',
  name: 'constant',
  infer: (_inputs, attrs) => ({ shape: [], dtype: textAttr(attrs, 'dtype') as DType }),
})

/** A number, rounded to `dtype` (bool: 0 or 1). */
export function constant(graph: Graph, value: number, dtype: DType): Value {
  const rounded = dtype === 'float32' ? Math.fround(value) : dtype === 'bool' ? Number(value !== 0) : value
  return graph.add(constantOp, [], { value: rounded, dtype })
}

/** Numbers that the program spells out, row-major. */
export const literalOp: SourceOp = register({
  kind: 'source',
  name: 'literal',
  infer: (_inputs, attrs) => ({ shape: listAttr(attrs, 'shape'), dtype: textAttr(attrs, 'dtype') as DType }),
})

export function literal(graph: Graph, values: readonly number[], shape: Shape, dtype: DType): Value {
  if (values.length !== numel(shape)) throw new TypeError('literal: count and shape differ')
  return graph.add(literalOp, [], { values, shape, dtype })
}

/** 0, 1, …, n-1 as int32. */
export const iotaOp: SourceOp = register({
  kind: 'source',
  name: 'iota',
  infer: (_inputs, attrs) => ({ shape: [numberAttr(attrs, 'size')], dtype: 'int32' }),
})

export function iota(graph: Graph, size: number): Value {
  return graph.add(iotaOp, [], { size })
}

/** The number of a constant, or undefined. */
export function constantValue(value: Value): number | undefined {
  return value.op === constantOp ? numberAttr(value.attrs, 'value') : undefined
}
