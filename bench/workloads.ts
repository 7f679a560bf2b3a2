/** What is measured: requests for `POST /v1/train`, the same for every side, and how many times faster than eager PyTorch each is to be. */
import { requestOf } from '../examples/data.ts'

type Request = Record<string, unknown>

export interface Workload {
  /** The name that the peers know it by. */
  readonly id: string
  readonly name: string
  readonly request: () => Request
  /** Steps a second beside eager PyTorch on one thread, at least, where that was set. */
  readonly target?: number
  /** The same where both sides have two threads. */
  readonly targetOfTwo?: number
}

/** Park and Miller's generator: the same numbers everywhere. */
function uniformNumbers(count: number, from: number, to: number): Float32Array<ArrayBuffer> {
  let state = 12345
  return Float32Array.from({ length: count }, () => from + ((to - from) * (state = (state * 48271) % 2147483647)) / 2147483647)
}

function tensorOf(numbers: Float32Array<ArrayBuffer>, shape: readonly number[]): Request {
  return { base64: Buffer.from(numbers.buffer).toString('base64'), shape, dtype: 'float32' }
}

export function uniformTensor(shape: readonly number[], from = -1, to = 1): Request {
  return tensorOf(uniformNumbers(shape.reduce((a, b) => a * b, 1), from, to), shape)
}

export function classes(count: number, of: number): Request {
  return { data: Array.from({ length: count }, (_, i) => (i * 7) % of), shape: [count], dtype: 'int64' }
}

const notebook: Request = {
  model: { parameters: { w: { value: 1.0 } }, forward: 'y_hat = w * x' },
  loss: '(y_hat - y)**2',
  data: { x: 1.0, y: 2.0 },
  optimizer: { type: 'SGD', lr: 0.01 },
}

function line(): Request {
  const x = Array.from({ length: 100 }, (_, i) => (i - 50) / 25)
  return {
    model: { parameters: { a: { value: 0.0 }, b: { value: 0.0 } }, forward: 'y_hat = a * x + b' },
    loss: '((y_hat - y)**2).mean()',
    data: { x, y: x.map((at, i) => 2.5 * at - 1 + Math.sin(i * i)) },
    optimizer: { type: 'SGD', lr: 0.01 },
  }
}

/** Linear layers of these widths with an activation between them. */
export function network(widths: readonly number[], activation: string, rows: number, optimizer: Request): Request {
  const layers = widths.slice(1).flatMap((out, i) => [...(i > 0 ? [{ type: activation }] : []), { type: 'Linear', in_features: widths[i], out_features: out }])
  return {
    model: { layers },
    loss: { type: 'CrossEntropyLoss' },
    data: { x: uniformTensor([rows, widths[0]!]), y: classes(rows, widths.at(-1)!) },
    optimizer,
  }
}

function digits(optimizer: Request): Request {
  return { ...requestOf('digits'), shuffle: false, optimizer }
}

/** The network of the digits, which are mostly zeros, on as many numbers that are not. */
function dense(optimizer: Request): Request {
  const request = digits(optimizer)
  return { ...request, data: { ...(request['data'] as Request), x: uniformTensor([5000, 784], 0) } }
}

function convolutions(): Request {
  const conv = (from: number, to: number): Request[] => [{ type: 'Conv2d', in_channels: from, out_channels: to, kernel_size: 3, padding: 1 }, { type: 'ReLU' }, { type: 'MaxPool2d', kernel_size: 2 }]
  return {
    model: { layers: [...conv(1, 8), ...conv(8, 16), { type: 'Flatten' }, { type: 'Linear', in_features: 784, out_features: 10 }] },
    loss: { type: 'CrossEntropyLoss' },
    data: { x: uniformTensor([32, 1, 28, 28], 0), y: classes(32, 10) },
    optimizer: { type: 'Adam', lr: 0.001 },
  }
}

export const letters = 65

