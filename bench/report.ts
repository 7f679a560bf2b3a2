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

/** The median of a / b over the rounds, with the smallest and the largest. */
export function ratio(a: readonly number[], b: readonly number[]): string {
  const ratios = sorted(a.map((value, i) => value / b[i]!))
  const show = (value: number): string => Number(value.toPrecision(3)).toString()
  return `${show(median(ratios))} (${show(ratios[0]!)} to ${show(ratios.at(-1)!)})`
}

export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n')
}
