/**
 * Sums of products over named axes: what einsum, tensordot and bilinear have in common. Axes are named by numbers;
 * equal names are walked together, and what the result does not name is summed.
 */
import { showShape } from '../errors.ts'
import type { Value } from '../ir/value.ts'
import { numel } from '../ir/value.ts'
import type { TraceContext } from '../lang/values.ts'
import { fail } from '../lang/values.ts'
import { permute, reshape } from '../ops/view.ts'
import { lastDiagonal } from './diagonals.ts'
import { mul } from './elementwise.ts'
import { matmul } from './products.ts'
import { sum } from './reductions.ts'

export interface Labelled {
  readonly value: Value
  /** A name for each axis. */
  readonly labels: readonly number[]
}

/**
 * The tensor with the axes `output` of the sum of products of `operands`. Sizes of 1 broadcast. Operands are multiplied
 * two at a time, as batched products of matrices, first those whose product saves the most room (opt_einsum's greedy
 * order). `what` begins the errors.
 */
export function contract(ctx: TraceContext, operands: readonly Labelled[], output: readonly number[], what: string): Value {
  const sizes = sizesOf(ctx, operands, what)
  let rest = operands.map((operand) => withoutOnes(withoutRepeats(ctx, operand, what)))
  rest = rest.map((operand, i) => summed(operand, namesOf([...rest.slice(0, i), ...rest.slice(i + 1)], output)))
  while (rest.length > 1) {
    const [i, j] = cheapestPair(rest, output, sizes)
    const others = rest.filter((_, at) => at !== i && at !== j)
    rest = [...others, multiply(ctx, rest[i]!, rest[j]!, namesOf(others, output))]
  }
  const { value, labels } = rest[0]!
  const present = output.filter((label) => labels.includes(label))
  const ordered = permute(value, present.map((label) => labels.indexOf(label)))
  return reshape(ordered, output.map((label) => sizes.get(label)!))
}

/** The size of each axis; 1 only where all operands have 1. */
function sizesOf(ctx: TraceContext, operands: readonly Labelled[], what: string): Map<number, number> {
  const sizes = new Map<number, number>()
  for (const { value, labels } of operands) {
    for (const [axis, label] of labels.entries()) {
      const [size, known] = [value.shape[axis]!, sizes.get(label) ?? 1]
      if (size !== known && size !== 1 && known !== 1) {
        fail(ctx, 'shape_mismatch', `${what}: sizes ${known} and ${size} stand for one subscript; the shapes are ${operands.map((operand) => showShape(operand.value.shape)).join(', ')}`)
      }
      sizes.set(label, known === 1 ? size : known)
    }
  }
  return sizes
}

function namesOf(operands: readonly Labelled[], output: readonly number[]): Set<number> {
  return new Set([...output, ...operands.flatMap(({ labels }) => labels)])
}

/** Axes of one name become one, the diagonal. */
function withoutRepeats(ctx: TraceContext, operand: Labelled, what: string): Labelled {
  const { value, labels } = operand
  const second = labels.findIndex((label, axis) => labels.indexOf(label) < axis)
  if (second < 0) return operand
  const first = labels.indexOf(labels[second]!)
  if (value.shape[first] !== value.shape[second]) {
    fail(ctx, 'shape_mismatch', `${what}: a subscript that is there twice takes equal sizes, got ${value.shape[first]} and ${value.shape[second]} in shape ${showShape(value.shape)}`)
  }
  const rest = [...labels.keys()].filter((axis) => axis !== first && axis !== second)
  const taken = lastDiagonal(permute(value, [...rest, first, second]), 0)
  return withoutRepeats(ctx, { value: taken, labels: [...rest.map((axis) => labels[axis]!), labels[first]!] }, what)
}

function withoutOnes({ value, labels }: Labelled): Labelled {
  return { value: reshape(value, value.shape.filter((n) => n !== 1)), labels: labels.filter((_, axis) => value.shape[axis] !== 1) }
}

/** Axes that nothing else names are summed. */
function summed({ value, labels }: Labelled, needed: ReadonlySet<number>): Labelled {
  const axes = labels.flatMap((label, axis) => (needed.has(label) ? [] : [axis]))
  return axes.length === 0 ? { value, labels } : { value: sum(value, axes), labels: labels.filter((label) => needed.has(label)) }
}

function cheapestPair(operands: readonly Labelled[], output: readonly number[], sizes: ReadonlyMap<number, number>): readonly [number, number] {
  let best: readonly [number, number] = [0, 1]
  let least = Infinity
  for (const [i, a] of operands.entries()) {
    for (const [j, b] of operands.entries()) {
      if (j <= i) continue
      const needed = namesOf(operands.filter((_, at) => at !== i && at !== j), output)
      const kept = [...new Set([...a.labels, ...b.labels])].filter((label) => needed.has(label))
      const growth = kept.reduce((n, label) => n * sizes.get(label)!, 1) - numel(a.value.shape) - numel(b.value.shape)
      if (growth < least) [best, least] = [[i, j], growth]
    }
  }
  return best
}

/** The product of two operands; axes of both that are not `needed` any more are summed. */
function multiply(ctx: TraceContext, a: Labelled, b: Labelled, needed: ReadonlySet<number>): Labelled {
  const shared = a.labels.filter((label) => b.labels.includes(label))
  const batch = shared.filter((label) => needed.has(label))
  const inner = shared.filter((label) => !needed.has(label))
  const [rows, columns] = [a, b].map(({ labels }) => labels.filter((label) => !shared.includes(label))) as [number[], number[]]
  const labels = [...batch, ...rows, ...columns]
  if (inner.length === 0 || (rows.length === 0 && columns.length === 0 && a.value.dtype === b.value.dtype)) {
    // No product of matrices: elementwise, in the loop of its neighbours.
    const all = [...labels, ...inner]
    const products = mul(ctx, spreadOver(a, all), spreadOver(b, all))
    return { value: inner.length === 0 ? products : sum(products, inner.map((_, i) => batch.length + i)), labels }
  }
  const product = matmul(ctx, asMatrices(a, batch, rows, inner), asMatrices(b, batch, inner, columns))
  const sizeIn = (operand: Labelled) => (label: number): number => operand.value.shape[operand.labels.indexOf(label)]!
  const shape = [...[...batch, ...rows].map(sizeIn(a)), ...columns.map(sizeIn(b))]
  return { value: reshape(product, shape), labels }
}

/** An axis for each of `labels`, of size 1 where the operand has none. */
function spreadOver({ value, labels: own }: Labelled, labels: readonly number[]): Value {
  const ordered = permute(value, labels.filter((label) => own.includes(label)).map((label) => own.indexOf(label)))
  return reshape(ordered, labels.map((label) => (own.includes(label) ? value.shape[own.indexOf(label)]! : 1)))
}

/** [batch…, rows, columns], where several axes make up the rows and the columns. */
function asMatrices({ value, labels }: Labelled, batch: readonly number[], rows: readonly number[], columns: readonly number[]): Value {
  const size = (label: number): number => value.shape[labels.indexOf(label)]!
  const count = (group: readonly number[]): number => group.reduce((n, label) => n * size(label), 1)
  const ordered = permute(value, [...batch, ...rows, ...columns].map((label) => labels.indexOf(label)))
  return reshape(ordered, [...batch.map(size), count(rows), count(columns)])
}
