/**
 * Weights that lie in memory turned. A product reads its second factor row by row, and a linear layer multiplies by the
 * transposed weight: where nothing but such products reads a weight, as in a first layer, it and what the optimizer keeps
 * for it are stored transposed. Nobody outside sees that: buffers are turned when they are written and read.
 */
import type { Graph, Shape, Value } from './ir/value.ts'
import { reachable } from './ir/value.ts'
import { matmulOp } from './ops/contract.ts'
import { input, inputOp } from './ops/source.ts'
import { textAttr } from './ops/define.ts'
import { permuteOp, transposeLast } from './ops/view.ts'
import type { Leaf } from './passes/simplify.ts'

/** Those of the weights that products alone read, and always transposed as the second factor. */
export function turnedWeights(outputs: readonly Value[], weights: readonly Value[]): Set<Value> {
  const matrices = new Set(weights.filter(({ shape }) => shape.length === 2))
  const turned = new Set<Value>()
  const apart = new Set<Value>()
  for (const value of reachable(outputs)) {
    for (const [i, given] of value.inputs.entries()) {
      if (matrices.has(given) && value.op !== permuteOp) apart.add(given)
      const weight = given.op === permuteOp ? given.inputs[0]! : undefined
      if (!weight || !matrices.has(weight)) continue
      if (value.op === matmulOp && i === 1) turned.add(weight)
      else apart.add(weight)
    }
  }
  for (const value of outputs) apart.add(value)
  return turned.difference(apart)
}

export function turnedShape(shape: Shape): Shape {
  return shape.toReversed()
}

/** The input that has the buffer of a turned tensor as it lies in memory. */
export function turnedInput(graph: Graph, name: string, shape: Shape, dtype: Value['dtype']): Value {
  return input(graph, turnedName(name), turnedShape(shape), dtype)
}

export function turnedName(name: string): string {
  return `turned ${name}`
}

/** In the place of the inputs of these names stand views of what lies in memory. */
export function turnedLeaf(names: ReadonlySet<string>): Leaf {
  return (graph, { op, attrs, shape, dtype }) => {
    if (op !== inputOp || !names.has(textAttr(attrs, 'name'))) return undefined
    return transposeLast(turnedInput(graph, textAttr(attrs, 'name'), shape, dtype))
  }
}
