/** Schedulers that can be parts of others. */
import { cosineAnnealingWarmRestarts, cyclicLR, oneCycleLR } from './cycles.ts'
import type { Scheduler } from './define.ts'
import { constantLR, cosineAnnealingLR, exponentialLR, lambdaLR, linearLR, multiStepLR, multiplicativeLR, polynomialLR, stepLR } from './formulas.ts'

const records = [stepLR, multiStepLR, constantLR, linearLR, exponentialLR, polynomialLR, cosineAnnealingLR, cosineAnnealingWarmRestarts, oneCycleLR, cyclicLR, lambdaLR, multiplicativeLR]

export const simpleSchedulers: ReadonlyMap<string, Scheduler> = new Map(records.map((record) => [record.type, record]))
