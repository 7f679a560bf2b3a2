/**
 * Turns a fused group into a loop kernel: loops, phases, and for every member where its operands come from and
 * where its result goes. Addresses are not known yet; accesses name the value that owns the buffer.
 *
 * A kernel over a split domain runs, for every outer index, a sequence of phases. A phase walks the folded sizes
 * once; the reductions that it feeds are known after it, so what depends on them belongs to a later phase.
 */
import { EngineFault, invariant } from '../errors.ts'
import type { Layout } from '../ir/layout.ts'
import { contiguous, flatDims, isWhole, stridesOn } from '../ir/layout.ts'
import { mapped, repeated } from '../ir/lists.ts'
import type { Value } from '../ir/value.ts'
import { numel } from '../ir/value.ts'
import { numberAttr } from '../ops/define.ts'
import { rowLength } from '../ops/indexing.ts'
import { constantOp, iotaOp } from '../ops/source.ts'
import type { Domain } from './domain.ts'
import { cutFolded, fullCount, fullStrides, keptStrides, outerCount, outerStrides } from './domain.ts'
import type { Fusion } from './fuse.ts'
import type { Group } from './group.ts'
import { elementInputs, handsOver } from './fuse.ts'
import { placeOp } from './legalize.ts'
import type { Layouts } from './simplify.ts'
import { uniform } from './simplify.ts'

/** Values of a full phase that a later phase needs are kept here, one run of the folded sizes long. */
export interface Scratch {
  readonly scratch: number
  readonly dtype: Value['dtype']
}

export interface Access {
  readonly base: Value | Scratch
  /** In elements. */
  readonly offset: number
  /** In elements, one per loop of the kernel. */
  readonly strides: number[]
}

export type Operand =
  | { readonly kind: 'step'; readonly step: Step }
  | { readonly kind: 'load'; readonly access: Access; readonly full: boolean; readonly phase: number; readonly dtype: Value['dtype'] }
  | { readonly kind: 'count'; readonly access: Access; readonly full: boolean; readonly phase: number }
  | { readonly kind: 'constant'; readonly number: number; readonly dtype: Value['dtype'] }

/** One member, computed at one place of the kernel. */
export interface Step {
  /** Its place among the steps of the kernel. */
  readonly index: number
  readonly value: Value
  /** Whether it runs for every element, or once for every outer index. */
  readonly full: boolean
  /** Full: the phase it runs in. Outer: the number of phases that run before it. */
  readonly phase: number
  readonly args: readonly Operand[]
  /** gather and scatter: the indexed buffer, and the distance of two places of the indexed axis in elements. */
  readonly indexed: { readonly target: Access; readonly axisStride: number; readonly index: Access } | undefined
  readonly stores: Access[]
}

export interface LoopKernel {
  readonly kind: 'loop'
  readonly members: readonly Value[]
  readonly lanes: 2 | 4
  readonly sizes: readonly number[]
  readonly reduced: readonly boolean[]
  /** Whether the last size, which is vectorised, is folded. */
  readonly inner: boolean
  /** Whether one folded size is so small that all its elements stay in registers from phase to phase. */
  readonly straight: boolean
  readonly phases: number
  readonly steps: readonly Step[]
  readonly scratches: readonly { readonly scratch: Scratch; readonly count: number }[]
  /** Values whose buffers are read, and the last phase in which each is. */
  readonly reads: ReadonlyMap<Value, number>
  readonly writes: readonly Value[]
}

/** More than a kernel can have. */
const maxPhases = 1024

/** Vectors that hold a whole folded size in registers, at most. */
export const straightVectors = 4

export function lowerLoop(group: Group, fusion: Fusion): LoopKernel {
  return new Lowering(group, fusion).run()
}

