/** Requests that differ in numbers alone are checked once. */
import { describe, expect, it } from 'vitest'
import { NumberList } from '../../engine/index.ts'
import { validate, validateText } from '../../src/validate.ts'

const text = (w: string, x: string, rest = ''): Uint8Array =>
  new TextEncoder().encode(`{"model":{"parameters":{"w":{"value":${w}}},"forward":"y_hat = w * x"},"loss":"y_hat.sum()","data":{"x":${x}}${rest}}`)

/** With lists instead of typed arrays, and without what only says which text it came from. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value, (key, inner: unknown) => (key === 'origin' ? undefined : inner instanceof NumberList ? [...inner.numbers] : inner)))
}

function expectSame(w: string, x: string): void {
  const bytes = text(w, x)
  const want = validate('backward', JSON.parse(new TextDecoder().decode(bytes)))
  const got = validateText('backward', bytes)
  expect(got.ok).toBe(want.ok)
  if (got.ok && want.ok) expect(plain(got.value)).toEqual(plain(want.value))
  else expect(got).toEqual(want)
}

describe('the text around the tensors', () => {
  it('is checked once, and gives what the check gives', () => {
    for (const [w, x] of [['1', '2'], ['1', '2'], ['2.5', '[1,2]'], ['-3', '[4, 5]'], ['[1]', '{"data":[1],"shape":[1]}'], ['[1]', '{"data":[2],"shape":[1]}'], ['0', 'true']] as const) expectSame(w, x)
  })

  it('does not hide a wrong tensor', () => {
    expectSame('1', '[1,2]')
    for (const wrong of ['"a"', '[1,"a"]', 'null', '{"data":[1],"size":1}', '{"base64":1,"shape":[1]}']) expectSame('1', wrong)
  })

  it('counts to its last byte', () => {
    expect(validateText('backward', text('1', '2'))).toMatchObject({ ok: true })
    expect(validateText('backward', text('1', '2', ',"sead":1'))).toMatchObject({ ok: false, problem: { code: 'invalid_request' } })
    expect(validateText('backward', text('1', '2', '}'))).toMatchObject({ ok: false, problem: { code: 'invalid_json' } })
    expect(validateText('forward', text('1', '2', ',"retain_grad":["x"]'))).toMatchObject({ ok: false })
    expect(validateText('backward', text('1', '2', ',"retain_grad":["x"]'))).toMatchObject({ ok: true, value: { retain_grad: ['x'] } })
  })

  it('with a field that is given twice has the last one', () => {
    for (const x of ['1,"x":2', '3,"x":4']) expect(validateText('backward', text('1', x))).toMatchObject({ ok: true, value: { data: { x: x.endsWith('2') ? 2 : 4 } } })
    for (const data of ['1},"data":{"y":2', '5},"data":{"y":6']) expect(validateText('backward', text('1', data))).toMatchObject({ ok: true, value: { data: { y: data.endsWith('2') ? 2 : 6 } } })
    expect(validateText('backward', text('1', '1},"data":{"y":2'))).not.toHaveProperty('value.data.x')
  })

  it('is one origin, and another text another', () => {
    const origin = (bytes: Uint8Array): unknown => {
      const validated = validateText('backward', bytes)
      return validated.ok ? (validated.value as { origin?: object }).origin : undefined
    }
    const rest = ',"retain_grad":["y_hat"]'
    expect(origin(text('1', '1', rest))).toBeUndefined()
    const first = origin(text('2', '[1]', rest))
    expect(first).toBeTypeOf('object')
    expect(origin(text('3', '{"data":[1],"dtype":"float64"}', rest))).toBe(first)
    origin(text('1', '1', ` ${rest}`))
    const second = origin(text('1', '1', ` ${rest}`))
    expect(second).toBeTypeOf('object')
    expect(second).not.toBe(first)
  })

  it('keeps no request’s numbers for another', () => {
    const first = validateText('backward', text('[1,2]', '1'))
    const second = validateText('backward', text('[3,4]', '1'))
    const numbers = [first, second].map((validated) => (validated.ok ? [...(validated.value as { model: { parameters: { w: { value: NumberList } } } }).model.parameters.w.value.numbers] : []))
    expect(numbers).toEqual([[1, 2], [3, 4]])
  })
})
