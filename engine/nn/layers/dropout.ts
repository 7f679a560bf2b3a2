/** Dropout of every kind: in training mode only. */
import { showShape } from '../../errors.ts'
import { dropout } from '../../functions/dropout.ts'
import { reshape } from '../../ops/view.ts'
import { fail } from '../../lang/values.ts'
import type { Layer } from '../define.ts'
import { flag, layer, share } from '../define.ts'

interface Kind {
  readonly channels?: boolean
  readonly alpha?: boolean
  /** How many dimensions an input has; one of them may be a single sample, without the batch. */
  readonly ranks?: readonly number[]
  readonly sample?: number
}

function dropoutLayer(type: string, doc: string, { ranks, sample, ...how }: Kind = {}): Layer {
  return layer({
    type,
    doc: `${doc}; in training mode only`,
    options: { p: share.default(0.5), inplace: flag.default(false) },
    gradFn: how.alpha === true ? 'AddBackward0' : 'MulBackward0',
    forward: (x, { p }, { ctx, training }) => {
      if (ranks?.includes(x.shape.length) === false) fail(ctx, 'shape_mismatch', `${type}: an input of ${ranks.join(' or ')} dimensions expected, got shape ${showShape(x.shape)}`)
      if (!training || p === 0) return x
      if (x.shape.length !== sample) return dropout(ctx, type, x, { p, ...how })
      return reshape(dropout(ctx, type, reshape(x, [1, ...x.shape]), { p, ...how }), x.shape)
    },
  })
}

export const dropoutLayers = [
  dropoutLayer('Dropout', 'Makes elements 0 with probability p, scales the others'),
  dropoutLayer('Dropout1d', 'Makes channels of (N, C, L) or (C, L) 0 with probability p', { channels: true, ranks: [2, 3], sample: 2 }),
  dropoutLayer('Dropout2d', 'Makes channels of (N, C, H, W) 0 with probability p', { channels: true }),
  dropoutLayer('Dropout3d', 'Makes channels of (N, C, D, H, W) or (C, D, H, W) 0 with probability p', { channels: true, sample: 4 }),
  dropoutLayer('AlphaDropout', 'Dropout that keeps mean and variance after SELU', { alpha: true }),
  dropoutLayer('FeatureAlphaDropout', 'AlphaDropout of whole channels', { channels: true, alpha: true }),
]
