/** Going on with a run: the bytes are those of a run that never stopped. */
import { describe, expect, it } from 'vitest'
import { optimizerTypes, schedulerTypes } from '../../engine/index.ts'
import { expectProblem, useService } from '../service.ts'

const service = useService()

const rows = Array.from({ length: 11 }, (_, i) => [Math.sin(i), Math.cos(3 * i), (i % 4) - 1.5])
const base = {
  model: {
    modules: { fc1: { type: 'Linear', in_features: 3, out_features: 6, bias: false }, fc2: { type: 'Linear', in_features: 6, out_features: 2, bias: false } },
    forward: 'y_hat = fc2(F.dropout(torch.tanh(fc1(x)), 0.3)) + 0.01 * torch.randn(2)',
  },
  loss: { type: 'MSELoss' },
  data: { x: rows, y: rows.map(([a, b]) => [a! * b!, a! - b!]) },
  optimizer: { type: 'SGD', lr: 0.05, momentum: 0.9 } as object,
  batch_size: 4,
  shuffle: true,
  seed: 3,
}
const report = { checkpoint: true, tensors: 'base64' }

interface Checkpoint {
  optimizer: { kept: Record<string, number>[]; state: Record<string, Record<string, unknown>> }
  generator: { words: string; at: number }
}

interface Run {
  readonly steps: object[]
  readonly state: Record<string, unknown>
  readonly checkpoint: Checkpoint
}

async function train(spec: object): Promise<Run> {
  const { status, body } = await service.post('/v1/train', spec)
  expect(status, JSON.stringify(body).slice(0, 500)).toBe(200)
  return body
}

/** One run of the sum of `parts`, against one after the other. */
async function expectSame(spec: object, parts: readonly number[], form: string = 'base64'): Promise<void> {
  const whole = await train({ ...spec, steps: parts.reduce((a, b) => a + b), report: { ...report, tensors: form } })
  const steps: object[] = []
  let before: Partial<Run> = {}
  for (const part of parts) {
    const { state, checkpoint } = before
    const run = await train({ ...spec, steps: part, report: { ...report, tensors: form }, ...(checkpoint && { state, checkpoint }) })
    steps.push(...run.steps)
    before = run
  }
  expect(steps).toEqual(whole.steps)
  expect(before.state).toEqual(whole.state)
  expect(before.checkpoint).toEqual(whole.checkpoint)
}

