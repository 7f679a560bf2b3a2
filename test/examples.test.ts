/** The examples: each request file is posted as it is, learns what it should, and is what PyTorch makes of it. */
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { examples, opticks, requestOf, textWidth } from '../examples/data.ts'
import type { Rows } from '../examples/data.ts'
import { bar, plot } from '../examples/show.ts'
import { drawing } from '../examples/svg.ts'
import { useService } from './service.ts'

const service = useService()

interface Answer {
  readonly steps: { readonly loss: number; readonly grad_norm: number }[]
  readonly state: Record<string, unknown>
  readonly status: string
}

async function train(name: string): Promise<Answer> {
  const { status, body } = await service.post('/v1/train', requestOf(name))
  expect(status, JSON.stringify(body).slice(0, 500)).toBe(200)
  expect(body.status).toBe('succeeded')
  return body as Answer
}

/** What the trained model says of rows that it has not seen. */
async function predict(name: string, state: Record<string, unknown>, { x }: Rows): Promise<unknown> {
  const { body } = await service.post('/v1/forward', { model: requestOf(name)['model'], data: { x }, state, outputs: ['y_hat'] })
  return body.outputs.y_hat
}

async function accuracy(name: string, state: Record<string, unknown>): Promise<number> {
  const rows = examples[name]!.rows().heldBack
  const scores = (await predict(name, state, rows)) as number[][]
  return scores.filter((row, i) => row.indexOf(Math.max(...row)) === rows.y[i]).length / rows.y.length
}

describe('the request files', () => {
  for (const name of ['line', 'iris', 'iris-program']) {
    it(`${name}.json holds the rows that are not held back`, () => {
      const { train: rows, heldBack } = examples[name]!.rows()
      expect(requestOf(name)['data']).toEqual(rows)
      expect(rows.y.length).toBe(4 * heldBack.y.length)
    })
  }

  it('iris has 150 rows, 50 of each species', () => {
    const { train: rows, heldBack } = examples['iris']!.rows()
    const species = [...rows.y, ...heldBack.y]
    expect([0, 1, 2].map((which) => species.filter((y) => y === which).length)).toEqual([50, 50, 50])
  })
})

describe('line', () => {
  it('finds the line of least squares', async () => {
    const { x, y } = examples['line']!.rows().train as { x: number[]; y: number[] }
    const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
    const slope = mean(x.map((at, i) => (at - mean(x)) * (y[i]! - mean(y)))) / mean(x.map((at) => (at - mean(x)) ** 2))
    const { state } = await train('line')
    expect(state['a']).toBeCloseTo(slope, 5)
    expect(state['b']).toBeCloseTo(mean(y) - slope * mean(x), 5)
  })
})

describe('iris', () => {
  const golden = (JSON.parse(readFileSync(new URL('golden/examples.json', import.meta.url), 'utf8')) as { expect: { losses: number[]; grad_norms: number[] } }[])[0]!.expect

  it("gives PyTorch's curve", async () => {
    const { steps } = await train('iris')
    expect(steps.length).toBe(golden.losses.length)
    for (const [i, { loss, grad_norm: norm }] of steps.entries()) {
      expect(Math.abs(loss / golden.losses[i]! - 1), `loss of step ${i + 1}`).toBeLessThan(1e-4)
      expect(Math.abs(norm / golden.grad_norms[i]! - 1), `gradient norm of step ${i + 1}`).toBeLessThan(1e-3)
    }
  })

  it('tells the species of flowers that it has not seen', async () => {
    const { state } = await train('iris')
    expect(await accuracy('iris', state)).toBeGreaterThan(0.9)
  })

  it('as a program gives the same numbers as the layers', async () => {
    const [layers, program] = [await train('iris'), await train('iris-program')]
    expect(program.steps.map(({ loss }) => loss)).toEqual(layers.steps.map(({ loss }) => loss))
    expect(Object.values(program.state)).toEqual(Object.values(layers.state))
    expect(Object.keys(program.state)).toEqual(['fc1.weight', 'fc1.bias', 'fc2.weight', 'fc2.bias'])
  })
})

describe('digits', () => {
  it('reads digits that it has not seen', async () => {
    const { steps, state } = await train('digits')
    expect(steps[0]!.loss).toBeCloseTo(Math.log(10), 1)
    expect(await accuracy('digits', state)).toBeGreaterThan(0.9)
  })
})

/** The first steps of a long example: whole runs are in docs/examples.md. */
async function begin(name: string, steps: number): Promise<readonly { readonly loss: number }[]> {
  const { status, body } = await service.post('/v1/train', { ...requestOf(name), epochs: undefined, steps, validation: undefined })
  expect(status, JSON.stringify(body).slice(0, 500)).toBe(200)
  expect([body.status, body.steps.length]).toEqual(['succeeded', steps])
  return body.steps as { loss: number }[]
}

const meanLoss = (steps: readonly { readonly loss: number }[]): number => steps.reduce((sum, { loss }) => sum + loss, 0) / steps.length

