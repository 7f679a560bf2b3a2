/**
 * The graph: typed values, hash-consed. Two nodes with the same operation, inputs and attributes are one.
 *
 * A value's id is larger than the ids of its inputs, so ascending ids are a topological order.
 */
import type { Place } from '../errors.ts'
import { SpecError, invariant, showShape } from '../errors.ts'
import type { Code } from './code.ts'
import type { Layout } from './layout.ts'
import type { RoutineArray, RoutineCode } from './routine.ts'
import type { DType, Shape } from './types.ts'
import { numel, sameShape } from './types.ts'

export * from './types.ts'

export type Attr = number | string | boolean | null | readonly number[]
export type Attrs = Readonly<Record<string, Attr>>

/** What an operation's result is. */
export interface ValueType {
  readonly shape: Shape
  readonly dtype: DType
}

/** One gradient per input; null where none flows. */
export type GradRule = (g: Value, inputs: readonly Value[], y: Value) => readonly (Value | null)[]

/** Dense row-major numbers of the float64 oracle. A bool is 0 or 1. */
export interface Dense {
  readonly shape: Shape
  readonly data: Float64Array
}

interface PrimitiveBase {
  readonly name: string
  /** The result's type; throws a SpecError when the inputs do not fit. */
  readonly infer: (inputs: readonly Value[], attrs: Attrs) => ValueType
  /** Absent: not differentiable, no gradient flows (comparisons, rounding's index inputs …). */
  readonly grad?: GradRule
  /** Of the name: what nodes are looked up by. */
  readonly hash?: number
}

/** A leaf: bound by the runtime (input) or part of the graph (constant). */
export interface SourceOp extends PrimitiveBase {
  readonly kind: 'source'
}

/** Applies scalar code to each element; all inputs have the result's shape. */
export interface MapOp extends PrimitiveBase {
  readonly kind: 'map'
  readonly arity: number
  /** Rough number of vector instructions, for the choice between keeping and computing again. */
  readonly cost: number
  readonly lower: <T>(s: Code<T>, args: readonly T[], attrs: Attrs, dtypes: readonly DType[]) => T
}

/** Folds axes (attribute `axes`, ascending) away. */
export interface ReduceOp extends PrimitiveBase {
  readonly kind: 'reduce'
  readonly identity: (dtype: DType) => number
  readonly combine: <T>(s: Code<T>, a: T, b: T) => T
}

/** Another view of the same elements: no arithmetic, at most a copy. */
export interface ViewOp extends PrimitiveBase {
  readonly kind: 'view'
  /** The result's layout over the input's buffer, or null when the input must be copied first. */
  readonly layout: (input: Layout, attrs: Attrs, result: Shape) => Layout | null
}

/** An operation that kernels know: matmul, concat, gather, scatter_add; rows are read where they lie. */
export interface KernelOp extends PrimitiveBase {
  readonly kind: 'matmul' | 'concat' | 'gather' | 'scatter' | 'rows'
  readonly evaluate: (inputs: readonly Dense[], attrs: Attrs, result: Shape) => Float64Array
}

/** What a routine works on. */
export interface RoutineOperands {
  readonly inputs: readonly RoutineArray[]
  readonly result: RoutineArray
  readonly scratch: readonly RoutineArray[]
  /** Of the inputs. */
  readonly shapes: readonly Shape[]
  readonly attrs: Attrs
}

/** An algorithm in scalar code. Its operands lie whole and row-major in memory. */
export interface RoutineOp extends PrimitiveBase {
  readonly kind: 'routine'
  /** Working memory. */
  readonly scratch: (inputs: readonly ValueType[], attrs: Attrs) => readonly { readonly dtype: DType; readonly count: number }[]
  /** Arithmetic operations of a run, roughly. */
  readonly operations: (inputs: readonly ValueType[], attrs: Attrs) => number
  readonly program: <T>(code: RoutineCode<T>, operands: RoutineOperands) => void
}

export type Primitive = SourceOp | MapOp | ReduceOp | ViewOp | KernelOp | RoutineOp

