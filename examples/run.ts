/**
 * `npm run example -- iris`: posts an example to the service, shows the steps as they come, the curve of the loss, and
 * how good the model is on rows that it has not seen. CHAINRULE_URL says where the service is; without one that
 * answers, the example starts its own.
 */
import { forward, train } from './client.ts'
import type { Step } from './client.ts'
import { examples, requestOf } from './data.ts'
import type { Rows } from './data.ts'
import { findService } from './service.ts'
import { bar, plot } from './show.ts'

interface Request {
  readonly steps?: number
  readonly epochs?: number
  readonly batch_size?: number
  readonly [field: string]: unknown
}

async function main(): Promise<void> {
  const name = process.argv[2] ?? ''
  const example = examples[name]
  if (!example) {
    const list = Object.entries(examples).map(([known, { summary }]) => `  ${known.padEnd(14)}${summary}`)
    process.stderr.write(`npm run example -- NAME, where NAME is one of\n${list.join('\n')}\n`)
    process.exitCode = 1
    return
  }
  const service = await findService(process.env['CHAINRULE_URL'] ?? 'http://127.0.0.1:3000')
  try {
    process.stdout.write(`${name}: ${example.summary}, at ${service.url}\n`)
    const request: Request = requestOf(name)
    const { train: rows, heldBack } = example.rows()
    const losses: number[] = []
    const progress = new Progress(stepsOf(request, rows.y.length))
    const { state, status } = await train(service.url, request, (step) => {
      losses.push(step.loss)
      progress.show(step)
    })
    progress.end()
    process.stdout.write(`\nloss by step\n${plot(losses, 60, 10)}\n\n${status}; ${await judge(service.url, request, state, heldBack)}\n`)
  } finally {
    await service.close()
  }
}

function stepsOf({ steps, epochs, batch_size: size }: Request, rows: number): number {
  return steps ?? epochs! * Math.ceil(rows / (size ?? rows))
}

/** One line that is written again and again; in a file or a pipe, ten lines. */
class Progress {
  readonly #total: number
  #latest: Step | undefined
  #written = 0

  constructor(total: number) {
    this.#total = total
  }

  show(step: Step): void {
    this.#latest = step
    const now = performance.now()
    const due = process.stdout.isTTY ? now - this.#written > 50 : step.step % Math.ceil(this.#total / 10) === 0
    if (due || step.step === this.#total) {
      this.#written = now
      this.#write()
    }
  }

  #write(): void {
    const { step, loss, grad_norm: norm } = this.#latest!
    const line = `${bar(step / this.#total, 30)} ${step}/${this.#total}  loss ${loss.toPrecision(4)}  gradient norm ${norm.toPrecision(3)}`
    process.stdout.write(process.stdout.isTTY ? `\r\u001B[K${line}` : `${line}\n`)
  }

  end(): void {
    if (process.stdout.isTTY) process.stdout.write('\n')
  }
}

/** Forward pass over the rows that were held back: the share of right classes, or the mean squared error. */
async function judge(url: string, request: Request, state: object, { x, y }: Rows): Promise<string> {
  const outputs = await forward(url, { model: request['model'], data: { x }, state, outputs: ['y_hat'] })
  const predicted = outputs['y_hat'] as number[] | number[][]
  if (predicted.every((value) => typeof value === 'number')) {
    const error = predicted.reduce((sum, value, i) => sum + (value - y[i]!) ** 2, 0) / y.length
    return `mean squared error on ${y.length} points that were held back: ${error.toPrecision(4)}`
  }
  const right = predicted.filter((scores, i) => scores.indexOf(Math.max(...scores)) === y[i]).length
  return `accuracy on ${y.length} rows that were held back: ${((right / y.length) * 100).toFixed(1)} %`
}

await main()
