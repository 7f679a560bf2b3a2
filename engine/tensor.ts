/** Tensors in JSON: nested numbers, or an object with flat data or base64. */
import { SpecError, showShape } from './errors.ts'
import type { DType, Shape } from './ir/value.ts'
import { numel } from './ir/value.ts'
import type { Elements } from './runtime.ts'

/** A tensor of an answer. */
export interface TensorResult {
  readonly shape: Shape
  readonly dtype: DType
  readonly elements: Elements
}

/** The dtypes that a caller may name. */
export type TensorType = 'float32' | 'float64' | 'int64' | 'bool'

/** Nested lists of numbers that were read straight into one array. All of them are finite. */
export class NumberList {
  readonly shape: readonly number[]
  /** Row-major; float32 where each number is exactly one. */
  readonly numbers: Float64Array<ArrayBuffer> | Float32Array<ArrayBuffer>
  /** Whether they begin with true or false. */
  readonly truth: boolean

  constructor(shape: readonly number[], numbers: Float64Array<ArrayBuffer> | Float32Array<ArrayBuffer>, truth: boolean) {
    this.shape = shape
    this.numbers = numbers
    this.truth = truth
  }
}

export type NestedNumbers = number | boolean | NumberList | readonly NestedNumbers[]

export type TensorJson =
  | NestedNumbers
  | { readonly data: NestedNumbers; readonly shape?: readonly number[] | undefined; readonly dtype?: TensorType | undefined }
  | { readonly base64: string; readonly shape: readonly number[]; readonly dtype?: TensorType | undefined }
  | TensorShape

/** A tensor without its numbers, where nothing is to run. */
export interface TensorShape {
  readonly shape: readonly number[]
  readonly dtype?: TensorType | undefined
}

/** A tensor as it was sent: numbers in row-major order. */
export interface TensorData {
  readonly shape: readonly number[]
  /** The dtype that was named, if one was. */
  readonly dtype: TensorType | undefined
  /** bool as 0 and 1; int64 exactly. None of a tensor that is given by its shape alone. */
  readonly numbers: Float64Array | Float32Array | BigInt64Array
}

/**
 * Reads a tensor. Ragged nesting, a wrong count and more than `maxElements` elements are errors that point at the
 * place. The elements' types have been checked before.
 */
export function readTensor(json: TensorJson, pointer: string, maxElements: number): TensorData {
  if (typeof json !== 'object') return { shape: [], dtype: typeof json === 'boolean' ? 'bool' : undefined, numbers: numberAlone(Number(json)) }
  if (isNested(json)) return { ...readNested(json, pointer, maxElements), dtype: isTruth(json) ? 'bool' : undefined }
  if ('base64' in json) return readBase64(json, pointer, maxElements)
  if (!('data' in json)) {
    requireSize(json.shape, maxElements, pointer)
    return { shape: json.shape, dtype: json.dtype, numbers: new Float64Array(0) }
  }
  const nested = readNested(json.data, `${pointer}/data`, maxElements)
  const shape = json.shape ?? nested.shape
  if (numel(shape) !== nested.numbers.length) {
    throw new SpecError('invalid_tensor', `shape ${showShape(shape)} has ${numel(shape)} elements, got ${nested.numbers.length} numbers`, { pointer: `${pointer}/shape` })
  }
  const dtype = json.dtype ?? (isTruth(json.data) ? 'bool' : undefined)
  if (dtype === 'int64') requireWhole(nested.numbers, pointer)
  return { shape, dtype, numbers: nested.numbers }
}

/** float32 where it is exactly one, as in a NumberList. */
function numberAlone(x: number): Float64Array | Float32Array {
  const numbers = Math.fround(x) === x ? new Float32Array(1) : new Float64Array(1)
  numbers[0] = x
  return numbers
}

function isNested(json: TensorJson): json is NumberList | readonly NestedNumbers[] {
  return Array.isArray(json) || json instanceof NumberList
}

function isTruth(json: NestedNumbers): boolean {
  if (json instanceof NumberList) return json.truth
  let first: NestedNumbers | undefined = json
  while (Array.isArray(first)) first = first[0] as NestedNumbers | undefined
  return typeof first === 'boolean'
}

function requireWhole(numbers: Float64Array | Float32Array, pointer: string): void {
  const at = numbers.findIndex((x) => !Number.isSafeInteger(x))
  if (at >= 0) throw new SpecError('invalid_tensor', `int64 takes whole numbers up to 2^53, got ${numbers[at]} at element ${at}`, { pointer })
}

