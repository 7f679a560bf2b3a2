/**
 * What PyTorch calls grad_fn where that depends on the arguments: which overload was taken (SumBackward0 of all,
 * SumBackward1 along dim), or which of its functions a composed one ends with. Names are those of PyTorch 1.13.
 */
import type { Argument, Dynamic } from '../lang/values.ts'
import { Tensor, itemsOf } from '../lang/values.ts'

/** The arguments that a call was given, by name. */
export type Given = ReadonlyMap<string, Dynamic>

type Rule = (given: Given, usual: string | null) => string | null

function isTensor(given: Given, name: string): boolean {
  return given.get(name) instanceof Tensor
}

/** Given, and not None. */
function has(given: Given, name: string): boolean {
  const value = given.get(name)
  return value !== undefined && (value instanceof Tensor || value.kind !== 'none')
}

function textOf(given: Given, name: string): string | undefined {
  const value = given.get(name)
  return value && !(value instanceof Tensor) && value.kind === 'string' ? value.value : undefined
}

function numberOf(given: Given, name: string): number | undefined {
  const value = given.get(name)
  return value && !(value instanceof Tensor) && value.kind === 'number' ? value.value : undefined
}

function isTrue(given: Given, name: string): boolean {
  const value = given.get(name)
  return value !== undefined && !(value instanceof Tensor) && value.kind === 'boolean' && value.value
}

function rankOf(given: Given, name: string): number | undefined {
  const value = given.get(name)
  return value instanceof Tensor ? value.value.shape.length : undefined
}

function countOf(given: Given, name: string): number | undefined {
  const value = given.get(name)
  return value && itemsOf(value)?.length
}

/** `yes` where the argument is given, else the usual name. */
function where(name: string, yes: string, test: (given: Given, name: string) => boolean = has): Rule {
  return (given, usual) => (test(given, name) ? yes : usual)
}

// ---- families

/** Of all elements or along dim: sum(dim=None) is along all dimensions. */
const alongDim = (yes: string): Rule => where('dim', yes, (given, name) => given.has(name))

function extreme(whole: string, pair: string): Rule {
  return (given, usual) => (has(given, 'other') ? pair : has(given, 'dim') ? usual : whole)
}

function product(left: number | undefined, right: number | undefined): string {
  if (left === 1 && right === 1) return 'DotBackward0'
  if (left === 2 && right === 1) return 'MvBackward0'
  if (left === 1 && right === 2) return 'SqueezeBackward3'
  return left === 2 && right === 2 ? 'MmBackward0' : 'UnsafeViewBackward0'
}

const linear: Rule = (given) => {
  const rank = rankOf(given, 'input')
  if (!has(given, 'bias')) return product(rank, rankOf(given, 'weight'))
  return rank === 2 ? 'AddmmBackward0' : rank === 3 ? 'ViewBackward0' : 'AddBackward0'
}

/** Norms of order 1, -1, inf and -inf of matrices are sums, then an extreme. */
function matrixNorm(isMatrix: (given: Given) => boolean): Rule {
  return (given, usual) => {
    const order = textOf(given, 'ord') === 'nuc' ? 'nuc' : numberOf(given, 'ord')
    if (order === undefined || !isMatrix(given)) return usual
    if (isTrue(given, 'keepdim') && (order === 'nuc' || Math.abs(order) === 2)) return 'PermuteBackward0'
    if (order === 'nuc') return 'SumBackward1'
    return order > 0 ? 'AmaxBackward0' : 'AminBackward0'
  }
}

/** How a loss is reduced; the old arguments override `reduction`. */
function reductionOf(given: Given): 'mean' | 'sum' | 'none' | 'batchmean' {
  if (has(given, 'size_average') || has(given, 'reduce')) {
    if (has(given, 'reduce') && !isTrue(given, 'reduce')) return 'none'
    return has(given, 'size_average') && !isTrue(given, 'size_average') ? 'sum' : 'mean'
  }
  const word = textOf(given, 'reduction')
  if (word === 'sum' || word === 'none' || word === 'batchmean') return word
  return (['none', 'mean', 'sum'] as const)[numberOf(given, 'reduction') ?? 1] ?? 'mean'
}

