/** Optimizers, parameter groups, schedules: what is refused, and what the answers say. */
import { describe, expect, it } from 'vitest'
import { expectProblem, useService } from '../service.ts'

const service = useService()

const spec = (extra: object): object => ({
  model: { layers: [{ type: 'Linear', in_features: 2, out_features: 3 }, { type: 'Tanh' }, { type: 'Linear', in_features: 3, out_features: 1 }] },
  loss: { type: 'MSELoss' },
  data: { x: [[1, 2], [3, 4], [5, 6]], y: [[1], [2], [3]] },
  optimizer: { type: 'SGD', lr: 0.01 },
  steps: 4,
  ...extra,
})

const refused = (name: string, extra: object, status: 400 | 422, pointer: string, code: string, message: RegExp): void => {
  it(name, () => expectProblem(service, '/v1/train', spec(extra), { status, code: status === 400 ? 'invalid_request' : code, error: { pointer, code, message } }))
}

describe('optimizers that are refused', () => {
  refused('a wrong name', { optimizer: { type: 'Adan' } }, 422, '/optimizer/type', 'unknown_optimizer', /no optimizer "Adan"; did you mean "Adam"\?/)
  refused('a wrong option', { optimizer: { type: 'Adam', beta: [0.9, 0.99] } }, 400, '/optimizer/beta', 'unknown_field', /did you mean "betas"\?/)
  refused('a negative rate', { optimizer: { type: 'RMSprop', lr: -0.1 } }, 400, '/optimizer/lr', 'invalid_value', />=0, got -0.1/)
  refused('a beta of 1', { optimizer: { type: 'NAdam', betas: [0.9, 1] } }, 400, '/optimizer/betas/1', 'invalid_value', /<1, got 1/)
  refused('nesterov without a momentum', { optimizer: { type: 'SGD', lr: 0.1, nesterov: true } }, 422, '/optimizer', 'bad_option', /nesterov takes a momentum and no dampening/)
  refused('nesterov with dampening, in a group', { optimizer: { type: 'SGD', nesterov: true, momentum: 0.5, groups: [{ match: '0.*', dampening: 0.1 }] } }, 422, '/optimizer', 'bad_option', /no dampening/)
  refused('Muon on what is no matrix', { optimizer: { type: 'Muon' } }, 422, '/optimizer/type', 'shape_mismatch', /Muon trains matrices; the shape is \[3\] \(parameter "0.bias"\)/)
})

