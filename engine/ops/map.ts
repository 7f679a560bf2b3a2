/**
 * How an elementwise primitive is made: its formula, gradient and the numbers it is tested with, in one record.
 * Inputs have one shape; broadcasting is an op of its own (`expand`), so no gradient rule un-broadcasts. A number
 * stands for a constant of the other operand's dtype and shape.
 */
import type { Code } from '../ir/code.ts'
import type { MapOp, Value } from '../ir/value.ts'
import type { Takes } from './define.ts'
import { defineMap } from './define.ts'
import { constant } from './source.ts'
import { expand } from './view.ts'

type Interval = readonly [number, number]
export type Operand = Value | number

export interface Unary {
  (x: Value): Value
  readonly op: MapOp
}

export interface Binary {
  (a: Operand, b: Operand): Value
  readonly op: MapOp
}

interface UnarySpec {
  readonly name: string
  readonly formula: string
  readonly takes?: Takes
  readonly domain: Interval
  readonly cost?: number
  readonly lower: <T>(s: Code<T>, x: T) => T
  /** Gradient from the output's gradient, the input and the output. Null: the derivative is zero everywhere. */
  readonly grad: ((g: Value, x: Value, y: Value) => Value) | null
}

/** Registers the op and gives the function that applies it. */
export function unary(spec: UnarySpec): Unary {
  const { grad } = spec
  const op = defineMap(
    {
      ...spec,
      arity: 1,
      takes: spec.takes ?? 'float',
      domain: [spec.domain],
      lower: (s, [x]) => spec.lower(s, x!),
    },
    grad ? (g, [x], y) => [grad(g, x!, y)] : undefined,
  )
  return Object.assign((x: Value) => x.graph.add(op, [x]), { op })
}

interface BinarySpec {
  readonly name: string
  readonly formula: string
  readonly takes?: Takes
  readonly gives?: 'bool'
  readonly domain: readonly [Interval, Interval]
  readonly cost?: number
  readonly lower: <T>(s: Code<T>, a: T, b: T) => T
  readonly grad: ((g: Value, a: Value, b: Value, y: Value) => readonly [Value | null, Value | null]) | null
}

/** Registers the op and gives the function that applies it. */
export function binary(spec: BinarySpec): Binary {
  const { grad } = spec
  const op = defineMap(
    { ...spec, arity: 2, takes: spec.takes ?? 'number', lower: (s, [a, b]) => spec.lower(s, a!, b!) },
    grad ? (g, [a, b], y) => grad(g, a!, b!, y) : undefined,
  )
  return Object.assign((a: Operand, b: Operand) => {
    const [x, y] = operands(a, b)
    return x.graph.add(op, [x, y])
  }, { op })
}

function operands(a: Operand, b: Operand): readonly [Value, Value] {
  if (typeof a !== 'number') return [a, typeof b === 'number' ? fullLike(a, b) : b]
  if (typeof b === 'number') throw new TypeError('an operation needs a value among its operands')
  return [fullLike(b, a), b]
}

/** A tensor of `like`'s shape and dtype with one number everywhere. */
export function fullLike(like: Value, value: number): Value {
  return expand(constant(like.graph, value, like.dtype), like.shape)
}

export const anywhere: Interval = [-2, 2]
export const positive: Interval = [0.2, 3]
