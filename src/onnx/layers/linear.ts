/** Linear layers, those that only reshape, and those that do nothing in eval mode. */
import type { Exporter } from '../define.ts'
import { axisOf, exporter, never } from '../define.ts'
import type { LayerWriter, Name } from '../graph.ts'
import { int } from '../proto.ts'

const same: Exporter = (x) => x

/** x @ weight.T + bias, with the names of the parameters. */
export function affine(x: Name, rank: number, w: LayerWriter, weight: Name, bias: Name | undefined): Name {
  if (rank === 2) return w.node('Gemm', bias === undefined ? [x, weight] : [x, weight, bias], { transB: int(1) })
  const product = w.node('MatMul', [x, w.transpose(weight, [1, 0])])
  return bias === undefined ? product : w.node('Add', [product, bias])
}

export const linear: Readonly<Record<string, Exporter>> = {
  Linear: exporter((x, w, { bias }: { bias: boolean }) => affine(x, w.layer.input.shape.length, w, w.tensor('weight'), bias ? w.tensor('bias') : undefined)),
  Bilinear: never('it takes two tensors'),
  Identity: same,
  Dropout: same,
  Dropout1d: same,
  Dropout2d: same,
  Dropout3d: same,
  AlphaDropout: same,
  FeatureAlphaDropout: same,
  Flatten: exporter((x, w, { start_dim: start, end_dim: end }: { start_dim: number; end_dim: number }) => {
    const { shape } = w.layer.input
    const rank = shape.length
    if (rank === 0) return w.reshape(x, [1])
    const [from, to] = [axisOf(start, rank), axisOf(end, rank)]
    if (from === to) return x
    if (from === 1 && to === rank - 1) return w.node('Flatten', [x], { axis: int(1) })
    return w.reshape(x, [...Array<number>(from).fill(0), -1, ...shape.slice(to + 1)])
  }),
  Unflatten: exporter((x, w, { dim, unflattened_size: sizes }: { dim: number; unflattened_size: number[] }) => {
    const { shape } = w.layer.input
    const axis = axisOf(dim, shape.length)
    return w.reshape(x, [...Array<number>(axis).fill(0), ...sizes, ...shape.slice(axis + 1)])
  }),
}
