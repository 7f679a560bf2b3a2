/** A model of a spec: its parameters with their initial values, and its forward pass. */
import { SpecError, escape, invariant, showShape, suggestion } from './errors.ts'
import type { DType, Shape, Value } from './ir/value.ts'
import { numel } from './ir/value.ts'
import { apply as applyCall, bind, givenArguments } from './functions/define.ts'
import { gradFnOf } from './functions/grad-fn.ts'
import { tensorItself } from './functions/parameters.ts'
import { changedByLayer } from './lang/memory.ts'
import type { Argument, CallArguments, Dynamic, TraceContext } from './lang/values.ts'
import { Tensor, itemsOf } from './lang/values.ts'
import { containers, inits, layerTypes } from './nn/index.ts'
import type { Layer, Options } from './nn/index.ts'
import type { Fill, InitContext } from './nn/init.ts'
import { add } from './ops/elementwise.ts'
import { select } from './optim/groups.ts'
import type { FloatArray } from './random/draw.ts'
import type { Mt19937 } from './random/mt19937.ts'
import type { ForwardSpec, LayerSpec, ModelSpec, StateJson } from './spec.ts'
import { readTensor, toElements } from './tensor.ts'
import { readState } from './weights/restore.ts'

export interface Parameter {
  /** Its state_dict name. */
  readonly name: string
  readonly shape: Shape
  readonly dtype: DType
  requiresGrad: boolean
  /** Part of the state, but moved by the forward pass alone. */
  readonly buffer: boolean
  initial: FloatArray | BigInt64Array<ArrayBuffer> | Uint8Array<ArrayBuffer>
  readonly pointer: string
}

/** A layer at its place in the model. */
export interface Placed {
  readonly layer: Layer
  readonly options: Options
  readonly prefix: string
  readonly pointer: string
}

/** Layers one after the other; `adds`: what they give is added to what they got. */
export interface Chain {
  readonly parts: readonly Part[]
  readonly adds: boolean
  readonly pointer: string
}

type Part = Placed | Chain

/** Elements of values that are worth letting go. */
const large = 2 ** 16

const nothingRestored: ReadonlyMap<string, string> = new Map()

/** What tracing sees of a parameter: not its numbers. */
export type ParameterKind = Omit<Parameter, 'initial'>

/** What tracing sees of a model. */
export interface ModelStructure extends Pick<Model, 'layers' | 'callables' | 'applyLayers'> {
  readonly parameters: readonly ParameterKind[]
}

export class Model {
  readonly parameters: Parameter[] = []
  readonly spec: ModelSpec
  /** The list of layers, where the model is one. */
  readonly layers: Chain | undefined
  readonly #modules = new Map<string, Part>()
  /** Where in the request the state gives a tensor, by its name. */
  readonly restored: ReadonlyMap<string, string>

