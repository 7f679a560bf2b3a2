/** Validation while training, metrics, early stopping. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { expectProblem, useService } from '../service.ts'

const service = useService()

/** A model that gives its data back, scaled by a parameter that is 1: what is measured is known. */
const given = (yHat: unknown, y: unknown, metrics: string[], extra: object = {}): object => ({
  model: { parameters: { w: { value: 1 } }, forward: 'y_hat = w * x' },
  loss: 'F.mse_loss(y_hat.sum(), y.sum().to(y_hat.dtype))',
  data: { x: yHat, y },
  optimizer: { type: 'SGD', lr: 0 },
  dtype: 'float64',
  validation: { data: { x: yHat, y }, metrics },
  ...extra,
})

const measured = async (spec: object): Promise<Record<string, number>> => {
  const { status, body } = await service.post('/v1/train', spec)
  expect(status, JSON.stringify(body)).toBe(200)
  return body.steps[0].validation
}

const crossEntropy = { loss: { type: 'CrossEntropyLoss' } }

describe('metrics', () => {
  it('accuracy and f1 of classes, by their numbers', async () => {
    const scores = [[2, 1, 0], [0, 1, 3], [0, 3, 1], [5, 1, 1], [0, 0, 1]]
    // Predicted 0 2 1 0 2, actual 0 2 2 1 2: f1 is 2/3 for class 0, 0 for class 1, 4/5 for class 2.
    const result = await measured(given(scores, [0, 2, 2, 1, 2], ['accuracy', 'f1'], crossEntropy))
    expect(result['accuracy']).toBeCloseTo(3 / 5, 12)
    expect(result['f1']).toBeCloseTo((2 / 3 + 0 + 4 / 5) / 3, 12)
  })
  it('accuracy of classes by their probabilities', async () => expect((await measured(given([[2, 1], [0, 1]], [[0.9, 0.1], [0.8, 0.2]], ['accuracy'], crossEntropy)))['accuracy']).toBe(0.5))
  it('accuracy of classes in an image', async () => expect((await measured(given([[[1, 0], [0, 1]]], [[0, 0]], ['accuracy'], crossEntropy)))['accuracy']).toBe(0.5))
  it('accuracy, f1 and auc of probabilities', async () => {
    const result = await measured(given([[0.9], [0.6], [0.3], [0.2], [0.6]], [[1], [0], [1], [0], [1]], ['accuracy', 'f1', 'auc'], { loss: { type: 'BCELoss' } }))
    expect(result['accuracy']).toBeCloseTo(3 / 5, 12)
    // Two hits among three that are predicted and three that are there.
    expect(result['f1']).toBeCloseTo(4 / 6, 12)
    // Of six pairs: 0.9 above 0.6 and 0.2, 0.3 above 0.2, 0.6 above 0.2 and level with 0.6.
    expect(result['auc']).toBeCloseTo(4.5 / 6, 12)
  })
  it('accuracy of logits is decided at 0', async () => expect((await measured(given([0.2, -0.1, 0.3], [1, 0, 0], ['accuracy'], { loss: { type: 'BCEWithLogitsLoss' } })))['accuracy']).toBeCloseTo(2 / 3, 12))
  it('auc of two columns', async () => expect((await measured(given([[0, 1], [2, 0], [0, 3]], [0, 0, 1], ['auc'], crossEntropy)))['auc']).toBe(1))
  it('mae and r2, by columns', async () => {
    const result = await measured(given([[1, 4], [2, 4], [3, 7]], [[1, 5], [2, 4], [6, 6]], ['mae', 'r2'], { loss: { type: 'MSELoss' } }))
    expect(result['mae']).toBeCloseTo(5 / 6, 12)
    expect(result['r2']).toBeCloseTo((1 - 9 / 14 + (1 - 2 / 2)) / 2, 12)
  })
  it('perplexity', async () => {
    const result = await measured(given([[0, 0, 0], [0, 0, 0]], [1, 2], ['perplexity'], crossEntropy))
    expect(result['perplexity']).toBeCloseTo(3, 12)
  })
  it('an auc with one class only is not a number', async () => {
    const { body } = await service.post('/v1/train', given([0.5, 0.2], [1, 1], ['auc']))
    expect(body.steps[0]).toMatchObject({ validation: { auc: null }, non_finite: [{ pointer: '/validation/auc', count: 1, first: 'NaN' }] })
  })

  const golden = JSON.parse(readFileSync(new URL('../golden/metrics.json', import.meta.url), 'utf8')) as { name: string; loss: string; y_hat: unknown; y: unknown; expect: Record<string, number> }[]
  it.each(golden)('as scikit-learn measures them: $name', async ({ loss, y_hat, y, expect: want }) => {
    const result = await measured(given(y_hat, y, Object.keys(want), { loss: { type: loss } }))
    for (const [metric, value] of Object.entries(want)) expect(result[metric], metric).toBeCloseTo(value, 12)
  })

  const refused = (name: string, spec: object, message: RegExp): void => {
    it(name, () => expectProblem(service, '/v1/train', spec, { status: 422, code: 'bad_metric', error: { pointer: '/validation/metrics/0', code: 'bad_metric', message } }))
  }
  refused('accuracy of what does not fit is refused', given([[1, 2], [3, 4]], [1, 2, 3], ['accuracy']), /accuracy: classes of y_hat \[2, 2\] and y \[3\] do not go together/)
  refused('r2 of other shapes is refused', given([[1], [2]], [1, 2], ['r2']), /r2: y_hat and y of one shape expected, got \[2, 1\] and \[2\]/)
  refused('auc of three classes is refused', given([[1, 2, 3], [3, 4, 5]], [1, 2], ['auc']), /auc: it takes two classes/)
  refused('auc of other targets is refused', given([1, 2], [1, 2], ['auc']), /auc: targets of 0 and 1 expected/)
  refused('a metric of a program without y_hat is refused', { ...given([1], [1], ['mae']), model: { parameters: { w: { value: 1 } }, forward: 'h = w * x' }, loss: '(h - y).sum() ** 2' }, /mae compares y_hat and y; there is no tensor "y_hat"/)
  it('an unknown metric', () => expectProblem(service, '/v1/train', given([1], [1], ['acuracy']), { status: 400, code: 'invalid_request', error: { pointer: '/validation/metrics/0', code: 'invalid_value', message: /"accuracy"/ } }))
})

