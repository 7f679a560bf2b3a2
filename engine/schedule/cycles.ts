/** Schedulers that go up and down: cycles, restarts. OneCycleLR and CyclicLR move the momentum against the rate. */
import { z } from 'zod'
import { SpecError } from '../errors.ts'
import type { GroupOptions } from '../optim/index.ts'
import type { Setting } from './define.ts'
import { badOption, perGroup, scheduler, stepsOf, withInitialRates } from './define.ts'

const perGroupNumber = z.union([z.number(), z.array(z.number())])

/** The group's momentum, or the first beta of optimizers with betas. */
function withMomentum(group: GroupOptions, momentum: number): GroupOptions {
  if (group['betas'] === undefined) return { ...group, momentum }
  return { ...group, betas: [momentum, ...(group['betas'] as number[]).slice(1)] }
}

function requireMomentum(type: string, groups: readonly GroupOptions[], betas: boolean): void {
  if (groups.some((group) => group['momentum'] === undefined && !(betas && group['betas'] !== undefined))) {
    throw new SpecError('bad_option', `${type} cycles the momentum, and the optimizer has none; set cycle_momentum to false`, { pointer: '/scheduler/cycle_momentum' })
  }
}

type Phase = readonly [from: string, to: string, fromMomentum: string, toMomentum: string, end: number]

export const oneCycleLR = scheduler(
  {
    max_lr: perGroupNumber,
    total_steps: z.int().min(1).optional(),
    epochs: z.int().min(1).optional(),
    steps_per_epoch: z.int().min(1).optional(),
    pct_start: z.number().min(0).max(1).default(0.3),
    anneal_strategy: z.enum(['cos', 'linear']).default('cos'),
    cycle_momentum: z.boolean().default(true),
    base_momentum: perGroupNumber.default(0.85),
    max_momentum: perGroupNumber.default(0.95),
    div_factor: z.number().positive().default(25),
    final_div_factor: z.number().positive().default(1e4),
    three_phase: z.boolean().default(false),
  },
  {
    type: 'OneCycleLR',
    doc: 'Up to max_lr and down to almost nothing in total_steps (Smith & Topin 2018)',
    begin: (options, groups, steps) => {
      const total = totalSteps(options)
      if (steps > total) badOption('total_steps', `OneCycleLR is given for ${total} steps, and the run steps it ${steps} times`)
      if (options.cycle_momentum) requireMomentum('OneCycleLR', groups, true)
      const rates = perGroup(options.max_lr, groups.length, 'max_lr')
      const highest = perGroup(options.max_momentum, groups.length, 'max_momentum')
      const lowest = perGroup(options.base_momentum, groups.length, 'base_momentum')
      const begun = groups.map((group, i) => {
        const first = rates[i]! / options.div_factor
        const set = { ...group, initial_lr: first, max_lr: rates[i]!, min_lr: first / options.final_div_factor }
        return options.cycle_momentum ? { ...set, max_momentum: highest[i]!, base_momentum: lowest[i]! } : set
      })
      return oneCycleAt(options, begun, 0)
    },
    step: (options, { groups, state }) => oneCycleAt(options, groups, stepsOf(state) + 1),
    restart: (options, { groups }) => oneCycleAt(options, groups, 0),
  },
)

interface OneCycle {
  readonly total_steps?: number | undefined
  readonly epochs?: number | undefined
  readonly steps_per_epoch?: number | undefined
  readonly pct_start: number
  readonly anneal_strategy: 'cos' | 'linear'
  readonly cycle_momentum: boolean
  readonly three_phase: boolean
}

function totalSteps({ total_steps: total, epochs, steps_per_epoch: perEpoch }: OneCycle): number {
  if (total !== undefined) return total
  if (epochs === undefined || perEpoch === undefined) return badOption('total_steps', 'OneCycleLR takes total_steps, or epochs and steps_per_epoch')
  return epochs * perEpoch
}

function oneCycleAt(options: OneCycle, groups: readonly GroupOptions[], t: number): Setting {
  const total = totalSteps(options)
  const up: Phase = ['initial_lr', 'max_lr', 'max_momentum', 'base_momentum', options.pct_start * total - 1]
  const phases: readonly Phase[] = options.three_phase
    ? [up, ['max_lr', 'initial_lr', 'base_momentum', 'max_momentum', 2 * options.pct_start * total - 2], ['initial_lr', 'min_lr', 'max_momentum', 'max_momentum', total - 1]]
    : [up, ['max_lr', 'min_lr', 'base_momentum', 'max_momentum', total - 1]]
  const at = Math.min(phases.findIndex((phase) => t <= phase[4]) >>> 0, phases.length - 1)
  const [from, to, fromMomentum, toMomentum, end] = phases[at]!
  const start = at === 0 ? 0 : phases[at - 1]![4]
  const part = (t - start) / (end - start)
  const anneal = (a: number, b: number): number => (options.anneal_strategy === 'cos' ? b + ((a - b) / 2) * (Math.cos(Math.PI * part) + 1) : (b - a) * part + a)
  return {
    groups: groups.map((group) => {
      const set = { ...group, lr: anneal(group[from] as number, group[to] as number) }
      return options.cycle_momentum ? withMomentum(set, anneal(group[fromMomentum] as number, group[toMomentum] as number)) : set
    }),
    state: { last_epoch: t },
  }
}

