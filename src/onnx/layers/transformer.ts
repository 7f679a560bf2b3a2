/** Encoders of transformers. Attention of several tensors is no layer of a list. */
import type { Exporter } from '../define.ts'
import { exporter, never } from '../define.ts'
import type { LayerWriter, Name } from '../graph.ts'
import { float, int } from '../proto.ts'
import { gelu } from './activations.ts'
import { affine } from './linear.ts'

interface Block {
  readonly d_model: number
  readonly nhead: number
  readonly activation: 'relu' | 'gelu'
  readonly layer_norm_eps: number
  readonly batch_first: boolean
  readonly norm_first: boolean
  readonly bias: boolean
}

/** Writes parts of a layer whose parameters begin with `prefix`. */
class BlockWriter {
  readonly #w: LayerWriter
  readonly #prefix: string
  readonly #options: Block

  constructor(w: LayerWriter, prefix: string, options: Block) {
    this.#w = w
    this.#prefix = prefix
    this.#options = options
  }

  #linear(x: Name, weight: string, bias: string): Name {
    const named = (name: string): Name => this.#w.tensor(`${this.#prefix}${name}`)
    return affine(x, 3, this.#w, named(weight), this.#options.bias ? named(bias) : undefined)
  }

  #norm(x: Name, name: string): Name {
    return layerNorm(x, this.#w, `${this.#prefix}${name}`, this.#options.bias, this.#options.layer_norm_eps)
  }

  /** Of [N, L, d_model] to itself. */
  #attention(x: Name): Name {
    const w = this.#w
    const { d_model: width, nhead: heads } = this.#options
    const split = w.nodes('Split', [this.#linear(x, 'self_attn.in_proj_weight', 'self_attn.in_proj_bias')], 3, { axis: int(2) })
    const [query, key, value] = split.map((part, i) => w.transpose(w.reshape(part, [0, 0, heads, width / heads]), i === 1 ? [0, 2, 3, 1] : [0, 2, 1, 3])) as [Name, Name, Name]
    const scores = w.node('MatMul', [w.node('Mul', [query, w.number(1 / Math.sqrt(width / heads))]), key])
    const seen = w.node('MatMul', [w.node('Softmax', [scores], { axis: int(-1) }), value])
    return this.#linear(w.reshape(w.transpose(seen, [0, 2, 1, 3]), [0, 0, width]), 'self_attn.out_proj.weight', 'self_attn.out_proj.bias')
  }

  #feedForward(x: Name): Name {
    const inner = this.#linear(x, 'linear1.weight', 'linear1.bias')
    return this.#linear(this.#options.activation === 'gelu' ? gelu(inner, this.#w) : this.#w.node('Relu', [inner]), 'linear2.weight', 'linear2.bias')
  }

  encode(x: Name): Name {
    const parts = [(y: Name) => this.#attention(y), (y: Name) => this.#feedForward(y)]
    return parts.reduce((y, part, i) => {
      const norm = `norm${i + 1}`
      const add = (value: Name): Name => this.#w.node('Add', [y, value])
      return this.#options.norm_first ? add(part(this.#norm(y, norm))) : this.#norm(add(part(y)), norm)
    }, x)
  }
}

function layerNorm(x: Name, w: LayerWriter, name: string, bias: boolean, eps: number): Name {
  return w.node('LayerNormalization', [x, w.tensor(`${name}.weight`), ...(bias ? [w.tensor(`${name}.bias`)] : [])], { axis: int(-1), epsilon: float(eps) })
}

/** Around what is written for [N, L, d_model]. */
function batchFirst(x: Name, w: LayerWriter, { batch_first: already }: Block, write: (x: Name) => Name): Name {
  if (w.layer.input.shape.length === 2) return w.node('Squeeze', [write(w.node('Unsqueeze', [x, w.integers([0])])), w.integers([0])])
  return already ? write(x) : w.transpose(write(w.transpose(x, [1, 0, 2])), [1, 0, 2])
}

interface Stack {
  readonly encoder_layer: Block
  readonly num_layers: number
  readonly norm: { readonly eps: number; readonly elementwise_affine: boolean; readonly bias: boolean } | null
}

export const transformers: Readonly<Record<string, Exporter>> = {
  MultiheadAttention: never('it takes three tensors: query, key and value'),
  TransformerEncoderLayer: exporter((x, w, options: Block) => batchFirst(x, w, options, (y) => new BlockWriter(w, '', options).encode(y))),
  TransformerEncoder: exporter((x, w, { encoder_layer: block, num_layers: count, norm }: Stack) =>
    batchFirst(x, w, block, (y) => {
      const encoded = Array.from({ length: count }, (_, i) => new BlockWriter(w, `layers.${i}.`, block)).reduce((z, layer) => layer.encode(z), y)
      if (!norm) return encoded
      if (norm.elementwise_affine) return layerNorm(encoded, w, 'norm', norm.bias, norm.eps)
      const ones = w.constant('norm.ones', [block.d_model], Array<number>(block.d_model).fill(1))
      return w.node('LayerNormalization', [encoded, ones], { axis: int(-1), epsilon: float(norm.eps) })
    }),
  ),
  TransformerDecoderLayer: never('it takes two tensors: tgt and memory'),
  TransformerDecoder: never('it takes two tensors: tgt and memory'),
}
