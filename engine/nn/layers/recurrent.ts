/** RNN, LSTM and GRU over sequences, and their cells. */
import { z } from 'zod'
import { showShape } from '../../errors.ts'
import { madeBy } from '../../functions/define.ts'
import { dropout } from '../../functions/dropout.ts'
import type { Kind } from '../../functions/parameters.ts'
import { floatTensor, optional, tensors } from '../../functions/parameters.ts'
import type { Value } from '../../ir/value.ts'
import { describe, fail, itemsOf, tuple } from '../../lang/values.ts'
import { constant } from '../../ops/source.ts'
import { concat, expand, permute, reshape, slice } from '../../ops/view.ts'
import type { Layer, LayerCall } from '../define.ts'
import { flag, module, share, size } from '../define.ts'
import type { Mode, Sizes, State } from './recurrence.ts'
import { inputPart, recurrentParameters, step, unrolled, weightsOf } from './recurrence.ts'

/** (h_0, c_0) */
const pair: Kind<readonly Value[]> = {
  ...tensors,
  type: 'tuple of 2 Tensors',
  convert: (value, ctx, what) => {
    const found = tensors.convert(value, ctx, what)
    return found.length === 2 ? found : fail(ctx, 'bad_argument', `${what}: a tuple (h_0, c_0) expected, got ${describe(value)}`)
  },
}

interface Recurrent {
  readonly input_size: number
  readonly hidden_size: number
  readonly num_layers: number
  readonly bias: boolean
  readonly batch_first: boolean
  readonly dropout: number
  readonly bidirectional: boolean
  readonly nonlinearity?: 'tanh' | 'relu'
  readonly proj_size?: number
}

const nonlinearity = { nonlinearity: z.enum(['tanh', 'relu']).default('tanh') }
const shared = {
  bias: flag.default(true),
  batch_first: flag.default(false).describe('Whether input and output are (N, L, …) and not (L, N, …)'),
  dropout: share.default(0).describe('Of the output of each layer but the last, in training mode'),
  bidirectional: flag.default(false),
}
const stacked = { input_size: size, hidden_size: size, num_layers: size.default(1) }

/** The directions of the layers in PyTorch's order, with the suffix of their parameters. */
function directionsOf({ num_layers: layers, bidirectional }: Recurrent): { suffix: string; layer: number; backwards: boolean }[] {
  const both = bidirectional ? [false, true] : [false]
  return Array.from({ length: layers }, (_, layer) => both.map((backwards) => ({ suffix: `_l${layer}${backwards ? '_reverse' : ''}`, layer, backwards }))).flat()
}

function sizesOf(options: Recurrent, layer: number): Sizes {
  const { input_size, hidden_size: hidden, bidirectional, bias, proj_size: projected = 0 } = options
  return { inputs: layer === 0 ? input_size : (projected || hidden) * (bidirectional ? 2 : 1), hidden, bias, projected }
}

/** (L, N, …) of an input in any of its forms. */
function timeFirst(type: string, x: Value, { input_size: width, batch_first: batchFirst }: Recurrent, { ctx, mismatch }: LayerCall): Value {
  const rank = x.shape.length
  if (rank !== 2 && rank !== 3) fail(ctx, 'shape_mismatch', `${type} expected an input of 3 dimensions ${batchFirst ? '(N, L, input_size)' : '(L, N, input_size)'}, or of 2 (L, input_size), got shape ${showShape(x.shape)}`)
  if (x.shape.at(-1) !== width) mismatch('input_size', `${type} expected an input whose last dimension is input_size = ${width}, got shape ${showShape(x.shape)}`)
  const sequence = rank === 2 ? reshape(x, [x.shape[0]!, 1, width]) : batchFirst ? permute(x, [1, 0, 2]) : x
  if (sequence.shape[0] === 0) fail(ctx, 'shape_mismatch', `${type} expected a sequence of at least one step, got shape ${showShape(x.shape)}`)
  return sequence
}

/** A given first state as (layers · directions, N, size); zeros where there is none. */
function firstState(type: string, name: string, given: Value | undefined, count: number, batch: number, width: number, single: boolean, x: Value, { ctx }: LayerCall): Value {
  const shape = [count, batch, width]
  if (!given) return expand(constant(x.graph, 0, x.dtype), shape)
  const wanted = single ? [count, width] : shape
  if (String(given.shape) !== String(wanted)) fail(ctx, 'shape_mismatch', `${type} expected ${name} of shape ${showShape(wanted)}, got ${showShape(given.shape)}`)
  if (given.dtype !== x.dtype) fail(ctx, 'dtype_mismatch', `${type}: input and ${name} must have one dtype, got ${x.dtype} and ${given.dtype}`)
  return reshape(given, shape)
}

