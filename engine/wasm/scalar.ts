/** Scalar functions that vector code calls lane by lane: what SIMD has no instruction for and speed does not need. */
import { FunctionBody } from './encode.ts'
import { largeAngleFunction } from './large-angles.ts'

export type ScalarName = 'largeSine' | 'largeCosine' | 'fmod' | 'imod' | 'iquot' | 'itof' | 'itof32' | 'ftoi'

/** Those that are one instruction; the others are functions. */
export function emitInline(name: ScalarName, body: FunctionBody): boolean {
  switch (name) {
    case 'itof':
      body.op('f64.convert_i64_s')
      return true
    case 'itof32':
      body.op('f32.convert_i64_s')
      return true
    case 'ftoi':
      body.truncSat()
      return true
    default:
      return false
  }
}

export function scalarBody(name: ScalarName): FunctionBody {
  switch (name) {
    case 'largeSine':
      return largeAngleFunction('sine')
    case 'largeCosine':
      return largeAngleFunction('cosine')
    case 'fmod':
      return fmod()
    case 'iquot':
      return integerDivision('i64.div_s', (body) => {
        body.i64(0n)
        body.get(0)
        body.op('i64.sub')
      })
    case 'imod':
      return integerDivision('i64.rem_s', (body) => body.i64(0n))
    default:
      throw new TypeError(`${name} is one instruction`)
  }
}

/** 0 for a zero divisor; `byMinusOne` avoids the overflow trap of the smallest integer over -1. */
function integerDivision(op: 'i64.div_s' | 'i64.rem_s', byMinusOne: (body: FunctionBody) => void): FunctionBody {
  const body = new FunctionBody(['i64', 'i64'], ['i64'])
  body.get(1)
  body.op('i64.eqz')
  body.if()
  body.i64(0n)
  body.op('return')
  body.op('end')
  body.get(1)
  body.i64(1n)
  body.op('i64.add')
  body.op('i64.eqz')
  body.if()
  byMinusOne(body)
  body.op('return')
  body.op('end')
  body.get(0)
  body.get(1)
  body.op(op)
  return body
}

/**
 * Exact remainder of |x| by |y| with the sign of x. Doubles |y| to the largest t ≤ |x|, then subtracts t where it
 * fits while halving it back: every subtraction has t ≤ rest ≤ 2t and is exact (Sterbenz).
 */
function fmod(): FunctionBody {
  const body = new FunctionBody(['f64', 'f64'], ['f64'])
  const rest = body.local('f64')
  const divisor = body.local('f64')
  const t = body.local('f64')
  const doubled = body.local('f64')
  body.get(0)
  body.op('f64.abs')
  body.set(rest)
  body.get(1)
  body.op('f64.abs')
  body.tee(divisor)
  body.set(t)
  // NaN for an infinite or NaN dividend, a zero or NaN divisor.
  body.get(rest)
  body.f64(Infinity)
  body.op('f64.lt')
  body.f64(0)
  body.get(divisor)
  body.op('f64.lt')
  body.op('i32.and')
  body.op('i32.eqz')
  body.if()
  body.f64(NaN)
  body.op('return')
  body.op('end')

  body.block()
  body.loop()
  body.get(rest)
  body.get(t)
  body.get(t)
  body.op('f64.add')
  body.tee(doubled)
  body.op('f64.lt')
  body.brIf(1)
  body.get(doubled)
  body.f64(Infinity)
  body.op('f64.eq')
  body.brIf(1)
  body.get(doubled)
  body.set(t)
  body.br(0)
  body.op('end')
  body.op('end')

  body.loop()
  body.get(rest)
  body.get(t)
  body.op('f64.lt')
  body.op('i32.eqz')
  body.if()
  body.get(rest)
  body.get(t)
  body.op('f64.sub')
  body.set(rest)
  body.op('end')
  body.get(t)
  body.get(divisor)
  body.op('f64.eq')
  body.op('i32.eqz')
  body.if()
  body.get(t)
  body.f64(0.5)
  body.op('f64.mul')
  body.set(t)
  body.br(1)
  body.op('end')
  body.op('end')
  body.get(rest)
  body.get(0)
  body.op('f64.copysign')
  return body
}
