/** A graph of calls drawn by Graphviz, which is loaded when the first drawing is asked for. */
import { SpecError } from '../../engine/index.ts'
import type { GraphResult } from '../../engine/index.ts'
import { graphDot } from './dot.ts'

/** Beyond this the layout takes many seconds, and nobody can read the drawing. */
const maxDrawn = { nodes: 1000, edges: 3000 } as const

export async function graphSvg(graph: GraphResult): Promise<string> {
  for (const what of ['nodes', 'edges'] as const) {
    const count = graph[what].length
    if (count <= maxDrawn[what]) continue
    throw new SpecError('graph_too_large', `the graph has ${count} ${what}, and up to ${maxDrawn[what]} are drawn; ask for the format "dot" or "json"`, { pointer: '/format' })
  }
  const { Graphviz } = await import('@hpcc-js/wasm-graphviz')
  const graphviz = await Graphviz.load()
  return graphviz.dot(graphDot(graph), 'svg')
}
