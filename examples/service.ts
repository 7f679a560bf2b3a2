/** The service that an example talks to: one that answers, or one of its own. */
import { buildApp } from '../src/app.ts'
import { readConfig } from '../src/config.ts'

export interface Service {
  readonly url: string
  readonly close: () => Promise<void>
}

export async function findService(url: string): Promise<Service> {
  if (await answers(url)) return { url, close: async () => {} }
  const app = await buildApp({ config: readConfig({ REQUEST_TIMEOUT_MS: '900000', ...process.env, PORT: '0', HOST: '127.0.0.1', LOG_LEVEL: 'warn' }) })
  return { url: await app.listen({ host: '127.0.0.1', port: 0 }), close: () => app.close() }
}

/** Whether what listens there is this service, and not something else. */
async function answers(url: string): Promise<boolean> {
  try {
    const response = await fetch(new URL('/health/ready', url), { signal: AbortSignal.timeout(1000) })
    const body = (await response.json()) as { status?: unknown; wide_simd?: unknown }
    return body.status === 'ready' && 'wide_simd' in body
  } catch {
    return false
  }
}
