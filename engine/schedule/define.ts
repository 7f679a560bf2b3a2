/** How a learning rate scheduler is defined: what it sets before the first step, and what after each. */
import type { z } from 'zod'
import { SpecError } from '../errors.ts'
import type { GroupOptions } from '../optim/index.ts'

export type Json = number | string | boolean | null | readonly Json[] | { readonly [name: string]: Json }
export type ScheduleState = { readonly [name: string]: Json }

/** The parameter groups as a schedule has set them, and what it keeps. */
export interface Setting {
  readonly groups: readonly GroupOptions[]
  readonly state: ScheduleState
}

/** A record with its options' type; `scheduler` erases it. */
export interface SchedulerRecord<O> {
  readonly type: string
  readonly doc: string
  /** torch's constructor. `steps` is how often the run will step it. */
  readonly begin: (options: O, groups: readonly GroupOptions[], steps: number) => Setting
  /** torch's step(). `metric` is the loss that ReduceLROnPlateau watches. */
  readonly step: (options: O, setting: Setting, metric: number) => Setting
  /** torch's step(0), with which SequentialLR begins a part. */
  readonly restart: (options: O, setting: Setting) => Setting
  /** Whether it watches the loss. */
  readonly watches?: boolean
}

export interface Scheduler extends SchedulerRecord<Options> {
  readonly options: z.ZodRawShape
}

export type Options = Readonly<Record<string, unknown>>

export function scheduler<S extends z.ZodRawShape>(options: S, record: SchedulerRecord<z.infer<z.ZodObject<S>>>): Scheduler {
  // Options are validated against the shape before they come here.
  return { ...(record as unknown as SchedulerRecord<Options>), options }
}

export interface Formula<O> {
  readonly type: string
  readonly doc: string
  /** The rate of step `t` (torch's last_epoch), from the one before and the group's first. */
  readonly rate: (options: O, t: number, lr: number, base: number, group: number) => number
  /** The same from the group's first rate alone, where torch has it. */
  readonly closed?: (options: O, t: number, base: number) => number
  readonly check?: (options: O, groups: number) => void
}

/** A scheduler that sets each group's rate by a formula. */
export function formula<S extends z.ZodRawShape>(options: S, record: Formula<z.infer<z.ZodObject<S>>>): Scheduler {
  const { type, doc, rate, closed, check } = record
  const set = ({ groups, state }: Setting, t: number, rateOf: (lr: number, base: number, i: number) => number): Setting => ({
    groups: groups.map((group, i) => ({ ...group, lr: rateOf(rateOfGroup(group), (state['base_lrs'] as number[])[i]!, i) })),
    state: { ...state, last_epoch: t },
  })
  return scheduler(options, {
    type,
    doc,
    begin: (given, groups) => {
      check?.(given, groups.length)
      const begun = withInitialRates(groups)
      return set({ groups: begun, state: { base_lrs: begun.map((group) => group['initial_lr'] as number) } }, 0, (lr, base, i) => rate(given, 0, lr, base, i))
    },
    step: (given, setting) => {
      const t = stepsOf(setting.state) + 1
      return set(setting, t, (lr, base, i) => rate(given, t, lr, base, i))
    },
    restart: (given, setting) => set(setting, 0, (lr, base, i) => (closed ? closed(given, 0, base) : rate(given, 0, lr, base, i))),
  })
}

export function withInitialRates(groups: readonly GroupOptions[]): GroupOptions[] {
  return groups.map((group) => ({ ...group, initial_lr: group['initial_lr'] ?? group['lr'] }))
}

export function rateOfGroup(group: GroupOptions): number {
  return group['lr'] as number
}

export function stepsOf(state: ScheduleState): number {
  return state['last_epoch'] as number
}

/** An option that is one number for all groups, or a list with one for each. */
export function perGroup(value: number | readonly number[], groups: number, name: string): readonly number[] {
  if (typeof value === 'number') return Array.from({ length: groups }, () => value)
  if (value.length !== groups) badOption(name, `${name} takes a number, or one for each of the ${groups} parameter groups; got ${value.length}`)
  return value
}

export function badOption(name: string, message: string): never {
  throw new SpecError('bad_option', message, { pointer: `/scheduler/${name}` })
}
