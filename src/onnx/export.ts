/** A model as an ONNX file: a list of layers with its weights. */
import type { LayerPlan, Planned, TensorKind, TensorResult } from '../../engine/index.ts'
import { SpecError } from '../../engine/index.ts'
import type { Name } from './graph.ts'
import { GraphWriter, LayerWriter } from './graph.ts'
import { exporters } from './layers/index.ts'
import type { Dimension, GraphText, Node } from './proto.ts'
import { encodeModel } from './proto.ts'

/** The set of operators that the file uses. */
export const opset = 17

interface Written {
  readonly plan: LayerPlan
  readonly nodes: readonly Node[]
  readonly initializers: ReadonlyMap<Name, TensorResult>
}

export interface ExportOptions {
  readonly input: TensorKind
  readonly dtype: 'float32' | 'float64'
  /** Axes of the input that may have any size; undefined: the first, where that can be. */
  readonly dynamicAxes: readonly number[] | undefined
}

/**
 * The file. An axis is dynamic when the graph does not depend on its size: it is written for several sizes, and has to
 * come out the same. Throws `not_exportable` with the layer and the reason.
 */
export function exportOnnx(planOf: (input: TensorKind) => LayerPlan, options: ExportOptions): Uint8Array<ArrayBuffer> {
  const { input, dynamicAxes } = options
  const written = write(planOf(input), options.dtype)
  const rank = input.shape.length
  for (const [i, axis] of (dynamicAxes ?? []).entries()) {
    if (axis >= rank) throw new SpecError('not_exportable', `the input has ${rank} axes, there is no axis ${axis}`, { pointer: `/dynamic_axes/${i}` })
  }
  const outputs = dynamicAxes ? varied(planOf, written, dynamicAxes, options) : freeFirst(planOf, written, options)
  return encodeModel(textOf(written, outputs), opset, 'chainrule')
}

// ---- nodes

function write(plan: LayerPlan, dtype: 'float32' | 'float64'): Written {
  const graph = new GraphWriter(dtype)
  const chain = (parts: readonly Planned[], x: Name): Name => parts.reduce((input, part) => one(part, input), x)
  const one = (part: Planned, x: Name): Name => {
    if (part.kind === 'sum') return graph.add('Residual', 'Add', [x, chain(part.parts, x)], 1, {})[0]!
    const writeLayer = exporters.get(part.type)
    if (!writeLayer) throw new SpecError('not_exportable', `layer ${part.name} (${part.type}) cannot be exported: there is no form of it`, { pointer: part.pointer })
    return writeLayer(x, new LayerWriter(graph, part))
  }
  const last = chain(plan.parts, 'x')
  const made = graph.nodes.some(({ outputs }) => outputs.includes(last))
  const renamed = (name: Name): Name => (made && name === last ? 'y_hat' : name)
  const nodes = graph.nodes.map((node) => ({ ...node, inputs: node.inputs.map(renamed), outputs: node.outputs.map(renamed) }))
  if (!made) nodes.push({ op: 'Identity', name: 'Identity', inputs: [last], outputs: ['y_hat'], attributes: {} })
  return { plan, nodes, initializers: graph.initializers }
}

function textOf({ plan, nodes, initializers }: Written, { input, output }: Axes): GraphText {
  return { nodes, initializers, input: { name: 'x', dtype: plan.input.dtype, dimensions: input }, output: { name: 'y_hat', dtype: plan.output.dtype, dimensions: output } }
}

// ---- dynamic axes

interface Axes {
  readonly input: readonly Dimension[]
  readonly output: readonly Dimension[]
}

type PlanOf = (input: TensorKind) => LayerPlan

/** Axis 0, unless a layer depends on its size. */
function freeFirst(planOf: PlanOf, written: Written, options: ExportOptions): Axes {
  const { plan } = written
  if (plan.input.shape.length > 0) {
    try {
      return varied(planOf, written, [0], options)
    } catch (error) {
      if (!(error instanceof SpecError)) throw error
    }
  }
  return { input: plan.input.shape, output: plan.output.shape }
}

/** Names for the axes that may have any size, and for those of the output that change with them. */
function varied(planOf: PlanOf, base: Written, axes: readonly number[], { input, dtype }: ExportOptions): Axes {
  const sizes = [...axes.map((axis) => [axis]), [...axes]].map((changed) => input.shape.map((size, axis) => size + Number(changed.includes(axis))))
  const others = sizes.map((shape, i) => {
    const which = i < axes.length ? `axis ${axes[i]}` : 'these axes'
    return rewritten(() => write(planOf({ ...input, shape }), dtype), base, which, axes.length === 1 || i === axes.length ? '/dynamic_axes' : `/dynamic_axes/${i}`)
  })
  const nameOf = (axis: number): string => (axis === 0 ? 'batch' : `x_${axis}`)
  const shapes = [base, ...others].map(({ plan }) => plan)
  const output = base.plan.output.shape.map((size, at): Dimension => {
    const seen = shapes.map((plan) => plan.output.shape[at]!)
    if (seen.every((other) => other === size)) return size
    const source = axes.find((axis) => shapes.every((plan, i) => plan.input.shape[axis] === seen[i]))
    return source === undefined ? `y_hat_${at}` : nameOf(source)
  })
  return { input: input.shape.map((size, axis) => (axes.includes(axis) ? nameOf(axis) : size)), output }
}

/** The graph for another size, which has to be that of `base`. */
function rewritten(writeAgain: () => Written, base: Written, which: string, pointer: string): Written {
  let other: Written
  try {
    other = writeAgain()
  } catch (error) {
    if (!(error instanceof SpecError)) throw error
    throw new SpecError('not_exportable', `${which} cannot have any size: ${error.message}`, { pointer })
  }
  const part = firstDifference(base, other)
  if (part === undefined) return other
  throw new SpecError('not_exportable', `${which} cannot have any size: layer ${part.slice(0, /[./](?=[^./]*$)/.exec(part)?.index)} depends on it`, { pointer })
}

/** The name of the first node or tensor in which they differ. */
function firstDifference(a: Written, b: Written): Name | undefined {
  const node = a.nodes.find((one, i) => JSON.stringify(one) !== JSON.stringify(b.nodes[i]))
  if (node) return node.name
  return [...a.initializers].find(([name, tensor]) => !sameTensor(tensor, b.initializers.get(name)))?.[0]
}

function sameTensor(a: TensorResult, b: TensorResult | undefined): boolean {
  if (!b || String(a.shape) !== String(b.shape)) return false
  return a.elements === b.elements || bytesOf(a).equals(bytesOf(b))
}

function bytesOf({ elements }: TensorResult): Buffer {
  return Buffer.from(elements.buffer, elements.byteOffset, elements.byteLength)
}
