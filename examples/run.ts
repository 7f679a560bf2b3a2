/**
 * `npm run example -- iris`: posts an example to the service, shows the steps as they come, the curve of the loss, and
 * how good the model is on rows that it has not seen. CHAINRULE_URL says where the service is; without one that
 * answers, the example starts its own. `--svg FILE` draws the curve, too.
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { train } from './client.ts'
import type { Step } from './client.ts'
import { examples, requestOf } from './data.ts'
import { judge, written } from './judge.ts'
import { findService } from './service.ts'
import { bar, plot } from './show.ts'
import { drawing } from './svg.ts'
import type { Curve } from './svg.ts'

interface Request {
  readonly steps?: number
  readonly epochs?: number
  readonly batch_size?: number
  readonly [field: string]: unknown
}

async function main(): Promise<void> {
  const { values, positionals: [name = ''] } = parseArgs({ allowPositionals: true, options: { svg: { type: 'string' } } })
  const example = examples[name]
  if (!example) {
    const list = Object.entries(examples).map(([known, { summary }]) => `  ${known.padEnd(14)}${summary}`)
    process.stderr.write(`npm run example -- NAME [--svg FILE], where NAME is one of\n${list.join('\n')}\n`)
    process.exitCode = 1
    return
  }
  const service = await findService(process.env['CHAINRULE_URL'] ?? 'http://127.0.0.1:3000')
  try {
    process.stdout.write(`${name}: ${example.summary}, at ${service.url}\n`)
    const request: Request = requestOf(name)
    const { train: rows, heldBack } = example.rows()
    const steps: Step[] = []
    const progress = new Progress(stepsOf(request, rows.y.length))
    const { state, status } = await train(service.url, request, (step) => {
      steps.push(step)
      progress.show(step)
    })
    progress.end()
    process.stdout.write(`\nloss by step\n${plot(steps.map(({ loss }) => loss), 60, 10)}\n\n${status}; ${shown(steps.at(-1)?.validation) ?? (await judge(service.url, request['model'], state, heldBack))}\n`)
    if (name === 'characters') process.stdout.write(`${await written(service.url, request['model'], state, heldBack, 160)}\n`)
    if (values.svg !== undefined) writeFileSync(values.svg, drawing(`${name}: loss by step`, curvesOf(steps)))
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

/** `loss 0.08, accuracy 0.977 on rows that were held back` */
function shown(validation: Step['validation']): string | undefined {
  if (!validation) return undefined
  return `${Object.entries(validation).map(([metric, value]) => `${metric} ${Number(value.toPrecision(4))}`).join(', ')} on rows that were held back`
}

function curvesOf(steps: readonly Step[]): Curve[] {
  const validated = steps.flatMap(({ step, validation }) => (validation ? [[step, validation['loss']!] as const] : []))
  const own: Curve = { name: 'minibatch', points: steps.map(({ step, loss }) => [step, loss]) }
  if (validated.length === 0) return [own]
  const last = steps.at(-1)!.validation!
  const metric = Object.keys(last).find((key) => key !== 'loss')
  return [own, { name: `held back${metric === undefined ? '' : ` (${metric} ${last[metric]!.toPrecision(3)} at the end)`}`, points: validated, marked: true }]
}

await main()
