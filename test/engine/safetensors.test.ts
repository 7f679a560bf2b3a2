/** The safetensors codec against files of the format's own library, and files that are broken. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { SpecError } from '../../engine/errors.ts'
import { numel } from '../../engine/ir/types.ts'
import type { TensorType } from '../../engine/tensor.ts'
import { toElements } from '../../engine/tensor.ts'
import { readSafetensors, safetensorsSize, writeSafetensors } from '../../engine/weights/safetensors.ts'

interface Golden {
  readonly mixed: { readonly file: string; readonly shapes: Record<string, number[]>; readonly values: Record<string, string[]> }
  readonly own: { readonly file: string; readonly dtypes: Record<string, TensorType> }
}
const golden = JSON.parse(readFileSync(new URL('../golden/weights.json', import.meta.url), 'utf8')) as Golden

describe('files of the safetensors library', () => {
  const read = readSafetensors(Buffer.from(golden.mixed.file, 'base64'))

  it.each(Object.keys(golden.mixed.values))('read: %s', (name) => {
    const { shape, numbers } = read.get(name)!
    expect(shape).toEqual(golden.mixed.shapes[name])
    const want = golden.mixed.values[name]!.map((text) => (text.endsWith('inf') ? Number(text.replace('inf', 'Infinity')) : numbers instanceof BigInt64Array ? BigInt(text) : Number(text)))
    expect([...numbers]).toEqual(want)
  })

  it('nothing else is read', () => expect([...read.keys()].toSorted()).toEqual(Object.keys(golden.mixed.values).toSorted()))

  it('written: the same bytes', () => {
    const file = Buffer.from(golden.own.file, 'base64')
    const tensors = [...readSafetensors(file)].map(([name, tensor]) => {
      const dtype = golden.own.dtypes[name]!
      return [name, { shape: tensor.shape, dtype, elements: toElements(tensor, dtype) }] as const
    })
    const written = writeSafetensors(new Map(tensors.toReversed()))
    expect(Buffer.from(written).toString('latin1')).toBe(file.toString('latin1'))
    expect(written.length).toBeLessThanOrEqual(safetensorsSize(tensors))
  })

  it('a file at an odd place in its buffer', () => {
    const file = Buffer.from(golden.mixed.file, 'base64')
    const shifted = new Uint8Array(file.length + 3)
    shifted.set(file, 3)
    expect(readSafetensors(shifted.subarray(3))).toEqual(read)
  })
})

/** A file with this header, which may be text that is no JSON, and so many bytes of tensors. */
function fileOf(header: object | string, bytes: number, length?: bigint): Uint8Array {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
  const size = Buffer.alloc(8)
  size.writeBigUInt64LE(length ?? BigInt(text.length))
  return Buffer.concat([size, text, Buffer.alloc(bytes)])
}

const f32 = (shape: unknown, from: unknown, to: unknown): object => ({ dtype: 'F32', shape, data_offsets: [from, to] })

