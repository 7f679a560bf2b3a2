/** Templates of calls become programs: a word in capitals stands for each of its choices. */
import { TestRandom } from '../engine/agree.ts'
import { calls, words } from './calls.ts'

/** At most so many programs of a template; of more, a fixed random part. */
const most = 24

function* combinations(text: string): Generator<string> {
  const found = /\b[A-Z][A-Z0-9]{1,}\b/g
  for (const { 0: word } of text.matchAll(found)) {
    const choices = words[word]
    if (!choices) continue
    for (const choice of choices) yield* combinations(text.replace(new RegExp(`\\b${word}\\b`), () => choice))
    return
  }
  yield text
}

/** The method in place of the function: `a.f(b)` for `torch.f(a, b)`. */
function asMethod(call: string): string | undefined {
  const match = /^torch\.(\w+)\((\w+)(?:, (.*))?\)$/.exec(call)
  return match ? `${match[2]}.${match[1]}(${match[3] ?? ''})` : undefined
}

/** Arguments by name the other way round: `f(a, y=2, x=1)`. */
function reversed(call: string): string | undefined {
  const match = /^([\w.]+\((?:[^=()]*|[^=()]*\([^()]*\)[^=()]*), )(\w+=[^,()]+), (\w+=[^,()]+)\)$/.exec(call)
  return match ? `${match[1]}${match[3]}, ${match[2]})` : undefined
}

export function expanded(): string[] {
  const random = new TestRandom(11)
  const made = new Set<string>()
  for (const template of calls) {
    let all = [...combinations(template)]
    if (all.length > most) all = all.map((text) => [random.next(), text] as const).toSorted(([a], [b]) => a - b).slice(0, most).map(([, text]) => text)
    for (const [i, text] of all.entries()) {
      made.add(text)
      const [method, other] = [asMethod(text), reversed(text)]
      if (method !== undefined && i % 2 === 0) made.add(method)
      if (other !== undefined && i % 3 === 0) made.add(other)
    }
  }
  return [...made]
}
