/** Memory outside the JavaScript heap, such as arrays of numbers, that V8 would give back much later by itself. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

let collect: (() => void) | undefined

/** Collects garbage: after something large. Takes tens of milliseconds of the calling thread. */
export function reclaim(): void {
  if (!collect) {
    setFlagsFromString('--expose-gc')
    collect = runInNewContext('gc') as () => void
  }
  collect()
}
