/** The structure that a compiled step depends on, as bytes that are the same for equal structures only: what the key of the cache is made of. */
import type { CompileOptions, StepGraph } from './compile.ts'
import { mapped } from './ir/lists.ts'
import type { Output } from './ir/print.ts'
import type { Attrs } from './ir/value.ts'
import { reachable } from './ir/value.ts'
import { Bytes } from './wasm/bytes.ts'

/** The types of results are left out: they follow from the rest. */
export function structureBytes({ bindings, records, updates, stopOn }: StepGraph, { wide, maxChunk, threads, alwaysShared }: CompileOptions): Uint8Array {
  const out = new Bytes()
  writeAttrs(out, { wide, maxChunk, threads, alwaysShared: alwaysShared === true, stopOn: stopOn ?? null })
  out.u32(bindings.length)
  for (const { name, dtype, shape, role, turned } of bindings) writeAttrs(out, { name, dtype, shape, role, turned: turned === true })
  const values = reachable(mapped([...records, ...updates], (output) => output.value))
  const numbers = new Int32Array((values.at(-1)?.id ?? 0) + 1)
  out.u32(values.length)
  for (let i = 0; i < values.length; i++) {
    const { id, op, inputs, attrs } = values[i]!
    numbers[id] = i
    writeText(out, op.name)
    out.u32(inputs.length)
    for (const input of inputs) out.u32(numbers[input.id]!)
    writeAttrs(out, attrs)
  }
  writeOutputs(out, records, numbers)
  writeOutputs(out, updates, numbers)
  return out.take()
}

function writeOutputs(out: Bytes, outputs: readonly Output[], numbers: Int32Array): void {
  out.u32(outputs.length)
  for (const { name, value } of outputs) {
    writeText(out, name)
    out.u32(numbers[value.id]!)
  }
}

/** What comes before an attribute, by what it is; `end` after the last one. */
const tags = { end: 0, number: 1, text: 2, list: 3, null: 4, false: 5, true: 6 } as const

function writeAttrs(out: Bytes, attrs: Attrs): void {
  for (const name in attrs) {
    const attr = attrs[name]!
    if (typeof attr === 'number') {
      out.u8(tags.number)
      out.f64(attr)
    } else if (typeof attr === 'string') {
      out.u8(tags.text)
      writeText(out, attr)
    } else if (attr === null) out.u8(tags.null)
    else if (typeof attr === 'boolean') out.u8(attr ? tags.true : tags.false)
    else {
      out.u8(tags.list)
      out.u32(attr.length)
      for (const item of attr) out.f64(item)
    }
    writeText(out, name)
  }
  out.u8(tags.end)
}

/** By its code units: what is no valid text, as half of a pair, stays what it is. */
function writeText(out: Bytes, text: string): void {
  out.u32(text.length)
  for (let i = 0; i < text.length; i++) out.u32(text.charCodeAt(i))
}
