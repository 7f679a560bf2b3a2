/** What the service can do, from the tables that do it: the answer of GET /v1/capabilities, and the source of docs/language.md. */
import { callText, containers, functionEntries, inits, layerTypes, lossTypes, metricDocs, optimizerTypes, refusedFunctions, schedulerTypes } from '../engine/index.ts'
import type { FunctionEntry, RefusedFunction } from '../engine/index.ts'
import type { Config } from './config.ts'
import { convert } from './openapi.ts'
import type { Operation } from './openapi.ts'
import { contentTypes, formats, graphTypes } from './protocol.ts'
import { version } from './version.ts'

export type JsonSchema = Readonly<Record<string, unknown>>

/** A class that a request names by its type. */
export interface TypeEntry {
  readonly type: string
  readonly doc: string
  /** Of the object in a request: its options by their names. */
  readonly schema: JsonSchema
}

interface LayerEntry extends TypeEntry {
  /** What a call in a program takes. */
  readonly call: string
}

interface LossEntry extends TypeEntry {
  /** The variables that it is applied to, unless `inputs` names others. */
  readonly applied_to: readonly string[]
}

/** What does not depend on the settings, nor on the routes. */
export interface Catalogue {
  readonly functions: readonly FunctionEntry[]
  readonly refused_functions: readonly RefusedFunction[]
  readonly layers: readonly LayerEntry[]
  readonly losses: readonly LossEntry[]
  readonly optimizers: readonly TypeEntry[]
  readonly schedulers: readonly TypeEntry[]
  readonly inits: readonly TypeEntry[]
  readonly metrics: readonly { readonly name: string; readonly doc: string }[]
  readonly dtypes: readonly { readonly name: string; readonly doc: string }[]
  /** Of `report` of a training. */
  readonly report: JsonSchema
}

const dtypes = [
  { name: 'float32', doc: 'Parameters and data by default' },
  { name: 'float64', doc: 'Parameters and data of a request with "dtype": "float64"' },
  { name: 'int64', doc: 'Indices, class labels, counts; torch.int32 and torch.int stand for it' },
  { name: 'bool', doc: 'Masks' },
]

/** Where the schemas refer to each other. */
const document = '/openapi.yaml#/components/schemas/'

let made: Catalogue | undefined

export function catalogue(): Catalogue {
  return (made ??= makeCatalogue())
}

function makeCatalogue(): Catalogue {
  const schemas = convert('input', document)
  const entry = (type: string, doc: string, id = type): TypeEntry => ({ type, doc, schema: tidy(schemas[id]) as JsonSchema })
  return {
    functions: functionEntries,
    refused_functions: refusedFunctions,
    layers: [
      ...[...layerTypes.values()].map((layer) => ({ ...entry(layer.type, layer.doc), call: callText(layer) })),
      ...[...containers].map(([type, doc]) => ({ ...entry(type, doc), call: '(input: Tensor)' })),
    ],
    losses: [...lossTypes.values()].map(({ type, doc, variables }) => ({ ...entry(type, doc), applied_to: variables })),
    optimizers: [...optimizerTypes.values()].map(({ type, doc }) => entry(type, doc)),
    schedulers: [...schedulerTypes.values()].map(({ type, doc }) => entry(type, doc)),
    inits: Object.entries(inits).map(([type, { doc }]) => entry(type, doc, `${type}_init`)),
    metrics: Object.entries(metricDocs).map(([name, doc]) => ({ name, doc })),
    dtypes,
    report: tidy(schemas['Report']) as JsonSchema,
  }
}

/** Without what says nothing: marks of the dialect, the ends of the integers. */
function tidy(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(tidy)
  if (typeof schema !== 'object' || schema === null) return schema
  const kept = Object.entries(schema).filter(([key, value]) => {
    if (key === '$schema' || key === '$id') return false
    return !((key === 'minimum' || key === 'maximum') && typeof value === 'number' && Math.abs(value) >= 2147483647)
  })
  return Object.fromEntries(kept.map(([key, value]) => [key, tidy(value)]))
}

/** The answer of GET /v1/capabilities. */
export interface Capabilities extends Catalogue {
  readonly version: string
  readonly limits: Readonly<Record<string, number>>
  readonly operations: readonly { readonly method: string; readonly path: string; readonly summary: string; readonly media_types: readonly string[] }[]
}

export function capabilities(config: Config, operations: readonly Operation[]): Capabilities {
  const { report, ...tables } = catalogue()
  return {
    version: version(),
    ...tables,
    limits: limitsOf(config),
    report,
    operations: operations.map(({ method, path, summary, answers }) => ({ method, path, summary, media_types: mediaTypes(path, answers) })).toSorted((a, b) => a.path.localeCompare(b.path)),
  }
}

/** The settings that bound what a request may ask for. */
function limitsOf(config: Config): Record<string, number> {
  return Object.fromEntries(
    Object.entries(config).flatMap(([name, value]) => (typeof value === 'number' && (name.startsWith('MAX_') || name === 'REQUEST_TIMEOUT_MS' || name === 'QUEUE_LIMIT') ? [[name.toLowerCase(), value]] : [])),
  )
}

/** The forms that an answer can be had in. */
function mediaTypes(path: string, answers: Operation['answers']): string[] {
  if (path === '/v1/graph') return Object.values(graphTypes).map((type) => type.split(';')[0]!)
  const chosen = formats[path.slice('/v1/'.length) as keyof typeof formats]
  if (chosen) return chosen.map((format) => contentTypes[format])
  return [...new Set(Object.values(answers).flatMap(({ content }) => Object.keys(content)))]
}