/** Losses that end with a mean or a sum of their own. */
function reduced(none: string | ((given: Given) => string)): Rule {
  return (given) => {
    switch (reductionOf(given)) {
      case 'mean':
        return 'MeanBackward0'
      case 'sum':
        return 'SumBackward0'
      case 'batchmean':
        return 'DivBackward0'
      case 'none':
        return typeof none === 'string' ? none : none(given)
    }
  }
}

/** PyTorch has one function for vectors and matrices and one for images; other shapes are brought to images. */
const nllLoss: Rule = (given) => {
  const rank = rankOf(given, 'input') ?? 0
  if (rank <= 2) return 'NllLossBackward0'
  return rank !== 4 && reductionOf(given) === 'none' ? 'ViewBackward0' : 'NllLoss2DBackward0'
}

const crossEntropy: Rule = (given, usual) => {
  const [input, target] = [given.get('input'), given.get('target')]
  const probabilities = input instanceof Tensor && target instanceof Tensor && target.value.dtype.startsWith('float') && String(input.value.shape) === String(target.value.shape)
  if (probabilities) return reductionOf(given) === 'mean' ? 'DivBackward1' : 'NegBackward0'
  return (numberOf(given, 'label_smoothing') ?? 0) > 0 ? 'AddBackward0' : nllLoss(given, usual)
}

const power: Rule = (given, usual) => (isTensor(given, 'exponent') ? (isTensor(given, 'input') ? 'PowBackward1' : 'PowBackward2') : usual)

/** The three overloads of a function of two tensors, one of which may be a number. */
const ofNumbers = (name: string): Rule => (given, usual) => (isTensor(given, 'input') ? (isTensor(given, 'other') ? usual : `${name}2`) : `${name}1`)

