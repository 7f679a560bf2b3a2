/** Distances and similarities of two tensors. */
import { z } from 'zod'
import { cosineSimilarity, pairwiseDistance } from '../../functions/distances.ts'
import { floatTensor } from '../../functions/parameters.ts'
import { flag, module } from '../define.ts'

const inputs = { x1: floatTensor, x2: floatTensor }

export const distanceLayers = [
  module({
    type: 'CosineSimilarity',
    doc: 'Cosine of the angle between two tensors along dim',
    options: { dim: z.int32().default(1), eps: z.number().default(1e-8) },
    gradFn: 'SumBackward1',
    inputs,
    forward: ({ x1, x2 }, { dim, eps }, { ctx }) => cosineSimilarity(ctx, x1, x2, dim, eps),
  }),
  module({
    type: 'PairwiseDistance',
    doc: 'Norm of order p of x1 - x2 + eps along the last dimension',
    options: { p: z.number().default(2), eps: z.number().default(1e-6), keepdim: flag.default(false) },
    gradFn: 'NormBackward1',
    inputs,
    forward: ({ x1, x2 }, { p, eps, keepdim }, { ctx }) => pairwiseDistance(ctx, x1, x2, p, eps, keepdim),
  }),
]
