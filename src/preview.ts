/** POST /v1/validate: what a request would do, as JSON. */
import { Training, numel, previewBackward, previewForward, previewTraining } from '../engine/index.ts'
import type { Preview, TrainOptions } from '../engine/index.ts'
import type { JobContext, JobResult } from './jobs.ts'
import { answered, passStats, requireRoom } from './jobs.ts'
import type { ValidateRequest, validateRequests } from './spec.ts'
import { estimateRun } from './training.ts'
import type { z } from 'zod'

type TrainPreview = z.infer<typeof validateRequests.train>

export function runValidate(request: ValidateRequest, ctx: JobContext): JobResult {
  const began = ctx.now()
  const answer = answerTo(request, ctx)
  const body = JSON.stringify(answer)
  requireRoom(body.length, ctx)
  return answered(body, passStats({ fromCache: false, memoryBytes: answer.memory_bytes, kernels: answer.kernels }, began, ctx))
}

type Answer = ReturnType<typeof previewJson>

function answerTo(request: ValidateRequest, ctx: JobContext): Answer {
  // The schemas are told apart by what they make of `operation`.
  if (request.operation === 'train') return answerToTrain(request as TrainPreview, ctx)
  if (request.operation === 'backward') return previewJson('backward', previewBackward(request, ctx.engine))
  return previewJson('forward', previewForward(request, ctx.engine))
}

function answerToTrain(request: TrainPreview, ctx: JobContext): Answer {
  const options: TrainOptions = { gradients: request.report.gradients !== 'none' }
  const training = new Training(request, { ...ctx.engine, dry: true }, options)
  try {
    requireRoom(estimateRun(training, request), ctx)
    const { batches, doneSteps, totalSteps } = training
    const run = { steps: totalSteps - doneSteps, minibatches_per_epoch: batches.perEpoch, minibatches_per_step: request.accumulate, batch_sizes: batches.sizes.filter((size) => size > 0) }
    return { ...previewJson('train', previewTraining(training)), run }
  } finally {
    training.close()
  }
}

function previewJson(operation: ValidateRequest['operation'], preview: Preview): { readonly memory_bytes: number; readonly kernels: number } & Readonly<Record<string, unknown>> {
  const { model, variables, layers, loss, outputs, phases, conditions, memoryBytes, kernels } = preview
  const tensors = model.parameters.map(({ name, shape, dtype, requiresGrad, buffer }) => ({ buffer, json: { name, shape, dtype, count: numel(shape) }, requiresGrad }))
  const parameters = tensors.flatMap(({ buffer, json, requiresGrad }) => (buffer ? [] : [{ ...json, requires_grad: requiresGrad }]))
  const total = (counted: readonly { readonly count: number }[]): number => counted.reduce((n, { count }) => n + count, 0)
  const costs = (of: 'flops' | 'bytes'): object => {
    const parts = [phases.forward, phases.backward, phases.update].map((part) => part?.[of])
    return { forward: parts[0], backward: parts[1], update: parts[2], total: parts.reduce<number>((sum, part) => sum + (part ?? 0), 0) }
  }
  return {
    operation,
    variables: variables.map(({ name, type, tensor, value, place: { pointer, line, column }, times, local, conditional }) => ({
      name, type, value, shape: tensor?.shape, dtype: tensor?.dtype, requires_grad: tensor?.requiresGrad,
      pointer, line, column, times: several(times), local: local || undefined, conditional: conditional || undefined,
    })),
    layers: layers.map(({ name, type, outputs: given, parameters: count, place, times }) => ({ name, type, outputs: given, parameters: count, pointer: place?.pointer, line: place?.line, column: place?.column, times: several(times) })),
    parameters,
    buffers: tensors.flatMap(({ buffer, json }) => (buffer ? [json] : [])),
    parameter_count: total(parameters),
    trainable_count: total(parameters.filter((parameter) => parameter.requires_grad)),
    loss: loss && { shape: loss.shape, dtype: loss.dtype, grad_fn: loss.gradFn },
    outputs: operation === 'forward' ? Object.fromEntries(outputs) : undefined,
    flops: costs('flops'),
    bytes: costs('bytes'),
    memory_bytes: memoryBytes,
    kernels,
    conditions: conditions.length > 0 ? conditions : undefined,
  }
}

function several(times: number): number | undefined {
  return times > 1 ? times : undefined
}
