/** The memory of the service's threads, with V8's settings of the start line. */
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

/** Runs a script as `npm start` does, and gives what it prints. */
function run(script: string): string {
  return execFileSync(process.execPath, [...startFlags(), '--input-type=module', '--eval', script], { cwd: fileURLToPath(root), encoding: 'utf8' })
}

const bound = `
import { Worker } from 'node:worker_threads'
import { heapLimits } from './src/member.ts'
const worker = new Worker(${JSON.stringify(busyThread)}, { eval: true, resourceLimits: heapLimits(512) })
worker.once('message', (megabytes) => console.log(megabytes))
`

it("a worker's young generation has its own bound, not the main thread's", () => {
  // Two halves of 8 MB, where the main thread has two of 4.
  expect(Number(run(bound))).toBe(16)
})

/** Frees most of 160 MB, but for pieces in between and at the end, and tells how much memory was given back, in MB. */
const freed = `
import { reclaimAll } from './src/reclaim.ts'
const pieces = Array.from({ length: 20_000 }, () => new Uint8Array(8192).fill(1))
const few = pieces.filter((_piece, i) => i % 200 === 199)
const before = process.memoryUsage.rss()
pieces.length = 0
reclaimAll()
console.log(Math.round((before - process.memoryUsage.rss()) / 2 ** 20), few.length)
`

it('what the allocator keeps of freed memory is given back, where the C library can', () => {
  const { glibcVersionRuntime } = (process.report.getReport() as { header: { glibcVersionRuntime?: string } }).header
  const [megabytes] = run(freed).split(' ').map(Number)
  expect(megabytes! > 120).toBe(glibcVersionRuntime !== undefined)
})
