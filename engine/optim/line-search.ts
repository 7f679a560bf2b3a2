/**
 * The line search of torch.optim.LBFGS: a length that satisfies the strong Wolfe conditions (Nocedal & Wright 2006,
 * algorithms 3.5 and 3.6), with cubic interpolation and the safeguards of Schmidt's minFunc.
 */
import type { Vector } from './define.ts'

/** The loss, its gradient, and the derivative along the direction. */
export interface Along {
  readonly f: number
  readonly g: Vector
  readonly slope: number
}

interface Trial extends Along {
  readonly t: number
}

const c1 = 1e-4
const c2 = 0.9
const mostTrials = 25
/** How short an interval may get. The option tolerance_change of LBFGS is not passed on to the line search. */
const shortest = 1e-9

/** `start` is the point at length 0, `t` the first length to try, `norm` the largest element of the direction. */
export function strongWolfe(evaluate: (t: number) => Along, start: Along, t: number, norm: number): Trial {
  const at = (length: number): Trial => ({ t: length, ...evaluate(length) })
  const tooHigh = ({ t: length, f }: Trial): boolean => f > start.f + c1 * length * start.slope
  const flat = ({ slope }: Trial): boolean => Math.abs(slope) <= -c2 * start.slope
  const zero: Trial = { t: 0, ...start }

  // Lengths grow until two of them hold a point that satisfies the conditions between them.
  let previous = zero
  let trial = at(t)
  let trials = 0
  let bracket: [Trial, Trial] | undefined
  for (; trials < mostTrials; trials++) {
    if (tooHigh(trial) || (trials > 1 && trial.f >= previous.f)) bracket = [previous, trial]
    else if (flat(trial)) return trial
    else if (trial.slope >= 0) bracket = [previous, trial]
    if (bracket) break
    const next = interpolate(previous, trial, [trial.t + 0.01 * (trial.t - previous.t), trial.t * 10])
    previous = trial
    trial = at(next)
  }
  bracket ??= [zero, trial]

  // The interval shrinks around it. `low` is the index of the end with the smaller loss.
  const ends = bracket
  let low = lower(ends)
  let stalled = false
  while (trials < mostTrials && Math.abs(ends[1].t - ends[0].t) * norm >= shortest) {
    const [left, right] = [Math.min(ends[0].t, ends[1].t), Math.max(ends[0].t, ends[1].t)]
    let length = interpolate(...ends)
    const margin = 0.1 * (right - left)
    if (Math.min(right - length, length - left) >= margin) stalled = false
    else if (stalled || length >= right || length <= left) {
      length = Math.abs(length - right) < Math.abs(length - left) ? right - margin : left + margin
      stalled = false
    } else stalled = true
    const next = at(length)
    trials++
    const high = low === 0 ? 1 : 0
    if (tooHigh(next) || next.f >= ends[low].f) {
      ends[high] = next
      low = lower(ends)
      continue
    }
    if (!flat(next) && next.slope * (ends[high].t - ends[low].t) >= 0) ends[high] = ends[low]
    ends[low] = next
    if (flat(next)) break
  }
  return ends[low]
}

function lower([a, b]: readonly [Trial, Trial]): 0 | 1 {
  return a.f <= b.f ? 0 : 1
}

/** Where the cubic through two losses and slopes is least, within bounds; their middle where it has no minimum. */
function interpolate(a: Trial, b: Trial, [least, most]: readonly [number, number] = [Math.min(a.t, b.t), Math.max(a.t, b.t)]): number {
  const d1 = a.slope + b.slope - (3 * (a.f - b.f)) / (a.t - b.t)
  const square = d1 ** 2 - a.slope * b.slope
  if (!(square >= 0)) return (least + most) / 2
  const [first, second] = a.t <= b.t ? [a, b] : [b, a]
  const d2 = Math.sqrt(square)
  const minimum = second.t - (second.t - first.t) * ((second.slope + d2 - d1) / (second.slope - first.slope + 2 * d2))
  // As Python's min and max, which give their first argument where a number is NaN.
  const above = least > minimum ? least : minimum
  return most < above ? most : above
}
