/** Whole programs against PyTorch: what a program gives as `out`, and the gradients of a weighted sum of it. */
import { ProgramCache, SpecError, backward, defaultCompileOptions, defaultLimits, forward } from '../../engine/index.ts'
import type { TensorResult } from '../../engine/index.ts'
import { TestRandom } from '../engine/agree.ts'

export interface Given {
  readonly shape: readonly number[]
  /** `float` is the dtype of the program, and a gradient is asked for. */
  readonly dtype: 'float' | 'int64' | 'bool'
  readonly data: readonly (number | boolean)[]
}

interface Plain {
  readonly shape: readonly number[]
  readonly dtype: string
  readonly data: readonly (number | string)[]
}

/** What programs.py writes. */
export interface ProgramAnswer {
  readonly refused?: string
  readonly outputs?: readonly Plain[]
  readonly gradients?: Readonly<Record<string, Plain>>
  readonly no_gradient?: string
}

export type DTypeName = 'float32' | 'float64'

const size = (shape: readonly number[]): number => shape.reduce((n, length) => n * length, 1)

/** The inputs that programs are written for: their names say their shapes. */
function makeInputs(): Record<string, Given> {
  const random = new TestRandom(7)
  const floats: Record<string, readonly number[]> = {
    s: [], o: [1], v: [5], w: [4], z: [0], m: [3, 4], m2: [3, 4], q: [4, 4], q2: [4, 4], r: [4, 3], thin: [3, 1], t: [2, 3, 4], t2: [2, 3, 4], hollow: [2, 0, 3], sig: [2, 4, 9], img: [2, 4, 6, 7], vol: [1, 2, 4, 5, 6], emb: [6, 4],
  }
  const inputs: Record<string, Given> = {}
  // Three digits, and no two equal: which of equal ones comes first is asked on purpose, in programs about ties.
  for (const [name, shape] of Object.entries(floats)) {
    inputs[name] = { shape, dtype: 'float', data: Array.from({ length: size(shape) }, (_, i) => Math.round((random.next() * 4 - 2) * 1000) / 1000 + 0.0003 + i * 1e-5) }
  }
  const whole = (shape: readonly number[], below: number): Given => ({ shape, dtype: 'int64', data: Array.from({ length: size(shape) }, () => Math.floor(random.next() * below)) })
  Object.assign(inputs, {
    i: whole([3], 3), j: whole([2, 3], 3), k: whole([3, 4], 4), ind: whole([3, 4], 3), lab: whole([3], 4), bag: whole([7], 6),
    mask: { shape: [3, 4], dtype: 'bool', data: Array.from({ length: 12 }, () => random.next() < 0.5) },
    row: { shape: [4], dtype: 'bool', data: [true, false, true, true] },
    odd: { shape: [7], dtype: 'float', data: [0, -0.5, 1, -1, 0.5, 2, 3] },
    ties: { shape: [3, 4], dtype: 'float', data: [1, 2, 2, 0, 3, 3, 3, 3, -1, 0, -1, 0] },
    zeros: { shape: [3, 4], dtype: 'float', data: [1, 0, 2, 0.5, 0, 0, 1.5, -2, 1, 2, 3, -1] },
  } satisfies Record<string, Given>)
  return inputs
}

export const inputs: Readonly<Record<string, Given>> = makeInputs()

/** The inputs that a program names. */
export function namesIn(text: string): string[] {
  return Object.keys(inputs).filter((name) => new RegExp(`(?<![\\w.'"])${name}(?![\\w'"]|\\s*=[^=])`).test(text))
}

export type Verdict = { readonly kind: 'agrees' | 'refused by both' | 'taken here only' | 'depends on values' | 'known' } | { readonly kind: 'refused here' | 'differs' | 'broken'; readonly why: string }

/**
 * What is otherwise here on purpose: faults of PyTorch 1.13 (gradients of var and std with dim=(), frequencies of
 * embedding_bag), choices among equal elements, kinks where its vector and scalar code differ,
 * and baddbmm with beta=0, which there reads what nothing has written.
 */
