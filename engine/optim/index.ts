/** Optimizers by their torch.optim class names. */
import { adadelta, adagrad, adamPlain, adamW, adamax, nadam, radam, rmsprop } from './adaptive.ts'
import type { Optimizer } from './define.ts'
import { asgd, lion, muon, rprop, sgd } from './descent.ts'

export type { GroupOptions, Kept, Optimizer, Round } from './define.ts'

const records: readonly Optimizer[] = [sgd, adamPlain, adamW, nadam, radam, adamax, adagrad, adadelta, rmsprop, rprop, asgd, lion, muon]

export const optimizerTypes: ReadonlyMap<string, Optimizer> = new Map(records.map((record) => [record.type, record]))
