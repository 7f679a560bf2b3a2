/**
 * L-BFGS (Liu & Nocedal 1989) as torch.optim.LBFGS steps: up to max_iter directions a step, each along the inverse
 * Hessian that the last changes of the gradient suggest, with a fixed length or one that satisfies the strong Wolfe
 * conditions (Nocedal & Wright 2006, algorithms 3.5 and 3.6).
 */
import { z } from 'zod'
import type { Kept, Round, Vector } from './define.ts'
import { optimizer, rate } from './define.ts'
import { strongWolfe } from './line-search.ts'

/** A change of the gradient and the step that made it. */
interface Pair {
  readonly y: Vector
  readonly s: Vector
}

export const lbfgs = optimizer(
  {
    lr: rate.default(1),
    max_iter: z.int().min(1).max(10_000).default(20),
    max_eval: z.int().min(1).max(100_000).nullable().default(null),
    tolerance_grad: z.number().nonnegative().default(1e-7),
    tolerance_change: z.number().nonnegative().default(1e-9),
    history_size: z.int().min(1).max(1000).default(100),
    line_search_fn: z.enum(['strong_wolfe']).nullable().default(null),
  },
  {
    type: 'LBFGS',
    doc: 'Limited-memory BFGS (Liu & Nocedal 1989): several evaluations of the loss a step; `max_eval` is 1.25 · max_iter by default; no parameter groups, accumulation or clipping',
    slots: () => ({}),
    kept: () => ({ n_iter: 0, func_evals: 0, t: 0, history: 0 }),
    next: () => ({ numbers: {} }),
    search: {
      counts: ({ history_size: most }, { n_iter: count, history }) => {
        if (!(Number.isInteger(history) && history! >= 0 && history! <= most)) return undefined
        const begun = Number(count! > 0)
        return { d: begun, prev_flat_grad: begun, old_dirs: history!, old_stps: history! }
      },
      step: (options, memory, start, evaluate, round) => {
        const { lr, max_iter: maxIter, tolerance_grad: tolGrad, tolerance_change: tolChange, history_size: size } = options
        const maxEval = options.max_eval ?? Math.floor((maxIter * 5) / 4)
        let point = start
        let evals = 0
        const at = (x: Vector): { readonly loss: number; readonly gradient: Vector } => {
          evals++
          return evaluate(x)
        }
        let { loss, gradient } = at(point)
        const counted = (): Kept => ({ ...memory.kept, func_evals: memory.kept['func_evals']! + evals })
        if (!Number.isFinite(loss) || largest(gradient) <= tolGrad) return { point, memory: { ...memory, kept: counted() } }
        const { vectors } = memory
        let pairs: Pair[] = (vectors['old_dirs'] ?? []).map((y, i) => ({ y, s: vectors['old_stps']![i]! }))
        let [d, previous] = [vectors['d']?.[0], vectors['prev_flat_grad']?.[0]]
        let count = memory.kept['n_iter']!
        let t = memory.kept['t']!
        for (let iter = 1; ; iter++) {
          count++
          if (d && previous) {
            const pair = { y: axpy(gradient, -1, previous), s: scaled(d, t) }
            if (round(dot(pair.y, pair.s)) > 1e-10) pairs = [...pairs, pair].slice(-size)
          }
          d = direction(gradient, pairs, round)
          previous = gradient
          const before = loss
          t = count === 1 ? round(Math.min(1, 1 / round(sumAbs(gradient))) * lr) : lr
          const slope = round(dot(gradient, d))
          if (slope > -tolChange) break
          if (options.line_search_fn === 'strong_wolfe') {
            const [from, along] = [point, d]
            const found = strongWolfe((length) => {
              const { loss: f, gradient: g } = at(axpy(from, length, along))
              return { f, g, slope: round(dot(g, along)) }
            }, { f: loss, g: gradient, slope }, t, largest(d))
            ;({ f: loss, g: gradient } = found)
            t = found.t
            point = axpy(from, t, along)
          } else {
            point = axpy(point, t, d)
            // After the last direction the gradient is left for the next step to find.
            if (iter === maxIter) break
            ;({ loss, gradient } = at(point))
          }
          if (iter === maxIter || evals >= maxEval || largest(gradient) <= tolGrad) break
          if (largest(scaled(d, t)) <= tolChange || Math.abs(loss - before) < tolChange) break
        }
        const kept = { ...counted(), n_iter: count, t, history: pairs.length }
        return { point, memory: { kept, vectors: { d: [d], prev_flat_grad: [previous], old_dirs: pairs.map(({ y }) => y), old_stps: pairs.map(({ s }) => s) } } }
      },
    },
  },
)

/** Minus the gradient times the inverse Hessian of the pairs, by the recursion of two loops (Nocedal 1980). */
function direction(gradient: Vector, pairs: readonly Pair[], round: Round): Vector {
  let q = scaled(gradient, -1)
  const factors = pairs.map(({ y, s }) => round(1 / round(dot(y, s))))
  const alphas: number[] = []
  for (const [i, { y, s }] of [...pairs.entries()].toReversed()) {
    alphas[i] = round(round(dot(s, q)) * factors[i]!)
    q = axpy(q, -alphas[i], y)
  }
  const last = pairs.at(-1)
  if (last) q = scaled(q, round(round(dot(last.y, last.s)) / round(dot(last.y, last.y))))
  for (const [i, { y, s }] of pairs.entries()) q = axpy(q, alphas[i]! - round(round(dot(y, q)) * factors[i]!), s)
  return q
}

// ---- vectors

function dot(a: Vector, b: Vector): number {
  let total = 0
  for (let i = 0; i < a.length; i++) total += a[i]! * b[i]!
  return total
}

/** a + t · b */
function axpy(a: Vector, t: number, b: Vector): Vector {
  const out = a.slice()
  for (let i = 0; i < out.length; i++) out[i]! += t * b[i]!
  return out
}

function scaled(a: Vector, t: number): Vector {
  const out = a.slice()
  for (let i = 0; i < out.length; i++) out[i]! *= t
  return out
}

function largest(a: Vector): number {
  let most = 0
  for (let i = 0; i < a.length; i++) most = Math.max(most, Math.abs(a[i]!))
  return most
}

function sumAbs(a: Vector): number {
  let total = 0
  for (let i = 0; i < a.length; i++) total += Math.abs(a[i]!)
  return total
}
