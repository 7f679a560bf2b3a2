/**
 * Recurrences over time of states that go on to themselves, to the next state or to the one after it, for the
 * alignment of sequences. Arrays are [time, sample, state].
 */
import { invariant } from '../errors.ts'
import type { RoutineArray, RoutineCode } from '../ir/routine.ts'
import type { RoutineOp, RoutineOperands, Shape, Value } from '../ir/value.ts'
import { numel, sameShape } from '../ir/value.ts'
import { register } from './define.ts'
import { add, eq, exp, fullLike, mul, sub, where } from './elementwise.ts'
import { constant } from './source.ts'
import { concat, expand, reshape, slice } from './view.ts'

export const pathSumsOp: RoutineOp = register({
  kind: 'routine',
  name: 'path_sums',
  infer: ([emissions, skips]) => {
    const { shape, dtype } = emissions!
    invariant(shape.length === 3 && sameShape(skips!.shape, shape.slice(1)) && skips!.dtype === dtype, 'path_sums takes emissions and skips of one dtype')
    return { shape, dtype }
  },
  scratch: () => [],
  operations: ([emissions]) => numel(emissions!.shape) * 80,
  program: addPaths,
  // The share of each way into a state; what flows back along a way is its share of what flows back from the state.
  grad: (g, [emissions, skips], sums) => {
    const dead = eq(sums, -Infinity)
    const alive = (x: Value): Value => where(dead, fullLike(x, 0), x)
    const arrived = sub(alive(sums), alive(emissions!))
    const skipped = add(shifted(sums, 2, -Infinity), expand(reshape(skips!, [1, ...skips!.shape]), sums.shape))
    const share = (before: Value): Value => alive(exp(sub(before, arrived)))
    return [alive(flow(g, [share(shifted(sums, 0, -Infinity)), share(shifted(sums, 1, -Infinity)), share(skipped)], true)), null]
  },
})

/**
 * The logarithm of the sum of all paths to each state at each time, a path being the product of the emissions of its
 * states. Paths start in state 0 or 1; `emissions` [T, N, S] and `skips` [N, S] are logarithms: 0 in `skips` where a
 * state can be reached from the one before the last, -∞ elsewhere.
 */
export function pathSums(emissions: Value, skips: Value): Value {
  return emissions.graph.add(pathSumsOp, [emissions, skips])
}

/** Weights [T, N, S] of the ways into a state at a time: from itself, from the state before and from the one before that. */
type Ways = readonly [stay: Value, next: Value, skip: Value]

export const flowOp: RoutineOp = register({
  kind: 'routine',
  name: 'flow',
  infer: ([x, ...ways]) => {
    invariant(x!.shape.length === 3 && ways.every(({ shape, dtype }) => sameShape(shape, x!.shape) && dtype === x!.dtype), 'flow takes four arrays of one shape')
    return { shape: x!.shape, dtype: x!.dtype }
  },
  scratch: () => [],
  operations: ([x]) => numel(x!.shape) * 6,
  program: (s, operands) => (operands.attrs['back'] === true ? flowBack(s, operands) : flowOn(s, operands)),
  grad: (g, [, ...given], y) => {
    const ways = given as unknown as Ways
    const back = y.attrs['back'] === true
    const gx = flow(g, ways, !back)
    return [gx, ...ways.map((_, distance) => (back ? mul(shifted(gx, distance, 0), y) : mul(gx, shifted(y, distance, 0))))]
  },
})

/** y of each state and time: x, and what comes from the time before along `ways`; with `back`, from the time after against them. */
export function flow(x: Value, ways: Ways, back: boolean): Value {
  return x.graph.add(flowOp, [x, ...ways], { back })
}

/** What lies one step of time and `distance` states before; `fill` at the edges. */
function shifted(x: Value, distance: number, fill: number): Value {
  const [times, samples, states] = x.shape as [number, number, number]
  const edge = (shape: Shape): Value => expand(reshape(constant(x.graph, fill, x.dtype), [1, 1, 1]), shape)
  const later = slice(concat([edge([1, samples, states]), x], 0), 0, 0, times)
  return distance === 0 ? later : slice(concat([edge([times, samples, distance]), later], 2), 2, 0, states)
}

