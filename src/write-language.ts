/** Writes docs/language.md: `npm run language`. */
import { writeFileSync } from 'node:fs'
import { languageText } from './language.ts'

writeFileSync(new URL('../docs/language.md', import.meta.url), languageText())
