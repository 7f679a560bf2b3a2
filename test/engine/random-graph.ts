/** Random graphs over the whole op table, for comparing executors and checking the memory plan. */
import type { DType, Shape, Value } from '../../engine/ir/value.ts'
import { Graph, isFloat, numel } from '../../engine/ir/value.ts'
import { matmul } from '../../engine/ops/contract.ts'
import * as ew from '../../engine/ops/elementwise.ts'
import { amax, amin } from '../../engine/ops/extrema.ts'
import { checkIndex, gather, rows as rowsOf, scatterAdd } from '../../engine/ops/indexing.ts'
import { input, iota } from '../../engine/ops/source.ts'
import { concat, expand, permute, reshape, slice, sum, transposeLast } from '../../engine/ops/view.ts'
import { TestRandom } from './agree.ts'

export interface RandomGraph {
  readonly roots: Value[]
  readonly inputs: Map<string, Float64Array>
  readonly parameters: Value[]
}

const sizes = [1, 1, 2, 3, 4, 5, 7, 8, 13, 16, 33]

/**
 * A graph of about `length` operations on float tensors. `smooth`: only operations without kinks, for gradients. `inRows`:
 * on rows of larger tensors.
 */
export function randomGraph(seed: number, length: number, dtype: DType, smooth: boolean, inRows = false): RandomGraph {
  const random = new TestRandom(seed)
  const graph = new Graph()
  const inputs = new Map<string, Float64Array>()
  const pool: Value[] = []
  const fresh = (shape: Shape): Value => {
    const name = `x${inputs.size}`
    const [size, ...rest] = shape
    const whole = inRows && size !== undefined ? [size + 4, ...rest] : shape
    inputs.set(name, random.numbers(whole, -1.5, 1.5))
    const tensor = input(graph, name, whole, dtype)
    if (whole === shape) return tensor
    inputs.set('first', Float64Array.of(3))
    return rowsOf(tensor, input(graph, 'first', [], 'int32'), size!)
  }
  const randomShape = (): number[] => {
    const rank = random.below(4)
    let shape = Array.from({ length: rank }, () => random.pick(sizes))
    while (numel(shape) > 2000) shape = shape.slice(1)
    return shape
  }
  for (let i = 0; i < 2 + random.below(3); i++) pool.push(fresh(randomShape()))
  const parameters = [...pool]
  for (let i = 0; i < length; i++) {
    const x = random.pick(pool.slice(-6))
    const next = grow(random, pool, x, fresh, smooth)
    if (next && numel(next.shape) <= 4000) pool.push(next)
  }
  const used = new Set(pool.flatMap((value) => value.inputs))
  const roots = pool.filter((value) => !used.has(value) && isFloat(value.dtype))
  return { roots: roots.length > 0 ? roots : [pool.at(-1)!], inputs, parameters }
}

/** A scalar that depends on every element of every root. */
export function scalarOf(roots: readonly Value[]): Value {
  return roots.map((root) => sum(ew.mul(root, root), root.shape.map((_, axis) => axis))).reduce((a, b) => ew.add(a, b))
}

function grow(random: TestRandom, pool: readonly Value[], x: Value, fresh: (shape: Shape) => Value, smooth: boolean): Value | undefined {
  const { shape } = x
  const rank = shape.length
  const axis = random.below(Math.max(1, rank))
  const mate = (): Value => {
    const same = pool.filter((value) => String(value.shape) === String(shape))
    const partial = shape.map((n) => (random.next() < 0.3 ? 1 : n))
    return random.next() < 0.6 ? random.pick(same) : expand(fresh(partial), shape)
  }
  switch (random.below(smooth ? 14 : 19)) {
    case 0:
      return ew.add(x, mate())
    case 1:
      return ew.mul(x, mate())
    case 2:
      return ew.sub(mate(), x)
    case 3:
      return random.pick([ew.tanh, ew.sigmoid, ew.neg, (v: Value) => ew.sin(ew.tanh(v)), (v: Value) => ew.cos(ew.sigmoid(v))])(x)
    case 4:
      return ew.div(x, ew.add(ew.abs(mate()), 2))
    case 5:
      return ew.exp(ew.neg(ew.mul(x, x)))
    case 6:
      return rank > 0 ? sum(x, axesOf(random, rank)) : undefined
    case 7:
      return reshape(x, random.pick(factorisations(random, numel(shape))))
    case 8:
      return permute(x, shuffled(random, rank))
    case 9:
      return expand(reshape(x, [...shape, 1]), [...shape, random.pick([1, 2, 3, 5])])
    case 10: {
      if (rank === 0) return undefined
      const size = shape[axis]!
      const start = random.below(size)
      const step = random.pick([1, 1, 2, 3, -1, -2])
      const room = step > 0 ? Math.ceil((size - start) / step) : Math.ceil((start + 1) / -step)
      return slice(x, axis, start, 1 + random.below(room), step)
    }
    case 11:
      return rank > 0 ? concat([x, mate(), x].slice(0, 1 + random.below(3)), axis) : undefined
    case 12: {
      if (rank < 2) return undefined
      const k = shape[rank - 1]!
      const other = fresh([...shape.slice(0, -2), k, random.pick(sizes)])
      return matmul(x, random.next() < 0.5 ? other : transposeLast(fresh([...shape.slice(0, -2), other.shape.at(-1)!, k])))
    }
    case 13: {
      if (rank === 0) return undefined
      // Normalise over an axis: reductions that feed the elements they came from.
      const total = sum(ew.mul(x, x), [axis])
      const kept = shape.with(axis, 1)
      return ew.div(x, expand(reshape(ew.sqrt(ew.add(total, 1)), kept), shape))
    }
    case 14:
      return ew.where(ew.lt(x, mate()), x, mate())
    case 15:
      return ew.relu(x)
    case 16:
      return rank > 0 ? random.pick([amax, amin])(x, axesOf(random, rank)) : undefined
    case 17: {
      if (rank === 0) return undefined
      const rows = random.pick([1, 2, 5])
      const places = ew.cast(ew.floor(ew.mul(ew.abs(ew.tanh(fresh(shape.with(axis, rows)))), shape[axis]! - 0.001)), 'int64')
      return gather(x, checkIndex(places, shape[axis]!, 'index'), axis)
    }
    default: {
      if (rank === 0) return undefined
      const size = random.pick([3, 6])
      const spread = expand(reshape(iota(x.graph, shape[axis]!), shape.map((n, i) => (i === axis ? n : 1))), shape)
      const places = ew.where(ew.lt(x, 0), ew.fullLike(spread, 1), ew.fullLike(spread, size - 1))
      return scatterAdd(x, checkIndex(places, size, 'index'), axis, size)
    }
  }
}

function axesOf(random: TestRandom, rank: number): number[] {
  const axes = [...Array(rank).keys()].filter(() => random.next() < 0.5)
  return axes.length > 0 ? axes : [random.below(rank)]
}

function shuffled(random: TestRandom, rank: number): number[] {
  const order = [...Array(rank).keys()]
  for (let i = rank - 1; i > 0; i--) {
    const j = random.below(i + 1)
    ;[order[i], order[j]] = [order[j]!, order[i]!]
  }
  return order
}

function factorisations(random: TestRandom, count: number): number[][] {
  const divisors = [...Array(count).keys()].map((i) => i + 1).filter((d) => count % d === 0)
  const d = random.pick(divisors)
  const e = random.pick(divisors.filter((f) => (count / d) % f === 0))
  return [[count], [d, count / d], [d, e, count / d / e], [1, d, count / d]]
}