/** Calls `body` for each state of each sample, and says where it lies within a time. */
function forEachState<T>(s: RoutineCode<T>, shape: Shape, body: (state: T, place: T) => void): void {
  const states = s.int(shape[2]!)
  s.for(s.int(0), s.int(shape[1]!), (sample) => s.for(s.int(0), states, (state) => body(state, s.add(s.mul(sample, states), state))))
}

function addPaths<T>(s: RoutineCode<T>, { inputs, result, shapes }: RoutineOperands): void {
  const [emissions, skips] = inputs as [RoutineArray, RoutineArray]
  const shape = shapes[0]!
  const [zero, never] = [s.number(0, result.dtype), s.number(-Infinity, result.dtype)]
  const row = s.int(shape[1]! * shape[2]!)
  s.for(s.int(0), s.int(shape[0]!), (time) => {
    forEachState(s, shape, (state, place) => {
      const at = s.add(s.mul(time, row), place)
      const emission = s.load(emissions, at)
      const before = (distance: number): T => s.load(result, s.sub(s.sub(at, row), s.int(distance)))
      s.if(
        s.eq(time, s.int(0)),
        () => s.store(result, at, s.select(s.lt(state, s.int(2)), emission, never)),
        () => {
          const stay = before(0)
          const next = s.variable(never)
          const skip = s.variable(never)
          s.if(s.lt(s.int(0), state), () => next.set(before(1)))
          s.if(s.lt(s.int(1), state), () => skip.set(s.add(before(2), s.load(skips, place))))
          const [b, c] = [next.get(), skip.get()]
          const larger = s.select(s.lt(stay, b), b, stay)
          const largest = s.select(s.lt(larger, c), c, larger)
          const shift = s.select(s.eq(largest, never), zero, largest)
          const total = s.add(s.add(s.exp(s.sub(stay, shift)), s.exp(s.sub(b, shift))), s.exp(s.sub(c, shift)))
          s.store(result, at, s.add(s.add(s.log(total), shift), emission))
        },
      )
    })
  })
}

function flowOn<T>(s: RoutineCode<T>, { inputs, result, shapes }: RoutineOperands): void {
  const [x, ...ways] = inputs as [RoutineArray, ...RoutineArray[]]
  const shape = shapes[0]!
  const row = s.int(shape[1]! * shape[2]!)
  s.for(s.int(0), s.int(shape[0]!), (time) => {
    forEachState(s, shape, (state, place) => {
      const at = s.add(s.mul(time, row), place)
      const y = s.variable(s.load(x, at))
      for (const [distance, way] of ways.entries()) {
        s.if(s.and(s.lt(s.int(0), time), s.le(s.int(distance), state)), () => {
          const from = s.sub(s.sub(at, row), s.int(distance))
          y.set(s.add(y.get(), s.mul(s.load(way, at), s.load(result, from))))
        })
      }
      s.store(result, at, y.get())
    })
  })
}

function flowBack<T>(s: RoutineCode<T>, { inputs, result, shapes }: RoutineOperands): void {
  const [x, ...ways] = inputs as [RoutineArray, ...RoutineArray[]]
  const shape = shapes[0]!
  const [last, row] = [s.int(shape[0]! - 1), s.int(shape[1]! * shape[2]!)]
  s.for(s.int(0), s.int(shape[0]!), (step) => {
    const time = s.sub(last, step)
    forEachState(s, shape, (state, place) => {
      const at = s.add(s.mul(time, row), place)
      const y = s.variable(s.load(x, at))
      for (const [distance, way] of ways.entries()) {
        s.if(s.and(s.lt(time, last), s.lt(s.add(state, s.int(distance)), s.int(shape[2]!))), () => {
          const from = s.add(s.add(at, row), s.int(distance))
          y.set(s.add(y.get(), s.mul(s.load(way, from), s.load(result, from))))
        })
      }
      s.store(result, at, y.get())
    })
  })
}