const rules: Readonly<Record<string, Rule>> = {
  clamp: (given, usual) => (isTensor(given, 'min') || isTensor(given, 'max') ? 'ClampBackward0' : usual),
  clamp_max: where('max', 'ClampMaxBackward1', isTensor),
  clamp_min: where('min', 'ClampMinBackward1', isTensor),
  copysign: where('other', 'CopysignBackward1', (given, name) => !isTensor(given, name)),
  div: where('rounding_mode', 'DivBackward2'),
  fmod: where('other', 'FmodBackward1', isTensor),
  lerp: where('weight', 'LerpBackward1', isTensor),
  masked_fill: where('value', 'MaskedFillBackward1', isTensor),
  pow: power,
  float_power: power,
  remainder: where('other', 'RemainderBackward1', isTensor),
  rsub: where('other', 'RsubBackward0', isTensor),
  sgn: () => 'SgnBackward0',
  round: where('decimals', 'RoundBackward1'),
  xlog1py: ofNumbers('SpecialXlog1PyBackward'),
  xlogy: ofNumbers('XlogyBackward'),

  sum: alongDim('SumBackward1'),
  mean: alongDim('MeanBackward1'),
  prod: alongDim('ProdBackward1'),
  median: alongDim('MedianBackward1'),
  nanmedian: alongDim('NanmedianBackward1'),
  max: extreme('MaxBackward1', 'MaximumBackward0'),
  min: extreme('MinBackward1', 'MinimumBackward0'),
  norm: (given, usual) => (textOf(given, 'p') === 'nuc' ? (isTrue(given, 'keepdim') ? 'PermuteBackward0' : 'SumBackward1') : (!given.has('p') || textOf(given, 'p') === 'fro') && countOf(given, 'dim') === 2 ? 'SqrtBackward0' : usual),
  'linalg.cond': (given, usual) => (textOf(given, 'p') === 'nuc' ? 'MulBackward0' : !has(given, 'p') || Math.abs(numberOf(given, 'p') ?? 0) === 2 ? 'SqueezeBackward1' : usual),
  'linalg.norm': matrixNorm((given) => (has(given, 'dim') ? countOf(given, 'dim') : rankOf(given, 'A')) === 2),
  'linalg.matrix_norm': matrixNorm(() => true),
  trapezoid: where('x', 'DivBackward1'),
  trapz: where('x', 'DivBackward1'),
  cumulative_trapezoid: where('x', 'DivBackward1'),
  corrcoef: (given, usual) => (rankOf(given, 'input') === 1 ? 'DivBackward0' : usual),

  flatten: () => 'ReshapeAliasBackward0',
  reshape_as: () => 'ReshapeAliasBackward0',
  split: (given, usual) => (countOf(given, 'split_size_or_sections') === undefined ? usual : 'SplitWithSizesBackward0'),
  squeeze: where('dim', 'SqueezeBackward1'),

  matmul: (given) => product(rankOf(given, 'input'), rankOf(given, 'other')),
  linear,
  Linear: linear,
  Bilinear: (given, usual) => (given.has('bias') ? usual : rankOf(given, 'input1') === 2 ? 'ViewBackward0' : 'ReshapeAliasBackward0'),

  // A single sample is made a batch of one, and the result is squeezed.
  Dropout1d: (given, usual) => (rankOf(given, 'input') === 2 ? 'SqueezeBackward1' : usual),
  Dropout3d: (given, usual) => (rankOf(given, 'input') === 4 ? 'SqueezeBackward1' : usual),
  dropout1d: (given, usual) => (rankOf(given, 'input') === 2 ? 'SqueezeBackward1' : usual),
  dropout3d: (given, usual) => (rankOf(given, 'input') === 4 ? 'SqueezeBackward1' : usual),
  gumbel_softmax: where('hard', 'AddBackward0', isTrue),
  bernoulli: (given, usual) => (has(given, 'p') ? null : usual),
  normal: (given) => (isTensor(given, 'mean') ? (isTensor(given, 'std') ? 'NormalBackward3' : 'NormalBackward1') : 'NormalBackward2'),

  l1_loss: reduced('AbsBackward0'),
  kl_div: reduced((given) => (isTrue(given, 'log_target') ? 'MulBackward0' : 'SubBackward0')),
  nll_loss: nllLoss,
  cross_entropy: crossEntropy,
  poisson_nll_loss: reduced((given) => (isTrue(given, 'full') ? 'AddBackward0' : 'SubBackward0')),
  gaussian_nll_loss: reduced((given) => (isTrue(given, 'full') ? 'AddBackward0' : 'MulBackward0')),
  multilabel_soft_margin_loss: reduced('DivBackward0'),
  hinge_embedding_loss: reduced('AddBackward0'),
  cosine_embedding_loss: reduced('AddBackward0'),
  margin_ranking_loss: reduced('ClampMinBackward0'),
  triplet_margin_loss: reduced('ClampMinBackward0'),
  triplet_margin_with_distance_loss: reduced('ClampBackward1'),
  ctc_loss: reduced((given) => (rankOf(given, 'log_probs') === 2 ? 'SqueezeBackward1' : isTrue(given, 'zero_infinity') ? 'WhereBackward0' : 'CtcLossBackward0')),
}

/** The name of `grad_fn` for a call of `name` (`linalg.norm`, `cross_entropy`); `usual` where no rule says otherwise. */
export function gradFnOf(name: string, usual: string | null, given: readonly Argument[]): string | null {
  const rule = Object.hasOwn(rules, name) ? rules[name] : undefined
  return rule ? rule(new Map(given), usual) : usual
}

export function hasGradFnRule(name: string): boolean {
  return Object.hasOwn(rules, name)
}

/** Functions that give back their argument where there is nothing to do: it keeps its own grad_fn. */
const idle: ReadonlySet<string> = new Set(['as_tensor', 'cpu', 'atleast_1d', 'atleast_2d', 'atleast_3d', 'cartesian_prod', 'contiguous', 'flatten', 'float', 'double', 'long', 'bool', 'int', 'to', 'type', 'type_as', 'Flatten', 'Identity', 'Dropout', 'Dropout1d', 'Dropout2d', 'Dropout3d', 'AlphaDropout', 'FeatureAlphaDropout', 'positive', 'conj', 'real'])

export function mayGiveBack(name: string): boolean {
  return idle.has(name)
}
