/** A graph of calls in Graphviz's language. */
import type { GraphResult } from '../../engine/index.ts'
import { edgeLabels, ink, labelOf, styleOf, styles, tooltipOf } from './label.ts'

const font = '"Helvetica,Arial,sans-serif"'

export function graphDot(graph: GraphResult): string {
  const labels = edgeLabels(graph)
  const nodes = graph.nodes.map((node) => {
    const shape = node.kind === 'call' ? '' : ' shape=ellipse'
    return `  n${node.id} [label=${quoted(labelOf(node))} tooltip=${quoted(tooltipOf(node))} fillcolor="${styles[styleOf(node, graph)]}"${shape}]`
  })
  const edges = graph.edges.map(({ from, to, argument }, i) => `  n${from} -> n${to} [label=${quoted([labels[i]!])} tooltip=${quoted([argument])}]`)
  return `digraph calls {
  graph [bgcolor=transparent]
  node [shape=box style="filled,rounded" color="${ink.border}" fontcolor="${ink.text}" fontname=${font} fontsize=12]
  edge [color="${ink.edge}" fontcolor="${ink.edge}" fontname=${font} fontsize=10]
${[...nodes, ...edges].join('\n')}
}
`
}

function quoted(lines: readonly string[]): string {
  return `"${lines.map((line) => line.replaceAll('\\', '\\\\').replaceAll('"', '\\"')).join('\\n')}"`
}