/** The shape is read along the first items; every other item must agree with it. */
function readNested(json: NestedNumbers, pointer: string, maxElements: number): { shape: readonly number[]; numbers: Float64Array | Float32Array } {
  if (json instanceof NumberList) {
    requireSize(json.shape, maxElements, pointer)
    return json
  }
  const shape: number[] = []
  let first: NestedNumbers | undefined = json
  while (Array.isArray(first)) {
    const items: readonly NestedNumbers[] = first
    shape.push(items.length)
    first = items[0]
  }
  const count = numel(shape)
  requireSize(shape, maxElements, pointer)
  const numbers = new Float64Array(count)
  let at = 0
  const fill = (node: NestedNumbers, depth: number, path: readonly number[]): void => {
    const size = shape[depth]
    if (size === undefined) {
      if (typeof node === 'object') ragged(path, 'a number', `a list of ${(node as readonly NestedNumbers[]).length}`)
      numbers[at++] = Number(node)
      return
    }
    if (typeof node !== 'object') ragged(path, `a list of ${size}`, `the number ${String(node)}`)
    const items = node as readonly NestedNumbers[]
    if (items.length !== size) ragged(path, `a list of ${size}`, `a list of ${items.length}`)
    if (depth === shape.length - 1) {
      for (let i = 0; i < size; i++) {
        const item = items[i]!
        if (typeof item === 'object') ragged([...path, i], 'a number', `a list of ${(item as readonly NestedNumbers[]).length}`)
        numbers[at++] = Number(item)
      }
      return
    }
    for (let i = 0; i < size; i++) fill(items[i]!, depth + 1, [...path, i])
  }
  const ragged = (path: readonly number[], expected: string, got: string): never => {
    const place = [pointer, ...path].join('/')
    throw new SpecError('invalid_tensor', `the nesting is ragged: ${expected} expected, got ${got}`, { pointer: place })
  }
  fill(json, 0, [])
  return { shape, numbers }
}

function requireSize(shape: readonly number[], maxElements: number, pointer: string): void {
  if (numel(shape) > maxElements) {
    throw new SpecError('tensor_too_large', `a tensor of shape ${showShape(shape)} has ${numel(shape)} elements; the limit is ${maxElements}`, { pointer })
  }
}

const bytesPerElement: Record<TensorType, number> = { float32: 4, float64: 8, int64: 8, bool: 1 }

/** Little-endian bytes; a bool is one byte. */
function readBase64(json: { base64: string; shape: readonly number[]; dtype?: TensorType | undefined }, pointer: string, maxElements: number): TensorData {
  const dtype = json.dtype ?? 'float32'
  requireSize(json.shape, maxElements, pointer)
  const bytes = decodeBase64(json.base64, pointer)
  const count = numel(json.shape)
  if (bytes.length !== count * bytesPerElement[dtype]) {
    throw new SpecError(
      'invalid_tensor',
      `${dtype} of shape ${showShape(json.shape)} takes ${count * bytesPerElement[dtype]} bytes, got ${bytes.length}`,
      { pointer: `${pointer}/base64` },
    )
  }
  const numbers = dtype === 'int64' ? new BigInt64Array(bytes.buffer) : Float64Array.from(dtype === 'float32' ? new Float32Array(bytes.buffer) : dtype === 'float64' ? new Float64Array(bytes.buffer) : bytes)
  return { shape: json.shape, dtype, numbers }
}

function decodeBase64(text: string, pointer: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.fromBase64(text)
  } catch {
    throw new SpecError('invalid_tensor', 'base64 text expected', { pointer: `${pointer}/base64` })
  }
}

/** The same numbers as elements of a buffer of `dtype`; the same array where it is one already. */
export function toElements(tensor: TensorData, dtype: DType): Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer> | BigInt64Array<ArrayBuffer> | Uint8Array<ArrayBuffer> {
  const { numbers } = tensor
  const bigs = numbers instanceof BigInt64Array
  switch (dtype) {
    case 'float32':
      if (numbers instanceof Float32Array) return numbers as Float32Array<ArrayBuffer>
      return bigs ? Float32Array.from(numbers, Number) : new Float32Array(numbers)
    case 'float64':
      return bigs ? Float64Array.from(numbers, Number) : new Float64Array(numbers)
    case 'int64':
      return bigs ? BigInt64Array.from(numbers) : BigInt64Array.from({ length: numbers.length }, (_, i) => BigInt(Math.trunc(Number(numbers[i]))))
    default:
      return Uint8Array.from({ length: numbers.length }, (_, i) => Number(Number(numbers[i]) !== 0))
  }
}
