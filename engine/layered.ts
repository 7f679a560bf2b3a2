/** A list of layers with their weights and the shapes between them: what an export of a model is written from. */
import { SpecError, invariant } from './errors.ts'
import type { Engine } from './evaluate.ts'
import type { DType, Shape } from './ir/value.ts'
import type { Recorder } from './lang/values.ts'
import { Tensor } from './lang/values.ts'
import type { Chain, Placed } from './model.ts'
import { Model } from './model.ts'
import { buildNetwork } from './network.ts'
import type { Options } from './nn/index.ts'
import { Mt19937 } from './random/mt19937.ts'
import type { ForwardSpec } from './spec.ts'
import type { TensorResult } from './tensor.ts'

export interface TensorKind {
  readonly shape: Shape
  readonly dtype: DType
}

export interface PlannedLayer {
  readonly kind: 'layer'
  readonly type: string
  readonly options: Options
  /** Where it stands in the model, as in the state_dict: `0`, `2.1`. */
  readonly name: string
  readonly pointer: string
  readonly input: TensorKind
  /** The first result, which the next layer gets. */
  readonly output: TensorKind
  /** Parameters and buffers by their names within the layer. */
  readonly tensors: ReadonlyMap<string, TensorResult>
}

/** Parts whose result is added to what they got. */
export interface PlannedSum {
  readonly kind: 'sum'
  readonly parts: readonly Planned[]
}

export type Planned = PlannedLayer | PlannedSum

export interface LayerPlan {
  readonly input: TensorKind
  readonly output: TensorKind
  readonly parts: readonly Planned[]
}

export type LayeredSpec = Pick<ForwardSpec, 'model' | 'state' | 'seed' | 'dtype'>

/**
 * Draws or restores the weights once. What it returns follows the layers in eval mode from an input of some shape; what
 * does not fit is the error that a forward pass gives.
 */
export function layerPlanner(spec: LayeredSpec, engine: Engine): (input: TensorKind) => LayerPlan {
  if (!spec.model.layers) throw new SpecError('no_model', 'only a list of layers can be exported: a program is none', { pointer: '/model' })
  const full = { ...spec, data: {} }
  const model = new Model(full, new Mt19937(spec.seed), engine.limits.maxElements)
  const { layers } = model
  invariant(layers, 'the model has layers')
  const tensors = new Map(placedIn(layers).map((placed) => [placed.prefix, tensorsOf(placed, model)]))
  return (input) => {
    const shapes = new Map<string, { readonly input: TensorKind; readonly output: TensorKind }>()
    const { scope } = buildNetwork(full, model, [{ name: 'x', ...input, sparse: false }], engine.limits, { training: false, recorder: shapeRecorder(shapes) })
    const output = scope.get('y_hat')
    invariant(output instanceof Tensor, 'layers give y_hat')
    const planned = ({ parts }: Chain): Planned[] =>
      parts.flatMap((part): Planned[] => {
        if (!('layer' in part)) return part.adds ? [{ kind: 'sum', parts: planned(part) }] : planned(part)
        const { layer, options, prefix, pointer } = part
        return [{ kind: 'layer', type: layer.type, options, name: prefix, pointer, ...shapes.get(prefix)!, tensors: tensors.get(prefix)! }]
      })
    return { input, output: kindOf(output), parts: planned(layers) }
  }
}

function placedIn({ parts }: Chain): Placed[] {
  return parts.flatMap((part) => ('layer' in part ? [part] : placedIn(part)))
}

function tensorsOf({ layer, options, prefix }: Placed, model: Model): Map<string, TensorResult> {
  const names = new Set([...layer.parameters(options), ...layer.buffers(options)].map(({ name }) => `${prefix}.${name}`))
  const own = model.parameters.filter(({ name }) => names.has(name))
  return new Map(own.map(({ name, shape, dtype, initial }) => [name.slice(prefix.length + 1), { shape, dtype, elements: initial }]))
}

/** Takes down what each layer gets and gives. */
function shapeRecorder(shapes: Map<string, { readonly input: TensorKind; readonly output: TensorKind }>): Recorder {
  return {
    leaf: () => {},
    own: (value) => value,
    called: ({ module, inputs }, [result]) => {
      if (module === undefined) return
      const [, first] = inputs[0]!
      invariant(first instanceof Tensor && result, 'a layer takes a tensor first and gives one')
      shapes.set(module, { input: kindOf(first), output: kindOf(result) })
    },
    assigned: () => {},
    changed: () => {},
    same: () => {},
  }
}

function kindOf({ value: { shape, dtype } }: Tensor): TensorKind {
  return { shape, dtype }
}
