/**
 * NaN, ±Infinity, ±0, ±1, huge and subnormal numbers through every elementwise function, forward and backward: what
 * PyTorch gives (test/golden/special.json).
 */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { ProgramCache, backward, defaultCompileOptions, defaultLimits, forward } from '../../engine/index.ts'
import type { TensorResult } from '../../engine/index.ts'
import { toElements, toNumbers } from './agree.ts'

type Said = number | 'NaN' | 'Infinity' | '-Infinity' | '-0'
type Answer = { readonly values: readonly Said[] } & Readonly<Record<string, readonly Said[]>>

interface Family {
  readonly inputs: Readonly<Record<'float32' | 'float64', Readonly<Record<string, readonly Said[]>>>>
  readonly answers: Readonly<Record<string, Readonly<Record<'float32' | 'float64', Answer>>>>
}

const golden = JSON.parse(readFileSync(new URL('../golden/special.json', import.meta.url), 'utf8')) as { unary: Family; binary: Family }
const engine = { cache: new ProgramCache(), limits: defaultLimits, compile: defaultCompileOptions }

type Precision = 'float32' | 'float64'

/** Where PyTorch's own code loses digits: how far it is off, relative to the result or to 1. */
const inexact: Readonly<Record<string, Readonly<Partial<Record<Precision, { readonly relative?: number; readonly absolute?: number }>>>>> = {
  // sin(πx) with πx rounded; e^x - 1; 1 - tanh²; (1 + erf x) / 2 and differences of Bessel functions.
  'torch.sinc(a)': { float32: { absolute: 1e-6 }, float64: { absolute: 1e-15 } },
  'torch.tanh(a)': { float64: { absolute: 1e-15 } },
  'torch.special.erfcx(a)': { float32: { absolute: 1e-6 }, float64: { absolute: 1e-15 } },
  'torch.special.ndtr(a)': { float32: { absolute: 1e-7 }, float64: { absolute: 1e-16 } },
  'torch.digamma(a)': { float64: { relative: 1e-8 } },
  'torch.polygamma(1, a)': { float64: { relative: 1e-8 } },
  'torch.polygamma(2, a)': { float64: { relative: 1e-8 } },
  'torch.special.i0e(a)': { float32: { absolute: 1e-7 } },
  'torch.special.i1e(a)': { float32: { absolute: 1e-7 } },
  'F.elu(a)': { float32: { absolute: 1e-7 }, float64: { absolute: 1e-16 } },
  'F.celu(a)': { float32: { absolute: 1e-7 }, float64: { absolute: 1e-16 } },
  'F.selu(a)': { float32: { absolute: 1e-7 }, float64: { absolute: 1e-16 } },
  'F.gelu(a)': { float32: { absolute: 1e-6 } },
  "F.gelu(a, approximate='tanh')": { float32: { absolute: 1e-6 } },
  'F.tanhshrink(a)': { float32: { absolute: 1e-12 } },
  'torch.logaddexp(a, b)': { float32: { absolute: 1e-7 } },
}

interface Case {
  /** `out`, or the gradient: `da`. */
  readonly of: string
  readonly x: number
  readonly y: number
  readonly want: number
}

const least = { float32: 2 ** -126, float64: 2 ** -1022 } as const
const overflows = (x: number, dtype: Precision): boolean => Math.abs(dtype === 'float32' ? Math.fround(x) : x) === Infinity
const subnormal = (x: number, dtype: Precision): boolean => x !== 0 && Math.abs(x) < least[dtype]

