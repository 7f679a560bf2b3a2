/**
 * The safetensors format: eight bytes with the length of a JSON header, the header, the tensors' bytes.
 *
 * The header says for each name the dtype, the shape and from where to where its bytes go, counted from the end of the
 * header. Nothing is allocated before it has been held against the length of the file.
 */
import { SpecError, invariant, showShape } from '../errors.ts'
import type { Shape } from '../ir/types.ts'
import { numel } from '../ir/types.ts'
import type { Elements } from '../runtime.ts'
import type { TensorData, TensorResult, TensorType } from '../tensor.ts'
import { repeatedKey } from './json-keys.ts'
import { widenBfloat16, widenFloat16 } from './half.ts'

interface Stored {
  readonly bytes: number
  /** What the tensor is here. */
  readonly dtype: TensorType
  /** Numbers of bytes that are the tensor's own and begin at a multiple of 8. */
  readonly read: (bytes: ArrayBuffer) => TensorData['numbers']
}

/** The dtypes of the format that are read. The narrow ones are widened, which loses nothing. */
const stored: ReadonlyMap<string, Stored> = new Map([
  ['F64', { bytes: 8, dtype: 'float64', read: (buffer) => new Float64Array(buffer) }],
  ['F32', { bytes: 4, dtype: 'float32', read: (buffer) => new Float32Array(buffer) }],
  ['F16', { bytes: 2, dtype: 'float32', read: (buffer) => widenFloat16(new Uint16Array(buffer)) }],
  ['BF16', { bytes: 2, dtype: 'float32', read: (buffer) => widenBfloat16(new Uint16Array(buffer)) }],
  ['I64', { bytes: 8, dtype: 'int64', read: (buffer) => new BigInt64Array(buffer) }],
  ['I32', { bytes: 4, dtype: 'int64', read: (buffer) => Float64Array.from(new Int32Array(buffer)) }],
  ['I16', { bytes: 2, dtype: 'int64', read: (buffer) => Float64Array.from(new Int16Array(buffer)) }],
  ['I8', { bytes: 1, dtype: 'int64', read: (buffer) => Float64Array.from(new Int8Array(buffer)) }],
  ['U8', { bytes: 1, dtype: 'int64', read: (buffer) => Float64Array.from(new Uint8Array(buffer)) }],
  ['BOOL', { bytes: 1, dtype: 'bool', read: (buffer) => Float64Array.from(new Uint8Array(buffer)) }],
] as const satisfies readonly (readonly [string, Stored])[])

/** The longest header that other readers take. */
const maxHeaderBytes = 100_000_000
const metadataName = '__metadata__'

/** A file that is not safetensors, or not a whole one. */
function refuse(message: string): never {
  throw new SpecError('invalid_safetensors', message)
}

interface Entry {
  readonly name: string
  readonly stored: Stored
  readonly shape: Shape
  readonly from: number
  readonly to: number
}

/** The tensors of a file by their names. Throws `invalid_safetensors`, without a place. */
export function readSafetensors(file: Uint8Array): Map<string, TensorData> {
  const { header, data } = split(file)
  const entries = parseHeader(header)
  cover(entries, data.length)
  return new Map(
    entries.map(({ name, stored: { dtype, read }, shape, from, to }) => {
      // A copy: the bytes of a tensor may begin anywhere.
      const numbers = read(new Uint8Array(data.subarray(from, to)).buffer)
      return [name, { shape, dtype, numbers }]
    }),
  )
}

function split(file: Uint8Array): { header: string; data: Uint8Array } {
  if (file.length < 8) refuse(`the file is truncated: it begins with 8 bytes that hold the length of its header, and has ${file.length}`)
  const length = new DataView(file.buffer, file.byteOffset, 8).getBigUint64(0, true)
  const room = file.length - 8
  if (length > BigInt(room)) refuse(`the file is truncated: its header would have ${length} bytes, and ${room} follow`)
  const size = Number(length)
  if (size > maxHeaderBytes) refuse(`its header has ${size} bytes; at most ${maxHeaderBytes} are allowed`)
  try {
    return { header: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(file.subarray(8, 8 + size)), data: file.subarray(8 + size) }
  } catch {
    return refuse('its header is not UTF-8')
  }
}

function parseHeader(text: string): Entry[] {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (error) {
    refuse(`its header is not JSON: ${(error as Error).message}`)
  }
  if (!isObject(json)) refuse('its header is not a JSON object')
  const repeated = repeatedKey(text)
  if (repeated !== undefined) refuse(`its header has the name ${JSON.stringify(repeated)} twice`)
  return Object.entries(json).flatMap(([name, fields]) => {
    if (name !== metadataName) return [entryOf(name, fields)]
    if (!isObject(fields) || Object.values(fields).some((item) => typeof item !== 'string')) refuse(`"${metadataName}" holds other things than texts`)
    return []
  })
}

function isObject(json: unknown): json is Readonly<Record<string, unknown>> {
  return typeof json === 'object' && json !== null && !Array.isArray(json)
}

function isSize(x: unknown): x is number {
  return Number.isSafeInteger(x) && (x as number) >= 0
}

