/**
 * Fusion: decides which values are computed in one kernel.
 *
 * Values are placed from the last to the first. A value joins the kernel of its consumers when that kernel can
 * hand it over in a register: same iteration space, or a reduction's result spread over what was folded. Kernels
 * that read the same data over the same space are then merged. No step may make the kernels depend on each
 * other in a circle.
 */
import { invariant } from '../errors.ts'
import type { Layout } from '../ir/layout.ts'
import { elementsOf, flatDims, isWhole, stridesOn } from '../ir/layout.ts'
import { mappedNumbers } from '../ir/lists.ts'
import type { Value } from '../ir/value.ts'
import { byteSize, isGiven, numel, reachable } from '../ir/value.ts'
import { castOp } from '../ops/elementwise.ts'
import { indexOp } from '../ops/indexing.ts'
import type { Domain } from './domain.ts'
import { fullCount, meet, meetKept, outerCount, outerStrides, plainDomain, sameItems } from './domain.ts'
import { Group, depend, distinct, hasScatter, lanesFit, lanesOf, raise, reaches } from './group.ts'
import { ownDomain } from './legalize.ts'
import { endsProduct } from './product.ts'
import { Layouts, uniform } from './simplify.ts'

export interface Use {
  readonly consumer: Value
  readonly layout: Layout
}

export interface Fusion {
  readonly groups: readonly Group[]
  readonly layouts: Layouts
  /** Values that have a buffer. */
  readonly stored: ReadonlySet<Value>
  /** The concatenation that each placed part belongs to. */
  readonly targets: ReadonlyMap<Value, Value>
}

const maxMembers = 300

/** Where very many kernels read one buffer, each is merged with some of those that come next: what is far away mostly depends on it. */
const mostSiblings = 64

/** Whether the value is computed in loops (and not by a kernel of its own kind). */
export function isLoopMember(value: Value): boolean {
  const { kind } = value.op
  return kind === 'map' || kind === 'reduce' || kind === 'gather' || kind === 'scatter'
}

/** Operands that a loop member reads as elements: not the data of a gather, not the index of either. */
export function elementInputs(value: Value): readonly Value[] {
  if (value.op.kind === 'gather') return []
  return value.op.kind === 'scatter' ? [value.inputs[0]!] : value.inputs
}

/** `values` are those that the outputs need, in topological order. */
export function fuse(outputs: readonly Value[], values: readonly Value[] = reachable(outputs)): Fusion {
  return new Fuser(outputs, values).run()
}

class Fuser {
  readonly layouts = new Layouts()
  readonly order: Value[]
  readonly outputs: ReadonlySet<Value>
  /** By the number of the value. */
  readonly #uses: Use[][] = []
  readonly #groupsOf: Group[][] = []
  readonly #domains: Domain[] = []
  readonly #external: (readonly (readonly number[])[])[] = []
  readonly groups = new Set<Group>()
  readonly stored = new Set<Value>()

  constructor(outputs: readonly Value[], values: readonly Value[]) {
    this.outputs = new Set(outputs)
    this.order = values.filter((value) => value.op.kind !== 'view')
    for (const consumer of this.order) {
      for (const input of consumer.inputs) {
        const { base, layout } = this.layouts.of(input)
        const list = this.#uses[base.id]
        if (list) list.push({ consumer, layout })
        else this.#uses[base.id] = [{ consumer, layout }]
      }
    }
  }

