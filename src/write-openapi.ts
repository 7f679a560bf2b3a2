/** Writes openapi.yaml: `npm run openapi`. */
import { writeFileSync } from 'node:fs'
import { declaredOperations } from './declared.ts'
import { buildDocument, yamlOf } from './openapi.ts'

writeFileSync(new URL('../openapi.yaml', import.meta.url), yamlOf(buildDocument(await declaredOperations())))