export interface Value {
  readonly id: number
  readonly graph: Graph
  readonly op: Primitive
  readonly inputs: readonly Value[]
  readonly attrs: Attrs
  readonly shape: Shape
  readonly dtype: DType
  /** Where in the spec the value was first asked for. */
  readonly place: Place | undefined
  /** The call of the program that it was made for, by torch's name: `softmax`. */
  readonly call: string | undefined
  /** Whether it depends on an input: it is not known before the program runs. */
  readonly bound: boolean
  /** Of the attributes, and of all that tells it from other nodes. */
  readonly attrsHash: number
  readonly hash: number
  /** The walk that met it last: see `reachable`. */
  walk: number
  /** Where its elements are, once somebody has asked: see `Layouts`. */
  source: Source | undefined
}

/** Where a value's elements are: the value that owns the buffer, and the layout over it. */
export interface Source {
  readonly base: Value
  readonly layout: Layout
}

/** An index that is checked when the program runs, by its number. */
export interface IndexSite {
  readonly input: Value
  readonly size: number
  /** "class label", "index". */
  readonly what: string
  readonly wraps: boolean
  readonly place: Place | undefined
}

export interface GraphLimits {
  readonly maxNodes: number
  readonly maxElements: number
}

export class Graph {
  readonly values: Value[] = []
  readonly indexSites: IndexSite[] = []
  /** Given to every node that is added while they are set. */
  place: Place | undefined
  call: string | undefined
  /** Where a node with a hash is: 1 + its number at the first place from there on, 0 where there is none. */
  #places = new Int32Array(1024)
  readonly limits: GraphLimits

  constructor(limits: GraphLimits = { maxNodes: 100_000, maxElements: 2 ** 31 - 1 }) {
    this.limits = limits
  }

  /** The value of `op` on `inputs`: an existing node when there is one. */
  add(op: Primitive, inputs: readonly Value[], attrs: Attrs = noAttrs): Value {
    return this.#add(op, inputs, attrs, hashOfAttrs(attrs), undefined)
  }

  /** What `value` is of other inputs, which may belong to another graph than it does. */
  again(value: Value, inputs: readonly Value[]): Value {
    return this.#add(value.op, inputs, value.attrs, value.attrsHash, sameTypes(value.inputs, inputs) ? value : undefined)
  }

  #add(op: Primitive, inputs: readonly Value[], attrs: Attrs, attrsHash: number, known: ValueType | undefined): Value {
    let hash = mixed(op.hash ?? hashOfText(op.name, 0), attrsHash)
    for (const input of inputs) {
      invariant(input.graph === this, 'the inputs of a node are of its graph')
      hash = mixed(hash, input.id)
    }
    const last = this.#places.length - 1
    let place = hash & last
    for (let number = this.#places[place]!; number !== 0; number = this.#places[place]!) {
      const value = this.values[number - 1]!
      if (value.hash === hash && value.op === op && sameItems(value.inputs, inputs) && sameAttrs(value.attrs, attrs)) return value
      place = (place + 1) & last
    }
    const { shape, dtype } = known ?? op.infer(inputs, attrs)
    this.#checkSize(shape)
    const value: Value = {
      id: this.values.length,
      graph: this,
      op,
      inputs,
      attrs,
      shape,
      dtype,
      place: this.place,
      call: this.call,
      bound: isBound(op, inputs),
      attrsHash,
      hash,
      walk: 0,
      source: undefined,
    }
    this.#places[place] = this.values.push(value)
    if (this.values.length * 2 > last) this.#grow()
    return value
  }

  /** Makes four times as many places. */
  #grow(): void {
    const places = new Int32Array(this.#places.length * 4)
    const last = places.length - 1
    for (const { id, hash } of this.values) {
      let place = hash & last
      while (places[place] !== 0) place = (place + 1) & last
      places[place] = id + 1
    }
    this.#places = places
  }

  #checkSize(shape: Shape): void {
    if (this.values.length >= this.limits.maxNodes) {
      throw new SpecError('graph_too_large', `the graph would have more than ${this.limits.maxNodes} nodes`, this.place)
    }
    if (numel(shape) > this.limits.maxElements) {
      throw new SpecError(
        'tensor_too_large',
        `a tensor of shape ${showShape(shape)} has ${numel(shape)} elements; the limit is ${this.limits.maxElements}`,
        this.place,
      )
    }
  }

  /** Runs `body` with nodes placed at `place`. */
  at<T>(place: Place | undefined, body: () => T): T {
    const before = this.place
    this.place = place ?? before
    try {
      return body()
    } finally {
      this.place = before
    }
  }

  /** Runs `body` with nodes that belong to a call of this name. */
  calling<T>(name: string | undefined, body: () => T): T {
    const before = this.call
    this.call = name
    try {
      return body()
    } finally {
      this.call = before
    }
  }

  /** Runs `body` with nodes that belong where `value` does: to its place and its call. */
  like<T>(value: Value, body: () => T): T {
    return this.calling(value.call, () => this.at(value.place, body))
  }
}

