/** The examples: each request file is posted as it is, learns what it should, and is what PyTorch makes of it. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { examples, requestOf } from '../examples/data.ts'
import type { Rows } from '../examples/data.ts'
import { bar, plot } from '../examples/show.ts'
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

  it('lists the examples when the name is unknown', async () => {
    await expect(run(['iriss'], service.url)).rejects.toMatchObject({ code: 1, stderr: expect.stringContaining('digits') })
  })
})

describe('drawing', () => {
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
