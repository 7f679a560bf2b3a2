/** Every error that a program or a request can provoke: docs/errors.md shows what the service says, and each site in the code is reached. */
import { readFileSync, readdirSync } from 'node:fs'
import { beforeAll, describe, expect, it } from 'vitest'
import { errorCodes } from '../../engine/index.ts'
import type { Told } from '../errors/document.ts'
import { askAll, errorsText } from '../errors/document.ts'
import { sitesOf } from '../errors/sites.ts'
import { useService } from '../service.ts'

const service = useService({ WORKERS: '1' })
const root = new URL('../../', import.meta.url)
let told: readonly Told[] = []

beforeAll(async () => {
  told = await askAll(async (path, request) => {
    const { status, body } = await service.post(path, request)
    const [fault = { code: body.code, message: body.detail }] = body.errors ?? []
    return { status, code: body.code, fault }
  })
}, 120_000)

describe('docs/errors.md', () => {
  it('is what the service says (else: npm run errors)', () => expect(readFileSync(new URL('docs/errors.md', root), 'utf8') === errorsText(told), 'docs/errors.md is not current: run npm run errors').toBe(true))

  it('every program and request is refused, as its caller’s fault', () => expect(told.filter(({ refusal: { status } }) => status !== 400 && status !== 422).map(({ source }) => source)).toEqual([]))

  it('programs are refused with a place in them', () => {
    const without = told.filter(({ source, refusal: { fault } }) => 'program' in source && !(fault.pointer === '/model/forward' && fault.line !== undefined && fault.column !== undefined))
    expect(without).toEqual([])
  })

  it.each(Object.keys(errorCodes))('provokes %s', (code) => expect(told.some(({ refusal }) => refusal.code === code)).toBe(true))
})

describe('the sites that refuse a program or a request', () => {
  const files = readdirSync(new URL('engine', root), { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts')).map((file) => `engine/${file}`)

  it.each(files)('%s', (file) => {
    const messages = told.map(({ refusal }) => refusal.fault)
    const missed = sitesOf(readFileSync(new URL(file, root), 'utf8')).filter(({ code, pattern }) => !messages.some((fault) => fault.code === code && pattern.test(fault.message)))
    expect(missed.map(({ line, template }) => `${file}:${line} ${template}`)).toEqual([])
  })
})
