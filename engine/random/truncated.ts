/** torch.nn.init.trunc_normal_: uniform numbers between two quantiles, through the inverse of erf. */
import { numberCode } from '../ir/numbers.ts'
import type { FloatArray, FloatType } from './draw.ts'
import { uniform } from './draw.ts'
import type { Mt19937 } from './mt19937.ts'

const code = numberCode('float64')

export interface Truncated {
  readonly mean: number
  readonly std: number
  /** The least and the largest number. */
  readonly a: number
  readonly b: number
}

export function truncatedNormal(generator: Mt19937, type: FloatType, count: number, { mean, std, a, b }: Truncated): FloatArray {
  const round = type === 'float32' ? Math.fround : (x: number) => x
  const quantile = (x: number): number => 2 * ((1 + code.erf((x - mean) / std / Math.SQRT2)) / 2) - 1
  const out = uniform(generator, type, count, quantile(a), quantile(b))
  const [scale, shift, least, largest] = [round(std * Math.SQRT2), round(mean), round(a), round(b)]
  for (let i = 0; i < count; i++) {
    const drawn = round(round(inverseErf(out[i]!, round) * scale) + shift)
    out[i] = Math.min(Math.max(drawn, least), largest)
  }
  return out
}

const central = [[-0.140543331, 0.914624893, -1.645349621, 0.886226899], [0.012229801, -0.329097515, 1.442710462, -2.118377725, 1]] as const
const tails = [[1.641345311, 3.429567803, -1.624906493, -1.970840454], [1.6370678, 3.5438892, 1]] as const

/**
 * As PyTorch computes it: a rational guess and two steps of Newton. Every operation is rounded, because far out in
 * float32 the steps of erf itself decide the digits.
 */
function inverseErf(y: number, round: (x: number) => number): number {
  const size = Math.abs(y)
  if (size > 1) return NaN
  if (size === 1) return y * Infinity
  const polynomial = (coefficients: readonly number[], z: number): number => coefficients.reduce((sum, c) => round(sum * z + round(c)), 0)
  const guess = (): number => {
    if (size <= round(0.7)) {
      const z = round(y * y)
      return round(round(y * polynomial(central[0], z)) / polynomial(central[1], z))
    }
    const z = round(Math.sqrt(round(-Math.log(round(1 - size) / 2))))
    return round((Math.sign(y) * polynomial(tails[0], z)) / polynomial(tails[1], z))
  }
  const slope = round(2 / Math.sqrt(Math.PI))
  const improved = (x: number): number => round(x - round(round(round(code.erf(x)) - y) / round(slope * round(Math.exp(-round(x * x))))))
  return improved(improved(guess()))
}
