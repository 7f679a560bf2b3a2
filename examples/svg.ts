/** Curves as a drawing that stands alone: `npm run example -- iris --svg iris.svg`. */

export interface Curve {
  readonly name: string
  readonly points: readonly (readonly [step: number, value: number])[]
  /** Whether each point is marked. */
  readonly marked?: boolean
}

const [width, height] = [640, 320]
const frame = { left: 56, right: 16, top: 36, bottom: 36 }
/** Of the curves in turn. Both can be told from white and from black, and from each other without colours. */
const colours = ['#6a9fd8', '#d2691e']

/** Curves over the number of the step, from 0 upwards. */
export function drawing(title: string, curves: readonly Curve[]): string {
  const all = curves.flatMap(({ points }) => points)
  const steps = Math.max(...all.map(([step]) => step))
  const most = ceiling(Math.max(...all.map(([, value]) => value)))
  const x = (step: number): string => round(frame.left + (step / steps) * (width - frame.left - frame.right))
  const y = (value: number): string => round(height - frame.bottom - (value / most) * (height - frame.top - frame.bottom))
  const grid = [0, 0.25, 0.5, 0.75, 1].map((part) => {
    const at = y(part * most)
    return `<path d="M${frame.left} ${at}H${width - frame.right}" stroke="#888" stroke-opacity="0.3"/><text x="${frame.left - 8}" y="${at}" dy="0.35em" text-anchor="end">${Number((part * most).toPrecision(3))}</text>`
  })
  const ticks = [0, 0.5, 1].map((part) => `<text x="${x(part * steps)}" y="${height - frame.bottom + 20}" text-anchor="${part === 0 ? 'start' : part === 1 ? 'end' : 'middle'}">${part === 0 ? 'step 0' : Math.round(part * steps)}</text>`)
  const drawn = curves.map(({ name, points, marked }, i) => {
    const colour = colours[i % colours.length]!
    const path = `<polyline fill="none" stroke="${colour}" stroke-width="${marked === true ? 2 : 1.2}" points="${points.map(([step, value]) => `${x(step)},${y(value)}`).join(' ')}"/>`
    const marks = marked === true ? points.map(([step, value]) => `<circle cx="${x(step)}" cy="${y(value)}" r="3.5" fill="${colour}"/>`).join('') : ''
    return `${path}${marks}<text x="${width - frame.right}" y="${frame.top + 8 + 18 * i}" text-anchor="end" fill="${colour}">${escaped(name)}</text>`
  })
  const parts = [`<text x="${frame.left}" y="22" font-weight="bold">${escaped(title)}</text>`, ...grid, ...ticks, ...drawn]
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="sans-serif" font-size="13" fill="#888">\n${parts.join('\n')}\n</svg>\n`
}

/** The next number of two digits that four lines divide well. */
function ceiling(value: number): number {
  const unit = 10 ** Math.floor(Math.log10(value))
  return [1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10].map((part) => part * unit).find((most) => most >= value) ?? value
}

function round(x: number): string {
  return String(Math.round(x * 10) / 10)
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
}
