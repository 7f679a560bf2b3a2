/** torch.nn.init: fills of parameters. */
import { z } from 'zod'
import { SpecError } from '../errors.ts'
import type { Shape } from '../ir/value.ts'
import { numel } from '../ir/value.ts'
import type { FloatArray, FloatType } from '../random/draw.ts'
import { normal, permutation, uniform } from '../random/draw.ts'
import type { Mt19937 } from '../random/mt19937.ts'
import { truncatedNormal } from '../random/truncated.ts'
import { orthonormalize } from './orthogonal.ts'

export interface InitContext {
  readonly generator: Mt19937
  readonly dtype: FloatType
}

/** Draws or computes the initial elements of a parameter. */
export type Fill = (ctx: InitContext, shape: Shape) => FloatArray

export function filled(value: number): Fill {
  return (ctx, shape) => {
    const count = numel(shape)
    return (ctx.dtype === 'float32' ? new Float32Array(count) : new Float64Array(count)).fill(value)
  }
}

export function uniformFill(from: number, to: number): Fill {
  return (ctx, shape) => {
    if (from > to) throw new SpecError('bad_option', `uniform: a must not be above b, got ${from} and ${to}`)
    return uniform(ctx.generator, ctx.dtype, numel(shape), from, to)
  }
}

export function normalFill(mean: number, std: number): Fill {
  return (ctx, shape) => normal(ctx.generator, ctx.dtype, numel(shape), mean, std)
}

/** Connections into and out of an element of a weight: dimensions 1 and 0, times the receptive field. */
export function fans(shape: Shape): { fanIn: number; fanOut: number } {
  if (shape.length < 2) throw new SpecError('bad_option', `fan in and fan out need a tensor of 2 or more dimensions, got [${shape.join(', ')}]`)
  const field = numel(shape.slice(2))
  return { fanIn: shape[1]! * field, fanOut: shape[0]! * field }
}

/** torch.nn.init.calculate_gain */
function gainOf(nonlinearity: string, a: number): number {
  switch (nonlinearity) {
    case 'tanh':
      return 5 / 3
    case 'relu':
      return Math.SQRT2
    case 'leaky_relu':
      return Math.sqrt(2 / (1 + a * a))
    case 'selu':
      return 3 / 4
    default:
      return 1
  }
}

/** Uniform in ±√3 · gain / √fan (He et al. 2015). What Linear and Conv weights start from, with a = √5. */
export function kaimingUniform(a: number): Fill {
  return (ctx, shape) => {
    const bound = Math.sqrt(3) * (gainOf('leaky_relu', a) / Math.sqrt(fans(shape).fanIn))
    return uniformFill(-bound, bound)(ctx, shape)
  }
}

interface InitRecord<O extends z.ZodRawShape> {
  readonly doc: string
  readonly options: O
  readonly fill: (options: z.infer<z.ZodObject<O>>) => Fill
}

function record<O extends z.ZodRawShape>(doc: string, options: O, fill: (options: z.infer<z.ZodObject<O>>) => Fill): InitRecord<O> {
  return { doc, options, fill }
}

const positive = z.number().positive()
const kaimingOptions = {
  a: z.number().default(0),
  mode: z.enum(['fan_in', 'fan_out']).default('fan_in'),
  nonlinearity: z.enum(['linear', 'conv1d', 'conv2d', 'conv3d', 'conv_transpose1d', 'conv_transpose2d', 'conv_transpose3d', 'sigmoid', 'tanh', 'relu', 'leaky_relu', 'selu']).default('leaky_relu').describe('What the gain is that of; `a` is the slope of leaky_relu'),
}

function kaimingStd(options: { a: number; mode: 'fan_in' | 'fan_out'; nonlinearity: string }, shape: Shape): number {
  const { fanIn, fanOut } = fans(shape)
  return gainOf(options.nonlinearity, options.a) / Math.sqrt(options.mode === 'fan_in' ? fanIn : fanOut)
}

function xavierStd(gain: number, shape: Shape): number {
  const { fanIn, fanOut } = fans(shape)
  return gain * Math.sqrt(2 / (fanIn + fanOut))
}

export function xavierUniform(gain: number): Fill {
  return (ctx, shape) => {
    const bound = Math.sqrt(3) * xavierStd(gain, shape)
    return uniformFill(-bound, bound)(ctx, shape)
  }
}

export function xavierNormal(gain: number): Fill {
  return (ctx, shape) => normalFill(0, xavierStd(gain, shape))(ctx, shape)
}

function requireRank(name: string, shape: Shape, ranks: readonly number[], what: string): void {
  if (!ranks.includes(shape.length)) throw new SpecError('bad_option', `${name} fills ${what}, got a tensor of shape [${shape.join(', ')}]`)
}

