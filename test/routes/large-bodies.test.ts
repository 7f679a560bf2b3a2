/** Bodies over the limit: the problem arrives also where a client sends all before it reads, and nothing holds a connection for long. */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { notebook, useService } from '../service.ts'

const service = useService({ WORKERS: '1', MAX_BODY_BYTES: '1000' })
const MiB = 2 ** 20

function open(...headers: string[]): Socket {
  // Nothing is read before the first listener of data.
  const socket = connect(Number(new URL(service.url).port), '127.0.0.1')
  // Where it is looked for, a write or a read says so too.
  socket.on('error', () => {})
  socket.write(['POST /v1/train HTTP/1.1', 'host: x', 'content-type: application/json', ...headers, '\r\n'].join('\r\n'))
  return socket
}

function send(socket: Socket, bytes: Uint8Array | string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.write(bytes, (error) => (error ? reject(error) : resolve()))
  })
}

const piece = Buffer.alloc(MiB, ' ')
const sent = { 'content-length': piece, 'transfer-encoding': Buffer.concat([Buffer.from(`${MiB.toString(16)}\r\n`), piece, Buffer.from('\r\n')]) }

async function answer(socket: Socket): Promise<{ head: string; body: Record<string, unknown> }> {
  let text = ''
  for await (const part of socket) text += String(part)
  const [head, body] = text.split('\r\n\r\n') as [string, string]
  return { head, body: JSON.parse(body) as Record<string, unknown> }
}

describe('a body over the limit', () => {
  it.each([
    ['content-length', 'connection: keep-alive'],
    ['content-length', 'connection: close'],
    ['transfer-encoding', 'connection: keep-alive'],
    ['transfer-encoding', 'connection: close'],
  ] as const)('sent with %s and %s: one that reads when it has sent all sees the problem', async (name, connection) => {
    const socket = open(`${name}: ${name === 'content-length' ? 40 * MiB : 'chunked'}`, connection)
    for (let i = 0; i < 40; i++) await send(socket, sent[name])
    if (name === 'transfer-encoding') await send(socket, '0\r\n\r\n')
    const { head, body } = await answer(socket)
    expect(head).toMatch(/^HTTP\/1\.1 413 /)
    expect(head).toMatch(/^content-type: application\/problem\+json; charset=utf-8$/im)
    expect(body).toMatchObject({ status: 413, code: 'body_too_large', detail: 'the body is larger than the limit of 1000 bytes' })
  })

  it('one that reads at once need not send the rest', async () => {
    const socket = open(`content-length: ${10 ** 12}`)
    const [first] = (await once(socket, 'data')) as [Buffer]
    socket.destroy()
    expect(String(first)).toMatch(/^HTTP\/1\.1 413 [\s\S]*"code":"body_too_large"/)
  })

  it('one that sends without end is cut off', async () => {
    const socket = open('transfer-encoding: chunked')
    const count = 200
    const all = async (): Promise<void> => {
      for (let i = 0; i < count; i++) await send(socket, sent['transfer-encoding'])
    }
    await expect(all()).rejects.toThrow(/EPIPE|ECONNRESET|stream was destroyed|after end/)
  })

  it('one that stops sending is cut off', async () => {
    const from = performance.now()
    const socket = open(`content-length: ${10 * MiB}`)
    await send(socket, piece)
    expect((await answer(socket)).body).toMatchObject({ code: 'body_too_large' })
    expect(performance.now() - from).toBeGreaterThan(4000)
    expect(performance.now() - from).toBeLessThan(9000)
  }, 15_000)

  it('afterwards the service answers, and no fault was logged', async () => {
    expect((await service.post('/v1/backward', notebook)).status).toBe(200)
    expect(service.logged().filter(({ level }) => (level as number) > 30)).toEqual([])
    expect(service.logged().filter(({ status }) => status === 413).every(({ code }) => code === 'body_too_large')).toBe(true)
  })
})
