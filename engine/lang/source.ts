/** Program text: positions, and one mend that the parser needs. */
import type { Position } from './ast.ts'

/**
 * Text with its lines. The parser does not read `2.` as a number, so a zero is put behind such dots; positions
 * are those of the text as it was given.
 */
export class Source {
  readonly text: string
  readonly #lineStarts: number[] = [0]
  readonly #inserted: readonly number[]

  constructor(given: string) {
    const { text, inserted } = completeNumbers(given)
    this.text = text
    this.#inserted = inserted
    for (let end = given.indexOf('\n'); end >= 0; end = given.indexOf('\n', end + 1)) this.#lineStarts.push(end + 1)
  }

  /** Where brackets first stand inside more than `limit` others; the parser itself gives up further down. */
  bracketsDeeperThan(limit: number): number | undefined {
    if (!hasMoreBrackets(this.text, limit)) return undefined
    let depth = 0
    for (const { index, 0: token } of this.text.matchAll(brackets)) {
      if (token === '(' || token === '[' || token === '{') depth++
      else if (token === ')' || token === ']' || token === '}') depth--
      if (depth > limit) return index
    }
    return undefined
  }

  /** Line and column of an offset in `text`. */
  position(offset: number): Position {
    const given = this.#inserted.length === 0 ? offset : offset - this.#inserted.filter((at) => at < offset).length
    let low = 0
    let high = this.#lineStarts.length - 1
    while (low < high) {
      const middle = Math.ceil((low + high) / 2)
      if (this.#lineStarts[middle]! <= given) low = middle
      else high = middle - 1
    }
    return { line: low + 1, column: given - this.#lineStarts[low]! + 1 }
  }
}

/** Strings and comments, in which nothing counts. */
const passedOver = /("{3}|'{3})[\s\S]*?\1|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|#[^\n]*/
const brackets = new RegExp(`${passedOver.source}|[()[\\]{}]`, 'g')
/** A whole number that ends in a dot. */
const dotted = new RegExp(`${passedOver.source}|(?<![\\w.])(\\d[\\d_]*\\.)(?![\\w.]|$)|(?<![\\w.])(\\d[\\d_]*\\.)(?=[eE][+-]?\\d)|(?<![\\w.])(\\d[\\d_]*\\.)$`, 'g')

/** What each of those holds: most programs have none. */
const dot = /[\d_]\.(?!\d)/

/** Whether so many brackets open, wherever they stand. */
function hasMoreBrackets(text: string, limit: number): boolean {
  let count = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === 0x28 || code === 0x5b || code === 0x7b) count++
  }
  return count > limit
}

function completeNumbers(given: string): { text: string; inserted: number[] } {
  const inserted: number[] = []
  if (!dot.test(given)) return { text: given, inserted }
  let text = ''
  let last = 0
  for (const match of given.matchAll(dotted)) {
    if (match[2] === undefined && match[3] === undefined && match[4] === undefined) continue
    const end = match.index + match[0].length
    text += given.slice(last, end)
    inserted.push(text.length)
    text += '0'
    last = end
  }
  return { text: text + given.slice(last), inserted }
}
