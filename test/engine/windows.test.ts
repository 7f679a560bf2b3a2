/** Convolutions, pools and what else looks at windows: what is refused. */
import { describe, expect, it } from 'vitest'
import { refusalOf } from './refusal.ts'

/** An image batch, an image, rows of a signal, weights for them. */
const shapes = { x: [2, 4, 5, 6], image: [4, 5, 6], signal: [2, 4, 7], w: [6, 4, 3, 2], v: [6, 4, 3], b: [6], m: [3, 4] }

describe('what is refused', () => {
  const table: readonly (readonly [program: string, code: string, message: RegExp])[] = [
    ['F.conv2d(m, w)', 'shape_mismatch', /an input of 4 dimensions \(N, C and 2 spatial\), or 3 without the batch, expected; got shape \[3, 4\]/],
    ['F.conv2d(x, v)', 'shape_mismatch', /a weight of 4 dimensions expected, got shape \[6, 4, 3\]/],
    ['F.conv2d(x[:, :3], w)', 'shape_mismatch', /given groups=1 and a weight of shape \[6, 4, 3, 2\], an input with 4 channels expected, got 3/],
    ['F.conv2d(x, w, groups=4)', 'bad_argument', /groups = 4 does not divide/],
    ['F.conv2d(x, w, groups=0)', 'bad_argument', /groups = 0/],
    ['F.conv2d(x, w, b[:4])', 'shape_mismatch', /a bias of shape \[6\] expected, got \[4\]/],
    ['F.conv2d(x, w.float())', 'dtype_mismatch', /one dtype expected, got float64, float32/],
    ['F.conv2d(x.long(), w)', 'dtype_mismatch', /floating-point tensor expected/],
    ['F.conv2d(x, w, stride=0)', 'bad_argument', /stride: at least 1 expected, got 0/],
    ['F.conv2d(x, w, stride=(1, 2, 3))', 'bad_argument', /stride: one int or 2 of them expected, got 3/],
    ['F.conv2d(x, w, padding=-1)', 'bad_argument', /padding: at least 0 expected, got -1/],
    ['F.conv2d(x, w, padding="full")', 'bad_argument', /padding: an int or a tuple of ints expected|padding: /],
    ['F.conv2d(x, w, padding="same", stride=2)', 'bad_argument', /padding='same' is not supported for strided convolutions/],
    ['F.conv2d(x, w, dilation=3)', 'shape_mismatch', /reaches over \[7, 4\] elements, which is more than the padded input of \[5, 6\] has/],
    ['F.conv2d(x, w[:, :, :0])', 'shape_mismatch', /a kernel without elements/],
    ['F.conv1d(signal, v[:, :2], groups=3)', 'shape_mismatch', /an input with 6 channels expected, got 4/],
    ['F.conv_transpose2d(x, w)', 'shape_mismatch', /an input with 6 channels expected, got 4/],
    ['F.conv_transpose2d(x, w[:4], output_padding=1)', 'bad_argument', /output_padding must be smaller than either stride or dilation, got 1/],
    ['F.conv_transpose1d(signal, v[:4], padding=5)', 'shape_mismatch', /nothing is left of the 9 elements/],
    ['F.max_pool2d(x, 2, padding=2)', 'bad_argument', /at most half of the kernel size 2 expected, got 2/],
    ['F.max_pool2d(x, 9)', 'shape_mismatch', /nothing is left of the spatial sizes \[5, 6\]/],
    ['F.max_pool1d(x, 2)', 'shape_mismatch', /an input of 3 dimensions \(N, C and 1 spatial\)/],
    ['F.avg_pool2d(x, (2, 2, 2))', 'bad_argument', /kernel_size: one int or 2 of them expected, got 3/],
    ['F.avg_pool2d(x, 2, divisor_override=0)', 'bad_argument', /a number other than 0/],
    ['F.lp_pool2d(x, 0, 2)', 'bad_argument', /norm_type: a number other than 0/],
    ['F.adaptive_avg_pool2d(x, (2, 2, 2))', 'bad_argument', /output_size: one int or 2 of them expected, got 3/],
    ['F.adaptive_avg_pool2d(x, 0)', 'bad_argument', /output_size: at least 1 expected, got 0/],
    ['F.adaptive_avg_pool2d(x, (1.5, 2))', 'bad_argument', /output_size\[0\]: an int expected, got/],
    ['F.adaptive_max_pool2d(x[:, :, :0], 2)', 'shape_mismatch', /spatial dimensions with elements expected, got shape \[2, 4, 0, 6\]/],
    ['F.unfold(x, 9)', 'shape_mismatch', /unfold\(\): the kernel reaches over/],
    ['F.unfold(signal[0], 2)', 'shape_mismatch', /unfold\(\): an input of 4 dimensions/],
    ['F.fold(signal, (4, 4), 3)', 'shape_mismatch', /the 4 rows are no multiple of the kernel's 9/],
    ['F.fold(signal, (4, 4), 2)', 'shape_mismatch', /3 x 3 = 9 windows, got 7 columns/],
    ['m.unfold(0, 4, 1)', 'bad_argument', /an int from 0 to 3/],
    ['m.unfold(0, 2, 0)', 'bad_argument', /step: at least 1/],
  ]
  for (const [program, code, message] of table) {
    it(program, () => expect(refusalOf(`out = ${program}`, shapes)).toEqual([code, expect.stringMatching(message), 1]))
  }
})
