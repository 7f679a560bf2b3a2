/**
 * Every function of the table with odd arguments: 0-d and empty tensors, other ranks and dtypes, dimensions and
 * indices out of range. Each call is followed or refused with a coded error; what is followed compiles and runs.
 */
import { describe, it } from 'vitest'
import { SpecError } from '../../engine/errors.ts'
import type { Kinds } from '../../engine/functions/define.ts'
import { callFunction, findFunction, functionNames } from '../../engine/functions/index.ts'
import type { Home, TorchFunction } from '../../engine/functions/index.ts'
import { gradients } from '../../engine/autodiff.ts'
import type { DType, Shape, Value } from '../../engine/ir/value.ts'
import { Graph, isFloat, numel } from '../../engine/ir/value.ts'
import type { CallArguments, Dynamic, TraceContext } from '../../engine/lang/values.ts'
import { Tensor, bool, float, int, itemsOf, none, tuple } from '../../engine/lang/values.ts'
import { cast } from '../../engine/ops/elementwise.ts'
import { input } from '../../engine/ops/source.ts'
import { sum } from '../../engine/ops/view.ts'
import '../../engine/nn/index.ts'
import { runCompiled } from './agree.ts'

const numbers = new Map<string, Float64Array>()

/** Indices count up to 3, bools alternate; numbers lie between 0 and 1. */
function leaf(graph: Graph, shape: Shape, dtype: DType): Tensor {
  const name = `${dtype} ${shape.join('x')}`
  numbers.set(name, Float64Array.from({ length: numel(shape) }, (_, i) => (isFloat(dtype) ? 0.1 + ((i * 7) % 9) / 10 : dtype === 'bool' ? i % 2 : i % 4)))
  return new Tensor(input(graph, name, shape, dtype), null, isFloat(dtype))
}

const shapes: readonly Shape[] = [[], [1], [0], [3], [3, 4], [0, 3], [4, 4], [2, 3, 4], [1, 2, 3, 4]]

function oddTensors(graph: Graph): Dynamic[] {
  return [...shapes.map((shape) => leaf(graph, shape, 'float64')), ...[[], [3], [3, 4]].flatMap((shape) => [leaf(graph, shape, 'int64'), leaf(graph, shape, 'bool')]), leaf(graph, [3, 4], 'float32')]
}

/** Values for a parameter of a kind that reads `type` in a signature; the first is a usual one. */
function candidates(graph: Graph, type: string): Dynamic[] {
  const text = (value: string): Dynamic => ({ kind: 'string', value })
  const usual: Dynamic[] = []
  const words = [...type.matchAll(/'([^']+)'/g)].map((match) => text(match[1]!))
  if (/Tensor/.test(type) && !/tuple|\*/.test(type)) usual.push(leaf(graph, [3, 4], 'float64'), ...oddTensors(graph))
  if (/tuple of Tensors|\*Tensor/.test(type)) {
    const matrix = leaf(graph, [3, 4], 'float64')
    usual.push(tuple([matrix, matrix]), tuple([matrix]), tuple([]), tuple([leaf(graph, [], 'float64'), matrix]), tuple([leaf(graph, [0], 'float64'), leaf(graph, [3], 'int64')]), tuple([leaf(graph, [3], 'bool'), leaf(graph, [3], 'bool')]))
  }
  if (/dtype/.test(type)) usual.push({ kind: 'dtype', dtype: 'float64' }, { kind: 'dtype', dtype: 'int64' }, { kind: 'dtype', dtype: 'bool' })
  if (/bool/.test(type)) usual.push(bool(true), bool(false))
  if (/int/.test(type)) usual.push(int(1), int(0), int(-1), int(2), int(5), int(-7), int(2 ** 40))
  if (/float|number/.test(type)) usual.push(float(0.5), float(0), float(-1.5), float(Infinity), float(Number.NaN), int(3))
  if (/tuple|\*int/.test(type)) usual.push(tuple([int(1), int(0)]), tuple([]), tuple([int(0)]), tuple([int(2), int(2)]), tuple([int(-3)]), tuple([int(3), int(4), int(1)]), tuple([int(0), int(0)]))
  return [...usual, ...words, none, text('odd'), tuple([none]), { kind: 'ellipsis' }]
}

interface Attempt {
  readonly shown: string
  readonly args: CallArguments
}

