/** Options that are wrong, each with its place and what was expected. */
import { describe, it } from 'vitest'
import { expectProblem, useService } from '../service.ts'

const service = useService()

type Row = readonly [what: string, status: 400 | 422, code: string, pointer: string, message: RegExp, given: object]

const linear = { type: 'Linear', in_features: 2, out_features: 1 }
const sgd = { type: 'SGD', lr: 0.1 }
const rows = [[1, 2], [3, 4]]
const image = [[[[1, 2, 3], [4, 5, 6], [7, 8, 9]]]]
const sequence = [[[1, 2, 3, 4, 5, 6]]]
const indices = { data: [0, 5], shape: [2], dtype: 'int64' }

const spec = (extra: object): object => ({ model: { layers: [linear] }, loss: 'y_hat.sum()', data: { x: rows }, optimizer: sgd, steps: 4, ...extra })
const optimizer = (given: object): object => spec({ optimizer: given })
const scheduler = (given: object): object => spec({ scheduler: given })
/** The layer stands second, so that its place is not the first one. */
const layer = (given: object, x: unknown = rows): object => spec({ model: { layers: [{ type: 'Identity' }, given] }, data: { x } })
const module = (given: object, forward: string, x: unknown): object => spec({ model: { modules: { m: given }, forward }, data: { x } })
const loss = (given: object): object => spec({ loss: given, data: { x: rows, y: [0, 0] } })
const init = (shape: number[], given: object): object => spec({ model: { parameters: { w: { shape, init: given } }, forward: 'y_hat = w' }, data: {} })
const at = '/model/layers/1'

