/** What a run adds to the memory of the service, beside its plan: how both grow from a smaller run to a larger one, so that code and caches do not count. */
import type { Measured } from './report.ts'
import { median, rate, ratio, ratios, table } from './report.ts'
import { startService } from './server.ts'
import { network, transformer } from './workloads.ts'

/** Bytes for each byte of the plan, at most. */
const target = 1.2

const adam = { type: 'Adam', lr: 0.00001 }

/** The steps make both runs take about as long: V8 compiles the kernels once more meanwhile, with memory that has nothing to do with the plan. */
const growths: readonly { readonly name: string; readonly runs: readonly [object, object] }[] = [
  { name: 'activations: a transformer, 8 and 32 sequences of 256', runs: [{ ...transformer(8, 256, 64, 2), steps: 40 }, { ...transformer(32, 256, 64, 2), steps: 10 }] },
  { name: 'parameters: two hidden layers, 512 and 2,048 wide', runs: [{ ...network([512, 512, 512, 10], 'ReLU', 64, adam), steps: 600 }, { ...network([2048, 2048, 2048, 10], 'ReLU', 64, adam), steps: 40 }] },
]

/** A service that has just started has given back by then what it took for that. */
const settledMs = 5000

interface Grown {
  readonly peak: number
  readonly plan: number
}

/** In MB, of a service of its own. */
async function memoryOf(request: object): Promise<Grown> {
  const server = await startService()
  // What a start takes for a moment varies, and is more than some runs.
  await new Promise((resolve) => setTimeout(resolve, settledMs))
  server.forgetPeak()
  const body = JSON.stringify({ ...request, report: { gradients: 'none', parameters: 'none' } })
  const answer = await fetch(`${server.url}/v1/train`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
  const text = await answer.text()
  if (answer.status !== 200) throw new Error(text)
  const { memory_bytes } = JSON.parse(text) as { memory_bytes: number }
  const { peak } = server.memory()
  await server.close()
  return { peak, plan: memory_bytes / 2 ** 20 }
}

export async function benchMemory(rounds: number): Promise<Measured> {
  const rows: string[][] = []
  const missed: string[] = []
  for (const { name, runs: [small, large] } of growths) {
    const plans: number[] = []
    const peaks: number[] = []
    for (let round = 0; round < rounds; round++) {
      const from = await memoryOf(small)
      const to = await memoryOf(large)
      plans.push(to.plan - from.plan)
      peaks.push(to.peak - from.peak)
    }
    rows.push([name, `${rate(plans)} MB`, `${rate(peaks)} MB`, ratio(peaks, plans)])
    process.stderr.write(`${rows.at(-1)!.join('  ')}\n`)
    const times = median(ratios(peaks, plans))
    if (times > target) missed.push(`memory of a run, ${name}: ${Number(times.toPrecision(3))} times the plan, ${target} are asked for`)
  }
  return { text: table(['a larger run beside a smaller one', 'more in the plan', 'more in memory', 'times the plan'], rows), missed }
}
