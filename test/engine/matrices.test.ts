/** Matrices: what products and systems of equations refuse, and what they give for singular matrices. */
import { describe, expect, it } from 'vitest'
import { SpecError } from '../../engine/errors.ts'
import type { Shape } from '../../engine/ir/value.ts'
import { Graph, numel } from '../../engine/ir/value.ts'
import { parse } from '../../engine/lang/parse.ts'
import type { Scope } from '../../engine/lang/trace.ts'
import { trace } from '../../engine/lang/trace.ts'
import { Tensor } from '../../engine/lang/values.ts'
import { input } from '../../engine/ops/source.ts'
import '../../engine/functions/index.ts'
import { runCompiled } from './agree.ts'

const shapes: Readonly<Record<string, Shape>> = { s: [], v: [3], w: [4], m: [3, 4], n: [4, 2], a: [3, 3], c: [2, 3, 3], e: [2, 3, 4], i: [3, 3] }

function run(text: string): Scope {
  const graph = new Graph()
  const scope: Scope = new Map(Object.entries(shapes).map(([name, shape]) => [name, new Tensor(input(graph, name, shape, name === 'i' ? 'int64' : 'float64'), 'a leaf', name !== 'i')]))
  trace(parse(text, { maxLength: 10_000, maxDepth: 50 }), scope, { graph, dtype: 'float64', draws: [] }, { maxSteps: 10_000, maxCalls: 30 }, '/model/forward')
  return scope
}

/** The numbers of `out`; all inputs are zeros but for the given ones. */
function numbersOf(text: string, given: Readonly<Record<string, readonly number[]>> = {}): number[] {
  const out = run(text).get('out')
  if (!(out instanceof Tensor)) return expect.fail('out is a tensor')
  const inputs = new Map(Object.entries(shapes).map(([name, shape]) => [name, Float64Array.from(given[name] ?? Array<number>(numel(shape)).fill(0))]))
  return [...runCompiled([out.value], inputs)[0]!]
}