  #usesOf(value: Value): readonly Use[] {
    return this.#uses[value.id] ?? none
  }

  /** The kernels that hold a consumer. */
  #readersOf(uses: readonly Use[]): readonly Group[] {
    const [first] = uses
    const groups = first ? this.#in(first.consumer) : none
    if (uses.length <= 1 && groups.length <= 1) return groups
    const found: Group[] = []
    for (const { consumer } of uses) for (const group of this.#in(consumer)) found.push(group)
    return found.length > 1 ? distinct(found) : found
  }

  /** The kernels that compute `value`. */
  #in(value: Value): readonly Group[] {
    return this.#groupsOf[value.id] ?? none
  }

  run(): Fusion {
    for (const value of this.order.toReversed()) {
      if (isGiven(value)) continue
      if (isLoopMember(value)) this.place(value)
      else this.#open(value)
    }
    this.#mergeSiblings()
    for (const value of this.order) if (value.op.kind === 'matmul') this.#end(value)
    for (const value of this.order) if (this.#needsBuffer(value)) this.stored.add(value)
    const targets = new Map(this.order.flatMap((value) => (value.op.kind === 'concat' ? value.inputs.map((part) => [part, value] as const) : [])))
    return { groups: [...this.groups], layouts: this.layouts, stored: this.stored, targets }
  }

  place(value: Value): void {
    const uses = this.#usesOf(value)
    const consumers = this.#readersOf(uses)
    const [only] = consumers
    if (!only || consumers.length > 1) return this.#placeForAll(value, uses, consumers)
    const domain = this.#joined(value, only, uses)
    if (domain) this.#join(value, only, domain)
    else this.#open(value)
  }

  #placeForAll(value: Value, uses: readonly Use[], consumers: readonly Group[]): void {
    const candidates: { readonly group: Group; readonly domain: Domain }[] = []
    for (const group of consumers) {
      const domain = this.#joined(value, group, uses)
      if (domain) candidates.push({ group, domain })
    }
    if (candidates.length === consumers.length && candidates.length > 0 && this.#isCheap(value)) {
      // So cheap that every kernel that wants it computes it itself.
      for (const { group, domain } of candidates) this.#join(value, group, domain)
      return
    }
    const merged = candidates.length > 1 && this.#mergeAll(candidates.map(({ group }) => group))
    for (const { group, domain: alone } of candidates) {
      if (!this.groups.has(group)) continue
      const domain = merged ? this.#joined(value, group, uses) : alone
      if (!domain) continue
      const others = consumers.filter((other) => other !== group && this.groups.has(other))
      if (others.some((other) => reaches(other, group))) continue
      this.#join(value, group, domain)
      for (const other of others) depend(group, other)
      return
    }
    this.#open(value)
  }

  #open(value: Value): void {
    const group = new Group()
    if (isLoopMember(value)) {
      let domain: Domain | null = this.#own(value)
      for (const sizes of this.#externalSizes(value)) domain = domain && meet(domain, plainDomain(sizes))
      invariant(domain, () => `the layouts of the inputs of %${value.id} nest`)
      group.domain = domain
      group.lanes = lanesOf(value)
    }
    this.groups.add(group)
    this.#insert(value, group)
    for (const { consumer } of this.#usesOf(value)) {
      for (const reader of this.#in(consumer)) if (reader !== group) depend(group, reader)
    }
  }

  #insert(value: Value, group: Group): void {
    group.add(value)
    const groups = this.#groupsOf[value.id]
    if (!groups) this.#groupsOf[value.id] = [group]
    else if (!groups.includes(group)) groups.push(group)
  }

  #join(value: Value, group: Group, domain: Domain): void {
    group.domain = domain
    this.#insert(value, group)
  }

  #own(value: Value): Domain {
    return (this.#domains[value.id] ??= ownDomain(value, value.inputs, this.layouts))
  }

  /** Sizes of the layouts through which a member would read memory in loops other than plain row-major order. */
  #externalSizes(value: Value): readonly (readonly number[])[] {
    return (this.#external[value.id] ??= this.#findExternalSizes(value))
  }

  #findExternalSizes(value: Value): readonly (readonly number[])[] {
    const inputs = value.op.kind === 'gather' || value.op.kind === 'scatter' ? [...elementInputs(value), value.inputs[1]!] : elementInputs(value)
    const found: number[][] = []
    for (const input of inputs) {
      if (input.op.kind !== 'view') continue
      const { base, layout } = this.layouts.of(input)
      if (!isWhole(layout, elementsOf(layout)) && uniform(base) === undefined) found.push(mappedNumbers(flatDims(layout), (dim) => dim.size))
    }
    return found.length > 0 ? found : none
  }

  /** The domain of `group` with `value` in it, or null when it cannot join. */
  #joined(value: Value, group: Group, uses: readonly Use[]): Domain | null {
    const before = group.domain
    if (!before || group.members.size >= maxMembers || value.op.kind === 'scatter') return null
    if (!lanesFit(value, group.lanes)) return null
    for (const { consumer } of uses) if (group.members.has(consumer) && !this.#readsElements(consumer, value)) return null
    const domain = this.#domainWith(value, before, group)
    if (!domain) return null
    for (const use of uses) if (group.members.has(use.consumer) && !handsOver(value, use, domain)) return null
    return domain
  }

  /** Whether a value that uses `value` reads it as elements only, and not at indices or as indices. */
  #readsElements({ op, inputs }: Value, value: Value): boolean {
    if (op.kind === 'scatter') return this.layouts.of(inputs[0]!).base === value && this.layouts.of(inputs[1]!).base !== value
    return op.kind !== 'gather'
  }

  #domainWith(value: Value, before: Domain, group: Group): Domain | null {
    const own = this.#own(value)
    const external = this.#externalSizes(value)
    const count = numel(value.shape)
    if (value.op.kind === 'reduce') {
      const full = fullCount(own)
      let domain: Domain | null
      if (before.split || fullCount(before) === full) domain = fullCount(before) === full ? meet(before, own) : null
      else domain = fullCount(before) === count && !hasScatter(group) ? promote(own, before) : null
      for (const sizes of external) domain = domain && meet(domain, plainDomain(sizes))
      return domain
    }
    if (count === fullCount(before)) {
      let domain: Domain | null = meet(before, own)
      for (const sizes of external) domain = domain && meet(domain, plainDomain(sizes))
      return domain
    }
    let domain: Domain | null = before
    if (!before.split) {
      const reduction = this.#reductionBehind(value, fullCount(before))
      if (!reduction) return null
      domain = meet(before, this.#own(reduction))
    }
    if (!domain || count !== outerCount(domain)) return null
    domain = meetKept(domain, own.sizes)
    for (const sizes of external) domain = domain && meetKept(domain, sizes)
    return domain
  }

  /** A reduction of `full` elements whose result `value` is computed from, elementwise. */
  #reductionBehind(value: Value, full: number, depth = 12): Value | undefined {
    for (const input of value.inputs) {
      const { base, layout } = this.layouts.of(input)
      if (!isWhole(layout, numel(value.shape))) continue
      if (base.op.kind === 'reduce' && numel(base.inputs[0]!.shape) === full) return base
      if (base.op.kind === 'map' && depth > 0) {
        const found = this.#reductionBehind(base, full, depth - 1)
        if (found) return found
      }
    }
    return undefined
  }

  /**
   * One operation or less on data that has a buffer anyway. Conversions between widths and index checks are not:
   * they would spread 64-bit loops and fault sites. Rows count as the gather does that other minibatches have.
   */
  #isCheap(value: Value): boolean {
    if (value.op.kind !== 'map' || value.op.cost > 1 || value.op === indexOp || this.outputs.has(value)) return false
    if (value.op.name === 'place' || (value.op === castOp && byteSize[value.dtype] !== byteSize[value.inputs[0]!.dtype])) return false
    return value.inputs.every((input) => {
      const { base } = this.layouts.of(input)
      return base.op.kind === 'source' || (base.op.kind !== 'rows' && !isLoopMember(base)) || this.outputs.has(base) || this.#hasKernelReader(base)
    })
  }

  #hasKernelReader(value: Value): boolean {
    return this.#usesOf(value).some(({ consumer }) => !isLoopMember(consumer))
  }

  /** Whether any two were merged. */
  #mergeAll(groups: readonly Group[]): boolean {
    let merged = false
    for (const [i, group] of groups.entries()) {
      let left = mostSiblings
      for (let j = i + 1; j < groups.length && left > 0 && this.groups.has(group); j++) {
        if (!this.groups.has(groups[j]!)) continue
        left--
        if (this.#merge(group, groups[j]!)) merged = true
      }
    }
    return merged
  }

  /** Makes one group of two when it is legal. */
  #merge(a: Group, b: Group): boolean {
    if (!a.domain || !b.domain || a.lanes !== b.lanes || a.members.size + b.members.size > maxMembers) return false
    const domain = meetGroups(a.domain, b.domain)
    if (!domain || (fullCount(a.domain) !== fullCount(b.domain) && (hasScatter(a) || hasScatter(b)))) return false
    if (reaches(a, b, true) || reaches(b, a, true)) return false
    for (const [from, to] of [[a, b], [b, a]] as const) {
      if (!from.readers.has(to)) continue
      for (const consumer of to.members) {
        for (const [i, input] of consumer.inputs.entries()) {
          const { base, layout } = this.layouts.of(input)
          if (!from.members.has(base) || to.members.has(base)) continue
          const asElement = elementInputs(consumer).includes(consumer.inputs[i]!)
          if (!asElement || base.op.kind === 'scatter' || !handsOver(base, { consumer, layout }, domain)) return false
        }
      }
    }
    a.domain = domain
    this.#takeOver(a, b)
    return true
  }

  /** The members of `b`, and what reads it and what it reads, become those of `a`. */
  #takeOver(a: Group, b: Group): void {
    for (const member of b.members) {
      const groups = this.#groupsOf[member.id]!
      groups.splice(groups.indexOf(b), 1)
      this.#insert(member, a)
    }
    // Taken out first: a level is raised along what is still linked.
    for (const reader of b.readers) reader.sources.delete(b)
    for (const source of b.sources) source.readers.delete(b)
    for (const reader of b.readers) if (reader !== a) depend(a, reader)
    raise(a, b.level)
    for (const source of b.sources) if (source !== a) depend(source, a)
    this.groups.delete(b)
  }

  /** A product whose one reader computes little, of each element by itself, does it before it stores. */
  #end(product: Value): void {
    const readers = this.#readersOf(this.#usesOf(product))
    const [group] = this.#in(product)
    const [reader] = readers
    if (!group || !reader || readers.length > 1 || this.outputs.has(product) || !endsProduct(product, reader.members, this.layouts)) return
    const needed = [...reader.members].filter((member) => this.outputs.has(member) || this.#usesOf(member).some(({ consumer }) => this.#in(consumer).some((other) => other !== reader)))
    if (needed.length !== 1 || needed[0]!.dtype !== product.dtype || reaches(group, reader, true)) return
    this.#takeOver(group, reader)
    group.ending = needed[0]
  }

  /** Merges kernels that read the same buffer over the same space, and kernels of single numbers. */
  #mergeSiblings(): void {
    for (const value of this.order) {
      const count = numel(value.shape)
      const readers: Group[] = []
      for (const { consumer, layout } of this.#usesOf(value)) {
        if (!isLoopMember(consumer) || !isWhole(layout, count)) continue
        for (const group of this.#in(consumer)) if (group.domain && fullCount(group.domain) === count) readers.push(group)
      }
      if (readers.length > 1) this.#mergeAll(distinct(readers))
    }
    const single = [...this.groups].filter((group) => group.domain && fullCount(group.domain) === 1)
    this.#mergeAll(single.toSorted((a, b) => a.minId - b.minId))
  }

  #needsBuffer(value: Value): boolean {
    if (isGiven(value)) return false
    if (value.op.kind === 'matmul') return this.#in(value)[0]!.ending === undefined
    if (this.outputs.has(value) || !isLoopMember(value) || value.op.kind === 'scatter' || value.op.name === 'place') return true
    for (const use of this.#usesOf(value)) {
      if (!this.#readsElements(use.consumer, value)) return true
      for (const { members, domain, ending } of this.#in(use.consumer)) {
        const inRegister = members.has(value) && (ending !== undefined || (domain && handsOver(value, use, domain)))
        if (!inRegister) return true
      }
    }
    return false
  }
}

