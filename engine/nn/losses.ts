/**
 * torch.nn's loss classes. Each is a function of torch.nn.functional with its options.
 *
 * A spec applies them to (y_hat, y): the first argument is y_hat, a target is y, and further ones are the variables of
 * PyTorch's names (`var`, `input2`, `target_lengths`). `inputs` of the spec names others.
 */
import { z } from 'zod'
import { findFunction } from '../functions/index.ts'
import type { Loss } from './define.ts'
import { flag } from './define.ts'

const reduction = z.enum(['mean', 'sum', 'none']).default('mean')
const old = { size_average: flag.nullable().default(null).describe('Old form of `reduction`'), reduce: flag.nullable().default(null).describe('Old form of `reduction`') }
const reduced = { ...old, reduction }
const weight = z.array(z.number()).nullable().default(null)
const rows = z.array(z.array(z.number())).refine((given) => given.every((row) => row.length === given[0]!.length), 'rows of one length expected')
const perElement = z.union([z.array(z.number()), rows, z.null()]).default(null)
const margin = z.number()
const ignored = { ignore_index: z.int32().default(-100) }

const pair = ['input', 'target'] as const
const compared = ['input1', 'input2', 'target'] as const

function loss(type: string, name: string, inputs: readonly string[], options: z.ZodRawShape): Loss {
  const entry = findFunction('F', name)!
  const variables = inputs.map((input, i) => (i === 0 ? 'y_hat' : input === 'target' || input === 'targets' ? 'y' : input))
  const named = z.array(z.string().min(1)).length(inputs.length).optional().describe(`What it is applied to, by name: (${inputs.join(', ')}); (${variables.join(', ')}) unless given`)
  return { type, entry, inputs, variables, doc: entry.doc, options: { ...options, inputs: named } }
}

export const losses: readonly Loss[] = [
  loss('MSELoss', 'mse_loss', pair, reduced),
  loss('L1Loss', 'l1_loss', pair, reduced),
  loss('SmoothL1Loss', 'smooth_l1_loss', pair, { ...reduced, beta: z.number().nonnegative().default(1) }),
  loss('HuberLoss', 'huber_loss', pair, { reduction, delta: z.number().positive().default(1) }),
  loss('PoissonNLLLoss', 'poisson_nll_loss', ['log_input', 'target'], { log_input: flag.default(true), full: flag.default(false), ...reduced, eps: z.number().default(1e-8) }),
  loss('GaussianNLLLoss', 'gaussian_nll_loss', ['input', 'target', 'var'], { full: flag.default(false), eps: z.number().default(1e-6), reduction }),
  loss('CrossEntropyLoss', 'cross_entropy', pair, { weight, ...ignored, ...reduced, label_smoothing: z.number().min(0).max(1).default(0) }),
  loss('NLLLoss', 'nll_loss', pair, { weight, ...ignored, ...reduced }),
  loss('BCELoss', 'binary_cross_entropy', pair, { weight: perElement, ...reduced }),
  loss('BCEWithLogitsLoss', 'binary_cross_entropy_with_logits', pair, { weight: perElement, ...reduced, pos_weight: perElement }),
  loss('KLDivLoss', 'kl_div', pair, { ...old, reduction: z.enum(['mean', 'sum', 'none', 'batchmean']).default('mean'), log_target: flag.default(false) }),
  loss('SoftMarginLoss', 'soft_margin_loss', pair, reduced),
  loss('MultiMarginLoss', 'multi_margin_loss', pair, { p: z.literal([1, 2]).default(1), margin: margin.default(1), weight, ...reduced }),
  loss('MultiLabelMarginLoss', 'multilabel_margin_loss', pair, reduced),
  loss('MultiLabelSoftMarginLoss', 'multilabel_soft_margin_loss', pair, { weight: perElement, ...reduced }),
  loss('HingeEmbeddingLoss', 'hinge_embedding_loss', pair, { margin: margin.default(1), ...reduced }),
  loss('MarginRankingLoss', 'margin_ranking_loss', compared, { margin: margin.default(0), ...reduced }),
  loss('CosineEmbeddingLoss', 'cosine_embedding_loss', compared, { margin: margin.default(0), ...reduced }),
  loss('TripletMarginLoss', 'triplet_margin_loss', ['anchor', 'positive', 'negative'], { margin: margin.default(1), p: z.number().default(2), eps: z.number().default(1e-6), swap: flag.default(false), ...reduced }),
  loss('CTCLoss', 'ctc_loss', ['log_probs', 'targets', 'input_lengths', 'target_lengths'], { blank: z.int32().min(0).default(0), reduction, zero_infinity: flag.default(false) }),
]

/** Classes that only a program can use: one of their options is a function. */
export const programLosses: readonly Loss[] = [loss('TripletMarginWithDistanceLoss', 'triplet_margin_with_distance_loss', ['anchor', 'positive', 'negative'], {})]