const broken: readonly (readonly [string, Uint8Array, RegExp])[] = [
  ['empty', new Uint8Array(0), /truncated: it begins with 8 bytes that hold the length of its header, and has 0/],
  ['shorter than the length', new Uint8Array(7), /and has 7/],
  ['a header that is longer than the file', fileOf({ a: f32([1], 0, 4) }, 4, 60n), /its header would have 60 bytes, and 58 follow/],
  ['a header of a terabyte', fileOf('{}', 0, 2n ** 40n), /its header would have 1099511627776 bytes, and 2 follow/],
  ['a header of 2^64 - 1 bytes', fileOf('{}', 0, 2n ** 64n - 1n), /18446744073709551615 bytes/],
  ['a tensor of a terabyte', fileOf({ a: f32([2 ** 38], 0, 2 ** 40) }, 4), /truncated: "a" ends at byte 1099511627776 of the tensors, and the file has 4/],
  ['a shape of more bytes than can be counted', fileOf({ a: f32([2 ** 52, 2 ** 52], 0, 4) }, 4), /takes 8\.1\d+e\+31 bytes, its data_offsets \[0, 4\] give it 4/],
  ['truncated tensors', fileOf({ a: f32([2], 0, 8) }, 7), /truncated: "a" ends at byte 8 of the tensors, and the file has 7/],
  ['bytes after the tensors', fileOf({ a: f32([2], 0, 8) }, 9), /end at byte 8, and the file has 1 more/],
  ['bytes without a tensor', fileOf({}, 4), /end at byte 0, and the file has 4 more/],
  ['not UTF-8', Buffer.concat([Buffer.from([2, 0, 0, 0, 0, 0, 0, 0]), Buffer.from([0x7b, 0xff])]), /header is not UTF-8/],
  ['not JSON', fileOf('{"a"', 0), /header is not JSON: /],
  ['no object', fileOf('[1]', 0), /not a JSON object/],
  ['one name twice', fileOf('{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}', 8), /the name "a" twice/],
  ['one name twice, spelt otherwise', fileOf('{"a\\"":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}, "\\u0061\\u0022" :{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}', 8), /the name "a\\"" twice/],
  ['one field twice', fileOf('{"a":{"dtype":"F64","dtype":"F32","shape":[1],"data_offsets":[0,4]}}', 4), /the name "dtype" twice/],
  ['metadata that are no texts', fileOf({ __metadata__: { format: 1 } }, 0), /"__metadata__" holds other things than texts/],
  ['a tensor that is no object', fileOf({ a: 1 }, 0), /the tensor "a" has no "dtype"/],
  ['an unknown field', fileOf({ a: { ...f32([1], 0, 4), strides: [1] } }, 4), /the unknown field "strides"/],
  ['an unknown dtype', fileOf({ a: { dtype: 'F8_E4M3', shape: [4], data_offsets: [0, 4] } }, 4), /the tensor "a" has the dtype "F8_E4M3"; those that are read are F64, F32, F16, BF16, I64, I32, I16, I8, U8, BOOL/],
  ['no dtype', fileOf({ a: { shape: [4], data_offsets: [0, 4] } }, 4), /the dtype missing/],
  ['a negative size', fileOf({ a: f32([-1], 0, 4) }, 4), /the shape \[-1\]: a list of sizes/],
  ['a size that is no whole number', fileOf({ a: f32([0.5], 0, 2) }, 2), /the shape \[0\.5\]/],
  ['no shape', fileOf({ a: { dtype: 'F32', data_offsets: [0, 4] } }, 4), /the shape missing/],
  ['one offset', fileOf({ a: { dtype: 'F32', shape: [1], data_offsets: [0] } }, 4), /the data_offsets \[0\]: where its bytes begin and end/],
  ['a negative offset', fileOf({ a: f32([1], -4, 0) }, 4), /the data_offsets \[-4,0\]/],
  ['an end before the beginning', fileOf({ a: f32([1], 4, 0) }, 4), /ends at byte 0, before it begins at 4/],
  ['offsets that do not fit the shape', fileOf({ a: f32([2, 3], 0, 20) }, 20), /F32 of shape \[2, 3\] takes 24 bytes, its data_offsets \[0, 20\] give it 20/],
  ['tensors that overlap', fileOf({ a: f32([2], 0, 8), b: f32([2], 4, 12) }, 12), /the tensor "b" begins at byte 4, inside "a", which ends at 8: tensors may not overlap/],
  ['tensors at the same bytes', fileOf({ a: f32([2], 0, 8), b: f32([2], 0, 8) }, 8), /may not overlap/],
  ['a hole between tensors', fileOf({ a: f32([1], 0, 4), b: f32([1], 8, 12) }, 12), /the tensor "b" begins at byte 8, and byte 4 is where "a" ends: there may be no holes/],
  ['a hole before the first one', fileOf({ a: f32([1], 4, 8) }, 8), /begins at byte 4, and byte 0 is where the first one has to begin/],
]

describe('a file that is refused', () => {
  it.each(broken)('%s', (_name, file, message) => {
    let error: unknown
    try {
      readSafetensors(file)
    } catch (thrown) {
      error = thrown
    }
    expect(error).toBeInstanceOf(SpecError)
    expect((error as SpecError).code).toBe('invalid_safetensors')
    expect((error as SpecError).message).toMatch(message)
  })

  it('every prefix of a good file', () => {
    const file = Buffer.from(golden.mixed.file, 'base64')
    for (let length = 0; length < file.length; length++) expect(() => readSafetensors(file.subarray(0, length)), `${length} bytes`).toThrow(SpecError)
  })

  it('one changed byte of the header: refused or read, never another error', () => {
    const file = Buffer.from(golden.mixed.file, 'base64')
    const end = 8 + Number(file.readBigUInt64LE())
    let refused = 0
    for (let at = 0; at < end; at++) {
      for (const byte of [0, 0x22, 0x2d, 0x39, 0x5b, 0x7d, 0xff]) {
        const changed = Buffer.from(file)
        changed[at] = byte
        try {
          for (const { shape, numbers } of readSafetensors(changed).values()) expect(numbers.length).toBe(numel(shape))
        } catch (error) {
          expect(error).toBeInstanceOf(SpecError)
          refused++
        }
      }
    }
    expect(refused).toBeGreaterThan(1000)
  })

  it('an empty file of no tensors is whole', () => expect(readSafetensors(fileOf({}, 0)).size).toBe(0))
  it('__proto__ is a name like others', () => expect([...readSafetensors(fileOf('{"__proto__":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}', 4)).keys()]).toEqual(['__proto__']))
})
