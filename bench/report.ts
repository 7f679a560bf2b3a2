/** Figures of repeated measurements. */

function sorted(values: readonly number[]): number[] {
  return values.toSorted((a, b) => a - b)
}

export function median(values: readonly number[]): number {
  const order = sorted(values)
  const middle = order.length >> 1
  return order.length % 2 === 1 ? order[middle]! : (order[middle - 1]! + order[middle]!) / 2
}

/** The median, to three digits, with thousands set apart. */
export function rate(values: readonly number[]): string {
  return Number(median(values).toPrecision(3)).toLocaleString('en-US')
}

/** A measurement: tables of Markdown, and the targets that it missed. */
export interface Measured {
  readonly text: string
  readonly missed: readonly string[]
}

/** a / b of each round. */
export function ratios(a: readonly number[], b: readonly number[]): number[] {
  return a.map((value, i) => value / b[i]!)
}

/** The median of a / b over the rounds, with the smallest and the largest. */
export function ratio(a: readonly number[], b: readonly number[]): string {
  return spread(ratios(a, b))
}

/** The median, with the smallest and the largest. */
export function spread(values: readonly number[]): string {
  const show = (value: number): string => Number(value.toPrecision(3)).toString()
  return `${show(median(values))} (${show(Math.min(...values))} to ${show(Math.max(...values))})`
}

/** What is wrong where the median is below the target. */
export function missed(values: readonly number[], target: number): string | undefined {
  const reached = median(values)
  return reached >= target ? undefined : `${Number(reached.toPrecision(3))} where ${target} is the target`
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n')
}