describe('digits-cnn', () => {
  it('learns from the first step on, by the schedule of its request', async () => {
    const request = requestOf('digits-cnn') as { epochs: number; batch_size: number; data: { y: number[] }; scheduler: { total_steps: number }; validation: { data: { y: number[] } } }
    expect(request.scheduler.total_steps).toBe((request.epochs * request.data.y.length) / request.batch_size)
    expect(request.validation.data.y).toEqual(examples['digits']!.rows().heldBack.y)
    const steps = await begin('digits-cnn', 40)
    expect(steps[0]!.loss).toBeCloseTo(Math.log(10), 0)
    expect(meanLoss(steps.slice(-5))).toBeLessThan(2)
  })
})

describe('characters', () => {
  it('has rows of one text, each with the letters that follow', () => {
    const { text, letters } = opticks()
    const { train: rows, heldBack } = examples['characters']!.rows()
    const read = (row: unknown): string => (row as number[]).map((at) => letters[at]).join('')
    expect(letters.length).toBe((requestOf('characters') as { model: { modules: { character: { num_embeddings: number } } } }).model.modules.character.num_embeddings)
    expect([...rows.x, ...heldBack.x].map(read).join('')).toBe(text.slice(0, (rows.x.length + heldBack.x.length) * textWidth))
    expect(read(rows.y[7])).toBe(text.slice(7 * textWidth + 1, 8 * textWidth + 1))
  })

  it('learns from the first step on', async () => {
    const steps = await begin('characters', 20)
    expect(steps[0]!.loss).toBeGreaterThan(Math.log(73))
    expect(meanLoss(steps.slice(-3))).toBeLessThan(3.8)
  })
})

describe('npm run example', () => {
  const script = fileURLToPath(new URL('../examples/run.ts', import.meta.url))
  const run = async (args: string[], url: string): Promise<{ stdout: string; stderr: string }> =>
    promisify(execFile)(process.execPath, [script, ...args], { env: { ...process.env, CHAINRULE_URL: url, WORKERS: '1' } })

  it('uses the service that answers', async () => {
    const { stdout } = await run(['iris'], service.url)
    expect(stdout).toContain(`at ${service.url}`)
    expect(stdout).toMatch(/█+ 200\/200 {2}loss 0\.\d+ {2}gradient norm \d/)
    expect(stdout).toContain('loss by step')
    expect(stdout).toMatch(/succeeded; accuracy on 30 rows that were held back: (9\d|100)\.\d %/)
  })

  it('starts a service of its own where none answers', async () => {
    const { stdout } = await run(['line'], 'http://127.0.0.1:1')
    expect(stdout).toMatch(/succeeded; mean squared error on 10 points that were held back: 0\.\d+/)
  })

  it('draws the curve', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'example-')), 'line.svg')
    await run(['line', '--svg', file], service.url)
    expect(readFileSync(file, 'utf8')).toContain('line: loss by step')
  })

  it('lists the examples when the name is unknown', async () => {
    await expect(run(['iriss'], service.url)).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('digits') })
  })
})

describe('drawing', () => {
  it('curves as SVG: the axis from 0 to a round number, each point in its place', () => {
    const svg = drawing('a & b', [{ name: 'own', points: [[1, 2], [2, 1]] }, { name: 'held back', points: [[2, 1.5]], marked: true }])
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg" viewBox="0 0 640 320"/)
    expect(svg).toContain('a &amp; b')
    expect(svg).toContain('points="340,36 624,160"')
    expect(svg).toContain('<circle cx="624" cy="98" r="3.5"')
    expect([...svg.matchAll(/text-anchor="end">([\d.]+)</g)].map(([, label]) => label).slice(0, 5)).toEqual(['0', '0.5', '1', '1.5', '2'])
  })

  it.each(['digits-cnn', 'characters'])('docs/%s.svg is what the example has drawn', (name) => {
    const svg = readFileSync(new URL(`../docs/${name}.svg`, import.meta.url), 'utf8')
    expect(svg).toContain(`${name}: loss by step`)
    const { epochs, batch_size: size } = requestOf(name) as { epochs: number; batch_size: number }
    const polyline = /<polyline [^>]*points="([^"]*)"/.exec(svg)![1]!
    expect(polyline.split(' ').length).toBe(epochs * Math.ceil(examples[name]!.rows().train.y.length / size))
  })

  it('a bar fills by eighths', () => {
    expect(bar(0, 4)).toBe('····')
    expect(bar(0.5, 4)).toBe('██··')
    expect(bar(0.28125, 4)).toBe('█▏··')
    expect(bar(1, 4)).toBe('████')
  })

  it('a curve goes from the largest value to the smallest', () => {
    expect(plot([4, 3, 2, 1], 2, 1).split('\n')).toEqual(['4.000 │⠙⢦', '      └──', '       14'])
    expect(plot([1, 1], 2, 2).split('\n')).toEqual(['1.000 │⠀⠀', '1.000 │⣀⣀', '      └──', '       12'])
  })
})
