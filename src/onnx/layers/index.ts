/** How each type of layer is written. */
import type { Exporter } from '../define.ts'
import { activations } from './activations.ts'
import { convolutions, slidingWindows } from './convolutions.ts'
import { embeddings } from './embedding.ts'
import { images } from './images.ts'
import { linear } from './linear.ts'
import { normalizations } from './normalization.ts'
import { pools } from './pooling.ts'
import { recurrent } from './recurrent.ts'
import { transformers } from './transformer.ts'

export const exporters: ReadonlyMap<string, Exporter> = new Map(Object.entries({ ...linear, ...activations, ...normalizations, ...embeddings, ...recurrent, ...transformers, ...convolutions, ...slidingWindows, ...pools, ...images }))
