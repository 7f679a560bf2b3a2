/** The math module, over numbers that are known while tracing. */
import type { Dynamic, TraceContext } from '../lang/values.ts'
import { Tensor, bool, describe, fail, float, int, itemsOf, tuple } from '../lang/values.ts'
import { knownNumber } from './constants.ts'
import { family, findFunction, signature } from './define.ts'
import type { Kind } from './parameters.ts'
import { anything, number as plainNumber, pythonInteger, withDefault } from './parameters.ts'

const { define } = family('the math module')

/** A Python number, or a tensor of one element whose number is known. */
const number: Kind<number> = {
  ...plainNumber,
  convert: (value, ctx, what) => {
    if (!(value instanceof Tensor)) return plainNumber.convert(value, ctx, what)
    const name = what.replace(/^math\.(\w+)\(\).*$/, '$1')
    const instead = findFunction('torch', name) ? `; for tensors use torch.${name}` : ''
    return knownNumber(value.value) ?? fail(ctx, 'bad_argument', `${what}: a Python number expected, got ${describe(value)}${instead}`)
  },
}

function result(ctx: TraceContext, name: string, args: readonly number[], value: number, whole: boolean): { static: Dynamic } {
  if (Number.isNaN(value) && !args.some(Number.isNaN)) fail(ctx, 'bad_argument', `math.${name}(${args.join(', ')}) is not defined`)
  if (!whole) return { static: float(value) }
  return { static: Number.isSafeInteger(value) ? int(value + 0) : fail(ctx, 'bad_argument', `math.${name}(${args.join(', ')}) is not a whole number below 2^53`) }
}

function ofOne(name: string, doc: string, formula: (x: number) => number, whole = false): void {
  define({ names: name, homes: ['math'], doc }, signature({ x: number }, ({ x }, ctx) => result(ctx, name, [x], formula(x), whole)))
}

function ofTwo(name: string, doc: string, formula: (x: number, y: number) => number): void {
  define({ names: name, homes: ['math'], doc }, signature({ x: number, y: number }, ({ x, y }, ctx) => result(ctx, name, [x, y], formula(x, y), false)))
}

function ofWhole(name: string, doc: string, formula: (n: number, k: number) => number): void {
  define({ names: name, homes: ['math'], doc }, signature({ n: pythonInteger, k: pythonInteger }, ({ n, k }, ctx) => result(ctx, name, [n, k], formula(n, k), true)))
}

const functions = ['sqrt', 'cbrt', 'exp', 'expm1', 'log2', 'log10', 'log1p', 'sin', 'cos', 'tan', 'asin', 'acos', 'atan', 'sinh', 'cosh', 'tanh', 'asinh', 'acosh', 'atanh'] as const
/** Where the result is infinite, Python has no result. */
const poles: ReadonlySet<string> = new Set(['log2', 'log10', 'log1p', 'atanh'])

for (const name of functions) ofOne(name, `math.${name} of a number`, (x) => (poles.has(name) && Number.isFinite(x) && !Number.isFinite(Math[name](x)) ? Number.NaN : Math[name](x)))

define({ names: 'log', homes: ['math'], doc: 'Logarithm of a number, natural or to a base' }, signature({ x: number, base: withDefault(number, Math.E, 'e') }, ({ x, base }, ctx) => {
  const value = x > 0 && base > 0 && base !== 1 ? (base === Math.E ? Math.log(x) : Math.log(x) / Math.log(base)) : Number.NaN
  return result(ctx, 'log', base === Math.E ? [x] : [x, base], value, false)
}))
ofOne('exp2', '2 to the power of a number', (x) => 2 ** x)
ofOne('fabs', 'Absolute value of a number', Math.abs)
ofOne('floor', 'Rounds a number down to an int', Math.floor, true)
ofOne('ceil', 'Rounds a number up to an int', Math.ceil, true)
ofOne('trunc', 'Rounds a number toward 0 to an int', Math.trunc, true)
ofOne('radians', 'An angle in degrees as radians', (x) => x * (Math.PI / 180))
ofOne('degrees', 'An angle in radians as degrees', (x) => x * (180 / Math.PI))
ofTwo('pow', 'A number to the power of another', (x, y) => (x === 1 ? 1 : x === 0 && y < 0 ? Number.NaN : x ** y))
ofTwo('atan2', 'The angle of the point (y, x)', Math.atan2)
ofTwo('fmod', 'Remainder with the sign of x', (x, y) => x % y)
ofTwo('copysign', 'The size of x with the sign of y', (x, y) => (Object.is(Math.sign(y), -0) || y < 0 ? -Math.abs(x) : Math.abs(x)))
ofTwo('remainder', 'What is left of x after the nearest multiple of y, halves to even', (x, y) => {
  if (!Number.isFinite(y)) return x
  const rest = Math.abs(x) % Math.abs(y)
  const half = Math.abs(y) / 2
  const odd = Math.floor(Math.abs(x) / Math.abs(y)) % 2 === 1
  const nearest = rest > half || (rest === half && odd) ? rest - Math.abs(y) : rest
  return x < 0 ? -nearest : nearest
})
define({ names: 'ldexp', homes: ['math'], doc: 'x times 2 to the power of i' }, signature({ x: number, i: pythonInteger }, ({ x, i }, ctx) => result(ctx, 'ldexp', [x, i], x * 2 ** i, false)))
define({ names: 'modf', homes: ['math'], doc: 'Fraction and whole part of a number' }, signature({ x: number }, ({ x }) => ({ static: tuple([float(Number.isFinite(x) ? x % 1 : 0), float(Math.trunc(x))]) })))

