/** Layers and losses by their torch.nn class names. */
import type { Layer, Loss } from './define.ts'
import { activationLayers } from './layers/activations.ts'
import { attentionLayers } from './layers/attention.ts'
import { convolutionLayers } from './layers/convolution.ts'
import { distanceLayers } from './layers/distances.ts'
import { dropoutLayers } from './layers/dropout.ts'
import { embeddingLayers } from './layers/embedding.ts'
import { imageLayers } from './layers/images.ts'
import { linearLayers } from './layers/linear.ts'
import { normalizationLayers } from './layers/normalization.ts'
import { poolingLayers } from './layers/pooling.ts'
import { recurrentLayers } from './layers/recurrent.ts'
import { transformerLayers } from './layers/transformer.ts'
import { losses, programLosses } from './losses.ts'

/** Layers that hold others, and what each does. They have the options `layers` alone. */
export const containers: ReadonlyMap<string, string> = new Map([
  ['Sequential', 'Layers applied in order'],
  ['Residual', 'x + layers(x): layers applied in order, what they got added to what they give. Not a class of torch.nn'],
])

/** Containers are not among them. */
export const layerTypes: ReadonlyMap<string, Layer> = new Map([...linearLayers, ...activationLayers, ...dropoutLayers, ...normalizationLayers, ...embeddingLayers, ...recurrentLayers, ...attentionLayers, ...transformerLayers, ...convolutionLayers, ...poolingLayers, ...imageLayers, ...distanceLayers].map((record) => [record.type, record]))
export const lossTypes: ReadonlyMap<string, Loss> = new Map(losses.map((record) => [record.type, record]))
/** Those that a program can make. */
export const lossClasses: ReadonlyMap<string, Loss> = new Map([...losses, ...programLosses].map((record) => [record.type, record]))

export { inits } from './init.ts'
export type { Layer, Loss, Options } from './define.ts'
