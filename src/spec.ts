/**
 * The request schemas, built from the engine's tables. They are the only source of validation and of openapi.yaml.
 */
import { z } from 'zod'
import type { Json, ScheduleSpec, TensorJson } from '../engine/index.ts'
import { compositeSchedulers, containers, inits, layerTypes, lossTypes, metricNames, nearest, optimizerTypes, schedulerTypes, simpleSchedulers } from '../engine/index.ts'
import { checkTensor, tensorOrShapeSchema, tensorSchema } from './tensor-schema.ts'

/** JSON Schema of schemas that zod cannot express, by schema. */
export const jsonSchemas = new Map<z.core.$ZodType, object>()

/** An object that takes no other fields; an unknown one is reported with the nearest known name. */
function strict<S extends z.ZodRawShape>(shape: S): z.ZodObject<S, z.core.$strict> {
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code !== 'unrecognized_keys') return undefined
      return unknownFields(issue.keys, Object.keys(shape))
    },
  })
}

function unknownFields(keys: readonly string[], known: readonly string[]): string {
  const near = keys.length === 1 ? nearest(keys[0]!, known) : undefined
  const names = keys.map((key) => `"${key}"`).join(', ')
  return `there is no field ${names}${near === undefined ? '.' : `; did you mean "${near}"?`} Known fields: ${known.join(', ')}`
}

export const tensor = z
  .custom<TensorJson>(() => true)
  .superRefine((value, ctx) => {
    const fault = checkTensor(value)
    if (fault) ctx.addIssue({ code: 'custom', path: fault.path, message: fault.message, params: { code: fault.code }, input: value })
  })
  .meta({ id: 'Tensor' })
jsonSchemas.set(tensor, tensorSchema)

/** For requests that run nothing. */
const tensorOrShape = z
  .custom<TensorJson>(() => true)
  .superRefine((value, ctx) => {
    const fault = checkTensor(value, true)
    if (fault) ctx.addIssue({ code: 'custom', path: fault.path, message: fault.message, params: { code: fault.code }, input: value })
  })
  .meta({ id: 'TensorOrShape' })
jsonSchemas.set(tensorOrShape, tensorOrShapeSchema)

/** Names that a program can say. Two underscores are not in the language. */
const name = z.string().regex(/^(?!.*__)[A-Za-z_][A-Za-z0-9_]*$/, 'a name of letters, digits and single underscores expected')

const tensors = z.record(name, tensor)
const tensorsOrShapes = z.record(name, tensorOrShape)

/** The first form is the one that a fault is told of, unless the value can only be meant as the other. */
const state = z
  .union([z.record(z.string(), tensor), strict({ safetensors: z.string().describe('A safetensors file in base64') })])
  .meta({ id: 'State' })

const programText = z.union([z.string(), z.array(z.string())])
export const program = programText
  .describe('Python syntax with PyTorch names: one string, or a list of lines')
  .meta({ id: 'Program' })

// ---- layers, losses, optimizers: one schema per record of the engine

interface TypedRecord {
  readonly doc: string
  readonly options: z.ZodRawShape
}

function typed(type: string, { doc, options }: TypedRecord, suffix = ''): z.ZodObject {
  return strict({ type: z.literal(type), ...options }).describe(doc).meta({ id: `${type}${suffix}` })
}

type Typed = { type: string; [option: string]: unknown }

/** A union told apart by `type`. */
function unionOf(schemas: readonly z.ZodObject[], id: string): z.ZodType<Typed> {
  const [first, ...rest] = schemas
  return z.discriminatedUnion('type', [first!, ...rest]).meta({ id }) as unknown as z.ZodType<Typed>
}

/** Parameter groups: options of an optimizer, without their defaults, for the parameters that a pattern fits. */
function groupsOf(type: string, { options }: TypedRecord): z.ZodType {
  const own = Object.fromEntries(Object.entries(options).map(([key, option]) => [key, z.optional(option instanceof z.ZodDefault ? option.unwrap() : option)]))
  const group = strict({ match: z.string().min(1).describe('Names of parameters, such as `fc1.*`; `*` stands for any characters'), ...own }).meta({ id: `${type}_group` })
  return z.array(group).min(1).max(1000).optional().describe('Options of their own for some parameters; the first pattern that fits a name counts')
}

