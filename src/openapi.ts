/** The OpenAPI document: operations as the routes declare them, schemas as zod holds them. */
import { z } from 'zod'
import { stringify } from 'yaml'
import { problemResponse, responseComponents } from './responses.ts'
import { jsonSchemas } from './spec.ts'
import { tensorComponents } from './tensor-schema.ts'
import { version } from './version.ts'

/** One answer of an operation that is not a problem. */
export interface AnswerDoc {
  readonly description: string
  /** Schemas by media type; texts and bytes are shown as such. */
  readonly content: Readonly<Record<string, z.ZodType | 'text' | 'bytes'>>
}

export interface ExampleDoc {
  readonly summary: string
  readonly request: unknown
  /** What the service answers, exactly. */
  readonly response: unknown
}

/** What a route says of itself. */
export interface OperationDoc {
  readonly operationId: string
  readonly tag: 'Compute' | 'Service'
  readonly summary: string
  readonly description?: string
  /** Parameters of the query: text, each with what it does; `values` are those that it can have. */
  readonly query?: Readonly<Record<string, { readonly description: string; readonly values?: readonly string[] }>>
  readonly request?: z.ZodType
  readonly answers: Readonly<Record<number, AnswerDoc>>
  /** Statuses that are answered with a problem. */
  readonly problems: readonly number[]
  readonly examples?: Readonly<Record<string, ExampleDoc>>
}

export interface Operation extends OperationDoc {
  readonly method: string
  readonly path: string
}

type Json = Record<string, unknown>

const problemTexts: Readonly<Record<number, string>> = {
  400: 'The body is not JSON, or not of the documented form',
  406: 'The answer cannot be given in an accepted form',
  413: 'The body is larger than the limit',
  415: 'The body is not application/json',
  422: 'The form is right and the spec is wrong: shapes, names, a program that is not in the language, a limit',
  500: 'A fault of the service',
  503: 'The queue is full, or the service is starting or shutting down; Retry-After says when to try again',
  504: 'The computation took longer than the limit',
}

export function buildDocument(operations: readonly Operation[]): Json {
  const paths: Record<string, Json> = {}
  const roots: { schema: z.ZodType; io: 'input' | 'output' }[] = [{ schema: problemResponse, io: 'output' }]
  for (const operation of operations.toSorted((a, b) => a.path.localeCompare(b.path))) {
    paths[operation.path] = { ...paths[operation.path], [operation.method.toLowerCase()]: operationJson(operation) }
    if (operation.request) roots.push({ schema: operation.request, io: 'input' })
    for (const { content } of Object.values(operation.answers)) {
      for (const schema of Object.values(content)) if (typeof schema !== 'string') roots.push({ schema, io: 'output' })
    }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'chainrule',
      version: version(),
      description: 'Training over HTTP: send a model, a loss and data as JSON; get the loss and the gradients of every step back.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/', description: 'This service' }],
    tags: [
      { name: 'Compute', description: 'Forward passes, gradients, training' },
      { name: 'Service', description: 'Health and documentation' },
    ],
    security: [],
    paths,
    components: { schemas: componentsOf(roots), responses: problemResponses(operations), headers },
  }
}

export function yamlOf(document: object): string {
  return stringify(document, { aliasDuplicateObjects: false, lineWidth: 0 })
}

const headers = {
  RequestId: { description: "Id of the request; a caller's own is kept", schema: { type: 'string' } },
  ServerTiming: { description: 'Milliseconds that the parts of the call took, as the W3C has it: `queue;dur=0.09, parse;dur=0.01, compute;dur=0.2`; of a training `compile` and `train` instead of `compute`', schema: { type: 'string' } },
  RetryAfter: { description: 'Seconds to wait before the next try', schema: { type: 'integer', format: 'int32' } },
}

function operationJson(operation: Operation): Json {
  const { operationId, tag, summary, description, query, request, answers, problems, examples } = operation
  const requestExamples = Object.entries(examples ?? {}).map(([name, example]) => [name, { summary: example.summary, value: example.request }] as const)
  const answerExamples = Object.entries(examples ?? {}).map(([name, example]) => [name, { summary: example.summary, value: example.response }] as const)
  return {
    operationId,
    tags: [tag],
    summary,
    ...(description !== undefined && { description }),
    ...(query && {
      parameters: Object.entries(query).map(([name, { description: does, values }]) => ({ name, in: 'query', required: false, description: does, schema: { type: 'string', ...(values && { enum: values }) } })),
    }),
    ...(request && {
      requestBody: { required: true, content: { 'application/json': { schema: reference(request), ...(requestExamples.length > 0 && { examples: Object.fromEntries(requestExamples) }) } } },
    }),
    responses: {
      ...Object.fromEntries(Object.entries(answers).map(([status, answer]) => [status, answerJson(answer, answerExamples, tag === 'Compute')])),
      ...Object.fromEntries(problems.map((status) => [status, { $ref: `#/components/responses/Problem${status}` }])),
    },
  }
}

