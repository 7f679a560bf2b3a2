/** Writes docs/errors.md: `npm run errors`. */
import { writeFileSync } from 'node:fs'
import { buildApp } from '../../src/app.ts'
import { readConfig } from '../../src/config.ts'
import type { Refusal } from './document.ts'
import { askAll, errorsText } from './document.ts'

const app = await buildApp({ config: readConfig({ LOG_LEVEL: 'silent', WORKERS: '1' }) })
const url = await app.listen({ port: 0, host: '127.0.0.1' })
while (app.pool.state.ready === 0) await new Promise((resolve) => setTimeout(resolve, 10))
const told = await askAll(async (path, request) => {
  const response = await fetch(url + path, { method: 'POST', headers: { 'content-type': 'application/json' }, body: typeof request === 'string' ? request : JSON.stringify(request) })
  if (response.status === 200) process.stderr.write(`not refused: ${JSON.stringify(request).slice(0, 600)}\n`)
  const body = (await response.json()) as { code: string; detail: string; errors?: Refusal['fault'][] }
  return { status: response.status, code: body.code, fault: body.errors?.[0] ?? { code: body.code, message: body.detail } }
})
writeFileSync(new URL('../../docs/errors.md', import.meta.url), errorsText(told))
await app.close()