/** Schedulers as they are in a request; parts of others have no turn of their own. */
function schedulerSchemas(): z.ZodType<ScheduleSpec> {
  const every = z.enum(['step', 'epoch']).default('step').describe('After what it steps: each step of the optimizer, or the last of an epoch')
  const part = unionOf([...simpleSchedulers].map(([type, record]) => typed(type, record, '_part')), 'SchedulerPart')
  const schemas = [...schedulerTypes].map(([type, record]) => {
    const options = compositeSchedulers.has(type) ? { ...record.options, schedulers: z.array(part).min(1).max(100) } : record.options
    return typed(type, { ...record, options: { ...options, every } })
  })
  return unionOf(schemas, 'Scheduler') as z.ZodType<ScheduleSpec>
}

function containerOf([type, doc]: readonly [string, string]): z.ZodObject {
  return strict({
    type: z.literal(type),
    get layers(): z.ZodType<Typed[]> {
      return z.array(layer)
    },
  })
    .describe(doc)
    .meta({ id: type })
}

export const layer: z.ZodType<Typed> = unionOf([...[...layerTypes].map(([type, record]) => typed(type, record)), ...[...containers].map(containerOf)], 'Layer')
const lossRecord = unionOf([...lossTypes].map(([type, record]) => typed(type, record)), 'Loss')
const optimizer = unionOf([...optimizerTypes].map(([type, record]) => typed(type, record.search ? record : { ...record, options: { ...record.options, groups: groupsOf(type, record) } })), 'Optimizer')
const scheduler = schedulerSchemas()
const init = unionOf(Object.entries(inits).map(([type, record]) => typed(type, record, '_init')), 'Init')

// ---- the model

const shape = z.array(z.int32().min(0)).max(32)

const parameter = strict({
  value: tensor.optional().describe('The initial value'),
  shape: shape.optional().describe('The shape, where `init` draws the value'),
  init: init.optional().describe('How the value is drawn, by torch.nn.init'),
  requires_grad: z.boolean().default(true).describe('false: a constant'),
})
  .refine((given) => (given.value === undefined) === (given.shape !== undefined && given.init !== undefined), 'a parameter takes either "value", or "shape" and "init"')
  .meta({ id: 'Parameter' })

const model = strict({
  layers: z.array(layer).min(1).optional().describe('Layers applied in order to `x`; the result is named `y_hat`'),
  modules: z.record(name, layer).optional().describe('Named layers, callable from `forward`'),
  parameters: z.record(name, parameter).optional().describe('Named tensors that the program reads'),
  forward: program.optional().describe('The forward pass'),
}).meta({ id: 'Model' })

const loss = z.union([z.string(), z.array(z.string()), lossRecord]).describe('A program whose last expression, or variable `loss`, is a scalar; or a loss class, applied to (y_hat, y) and what its `inputs` says')

const base = {
  model,
  data: tensors.default({}).describe('Named tensors. `layers` are applied to `x`; loss classes compare `y_hat` with `y`'),
  seed: z.int().min(0).max(Number.MAX_SAFE_INTEGER).default(0).describe('As torch.manual_seed: initial parameters and shuffles'),
  freeze: z.array(z.string().min(1)).max(1000).optional().describe('Parameters that are not trained, such as `0.*`; `*` stands for any characters'),
  state: state.optional().describe('Initial parameters and buffers by their state_dict names, such as `0.weight`; or all of them as a safetensors file'),
  dtype: z.enum(['float32', 'float64']).default('float32').describe('What parameters and data are held in'),
}

const tensorForm = z.enum(['nested', 'flat', 'base64']).default('nested').describe('How tensors are written: nested lists, flat lists with a shape, or base64 of little-endian bytes')

const names = z.array(z.string().min(1)).max(1000)

const training = z.boolean().describe('Whether layers are in training mode (dropout draws, batch norm sees the batch), as after train(), or as after eval()')

export const forwardRequest = strict({
  ...base,
  training: training.default(false),
  loss: loss.optional(),
  outputs: names.optional().describe('Variables to return; by default the last one assigned'),
  report: strict({ tensors: tensorForm }).default({ tensors: 'nested' }),
}).meta({ id: 'ForwardRequest' })

export const backwardRequest = strict({
  ...base,
  training: training.default(true),
  loss,
  retain_grad: names.optional().describe('Variables or data whose gradients are returned too'),
  report: strict({ tensors: tensorForm }).default({ tensors: 'nested' }),
}).meta({ id: 'BackwardRequest' })

export const graphRequest = strict({
  ...base,
  training: training.default(true),
  loss: loss.optional().describe('Needed for a backward pass'),
  backward: z.boolean().default(true).describe('Whether a backward pass is done, for the gradients'),
  format: z.enum(['json', 'dot', 'mermaid', 'svg']).default('json').describe('How the graph is written'),
}).meta({ id: 'GraphRequest' })

