/** The response schemas: documentation, and what the tests hold answers against. */
import { z } from 'zod'
import { metricNames } from '../engine/index.ts'
import { jsonSchemas } from './spec.ts'

const nullable = { anyOf: [{ type: 'number' }, { type: 'boolean' }, { type: 'null' }, { type: 'array', items: {} }] }

/** Components that the tensor schema of answers refers to. */
export const responseComponents = {
  NestedNumbersOrNull: { ...nullable, description: 'A number, or nested lists of numbers; null for a number that is not finite' },
}

const dtype = { type: 'string', enum: ['float32', 'float64', 'int64', 'bool'] }
const shape = { type: 'array', items: { type: 'integer', format: 'int32' } }

type Nested = number | boolean | null | Nested[]
type TensorOut = Nested | { data: Nested; shape: number[]; dtype: string } | { base64: string; shape: number[]; dtype: string }

const isNested = (value: unknown): boolean => value === null || typeof value === 'number' || typeof value === 'boolean' || (Array.isArray(value) && value.every(isNested))

export const tensorOut = z
  .custom<TensorOut>((value) => isNested(value) || (typeof value === 'object' && value !== null && 'shape' in value && ('data' in value || 'base64' in value)))
  .meta({ id: 'TensorResult' })
jsonSchemas.set(tensorOut, {
  description: "A tensor in the form that the request's report.tensors asks for",
  anyOf: [
    { $ref: '#/components/schemas/NestedNumbersOrNull' },
    { type: 'object', required: ['data', 'shape', 'dtype'], properties: { data: { $ref: '#/components/schemas/NestedNumbersOrNull' }, shape, dtype } },
    { type: 'object', required: ['base64', 'shape', 'dtype'], properties: { base64: { type: 'string', contentEncoding: 'base64' }, shape, dtype } },
  ],
})

const tensors = z.record(z.string(), tensorOut)
/** As requests take it. */
export const stateOut = z.union([tensors, z.strictObject({ safetensors: z.string().describe('A safetensors file in base64') })]).meta({ id: 'StateResult' })
const number = z.number().nullable().describe('null where it is not finite')

const nonFinite = z
  .array(z.strictObject({ pointer: z.string(), count: z.int(), first: z.enum(['NaN', 'Infinity', '-Infinity']) }))
  .optional()
  .describe('Where null stands for numbers that are not finite, and what the first of them was')

const origin = {
  phase: z.enum(['forward', 'backward']),
  operation: z.string().describe("PyTorch's name of the call whose result (backward: whose gradient) is not finite; `data` or `parameter` where it was given so"),
  value: z.enum(['NaN', 'Infinity', '-Infinity']),
  pointer: z.string().optional().describe('Where in the request, as a JSON pointer'),
  line: z.int().optional().describe('Line of the program, from 1'),
  column: z.int().optional().describe('Column of the program, from 1'),
  index: z.array(z.int32()).optional().describe('Which element of the given tensor'),
}

const firstNonFinite = z
  .strictObject(origin)
  .meta({ id: 'FirstNonFinite' })
  .optional()
  .describe('Where the first number arose that made a result not finite. Absent where the search would need more memory than is allowed')

const gradFn = z.string().nullable().describe("PyTorch's name of the function that made the loss; null where no gradient flows")

export const forwardResponse = z
  .strictObject({
    loss: number.optional().describe('Absent where the request has no loss'),
    grad_fn: gradFn.optional(),
    outputs: tensors.describe('The asked variables'),
    non_finite: nonFinite,
    first_non_finite: firstNonFinite,
  })
  .meta({ id: 'ForwardResponse' })

export const backwardResponse = z
  .strictObject({
    loss: number,
    grad_fn: gradFn,
    gradients: tensors.describe('Gradient of the loss for each parameter, and for what retain_grad names'),
    non_finite: nonFinite,
    first_non_finite: firstNonFinite,
  })
  .meta({ id: 'BackwardResponse' })

export const hessianResponse = z
  .strictObject({
    loss: number,
    grad_fn: gradFn,
    gradients: tensors.describe('Gradient of the loss for each of the parameters'),
    hessian: z.record(z.string(), tensors).optional().describe('Second derivatives by parameters a and b: a tensor of shape [...a, ...b]'),
    product: tensors.optional().describe('The product of the Hessian with the given vector, where there was one'),
    non_finite: nonFinite,
  })
  .meta({ id: 'HessianResponse' })

const summaryNumber = z.number().nullable()

export const summary = z
  .strictObject({
    min: summaryNumber,
    max: summaryNumber,
    mean: summaryNumber,
    norm: summaryNumber.describe('2-norm'),
    zeros: z.int().describe('Elements that are 0'),
    non_finite: z.int().describe('Elements that are NaN or infinite'),
  })
  .describe('What the elements are like. The first four are those of the finite elements, null where there are none')
  .meta({ id: 'Summary' })

