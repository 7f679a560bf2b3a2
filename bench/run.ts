/**
 * `npm run bench`: every measurement, as tables of Markdown. `npm run bench -- steps http`: some of them; with `--check`
 * the targets that were missed are listed at the end, and the exit status is 1 where there are any.
 */
import { cpus } from 'node:os'
import { benchHttp } from './http.ts'
import { benchLargeBody } from './large-body.ts'
import { benchMemory } from './memory.ts'
import { benchProducts } from './products.ts'
import { benchScaling } from './scaling.ts'
import { benchSoak } from './soak.ts'
import { benchSteps } from './steps.ts'
import { benchTrace } from './trace.ts'
import type { Measured } from './report.ts'

const benches: Readonly<Record<string, () => Measured | Promise<Measured>>> = {
  steps: () => benchSteps({ rounds: 9, seconds: 0.4 }),
  products: () => benchProducts(7),
  scaling: () => benchScaling(30),
  http: () => benchHttp(5, 3),
  trace: () => benchTrace(30),
  'large-body': () => benchLargeBody(9),
  memory: () => benchMemory(3),
  soak: () => benchSoak(100_000),
}

const words = process.argv.slice(2)
const check = words.includes('--check')
const wanted = words.filter((word) => word !== '--check')
const unknown = wanted.find((name) => !(name in benches))
if (unknown === undefined) {
  process.stdout.write(`${cpus()[0]?.model ?? 'unknown processor'}, ${cpus().length} cores; Node ${process.version}\n\n`)
  const missed: string[] = []
  for (const [name, bench] of Object.entries(benches)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue
    const measured = await bench()
    process.stdout.write(`${measured.text}\n\n`)
    missed.push(...measured.missed)
  }
  if (check) {
    process.stdout.write(missed.length === 0 ? 'every target is reached\n' : `missed:\n${missed.map((one) => `- ${one}`).join('\n')}\n`)
    if (missed.length > 0) process.exitCode = 1
  }
} else {
  process.stderr.write(`there is no measurement "${unknown}": ${Object.keys(benches).join(' or ')} expected\n`)
  process.exitCode = 1
}