export const hessianRequest = strict({
  ...base,
  training: training.default(true),
  loss,
  parameters: names.min(1).optional().describe('Which parameters, by their state_dict names or patterns such as `0.*`; all by default'),
  vector: tensors.optional().describe('A tensor for each of the parameters, in its shape: the product of the Hessian with it is returned instead'),
  report: strict({ tensors: tensorForm }).default({ tensors: 'nested' }),
}).meta({ id: 'HessianRequest' })

const report = strict({
  every: z.int32().min(1).default(1).describe('Report the steps whose number this divides, and the last one'),
  gradients: z.enum(['values', 'norms', 'none']).default('values').describe('Gradients of the reported steps, their 2-norms, or nothing'),
  parameters: z.enum(['values', 'none']).default('values').describe('Whether the final state is returned'),
  state: z.enum(['tensors', 'safetensors']).default('tensors').describe('The final state as tensors, or as a safetensors file in base64; either can be sent back as `state`'),
  checkpoint: z.boolean().default(false).describe('Whether the answer has what another run needs to go on'),
  tensors: tensorForm,
}).meta({ id: 'Report' })

const finite = z.number()
const json = z.unknown() as z.ZodType<Json>
const generatorState = strict({ words: z.string().describe('624 words of 32 bits, little-endian, in base64'), at: z.int32().min(0).max(624), next_normal: finite.nullable() })
  .describe('The state of a Mersenne Twister')
  .meta({ id: 'GeneratorState' })

/** Its numbers are checked against the spec by the engine. */
const checkpoint = strict({
  step: z.int().min(0).max(Number.MAX_SAFE_INTEGER).describe('Steps of the optimizer that are done'),
  minibatches: z.int().min(0).max(Number.MAX_SAFE_INTEGER),
  minibatches_per_epoch: z.int().min(1),
  optimizer: strict({
    type: z.string(),
    groups: z.array(z.record(z.string(), json)).describe("The groups' options as the scheduler has set them"),
    kept: z.array(z.record(z.string(), finite)).describe('Numbers that it counts, by group'),
    state: z.record(z.string(), z.record(z.string(), tensor)).describe('Its tensors, by parameter'),
  }),
  scheduler: z.record(z.string(), json).optional(),
  losses: z.array(finite).describe('Losses that the scheduler has still to see'),
  early_stopping: z.record(z.string(), json).optional(),
  generator: generatorState,
  epoch_generator: generatorState.optional().describe('As it was when the epoch that is under way began'),
})
  .describe('What a run leaves beside its state, for another to go on with')
  .meta({ id: 'Checkpoint' })

const validationFields = {
  data: tensors.describe('Tensors that stand in the place of those of `data`; what is left out is the same for both'),
  every: z.int32().min(1).optional().describe('Steps from one validation to the next; by default an epoch. The last step is validated too'),
  metrics: z.array(z.enum(metricNames)).max(20).default([]).describe('What is measured beside the loss, from `y_hat` and `y`'),
}
const validation = strict(validationFields)
  .describe('Loss and metrics on other data while training, with the layers in eval mode')
  .meta({ id: 'Validation' })

const earlyStopping = strict({
  patience: z.int32().min(1).describe('Validations without a better loss after which the run ends'),
  min_delta: z.number().nonnegative().default(0).describe('By how much a loss must be lower to be better'),
  restore_best: z.boolean().default(false).describe('Whether the answer has the state of the best validation'),
}).meta({ id: 'EarlyStopping' })

export const exportRequest = strict({
  model,
  state: base.state,
  seed: base.seed,
  dtype: base.dtype,
  input: strict({
    shape: shape.describe('The shape of an input, the batch included, such as [1, 3, 32, 32]'),
    dtype: z.enum(['float32', 'float64', 'int64', 'bool']).optional().describe("By default the model's; int64 for tables of vectors"),
  })
    .meta({ id: 'ExportInput' })
    .optional(),
  data: strict({ x: tensor }).optional().describe('An input, instead of `input`: its shape and dtype count'),
  dynamic_axes: z.array(z.int32().min(0).max(31)).max(32).optional().describe('Axes of the input that may have any size; by default axis 0, where no layer depends on its size'),
})
  .refine((given) => (given.input === undefined) !== (given.data === undefined), { message: 'give "input", the shape of an input, or "data" with an "x"', path: ['input'] })
  .meta({ id: 'ExportRequest' })

const stepsOrEpochs = { message: 'give either steps or epochs, not both', path: ['epochs'] }

