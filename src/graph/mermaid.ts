/** A graph of calls as a Mermaid flowchart, which GitHub and many editors draw inside Markdown. */
import type { GraphNode, GraphResult } from '../../engine/index.ts'
import { edgeLabels, ink, labelOf, styleOf, styles } from './label.ts'

export function graphMermaid(graph: GraphResult): string {
  const labels = edgeLabels(graph)
  const used = new Set(graph.nodes.map((node) => styleOf(node, graph)))
  return [
    'flowchart TD',
    ...graph.nodes.map((node) => `  n${node.id}${boxed(node)}:::${styleOf(node, graph)}`),
    ...graph.edges.map(({ from, to }, i) => `  n${from} -->${labels[i] === '' ? '' : `|${quoted([labels[i]!])}|`} n${to}`),
    ...[...used].map((style) => `  classDef ${style} fill:${styles[style]},stroke:${ink.border},color:${ink.text}`),
    '',
  ].join('\n')
}

function boxed(node: GraphNode): string {
  const label = quoted(labelOf(node))
  return node.kind === 'call' ? `[${label}]` : `([${label}])`
}

/** Quotes and what HTML would read as its own become Mermaid's entities. */
function quoted(lines: readonly string[]): string {
  const entities: Record<string, string> = { '"': '#quot;', '<': '#lt;', '>': '#gt;', '#': '#35;', '&': '#amp;' }
  return `"${lines.map((line) => line.replaceAll(/["<>#&]/g, (sign) => entities[sign]!)).join('<br/>')}"`
}
