/** Counted loops and moving addresses. */
import type { FunctionBody, Local } from './encode.ts'

export function repeat(f: FunctionBody, count: number, body: () => void): void {
  if (count === 1) {
    body()
    return
  }
  const counter = f.local('i32')
  f.i32(count)
  f.set(counter)
  f.loop()
  body()
  f.get(counter)
  f.i32(1)
  f.op('i32.sub')
  f.tee(counter)
  f.brIf(0)
  f.op('end')
}

export function increment(f: FunctionBody, local: Local, bytes: number): void {
  if (bytes === 0) return
  f.get(local)
  f.i32(bytes)
  f.op('i32.add')
  f.set(local)
}
