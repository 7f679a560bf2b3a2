/**
 * What a run keeps in numbers outside of its tensors: the options of the parameter groups as the schedule has set them,
 * what the optimizer counts, what the scheduler counts. It is never changed: each step makes the next.
 */
import { SpecError, suggestion } from './errors.ts'
import type { GroupOptions, Kept, Optimizer, Round } from './optim/index.ts'
import type { Group } from './optim/groups.ts'
import type { ScheduleState, Scheduler } from './schedule/index.ts'
import { schedulerTypes } from './schedule/index.ts'
import type { ScheduleSpec } from './spec.ts'

export interface Progress {
  readonly groups: readonly GroupOptions[]
  readonly kept: readonly Kept[]
  readonly schedule: ScheduleState | undefined
}

export class Course {
  readonly optimizer: Optimizer
  readonly start: Progress
  readonly #spec: ScheduleSpec | undefined
  readonly #scheduler: Scheduler | undefined
  readonly #round: Round

  /** `schedulerSteps`: how often the run steps its scheduler. */
  constructor(optimizer: Optimizer, groups: readonly Group[], spec: ScheduleSpec | undefined, dtype: 'float32' | 'float64', schedulerSteps: number) {
    this.optimizer = optimizer
    this.#spec = spec
    this.#round = dtype === 'float32' ? Math.fround : (x) => x
    this.#scheduler = spec && schedulerTypes.get(spec.type)
    if (spec && !this.#scheduler) {
      throw new SpecError('unknown_scheduler', `there is no scheduler "${spec.type}"${suggestion(spec.type, schedulerTypes.keys())}`, { pointer: '/scheduler/type' })
    }
    const options = groups.map((group) => group.options)
    const setting = spec && this.#scheduler?.begin(spec, options, schedulerSteps)
    this.start = {
      groups: setting?.groups ?? options,
      // torch's optimizers set up what they keep in their first step, after the scheduler has set the rate.
      kept: (setting?.groups ?? options).map((group) => optimizer.start(group, this.#round)),
      schedule: setting?.state,
    }
  }

  /** Whether the next setting needs the loss of the step before. */
  get watches(): boolean {
    return this.#scheduler?.watches === true
  }

  /** The numbers that each group's update reads in the next step, and what is kept after it. */
  numbers(progress: Progress): { readonly numbers: readonly Kept[]; readonly kept: readonly Kept[] } {
    const next = progress.groups.map((options, i) => this.optimizer.next(options, progress.kept[i]!, this.#round))
    return { numbers: next.map(({ numbers }) => numbers), kept: next.map(({ kept }) => kept) }
  }

  /** Whether the scheduler steps after a step of the optimizer; `endsEpoch` says that it was the last of an epoch. */
  schedules(endsEpoch: boolean): boolean {
    return this.#spec !== undefined && (this.#spec.every === 'step' || endsEpoch)
  }

  /** After a step of the optimizer, and one of the scheduler if its turn has come. */
  after(progress: Progress, kept: readonly Kept[], schedules: boolean, metric: number): Progress {
    if (!schedules || !this.#scheduler || !progress.schedule) return { ...progress, kept }
    const { groups, state } = this.#scheduler.step(this.#spec!, { groups: progress.groups, state: progress.schedule }, metric)
    return { groups, kept, schedule: state }
  }
}
