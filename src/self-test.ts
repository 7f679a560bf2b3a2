/** What a worker does before it takes requests: the notebook's example, and kernels of both shapes compared. */
import type { Engine } from '../engine/index.ts'
import { Training, backward } from '../engine/index.ts'
import type { SelfTest } from './protocol.ts'
import { trainRequest } from './spec.ts'

const example = {
  model: { parameters: { w: { value: 1 } }, forward: 'y_hat = w * x' },
  loss: '(y_hat - y)**2',
  data: { x: 1, y: 2 },
  seed: 0,
  dtype: 'float32',
} as const

/** A product, intrinsics, softmax and reductions, wide enough for full vectors and with a remainder. */
const products = {
  model: {
    parameters: { w: { shape: [37, 29], init: { type: 'uniform', a: -1, b: 1 } } },
    forward: ['h = torch.tanh(w @ w.T)', 'y_hat = F.softmax(h, dim=1) * torch.exp(h) + torch.log(h * h + 1) * torch.sin(h)'],
  },
  loss: '(y_hat * y_hat).mean()',
  data: {},
  seed: 1,
} as const

/** Convolution, pooling, normalization, cross entropy, and an optimizer that keeps tensors. */
const layers = trainRequest.parse({
  model: {
    parameters: { x: { shape: [3, 1, 13, 13], init: { type: 'normal', mean: 0, std: 1 } } },
    modules: { conv: { type: 'Conv2d', in_channels: 1, out_channels: 5, kernel_size: 3, padding: 1 }, fc: { type: 'Linear', in_features: 180, out_features: 10 } },
    forward: ['h = F.max_pool2d(F.relu(conv(x)), 2).flatten(1)', 'y_hat = fc(F.layer_norm(h, [180]))'],
  },
  loss: 'F.cross_entropy(y_hat, y)',
  data: { y: [1, 7, 3] },
  seed: 2,
  optimizer: { type: 'Adam', lr: 0.01 },
  steps: 2,
})

const dtypes = ['float32', 'float64'] as const

/** Throws when the engine does not give the known numbers. Falls back to narrow kernels when wide ones differ. */
export function selfTest(engine: Engine): SelfTest {
  const began = performance.now()
  const { loss, gradients } = backward(example, engine)
  expect('loss', Number(loss.elements[0]), 1)
  expect('gradient', Number(gradients.get('w')!.elements[0]), -2)
  const training = new Training(trainRequest.parse({ ...example, optimizer: { type: 'SGD', lr: 0.01 } }), engine, { gradients: false })
  training.advance(1)
  expect('updated parameter', Number(training.state().get('w')!.elements[0]), Math.fround(1.02))
  training.close()

  const { wide } = engine.compile
  const same = !wide || sampleBits(engine) === sampleBits({ ...engine, compile: { ...engine.compile, wide: false } })
  const ms = performance.now() - began
  if (same) return { wide, ms }
  return { wide: false, ms, note: 'wide kernels gave other numbers than narrow ones; narrow ones are used' }
}

function expect(what: string, got: number, want: number): void {
  if (got !== want) throw new Error(`self-test: the ${what} of the notebook's example is ${got}, not ${want}`)
}

/** All bits of what the samples give. */
function sampleBits(engine: Engine): string {
  const bits: string[] = []
  for (const dtype of dtypes) {
    const { loss, gradients } = backward({ ...products, dtype }, engine)
    const training = new Training({ ...layers, dtype }, engine, { gradients: false })
    training.advance(1)
    training.advance(1)
    for (const { elements } of [loss, gradients.get('w')!, ...training.state().values()]) bits.push(Buffer.from(elements.buffer, elements.byteOffset, elements.byteLength).toString('latin1'))
    training.close()
  }
  return bits.join('')
}
