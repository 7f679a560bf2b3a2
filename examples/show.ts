/** Progress and curves in a terminal. */

/** A bar of `width` characters, filled up to `fraction` (0 to 1). */
export function bar(fraction: number, width: number): string {
  const eighths = Math.round(Math.min(1, Math.max(0, fraction)) * width * 8)
  const full = '█'.repeat(Math.floor(eighths / 8))
  const part = eighths % 8 === 0 ? '' : String.fromCodePoint(0x2590 - (eighths % 8))
  return (full + part).padEnd(width, '·')
}

/**
 * A curve over `width` columns and `height` rows of braille dots, with its range at the left and the steps below. A
 * column of dots spans what the values do from the last column to this one.
 */
export function plot(values: readonly number[], width: number, height: number): string {
  const columns = width * 2
  const rows = height * 4
  const low = Math.min(...values)
  const high = Math.max(...values)
  const rowOf = (value: number): number => (high === low ? rows - 1 : Math.round(((high - value) / (high - low)) * (rows - 1)))
  const placeOf = (column: number): number => Math.round((Math.max(0, column) / (columns - 1)) * (values.length - 1))
  const cells = Array.from({ length: height }, () => new Uint8Array(width))
  for (let column = 0; column < columns; column++) {
    const spanned = values.slice(placeOf(column - 1), placeOf(column) + 1).map(rowOf)
    for (let row = Math.min(...spanned); row <= Math.max(...spanned); row++) {
      cells[row >> 2]![column >> 1]! |= brailleDots[column & 1]![row & 3]!
    }
  }
  const labels = cells.map((_, i) => (i === 0 ? high : i === height - 1 ? low : undefined)?.toPrecision(4) ?? '')
  const margin = Math.max(...labels.map((label) => label.length))
  const lines = cells.map((line, i) => `${labels[i]!.padStart(margin)} │${String.fromCodePoint(...[...line].map((bits) => 0x2800 + bits))}`)
  const last = String(values.length)
  return [...lines, `${' '.repeat(margin)} └${'─'.repeat(width)}`, `${' '.repeat(margin)}  1${last.padStart(width - 1)}`].join('\n')
}

/** Bits of a braille character, by column and row of its dots. */
const brailleDots = [
  [0x01, 0x02, 0x04, 0x40],
  [0x08, 0x10, 0x20, 0x80],
]
