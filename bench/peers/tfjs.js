/** TensorFlow.js on its WebAssembly backend, one thread. */
import * as tf from '@tensorflow/tfjs'
import { setThreadsCount } from '@tensorflow/tfjs-backend-wasm'
import { serve } from './trainer.js'

const linear = (x, p, name) => tf.add(tf.matMul(x, p[`${name}.weight`], false, true), p[`${name}.bias`])

function crossEntropy(scores, labels, classes) {
  const rows = labels.size
  const chosen = tf.oneHot(tf.cast(tf.reshape(labels, [rows]), 'int32'), classes)
  return tf.mul(tf.sum(tf.mul(tf.logSoftmax(tf.reshape(scores, [rows, classes])), chosen)), -1 / rows)
}

function layerNorm(x, p, name) {
  const centred = tf.sub(x, tf.mean(x, -1, true))
  const variance = tf.mean(tf.square(centred), -1, true)
  return tf.add(tf.mul(tf.div(centred, tf.sqrt(tf.add(variance, 1e-5))), p[`${name}.weight`]), p[`${name}.bias`])
}

function attention(x, p, name, mask, heads, [batch, length, width]) {
  const qkv = tf.add(tf.matMul(x, p[`${name}.in_proj_weight`], false, true), p[`${name}.in_proj_bias`])
  const [q, k, v] = tf.split(qkv, 3, -1).map((part) => tf.transpose(tf.reshape(part, [batch, length, heads, width / heads]), [0, 2, 1, 3]))
  const scores = tf.add(tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(width / heads)), mask)
  const mixed = tf.reshape(tf.transpose(tf.matMul(tf.softmax(scores), v), [0, 2, 1, 3]), [batch * length, width])
  return linear(mixed, p, `${name}.out_proj`)
}

function encoderLayer(x, p, name, mask, size) {
  const attended = layerNorm(tf.add(x, attention(x, p, `${name}.self_attn`, mask, 4, size)), p, `${name}.norm1`)
  const mixed = linear(tf.relu(linear(attended, p, `${name}.linear1`)), p, `${name}.linear2`)
  return layerNorm(tf.add(attended, mixed), p, `${name}.norm2`)
}

function lstm(x, p, width) {
  const [batch, length, features] = x.shape
  const inputs = tf.reshape(tf.add(tf.matMul(tf.reshape(x, [batch * length, features]), p['lstm.weight_ih_l0'], false, true), p['lstm.bias_ih_l0']), [batch, length, 4 * width])
  let h = tf.zeros([batch, width])
  let c = tf.zeros([batch, width])
  for (const step of tf.unstack(inputs, 1)) {
    const gates = tf.add(tf.add(step, tf.matMul(h, p['lstm.weight_hh_l0'], false, true)), p['lstm.bias_hh_l0'])
    const [i, f, g, o] = tf.split(gates, 4, -1)
    c = tf.add(tf.mul(tf.sigmoid(f), c), tf.mul(tf.sigmoid(i), tf.tanh(g)))
    h = tf.mul(tf.sigmoid(o), tf.tanh(c))
  }
  return h
}

const mlp = (activation, ...names) => (p, { x, y }) => {
  const scores = names.reduce((h, name, i) => linear(i > 0 ? activation(h) : h, p, name), x)
  return crossEntropy(scores, y, scores.shape.at(-1))
}

const losses = {
  notebook: (p, { x, y }) => tf.square(tf.sub(tf.mul(p.w, x), y)),
  line: (p, { x, y }) => tf.mean(tf.square(tf.sub(tf.add(tf.mul(p.a, x), p.b), y))),
  small: mlp(tf.tanh, '0', '2', '4'),
  'digits-sgd': mlp(tf.relu, '0', '2'),
  'digits-adam': mlp(tf.relu, '0', '2'),
  'dense-sgd': mlp(tf.relu, '0', '2'),
  'dense-adam': mlp(tf.relu, '0', '2'),
  large: mlp(tf.relu, '0', '2', '4'),
  transformer: (p, { x, y, mask }) => {
    const [batch, length] = x.shape
    const chosen = tf.cast(tf.oneHot(tf.cast(tf.reshape(x, [batch * length]), 'int32'), 65), 'float32')
    const embedded = tf.reshape(tf.add(tf.reshape(tf.matMul(chosen, p['embed.weight']), [batch, length, 64]), p.place), [batch * length, 64])
    const h = ['encoder.layers.0', 'encoder.layers.1'].reduce((at, name) => encoderLayer(at, p, name, mask, [batch, length, 64]), embedded)
    return crossEntropy(linear(h, p, 'head'), y, 65)
  },
  million: (p) => tf.mean(tf.square(tf.tanh(tf.add(tf.mul(p.a, p.b), 1)))),
  lstm: (p, { x, y }) => crossEntropy(linear(lstm(x, p, 64), p, 'head'), y, 10),
}

setThreadsCount(1)
await tf.setBackend('wasm')
await tf.ready()
await serve(`TensorFlow.js ${tf.version.tfjs}`, ({ id, request, state, batches }) => {
  // The gradient of a convolution's weights is not in the WebAssembly backend.
  if (!(id in losses)) throw new Error(`cannot train ${id}`)
  const { type, lr } = request.optimizer
  const optimizer = type === 'SGD' ? tf.train.sgd(lr) : tf.train.adam(lr, 0.9, 0.999, 1e-8)
  const params = Object.fromEntries(Object.entries(state).map(([name, { numbers, shape }]) => [name, tf.variable(tf.tensor(numbers, shape))]))
  const ready = batches.map((batch) => Object.fromEntries(Object.entries(batch).map(([name, { numbers, shape }]) => [name, tf.tensor(numbers, shape)])))
  let at = 0
  return async () => {
    const batch = ready[at++ % ready.length]
    const loss = optimizer.minimize(() => losses[id](params, batch), true)
    const [value] = await loss.data()
    loss.dispose()
    return value
  }
})
