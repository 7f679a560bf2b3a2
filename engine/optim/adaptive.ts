/** Optimizers that scale each element by a history of its own gradients. */
import { z } from 'zod'
import type { Value } from '../ir/value.ts'
import * as ew from '../ops/elementwise.ts'
import type { Numbers, Optimizer, Slots } from './define.ts'
import { betas, blend, decay, epsilon, flag, moment, optimizer, rate, spread, times, withDecay } from './define.ts'

/** The numbers of beta1: schedules may move it from step to step. */
function firstBeta(beta1: number): { beta1: number; gain1: number } {
  return { beta1, gain1: 1 - beta1 }
}

function firstMoment(g: Value, slots: Slots, numbers: Numbers): Value {
  return moment(slots['exp_avg']!, numbers['beta1']!, times(g, numbers['gain1']!))
}

/** Adam (Kingma & Ba 2015); AdamW decouples the weight decay (Loshchilov & Hutter 2019). */
function adam(type: 'Adam' | 'AdamW', doc: string, defaultDecay: number): Optimizer {
  const decoupled = type === 'AdamW'
  return optimizer(
    {
      lr: rate.default(0.001),
      betas: betas.default([0.9, 0.999]),
      eps: epsilon.default(1e-8),
      weight_decay: z.number().nonnegative().default(defaultDecay),
      amsgrad: flag,
      maximize: flag,
    },
    {
      type,
      doc,
      slots: ({ amsgrad }): Record<string, number> => ({ exp_avg: 0, exp_avg_sq: 0, ...(amsgrad && { max_exp_avg_sq: 0 }) }),
      next: ({ lr, betas: [beta1, beta2], weight_decay: weightDecay }, step) => ({
        numbers: {
          ...firstBeta(beta1!),
          step_size: lr / (1 - beta1! ** step),
          // One over the correction: a product is several times as fast as a quotient.
          uncorrected: 1 / Math.sqrt(1 - beta2! ** step),
          ...(decoupled && { keep: 1 - lr * weightDecay }),
        },
      }),
      update: ({ betas: [, beta2], eps, weight_decay: weightDecay, amsgrad, maximize }, gradient, parameter, slots, numbers) => {
        const start = decoupled ? times(parameter, numbers['keep']!) : parameter
        const g = withDecay(gradient, parameter, { weight_decay: decoupled ? 0 : weightDecay, maximize })
        const average = firstMoment(g, slots, numbers)
        const square = blend(slots['exp_avg_sq']!, ew.mul(g, g), beta2!)
        const largest = amsgrad ? ew.maximum(slots['max_exp_avg_sq']!, square) : square
        const denominator = ew.add(times(ew.sqrt(largest), numbers['uncorrected']!), eps)
        return {
          parameter: ew.sub(start, times(ew.div(average, denominator), numbers['step_size']!)),
          slots: { exp_avg: average, exp_avg_sq: square, ...(amsgrad && { max_exp_avg_sq: largest }) },
        }
      },
    },
  )
}

export const adamPlain = adam('Adam', 'Steps scaled by running averages of the gradient and its square', 0)
export const adamW = adam('AdamW', 'Adam with decoupled weight decay', 0.01)

