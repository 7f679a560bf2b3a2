/** The parts of a training spec, as the engine takes them: validated in form, not yet in meaning. */
import type { MetricName } from './metrics.ts'
import type { Options } from './nn/define.ts'
import type { Json } from './schedule/define.ts'
import type { TensorJson } from './tensor.ts'

export interface LayerSpec {
  readonly type: string
  /** Sequential only. */
  readonly layers?: readonly LayerSpec[] | undefined
  readonly [option: string]: unknown
}

export interface InitSpec {
  readonly type: string
  readonly [option: string]: unknown
}

export interface ParameterJson {
  readonly value?: TensorJson | undefined
  readonly shape?: readonly number[] | undefined
  readonly init?: InitSpec | undefined
  readonly requires_grad?: boolean | undefined
}

/** One text, or one line an item. */
export type ProgramText = string | readonly string[]

export interface ModelSpec {
  readonly layers?: readonly LayerSpec[] | undefined
  readonly modules?: Readonly<Record<string, LayerSpec>> | undefined
  readonly parameters?: Readonly<Record<string, ParameterJson>> | undefined
  readonly forward?: ProgramText | undefined
}

export interface TypedOptions extends Options {
  readonly type: string
}

/** Tensors by their state_dict names; or all of them as a safetensors file in base64. */
export type StateJson = Readonly<Record<string, TensorJson>> | { readonly safetensors: string }

export interface ForwardSpec {
  readonly model: ModelSpec
  readonly loss?: ProgramText | TypedOptions | undefined
  readonly data: Readonly<Record<string, TensorJson>>
  /** Patterns of parameters that are not trained. */
  readonly freeze?: readonly string[] | undefined
  readonly state?: StateJson | undefined
  /** Whether layers are in training mode; they are unless it says false. */
  readonly training?: boolean | undefined
  readonly seed: number
  readonly dtype: 'float32' | 'float64'
  readonly outputs?: readonly string[] | undefined
  readonly retain_grad?: readonly string[] | undefined
  /** Requests that have the same one differ in their tensors alone. */
  readonly origin?: object | undefined
}

/** All that tracing sees of a spec. What else decides a program is the shapes and dtypes of data and parameters. */
export interface TracedSpec extends Pick<ForwardSpec, 'loss' | 'training' | 'dtype' | 'retain_grad'> {
  readonly model: Pick<ModelSpec, 'layers' | 'modules' | 'forward'>
}

export interface ScheduleSpec {
  readonly type: string
  /** After what it steps. */
  readonly every: 'step' | 'epoch'
  readonly [option: string]: unknown
}

export interface GeneratorJson {
  /** 624 words of 32 bits, little-endian, as base64. */
  readonly words: string
  readonly at: number
  readonly next_normal: number | null
}

/** A checkpoint as it stands in answers and requests. */
export interface CheckpointJson {
  readonly step: number
  readonly minibatches: number
  readonly minibatches_per_epoch: number
  readonly optimizer: {
    readonly type: string
    readonly groups: readonly Readonly<Record<string, Json>>[]
    readonly kept: readonly Readonly<Record<string, number>>[]
    readonly state: Readonly<Record<string, Readonly<Record<string, TensorJson>>>>
  }
  readonly scheduler?: Readonly<Record<string, Json>> | undefined
  readonly losses: readonly number[]
  readonly early_stopping?: Readonly<Record<string, Json>> | undefined
  readonly generator: GeneratorJson
  readonly epoch_generator?: GeneratorJson | undefined
}

export interface ValidationSpec {
  readonly data: Readonly<Record<string, TensorJson>>
  /** Steps from one validation to the next; by default an epoch. */
  readonly every?: number | undefined
  readonly metrics: readonly MetricName[]
}

export interface EarlyStoppingSpec {
  /** Validations without a better loss that stop the run. */
  readonly patience: number
  readonly min_delta: number
  readonly restore_best: boolean
}

export interface TrainSpec extends ForwardSpec {
  readonly optimizer: TypedOptions
  readonly steps?: number | undefined
  readonly epochs?: number | undefined
  readonly batch_size?: number | undefined
  readonly shuffle: boolean
  readonly drop_last: boolean
  /** Minibatches whose mean gradient makes a step. */
  readonly accumulate?: number | undefined
  readonly scheduler?: ScheduleSpec | undefined
  readonly validation?: ValidationSpec | undefined
  readonly early_stopping?: EarlyStoppingSpec | undefined
  /** What an earlier run left beside its state: this one goes on with it. */
  readonly checkpoint?: CheckpointJson | undefined
  readonly clip_grad_norm?: number | undefined
  readonly clip_grad_value?: number | undefined
}

export function programText(text: ProgramText): string {
  return typeof text === 'string' ? text : text.join('\n')
}

/** All that tracing a training step sees of a spec. */
export interface TracedTrainSpec extends TracedSpec, Pick<TrainSpec, 'shuffle' | 'accumulate' | 'clip_grad_norm' | 'clip_grad_value'> {}

/** What the operator allows one request. */
export interface EngineLimits {
  readonly maxProgramLength: number
  readonly maxProgramDepth: number
  readonly maxTraceSteps: number
  readonly maxNodes: number
  /** Elements of one tensor. */
  readonly maxElements: number
  readonly maxMemoryBytes: number
  readonly maxSteps: number
}

export const defaultLimits: EngineLimits = {
  maxProgramLength: 100_000,
  maxProgramDepth: 100,
  maxTraceSteps: 200_000,
  maxNodes: 100_000,
  maxElements: 100_000_000,
  maxMemoryBytes: 2 ** 30,
  maxSteps: 10_000_000,
}
