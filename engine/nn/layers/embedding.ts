/** Tables of learned vectors. */
import { z } from 'zod'
import { embedding, embeddingBag } from '../../functions/embedding.ts'
import { optional, tensor } from '../../functions/parameters.ts'
import type { ParameterSpec, Wrong } from '../define.ts'
import { flag, layer, module, size } from '../define.ts'
import type { Fill } from '../init.ts'
import { normalFill } from '../init.ts'

const table = { num_embeddings: size, embedding_dim: size }
const padding = z.int32().nullable().default(null).describe('A row that starts as zeros and is not trained; from either end')
const limited = {
  max_norm: z.number().nullable().default(null).describe('Only null: PyTorch scales rows of the table in place during the forward pass'),
  norm_type: z.number().default(2),
}
const scaled = flag.default(false).describe("Divides the gradient of a row by how often it is in the minibatch")
const sparse = flag.default(false).describe('Changes nothing: gradients are the same numbers')

interface Table {
  readonly max_norm: number | null
  readonly num_embeddings: number
  readonly embedding_dim: number
  readonly padding_idx: number | null
}

function checkTable({ num_embeddings: rows, padding_idx: row, max_norm: limit }: Table, wrong: Wrong): void {
  if (limit !== null) wrong('max_norm', 'max_norm changes the table in place during the forward pass, which a model here never does; use weight_decay, or scale the rows in a program')
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

export const embeddingLayers = [
  layer({
    type: 'Embedding',
    doc: 'The row of weight for each whole number of the input',
    options: { ...table, padding_idx: padding, ...limited, scale_grad_by_freq: scaled, sparse },
    gradFn: 'EmbeddingBackward0',
    check: checkTable,
    parameters: tableParameters,
    forward: (x, { padding_idx: row, scale_grad_by_freq }, { ctx, parameter }) =>
      embedding(ctx, x, parameter('weight'), { padding_idx: row ?? undefined, max_norm: undefined, scale_grad_by_freq }),
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
    forward: ({ input, ...given }, { padding_idx: row, scale_grad_by_freq, mode, include_last_offset }, { ctx, parameter }) =>
      embeddingBag(ctx, input, parameter('weight'), { ...given, padding_idx: row ?? undefined, max_norm: undefined, scale_grad_by_freq, mode, include_last_offset }),
  }),
]
