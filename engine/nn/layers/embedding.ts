/** Tables of learned vectors. */
import { z } from 'zod'
import { embedding, embeddingBag, limitRows } from '../../functions/embedding.ts'
import { optional, tensor } from '../../functions/parameters.ts'
import type { Value } from '../../ir/value.ts'
import type { LayerCall, ParameterSpec, Wrong } from '../define.ts'
import { flag, layer, module, size } from '../define.ts'
import type { Fill } from '../init.ts'
import { normalFill } from '../init.ts'

const table = { num_embeddings: size, embedding_dim: size }
const padding = z.int32().nullable().default(null).describe('A row that starts as zeros and is not trained; from either end')
const limited = {
  max_norm: z.number().nullable().default(null).describe('Rows that are looked up and have a larger norm are scaled down to it first, in the table itself'),
  norm_type: z.number().default(2).describe('The order of that norm'),
}
const scaled = flag.default(false).describe("Divides the gradient of a row by how often it is in the minibatch")
const sparse = flag.default(false).describe('Changes nothing: gradients are the same numbers')

interface Table {
  readonly num_embeddings: number
  readonly embedding_dim: number
  readonly padding_idx: number | null
}

function checkTable({ num_embeddings: rows, padding_idx: row }: Table, wrong: Wrong): void {
  if (row !== null && (row < -rows || row >= rows)) wrong('padding_idx', `padding_idx must be a row of the table, from ${-rows} to ${rows - 1}, got ${row}`)
}

/** Normal draws; the padding row is drawn too and then set to 0. */
function tableParameters({ num_embeddings: rows, embedding_dim: width, padding_idx: row }: Table): ParameterSpec[] {
  const fill: Fill = (ctx, shape) => {
    const drawn = normalFill(0, 1)(ctx, shape)
    if (row === null) return drawn
    const start = (row < 0 ? row + rows : row) * width
    return drawn.fill(0, start, start + width)
  }
  return [{ name: 'weight', shape: [rows, width], fill }]
}

/** The layer's table, with the rows of `input` limited if that is asked for. */
function tableOf({ ctx, parameter, update }: LayerCall, name: string, input: Value, { max_norm: limit, norm_type: p }: { readonly max_norm: number | null; readonly norm_type: number }): Value {
  if (limit !== null) update('weight', limitRows(ctx, name, input, parameter('weight'), limit, p))
  return parameter('weight')
}

export const embeddingLayers = [
  layer({
    type: 'Embedding',
    doc: 'The row of weight for each whole number of the input',
    options: { ...table, padding_idx: padding, ...limited, scale_grad_by_freq: scaled, sparse },
    gradFn: 'EmbeddingBackward0',
    check: checkTable,
    parameters: tableParameters,
    forward: (x, { padding_idx: row, scale_grad_by_freq, ...limit }, call) =>
      embedding(call.ctx, x, tableOf(call, 'embedding', x, limit), { padding_idx: row ?? undefined, scale_grad_by_freq }),
  }),
  module({
    type: 'EmbeddingBag',
    doc: 'Sums, means or largest elements of rows of weight, by bags: rows of a matrix, or parts of a vector that begin at offsets',
    options: { ...table, ...limited, scale_grad_by_freq: scaled, mode: z.enum(['sum', 'mean', 'max']).default('mean'), sparse, include_last_offset: flag.default(false), padding_idx: padding },
    gradFn: 'EmbeddingBagBackward0',
    inputs: { input: tensor, offsets: optional(tensor), per_sample_weights: optional(tensor) },
    check: (options, wrong) => {
      checkTable(options, wrong)
      if (options.mode === 'max' && options.scale_grad_by_freq) wrong('scale_grad_by_freq', "EmbeddingBag with mode 'max' does not take scale_grad_by_freq")
    },
    parameters: tableParameters,
    forward: ({ input, ...given }, { padding_idx: row, scale_grad_by_freq, mode, include_last_offset, ...limit }, call) =>
      embeddingBag(call.ctx, input, tableOf(call, 'embedding_bag', input, limit), { ...given, padding_idx: row ?? undefined, scale_grad_by_freq, mode, include_last_offset }),
  }),
]