/** Whether `use` can take `value` from a register in a kernel over `domain` that holds both. */
export function handsOver(value: Value, use: Use, domain: Domain): boolean {
  if (!isLoopMember(use.consumer) || use.consumer.op.kind === 'gather') return false
  const count = numel(value.shape)
  const wants = use.consumer.op.kind === 'reduce' || use.consumer.op.kind === 'scatter' ? numel(use.consumer.inputs[0]!.shape) : numel(use.consumer.shape)
  if (wants === count) return isWhole(use.layout, count)
  if (!domain.split || count !== outerCount(domain) || wants !== fullCount(domain)) return false
  const strides = stridesOn(flatDims(use.layout), domain.sizes)
  return use.layout.offset === 0 && strides !== null && sameItems(strides, outerStrides(domain))
}

function meetGroups(a: Domain, b: Domain): Domain | null {
  if (fullCount(a) === fullCount(b)) return meet(a, b)
  return outerInto(a, b) ?? outerInto(b, a)
}

/** A group of single outer values joins the group of the reductions that they belong to. */
function outerInto(a: Domain, b: Domain): Domain | null {
  return a.split && !b.split && outerCount(a) === fullCount(b) ? meetKept(a, b.sizes) : null
}

/** A group of outer values becomes a group over the reduction that feeds them. */
function promote(reduction: Domain, outer: Domain): Domain | null {
  return meetKept(reduction, outer.sizes)
}

const none: readonly never[] = []
