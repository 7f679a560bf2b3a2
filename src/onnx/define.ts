/** How a layer type is written: one function, which may refuse. */
import { SpecError } from '../../engine/index.ts'
import type { LayerWriter, Name } from './graph.ts'

/** Writes a layer that is applied to `x`, and gives its result. */
export type Exporter = (x: Name, writer: LayerWriter) => Name

/** An exporter with its layer's options, whose type is the exporter's to say. */
export function exporter(write: (x: Name, writer: LayerWriter, options: never) => Name): Exporter {
  return (x, writer) => write(x, writer, writer.layer.options as never)
}

/** Stops with the layer and the reason. */
export function refuse({ layer: { type, name, pointer } }: LayerWriter, reason: string): never {
  throw new SpecError('not_exportable', `layer ${name} (${type}) cannot be exported: ${reason}`, { pointer })
}

/** A layer that is never exported. */
export function never(reason: string): Exporter {
  return (_x, writer) => refuse(writer, reason)
}

/** A dimension counted from the front. */
export function axisOf(dim: number, rank: number): number {
  return dim < 0 ? dim + rank : dim
}
