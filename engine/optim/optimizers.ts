/**
 * Optimizers by their torch.optim class names. The update rule is graph; what depends on the number of the step
 * alone (bias corrections) is computed in float64 outside of it, as PyTorch computes it in Python.
 */
import { z } from 'zod'
import type { Value } from '../ir/value.ts'
import * as ew from '../ops/elementwise.ts'
import { expand } from '../ops/view.ts'

/** Numbers that an update rule reads, each a 0-d tensor of the parameter's dtype. */
export type Numbers = Readonly<Record<string, Value>>
export type Slots = Readonly<Record<string, Value>>
export type OptimizerOptions = Readonly<Record<string, unknown>>

export interface Optimizer {
  readonly type: string
  readonly doc: string
  readonly options: z.ZodRawShape
  /** Names of the tensors that it keeps for each parameter, by torch's names; they start as zeros. */
  readonly slots: (options: OptimizerOptions) => readonly string[]
  /** The numbers of step `step` (from 1) at learning rate `lr`. */
  readonly numbers: (options: OptimizerOptions, step: number, lr: number) => Readonly<Record<string, number>>
  readonly update: (options: OptimizerOptions, gradient: Value, parameter: Value, slots: Slots, numbers: Numbers) => { parameter: Value; slots: Slots }
}

interface OptimizerRecord<O extends z.ZodRawShape> {
  readonly type: string
  readonly doc: string
  readonly options: O
  readonly slots: (options: z.infer<z.ZodObject<O>>) => readonly string[]
  readonly numbers: (options: z.infer<z.ZodObject<O>>, step: number, lr: number) => Readonly<Record<string, number>>
  readonly update: (options: z.infer<z.ZodObject<O>>, gradient: Value, parameter: Value, slots: Slots, numbers: Numbers) => { parameter: Value; slots: Slots }
}

function optimizer<O extends z.ZodRawShape>(record: OptimizerRecord<O>): Optimizer {
  type Typed = z.infer<z.ZodObject<O>>
  return {
    type: record.type,
    doc: record.doc,
    options: record.options,
    slots: (options) => record.slots(options as Typed),
    numbers: (options, step, lr) => record.numbers(options as Typed, step, lr),
    update: (options, gradient, parameter, slots, numbers) => record.update(options as Typed, gradient, parameter, slots, numbers),
  }
}

/** A number of the step as a factor for a whole tensor. */
function times(x: Value, number: Value): Value {
  return ew.mul(x, spread(number, x))
}

function spread(number: Value, like: Value): Value {
  return expand(number, like.shape)
}

const rate = z.number().nonnegative()
const decay = z.number().nonnegative()
const beta = z.number().min(0).lt(1)
const flag = z.boolean().default(false)

function withDecay(gradient: Value, parameter: Value, weightDecay: number, maximize: boolean): Value {
  const direction = maximize ? ew.neg(gradient) : gradient
  return weightDecay === 0 ? direction : ew.add(direction, ew.mul(parameter, weightDecay))
}

const sgd = optimizer({
  type: 'SGD',
  doc: 'Gradient descent, with momentum, Nesterov momentum and weight decay',
  options: {
    lr: rate.default(0.001),
    momentum: z.number().nonnegative().default(0),
    dampening: z.number().default(0),
    weight_decay: decay.default(0),
    nesterov: flag,
    maximize: flag,
  },
  slots: ({ momentum }) => (momentum === 0 ? [] : ['momentum_buffer']),
  // The first step sets the buffer to the gradient, without dampening.
  numbers: ({ momentum, dampening }, step, lr) => {
    if (momentum === 0) return { lr }
    return step === 1 ? { lr, momentum: 0, gain: 1 } : { lr, momentum, gain: 1 - dampening }
  },
  update: ({ momentum, weight_decay: weightDecay, nesterov, maximize }, gradient, parameter, slots, numbers) => {
    const g = withDecay(gradient, parameter, weightDecay, maximize)
    if (momentum === 0) return { parameter: ew.sub(parameter, times(g, numbers['lr']!)), slots: {} }
    const buffer = ew.add(times(slots['momentum_buffer']!, numbers['momentum']!), times(g, numbers['gain']!))
    const direction = nesterov ? ew.add(g, ew.mul(buffer, momentum)) : buffer
    return { parameter: ew.sub(parameter, times(direction, numbers['lr']!)), slots: { momentum_buffer: buffer } }
  },
})

/** Adam (Kingma & Ba 2015); AdamW decouples the weight decay (Loshchilov & Hutter 2019). */
function adam(type: 'Adam' | 'AdamW', doc: string, defaultDecay: number): Optimizer {
  return optimizer({
    type,
    doc,
    options: {
      lr: rate.default(0.001),
      betas: z.array(beta).length(2).default([0.9, 0.999]),
      eps: z.number().nonnegative().default(1e-8),
      weight_decay: decay.default(defaultDecay),
      amsgrad: flag,
      maximize: flag,
    },
    slots: ({ amsgrad }) => ['exp_avg', 'exp_avg_sq', ...(amsgrad ? ['max_exp_avg_sq'] : [])],
    numbers: ({ betas, weight_decay: weightDecay }, step, lr) => ({
      step_size: lr / (1 - betas[0]! ** step),
      correction: Math.sqrt(1 - betas[1]! ** step),
      ...(type === 'AdamW' && { keep: 1 - lr * weightDecay }),
    }),
    update: ({ betas, eps, weight_decay: weightDecay, amsgrad, maximize }, gradient, parameter, slots, numbers) => {
      const decoupled = type === 'AdamW'
      const start = decoupled ? times(parameter, numbers['keep']!) : parameter
      const g = withDecay(gradient, parameter, decoupled ? 0 : weightDecay, maximize)
      const [beta1, beta2] = betas as [number, number]
      const average = ew.add(ew.mul(slots['exp_avg']!, beta1), ew.mul(g, 1 - beta1))
      const square = ew.add(ew.mul(slots['exp_avg_sq']!, beta2), ew.mul(ew.mul(g, g), 1 - beta2))
      const largest = amsgrad ? ew.maximum(slots['max_exp_avg_sq']!, square) : square
      const denominator = ew.add(ew.div(ew.sqrt(largest), spread(numbers['correction']!, largest)), eps)
      const step = ew.div(average, denominator)
      return {
        parameter: ew.sub(start, times(step, numbers['step_size']!)),
        slots: { exp_avg: average, exp_avg_sq: square, ...(amsgrad && { max_exp_avg_sq: largest }) },
      }
    },
  })
}

const records = [
  sgd,
  adam('Adam', 'Steps scaled by running averages of the gradient and its square', 0),
  adam('AdamW', 'Adam with decoupled weight decay', 0.01),
]

export const optimizerTypes: ReadonlyMap<string, Optimizer> = new Map(records.map((record) => [record.type, record]))
