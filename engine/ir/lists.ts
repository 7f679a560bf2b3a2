/**
 * Lists as V8 has them fastest. What it makes of a `map` once it has optimized it is an array that may have holes, while
 * all others have none: functions that were compiled for the one kind are compiled anew when they meet the other. Lists
 * that live in graphs and kernels, which many functions read, are made here instead.
 *
 * Most of them are short. A list that grows from nothing has room for 17 items at once; one that is written out has room
 * for what is in it, so that less is left to collect.
 */

/** `items.map(make)`. */
export function mapped<T, R>(items: readonly T[], make: (item: T, index: number) => R): R[] {
  switch (items.length) {
    case 1:
      return [make(items[0]!, 0)]
    case 2:
      return [make(items[0]!, 0), make(items[1]!, 1)]
    case 3:
      return [make(items[0]!, 0), make(items[1]!, 1), make(items[2]!, 2)]
  }
  const made: R[] = []
  for (let i = 0; i < items.length; i++) made.push(make(items[i]!, i))
  return made
}

/** `make(0)`, `make(1)`, … : for few of them Array.from takes ten times as long. */
export function counted<R>(count: number, make: (index: number) => R): R[] {
  const made: R[] = []
  for (let i = 0; i < count; i++) made.push(make(i))
  return made
}

/** The same as `mapped` of numbers: lists of them are of a kind of their own. */
export function mappedNumbers<T>(items: readonly T[], make: (item: T, index: number) => number): number[] {
  const made = repeated(0, items.length)
  for (let i = 0; i < items.length; i++) made[i] = make(items[i]!, i)
  return made
}

export function repeated(number: number, count: number): number[] {
  switch (count) {
    case 1:
      return [number]
    case 2:
      return [number, number]
    case 3:
      return [number, number, number]
  }
  const made: number[] = []
  for (let i = 0; i < count; i++) made.push(number)
  return made
}
