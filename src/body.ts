/** Request bodies: taken as they come into one buffer of their own, which can be handed to a worker without a copy. */
import type { IncomingMessage } from 'node:http'
import { problem } from './errors.ts'
import { ProblemError } from './pool.ts'
import { reclaimYoung } from './reclaim.ts'

/** Bytes that come before what they came in is collected: V8 would wait until it stops for tens of milliseconds. */
const chunksBytes = 8 * 2 ** 20

/** What a client still sends of a body that is too large is dropped, for so many bytes and so long. */
const drainBytes = 64 * 2 ** 20
const drainMs = 5000

/** The answer begins at once, and ends with `drained`: a connection that ends before would be all that a client sees which sends first and reads then. */
export class BodyTooLarge extends ProblemError {
  readonly drained: Promise<void>

  constructor(limit: number, request: IncomingMessage) {
    super(problem('body_too_large', `the body is larger than the limit of ${limit} bytes`))
    this.drained = drain(request)
  }
}

type Done = (error: Error | null, body?: Uint8Array) => void

/** Calls `done` with the bytes, or with what is wrong with their number. */
export function takeBody(request: IncomingMessage, limit: number, done: Done): void {
  const declared = request.headers['content-length']
  const expected = declared === undefined ? undefined : Number(declared)
  if (expected !== undefined && expected > limit) {
    done(new BodyTooLarge(limit, request))
    return
  }
  let whole: Uint8Array<ArrayBuffer> | undefined
  let count = 0
  const end = (error: Error | null, body?: Uint8Array): void => {
    request.off('data', take)
    request.off('end', ended)
    request.off('error', failed)
    done(error, body)
  }
  const take = (chunk: Buffer): void => {
    const before = count
    count += chunk.length
    if (count > limit) return end(new BodyTooLarge(limit, request))
    // A small body is one chunk.
    if (before === 0 && chunk.length === expected) {
      whole = chunk as Uint8Array<ArrayBuffer>
      return
    }
    whole = withRoom(whole, before, count, expected, limit)
    whole.set(chunk, before)
    collectChunks(before, count)
  }
  const ended = (): void => {
    if (expected !== undefined && count !== expected) return end(new ProblemError(problem('invalid_json', 'the body does not have the length that Content-Length says')))
    end(null, whole?.subarray(0, count) ?? new Uint8Array(0))
  }
  const failed = (error: Error): void => end(Object.assign(error, { statusCode: 400 }))
  request.on('data', take)
  request.on('end', ended)
  request.on('error', failed)
}

/** A buffer for `count` bytes at least. Memory that is not written to is not taken, so one of the whole size costs nothing. */
function withRoom(whole: Uint8Array<ArrayBuffer> | undefined, before: number, count: number, expected: number | undefined, limit: number): Uint8Array<ArrayBuffer> {
  if (whole && whole.length >= count) return whole
  const larger = new Uint8Array(expected ?? Math.min(limit, Math.max(count * 2, 64 * 1024)))
  if (whole) larger.set(whole.subarray(0, before))
  return larger
}

function collectChunks(before: number, count: number): void {
  if (Math.floor(count / chunksBytes) > Math.floor(before / chunksBytes)) setImmediate(reclaimYoung)
}

/** Resolves when nothing more comes, or it is enough. */
function drain(request: IncomingMessage): Promise<void> {
  return new Promise((resolve) => {
    let count = 0
    const stop = (): void => {
      clearTimeout(timer)
      resolve()
    }
    const timer = setTimeout(stop, drainMs)
    request.on('data', ({ length }: Buffer) => {
      collectChunks(count, count + length)
      count += length
      if (count > drainBytes) stop()
    })
    request.on('close', stop)
  })
}