export const graphNode = z
  .strictObject({
    id: z.int().describe('From 0, in the order of the program'),
    kind: z.enum(['data', 'parameter', 'constant', 'call']).describe('constant: a call that takes no tensor, such as torch.zeros'),
    name: z.string().describe("Of data and parameters their name, of a call PyTorch's name of the function or layer"),
    variable: z.string().optional().describe('The variable that it was first assigned to'),
    module: z.string().optional().describe('Where a layer stands in the model'),
    output: z.int().optional().describe('Which of several results of the call'),
    grad_fn: z.string().nullable().describe("PyTorch's name of the node of the backward pass; AccumulateGrad for leaves, such as parameters; null where no gradient flows"),
    shape: z.array(z.int32()),
    dtype: z.enum(['float32', 'float64', 'int64', 'int32', 'bool']),
    requires_grad: z.boolean(),
    pointer: z.string().optional().describe('Where in the request, as a JSON pointer'),
    line: z.int().optional(),
    column: z.int().optional(),
    value: summary,
    gradient: summary.optional().describe('Absent without a backward pass, and where the loss does not depend on it'),
  })
  .meta({ id: 'GraphNode' })

export const graphResponse = z
  .strictObject({
    nodes: z.array(graphNode).describe('Data, parameters, and what each call of the program gave'),
    edges: z.array(z.strictObject({ from: z.int(), to: z.int(), argument: z.string().describe('The parameter of the function, as `input`, `tensors[1]`') })),
    loss: z.int().optional().describe('The node of the loss'),
  })
  .meta({ id: 'GraphResponse' })

export const trainStep = z
  .strictObject({
    step: z.int().describe('From 1'),
    loss: number.describe('The loss that the update used; null where it is not finite'),
    lr: z.number().describe('The learning rate that the update used; with several parameter groups, that of group 0'),
    lrs: z.array(z.number()).optional().describe('The rate of each parameter group, where there are several: the parameters that no pattern fits come first'),
    grad_norm: number.describe('Total 2-norm of the gradients before clipping; null where it is not finite'),
    gradients: tensors.optional().describe('Gradients that the update used, before clipping, or their norms'),
    validation: z
      .strictObject({ loss: number, ...Object.fromEntries(metricNames.map((name) => [name, number.optional()])) })
      .meta({ id: 'ValidationResult' })
      .optional()
      .describe('Loss and metrics after the step, where it was validated'),
    non_finite: nonFinite,
  })
  .meta({ id: 'TrainStep' })

const end = {
  state: stateOut.optional().describe('The parameters and buffers after the run by their state_dict names, or a safetensors file of them'),
  checkpoint: z.record(z.string(), z.unknown()).optional().describe('What another run takes as its `checkpoint`, where report.checkpoint asks for it and the run has not diverged'),
  early_stopping: z
    .strictObject({ stopped: z.boolean().describe('Whether the run ended before all of its steps'), best_step: z.int().describe('0 where no loss was finite'), best_loss: number })
    .meta({ id: 'EarlyStoppingResult' })
    .optional(),
  status: z.enum(['succeeded', 'diverged']).describe('diverged: a loss was not finite; the state is the one that this loss was computed from'),
  timing: z
    .strictObject({
      queue: z.number().describe('Until a worker took the request up'),
      parse: z.number().describe('Reading and checking it'),
      compile: z.number().describe('Following the program and compiling it, where it is not compiled yet'),
      train: z.number().describe('The steps, and other requests that were let in between them'),
      step: z.number().describe('A step, on average'),
    })
    .meta({ id: 'Timing' })
    .describe('Milliseconds; also in the header Server-Timing, where the answer is not streamed'),
  memory_bytes: z.int().describe('Memory of the compiled program and, in training, of a copy of the state that the run keeps; known before the first step'),
  first_non_finite: z
    .strictObject({ step: z.int(), ...origin })
    .meta({ id: 'StepNonFinite' })
    .optional()
    .describe('Where the first number that is not finite arose in a run that diverged'),
  non_finite: nonFinite,
}

export const trainEnd = z.strictObject(end).meta({ id: 'TrainEnd' })
export const trainResponse = z.strictObject({ steps: z.array(trainStep), ...end }).meta({ id: 'TrainResponse' })

export const problemResponse = z
  .strictObject({
    type: z.string().describe('A page that explains the code'),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    instance: z.string().describe('The id of the request'),
    code: z.string(),
    errors: z
      .array(
        z.strictObject({
          pointer: z.string().optional().describe('Where in the request, as a JSON pointer'),
          code: z.string(),
          message: z.string(),
          line: z.int().optional().describe('Line of the program, from 1'),
          column: z.int().optional().describe('Column of the program, from 1'),
        }),
      )
      .max(20)
      .optional(),
  })
  .meta({ id: 'Problem' })

export const liveResponse = z.strictObject({ status: z.literal('ok') }).meta({ id: 'Live' })

export const readyResponse = z
  .strictObject({
    status: z.enum(['ready', 'starting', 'shutting down']),
    workers: z.int().describe('Those that there are by now: more start when there is work for them'),
    ready: z.int().describe('Workers that have passed their self-test'),
    busy: z.int(),
    queued: z.int(),
    wide_simd: z.boolean().nullable().describe('Whether kernels for wide SIMD are used; null before the first self-test'),
    self_test_ms: z.number().nullable(),
    note: z.string().optional(),
  })
  .meta({ id: 'Ready' })

