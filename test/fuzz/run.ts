/**
 * `npm run fuzz`: random programs against an installed PyTorch. `npm run fuzz -- 500 7` takes 500 programs, from seed 7
 * on; `npm run fuzz -- sample FILE` writes a sample with PyTorch's answers. `npm run fuzz -- calls` tries every function
 * with every argument, `npm run fuzz -- calls conv` those with a word. `npm run fuzz -- faults 60 7` tries calls with wrong
 * arguments for 60 seconds, from seed 7 on; it needs no PyTorch.
 */
import type { ChildProcessByStdio } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { compare } from './compare.ts'
import type { PyTorchAnswer } from './compare.ts'
import { callPrograms, differ, questionsOf } from './differ.ts'
import type { Question } from './differ.ts'
import type { FuzzProgram } from './generate.ts'
import { Generator } from './generate.ts'
import { faultOf, mutated } from './mutate.ts'
import { inputs } from './programs.ts'
import type { ProgramAnswer } from './programs.ts'

const longest = 30

/** The first Python that has PyTorch. */
async function findPython(): Promise<string> {
  for (const python of [process.env['PYTHON'], 'python3', '/usr/bin/python3']) {
    if (python === undefined) continue
    const probe = spawn(python, ['-c', 'import torch'], { stdio: 'ignore' })
    const [code] = (await once(probe, 'close').catch(() => [1])) as [number]
    if (code === 0) return python
  }
  throw new Error('there is no Python with PyTorch; set PYTHON to one')
}

/** Asks PyTorch, which `script` runs, one question at a time; undefined where the process of PyTorch ends. */
async function* ask<Q, A>(script: string, first: readonly unknown[], questions: readonly Q[]): AsyncGenerator<readonly [Q, A | undefined]> {
  const python = await findPython()
  const start = (): { readonly child: ChildProcessByStdio<Writable, Readable, null>; readonly lines: AsyncIterator<string> } => {
    const child = spawn(python, [fileURLToPath(new URL(script, import.meta.url))], { stdio: ['pipe', 'pipe', 'inherit'] })
    for (const line of first) child.stdin.write(`${JSON.stringify(line)}\n`)
    return { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() }
  }
  let { child, lines } = start()
  for (const question of questions) {
    child.stdin.write(`${JSON.stringify(question)}\n`)
    const answer = await lines.next()
    yield [question, answer.done === true ? undefined : (JSON.parse(answer.value) as A)]
    if (answer.done === true) ({ child, lines } = start())
  }
  child.stdin.end()
}

async function* answers(asked: readonly FuzzProgram[]): AsyncGenerator<readonly [FuzzProgram, PyTorchAnswer]> {
  for await (const [program, answer] of ask<FuzzProgram, PyTorchAnswer>('pytorch.py', [], asked)) {
    if (answer) yield [program, answer]
    // Some arguments end the process of PyTorch.
    else process.stdout.write(`program ${program.seed}: PyTorch ended\n\n`)
  }
}

function programs(count: number, first: number): FuzzProgram[] {
  return Array.from({ length: count }, (_, i) => new Generator(first + i).program(1 + ((first + i) % longest)))
}

const [command, argument, seed] = process.argv.slice(2)
if (command === 'sample') {
  const sample: unknown[] = []
  for await (const [program, answer] of answers(programs(300, 1))) {
    if (compare(program, answer).kind === 'agrees' && sample.length < 120) sample.push({ program, answer })
  }
  writeFileSync(argument!, `[\n${sample.map((item) => JSON.stringify(item)).join(',\n')}\n]\n`)
  process.stdout.write(`${sample.length} programs\n`)
} else if (command === 'faults') {
  const end = Date.now() + Number(argument ?? 60) * 1000
  let [tried, faults] = [0, 0]
  for (const text of mutated(Number(seed ?? 1))) {
    if (Date.now() > end) break
    const fault = faultOf(text)
    tried++
    if (fault === undefined) continue
    faults++
    process.stdout.write(`${text}\n    ${fault}\n`)
  }
  process.stdout.write(`${tried} calls, ${faults} faults\n`)
  if (faults > 0) process.exitCode = 1
} else if (command === 'calls') {
  const texts = callPrograms(argument ?? '')
  const wrong = await differ(texts, ask<Question, ProgramAnswer>('programs.py', [inputs], questionsOf(texts)), (line) => process.stdout.write(`${line}\n`))
  if (wrong > 0) process.exitCode = 1
} else {
  const count = Number(command ?? 2000)
  const tally = { agrees: 0, disagrees: 0, 'nothing to compare': 0 }
  const [used, first] = [new Set<string>(), Number(argument ?? 1)]
  for await (const [program, answer] of answers(programs(count, first))) {
    const verdict = compare(program, answer)
    tally[verdict.kind]++
    if (verdict.kind === 'agrees') for (const [i, { text }] of program.lines.entries()) if (answer.statuses[i] === 'kept') for (const [, name] of text.matchAll(/\.(\w+)\(/g)) used.add(name!)
    if (verdict.kind === 'disagrees') process.stdout.write(`program ${program.seed}: ${verdict.why}\n\n`)
  }
  process.stdout.write(`${count} programs from seed ${first}: ${tally.agrees} agree, ${tally.disagrees} disagree, ${tally['nothing to compare']} compare nothing; ${used.size} functions\n`)
  if (tally.disagrees > 0) process.exitCode = 1
}
