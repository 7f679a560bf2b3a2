/**
 * Requests that differ in the numbers of their tensors alone are checked once: the text around the tensors is the key
 * of what the first one was checked to be, and the tensors of the next take the places of its own. What is given then
 * has a field `origin`, one object for all of them.
 */
import type { Found, Parsed } from './parse.ts'
import { readTensorAt } from './parse.ts'

/** Fields on the way to tensors; a number is the tensor's place in the text. */
type Plan = Map<string, Plan | number>

interface Kept {
  readonly operation: string
  /** The text between the tensors. */
  readonly segments: readonly Buffer[]
  readonly value: object
  readonly plan: Plan
  /** The clock when it was used last. */
  used: number
}

/** How many of the last used a text is held against, byte by byte, before it is parsed. */
const maxRecent = 4

const maxEntries = 256
/** Longer texts are checked anew each time. */
const maxLength = 64 * 1024

export class Skeletons {
  readonly #kept = new Map<string, Kept>()
  #recent: Kept[] = []
  #clock = 0

  /** A request whose text is that of a recent one but for its tensors, without parsing the rest. */
  match(operation: string, bytes: Buffer, sound: (tensor: Parsed) => boolean): object | undefined {
    for (const kept of this.#recent) {
      if (kept.operation !== operation) continue
      const tensors = tensorsBetween(kept.segments, bytes)
      if (!tensors || !tensors.every(sound)) continue
      this.#used(kept)
      return filled(kept.value, kept.plan, tensors)
    }
    return undefined
  }

  #used(kept: Kept): void {
    kept.used = ++this.#clock
    if (this.#recent[0] === kept) return
    this.#recent = [kept, ...this.#recent.filter((other) => other !== kept)].slice(0, maxRecent)
  }

  /** The text without its tensors; undefined where it is too long to keep. */
  keyOf(operation: string, bytes: Buffer, tensors: readonly Found[]): string | undefined {
    const length = tensors.reduce((n, { start, end }) => n - (end - start), bytes.length)
    return length > maxLength ? undefined : `${operation}${segmentsOf(bytes, tensors).map((segment) => segment.toString('latin1')).join('\0')}`
  }

  get(key: string, tensors: readonly Found[]): object | undefined {
    const kept = this.#kept.get(key)
    if (!kept) return undefined
    this.#used(kept)
    return filled(kept.value, kept.plan, tensors.map((tensor) => tensor.value))
  }

  set(key: string, operation: string, bytes: Buffer, value: object, tensors: readonly Found[]): void {
    const plan: Plan = new Map()
    for (const [i, { path, value: tensor }] of tensors.entries()) {
      // A field that is given twice has its last value: not what the path says.
      if (valueAt(value, path) !== tensor) return
      let inner = plan
      for (const field of path.slice(0, -1)) {
        const next = inner.get(field)
        if (typeof next === 'number') return
        if (next) inner = next
        else inner.set(field, (inner = new Map()))
      }
      inner.set(path.at(-1)!, i)
    }
    const kept = { operation, segments: segmentsOf(bytes, tensors).map((segment) => Buffer.from(segment)), value: { ...emptied(value, plan), origin: {} }, plan, used: 0 }
    this.#kept.set(key, kept)
    this.#used(kept)
    if (this.#kept.size <= maxEntries) return
    let oldest: [string, Kept] = [key, kept]
    for (const entry of this.#kept) if (entry[1].used < oldest[1].used) oldest = entry
    this.#kept.delete(oldest[0])
  }
}

function segmentsOf(bytes: Buffer, tensors: readonly Found[]): Buffer[] {
  return [...tensors, undefined].map((tensor, i) => bytes.subarray(i === 0 ? 0 : tensors[i - 1]!.end, tensor?.start ?? bytes.length))
}

/** The tensors of a text that has these segments between them. */
function tensorsBetween(segments: readonly Buffer[], bytes: Buffer): Parsed[] | undefined {
  const tensors: Parsed[] = []
  let at = 0
  for (const [i, segment] of segments.entries()) {
    if (i > 0) {
      const read = readTensorAt(bytes, at)
      if (!read) return undefined
      tensors.push(read.value)
      at = read.end
    }
    const { length } = segment
    for (let j = 0; j < length; j++) if (bytes[at + j] !== segment[j]) return undefined
    at += length
  }
  return at === bytes.length ? tensors : undefined
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((inner, field) => (inner as Readonly<Record<string, unknown>> | undefined)?.[field], value)
}

/** A copy with the tensors in their places; what has none is shared. */
function filled(value: object, plan: Plan, tensors: readonly Parsed[]): object {
  const copy: Record<string, unknown> = { ...value }
  for (const [field, place] of plan) copy[field] = typeof place === 'number' ? tensors[place] : filled(copy[field] as object, place, tensors)
  return copy
}

/** A copy that does not hold on to the tensors. */
function emptied(value: object, plan: Plan): object {
  const copy: Record<string, unknown> = { ...value }
  for (const [field, place] of plan) copy[field] = typeof place === 'number' ? null : emptied(copy[field] as object, place)
  return copy
}
