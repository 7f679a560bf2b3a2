/** Optimizers by their torch.optim class names. */
import { adadelta, adagrad, adamPlain, adamW, adamax, nadam, radam, rmsprop } from './adaptive.ts'
import type { Optimizer } from './define.ts'
import { lbfgs } from './lbfgs.ts'
import { asgd, lion, muon, rprop, sgd } from './descent.ts'

export type { Baked, GroupOptions, Kept, Optimizer, Round, SearchMemory, Vector } from './define.ts'

const records: readonly Optimizer[] = [sgd, adamPlain, adamW, nadam, radam, adamax, adagrad, adadelta, rmsprop, rprop, asgd, lion, muon, lbfgs]

export const optimizerTypes: ReadonlyMap<string, Optimizer> = new Map(records.map((record) => [record.type, record]))
