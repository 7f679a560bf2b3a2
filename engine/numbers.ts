/** The numbers of the next minibatches (rates, counts, rows), written before they run, and the progress that follows from them. */
import type { CompiledStep } from './compile.ts'
import { batchRows } from './network.ts'
import type { Course, Progress } from './progress.ts'
import type { Runtime } from './runtime.ts'

type Column = CompiledStep['steps']['columns'][number]

/** How minibatches make steps, and steps epochs. */
export class Pace {
  /** Minibatches whose mean gradient makes a step. */
  readonly accumulate: number
  readonly #perEpoch: number

  constructor(accumulate: number, perEpoch: number) {
    this.accumulate = accumulate
    this.#perEpoch = perEpoch
  }

  /** Whether the optimizer steps after minibatch `at`. */
  isLast(at: number): boolean {
    return this.accumulate === 1 || (at + 1) % this.accumulate === 0
  }

  /** Whether the step that ends with minibatch `at` has an epoch's last minibatch. */
  endsEpoch(at: number): boolean {
    return Math.floor((at + 1) / this.#perEpoch) > Math.floor((at + 1 - this.accumulate) / this.#perEpoch)
  }
}

/** Minibatches whose numbers are written: how many, the options of the groups in each, and the progress after it. */
export interface Written {
  readonly count: number
  readonly options: (row: number) => Progress['groups']
  readonly after: (row: number) => Progress
}

export class StepNumbers {
  readonly #course: Course
  readonly #pace: Pace
  /** Whether a scheduler that watches has to see the loss of each step, before the next can be written. */
  readonly #waits: boolean

  constructor(course: Course, pace: Pace, waits: boolean) {
    this.#course = course
    this.#pace = pace
    this.#waits = waits
  }

  /** Writes for `count` minibatches from number `done` on; fewer where the scheduler has to see a loss first. */
  write(runtime: Runtime, progress: Progress, done: number, count: number, rows: (row: number) => Int32Array): Written {
    const columns = columnsOf(runtime.compiled)
    if (columns.batch) for (let row = 0; row < count; row++) runtime.writeStep(columns.batch, row, rows(row))
    if (this.#pace.accumulate > 1 || !this.#course.counts) return this.#oneByOne(runtime, columns, progress, done, count)
    const written = this.#course.isSteady(progress) ? 1 : count
    for (let row = 0; row < written; row++) {
      const numbers = this.#course.numbersAfter(progress, row)
      for (const { column, group, name } of columns.groups) runtime.writeStepNumber(column, row, numbers[group]![name]!, written === 1 ? count : 1)
    }
    return { count, options: () => progress.groups, after: (row) => this.#course.counted(progress, row + 1) }
  }

  #oneByOne(runtime: Runtime, { groups, keep, last }: Columns, start: Progress, done: number, count: number): Written {
    const ahead: Progress[] = []
    const written = { options: (row: number) => (row === 0 ? start : ahead[row - 1]!).groups, after: (row: number) => ahead[row]! }
    let progress = start
    for (let row = 0; row < count; row++) {
      const at = done + row
      const isLast = this.#pace.isLast(at)
      const { numbers, kept } = this.#course.numbers(progress)
      for (const { column, group, name } of groups) runtime.writeStepNumber(column, row, numbers[group]![name]!)
      if (keep) runtime.writeStepNumber(keep, row, Number(at % this.#pace.accumulate > 0))
      if (last) runtime.writeStepNumber(last, row, Number(isLast))
      const schedules = isLast && this.#course.schedules(this.#pace.endsEpoch(at))
      if (isLast) progress = this.#course.after(progress, kept, schedules && !this.#course.watches, Number.NaN)
      ahead.push(progress)
      if (schedules && this.#waits) return { ...written, count: row + 1 }
    }
    return { ...written, count }
  }
}

interface Columns {
  readonly batch: Column | undefined
  readonly keep: Column | undefined
  readonly last: Column | undefined
  readonly groups: readonly { readonly column: Column; readonly group: number; readonly name: string }[]
}

/** They are the same for all runs of a program. */
const columnsKnown = new WeakMap<CompiledStep, Columns>()

function columnsOf(compiled: CompiledStep): Columns {
  let columns = columnsKnown.get(compiled)
  if (!columns) columnsKnown.set(compiled, (columns = findColumns(compiled)))
  return columns
}

function findColumns({ steps: { columns } }: CompiledStep): Columns {
  const named = (name: string): Column | undefined => columns.find((column) => column.name === name)
  const groups = columns.flatMap((column) => {
    const [, group, name] = /^number (\d+) (.+)$/.exec(column.name) ?? []
    return name === undefined ? [] : [{ column, group: Number(group), name }]
  })
  return { batch: named(batchRows), keep: named('number keep'), last: named('number last'), groups }
}
