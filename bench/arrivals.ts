/**
 * Requests that come evenly spread over the time, whether or not earlier ones have been answered, as those of many
 * callers do.
 *
 * autocannon, which counts requests a second here, is not made for that: of "200 a second" it sends 200 as fast as it can
 * and then waits for the next second, and where an answer takes 20 ms it adds answers of 19, 18, 17 … ms that nobody got.
 * The client is small, as it runs on the cores of the service.
 */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

export interface Arrivals {
  readonly perSecond: number
  readonly seconds: number
}

/** More requests than that have no connection of their own: the wait for one counts. */
const connections = 64

/** Milliseconds from when each request was due to the end of its answer, sorted: what holds up the client counts too. */
export async function waitsOf(url: string, body: string, { perSecond, seconds }: Arrivals): Promise<number[]> {
  const { hostname, port, pathname, host } = new URL(url)
  const message = `POST ${pathname} HTTP/1.1\r\nhost: ${host}\r\ncontent-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  const free: Connection[] = []
  /** When the requests were due that no connection has taken yet. */
  const came: number[] = []
  const waits: number[] = []
  const total = Math.round(perSecond * seconds)
  const faults: Error[] = []

  const sendNext = (connection: Connection): void => {
    const at = came.shift()
    if (at === undefined) {
      free.push(connection)
      return
    }
    connection.at = at
    connection.socket.write(message)
  }
  const receive = (connection: Connection, piece: string): void => {
    connection.text += piece
    const { text, at } = connection
    const end = text.indexOf('\r\n\r\n')
    if (end < 0 || text.length < end + 4 + lengthIn(text)) return
    connection.text = ''
    if (!text.startsWith('HTTP/1.1 200')) faults.push(new Error(`${url}: ${text}`))
    waits.push(performance.now() - at)
    sendNext(connection)
  }

  const all = Array.from({ length: connections }, (): Connection => ({ socket: connect(Number(port), hostname).setEncoding('latin1').setNoDelay(), at: 0, text: '' }))
  for (const connection of all) {
    const { socket } = connection
    await once(socket, 'connect')
    socket.on('data', (piece: string) => receive(connection, piece)).on('error', (error) => faults.push(error))
    free.push(connection)
  }
  const began = performance.now()
  let sent = 0
  while (waits.length < total && faults.length === 0) {
    const now = performance.now()
    for (const due = Math.min(total, ((now - began) * perSecond) / 1000); sent < due; sent++) came.push(began + (sent * 1000) / perSecond)
    while (came.length > 0 && free.length > 0) sendNext(free.pop()!)
    await sleep(1)
  }
  for (const { socket } of all) socket.destroy()
  if (faults[0]) throw faults[0]
  return waits.toSorted((a, b) => a - b)
}

/** One request at a time: when it was due, and what there is of its answer. */
interface Connection {
  readonly socket: Socket
  at: number
  text: string
}

/** Bytes of the body, as the head of an answer has it. */
function lengthIn(head: string): number {
  const field = 'content-length: '
  const from = head.indexOf(field) + field.length
  return Number(head.slice(from, head.indexOf('\r', from)))
}