class Lowering {
  readonly group: Group
  readonly layouts: Layouts
  readonly stored: ReadonlySet<Value>
  readonly targets: ReadonlyMap<Value, Value>
  readonly domain: Domain
  readonly accesses: Access[] = []
  readonly steps: Step[] = []
  readonly scratches: { scratch: Scratch; count: number; access: Access }[] = []
  readonly #known = new Map<number, Step>()
  /** By the number of the value. */
  readonly #phases = new Map<number, number>()
  readonly #reads = new Map<Value, number>()
  readonly #merged: boolean[]
  straight = false

  constructor(group: Group, fusion: Fusion) {
    this.group = group
    this.layouts = fusion.layouts
    this.stored = fusion.stored
    this.targets = fusion.targets
    this.domain = byRows(group, this.layouts)
    this.#merged = mapped(this.domain.sizes, () => false)
  }

  run(): LoopKernel {
    const folded = this.domain.sizes.filter((_, i) => this.domain.reduced[i])
    const inner = this.domain.reduced.at(-1) === true && !this.#acrossRows()
    this.straight = inner && fullCount(this.domain) / outerCount(this.domain) <= straightVectors * this.group.lanes && folded.length === 1
    const sinks: Value[] = []
    for (const value of this.group.members) if (this.#isSink(value)) sinks.push(value)
    sinks.sort((a, b) => a.id - b.id)
    for (const value of sinks) {
      const step = this.#step(value, this.#phase(value))
      const access = this.#storeOf(value, step.full)
      if (access) step.stores.push(access)
    }
    const sizes = this.#collapse()
    return {
      kind: 'loop',
      members: [...this.group.members],
      lanes: this.group.lanes,
      sizes,
      reduced: this.domain.reduced.filter((_, i) => !this.#merged[i]),
      inner,
      straight: this.straight,
      phases: 1 + this.steps.reduce((most, { full, phase }) => (full ? Math.max(most, phase) : most), 0),
      steps: this.steps,
      scratches: this.scratches,
      reads: this.#reads,
      writes: mapped(sinks, (value) => (value.op === placeOp ? this.#target(value) : value)),
    }
  }

  /**
   * Whether vectors hold neighbouring rows: where folded rows are short, and there are many. Elements are then read one by
   * one, but nothing is summed up across a vector, which takes long where one sum waits for another.
   */
  #acrossRows(): boolean {
    const { sizes, reduced } = this.domain
    if (reduced.filter(Boolean).length !== 1 || (sizes.at(-2) ?? 1) < 4 * this.group.lanes) return false
    const sums = Math.max(...[...this.group.members].map((value) => this.#phase(value)))
    return sizes.at(-1)! <= (sums > 1 ? 16 : 8)
  }

  #isSink(value: Value): boolean {
    return this.stored.has(value)
  }

  #isFull(value: Value): boolean {
    if (value.op.kind === 'reduce') return false
    if (value.op.kind === 'scatter') return true
    return numel(value.shape) === fullCount(this.domain) && !(this.domain.split && outerCount(this.domain) === fullCount(this.domain))
  }

  /** Full: the phase of the value. Outer: how many phases come before it. */
  #phase(value: Value): number {
    const known = this.#phases.get(value.id)
    if (known !== undefined) return known
    let phase = 0
    for (const input of elementInputs(value)) {
      const { base } = this.layouts.of(input)
      if (this.group.members.has(base)) phase = Math.max(phase, this.#phase(base))
    }
    if (value.op.kind === 'reduce') phase += 1
    this.#phases.set(value.id, phase)
    return phase
  }

  /** The step that computes `value` in `phase`. */
  #step(value: Value, phase: number): Step {
    const full = this.#isFull(value)
    const key = value.id * maxPhases + (full && !this.straight ? 1 + phase : 0)
    const known = this.#known.get(key)
    if (known) return known
    const step = this.#makeStep(value, full, full && !this.straight ? phase : this.#phase(value))
    this.#known.set(key, step)
    return step
  }

  #makeStep(value: Value, full: boolean, at: number): Step {
    // A reduction folds a full value of the phase before its result is known.
    const argsFull = value.op.kind === 'reduce' ? true : full
    const argsPhase = value.op.kind === 'reduce' ? at - 1 : at
    const args = mapped(elementInputs(value), (input, position) => this.#operand(value, input, position, argsFull, argsPhase))
    const indexed = this.#indexed(value, full, at)
    const step: Step = { index: this.steps.length, value, full, phase: at, args, indexed, stores: [] }
    this.steps.push(step)
    return step
  }

  #operand(consumer: Value, input: Value, position: number, full: boolean, phase: number): Operand {
    const number = uniform(input)
    if (number !== undefined) return { kind: 'constant', number, dtype: input.dtype }
    const { base, layout } = this.layouts.of(input)
    if (base.op === constantOp) return { kind: 'constant', number: numberAttr(base.attrs, 'value'), dtype: base.dtype }
    if (base.op === iotaOp) return { kind: 'count', access: this.#access(base, layout, full), full, phase }
    if (!this.group.members.has(base)) return this.#load(base, layout, full, phase)
    if (!handsOver(base, { consumer, layout }, this.domain)) throw new EngineFault(`%${base.id} does not reach operand ${position} of %${consumer.id} in a register`)
    const native = this.#phase(base)
    if (!this.#isFull(base) || this.straight || native === phase) return { kind: 'step', step: this.#step(base, native) }
    return this.#earlier(base, native, phase)
  }

  /** A full value of an earlier phase: from its buffer, computed again where that is cheap, or kept in scratch. */
  #earlier(value: Value, native: number, phase: number): Operand {
    if (this.stored.has(value) && value.op !== placeOp && value.op.kind !== 'scatter') {
      return this.#load(value, contiguous(value.shape), true, phase)
    }
    if (this.#costAgain(value) <= 6) return { kind: 'step', step: this.#step(value, phase) }
    const step = this.#step(value, native)
    const spill = step.stores.find((access) => 'scratch' in access.base)
    const access = spill ?? this.#scratch(value, step)
    return { kind: 'load', access, full: true, phase, dtype: value.dtype }
  }

  /** Operations to compute a full value again from memory. */
  #costAgain(value: Value): number {
    if (value.op.kind !== 'map') return Infinity
    let cost = value.op.cost
    for (const input of value.inputs) {
      const { base } = this.layouts.of(input)
      if (this.group.members.has(base) && this.#isFull(base) && !this.stored.has(base)) cost += this.#costAgain(base)
      if (cost > 6) return Infinity
    }
    return cost
  }

  #scratch(value: Value, step: Step): Access {
    const base: Scratch = { scratch: this.scratches.length, dtype: value.dtype }
    const { sizes, reduced } = this.domain
    let stride = 1
    const strides = repeated(0, sizes.length)
    for (let i = sizes.length - 1; i >= 0; i--) {
      if (!reduced[i]) continue
      strides[i] = stride
      stride *= sizes[i]!
    }
    const access: Access = { base, offset: 0, strides }
    this.accesses.push(access)
    this.scratches.push({ scratch: base, count: stride, access })
    step.stores.push(access)
    return access
  }

  #load(base: Value, layout: Layout, full: boolean, phase: number): Operand {
    this.#reads.set(base, Math.max(phase, this.#reads.get(base) ?? 0))
    return { kind: 'load', access: this.#access(base, layout, full), full, phase, dtype: base.dtype }
  }

  #access(base: Value, layout: Layout, full: boolean): Access {
    const dims = flatDims(layout)
    const strides = full ? stridesOn(dims, this.domain.sizes) : keptStrides(this.domain, dims)
    if (!strides) throw new EngineFault(`the layout of %${base.id} does not fit the loops`)
    return this.#remember({ base, offset: layout.offset, strides })
  }

  #remember(access: Access): Access {
    this.accesses.push(access)
    return access
  }