const kind = { shape: z.array(z.int32()), dtype: z.enum(['float32', 'float64', 'int64', 'int32', 'bool']) }
const place = { pointer: z.string().optional(), line: z.int().optional(), column: z.int().optional() }
const phases = z
  .strictObject({
    forward: z.int().describe('Of a forward pass alone'),
    backward: z.int().optional().describe('What the gradients add'),
    update: z.int().optional().describe('What the optimizer, clipping and norms add'),
    total: z.int(),
  })
  .meta({ id: 'Phases' })
const times = z.int().optional().describe('How often, where more than once')

export const validateResponse = z
  .strictObject({
    operation: z.enum(['forward', 'backward', 'train']).describe('What the request was taken for'),
    variables: z
      .array(
        z.strictObject({
          name: z.string(),
          type: z.string().describe('Tensor, or what another value is: `int`, `tuple of 2`'),
          value: z.union([z.number(), z.string(), z.boolean()]).optional().describe('Of a Python number, text or truth value that is always the same'),
          shape: kind.shape.optional(),
          dtype: kind.dtype.optional(),
          requires_grad: z.boolean().optional(),
          ...place,
          times,
          local: z.literal(true).optional().describe('In a function of the program'),
          conditional: z.literal(true).optional().describe('Behind a condition on a tensor that was assumed'),
        }),
      )
      .describe('Assignments of the programs in their order'),
    layers: z.array(z.strictObject({ name: z.string(), type: z.string(), outputs: z.array(z.strictObject(kind)), parameters: z.int(), ...place, times })).describe('Calls of layers in their order'),
    parameters: z.array(z.strictObject({ name: z.string(), ...kind, count: z.int(), requires_grad: z.boolean() })),
    buffers: z.array(z.strictObject({ name: z.string(), ...kind, count: z.int() })),
    parameter_count: z.int(),
    trainable_count: z.int().describe('Of those that require gradients'),
    loss: z.strictObject({ ...kind, grad_fn: gradFn }).optional(),
    outputs: z.record(z.string(), z.union([z.strictObject(kind), z.number()])).optional().describe('Of a forward pass; Python numbers as they are'),
    flops: phases.describe('Operations of a pass or a minibatch: a multiply-add counts as two, an elementwise function such as exp as one an element'),
    bytes: phases.describe('Bytes that the kernels of a pass or a minibatch read and write'),
    memory_bytes: z.int().describe('Memory of the compiled program'),
    kernels: z.int(),
    run: z
      .strictObject({ steps: z.int(), minibatches_per_epoch: z.int(), minibatches_per_step: z.int(), batch_sizes: z.array(z.int()).describe('The usual size, then that of the last minibatch of an epoch where it is another; empty where each step sees all the data') })
      .meta({ id: 'PlannedRun' })
      .optional()
      .describe('Of a training run'),
    conditions: z.array(z.strictObject(place)).optional().describe('Conditions on tensors, which only a run can decide: each was assumed to hold once'),
  })
  .meta({ id: 'ValidateResponse' })

const schemaOut = z.record(z.string(), z.unknown()).describe('A JSON Schema')
const typeEntry = { type: z.string(), doc: z.string(), schema: schemaOut }
const words = z.array(z.string())

export const capabilitiesResponse = z
  .strictObject({
    version: z.string(),
    functions: z
      .array(z.strictObject({ name: z.string(), also: words.describe('Other names of the same function'), family: z.string(), homes: words.describe('Where it can be called from: torch, F, Tensor, torch.linalg, torch.special, torch.autograd, math, builtin'), signatures: words.describe('In the order in which they are tried'), doc: z.string() }))
      .optional(),
    refused_functions: z.array(z.strictObject({ name: z.string(), also: words, homes: words, code: z.string().describe('The code of the error that a call gives'), reason: z.string() })).optional(),
    layers: z.array(z.strictObject({ ...typeEntry, call: z.string().describe('What a call in a program takes') })).optional(),
    losses: z.array(z.strictObject({ ...typeEntry, applied_to: words.describe('The variables that it is applied to, unless `inputs` names others') })).optional(),
    optimizers: z.array(z.strictObject(typeEntry)).optional(),
    schedulers: z.array(z.strictObject(typeEntry)).optional(),
    inits: z.array(z.strictObject(typeEntry)).optional(),
    metrics: z.array(z.strictObject({ name: z.string(), doc: z.string() })).optional(),
    dtypes: z.array(z.strictObject({ name: z.string(), doc: z.string() })).optional(),
    limits: z.record(z.string(), z.number()).optional().describe('The settings that bound a request, by their names in lower case'),
    report: schemaOut.optional().describe('What `report` of a training run takes'),
    operations: z.array(z.strictObject({ method: z.string(), path: z.string(), summary: z.string(), media_types: words.describe('Of the answer, where it is no problem') })).optional(),
  })
  .meta({ id: 'Capabilities' })
