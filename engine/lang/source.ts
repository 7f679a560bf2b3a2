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
    for (let i = 0; i < given.length; i++) if (given[i] === '\n') this.#lineStarts.push(i + 1)
  }

  /** Line and column of an offset in `text`. */
  position(offset: number): Position {
    const given = offset - this.#inserted.filter((at) => at < offset).length
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

function completeNumbers(given: string): { text: string; inserted: number[] } {
  const inserted: number[] = []
  let text = ''
  // Strings and comments are passed over; then a whole number that ends in a dot.
  const pattern = /("""|''')[\s\S]*?\1|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|#[^\n]*|(?<![\w.])(\d[\d_]*\.)(?![\w.]|$)|(?<![\w.])(\d[\d_]*\.)(?=[eE][+-]?\d)|(?<![\w.])(\d[\d_]*\.)$/g
  let last = 0
  for (const match of given.matchAll(pattern)) {
    if (match[2] === undefined && match[3] === undefined && match[4] === undefined) continue
    const end = match.index + match[0].length
    text += given.slice(last, end)
    inserted.push(text.length)
    text += '0'
    last = end
  }
  return { text: text + given.slice(last), inserted }
}