export const trainRequest = strict({
  ...base,
  checkpoint: checkpoint.optional().describe('Of an earlier answer, with its `state`: this run goes on where that one ended. `steps` or `epochs` are those still to do'),
  loss,
  optimizer,
  steps: z.int().min(0).max(Number.MAX_SAFE_INTEGER).optional().describe('Number of optimizer updates; 1 where neither steps nor epochs is given'),
  epochs: z.int().min(0).max(Number.MAX_SAFE_INTEGER).optional().describe('Passes over the data, instead of steps'),
  batch_size: z.int32().min(1).optional().describe('Rows of a minibatch; without it every step sees all the data'),
  shuffle: z.boolean().default(false).describe("A new order for each epoch, as torch's DataLoader draws it"),
  drop_last: z.boolean().default(false).describe('Leave out the last minibatch of an epoch when it is smaller'),
  scheduler: scheduler.optional().describe('How the learning rate changes, by torch.optim.lr_scheduler'),
  accumulate: z.int32().min(1).max(1_000_000).default(1).describe('Minibatches whose mean gradient makes one step'),
  validation: validation.optional(),
  early_stopping: earlyStopping.optional().describe('Ends the run when the loss of the validation no longer gets better'),
  clip_grad_norm: z.number().nonnegative().optional().describe('Largest total 2-norm of the gradients, as torch.nn.utils.clip_grad_norm_'),
  clip_grad_value: z.number().nonnegative().optional().describe('Largest size of an element of a gradient, as torch.nn.utils.clip_grad_value_'),
  retain_grad: names.optional().describe('Variables or data whose gradients are reported too'),
  report: report.default({ every: 1, gradients: 'values', parameters: 'values', state: 'tensors', checkpoint: false, tensors: 'nested' }),
})
  .refine((given) => given.steps === undefined || given.epochs === undefined, stepsOrEpochs)
  .meta({ id: 'TrainRequest' })

// ---- requests that are only looked at

const previewed = ['forward', 'backward', 'train'] as const

/** What a request of an operation has in a preview: data may be given by their shapes. */
function onlyLooked(operation: (typeof previewed)[number]): { readonly data: z.ZodDefault<typeof tensorsOrShapes>; readonly operation: z.ZodDefault<z.ZodEnum<{ forward: 'forward'; backward: 'backward'; train: 'train' }>> } {
  return {
    data: tensorsOrShapes.default({}).describe('Named tensors, or their shapes alone'),
    operation: z.enum(previewed).default(operation).describe('What the request is for. Where it is left out: train with an optimizer or another field of training, backward with a loss, else forward'),
  }
}

/** One for each operation; `operation` is in what they give. */
export const validateRequests = {
  forward: strict({ ...forwardRequest.shape, ...onlyLooked('forward') }).meta({ id: 'ValidateForwardRequest' }),
  backward: strict({ ...backwardRequest.shape, ...onlyLooked('backward') }).meta({ id: 'ValidateBackwardRequest' }),
  train: strict({
    ...trainRequest.shape,
    ...onlyLooked('train'),
    validation: strict({ ...validationFields, data: tensorsOrShapes }).meta({ id: 'ValidationOfShapes' }).optional(),
  })
    .refine((given) => given.steps === undefined || given.epochs === undefined, stepsOrEpochs)
    .meta({ id: 'ValidateTrainRequest' }),
}

/** The schema that the fields of a request for a preview ask for. */
export function validateRequestFor(body: unknown): z.ZodType {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return validateRequests.forward
  const named = previewed.find((operation) => operation === (body as { operation?: unknown }).operation)
  if (named) return validateRequests[named]
  const { backward, train } = validateRequests
  const trains = Object.keys(body).some((key) => key in train.shape && !(key in backward.shape))
  return trains ? train : 'loss' in body ? backward : validateRequests.forward
}

const validateRequest = z.union([validateRequests.forward, validateRequests.backward, validateRequests.train]).meta({ id: 'ValidateRequest' })

export type ForwardRequest = z.infer<typeof forwardRequest>
export type BackwardRequest = z.infer<typeof backwardRequest>
export type HessianRequest = z.infer<typeof hessianRequest>
export type GraphRequest = z.infer<typeof graphRequest>
export type ExportRequest = z.infer<typeof exportRequest>
export type TrainRequest = z.infer<typeof trainRequest>
export type ValidateRequest = z.infer<typeof validateRequest>
export type TensorForm = z.infer<typeof tensorForm>

export const requestSchemas = { forward: forwardRequest, backward: backwardRequest, graph: graphRequest, export: exportRequest, hessian: hessianRequest, train: trainRequest, validate: validateRequest } as const
export type Operation = keyof typeof requestSchemas
