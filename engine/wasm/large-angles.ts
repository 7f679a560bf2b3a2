/**
 * Sine and cosine of numbers so large that π/2 must be known to more bits than three float64 hold (Payne & Hanek 1983):
 * scalar functions, for the few lanes that need them.
 */
import { FunctionBody } from './encode.ts'
import type { Local } from './encode.ts'
import type { PlainOp } from './opcodes.ts'

/** From here on vector code leaves it to these functions. */
export const largeAngle = 2 ** 30

/** 64 zero bits, then the bits of 2/π behind the point. */
const twoOverPi = [
  0x0000000000000000n, 0xa2f9836e4e441529n, 0xfc2757d1f534ddc0n, 0xdb6295993c439041n, 0xfe5163abdebbc561n, 0xb7246e3a424dd2e0n, 0x06492eea09d1921cn,
  0xfe1deb1cb129a73en, 0xe88235f52ebb4484n, 0xe99c7026b45f7e41n, 0x3991d639835339f4n, 0x9c845f8bbdf9283bn, 0x1ff897ffde05980fn, 0xef2f118b5a0a6d1fn,
  0x6d367ecf27cb09b7n, 0x4f463f669e5fea2dn, 0x7527bac7ebe5f17bn, 0x3d0739f78a5292ean, 0x6bfb5fb11f8d5d08n, 0x56033046fc7b6babn,
]

/** (sin r - r) / r³ and (cos r - 1 + r²/2) / r⁴ in powers of r², for |r| ≤ π/4 (fdlibm). */
const sineTail = [
  1.58969099521155010221e-10, -2.50507602534068634195e-8, 2.75573137070700676789e-6, -1.98412698298579493134e-4,
  8.33333333332248946124e-3, -1.66666666666666324348e-1,
]
const cosineTail = [
  -1.13596475577881948265e-11, 2.08757232129817482790e-9, -2.75573143513906633035e-7, 2.48015872894767294178e-5,
  -1.38888888888741095749e-3, 4.16666666666666019037e-2,
]

type Push = () => void

/** sin x or cos x for |x| from `largeAngle` on; NaN for infinities. */
export function largeAngleFunction(which: 'sine' | 'cosine'): FunctionBody {
  const f = new FunctionBody(['f64'], ['f64'])
  const get = (local: Local): Push => () => f.get(local)
  const whole = (x: bigint): Push => () => f.i64(x)
  const number = (x: number): Push => () => f.f64(x)
  const op = (name: PlainOp, ...args: readonly Push[]): Push => () => {
    for (const arg of args) arg()
    f.op(name)
  }
  const keep = (value: Push, type: 'i64' | 'f64' = 'i64'): Local => {
    const local = f.local(type)
    value()
    f.set(local)
    return local
  }
  const when = (condition: Push, body: () => void): void => {
    condition()
    f.if()
    body()
    f.op('end')
  }

  // |x| = mantissa · 2^(exponent - 1075)
  const bits = keep(op('i64.reinterpret_f64', op('f64.abs', () => f.get(0))))
  const exponent = keep(op('i64.shr_u', get(bits), whole(52n)))
  when(op('i64.eq', get(exponent), whole(2047n)), () => {
    f.f64(Number.NaN)
    f.op('return')
  })
  const mantissa = keep(op('i64.or', op('i64.and', get(bits), whole(0xfffffffffffffn)), whole(0x10000000000000n)))

  // Four words of 2/π; the bits in front of them only add whole turns.
  const start = keep(op('i64.sub', get(exponent), whole(1013n)))
  const place = keep(op('i64.shr_u', get(start), whole(6n)))
  const words = [f.local('i64'), f.local('i64'), f.local('i64'), f.local('i64')] as const
  const end = keep(op('i64.add', get(place), whole(4n)))
  f.loop()
  for (const [i, word] of words.slice(0, 3).entries()) {
    f.get(words[i + 1]!)
    f.set(word)
  }
  for (const [i, word] of twoOverPi.entries()) {
    when(op('i64.eq', get(place), whole(BigInt(i))), () => {
      f.i64(word)
      f.set(words[3])
    })
  }
  op('i64.add', get(place), whole(1n))()
  f.tee(place)
  f.get(end)
  f.op('i64.lt_u')
  f.brIf(0)
  f.op('end')
  const shift = keep(op('i64.and', get(start), whole(63n)))
  const [a, b, c] = [0, 1, 2].map((i) =>
    keep(op('i64.or', op('i64.shl', get(words[i]!), get(shift)), op('i64.shr_u', op('i64.shr_u', get(words[i + 1]!), whole(1n)), op('i64.sub', whole(63n), get(shift))))),
  ) as [Local, Local, Local]

  /** The upper 64 bits of mantissa · factor. */
  const upper = (factor: Local): Local => {
    const low = (x: Local): Push => op('i64.and', get(x), whole(0xffffffffn))
    const high = (x: Local): Push => op('i64.shr_u', get(x), whole(32n))
    const first = keep(op('i64.mul', low(mantissa), low(factor)))
    const second = keep(op('i64.add', op('i64.mul', high(mantissa), low(factor)), high(first)))
    const third = keep(op('i64.add', op('i64.mul', low(mantissa), high(factor)), low(second)))
    return keep(op('i64.add', op('i64.mul', high(mantissa), high(factor)), op('i64.add', high(second), high(third))))
  }
  // The fraction of a turn, in units of 2^-128.
  const part = keep(op('i64.mul', get(mantissa), get(b)))
  const lower = keep(op('i64.add', get(part), get(upper(c))))
  const carry = op('i64.extend_i32_u', op('i64.lt_u', get(lower), get(part)))
  const fraction = keep(op('i64.add', op('i64.add', op('i64.mul', get(mantissa), get(a)), get(upper(b))), carry))
  const nearest = keep(op('i64.shr_u', op('i64.add', get(fraction), whole(1n << 61n)), whole(62n)))
  const rest = op('f64.convert_i64_s', op('i64.sub', get(fraction), op('i64.shl', get(nearest), whole(62n))))
  const lowRest = op('f64.convert_i64_s', op('i64.shr_u', get(lower), whole(1n)))
  const turn = op('f64.add', op('f64.mul', rest, number(2 ** -64)), op('f64.mul', lowRest, number(2 ** -127)))
  const r = keep(op('f64.mul', turn, number(2 * Math.PI)), 'f64')
  const z = keep(op('f64.mul', get(r), get(r)), 'f64')

  const polynomial = (coefficients: readonly number[]): Push =>
    coefficients.slice(1).reduce<Push>((sum, k) => op('f64.add', op('f64.mul', sum, get(z)), number(k)), number(coefficients[0]!))
  const quadrant = keep(which === 'sine' ? get(nearest) : op('i64.add', get(nearest), whole(1n)))
  const result = keep(op('f64.add', get(r), op('f64.mul', op('f64.mul', get(r), get(z)), polynomial(sineTail))), 'f64')
  when(op('i32.wrap_i64', op('i64.and', get(quadrant), whole(1n))), () => {
    const tail = op('f64.mul', op('f64.mul', get(z), get(z)), polynomial(cosineTail))
    op('f64.add', op('f64.sub', number(1), op('f64.mul', get(z), number(0.5))), tail)()
    f.set(result)
  })
  const negate = (): void => {
    op('f64.mul', get(result), number(-1))()
    f.set(result)
  }
  when(op('i32.wrap_i64', op('i64.and', get(quadrant), whole(2n))), negate)
  if (which === 'sine') when(op('f64.lt', () => f.get(0), number(0)), negate)
  f.get(result)
  return f
}
