/** The shape of the code: what imports what, no circles, no file that has grown too long. */
import { readFileSync, readdirSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { errorCodes } from '../engine/index.ts'
import { formCodes, serviceCodes } from '../src/errors.ts'

const root = fileURLToPath(new URL('..', import.meta.url))

function filesIn(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.includes('node_modules'))
    .map((file) => join(folder, file))
}

const files = ['engine', 'src', 'routes'].flatMap(filesIn)

interface Import {
  readonly from: string
  /** A file of the project, or the name of a package. */
  readonly to: string
  readonly typeOnly: boolean
}

const imports: Import[] = files.flatMap((from) =>
  [...readFileSync(join(root, from), 'utf8').matchAll(/^(?:import|export)\s[^'"]*?\sfrom '([^']+)'|^import '([^']+)'/gm)].map(([text, named, bare]) => {
    const target = named ?? bare!
    return { from, to: target.startsWith('.') ? relative(root, join(root, dirname(from), target)) : target, typeOnly: /^(?:import|export) type /.test(text) }
  }),
)

const folderOf = (file: string): string => file.split('/')[0]!

describe('imports', () => {
  const allowed: Record<string, readonly string[]> = { engine: ['engine'], src: ['src', 'engine'], routes: ['routes', 'src', 'engine'] }

  it('go from routes to src to engine, and never back', () => {
    const wrong = imports.filter(({ from, to }) => ['engine', 'src', 'routes'].includes(folderOf(to)) && !allowed[folderOf(from)]!.includes(folderOf(to)))
    expect(wrong).toEqual([])
  })

  it('the engine takes from packages only zod, the parser and a hash', () => {
    const packages = new Set(imports.filter(({ from, to }) => folderOf(from) === 'engine' && folderOf(to) !== 'engine').map(({ to }) => to))
    expect([...packages].toSorted()).toEqual(['@lezer/common', '@lezer/python', 'node:crypto', 'zod'])
  })

  it('from outside, the engine is used through its door', () => {
    const wrong = imports.filter(({ from, to }) => folderOf(from) !== 'engine' && folderOf(to) === 'engine' && to !== 'engine/index.ts' && to !== 'engine/errors.ts')
    expect(wrong).toEqual([])
  })

  it('the main thread loads nothing of the engine but its errors, and no schemas', () => {
    const targets = Map.groupBy(imports.filter(({ typeOnly }) => !typeOnly), ({ from }) => from)
    const loaded = new Set<string>()
    const load = (file: string): void => {
      if (loaded.has(file)) return
      loaded.add(file)
      for (const { to } of targets.get(file) ?? []) load(to)
    }
    for (const file of ['src/server.ts', ...files.filter((name) => folderOf(name) === 'routes')]) load(file)
    expect([...loaded].filter((file) => folderOf(file) === 'engine')).toEqual(['engine/errors.ts'])
    expect(loaded.has('src/pool.ts') && !loaded.has('src/spec.ts')).toBe(true)
  })

  it('run in no circle', () => {
    const targets = Map.groupBy(imports, ({ from }) => from)
    const done = new Set<string>()
    const visit = (file: string, path: readonly string[]): void => {
      if (path.includes(file)) expect.fail([...path.slice(path.indexOf(file)), file].join(' -> '))
      if (done.has(file)) return
      for (const { to } of targets.get(file) ?? []) if (to.endsWith('.ts')) visit(to, [...path, file])
      done.add(file)
    }
    for (const file of files) visit(file, [])
  })
})

describe('files', () => {
  it('have at most 400 lines', () => {
    const long = files.map((file) => [file, readFileSync(join(root, file), 'utf8').split('\n').length] as const).filter(([, lines]) => lines > 400)
    expect(long).toEqual([])
  })

  it('say in their name what lives there', () => {
    expect(files.filter((file) => /\b(utils?|helpers?|common|misc)\b/.test(file))).toEqual([])
  })

  it('begin by saying what they are for', () => {
    expect(files.filter((file) => !readFileSync(join(root, file), 'utf8').startsWith('/**'))).toEqual([])
  })
})

describe('the text', () => {
  it('leaves nothing for later, and switches no check off', () => {
    const wrong = files.filter((file) => /\b(TODO|FIXME|XXX|HACK)\b|@ts-ignore|@ts-expect-error|oxlint-disable|eslint-disable|\bas any\b|: any\b/.test(readFileSync(join(root, file), 'utf8')))
    expect(wrong).toEqual([])
  })
})

describe('the error codes', () => {
  const tests = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts') && !file.includes('node_modules'))
    .map((file) => readFileSync(join(root, 'test', file), 'utf8'))
    .join('\n')

  for (const code of [...Object.keys(errorCodes), ...Object.keys(serviceCodes), ...Object.keys(formCodes)]) {
    it(`${code} is provoked by a test`, () => expect(tests).toContain(`'${code}'`))
  }
})