const tables: Record<string, readonly Row[]> = {
  optimizers: [
    ['a wrong name', 400, 'unknown_field', '/optimizer/beta', /did you mean "betas"/, optimizer({ type: 'Adam', beta: 0.9 })],
    ['a negative rate', 400, 'invalid_value', '/optimizer/lr', />=0, got -0.1/, optimizer({ type: 'SGD', lr: -0.1 })],
    ['a rate as text', 400, 'invalid_type', '/optimizer/lr', /number expected, got "0.1"/, optimizer({ type: 'SGD', lr: '0.1' })],
    ['a negative momentum', 400, 'invalid_value', '/optimizer/momentum', />=0, got -0.1/, optimizer({ ...sgd, momentum: -0.1 })],
    ['nesterov without a momentum', 422, 'bad_option', '/optimizer', /nesterov takes a momentum/, optimizer({ ...sgd, nesterov: true })],
    ['nesterov with dampening', 422, 'bad_option', '/optimizer', /no dampening/, optimizer({ ...sgd, momentum: 0.5, dampening: 0.1, nesterov: true })],
    ['a beta of 1', 400, 'invalid_value', '/optimizer/betas/0', /<1, got 1/, optimizer({ type: 'Adam', betas: [1, 0.9] })],
    ['a negative beta', 400, 'invalid_value', '/optimizer/betas/1', />=0, got -0.1/, optimizer({ type: 'Lion', betas: [0.9, -0.1] })],
    ['one beta', 400, 'invalid_value', '/optimizer/betas', /exactly 2 items, got \[0.9\]/, optimizer({ type: 'AdamW', betas: [0.9] })],
    ['a negative eps', 400, 'invalid_value', '/optimizer/eps', />=0, got -1/, optimizer({ type: 'Adam', eps: -1 })],
    ['a negative weight decay', 400, 'invalid_value', '/optimizer/weight_decay', />=0, got -1/, optimizer({ type: 'RAdam', weight_decay: -1 })],
    ['etas out of order', 400, 'invalid_value', '/optimizer/etas/0', /<1, got 1.2/, optimizer({ type: 'Rprop', etas: [1.2, 0.5] })],
    ['rho above 1', 400, 'invalid_value', '/optimizer/rho', /<=1, got 1.5/, optimizer({ type: 'Adadelta', rho: 1.5 })],
    ['a negative alpha', 400, 'invalid_value', '/optimizer/alpha', />=0, got -1/, optimizer({ type: 'RMSprop', alpha: -1 })],
    ['another line search', 400, 'invalid_value', '/optimizer/line_search_fn', /"strong_wolfe" expected, got "wolfe"/, optimizer({ type: 'LBFGS', line_search_fn: 'wolfe' })],
    ['groups of LBFGS', 400, 'unknown_field', '/optimizer/groups', /no field "groups"/, optimizer({ type: 'LBFGS', groups: [{ match: '*' }] })],
    ['accumulation with LBFGS', 422, 'bad_option', '/accumulate', /takes no "accumulate"/, spec({ optimizer: { type: 'LBFGS' }, accumulate: 2 })],
    ['clipping with LBFGS', 422, 'bad_option', '/clip_grad_norm', /takes no "clip_grad_norm"/, spec({ optimizer: { type: 'LBFGS' }, clip_grad_norm: 1 })],
    ['Muon on a vector', 422, 'shape_mismatch', '/optimizer/type', /the shape is \[1\] \(parameter "0.bias"\)/, optimizer({ type: 'Muon' })],
    ['a group that fits nothing', 422, 'bad_option', '/optimizer/groups/0/match', /no parameter fits "fc\*"; there are 0.weight, 0.bias/, optimizer({ ...sgd, groups: [{ match: 'fc*' }] })],
    ['a wrong name in a group', 400, 'unknown_field', '/optimizer/groups/0/lrr', /did you mean "lr"/, optimizer({ ...sgd, groups: [{ match: '*', lrr: 1 }] })],
    ['a negative rate in a group', 400, 'invalid_value', '/optimizer/groups/0/lr', />=0, got -1/, optimizer({ ...sgd, groups: [{ match: '*', lr: -1 }] })],
    ['frozen names that are not there', 422, 'bad_option', '/freeze/0', /no parameter fits "9.\*"/, spec({ freeze: ['9.*'] })],
    ['everything frozen', 422, 'loss_without_parameters', '/loss', /all of them are frozen or constant/, spec({ freeze: ['*'] })],
    ['clipping below 0', 400, 'invalid_value', '/clip_grad_value', />=0, got -1/, spec({ clip_grad_value: -1 })],
    ['accumulation of nothing', 400, 'invalid_value', '/accumulate', />=1, got 0/, spec({ accumulate: 0 })],
  ],
  schedulers: [
    ['a wrong type', 422, 'unknown_scheduler', '/scheduler/type', /did you mean "StepLR"/, scheduler({ type: 'StepLr', step_size: 1 })],
    ['a wrong name', 400, 'unknown_field', '/scheduler/gama', /did you mean "gamma"/, scheduler({ type: 'StepLR', step_size: 1, gama: 1 })],
    ['a step of 0', 400, 'invalid_value', '/scheduler/step_size', />=1, got 0/, scheduler({ type: 'StepLR', step_size: 0 })],
    ['fewer steps than the run has', 422, 'bad_option', '/scheduler/total_steps', /given for 3 steps, and the run steps it 4 times/, scheduler({ type: 'OneCycleLR', max_lr: 1, total_steps: 3, cycle_momentum: false })],
    ['the same within a sequence', 422, 'bad_option', '/scheduler/schedulers/1/total_steps', /given for 2 steps, and the run steps it 3 times/, scheduler({ type: 'SequentialLR', schedulers: [{ type: 'LinearLR' }, { type: 'OneCycleLR', max_lr: 1, total_steps: 2, cycle_momentum: false }], milestones: [1] })],
    ['no steps', 422, 'bad_option', '/scheduler/total_steps', /takes total_steps, or epochs and steps_per_epoch/, scheduler({ type: 'OneCycleLR', max_lr: 1 })],
    ['a momentum that is not there', 422, 'bad_option', '/scheduler/cycle_momentum', /the optimizer has none; set cycle_momentum to false/, spec({ optimizer: { type: 'Adagrad' }, scheduler: { type: 'OneCycleLR', max_lr: 1, total_steps: 9 } })],
    ['betas in the place of a momentum', 422, 'bad_option', '/scheduler/cycle_momentum', /CyclicLR cycles the momentum/, spec({ optimizer: { type: 'Adam' }, scheduler: { type: 'CyclicLR', base_lr: 0.1, max_lr: 1 } })],
    ['a share above 1', 400, 'invalid_value', '/scheduler/pct_start', /<=1, got 1.5/, scheduler({ type: 'OneCycleLR', max_lr: 1, total_steps: 9, pct_start: 1.5 })],
    ['rates for groups that are not there', 422, 'bad_option', '/scheduler/max_lr', /one for each of the 1 parameter groups; got 2/, scheduler({ type: 'OneCycleLR', max_lr: [1, 2], total_steps: 9, cycle_momentum: false })],
    ['milestones that are missing', 422, 'bad_option', '/scheduler/milestones', /one milestone fewer than schedulers; got 0 for 2/, scheduler({ type: 'SequentialLR', schedulers: [{ type: 'LinearLR' }, { type: 'LinearLR' }], milestones: [] })],
    ['milestones out of order', 422, 'bad_option', '/scheduler/milestones', /are to grow/, scheduler({ type: 'SequentialLR', schedulers: [{ type: 'LinearLR' }, { type: 'LinearLR' }, { type: 'LinearLR' }], milestones: [3, 2] })],
    ['no parts', 400, 'invalid_value', '/scheduler/schedulers', />=1 items/, scheduler({ type: 'ChainedScheduler', schedulers: [] })],
    ['a wrong name in a part', 400, 'unknown_field', '/scheduler/schedulers/0/gama', /did you mean "gamma"/, scheduler({ type: 'ChainedScheduler', schedulers: [{ type: 'StepLR', step_size: 1, gama: 1 }] })],
    ['a part that watches the loss', 400, 'invalid_request', '/scheduler/schedulers/0/type', /"ReduceLROnPlateau" cannot be a part of another scheduler/, scheduler({ type: 'ChainedScheduler', schedulers: [{ type: 'ReduceLROnPlateau' }] })],
    ['an expression of another name', 422, 'unknown_name', '/scheduler/schedulers/1/lr_lambda', /did you mean "epoch"/, scheduler({ type: 'ChainedScheduler', schedulers: [{ type: 'LinearLR' }, { type: 'LambdaLR', lr_lambda: '0.9 ** epohc' }] })],
    ['an expression that does not end', 422, 'syntax_error', '/scheduler/lr_lambda', /the line ends too early/, scheduler({ type: 'LambdaLR', lr_lambda: '0.9 **' })],
    ['an expression that is no number', 422, 'bad_option', '/scheduler/lr_lambda', /a number made of epoch expected.*got float64 tensor of shape \[2\]/, scheduler({ type: 'LambdaLR', lr_lambda: 'torch.ones(2)' })],
    ['a factor of 1', 400, 'invalid_value', '/scheduler/factor', /<1, got 1/, scheduler({ type: 'ReduceLROnPlateau', factor: 1 })],
    ['a start of nothing', 400, 'invalid_value', '/scheduler/start_factor', />0, got 0/, scheduler({ type: 'LinearLR', start_factor: 0 })],
    ['a period of 0', 400, 'invalid_value', '/scheduler/T_max', />=1, got 0/, scheduler({ type: 'CosineAnnealingLR', T_max: 0 })],
  ],
  layers: [
    ['a wrong name', 400, 'unknown_field', `${at}/in_feature`, /did you mean "in_features"/, layer({ ...linear, in_feature: 2 })],
    ['heads that do not divide the width', 422, 'bad_option', `${at}/nhead`, /d_model must be divisible by nhead, got 6 and 4/, layer({ type: 'TransformerEncoderLayer', d_model: 6, nhead: 4 }, sequence)],
    ['the same in a stack', 422, 'bad_option', `${at}/encoder_layer/nhead`, /divisible by nhead, got 6 and 4/, layer({ type: 'TransformerEncoder', encoder_layer: { type: 'TransformerEncoderLayer', d_model: 6, nhead: 4 }, num_layers: 2 }, sequence)],
    ['the same of attention in a program', 422, 'bad_option', '/model/modules/m/num_heads', /embed_dim must be divisible by num_heads, got 6 and 4/, module({ type: 'MultiheadAttention', embed_dim: 6, num_heads: 4 }, 'y_hat = m(x, x, x)[0]', sequence)],
    ['a dropout above 1', 400, 'invalid_value', `${at}/p`, /<=1, got 1.5/, layer({ type: 'Dropout', p: 1.5 })],
    ['a dropout below 0', 400, 'invalid_value', `${at}/p`, />=0, got -0.1/, layer({ type: 'AlphaDropout', p: -0.1 })],
    ['a kernel larger than the padded input', 422, 'shape_mismatch', at, /reaches over \[6, 6\] elements, which is more than the padded input of \[5, 5\]/, layer({ type: 'Conv2d', in_channels: 1, out_channels: 1, kernel_size: 6, padding: 1 }, image)],
    ['a pool larger than the input', 422, 'shape_mismatch', at, /nothing is left of the spatial sizes \[3, 3\]/, layer({ type: 'MaxPool2d', kernel_size: 5 }, image)],
    ['a pool with too much padding', 422, 'bad_option', `${at}/padding`, /at most half of the kernel size, got 2 and 2/, layer({ type: 'MaxPool2d', kernel_size: 2, padding: 2 }, image)],
    ['other channels', 422, 'shape_mismatch', `${at}/in_channels`, /in_channels = 3 channels \(dimension 1\), got shape \[1, 1, 3, 3\]/, layer({ type: 'Conv2d', in_channels: 3, out_channels: 1, kernel_size: 1 }, image)],
    ['groups that do not divide the channels', 422, 'bad_option', `${at}/groups`, /out_channels must be divisible by groups, got 3 and 2/, layer({ type: 'Conv2d', in_channels: 4, out_channels: 3, kernel_size: 1, groups: 2 }, image)],
    ['an unknown padding mode', 400, 'invalid_value', `${at}/padding_mode`, /"zeros", "reflect", "replicate", "circular" expected, got "mirror"/, layer({ type: 'Conv2d', in_channels: 1, out_channels: 1, kernel_size: 1, padding_mode: 'mirror' }, image)],
    ['same with a stride', 422, 'bad_option', `${at}/padding`, /not supported for strided convolutions/, layer({ type: 'Conv2d', in_channels: 1, out_channels: 1, kernel_size: 1, padding: 'same', stride: 2 }, image)],
    ['a stride of 0', 400, 'invalid_value', `${at}/stride`, />=1, got 0/, layer({ type: 'Conv2d', in_channels: 1, out_channels: 1, kernel_size: 1, stride: 0 }, image)],
    ['sizes of another rank', 400, 'invalid_value', `${at}/kernel_size`, /exactly 2 items, got \[1,2,3\]/, layer({ type: 'Conv2d', in_channels: 1, out_channels: 1, kernel_size: [1, 2, 3] }, image)],
    ['output_padding without a stride', 422, 'bad_option', `${at}/output_padding`, /smaller than either stride or dilation/, layer({ type: 'ConvTranspose2d', in_channels: 1, out_channels: 1, kernel_size: 1, output_padding: 1 }, image)],
    ['a reflection wider than the image', 422, 'bad_argument', at, /takes at most 2 elements of dimension 3, whose size is 3; got 3/, layer({ type: 'ReflectionPad2d', padding: 3 }, image)],
    ['batch norm of other features', 422, 'shape_mismatch', `${at}/num_features`, /num_features = 3 channels \(dimension 1\), got shape \[2, 2\]/, layer({ type: 'BatchNorm1d', num_features: 3 })],
    ['batch norm of one row', 422, 'shape_mismatch', at, /more than 1 value per channel expected when training/, layer({ type: 'BatchNorm1d', num_features: 2 }, [[1, 2]])],
    ['groups of a norm', 422, 'bad_option', `${at}/num_groups`, /divisible by num_groups, got 3 and 2/, layer({ type: 'GroupNorm', num_groups: 2, num_channels: 3 })],
    ['a norm of another shape', 422, 'shape_mismatch', `${at}/normalized_shape`, /normalized_shape = \[3\], got shape \[2, 2\]/, layer({ type: 'LayerNorm', normalized_shape: 3 })],
    ['a sequence of another width', 422, 'shape_mismatch', `${at}/input_size`, /input_size = 3, got shape \[2, 2\]/, layer({ type: 'LSTM', input_size: 3, hidden_size: 2 })],
    ['a projection that does not narrow', 422, 'bad_option', `${at}/proj_size`, /smaller than hidden_size, got 2 and 2/, layer({ type: 'LSTM', input_size: 2, hidden_size: 2, proj_size: 2 })],
    ['another nonlinearity', 400, 'invalid_value', `${at}/nonlinearity`, /"tanh", "relu" expected, got "sigmoid"/, layer({ type: 'RNN', input_size: 2, hidden_size: 2, nonlinearity: 'sigmoid' })],
    ['an index past the table', 422, 'index_out_of_range', at, /index 5 is out of range: whole numbers from 0 to 2/, layer({ type: 'Embedding', num_embeddings: 3, embedding_dim: 2 }, indices)],
    ['a padding past the table', 422, 'bad_option', `${at}/padding_idx`, /from -3 to 2, got 3/, layer({ type: 'Embedding', num_embeddings: 3, embedding_dim: 2, padding_idx: 3 }, indices)],
    ['sizes that do not multiply', 422, 'shape_mismatch', at, /shape \[3, 1\] is invalid for a tensor of 2 elements/, layer({ type: 'Unflatten', dim: 1, unflattened_size: [3, 1] })],
    ['an odd half', 422, 'shape_mismatch', at, /must have an even size, got shape \[3, 2\]/, layer({ type: 'GLU', dim: 0 }, [[1, 2], [1, 2], [1, 2]])],
    ['a sum of two shapes', 422, 'shape_mismatch', at, /both must have one shape; got \[2, 1\] and \[2, 2\]/, layer({ type: 'Residual', layers: [linear] })],
    ['a layer in a layer', 422, 'shape_mismatch', `${at}/layers/0/in_features`, /in_features = 3, got shape \[2, 2\]/, layer({ type: 'Sequential', layers: [{ ...linear, in_features: 3 }] })],
    ['two sizes', 422, 'bad_option', `${at}/size`, /either size or scale_factor/, layer({ type: 'Upsample', size: 2, scale_factor: 2 }, image)],
    ['limits out of order', 422, 'bad_option', `${at}/min_val`, /below max_val, got 1 and -1/, layer({ type: 'Hardtanh', min_val: 1, max_val: -1 })],
    ['slopes for other channels', 422, 'shape_mismatch', `${at}/num_parameters`, /num_parameters = 3 channels \(dimension 1\), got shape \[2, 2\]/, layer({ type: 'PReLU', num_parameters: 3 })],
    ['a dimension that is not there', 422, 'bad_argument', at, /expected to be in \[-2, 1\], got 5/, layer({ type: 'Softmax', dim: 5 })],
  ],
  losses: [
    ['a wrong name', 400, 'unknown_field', '/loss/reducton', /did you mean "reduction"/, loss({ type: 'MSELoss', reducton: 'sum' })],
    ['another reduction', 400, 'invalid_value', '/loss/reduction', /"mean", "sum", "none" expected, got "max"/, loss({ type: 'MSELoss', reduction: 'max' })],
    ['a smoothing above 1', 400, 'invalid_value', '/loss/label_smoothing', /<=1, got 2/, loss({ type: 'CrossEntropyLoss', label_smoothing: 2 })],
    ['a negative beta', 400, 'invalid_value', '/loss/beta', />=0, got -1/, loss({ type: 'SmoothL1Loss', beta: -1 })],
    ['a delta of 0', 400, 'invalid_value', '/loss/delta', />0, got 0/, loss({ type: 'HuberLoss', delta: 0 })],
    ['weights for other classes', 422, 'shape_mismatch', '/loss', /weight of shape \[1\] expected, got \[2\]/, loss({ type: 'CrossEntropyLoss', weight: [1, 2] })],
  ],
  initialisations: [
    ['a wrong name', 400, 'unknown_field', '/model/parameters/w/init/gian', /did you mean "gain"/, init([2, 2], { type: 'orthogonal', gian: 1 })],
    ['a share above 1', 400, 'invalid_value', '/model/parameters/w/init/sparsity', /<=1, got 1.5/, init([2, 2], { type: 'sparse', sparsity: 1.5 })],
    ['limits out of order', 422, 'bad_option', '/model/parameters/w/init', /a must not be above b, got 1 and -1/, init([2, 2], { type: 'uniform', a: 1, b: -1 })],
    ['the same, cut off', 422, 'bad_option', '/model/parameters/w/init', /a must not be above b, got 1 and -1/, init([2, 2], { type: 'trunc_normal', a: 1, b: -1 })],
    ['a vector where a matrix is meant', 422, 'bad_option', '/model/parameters/w/init', /2 or more dimensions, got \[2\]/, init([2], { type: 'xavier_normal' })],
    ['a tensor where a matrix is meant', 422, 'bad_option', '/model/parameters/w/init', /sparse fills matrices, got a tensor of shape \[2, 2, 2\]/, init([2, 2, 2], { type: 'sparse', sparsity: 0.1 })],
    ['groups that do not divide', 422, 'bad_option', '/model/parameters/w/init', /divisible by groups, got 3 and 2/, init([3, 2, 2], { type: 'dirac', groups: 2 })],
  ],
  'validation and stopping': [
    ['stopping without a validation', 422, 'bad_option', '/early_stopping', /needs a validation/, spec({ early_stopping: { patience: 1 } })],
    ['a metric that is not there', 400, 'invalid_value', '/validation/metrics/0', /"accuracy", "mae", "r2", "f1", "auc", "perplexity" expected/, spec({ validation: { data: {}, metrics: ['accurcy'] } })],
    ['a patience of 0', 400, 'invalid_value', '/early_stopping/patience', />=1, got 0/, spec({ early_stopping: { patience: 0 }, validation: { data: {} } })],
    ['a negative min_delta', 400, 'invalid_value', '/early_stopping/min_delta', />=0, got -1/, spec({ early_stopping: { patience: 1, min_delta: -1 }, validation: { data: {} } })],
  ],
}

for (const [what, list] of Object.entries(tables)) {
  describe(what, () => {
    it.each(list)('%s', (_name, status, code, pointer, message, given) => {
      const fault = status === 400 ? (code === 'invalid_request' ? {} : { code }) : { code }
      return expectProblem(service, '/v1/train', given, { status, code: status === 400 ? 'invalid_request' : code, error: { pointer, message, ...fault } })
    })
  })
}