  /** Draws initial values from `generator` in PyTorch's order: layers or modules as listed, then named parameters. */
  constructor(spec: ForwardSpec, generator: Mt19937, maxElements: number) {
    this.spec = spec.model
    const ctx: InitContext = { generator, dtype: spec.dtype }
    const { layers, modules, parameters, forward } = spec.model
    if (layers && forward !== undefined) throw new SpecError('name_conflict', 'a model has either layers or a forward program, not both', { pointer: '/model/forward' })
    if (!layers && forward === undefined) throw new SpecError('no_model', 'the model needs layers or a forward program', { pointer: '/model' })
    if (layers) this.layers = { parts: layers.map((layer, i) => this.#build(layer, String(i), `/model/layers/${i}`, ctx, maxElements)), adds: false, pointer: '/model' }
    for (const [name, module] of Object.entries(modules ?? {})) this.#modules.set(name, this.#build(module, name, `/model/modules/${escape(name)}`, ctx, maxElements))
    for (const [name, json] of Object.entries(parameters ?? {})) {
      const pointer = `/model/parameters/${escape(name)}`
      if (json.value !== undefined) {
        const given = readTensor(json.value, `${pointer}/value`, maxElements)
        const dtype = given.dtype ?? spec.dtype
        this.#add({ name, shape: given.shape, dtype, requiresGrad: (json.requires_grad ?? true) && dtype.startsWith('float'), buffer: false, initial: toElements(given, dtype), pointer })
      } else {
        const shape = json.shape ?? []
        this.#draw(name, shape, initOf(json.init, pointer), json.requires_grad ?? true, pointer, ctx, maxElements)
      }
    }
    if (spec.freeze) this.#freeze(spec.freeze)
    this.restored = spec.state === undefined ? nothingRestored : this.#restore(spec.state, maxElements)
  }

  #freeze(patterns: readonly string[]): void {
    const byName = this.#byName()
    for (const [i, pattern] of patterns.entries()) {
      const names = this.parameters.flatMap(({ name, buffer }) => (buffer ? [] : [name]))
      for (const name of select(pattern, names, `/freeze/${i}`)) byName.get(name)!.requiresGrad = false
    }
  }

  #build(spec: LayerSpec, prefix: string, pointer: string, ctx: InitContext, maxElements: number): Part {
    if (containers.has(spec.type)) {
      const parts = (spec.layers ?? []).map((inner, i) => this.#build(inner, `${prefix}.${i}`, `${pointer}/layers/${i}`, ctx, maxElements))
      return { parts, adds: spec.type === 'Residual', pointer }
    }
    const layer = layerTypes.get(spec.type)
    if (!layer) {
      throw new SpecError('unknown_layer', `there is no layer "${spec.type}"${suggestion(spec.type, [...layerTypes.keys(), ...containers.keys()])}`, { pointer: `${pointer}/type` })
    }
    const { type: _type, ...options } = spec
    layer.check(options, (option, message) => {
      throw new SpecError('bad_option', message, { pointer: `${pointer}/${option}` })
    })
    for (const { name, shape, fill } of layer.parameters(options)) this.#draw(`${prefix}.${name}`, shape, fill, true, pointer, ctx, maxElements)
    for (const { name, shape, value, dtype = ctx.dtype } of layer.buffers(options)) {
      this.#add({ name: `${prefix}.${name}`, shape, dtype, requiresGrad: false, buffer: true, initial: toElements({ shape, dtype: undefined, numbers: new Float64Array(numel(shape)).fill(value) }, dtype), pointer })
    }
    return { layer, options, prefix, pointer }
  }

  #draw(name: string, shape: Shape, fill: Fill, requiresGrad: boolean, pointer: string, ctx: InitContext, maxElements: number): void {
    if (numel(shape) > maxElements) {
      throw new SpecError('tensor_too_large', `the parameter ${name} of shape ${showShape(shape)} has ${numel(shape)} elements; the limit is ${maxElements}`, { pointer })
    }
    try {
      this.#add({ name, shape, dtype: ctx.dtype, requiresGrad, buffer: false, initial: fill(ctx, shape), pointer })
    } catch (error) {
      throw error instanceof SpecError ? error.at({ pointer: `${pointer}/init` }) : error
    }
  }

  #add(parameter: Parameter): void {
    this.parameters.push(parameter)
  }

  #byName(): Map<string, Parameter> {
    return new Map(this.parameters.map((parameter) => [parameter.name, parameter]))
  }

  /** Replaces initial values by the given state. */
  #restore(state: StateJson, maxElements: number): Map<string, string> {
    const byName = this.#byName()
    const restored = [...readState(state, byName, maxElements)]
    for (const [name, { elements }] of restored) byName.get(name)!.initial = elements
    return new Map(restored.map(([name, { pointer }]) => [name, pointer]))
  }

  /** The run has the values of a parameter that it moves: those that it began with are let go where they are large. */
  taken(name: string, shape: Shape): void {
    if (numel(shape) < large) return
    const parameter = this.parameters.find((other) => other.name === name)!
    parameter.initial = parameter.initial.slice(0, 0)
  }

  /** The modules as functions of a program. */
  callables(ctx: TraceContext, values: Map<string, Value>): Map<string, Dynamic> {
    const scope = new Map<string, Dynamic>()
    for (const [name, part] of this.#modules) {
      const attributes = new Map<string, Tensor>()
      for (const parameter of this.parameters) {
        if (parameter.name.startsWith(`${name}.`)) attributes.set(parameter.name.slice(name.length + 1), asTensor(values, parameter))
      }
      scope.set(name, {
        kind: 'function',
        name,
        attributes,
        call: (args) => {
          const before = new Map(values)
          const result = applyPart(part, args, name, { ctx, values, caller: ctx.graph.place })
          // Running statistics, or a table with max_norm.
          for (const [attribute, tensor] of attributes) {
            const now = values.get(`${name}.${attribute}`)!
            if (now !== before.get(`${name}.${attribute}`)) tensor.change(now, tensor.requiresGrad, null)
          }
          return 'layer' in part ? changedByLayer(ctx, part.options, args.positional[0], result, name) : result
        },
      })
    }
    return scope
  }

  /** The layers applied to `input`. */
  applyLayers(input: Tensor, ctx: TraceContext, values: Map<string, Value>): Tensor {
    invariant(this.layers, 'the model has layers')
    const output = applyPart(this.layers, oneTensor(input), 'layers', { ctx, values, caller: undefined })
    invariant(output instanceof Tensor, 'layers give a tensor')
    return output
  }
}

