/** Values that one kernel computes, and how data flows from group to group. */
import type { Value } from '../ir/value.ts'
import { castOp } from '../ops/elementwise.ts'
import type { Domain } from './domain.ts'

/** Members of one loop kernel, or the one value of a kernel of its own kind. */
export class Group {
  readonly members = new Set<Value>()
  /** Undefined for matmul and concat, which bring their own kernels. */
  domain: Domain | undefined
  /** Of a product: what is stored in its place, computed of each element before it leaves its register. */
  ending: Value | undefined
  /** Elements a 128-bit vector holds: 2 as soon as one member is 64 bits wide. */
  lanes: 2 | 4 = 4
  /** Groups that read what this one stores. */
  readonly readers = new Set<Group>()
  /** Groups whose stores this one reads. */
  readonly sources = new Set<Group>()
  minId = Infinity
  /** The search that met it last. */
  met = 0
  /** Larger than that of every reader: what a search for a path need not look at. */
  level = 0

  add(value: Value): void {
    this.members.add(value)
    this.minId = Math.min(this.minId, value.id)
  }
}

export function depend(source: Group, reader: Group): void {
  source.readers.add(reader)
  reader.sources.add(source)
  raise(source, reader.level + 1)
}

export function raise(group: Group, level: number): void {
  if (group.level >= level) return
  group.level = level
  const raised = [group]
  for (let reader = raised.pop(); reader; reader = raised.pop()) {
    for (const source of reader.sources) {
      if (source.level > reader.level) continue
      source.level = reader.level + 1
      raised.push(source)
    }
  }
}

export function hasScatter({ members }: Group): boolean {
  for (const { op } of members) if (op.kind === 'scatter') return true
  return false
}

let searches = 0

/** The groups without repetition, in the order in which they are met. */
export function distinct(groups: Iterable<Group>): Group[] {
  const search = ++searches
  const found: Group[] = []
  for (const group of groups) {
    if (group.met === search) continue
    group.met = search
    found.push(group)
  }
  return found
}

/** Whether data flows from `from` to `to` through other groups, or directly. */
export function reaches(from: Group, to: Group, skipDirect = false): boolean {
  if (from.level <= to.level) return false
  const search = ++searches
  from.met = search
  const stack: Group[] = []
  for (const reader of from.readers) if (reader.level >= to.level && !(skipDirect && reader === to)) stack.push(reader)
  for (let group = stack.pop(); group; group = stack.pop()) {
    if (group === to) return true
    if (group.met === search) continue
    group.met = search
    for (const reader of group.readers) if (reader.level >= to.level) stack.push(reader)
  }
  return false
}

function is64(value: Value): boolean {
  return value.dtype === 'float64' || value.dtype === 'int64'
}

/** Elements of the value that a vector holds where it is computed. */
export function lanesOf(value: Value): 2 | 4 {
  if (is64(value)) return 2
  for (const input of value.inputs) if (is64(input)) return 2
  return 4
}

/** float32 arithmetic stays in loops of four lanes; only conversions of it enter loops of two. */
export function lanesFit(value: Value, lanes: 2 | 4): boolean {
  if (lanes === 4) return lanesOf(value) === 4
  const converts = value.op === castOp && lanesOf(value) === 2
  return value.dtype !== 'float32' && (converts || value.inputs.every((input) => input.dtype !== 'float32'))
}
