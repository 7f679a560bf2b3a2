/**
 * The oracle: evaluates a graph node by node in float64. Slow and plain on purpose; tests compare the compiled
 * module with it. Of what serves a request, only the numbers of constants are found with it (functions/constants.ts).
 */
import { invariant } from './errors.ts'
import { flatDims } from './ir/layout.ts'
import { contiguous } from './ir/layout.ts'
import { numberCode } from './ir/numbers.ts'
import { numberRoutine } from './ir/routine.ts'
import type { Dense, DType, RoutineOp, Shape, Value } from './ir/value.ts'
import { isFloat, numel, reachable } from './ir/value.ts'
import { listAttr, numberAttr, textAttr } from './ops/define.ts'
import { routineOperands } from './ops/routine.ts'

/** Values of `roots`, given the numbers of each input by name (row-major; bools as 0 and 1). */
export function interpret(roots: readonly Value[], inputs: ReadonlyMap<string, Float64Array>): Float64Array[] {
  const known = new Map<Value, Dense>()
  for (const value of reachable(roots)) {
    known.set(value, { shape: value.shape, data: evaluate(value, value.inputs.map((input) => known.get(input)!), inputs) })
  }
  return roots.map((root) => known.get(root)!.data)
}

function evaluate(value: Value, args: readonly Dense[], inputs: ReadonlyMap<string, Float64Array>): Float64Array {
  const { op, attrs, shape } = value
  const count = numel(shape)
  switch (op.kind) {
    case 'source':
      return evaluateSource(value, inputs, count)
    case 'map': {
      const from = value.inputs.map((input) => input.dtype)
      const code = numberCode(from[0]!)
      const element = Array<number>(args.length)
      return Float64Array.from({ length: count }, (_, i) => {
        for (let k = 0; k < args.length; k++) element[k] = args[k]!.data[i]!
        return wrap(op.lower(code, element, attrs, from), value.dtype)
      })
    }
    case 'reduce': {
      const code = numberCode(value.dtype)
      const out = new Float64Array(count).fill(op.identity(value.dtype))
      const target = reduceTarget(value.inputs[0]!.shape, listAttr(attrs, 'axes'))
      args[0]!.data.forEach((x, i) => {
        const to = target(i)
        out[to] = op.combine(code, out[to]!, x)
      })
      return out
    }
    case 'view': {
      const layout = op.layout(contiguous(args[0]!.shape), attrs, shape)
      invariant(layout, 'a view of a whole buffer has a layout')
      const dims = flatDims(layout)
      return Float64Array.from({ length: count }, (_, i) => {
        let at = layout.offset
        let rest = i
        for (let d = dims.length - 1; d >= 0; d--) {
          at += (rest % dims[d]!.size) * dims[d]!.stride
          rest = Math.floor(rest / dims[d]!.size)
        }
        return args[0]!.data[at]!
      })
    }
    case 'routine':
      return evaluateRoutine(value, op, args)
    default:
      return op.evaluate(args, attrs, shape)
  }
}

function evaluateRoutine(value: Value, op: RoutineOp, args: readonly Dense[]): Float64Array {
  const scratch = op.scratch(value.inputs, value.attrs)
  const result = new Float64Array(numel(value.shape))
  op.program(numberRoutine([...args.map(({ data }) => data), result, ...scratch.map(({ count }) => new Float64Array(count))]), routineOperands(value, op))
  return result
}

function evaluateSource(value: Value, inputs: ReadonlyMap<string, Float64Array>, count: number): Float64Array {
  if (value.op.name === 'constant') return Float64Array.of(numberAttr(value.attrs, 'value'))
  if (value.op.name === 'literal') return Float64Array.from(listAttr(value.attrs, 'values'))
  if (value.op.name === 'iota') return Float64Array.from({ length: count }, (_, i) => i)
  const name = textAttr(value.attrs, 'name')
  const data = inputs.get(name)
  invariant(data && data.length === count, `input ${name} has ${count} numbers`)
  return data
}

/** int64 arithmetic wraps; float64 holds it exactly up to 2^53, which the tests stay below. */
function wrap(x: number, dtype: DType): number {
  return isFloat(dtype) || Number.isSafeInteger(x) ? x : Number(BigInt.asIntN(64, BigInt(Math.trunc(x))))
}

function reduceTarget(shape: Shape, axes: readonly number[]): (at: number) => number {
  return (at) => {
    let rest = at
    let target = 0
    let stride = 1
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const size = shape[axis]!
      const coordinate = rest % size
      rest = Math.floor(rest / size)
      if (axes.includes(axis)) continue
      target += coordinate * stride
      stride *= size
    }
    return target
  }
}
