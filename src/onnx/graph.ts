/** An ONNX graph while it is written: nodes, and the tensors that they read. */
import type { DType, PlannedLayer, TensorResult } from '../../engine/index.ts'
import type { Attribute, Node } from './proto.ts'
import { ints } from './proto.ts'

/** The name of a value of the graph. */
export type Name = string

export type Attributes = Readonly<Record<string, Attribute>>

type FloatType = 'float32' | 'float64'

/** Writes the nodes of one layer. Their names begin with that of the layer. */
export class LayerWriter {
  readonly layer: PlannedLayer
  /** What the model's numbers are held in. */
  readonly dtype: FloatType
  readonly #graph: GraphWriter

  constructor(graph: GraphWriter, layer: PlannedLayer) {
    this.#graph = graph
    this.layer = layer
    this.dtype = graph.dtype
  }

  /** The result of a node with one. An empty name is an input that is left out. */
  node(op: string, inputs: readonly Name[], attributes: Attributes = {}): Name {
    return this.nodes(op, inputs, 1, attributes)[0]!
  }

  nodes(op: string, inputs: readonly Name[], results: number, attributes: Attributes = {}): Name[] {
    return this.#graph.add(this.layer.name, op, inputs, results, attributes)
  }

  /** A parameter or buffer of the layer, under its state_dict name. */
  tensor(name: string): Name {
    return this.#graph.initializer(`${this.layer.name}.${name}`, this.layer.tensors.get(name)!)
  }

  /** The elements of a parameter or buffer. */
  numbers(name: string): Float32Array | Float64Array {
    return this.layer.tensors.get(name)!.elements as Float32Array | Float64Array
  }

  /** A parameter under its state_dict name in another shape, where nothing reads it in its own. */
  reshaped(name: string, shape: readonly number[]): Name {
    return this.#graph.initializer(`${this.layer.name}.${name}`, { ...this.layer.tensors.get(name)!, shape })
  }

  /** A tensor of the layer that is not in its state, such as weights in the order that ONNX has them in. `what` is its own name. */
  constant(what: string, shape: readonly number[], numbers: ArrayLike<number>, dtype: FloatType | 'int64' | 'bool' = this.dtype): Name {
    return this.#graph.constant(`${this.layer.name}.${what}`, { shape, dtype, elements: elementsOf(numbers, dtype) })
  }

  number(x: number): Name {
    return this.#graph.constant(String(x), { shape: [], dtype: this.dtype, elements: elementsOf([x], this.dtype) })
  }

  integers(values: readonly number[]): Name {
    return this.#graph.constant(`[${values.join(',')}]`, { shape: [values.length], dtype: 'int64', elements: elementsOf(values, 'int64') })
  }

  // ---- what many layers need

  /** 0 keeps a size, -1 is what is left. */
  reshape(x: Name, shape: readonly number[]): Name {
    return this.node('Reshape', [x, this.integers(shape)])
  }

  /** In the shape of `like`, whatever that is when the model runs. */
  reshapeLike(x: Name, like: Name): Name {
    return this.node('Reshape', [x, this.node('Shape', [like])])
  }

  transpose(x: Name, order: readonly number[]): Name {
    return this.node('Transpose', [x], { perm: ints(order) })
  }

  mean(x: Name, axes: readonly number[]): Name {
    return this.node('ReduceMean', [x], { axes: ints(axes) })
  }
}

function elementsOf(numbers: ArrayLike<number>, dtype: DType): TensorResult['elements'] {
  switch (dtype) {
    case 'float32':
      return numbers instanceof Float32Array ? numbers : Float32Array.from(numbers)
    case 'float64':
      return numbers instanceof Float64Array ? numbers : Float64Array.from(numbers)
    case 'int64':
      return BigInt64Array.from({ length: numbers.length }, (_, i) => BigInt(numbers[i]!))
    default:
      return Uint8Array.from(numbers)
  }
}

export class GraphWriter {
  readonly dtype: FloatType
  readonly nodes: Node[] = []
  readonly initializers = new Map<Name, TensorResult>()
  readonly #counts = new Map<string, number>()

  constructor(dtype: FloatType) {
    this.dtype = dtype
  }

  add(prefix: string, op: string, inputs: readonly Name[], results: number, attributes: Attributes): Name[] {
    const name = this.#fresh(`${prefix}/${op}`)
    const outputs = Array.from({ length: results }, (_, i) => (results === 1 ? name : `${name}:${i}`))
    this.nodes.push({ op, name, inputs, outputs, attributes })
    return outputs
  }

  initializer(name: Name, tensor: TensorResult): Name {
    this.initializers.set(name, tensor)
    return name
  }

  /** A constant's name says what it is. */
  constant(name: Name, tensor: TensorResult): Name {
    return this.initializers.has(name) ? name : this.initializer(name, tensor)
  }

  #fresh(name: string): Name {
    const count = (this.#counts.get(name) ?? 0) + 1
    this.#counts.set(name, count)
    return count === 1 ? name : `${name}_${count}`
  }
}
