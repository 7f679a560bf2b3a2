/** The calls of a spec as a graph, with what each tensor and its gradient are like: `POST /v1/graph`. */
import { reachedGradients } from './autodiff.ts'
import type { Place } from './errors.ts'
import { gradientTargets, runOnce, setUp } from './evaluate.ts'
import type { Engine, Stats } from './evaluate.ts'
import type { DType, Shape, Value } from './ir/value.ts'
import type { CallNode } from './lang/calls.ts'
import { CallGraph } from './lang/calls.ts'
import { requireLoss } from './network.ts'
import type { ForwardSpec } from './spec.ts'
import { summaryOf, summaryRecords } from './summary.ts'
import type { Summary } from './summary.ts'

export interface GraphNode {
  readonly id: number
  readonly kind: CallNode['kind']
  /** Of data and parameters their name, of a call torch's name of the function or layer. */
  readonly name: string
  readonly variable: string | undefined
  readonly module: string | undefined
  /** Which of several results of the call. */
  readonly output: number | undefined
  /** PyTorch's name of the node of the backward pass; `AccumulateGrad` for leaves that gather a gradient. */
  readonly gradFn: string | null
  readonly shape: Shape
  readonly dtype: DType
  readonly requiresGrad: boolean
  readonly place: Place | undefined
  readonly value: Summary
  /** Absent without a backward pass, and where none of the loss's gradient arrives. */
  readonly gradient: Summary | undefined
}

export interface GraphEdge {
  readonly from: number
  readonly to: number
  /** The parameter of the function that takes the tensor. */
  readonly argument: string
}

export interface GraphResult {
  readonly nodes: readonly GraphNode[]
  readonly edges: readonly GraphEdge[]
  /** The node of the loss. */
  readonly loss: number | undefined
  readonly stats: Stats
}

/** Traces the spec, runs it forward and, where asked, backward. */
export function callGraph(spec: ForwardSpec, backward: boolean, engine: Engine): GraphResult {
  const calls = new CallGraph(engine.limits.maxNodes)
  const setup = setUp(spec, engine, calls)
  const { model, network } = setup
  const { nodes } = calls
  // Refuses what a backward pass refuses.
  if (backward) gradientTargets(spec, model, network)
  const trained = nodes.filter((node) => node.tensor.requiresGrad).map((node) => node.tensor.value)
  const gradients = backward ? reachedGradients(requireLoss(network).value, trained) : undefined
  const gradientOf = ({ tensor }: CallNode): Value | undefined => (tensor.requiresGrad ? gradients?.get(tensor.value) : undefined)
  const records = nodes.flatMap((node, id) => {
    const gradient = gradientOf(node)
    return [...summaryRecords(`value ${id}`, node.tensor.value), ...(gradient ? summaryRecords(`gradient ${id}`, gradient) : [])]
  })
  const { results, stats } = runOnce(setup, records, engine)
  const ids = new Map(nodes.map((node, id) => [node, id]))
  const lossNode = network.loss && calls.nodeOf(network.loss)
  return {
    nodes: nodes.map((node, id): GraphNode => {
      const { tensor } = node
      const gradient = gradientOf(node)
      return {
        id,
        kind: node.kind,
        name: node.name,
        variable: node.variable,
        module: node.module,
        output: node.output,
        // What requires a gradient and was made by no function gathers it.
        gradFn: tensor.requiresGrad ? (tensor.gradFn ?? 'AccumulateGrad') : null,
        shape: tensor.value.shape,
        dtype: tensor.value.dtype,
        requiresGrad: tensor.requiresGrad,
        place: node.place,
        value: summaryOf(`value ${id}`, tensor.value, results),
        gradient: gradient && summaryOf(`gradient ${id}`, gradient, results),
      }
    }),
    edges: nodes.flatMap((node, to) => node.inputs.map(({ argument, node: from }) => ({ from: ids.get(from)!, to, argument }))),
    loss: lossNode && ids.get(lossNode),
    stats,
  }
}