export const nadam = optimizer(
  {
    lr: rate.default(0.002),
    betas: betas.default([0.9, 0.999]),
    eps: epsilon.default(1e-8),
    weight_decay: decay,
    momentum_decay: z.number().nonnegative().default(0.004),
    decoupled_weight_decay: flag,
    maximize: flag,
  },
  {
    type: 'NAdam',
    doc: 'Adam with Nesterov momentum (Dozat 2016)',
    slots: () => ({ exp_avg: 0, exp_avg_sq: 0 }),
    kept: () => ({ mu_product: 1 }),
    next: ({ lr, betas: [beta1, beta2], weight_decay: weightDecay, momentum_decay: slope, decoupled_weight_decay: decoupled }, step, kept, round) => {
      const mu = beta1! * (1 - 0.5 * 0.96 ** (step * slope))
      const muNext = beta1! * (1 - 0.5 * 0.96 ** ((step + 1) * slope))
      const product = round(kept['mu_product']! * mu)
      // torch 1.13 has mu twice here.
      const productNext = round(round(product * mu) * muNext)
      return {
        numbers: {
          ...firstBeta(beta1!),
          correction: 1 - beta2! ** step,
          by_gradient: (lr * (1 - mu)) / (1 - product),
          by_average: (lr * muNext) / (1 - productNext),
          ...(decoupled && { keep: 1 - lr * weightDecay }),
        },
        kept: { mu_product: product },
      }
    },
    update: ({ betas: [, beta2], eps, weight_decay: weightDecay, decoupled_weight_decay: decoupled, maximize }, gradient, parameter, slots, numbers) => {
      const start = decoupled ? times(parameter, numbers['keep']!) : parameter
      const g = withDecay(gradient, parameter, { weight_decay: decoupled ? 0 : weightDecay, maximize })
      const average = firstMoment(g, slots, numbers)
      const square = blend(slots['exp_avg_sq']!, ew.mul(g, g), beta2!)
      const denominator = ew.add(ew.sqrt(ew.div(square, spread(numbers['correction']!, square))), eps)
      const first = ew.sub(start, times(ew.div(g, denominator), numbers['by_gradient']!))
      return { parameter: ew.sub(first, times(ew.div(average, denominator), numbers['by_average']!)), slots: { exp_avg: average, exp_avg_sq: square } }
    },
  },
)

export const radam = optimizer(
  {
    lr: rate.default(0.001),
    betas: betas.default([0.9, 0.999]),
    eps: epsilon.default(1e-8),
    weight_decay: decay,
    decoupled_weight_decay: flag,
    maximize: flag,
  },
  {
    type: 'RAdam',
    doc: 'Adam whose steps are rectified while its averages are young (Liu et al. 2020)',
    slots: () => ({ exp_avg: 0, exp_avg_sq: 0 }),
    next: ({ lr, betas: [beta1, beta2], weight_decay: weightDecay, decoupled_weight_decay: decoupled }, step) => {
      const correction = 1 - beta2! ** step
      const limit = 2 / (1 - beta2!) - 1
      const length = limit - (2 * step * beta2! ** step) / correction
      const rectified = length > 5
      const rectification = Math.sqrt(((length - 4) * (length - 2) * limit) / ((limit - 4) * (limit - 2) * length))
      return {
        numbers: {
          ...firstBeta(beta1!),
          correction: 1 - beta1! ** step,
          // The step is lr · scale / (√v + eps) once it is rectified, and plain lr before.
          rectified: Number(rectified),
          step_size: rectified ? lr * rectification * Math.sqrt(correction) : lr,
          ...(decoupled && { keep: 1 - lr * weightDecay }),
        },
      }
    },
    update: ({ betas: [, beta2], eps, weight_decay: weightDecay, decoupled_weight_decay: decoupled, maximize }, gradient, parameter, slots, numbers) => {
      const start = decoupled ? times(parameter, numbers['keep']!) : parameter
      const g = withDecay(gradient, parameter, { weight_decay: decoupled ? 0 : weightDecay, maximize })
      const average = firstMoment(g, slots, numbers)
      const square = blend(slots['exp_avg_sq']!, ew.mul(g, g), beta2!)
      const corrected = ew.div(average, spread(numbers['correction']!, average))
      const denominator = ew.where(ew.gt(spread(numbers['rectified']!, square), 0), ew.add(ew.sqrt(square), eps), ew.fullLike(square, 1))
      return { parameter: ew.sub(start, times(ew.div(corrected, denominator), numbers['step_size']!)), slots: { exp_avg: average, exp_avg_sq: square } }
    },
  },
)

export const adamax = optimizer(
  {
    lr: rate.default(0.002),
    betas: betas.default([0.9, 0.999]),
    eps: epsilon.default(1e-8),
    weight_decay: decay,
    maximize: flag,
  },
  {
    type: 'Adamax',
    doc: 'Adam by the infinity norm (Kingma & Ba 2015, section 7)',
    slots: () => ({ exp_avg: 0, exp_inf: 0 }),
    next: ({ lr, betas: [beta1] }, step) => ({ numbers: { ...firstBeta(beta1!), step_size: lr / (1 - beta1! ** step) } }),
    update: ({ betas: [, beta2], eps, ...options }, gradient, parameter, slots, numbers) => {
      const g = withDecay(gradient, parameter, options)
      const average = firstMoment(g, slots, numbers)
      const largest = ew.maximum(ew.mul(slots['exp_inf']!, beta2!), ew.add(ew.abs(g), eps))
      return { parameter: ew.sub(parameter, times(ew.div(average, largest), numbers['step_size']!)), slots: { exp_avg: average, exp_inf: largest } }
    },
  },
)