const known = [
  /\b(var|std|var_mean|std_mean)\([^)]*\(\)/, /^out = (torch\.var\(s\)|s\.var\(\))$/, /scale_grad_by_freq=True.*mode='sum'|mode='sum'.*scale_grad_by_freq=True/, /(kthvalue|topk)\(ties/, /hardswish\(odd\)/, /digamma\(/,
  /remainder\(odd/, /baddbmm\(.*beta=0[,)]/,
]

const engine = { cache: new ProgramCache(2), limits: defaultLimits, compile: { ...defaultCompileOptions, verify: true } }

/** Differences up to `relative` of the largest number, or `absolute`. */
const tolerances = { float64: { relative: 1e-9, absolute: 1e-12 }, float32: { relative: 1e-4, absolute: 1e-5 } } as const

function nested(given: Given): unknown {
  return given.dtype === 'float' && given.data.length > 0 ? { data: given.data, shape: given.shape } : { data: given.data, shape: given.shape, ...(given.dtype !== 'float' && { dtype: given.dtype }) }
}

function specOf(text: string, names: readonly string[], dtype: DTypeName): Record<string, unknown> & { readonly model: { readonly parameters: Record<string, unknown>; readonly forward: string } } {
  const floats = names.filter((name) => inputs[name]!.dtype === 'float')
  return {
    model: { parameters: Object.fromEntries(floats.map((name) => [name, { value: nested(inputs[name]!) }])), forward: `${text}\n${flattening}` },
    data: Object.fromEntries(names.filter((name) => !floats.includes(name)).map((name) => [name, nested(inputs[name]!)])),
    dtype,
    seed: 0,
  }
}

/** A request with the program, and its tensors as `outputs`. */
export function requestOf(text: string): Parameters<typeof forward>[0] {
  return specOf(text, namesIn(text), 'float64') as never
}

/** Puts the tensors of `out` in a list, as pytorch does it. */
const flattening = `def tensors_of(value):
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, (tuple, list)):
        return [one for item in value for one in tensors_of(item)]
    if isinstance(value, (bool, int, float)):
        return [torch.tensor(value)]
    return []
outputs = tensors_of(out)`

/** As Python writes what is not finite. */
function numberOf(x: number | string): number {
  return typeof x === 'number' ? x : { inf: Infinity, '-inf': -Infinity }[x] ?? Number.NaN
}

function differs(what: string, got: ArrayLike<number> | undefined, want: Plain, dtype: DTypeName): string | undefined {
  const { relative, absolute } = tolerances[dtype]
  const numbers = want.data.map(numberOf)
  const scale = Math.max(0, ...numbers.filter(Number.isFinite).map(Math.abs))
  const wrong = numbers.findIndex((x, i) => {
    const y = got?.[i] ?? Number.NaN
    return Object.is(x, y) || x === y ? false : Number.isNaN(x) || !Number.isFinite(x) ? !Object.is(x, y) : !(Math.abs(x - y) <= Math.max(absolute, relative * Math.max(Math.abs(x), dtype === 'float32' ? scale : scale / 10)))
  })
  return wrong < 0 ? undefined : `${what}, element ${wrong}: PyTorch ${numbers[wrong]}, here ${got?.[wrong]}`
}

const width = (dtype: string): string => (dtype === 'int32' || dtype === 'int16' || dtype === 'uint8' || dtype === 'int8' ? 'int64' : dtype)

export function compareProgram(text: string, answer: ProgramAnswer, dtype: DTypeName): Verdict {
  const verdict = compared(text, answer, dtype)
  return 'why' in verdict && verdict.kind !== 'broken' && known.some((program) => program.test(text)) ? { kind: 'known' } : verdict
}

function compared(text: string, answer: ProgramAnswer, dtype: DTypeName): Verdict {
  const names = namesIn(text)
  try {
    const count = answer.outputs?.length ?? 0
    const outputNames = Array.from({ length: count }, (_, i) => `o_${i}`)
    const { forward: body, ...model } = specOf(text, names, dtype).model
    const unpacked = answer.outputs ? `${body}\nassert len(outputs) == ${count}\n${count > 0 ? `${outputNames.join(', ')}, = outputs` : ''}` : body
    const spec = { ...specOf(text, names, dtype), model: { ...model, forward: unpacked } } as never as Parameters<typeof forward>[0]
    const { outputs } = forward({ ...spec, outputs: outputNames }, engine)
    if (answer.refused !== undefined) return { kind: 'taken here only' }
    const exactness = (want: Plain): DTypeName => (want.dtype === 'float32' ? 'float32' : dtype)
    for (const [i, want] of answer.outputs!.entries()) {
      const got = outputs.get(outputNames[i]!) as TensorResult
      if (got.dtype !== width(want.dtype) || got.shape.join() !== want.shape.join()) return { kind: 'differs', why: `output ${i}: PyTorch ${want.dtype} [${want.shape.join(', ')}], here ${got.dtype} [${got.shape.join(', ')}]` }
      const why = differs(`output ${i}`, Array.from(got.elements, Number), want, exactness(want))
      if (why !== undefined) return { kind: 'differs', why }
    }
    if (!answer.gradients) return { kind: 'agrees' }
    const terms = answer.outputs!.flatMap((want, i) => (want.dtype.startsWith('float') && want.data.length > 0 ? [`((o_${i}.double().flatten() * torch.cos(torch.arange(${want.data.length}, dtype=torch.float64) + ${i})).sum() if o_${i}.requires_grad else 0)`] : []))
    const { gradients } = backward({ ...spec, loss: terms.join(' + ') }, engine)
    // What has come through float32 is as exact as that.
    const least = answer.outputs!.some((want) => exactness(want) === 'float32') ? 'float32' : dtype
    for (const [name, want] of Object.entries(answer.gradients)) {
      const why = differs(`gradient of ${name}`, gradients.get(name)?.elements as ArrayLike<number> | undefined, want, least)
      if (why !== undefined) return { kind: 'differs', why }
    }
    return { kind: 'agrees' }
  } catch (error) {
    if (!(error instanceof SpecError)) return { kind: 'broken', why: String(error instanceof Error ? error.stack : error) }
    if (answer.refused !== undefined) return { kind: 'refused by both' }
    if (error.code === 'value_dependent') return { kind: 'depends on values' }
    return { kind: 'refused here', why: `${error.code}: ${error.message}` }
  }
}