function isBound(op: Primitive, inputs: readonly Value[]): boolean {
  if (op.name === 'input') return true
  for (const input of inputs) if (input.bound) return true
  return false
}

/** What a pass has made of `inputs`, by their numbers. */
export function madeOf(inputs: readonly Value[], done: readonly Value[]): Value[] {
  switch (inputs.length) {
    case 1:
      return [done[inputs[0]!.id]!]
    case 2:
      return [done[inputs[0]!.id]!, done[inputs[1]!.id]!]
  }
  const made: Value[] = []
  for (const { id } of inputs) made.push(done[id]!)
  return made
}

/** Whether the value is in memory before any kernel runs: a leaf, or rows of one. */
export function isGiven({ op }: Value): boolean {
  return op.kind === 'source' || op.kind === 'rows'
}

let walks = 0

/** Values that `roots` need, in topological order. All are of one graph. */
export function reachable(roots: readonly Value[]): Value[] {
  const graph = roots[0]?.graph
  if (!graph) return []
  const walk = ++walks
  const stack = [...roots]
  const met: Value[] = []
  // Most walks meet most of a graph: its values are in order. Where one meets little of it, what it met is sorted.
  const few = graph.values.length / 8
  let count = 0
  for (let value = stack.pop(); value; value = stack.pop()) {
    if (value.walk === walk) continue
    value.walk = walk
    if (++count <= few) met.push(value)
    for (const input of value.inputs) if (input.walk !== walk) stack.push(input)
  }
  if (count <= few) return met.toSorted((a, b) => a.id - b.id)
  met.length = 0
  for (const value of graph.values) if (value.walk === walk) met.push(value)
  return met
}

// ---- equal nodes

const noAttrs: Attrs = {}

/** The order of attributes does not count. */
function hashOfAttrs(attrs: Attrs): number {
  if (attrs === noAttrs) return 0
  let sum = 0
  for (const name in attrs) sum = (sum + hashOfAttr(attrs[name]!, hashOfText(name, 1))) | 0
  return sum
}

function sameTypes(a: readonly Value[], b: readonly Value[]): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i]!.dtype !== b[i]!.dtype || !sameShape(a[i]!.shape, b[i]!.shape)) return false
  return true
}

function mixed(hash: number, word: number): number {
  const h = Math.imul(hash ^ word, 0x9e3779b1)
  return h ^ (h >>> 15)
}

export function hashOfText(text: string, start: number): number {
  let hash = start
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0
  return hash
}

const bits = new DataView(new ArrayBuffer(8))

function hashOfAttr(attr: Attr, start: number): number {
  if (typeof attr === 'number') {
    if ((attr | 0) === attr) return mixed(start, attr)
    bits.setFloat64(0, attr)
    return mixed(mixed(start, bits.getInt32(0)), bits.getInt32(4))
  }
  if (typeof attr === 'string') return hashOfText(attr, start)
  if (attr === null || typeof attr === 'boolean') return mixed(start, attr ? 2 : 3)
  let hash = start
  for (const item of attr) hash = hashOfAttr(item, hash)
  return hash
}

export function sameAttrs(a: Attrs, b: Attrs): boolean {
  if (a === b) return true
  let more = 0
  for (const name in a) {
    if (!(name in b) || !sameAttr(a[name]!, b[name]!)) return false
    more++
  }
  for (const _ in b) more--
  return more === 0
}

function sameAttr(a: Attr, b: Attr): boolean {
  return Object.is(a, b) || (Array.isArray(a) && Array.isArray(b) && sameItems(a, b))
}

function sameItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (!Object.is(a[i], b[i])) return false
  return true
}

export function attrText(attr: Attr): string {
  if (typeof attr === 'number') return Object.is(attr, -0) ? '-0' : String(attr)
  if (typeof attr === 'string') return JSON.stringify(attr)
  if (attr === null || typeof attr === 'boolean') return String(attr)
  let text = ''
  for (const item of attr) text += `${text === '' ? '' : ','}${Object.is(item, -0) ? '-0' : item}`
  return `[${text}]`
}
