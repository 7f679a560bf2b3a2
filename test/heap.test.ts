/** The heaps of the service's threads, with V8's settings of the start line. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const root = new URL('..', import.meta.url)

/** What `npm start` gives Node before the script. */
function startFlags(): string[] {
  const { scripts } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8')) as { scripts: { start: string } }
  return scripts.start.split(' ').filter((word) => word.startsWith('--'))
}

/** Makes objects of which the latest live for a while, and tells the most MB that the young generation had. */
const busyThread = `
import { getHeapSpaceStatistics } from 'node:v8'
import { parentPort } from 'node:worker_threads'
const latest = []
let most = 0
for (let i = 0; i < 4_000_000; i++) {
  latest[i % 50_000] = { i }
  if (i % 100_000 === 0) most = Math.max(most, getHeapSpaceStatistics().find((space) => space.space_name === 'new_space').space_size)
}
parentPort.postMessage(most / 2 ** 20)
`

const script = `
import { Worker } from 'node:worker_threads'
import { heapLimits } from './src/member.ts'
const worker = new Worker(${JSON.stringify(busyThread)}, { eval: true, resourceLimits: heapLimits(512) })
worker.once('message', (megabytes) => console.log(megabytes))
`

it("a worker's young generation has its own bound, not the main thread's", () => {
  const given = execFileSync(process.execPath, [...startFlags(), '--input-type=module', '--eval', script], { cwd: fileURLToPath(root), encoding: 'utf8' })
  // Two halves of 8 MB, where the main thread has two of 4.
  expect(Number(given)).toBe(16)
})
