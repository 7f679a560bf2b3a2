/** The scheduler that watches the loss. */
import { z } from 'zod'
import { perGroup, scheduler } from './define.ts'

export const reduceLROnPlateau = scheduler(
  {
    mode: z.enum(['min', 'max']).default('min'),
    factor: z.number().min(0).lt(1).default(0.1),
    patience: z.int().min(0).default(10),
    threshold: z.number().default(1e-4),
    threshold_mode: z.enum(['rel', 'abs']).default('rel'),
    cooldown: z.int().min(0).default(0),
    min_lr: z.union([z.number(), z.array(z.number())]).default(0),
    eps: z.number().nonnegative().default(1e-8),
  },
  {
    type: 'ReduceLROnPlateau',
    doc: 'The rate times a factor when the loss has not improved for `patience` steps; it watches the validation loss where there is one, else the loss of the step, or the mean of an epoch',
    watches: true,
    begin: (options, groups) => {
      perGroup(options.min_lr, groups.length, 'min_lr')
      return { groups, state: { best: null, num_bad_epochs: 0, cooldown_counter: 0, last_epoch: 0 } }
    },
    step: (options, { groups, state }, metric) => {
      // A best value of null stands for torch's infinity, which JSON has not.
      const best = (state['best'] as number | null) ?? (options.mode === 'min' ? Infinity : -Infinity)
      const better = isBetter(options, metric, best)
      let bad = better ? 0 : (state['num_bad_epochs'] as number) + 1
      let cooldown = state['cooldown_counter'] as number
      if (cooldown > 0) {
        cooldown--
        bad = 0
      }
      const reduce = bad > options.patience
      if (reduce) {
        cooldown = options.cooldown
        bad = 0
      }
      const least = perGroup(options.min_lr, groups.length, 'min_lr')
      const kept = better ? metric : best
      return {
        groups: reduce ? groups.map((group, i) => ({ ...group, lr: reduced(group['lr'] as number, options.factor, least[i]!, options.eps) })) : groups,
        state: { best: Number.isFinite(kept) ? kept : null, num_bad_epochs: bad, cooldown_counter: cooldown, last_epoch: (state['last_epoch'] as number) + 1 },
      }
    },
    restart: (_options, setting) => setting,
  },
)

interface Watch {
  readonly mode: 'min' | 'max'
  readonly threshold: number
  readonly threshold_mode: 'rel' | 'abs'
}

function isBetter({ mode, threshold, threshold_mode: relative }: Watch, value: number, best: number): boolean {
  if (mode === 'min') return relative === 'rel' ? value < best * (1 - threshold) : value < best - threshold
  return relative === 'rel' ? value > best * (threshold + 1) : value > best + threshold
}

function reduced(lr: number, factor: number, least: number, eps: number): number {
  const next = Math.max(lr * factor, least)
  return lr - next > eps ? next : lr
}