for (const [name, test] of [['isnan', Number.isNaN], ['isfinite', Number.isFinite], ['isinf', (x: number) => Math.abs(x) === Infinity]] as const) {
  define({ names: name, homes: ['math'], doc: `Whether a number is ${{ isnan: 'NaN', isfinite: 'finite', isinf: 'infinite' }[name]}` }, signature({ x: number }, ({ x }) => ({ static: bool(test(x)) })))
}
define({ names: 'isclose', homes: ['math'], doc: 'Whether two numbers differ by at most rel_tol of the larger, or by abs_tol' },
  signature({ a: number, b: number, rel_tol: withDefault(number, 1e-9), abs_tol: withDefault(number, 0) }, ({ a, b, rel_tol, abs_tol }) => ({
    static: bool(a === b || (Number.isFinite(a) && Number.isFinite(b) && Math.abs(a - b) <= Math.max(rel_tol * Math.max(Math.abs(a), Math.abs(b)), abs_tol))),
  })))

// ---- whole numbers

function product(from: number, to: number): number {
  let value = 1
  for (let i = from; i <= to && value < Number.MAX_SAFE_INTEGER; i++) value *= i
  return value
}

function greatestDivisor(a: number, b: number): number {
  let [x, y] = [Math.abs(a), Math.abs(b)]
  while (y !== 0) [x, y] = [y, x % y]
  return x
}

define({ names: 'factorial', homes: ['math'], doc: 'The product of the whole numbers up to n' }, signature({ n: pythonInteger }, ({ n }, ctx) => result(ctx, 'factorial', [n], n < 0 ? Number.NaN : product(2, n), true)))
ofWhole('comb', 'In how many ways k of n things are chosen', (n, k) => {
  if (n < 0 || k < 0) return Number.NaN
  let value = 1
  for (let i = 1; i <= Math.min(k, n - k) && value < Number.MAX_SAFE_INTEGER; i++) value = (value * (n - i + 1)) / i
  return k > n ? 0 : value
})
define({ names: 'perm', homes: ['math'], doc: 'In how many orders k of n things are chosen' }, signature({ n: pythonInteger, k: withDefault(pythonInteger, -1, 'n') }, ({ n, k }, ctx) => {
  const chosen = k === -1 ? n : k
  return result(ctx, 'perm', [n, chosen], n < 0 || chosen < 0 ? Number.NaN : chosen > n ? 0 : product(n - chosen + 1, n), true)
}))
ofWhole('gcd', 'The greatest common divisor', greatestDivisor)
ofWhole('lcm', 'The least common multiple', (a, b) => (a === 0 || b === 0 ? 0 : Math.abs(a / greatestDivisor(a, b)) * Math.abs(b)))
define({ names: 'isqrt', homes: ['math'], doc: 'The square root of an int, rounded down' }, signature({ n: pythonInteger }, ({ n }, ctx) => {
  const root = Math.floor(Math.sqrt(n))
  return result(ctx, 'isqrt', [n], root * root > n ? root - 1 : root, true)
}))

// ---- several numbers

function numbersOf(ctx: TraceContext, name: string, values: Dynamic): number[] {
  const items = itemsOf(values) ?? fail(ctx, 'bad_argument', `math.${name}(): a sequence of numbers expected, got ${describe(values)}`)
  return items.map((item, i) => number.convert(item, ctx, `math.${name}(): item ${i}`))
}