export const adagrad = optimizer(
  {
    lr: rate.default(0.01),
    lr_decay: z.number().nonnegative().default(0),
    weight_decay: decay,
    initial_accumulator_value: z.number().nonnegative().default(0),
    eps: epsilon.default(1e-10),
    maximize: flag,
  },
  {
    type: 'Adagrad',
    doc: 'Steps scaled by the root of the sum of squared gradients (Duchi et al. 2011)',
    slots: ({ initial_accumulator_value: initial }) => ({ sum: initial }),
    next: ({ lr, lr_decay: slope }, step) => ({ numbers: { step_size: lr / (1 + (step - 1) * slope) } }),
    steady: ({ lr_decay: slope }) => slope === 0,
    update: ({ eps, ...options }, gradient, parameter, slots, numbers) => {
      const g = withDecay(gradient, parameter, options)
      const total = ew.add(slots['sum']!, ew.mul(g, g))
      return { parameter: ew.sub(parameter, times(ew.div(g, ew.add(ew.sqrt(total), eps)), numbers['step_size']!)), slots: { sum: total } }
    },
  },
)

export const adadelta = optimizer(
  {
    lr: rate.default(1),
    rho: z.number().min(0).max(1).default(0.9),
    eps: epsilon.default(1e-6),
    weight_decay: decay,
    maximize: flag,
  },
  {
    type: 'Adadelta',
    doc: 'Steps scaled by the ratio of past steps to past gradients (Zeiler 2012)',
    slots: () => ({ square_avg: 0, acc_delta: 0 }),
    next: ({ lr }) => ({ numbers: { lr } }),
    steady: () => true,
    update: ({ rho, eps, ...options }, gradient, parameter, slots, numbers) => {
      const g = withDecay(gradient, parameter, options)
      const square = blend(slots['square_avg']!, ew.mul(g, g), rho)
      const delta = ew.mul(ew.div(ew.sqrt(ew.add(slots['acc_delta']!, eps)), ew.sqrt(ew.add(square, eps))), g)
      return { parameter: ew.sub(parameter, times(delta, numbers['lr']!)), slots: { square_avg: square, acc_delta: blend(slots['acc_delta']!, ew.mul(delta, delta), rho) } }
    },
  },
)

export const rmsprop = optimizer(
  {
    lr: rate.default(0.01),
    alpha: z.number().nonnegative().default(0.99),
    eps: epsilon.default(1e-8),
    weight_decay: decay,
    momentum: z.number().nonnegative().default(0),
    centered: flag,
    maximize: flag,
  },
  {
    type: 'RMSprop',
    doc: 'Steps scaled by a running average of squared gradients (Hinton 2012), centred (Graves 2013) or with momentum',
    slots: ({ momentum, centered }): Record<string, number> => ({ square_avg: 0, ...(momentum > 0 && { momentum_buffer: 0 }), ...(centered && { grad_avg: 0 }) }),
    next: ({ lr, momentum }) => ({ numbers: { lr, ...(momentum > 0 && { momentum }) } }),
    steady: () => true,
    update: ({ alpha, eps, momentum, centered, ...options }, gradient, parameter, slots, numbers) => {
      const g = withDecay(gradient, parameter, options)
      const square = blend(slots['square_avg']!, ew.mul(g, g), alpha)
      const mean = centered ? blend(slots['grad_avg']!, g, alpha) : undefined
      const scale = ew.add(ew.sqrt(mean ? ew.sub(square, ew.mul(mean, mean)) : square), eps)
      const kept = { square_avg: square, ...(mean && { grad_avg: mean }) }
      const direction = ew.div(g, scale)
      if (momentum === 0) return { parameter: ew.sub(parameter, times(direction, numbers['lr']!)), slots: kept }
      const buffer = moment(slots['momentum_buffer']!, numbers['momentum']!, direction)
      return { parameter: ew.sub(parameter, times(buffer, numbers['lr']!)), slots: { ...kept, momentum_buffer: buffer } }
    },
  },
)