/** A language model of characters: tokens and places embedded, encoder layers with a causal mask, a linear head. */
export function transformer(batch: number, length: number, width: number, layers: number): Request {
  const tokens = { data: Array.from({ length: batch * length }, (_, i) => (i * 31 + (i >> 3)) % letters), shape: [batch, length], dtype: 'int64' }
  return {
    model: {
      modules: {
        embed: { type: 'Embedding', num_embeddings: letters, embedding_dim: width },
        encoder: {
          type: 'TransformerEncoder',
          encoder_layer: { type: 'TransformerEncoderLayer', d_model: width, nhead: 4, dim_feedforward: 4 * width, dropout: 0, batch_first: true },
          num_layers: layers,
        },
        head: { type: 'Linear', in_features: width, out_features: letters },
      },
      parameters: { place: { value: uniformTensor([length, width], -0.1, 0.1) } },
      forward: `h = encoder(embed(x) + place, mask=mask)\ny_hat = head(h)`,
    },
    loss: `F.cross_entropy(y_hat.reshape(-1, ${letters}), y.reshape(-1))`,
    data: { x: tokens, y: tokens, mask: tensorOf(Float32Array.from({ length: length * length }, (_, i) => (i % length > Math.floor(i / length) ? -Infinity : 0)), [length, length]) },
    optimizer: { type: 'Adam', lr: 0.001 },
  }
}

/** The last state of an LSTM over sequences, and a linear layer. */
export function lstm(length: number, width: number, batch: number): Request {
  return {
    model: {
      modules: { lstm: { type: 'LSTM', input_size: width, hidden_size: width, batch_first: true }, head: { type: 'Linear', in_features: width, out_features: 10 } },
      forward: 'out, (h, c) = lstm(x)\ny_hat = head(out[:, -1])',
    },
    loss: 'F.cross_entropy(y_hat, y)',
    data: { x: uniformTensor([batch, length, width]), y: classes(batch, 10) },
    optimizer: { type: 'Adam', lr: 0.001 },
  }
}

function million(): Request {
  return {
    model: { parameters: { a: { value: uniformTensor([1_000_000]) }, b: { value: uniformTensor([1_000_000], 0.5) } }, forward: 'y_hat = torch.tanh(a * b + 1)' },
    loss: '(y_hat**2).mean()',
    data: {},
    optimizer: { type: 'SGD', lr: 0.1 },
  }
}

/** So slow that the losses of a hundred thousand steps stay far from numbers that processors are slow with. */
const slowAdam = { type: 'Adam', lr: 0.00001 }

export const workloads: readonly Workload[] = [
  { id: 'notebook', name: "the notebook's example", request: () => notebook, target: 500 },
  { id: 'line', name: 'line, 100 points, SGD', request: line, target: 50 },
  { id: 'small', name: '2-16-16-2, 200 points, Adam', request: () => network([2, 16, 16, 2], 'Tanh', 200, slowAdam), target: 15 },
  { id: 'digits-sgd', name: 'digits, 784-128-10, minibatches of 64, SGD', request: () => digits({ type: 'SGD', lr: 0.001 }), target: 1.7 },
  { id: 'digits-adam', name: 'digits, 784-128-10, minibatches of 64, Adam', request: () => digits(slowAdam), target: 2.5 },
  { id: 'dense-sgd', name: 'the same with numbers other than zero, SGD', request: () => dense({ type: 'SGD', lr: 0.001 }) },
  { id: 'dense-adam', name: 'the same with numbers other than zero, Adam', request: () => dense(slowAdam) },
  { id: 'large', name: '1024-1024-1024-10, batch 256, Adam', request: () => network([1024, 1024, 1024, 10], 'ReLU', 256, slowAdam), target: 0.75, targetOfTwo: 1.2 },
  { id: 'convolutions', name: 'two convolutions and a linear layer, 28 x 28, batch 32, Adam', request: convolutions, target: 2 },
  { id: 'transformer', name: 'transformer, width 64, 2 layers, 16 x 32 tokens, Adam', request: () => transformer(16, 32, 64, 2), target: 1.6 },
  { id: 'million', name: '(tanh(a*b+1)²).mean(), a million elements, SGD', request: million, target: 4 },
  { id: 'lstm', name: 'LSTM, 32 steps, width 64, batch 32, Adam', request: () => lstm(32, 64, 32), target: 2 },
]
