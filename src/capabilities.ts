/**
 * The lists of what the service can do. They are made from the schemas and the engine's tables, which only workers hold;
 * so the first request for one of them starts a thread that makes all and ends.
 */
import { Worker } from 'node:worker_threads'
import type { Config } from './config.ts'

/** The kinds of things that GET /v1/capabilities lists. */
export const kinds = ['functions', 'refused_functions', 'layers', 'losses', 'optimizers', 'schedulers', 'inits', 'metrics', 'dtypes', 'limits', 'report', 'operations'] as const
export type Kind = (typeof kinds)[number]

/** What GET /v1/capabilities answers: all of it, or one kind. */
export type CapabilityTexts = Readonly<Record<Kind | 'all', string>>

/** Gives the lists, made when they are first asked for. */
export function capabilitySource(config: Config): () => Promise<CapabilityTexts> {
  let made: Promise<CapabilityTexts> | undefined
  return () => {
    if (made) return made
    made = messageOf<CapabilityTexts>(new Worker(new URL('./describer.ts', import.meta.url), { workerData: config, execArgv: ['--disable-warning=ExperimentalWarning'] }))
    made.catch(() => {
      made = undefined
    })
    return made
  }
}

/** The one message that a thread sends. Rejects with what stops it before, also when it just ends. */
export function messageOf<T>(thread: Worker): Promise<T> {
  return new Promise((resolve, reject) => {
    thread.once('message', resolve)
    thread.once('messageerror', reject)
    thread.once('error', reject)
    thread.once('exit', (code) => reject(new Error(`a thread ended with ${code} before it sent what was asked of it`)))
  })
}
