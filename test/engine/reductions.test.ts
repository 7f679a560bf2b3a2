/** What reductions, sorts and their like refuse, and how large their graphs are. Numbers are in test/golden/functions. */
import { describe, expect, it } from 'vitest'
import { ProgramCache, backward, defaultCompileOptions, defaultLimits } from '../../engine/index.ts'

const engine = { cache: new ProgramCache(), limits: defaultLimits, compile: defaultCompileOptions }

/** `w` is [2, 3], `e` has no rows, `i` are whole numbers. */
function run(out: string): ReturnType<typeof backward> {
  return backward(
    {
      model: { parameters: { w: { value: [[1, 2, 3], [6, 5, 4]] } }, forward: out.includes('out =') ? out : `out = ${out}` },
      loss: 'out',
      data: { e: { data: [], shape: [0, 3], dtype: 'float64' }, i: { data: [1, 2, 2], shape: [3], dtype: 'int64' } },
      dtype: 'float64',
      seed: 0,
    },
    engine,
  )
}

describe('refused', () => {
  it.each([
    // Nothing to choose from.
    ['e.max()', 'bad_argument', 'max(): there are no elements to choose from, got shape [0, 3]'],
    ['torch.min(e, 0)', 'bad_argument', 'min(): there are no elements to choose from along dimension 0'],
    ['e.argmax()', 'bad_argument', 'argmax(): there are no elements'],
    ['e.argmin(0)', 'bad_argument', 'argmin(): there are no elements to choose from along dimension 0'],
    ['e.amax()', 'bad_argument', 'no largest'],
    ['e.aminmax(dim=0)', 'bad_argument', 'no largest or smallest'],
    ['e.kthvalue(1, 0)', 'bad_argument', 'kthvalue(): there are no elements'],
    ['e.mode(0)', 'bad_argument', 'mode(): there are no elements'],
    ['e.median(0)', 'bad_argument', 'median(): there are no elements'],
    ['e.long().median()', 'bad_argument', 'there is no median of no elements'],
    ['e.quantile(0.5)', 'bad_argument', 'there is no quantile of no elements'],
    ['torch.linalg.vector_norm(e, math.inf)', 'bad_argument', 'there is no norm of order Infinity of no elements'],
    // Ranks and fractions out of range.
    ['w.topk(4)', 'bad_argument', 'topk(): k: a number from 0 to 3 expected, got 4'],
    ['w.topk(-1)', 'bad_argument', 'got -1'],
    ['w.kthvalue(0)', 'bad_argument', 'kthvalue(): k: a number from 1 to 3 expected, got 0'],
    ['w.quantile(1.5)', 'bad_argument', 'quantile(): q: a number from 0 to 1 expected, got 1.5'],
    ['w.quantile(torch.tensor([0.5, 1.01]), interpolation="lower").sum()', 'index_out_of_range', 'q must lie between 0 and 1'],
    ['w.quantile(torch.tensor(-0.01))', 'index_out_of_range', 'q must lie between 0 and 1'],
    ['w.quantile(torch.tensor([[0.5]]))', 'shape_mismatch', 'q: a number or a vector expected, got shape [1, 1]'],
    ['w.quantile(torch.tensor(0.5).float())', 'dtype_mismatch', 'q must have the dtype of input, float64, got float32'],
    ['w.quantile(0.5, interpolation="cubic")', 'bad_argument', "interpolation: 'linear' | 'lower' | 'higher' | 'midpoint' | 'nearest' expected"],
    // Dimensions.
    ['w.sum((0, 0))', 'bad_argument', 'names a dimension twice'],
    ['w.sum(True)', 'bad_argument', 'dim: an int expected, got True'],
    ['w.var(dim=2)', 'bad_argument', 'expected to be in [-2, 1], got 2'],
    ['w.prod((0, 1))', 'bad_argument', 'dim: an int expected'],
    ['w.sum(axes=0)', 'bad_argument', 'sum() has no argument "axes"'],
    ['w.sum(axis=0, dim=0)', 'bad_argument', 'sum() has no argument "axis"'],
    ['w.cumsum()', 'bad_argument', 'the argument "dim" (int) is missing'],
    ['torch.diff(w[0, 0])', 'shape_mismatch', 'at least 1 dimension expected'],
    ['torch.trapezoid(w, torch.ones(4))', 'shape_mismatch', 'has not as many points'],
    ['torch.linalg.matrix_norm(w[0])', 'shape_mismatch', 'at least 2 dimensions expected, got shape [3]'],
    ['torch.linalg.norm(w, 3)', 'bad_argument', "a matrix has norms of order 'fro', 'nuc', 1, -1, 2, -2, inf and -inf, got 3"],
    ['torch.linalg.norm(w[:0], 2)', 'bad_argument', 'no norm of order 2 of no elements'],
    // dtypes.
    ['i.mean()', 'dtype_mismatch', 'a floating-point tensor expected, got int64'],
    ['i.var()', 'dtype_mismatch', 'a floating-point tensor expected, got int64'],
    ['i.norm()', 'dtype_mismatch', 'a floating-point tensor expected, got int64'],
    ['i.logcumsumexp(0)', 'dtype_mismatch', 'a floating-point tensor expected, got int64'],
    ['i.quantile(0.5)', 'dtype_mismatch', 'a floating-point tensor expected, got int64'],
    // Shapes that depend on values.
    ['torch.nonzero(w)', 'value_dependent', 'torch.nonzero() is not part of a program: how many places it gives depends on the values'],
    ['w.masked_select(w > 2)', 'value_dependent', 'torch.where(mask, a, b)'],
    ['i.unique()', 'value_dependent', 'unique() is not part of a program'],
    ['torch.bincount(i, minlength=4)', 'value_dependent', 'F.one_hot(x, num_classes).sum(0)'],
  ])('%s', (program, code, message) => {
    expect(() => run(program)).toThrow(expect.objectContaining({ faults: [expect.objectContaining({ code, message: expect.stringContaining(message) })] }))
  })

  it('what is refused is not suggested', () => {
    expect(() => run('w.uniqe()')).toThrow(expect.objectContaining({ message: expect.not.stringContaining('did you mean') }))
  })
})

it('adds no nodes to the graph for more elements, but for scans, which double their reach', () => {
  const nodes = (body: string, n: number): number => {
    const model = { parameters: { w: { shape: [n], init: { type: 'normal' } } }, forward: body }
    return backward({ model, loss: 'out.sum()', data: {}, dtype: 'float64', seed: 0 }, engine).stats.nodes
  }
  for (const body of ['out = w.sort()[0]', 'out = w.median()', 'out = w.topk(2)[0]', 'out = w.quantile(0.3)', 'out = w.std()', 'out = w.norm(3)']) expect(nodes(body, 512)).toBe(nodes(body, 16))
  for (const body of ['out = w.cumsum(0)', 'out = w.prod()', 'out = w.cummax(0)[0]', 'out = w.mode()[0]']) expect(nodes(body, 512)).toBeLessThan(3 * nodes(body, 16))
})
