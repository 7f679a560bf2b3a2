/** Writes openapi.yaml: `npm run openapi`. */
import { writeFileSync } from 'node:fs'
import { buildApp } from './app.ts'
import { readConfig } from './config.ts'
import { documentText } from './openapi.ts'

const app = await buildApp({ config: readConfig({ LOG_LEVEL: 'silent', WORKERS: '1' }) })
await app.ready()
writeFileSync(new URL('../openapi.yaml', import.meta.url), documentText(app.operations))
await app.close()
