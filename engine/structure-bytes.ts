/** The structure that a compiled step depends on, as bytes that are the same for equal structures only: what the key of the cache is made of. */
import type { CompileOptions, StepGraph } from './compile.ts'
import { mapped } from './ir/lists.ts'
import type { Output } from './ir/print.ts'
import type { Attrs, Value } from './ir/value.ts'
import { reachable } from './ir/value.ts'

/** The types of results are left out: they follow from the rest. The bytes are good until the next call. */
export function structureBytes({ bindings, records, updates, stopOn }: StepGraph, { wide, maxChunk, threads, alwaysShared }: CompileOptions): Uint8Array {
  writer.begin()
  writer.attrs({ wide, maxChunk, threads, alwaysShared: alwaysShared === true, stopOn: stopOn ?? null })
  writer.count(bindings.length)
  for (const { name, dtype, shape, role, turned } of bindings) writer.attrs({ name, dtype, shape, role, turned: turned === true })
  const values = reachable(mapped([...records, ...updates], (output) => output.value))
  const numbers = new Int32Array((values.at(-1)?.id ?? 0) + 1)
  writer.count(values.length)
  for (let i = 0; i < values.length; i++) {
    numbers[values[i]!.id] = i
    writer.value(values[i]!, numbers)
  }
  for (const outputs of [records, updates]) writer.outputs(outputs, numbers)
  return writer.bytes
}

/** What comes before an attribute, by what it is; `end` after the last one. */
const tags = { end: 0, number: 1, text: 2, list: 3, null: 4, false: 5, true: 6 } as const

/** Room that the next structure finds: most need less, and what a large one has taken does not stay. */
const room = 2 ** 16

class Writer {
  #data = new Uint8Array(room)
  #view = new DataView(this.#data.buffer)
  #length = 0

  begin(): void {
    this.#length = 0
    if (this.#data.length > room) this.#resize(room)
  }

  get bytes(): Uint8Array {
    return this.#data.subarray(0, this.#length)
  }

  value({ op, inputs, attrs }: Value, numbers: Int32Array): void {
    this.#text(op.name)
    this.count(inputs.length)
    for (const input of inputs) this.count(numbers[input.id]!)
    this.attrs(attrs)
  }

  outputs(outputs: readonly Output[], numbers: Int32Array): void {
    this.count(outputs.length)
    for (const { name, value } of outputs) {
      this.#text(name)
      this.count(numbers[value.id]!)
    }
  }

  attrs(attrs: Attrs): void {
    for (const name in attrs) {
      const attr = attrs[name]!
      if (typeof attr === 'number') {
        this.count(tags.number)
        this.#number(attr)
      } else if (typeof attr === 'string') {
        this.count(tags.text)
        this.#text(attr)
      } else if (attr === null) this.count(tags.null)
      else if (typeof attr === 'boolean') this.count(attr ? tags.true : tags.false)
      else {
        this.count(tags.list)
        this.count(attr.length)
        for (const item of attr) this.#number(item)
      }
      this.#text(name)
    }
    this.count(tags.end)
  }

  /** A whole number from 0 on, in LEB128. */
  count(value: number): void {
    this.#reserve(5)
    let rest = value
    while (rest >= 0x80) {
      this.#data[this.#length++] = (rest & 0x7f) | 0x80
      rest >>>= 7
    }
    this.#data[this.#length++] = rest
  }

  #number(value: number): void {
    this.#reserve(8)
    this.#view.setFloat64(this.#length, value)
    this.#length += 8
  }

  #text(text: string): void {
    this.count(text.length)
    for (let i = 0; i < text.length; i++) this.count(text.charCodeAt(i))
  }

  #reserve(count: number): void {
    if (this.#length + count > this.#data.length) this.#resize(this.#data.length * 2)
  }

  #resize(size: number): void {
    const data = new Uint8Array(size)
    data.set(this.#data.subarray(0, this.#length))
    this.#data = data
    this.#view = new DataView(data.buffer)
  }
}

const writer = new Writer()
