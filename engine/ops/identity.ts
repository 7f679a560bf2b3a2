/** Primitives that pass numbers on unchanged: conversion, copies, and nodes with a gradient of their own. */
import type { DType, MapOp, Value } from '../ir/value.ts'
import { isFloat } from '../ir/value.ts'
import { register, textAttr } from './define.ts'

/** Conversion between dtypes. To an integer: toward zero. To bool: not equal to 0. */
export const castOp: MapOp = register({
  kind: 'map',
  name: 'cast',
  arity: 1,
  cost: 1,
  infer: ([x], attrs) => ({ shape: x!.shape, dtype: textAttr(attrs, 'dtype') as DType }),
  lower: (s, [x], attrs, [from]) => s.cast(x!, from!, textAttr(attrs, 'dtype') as DType),
  grad: (g, [x], y) => [isFloat(x!.dtype) && isFloat(y.dtype) ? cast(g, x!.dtype) : null],
})

export function cast(x: Value, dtype: DType): Value {
  return x.dtype === dtype ? x : x.graph.add(castOp, [x], { dtype })
}

/** The same numbers in a buffer of their own, row-major. */
export const copyOp: MapOp = register({
  kind: 'map',
  name: 'copy',
  arity: 1,
  cost: 0,
  infer: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
  lower: (_s, [x]) => x!,
  grad: (g) => [g],
})

export function copy(x: Value): Value {
  return x.graph.add(copyOp, [x])
}

/** The same numbers; no gradient flows back. */
export const detachOp: MapOp = register({
  kind: 'map',
  name: 'detach',
  arity: 1,
  cost: 0,
  infer: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
  lower: (_s, [x]) => x!,
})

export function detach(x: Value): Value {
  return x.graph.add(detachOp, [x])
}

/**
 * The numbers of `value` with the gradient of `like`: for functions whose gradient PyTorch defines otherwise than by
 * their formula.
 */
export const surrogateOp: MapOp = register({
  kind: 'map',
  name: 'surrogate',
  arity: 2,
  cost: 0,
  infer: ([value]) => ({ shape: value!.shape, dtype: value!.dtype }),
  lower: (_s, [value]) => value!,
  grad: (g) => [null, g],
})

export function surrogate(value: Value, like: Value): Value {
  return value.graph.add(surrogateOp, [value, like])
}

/** The same numbers under a name: a node that is not shared with equal ones, so that it has a gradient of its own. */
export const markOp: MapOp = register({
  kind: 'map',
  name: 'mark',
  arity: 1,
  cost: 0,
  infer: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
  lower: (_s, [x]) => x!,
  grad: (g) => [g],
})

export function mark(x: Value, name: string): Value {
  return x.graph.add(markOp, [x], { name })
}
