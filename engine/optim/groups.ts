/** Parameter groups: which parameters are trained with which options. */
import { SpecError, suggestion } from '../errors.ts'
import type { GroupOptions } from './index.ts'

export interface Group {
  readonly options: GroupOptions
  /** state_dict names. */
  readonly parameters: readonly string[]
}

/** Whether a name fits a pattern in which `*` stands for any characters. */
export function matches(pattern: string, name: string): boolean {
  const parts = pattern.split('*')
  if (parts.length === 1) return name === pattern
  const [first, ...rest] = parts
  if (!name.startsWith(first!)) return false
  let at = first!.length
  for (const [i, part] of rest.entries()) {
    const found = i === rest.length - 1 ? name.length - part.length : name.indexOf(part, at)
    if (found < at || !name.startsWith(part, found)) return false
    at = found + part.length
  }
  return true
}

/** The names that a pattern of the request fits; an error where it fits none. */
export function select(pattern: string, names: readonly string[], pointer: string): string[] {
  const found = names.filter((name) => matches(pattern, name))
  if (found.length > 0) return found
  throw new SpecError('bad_option', `no parameter fits "${pattern}"${suggestion(pattern, names)}; there are ${names.slice(0, 20).join(', ')}${names.length > 20 ? ', …' : ''}`, { pointer })
}

/**
 * The groups of an optimizer. Group 0 holds the parameters that no pattern fits, when there are any; then those of the
 * spec follow. A parameter belongs to the first pattern that fits.
 */
export function groupsOf(spec: { readonly [option: string]: unknown }, names: readonly string[]): Group[] {
  const { type: _type, groups: given, ...options } = spec
  const left = new Set(names)
  const chosen = ((given ?? []) as readonly { readonly match: string }[]).map(({ match, ...own }, i) => {
    const parameters = select(match, names, `/optimizer/groups/${i}/match`).filter((name) => left.has(name))
    if (parameters.length === 0) throw new SpecError('bad_option', `all that fits "${match}" belongs to earlier groups`, { pointer: `/optimizer/groups/${i}/match` })
    for (const name of parameters) left.delete(name)
    return { options: { ...options, ...own }, parameters }
  })
  return left.size > 0 || chosen.length === 0 ? [{ options, parameters: [...left] }, ...chosen] : chosen
}

