/** Nested lists of numbers, from the bytes of JSON straight into one typed array. */
import { NumberList } from '../../engine/index.ts'
import { exactLimit, exactPowers, fromParts } from './decimal.ts'

export interface ReadList {
  readonly list: NumberList
  /** Where the list ends. */
  readonly end: number
}

const maxDepth = 32

/** Numbers after which the size of all is estimated. */
const sample = 4096

/** Where a number that was read ends. */
const cursor = { at: 0 }

/**
 * The list that begins at `start` with a bracket. Undefined for whatever is not plainly nested numbers, all of one
 * shape: it is then read in the general way, which knows what is wrong. `rounded`: to float32, where nobody asks for more.
 */
export function readNumberList(bytes: Uint8Array, start: number, rounded = false): ReadList | undefined {
  const { length } = bytes
  /** Sizes of the levels, once a list of each has been closed; -1 before. */
  const sizes: number[] = []
  /** Items so far of the open lists. */
  const counts: number[] = []
  let depth = 0
  /** Brackets above a number; -1 until one is known. */
  let leaf = -1
  let truth = false
  let single = true
  let numbers: Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer> = new Float32Array(16)
  let count = 0
  let at = start
  /** Whether a value must follow: after a comma. */
  let expecting = true
  for (;;) {
    while (at < length && isSpace(bytes[at]!)) at++
    const byte = bytes[at]
    if (byte === 0x5b && expecting) {
      if (depth === leaf || depth === maxDepth) return undefined
      if (depth > 0) counts[depth - 1]!++
      if (depth === sizes.length) sizes.push(-1)
      counts[depth++] = 0
      at++
      while (at < length && isSpace(bytes[at]!)) at++
      if (bytes[at] === 0x5d) {
        if (leaf === -1) leaf = depth
        if (depth !== leaf) return undefined
        expecting = false
      }
      continue
    }
    if (byte === 0x5d && !expecting) {
      const size = counts[--depth]!
      if (sizes[depth] === -1) sizes[depth] = size
      else if (sizes[depth] !== size) return undefined
      at++
      if (depth === 0) break
      continue
    }
    if (byte === 0x2c && !expecting) {
      expecting = true
      at++
      continue
    }
    if (!expecting) return undefined
    // The numbers of one list, in a row.
    if (leaf === -1) leaf = depth
    if (depth !== leaf || byte === undefined) return undefined
    let items = 0
    for (;;) {
      let value: number
      const first = bytes[at]!
      if (first === 0x74 || first === 0x66) {
        const word = first === 0x74 ? trueBytes : falseBytes
        if (!isWord(bytes, at, word)) return undefined
        if (count === 0) truth = true
        value = first === 0x74 ? 1 : 0
        at += word.length
      } else {
        value = readNumber(bytes, at)
        // NaN: no number. Beyond the range of doubles it is an error too.
        if (!(value - value === 0)) return undefined
        at = cursor.at
      }
      if (count === numbers.length) numbers = grown(numbers, count, estimate(count, at - start, length - start))
      if (single && !rounded && Math.fround(value) !== value) {
        numbers = Float64Array.from(numbers)
        single = false
      }
      numbers[count++] = value
      items++
      let next = bytes[at]
      while (next !== undefined && isSpace(next)) next = bytes[++at]
      if (next !== 0x2c) break
      next = bytes[++at]
      while (next !== undefined && isSpace(next)) next = bytes[++at]
    }
    counts[depth - 1]! += items
    expecting = false
  }
  return { list: new NumberList(sizes, numbers.subarray(0, count), truth), end: at }
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09
}

const trueBytes = new TextEncoder().encode('true')
const falseBytes = new TextEncoder().encode('false')

function isWord(bytes: Uint8Array, at: number, word: Uint8Array): boolean {
  for (let i = 0; i < word.length; i++) if (bytes[at + i] !== word[i]) return false
  return true
}

/** How many numbers there will be, a little too many. Memory that is not written to is not taken. */
function estimate(count: number, read: number, whole: number): number {
  if (count < sample) return count * 2
  return Math.max(Math.ceil(count * 1.5), Math.ceil((count / read) * whole * 1.05))
}

function grown(numbers: Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>, count: number, capacity: number): Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer> {
  const larger = numbers instanceof Float32Array ? new Float32Array(capacity) : new Float64Array(capacity)
  larger.set(numbers.subarray(0, count))
  return larger
}

/** The number whose text begins at `start`, NaN where there is none; `cursor.at` is its end. */
export function readNumber(bytes: Uint8Array, start: number): number {
  let at = start
  let byte = bytes[at]!
  const negative = byte === 0x2d
  if (negative) byte = bytes[++at]!
  let digits = 0
  let exponent = 0
  if (byte === 0x30) {
    byte = bytes[++at]!
  } else {
    if (!(byte >= 0x31 && byte <= 0x39)) return Number.NaN
    do {
      digits = digits * 10 + (byte - 0x30)
      byte = bytes[++at]!
    } while (byte >= 0x30 && byte <= 0x39)
  }
  if (byte === 0x2e) {
    const point = at
    byte = bytes[++at]!
    if (!(byte >= 0x30 && byte <= 0x39)) return Number.NaN
    do {
      digits = digits * 10 + (byte - 0x30)
      byte = bytes[++at]!
    } while (byte >= 0x30 && byte <= 0x39)
    exponent = point + 1 - at
  }
  const mantissaEnd = at
  if (byte === 0x65 || byte === 0x45) {
    byte = bytes[++at]!
    const minus = byte === 0x2d
    if (minus || byte === 0x2b) byte = bytes[++at]!
    if (!(byte >= 0x30 && byte <= 0x39)) return Number.NaN
    let power = 0
    do {
      if (power < 100_000) power = power * 10 + (byte - 0x30)
      byte = bytes[++at]!
    } while (byte >= 0x30 && byte <= 0x39)
    exponent += minus ? -power : power
  }
  cursor.at = at
  let value: number
  if (digits < exactLimit && exponent >= -22 && exponent <= 22) value = exponent < 0 ? digits / exactPowers[-exponent]! : digits * exactPowers[exponent]!
  else value = longNumber(bytes, negative ? start + 1 : start, mantissaEnd, at, exponent)
  return negative ? -value : value
}

/** The end of the number that was read last. */
export function numberEnd(): number {
  return cursor.at
}

/** A number of many digits or with a large exponent. */
function longNumber(bytes: Uint8Array, start: number, mantissaEnd: number, end: number, exponent: number): number {
  let head = 0
  let tail = 0
  let digits = 0
  for (let at = start; at < mantissaEnd; at++) {
    const byte = bytes[at]!
    if (byte === 0x2e) continue
    if (digits === 0 && byte === 0x30) continue
    if (digits < 15) head = head * 10 + (byte - 0x30)
    else tail = tail * 10 + (byte - 0x30)
    digits++
  }
  if (digits === 0) return 0
  const value = digits <= 30 ? fromParts(head, tail, Math.max(0, digits - 15), exponent) : undefined
  return value ?? Number(String.fromCharCode(...bytes.subarray(start, end)))
}
