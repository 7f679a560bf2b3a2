/** Recurrent networks and their cells. ONNX has the same ones, with the gates in another order. */
import type { Exporter } from '../define.ts'
import { exporter, refuse } from '../define.ts'
import type { Attributes, LayerWriter, Name } from '../graph.ts'
import { int, text, texts } from '../proto.ts'

interface Options {
  readonly input_size: number
  readonly hidden_size: number
  readonly num_layers?: number
  readonly bias: boolean
  readonly batch_first?: boolean
  readonly bidirectional?: boolean
  readonly nonlinearity?: 'tanh' | 'relu'
  readonly proj_size?: number
}

type Op = 'RNN' | 'LSTM' | 'GRU'

/** ONNX's gates, each as its place among PyTorch's: LSTM i, o, f, c of i, f, c, o; GRU z, r, h of r, z, h. */
const gates: Readonly<Record<Op, readonly number[]>> = { RNN: [0], LSTM: [0, 3, 1, 2], GRU: [1, 0, 2] }

/** Weights or biases one after the other, each with its gates in ONNX's order. */
function reordered(tensors: readonly (Float32Array | Float64Array)[], op: Op): Float32Array | Float64Array {
  const order = gates[op]
  const [first] = tensors
  const length = tensors.reduce((n, numbers) => n + numbers.length, 0)
  const all = first instanceof Float64Array ? new Float64Array(length) : new Float32Array(length)
  let at = 0
  for (const numbers of tensors) {
    const size = numbers.length / order.length
    for (const gate of order) {
      all.set(numbers.subarray(gate * size, (gate + 1) * size), at)
      at += size
    }
  }
  return all
}

/** One layer over a sequence [L, N, inputs], in all directions: all states [L, directions, N, hidden], and the last ones [directions, N, hidden]. */
function overSequence(x: Name, w: LayerWriter, op: Op, options: Options, suffixes: readonly string[], inputs: number): [Name, Name] {
  const { hidden_size: hidden, bias, nonlinearity = 'tanh' } = options
  const rows = gates[op].length * hidden
  const stacked = (names: readonly string[]): Float32Array | Float64Array => reordered(suffixes.flatMap((suffix) => names.map((name) => w.numbers(`${name}${suffix}`))), op)
  const count = suffixes.length
  const weights = [
    w.constant(`W${suffixes[0]}`, [count, rows, inputs], stacked(['weight_ih'])),
    w.constant(`R${suffixes[0]}`, [count, rows, hidden], stacked(['weight_hh'])),
    ...(bias ? [w.constant(`B${suffixes[0]}`, [count, 2 * rows], stacked(['bias_ih', 'bias_hh']))] : []),
  ]
  const own: Readonly<Record<Op, Attributes>> = {
    RNN: { activations: texts(suffixes.map(() => (nonlinearity === 'tanh' ? 'Tanh' : 'Relu'))) },
    LSTM: {},
    GRU: { linear_before_reset: int(1) },
  }
  const attributes = { hidden_size: int(hidden), direction: text(count === 2 ? 'bidirectional' : 'forward'), ...own[op] }
  return w.nodes(op, [x, ...weights], 2, attributes) as [Name, Name]
}

function sequence(op: Op): Exporter {
  return exporter((x, w, options: Options) => {
    const { input_size: width, hidden_size: hidden, num_layers: layers = 1, bidirectional, batch_first: batchFirst, proj_size: projected = 0 } = options
    if (projected > 0) refuse(w, "ONNX's LSTM has no projection of its hidden state (proj_size)")
    const single = w.layer.input.shape.length === 2
    const toTimeFirst = (value: Name): Name => (batchFirst ? w.transpose(value, [1, 0, 2]) : value)
    const batch = w.integers([1])
    let y = single ? w.node('Unsqueeze', [x, batch]) : toTimeFirst(x)
    for (let layer = 0; layer < layers; layer++) {
      const suffixes = [`_l${layer}`, ...(bidirectional ? [`_l${layer}_reverse`] : [])]
      const [states] = overSequence(y, w, op, options, suffixes, layer === 0 ? width : hidden * suffixes.length)
      y = w.reshape(w.transpose(states, [0, 2, 1, 3]), [0, 0, hidden * suffixes.length])
    }
    return single ? w.node('Squeeze', [y, batch]) : toTimeFirst(y)
  })
}

/** A cell is a sequence of one step. */
function cell(op: Op): Exporter {
  return exporter((x, w, options: Options) => {
    const single = w.layer.input.shape.length === 1
    const [, last] = overSequence(single ? w.reshape(x, [1, 1, options.input_size]) : w.node('Unsqueeze', [x, w.integers([0])]), w, op, options, [''], options.input_size)
    return single ? w.reshape(last, [options.hidden_size]) : w.node('Squeeze', [last, w.integers([0])])
  })
}

export const recurrent: Readonly<Record<string, Exporter>> = {
  RNN: sequence('RNN'),
  LSTM: sequence('LSTM'),
  GRU: sequence('GRU'),
  RNNCell: cell('RNN'),
  LSTMCell: cell('LSTM'),
  GRUCell: cell('GRU'),
}
