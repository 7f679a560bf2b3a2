/** ONNX files at work: what onnxruntime makes of them, beside what the service makes of the same model. */
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { expect } from 'vitest'
import { bytesOf } from './service.ts'
import type { Service } from './service.ts'

export interface Input {
  readonly shape: readonly number[]
  readonly numbers: readonly number[]
}

/** Numbers between -2 and 2 that look like chance, the same each time. */
export function numbersFor(shape: readonly number[], from = 0): Input {
  const count = shape.reduce((a, b) => a * b, 1)
  return { shape, numbers: Array.from({ length: count }, (_, i) => Math.fround(2 * Math.sin(12.9898 * (i + from + 1)) * Math.cos(4.1414 * (i + from)))) }
}

/** The file of a model. */
export async function exported(service: Service, request: object): Promise<Buffer> {
  const { status, body, headers } = await service.post('/v1/export', request).buffer(true).parse(bytesOf)
  expect(status, String(body)).toBe(200)
  expect(headers).toMatchObject({ 'content-type': 'application/octet-stream', 'content-disposition': 'attachment; filename="model.onnx"' })
  return body as Buffer
}

type Elements = 'float32' | 'float64' | 'int64'

/** What onnxruntime makes of the file for an input. */
export async function ran(file: Buffer, { shape, numbers }: Input, dtype: Elements): Promise<Input> {
  const session = await InferenceSession.create(file, { logSeverityLevel: 3 })
  try {
    const data = dtype === 'int64' ? BigInt64Array.from(numbers, BigInt) : dtype === 'float64' ? Float64Array.from(numbers) : Float32Array.from(numbers)
    const { y_hat: y } = await session.run({ x: new Tensor(dtype, data, [...shape]) })
    return { shape: y!.dims, numbers: Array.from(y!.data as Float32Array, Number) }
  } finally {
    await session.release()
  }
}

export async function expectSame(service: Service, model: object, file: Buffer, input: Input, dtype: Elements, extra: object): Promise<void> {
  const { status, body } = await service.post('/v1/forward', { model, data: { x: { data: input.numbers, shape: input.shape, dtype } }, report: { tensors: 'flat' }, ...extra })
  expect(status, JSON.stringify(body)).toBe(200)
  const { data, shape } = body.outputs.y_hat as { data: number[]; shape: number[] }
  const got = await ran(file, input, dtype)
  expect(got.shape).toEqual(shape)
  const tolerance = 'dtype' in extra && extra.dtype === 'float64' ? 1e-7 : 2e-5
  for (const [i, want] of data.entries()) {
    const number = got.numbers[i]!
    if (Math.abs(number - want) > tolerance * Math.max(1, Math.abs(want)) || Number.isNaN(number)) expect.fail(`element ${i}: ${want} here, ${number} in onnxruntime`)
  }
}