describe('a run that goes on is the run that never stopped', () => {
  for (const type of optimizerTypes.keys()) {
    it(`${type}, with dropout, shuffled minibatches and a schedule`, () => expectSame({ ...base, optimizer: { type }, scheduler: { type: 'LambdaLR', lr_lambda: '0.9 ** epoch' } }, [4, 1, 7]))
  }
  const schedules: Record<string, object> = {
    StepLR: { step_size: 3 }, MultiStepLR: { milestones: [2, 7] }, ConstantLR: { total_iters: 6 }, LinearLR: { total_iters: 7 }, ExponentialLR: { gamma: 0.9 }, PolynomialLR: { total_iters: 9, power: 2 }, CosineAnnealingLR: { T_max: 5 },
    CosineAnnealingWarmRestarts: { T_0: 2, T_mult: 2 }, OneCycleLR: { max_lr: 0.1, total_steps: 12, three_phase: true }, CyclicLR: { base_lr: 0.01, max_lr: 0.1, step_size_up: 3, mode: 'triangular2' }, ReduceLROnPlateau: { patience: 0, threshold: 0.5 },
    LambdaLR: { lr_lambda: '1 / (1 + epoch)' }, MultiplicativeLR: { lr_lambda: '0.9 if epoch < 6 else 0.8' },
    SequentialLR: { schedulers: [{ type: 'CyclicLR', base_lr: 0.01, max_lr: 0.1, step_size_up: 2 }, { type: 'OneCycleLR', max_lr: 0.1, total_steps: 9 }], milestones: [5] },
    ChainedScheduler: { schedulers: [{ type: 'CosineAnnealingLR', T_max: 6 }, { type: 'StepLR', step_size: 4 }] },
  }
  for (const type of schedulerTypes.keys()) {
    it(`${type}, by steps and by epochs`, async () => {
      for (const every of ['step', 'epoch']) await expectSame({ ...base, scheduler: { type, ...schedules[type], every } }, [4, 1, 7])
    })
  }
  const cases: Record<string, object> = {
    'running statistics, a state of its own in a layer': { model: { layers: [{ type: 'Linear', in_features: 3, out_features: 6 }, { type: 'BatchNorm1d', num_features: 6, momentum: null }, { type: 'AlphaDropout', p: 0.2 }, { type: 'Linear', in_features: 6, out_features: 2 }] } },
    'validation and a plateau': { validation: { data: { x: rows.slice(0, 3), y: [[1, 0], [0, 1], [1, 1]] }, every: 1, metrics: ['mae'] }, scheduler: { type: 'ReduceLROnPlateau', patience: 0, threshold: 0.1 } },
    'in float64': { dtype: 'float64', optimizer: { type: 'Adam', amsgrad: true } },
    'one cycle, which moves the betas': { optimizer: { type: 'AdamW' }, scheduler: { type: 'OneCycleLR', max_lr: 0.1, total_steps: 12 } },
    'warm restarts in a sequence': { scheduler: { type: 'SequentialLR', schedulers: [{ type: 'LinearLR', total_iters: 3 }, { type: 'CosineAnnealingWarmRestarts', T_0: 2 }], milestones: [5] } },
    'a plateau watched by the epoch': { scheduler: { type: 'ReduceLROnPlateau', patience: 0, every: 'epoch', threshold: 0.5 } },
    'parameter groups, one of them without a momentum': { optimizer: { type: 'SGD', lr: 0.1, momentum: 0.5, groups: [{ match: 'fc2.*', momentum: 0 }] } },
    'a frozen layer': { freeze: ['fc1.*'] },
    accumulation: { accumulate: 2 },
    'without shuffling': { shuffle: false },
    'drop_last, without shuffling': { shuffle: false, drop_last: true },
    'all the data in each step': { batch_size: undefined, shuffle: false },
    'conditions on draws': { model: { ...base.model, forward: 'h = fc1(x)\nwhile torch.rand(()) < 0.6:\n    h = torch.tanh(h)\ny_hat = fc2(h)' } },
  }
  for (const [name, extra] of Object.entries(cases)) it(name, () => expectSame({ ...base, ...extra }, [5, 4, 3]))

  it('as nested numbers: decimals that read back the same', () => expectSame({ ...base, optimizer: { type: 'Adam' } }, [3, 2], 'nested'))

  it('by epochs', async () => {
    const whole = await train({ ...base, epochs: 5, report })
    const first = await train({ ...base, epochs: 2, report })
    const second = await train({ ...base, epochs: 3, report, state: first.state, checkpoint: first.checkpoint })
    expect([...first.steps, ...second.steps]).toEqual(whole.steps)
    expect(second.state).toEqual(whole.state)
  })

  it('with no step in between', () => expectSame(base, [0, 3, 0, 2]))
})

