/**
 * What the service says of itself: the OpenAPI document and the lists of what it can do. They are made from the schemas
 * and the engine's tables, which only workers hold; so the first request for one of them starts a thread that makes all
 * and ends.
 */
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { Config } from './config.ts'

/** The kinds of things that GET /v1/capabilities lists. */
export const kinds = ['functions', 'refused_functions', 'layers', 'losses', 'optimizers', 'schedulers', 'inits', 'metrics', 'dtypes', 'limits', 'report', 'operations'] as const
export type Kind = (typeof kinds)[number]

export interface Documents {
  /** The OpenAPI document. */
  readonly yaml: string
  readonly json: string
  /** What GET /v1/capabilities answers: all of it, or one kind. */
  readonly capabilities: Readonly<Record<Kind | 'all', string>>
}

/** Gives the documents, made when they are first asked for. */
export function documentSource(config: Config): () => Promise<Documents> {
  let made: Promise<Documents> | undefined
  return () => {
    if (made) return made
    made = describe(config)
    made.catch(() => {
      made = undefined
    })
    return made
  }
}

async function describe(config: Config): Promise<Documents> {
  const thread = new Worker(new URL('./describer.ts', import.meta.url), { workerData: config, execArgv: ['--disable-warning=ExperimentalWarning'] })
  const [documents] = (await once(thread, 'message')) as [Documents]
  return documents
}
