/** The Dockerfile without Docker: what it copies is enough to build and start, answers its health check and ends on SIGTERM. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises'
import { readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const lines = readFileSync(join(root, 'Dockerfile'), 'utf8').split('\n')
const of = (instruction: string): string[] => lines.filter((line) => line.startsWith(`${instruction} `)).map((line) => line.slice(instruction.length + 1))

/** What is copied, without the last word, which is where to. */
const copied = of('COPY').flatMap((line) => line.split(' ').slice(0, -1))
const environment = Object.fromEntries(of('ENV').flatMap((line) => line.split(' ').map((pair) => pair.split('=') as [string, string])))
/** What is run with Node while the image is made. */
const builds = of('RUN').filter((line) => line.startsWith('node ')).map((line) => line.split(' ').slice(1))
const command = JSON.parse(of('CMD')[0]!) as string[]
const healthcheck = JSON.parse(/CMD (\[.*)$/.exec(of('HEALTHCHECK')[0]!)![1]!) as string[]

let folder = ''

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'chainrule-image-'))
  for (const name of copied) await cp(join(root, name), join(folder, name), { recursive: true })
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))
  for (const args of builds) expect(spawnSync(process.execPath, args, { cwd: folder }).status).toBe(0)
})

afterAll(() => rm(folder, { recursive: true, force: true }))

describe('the image', () => {
  it('gets its files past .dockerignore', () => {
    const allowed = readFileSync(join(root, '.dockerignore'), 'utf8').split('\n').filter((line) => line.startsWith('!')).map((line) => line.slice(1))
    expect(allowed.toSorted()).toEqual(copied.toSorted())
  })

  it('has the version of Node that the project brings elsewhere', () => {
    const { optionalDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { optionalDependencies: Record<string, string> }
    expect(new Set(Object.values(optionalDependencies).map((version) => `node:${version}-slim`))).toEqual(new Set(of('FROM')))
  })

  it('starts, is healthy, ends on SIGTERM with 0', async () => {
    const env = { PATH: process.env['PATH'], ...environment, PORT: String(20_000 + (process.pid % 20_000)), WORKERS: '1', LOG_LEVEL: 'warn' }
    const healthy = (): boolean => spawnSync(process.execPath, healthcheck.slice(1), { env }).status === 0
    expect([command[0], healthcheck[0]]).toEqual(['node', 'node'])
    expect(healthy()).toBe(false)
    const child = spawn(process.execPath, command.slice(1), { cwd: folder, env, stdio: ['ignore', 'pipe', 'inherit'] })
    const ended = once(child, 'exit')
    const [said] = (await once(child.stdout, 'data')) as [Buffer]
    expect(said.toString()).toContain('chainrule listens on')
    for (let i = 0; i < 50 && !healthy(); i++) await sleep(50)
    expect(healthy()).toBe(true)
    child.kill('SIGTERM')
    expect(await ended).toEqual([0, null])
  })

  it('starts as "npm start" does', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: Record<string, string> }
    expect(command.join(' ')).toBe(scripts['start'])
  })
})
