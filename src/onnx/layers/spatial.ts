/** What layers over one to three spatial dimensions share. */
import type { Exporter } from '../define.ts'
import { exporter } from '../define.ts'
import type { LayerWriter, Name } from '../graph.ts'
import { int, ints, text } from '../proto.ts'

/** One number for all dimensions, or one for each. */
export type Sizes = number | readonly number[]

export function perDimension(given: Sizes, dims: number): number[] {
  const list = typeof given === 'number' ? [given] : given
  return list.length === 1 ? Array<number>(dims).fill(list[0]!) : [...list]
}

/** What is written for a batch (N, C, …), also for a single sample (C, …). `sizes` are the spatial ones, before and after. */
export function overBatch(dims: number, write: (x: Name, w: LayerWriter, options: never, sizes: { readonly input: readonly number[]; readonly output: readonly number[] }) => Name): Exporter {
  return exporter((x, w, options) => {
    const { input, output } = w.layer
    const sizes = { input: input.shape.slice(-dims), output: output.shape.slice(-dims) }
    if (input.shape.length === dims + 2) return write(x, w, options, sizes)
    const axes = w.integers([0])
    return w.node('Squeeze', [write(w.node('Unsqueeze', [x, axes]), w, options, sizes), axes])
  })
}

export type PadMode = 'constant' | 'reflect' | 'replicate' | 'circular'

/** Elements added before and after (or cut, where negative) each of the last dimensions. */
export function padded(x: Name, w: LayerWriter, rank: number, before: readonly number[], after: readonly number[], mode: PadMode, value = 0): Name {
  if ([...before, ...after].every((count) => count === 0)) return x
  const lead = Array<number>(rank - before.length).fill(0)
  if (mode === 'circular') return before.reduce((y, count, i) => wrapped(y, w, lead.length + i, count, after[i]!), x)
  const pads = (counts: readonly number[]): number[] => [...lead, ...counts]
  // What is mirrored or repeated is of the whole input: what is cut is cut afterwards.
  const added = mode === 'constant' ? [before, after] : [before, after].map((counts) => counts.map((count) => Math.max(count, 0)))
  const inputs = [x, w.integers([...pads(added[0]!), ...pads(added[1]!)])]
  const y = mode === 'constant' ? w.node('Pad', [...inputs, w.number(value)]) : w.node('Pad', inputs, { mode: text(mode === 'reflect' ? 'reflect' : 'edge') })
  return mode === 'constant' ? y : before.reduce((cut, count, i) => cropped(cut, w, lead.length + i, Math.max(-count, 0), Math.max(-after[i]!, 0)), y)
}

/** Without elements of the beginning and of the end. */
function cropped(x: Name, w: LayerWriter, axis: number, before: number, after: number): Name {
  return before === 0 && after === 0 ? x : part(x, w, axis, before, after === 0 ? endOfAxis : -after)
}

const endOfAxis = 2 ** 31 - 1

export function part(x: Name, w: LayerWriter, axis: number, from: number, to: number): Name {
  return w.node('Slice', [x, w.integers([from]), w.integers([to]), w.integers([axis])])
}

/** Elements of the other end of what is left after a cut. ONNX has the mode `wrap` from operator set 19 on. */
function wrapped(x: Name, w: LayerWriter, axis: number, before: number, after: number): Name {
  const left = cropped(x, w, axis, Math.max(-before, 0), Math.max(-after, 0))
  const pieces = [...(before > 0 ? [part(left, w, axis, -before, endOfAxis)] : []), left, ...(after > 0 ? [part(left, w, axis, 0, after)] : [])]
  return pieces.length === 1 ? left : w.node('Concat', pieces, { axis: int(axis) })
}

/** Attributes of a window. */
export function windowAttributes(kernel: readonly number[], stride: readonly number[], before: readonly number[], after: readonly number[], dilation?: readonly number[]) {
  return { kernel_shape: ints(kernel), strides: ints(stride), pads: ints([...before, ...after]), ...(dilation && { dilations: ints(dilation) }) }
}
