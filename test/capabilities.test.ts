/** The thread that makes the lists of what the service can do. */
import { Worker } from 'node:worker_threads'
import { expect, it } from 'vitest'
import { messageOf } from '../src/capabilities.ts'

const message = (code: string): Promise<unknown> => messageOf(new Worker(code, { eval: true }))

it('gives what a thread sends', async () => {
  expect(await message("require('node:worker_threads').parentPort.postMessage({ x: 1 })")).toEqual({ x: 1 })
})

it('says why a thread sends nothing, also where it just ends', async () => {
  await expect(message("throw new Error('no tables')")).rejects.toThrow('no tables')
  await expect(message('process.exit(3)')).rejects.toThrow('a thread ended with 3 before it sent what was asked of it')
})
