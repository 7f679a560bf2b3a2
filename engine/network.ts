/** A spec as a graph: data and parameters as inputs, the forward pass, the loss. */
import { SpecError, escape, suggestion } from './errors.ts'
import { construct } from './functions/classes.ts'
import type { Binding } from './compile.ts'
import type { DType, Shape, Value } from './ir/value.ts'
import { Graph, isFloat, numel } from './ir/value.ts'
import { parse } from './lang/parse.ts'
import type { Scope, TraceResult } from './lang/trace.ts'
import { trace } from './lang/trace.ts'
import type { Dynamic, Recorder, TraceContext } from './lang/values.ts'
import { Tensor, bool, describe, float, int, none } from './lang/values.ts'
import type { ModelStructure } from './model.ts'
import { asTensor } from './model.ts'
import { lossTypes } from './nn/index.ts'
import { gather, rows } from './ops/indexing.ts'
import { mark } from './ops/elementwise.ts'
import { input, literal } from './ops/source.ts'
import { expand, reshape } from './ops/view.ts'
import type { Draw } from './random/program.ts'
import type { EngineLimits, ForwardSpec, ProgramText, TracedSpec, TypedOptions } from './spec.ts'
import { programText } from './spec.ts'
import type { Elements } from './runtime.ts'
import { isSparse } from './sparsity.ts'
import { readTensor, toElements } from './tensor.ts'

/** A named tensor of the request. */
export interface DataTensor {
  readonly name: string
  readonly shape: Shape
  readonly dtype: DType
  readonly sparse: boolean
  readonly elements: Elements
}

/** What tracing sees of it: not its numbers. */
export type DataKind = Omit<DataTensor, 'elements'>

/** Name of the per-step input that holds the rows of a minibatch; the first one where they follow one another in the data. */
export const batchRows = 'batch rows'

export function readData(spec: ForwardSpec, maxElements: number): DataTensor[] {
  return Object.entries(spec.data).map(([name, json]) => {
    const tensor = readTensor(json, `/data/${escape(name)}`, maxElements)
    const dtype = tensor.dtype ?? spec.dtype
    const elements = toElements(tensor, dtype)
    return { name, shape: tensor.shape, dtype, sparse: isSparse(elements, tensor.shape, dtype), elements }
  })
}

export interface Network {
  readonly graph: Graph
  readonly ctx: TraceContext
  /** Inputs in the order of their buffers: data, then parameters. */
  readonly data: readonly Binding[]
  /** Parameters and buffers as they were before the pass. */
  readonly parameters: ReadonlyMap<string, Value>
  /** Buffers that the forward pass has moved, and parameters that it has changed. */
  readonly buffers: ReadonlyMap<string, Value>
  readonly scope: Scope
  readonly forward: TraceResult | undefined
  readonly loss: Tensor | undefined
}

export interface Minibatch {
  readonly size: number
  /** Whether its rows can come in any order; else they follow one another in the data. */
  readonly shuffled: boolean
}

/** The shape of the input `batchRows`. */
export function batchShape({ size, shuffled }: Minibatch): Shape {
  return shuffled ? [size] : []
}

export interface NetworkOptions {
  readonly batch?: Minibatch | undefined
  readonly decide?: TraceContext['decide']
  /** What the program draws is added. */
  readonly draws?: Draw[]
  readonly recorder?: Recorder | undefined
  /** The mode of the layers where it is not the spec's. */
  readonly training?: boolean
}

/**
 * Traces the spec. With `batch`, of tensors with dimensions the rows of a minibatch are seen. The recorder is told of all
 * leaves and calls.
 */
