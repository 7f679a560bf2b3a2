/** Calls of every function with arguments of other shapes, dtypes and values: refused or not, none may break the engine. */
import { ProgramCache, SpecError, backward, defaultCompileOptions, defaultLimits, forward } from '../../engine/index.ts'
import { TestRandom } from '../engine/agree.ts'
import { expanded } from './expand.ts'
import { inputs, namesIn, requestOf } from './programs.ts'

const engine = { cache: new ProgramCache(2), limits: defaultLimits, compile: { ...defaultCompileOptions, verify: true } }
const values = ['0', '1', '-1', '2', '3', '7', '0.5', '-2', 'True', 'None', '2**40', '(1, 2)', '()', '[0]', '1e30']

export function* mutated(seed: number): Generator<string> {
  const random = new TestRandom(seed)
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random.next() * items.length)]!
  const calls = expanded().filter((text) => namesIn(text).length > 0)
  for (;;) {
    const call = pick(calls)
    let text = /(^|\n)out = /.test(call) ? call : `out = ${call}`
    for (let turn = 0; turn < 1 + Math.floor(random.next() * 2); turn++) {
      const [from, to] = [pick(namesIn(text)), pick(Object.keys(inputs))]
      text = text.replaceAll(new RegExp(String.raw`(?<![\w.'"])${from}(?![\w'"]|\s*=[^=])`, 'g'), to)
    }
    if (random.next() < 0.5) text = text.replaceAll(/(?<![\w.'])\d+(\.\d+)?(?![\w.'])/g, (number) => (random.next() < 0.4 ? pick(values) : number))
    yield text
  }
}

/** What a fault of the engine says, forward or backward; undefined where there is none. */
export function faultOf(text: string): string | undefined {
  const request = requestOf(text)
  for (const run of [() => forward({ ...request, outputs: [] }, engine), () => backward({ ...request, loss: 'sum([t.double().sum() for t in outputs])' }, engine)]) {
    try {
      run()
    } catch (error) {
      return error instanceof SpecError ? undefined : String(error instanceof Error ? error.stack : error)
    }
  }
  return undefined
}
