/** What normalizations, cosine similarity and pairwise distance refuse. Numbers are in test/golden/functions/normalization.json. */
import { describe, expect, it } from 'vitest'
import { refusalOf } from './refusal.ts'

const shapes = { x: [5, 6], signal: [2, 6, 3], one: [1, 6], w: [6], five: [5], ints: [5, 6], s: [] }

describe('what is refused', () => {
  const table: readonly (readonly [program: string, code: string, message: RegExp])[] = [
    ['F.layer_norm(x, (5,))', 'shape_mismatch', /with normalized_shape \[5\], an input whose last dimensions are \[5\] expected, got shape \[5, 6\]/],
    ['F.layer_norm(x, (2, 5, 6))', 'shape_mismatch', /last dimensions are \[2, 5, 6\] expected, got shape \[5, 6\]/],
    ['F.layer_norm(x, ())', 'bad_argument', /normalized_shape: at least one size expected/],
    ['F.layer_norm(x, (6,), five)', 'shape_mismatch', /layer_norm\(\): weight: shape \[6\] expected for an input of shape \[5, 6\], got \[5\]/],
    ['F.layer_norm(x, (6,), w, w.float())', 'dtype_mismatch', /input and bias must have one dtype, got float64 and float32/],
    ['F.layer_norm(ints, (6,))', 'dtype_mismatch', /input: a floating-point tensor expected, got int64 tensor/],
    ['F.rms_norm(x, (6,), five)', 'shape_mismatch', /rms_norm\(\): weight: shape \[6\] expected/],
    ['F.group_norm(x, 4)', 'shape_mismatch', /the number of channels must be divisible by num_groups, got an input of shape \[5, 6\] and num_groups=4/],
    ['F.group_norm(x, 0)', 'bad_argument', /num_groups: at least 1 expected, got 0/],
    ['F.group_norm(w, 1)', 'shape_mismatch', /input needs at least 2 dimensions \(samples and channels\), got shape \[6\]/],
    ['F.group_norm(one, 6)', 'shape_mismatch', /more than 1 value per channel expected when training, got an input of shape \[1, 6\]/],
    ['F.group_norm(x, 2, five)', 'shape_mismatch', /weight: shape \[6\] expected/],
    ['F.batch_norm(one, None, None, training=True)', 'shape_mismatch', /batch_norm\(\): more than 1 value per channel expected when training, got an input of shape \[1, 6\]/],
    ['F.batch_norm(x, None, None)', 'bad_argument', /running_mean and running_var are needed when training=False/],
    ['F.batch_norm(x, five, five)', 'shape_mismatch', /running_mean: shape \[6\] expected/],
    ['F.batch_norm(w, None, None, training=True)', 'shape_mismatch', /at least 2 dimensions/],
    ['torch.batch_norm(x, None, None, None, None, True)', 'bad_argument', /"momentum" \(float\) is missing/],
    ['F.instance_norm(x[:, :, None])', 'shape_mismatch', /more than 1 spatial element expected when training, got an input of shape \[5, 6, 1\]/],
    ['F.instance_norm(signal, use_input_stats=False)', 'bad_argument', /running_mean and running_var are needed when use_input_stats=False/],
    ['F.local_response_norm(x, 2)', 'shape_mismatch', /at least 3 dimensions, got shape \[5, 6\]/],
    ['F.local_response_norm(signal, 0)', 'bad_argument', /size: at least 1 expected, got 0/],
    ['F.normalize(x, dim=2)', 'bad_argument', /dimension out of range \(expected to be in \[-2, 1\], got 2\)/],
    ['F.normalize(ints)', 'dtype_mismatch', /floating-point tensor expected/],
    ['F.cosine_similarity(x, five)', 'shape_mismatch', /shapes \[5, 6\] and \[5\] cannot be broadcast/],
    ['F.cosine_similarity(ints, ints)', 'dtype_mismatch', /floating-point tensors expected, got int64 and int64/],
    ['F.cosine_similarity(x, x, dim=2)', 'bad_argument', /dimension out of range/],
    ['torch.full((2,), float("inf"), dtype=torch.int64)', 'bad_argument', /a finite number for int64 expected, got Infinity/],
    ['torch.triangular_solve(s, s)', 'shape_mismatch', /triangular_solve\(\): matrices expected, got shape \[\]/],
  ]
  for (const [program, code, message] of table) {
    it(program, () => expect(refusalOf(`out = ${program}`, shapes)).toEqual([code, expect.stringMatching(message), 1]))
  }
})
