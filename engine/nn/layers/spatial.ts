/** Options of layers that see windows: one number for all spatial dimensions, or one for each. */
import { z } from 'zod'

/** An int of at least `least`, or `rank` of them. */
export function perDimension(rank: number, least: number) {
  const one = z.int32().min(least)
  return z.union([one, z.array(one).length(rank)])
}

/** As a list of one or `rank`. */
export function listOf<T>(given: T | readonly T[]): readonly T[] {
  return isList(given) ? given : [given]
}

/** One for each of `rank` dimensions. */
export function each<T>(given: T | readonly T[], rank: number): readonly T[] {
  return isList(given) ? given : Array.from({ length: rank }, () => given)
}

function isList<T>(given: T | readonly T[]): given is readonly T[] {
  return Array.isArray(given)
}

export const ranks = [1, 2, 3] as const
