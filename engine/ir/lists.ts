/**
 * Lists as V8 has them fastest. What it makes of a `map` once it has optimized it is an array that may have holes, while
 * all others have none: functions that were compiled for the one kind are compiled anew when they meet the other. Lists
 * that live in graphs and kernels, which many functions read, are made here instead.
 */

/** `items.map(make)`. */
export function mapped<T, R>(items: readonly T[], make: (item: T, index: number) => R): R[] {
  const made: R[] = []
  for (let i = 0; i < items.length; i++) made.push(make(items[i]!, i))
  return made
}

/** The same of numbers: lists of them are of a kind of their own. */
export function mappedNumbers<T>(items: readonly T[], make: (item: T, index: number) => number): number[] {
  const made: number[] = []
  for (let i = 0; i < items.length; i++) made.push(make(items[i]!, i))
  return made
}

export function repeated(number: number, count: number): number[] {
  const made: number[] = []
  for (let i = 0; i < count; i++) made.push(number)
  return made
}
