/** docs/errors.md: every code, and what programs and requests that are refused are told. Written by `npm run errors`. */
import { errorCodes } from '../../engine/index.ts'
import { formCodes, serviceCodes } from '../../src/errors.ts'
import { functionCalls } from './functions.ts'
import { programs } from './programs.ts'
import type { RefusedRequest } from './requests.ts'
import { requests } from './requests.ts'

/** What the service says. */
export interface Refusal {
  readonly status: number
  readonly code: string
  /** The first fault, where there is one. */
  readonly fault: { readonly code: string; readonly message: string; readonly pointer?: string; readonly line?: number; readonly column?: number }
}

export type Ask = (path: string, request: object | string) => Promise<Refusal>

/** The request that a program is posted in. */
export function requestOf(program: readonly string[]): RefusedRequest {
  const data = {
    x: [[1, 2, 3], [4, 5, 6]], v: [1, 2, 3], s: 0.5, i: int64([0, 1, 2], [3]), m: [[true, false, true], [false, true, false]],
    b: ones(3, 4), q: ones(3, 3), t: ones(2, 3, 4), e: [], img: ones(1, 4, 6, 6), vol: ones(1, 2, 4, 4, 4), n: int64([1], []), k: int64([0, 1, 2, 0, 1, 2], [2, 3]), d: { data: Array<number>(6).fill(1), shape: [2, 3], dtype: 'float64' },
  }
  const modules = {
    fc: { type: 'Linear', in_features: 3, out_features: 2 },
    conv: { type: 'Conv1d', in_channels: 2, out_channels: 2, kernel_size: 2 },
    up: { type: 'ConvTranspose1d', in_channels: 2, out_channels: 2, kernel_size: 2, stride: 3 },
    lstm: { type: 'LSTM', input_size: 3, hidden_size: 2 },
    cell: { type: 'GRUCell', input_size: 3, hidden_size: 2 },
    attn: { type: 'MultiheadAttention', embed_dim: 4, num_heads: 2 },
    enc: { type: 'TransformerEncoderLayer', d_model: 4, nhead: 2 },
    dec: { type: 'TransformerDecoderLayer', d_model: 4, nhead: 2 },
  }
  const model = { modules, parameters: { w: { shape: [3, 2], init: { type: 'ones' } } }, forward: program }
  return { path: '/v1/forward', request: { model, data, outputs: [], training: true } }
}

function ones(...shape: number[]): object {
  return { data: Array<number>(shape.reduce((count, size) => count * size, 1)).fill(1), shape }
}

function int64(data: number[], shape: number[]): object {
  return { data, shape, dtype: 'int64' }
}

export interface Told {
  readonly source: { readonly program: readonly string[] } | { readonly request: RefusedRequest }
  readonly refusal: Refusal
}

/** Asks for all of them. */
export async function askAll(ask: Ask): Promise<Told[]> {
  const told: Told[] = []
  for (const program of [...programs, ...functionCalls.map((call) => [call])]) {
    const { path, request } = requestOf(program)
    told.push({ source: { program }, refusal: await ask(path, request) })
  }
  for (const request of requests) told.push({ source: { request }, refusal: await ask(request.path, request.request) })
  return told
}

const intro = `# Errors

This page is written by \`npm run errors\`, which asks the service; a test holds that what it shows is what the service says.

What is wrong is answered as \`application/problem+json\` (RFC 9457). \`code\` names the problem and \`errors\` up to 20 faults, each with its own code, a message, a JSON pointer and, in a program, line and column. \`GET /errors\` shows the table of codes, and \`type\` leads there.`

/** The page. */
export function errorsText(told: readonly Told[]): string {
  const rows = [
    ...Object.entries(serviceCodes).map(([code, { status, title }]) => `| \`${code}\` | ${status} | ${title} |`),
    ...Object.entries(formCodes).map(([code, title]) => `| \`${code}\` | 400, in \`errors\` | ${title} |`),
    ...Object.entries(errorCodes).map(([code, title]) => `| [\`${code}\`](#${code}) | 422 | ${title} |`),
  ]
  const form = told.filter(({ refusal }) => refusal.status === 400)
  const sections = Object.entries(errorCodes).map(([code, title]) => {
    const own = told.filter(({ refusal }) => refusal.status === 422 && refusal.code === code)
    return `## ${code}\n\n${title}\n\n${own.map(line).join('\n')}`
  })
  return [
    intro,
    `| code | status | what it means |\n|---|---|---|\n${rows.join('\n')}`,
    'The programs below read `x` (float32, [2, 3]), `v` (float32, [3]), `s` (a number), `i` (int64, [3]), `m` (bool, [2, 3]), the parameter `w` ([3, 2]) and the module `fc` (Linear, 3 to 2); some read `b` ([3, 4]), `q` ([3, 3]), `t` ([2, 3, 4]), `e` ([0]), `img` ([1, 4, 6, 6]), `vol` ([1, 2, 4, 4, 4]), `n` (int64, a number), `k` (int64, [2, 3]), `d` (float64, [2, 3]) and call the modules `conv` (Conv1d, 2 to 2), `up` (ConvTranspose1d), `lstm`, `cell` (GRUCell), `attn` (MultiheadAttention, embed_dim 4), `enc` and `dec` (layers of a transformer, d_model 4). Before a message stand line and column.',
    `## The form of a request\n\n${form.map(line).join('\n')}`,
    ...sections,
  ].join('\n\n').concat('\n')
}

/** One refusal: what was sent, the place, the message. */
function line({ source, refusal: { fault, code } }: Told): string {
  const message = fault.message.replaceAll('<', '&lt;').replaceAll(/\s*\n\s*/g, ' ')
  if ('program' in source) {
    return `- ${source.program.map((text) => codeSpan(shorten(text))).join('<br>')}<br>${fault.line ?? 1}:${fault.column ?? 1} ${message}`
  }
  const { path, request } = source.request
  const inner = fault.code === code ? '' : ` (\`${fault.code}\`)`
  return `- ${codeSpan(`POST ${path}`)} ${codeSpan(shorten(typeof request === 'string' ? request : JSON.stringify(request)))}<br>${fault.pointer === undefined ? '' : `\`${fault.pointer === '' ? '/' : fault.pointer}\`${inner} `}${message}`
}

function shorten(text: string): string {
  return text.length > 400 ? `${text.slice(0, 200)} … ${text.slice(-60)}` : text
}

function codeSpan(text: string): string {
  return text.includes('`') ? `\`\` ${text} \`\`` : `\`${text}\``
}
