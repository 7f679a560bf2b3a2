/** How a layer is defined: one record holds its options, parameters and forward pass. */
import { z } from 'zod'
import type { FunctionClass } from '../functions/classes.ts'
import type { Shape, Value } from '../ir/value.ts'
import type { TraceContext } from '../lang/values.ts'
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

/** A record with its options' type; `define` erases it. */
export interface LayerRecord<O extends z.ZodRawShape> {
  readonly type: string
  /** One line for the catalogue. */
  readonly doc: string
  readonly options: O
  /** What grad_fn of the result is called. */
  readonly gradFn: string
  /** Parameters in PyTorch's order, which is the order of their draws. */
  readonly parameters?: (options: z.infer<z.ZodObject<O>>) => readonly ParameterSpec[]
  /** Buffers in PyTorch's order. */
  readonly buffers?: (options: z.infer<z.ZodObject<O>>) => readonly BufferSpec[]
  readonly forward: (input: Value, options: z.infer<z.ZodObject<O>>, call: LayerCall) => Value
}

/** Options after validation. */
export type Options = Readonly<Record<string, unknown>>

export interface Layer {
  readonly type: string
  readonly doc: string
  readonly options: z.ZodRawShape
  readonly gradFn: string
  readonly parameters: (options: Options) => readonly ParameterSpec[]
  readonly buffers: (options: Options) => readonly BufferSpec[]
  readonly forward: (input: Value, options: Options, call: LayerCall) => Value
}

export function layer<O extends z.ZodRawShape>(record: LayerRecord<O>): Layer {
  return {
    type: record.type,
    doc: record.doc,
    options: record.options,
    gradFn: record.gradFn,
    parameters: (options) => record.parameters?.(options as z.infer<z.ZodObject<O>>) ?? [],
    buffers: (options) => record.buffers?.(options as z.infer<z.ZodObject<O>>) ?? [],
    forward: (input, options, call) => record.forward(input, options as z.infer<z.ZodObject<O>>, call),
  }
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
