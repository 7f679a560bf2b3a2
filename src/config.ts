/** Settings, from environment variables. Checked at start: a wrong one stops the process with its name and what was expected. */
import { availableParallelism } from 'node:os'
import { z } from 'zod'
import { faultOfOrigins } from './cors.ts'

const MiB = 2 ** 20

const count = (fallback: number): z.ZodDefault<z.ZodCoercedNumber> => z.coerce.number().int().min(1).default(fallback)
const size = (fallback: number, what: string): z.ZodDefault<z.ZodCoercedNumber> => count(fallback).describe(what)
const onOff = z.enum(['on', 'off'])

export const settings = z.object({
  HOST: z.string().min(1).default('127.0.0.1').describe('Address to listen on'),
  PORT: z.coerce.number().int().min(0).max(65535).default(3000).describe('Port to listen on; 0 takes a free one'),
  CORS_ORIGINS: z
    .string()
    .default('none')
    .superRefine((setting, ctx) => {
      const message = faultOfOrigins(setting)
      if (message !== undefined) ctx.addIssue({ code: 'custom', message })
    })
    .describe('Origins whose pages may call the service: none, * for all, or a list with commas'),
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info').describe('Least level that is logged'),
  WORKERS: count(availableParallelism()).describe('Worker threads at most; by default one a core'),
  QUEUE_LIMIT: z.coerce.number().int().min(0).default(64).describe('Requests that may wait for a worker; more get 503'),
  REQUEST_TIMEOUT_MS: count(60_000).describe('Longest time a request may take, waiting included; then 504'),
  CANCEL_GRACE_MS: count(1000).describe('How long a cancelled computation may go on before its worker is ended and replaced'),
  REST_AFTER_MS: z.coerce.number().int().min(1).max(2 ** 31 - 1).default(120_000).describe('How long the service has nothing to compute before it gives memory back: one new worker takes the place of all'),
  SHUTDOWN_TIMEOUT_MS: count(10_000).describe('How long running requests may go on after SIGTERM or SIGINT'),
  MAX_BODY_BYTES: size(32 * MiB, 'Largest request body'),
  MAX_RESPONSE_BYTES: size(256 * MiB, 'Largest answer'),
  MAX_STEPS: size(10_000_000, 'Most steps of a run'),
  MAX_ELEMENTS: size(100_000_000, 'Most elements of a tensor'),
  MAX_PROGRAM_LENGTH: size(100_000, 'Most characters of a program'),
  MAX_PROGRAM_DEPTH: size(100, 'Deepest nesting of a program'),
  MAX_TRACE_STEPS: size(200_000, 'Most statements and loop rounds that a program may take while it is traced'),
  MAX_GRAPH_NODES: size(100_000, 'Most nodes of a graph'),
  MAX_MEMORY_BYTES: z.coerce.number().int().min(65_536).max(2 ** 32 - 65_536).default(1024 * MiB).describe('Most memory of a compiled program'),
  WORKER_HEAP_MB: count(2048).describe('JavaScript heap of a worker; one that outgrows it is replaced'),
  PROGRAM_CACHE: count(200).describe('Compiled programs that each worker keeps'),
  THREADS_PER_RUN: count(Math.min(availableParallelism(), 8)).describe('Threads that share the steps of one large training run while cores are free; by default one a core, 8 at most'),
  WIDE_SIMD: onOff.default('on').describe("V8's packing of two 128-bit operations into one of 256 bits"),
  ENGINE_DEBUG: z.coerce.number().int().min(0).max(5).default(0).describe('Written to the standard error: 1: timings and memory of each call; 2: also the time, GFLOP/s and GB/s of each kernel of a training step; 3: also the traced graph; 4: also the simplified graph, its kernels and the memory plan; 5: also the WebAssembly instructions'),
})

export type Config = z.infer<typeof settings>

/** Throws an Error that names every wrong setting. */
export function readConfig(environment: Readonly<Record<string, string | undefined>>): Config {
  const given = Object.fromEntries(Object.keys(settings.shape).flatMap((name) => (environment[name] === undefined || environment[name] === '' ? [] : [[name, environment[name]]])))
  const result = settings.safeParse(given)
  if (result.success) return result.data
  const lines = result.error.issues.map((issue) => `  ${issue.path.join('.')}: ${issue.message}, got "${String(given[String(issue.path[0])])}"`)
  throw new Error(`wrong settings in the environment:\n${lines.join('\n')}`)
}
