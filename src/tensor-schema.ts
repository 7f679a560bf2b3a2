/** The form of a tensor in JSON: a check that stops at the first fault, and what openapi.yaml says of it. */
import { NumberList } from '../engine/index.ts'

export interface TensorFault {
  readonly path: (string | number)[]
  readonly code: 'invalid_type' | 'invalid_value' | 'unknown_field' | 'missing_field'
  readonly message: string
}

const dtypes = ['float32', 'float64', 'int64', 'bool']
const maxDepth = 32

/** The first wrong element, in one pass. Counts and ragged lists are the engine's to judge. `bare`: a shape alone will do. */
export function checkTensor(value: unknown, bare = false): TensorFault | undefined {
  if (value instanceof NumberList) return undefined
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return checkNested(value, [], 0)
  const fields = value as Record<string, unknown>
  const allowed = 'base64' in fields ? ['base64', 'shape', 'dtype'] : ['data', 'shape', 'dtype']
  const unknown = Object.keys(fields).find((key) => !allowed.includes(key))
  if (unknown !== undefined) return { path: [unknown], code: 'unknown_field', message: `there is no field "${unknown}" in a tensor. Known fields: ${allowed.join(', ')}` }
  if ('dtype' in fields && !dtypes.includes(fields['dtype'] as string)) return { path: ['dtype'], code: 'invalid_value', message: `one of ${dtypes.join(', ')} expected, got ${show(fields['dtype'])}` }
  if ('shape' in fields || 'base64' in fields) {
    const { shape } = fields
    if (!Array.isArray(shape) || shape.length > maxDepth || !shape.every((n) => Number.isSafeInteger(n) && (n as number) >= 0)) {
      return { path: ['shape'], code: 'invalid_value', message: `a list of at most ${maxDepth} sizes expected, got ${show(shape)}` }
    }
  }
  if ('base64' in fields) return typeof fields['base64'] === 'string' ? undefined : { path: ['base64'], code: 'invalid_type', message: `base64 text expected, got ${show(fields['base64'])}` }
  if (bare && 'shape' in fields && !('data' in fields)) return undefined
  if (!('data' in fields)) return { path: [], code: 'missing_field', message: 'a tensor takes "data", or "base64" and "shape"' }
  const fault = checkNested(fields['data'], [], 0)
  return fault && { ...fault, path: ['data', ...fault.path] }
}

function checkNested(value: unknown, path: readonly number[], depth: number): TensorFault | undefined {
  if (value instanceof NumberList) return undefined
  if (!Array.isArray(value)) return isElement(value) ? undefined : { path: [...path], code: 'invalid_type', message: elementMessage(value) }
  if (depth >= maxDepth) return { path: [...path], code: 'invalid_value', message: `a tensor has at most ${maxDepth} dimensions` }
  for (let i = 0; i < value.length; i++) {
    const item: unknown = value[i]
    if (typeof item === 'number' && Number.isFinite(item)) continue
    const fault = checkNested(item, [...path, i], depth + 1)
    if (fault) return fault
  }
  return undefined
}

function isElement(value: unknown): boolean {
  return (typeof value === 'number' && Number.isFinite(value)) || typeof value === 'boolean'
}

function elementMessage(value: unknown): string {
  const hint = typeof value === 'string' && /^[+-]?(nan|inf(inity)?)$/i.test(value) ? '; JSON has no NaN and no Infinity, send base64' : ''
  return `a number or a list of numbers expected, got ${show(value)}${hint}`
}

/** A value in an error message, shortened. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing'
  if (typeof value === 'number') return String(value)
  const text = JSON.stringify(typeof value === 'string' ? value.slice(0, 60) : value)
  return text.length > 60 ? `${text.slice(0, 57)}...` : text
}

// Not recursive, although the lists may nest: generated TypeScript clients give up on recursive types.
const nested = { anyOf: [{ type: 'number' }, { type: 'boolean' }, { type: 'array', items: {} }] }

/** Components that the tensor schema refers to. */
export const tensorComponents = {
  NestedNumbers: { ...nested, description: 'A number, or nested lists of numbers of equal lengths' },
}

const dtype = { type: 'string', enum: dtypes }
const shape = { type: 'array', items: { type: 'integer', format: 'int32', minimum: 0 }, maxItems: maxDepth }

/** Where nothing is to run. */
export const tensorOrShapeSchema = {
  description: 'A tensor, or its shape (and dtype) alone',
  anyOf: [{ $ref: '#/components/schemas/Tensor' }, { type: 'object', required: ['shape'], additionalProperties: false, properties: { shape, dtype } }],
}

export const tensorSchema = {
  description: 'A number, nested lists of numbers, or an object with flat or nested `data`, or with `base64` of little-endian bytes',
  anyOf: [
    { $ref: '#/components/schemas/NestedNumbers' },
    { type: 'object', required: ['data'], additionalProperties: false, properties: { data: { $ref: '#/components/schemas/NestedNumbers' }, shape, dtype } },
    { type: 'object', required: ['base64', 'shape'], additionalProperties: false, properties: { base64: { type: 'string', contentEncoding: 'base64' }, shape, dtype } },
  ],
}
