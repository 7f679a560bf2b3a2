/**
 * JSON from bytes, with tensors in their places read straight into typed arrays. Everything else is as JSON.parse
 * would give it, but a key "__proto__" is refused.
 */
import type { NumberList } from '../../engine/index.ts'
import { numberEnd, readNumber, readNumberList } from './numbers.ts'

/** Where tensors stand in a request: fields by name, `*` for any name. */
export type Places = 'tensor' | { readonly [field: string]: Places }

/** What is wrong with the text, and where. */
export class JsonError extends Error {}

export type Parsed = null | boolean | number | string | NumberList | readonly Parsed[] | { readonly [key: string]: Parsed }

/** Deeper nesting than any request has: what lies deeper is read without recursion. */
const maxDepth = 200

/** The fields of a tensor's own object. */
const tensorObject = { data: 'tensor' } as const

/** A tensor of the text: where its bytes are, and its value. */
export interface Found {
  readonly start: number
  readonly end: number
  readonly path: readonly string[]
  readonly value: Parsed
}

export interface ParsedText {
  readonly value: Parsed
  /** The tensors, in their order. */
  readonly tensors: readonly Found[]
}

/** Throws a JsonError. */
export function parseJson(bytes: Uint8Array, places: Places | undefined): ParsedText {
  const parser = new Parser(bytes, bytes.length > largeBytes && !namesPrecision(bytes))
  const value = parser.document(places)
  return { value, tensors: parser.tensors }
}

/** The tensor that begins at `start`, where it is a number or a plain list. */
export function readTensorAt(bytes: Uint8Array, start: number): { readonly value: Parsed; readonly end: number } | undefined {
  if (bytes[start] === 0x5b) {
    const read = readNumberList(bytes, start)
    return read && { value: read.list, end: read.end }
  }
  const value = readNumber(bytes, start)
  return Number.isNaN(value) ? undefined : { value, end: numberEnd() }
}

/** Numbers of larger texts are rounded to float32 as they are read, where nothing in the text asks for more. */
const largeBytes = 2 ** 20