describe('what LBFGS refuses, which evaluates the loss at several points', () => {
  const optimizer = { type: 'LBFGS' }
  for (const extra of [{ accumulate: 2 }, { clip_grad_norm: 1 }, { clip_grad_value: 1 }]) {
    const [name] = Object.keys(extra)
    refused(name!, { optimizer, ...extra }, 422, `/${name}`, 'bad_option', /LBFGS evaluates the loss at several points in a step and takes no "/)
  }
  refused('groups', { optimizer: { ...optimizer, groups: [{ match: '0.*' }] } }, 400, '/optimizer/groups', 'unknown_field', /no field "groups"/)
  refused('another line search', { optimizer: { ...optimizer, line_search_fn: 'armijo' } }, 400, '/optimizer/line_search_fn', 'invalid_value', /strong_wolfe/)
})

describe('groups and frozen parameters that are refused', () => {
  refused('a pattern that nothing fits', { optimizer: { type: 'SGD', groups: [{ match: 'fc1.*' }] } }, 422, '/optimizer/groups/0/match', 'bad_option', /no parameter fits "fc1\.\*"; there are 0\.weight, 0\.bias, 2\.weight, 2\.bias/)
  refused('a pattern whose parameters belong to others', { optimizer: { type: 'SGD', groups: [{ match: '0.*' }, { match: '0.bias' }] } }, 422, '/optimizer/groups/1/match', 'bad_option', /belongs to earlier groups/)
  refused('an option that the optimizer has not', { optimizer: { type: 'SGD', groups: [{ match: '0.*', eps: 1 }] } }, 400, '/optimizer/groups/0/eps', 'unknown_field', /no field "eps"/)
  refused('an empty list', { optimizer: { type: 'SGD', groups: [] } }, 400, '/optimizer/groups', 'invalid_value', />=1 items/)
  refused('freezing what does not exist', { freeze: ['0.*', '1.weight'] }, 422, '/freeze/1', 'bad_option', /no parameter fits "1\.weight"; did you mean/)
  refused('freezing everything', { freeze: ['*'] }, 422, '/loss', 'loss_without_parameters', /depends on no parameter/)
  refused('accumulating nothing', { accumulate: 0 }, 400, '/accumulate', 'invalid_value', />=1, got 0/)
})

describe('schedules that are refused', () => {
  refused('a wrong name', { scheduler: { type: 'StepLr', step_size: 1 } }, 422, '/scheduler/type', 'unknown_scheduler', /no scheduler "StepLr"; did you mean "StepLR"\?/)
  refused('a wrong option', { scheduler: { type: 'StepLR', step: 1 } }, 400, '/scheduler/step_size', 'missing_field', /"step_size" is missing/)
  refused('a schedule shorter than the run', { scheduler: { type: 'OneCycleLR', max_lr: 1, total_steps: 3, cycle_momentum: false } }, 422, '/scheduler/total_steps', 'bad_option', /given for 3 steps, and the run steps it 4 times/)
  refused('OneCycleLR without a length', { scheduler: { type: 'OneCycleLR', max_lr: 1, cycle_momentum: false } }, 422, '/scheduler/total_steps', 'bad_option', /takes total_steps, or epochs and steps_per_epoch/)
  refused('a momentum that the optimizer has not', { optimizer: { type: 'Adagrad' }, scheduler: { type: 'OneCycleLR', max_lr: 1, total_steps: 4 } }, 422, '/scheduler/cycle_momentum', 'bad_option', /the optimizer has none/)
  refused('rates for other groups', { scheduler: { type: 'CyclicLR', base_lr: [1, 2], max_lr: 3, cycle_momentum: false } }, 422, '/scheduler/base_lr', 'bad_option', /one for each of the 1 parameter groups; got 2/)
  refused('an expression that is no number', { scheduler: { type: 'LambdaLR', lr_lambda: '[epoch]' } }, 422, '/scheduler/lr_lambda', 'bad_option', /a number made of epoch expected/)
  refused('an expression with another name', { scheduler: { type: 'LambdaLR', lr_lambda: '0.9 ** step' } }, 422, '/scheduler/lr_lambda', 'unknown_name', /step/)
  refused('milestones that do not fit', { scheduler: { type: 'SequentialLR', schedulers: [{ type: 'ConstantLR' }, { type: 'ConstantLR' }], milestones: [2, 3] } }, 422, '/scheduler/milestones', 'bad_option', /one milestone fewer than schedulers; got 2 for 2/)
  refused('milestones that do not grow', { scheduler: { type: 'SequentialLR', schedulers: [{ type: 'ConstantLR' }, { type: 'ConstantLR' }, { type: 'ConstantLR' }], milestones: [3, 3] } }, 422, '/scheduler/milestones', 'bad_option', /are to grow/)
  refused('a part with a turn of its own', { scheduler: { type: 'ChainedScheduler', schedulers: [{ type: 'ConstantLR', every: 'epoch' }] } }, 400, '/scheduler/schedulers/0/every', 'unknown_field', /no field "every"/)
})

describe('what the steps say of rates', () => {
  it('one group: lr alone', async () => {
    const { body } = await service.post('/v1/train', spec({ scheduler: { type: 'StepLR', step_size: 2 }, report: { gradients: 'none' } }))
    expect(body.steps.map((step: { lr: number }) => step.lr)).toEqual([0.01, 0.01, 0.001, 0.001])
    expect(body.steps[0]).not.toHaveProperty('lrs')
  })

  it('several groups: lr of the first and lrs of all', async () => {
    const { body } = await service.post('/v1/train', spec({ optimizer: { type: 'SGD', lr: 0.5, groups: [{ match: '*.bias', lr: 0.25 }] }, scheduler: { type: 'ExponentialLR', gamma: 0.5 }, steps: 2 }))
    expect(body.steps.map(({ lr, lrs }: { lr: number; lrs: number[] }) => [lr, lrs])).toEqual([[0.5, [0.5, 0.25]], [0.25, [0.25, 0.125]]])
  })

  it('a frozen parameter has no gradient among those of a step, and stays', async () => {
    const before = await service.post('/v1/train', spec({ steps: 0 }))
    const { body } = await service.post('/v1/train', spec({ freeze: ['0.*'] }))
    expect(Object.keys(body.steps[0].gradients)).toEqual(['2.weight', '2.bias'])
    expect(body.state['0.weight']).toEqual(before.body.state['0.weight'])
    expect(body.state['2.weight']).not.toEqual(before.body.state['2.weight'])
  })

  it('a step of four minibatches reports their mean loss', async () => {
    const whole = await service.post('/v1/train', spec({ steps: 1 }))
    const { body } = await service.post('/v1/train', spec({ steps: 1, batch_size: 1, accumulate: 3 }))
    expect(body.steps[0].loss).toBeCloseTo(whole.body.steps[0].loss, 4)
    expect(body.steps[0].grad_norm).toBeCloseTo(whole.body.steps[0].grad_norm, 4)
  })
})
