/** The self-test of a worker: what it does when kernels do not give the numbers that they should. */
import { describe, expect, it } from 'vitest'
import type { Engine } from '../engine/index.ts'
import { ProgramCache, defaultCompileOptions, defaultLimits } from '../engine/index.ts'
import * as ew from '../engine/ops/elementwise.ts'
import { selfTest } from '../src/self-test.ts'

type Graph = Parameters<ProgramCache['prepare']>[0]
type Options = Parameters<ProgramCache['prepare']>[1]

/** Compiles kernels that are wrong by a bit or two, where `isWrong` says so. */
class WrongKernels extends ProgramCache {
  readonly #isWrong: (graph: Graph, options: Options) => boolean

  constructor(isWrong: (graph: Graph, options: Options) => boolean) {
    super()
    this.#isWrong = isWrong
  }

  override prepare(graph: Graph, options: Options): ReturnType<ProgramCache['prepare']> {
    if (!this.#isWrong(graph, options)) return super.prepare(graph, options)
    const wrong = ({ name, value }: Graph['records'][number]): Graph['records'][number] => ({ name, value: value.dtype.startsWith('float') ? ew.mul(value, 1.0000002) : value })
    return super.prepare({ ...graph, records: graph.records.map(wrong), updates: graph.updates.map(wrong) }, options)
  }

  /** Wrong kernels are not told from right ones by the text of the request. */
  override recall(): undefined {
    return undefined
  }
}

function engineWith(cache: ProgramCache, wide = true): Engine {
  return { cache, limits: defaultLimits, compile: { ...defaultCompileOptions, wide } }
}

const isLarge = ({ bindings }: Graph): boolean => bindings.some(({ shape }) => shape.length > 1)
const dtypeOf = ({ bindings }: Graph): string => bindings.find(({ shape }) => shape.length > 1)!.dtype

describe('the self-test', () => {
  it('leaves wide kernels on when they give the numbers of narrow ones', () => {
    const { wide, note } = selfTest(engineWith(new ProgramCache()))
    expect([wide, note]).toEqual([true, undefined])
  })

  it('leaves them off where they are', () => expect(selfTest(engineWith(new ProgramCache(), false))).toMatchObject({ wide: false }))

  const wrong: Record<string, (graph: Graph) => boolean> = {
    'a product': (graph) => isLarge(graph) && graph.updates.length === 0,
    'a training step': (graph) => isLarge(graph) && graph.updates.length > 0,
    'float64': (graph) => isLarge(graph) && dtypeOf(graph) === 'float64',
  }
  for (const [what, isWrong] of Object.entries(wrong)) {
    it(`falls back to narrow kernels when wide ones differ, and says so: ${what}`, () => {
      const { wide, note } = selfTest(engineWith(new WrongKernels((graph, options) => options.wide && isWrong(graph))))
      expect([wide, note]).toEqual([false, 'wide kernels gave other numbers than narrow ones; narrow ones are used'])
    })
  }

  it('fails when even the notebook’s example is wrong', () => {
    expect(() => selfTest(engineWith(new WrongKernels(() => true)))).toThrow(/self-test: the loss of the notebook's example/)
  })
})
