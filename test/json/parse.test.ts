/** JSON from bytes, against JavaScript's own. */
import { describe, expect, it } from 'vitest'
import { NumberList } from '../../engine/index.ts'
import { JsonError, parseJson } from '../../src/json/parse.ts'
import { placesOf } from '../../src/json/places.ts'
import { requestSchemas, tensor } from '../../src/spec.ts'

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)
const places = { data: { '*': 'tensor' } } as const
const plain = (text: string): unknown => parseJson(bytes(text), undefined).value

/** The tensor of a text in its place. */
function tensorOf(text: string): unknown {
  return (parseJson(bytes(`{"data":{"x":${text}}}`), places).value as { data: { x: unknown } }).data.x
}

/** A generator of its own: the same cases in each run. */
function* random(seed: number): Generator<number> {
  let state = seed
  for (;;) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    yield state / 2 ** 32
  }
}

describe('text that is JSON', () => {
  const texts = ['null', 'true', ' [1, 2.5, -0, 1e3, 1E-3, 0.1e+2 ] ', '{}', '[]', '[[],{}]', '{"a":{"b":[null,false,"c"]},"a2":""}', '"\\u00e9\\n\\"\\\\ \\ud83d\\ude00"', '"é 😀"', '{"é":1,"constructor":2}', '1e400', '-1e-400', '9007199254740993', '\t\r\n1\n']
  for (const text of texts) it(text, () => expect(plain(text)).toEqual(JSON.parse(text)))

  it('after a byte order mark', () => expect(plain('\uFEFF[1]')).toEqual([1]))
  it('nested deeply', () => expect(JSON.stringify(plain(`${'['.repeat(1000)}"]"${']'.repeat(1000)}`))).toBe(`${'['.repeat(1000)}"]"${']'.repeat(1000)}`))
  it('the last of two equal keys counts', () => expect(plain('{"a":1,"a":2}')).toEqual({ a: 2 }))
})

describe('text that is not', () => {
  const texts = ['', ' ', '{', '[1,]', '{"a":1,}', '{a:1}', "{'a':1}", '[1 2]', '01', '1.', '.5', '+1', '1e', '-', 'NaN', 'Infinity', 'nul', 'truE', '"a', '"\\x"', '"a\nb"', '[1]]', '{"a" 1}', '\u00a0', '"\\u12"', '{"data":{"x":[1,]}}', '{"data":{"x":[1 2]}}', '{"data":{"x":[01]}}', '{"data":{"x":[1.]}}', '{"data":{"x":[1', '{"data":{"x":[tru]}}']
  for (const text of texts) {
    it(text, () => {
      expect(() => JSON.parse(text) as unknown).toThrow()
      expect(() => parseJson(bytes(text), places)).toThrow(JsonError)
    })
  }

  it('says where', () => expect(() => plain('{"a": [1, x]}')).toThrow('unexpected "x" at position 10'))
  it('__proto__', () => expect(() => plain('{"__proto__":1}')).toThrow(JsonError))
  it('bytes that are not UTF-8', () => expect(() => parseJson(Uint8Array.of(0x22, 0xff, 0x22), undefined)).toThrow('not UTF-8'))
  it('nesting without end', () => expect(() => plain('['.repeat(100_000))).toThrow(JsonError))
  it('deep nesting that is wrong inside', () => expect(() => plain(`${'['.repeat(10_000)}1 2${']'.repeat(10_000)}`)).toThrow(JsonError))
})

describe('numbers', () => {
  it('are the doubles that JavaScript reads', () => {
    const next = random(1)
    const view = new DataView(new ArrayBuffer(8))
    const draw = (): number => next.next().value as number
    const kinds = [
      () => {
        view.setUint32(0, draw() * 2 ** 32)
        view.setUint32(4, draw() * 2 ** 32)
        return view.getFloat64(0)
      },
      () => draw().toFixed(20),
      () => (draw() * 2 - 1).toExponential(Math.floor(draw() * 30)),
      () => Math.fround(draw() * 1000),
      () => `${Math.floor(draw() * 1e9)}${Math.floor(draw() * 1e9)}${Math.floor(draw() * 1e9)}e${Math.floor(draw() * 640 - 340)}`,
      // The middle of two doubles, and beside it.
      () => `${(BigInt(Math.floor(draw() * 2 ** 52)) + 2n ** 52n) * 2n + 1n}${['', '.0000000000000001', 'e0'][Math.floor(draw() * 3)]}`,
    ]
    const wrong: string[] = []
    for (let i = 0; i < 60_000; i++) {
      const text = String(kinds[i % kinds.length]!())
      const want = Number(text)
      if (!Number.isFinite(want) || text.includes('n')) continue
      const list = tensorOf(`[${text}]`)
      if (!(list instanceof NumberList) || !Object.is(list.numbers[0], want)) wrong.push(text)
    }
    expect(wrong).toEqual([])
  })
})

