/** The operations, as the routes declare them. */
import fastify from 'fastify'
import { registerRoutes } from './app.ts'
import type { Operation } from './openapi.ts'

export async function declaredOperations(): Promise<Operation[]> {
  const app = fastify()
  const declared: Promise<Operation>[] = []
  app.addHook('onRoute', ({ method, url, config }) => {
    const { api } = config ?? {}
    if (api && method !== 'HEAD') declared.push(api().then((doc) => ({ ...doc, method: String(method), path: url })))
  })
  await registerRoutes(app)
  await app.ready()
  const operations = await Promise.all(declared)
  await app.close()
  return operations
}
