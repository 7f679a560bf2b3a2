/** The state of a request against the parameters and buffers of its model, as torch's load_state_dict compares them. */
import type { Fault } from '../errors.ts'
import { SpecError, escape, showShape, suggestion } from '../errors.ts'
import type { DType, Shape } from '../ir/types.ts'
import { isFloat, sameShape } from '../ir/types.ts'
import type { StateJson } from '../spec.ts'
import type { TensorData, TensorJson } from '../tensor.ts'
import { readTensor, toElements } from '../tensor.ts'
import { readSafetensors } from './safetensors.ts'

/** What a tensor of the model takes. */
export interface Place {
  readonly shape: Shape
  readonly dtype: DType
}

export interface Restored {
  readonly elements: ReturnType<typeof toElements>
  /** Where in the request it stands. */
  readonly pointer: string
}

/** Names that one message lists, at most. */
const maxNames = 50

/**
 * The given tensors as elements of the model's. All that does not fit is reported at once: names that the model does
 * not have, other shapes, other dtypes, and names that are missing. A file has to have every name, as in PyTorch. A
 * state in JSON may give a part of them, the rest keeps its initial values: what it leaves out is only told beside
 * other faults, where it may explain them.
 */
export function readState(json: StateJson, places: ReadonlyMap<string, Place>, maxElements: number): Map<string, Restored> {
  const file = typeof json['safetensors'] === 'string' ? fileTensors(json['safetensors']) : undefined
  const given = file ?? new Map(Object.entries(json as Readonly<Record<string, TensorJson>>))
  const faults: Fault[] = []
  const restored = new Map<string, Restored>()
  for (const [name, tensor] of given) {
    const pointer = file ? filePointer : `/state/${escape(name)}`
    const wrong = (message: string): void => void faults.push({ code: 'state_mismatch', message, pointer })
    const place = places.get(name)
    if (!place) {
      wrong(`the model has no parameter "${name}"${suggestion(name, places.keys())}`)
      continue
    }
    const data = file ? (tensor as TensorData) : readTensor(tensor, pointer, maxElements)
    const mismatch = mismatchOf(name, place, data)
    if (mismatch === undefined) restored.set(name, { elements: toElements(data, place.dtype), pointer })
    else wrong(mismatch)
  }
  const missing = [...places.keys()].filter((name) => !given.has(name))
  if (missing.length > 0 && (file || faults.length > 0)) {
    const more = missing.length > maxNames ? ` and ${missing.length - maxNames} more` : ''
    faults.push({ code: 'state_mismatch', message: `the state lacks ${missing.slice(0, maxNames).join(', ')}${more}`, pointer: file ? filePointer : '/state' })
  }
  const [first, ...others] = faults
  if (first) throw new SpecError(first.code, first.message, { pointer: first.pointer! }, others)
  return restored
}

const filePointer = '/state/safetensors'

function fileTensors(base64: string): Map<string, TensorData> {
  let file: Uint8Array
  try {
    file = Uint8Array.fromBase64(base64)
  } catch {
    throw new SpecError('invalid_safetensors', 'base64 text expected', { pointer: filePointer })
  }
  try {
    return readSafetensors(file)
  } catch (error) {
    throw error instanceof SpecError ? error.at({ pointer: filePointer }) : error
  }
}

/** Why a tensor does not fit. Floating-point dtypes are converted to the spec's, as load_state_dict does. */
function mismatchOf(name: string, { shape, dtype }: Place, given: TensorData): string | undefined {
  if (!sameShape(given.shape, shape)) return `"${name}" has shape ${showShape(shape)}, got ${showShape(given.shape)}`
  const kind = given.dtype ?? dtype
  if (kind !== dtype && !(isFloat(kind) && isFloat(dtype))) return `"${name}" is ${dtype}, got ${kind}`
  if (dtype !== 'int64' || given.numbers instanceof BigInt64Array) return undefined
  const at = given.numbers.findIndex((x) => !Number.isSafeInteger(x))
  return at < 0 ? undefined : `"${name}" is int64, got ${given.numbers[at]} at element ${at}`
}