describe('a checkpoint that is refused', () => {
  const spec = { ...base, optimizer: { type: 'Adam' }, scheduler: { type: 'StepLR', step_size: 2 } }
  const refused = (name: string, change: (run: Run) => object, pointer: string, message: RegExp): void => {
    it(name, async () => {
      const run = await train({ ...spec, steps: 3, report: { checkpoint: true } })
      await expectProblem(service, '/v1/train', { ...spec, steps: 1, state: run.state, checkpoint: run.checkpoint, ...change(run) }, { status: 422, code: 'checkpoint_mismatch', error: { pointer, code: 'checkpoint_mismatch', message } })
    })
  }
  const changed = ({ checkpoint }: Run, change: (copy: Checkpoint) => void): object => {
    const copy = structuredClone(checkpoint)
    change(copy)
    return { checkpoint: copy }
  }
  refused('without the state', () => ({ state: undefined }), '/state', /missing: fc1\.weight, fc2\.weight/)
  refused('with a part of the state', ({ state }) => ({ state: { 'fc1.weight': state['fc1.weight'] } }), '/state', /missing: fc2\.weight$/)
  refused('of another optimizer', () => ({ optimizer: { type: 'SGD' } }), '/checkpoint/optimizer/type', /of a run with Adam, this one has SGD/)
  refused('with other options that it keeps tensors for', () => ({ optimizer: { type: 'Adam', amsgrad: true } }), '/checkpoint/optimizer/groups/0/amsgrad', /true expected, got false/)
  refused('with another scheduler', () => ({ scheduler: { type: 'CosineAnnealingWarmRestarts', T_0: 2 } }), '/checkpoint/scheduler/T_cur', /a number expected, got nothing/)
  refused('without its scheduler', () => ({ scheduler: undefined }), '/checkpoint/optimizer/groups/0/initial_lr', /keeps no "initial_lr"/)
  refused('with other groups', () => ({ optimizer: { type: 'Adam', groups: [{ match: 'fc1.*' }] } }), '/checkpoint/optimizer/groups', /a list of 2 expected, got a list of 1/)
  refused('with other data', () => ({ batch_size: 3 }), '/checkpoint/minibatches_per_epoch', /an epoch has 4 minibatches here, it had 3/)
  refused('with another accumulation', () => ({ accumulate: 3 }), '/checkpoint/minibatches', /3 steps of 3 minibatches are 9, got 3/)
  refused('a tensor of another shape', (run) => changed(run, (copy) => (copy.optimizer.state['fc1.weight']!['exp_avg'] = [[1, 2]])), '/checkpoint/optimizer/state/fc1.weight/exp_avg', /of shape \[6, 3\] expected, got \[1, 2\]/)
  refused('a tensor that is missing', (run) => changed(run, (copy) => delete copy.optimizer.state['fc1.weight']!['exp_avg']), '/checkpoint/optimizer/state/fc1.weight/exp_avg', /is missing/)
  refused('a tensor that nobody keeps', (run) => changed(run, (copy) => (copy.optimizer.state['fc2.weight']!['sum'] = 1)), '/checkpoint/optimizer/state/fc2.weight/sum', /Adam keeps no "sum"/)
  refused('a generator that is too short', (run) => changed(run, (copy) => (copy.generator.words = 'AAAA')), '/checkpoint/generator/words', /2496 bytes in base64 expected, got 3 bytes/)

  it('counts of a search that cannot be', async () => {
    const search = { ...base, optimizer: { type: 'LBFGS', max_iter: 3 } }
    const run = await train({ ...search, steps: 3, report: { checkpoint: true } })
    for (const kept of [{ history: 1e9 }, { history: 0.5 }, { history: 101 }]) {
      const { optimizer } = run.checkpoint
      const checkpoint = { ...run.checkpoint, optimizer: { ...optimizer, kept: [{ ...optimizer.kept[0], ...kept }] } }
      await expectProblem(service, '/v1/train', { ...search, state: run.state, checkpoint }, { status: 422, code: 'checkpoint_mismatch', error: { pointer: '/checkpoint/optimizer/kept', code: 'checkpoint_mismatch', message: /counts of LBFGS that are out of range/ } })
    }
  })

  it('lists all that does not fit at once', async () => {
    const run = await train({ ...spec, steps: 3, report: { checkpoint: true } })
    const { checkpoint } = changed(run, (copy) => {
      copy.optimizer.state['fc1.weight']!['exp_avg'] = 1
      copy.optimizer.state['fc2.weight']!['exp_avg_sq'] = 2
      copy.generator.words = '!'
    }) as Run
    const { body } = await service.post('/v1/train', { ...spec, state: run.state, checkpoint })
    expect(body.errors.map(({ pointer }: { pointer: string }) => pointer)).toEqual(['/checkpoint/optimizer/state/fc1.weight/exp_avg', '/checkpoint/optimizer/state/fc2.weight/exp_avg_sq', '/checkpoint/generator/words'])
  })

  it('a form that is wrong: 400 with the place', async () => {
    const run = await train({ ...spec, steps: 3, report: { checkpoint: true } })
    const { checkpoint } = changed(run, (copy) => (copy.generator.at = 625)) as Run
    await expectProblem(service, '/v1/train', { ...spec, state: run.state, checkpoint }, { status: 400, code: 'invalid_request', error: { pointer: '/checkpoint/generator/at', code: 'invalid_value' } })
  })
})