describe('what is refused', () => {
  const table: readonly (readonly [program: string, code: string, message: RegExp])[] = [
    ['m @ m', 'shape_mismatch', /\[3, 4\] and \[3, 4\] cannot be multiplied: 4 columns and 3 rows/],
    ['s @ m', 'shape_mismatch', /at least 1 dimension/],
    ['i @ a', 'dtype_mismatch', /int64 and float64/],
    ['(i > 0) @ (i > 0)', 'dtype_mismatch', /bool/],
    ['torch.mm(c, a)', 'shape_mismatch', /mm\(\) takes matrices \(2 dimensions\), got shape \[2, 3, 3\]/],
    ['torch.bmm(c, c[:1])', 'shape_mismatch', /batches of one size/],
    ['torch.mv(a, a)', 'shape_mismatch', /vectors \(1 dimensions\)/],
    ['torch.dot(v, w)', 'shape_mismatch', /\[3\] and \[4\]/],
    ['torch.inner(v, w)', 'shape_mismatch', /last dimensions/],
    ['torch.outer(a, v)', 'shape_mismatch', /outer\(\) takes vectors/],
    ['torch.addmm(w, m, n)', 'shape_mismatch', /\[4\] cannot be expanded to \[3, 2\]/],
    ['torch.addmm(i, i, i, alpha=0.5)', 'bad_argument', /whole numbers/],
    ['torch.baddbmm(c, c, c[:1])', 'shape_mismatch', /batches of 2 and 1/],
    ['F.bilinear(v, w, c)', 'shape_mismatch', /\[out, in1, in2\]/],
    ['torch.einsum("ij,jk->ik", m)', 'bad_argument', /2 operands, got 1/],
    ['torch.einsum("ij,jk->ik", m, m)', 'shape_mismatch', /sizes 4 and 3 stand for one subscript/],
    ['torch.einsum("ijk->i", m)', 'shape_mismatch', /3 subscripts for a tensor of 2 dimensions/],
    ['torch.einsum("ii->i", m)', 'shape_mismatch', /sizes 3 and 4/],
    ['torch.einsum("ii->i", m[:1])', 'shape_mismatch', /equal sizes, got 1 and 4/],
    ['torch.einsum("ij,ij->", a, i)', 'dtype_mismatch', /float64 and int64/],
    ['torch.einsum("ij->ii", m)', 'bad_argument', /"i" is twice in the result/],
    ['torch.einsum("ij->k", m)', 'bad_argument', /"k" is in the result and in no operand/],
    ['torch.einsum("i......j", m)', 'bad_argument', /once in each operand/],
    ['torch.einsum("i1", m)', 'bad_argument', /neither a letter/],
    ['torch.einsum("i->j->k", m)', 'bad_argument', /more than one/],
    ['torch.einsum("ij")', 'bad_argument', /an equation and tensors/],
    ['torch.einsum(m, [0, 52])', 'bad_argument', /from 0 to 51/],
    ['torch.tensordot(m, n, dims=3)', 'bad_argument', /from 0 to 2/],
    ['torch.tensordot(m, n, dims=([1], [0, 1]))', 'bad_argument', /1 and 2 dimensions/],
    ['torch.tensordot(m, m, dims=([1], [0]))', 'shape_mismatch', /sizes 4 and 3/],
    ['torch.linalg.multi_dot([m])', 'bad_argument', /at least 2/],
    ['torch.linalg.multi_dot([m, c, n])', 'shape_mismatch', /matrices/],
    ['torch.matrix_power(m, 2)', 'shape_mismatch', /square matrices, got shape \[3, 4\]/],
    ['torch.matrix_power(i, -1)', 'dtype_mismatch', /int64/],
    ['torch.inverse(m)', 'shape_mismatch', /inverse\(\) takes square matrices, got shape \[3, 4\]/],
    ['torch.linalg.inv(i)', 'dtype_mismatch', /inv\(\) takes floating-point matrices, got int64/],
    ['torch.linalg.solve(a, w)', 'shape_mismatch', /3 rows expected/],
    ['torch.linalg.solve(a, v, left=False)', 'bad_argument', /left=False takes matrices/],
    ['torch.linalg.solve(a, m, left=False)', 'shape_mismatch', /3 columns expected/],
    ['torch.linalg.solve(a, i)', 'dtype_mismatch', /float64 and int64/],
    ['torch.linalg.solve_triangular(a, v, upper=True)', 'shape_mismatch', /3 rows/],
    ['torch.linalg.solve_triangular(a, m)', 'bad_argument', /"upper" \(bool\) is missing/],
    ['torch.linalg.cholesky(v)', 'shape_mismatch', /cholesky\(\) takes square matrices/],
    ['torch.det(m)', 'shape_mismatch', /det\(\) takes square matrices/],
    ['torch.slogdet(i)', 'dtype_mismatch', /slogdet\(\)/],
    ['torch.linalg.tensorinv(c)', 'shape_mismatch', /as many elements before dimension 2/],
    ['torch.linalg.tensorsolve(m, v)', 'shape_mismatch', /3 elements/],
    ['torch.cdist(m, n)', 'shape_mismatch', /as many columns/],
    ['torch.cdist(m, m, p=-1)', 'bad_argument', /at least 0/],
    ['torch.cdist(i, i)', 'dtype_mismatch', /int64/],
    ['torch.cdist(m, m, compute_mode="fast")', 'bad_argument', /use_mm_for_euclid_dist/],
    ['torch.pdist(c)', 'shape_mismatch', /pdist\(\) takes a matrix/],
    ['torch.vander(m)', 'shape_mismatch', /torch.linalg.vander/],
    ['torch.linalg.vander(v, N=1)', 'bad_argument', /greater than 1/],
    ['torch.diag(c)', 'shape_mismatch', /torch.diagonal/],
    ['torch.diagonal(v)', 'shape_mismatch', /at least 2 dimensions/],
    ['torch.diagonal(c, 0, 1, -2)', 'bad_argument', /both dimension 1/],
    ['torch.tril(v)', 'shape_mismatch', /tril\(\) takes at least 2 dimensions/],
    ['torch.trace(c)', 'shape_mismatch', /trace\(\) takes a matrix/],
    ['torch.cross(n, n)', 'shape_mismatch', /no dimension of size 3/],
    ['torch.linalg.cross(m, m)', 'shape_mismatch', /must have size 3/],
    ['torch.tril_indices(-1, 3)', 'bad_argument', /no sizes/],
  ]
  for (const [program, code, message] of table) {
    it(program, () => {
      let error: unknown
      try {
        run(`out = ${program}`)
      } catch (caught) {
        error = caught
      }
      expect(error).toBeInstanceOf(SpecError)
      const [fault] = (error as SpecError).faults
      expect([fault.code, fault.message, fault.line]).toEqual([code, expect.stringMatching(message), 1])
    })
  }
})

