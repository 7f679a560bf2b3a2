/**
 * Walks the pixels of a result in units of two 128-bit vectors. The last unit of a row overlaps the one before it, with
 * the same numbers; a row that is shorter than a unit has one unit, which reaches over its end.
 */
import { increment, repeat } from './control.ts'
import type { FunctionBody, Local } from './encode.ts'

/** A unit's first pixel, in elements of the source and of the result. */
export interface Unit {
  readonly x: number
  readonly y: number
}

/** Elements from pixel to pixel. */
interface Steps {
  readonly column: number
  readonly row: number
  readonly plane: number
}

export interface Pixels {
  readonly bytes: 4 | 8
  /** Units that are handed over at once, at most. */
  readonly units: number
  readonly counts: readonly [depth: number, height: number, width: number]
  readonly x: Steps
  readonly y: Steps
  /** Units side by side: the last one of a row reaches over its end. */
  readonly apart?: boolean
}

/** Units of a row that stands by itself. */
const longRow = 8

/** Calls `body` for units beside each other, whose places count from the addresses in `x` and `y`; these move. */
export function walkPixels(f: FunctionBody, pixels: Pixels, x: Local, y: Local, body: (units: readonly Unit[]) => void): void {
  const { bytes, units, counts, x: from, y: to } = pixels
  const [depth, height] = counts
  const columns = columnsOf(pixels)
  const together = columns.length > longRow ? 1 : bestRows(columns.length, units, height)
  const block = (rows: number): void => {
    const all = Array.from({ length: rows }, (_, r) => columns.map((unit) => ({ x: unit.x + r * from.row, y: unit.y + r * to.row }))).flat()
    walkUnits(f, pixels, all, x, y, body)
    increment(f, x, rows * from.row * bytes)
    increment(f, y, rows * to.row * bytes)
  }
  repeat(f, depth, () => {
    const blocks = Math.floor(height / together)
    if (blocks > 0) repeat(f, blocks, () => block(together))
    if (height % together > 0) block(height % together)
    increment(f, x, (from.plane - height * from.row) * bytes)
    increment(f, y, (to.plane - height * to.row) * bytes)
  })
}

function columnsOf({ bytes, counts, x, y, apart }: Pixels): Unit[] {
  const size = 32 / bytes
  const starts = Array.from({ length: Math.ceil(counts[2] / size) }, (_, i) => (apart ? i * size : Math.max(0, Math.min(i * size, counts[2] - size))))
  return starts.map((at) => ({ x: at * x.column, y: at * y.column }))
}

/** Units of long rows, which are equally far apart but for the last one, in a loop. */
function walkUnits(f: FunctionBody, { bytes, units }: Pixels, all: readonly Unit[], x: Local, y: Local, body: (units: readonly Unit[]) => void): void {
  const tiles = Array.from({ length: Math.ceil(all.length / units) }, (_, i) => all.slice(i * units, (i + 1) * units))
  const looped = all.length > longRow * units ? Math.floor((all.length - 1) / units) : 0
  if (looped > 0) {
    const step = { x: tiles[1]![0]!.x * bytes, y: tiles[1]![0]!.y * bytes }
    repeat(f, looped, () => {
      body(tiles[0]!)
      increment(f, x, step.x)
      increment(f, y, step.y)
    })
    increment(f, x, -looped * step.x)
    increment(f, y, -looped * step.y)
  }
  for (const tile of tiles.slice(looped)) body(tile)
}

/** Rows of pixels whose units fill tiles. */
function bestRows(columns: number, units: number, rows: number): number {
  let best = 1
  const filled = (n: number): number => (n * columns) / (Math.ceil((n * columns) / units) * units)
  for (let n = 2; n <= Math.min(units, rows); n++) if (filled(n) > filled(best)) best = n
  return best
}
