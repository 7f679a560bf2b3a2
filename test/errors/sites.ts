/** Places in the code that refuse something with a message that is written there. */
import { errorCodes } from '../../engine/index.ts'

export interface Site {
  readonly line: number
  readonly code: string
  /** The message as the code has it. */
  readonly template: string
  /** What the message looks like. */
  readonly pattern: RegExp
}

/** What the grammar, or a check before it, refuses with other words: no program is known that gets there. */
const guards: ReadonlySet<string> = new Set([
  'syntax error: an expression is missing',
  'syntax error: an index is missing',
  'syntax error: a slice has at most start, stop and step',
  'syntax error: an indented block is expected',
  'the operator ${symbol}= is not in the language',
  '${shown}() has no parameters',
  '${shown} does not give one tensor',
  'a condition on ${describe(x)}: its value is only known when the program runs; use torch.where(condition, a, b)',
])

/** `fail(ctx, 'code', message)`, `new SpecError('code', message)` and their like. A message that is computed elsewhere is no site. */
export function sitesOf(source: string): Site[] {
  const sites: Site[] = []
  for (const match of source.matchAll(/'([a-z]+(?:_[a-z]+)+)', (?=['"`])/g)) {
    const [shown, code = ''] = match
    const template = literalAt(source, match.index + shown.length)
    if (template === undefined || !(code in errorCodes) || guards.has(template)) continue
    sites.push({ line: source.slice(0, match.index).split('\n').length, code, template, pattern: patternOf(template) })
  }
  return sites
}

/** The text of the literal that begins at `from`, without its quotes. */
function literalAt(source: string, from: number): string | undefined {
  const quote = source[from]!
  let depth = 0
  for (let i = from + 1; i < source.length; i++) {
    const rest = source.slice(i, i + 2)
    if (source[i] === '\\') i++
    else if (quote === '`' && rest === '${') {
      depth++
      i++
    } else if (depth > 0 && source[i] === '{') depth++
    else if (depth > 0 && source[i] === '}') depth--
    else if (depth === 0 && source[i] === quote) return source.slice(from + 1, i)
  }
  return undefined
}

/** Fixed parts as they are, and anything where the code puts something in. */
function patternOf(template: string): RegExp {
  let text = ''
  let depth = 0
  for (let i = 0; i < template.length; i++) {
    if (template.startsWith('${', i)) {
      if (depth === 0) text += '\u0000'
      depth++
      i++
    } else if (depth > 0) {
      if (template[i] === '{') depth++
      if (template[i] === '}') depth--
    } else if (template[i] === '\\') {
      text += template[++i]!
    } else {
      text += template[i]!
    }
  }
  const escaped = text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
  return new RegExp(`^${escaped.replaceAll('\u0000', '[\\s\\S]*')}$`)
}
