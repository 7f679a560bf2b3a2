/** JSON text to a checked request, or the problem that it has. Runs in workers. */
import type { z } from 'zod'
import { SpecError, nearest } from '../engine/index.ts'
import { containers, inits, layerTypes, lossTypes, optimizerTypes, schedulerTypes, simpleSchedulers } from '../engine/index.ts'
import type { FaultItem, Problem } from './errors.ts'
import { maxFaults, problem } from './errors.ts'
import { JsonError, parseJson } from './json/parse.ts'
import type { ParsedText, Places } from './json/parse.ts'
import { placesOf } from './json/places.ts'
import { Skeletons } from './json/skeletons.ts'
import type { Operation } from './spec.ts'
import { requestSchemas, tensor, validateRequestFor } from './spec.ts'
import { checkTensor, show } from './tensor-schema.ts'

export type Validated = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly problem: Problem }

const places = Object.fromEntries(Object.entries(requestSchemas).map(([operation, schema]) => [operation, placesOf(schema, tensor)])) as Readonly<Record<Operation, Places | undefined>>
const skeletons = new Skeletons()

export function validateText(operation: Operation, bytes: Uint8Array): Validated {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const recent = skeletons.match(operation, text, isSound)
  if (recent) return { ok: true, value: recent }
  let parsed: ParsedText
  try {
    parsed = parseJson(text, places[operation])
  } catch (error) {
    if (!(error instanceof JsonError)) throw error
    return { ok: false, problem: problem('invalid_json', `the body is not JSON: ${error.message}`) }
  }
  const { value, tensors } = parsed
  const sound = tensors.every((found) => isSound(found.value))
  const key = sound ? skeletons.keyOf(operation, text, tensors) : undefined
  const known = key === undefined ? undefined : skeletons.get(key, tensors)
  if (known) return { ok: true, value: known }
  const validated = validate(operation, value)
  if (key !== undefined && validated.ok) skeletons.set(key, operation, text, validated.value as object, tensors)
  return validated
}

const isSound = (value: unknown): boolean => checkTensor(value) === undefined

export function validate(operation: Operation, json: unknown): Validated {
  const schema: z.ZodType = operation === 'validate' ? validateRequestFor(json) : requestSchemas[operation]
  const result = schema.safeParse(json)
  if (result.success) return { ok: true, value: result.data }
  const faults = result.error.issues.flatMap((issue) => faultsOf(issue, json))
  const named = faults.every((fault) => fault.code.startsWith('unknown_') && fault.code !== 'unknown_field')
  const [first] = faults
  return { ok: false, problem: problem(named ? first!.code : 'invalid_request', first!.message, faults.slice(0, maxFaults)) }
}

type Issue = z.core.$ZodIssue

function faultsOf(issue: Issue, json: unknown): FaultItem[] {
  const pointer = toPointer(issue.path)
  const value = at(json, issue.path)
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => ({ pointer: `${pointer}/${escape(key)}`, code: 'unknown_field', message: issue.message }))
    case 'invalid_type':
      if (value === undefined) return [{ pointer, code: 'missing_field', message: `"${String(issue.path.at(-1) ?? 'body')}" is missing: ${issue.expected} expected` }]
      return [{ pointer, code: 'invalid_type', message: `${issue.expected} expected, got ${show(value)}` }]
    case 'invalid_union':
      return unionFaults(issue, pointer, value, json)
    case 'invalid_value':
      return [{ pointer, code: 'invalid_value', message: `one of ${issue.values.map((v) => JSON.stringify(v)).join(', ')} expected, got ${show(value)}` }]
    case 'invalid_key':
      return [{ pointer, code: 'invalid_value', message: issue.issues[0]?.message ?? issue.message }]
    case 'custom':
      return [{ pointer, code: String(issue.params?.['code'] ?? 'invalid_value'), message: issue.message }]
    default:
      return [{ pointer, code: 'invalid_value', message: `${issue.message.replace(/^[^:]*: /, '')}, got ${show(value)}` }]
  }
}

/** Names that `type` can have, by the field that it stands in. */
const typeNames: readonly [RegExp, string, () => Iterable<string>][] = [
  [/\/init\/type$/, 'initialisation', () => Object.keys(inits)],
  [/^\/loss\/type$/, 'loss', () => lossTypes.keys()],
  [/^\/optimizer\/type$/, 'optimizer', () => optimizerTypes.keys()],
  [/^\/scheduler\/type$/, 'scheduler', () => schedulerTypes.keys()],
  [/^\/scheduler\/schedulers\/\d+\/type$/, 'scheduler', () => simpleSchedulers.keys()],
  [/\/type$/, 'layer', () => [...layerTypes.keys(), ...containers.keys()]],
]

function unionFaults(issue: Extract<Issue, { code: 'invalid_union' }>, pointer: string, value: unknown, json: unknown): FaultItem[] {
  if (issue.errors.length === 0) {
    if (typeof value !== 'string') return [{ pointer, code: value === undefined ? 'missing_field' : 'invalid_type', message: `"type" must be a string, got ${show(value)}` }]
    const [, kind, names] = typeNames.find(([pattern]) => pattern.test(pointer))!
    const near = nearest(value, names())
    if (kind === 'scheduler' && near === undefined && schedulerTypes.has(value)) return [{ pointer, code: 'invalid_value', message: `"${value}" cannot be a part of another scheduler` }]
    const code = kind === 'initialisation' ? 'unknown_init' : `unknown_${kind}`
    return [{ pointer, code, message: `there is no ${kind} "${value}"${near === undefined ? '' : `; did you mean "${near}"?`}` }]
  }
  // The alternative that the value was meant for: the one that does not fail at its root, or not for its type.
  const meant = issue.errors.find((issues) => issues.every((inner) => inner.path.length > 0 || inner.code === 'unrecognized_keys')) ??
    issue.errors.find((issues) => issues.every((inner) => inner.path.length > 0 || !['invalid_type', 'invalid_value', 'invalid_union'].includes(inner.code)))
  if (value === undefined) return [{ pointer, code: 'missing_field', message: `"${String(issue.path.at(-1))}" is missing` }]
  if (!meant || meant.length === 0) return [{ pointer, code: 'invalid_type', message: `one of the documented forms expected, got ${show(value)}` }]
  return meant.flatMap((inner) => faultsOf({ ...inner, path: [...issue.path, ...inner.path] }, json))
}

function at(json: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((value, key) => (typeof value === 'object' && value !== null ? (value as Record<PropertyKey, unknown>)[key] : undefined), json)
}

function toPointer(path: readonly PropertyKey[]): string {
  return path.map((key) => `/${escape(String(key))}`).join('')
}

function escape(key: string): string {
  return key.replaceAll('~', '~0').replaceAll('/', '~1')
}

/** The problem of an error that the engine threw. */
export function problemOf(error: SpecError): Problem {
  return problem(error.code, error.message, error.faults.slice(0, maxFaults))
}
