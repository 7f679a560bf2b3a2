/**
 * Orders the kernels, and finds which state can be updated in place: the kernel that computes the new value writes
 * over the old one, after everything else that reads it.
 */
import type { RoutineOp, Value } from '../ir/value.ts'
import type { Fusion } from './fuse.ts'
import type { Group } from './group.ts'
import type { LoopKernel, Scratch } from './lower.ts'
import { lowerLoop } from './lower.ts'
import type { MatmulKernel } from './product.ts'
import { lowerProduct } from './product.ts'

/** An algorithm of its own; working memory lives as long as the kernel runs. */
export interface RoutineKernel {
  readonly kind: 'routine'
  readonly value: Value
  readonly op: RoutineOp
  readonly scratches: readonly { readonly scratch: Scratch; readonly count: number }[]
  readonly reads: ReadonlyMap<Value, number>
  readonly writes: readonly Value[]
}

export type Kernel = LoopKernel | MatmulKernel | RoutineKernel

/** A state buffer and the value that it has after the step. */
export interface Update {
  readonly state: Value
  readonly next: Value
}

export interface Schedule {
  readonly kernels: readonly Kernel[]
  /** Values whose buffer is the state's own. */
  readonly inPlace: ReadonlyMap<Value, Value>
  /** Updates that are copied into the state at the end of the step. */
  readonly copied: readonly Update[]
}

interface Node {
  readonly kernel: Kernel | undefined
  readonly rank: number
  readonly before: Set<Node>
  readonly after: Set<Node>
}

export function schedule(fusion: Fusion, updates: readonly Update[]): Schedule {
  const nodes = new Map<Group, Node>()
  for (const group of fusion.groups) {
    nodes.set(group, { kernel: kernelOf(group, fusion), rank: group.minId, before: new Set(), after: new Set() })
  }
  for (const [group, node] of nodes) {
    for (const reader of group.readers) link(node, nodes.get(reader)!)
  }
  const all = [...nodes.values()]
  const inPlace = new Map<Value, Value>()
  const copied: Update[] = []
  const writers = nodesBy(all, (kernel) => kernel.writes)
  const readers = nodesBy(all, (kernel) => kernel.reads.keys())
  for (const update of updates) {
    if (!inPlace.has(update.next) && placeInPlace(update, writers.get(update.next) ?? [], readers.get(update.state) ?? [])) inPlace.set(update.next, update.state)
    else copied.push(update)
  }
  return { kernels: order(all), inPlace, copied }
}

function kernelOf(group: Group, fusion: Fusion): Kernel | undefined {
  if (group.domain) return lowerLoop(group, fusion)
  const [value] = group.members
  const { op } = value!
  if (op.kind === 'matmul') return lowerProduct(group, fusion.layouts)
  if (op.kind !== 'routine') return undefined
  const reads = new Map(value!.inputs.map((input) => [fusion.layouts.of(input).base, 0]))
  const scratches = op.scratch(value!.inputs, value!.attrs).map(({ dtype, count }, scratch) => ({ scratch: { scratch, dtype }, count }))
  return { kind: 'routine', value: value!, op, scratches, reads, writes: [value!] }
}

function link(first: Node, second: Node): void {
  first.after.add(second)
  second.before.add(first)
}

function nodesBy(nodes: readonly Node[], values: (kernel: Kernel) => Iterable<Value>): Map<Value, Node[]> {
  const found = new Map<Value, Node[]>()
  for (const node of nodes) {
    for (const value of node.kernel ? values(node.kernel) : []) {
      const known = found.get(value)
      if (known && known.at(-1) !== node) known.push(node)
      else if (!known) found.set(value, [node])
    }
  }
  return found
}

function placeInPlace({ state, next }: Update, writers: readonly Node[], readingOld: readonly Node[]): boolean {
  const [writer, ...more] = writers
  if (!writer || more.length > 0) return false
  if (writer.kernel!.reads.has(state) && !overwritesSafely(writer.kernel!, state, next)) return false
  const readers = readingOld.filter((node) => node !== writer)
  if (readers.some((reader) => reaches(writer, reader))) return false
  for (const reader of readers) link(reader, writer)
  return true
}

/** Every read of the old value is of the element that is then overwritten, and none comes in a later phase. */
function overwritesSafely(kernel: Kernel, state: Value, next: Value): boolean {
  if (kernel.kind !== 'loop') return false
  const writing = kernel.steps.find((step) => step.value === next && step.stores.length > 0)
  const store = writing?.stores.find((access) => access.base === next)
  if (!writing || !store || kernel.reads.get(state)! > writing.phase) return false
  return kernel.steps.every((step) => {
    if (step.indexed && (step.indexed.target.base === state || step.indexed.index.base === state)) return false
    return step.args.every((arg) => {
      if (arg.kind !== 'load' || arg.access.base !== state) return true
      return arg.full === writing.full && arg.access.offset === store.offset && String(arg.access.strides) === String(store.strides)
    })
  })
}

function reaches(from: Node, to: Node): boolean {
  const seen = new Set<Node>()
  const stack = [from]
  while (stack.length > 0) {
    const node = stack.pop()!
    if (node === to) return true
    if (seen.has(node)) continue
    seen.add(node)
    stack.push(...node.after)
  }
  return false
}

/** Topological, and otherwise in the order of the program. */
function order(nodes: readonly Node[]): Kernel[] {
  const waiting = new Map(nodes.map((node) => [node, node.before.size]))
  /** By rank, the next one last; of equal ranks the one that was ready first is next. */
  const ready = nodes.filter((node) => node.before.size === 0).toReversed().toSorted((a, b) => b.rank - a.rank)
  const kernels: Kernel[] = []
  let done = 0
  for (let node = ready.pop(); node; node = ready.pop()) {
    done++
    if (node.kernel) kernels.push(node.kernel)
    for (const next of node.after) {
      const left = waiting.get(next)! - 1
      waiting.set(next, left)
      if (left > 0) continue
      let at = ready.length
      while (at > 0 && ready[at - 1]!.rank <= next.rank) at--
      ready.splice(at, 0, next)
    }
  }
  if (done !== nodes.length) throw new Error('the kernels depend on each other in a circle')
  return kernels
}
