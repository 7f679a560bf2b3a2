/** Which pages of other origins may call the service from a browser. */
import type { FastifyInstance } from 'fastify'

/** What a page may read of an answer, besides its body and what browsers let pass anyway. */
const exposedHeaders = ['Server-Timing', 'X-Request-Id', 'Retry-After', 'ETag', 'Location', 'Allow', 'Content-Disposition', 'Run-Status', 'Run-Steps', 'Run-Loss']

/** Browsers keep what they were told of a request for so many seconds; none for longer than some hours. */
const maxAge = 7200

/** What is wrong with a setting of origins, if anything. */
export function faultOfOrigins(setting: string): string | undefined {
  if (setting === 'none' || setting === '*') return undefined
  for (const item of originsIn(setting)) {
    const url = URL.parse(item)
    if (!url || !/^https?:$/.test(url.protocol) || item.includes('*')) return `none, * or a list of origins such as https://example.com, separated by commas, expected; ${JSON.stringify(item)} is no origin`
    if (url.origin !== item) return `${JSON.stringify(item)} is no origin; write ${url.origin}`
  }
  return undefined
}

function originsIn(setting: string): string[] {
  return setting.split(',').map((item) => item.trim())
}

/** Lets browsers pass on what pages of the origins send; where there are none, requests go the same way as without this. */
export async function allowOrigins(app: FastifyInstance, setting: string): Promise<void> {
  if (setting === 'none') return
  const { default: cors } = await import('@fastify/cors')
  // Not strict: without the headers of a browser's question, OPTIONS is answered all the same.
  await app.register(cors, { origin: setting === '*' ? '*' : originsIn(setting), methods: ['GET', 'HEAD', 'POST'], exposedHeaders, maxAge, strictPreflight: false })
}
