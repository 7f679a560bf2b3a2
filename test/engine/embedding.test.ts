/** What look-ups and attention refuse, and attention's dropout. Numbers are in test/golden/functions/{embedding,attention}.json. */
import { describe, expect, it } from 'vitest'
import { ProgramCache, backward, defaultCompileOptions, defaultLimits } from '../../engine/index.ts'
import { refusalOf } from './refusal.ts'

const shapes = { w: [5, 3], inti: [4], intm: [2, 3], into: [2], p: [4], x: [2, 4, 3], y: [2, 6, 3], z: [2, 6, 5], s: [3], h: [3, 6, 3] }
const engine = { cache: new ProgramCache(), limits: defaultLimits, compile: defaultCompileOptions }

describe('what is refused', () => {
  const table: readonly (readonly [program: string, code: string, message: RegExp])[] = [
    ['F.embedding(inti, s)', 'shape_mismatch', /embedding\(\): weight: 2 dimensions expected, got shape \[3\]/],
    ['F.embedding(inti > 0, w)', 'dtype_mismatch', /input: whole numbers expected, got bool/],
    ['F.embedding(inti, w, 5)', 'bad_argument', /padding_idx: a row from -5 to 4 expected, got 5/],
    ['F.embedding(inti, w, -6)', 'bad_argument', /got -6/],
    ['F.embedding(inti, inti[:, None], max_norm=1.0)', 'dtype_mismatch', /max_norm takes a floating-point weight, got int64/],
    ['F.embedding(inti, w, padding_indx=1)', 'bad_argument', /has no argument "padding_indx"; did you mean "padding_idx"/],
    ['F.embedding_bag(inti, w)', 'shape_mismatch', /a vector takes offsets of 1 dimension, got None/],
    ['F.embedding_bag(intm, w, into)', 'bad_argument', /a matrix takes no offsets: each of its rows is a bag/],
    ['F.embedding_bag(intm[None], w)', 'shape_mismatch', /input of 1 or 2 dimensions expected, got shape \[1, 2, 3\]/],
    ['F.embedding_bag(inti, w, into, mode="median")', 'bad_argument', /'sum' \| 'mean' \| 'max' expected, got str "median"/],
    ['F.embedding_bag(inti, w, into, per_sample_weights=p)', 'bad_argument', /per_sample_weights are for mode='sum', got mode='mean'/],
    ['F.embedding_bag(inti, w, into, mode="sum", per_sample_weights=p[:2])', 'shape_mismatch', /per_sample_weights of the shape of input \[4\] expected, got \[2\]/],
    ['F.embedding_bag(inti, w, into, mode="sum", per_sample_weights=p.float())', 'dtype_mismatch', /per_sample_weights and weight must have one dtype/],
    ['F.embedding_bag(inti, w, into, mode="max", scale_grad_by_freq=True)', 'bad_argument', /mode='max' does not take scale_grad_by_freq/],
    ['F.embedding_bag(inti, w, into[:0], include_last_offset=True)', 'shape_mismatch', /at least one offset expected, got shape \[0\]/],
    ['F.one_hot(inti)', 'value_dependent', /one_hot\(\) needs num_classes/],
    ['F.one_hot(inti, 0)', 'bad_argument', /num_classes: at least 1 expected, got 0/],
    ['F.scaled_dot_product_attention(s, y, y)', 'shape_mismatch', /query: at least 2 dimensions \(..., length, width\) expected, got shape \[3\]/],
    ['F.scaled_dot_product_attention(x, z, z)', 'shape_mismatch', /query and key must have one width, got shapes \[2, 4, 3\] and \[2, 6, 5\]/],
    ['F.scaled_dot_product_attention(x, x, y)', 'shape_mismatch', /key and value must have one length, got shapes \[2, 4, 3\] and \[2, 6, 3\]/],
    ['F.scaled_dot_product_attention(x, y, y.float())', 'dtype_mismatch', /must have one dtype, got float64, float64 and float32/],
    ['F.scaled_dot_product_attention(x, y, z, torch.ones(6, 4))', 'shape_mismatch', /shapes \[2, 4, 6\] and \[6, 4\] cannot be broadcast together/],
    ['F.scaled_dot_product_attention(x, y, z, torch.ones(3, 2, 4, 6))', 'shape_mismatch', /attn_mask of shape \[3, 2, 4, 6\] cannot be expanded to the scores' shape \[2, 4, 6\]/],
    ['F.scaled_dot_product_attention(x, y, z, torch.ones(4, 6).long())', 'dtype_mismatch', /attn_mask: bool or the dtype of query expected, got int64/],
    ['F.scaled_dot_product_attention(x, y, z, torch.ones(4, 6), is_causal=True)', 'bad_argument', /either attn_mask or is_causal, not both/],
    ['F.scaled_dot_product_attention(x, y, z, dropout_p=1.5)', 'bad_argument', /1\.5/],
    ['F.scaled_dot_product_attention(x, h, h, enable_gqa=True)', 'shape_mismatch', /the heads of query must be a multiple of those of key and value/],
  ]
  for (const [program, code, message] of table) {
    it(program, () => expect(refusalOf(`out = ${program}`, shapes)).toEqual([code, expect.stringMatching(message), 1]))
  }
})

function run(forward: string, data: Record<string, readonly number[]>): ReturnType<typeof backward> {
  const whole = Object.fromEntries(Object.entries(data).map(([name, values]) => [name, { data: values, shape: [values.length], dtype: 'int64' as const }]))
  return backward({ model: { parameters: { w: { value: [[0.1, -0.2, 0.3], [-0.6, 0.5, 0.4]] } }, forward }, loss: '(out * out).sum()', data: whole, dtype: 'float64', seed: 3 }, engine)
}

describe('what is seen when it runs', () => {
  it.each([
    ['F.embedding(i, w)', { i: [0, 2] }, 'index 2 is out of range: whole numbers from 0 to 1 expected'],
    ['F.embedding_bag(i, w, o)', { i: [0, 1], o: [1] }, 'offsets must begin with 0: bag -1 is out of range'],
    ['F.embedding_bag(i, w, o, mode="max")', { i: [0, 1], o: [1] }, 'offsets must begin with 0: bag -1 is out of range'],
    ['F.embedding_bag(i, w, o)', { i: [0, 1], o: [0, 3] }, 'offset 3 is out of range: whole numbers from 0 to 2 expected'],
  ])('%s of %j', (program, data, message) => {
    expect(() => run(`out = ${program}`, data)).toThrow(message)
  })

  it('dropout of attention is that of the weights, drawn for the seed', () => {
    const { stats: _first, ...attention } = run('out = F.scaled_dot_product_attention(w, w, w, dropout_p=0.4)', {})
    const { stats: _second, ...formula } = run('out = F.dropout(torch.softmax((w * (1 / math.sqrt(3))) @ w.T, -1), 0.4) @ w', {})
    expect(attention).toEqual(formula)
    expect(attention.loss).not.toBe(run('out = F.scaled_dot_product_attention(w, w, w)', {}).loss)
  })
})
