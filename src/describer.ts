/** The thread that makes the documents. */
import { parentPort, workerData } from 'node:worker_threads'
import { capabilities } from './catalogue.ts'
import type { Config } from './config.ts'
import { declaredOperations } from './declared.ts'
import type { Documents } from './documents.ts'
import { kinds } from './documents.ts'
import { buildDocument, yamlOf } from './openapi.ts'

const operations = await declaredOperations()
const document = buildDocument(operations)
const config = workerData as Config
parentPort!.postMessage({
  yaml: yamlOf(document),
  json: JSON.stringify(document),
  capabilities: Object.fromEntries(([undefined, ...kinds] as const).map((kind) => [kind ?? 'all', JSON.stringify(capabilities(config, operations, kind))])) as Documents['capabilities'],
} satisfies Documents)
