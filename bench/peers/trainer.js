/**
 * What a peer's process does: it reads a request with its initial state as the first line of its input, then numbers of
 * seconds, and answers each with the steps it made in the milliseconds that they took.
 */
import { createInterface } from 'node:readline'

/** A tensor of a request: its numbers in row-major order, and its shape. */
export function numbersOf(value) {
  if (typeof value === 'number') return { numbers: Float32Array.of(value), shape: [] }
  if (Array.isArray(value)) {
    const shape = []
    for (let at = value; Array.isArray(at); at = at[0]) shape.push(at.length)
    return { numbers: Float32Array.from(value.flat(Infinity)), shape }
  }
  const numbers = 'base64' in value ? new Float32Array(Uint8Array.from(Buffer.from(value.base64, 'base64')).buffer) : Float32Array.from([value.data].flat(Infinity))
  return { numbers, shape: value.shape }
}

/**
 * `start(job)` gives `step`, which does one step and gives its loss. `job.batches` are the minibatches, each with its
 * tensors as {numbers, shape}.
 */
export async function serve(about, start) {
  const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
  const { value: first } = await lines.next()
  const { id, request, state } = JSON.parse(first)
  const tensors = (group) => Object.fromEntries(Object.entries(group).map(([name, value]) => [name, numbersOf(value)]))
  const data = tensors(request.data)
  const step = await start({ id, request, state: tensors(state), batches: minibatches(data, request.batch_size) })
  let loss = await step()
  process.stdout.write(`${JSON.stringify({ about, loss })}\n`)
  for await (const line of lines) {
    const from = performance.now()
    let steps = 0
    while (performance.now() - from < Number(line) * 1000) {
      loss += await step()
      steps++
    }
    process.stdout.write(`${JSON.stringify({ steps, ms: performance.now() - from, loss })}\n`)
  }
}

function minibatches(data, size) {
  if (size === undefined) return [data]
  const rows = data.y.shape[0]
  return Array.from({ length: Math.ceil(rows / size) }, (_, i) => Object.fromEntries(Object.entries(data).map(([name, { numbers, shape }]) => {
    const width = numbers.length / rows
    const count = Math.min(size, rows - i * size)
    return [name, { numbers: numbers.slice(i * size * width, (i * size + count) * width), shape: [count, ...shape.slice(1)] }]
  })))
}
