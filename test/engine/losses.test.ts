/** What losses refuse, how large they are, and loss classes in programs. Numbers are in test/golden/functions/losses.json. */
import { describe, expect, it } from 'vitest'
import { ProgramCache, backward, defaultCompileOptions, defaultLimits } from '../../engine/index.ts'

const engine = { cache: new ProgramCache(), limits: defaultLimits, compile: defaultCompileOptions }

/** `w` is [2, 3], `v` is [3], `i` are labels, `t` are log-probabilities (4, 2, 3). */
function run(loss: unknown, forward = 'y_hat = w * 1'): ReturnType<typeof backward> {
  return backward(
    {
      model: { parameters: { w: { value: [[0.1, 0.2, 0.3], [0.6, 0.5, 0.4]] }, v: { value: [1, 2, 3] } }, forward },
      loss: loss as string,
      data: { y: [[1, 0, 1], [0, 1, 0]], i: { data: [1, 2], shape: [2], dtype: 'int64' }, far: { data: [1, 3], shape: [2], dtype: 'int64' }, t: { data: Array.from({ length: 24 }, () => -1), shape: [4, 2, 3] }, s: { data: [1, 1, 2, 1], shape: [2, 2], dtype: 'int64' } },
      dtype: 'float64',
      seed: 0,
    },
    engine,
  )
}

function expectRefusal(loss: unknown, code: string, message: string): void {
  expect(() => run(loss)).toThrow(expect.objectContaining({ faults: [expect.objectContaining({ code, message: expect.stringContaining(message) as string })] }))
}

describe('refused', () => {
  it.each([
    ["F.mse_loss(w, v[:2])", 'shape_mismatch', '[2, 3]'],
    ["F.mse_loss(w, y, reduction='average')", 'bad_argument', "reduction: 'mean' | 'sum' | 'none' expected"],
    ['F.mse_loss(w, y, weight=v)', 'shape_mismatch', 'mse_loss(): weight of shape [2, 3] expected (that of input), got [3]'],
    ['F.mse_loss(i, y)', 'dtype_mismatch', 'input: a floating-point tensor expected, got int64 tensor of shape [2]'],
    ['F.mse_loss(w)', 'bad_argument', 'the argument "target" (Tensor) is missing'],
    ['F.smooth_l1_loss(w, y, beta=-1.0)', 'bad_argument', 'beta must not be negative, got -1'],
    ['F.huber_loss(w, y, delta=0)', 'bad_argument', 'delta must be positive, got 0'],
    ['F.gaussian_nll_loss(w, y, v)', 'shape_mismatch', 'var of shape [2, 3] or [2, 1] expected, got [3]'],
    ['F.gaussian_nll_loss(w, y, -1.0)', 'bad_argument', 'var must not be negative'],
    ['torch.poisson_nll_loss(w, y, True, False, 0.1, 3)', 'bad_argument', '0 (none), 1 (mean) or 2 (sum) expected'],
    ['F.cross_entropy(w, v)', 'shape_mismatch', 'input of shape [2, 3] takes labels of shape [2], got [3]'],
    ['F.cross_entropy(w, far)', 'index_out_of_range', 'class label 3 is out of range: whole numbers from 0 to 2 expected'],
    ['F.cross_entropy(w, i, weight=v[:2])', 'shape_mismatch', 'weight of shape [3] expected, got [2]'],
    ['F.cross_entropy(w, i, label_smoothing=1.5)', 'bad_argument', 'label_smoothing must be in [0, 1], got 1.5'],
    ['F.cross_entropy(w, y, ignore_index=1)', 'bad_argument', 'ignore_index is for a target of classes'],
    ['F.nll_loss(w.sum(), i[0])', 'shape_mismatch', 'input needs a dimension of classes, got shape []'],
    ['F.binary_cross_entropy(w, v)', 'shape_mismatch', 'input of shape [2, 3] and target of shape [3] must have one shape'],
    ['F.binary_cross_entropy_with_logits(w, v)', 'shape_mismatch', 'must have one shape'],
    ['F.multi_margin_loss(w, i, p=3)', 'bad_argument', 'p must be 1 or 2, got 3'],
    ['F.multi_margin_loss(w, far)', 'index_out_of_range', 'class label 3 is out of range'],
    ['F.multilabel_margin_loss(w, i)', 'shape_mismatch', 'takes a target of the same shape, got [2]'],
    ['F.margin_ranking_loss(w, v, y)', 'shape_mismatch', 'tensors of one number of dimensions expected, got shapes [2, 3], [3], [2, 3]'],
    ['F.cosine_embedding_loss(w, w, y)', 'shape_mismatch', 'inputs (N, D) and a target (N), or (D) and (), expected'],
    ['F.triplet_margin_loss(w, v, w)', 'shape_mismatch', 'tensors of one number of dimensions expected'],
    ['F.triplet_margin_with_distance_loss(w, y, w, distance_function=2)', 'bad_argument', 'a function of two tensors expected, got int 2'],
    // ctc_loss.
    ['F.ctc_loss(w[0], i, (4, 4), (1, 1))', 'shape_mismatch', 'log_probs of shape (T, N, C) or (T, C) expected, got [3]'],
    ['F.ctc_loss(t, s, (4, 5), (1, 1))', 'bad_argument', 'input_lengths: numbers from 0 to 4 expected, got 5'],
    ['F.ctc_loss(t, s, (4, 4), (1, 3))', 'bad_argument', 'target_lengths: numbers from 0 to 2 expected, got 3'],
    ['F.ctc_loss(t, s, (4,), (1, 1))', 'shape_mismatch', 'input_lengths: 2 numbers expected (one for each sample), got shape [1]'],
    ['F.ctc_loss(t, s, (4, 4), (1, 1), blank=3)', 'bad_argument', 'blank must be one of the 3 classes, got 3'],
    ['F.ctc_loss(t, s[:1], (4, 4), (1, 1))', 'shape_mismatch', 'targets of shape (2, S) or (sum of the lengths) expected, got [1, 2]'],
    ['F.ctc_loss(t, i, (4, 4), (1, 0))', 'shape_mismatch', 'target_lengths sum up to 1, targets have shape [2]'],
    ['F.ctc_loss(t * v[0], i, i + 2, i)', 'index_out_of_range', 'sum of the target lengths'],
    ['F.ctc_loss(t * v[0], s + 1, (4, 4), (2, 2))', 'index_out_of_range', 'label 3 is out of range'],
    ['F.ctc_loss(t * v[0], s, i + 3, i)', 'index_out_of_range', 'input lengths 5 is out of range'],
    // Classes in a program.
    ['nn.MSELos()(w, y)', 'unknown_function', 'torch.nn has no "MSELos"; did you mean "MSELoss"?'],
    ['nn.MSELoss(beta=1)(w, y)', 'bad_argument', 'nn.MSELoss() has no argument "beta"'],
    ['nn.MSELoss(w, y)', 'bad_argument', 'nn.MSELoss(): size_average: True or False expected'],
    ['nn.MSELoss()(w, y, w)', 'bad_argument', 'nn.MSELoss() takes 2 arguments, got 3'],
    ['nn.GaussianNLLLoss()(w, y)', 'bad_argument', 'the argument "var" (Tensor | number) is missing'],
    ['nn.CrossEntropyLoss(reduction="max")(w, i)', 'bad_argument', 'reduction'],
  ])('%s', expectRefusal)

  it.each([
    [{ type: 'MSELoss', inputs: ['y_hat', 'z'] }, 'unknown_name', 'the loss MSELoss is applied to (y_hat, z); neither the model nor the data give "z"'],
    [{ type: 'GaussianNLLLoss' }, 'unknown_name', 'the loss GaussianNLLLoss is applied to (y_hat, y, var); neither the model nor the data give "var"'],
    [{ type: 'CrossEntropyLoss', inputs: ['y_hat', 'i'], weight: [1, 2] }, 'shape_mismatch', 'weight of shape [3] expected, got [2]'],
    [{ type: 'MSELoss', reduction: 'none' }, 'loss_not_scalar', 'the loss must be one floating-point number, got a float64 tensor of shape [2, 3]'],
    [{ type: 'MSELoss', inputs: ['i', 'y'] }, 'dtype_mismatch', 'MSELoss(): input: a floating-point tensor expected, got int64'],
  ])('%j', expectRefusal)
})