/** Output, last hidden state and, of LSTM, last cell. */
function run(type: string, mode: Mode, input: Value, given: readonly Value[], options: Recurrent, call: LayerCall): ReturnType<typeof madeBy> {
  const { ctx, training, parameter } = call
  const single = input.shape.length === 2
  let x = timeFirst(type, input, options, call)
  const batch = x.shape[1]!
  const directions = directionsOf(options)
  const { hidden_size: hidden, proj_size: projected = 0, num_layers: layers } = options
  const hidden0 = firstState(type, 'h_0', given[0], directions.length, batch, projected || hidden, single, x, call)
  const cell0 = mode === 'LSTM' ? firstState(type, 'c_0', given[1], directions.length, batch, hidden, single, x, call) : undefined
  const at = (states: Value, i: number): Value => reshape(slice(states, 0, i, 1), states.shape.slice(1))
  const last: State[] = []
  for (let layer = 0; layer < layers; layer++) {
    const outputs = directions.filter((direction) => direction.layer === layer).map(({ suffix, backwards }) => {
      const i = last.length
      const start = { hidden: at(hidden0, i), ...(cell0 && { cell: at(cell0, i) }) }
      const { states, last: end } = unrolled(ctx, mode, x, start, weightsOf(parameter, sizesOf(options, layer), suffix), backwards)
      last.push(end)
      return states
    })
    x = concat(outputs, 2)
    if (training && layer < layers - 1) x = dropout(ctx, type, x, { p: options.dropout })
  }
  const stackedStates = (pick: (state: State) => Value): Value => {
    const parts = last.map((state) => pick(state))
    return single ? concat(parts, 0) : concat(parts.map((part) => reshape(part, [1, ...part.shape])), 0)
  }
  const output = single ? reshape(x, [x.shape[0]!, x.shape[2]!]) : options.batch_first ? permute(x, [1, 0, 2]) : x
  const results = [output, stackedStates((state) => state.hidden), ...(cell0 ? [stackedStates((state) => state.cell!)] : [])]
  const transposed = mode === 'LSTM' ? 'TransposeBackward0' : 'TransposeBackward1'
  const made = options.batch_first ? transposed : options.bidirectional ? 'CatBackward0' : 'StackBackward0'
  return madeBy(results.map((_, i) => (single ? 'SqueezeBackward1' : i === 0 ? made : 'StackBackward0')), results)
}

function parametersOf(mode: (options: Recurrent) => Mode) {
  return (options: Recurrent) => directionsOf(options).flatMap(({ layer, suffix }) => recurrentParameters(mode(options), sizesOf(options, layer), suffix))
}

const sequences: readonly Layer[] = [
  module({
    type: 'RNN',
    doc: 'Recurrent network: tanh (or relu) of a linear function of input and state; gives (output, h_n)',
    options: { ...stacked, ...nonlinearity, ...shared },
    gradFn: 'StackBackward0',
    inputs: { input: floatTensor, hx: optional(floatTensor) },
    parameters: parametersOf(({ nonlinearity: mode }) => mode!),
    forward: ({ input, hx }, options, call) => run('RNN', options.nonlinearity, input, hx ? [hx] : [], options, call),
  }),
  module({
    type: 'LSTM',
    doc: 'Long short-term memory; gives (output, (h_n, c_n))',
    options: { ...stacked, ...shared, proj_size: z.int32().min(0).default(0).describe('Size to which the hidden state is projected; 0: not at all') },
    gradFn: 'StackBackward0',
    inputs: { input: floatTensor, hx: optional(pair) },
    check: ({ proj_size: projected, hidden_size: hidden }, wrong) => projected >= hidden && wrong('proj_size', `LSTM: proj_size must be smaller than hidden_size, got ${projected} and ${hidden}`),
    parameters: parametersOf(() => 'LSTM'),
    forward: ({ input, hx }, options, call) => run('LSTM', 'LSTM', input, hx ?? [], options, call),
    arrange: (results) => {
      const [output, ...state] = itemsOf(results)!
      return tuple([output!, tuple(state)])
    },
  }),
  module({
    type: 'GRU',
    doc: 'Gated recurrent unit; gives (output, h_n)',
    options: { ...stacked, ...shared },
    gradFn: 'StackBackward0',
    inputs: { input: floatTensor, hx: optional(floatTensor) },
    parameters: parametersOf(() => 'GRU'),
    forward: ({ input, hx }, options, call) => run('GRU', 'GRU', input, hx ? [hx] : [], options, call),
  }),
]

