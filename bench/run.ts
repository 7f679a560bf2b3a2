/** `npm run bench`: every measurement, as tables of Markdown. `npm run bench -- steps`, `-- http` or `-- trace`: one of them. */
import { cpus } from 'node:os'
import { benchHttp } from './http.ts'
import { benchSteps } from './steps.ts'
import { benchTrace } from './trace.ts'

const benches: Readonly<Record<string, () => string | Promise<string>>> = {
  steps: () => benchSteps(15, 0.4),
  http: () => benchHttp(7, 3),
  trace: () => benchTrace(30),
}

const wanted = process.argv.slice(2)
const unknown = wanted.find((name) => !(name in benches))
if (unknown === undefined) {
  process.stdout.write(`${cpus()[0]?.model ?? 'unknown processor'}, ${cpus().length} cores; Node ${process.version}\n\n`)
  for (const [name, bench] of Object.entries(benches)) {
    if (wanted.length === 0 || wanted.includes(name)) process.stdout.write(`${await bench()}\n\n`)
  }
} else {
  process.stderr.write(`there is no measurement "${unknown}": ${Object.keys(benches).join(' or ')} expected\n`)
  process.exitCode = 1
}