/** Where PyTorch's answer is not taken: what holds here is in docs/numerics.md. */
const differs: Readonly<Record<string, (found: Case, dtype: Precision) => boolean>> = {
  // In float64 digits are lost beyond 1e9, of the sine and its derivatives.
  'torch.sin(a)': ({ x }, dtype) => dtype === 'float64' && Math.abs(x) > 1e10,
  'torch.cos(a)': ({ x }, dtype) => dtype === 'float64' && Math.abs(x) > 1e10,
  // The remainder is exact. PyTorch's vectorised code gives NaN where the quotient overflows.
  'torch.fmod(a, b)': ({ x, y, want }, dtype) => Number.isNaN(want) && overflows(x / y, dtype),
  'a % b': ({ x, y, want }, dtype) => Number.isNaN(want) && overflows(x / y, dtype),
  'a // b': ({ x, y, want }, dtype) => Number.isNaN(want) && overflows(x / y, dtype),
  "torch.div(a, b, rounding_mode='floor')": ({ x, y, want }, dtype) => Number.isNaN(want) && overflows(x / y, dtype),
  // PyTorch's πx overflows.
  'torch.sinc(a)': ({ of, x }, dtype) => overflows(Math.PI * x, dtype) || (of === 'da' && dtype === 'float64' && Math.abs(x) > 1e10),
  // SLEEF's logarithm overflows, and flushes the least numbers.
  'torch.log1p(a)': ({ of, x }, dtype) => of === 'out' && (x > 1e38 || subnormal(x, dtype)),
  'torch.tan(a)': ({ of, x }, dtype) => (of === 'out' && subnormal(x, dtype)) || (dtype === 'float64' && Math.abs(x) > 1e10),
  // The float32 exponential overflows in PyTorch before the result does.
  'torch.special.i0(a)': ({ x }, dtype) => dtype === 'float32' && Math.abs(x) === 89.5,
  'torch.special.i1(a)': ({ x }, dtype) => dtype === 'float32' && Math.abs(x) === 89.5,
  // PyTorch subtracts x²/2 from itself: nothing is left far below 0.
  'torch.special.log_ndtr(a)': ({ of, x }) => of === 'da' && x < -20,
  // At poles PyTorch rounds π x: some huge number instead of Infinity.
  'torch.digamma(a)': ({ of, x }) => of === 'da' && x < 0 && Number.isInteger(x),
  'torch.polygamma(1, a)': ({ of, x }) => (x < 0 && Number.isInteger(x)) || (of === 'da' && x === Infinity),
  // ζ(3, ∞) is 0, as ζ(2, ∞) is for PyTorch too.
  'torch.polygamma(2, a)': ({ x }) => x === Infinity,
  // PyTorch's gradient is not that of its result.
  'F.mish(a)': ({ x }) => x < -80,
  // PyTorch squares the divisor, which over- and underflows; its product is fused with the sum.
  'torch.addcdiv(a, a, b, value=0.5)': ({ of, y }, dtype) => of === 'db' && (Math.abs(y) > 1e38 || subnormal(y, dtype)),
  'torch.sub(a, b, alpha=2)': ({ of, y }) => of === 'out' && Math.abs(y) > 1e38,
  // The gradients of end and weight, here one tensor, are added in another order.
  'torch.lerp(a, b, b)': ({ of, y }) => of === 'db' && Math.abs(y) > 1e38,
  // Of two equal limits, which zero is taken; and that the lower one has a gradient.
  'torch.clamp_min(a, b)': ({ x, want }) => x === 0 && want === 0,
  'torch.clamp(a, max=b)': ({ x, want }) => x === 0 && want === 0,
  'torch.clamp(a, b, b + 1)': ({ of, x, y, want }, dtype) => (x === 0 && want === 0) || (of === 'db' && (dtype === 'float32' ? Math.fround(y + 1) : y + 1) === y),
  'torch.addcmul(a, b, b, value=0.5)': ({ of, x, y }) => of === 'out' && x === -Infinity && Math.abs(y) > 1e38,
}

function same(got: number, want: number, dtype: Precision, text: string, gradient: boolean): boolean {
  if (Object.is(got, want)) return true
  if (gradient && got === want) return true
  if (!Number.isFinite(want) || !Number.isFinite(got)) return false
  const { relative = dtype === 'float32' ? 1e-5 : 1e-12, absolute } = inexact[text]?.[dtype] ?? {}
  if (absolute === undefined && want === 0) return false
  const unit = dtype === 'float32' ? 2 ** -149 : 2 ** -1074
  return Math.abs(got - want) <= Math.max(relative * Math.abs(want), absolute ?? unit)
}

const shown = (x: number | undefined): string => (Object.is(x, -0) ? '-0' : String(x))

for (const [kind, { inputs, answers }] of Object.entries(golden)) {
  describe(`special values of functions of ${kind === 'unary' ? 'one argument' : 'two arguments'}`, () => {
    for (const [text, byDtype] of Object.entries(answers)) {
      for (const dtype of ['float32', 'float64'] as const) {
        it(`${text} in ${dtype}`, () => {
          const numbers = Object.entries(inputs[dtype]).map(([name, said]) => [name, Float64Array.from(said, Number)] as const)
          const parameters = Object.fromEntries(numbers.map(([name, x]) => [name, { value: { base64: Buffer.from(toElements(x, dtype).buffer).toString('base64'), shape: [x.length], dtype } }]))
          const spec = { model: { parameters, forward: `out = ${text}` }, loss: 'out.sum() * 1.0', data: {}, seed: 0, dtype, outputs: ['out'] }
          const { values, ...gradients } = byDtype[dtype]
          const out = forward(spec, engine).outputs.get('out') as TensorResult
          const wrong: string[] = []
          const compare = (of: string, got: Float64Array, said: readonly Said[]): void => {
            for (const [i, want] of Float64Array.from(said, Number).entries()) {
              const [x = Number.NaN, y = Number.NaN] = numbers.map(([, all]) => all[i]!)
              if (same(got[i]!, want, dtype, text, of !== 'out') || differs[text]?.({ of, x, y, want }, dtype)) continue
              wrong.push(`${of} at ${numbers.map(([name, all]) => `${name} = ${shown(all[i])}`).join(', ')}: PyTorch gives ${shown(want)}, got ${shown(got[i])}`)
            }
          }
          compare('out', toNumbers(out.elements), values)
          if (Object.keys(gradients).length > 0) {
            const found = backward(spec, engine).gradients
            for (const [name, want] of Object.entries(gradients)) compare(`d${name}`, toNumbers(found.get(name)!.elements), want)
          }
          expect(wrong).toEqual([])
        })
      }
    }
  })
}
