/**
 * How a primitive is defined: one record holds all that is true of it, and calling it adds a node.
 */
import type { ErrorCode } from '../errors.ts'
import { invariant, showShape, SpecError } from '../errors.ts'
import type { Code } from '../ir/code.ts'
import type { Attrs, DType, GradRule, Graph, MapOp, Primitive, Shape, Value, ValueType } from '../ir/value.ts'
import { hashOfText, isFloat, sameShape } from '../ir/value.ts'

/** The op table: every primitive by name. Gradcheck and the oracle tests run over all of it. */
export const primitives = new Map<string, Primitive>()

/** All fields of records, in one order: objects of one layout are fast to read where all kinds of them come by. */
const fields = {
  kind: undefined, name: undefined, hash: undefined, infer: undefined, grad: undefined, arity: undefined, cost: undefined, lower: undefined, identity: undefined, combine: undefined,
  layout: undefined, evaluate: undefined, scratch: undefined, operations: undefined, program: undefined, formula: undefined, domain: undefined,
}

export function register<P extends Primitive>(op: P): P {
  if (primitives.has(op.name)) throw new Error(`primitive ${op.name} is defined twice`)
  const record = { ...fields, ...op, hash: hashOfText(op.name, 0) }
  primitives.set(op.name, record)
  return record
}

export function reject(code: ErrorCode, message: string, graph: Graph): never {
  throw new SpecError(code, message, graph.place)
}

/** Which dtypes a map takes; its inputs share one. */
export type Takes = 'float' | 'number' | 'integer' | 'any'

const accepts: Record<Takes, (dtype: DType) => boolean> = {
  float: isFloat,
  number: (dtype) => dtype !== 'bool',
  integer: (dtype) => !isFloat(dtype),
  any: () => true,
}

interface MapSpec {
  readonly name: string
  readonly arity: number
  /** The mathematics in one line; documentation. */
  readonly formula: string
  readonly takes: Takes
  /** The interval that gradcheck samples each input from, away from kinks and poles. */
  readonly domain: readonly (readonly [number, number])[]
  readonly gives?: 'bool'
  readonly cost?: number
  readonly lower: <T>(s: Code<T>, args: readonly T[]) => T
}

/** A map whose inputs have one dtype. The shared part of unary and binary records. */
export function defineMap(spec: MapSpec, grad: GradRule | undefined): MapOp & { domain: MapSpec['domain']; formula: string } {
  return register({
    kind: 'map' as const,
    name: spec.name,
    arity: spec.arity,
    formula: spec.formula,
    domain: spec.domain,
    cost: spec.cost ?? 1,
    lower: spec.lower,
    infer: (inputs: readonly Value[]) => sameType(spec.name, spec.takes, inputs, spec.gives),
    ...(grad && { grad }),
  })
}

function sameType(name: string, takes: Takes, inputs: readonly Value[], gives: DType | undefined): ValueType {
  const first = inputs[0]!
  for (const input of inputs) {
    if (!accepts[takes](input.dtype)) {
      reject('dtype_mismatch', `${name} takes ${describe[takes]}, got ${input.dtype}`, first.graph)
    }
    if (input.dtype !== first.dtype) {
      reject('dtype_mismatch', `${name} takes tensors of one dtype, got ${first.dtype} and ${input.dtype}`, first.graph)
    }
    if (!sameShape(input.shape, first.shape)) {
      reject(
        'shape_mismatch',
        `${name} takes tensors of one shape, got ${showShape(first.shape)} and ${showShape(input.shape)}`,
        first.graph,
      )
    }
  }
  return { shape: first.shape, dtype: gives ?? first.dtype }
}

const describe: Record<Takes, string> = {
  float: 'floating-point tensors',
  number: 'numbers (not bool)',
  integer: 'integers or bools',
  any: 'tensors',
}

/** Checks an axis number of an internal call. */
export function requireAxis(name: string, axis: number, shape: Shape): void {
  invariant(Number.isInteger(axis) && axis >= 0 && axis < shape.length, () => `${name}: dimension ${axis} is out of range for shape ${showShape(shape)}`)
}

export function numberAttr(attrs: Attrs, name: string): number {
  const value = attrs[name]
  if (typeof value !== 'number') throw new TypeError(`attribute ${name} is not a number`)
  return value
}

export function listAttr(attrs: Attrs, name: string): readonly number[] {
  const value = attrs[name]
  if (!Array.isArray(value)) throw new TypeError(`attribute ${name} is not a list`)
  return value as readonly number[]
}

export function textAttr(attrs: Attrs, name: string): string {
  const value = attrs[name]
  if (typeof value !== 'string') throw new TypeError(`attribute ${name} is not text`)
  return value
}
