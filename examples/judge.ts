/** How good a trained model is on rows that were held back. */
import { forward } from './client.ts'
import { opticks, textWidth } from './data.ts'
import type { Rows } from './data.ts'

/** The mean squared error, or the share of right classes. */
export async function judge(url: string, model: unknown, state: object, { x, y }: Rows): Promise<string> {
  const outputs = await forward(url, { model, data: { x }, state, outputs: ['y_hat'] })
  const predicted = outputs['y_hat'] as number[] | number[][]
  if (predicted.every((value) => typeof value === 'number')) {
    const error = predicted.reduce((sum, value, i) => sum + (value - (y as number[])[i]!) ** 2, 0) / y.length
    return `mean squared error on ${y.length} points that were held back: ${error.toPrecision(4)}`
  }
  const right = predicted.filter((scores, i) => scores.indexOf(Math.max(...scores)) === y[i]).length
  return `accuracy on ${y.length} rows that were held back: ${((right / y.length) * 100).toFixed(1)} %`
}

/** What the model of letters writes after the first row that was held back. */
export async function written(url: string, model: unknown, state: object, { x }: Rows, length: number): Promise<string> {
  const { letters } = opticks()
  const row = [...(x as number[][])[0]!]
  let noise = 1
  while (row.length < textWidth + length) {
    const outputs = await forward(url, { model, data: { x: { data: [row.slice(-textWidth)], dtype: 'int64' } }, state, outputs: ['y_hat'] })
    const scores = (outputs['y_hat'] as number[][][])[0]!.map((column) => column.at(-1)!)
    // Park and Miller's generator: the same text everywhere.
    noise = (noise * 48271) % 2147483647
    row.push(drawn(scores, noise / 2147483647))
  }
  const text = row.map((at) => letters[at]).join('')
  return `"${text.slice(0, textWidth)}" goes on: "${text.slice(textWidth)}"`
}

/** The place of `uniform` among the probabilities of the scores, sharpened a little. */
function drawn(scores: readonly number[], uniform: number): number {
  const most = Math.max(...scores)
  const weights = scores.map((score) => Math.exp((score - most) / 0.7))
  let left = uniform * weights.reduce((a, b) => a + b)
  return Math.max(0, weights.findIndex((weight) => (left -= weight) < 0))
}
