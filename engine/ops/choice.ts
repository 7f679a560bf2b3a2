/** Comparisons, logic on bools and bits, and choice by a condition. */
import { invariant, showShape } from '../errors.ts'
import type { Code } from '../ir/code.ts'
import type { MapOp, Value } from '../ir/value.ts'
import { sameShape } from '../ir/value.ts'
import { register } from './define.ts'
import type { Binary } from './map.ts'
import { anywhere, binary, fullLike, unary } from './map.ts'

type Compare = <T>(s: Code<T>, a: T, b: T) => T

function comparison(name: string, formula: string, lower: Compare): Binary {
  return binary({ name, formula, takes: 'any', gives: 'bool', domain: [anywhere, anywhere], lower, grad: null })
}

export const eq = comparison('eq', 'a == b', (s, a, b) => s.eq(a, b))
export const ne = comparison('ne', 'a != b', (s, a, b) => s.ne(a, b))
export const lt = comparison('lt', 'a < b', (s, a, b) => s.lt(a, b))
export const le = comparison('le', 'a <= b', (s, a, b) => s.le(a, b))
export const gt = comparison('gt', 'a > b', (s, a, b) => s.lt(b, a))
export const ge = comparison('ge', 'a >= b', (s, a, b) => s.le(b, a))

function bitwise(name: string, formula: string, lower: Compare): Binary {
  return binary({ name, formula, takes: 'integer', domain: [anywhere, anywhere], lower, grad: null })
}

export const logicalAnd = bitwise('and', 'a & b', (s, a, b) => s.and(a, b))
export const logicalOr = bitwise('or', 'a | b', (s, a, b) => s.or(a, b))
export const logicalXor = bitwise('xor', 'a ^ b', (s, a, b) => s.xor(a, b))
export const not = unary({ name: 'not', formula: '~x', takes: 'integer', domain: anywhere, lower: (s, x) => s.not(x), grad: null })

export const whereOp: MapOp = register({
  kind: 'map',
  name: 'where',
  arity: 3,
  cost: 1,
  infer: ([condition, a, b]) => {
    invariant(condition!.dtype === 'bool' && a!.dtype === b!.dtype, () => `where takes a bool condition and two tensors of one dtype, got ${condition!.dtype}, ${a!.dtype} and ${b!.dtype}`)
    invariant(sameShape(a!.shape, b!.shape) && sameShape(a!.shape, condition!.shape), () => `where takes tensors of one shape, got ${[condition!, a!, b!].map((value) => showShape(value.shape)).join(', ')}`)
    return { shape: a!.shape, dtype: a!.dtype }
  },
  lower: (s, [condition, a, b]) => s.select(condition!, a!, b!),
  grad: (g, [condition]) => {
    const zero = fullLike(g, 0)
    return [null, where(condition!, g, zero), where(condition!, zero, g)]
  },
})

/** `condition ? a : b`, elementwise. */
export function where(condition: Value, a: Value, b: Value): Value {
  return condition.graph.add(whereOp, [condition, a, b])
}
