/** A graph of calls as JSON. */
import type { GraphNode, GraphResult, Summary } from '../../engine/index.ts'
import { float32Text, float64Text } from '../serialize.ts'

export function graphJson({ nodes, edges, loss }: GraphResult): string {
  const edgeTexts = edges.map(({ from, to, argument }) => `{"from":${from},"to":${to},"argument":${JSON.stringify(argument)}}`)
  return `{"nodes":[${nodes.map(nodeText).join(',')}],"edges":[${edgeTexts.join(',')}]${loss === undefined ? '' : `,"loss":${loss}`}}`
}

function nodeText(node: GraphNode): string {
  const { id, kind, name, variable, module, output, gradFn, shape, dtype, requiresGrad, place, value, gradient } = node
  const head = JSON.stringify({ id, kind, name, variable, module, output, grad_fn: gradFn, shape, dtype, requires_grad: requiresGrad, pointer: place?.pointer, line: place?.line, column: place?.column })
  return `${head.slice(0, -1)},"value":${summaryText(value, dtype)}${gradient ? `,"gradient":${summaryText(gradient, dtype)}` : ''}}`
}

function summaryText({ min, max, mean, norm, zeros, nonFinite }: Summary, dtype: string): string {
  const number = (x: number | null): string => (x === null ? 'null' : dtype === 'float32' ? float32Text(Math.fround(x)) : float64Text(x))
  return `{"min":${number(min)},"max":${number(max)},"mean":${number(mean)},"norm":${number(norm)},"zeros":${zeros},"non_finite":${nonFinite}}`
}