export function buildNetwork(spec: TracedSpec, model: ModelStructure, data: readonly DataKind[], limits: EngineLimits, options: NetworkOptions = {}): Network {
  const graph = new Graph({ maxNodes: limits.maxNodes, maxElements: limits.maxElements })
  const { batch, decide, draws = [], recorder } = options
  const ctx: TraceContext = { graph, dtype: spec.dtype, draws, decide, recorder, training: options.training ?? spec.training ?? true }
  const scope: Scope = new Map()
  const numbers = batch && input(graph, batchRows, batchShape(batch), 'int32')
  const marked = new Set(spec.retain_grad ?? [])
  for (const { name, shape, dtype, sparse } of data) {
    const whole = input(graph, `data ${name}`, shape, dtype, sparse)
    const value = batch && shape.length > 0 ? takeRows(whole, numbers!, batch) : whole
    const tensor = new Tensor(marked.has(name) && isFloat(dtype) ? mark(value, name) : value, null, false)
    scope.set(name, tensor)
    recorder?.leaf('data', name, tensor, `/data/${escape(name)}`)
  }
  const parameters = new Map<string, Value>()
  const named = new Map<string, Tensor>()
  for (const parameter of model.parameters) {
    parameters.set(parameter.name, input(graph, `parameter ${parameter.name}`, parameter.shape, parameter.dtype))
    const tensor = asTensor(parameters, parameter)
    named.set(parameter.name, tensor)
    recorder?.leaf('parameter', parameter.name, tensor, parameter.pointer)
    if (parameter.pointer.startsWith('/model/parameters/')) addName(scope, parameter.name, tensor, parameter.pointer)
  }
  const values = new Map(parameters)
  for (const [name, module] of model.callables(ctx, values)) addName(scope, name, module, `/model/modules/${escape(name)}`)

  const run = (text: ProgramText, pointer: string): TraceResult => {
    const program = withPointer(pointer, () => parse(programText(text), { maxLength: limits.maxProgramLength, maxDepth: limits.maxProgramDepth }))
    const asksItself = /\bgrad\s*\(/.test(programText(text))
    return trace(program, scope, ctx, { maxSteps: limits.maxTraceSteps, maxCalls: 64, marked: asksItself ? 'all' : marked }, pointer)
  }
  const forward = forwardPass(spec, model, scope, ctx, values, run)
  const loss = spec.loss === undefined ? undefined : lossOf(spec.loss, scope, ctx, run)
  // Only max_norm of a look-up changes a parameter itself.
  for (const [name, tensor] of named) if (tensor.changes > 0) values.set(name, tensor.value)
  const bindings = data.map(({ name, shape, dtype }) => ({ name: `data ${name}`, shape, dtype, role: 'data' as const }))
  const buffers = new Map([...values].filter(([name, value]) => value !== parameters.get(name)))
  return { graph, ctx, data: bindings, parameters, buffers, scope, forward, loss }
}

function addName(scope: Scope, name: string, value: Dynamic, pointer: string): void {
  if (scope.has(name)) throw new SpecError('name_conflict', `the name "${name}" is taken twice among data, parameters and modules`, { pointer })
  scope.set(name, value)
}

function withPointer<T>(pointer: string, body: () => T): T {
  try {
    return body()
  } catch (error) {
    throw error instanceof SpecError ? error.at({ pointer }) : error
  }
}

/** The rows of a minibatch. */
function takeRows(whole: Value, numbers: Value, { size, shuffled }: Minibatch): Value {
  if (!shuffled) return rows(whole, numbers, size)
  const [count, ...rest] = whole.shape as [number, ...number[]]
  const width = numel(rest)
  const index = expand(reshape(numbers, [size, 1]), [size, width])
  return reshape(gather(reshape(whole, [count, width]), index, 0), [size, ...rest])
}

type Run = (text: ProgramText, pointer: string) => TraceResult

function forwardPass(spec: TracedSpec, model: ModelStructure, scope: Scope, ctx: TraceContext, values: Map<string, Value>, run: Run): TraceResult | undefined {
  if (!spec.model.layers) return spec.model.forward === undefined ? undefined : run(spec.model.forward, '/model/forward')
  const x = scope.get('x')
  if (!(x instanceof Tensor)) throw new SpecError('unknown_name', 'layers are applied to the data tensor "x", which is not given', { pointer: '/data' })
  const output = model.applyLayers(x, ctx, values)
  const marked = spec.retain_grad?.includes('y_hat') ? new Tensor(mark(output.value, 'y_hat'), output.gradFn, output.requiresGrad) : output
  ctx.recorder?.assigned('y_hat', output, false, { pointer: '/model/layers' })
  scope.set('y_hat', marked)
  return { variables: scope, lastAssigned: 'y_hat', lastExpression: undefined }
}

function lossOf(spec: NonNullable<ForwardSpec['loss']>, scope: Scope, ctx: TraceContext, run: Run): Tensor {
  const loss = typeof spec === 'string' || isLines(spec) ? programLoss(run(spec, '/loss')) : recordLoss(spec, scope, ctx)
  if (!isFloat(loss.value.dtype) || numel(loss.value.shape) !== 1) {
    throw new SpecError('loss_not_scalar', `the loss must be one floating-point number, got a ${describe(loss)}; reduce it, as in loss.mean()`, { pointer: '/loss' })
  }
  if (loss.value.shape.length === 0) return loss
  const scalar = new Tensor(reshape(loss.value, []), loss.gradFn, loss.requiresGrad)
  ctx.recorder?.same(scalar, loss)
  return scalar
}

function isLines(spec: NonNullable<ForwardSpec['loss']>): spec is readonly string[] {
  return Array.isArray(spec)
}

function programLoss(result: TraceResult): Tensor {
  const value = result.lastExpression ?? (result.lastAssigned === 'loss' ? result.variables.get('loss') : undefined)
  if (value instanceof Tensor) return value
  if (value === undefined) throw new SpecError('loss_not_scalar', 'the loss program has no value: end it with an expression, or assign "loss"', { pointer: '/loss' })
  throw new SpecError('loss_not_scalar', `the loss must be a tensor, got ${describe(value)}`, { pointer: '/loss' })
}

function recordLoss(spec: TypedOptions, scope: Scope, ctx: TraceContext): Tensor {
  const loss = lossTypes.get(spec.type)
  if (!loss) throw new SpecError('unknown_loss', `there is no loss "${spec.type}"${suggestion(spec.type, lossTypes.keys())}`, { pointer: '/loss/type' })
  const { type, inputs = loss.variables, ...options } = spec as { readonly type: string; readonly inputs?: readonly string[] }
  const positional = inputs.map((name) => {
    const value = scope.get(name)
    if (value !== undefined) return value
    throw new SpecError('unknown_name', `the loss ${type} is applied to (${inputs.join(', ')}); neither the model nor the data give "${name}"${suggestion(name, scope.keys())}`, { pointer: '/loss' })
  })
  return ctx.graph.at({ pointer: '/loss' }, () => {
    const named = new Map(Object.entries(options).map(([name, value]) => [name, optionValue(value, ctx)]))
    return construct(loss, { positional: [], named }, ctx, type).call({ positional, named: new Map() })
  }) as Tensor
}

/** An option of a request as a program would write it; lists of numbers are tensors of the spec's dtype. */
function optionValue(option: unknown, { graph, dtype }: TraceContext): Dynamic {
  if (typeof option === 'number') return Number.isInteger(option) ? int(option) : float(option)
  if (typeof option === 'boolean') return bool(option)
  if (typeof option === 'string') return { kind: 'string', value: option }
  if (!Array.isArray(option)) return none
  const shape = Array.isArray(option[0]) ? [option.length, option[0].length] : [option.length]
  return new Tensor(literal(graph, option.flat(), shape, dtype), null, false)
}

/** The loss, or an error that says that there is none. */
export function requireLoss(network: Network): Tensor {
  if (!network.loss) throw new SpecError('no_loss', 'gradients need a loss, and the spec has none', { pointer: '/loss' })
  return network.loss
}