export function asTensor(values: ReadonlyMap<string, Value>, parameter: ParameterKind): Tensor {
  return new Tensor(values.get(parameter.name)!, null, parameter.requiresGrad)
}

/** The circumstances of a call of layers. */
interface Circumstances {
  readonly ctx: TraceContext
  readonly values: Map<string, Value>
  /** The line of the program that called; undefined in a list of layers. */
  readonly caller: TraceContext['graph']['place']
}

function oneTensor(input: Tensor): CallArguments {
  return { positional: [input], named: new Map() }
}

/** Runs a part. Errors point at the layer, and keep the line of the program that called it. */
function applyPart(part: Part, args: CallArguments, shown: string, now: Circumstances): Dynamic {
  return 'layer' in part ? applyLayer(part, args, shown, now) : applyChain(part, args, shown, now)
}

/** Each layer gets the first result of the one before. */
function applyChain({ parts, adds, pointer }: Chain, args: CallArguments, shown: string, now: Circumstances): Tensor {
  const { graph } = now.ctx
  return graph.at(now.caller ?? { pointer }, () => {
    const { input } = bind({ parameters: { input: tensorItself } }, args, now.ctx, shown) as { input: Tensor }
    const output = parts.reduce((x, inner) => firstTensor(applyPart(inner, oneTensor(x), 'layer' in inner ? inner.layer.type : shown, now)), input)
    if (!adds) return output
    const inputs: Argument[] = [['input', input], ['layers', output]]
    if (String(input.value.shape) !== String(output.value.shape)) {
      throw new SpecError('shape_mismatch', `Residual adds what its layers give to what they got, so both must have one shape; got ${showShape(output.value.shape)} and ${showShape(input.value.shape)}`, { ...graph.place, pointer })
    }
    return applyCall(now.ctx, { name: 'Residual', gradFn: 'AddBackward0', inputs }, () => add(input.value, output.value)) as Tensor
  })
}

/** What a layer passes on to the next. */
function firstTensor(result: Dynamic): Tensor {
  const first = result instanceof Tensor ? result : itemsOf(result)?.[0]
  invariant(first instanceof Tensor, 'a layer gives a tensor first')
  return first
}

function applyLayer({ layer, options, prefix, pointer }: Placed, args: CallArguments, shown: string, { ctx, values, caller }: Circumstances): Dynamic {
  const place = caller ?? { pointer }
  const parameter = (name: string): Value => values.get(`${prefix}.${name}`)!
  const update = (name: string, value: Value): void => void values.set(`${prefix}.${name}`, value)
  const mismatch = (option: string, message: string): never => {
    throw new SpecError('shape_mismatch', message, { ...place, pointer: `${pointer}/${option}` })
  }
  return ctx.graph.at(place, () => {
    const called = { parameters: layer.inputs }
    const inputs = bind(called, args, ctx, shown)
    const own = layer.parameters(options).map(({ name }): Argument => [name, new Tensor(parameter(name), null, true)])
    const given = [...givenArguments(called, args), ...own]
    const call = { name: layer.type, gradFn: gradFnOf(layer.type, layer.gradFn, given), inputs: given, module: prefix }
    const results = applyCall(ctx, call, () => layer.forward(inputs, options, { ctx, training: ctx.training === true, parameter, update, mismatch }))
    return layer.arrange(results, inputs)
  })
}

function initOf(init: { readonly type: string } | undefined, pointer: string): Fill {
  invariant(init, 'a parameter has a value, or a shape and an init')
  const record = inits[init.type as keyof typeof inits] as { fill: (options: unknown) => Fill } | undefined
  if (!record) throw new SpecError('unknown_init', `there is no initialisation "${init.type}"${suggestion(init.type, Object.keys(inits))}`, { pointer: `${pointer}/init/type` })
  return record.fill(init)
}
