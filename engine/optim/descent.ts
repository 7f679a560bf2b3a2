/** Optimizers that go along the gradient, its sign, or an orthogonal matrix near it. */
import { z } from 'zod'
import { showShape } from '../errors.ts'
import type { Value } from '../ir/value.ts'
import { matmul } from '../ops/contract.ts'
import * as ew from '../ops/elementwise.ts'
import { expand, sum, transposeLast } from '../ops/view.ts'
import { betas, blend, decay, epsilon, flag, moment, optimizer, rate, spread, times, withDecay } from './define.ts'

export const sgd = optimizer(
  {
    lr: rate.default(0.001),
    momentum: z.number().nonnegative().default(0),
    dampening: z.number().default(0),
    weight_decay: decay,
    nesterov: flag,
    maximize: flag,
  },
  {
    type: 'SGD',
    doc: 'Gradient descent, with momentum, Nesterov momentum and weight decay',
    check: ({ nesterov, momentum, dampening }) => (nesterov && (momentum === 0 || dampening !== 0) ? 'nesterov takes a momentum and no dampening' : undefined),
    slots: ({ momentum }): Record<string, number> => (momentum === 0 ? {} : { momentum_buffer: 0 }),
    // The first step sets the buffer to the gradient, without dampening.
    next: ({ lr, momentum, dampening, nesterov }, step) => {
      if (momentum === 0) return { numbers: { lr } }
      const buffer = step === 1 ? { momentum: 0, gain: 1 } : { momentum, gain: 1 - dampening }
      return { numbers: { lr, ...buffer, ...(nesterov && { ahead: momentum }) } }
    },
    steady: ({ momentum }, step) => momentum === 0 || step > 1,
    update: (options, gradient, parameter, slots, numbers) => {
      const g = withDecay(gradient, parameter, options)
      if (options.momentum === 0) return { parameter: ew.sub(parameter, times(g, numbers['lr']!)) }
      const buffer = moment(slots['momentum_buffer']!, numbers['momentum']!, times(g, numbers['gain']!))
      const direction = options.nesterov ? ew.add(g, times(buffer, numbers['ahead']!)) : buffer
      return { parameter: ew.sub(parameter, times(direction, numbers['lr']!)), slots: { momentum_buffer: buffer } }
    },
  },
)

export const asgd = optimizer(
  {
    lr: rate.default(0.01),
    lambd: z.number().default(1e-4),
    alpha: z.number().default(0.75),
    t0: z.number().default(1e6),
    weight_decay: decay,
    maximize: flag,
  },
  {
    type: 'ASGD',
    doc: 'Averaged gradient descent (Polyak & Juditsky 1992); `ax` in the state is the average',
    slots: () => ({ ax: 0 }),
    kept: ({ lr }, round) => ({ eta: round(lr), mu: 1 }),
    next: ({ lr, lambd, alpha, t0 }, step, { eta, mu }, round) => ({
      numbers: { eta: eta!, mu: mu!, keep: 1 - lambd * eta! },
      kept: { eta: round(lr / (1 + lambd * lr * step) ** alpha), mu: round(1 / Math.max(1, step - t0)) },
    }),
    update: (options, gradient, parameter, slots, numbers) => {
      const g = withDecay(gradient, parameter, options)
      const next = ew.sub(times(parameter, numbers['keep']!), times(g, numbers['eta']!))
      const average = ew.add(slots['ax']!, times(ew.sub(next, slots['ax']!), numbers['mu']!))
      return { parameter: next, slots: { ax: ew.where(ew.eq(spread(numbers['mu']!, next), 1), next, average) } }
    },
  },
)

export const rprop = optimizer(
  {
    lr: rate.default(0.01),
    etas: z.tuple([z.number().gt(0).lt(1), z.number().gt(1)]).default([0.5, 1.2]),
    step_sizes: z.tuple([z.number().nonnegative(), z.number().nonnegative()]).default([1e-6, 50]),
    maximize: flag,
  },
  {
    type: 'Rprop',
    doc: 'Resilient backpropagation (Riedmiller & Braun 1993): a step size for each element, by the sign of its gradient',
    slots: ({ lr }) => ({ prev: 0, step_size: lr }),
    next: () => ({ numbers: {} }),
    steady: () => true,
    update: ({ etas: [less, more], step_sizes: [least, most], maximize }, gradient, parameter, slots) => {
      const g = maximize ? ew.neg(gradient) : gradient
      const agreement = ew.mul(g, slots['prev']!)
      const [same, turned] = [ew.gt(agreement, 0), ew.lt(agreement, 0)]
      const factor = ew.where(same, ew.fullLike(g, more), ew.where(turned, ew.fullLike(g, less), ew.fullLike(g, 1)))
      const size = ew.minimum(ew.maximum(ew.mul(slots['step_size']!, factor), least), most)
      const used = ew.where(turned, ew.fullLike(g, 0), g)
      return { parameter: ew.sub(parameter, ew.mul(ew.sign(used), size)), slots: { prev: used, step_size: size } }
    },
  },
)

