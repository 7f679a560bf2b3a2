/** Schedulers by their torch.optim.lr_scheduler class names. */
import { chainedScheduler, sequentialLR } from './composite.ts'
import type { Scheduler } from './define.ts'
import { reduceLROnPlateau } from './plateau.ts'
import { simpleSchedulers } from './simple.ts'

export type { Scheduler, ScheduleState, Setting } from './define.ts'
export { simpleSchedulers } from './simple.ts'

/** Those that take a list of the simple ones. */
export const compositeSchedulers: ReadonlyMap<string, Scheduler> = new Map([sequentialLR, chainedScheduler].map((record) => [record.type, record]))

export const schedulerTypes: ReadonlyMap<string, Scheduler> = new Map([...simpleSchedulers, [reduceLROnPlateau.type, reduceLROnPlateau], ...compositeSchedulers])
