/** jax-js on its WebAssembly backend: loss, gradients and update in one jitted function. */
import { init, jit, lax, nn, numpy as np, valueAndGrad } from '@jax-js/jax'
import { serve } from './trainer.js'

// Each use of an array takes a reference; inside jit a reference that is left over costs nothing.

const array = ({ numbers, shape }) => np.array(numbers).reshape(shape)
const linear = (x, p, name) => np.matmul(x, np.matrixTranspose(p[`${name}.weight`].ref)).add(p[`${name}.bias`].ref)

function crossEntropy(scores, labels, classes) {
  const rows = labels.shape.reduce((a, b) => a * b, 1)
  const chosen = nn.oneHot(labels.ref.reshape([rows]).astype(np.int32), classes)
  return nn.logSoftmax(scores.reshape([rows, classes])).mul(chosen).sum().mul(-1 / rows)
}

function layerNorm(x, p, name) {
  const centred = x.ref.sub(x.mean(-1, { keepdims: true }))
  const variance = centred.ref.mul(centred.ref).mean(-1, { keepdims: true })
  return centred.div(np.sqrt(variance.add(1e-5))).mul(p[`${name}.weight`].ref).add(p[`${name}.bias`].ref)
}

function attention(x, p, name, mask, heads) {
  const [batch, length, width] = x.shape
  const qkv = np.matmul(x, np.matrixTranspose(p[`${name}.in_proj_weight`].ref)).add(p[`${name}.in_proj_bias`].ref)
  const [q, k, v] = np.split(qkv, 3, -1).map((part) => part.reshape([batch, length, heads, width / heads]).transpose([0, 2, 1, 3]))
  const scores = np.matmul(q, k.transpose([0, 1, 3, 2])).mul(1 / Math.sqrt(width / heads)).add(mask.ref)
  const mixed = np.matmul(nn.softmax(scores, -1), v).transpose([0, 2, 1, 3]).reshape([batch, length, width])
  return linear(mixed, p, `${name}.out_proj`)
}

function encoderLayer(x, p, name, mask) {
  const attended = layerNorm(x.ref.add(attention(x, p, `${name}.self_attn`, mask, 4)), p, `${name}.norm1`)
  const mixed = linear(nn.relu(linear(attended.ref, p, `${name}.linear1`)), p, `${name}.linear2`)
  return layerNorm(attended.add(mixed), p, `${name}.norm2`)
}

function lstm(x, p, width) {
  const [batch, length] = x.shape
  const inputs = np.matmul(x, np.matrixTranspose(p['lstm.weight_ih_l0'].ref)).add(p['lstm.bias_ih_l0'].ref)
  const steps = np.split(inputs, length, 1)
  let h = np.zeros([batch, width])
  let c = np.zeros([batch, width])
  for (const step of steps) {
    const gates = step.reshape([batch, 4 * width]).add(np.matmul(h, np.matrixTranspose(p['lstm.weight_hh_l0'].ref))).add(p['lstm.bias_hh_l0'].ref)
    const [i, f, g, o] = np.split(gates, 4, -1)
    c = nn.sigmoid(f).mul(c).add(nn.sigmoid(i).mul(np.tanh(g)))
    h = nn.sigmoid(o).mul(np.tanh(c.ref))
  }
  return h
}

function pool(x) {
  const [batch, channels, height, width] = x.shape
  return x.reshape([batch, channels, height / 2, 2, width / 2, 2]).max([3, 5])
}

const mlp = (activation, ...names) => (p, { x, y }) => {
  const scores = names.reduce((h, name, i) => linear(i > 0 ? activation(h) : h, p, name), x.ref)
  return crossEntropy(scores, y, scores.shape.at(-1))
}

const losses = {
  notebook: (p, { x, y }) => np.square(p.w.ref.mul(x.ref).sub(y.ref)),
  line: (p, { x, y }) => np.square(p.a.ref.mul(x.ref).add(p.b.ref).sub(y.ref)).mean(),
  small: mlp(np.tanh, '0', '2', '4'),
  'digits-sgd': mlp(nn.relu, '0', '2'),
  'digits-adam': mlp(nn.relu, '0', '2'),
  'dense-sgd': mlp(nn.relu, '0', '2'),
  'dense-adam': mlp(nn.relu, '0', '2'),
  large: mlp(nn.relu, '0', '2', '4'),
  convolutions: (p, { x, y }) => {
    const block = (h, name) => {
      const bias = p[`${name}.bias`]
      return pool(nn.relu(lax.conv(h, p[`${name}.weight`].ref, [1, 1], [[1, 1], [1, 1]]).add(bias.ref.reshape([1, bias.shape[0], 1, 1]))))
    }
    const flat = block(block(x.ref, '0'), '3').reshape([x.shape[0], 784])
    return crossEntropy(linear(flat, p, '7'), y, 10)
  },
  transformer: (p, { x, y, mask }) => {
    const embedded = np.matmul(nn.oneHot(x.ref.astype(np.int32), 65), p['embed.weight'].ref).add(p.place.ref)
    const h = ['encoder.layers.0', 'encoder.layers.1'].reduce((at, name) => encoderLayer(at, p, name, mask), embedded)
    return crossEntropy(linear(h, p, 'head'), y, 65)
  },
  million: (p) => np.square(np.tanh(p.a.ref.mul(p.b.ref).add(1))).mean(),
  lstm: (p, { x, y }) => crossEntropy(linear(lstm(x.ref, p, 64), p, 'head'), y, 10),
}

/** The new values of one parameter and of what the optimizer keeps of it. */
const optimizers = {
  SGD: { kept: 0, update: ({ lr }, p, g) => [p.sub(g.mul(lr))] },
  Adam: {
    kept: 2,
    update: ({ lr }, p, g, [m, v], t) => {
      const first = m.mul(0.9).add(g.ref.mul(0.1))
      const second = v.mul(0.999).add(g.ref.mul(g).mul(0.001))
      const power = (base) => np.exp(t.ref.mul(Math.log(base)))
      const one = (x) => np.array(1).sub(x)
      const denominator = np.sqrt(second.ref).div(np.sqrt(one(power(0.999)))).add(1e-8)
      return [p.sub(first.ref.mul(lr).div(one(power(0.9))).div(denominator)), first, second]
    },
  },
}

await init('wasm')
await serve('jax-js 0.1.25', async ({ id, request, state, batches }) => {
  const { type, ...options } = request.optimizer
  const { kept, update } = optimizers[type]
  const names = Object.keys(state)
  const step = jit((params, memory, t, batch) => {
    const [loss, gradients] = valueAndGrad(losses[id])(params, batch)
    const results = names.map((name) => update(options, params[name].ref, gradients[name], memory[name].map((one) => one.ref), t))
    return [loss, Object.fromEntries(names.map((name, i) => [name, results[i][0]])), Object.fromEntries(names.map((name, i) => [name, results[i].slice(1)]))]
  })
  let params = Object.fromEntries(names.map((name) => [name, array(state[name])]))
  let memory = Object.fromEntries(names.map((name) => [name, Array.from({ length: kept }, () => np.zeros(state[name].shape))]))
  const ready = batches.map((batch) => Object.fromEntries(Object.entries(batch).map(([name, tensor]) => [name, array(tensor)])))
  let at = 0
  return async () => {
    const batch = Object.fromEntries(Object.entries(ready[at % ready.length]).map(([name, tensor]) => [name, tensor.ref]))
    at++
    const [loss, next, remembered] = step(params, memory, np.array(at), batch)
    params = next
    memory = remembered
    return (await loss.data())[0]
  }
})
