/** torch.nn.init: fills of parameters. */
import { z } from 'zod'
import { SpecError } from '../errors.ts'
import type { Shape } from '../ir/value.ts'
import { numel } from '../ir/value.ts'
import type { FloatArray, FloatType } from '../random/draw.ts'
import { normal, uniform } from '../random/draw.ts'
import type { Mt19937 } from '../random/mt19937.ts'

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
  return (ctx, shape) => uniform(ctx.generator, ctx.dtype, numel(shape), from, to)
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
  nonlinearity: z.enum(['linear', 'sigmoid', 'tanh', 'relu', 'leaky_relu', 'selu']).default('leaky_relu'),
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

/** Initialisations by their torch.nn.init names, without the underscore at the end. */
export const inits = {
  uniform: record('Uniform in [a, b)', { a: z.number().default(0), b: z.number().default(1) }, ({ a, b }) => uniformFill(a, b)),
  normal: record('Normal with mean and std', { mean: z.number().default(0), std: z.number().nonnegative().default(1) }, ({ mean, std }) => normalFill(mean, std)),
  constant: record('One number', { val: z.number() }, ({ val }) => filled(val)),
  zeros: record('Zeros', {}, () => filled(0)),
  ones: record('Ones', {}, () => filled(1)),
  eye: record('The identity matrix', {}, () => (ctx, shape) => {
    if (shape.length !== 2) throw new SpecError('bad_option', `eye fills matrices, got a tensor of shape [${shape.join(', ')}]`)
    const out = filled(0)(ctx, shape)
    for (let i = 0; i < Math.min(shape[0]!, shape[1]!); i++) out[i * shape[1]! + i] = 1
    return out
  }),
  xavier_uniform: record('Uniform, scaled by fan in + fan out (Glorot & Bengio 2010)', { gain: positive.default(1) }, ({ gain }) => xavierUniform(gain)),
  xavier_normal: record('Normal, scaled by fan in + fan out (Glorot & Bengio 2010)', { gain: positive.default(1) }, ({ gain }) => xavierNormal(gain)),
  kaiming_uniform: record('Uniform, scaled by fan in or fan out (He et al. 2015)', kaimingOptions, (options) => (ctx, shape) => {
    const bound = Math.sqrt(3) * kaimingStd(options, shape)
    return uniformFill(-bound, bound)(ctx, shape)
  }),
  kaiming_normal: record('Normal, scaled by fan in or fan out (He et al. 2015)', kaimingOptions, (options) => (ctx, shape) => normalFill(0, kaimingStd(options, shape))(ctx, shape)),
} as const
