/** How a layer is defined: one record holds its options, parameters and forward pass. */
import { z } from 'zod'
import type { FunctionClass } from '../functions/classes.ts'
import type { Converted, Kinds, Result } from '../functions/define.ts'
import { signatureText } from '../functions/define.ts'
import { tensor } from '../functions/parameters.ts'
import type { Shape, Value } from '../ir/value.ts'
import type { Dynamic, TraceContext } from '../lang/values.ts'
import type { FloatArray } from '../random/draw.ts'
import type { Fill } from './init.ts'

export interface ParameterSpec {
  /** Name in the state_dict, without the layer's own prefix. */
  readonly name: string
  readonly shape: Shape
  readonly fill: Fill
}

/** A tensor that is part of the state and not trained, such as running statistics. */
export interface BufferSpec {
  readonly name: string
  readonly shape: Shape
  /** What its elements start as. */
  readonly value: number
  /** The spec's dtype, or whole numbers. */
  readonly dtype?: 'int64'
}

/** What a forward pass sees of its layer. */
export interface LayerCall {
  readonly ctx: TraceContext
  /** Whether the layer is in training mode. */
  readonly training: boolean
  /** The layer's parameters and buffers by their names. */
  readonly parameter: (name: string) => Value
  /** Gives a buffer a new value: for later calls in the same pass, and in a training run for the next step. */
  readonly update: (buffer: string, value: Value) => void
  /** Throws a shape_mismatch at one of the layer's options. */
  readonly mismatch: (option: string, message: string) => never
}

/** Stops with what is wrong with an option. */
export type Wrong = (option: string, message: string) => never

/** What all records have, with their options' type; `define` erases it. */
interface Common<O extends z.ZodRawShape> {
  readonly type: string
  /** One line for the catalogue. */
  readonly doc: string
  readonly options: O
  /** What grad_fn of the result is called. */
  readonly gradFn: string
  /** What options must be to each other. */
  readonly check?: (options: z.infer<z.ZodObject<O>>, wrong: Wrong) => void
  /** Parameters in the order of PyTorch's state_dict, which is the order of their draws unless `drawnInOrder` says another. */
  readonly parameters?: (options: z.infer<z.ZodObject<O>>) => readonly ParameterSpec[]
  /** Buffers in PyTorch's order. */
  readonly buffers?: (options: z.infer<z.ZodObject<O>>) => readonly BufferSpec[]
}

/** A layer of one tensor. */
export interface LayerRecord<O extends z.ZodRawShape> extends Common<O> {
  readonly forward: (input: Value, options: z.infer<z.ZodObject<O>>, call: LayerCall) => Result
}

/** A layer that can be called with more than one tensor. In a list of layers it gets one, and its first result is passed on. */
export interface ModuleRecord<O extends z.ZodRawShape, I extends Kinds> extends Common<O> {
  readonly inputs: I
  readonly forward: (inputs: Converted<I>, options: z.infer<z.ZodObject<O>>, call: LayerCall) => Result
  /** The results as a call in a program gives them, where they are no plain tuple. */
  readonly arrange?: (results: Dynamic, inputs: Converted<I>) => Dynamic
}

/** Options after validation. */
export type Options = Readonly<Record<string, unknown>>

type Inputs = Readonly<Record<string, unknown>>

export interface Layer {
  readonly type: string
  readonly doc: string
  readonly options: z.ZodRawShape
  readonly gradFn: string
  /** The arguments of a call. */
  readonly inputs: Kinds
  readonly check: (options: Options, wrong: Wrong) => void
  readonly parameters: (options: Options) => readonly ParameterSpec[]
  readonly buffers: (options: Options) => readonly BufferSpec[]
  readonly forward: (inputs: Inputs, options: Options, call: LayerCall) => Result
  readonly arrange: (results: Dynamic, inputs: Inputs) => Dynamic
}

export function layer<O extends z.ZodRawShape>(record: LayerRecord<O>): Layer {
  return module({ ...record, inputs: { input: tensor }, forward: ({ input }, options, call) => record.forward(input, options, call) })
}

export function module<O extends z.ZodRawShape, I extends Kinds>(record: ModuleRecord<O, I>): Layer {
  type Known = z.infer<z.ZodObject<O>>
  return {
    type: record.type,
    doc: record.doc,
    options: record.options,
    gradFn: record.gradFn,
    inputs: record.inputs,
    check: (options, wrong) => record.check?.(options as Known, wrong),
    parameters: (options) => record.parameters?.(options as Known) ?? [],
    buffers: (options) => record.buffers?.(options as Known) ?? [],
    forward: (inputs, options, call) => record.forward(inputs as Converted<I>, options as Known, call),
    arrange: (results, inputs) => record.arrange?.(results, inputs as Converted<I>) ?? results,
  }
}

/** A call of a layer: `(input: Tensor)`. */
export function callText({ inputs }: Layer): string {
  return signatureText('', inputs)
}

/** The parameters of a part, under its name. */
export function within(name: string, parameters: readonly ParameterSpec[]): ParameterSpec[] {
  return parameters.map((parameter) => ({ ...parameter, name: `${name}.${parameter.name}` }))
}

/** The call of a part, which sees its parameters without the part's name. */
export function partCall(call: LayerCall, name: string): LayerCall {
  return { ...call, parameter: (parameter) => call.parameter(`${name}.${parameter}`), update: (buffer, value) => call.update(`${name}.${buffer}`, value) }
}

/**
 * Parameters that are drawn in another order than that of the state_dict: the first of them draws for all. A name of
 * `draws` that is no parameter is drawn for nothing, as where PyTorch sets afterwards what a constructor has drawn.
 */
export function drawnInOrder(parameters: readonly ParameterSpec[], draws: readonly ParameterSpec[]): ParameterSpec[] {
  let drawn: Map<string, FloatArray> | undefined
  return parameters.map((parameter) => ({
    ...parameter,
    fill: (ctx, shape) => {
      drawn ??= new Map(draws.map(({ name, shape: drawnShape, fill }) => [name, fill(ctx, drawnShape)]))
      return drawn.get(parameter.name) ?? parameter.fill(ctx, shape)
    },
  }))
}

/** A loss class: a function of torch.nn.functional that keeps its options. */
export interface Loss extends FunctionClass {
  readonly doc: string
  readonly options: z.ZodRawShape
  /** The variables of a spec that it is applied to, unless the spec names others. */
  readonly variables: readonly string[]
}

export const size = z.int32().positive()
export const flag = z.boolean()
/** A probability. */
export const share = z.number().min(0).max(1)