describe('matrices without an inverse', () => {
  const rankOne = { a: [1, 2, 3, 2, 4, 6, 3, 6, 9], v: [1, 0, 0] }

  it('their inverse and the solutions of their systems are not finite', () => {
    expect(numbersOf('out = torch.linalg.inv(a)', rankOne).some((x) => Number.isFinite(x))).toBe(false)
    expect(numbersOf('out = torch.linalg.solve(a, v)', rankOne).some((x) => Number.isFinite(x))).toBe(false)
    expect(numbersOf('out = torch.linalg.solve_triangular(a, v[:, None], upper=True)', { v: [1, 1, 1] }).some((x) => Number.isFinite(x))).toBe(false)
  })

  it('their determinant is 0, and its logarithm -inf', () => {
    expect(numbersOf('out = torch.det(a)')).toEqual([0])
    expect(numbersOf('out = torch.stack(torch.slogdet(a))')).toEqual([0, -Infinity])
    expect(numbersOf('out = torch.logdet(a)')).toEqual([-Infinity])
  })

  it('the gradient of the determinant is that of its polynomial', () => {
    expect(numbersOf('out = torch.autograd.grad(torch.det(a), a)[0]', rankOne)).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0])
    expect(numbersOf('out = torch.autograd.grad(torch.det(a), a)[0]', { a: [2, 0, 0, 0, 3, 0, 0, 0, 0] })).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 6])
  })

  it('one of them in a batch leaves the others alone', () => {
    const [first, second] = [[2, 0, 0, 0, 4, 0, 0, 0, 8], rankOne.a]
    expect(numbersOf('out = torch.linalg.inv(c)[0]', { c: [...first, ...second] })).toEqual([0.5, 0, 0, 0, 0.25, 0, 0, 0, 0.125])
  })

  it('a Cholesky factor of a matrix that is not positive-definite is NaN from there on', () => {
    expect(numbersOf('out = torch.linalg.cholesky(a)', { a: [4, 0, 0, 0, -1, 0, 2, 1, 9] }).map((x, at) => [at, x])).toEqual([[0, 2], [1, 0], [2, 0], [3, 0], [4, NaN], [5, 0], [6, 1], [7, NaN], [8, NaN]])
    expect(numbersOf('out = torch.logdet(a)', { a: [1, 0, 0, 0, 1, 0, 0, 0, -1] })).toEqual([NaN])
  })
})

describe('singular values', () => {
  const gradient = 'out = torch.autograd.grad(torch.linalg.svdvals(a).sum(), a)[0]'

  it('are 0 where there is nothing, and so is their gradient', () => {
    expect(numbersOf('out = torch.linalg.svdvals(a)', { a: Array<number>(9).fill(0) })).toEqual([0, 0, 0])
    expect(numbersOf(gradient, { a: Array<number>(9).fill(0) })).toEqual(Array<number>(9).fill(0))
    expect(numbersOf(gradient, { a: [2, 0, 0, 0, 0, 0, 0, 0, 3] })).toEqual([1, 0, 0, 0, 0, 0, 0, 0, 1])
  })

  it('of large and small numbers neither overflow nor vanish', () => {
    for (const scale of [1e300, 1e-300]) {
      const got = numbersOf('out = torch.linalg.svdvals(a)', { a: [3 * scale, 0, 0, 0, 0, 4 * scale, 0, -2 * scale, 0] })
      for (const [i, want] of [4, 3, 2].entries()) expect(got[i]! / scale).toBeCloseTo(want, 12)
    }
  })

  it('are found to the last digits, however far apart they are', () => {
    const got = numbersOf('out = torch.linalg.svdvals(a)', { a: [1, 0, 0, 0, 1e-10, 0, 0, 0, 1e-20] })
    for (const [i, want] of [1, 1e-10, 1e-20].entries()) expect(Math.abs(got[i]! / want - 1)).toBeLessThan(1e-14)
  })

  it('are NaN where a number is not finite', () => {
    for (const bad of [NaN, Infinity]) expect(numbersOf('out = torch.linalg.svdvals(a)', { a: [1, 2, 3, 4, bad, 6, 7, 8, 9] })).toEqual([NaN, NaN, NaN])
  })
})
