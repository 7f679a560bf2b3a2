/**
 * What a run keeps in numbers outside of its tensors: the options of the parameter groups as the schedule has set them,
 * what the optimizer counts, what the scheduler counts. It is never changed: each step makes the next.
 */
import { SpecError, suggestion } from './errors.ts'
import type { DType, Shape } from './ir/value.ts'
import { numel } from './ir/value.ts'
import type { ParameterKind } from './model.ts'
import type { GroupOptions, Kept, Optimizer, Round, SearchMemory } from './optim/index.ts'
import { optimizerTypes } from './optim/index.ts'
import type { Group } from './optim/groups.ts'
import { groupsOf } from './optim/groups.ts'
import type { ScheduleState, Scheduler } from './schedule/index.ts'
import { schedulerTypes } from './schedule/index.ts'
import type { Elements } from './runtime.ts'
import type { SearchStep } from './search.ts'
import { searchSlots, searchTensors, searchVectors } from './search.ts'
import type { ScheduleSpec, TrainSpec } from './spec.ts'
import type { TensorResult } from './tensor.ts'
import { toElements } from './tensor.ts'

/** The tensors that an optimizer keeps, by parameter and by torch's names: `exp_avg` of `0.weight`. */
export type OptimizerSlots = ReadonlyMap<string, ReadonlyMap<string, Pick<TensorResult, 'shape' | 'dtype'>>>
export type OptimizerTensors = ReadonlyMap<string, ReadonlyMap<string, TensorResult>>

interface SlotSpec {
  readonly shape: Shape
  readonly dtype: DType
  /** What its elements start as. */
  readonly start: number
}

export interface Progress {
  readonly groups: readonly GroupOptions[]
  readonly kept: readonly Kept[]
  readonly schedule: ScheduleState | undefined
  /** What an optimizer that searches keeps of the points that it has seen. */
  readonly vectors?: SearchMemory['vectors']
}

export class Course {
  readonly optimizer: Optimizer
  readonly groups: readonly Group[]
  readonly start: Progress
  readonly #slots: ReadonlyMap<string, ReadonlyMap<string, SlotSpec>>
  readonly #parameters: readonly ParameterKind[]
  #restored: OptimizerTensors = new Map()
  readonly #spec: ScheduleSpec | undefined
  readonly #scheduler: Scheduler | undefined
  readonly #round: Round

  /** `parameters`: those that are trained. `schedulerSteps`: how often the run steps its scheduler. */
  constructor(train: TrainSpec, parameters: readonly ParameterKind[], schedulerSteps: number) {
    const { optimizer: given, scheduler: spec, dtype } = train
    const optimizer = optimizerTypes.get(given.type)
    if (!optimizer) throw new SpecError('unknown_optimizer', `there is no optimizer "${given.type}"${suggestion(given.type, optimizerTypes.keys())}`, { pointer: '/optimizer/type' })
    for (const { name, shape } of parameters) {
      const wrong = optimizer.refuses(shape)
      if (wrong !== undefined) throw new SpecError('shape_mismatch', `${wrong} (parameter "${name}")`, { pointer: '/optimizer/type' })
    }
    if (optimizer.search) refuseForSearch(train)
    const groups = groupsOf(given, parameters.map(({ name }) => name))
    for (const group of groups) {
      const wrong = optimizer.check(group.options)
      if (wrong !== undefined) throw new SpecError('bad_option', wrong, { pointer: '/optimizer' })
    }
    this.optimizer = optimizer
    this.groups = groups
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
    const trained = new Map(parameters.map((parameter) => [parameter.name, parameter]))
    const slotsOf = (group: Group, i: number): (readonly [string, ReadonlyMap<string, SlotSpec>])[] =>
      group.parameters.map((name) => {
        const parameter = trained.get(name)!
        return [name, new Map(Object.entries(optimizer.slots(this.start.groups[i]!)).map(([slot, start]) => [slot, { shape: parameter.shape, dtype: parameter.dtype, start }]))] as const
      })
    this.#parameters = parameters
    this.#slots = new Map(groups.flatMap(slotsOf))
  }