/** `timed`: whether it says how long the call took. */
function answerJson({ description, content }: AnswerDoc, examples: readonly (readonly [string, object])[], timed: boolean): Json {
  return {
    description,
    headers: { 'X-Request-Id': { $ref: '#/components/headers/RequestId' }, ...(timed && { 'Server-Timing': { $ref: '#/components/headers/ServerTiming' } }) },
    content: Object.fromEntries(
      Object.entries(content).map(([type, schema]) => [
        type,
        {
          schema: schema === 'text' ? { type: 'string' } : schema === 'bytes' ? { type: 'string', format: 'binary' } : reference(schema),
          ...(type === 'application/json' && examples.length > 0 && { examples: Object.fromEntries(examples) }),
        },
      ]),
    ),
  }
}

function problemResponses(operations: readonly Operation[]): Json {
  const statuses = new Set(operations.flatMap((operation) => operation.problems))
  return Object.fromEntries(
    [...statuses].toSorted((a, b) => a - b).map((status) => [
      `Problem${status}`,
      {
        description: problemTexts[status]!,
        headers: {
          'X-Request-Id': { $ref: '#/components/headers/RequestId' },
          ...(status === 503 && { 'Retry-After': { $ref: '#/components/headers/RetryAfter' } }),
        },
        content: { 'application/problem+json': { schema: reference(problemResponse) } },
      },
    ]),
  )
}

function idOf(schema: z.ZodType): string {
  const id = z.globalRegistry.get(schema)?.id
  if (id === undefined) throw new Error('a schema of the API has no id')
  return id
}

function reference(schema: z.ZodType): Json {
  return { $ref: `#/components/schemas/${idOf(schema)}` }
}

// ---- schemas

/** The schemas that the roots need, by id: requests as they are sent, answers as they come back. */
function componentsOf(roots: readonly { schema: z.ZodType; io: 'input' | 'output' }[]): Json {
  const components: Json = {}
  for (const io of ['input', 'output'] as const) {
    const all: Json = { ...convert(io), ...tensorComponents, ...responseComponents }
    const queue = roots.filter((root) => root.io === io).map((root) => idOf(root.schema))
    for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
      if (components[id] !== undefined) continue
      const schema = tidy(all[id], io) as Json
      components[id] = schema
      queue.push(...referencesIn(schema))
    }
  }
  return Object.fromEntries(Object.entries(components).toSorted(([a], [b]) => a.localeCompare(b)).map(([id, schema]) => [id, withDiscriminator(schema as Json, components)]))
}

/** All schemas by id, which refer to each other under `base`. */
export function convert(io: 'input' | 'output', base = '#/components/schemas/'): Json {
  const { schemas } = z.toJSONSchema(z.globalRegistry, {
    io,
    unrepresentable: 'any',
    uri: (id) => `${base}${id}`,
    override: ({ zodSchema, jsonSchema }) => {
      const given = jsonSchemas.get(zodSchema)
      if (given) Object.assign(jsonSchema, given)
    },
  })
  return schemas
}

function referencesIn(schema: unknown): string[] {
  const found: string[] = []
  walk(schema, (node) => {
    const target = node['$ref']
    if (typeof target === 'string') found.push(target.slice('#/components/schemas/'.length))
    return node
  })
  return found
}

/** Applies `visit` to every object inside `value`, from the leaves up. */
function walk(value: unknown, visit: (node: Json) => Json): unknown {
  if (Array.isArray(value)) return value.map((item) => walk(item, visit))
  if (typeof value !== 'object' || value === null) return value
  return visit(Object.fromEntries(Object.entries(value).map(([key, item]) => [key, walk(item, visit)])))
}

/**
 * Schemas as client generators like them: no dialect marks, integer formats, answers that may grow fields. A default
 * is told in words: with the keyword, generated TypeScript asks callers for the field.
 */
function tidy(schema: unknown, io: 'input' | 'output'): unknown {
  return walk(schema, ({ $schema: _schema, $id: _id, ...marked }) => {
    const node = describeDefault(marked)
    if (io === 'output' && node['additionalProperties'] === false) delete node['additionalProperties']
    if (node['type'] !== 'integer') return node
    const { minimum, maximum, ...rest } = node
    const isInt32 = maximum === 2147483647 || node['format'] === 'int32'
    const keepMinimum = typeof minimum === 'number' && Math.abs(minimum) < 2 ** 31
    const keepMaximum = typeof maximum === 'number' && maximum < 2147483647
    return { ...rest, format: isInt32 ? 'int32' : 'int64', ...(keepMinimum && { minimum }), ...(keepMaximum && { maximum }) }
  })
}

function describeDefault({ default: value, ...node }: Json): Json {
  if (value === undefined) return node
  const before = typeof node['description'] === 'string' ? `${node['description']}. ` : ''
  return { ...node, description: `${before}Default: ${JSON.stringify(value)}` }
}

/** A union of records is told apart by `type`. */
function withDiscriminator(schema: Json, components: Json): Json {
  const { oneOf } = schema
  if (!Array.isArray(oneOf)) return schema
  const references = oneOf.map((option: Json) => String(option['$ref']))
  const mapping = Object.fromEntries(
    references.map((target) => {
      const record = components[target.slice('#/components/schemas/'.length)] as { properties: { type: { const: string } } }
      return [record.properties.type.const, target]
    }),
  )
  return { ...schema, discriminator: { propertyName: 'type', mapping } }
}
