/** Special functions: under torch and Tensor where PyTorch has them there, and under torch.special. */
import type { Value } from '../ir/value.ts'
import type { TraceContext } from '../lang/values.ts'
import { fail } from '../lang/values.ts'
import * as ew from '../ops/elementwise.ts'
import { expand, reshape, sum } from '../ops/view.ts'
import { literal } from '../ops/source.ts'
import type { Home } from './define.ts'
import { family, signature } from './define.ts'
import { clamp, floatFunction, toFloat } from './elementwise.ts'
import { integer, number, optional, tensor } from './parameters.ts'

const { define, refuse } = family('special functions')

const everywhere: readonly Home[] = ['torch', 'Tensor']
const alsoSpecial: readonly Home[] = [...everywhere, 'special']
const special: readonly Home[] = ['special']

floatFunction('expit', '1 / (1 + exp(-input))', 'SigmoidBackward0', ew.sigmoid, special)
floatFunction('sinc', 'sin(pi * input) / (pi * input), 1 at 0', 'SincBackward0', ew.sinc, alsoSpecial)
floatFunction('erf', 'Error function', 'ErfBackward0', ew.erf, alsoSpecial)
floatFunction('erfc', '1 - erf(input), exact for large input', 'ErfcBackward0', ew.erfc, alsoSpecial)
floatFunction('erfinv', 'Inverse of erf', 'ErfinvBackward0', ew.erfinv, alsoSpecial)
floatFunction('erfcx', 'exp(input ** 2) * erfc(input)', 'SpecialErfcxBackward0', ew.erfcx, special)
floatFunction('ndtr', 'The share of the normal distribution below input', 'MulBackward1', (x) => ew.mul(ew.erfc(ew.mul(x, -Math.SQRT1_2)), 0.5), special)
floatFunction('ndtri', 'Inverse of ndtr', 'SpecialNdtriBackward0', ew.ndtri, special)
floatFunction('log_ndtr', 'ln(ndtr(input)), exact far below 0', 'SpecialLogNdtrBackward0', ew.logNdtr, special)
floatFunction('entr', '-input * ln(input), 0 at 0, -inf below', 'SpecialEntrBackward0', ew.entr, special)
floatFunction('lgamma', 'ln |gamma(input)|', 'LgammaBackward0', ew.lgamma)
floatFunction('gammaln', 'ln |gamma(input)|', 'LgammaBackward0', ew.lgamma, special)
floatFunction('digamma', 'The derivative of lgamma', 'DigammaBackward0', ew.digamma, alsoSpecial)
floatFunction('psi', 'The derivative of gammaln', 'DigammaBackward0', ew.digamma, special)
floatFunction('i0', 'Modified Bessel function of the first kind, order 0', 'I0Backward0', ew.i0, alsoSpecial)
floatFunction('i0e', 'exp(-|input|) * i0(input)', 'SpecialI0EBackward0', ew.i0e, special)
floatFunction('i1', 'Modified Bessel function of the first kind, order 1', 'SpecialI1Backward0', ew.i1, special)
floatFunction('i1e', 'exp(-|input|) * i1(input)', 'SpecialI1EBackward0', ew.i1e, special)

define({ names: 'logit', homes: alsoSpecial, doc: 'ln(input / (1 - input)), input limited to [eps, 1 - eps]', gradFn: 'LogitBackward0' },
  signature({ input: tensor, eps: optional(number) }, ({ input, eps }, ctx) => {
    const x = toFloat(ctx, input)
    if (eps === undefined || eps < 0) return ew.logit(x)
    const limit = (value: number): { kind: 'number'; value: number; whole: boolean } => ({ kind: 'number', value, whole: false })
    return ew.logit(clamp(ctx, x, limit(eps), limit(1 - eps)))
  }))

function polygamma(ctx: TraceContext, n: number, input: Value): Value {
  if (n < 0 || n > 100) fail(ctx, 'bad_argument', `polygamma(): n must be from 0 to 100, got ${n}`)
  const x = toFloat(ctx, input)
  return n === 0 ? ew.digamma(x) : ew.polygamma(x, n)
}

const polygammaDoc = 'The n-th derivative of digamma'
define({ names: 'polygamma', homes: ['torch', 'special'], doc: polygammaDoc, gradFn: 'PolygammaBackward0' }, signature({ n: integer, input: tensor }, ({ n, input }, ctx) => polygamma(ctx, n, input)))
define({ names: 'polygamma', homes: ['Tensor'], doc: polygammaDoc, gradFn: 'PolygammaBackward0' }, signature({ input: tensor, n: integer }, ({ input, n }, ctx) => polygamma(ctx, n, input)))

/** π^(p(p-1)/4) Γ(x) Γ(x - 1/2) … Γ(x - (p-1)/2), as its logarithm. */
for (const [names, homes] of [['mvlgamma', everywhere], ['multigammaln', special]] as const) {
  define({ names, homes, doc: 'Logarithm of the multivariate gamma function of dimension p', gradFn: 'MvlgammaBackward0' },
    signature({ input: tensor, p: integer }, ({ input, p }, ctx) => {
      if (p < 1 || p > 1000) fail(ctx, 'bad_argument', `${names}(): p must be from 1 to 1000, got ${p}`)
      const x = toFloat(ctx, input)
      const wide = expand(reshape(x, [...x.shape, 1]), [...x.shape, p])
      const steps = expand(literal(x.graph, Array.from({ length: p }, (_, j) => j / 2), [p], x.dtype), wide.shape)
      return ew.add(sum(ew.lgamma(ew.sub(wide, steps)), [x.shape.length]), (p * (p - 1) * Math.log(Math.PI)) / 4)
    }))
}

const noDerivative = 'PyTorch has no derivative of it with respect to every argument, and it is no primitive here'
refuse(['zeta'], special, `${noDerivative}; for whole orders above 1 use torch.polygamma(n, x), which is (-1) ** (n + 1) * n! * zeta(n + 1, x)`, 'not_in_language')
refuse(['gammainc', 'gammaincc'], special, noDerivative, 'not_in_language')
refuse(['igamma', 'igammac'], everywhere, noDerivative, 'not_in_language')
refuse([
  'airy_ai', 'bessel_j0', 'bessel_j1', 'bessel_y0', 'bessel_y1', 'modified_bessel_i0', 'modified_bessel_i1', 'modified_bessel_k0', 'modified_bessel_k1',
  'scaled_modified_bessel_k0', 'scaled_modified_bessel_k1', 'spherical_bessel_j0',
], special, 'PyTorch has no derivative of it; i0, i0e, i1 and i1e have one', 'not_in_language')
