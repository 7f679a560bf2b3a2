/** Every function with every argument, in both dtypes, against PyTorch. */
import { expanded } from './expand.ts'
import type { DTypeName, ProgramAnswer } from './programs.ts'
import { compareProgram, namesIn } from './programs.ts'

export interface Question {
  readonly text: string
  readonly names: readonly string[]
  readonly dtype: DTypeName
}

export function questionsOf(texts: readonly string[]): Question[] {
  return texts.flatMap((text) => (['float64', 'float32'] as const).map((dtype) => ({ text, names: namesIn(text), dtype })))
}

/** Programs of the table of calls that contain a word. */
export function callPrograms(word: string): string[] {
  return expanded().map((text) => (/(^|\n)out = /.test(text) ? text : `out = ${text}`)).filter((text) => text.includes(word))
}

/** Reports what disagrees, and what is refused though PyTorch takes it but for the known reasons; the number of those. */
export async function differ(texts: readonly string[], answers: AsyncIterable<readonly [Question, ProgramAnswer | undefined]>, report: (line: string) => void): Promise<number> {
  const tally: Record<string, number> = {}
  let wrong = 0
  for await (const [{ text, dtype }, answer] of answers) {
    if (!answer) {
      report(`PyTorch ended: ${text}`)
      continue
    }
    const verdict = compareProgram(text, answer, dtype)
    tally[verdict.kind] = (tally[verdict.kind] ?? 0) + 1
    if ('why' in verdict) {
      wrong++
      report(`${verdict.kind} (${dtype}): ${text}\n    ${verdict.why}`)
    }
  }
  report(`${texts.length} programs in two dtypes: ${Object.entries(tally).map(([kind, n]) => `${n} ${kind}`).join(', ')}`)
  return wrong
}
