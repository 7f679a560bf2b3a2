/**
 * Puts the graph into the form that fusion expects, by adding copies:
 *
 *  - each part of a concatenation is a copy of its own, which is then written straight to its place;
 *  - what a kernel addresses as a whole (factors of a product, indexed data) has a buffer, and a second factor that
 *    several products would turn, each for itself, is turned once;
 *  - what a routine works on is whole and row-major, and where the code says, which rows of a minibatch are not;
 *  - the layouts of a map's or a reduction's inputs nest, so that one set of loops can walk them all.
 */
import type { Output } from '../ir/print.ts'
import { flatDims, isWhole } from '../ir/layout.ts'
import { mapped, mappedNumbers } from '../ir/lists.ts'
import type { MapOp, Value } from '../ir/value.ts'
import { Graph, madeOf, numel, reachable } from '../ir/value.ts'
import { listAttr, numberAttr, register } from '../ops/define.ts'
import { copy } from '../ops/elementwise.ts'
import { rowsOp } from '../ops/indexing.ts'
import { constantOp, iotaOp } from '../ops/source.ts'
import type { Domain } from './domain.ts'
import { meet, plainDomain, reduceDomain } from './domain.ts'
import { Layouts } from './simplify.ts'

/** A copy that is written to part `part` of concatenation number `target`. */
export const placeOp: MapOp = register({
  kind: 'map',
  name: 'place',
  arity: 1,
  cost: 0,
  infer: ([x]) => ({ shape: x!.shape, dtype: x!.dtype }),
  lower: (_s, [x]) => x!,
  grad: (g) => [g],
})

export function legalize(outputs: readonly Output[]): Output[] {
  const first = outputs[0]
  if (!first) return []
  const graph = new Graph(first.value.graph.limits)
  const layouts = new Layouts()
  /** By the number of the old value. */
  const done: Value[] = []
  const values = reachable(mapped(outputs, (output) => output.value))
  const products = secondFactors(values)
  for (const value of values) {
    const inputs = madeOf(value.inputs, done)
    graph.place = value.place
    done[value.id] = graph.again(value, value.op.kind === 'matmul' ? legalFactors(inputs, products.get(value.inputs[1]!)!, layouts) : legalInputs(value, inputs, layouts))
  }
  return mapped(outputs, ({ name, value }) => ({ name, value: done[value.id]! }))
}

function legalInputs(value: Value, inputs: readonly Value[], layouts: Layouts): readonly Value[] {
  const { op } = value
  switch (op.kind) {
    case 'map':
    case 'reduce':
      return hasView(inputs) ? nestedInputs(value, inputs, layouts) : inputs
    case 'gather':
    case 'scatter':
      return nestedInputs(value, inputs, layouts)
    case 'concat':
      return placedInputs(value, inputs)
    case 'routine':
      return wholeInputs(inputs, layouts)
    default:
      return inputs
  }
}

function hasView(inputs: readonly Value[]): boolean {
  for (const { op } of inputs) if (op.kind === 'view') return true
  return false
}

function placedInputs({ id: target, attrs }: Value, inputs: readonly Value[]): readonly Value[] {
  const axis = numberAttr(attrs, 'axis')
  return mapped(inputs, (part, i) => part.graph.add(placeOp, [part], { target, part: i, axis }))
}

function wholeInputs(inputs: readonly Value[], layouts: Layouts): readonly Value[] {
  return mapped(inputs, (input) => {
    const { base, layout } = layouts.of(input)
    return base.op !== rowsOp && isWhole(layout, numel(input.shape)) ? inMemory(input, layouts) : copy(input)
  })
}

function nestedInputs(value: Value, inputs: readonly Value[], layouts: Layouts): readonly Value[] {
  const { op } = value
  let domain: Domain | undefined
  return mapped(inputs, (given, i) => {
    const isElement = op.kind === 'map' || op.kind === 'reduce' || (op.kind === 'scatter' && i === 0)
    const input = isElement ? given : inMemory(given, layouts)
    if (op.kind === 'gather' && i === 0) return input
    const { layout } = layouts.of(input)
    if (isWhole(layout, numel(input.shape))) return input
    const met = meet(domain ?? ownDomain(value, inputs, layouts), plainDomain(mappedNumbers(flatDims(layout), (dim) => dim.size)))
    if (!met) return copy(input)
    domain = met
    return input
  })
}

/** How many products each second factor has. */
function secondFactors(values: readonly Value[]): Map<Value, number> {
  const counts = new Map<Value, number>()
  for (const { op, inputs } of values) if (op.kind === 'matmul') counts.set(inputs[1]!, (counts.get(inputs[1]!) ?? 0) + 1)
  return counts
}

/** Elements of a factor that is turned by a copy, at most: the second cache holds it. */
const mostTurned = 65536

function legalFactors([a, b]: readonly Value[], products: number, layouts: Layouts): Value[] {
  const column = layouts.of(b!).layout.axes.at(-1)![0]?.stride ?? 1
  const turns = products > 1 && column !== 1 && numel(b!.shape) <= mostTurned
  return [inMemory(a!, layouts), turns ? copy(b!) : inMemory(b!, layouts)]
}

/** Numbers that kernels make up as they go have no buffer to point at: a copy gives them one. */
function inMemory(x: Value, layouts: Layouts): Value {
  const { base } = layouts.of(x)
  return base.op === constantOp || base.op === iotaOp ? copy(x) : x
}

const notReduced = [false]
const oneNumber: Domain = { sizes: [], reduced: [], split: false }

/** The sizes that a loop member needs for itself, whatever its inputs' layouts are. */
export function ownDomain(value: Value, inputs: readonly Value[], layouts: Layouts): Domain {
  const { op, attrs } = value
  if (op.kind === 'reduce') return reduceDomain(inputs[0]!.shape, listAttr(attrs, 'axes'))
  if (op.kind === 'gather') {
    const axis = numberAttr(attrs, 'axis')
    const { layout } = layouts.of(inputs[0]!)
    return plainDomain(layout.axes.flatMap((dims, i) => (i === axis ? [value.shape[axis]!] : dims.map((dim) => dim.size))))
  }
  if (op.kind === 'scatter') {
    const axis = numberAttr(attrs, 'axis')
    const shape = inputs[0]!.shape
    return plainDomain([numel(shape.slice(0, axis)), shape[axis]!, numel(shape.slice(axis + 1))])
  }
  if (op === placeOp) {
    const axis = numberAttr(attrs, 'axis')
    return plainDomain([numel(value.shape.slice(0, axis)), numel(value.shape.slice(axis))])
  }
  const count = numel(value.shape)
  return count === 1 ? oneNumber : { sizes: [count], reduced: notReduced, split: false }
}
