/** Layers and losses by their torch.nn class names. */
import type { Layer, Loss } from './define.ts'
import { activationLayers } from './layers/activations.ts'
import { linearLayers } from './layers/linear.ts'
import { losses, programLosses } from './losses.ts'

/** Sequential is not among them: it only groups others. */
export const layerTypes: ReadonlyMap<string, Layer> = new Map([...linearLayers, ...activationLayers].map((record) => [record.type, record]))
export const lossTypes: ReadonlyMap<string, Loss> = new Map(losses.map((record) => [record.type, record]))
/** Those that a program can make. */
export const lossClasses: ReadonlyMap<string, Loss> = new Map([...losses, ...programLosses].map((record) => [record.type, record]))

export { inits } from './init.ts'
export type { Layer, Loss, Options } from './define.ts'