  /** The tensors that the optimizer keeps, by the numbers that it keeps beside them; undefined where those cannot be. */
  slots({ groups: [options], kept: [kept] }: Pick<Progress, 'groups' | 'kept'>): OptimizerSlots | undefined {
    const { search } = this.optimizer
    if (!search) return this.#slots
    const counts = options && kept && search.counts(options, kept)
    return counts && searchSlots(counts, this.#parameters)
  }

  /** Goes on with what a run has kept. */
  restore({ progress, tensors }: { readonly progress: Progress; readonly tensors: OptimizerTensors }): Progress {
    this.#restored = tensors
    const counts = this.optimizer.search?.counts(progress.groups[0]!, progress.kept[0]!)
    return counts ? { ...progress, vectors: searchVectors(tensors, this.#parameters, counts) } : progress
  }

  /** What the buffer `exp_avg 0.weight` starts as: what a run has kept, or one number for all elements. Sums of minibatches start as zeros. */
  initial(buffer: string): Elements | number {
    const at = buffer.indexOf(' ')
    const [slot, parameter] = [buffer.slice(0, at), buffer.slice(at + 1)]
    return this.#restored.get(parameter)?.get(slot)?.elements ?? this.#slots.get(parameter)?.get(slot)?.start ?? 0
  }

  /** A step of an optimizer that searches. */
  search({ groups, kept, vectors }: Progress): { readonly memory: SearchMemory; readonly step: SearchStep } {
    return {
      memory: { kept: kept[0]!, vectors: vectors ?? {} },
      step: (memory, start, evaluate) => this.optimizer.search!.step(groups[0]!, memory, start, evaluate, this.#round),
    }
  }

  /** The optimizer's tensors as they are; `read` gives the buffers of a run that has begun. */
  tensors({ vectors }: Progress, read: (buffer: string) => Elements | undefined): OptimizerTensors {
    if (this.optimizer.search) return searchTensors(vectors ?? {}, this.#parameters)
    return new Map(
      [...this.#slots].map(([parameter, slots]) => {
        const own = [...slots].map(([slot, { shape, dtype }]) => {
          const name = `${slot} ${parameter}`
          const now = read(name) ?? this.initial(name)
          const elements = typeof now === 'number' ? toElements({ shape, dtype: undefined, numbers: new Float64Array(numel(shape)).fill(now) }, dtype) : now
          return [slot, { shape, dtype, elements }] as const
        })
        return [parameter, new Map(own)] as const
      }),
    )
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

  /** Whether all steps from here on have the numbers of the next. */
  isSteady({ groups, kept }: Progress): boolean {
    return this.#spec === undefined && groups.every((options, i) => this.optimizer.steady(options, kept[i]!))
  }

  /** Whether steps only count on in what is kept: their numbers follow from the count. */
  get counts(): boolean {
    return this.#spec === undefined && this.optimizer.counts
  }

  /** The numbers of the step after `steps` more ones, where steps only count. */
  numbersAfter({ groups, kept }: Progress, steps: number): readonly Kept[] {
    return groups.map((options, i) => this.optimizer.numbers(options, kept[i]!['step']! + steps + 1, this.#round))
  }

  /** `steps` steps further, where they only count. */
  counted(progress: Progress, steps: number): Progress {
    return { ...progress, kept: progress.kept.map((kept) => ({ ...kept, step: kept['step']! + steps })) }
  }

  /** Whether the scheduler steps after a step of the optimizer; `endsEpoch` says that it was the last of an epoch. */
  schedules(endsEpoch: boolean): boolean {
    return this.#spec !== undefined && (this.#spec.every === 'step' || endsEpoch)
  }

  /** After a step of the optimizer, and one of the scheduler if its turn has come. */
  after(progress: Progress, kept: readonly Kept[], schedules: boolean, metric: number): Progress {
    if (!schedules || !this.#scheduler || !progress.schedule) return { ...progress, kept }
    const { groups, state } = this.#scheduler.step(this.#spec!, { groups: progress.groups, state: progress.schedule }, metric)
    return { ...progress, groups, kept, schedule: state }
  }
}

/** What has no meaning where a step evaluates the loss at several points. */
function refuseForSearch({ optimizer: { type }, accumulate, clip_grad_norm: norm, clip_grad_value: value }: TrainSpec): void {
  const refused = Object.entries({ accumulate: accumulate === 1 ? undefined : accumulate, clip_grad_norm: norm, clip_grad_value: value }).find(([, given]) => given !== undefined)
  if (refused) throw new SpecError('bad_option', `${type} evaluates the loss at several points in a step and takes no "${refused[0]}"`, { pointer: `/${refused[0]}` })
}