// ---- cells

interface Cell {
  readonly input_size: number
  readonly hidden_size: number
  readonly bias: boolean
}

function cellSizes({ input_size: inputs, hidden_size: hidden, bias }: Cell): Sizes {
  return { inputs, hidden, bias, projected: 0 }
}

/** One step, of a batch [N, input_size] or of a single sample [input_size]. */
function runCell(type: string, mode: Mode, gradFns: readonly string[], x: Value, given: readonly Value[], options: Cell, call: LayerCall): ReturnType<typeof madeBy> {
  const { ctx, parameter, mismatch } = call
  const { input_size: width, hidden_size: hidden } = options
  const rank = x.shape.length
  if (rank !== 1 && rank !== 2) fail(ctx, 'shape_mismatch', `${type} expected an input of 2 dimensions (N, input_size), or of 1 (input_size), got shape ${showShape(x.shape)}`)
  if (x.shape.at(-1) !== width) mismatch('input_size', `${type} expected an input whose last dimension is input_size = ${width}, got shape ${showShape(x.shape)}`)
  const shape = [...x.shape.slice(0, -1), hidden]
  const single = rank === 1
  const rows = single ? reshape(x, [1, width]) : x
  const start = (name: string, value: Value | undefined): Value => {
    if (value && String(value.shape) !== String(shape)) fail(ctx, 'shape_mismatch', `${type} expected ${name} of shape ${showShape(shape)}, got ${showShape(value.shape)}`)
    if (value && value.dtype !== x.dtype) fail(ctx, 'dtype_mismatch', `${type}: input and ${name} must have one dtype, got ${x.dtype} and ${value.dtype}`)
    return value ? reshape(value, [rows.shape[0]!, hidden]) : expand(constant(x.graph, 0, x.dtype), [rows.shape[0]!, hidden])
  }
  const weights = weightsOf(parameter, cellSizes(options), '')
  const state = { hidden: start('h', given[0]), ...(mode === 'LSTM' && { cell: start('c', given[1]) }) }
  const next = step(mode, inputPart(ctx, mode, rows, weights), state, weights)
  const results = [next.hidden, ...(next.cell ? [next.cell] : [])].map((value) => reshape(value, shape))
  return madeBy(single ? results.map(() => 'SqueezeBackward1') : gradFns, mode === 'LSTM' ? results : results[0]!)
}

const cellOptions = { input_size: size, hidden_size: size, bias: flag.default(true) }

const cells: readonly Layer[] = [
  module({
    type: 'RNNCell',
    doc: 'One step of RNN: of the input and a state (zeros where there is none) the next state',
    options: { ...cellOptions, ...nonlinearity },
    gradFn: 'TanhBackward0',
    inputs: { input: floatTensor, hx: optional(floatTensor) },
    parameters: (options) => recurrentParameters(options.nonlinearity, cellSizes(options), ''),
    forward: ({ input, hx }, options, call) => {
      const { nonlinearity: mode } = options
      return runCell('RNNCell', mode, [mode === 'tanh' ? 'TanhBackward0' : 'ReluBackward0'], input, hx ? [hx] : [], options, call)
    },
  }),
  module({
    type: 'LSTMCell',
    doc: 'One step of LSTM: of the input and (h, c) the next (h, c)',
    options: cellOptions,
    gradFn: 'MulBackward0',
    inputs: { input: floatTensor, hx: optional(pair) },
    parameters: (options) => recurrentParameters('LSTM', cellSizes(options), ''),
    forward: ({ input, hx }, options, call) => runCell('LSTMCell', 'LSTM', ['MulBackward0', 'AddBackward0'], input, hx ?? [], options, call),
  }),
  module({
    type: 'GRUCell',
    doc: 'One step of GRU: of the input and a state the next state',
    options: cellOptions,
    gradFn: 'AddBackward0',
    inputs: { input: floatTensor, hx: optional(floatTensor) },
    parameters: (options) => recurrentParameters('GRU', cellSizes(options), ''),
    forward: ({ input, hx }, options, call) => runCell('GRUCell', 'GRU', ['AddBackward0'], input, hx ? [hx] : [], options, call),
  }),
]

export const recurrentLayers: readonly Layer[] = [...sequences, ...cells]