describe('ctc_loss', () => {
  it('has a graph that does not grow with time', () => {
    const nodes = (times: number): number => run(`x = F.log_softmax(torch.linspace(0, 1, ${times * 6}).reshape(${times}, 2, 3) * v, 2)\nF.ctc_loss(x, s, (${times}, 3), (2, 1))`).stats.nodes
    expect(nodes(400)).toBe(nodes(4))
    expect(nodes(4)).toBeLessThan(300)
  })
})

describe('classes in a program', () => {
  const expectSame = (a: string, b: string): void => {
    const { stats: _stats, ...first } = run(a)
    const { stats: _others, ...second } = run(b)
    expect(first).toEqual(second)
  }

  it.each([
    ["nn.MSELoss(reduction='sum')(w, y)", "F.mse_loss(w, y, reduction='sum')"],
    ['torch.nn.CrossEntropyLoss(v, ignore_index=1, label_smoothing=0.2)(w, i)', 'F.cross_entropy(w, i, v, ignore_index=1, label_smoothing=0.2)'],
    ['nn.CrossEntropyLoss(v, None, 1, None, "mean", 0.2)(input=w, target=i)', 'F.cross_entropy(w, i, v, ignore_index=1, label_smoothing=0.2)'],
    ['nn.PoissonNLLLoss(False)(log_input=w, target=y)', 'F.poisson_nll_loss(w, y, log_input=False)'],
    ['nn.TripletMarginWithDistanceLoss(distance_function=lambda_, margin=0.3)(w, y, w * w)', 'F.triplet_margin_with_distance_loss(w, y, w * w, distance_function=lambda_, margin=0.3)'],
    ['nn.TripletMarginWithDistanceLoss()(w, y, negative=w * w)', 'F.triplet_margin_loss(w, y, w * w)'],
  ])('%s', (written, function_) => {
    const program = 'def lambda_(a, b):\n    return (a - b).abs().sum(1)\n'
    expectSame(program + written, program + function_)
  })

  it('are made once and called often', () => {
    expectSame('criterion = nn.MSELoss(reduction="sum")\ncriterion(w, y) + 2 * criterion(v, v * 2)', 'F.mse_loss(w, y, reduction="sum") + 2 * F.mse_loss(v, v * 2, reduction="sum")')
  })
})
