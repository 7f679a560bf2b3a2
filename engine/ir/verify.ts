/** What a legal graph is. Run between passes in tests and in CI. */
import { EngineFault } from '../errors.ts'
import { contiguous, elementsOf } from './layout.ts'
import type { Value } from './value.ts'
import { numel, reachable, sameShape } from './value.ts'

/**
 * Throws an EngineFault that names the first value that breaks a rule: inputs come before the value and belong
 * to its graph, the type is what the record infers, a map has its record's arity, a view's layout (when it has
 * one) covers as many elements as the result.
 */
export function verify(roots: readonly Value[]): void {
  for (const value of reachable(roots)) {
    const fail = (rule: string): never => {
      throw new EngineFault(`%${value.id} ${value.op.name}: ${rule}`)
    }
    for (const input of value.inputs) {
      if (input.id >= value.id) fail('an input does not come before the value')
      if (input.graph !== value.graph) fail('an input belongs to another graph')
    }
    if (value.graph.values[value.id] !== value) fail('the graph does not know the value')
    const type = value.op.infer(value.inputs, value.attrs)
    if (!sameShape(type.shape, value.shape) || type.dtype !== value.dtype) fail('the type is not what the record infers')
    if (value.shape.some((size) => !Number.isInteger(size) || size < 0)) fail('a size is no whole number')
    if (value.op.kind === 'map' && value.inputs.length !== value.op.arity) fail('the arity is wrong')
    if (value.op.kind === 'source' && value.inputs.length > 0) fail('a source has inputs')
    if (value.op.kind === 'view') {
      const layout = value.op.layout(contiguous(value.inputs[0]!.shape), value.attrs, value.shape)
      if (layout && elementsOf(layout) !== numel(value.shape)) fail('the layout does not cover the result')
    }
  }
}
