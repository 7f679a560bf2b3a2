/** The thread that makes the lists of what the service can do. */
import { parentPort, workerData } from 'node:worker_threads'
import type { CapabilityTexts, Kind } from './capabilities.ts'
import { kinds } from './capabilities.ts'
import { capabilities } from './catalogue.ts'
import type { Config } from './config.ts'
import { declaredOperations } from './declared.ts'

const { version, ...all } = capabilities(workerData as Config, await declaredOperations())
const text = (kind: Kind): string => JSON.stringify({ version, [kind]: all[kind] })
parentPort!.postMessage({ all: JSON.stringify({ version, ...all }), ...(Object.fromEntries(kinds.map((kind) => [kind, text(kind)])) as Record<Kind, string>) } satisfies CapabilityTexts)
