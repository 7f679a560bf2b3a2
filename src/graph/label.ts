/** What a drawn node says: a short label, and a longer text for those who point at it. */
import type { GraphNode, GraphResult, Summary } from '../../engine/index.ts'
import { numel } from '../../engine/index.ts'

/** What a node looks like. The text is dark and the fills are light, so that they can be read on any background. */
export const styles = {
  data: '#e3e3e3',
  parameter: '#bfdcff',
  constant: '#efe6cf',
  call: '#fafafa',
  loss: '#c8ecc0',
  non_finite: '#ffb8b0',
} as const

export const ink = { text: '#1a1a1a', border: '#707070', edge: '#808080' } as const

export function styleOf({ id, kind, value, gradient }: GraphNode, { loss }: GraphResult): keyof typeof styles {
  if (value.nonFinite > 0 || (gradient && gradient.nonFinite > 0)) return 'non_finite'
  return id === loss ? 'loss' : kind
}

/** Lines: the variable and the function, grad_fn, then a single number or the shape. */
export function labelOf(node: GraphNode): string[] {
  const { name, variable, module, gradFn, output } = node
  const called = `${name}${output === undefined ? '' : ` [${output}]`}${module === undefined ? '' : ` (${module})`}`
  return [variable === undefined ? called : `${variable} = ${called}`, ...(gradFn === null ? [] : [gradFn]), contentOf(node)]
}

function contentOf({ shape, dtype, value, gradient }: GraphNode): string {
  if (numel(shape) === 1 && shape.length === 0) return `${single(value)}${gradient ? `, grad ${single(gradient)}` : ''}`
  const wrong = value.nonFinite + (gradient?.nonFinite ?? 0)
  return `${dtype.startsWith('float') ? '' : `${dtype} `}[${shape.join(', ')}]${wrong > 0 ? `, ${wrong} not finite` : ''}`
}

function single({ mean }: Summary): string {
  return mean === null ? 'not finite' : short(mean)
}

/** Four digits. */
function short(x: number | null): string {
  return x === null ? '–' : String(Number(x.toPrecision(4)))
}

/** Lines: type, place, value, gradient. */
export function tooltipOf({ shape, dtype, requiresGrad, place, value, gradient }: GraphNode): string[] {
  const { pointer, line, column } = place ?? {}
  return [
    `${dtype} [${shape.join(', ')}]${requiresGrad ? ', requires grad' : ''}`,
    ...(pointer === undefined ? [] : [`${pointer}${line === undefined ? '' : `, line ${line}, column ${column}`}`]),
    `value: ${summaryLine(value)}`,
    ...(gradient ? [`gradient: ${summaryLine(gradient)}`] : []),
  ]
}

function summaryLine({ min, max, mean, norm, zeros, nonFinite }: Summary): string {
  return `min ${short(min)}, max ${short(max)}, mean ${short(mean)}, norm ${short(norm)}, zeros ${zeros}${nonFinite > 0 ? `, not finite ${nonFinite}` : ''}`
}

/** The argument of each edge, where the call takes several tensors. */
export function edgeLabels({ edges }: GraphResult): string[] {
  const incoming = Map.groupBy(edges, ({ to }) => to)
  return edges.map(({ to, argument }) => (incoming.get(to)!.length > 1 ? argument : ''))
}
