/** The table of functions for readers: what each is called, where it stands, what it takes and does. */
import type { ErrorCode } from '../errors.ts'
import type { Family, Home } from './define.ts'
import { allFunctions, signatureText } from './define.ts'
import './index.ts'

export interface FunctionEntry {
  readonly name: string
  /** Other names of the same function. */
  readonly also: readonly string[]
  readonly family: Family
  /** Where it can be called from: `torch`, `F`, `Tensor`, `torch.linalg`, `torch.special`; a plain name is `builtin`. */
  readonly homes: readonly string[]
  /** Python signatures, in the order in which they are tried. */
  readonly signatures: readonly string[]
  readonly doc: string
}

export interface RefusedFunction {
  readonly name: string
  readonly also: readonly string[]
  readonly homes: readonly string[]
  /** The code of the error that a call gives. */
  readonly code: ErrorCode
  readonly reason: string
}

const shownHomes: Readonly<Partial<Record<Home, string>>> = { linalg: 'torch.linalg', special: 'torch.special', autograd: 'torch.autograd' }

export const functionEntries: readonly FunctionEntry[] = allFunctions().flatMap(({ name, names, family, homes, signatures, doc, refusal }) =>
  refusal === undefined ? [{ name, also: names.slice(1), family, homes: homes.map(shown), signatures: signatures.map(({ parameters }) => signatureText(name, parameters)), doc }] : [],
)

export const refusedFunctions: readonly RefusedFunction[] = allFunctions().flatMap(({ name, names, homes, refusal, refusalCode }) =>
  refusal === undefined ? [] : [{ name, also: names.slice(1), homes: homes.map(shown), code: refusalCode ?? 'value_dependent', reason: refusal }],
)

function shown(home: Home): string {
  return shownHomes[home] ?? home
}
