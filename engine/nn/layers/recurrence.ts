/** The steps of recurrent layers, and how they run over a sequence. Weights are PyTorch's, gates in its order. */
import { linear } from '../../functions/products.ts'
import type { Value } from '../../ir/value.ts'
import type { TraceContext } from '../../lang/values.ts'
import { matmul } from '../../ops/contract.ts'
import * as ew from '../../ops/elementwise.ts'
import { concat, expand, reshape, slice, transposeLast } from '../../ops/view.ts'
import type { ParameterSpec } from '../define.ts'
import { uniformFill } from '../init.ts'

export type Mode = 'tanh' | 'relu' | 'LSTM' | 'GRU'

/** How many rows of the weights belong to an element of the hidden state. */
const gates: Readonly<Record<Mode, number>> = { tanh: 1, relu: 1, LSTM: 4, GRU: 3 }

/** What goes from step to step: [N, hidden] each; LSTM has a cell beside the hidden state. */
export interface State {
  readonly hidden: Value
  readonly cell?: Value
}

/** Weights of one direction of one layer. */
export interface Weights {
  readonly input: Value
  readonly hidden: Value
  readonly inputBias: Value | undefined
  readonly hiddenBias: Value | undefined
  /** Makes the hidden state of an LSTM smaller. */
  readonly projection: Value | undefined
}

export interface Sizes {
  readonly inputs: number
  readonly hidden: number
  readonly bias: boolean
  /** Size of the projected hidden state; 0: none. */
  readonly projected: number
}

/** Parameters in PyTorch's order; `suffix` is that of their names. All are uniform in ±1 / √hidden. */
export function recurrentParameters(mode: Mode, { inputs, hidden, bias, projected }: Sizes, suffix: string): ParameterSpec[] {
  const fill = uniformFill(-1 / Math.sqrt(hidden), 1 / Math.sqrt(hidden))
  const rows = gates[mode] * hidden
  const named: [string, number[]][] = [['weight_ih', [rows, inputs]], ['weight_hh', [rows, projected || hidden]]]
  if (bias) named.push(['bias_ih', [rows]], ['bias_hh', [rows]])
  if (projected > 0) named.push(['weight_hr', [projected, hidden]])
  return named.map(([name, shape]) => ({ name: `${name}${suffix}`, shape, fill }))
}

export function weightsOf(parameter: (name: string) => Value, { bias, projected }: Sizes, suffix: string): Weights {
  return {
    input: parameter(`weight_ih${suffix}`),
    hidden: parameter(`weight_hh${suffix}`),
    inputBias: bias ? parameter(`bias_ih${suffix}`) : undefined,
    hiddenBias: bias ? parameter(`bias_hh${suffix}`) : undefined,
    projection: projected > 0 ? parameter(`weight_hr${suffix}`) : undefined,
  }
}

/** x Wᵀ + b for rows [..., inputs]: what the inputs of all steps give, in one product. */
export function inputPart(ctx: TraceContext, mode: Mode, x: Value, { input, inputBias, hiddenBias }: Weights): Value {
  // Only GRU needs the two biases apart.
  return linear(ctx, x, input, inputBias && (mode === 'GRU' ? inputBias : ew.add(inputBias, hiddenBias!)))
}

/** The state after a step, from what its input gives [N, gates · hidden]. */
export function step(mode: Mode, fromInput: Value, state: State, { hidden: weight, hiddenBias, projection }: Weights): State {
  const { hidden } = state
  const fromHidden = matmul(hidden, transposeLast(weight))
  const size = fromInput.shape[1]! / gates[mode]
  const part = (x: Value, i: number): Value => slice(x, 1, i * size, size)
  if (mode === 'GRU') {
    const biased = hiddenBias ? ew.add(fromHidden, expand(reshape(hiddenBias, [1, hiddenBias.shape[0]!]), fromHidden.shape)) : fromHidden
    const [reset, update] = [0, 1].map((i) => ew.sigmoid(ew.add(part(fromInput, i), part(biased, i)))) as [Value, Value]
    const candidate = ew.tanh(ew.add(part(fromInput, 2), ew.mul(reset, part(biased, 2))))
    return { hidden: ew.add(ew.mul(ew.sub(hidden, candidate), update), candidate) }
  }
  if (mode !== 'LSTM') return { hidden: (mode === 'tanh' ? ew.tanh : ew.relu)(ew.add(fromInput, fromHidden)) }
  // Parts first, sums then: so that the sums are made where the gates are.
  const sum = (i: number): Value => ew.add(part(fromInput, i), part(fromHidden, i))
  const [input, forget, output] = [0, 1, 3].map((i) => ew.sigmoid(sum(i))) as [Value, Value, Value]
  const cell = ew.add(ew.mul(forget, state.cell!), ew.mul(input, ew.tanh(sum(2))))
  const result = ew.mul(output, ew.tanh(cell))
  return { hidden: projection ? matmul(result, transposeLast(projection)) : result, cell }
}

/** All steps over [T, N, inputs]: the hidden states [T, N, size] in the order of the sequence, and the last state. */
export function unrolled(ctx: TraceContext, mode: Mode, x: Value, start: State, weights: Weights, backwards: boolean): { states: Value; last: State } {
  const [steps] = x.shape as [number, number, number]
  const fromInputs = inputPart(ctx, mode, x, weights)
  const hidden: Value[] = []
  let state = start
  for (let i = 0; i < steps; i++) {
    const t = backwards ? steps - 1 - i : i
    state = step(mode, reshape(slice(fromInputs, 0, t, 1), fromInputs.shape.slice(1)), state, weights)
    hidden[t] = reshape(state.hidden, [1, ...state.hidden.shape])
  }
  return { states: concat(hidden, 0), last: state }
}