const rows = Array.from({ length: 12 }, (_, i) => [Math.sin(i), Math.cos(2 * i)])
const run = (extra: object = {}): object => ({
  model: { layers: [{ type: 'Linear', in_features: 2, out_features: 4 }, { type: 'Tanh' }, { type: 'Linear', in_features: 4, out_features: 1 }] },
  loss: { type: 'MSELoss' },
  data: { x: rows.slice(0, 8), y: rows.slice(0, 8).map(([a, b]) => [a! * b!]) },
  validation: { data: { x: rows.slice(8), y: rows.slice(8).map(([a, b]) => [a! * b!]) } },
  optimizer: { type: 'SGD', lr: 0.3 },
  steps: 6,
  ...extra,
})

interface Step {
  readonly step: number
  readonly lr: number
  readonly validation?: { readonly loss: number }
}
const validated = (steps: readonly Step[]): number[] => steps.filter((step) => step.validation).map(({ step }) => step)
const reportNone = { report: { gradients: 'none' } }

describe('validation', () => {
  it('is the loss of a forward pass with the state after the step', async () => {
    const { body } = await service.post('/v1/train', run())
    const { validation, ...forward } = run() as { validation: { data: object }; model: object; loss: object }
    const pass = await service.post('/v1/forward', { model: forward.model, loss: forward.loss, data: validation.data, state: body.state })
    expect(body.steps.at(-1).validation).toEqual({ loss: pass.body.loss })
  })

  it('comes after each epoch, or every so many steps and after the last', async () => {
    const epochs = await service.post('/v1/train', run({ batch_size: 3, epochs: 2, steps: undefined }))
    expect(validated(epochs.body.steps)).toEqual([3, 6])
    const { validation } = run() as { validation: object }
    const often = await service.post('/v1/train', run({ batch_size: 3, steps: 7, validation: { ...validation, every: 2 } }))
    expect(validated(often.body.steps)).toEqual([2, 4, 6, 7])
  })

  it('is reported although the step would not be', async () => {
    const { body } = await service.post('/v1/train', run({ batch_size: 4, report: { every: 5 } }))
    expect(body.steps.map(({ step }: Step) => step)).toEqual([2, 4, 5, 6])
  })

  it('changes nothing in the run, with draws and shuffles too', async () => {
    const model = { modules: { fc: { type: 'Linear', in_features: 2, out_features: 1 } }, forward: 'y_hat = fc(F.dropout(x, 0.5))' }
    const extra = { model, batch_size: 3, shuffle: true, steps: 9 }
    const { body } = await service.post('/v1/train', run(extra))
    const without = await service.post('/v1/train', run({ ...extra, validation: undefined }))
    expect(body.state).toEqual(without.body.state)
  })

  it('follows conditions on tensors', async () => {
    const model = { parameters: { w: { value: 0.9 } }, forward: 'y_hat = w * x\nwhile y_hat.abs().max() > 1:\n    y_hat = y_hat / 2' }
    const { body } = await service.post('/v1/train', run({ model, data: { x: [0.5], y: [1.5] }, validation: { data: { x: [7.0], y: [0.5] } }, steps: 5 }))
    const pass = await service.post('/v1/forward', { model, loss: { type: 'MSELoss' }, data: { x: [7.0], y: [0.5] }, state: body.state })
    expect(body.steps.at(-1).validation.loss).toBe(pass.body.loss)
  })

  it('data that the run has not', () =>
    expectProblem(service, '/v1/train', run({ validation: { data: { X: [[1, 2]] } } }), { status: 422, code: 'unknown_name', error: { pointer: '/validation/data/X', code: 'unknown_name', message: /no data "X"/ } }))
})