describe('tensors in their places', () => {
  const lists: readonly [string, readonly number[], readonly number[]][] = [
    ['[]', [0], []],
    ['[[],[]]', [2, 0], []],
    ['[[[]]]', [1, 1, 0], []],
    [' [ [ 1 , 2 ] , [ 3 , 4 ] ] ', [2, 2], [1, 2, 3, 4]],
    ['[true,false,1]', [3], [1, 0, 1]],
    ['[[[1]],[[0.1]]]', [2, 1, 1], [1, 0.1]],
    ['[-0]', [1], [-0]],
  ]
  for (const [text, shape, numbers] of lists) {
    it(text, () => {
      const list = tensorOf(text)
      expect(list).toBeInstanceOf(NumberList)
      expect([(list as NumberList).shape, [...(list as NumberList).numbers]]).toEqual([shape, numbers])
    })
  }

  it('are float32 while that is exact', () => {
    expect((tensorOf('[1,2.5,16777216]') as NumberList).numbers).toBeInstanceOf(Float32Array)
    expect((tensorOf('[1,2.5,16777217]') as NumberList).numbers).toBeInstanceOf(Float64Array)
  })

  it('of many numbers', () => {
    const numbers = Array.from({ length: 30_000 }, (_, i) => (i % 7 === 0 ? i : Math.sin(i)))
    const list = tensorOf(JSON.stringify([numbers.slice(0, 15_000), numbers.slice(15_000)])) as NumberList
    expect(list.shape).toEqual([2, 15_000])
    expect([...list.numbers]).toEqual(numbers)
  })

  it('of large texts are rounded to float32, unless more may be asked for', () => {
    const list = `[${Array.from({ length: 100_000 }, (_, i) => Math.sin(i)).join(',')}]`
    const read = (rest: string): NumberList => (parseJson(bytes(`{"data":{"x":${list}}${rest}}`), places).value as { data: { x: NumberList } }).data.x
    expect(read('').numbers).toEqual(Float32Array.from(JSON.parse(list) as number[]))
    for (const rest of [',"dtype":"float64"', ',"dtype":"\\u0066loat64"', ',"forward":"x.double()"']) expect(read(rest).numbers).toEqual(Float64Array.from(JSON.parse(list) as number[]))
  })

  for (const text of ['[1,[2]]', '[[1],2]', '[[1],[2,3]]', '[[],[1]]', '[1,"a"]', '[null]', '[[1],[]]', '[1e999]', `${'['.repeat(33)}1${']'.repeat(33)}`]) {
    it(`${text} is left to the check that knows what is wrong`, () => expect(tensorOf(text)).toEqual(JSON.parse(text)))
  }

  it('in an object of their own', () => {
    const { value, tensors } = parseJson(bytes('{"data":{"x":{"data":[1,2],"shape":[1,2]},"y":3},"list":[1]}'), places)
    expect(value).toMatchObject({ data: { x: { data: { shape: [2] }, shape: [1, 2] }, y: 3 }, list: [1] })
    expect(tensors.map(({ path }) => path)).toEqual([['data', 'x'], ['data', 'y']])
  })

  it('are where the schemas have them', () => {
    expect(placesOf(requestSchemas.train, tensor)).toEqual({
      model: { parameters: { '*': { value: 'tensor' } } },
      data: { '*': 'tensor' },
      state: { '*': 'tensor' },
      checkpoint: { optimizer: { state: { '*': { '*': 'tensor' } } } },
      validation: { data: { '*': 'tensor' } },
    })
    expect(placesOf(requestSchemas.hessian, tensor)).toMatchObject({ vector: { '*': 'tensor' } })
  })
})
