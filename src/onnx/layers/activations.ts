/** Activations. */
import type { Exporter } from '../define.ts'
import { axisOf, exporter } from '../define.ts'
import type { Attributes, LayerWriter, Name } from '../graph.ts'
import { float, int } from '../proto.ts'

/** One operator, whose attributes may come from the options. */
function one(op: string, attributes: (options: never) => Attributes = () => ({})): Exporter {
  return exporter((x, w, options) => w.node(op, [x], attributes(options)))
}

function clip(x: Name, w: LayerWriter, low: number, high: number): Name {
  return w.node('Clip', [x, w.number(low), w.number(high)])
}

function softplus(x: Name, w: LayerWriter): Name {
  return w.node('Softplus', [x])
}

/** The dimension that torch's softmax takes where none is named. */
function implicitAxis(rank: number): number {
  return rank === 0 || rank === 1 || rank === 3 ? 0 : 1
}

function normalised(op: string, before: (x: Name, w: LayerWriter) => Name = (x) => x): Exporter {
  return exporter((x, w, { dim }: { dim: number | null }) => {
    const rank = w.layer.input.shape.length
    return w.node(op, [before(x, w)], { axis: int(axisOf(dim ?? implicitAxis(rank), rank)) })
  })
}

/** x / 2 * (1 + y) */
function halfOfOnePlus(x: Name, y: Name, w: LayerWriter): Name {
  return w.node('Mul', [w.node('Mul', [x, w.number(0.5)]), w.node('Add', [y, w.number(1)])])
}

/** With the error function. */
export function gelu(x: Name, w: LayerWriter): Name {
  return halfOfOnePlus(x, w.node('Erf', [w.node('Mul', [x, w.number(Math.SQRT1_2)])]), w)
}

export const activations: Readonly<Record<string, Exporter>> = {
  ReLU: one('Relu'),
  ReLU6: exporter((x, w) => clip(x, w, 0, 6)),
  Sigmoid: one('Sigmoid'),
  Tanh: one('Tanh'),
  SELU: one('Selu'),
  SiLU: exporter((x, w) => w.node('Mul', [x, w.node('Sigmoid', [x])])),
  Mish: exporter((x, w) => w.node('Mul', [x, w.node('Tanh', [softplus(x, w)])])),
  Hardsigmoid: exporter((x, w) => w.node('HardSigmoid', [x], { alpha: float(1 / 6), beta: float(0.5) })),
  Hardswish: one('HardSwish'),
  LogSigmoid: exporter((x, w) => w.node('Neg', [softplus(w.node('Neg', [x]), w)])),
  Softsign: one('Softsign'),
  Tanhshrink: exporter((x, w) => w.node('Sub', [x, w.node('Tanh', [x])])),
  LeakyReLU: one('LeakyRelu', ({ negative_slope: slope }: { negative_slope: number }) => ({ alpha: float(slope) })),
  RReLU: one('LeakyRelu', ({ lower, upper }: { lower: number; upper: number }) => ({ alpha: float((lower + upper) / 2) })),
  PReLU: exporter((x, w, { num_parameters: count }: { num_parameters: number }) => {
    const behind = Math.max(w.layer.input.shape.length - 2, 0)
    return w.node('PRelu', [x, count === 1 ? w.tensor('weight') : w.reshaped('weight', [count, ...Array<number>(behind).fill(1)])])
  }),
  ELU: one('Elu', ({ alpha }: { alpha: number }) => ({ alpha: float(alpha) })),
  CELU: one('Celu', ({ alpha }: { alpha: number }) => ({ alpha: float(alpha) })),
  GELU: exporter((x, w, { approximate }: { approximate: 'none' | 'tanh' }) => {
    if (approximate === 'none') return gelu(x, w)
    const cube = w.node('Mul', [w.node('Mul', [w.node('Mul', [x, x]), x]), w.number(0.044715)])
    return halfOfOnePlus(x, w.node('Tanh', [w.node('Mul', [w.node('Add', [x, cube]), w.number(Math.sqrt(2 / Math.PI))])]), w)
  }),
  Softplus: exporter((x, w, { beta, threshold }: { beta: number; threshold: number }) => {
    const scaled = beta === 1 ? x : w.node('Mul', [x, w.number(beta)])
    const smooth = beta === 1 ? softplus(x, w) : w.node('Div', [softplus(scaled, w), w.number(beta)])
    return w.node('Where', [w.node('Greater', [scaled, w.number(threshold)]), x, smooth])
  }),
  Hardtanh: exporter((x, w, { min_val: low, max_val: high }: { min_val: number; max_val: number }) => clip(x, w, low, high)),
  Softshrink: one('Shrink', ({ lambd }: { lambd: number }) => ({ lambd: float(lambd), bias: float(lambd) })),
  Hardshrink: one('Shrink', ({ lambd }: { lambd: number }) => ({ lambd: float(lambd), bias: float(0) })),
  Threshold: exporter((x, w, { threshold, value }: { threshold: number; value: number }) => w.node('Where', [w.node('LessOrEqual', [x, w.number(threshold)]), w.number(value), x])),
  GLU: exporter((x, w, { dim }: { dim: number }) => {
    const [left, right] = w.nodes('Split', [x], 2, { axis: int(axisOf(dim, w.layer.input.shape.length)) }) as [Name, Name]
    return w.node('Mul', [left, w.node('Sigmoid', [right])])
  }),
  Softmax: normalised('Softmax'),
  Softmin: normalised('Softmax', (x, w) => w.node('Neg', [x])),
  LogSoftmax: normalised('LogSoftmax'),
  Softmax2d: exporter((x, w) => w.node('Softmax', [x], { axis: int(w.layer.input.shape.length - 3) })),
}
