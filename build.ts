/**
 * Writes the sources as JavaScript to build/, beside the files that they read: `npm start` does, before it starts the
 * service from there. Node would strip the types itself, but keeps what it needs for that in each thread, some 15 MB.
 * Lines stay where they are.
 */
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { stripTypeScriptTypes } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('.', import.meta.url))
const target = join(root, 'build')

function filesIn(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, withFileTypes: true }).flatMap((entry) => (entry.isFile() ? [join(entry.parentPath, entry.name)] : []))
}

function javascript(text: string): string {
  return stripTypeScriptTypes(text)
    .replaceAll(/(['"])(\.{1,2}\/[^'"\n]+)\.ts\1/g, '$1$2.js$1')
    .replaceAll(/ +$/gm, '')
}

const texts = new Map(['package.json', 'openapi.yaml'].map((file) => [file, readFileSync(join(root, file), 'utf8')]))
for (const file of ['engine', 'src', 'routes'].flatMap((folder) => filesIn(join(root, folder)))) {
  if (file.endsWith('.ts')) texts.set(file.slice(root.length).replace(/\.ts$/, '.js'), javascript(readFileSync(file, 'utf8')))
}
// Only what differs: a service may be running from there.
for (const [name, text] of texts) {
  const path = join(target, name)
  if (existsSync(path) && readFileSync(path, 'utf8') === text) continue
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, text)
}
for (const path of filesIn(target)) if (!texts.has(path.slice(target.length + 1))) rmSync(path)
