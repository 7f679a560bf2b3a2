/** Counted loops and moving addresses. */
import type { Argument } from './context.ts'
import type { FunctionBody, Local } from './encode.ts'

export function pushArgument(f: FunctionBody, { bytes, rows }: Argument): void {
  f.i32(bytes)
  if (!rows) return
  f.i32(0)
  f.scalarMemory('i32.load', rows.number)
  f.i32(rows.bytes)
  f.op('i32.mul')
  f.op('i32.add')
}

export function repeat(f: FunctionBody, count: number, body: () => void): void {
  if (count === 1) {
    body()
    return
  }
  const counter = f.local('i32')
  f.i32(count)
  f.set(counter)
  countDown(f, counter, body)
}

/** A loop of as many rounds as the counter says, at least one. */
function countDown(f: FunctionBody, counter: Local, body: () => void): void {
  f.loop()
  body()
  f.get(counter)
  f.i32(1)
  f.op('i32.sub')
  f.tee(counter)
  f.brIf(0)
  f.op('end')
}

/** A new local with the number that `local` holds. */
export function copied(f: FunctionBody, local: Local): Local {
  const copy = f.local('i32')
  f.get(local)
  f.set(copy)
  return copy
}

export function increment(f: FunctionBody, local: Local, bytes: number): void {
  if (bytes === 0) return
  f.get(local)
  f.i32(bytes)
  f.op('i32.add')
  f.set(local)
}

/** local += bytes for each of a number in another local. */
export function advance(f: FunctionBody, local: Local, count: Local, bytes: number): void {
  if (bytes === 0) return
  f.get(local)
  f.get(count)
  f.i32(bytes)
  f.op('i32.mul')
  f.op('i32.add')
  f.set(local)
}

/**
 * A loop over a function's units of work, from parameter 0 to before parameter 1, maybe none. With `most`, unit `most`
 * is the last one there is and not one of these rounds.
 */
export function repeatRange(f: FunctionBody, body: () => void, most?: number): void {
  const counter = f.local('i32')
  f.get(1)
  if (most !== undefined) {
    f.get(1)
    f.i32(most)
    f.op('i32.gt_u')
    f.op('i32.sub')
  }
  f.get(0)
  f.op('i32.sub')
  f.tee(counter)
  f.if()
  countDown(f, counter, body)
  f.op('end')
}

/**
 * `move` for 0, 1, … below `count`: one behind the other, or where there are many in a loop, eight at a time, which moves
 * the addresses by so many bytes for each. The addresses are as before afterwards.
 */
export function stretch(f: FunctionBody, count: number, addresses: readonly (readonly [Local, number])[], move: (i: number) => void): void {
  const loops = count <= 16 ? 0 : Math.floor(count / 8)
  if (loops > 0) {
    repeat(f, loops, () => {
      for (let i = 0; i < 8; i++) move(i)
      for (const [local, bytes] of addresses) increment(f, local, 8 * bytes)
    })
    for (const [local, bytes] of addresses) increment(f, local, -loops * 8 * bytes)
  }
  for (let i = loops * 8; i < count; i++) move(i)
}
