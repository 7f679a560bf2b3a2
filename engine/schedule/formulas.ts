/** Schedulers that are a formula for the rate; each is torch's get_lr and _get_closed_form_lr. */
import { z } from 'zod'
import { formula, badOption } from './define.ts'
import { expressionOf } from './expression.ts'

const factor = z.number().min(0).max(1)
const count = z.int().min(1)

export const stepLR = formula(
  { step_size: count, gamma: z.number().default(0.1) },
  {
    type: 'StepLR',
    doc: 'The rate times gamma after every step_size steps',
    rate: ({ step_size: size, gamma }, t, lr) => (t === 0 || t % size !== 0 ? lr : lr * gamma),
    closed: ({ step_size: size, gamma }, t, base) => base * gamma ** Math.floor(t / size),
  },
)

export const multiStepLR = formula(
  { milestones: z.array(z.int().min(0)), gamma: z.number().default(0.1) },
  {
    type: 'MultiStepLR',
    doc: 'The rate times gamma at each milestone',
    rate: ({ milestones, gamma }, t, lr) => {
      const times = milestones.filter((at) => at === t).length
      return times === 0 ? lr : lr * gamma ** times
    },
    closed: ({ milestones, gamma }, t, base) => base * gamma ** milestones.filter((at) => at <= t).length,
  },
)

export const constantLR = formula(
  { factor: factor.default(1 / 3), total_iters: z.int().min(0).default(5) },
  {
    type: 'ConstantLR',
    doc: 'The rate times a factor for the first total_iters steps',
    rate: ({ factor: by, total_iters: total }, t, lr) => (t === 0 ? lr * by : t === total ? lr * (1 / by) : lr),
    closed: ({ factor: by, total_iters: total }, t, base) => base * (by + (t >= total ? 1 - by : 0)),
  },
)

export const linearLR = formula(
  { start_factor: z.number().gt(0).max(1).default(1 / 3), end_factor: factor.default(1), total_iters: z.int().min(0).default(5) },
  {
    type: 'LinearLR',
    doc: 'A straight line from start_factor to end_factor times the rate in total_iters steps',
    rate: ({ start_factor: start, end_factor: end, total_iters: total }, t, lr) => {
      if (t === 0) return lr * start
      return t > total ? lr : lr * (1 + (end - start) / (total * start + (t - 1) * (end - start)))
    },
    closed: ({ start_factor: start, end_factor: end, total_iters: total }, t, base) => base * (start + ((end - start) * Math.min(total, t)) / total),
  },
)

export const exponentialLR = formula(
  { gamma: z.number() },
  {
    type: 'ExponentialLR',
    doc: 'The rate times gamma after every step',
    rate: ({ gamma }, t, lr) => (t === 0 ? lr : lr * gamma),
    closed: ({ gamma }, t, base) => base * gamma ** t,
  },
)

export const polynomialLR = formula(
  { total_iters: count.default(5), power: z.number().default(1) },
  {
    type: 'PolynomialLR',
    doc: 'The rate goes to zero in total_iters steps as a power of what is left',
    rate: ({ total_iters: total, power }, t, lr) => (t === 0 || t > total ? lr : lr * ((1 - t / total) / (1 - (t - 1) / total)) ** power),
    closed: ({ total_iters: total, power }, t, base) => base * (1 - Math.min(total, t) / total) ** power,
  },
)

export const cosineAnnealingLR = formula(
  { T_max: count, eta_min: z.number().nonnegative().default(0) },
  {
    type: 'CosineAnnealingLR',
    doc: 'Half a cosine from the rate to eta_min in T_max steps, and back (Loshchilov & Hutter 2017)',
    rate: ({ T_max: max, eta_min: min }, t, lr, base) => {
      if (t === 0) return lr
      if ((t - 1 - max) % (2 * max) === 0) return lr + ((base - min) * (1 - Math.cos(Math.PI / max))) / 2
      return ((1 + Math.cos((Math.PI * t) / max)) / (1 + Math.cos((Math.PI * (t - 1)) / max))) * (lr - min) + min
    },
    closed: ({ T_max: max, eta_min: min }, t, base) => min + ((base - min) * (1 + Math.cos((Math.PI * t) / max))) / 2,
  },
)

/** One expression for all groups, or one for each. */
const expressions = z.union([z.string(), z.array(z.string())])

function checkCount(given: string | readonly string[], groups: number): void {
  if (typeof given !== 'string' && given.length !== groups) badOption('lr_lambda', `lr_lambda takes an expression, or one for each of the ${groups} parameter groups; got ${given.length}`)
}

function valueAt(given: string | readonly string[], group: number, t: number): number {
  const text = typeof given === 'string' ? given : given[group]!
  return expressionOf(text, 'epoch', `/scheduler/lr_lambda${typeof given === 'string' ? '' : `/${group}`}`)(t)
}

export const lambdaLR = formula(
  { lr_lambda: expressions },
  {
    type: 'LambdaLR',
    doc: 'The first rate times an expression of `epoch`, the number of the step (from 0), such as "0.95 ** epoch"',
    rate: ({ lr_lambda: given }, t, _lr, base, group) => base * valueAt(given, group, t),
    check: ({ lr_lambda: given }, groups) => checkCount(given, groups),
  },
)

export const multiplicativeLR = formula(
  { lr_lambda: expressions },
  {
    type: 'MultiplicativeLR',
    doc: 'The rate times an expression of `epoch`, the number of the step, after every step',
    rate: ({ lr_lambda: given }, t, lr, _base, group) => (t === 0 ? lr : lr * valueAt(given, group, t)),
    check: ({ lr_lambda: given }, groups) => checkCount(given, groups),
  },
)