const describeOne = (value: Dynamic): string => (value instanceof Tensor ? `${value.value.dtype}[${value.value.shape.join(',')}]` : 'value' in value ? String(value.value) : itemsOf(value) ? `(${itemsOf(value)!.map(describeOne).join(', ')})` : value.kind)

const isNumber = (value: Dynamic): boolean => !(value instanceof Tensor) && value.kind === 'number'

/**
 * Usual arguments (tensors where they are taken, then numbers), one of them after the other replaced by each of its odd
 * values; then all tensors at once, and all but one.
 */
function attempts(graph: Graph, parameters: Kinds, name: string): Attempt[] {
  const entries = Object.entries(parameters)
  const values = entries.map(([, kind]) => candidates(graph, kind.type))
  const variants: Map<string, Dynamic>[] = []
  const usual = (choose: (values: readonly Dynamic[]) => Dynamic): Map<string, Dynamic> => new Map(entries.flatMap(([key, kind], i) => (kind.default ? [] : [[key, choose(values[i]!)] as const])))
  const bases = [usual((all) => all[0]!), usual((all) => all.find(isNumber) ?? all[0]!)]
  for (const base of bases) variants.push(base, ...entries.flatMap(([key], i) => values[i]!.map((value) => new Map([...base, [key, value]]))))
  const [first] = bases
  for (const odd of oddTensors(graph)) variants.push(new Map([...first!].map(([key, value]) => [key, value instanceof Tensor ? odd : value])))
  for (const dtype of ['int64', 'bool'] as const) {
    for (const [key] of entries) variants.push(new Map([...first!].map(([other, value]) => [other, value instanceof Tensor && other !== key ? leaf(graph, [3, 4], dtype) : value])))
  }
  return variants.map((named) => ({ shown: `${name}(${[...named].map(([key, value]) => `${key}=${describeOne(value)}`).join(', ')})`, args: { positional: [], named } }))
}

/** Tensors among what a call gave. */
function tensorsOf(result: Dynamic): Tensor[] {
  if (result instanceof Tensor) return [result]
  return result.kind === 'range' ? [] : (itemsOf(result) ?? []).flatMap(tensorsOf)
}

/** Whether `body` ends as it may: with a result or a coded error. An index that is out of range is found when the program runs. */
function outcome(shown: string, body: () => void): void {
  try {
    body()
  } catch (error) {
    if (error instanceof SpecError || (error instanceof Error && error.message.startsWith('fault: '))) return
    throw new Error(`${shown}: ${String(error)}`, { cause: error })
  }
}

/** The results, and the gradients of those that have some. */
function run(values: readonly Value[], graph: Graph): void {
  const leaves = graph.values.filter((value) => value.op.name === 'input' && isFloat(value.dtype))
  const losses = values.filter((value) => isFloat(value.dtype)).map((value) => sum(cast(value, 'float64'), [...value.shape.keys()]))
  runCompiled([...values, ...losses.flatMap((loss) => gradients(loss, leaves))], numbers)
}

/** Follows every attempt, then compiles and runs what was followed, all at once: one by one where that fails. */
function sweep(entry: TorchFunction, parameters: Kinds, name: string): void {
  const graph = new Graph({ maxNodes: 100_000, maxElements: 1e6 })
  const followed: { readonly shown: string; readonly values: readonly Value[] }[] = []
  for (const { shown, args } of attempts(graph, parameters, name)) {
    const ctx: TraceContext = { graph, dtype: 'float64', draws: [], decide: () => true }
    outcome(shown, () => {
      const values = tensorsOf(callFunction(entry, args, ctx, name)).map(({ value }) => value)
      if (values.length > 0 && ctx.draws.length === 0) followed.push({ shown, values })
    })
  }
  try {
    outcome(name, () => run(followed.flatMap(({ values }) => values), graph))
  } catch {
    for (const { shown, values } of followed) outcome(shown, () => run(values, graph))
  }
}

const homes: readonly Home[] = ['torch', 'Tensor', 'F', 'linalg', 'autograd', 'math', 'builtin']

describe('odd arguments', () => {
  const seen = new Set<unknown>()
  for (const home of homes) {
    for (const name of functionNames(home)) {
      const entry = findFunction(home, name)!
      if (seen.has(entry)) continue
      seen.add(entry)
      it(`${home}.${name}`, () => {
        for (const { parameters } of entry.signatures) sweep(entry, parameters, name)
      })
    }
  }
})
