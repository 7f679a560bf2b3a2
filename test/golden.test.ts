/**
 * Every layer, loss, optimizer, scheduler and initialisation has a golden run of ten steps or more, with options other than
 * the defaults; every function of a program, by each of its names, has a golden case.
 */
import { readFileSync, readdirSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { findFunction, functionNames } from '../engine/functions/index.ts'
import type { Home } from '../engine/functions/index.ts'
import { containers, inits, layerTypes, lossTypes, optimizerTypes, schedulerTypes } from '../engine/index.ts'

type Json = null | boolean | number | string | Json[] | { [name: string]: Json }

interface Run {
  readonly request: { readonly [field: string]: Json; readonly model: { readonly [field: string]: Json } }
  readonly expect: { readonly losses: readonly number[] }
}

const runs = readdirSync(new URL('golden/', import.meta.url))
  .filter((file) => file.endsWith('training.json'))
  .flatMap((file) => JSON.parse(readFileSync(new URL(`golden/${file}`, import.meta.url), 'utf8')) as Run[])
  .filter((run) => run.expect.losses.length >= 10)

/** All objects with a `type` in a part of a request, and the classes that a program makes. */
function typed(json: Json): { [option: string]: Json }[] {
  if (typeof json === 'string') return [...json.matchAll(/nn\.(\w+)\(([^)]*)/g)].map(([, type, given]) => ({ type: type!, ...(given !== '' && { given: given! }) }))
  if (typeof json !== 'object' || json === null) return []
  const inner = Object.values(json).flatMap(typed)
  return !Array.isArray(json) && typeof json['type'] === 'string' ? [json, ...inner] : inner
}

/** Whether one of the options is not what it is by default. */
function differs(given: { readonly [option: string]: Json }, options: z.ZodRawShape): boolean {
  return Object.entries(given).some(([name, value]) => {
    const option = options[name]
    if (!option) return name === 'given'
    const byDefault = z.safeParse(option, undefined)
    return !byDefault.success || JSON.stringify(byDefault.data) !== JSON.stringify(value)
  })
}

const hasDefaults = (options: z.ZodRawShape): boolean => Object.values(options).some((option) => z.safeParse(option, undefined).success)

const tables: readonly (readonly [what: string, table: ReadonlyMap<string, { readonly options: z.ZodRawShape }>, part: (run: Run['request']) => Json])[] = [
  ['layer', new Map([...layerTypes, ...[...containers.keys()].map((type) => [type, { options: {} }] as const)]), ({ model }) => [model['layers'] ?? null, model['modules'] ?? null, model['forward'] ?? null]],
  ['loss', lossTypes, ({ loss }) => loss ?? null],
  ['optimizer', optimizerTypes, ({ optimizer }) => optimizer ?? null],
  ['scheduler', schedulerTypes, ({ scheduler }) => scheduler ?? null],
  ['initialisation', new Map(Object.entries(inits)), ({ model }) => model['parameters'] ?? null],
]

for (const [what, table, part] of tables) {
  const found = runs.flatMap(({ request }) => typed(part(request)))
  describe(`golden runs of each ${what}`, () => {
    it.each([...table])('%s', (type, { options }) => {
      const own = found.filter((given) => given['type'] === type)
      expect(own.length).toBeGreaterThan(0)
      if (hasDefaults(options)) expect(own.some((given) => differs(given, options))).toBe(true)
    })
  })
}

interface Case {
  readonly request: { readonly model: { readonly forward: string | readonly string[] }; readonly loss: string }
}

/** The programs of our own cases. */
const programs = readdirSync(new URL('golden/functions/', import.meta.url))
  .filter((file) => file.endsWith('.json'))
  .flatMap((file) => JSON.parse(readFileSync(new URL(`golden/functions/${file}`, import.meta.url), 'utf8')) as Case[])
  .flatMap(({ request: { model, loss } }) => [model.forward, loss].flat())
const text = `${programs.join('\n')}\n${readFileSync(new URL('golden/language.json', import.meta.url), 'utf8')}`

/** How a program writes functions of a module; methods follow a tensor, what is built in stands alone. */
const written: Readonly<Record<Home, (name: string) => RegExp>> = {
  torch: (name) => new RegExp(String.raw`\btorch\.${name}\b`),
  F: (name) => new RegExp(String.raw`\b(F|nn\.functional)\.${name}\b`),
  linalg: (name) => new RegExp(String.raw`\blinalg\.${name}\b`),
  special: (name) => new RegExp(String.raw`\bspecial\.${name}\b`),
  autograd: (name) => new RegExp(String.raw`\bautograd\.${name}\b`),
  math: (name) => new RegExp(String.raw`\bmath\.${name}\b`),
  Tensor: (name) => new RegExp(String.raw`(?<!\b(torch|F|linalg|special|nn|functional|autograd|math))\.${name}\(`),
  builtin: (name) => new RegExp(String.raw`(?<![.\w])${name}\b`),
}

describe.each(Object.keys(written) as Home[])('golden cases of the functions of %s', (home) => {
  it('each has one', () => {
    const taken = functionNames(home).filter((name) => {
      const { refusal, doc } = findFunction(home, name)!
      return refusal === undefined && !doc.startsWith('Not in a program')
    })
    expect(taken.length).toBeGreaterThan(0)
    expect(taken.filter((name) => !written[home](name).test(text))).toEqual([])
  })
})