describe('early stopping', () => {
  const rising = { optimizer: { type: 'SGD', lr: 0.3, maximize: true }, steps: 50, ...reportNone }

  it('ends the run when the loss no longer gets better', async () => {
    const { body } = await service.post('/v1/train', run({ ...rising, early_stopping: { patience: 3 } }))
    expect(body.steps.length).toBe(4)
    expect(body).toMatchObject({ status: 'succeeded', early_stopping: { stopped: true, best_step: 1, best_loss: body.steps[0].validation.loss } })
  })

  it('gives the state of the best step back', async () => {
    const { body } = await service.post('/v1/train', run({ ...rising, early_stopping: { patience: 3, restore_best: true } }))
    const best = await service.post('/v1/train', run({ ...rising, steps: 1 }))
    expect(body.steps.length).toBe(4)
    expect(body.state).toEqual(best.body.state)
  })

  it('does not end what gets better', async () => {
    const { body } = await service.post('/v1/train', run({ steps: 20, optimizer: { type: 'SGD', lr: 0.01 }, early_stopping: { patience: 1 }, ...reportNone }))
    expect(body.steps.length).toBe(20)
    expect(body.early_stopping).toEqual({ stopped: false, best_step: 20, best_loss: body.steps[19].validation.loss })
  })

  it('wants more than min_delta', async () => {
    const { body } = await service.post('/v1/train', run({ steps: 20, optimizer: { type: 'SGD', lr: 1e-6 }, early_stopping: { patience: 2, min_delta: 0.1 }, ...reportNone }))
    expect(body.steps.length).toBe(3)
  })

  it('goes on counting after a checkpoint', async () => {
    const spec = { ...rising, early_stopping: { patience: 4 }, report: { checkpoint: true, gradients: 'none' } }
    const first = await service.post('/v1/train', run({ ...spec, steps: 3 }))
    const { state, checkpoint } = first.body
    const { body } = await service.post('/v1/train', run({ ...spec, state, checkpoint }))
    expect(body.steps.map(({ step }: Step) => step)).toEqual([4, 5])
    expect(body.early_stopping).toEqual({ stopped: true, best_step: 1, best_loss: first.body.steps[0].validation.loss })
  })

  it('a checkpoint of the best step is the one that its state belongs to', async () => {
    const spec = { ...rising, scheduler: { type: 'ExponentialLR', gamma: 0.5 }, report: { checkpoint: true, gradients: 'none' } }
    const { body } = await service.post('/v1/train', run({ ...spec, early_stopping: { patience: 3, restore_best: true } }))
    const best = await service.post('/v1/train', run({ ...spec, steps: 1 }))
    const { early_stopping: stopping, ...rest } = body.checkpoint
    expect(rest).toEqual(best.body.checkpoint)
    expect(stopping).toMatchObject({ best_step: 1, bad: 0 })
  })

  it('without a validation it is refused', () =>
    expectProblem(service, '/v1/train', run({ validation: undefined, early_stopping: { patience: 1 } }), { status: 422, code: 'bad_option', error: { pointer: '/early_stopping', code: 'bad_option', message: /needs a validation/ } }))
})

describe('ReduceLROnPlateau', () => {
  it('watches the loss of the validation', async () => {
    const { body } = await service.post('/v1/train', run({ optimizer: { type: 'SGD', lr: 0.1, maximize: true }, scheduler: { type: 'ReduceLROnPlateau', patience: 0, factor: 0.5 }, ...reportNone }))
    // The loss is best after the first step; from the second on each is worse.
    expect(body.steps.map(({ lr }: Step) => lr)).toEqual([0.1, 0.1, 0.05, 0.025, 0.0125, 0.00625])
  })
})
