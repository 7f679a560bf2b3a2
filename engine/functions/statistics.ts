/** Variances, standard deviations, covariances. */
import { showShape } from '../errors.ts'
import type { Value } from '../ir/value.ts'
import { isFloat } from '../ir/value.ts'
import type { TraceContext } from '../lang/values.ts'
import { fail } from '../lang/values.ts'
import * as ew from '../ops/elementwise.ts'
import { matmul } from '../ops/contract.ts'
import { checkIndex, gather } from '../ops/indexing.ts'
import { iota } from '../ops/source.ts'
import { expand, reshape, sum, transposeLast } from '../ops/view.ts'
import type { Home, Result } from './define.ts'
import { family, signature } from './define.ts'
import { clamp } from './elementwise.ts'
import { boolean, floatTensor, integers, number, optional, resolveDims, tensor, withDefault } from './parameters.ts'
import { floatType } from './promote.ts'
import { keep, mean, safeSqrt, variance } from './reductions.ts'

const { define } = family('reductions')

const everywhere: readonly Home[] = ['torch', 'Tensor']

type Finish = (x: Value, axes: readonly number[], correction: number, keepdim: boolean) => Result

/** PyTorch's three ways to say what is divided by: `unbiased` alone, after dim, or `correction`. */
function dispersion(names: string, homes: readonly Home[], doc: string, gradFn: string, finish: Finish): void {
  const keepdim = withDefault(boolean, false, 'False')
  define({ names, homes, doc, gradFn },
    signature({ input: floatTensor, unbiased: boolean }, ({ input, unbiased }) => finish(input, [...input.shape.keys()], Number(unbiased), false)),
    signature({ input: floatTensor, dim: optional(integers), unbiased: withDefault(boolean, true, 'True'), keepdim }, ({ input, dim, unbiased, keepdim: kept }, ctx) =>
      finish(input, resolveDims(ctx, dim, input.shape), Number(unbiased), kept)),
    signature({ input: floatTensor, dim: optional(integers), correction: optional(number), keepdim }, ({ input, dim, correction, keepdim: kept }, ctx) =>
      finish(input, resolveDims(ctx, dim, input.shape), correction ?? 1, kept)))
}

for (const [name, Name, doc, root] of [['var', 'Var', 'Variance', (v: Value) => v], ['std', 'Std', 'Standard deviation', safeSqrt]] as const) {
  dispersion(name, everywhere, doc, `${Name}Backward0`, (x, axes, correction, keepdim) => keep(root(variance(x, axes, correction)), x, axes, keepdim))
  dispersion(`${name}_mean`, ['torch'], `${doc}, and the mean`, `${Name}MeanBackward0`, (x, axes, correction, keepdim) =>
    [root(variance(x, axes, correction)), mean(x, axes)].map((value) => keep(value, x, axes, keepdim)))
}

// ---- covariances

/** How often (whole numbers) or how heavily (floating point) each observation counts. */
function weightsOf(ctx: TraceContext, name: 'fweights' | 'aweights', weights: Value | undefined, like: Value): Value | undefined {
  if (weights === undefined) return undefined
  const n = like.shape[1]!
  if (weights.shape.length > 1 || (weights.shape[0] ?? 1) !== n) fail(ctx, 'shape_mismatch', `cov(): ${name}: one weight for each of ${n} observations expected, got shape ${showShape(weights.shape)}`)
  if ((name === 'aweights') !== isFloat(weights.dtype)) fail(ctx, 'dtype_mismatch', `cov(): ${name}: ${name === 'aweights' ? 'a floating-point' : 'an integer'} tensor expected, got ${weights.dtype}`)
  return ew.cast(reshape(weights, [n]), like.dtype)
}

/** Covariances of the rows, [variables, observations] to [variables, variables]. */
function covariance(rows: Value, correction: number, f: Value | undefined, a: Value | undefined): Value {
  const [m, n] = rows.shape as readonly [number, number]
  const weights = f && a ? ew.mul(f, a) : (f ?? a)
  const spreadOver = (x: Value): Value => expand(reshape(x, [1, n]), [m, n])
  const total = weights ? sum(weights, [0]) : undefined
  const average = total ? ew.div(sum(ew.mul(rows, spreadOver(weights!)), [1]), expand(total, [m])) : mean(rows, [1])
  const centred = ew.sub(rows, expand(reshape(average, [m, 1]), [m, n]))
  const products = matmul(centred, transposeLast(weights ? ew.mul(centred, spreadOver(weights)) : centred))
  if (!total) return ew.div(products, Math.max(0, n - correction))
  const lost = a && correction !== 0 ? ew.div(ew.mul(sum(ew.mul(weights!, a), [0]), correction), total) : ew.fullLike(total, correction)
  return ew.div(products, expand(ew.maximum(ew.sub(total, lost), 0), [m, m]))
}

function rowsOf(ctx: TraceContext, name: string, x: Value): Value {
  if (x.shape.length > 2) fail(ctx, 'shape_mismatch', `${name}(): at most 2 dimensions expected, got shape ${showShape(x.shape)}`)
  const float = ew.cast(x, floatType(ctx, x.dtype))
  return x.shape.length === 2 ? float : reshape(float, [1, x.shape[0] ?? 1])
}

/** One variable gives a 0-d tensor. */
function squeezed(matrix: Value): Value {
  return matrix.shape[0] === 1 ? reshape(matrix, []) : matrix
}

define({ names: 'cov', homes: everywhere, doc: 'Covariances of the rows, each a variable', gradFn: 'SqueezeBackward0' },
  signature({ input: tensor, correction: withDefault(number, 1), fweights: optional(tensor), aweights: optional(tensor) }, ({ input, correction, fweights, aweights }, ctx) => {
    const rows = rowsOf(ctx, 'cov', input)
    return squeezed(covariance(rows, correction, weightsOf(ctx, 'fweights', fweights, rows), weightsOf(ctx, 'aweights', aweights, rows)))
  }))

define({ names: 'corrcoef', homes: everywhere, doc: 'Correlations of the rows, each a variable', gradFn: 'ClampBackward1' },
  signature({ input: tensor }, ({ input }, ctx) => {
    const c = covariance(rowsOf(ctx, 'corrcoef', input), 1, undefined, undefined)
    const m = c.shape[0]!
    if (m === 1) return squeezed(ew.div(c, c))
    const diagonal = gather(c, checkIndex(reshape(iota(c.graph, m), [m, 1]), m, 'index'), 1)
    const deviation = ew.sqrt(diagonal)
    const scaled = ew.div(ew.div(c, expand(deviation, c.shape)), expand(reshape(deviation, [1, m]), c.shape))
    const one = { kind: 'number', value: 1, whole: true } as const
    return clamp(ctx, scaled, { ...one, value: -1 }, one)
  }))
