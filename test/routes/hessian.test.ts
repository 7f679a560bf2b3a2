/** POST /v1/hessian: PyTorch's second derivatives, finite differences of gradients, and what is refused. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { hessianResponse } from '../../src/responses.ts'
import { expectProblem, notebook, useService } from '../service.ts'

const service = useService()

type Nested = number | Nested[]

interface Case {
  readonly name: string
  readonly request: { readonly dtype: string }
  readonly expect: { readonly loss: number; readonly gradients: Record<string, Nested>; readonly hessian?: Record<string, Record<string, Nested>>; readonly product?: Record<string, Nested> }
}

const cases = JSON.parse(readFileSync(new URL('../golden/hessian.json', import.meta.url), 'utf8')) as Case[]

const flat = (x: Nested): number[] => (Array.isArray(x) ? x.flatMap(flat) : [x])

function expectClose(what: string, got: Nested, want: Nested, tolerance: number): void {
  const [a, b] = [flat(got), flat(want)]
  expect(a.length, what).toBe(b.length)
  const scale = Math.max(1, ...b.map(Math.abs))
  const wrong = b.findIndex((x, i) => !(Math.abs(a[i]! - x) <= tolerance * scale))
  if (wrong >= 0) expect.fail(`${what}, element ${wrong}: expected ${b[wrong]}, got ${a[wrong]}`)
}

async function hessianOf(request: object): Promise<Required<Case['expect']>> {
  const { status, body } = await service.post('/v1/hessian', request)
  expect(status, JSON.stringify(body)).toBe(200)
  expect(hessianResponse.parse(body)).toEqual(body)
  return body
}

describe('second derivatives as in PyTorch', () => {
  for (const { name, request, expect: want } of cases) {
    for (const [dtype, tolerance] of [['float64', 1e-9], ['float32', 1e-4]] as const) {
      it(`${name} in ${dtype}`, async () => {
        const got = await hessianOf({ ...request, dtype })
        expectClose('loss', got.loss, want.loss, tolerance)
        for (const [parameter, gradient] of Object.entries(want.gradients)) expectClose(`gradient of ${parameter}`, got.gradients[parameter]!, gradient, tolerance)
        expect(Object.keys(got.hessian ?? {})).toEqual(Object.keys(want.hessian ?? {}))
        for (const [a, blocks] of Object.entries(want.hessian ?? {})) {
          for (const [b, block] of Object.entries(blocks)) expectClose(`${a}, ${b}`, got.hessian[a]![b]!, block, tolerance)
        }
        expect(got.product === undefined).toBe(want.product === undefined)
        for (const [parameter, product] of Object.entries(want.product ?? {})) expectClose(`product, ${parameter}`, got.product[parameter]!, product, tolerance)
      })
    }
  }
})

describe('layers', () => {
  const spec = {
    model: { layers: [{ type: 'Linear', in_features: 2, out_features: 3 }, { type: 'Dropout', p: 0.3 }, { type: 'Softplus' }, { type: 'Linear', in_features: 3, out_features: 1 }] },
    loss: { type: 'MSELoss' },
    data: { x: [[1, 2], [0.5, -1], [-1.5, 0.3]], y: [[1], [0], [2]] },
    dtype: 'float64',
    seed: 4,
  }

  it('agree with finite differences of the gradients, with the same dropout', async () => {
    const { hessian } = await hessianOf(spec)
    const { body: start } = await service.post('/v1/train', { ...spec, optimizer: { type: 'SGD' }, steps: 0 })
    const state = start.state as Record<string, Nested>
    const step = 1e-5
    const gradientsAt = async (i: number, change: number): Promise<Record<string, Nested>> => {
      const weight = structuredClone(state['0.weight']) as number[][]
      weight[i]![0]! += change
      return (await service.post('/v1/backward', { ...spec, state: { ...state, '0.weight': weight } })).body.gradients
    }
    for (let i = 0; i < 3; i++) {
      const [up, down] = [await gradientsAt(i, step), await gradientsAt(i, -step)]
      for (const [name, gradient] of Object.entries(up)) {
        const below = flat(down[name]!)
        const row = flat(gradient).map((x, k) => (x - below[k]!) / (2 * step))
        expectClose(name, (hessian['0.weight']![name] as Nested[][])[i]![0]!, row, 1e-7)
      }
    }
  })

  it('a pattern chooses parameters; the matrix is symmetric', async () => {
    const { hessian } = await hessianOf({ ...spec, parameters: ['0.*'] })
    expect(Object.keys(hessian)).toEqual(['0.weight', '0.bias'])
    const cross = hessian['0.weight']!['0.bias'] as number[][][]
    const back = hessian['0.bias']!['0.weight'] as number[][][]
    for (const [i, rows] of cross.entries()) for (const [j, row] of rows.entries()) for (const [k, x] of row.entries()) expect(back[k]![i]![j]).toBeCloseTo(x, 12)
  })
})

describe('forms and limits', () => {
  it('tensors in base64', async () => {
    const { hessian } = await hessianOf({ ...notebook, report: { tensors: 'base64' } })
    expect(hessian['w']!['w']).toEqual({ base64: Buffer.from(Float32Array.of(2).buffer).toString('base64'), shape: [], dtype: 'float32' })
  })

  it('a number that is not finite is null, with its place', async () => {
    const { status, body } = await service.post('/v1/hessian', { model: { parameters: { w: { value: 0 } }, forward: 'z = w.sqrt()' }, loss: 'z' })
    expect(status).toBe(200)
    expect(body.hessian).toEqual({ w: { w: null } })
    expect(body.non_finite.map(({ pointer }: { pointer: string }) => pointer)).toContain('/hessian/w/w')
  })

  const wide = { model: { parameters: { w: { value: { data: Array<number>(10_001).fill(1), shape: [10_001] } } }, forward: 'z = (w**2).sum()' }, loss: 'z' }

  it('too many rows: refused before anything is computed, but a product is', async () => {
    await expectProblem(service, '/v1/hessian', wide, { status: 422, code: 'tensor_too_large', error: { pointer: '/parameters', message: /10001 elements; a whole Hessian is computed for at most 10000/ } })
    const { product } = await hessianOf({ ...wide, vector: { w: { data: Array<number>(10_001).fill(3), shape: [10_001] } } })
    expect(flat(product['w']!).every((x) => x === 6)).toBe(true)
  })

  it('a parameter that does not exist', () =>
    expectProblem(service, '/v1/hessian', { ...notebook, parameters: ['v'] }, { status: 422, code: 'bad_option', error: { pointer: '/parameters/0', message: /no parameter fits "v"/ } }))
  it('a vector of another shape', () =>
    expectProblem(service, '/v1/hessian', { ...notebook, vector: { w: [1] } }, { status: 422, code: 'shape_mismatch', error: { pointer: '/vector/w', message: /the shape of "w", \[\], expected, got \[1\]/ } }))
  it('a vector without a part', () =>
    expectProblem(service, '/v1/hessian', { ...notebook, vector: {} }, { status: 422, code: 'shape_mismatch', error: { pointer: '/vector', message: /that of "w" is missing/ } }))
  it('a vector with a stray part', () =>
    expectProblem(service, '/v1/hessian', { ...notebook, vector: { w: 1, v: 2 } }, { status: 422, code: 'unknown_name', error: { pointer: '/vector/v', message: /"v" is not among the chosen parameters; there are w/ } }))
  it('no loss', () => expectProblem(service, '/v1/hessian', { ...notebook, loss: undefined }, { status: 400, code: 'invalid_request' }))
  it('a loss without parameters', () =>
    expectProblem(service, '/v1/hessian', { ...notebook, loss: '(x - y)**2' }, { status: 422, code: 'loss_without_parameters', error: { pointer: '/loss' } }))
})
