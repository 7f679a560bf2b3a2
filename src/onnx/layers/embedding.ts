/** Tables of vectors. */
import type { Exporter } from '../define.ts'
import { axisOf, exporter, refuse } from '../define.ts'
import type { LayerWriter, Name } from '../graph.ts'
import { int, ints } from '../proto.ts'

function requireFixedTable(w: LayerWriter, limit: number | null): void {
  if (limit !== null) refuse(w, 'with max_norm a pass changes its table')
}

/** Indices as whole numbers, which the service also takes as floating-point ones. */
function indices(x: Name, w: LayerWriter): Name {
  return w.layer.input.dtype === 'int64' ? x : w.node('Cast', [x], { to: int(7) })
}

export const embeddings: Readonly<Record<string, Exporter>> = {
  Embedding: exporter((x, w, { max_norm: limit }: { max_norm: number | null }) => {
    requireFixedTable(w, limit)
    return w.node('Gather', [w.tensor('weight'), indices(x, w)], { axis: int(0) })
  }),
  EmbeddingBag: exporter((x, w, { mode, num_embeddings: rows, padding_idx: padding, max_norm: limit }: { mode: 'sum' | 'mean' | 'max'; num_embeddings: number; padding_idx: number | null; max_norm: number | null }) => {
    requireFixedTable(w, limit)
    const index = indices(x, w)
    const found = w.node('Gather', [w.tensor('weight'), index], { axis: int(0) })
    const over = (op: string, values: Name): Name => w.node(op, [values], { axes: ints([1]), keepdims: int(0) })
    const total = (values: Name): Name => w.node('ReduceSum', [values, w.integers([1])], { keepdims: int(0) })
    if (padding === null) return mode === 'sum' ? total(found) : over(mode === 'mean' ? 'ReduceMean' : 'ReduceMax', found)
    const isPadding = w.node('Equal', [index, w.constant('padding_idx', [], [axisOf(padding, rows)], 'int64')])
    const all = w.integers([-1])
    const left = w.node('Unsqueeze', [isPadding, all])
    const kept = w.node('Where', [left, w.number(0), found])
    if (mode === 'sum') return total(kept)
    const count = w.node('Unsqueeze', [total(w.node('Cast', [w.node('Not', [isPadding])], { to: int(w.dtype === 'float32' ? 1 : 11) })), all])
    if (mode === 'mean') return w.node('Div', [total(kept), w.node('Max', [count, w.number(1)])])
    const largest = over('ReduceMax', w.node('Where', [left, w.number(-Infinity), found]))
    return w.node('Where', [w.node('Greater', [count, w.number(0)]), largest, w.number(0)])
  }),
}
