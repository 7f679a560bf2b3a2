/** The calls of a program as a graph: what somebody who wrote it would draw. */
import type { Place } from '../errors.ts'
import { SpecError } from '../errors.ts'
import type { Value } from '../ir/value.ts'
import { mark } from '../ops/elementwise.ts'
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

/** Nodes are tensors, not values: two equal expressions are one value and two nodes. */
export class CallGraph implements Recorder {
  readonly #nodes: CallNode[] = []
  readonly #byTensor = new Map<Tensor, CallNode>()
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
    return this.#byTensor.get(tensor) ?? this.#leaves.get(tensor.value)
  }

  leaf(kind: 'data' | 'parameter', name: string, tensor: Tensor, pointer: string): void {
    const node = this.#add({ kind, name, tensor, place: { pointer }, module: undefined, output: undefined, inputs: [], variable: undefined })
    this.#leaves.set(tensor.value, node)
  }

  own(value: Value): Value {
    return mark(value, `call ${this.#own++}`)
  }

  called(call: Call, results: readonly Tensor[], place: Place | undefined): void {
    const inputs = call.inputs.flatMap((argument) => this.#tensorsOf(argument))
    for (const [i, tensor] of results.entries()) {
      this.#add({
        kind: inputs.length === 0 ? 'constant' : 'call',
        name: call.name,
        tensor,
        place,
        module: call.module,
        output: results.length > 1 ? i : undefined,
        inputs,
        variable: undefined,
      })
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
    this.#byTensor.set(node.tensor, node)
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
    const [node, now] = [this.nodeOf(before), this.nodeOf(made)]
    const own = this.#byTensor.get(tensor) ?? node
    if (own?.tensor === tensor) {
      own.tensor = before
      this.#byTensor.set(before, own)
    }
    if (now) this.#byTensor.set(tensor, now)
  }

  same(other: Tensor, original: Tensor): void {
    const node = this.nodeOf(original)
    if (node) this.#byTensor.set(other, node)
  }
}