function entryOf(name: string, fields: unknown): Entry {
  const tensor = `the tensor ${JSON.stringify(name)}`
  if (!isObject(fields)) refuse(`${tensor} has no "dtype", "shape" and "data_offsets"`)
  const { dtype, shape, data_offsets: offsets, ...others } = fields
  const unknown = Object.keys(others)
  if (unknown.length > 0) refuse(`${tensor} has the unknown field "${unknown[0]}"`)
  const kind = typeof dtype === 'string' ? stored.get(dtype) : undefined
  if (!kind) refuse(`${tensor} has the dtype ${JSON.stringify(dtype) ?? 'missing'}; those that are read are ${[...stored.keys()].join(', ')}`)
  if (!Array.isArray(shape) || !shape.every(isSize)) refuse(`${tensor} has the shape ${JSON.stringify(shape) ?? 'missing'}: a list of sizes is expected`)
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isSize)) refuse(`${tensor} has the data_offsets ${JSON.stringify(offsets) ?? 'missing'}: where its bytes begin and end is expected`)
  const [from, to] = offsets as [number, number]
  if (to < from) refuse(`${tensor} ends at byte ${to}, before it begins at ${from}`)
  const bytes = numel(shape) * kind.bytes
  if (to - from !== bytes) refuse(`${tensor}: ${String(dtype)} of shape ${showShape(shape)} takes ${bytes} bytes, its data_offsets [${from}, ${to}] give it ${to - from}`)
  return { name, stored: kind, shape, from, to }
}

/** The tensors lie one after the other and fill the file. */
function cover(entries: readonly Entry[], length: number): void {
  let end = 0
  let before = ''
  for (const { name, from, to } of entries.toSorted((a, b) => a.from - b.from || a.to - b.to)) {
    const which = `the tensor ${JSON.stringify(name)} begins at byte ${from}`
    if (from < end) refuse(`${which}, inside ${JSON.stringify(before)}, which ends at ${end}: tensors may not overlap`)
    if (from > end) refuse(`${which}, and byte ${end} is where ${before === '' ? 'the first one has to begin' : `${JSON.stringify(before)} ends`}: there may be no holes`)
    end = to
    before = name
  }
  if (end > length) refuse(`the file is truncated: ${JSON.stringify(before)} ends at byte ${end} of the tensors, and the file has ${length} of them`)
  if (end < length) refuse(`the tensors end at byte ${end}, and the file has ${length - end} more: there may be no holes`)
}

// ---- writing

const names: Readonly<Record<TensorType, string>> = { float64: 'F64', float32: 'F32', int64: 'I64', bool: 'BOOL' }
/** Wider types first, as the format's own library writes them: every tensor is aligned. */
const order: readonly TensorType[] = ['int64', 'float64', 'float32', 'bool']

/** Bytes of the file that `writeSafetensors` makes, roughly; never too few. */
export function safetensorsSize(tensors: Iterable<readonly [string, Pick<TensorResult, 'shape' | 'dtype'>]>): number {
  let size = 100
  for (const [name, { shape, dtype }] of tensors) size += 120 + name.length * 6 + shape.length * 20 + numel(shape) * bytesOf(dtype)
  return size
}

function bytesOf(dtype: TensorResult['dtype']): number {
  invariant(dtype !== 'int32', 'no tensor of a state is int32')
  return stored.get(names[dtype])!.bytes
}

/** A file that safetensors.torch.load_file reads. The same tensors give the same bytes. */
export function writeSafetensors(tensors: ReadonlyMap<string, TensorResult>): Uint8Array<ArrayBuffer> {
  const rank = ({ dtype }: TensorResult): number => order.indexOf(dtype as TensorType)
  const sorted = [...tensors].toSorted(([a, x], [b, y]) => rank(x) - rank(y) || compareBytes(a, b))
  let end = 0
  const lines = sorted.map(([name, { shape, dtype }]) => {
    const from = end
    end += numel(shape) * bytesOf(dtype)
    return `${JSON.stringify(name)}:{"dtype":"${names[dtype as TensorType]}","shape":[${shape.join(',')}],"data_offsets":[${from},${end}]}`
  })
  const text = new TextEncoder().encode(`{${['"__metadata__":{"format":"pt"}', ...lines].join(',')}}`)
  const start = 8 + Math.ceil(text.length / 8) * 8
  const file = new Uint8Array(start + end)
  file.fill(0x20, 8, start)
  file.set(text, 8)
  new DataView(file.buffer).setBigUint64(0, BigInt(start - 8), true)
  let at = start
  for (const [, { elements }] of sorted) {
    const bytes = bytesIn(elements)
    file.set(bytes, at)
    at += bytes.length
  }
  return file
}

function bytesIn(elements: Elements): Uint8Array {
  return new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength)
}

/** Names in the order of their UTF-8 bytes, which is that of their code points. */
function compareBytes(a: string, b: string): number {
  const [left, right] = [Array.from(a, (c) => c.codePointAt(0)!), Array.from(b, (c) => c.codePointAt(0)!)]
  const at = left.findIndex((point, i) => point !== right[i])
  return at < 0 ? left.length - right.length : (left[at] ?? -1) - (right[at] ?? -1)
}
