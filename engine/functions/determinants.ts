/** Determinants of matrices and their logarithms. */
import type { Value } from '../ir/value.ts'
import type { TraceContext } from '../lang/values.ts'
import { determinant, scaledDeterminant } from '../ops/determinant.ts'
import * as ew from '../ops/elementwise.ts'
import type { Home } from './define.ts'
import { family, signature } from './define.ts'
import { tensor } from './parameters.ts'
import { requireSquare } from './systems.ts'

const { define } = family('linear algebra')

const everywhere: readonly Home[] = ['torch', 'Tensor']

/** The sign of the determinant and ln |det A|, which neither overflows nor vanishes where the determinant does. */
function signAndLog(ctx: TraceContext, name: string, a: Value): readonly [Value, Value] {
  requireSquare(ctx, name, a)
  const { mantissa, exponent } = scaledDeterminant(a)
  return [ew.sign(mantissa), ew.add(ew.log(ew.abs(mantissa)), ew.mul(exponent, Math.LN2))]
}

for (const [names, homes, parameter] of [['det', everywhere, 'input'], ['det', ['linalg'], 'A']] as const) {
  define({ names, homes, doc: 'Determinant', gradFn: 'LinalgDetBackward0' },
    signature({ [parameter]: tensor }, (args, ctx) => {
      const a = args[parameter] as Value
      requireSquare(ctx, 'det', a)
      return determinant(a)
    }))
}

for (const [homes, parameter] of [[everywhere, 'input'], [['linalg'], 'A']] as const) {
  define({ names: 'slogdet', homes, doc: 'Sign of the determinant and ln of its size; 0 and -inf for a singular matrix', gradFn: 'LinalgSlogdetBackward0' },
    signature({ [parameter]: tensor }, (args, ctx) => ({ names: ['sign', 'logabsdet'], values: signAndLog(ctx, 'slogdet', args[parameter] as Value) })))
}

define({ names: 'logdet', homes: everywhere, doc: 'ln of the determinant; -inf where it is 0, NaN where it is negative', gradFn: 'LogdetBackward0' },
  signature({ input: tensor }, ({ input }, ctx) => {
    const [sign, log] = signAndLog(ctx, 'logdet', input)
    return ew.where(ew.lt(sign, 0), ew.fullLike(log, NaN), log)
  }))