export const cyclicLR = scheduler(
  {
    base_lr: perGroupNumber,
    max_lr: perGroupNumber,
    step_size_up: z.int().min(1).default(2000),
    step_size_down: z.int().min(1).optional(),
    mode: z.enum(['triangular', 'triangular2', 'exp_range']).default('triangular'),
    gamma: z.number().default(1),
    cycle_momentum: z.boolean().default(true),
    base_momentum: perGroupNumber.default(0.8),
    max_momentum: perGroupNumber.default(0.9),
  },
  {
    type: 'CyclicLR',
    doc: 'Between base_lr and max_lr in triangles (Smith 2017)',
    begin: (options, groups) => {
      if (options.cycle_momentum) requireMomentum('CyclicLR', groups, false)
      const bases = perGroup(options.base_lr, groups.length, 'base_lr')
      // torch sets the rate before it keeps the first one; after another scheduler, that one's stands until the first step.
      const { groups: begun, state } = cyclicAt(options, withInitialRates(groups.map((group, i) => ({ ...group, lr: bases[i]! }))), 0)
      return { groups: begun.map((group) => ({ ...group, lr: group['initial_lr'] })), state }
    },
    step: (options, { groups, state }) => cyclicAt(options, groups, stepsOf(state) + 1),
    restart: (options, { groups }) => cyclicAt(options, groups, 0),
  },
)

interface Cyclic {
  readonly base_lr: number | number[]
  readonly max_lr: number | number[]
  readonly step_size_up: number
  readonly step_size_down?: number | undefined
  readonly mode: 'triangular' | 'triangular2' | 'exp_range'
  readonly gamma: number
  readonly cycle_momentum: boolean
  readonly base_momentum: number | number[]
  readonly max_momentum: number | number[]
}

function cyclicAt(options: Cyclic, groups: readonly GroupOptions[], t: number): Setting {
  const up = options.step_size_up
  const size = up + (options.step_size_down ?? up)
  const ratio = up / size
  const cycle = Math.floor(1 + t / size)
  const x = 1 + t / size - cycle
  const height = x <= ratio ? x / ratio : (x - 1) / (ratio - 1)
  const scale = options.mode === 'triangular' ? 1 : options.mode === 'triangular2' ? 1 / 2 ** (cycle - 1) : options.gamma ** t
  const [lows, highs] = [perGroup(options.base_lr, groups.length, 'base_lr'), perGroup(options.max_lr, groups.length, 'max_lr')]
  const lightest = perGroup(options.base_momentum, groups.length, 'base_momentum')
  const heaviest = perGroup(options.max_momentum, groups.length, 'max_momentum')
  return {
    groups: groups.map((group, i) => {
      const set = { ...group, lr: lows[i]! + (highs[i]! - lows[i]!) * height * scale }
      return options.cycle_momentum ? withMomentum(set, heaviest[i]! - (heaviest[i]! - lightest[i]!) * height * scale) : set
    }),
    state: { last_epoch: t },
  }
}

export const cosineAnnealingWarmRestarts = scheduler(
  { T_0: z.int().min(1), T_mult: z.int().min(1).default(1), eta_min: z.number().nonnegative().default(0) },
  {
    type: 'CosineAnnealingWarmRestarts',
    doc: 'Cosine annealing that begins anew after T_0 steps, then after T_mult times as many (Loshchilov & Hutter 2017)',
    begin: (options, groups) => {
      const begun = withInitialRates(groups)
      const bases = begun.map((group) => group['initial_lr'] as number)
      return warmAt(options, { groups: begun, state: { base_lrs: bases, T_cur: 0, T_i: options.T_0, last_epoch: 0 } })
    },
    step: (options, { groups, state }) => {
      const last = stepsOf(state)
      // What SequentialLR has set back begins at 0.
      if (last < 0) return warmAt(options, { groups, state: { ...state, T_cur: 0, T_i: options.T_0, last_epoch: 0 } })
      const next = (state['T_cur'] as number) + 1
      const length = state['T_i'] as number
      const over = next >= length
      return warmAt(options, { groups, state: { ...state, T_cur: over ? next - length : next, T_i: over ? length * options.T_mult : length, last_epoch: last + 1 } })
    },
    restart: (options, { groups, state }) => warmAt(options, { groups, state: { ...state, T_cur: 0, T_i: options.T_0, last_epoch: 0 } }),
  },
)

function warmAt({ eta_min: min }: { readonly eta_min: number }, { groups, state }: Setting): Setting {
  const [at, length] = [state['T_cur'] as number, state['T_i'] as number]
  const bases = state['base_lrs'] as number[]
  return { groups: groups.map((group, i) => ({ ...group, lr: min + ((bases[i]! - min) * (1 + Math.cos((Math.PI * at) / length))) / 2 })), state }
}
