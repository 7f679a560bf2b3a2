import { describe, expect, it } from 'vitest'
import { float32Text, float64Text, tensorText } from '../src/serialize.ts'
import { TestRandom } from './engine/agree.ts'

/** The shortest decimal, found by trying all lengths. */
function shortest(x: number): string {
  for (let digits = 1; digits <= 9; digits++) {
    const text = x.toPrecision(digits)
    if (Math.fround(Number(text)) === x) return String(Number(text))
  }
  return String(x)
}

describe('float32 as text', () => {
  it('known ones', () => {
    const cases: [number, string][] = [[1.02, '1.02'], [0.1, '0.1'], [1 / 3, '0.33333334'], [16777216, '16777216'], [1e10, '10000000000'], [3.4028235e38, '3.4028235e+38'], [1e-45, '1e-45'], [0, '0'], [-0, '-0'], [-2.5, '-2.5'], [Number.NaN, 'null'], [-Infinity, 'null']]
    for (const [x, text] of cases) expect(float32Text(Math.fround(x))).toBe(text)
  })

  it('is the shortest that reads back the same, over all magnitudes', () => {
    const random = new TestRandom(3)
    const bits = new Uint32Array(1)
    const float = new Float32Array(bits.buffer)
    for (let i = 0; i < 100_000; i++) {
      bits[0] = random.below(2 ** 32)
      const x = float[0]!
      if (!Number.isFinite(x)) continue
      expect(Math.fround(Number(float32Text(x)))).toBe(x)
      expect(Number(float32Text(x))).toBe(Number(shortest(x)))
    }
  })
})

describe('tensors as text', () => {
  it('nested, flat, base64', () => {
    const tensor = { shape: [2, 2], dtype: 'float32', elements: Float32Array.of(1, 1.02, -0.5, Number.NaN) } as const
    expect(tensorText(tensor, 'nested')).toBe('[[1,1.02],[-0.5,null]]')
    expect(tensorText(tensor, 'flat')).toBe('{"data":[1,1.02,-0.5,null],"shape":[2,2],"dtype":"float32"}')
    expect(tensorText(tensor, 'base64')).toMatch(/^\{"base64":"[A-Za-z0-9+/]{22}==","shape":\[2,2\],"dtype":"float32"\}$/)
    expect(tensorText({ shape: [], dtype: 'bool', elements: Uint8Array.of(1) }, 'nested')).toBe('true')
    expect(tensorText({ shape: [2, 0], dtype: 'float64', elements: new Float64Array(0) }, 'nested')).toBe('[[],[]]')
    expect(tensorText({ shape: [2], dtype: 'int64', elements: BigInt64Array.of(3n, -(2n ** 60n)) }, 'nested')).toBe('[3,-1152921504606846976]')
  })

  it('float64', () => {
    expect([0.1 + 0.2, -0, 1e21, Number.NaN].map(float64Text)).toEqual(['0.30000000000000004', '-0', '1e+21', 'null'])
  })
})
