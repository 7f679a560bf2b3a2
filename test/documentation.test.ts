/** What the documents say is so: settings, names of the language, the answers that are shown, the stages of the engine. */
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { availableParallelism } from 'node:os'
import { describe, expect, it } from 'vitest'
import { expressions, statements } from '../engine/index.ts'
import { readConfig, settings } from '../src/config.ts'
import { languageText } from '../src/language.ts'
import { exported, ran } from './onnx.ts'
import { untimed, useService } from './service.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const text = (file: string): string => readFileSync(join(root, file), 'utf8')
const readme = text('README.md')

/** The rows of the table whose header begins with `first`. */
function table(first: string): string[][] {
  const lines = readme.split('\n')
  const start = lines.findIndex((line) => line.startsWith(`| ${first} |`))
  const rows = lines.slice(start + 2)
  // A pipe inside code is written with a backslash.
  return rows.slice(0, rows.findIndex((line) => !line.startsWith('|'))).map((line) => line.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim()))
}

describe('the README', () => {
  it('lists every setting with its default', () => {
    const defaults = readConfig({})
    const shown = new Map(table('name').map(([name, value]) => [name!.replaceAll('`', ''), value!]))
    expect([...shown.keys()].toSorted()).toEqual(Object.keys(settings.shape).toSorted())
    for (const [name, value] of shown) {
      if (name === 'WORKERS') expect([value, defaults.WORKERS]).toEqual(['one a core', availableParallelism()])
      else if (name === 'THREADS_PER_RUN') expect([value, defaults.THREADS_PER_RUN]).toEqual(['one a core, 8 at most', Math.min(8, availableParallelism())])
      else expect(`${name} ${value}`).toBe(`${name} ${String(defaults[name as keyof typeof defaults])}`)
    }
  })

  describe('its first example', () => {
    const service = useService({ WORKERS: '1' })
    const request = /-d '(\{[^']+\})'/.exec(readme)![1]!

    it('gives the answer that is shown', async () => {
      const shown = /```json\n(\{[\s\S]+?\n\})\n```/.exec(readme)![1]!
      const answer = await service.post('/v1/train', request).expect(200)
      expect(untimed(JSON.parse(answer.text) as object)).toEqual(untimed(JSON.parse(shown) as object))
    })

    it('gives what is said of forward and backward', async () => {
      const { optimizer: _optimizer, steps: _steps, ...spec } = JSON.parse(request) as Record<string, unknown>
      const [, forward, backward] = /answers `(\{.+?\})`, and `\/v1\/backward` `(\{.+?\})`\./.exec(readme)!
      expect((await service.post('/v1/forward', spec).expect(200)).text).toBe(forward)
      expect((await service.post('/v1/backward', spec).expect(200)).text).toBe(backward)
    })
  })
})

describe('the engine', () => {
  it('its README shows the stages as they are', () => {
    const stages = [...text('engine/README.md').matchAll(/```text\n([\s\S]+?)\n```/g)].map(([, stage]) => stage!)
    expect(stages).toHaveLength(4)
    for (const stage of stages) expect(text('test/engine/plans/notebook.txt')).toContain(stage)
  })
})

describe('docs/language.md', () => {
  const service = useService({ WORKERS: '1' })

  it('is what the tables say (else: npm run language)', () => expect(text('docs/language.md') === languageText(), 'docs/language.md is not current: run npm run language').toBe(true))

  it.each([...statements, ...expressions])('its example runs: $name', async ({ example }) => {
    const model = { modules: { fc: { type: 'Linear', in_features: 3, out_features: 2 } }, forward: [...example, 'end = x'] }
    await service.post('/v1/forward', { model, data: { x: [[1, 2, 3], [4, 5, 6]] } }).expect(200)
  })
})

describe('the examples of docs/weights.md', () => {
  const service = useService({ WORKERS: '1' })
  const guide = text('docs/weights.md')
  const examples = [...guide.matchAll(/```json request (\S+)\n([\s\S]+?)```\n\n```json answer\n([\s\S]+?)```/g)].map(([, path, request, answer]) => [path!, request!, answer!] as const)

  it('are all found', () => expect(examples).toHaveLength(guide.split('```json request').length - 1))

  it.each(examples)('%s', async (path, request, answer) => {
    const { body } = await service.post(path, request).expect(200)
    const shown = JSON.parse(answer) as object
    expect('timing' in body ? untimed(body) : body).toEqual('timing' in shown ? untimed(shown) : shown)
  })
})

describe('the ONNX file of docs/weights.md', () => {
  const service = useService({ WORKERS: '1' })

  it('runs as the lines of JavaScript run it', async () => {
    const request = /\/v1\/export .*-o model\.onnx -d '(\{[^']+\})'/.exec(text('docs/weights.md'))![1]!
    const file = await exported(service, JSON.parse(request) as object)
    expect(await ran(file, { shape: [5, 2], numbers: Array<number>(10).fill(0) }, 'float32')).toMatchObject({ shape: [5, 1] })
  })
})

describe('links between documents', () => {
  const documents = ['README.md', 'CHANGELOG.md', 'engine/README.md', 'bench/README.md', 'test/golden/README.md', ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.md')).map((file) => `docs/${file}`)]

  it.each(documents)('%s', (document) => {
    const targets = [...text(document).matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, target]) => target!)
    expect(targets.filter((target) => !existsSync(join(root, dirname(document), target)))).toEqual([])
  })
})
