/**
 * Reverse-mode differentiation as a graph transform: the gradients are more graph, so they can be
 * differentiated again.
 */
import { invariant } from './errors.ts'
import type { Value } from './ir/value.ts'
import { isFloat, reachable, sameShape } from './ir/value.ts'
import { add, fullLike } from './ops/elementwise.ts'
import { Pieces } from './passes/pieces.ts'

/**
 * Gradients of the scalar `loss` with respect to each of `targets`, of the targets' shapes. A target that
 * the loss does not depend on gets zeros.
 *
 * Each gradient node keeps the place and the call of the node whose rule made it, so a fault in the backward pass
 * points at the line of the forward pass that it belongs to.
 */
export function gradients(loss: Value, targets: readonly Value[]): Value[] {
  const found = reachedGradients(loss, targets)
  return targets.map((target) => found.get(target) ?? fullLike(target, 0))
}

/** The same, without the targets that the loss does not depend on. */
export function reachedGradients(loss: Value, targets: readonly Value[]): ReadonlyMap<Value, Value> {
  invariant(loss.shape.length === 0 && isFloat(loss.dtype), 'gradients need a floating-point scalar')
  const graph = loss.graph
  const order = reachable([loss])
  const onPath = dependents(order, new Set(targets))
  const found = new Map<Value, Value>()
  /** Gradients of slices are gathered in pieces until they are needed. */
  const flowing = new Map<Value, Value | Pieces>()
  if (onPath.has(loss)) flowing.set(loss, graph.like(loss, () => fullLike(loss, 1)))

  for (const value of order.toReversed()) {
    const gathered = flowing.get(value)
    if (!gathered) continue
    const g = gathered instanceof Pieces ? graph.like(value, () => gathered.value()) : gathered
    found.set(value, g)
    const rule = value.op.grad
    if (!rule) continue
    const parts = graph.like(value, () => rule(g, value.inputs, value))
    invariant(parts.length === value.inputs.length, () => `${value.op.name}: a gradient per input`)
    parts.forEach((part, i) => {
      const input = value.inputs[i]!
      if (part === null || !onPath.has(input)) return
      invariant(sameShape(part.shape, input.shape) && part.dtype === input.dtype, () => `${value.op.name}: gradient ${i} has the type of its input`)
      const before = flowing.get(input)
      flowing.set(input, before ? graph.like(value, () => added(before, part)) : part)
    })
  }
  return found
}

function added(before: Value | Pieces, part: Value): Value | Pieces {
  const pieces = before instanceof Pieces ? before : before.op === part.op ? Pieces.of(before) : undefined
  if (pieces?.add(part)) return pieces
  return add(before instanceof Pieces ? before.value() : before, part)
}

/** The values of `order` through which a gradient reaches a target. */
function dependents(order: readonly Value[], targets: ReadonlySet<Value>): Set<Value> {
  const found = new Set<Value>()
  for (const value of order) {
    if (!isFloat(value.dtype)) continue
    if (targets.has(value) || (value.op.grad && value.inputs.some((input) => found.has(input)))) found.add(value)
  }
  return found
}

/** Whether a gradient can flow from `value` back to one of `targets`. */
export function dependsOn(value: Value, targets: readonly Value[]): boolean {
  return dependents(reachable([value]), new Set(targets)).has(value)
}