export const lion = optimizer(
  {
    lr: rate.default(1e-4),
    betas: betas.default([0.9, 0.99]),
    weight_decay: decay,
    maximize: flag,
  },
  {
    type: 'Lion',
    doc: 'The sign of a running average of the gradient, with decoupled weight decay (Chen et al. 2023, algorithm 2)',
    slots: () => ({ exp_avg: 0 }),
    next: ({ lr, weight_decay: weightDecay }) => ({ numbers: { lr, keep: 1 - lr * weightDecay } }),
    steady: () => true,
    update: ({ betas: [beta1, beta2], maximize }, gradient, parameter, slots, numbers) => {
      const g = maximize ? ew.neg(gradient) : gradient
      const direction = ew.sign(blend(slots['exp_avg']!, g, beta1!))
      return {
        parameter: ew.sub(times(parameter, numbers['keep']!), times(direction, numbers['lr']!)),
        slots: { exp_avg: blend(slots['exp_avg']!, g, beta2!) },
      }
    },
  },
)

export const muon = optimizer(
  {
    lr: rate.default(0.001),
    weight_decay: z.number().nonnegative().default(0.1),
    momentum: z.number().nonnegative().default(0.95),
    nesterov: z.boolean().default(true),
    ns_coefficients: z.tuple([z.number(), z.number(), z.number()]).default([3.4445, -4.775, 2.0315]),
    eps: epsilon.default(1e-7),
    ns_steps: z.int32().min(1).max(99).default(5),
    adjust_lr_fn: z.enum(['original', 'match_rms_adamw']).default('original'),
  },
  {
    type: 'Muon',
    doc: 'Momentum made orthogonal by Newton-Schulz steps (Jordan 2024), for matrices; computed in the dtype of the spec',
    slots: () => ({ momentum_buffer: 0 }),
    next: ({ lr, weight_decay: weightDecay, momentum }) => ({ numbers: { lr, keep: 1 - lr * weightDecay, momentum, gain: 1 - momentum } }),
    steady: () => true,
    update: (options, gradient, parameter, slots, numbers) => {
      const buffer = moment(slots['momentum_buffer']!, numbers['momentum']!, times(gradient, numbers['gain']!))
      const direction = options.nesterov ? ew.add(times(gradient, numbers['gain']!), times(buffer, numbers['momentum']!)) : buffer
      const [rows, columns] = parameter.shape as [number, number]
      const adjusted = options.adjust_lr_fn === 'original' ? Math.sqrt(Math.max(1, rows / columns)) : 0.2 * Math.sqrt(Math.max(rows, columns))
      const step = ew.mul(orthogonalized(direction, options.ns_coefficients, options.ns_steps, options.eps), adjusted)
      return { parameter: ew.sub(times(parameter, numbers['keep']!), times(step, numbers['lr']!)), slots: { momentum_buffer: buffer } }
    },
    wholeTensors: true,
    refuses: (shape) => (shape.length === 2 ? undefined : `Muon trains matrices; the shape is ${showShape(shape)}`),
  },
)

/** A matrix with the singular vectors of x, and singular values near 1: the quintic Newton-Schulz iteration of Muon. */
function orthogonalized(x: Value, [a, b, c]: readonly [number, number, number], steps: number, eps: number): Value {
  const tall = x.shape[0]! > x.shape[1]!
  let y = tall ? transposeLast(x) : x
  const norm = ew.maximum(ew.sqrt(sum(ew.mul(y, y), [0, 1])), eps)
  y = ew.div(y, expand(norm, y.shape))
  for (let i = 0; i < steps; i++) {
    const gram = matmul(y, transposeLast(y))
    const polynomial = ew.add(ew.mul(gram, b), ew.mul(matmul(gram, gram), c))
    y = ew.add(ew.mul(y, a), matmul(polynomial, y))
  }
  return tall ? transposeLast(y) : y
}
