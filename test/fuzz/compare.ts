/** A random program and PyTorch's answer: what the engine says of both. */
import { ProgramCache, SpecError, backward, defaultCompileOptions, defaultLimits } from '../../engine/index.ts'
import type { FuzzProgram, Nested } from './generate.ts'

/** What pytorch.py writes. */
export interface PyTorchAnswer {
  /** Of each line: kept, missing, left out, accepted (though refused here), or refused with PyTorch's reason. */
  readonly statuses: readonly string[]
  /** Variables in the loss, the number of their elements and that of their line. */
  readonly terms: readonly (readonly [string, number, number])[]
  readonly loss: number
  readonly gradients: Readonly<Record<string, Nested>>
  readonly requires_grad: boolean
  readonly sensitive: boolean
}

export type Verdict = { readonly kind: 'agrees' | 'nothing to compare' } | { readonly kind: 'disagrees'; readonly why: string }

const engine = { cache: new ProgramCache(4), limits: defaultLimits, compile: { ...defaultCompileOptions, verify: true } }

/** Reasons to refuse that PyTorch does not have: the answer would depend on numbers in a way that a graph cannot have. */
const ownReasons = new Set(['value_dependent', 'tensor_too_large', 'graph_too_large'])

/**
 * What is refused on purpose though PyTorch 1.13 takes it: masks that are no bools, and several indices into a tensor of
 * no dimension, which later versions refuse too; several ellipses; empty pools, which PyTorch refuses too where gradients
 * flow; tables of other than 2 dimensions; arguments that functions of torch, unlike those of torch.nn.functional, do not
 * check; whole numbers where a loss, a pool or a dropout is meant to be trained; whether a tensor that was computed from
 * transposed ones is contiguous. Pools of one element take too few dimensions in PyTorch, because they are a mean there.
 */
const stricter = [
  /mask: a bool tensor expected/, /an index takes one \.\.\. at most/, /output_size: at least 1 expected, got 0/, /floating-point tensor expected, got (int64|bool)/,
  /cross_entropy\(\): label_smoothing must be in/, /^(\w+_loss|\w+_with_logits|feature_dropout|channel_shuffle|\w*trapezoid|hardtanh|adaptive_avg_pool[23]d|adjoint)\(\): /, /diff\(\): n: a number of times/, /scatter\(\): input and src must have one dtype/,
  /embedding_bag\(\): weight: 2 dimensions expected/, /is_contiguous\(\): how PyTorch would lay out/, /index_select\(\): of a 0-d tensor one index expected/, /max_pool1d\(\): with these options nothing is left/,
]

export function compare(program: FuzzProgram, answer: PyTorchAnswer): Verdict {
  const broken = program.lines.find((line) => line.refused?.code === 'internal_error')
  if (broken) return { kind: 'disagrees', why: `broken: ${broken.text}\n  ${broken.refused!.message}` }
  const refused = program.lines.findIndex((line, i) => answer.statuses[i] === 'accepted' && line.refused && !ownReasons.has(line.refused.code) && !stricter.some((reason) => reason.test(line.refused!.message)))
  if (refused >= 0) return { kind: 'disagrees', why: `refused here: ${program.lines[refused]!.text}\n  ${program.lines[refused]!.refused!.message}` }
  if (answer.sensitive || !answer.requires_grad) return { kind: 'nothing to compare' }
  const lines = program.lines.filter((_, i) => answer.statuses[i] === 'kept').map((line) => line.text)
  const spec = {
    model: { parameters: Object.fromEntries(Object.entries(program.parameters).map(([name, value]) => [name, { value }])), forward: lines },
    loss: answer.terms.map(([name, count, line]) => `(${name}.double().flatten() * torch.cos(torch.arange(${count}) + ${line})).sum()`).join(' + '),
    data: program.data as never,
    dtype: 'float64' as const,
    seed: 0,
  }
  try {
    const { loss, gradients } = backward(spec, engine)
    const got: Record<string, readonly number[]> = { loss: [...(loss.elements as Float64Array)] }
    for (const [name, { elements }] of gradients) got[name] = [...(elements as Float64Array)]
    const want: Record<string, readonly number[]> = { loss: [answer.loss] }
    for (const [name, gradient] of Object.entries(answer.gradients)) want[name] = flat(gradient)
    const scale = Math.max(1, ...Object.values(want).flat().map(Math.abs))
    for (const [name, values] of Object.entries(want)) {
      const wrong = values.findIndex((x, i) => !(Math.abs(x - got[name]![i]!) <= 1e-7 * scale))
      if (wrong >= 0) return { kind: 'disagrees', why: `${name}, element ${wrong}: PyTorch ${values[wrong]}, here ${got[name]![wrong]}\n${lines.join('\n')}` }
    }
    return { kind: 'agrees' }
  } catch (error) {
    const reason = error instanceof SpecError ? `${error.code}: ${error.message}` : String(error instanceof Error ? error.stack : error)
    return { kind: 'disagrees', why: `${reason}\n${lines.join('\n')}` }
  }
}

function flat(x: Nested): number[] {
  return Array.isArray(x) ? x.flatMap(flat) : [Number(x)]
}