define({ names: 'prod', homes: ['math'], doc: 'The product of numbers' }, signature({ iterable: anything }, ({ iterable }, ctx) => {
  const items = itemsOf(iterable)
  const value = numbersOf(ctx, 'prod', iterable).reduce((a, b) => a * b, 1)
  return result(ctx, 'prod', [], value, items!.every((item) => !(item instanceof Tensor) && (item.kind !== 'number' || item.whole)))
}))
/** The sum without loss: the parts that a rounded sum leaves are kept. */
define({ names: 'fsum', homes: ['math'], doc: 'The sum of numbers, without loss' }, signature({ seq: anything }, ({ seq }, ctx) => {
  const partials: number[] = []
  for (const given of numbersOf(ctx, 'fsum', seq)) {
    let x = given
    let kept = 0
    for (const partial of partials) {
      const [large, small] = Math.abs(x) < Math.abs(partial) ? [partial, x] : [x, partial]
      const high = large + small
      const low = small - (high - large)
      if (low !== 0) partials[kept++] = low
      x = high
    }
    partials.length = kept
    partials.push(x)
  }
  return { static: float(partials.reduceRight((a, b) => a + b, 0)) }
}))
define({ names: 'hypot', homes: ['math'], doc: 'The length of a vector' }, signature({ coordinates: { ...anything, type: '*float', variadic: true, convertAll: (values) => tuple(values) } }, ({ coordinates }, ctx) => ({
  static: float(Math.hypot(...(itemsOf(coordinates) ? numbersOf(ctx, 'hypot', coordinates) : [number.convert(coordinates, ctx, 'math.hypot()')]))),
})))
define({ names: 'dist', homes: ['math'], doc: 'The distance between two points' }, signature({ p: anything, q: anything }, ({ p, q }, ctx) => {
  const [a, b] = [numbersOf(ctx, 'dist', p), numbersOf(ctx, 'dist', q)]
  if (a.length !== b.length) fail(ctx, 'bad_argument', `math.dist(): points of as many coordinates expected, got ${a.length} and ${b.length}`)
  return { static: float(Math.hypot(...a.map((x, i) => x - b[i]!))) }
}))

// ---- special functions

/** erf by its series, and for large x the complement by its continued fraction. */
function erf(x: number): number {
  if (Number.isNaN(x)) return x
  const size = Math.abs(x)
  if (size >= 2.5) return Math.sign(x) * (1 - erfcOfLarge(size))
  let term = size
  let sum = size
  for (let n = 1; n < 100 && Math.abs(term) > 1e-18 * Math.abs(sum); n++) {
    term *= (2 * size * size) / (2 * n + 1)
    sum += term
  }
  return Math.sign(x) * (2 / Math.sqrt(Math.PI)) * Math.exp(-size * size) * sum
}

function erfcOfLarge(x: number): number {
  if (x > 27.3) return 0
  let fraction = 0
  for (let k = 120; k > 0; k--) fraction = k / 2 / (x + fraction)
  return Math.exp(-x * x) / Math.sqrt(Math.PI) / (x + fraction)
}

ofOne('erf', 'The error function', erf)
ofOne('erfc', '1 - erf(x), without loss for large x', (x) => (x >= 2.5 ? erfcOfLarge(x) : 1 - erf(x)))

/** Lanczos' approximation, g = 7, with nine coefficients: to about 15 digits. */
const lanczos = [0.999_999_999_999_809_93, 676.520_368_121_885_1, -1259.139_216_722_402_8, 771.323_428_777_653_13, -176.615_029_162_140_6, 12.507_343_278_686_905, -0.138_571_095_265_720_12, 9.984_369_578_019_571_6e-6, 1.505_632_735_149_311_6e-7]

function lanczosSum(x: number): number {
  return lanczos.reduce((sum, c, i) => (i === 0 ? c : sum + c / (x + i)), 0)
}

function gamma(x: number): number {
  if (x <= 0 && Number.isInteger(x)) return Number.NaN
  if (Number.isInteger(x) && x <= 23) return product(2, x - 1)
  if (x < 0.5) return Math.PI / (Math.sin(Math.PI * x) * gamma(1 - x))
  const t = x - 1 + 7.5
  // In two steps, which do not overflow before the result does.
  const half = t ** ((x - 0.5) / 2)
  return Math.sqrt(2 * Math.PI) * half * Math.exp(-t) * half * lanczosSum(x - 1)
}

function logGamma(x: number): number {
  if (x <= 0 && Number.isInteger(x)) return Number.NaN
  if (x === 1 || x === 2) return 0
  if (x < 0.5) return Math.log(Math.PI / Math.abs(Math.sin(Math.PI * x))) - logGamma(1 - x)
  if (x < 20) return Math.log(gamma(x))
  const t = x - 1 + 7.5
  return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(t) - t + Math.log(lanczosSum(x - 1))
}

ofOne('gamma', 'The gamma function', gamma)
ofOne('lgamma', 'ln |gamma(x)|', logGamma)

/** Constants of the math and torch modules. */
export const mathConstants: Readonly<Record<string, number>> = { pi: Math.PI, e: Math.E, inf: Infinity, nan: Number.NaN, tau: 2 * Math.PI }
