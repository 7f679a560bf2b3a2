/** The messages of an ONNX file: the part of onnx.proto that an export writes. */
import protobuf from 'protobufjs/light.js'
import type { DType, TensorResult } from '../../engine/index.ts'

/** Numbers of fields and their types, as onnx.proto has them. */
const messages = {
  ModelProto: { irVersion: [1, 'int64'], producerName: [2, 'string'], graph: [7, 'GraphProto'], opsetImport: [8, 'OperatorSetIdProto', 'repeated'] },
  OperatorSetIdProto: { domain: [1, 'string'], version: [2, 'int64'] },
  GraphProto: { node: [1, 'NodeProto', 'repeated'], name: [2, 'string'], initializer: [5, 'TensorProto', 'repeated'], input: [11, 'ValueInfoProto', 'repeated'], output: [12, 'ValueInfoProto', 'repeated'] },
  NodeProto: { input: [1, 'string', 'repeated'], output: [2, 'string', 'repeated'], name: [3, 'string'], opType: [4, 'string'], attribute: [5, 'AttributeProto', 'repeated'] },
  AttributeProto: { name: [1, 'string'], f: [2, 'float'], i: [3, 'int64'], s: [4, 'bytes'], ints: [8, 'int64', 'repeated'], strings: [9, 'bytes', 'repeated'], type: [20, 'int32'] },
  TensorProto: { dims: [1, 'int64', 'repeated'], dataType: [2, 'int32'], name: [8, 'string'], rawData: [9, 'bytes'] },
  ValueInfoProto: { name: [1, 'string'], type: [2, 'TypeProto'] },
  TypeProto: { tensorType: [1, 'TensorTypeProto'] },
  TensorTypeProto: { elemType: [1, 'int32'], shape: [2, 'TensorShapeProto'] },
  TensorShapeProto: { dim: [1, 'DimensionProto', 'repeated'] },
  DimensionProto: { dimValue: [1, 'int64'], dimParam: [2, 'string'] },
} as const satisfies Record<string, Record<string, readonly [id: number, type: string, rule?: string]>>

const root = protobuf.Root.fromJSON({
  nested: Object.fromEntries(
    Object.entries(messages).map(([name, fields]) => [
      name,
      { fields: Object.fromEntries(Object.entries<readonly [number, string, string?]>(fields).map(([field, [id, type, rule]]) => [field, { id, type, ...(rule !== undefined && { rule }) }])) },
    ]),
  ),
})

export type Attribute =
  | { readonly type: 1; readonly f: number }
  | { readonly type: 2; readonly i: number }
  | { readonly type: 3; readonly s: Uint8Array }
  | { readonly type: 7; readonly ints: readonly number[] }
  | { readonly type: 8; readonly strings: readonly Uint8Array[] }

/** Attributes are numbers of 32 bits, whatever the tensors are. */
export const float = (f: number): Attribute => ({ type: 1, f })
export const int = (i: number): Attribute => ({ type: 2, i })
export const text = (s: string): Attribute => ({ type: 3, s: new TextEncoder().encode(s) })
export const ints = (values: readonly number[]): Attribute => ({ type: 7, ints: values })
export const texts = (values: readonly string[]): Attribute => ({ type: 8, strings: values.map((s) => new TextEncoder().encode(s)) })

/** TensorProto.DataType */
export const dataTypes: Readonly<Record<DType, number>> = { float32: 1, int32: 6, int64: 7, bool: 9, float64: 11 }

export interface Node {
  readonly op: string
  readonly name: string
  readonly inputs: readonly string[]
  readonly outputs: readonly string[]
  readonly attributes: Readonly<Record<string, Attribute>>
}

/** A size, or the name of one that may be any. */
export type Dimension = number | string

export interface GraphValue {
  readonly name: string
  readonly dtype: DType
  readonly dimensions: readonly Dimension[]
}

export interface GraphText {
  readonly nodes: readonly Node[]
  readonly initializers: ReadonlyMap<string, TensorResult>
  readonly input: GraphValue
  readonly output: GraphValue
}

/** The bytes of a model. */
export function encodeModel(graph: GraphText, opset: number, producer: string): Uint8Array<ArrayBuffer> {
  const model = {
    // The version of the format that came with opset 17 and 18.
    irVersion: 8,
    producerName: producer,
    opsetImport: [{ domain: '', version: opset }],
    graph: {
      name: 'model',
      node: graph.nodes.map(({ op, name, inputs, outputs, attributes }) => ({
        opType: op,
        name,
        input: inputs,
        output: outputs,
        attribute: Object.entries(attributes).map(([field, attribute]) => ({ name: field, ...attribute })),
      })),
      initializer: [...graph.initializers].map(([name, { shape, dtype, elements }]) => ({
        name,
        dims: shape,
        dataType: dataTypes[dtype],
        rawData: new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength),
      })),
      input: [valueInfo(graph.input)],
      output: [valueInfo(graph.output)],
    },
  }
  return new Uint8Array(root.lookupType('ModelProto').encode(model).finish())
}

function valueInfo({ name, dtype, dimensions }: GraphValue): object {
  const dim = dimensions.map((size) => (typeof size === 'number' ? { dimValue: size } : { dimParam: size }))
  return { name, type: { tensorType: { elemType: dataTypes[dtype], shape: { dim } } } }
}