/** Whether numbers may be wanted that float32 does not have. A name can be written with escapes. */
function namesPrecision(bytes: Uint8Array): boolean {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return ['float64', 'int64', 'double', 'long', '\\u'].some((word) => text.includes(word))
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

class Parser {
  readonly #bytes: Buffer
  readonly tensors: Found[] = []
  #at = 0
  #depth = 0
  readonly #path: string[] = []

  readonly #rounded: boolean

  constructor(bytes: Uint8Array, rounded: boolean) {
    this.#rounded = rounded
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  document(places: Places | undefined): Parsed {
    // A byte order mark says nothing.
    if (this.#bytes[0] === 0xef && this.#bytes[1] === 0xbb && this.#bytes[2] === 0xbf) this.#at = 3
    const value = this.#value(places)
    this.#space()
    if (this.#at < this.#bytes.length) this.#unexpected()
    return value
  }

  #space(): number | undefined {
    let byte = this.#bytes[this.#at]
    while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) byte = this.#bytes[++this.#at]
    return byte
  }

  #value(places: Places | undefined): Parsed {
    const byte = this.#space()
    if (places === 'tensor') return this.#tensor(byte)
    if (this.#depth >= maxDepth && (byte === 0x5b || byte === 0x7b)) return this.#deep()
    switch (byte) {
      case 0x7b:
        return this.#object(places)
      case 0x5b:
        return this.#array()
      case 0x22:
        return this.#string()
      case 0x74:
        return this.#word('true', true)
      case 0x66:
        return this.#word('false', false)
      case 0x6e:
        return this.#word('null', null)
      default: {
        if (byte !== undefined && (byte === 0x2d || (byte >= 0x30 && byte <= 0x39))) {
          const value = readNumber(this.#bytes, this.#at)
          if (Number.isNaN(value)) this.#unexpected(this.#at + 1)
          this.#at = numberEnd()
          return value
        }
        return this.#unexpected()
      }
    }
  }

  #tensor(byte: number | undefined): Parsed {
    const start = this.#at
    const value = byte === 0x7b ? this.#object(tensorObject) : (this.#numbers() ?? this.#value(undefined))
    // The `data` of a tensor's object is a part of it.
    while (this.tensors.length > 0 && this.tensors.at(-1)!.start > start) this.tensors.pop()
    this.tensors.push({ start, end: this.#at, path: [...this.#path], value })
    return value
  }

  /** Nested numbers of one shape; undefined for anything else, which is read in the general way and judged later. */
  #numbers(): NumberList | undefined {
    if (this.#bytes[this.#at] !== 0x5b) return undefined
    const read = readNumberList(this.#bytes, this.#at, this.#rounded)
    if (read) this.#at = read.end
    return read?.list
  }

  #object(places: Exclude<Places, 'tensor'> | undefined): Parsed {
    this.#enter()
    const object: Record<string, Parsed> = {}
    if (this.#space() === 0x7d) return this.#leave(object)
    for (;;) {
      if (this.#space() !== 0x22) this.#unexpected()
      const key = this.#string()
      if (key === '__proto__') throw new JsonError('the key "__proto__" is not allowed')
      if (this.#space() !== 0x3a) this.#unexpected()
      this.#at++
      if (places) {
        this.#path.push(key)
        object[key] = this.#value(Object.hasOwn(places, key) ? places[key] : places['*'])
        this.#path.pop()
      } else {
        object[key] = this.#value(undefined)
      }
      const next = this.#space()
      if (next === 0x7d) return this.#leave(object)
      if (next !== 0x2c) this.#unexpected()
      this.#at++
    }
  }

  #array(): Parsed {
    this.#enter()
    const items: Parsed[] = []
    if (this.#space() === 0x5d) return this.#leave(items)
    for (;;) {
      items.push(this.#value(undefined))
      const next = this.#space()
      if (next === 0x5d) return this.#leave(items)
      if (next !== 0x2c) this.#unexpected()
      this.#at++
    }
  }

  /** A list or object by JSON.parse, up to the bracket that closes it. */
  #deep(): Parsed {
    const start = this.#at
    let open = 0
    do {
      const byte = this.#bytes[this.#at]
      if (byte === undefined) this.#unexpected()
      if (byte === 0x22) {
        this.#string()
        continue
      }
      if (byte === 0x5b || byte === 0x7b) open++
      if (byte === 0x5d || byte === 0x7d) open--
      this.#at++
    } while (open > 0)
    try {
      return JSON.parse(decode(this.#bytes.subarray(start, this.#at), start)) as Parsed
    } catch (error) {
      throw error instanceof JsonError ? error : new JsonError(`a fault in what is nested deeply from position ${start} on`)
    }
  }

  #enter(): void {
    this.#depth++
    this.#at++
  }

  #leave<T>(value: T): T {
    this.#depth--
    this.#at++
    return value
  }

  #word<T>(word: string, value: T): T {
    for (let i = 1; i < word.length; i++) if (this.#bytes[this.#at + i] !== word.charCodeAt(i)) this.#unexpected(this.#at + i)
    this.#at += word.length
    return value
  }

  #string(): string {
    const start = this.#at + 1
    let at = start
    let ascii = true
    for (;;) {
      const byte = this.#bytes[at]
      if (byte === 0x22) break
      if (byte === undefined || byte < 0x20) this.#unexpected(at)
      // An escaped string is rare: JSON.parse reads it.
      if (byte === 0x5c) return this.#escaped(start, at)
      if (byte > 0x7f) ascii = false
      at++
    }
    this.#at = at + 1
    return ascii ? this.#bytes.toString('latin1', start, at) : decode(this.#bytes.subarray(start, at), start)
  }

  #escaped(start: number, firstEscape: number): string {
    let at = firstEscape
    for (;;) {
      const byte = this.#bytes[at]
      if (byte === 0x22) break
      if (byte === undefined || byte < 0x20) this.#unexpected(at)
      at += byte === 0x5c ? 2 : 1
    }
    this.#at = at + 1
    try {
      return JSON.parse(decode(this.#bytes.subarray(start - 1, at + 1), start)) as string
    } catch (error) {
      throw error instanceof JsonError ? error : new JsonError(`a wrong escape in the string at position ${start - 1}`)
    }
  }

  #unexpected(at = this.#at): never {
    const byte = this.#bytes[at]
    if (byte === undefined) throw new JsonError('it ends too early')
    const shown = byte > 0x20 && byte < 0x7f ? JSON.stringify(String.fromCharCode(byte)) : `byte 0x${byte.toString(16).padStart(2, '0')}`
    throw new JsonError(`unexpected ${shown} at position ${at}`)
  }
}

function decode(bytes: Uint8Array, start: number): string {
  try {
    return decoder.decode(bytes)
  } catch {
    throw new JsonError(`the string at position ${start - 1} is not UTF-8`)
  }
}