/** 1 in the middle of the kernel from each channel to the one of its number in the group. */
function dirac(groups: number): Fill {
  return (ctx, shape) => {
    requireRank('dirac', shape, [3, 4, 5], 'tensors of 3, 4 or 5 dimensions')
    const [outputs, inputs, ...kernel] = shape as [number, number, ...number[]]
    if (outputs % groups !== 0) throw new SpecError('bad_option', `dirac: dimension 0 must be divisible by groups, got ${outputs} and ${groups}`)
    const out = filled(0)(ctx, shape)
    const middle = kernel.reduce((place, width) => place * width + Math.floor(width / 2), 0)
    const each = outputs / groups
    for (let output = 0; output < outputs; output++) {
      const input = output % each
      if (input < inputs) out[(output * inputs + input) * numel(kernel) + middle] = 1
    }
    return out
  }
}

function orthogonal(gain: number): Fill {
  return (ctx, shape) => {
    if (shape.length < 2) throw new SpecError('bad_option', `orthogonal fills tensors of 2 or more dimensions, got shape [${shape.join(', ')}]`)
    const [rows] = shape as [number, ...number[]]
    const out = normalFill(0, 1)(ctx, shape)
    if (out.length === 0) return out
    orthonormalize(out, rows, out.length / rows)
    return out.map((x) => x * gain)
  }
}

/** In each column a share of the elements, at random places, is 0. */
function sparse(sparsity: number, std: number): Fill {
  return (ctx, shape) => {
    requireRank('sparse', shape, [2], 'matrices')
    const [rows, columns] = shape as [number, number]
    const out = normalFill(0, std)(ctx, shape)
    for (let column = 0; column < columns; column++) {
      for (const row of permutation(ctx.generator, rows).subarray(0, Math.ceil(sparsity * rows))) out[row * columns + column] = 0
    }
    return out
  }
}

/** Initialisations by their torch.nn.init names, without the underscore at the end. */
export const inits = {
  uniform: record('Uniform in [a, b)', { a: z.number().default(0), b: z.number().default(1) }, ({ a, b }) => uniformFill(a, b)),
  normal: record('Normal with mean and std', { mean: z.number().default(0), std: z.number().nonnegative().default(1) }, ({ mean, std }) => normalFill(mean, std)),
  trunc_normal: record(
    'Normal with mean and std, cut off at a and b',
    { mean: z.number().default(0), std: z.number().positive().default(1), a: z.number().default(-2), b: z.number().default(2) },
    (options) => (ctx, shape) => {
      if (options.a > options.b) throw new SpecError('bad_option', `trunc_normal: a must not be above b, got ${options.a} and ${options.b}`)
      return truncatedNormal(ctx.generator, ctx.dtype, numel(shape), options)
    },
  ),
  constant: record('One number', { val: z.number() }, ({ val }) => filled(val)),
  zeros: record('Zeros', {}, () => filled(0)),
  ones: record('Ones', {}, () => filled(1)),
  eye: record('The identity matrix', {}, () => (ctx, shape) => {
    requireRank('eye', shape, [2], 'matrices')
    const out = filled(0)(ctx, shape)
    for (let i = 0; i < Math.min(shape[0]!, shape[1]!); i++) out[i * shape[1]! + i] = 1
    return out
  }),
  dirac: record('The identity of convolutions', { groups: z.int32().positive().default(1) }, ({ groups }) => dirac(groups)),
  xavier_uniform: record('Uniform, scaled by fan in + fan out (Glorot & Bengio 2010)', { gain: positive.default(1) }, ({ gain }) => xavierUniform(gain)),
  xavier_normal: record('Normal, scaled by fan in + fan out (Glorot & Bengio 2010)', { gain: positive.default(1) }, ({ gain }) => xavierNormal(gain)),
  kaiming_uniform: record('Uniform, scaled by fan in or fan out (He et al. 2015)', kaimingOptions, (options) => (ctx, shape) => {
    const bound = Math.sqrt(3) * kaimingStd(options, shape)
    return uniformFill(-bound, bound)(ctx, shape)
  }),
  kaiming_normal: record('Normal, scaled by fan in or fan out (He et al. 2015)', kaimingOptions, (options) => (ctx, shape) => normalFill(0, kaimingStd(options, shape))(ctx, shape)),
  orthogonal: record('An orthogonal matrix (Saxe et al. 2014); dimensions after the first are one', { gain: z.number().default(1) }, ({ gain }) => orthogonal(gain)),
  sparse: record('Normal with mean 0 and std, and zeros: the share `sparsity` of each column (Martens 2010)', { sparsity: z.number().min(0).max(1), std: z.number().nonnegative().default(0.01) }, ({ sparsity, std }) => sparse(sparsity, std)),
} as const