  #storeOf(value: Value, full: boolean): Access | undefined {
    if (value.op.kind === 'scatter') return undefined
    if (value.op === placeOp) {
      const target = this.#target(value)
      return this.#access(target, this.#partLayout(target, value), full)
    }
    return this.#remember({ base: value, offset: 0, strides: full ? fullStrides(this.domain) : outerStrides(this.domain) })
  }

  /** The concatenation that a placed part belongs to. */
  #target(part: Value): Value {
    const target = this.targets.get(part)
    invariant(target, () => `%${part.id} has a target`)
    return target
  }

  #partLayout(target: Value, part: Value): Layout {
    const axis = numberAttr(part.attrs, 'axis')
    const whole = contiguous(target.shape)
    const stride = numel(target.shape.slice(axis + 1))
    let start = 0
    for (const input of target.inputs) {
      if (input === part) break
      start += input.shape[axis]!
    }
    const size = part.shape[axis]!
    return { axes: whole.axes.with(axis, size === 1 ? [] : [{ size, stride }]), offset: start * stride }
  }

  #indexed(value: Value, full: boolean, phase: number): Step['indexed'] {
    if (value.op.kind !== 'gather' && value.op.kind !== 'scatter') return undefined
    const axis = numberAttr(value.attrs, 'axis')
    const { base, layout } = value.op.kind === 'gather' ? this.layouts.of(value.inputs[0]!) : { base: value, layout: contiguous(value.shape) }
    const axisStride = layout.axes[axis]![0]?.stride ?? 0
    const shape = value.op.kind === 'gather' ? value.shape : value.inputs[0]!.shape
    const fixed: Layout = { offset: layout.offset, axes: mapped(layout.axes, (dims, i) => (i === axis ? [{ size: shape[axis]!, stride: 0 }] : dims)) }
    const index = this.layouts.of(value.inputs[1]!)
    if (value.op.kind === 'gather') this.#reads.set(base, Math.max(phase, this.#reads.get(base) ?? 0))
    this.#reads.set(index.base, Math.max(phase, this.#reads.get(index.base) ?? 0))
    return { target: this.#access(base, fixed, full), axisStride, index: this.#access(index.base, index.layout, full) }
  }

  /** Joins neighbouring loops that every access can walk as one; gives the sizes that remain. */
  #collapse(): number[] {
    const sizes = [...this.domain.sizes]
    for (let i = sizes.length - 1; i > 0; i--) {
      const same = this.domain.reduced[i] === this.domain.reduced[i - 1]
      if (!same || !this.accesses.every((access) => joins(access, i, sizes[i]!, this.domain.reduced[i]!))) continue
      // Loop i - 1 walks both; loop i disappears.
      sizes[i - 1]! *= sizes[i]!
      this.#merged[i] = true
      for (const { strides } of this.accesses) strides[i - 1] = strides[i]!
    }
    if (!this.#merged.includes(true)) return sizes
    for (const { strides } of this.accesses) {
      let count = 0
      for (let i = 0; i < sizes.length; i++) if (!this.#merged[i]) strides[count++] = strides[i]!
      strides.length = count
    }
    return sizes.filter((_, i) => !this.#merged[i])
  }
}

/**
 * Sums over rows of a minibatch and along them go row by row, as they do where the rows are gathered: they are the same
 * to the last bit whichever way the rows come.
 */
function byRows(group: Group, layouts: Layouts): Domain {
  let domain = group.domain!
  if (!domain.reduced.includes(true)) return domain
  for (const member of group.members) {
    for (const input of elementInputs(member)) {
      const { base, layout } = layouts.of(input)
      const row = rowLength(base)
      if (row !== undefined && numel(input.shape) === fullCount(domain) && isWhole(layout, numel(base.shape))) domain = cutFolded(domain, row)
    }
  }
  return domain
}

/** Whether an access can walk loop `i`, of `size` rounds, and the one around it as one. */
function joins({ base, strides }: Access, i: number, size: number, folded: boolean): boolean {
  const [outer, inner] = [strides[i - 1]!, strides[i]!]
  if (outer !== inner * size) return false
  const row = folded && !('scratch' in base) ? rowLength(base) : undefined
  return row === undefined || inner >= row || outer < row
}
