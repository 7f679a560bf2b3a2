/** Schedulers made of others. */
import { z } from 'zod'
import { SpecError } from '../errors.ts'
import type { Options, Scheduler, ScheduleState, Setting } from './define.ts'
import { badOption, scheduler, stepsOf } from './define.ts'
import { simpleSchedulers } from './simple.ts'

interface Part extends Options {
  readonly type: string
}

/** Errors of a part point into it. */
function inPart<T>(at: number, run: () => T): T {
  try {
    return run()
  } catch (error) {
    throw error instanceof SpecError ? error.moved('/scheduler', `/scheduler/schedulers/${at}`) : error
  }
}

function recordOf(part: Part): Scheduler {
  return simpleSchedulers.get(part.type)!
}

const parts = { schedulers: z.array(z.custom<Part>()) }

function statesOf(state: ScheduleState): readonly ScheduleState[] {
  return state['schedulers'] as readonly ScheduleState[]
}

/** Begins all parts, one after the other: each sees the rates that the one before has set. `steps` of each. */
function beginAll(given: readonly Part[], groups: Setting['groups'], steps: (part: number) => number): { groups: Setting['groups']; states: ScheduleState[] } {
  const states: ScheduleState[] = []
  let begun = groups
  for (const [i, part] of given.entries()) {
    const seen = begun
    const setting = inPart(i, () => recordOf(part).begin(part, seen, steps(i)))
    begun = setting.groups
    states.push(setting.state)
  }
  return { groups: begun, states }
}

export const sequentialLR = scheduler(
  { ...parts, milestones: z.array(z.int().min(1)) },
  {
    type: 'SequentialLR',
    doc: 'Schedulers one after the other, changed at the milestones',
    begin: ({ schedulers, milestones }, groups, steps) => {
      if (milestones.length !== schedulers.length - 1) badOption('milestones', `SequentialLR takes one milestone fewer than schedulers; got ${milestones.length} for ${schedulers.length} schedulers`)
      if (milestones.some((at, i) => i > 0 && at <= milestones[i - 1]!)) badOption('milestones', 'milestones are to grow')
      // torch sets the parts back after they have begun, and begins the first one again.
      const ends = [...milestones.map((at, i) => (i === 0 ? at - 1 : at)), steps]
      const begun = beginAll(schedulers, groups, (part) => Math.min(steps, ends[part]!) - (part === 0 ? 0 : milestones[part - 1]!))
      const fresh = begun.groups.map((group) => ({ ...group, lr: group['initial_lr'] }))
      const states = begun.states.map((state) => ({ ...state, last_epoch: stepsOf(state) - 1 }))
      return stepPart(schedulers, { groups: fresh, state: { last_epoch: 0, schedulers: states } }, 0, (record, part, setting) => record.step(part, setting, Number.NaN))
    },
    step: ({ schedulers, milestones }, { groups, state }) => {
      const t = stepsOf(state) + 1
      const at = milestones.filter((milestone) => milestone <= t).length
      const next = { groups, state: { ...state, last_epoch: t } }
      const begins = at > 0 && milestones[at - 1] === t
      return stepPart(schedulers, next, at, (record, part, setting) => (begins ? record.restart(part, setting) : record.step(part, setting, Number.NaN)))
    },
    restart: (_options, setting) => setting,
  },
)

function stepPart(given: readonly Part[], { groups, state }: Setting, at: number, move: (record: Scheduler, part: Part, setting: Setting) => Setting): Setting {
  const moved = inPart(at, () => move(recordOf(given[at]!), given[at]!, { groups, state: statesOf(state)[at]! }))
  return { groups: moved.groups, state: { ...state, schedulers: statesOf(state).with(at, moved.state) } }
}

export const chainedScheduler = scheduler(parts, {
  type: 'ChainedScheduler',
  doc: 'Schedulers that all step, each on the rates of the one before',
  begin: ({ schedulers }, groups, steps) => {
    const begun = beginAll(schedulers, groups, () => steps)
    return { groups: begun.groups, state: { schedulers: begun.states } }
  },
  step: ({ schedulers }, setting) => {
    let moved = setting
    for (const at of schedulers.keys()) moved = stepPart(schedulers, moved, at, (record, part, inner) => record.step(part, inner, Number.NaN))
    return moved
  },
  restart: (_options, setting) => setting,
})
