/** The calls of a program as a graph: what somebody who wrote it would draw. */
import type { Place } from '../errors.ts'
import { SpecError } from '../errors.ts'
import type { Value } from '../ir/value.ts'
import { mark } from '../ops/elementwise.ts'
import { rootOf } from './memory.ts'
import type { Argument, Call, Dynamic, Recorder } from './values.ts'
import { Tensor, itemsOf } from './values.ts'

/** A tensor of the program: a leaf, or what a call gave. */
export interface CallNode {
  readonly kind: 'data' | 'parameter' | 'constant' | 'call'
  /** Of a leaf its own name, of a call torch's name of the function. */
  readonly name: string
  /** As it was when the call gave it. */
  tensor: Tensor
  readonly place: Place | undefined
  /** Where a layer stands in the model. */
  readonly module: string | undefined
  /** Which of several results. */
  readonly output: number | undefined
  readonly inputs: readonly { readonly argument: string; readonly node: CallNode }[]
  /** The variable that it was first assigned to; one of the program itself before one of its functions. */
  variable: string | undefined
}

/** What a tensor of the program is at the moment. */
interface Entry {
  readonly node: CallNode
  /** The tensor as it was when it came to this node. */
  readonly at: Tensor
  /** The node that made the tensor: of a view, the call that gave it. None for another name of its base. */
  readonly origin: CallNode | undefined
}

/**
 * Nodes are tensors, not values: two equal expressions are one value and two nodes. A tensor that is changed in place has
 * a node for each of its states, also where it changes because what it is a view of does, or a view of it.
 */
export class CallGraph implements Recorder {
  readonly #nodes: CallNode[] = []
  readonly #entries = new Map<Tensor, Entry>()
  /** Leaves by their values: a layer reads a parameter without a tensor. */
  readonly #leaves = new Map<Value, CallNode>()
  /** Nodes whose variable is local to a function. */
  readonly #local = new Set<CallNode>()
  readonly #maxNodes: number
  #own = 0

  constructor(maxNodes: number) {
    this.#maxNodes = maxNodes
  }

  /** The nodes in the order of the program. Of several results of a call, those that nothing uses or names are left out. */
  get nodes(): CallNode[] {
    const used = new Set(this.#nodes.flatMap((node) => node.inputs.map((input) => input.node)))
    return this.#nodes.filter((node) => node.output === undefined || node.variable !== undefined || used.has(node))
  }

  nodeOf(tensor: Tensor): CallNode | undefined {
    const entry = this.#entries.get(tensor)
    if (!entry) return this.#leaves.get(tensor.value)
    const { node, at, origin } = entry
    if (!tensor.sharing || at.value === tensor.value) return node
    // Found anew, because what it is a view of has changed.
    const base = this.nodeOf(tensor.sharing.base)
    if (!origin) return base
    const [first, ...others] = origin.inputs
    return this.#become(tensor, this.#add({ ...origin, tensor, variable: node.variable, inputs: base && first ? [{ ...first, node: base }, ...others] : origin.inputs }))
  }

  /** From now on `tensor` is `node`; the node that it was keeps what it was. */
  #become(tensor: Tensor, node: CallNode): CallNode {
    const entry = this.#entries.get(tensor)
    if (entry?.node.tensor === tensor && entry.node !== node) entry.node.tensor = entry.at
    this.#entries.set(tensor, { node, at: frozen(tensor), origin: entry ? entry.origin : node })
    return node
  }

  leaf(kind: 'data' | 'parameter', name: string, tensor: Tensor, pointer: string): void {
    const node = this.#add({ kind, name, tensor, place: { pointer }, module: undefined, output: undefined, inputs: [], variable: undefined })
    this.#leaves.set(tensor.value, this.#become(tensor, node))
  }

  own(value: Value): Value {
    return mark(value, `call ${this.#own++}`)
  }

  called(call: Call, results: readonly Tensor[], place: Place | undefined): void {
    const inputs = call.inputs.flatMap((argument) => this.#tensorsOf(argument))
    for (const [i, tensor] of results.entries()) {
      const node = this.#add({
        kind: inputs.length === 0 ? 'constant' : 'call',
        name: call.name,
        tensor,
        place,
        module: call.module,
        output: results.length > 1 ? i : undefined,
        inputs,
        variable: undefined,
      })
      this.#become(tensor, node)
    }
  }

  #tensorsOf([argument, value]: Argument): CallNode['inputs'] {
    if (!(value instanceof Tensor)) return itemsOf(value)?.flatMap((item, i) => this.#tensorsOf([`${argument}[${i}]`, item])) ?? []
    const node = this.nodeOf(value)
    return node ? [{ argument, node }] : []
  }

  #add(node: CallNode): CallNode {
    if (this.#nodes.length >= this.#maxNodes) throw new SpecError('graph_too_large', `the graph would have more than ${this.#maxNodes} calls`, node.place)
    this.#nodes.push(node)
    return node
  }

  assigned(name: string, value: Dynamic, local: boolean): void {
    const node = value instanceof Tensor ? this.nodeOf(value) : undefined
    if (!node || node.kind === 'data' || node.kind === 'parameter') return
    if (node.variable !== undefined && (local || !this.#local.has(node))) return
    node.variable = name
    if (local) this.#local.add(node)
    else this.#local.delete(node)
  }

  changed(tensor: Tensor, before: Tensor, made: Tensor): void {
    const [node, now] = [this.#entries.get(tensor)?.node ?? this.nodeOf(before), this.nodeOf(made)]
    if (!now) return
    now.variable ??= node?.variable
    this.#become(tensor, now)
    const root = rootOf(tensor)
    const whole = this.#entries.get(root)
    if (root === tensor || !whole) return
    const inputs = [{ argument: 'input', node: whole.node }, { argument: 'value', node: now }]
    this.#become(root, this.#add({ kind: 'call', name: 'copy_slices', tensor: root, place: now.place, module: undefined, output: undefined, inputs, variable: whole.node.variable }))
  }

  same(other: Tensor, original: Tensor): void {
    const node = this.nodeOf(original)
    if (node) this.#entries.set(other, { node, at: frozen(other), origin: undefined })
  }
}

function frozen(tensor: Tensor): Tensor {
  return new Tensor(tensor.value, tensor.gradFn, tensor.requiresGrad)
}
