/** The graph of a training step: loss, gradients, clipping, the optimizer's update, and what is recorded of them. */
import { gradients } from './autodiff.ts'
import type { Binding, StepGraph } from './compile.ts'
import type { Conditions } from './conditions.ts'
import { gradientTargets } from './evaluate.ts'
import type { Output } from './ir/print.ts'
import type { Value } from './ir/value.ts'
import { reachable } from './ir/value.ts'
import type { Model } from './model.ts'
import type { Network } from './network.ts'
import { batchRows, requireLoss } from './network.ts'
import { logicalAnd, not, where } from './ops/choice.ts'
import * as ew from './ops/elementwise.ts'
import { constant, input } from './ops/source.ts'
import { expand, sum } from './ops/view.ts'
import type { Optimizer } from './optim/optimizers.ts'
import { drawnInputs } from './random/program.ts'
import type { TrainSpec } from './spec.ts'

export interface StepOptions {
  readonly optimizer: Optimizer
  /** Rows of the minibatch; 0 where the step sees all the data. */
  readonly size: number
  /** Whether the gradients are recorded. */
  readonly gradients: boolean
  /** The conditions on tensors that the program was traced with. */
  readonly conditions: Conditions
}

/** Name of the number that stops the run. */
const watched = 'watch'

/** Records `loss` and `grad_norm` first; then each `gradient …`; then each `condition …` whose outcome can change from step to step. */
export function stepGraph(spec: TrainSpec, model: Model, network: Network, options: StepOptions): StepGraph {
  const loss = requireLoss(network)
  const targets = gradientTargets(spec, model, network)
  const names = [...targets.keys()]
  const values = gradients(loss.value, [...targets.values()])
  network.graph.place = undefined
  const trained = model.parameters.filter((parameter) => parameter.requiresGrad)
  const own = trained.map(({ name }) => values[names.indexOf(name)]!)
  const norm = totalNorm(own)
  const clipped = clip(spec, own, norm)

  const bindings: Binding[] = [...network.data]
  const records: Output[] = [{ name: 'loss', value: loss.value }, { name: 'grad_norm', value: norm }]
  if (options.gradients) records.push(...names.map((name, i) => ({ name: `gradient ${name}`, value: values[i]! })))
  const updates: Output[] = []
  const frozen = model.parameters.filter((parameter) => !parameter.requiresGrad)
  for (const { name, dtype, shape } of frozen) bindings.push({ name: `parameter ${name}`, dtype, shape, role: 'data' })
  const { optimizer } = options
  const numbers = numberInputs(spec, network, optimizer)
  for (const [i, { name, dtype, shape }] of trained.entries()) {
    const parameter = network.parameters.get(name)!
    bindings.push({ name: `parameter ${name}`, dtype, shape, role: 'state' })
    const slots: Record<string, Value> = {}
    for (const slot of optimizer.slots(spec.optimizer)) {
      const slotName = `${slot} ${name}`
      bindings.push({ name: slotName, dtype, shape, role: 'state' })
      slots[slot] = input(network.graph, slotName, shape, dtype)
    }
    const next = optimizer.update(spec.optimizer, clipped[i]!, parameter, slots, numbers)
    updates.push({ name: `parameter ${name}`, value: next.parameter })
    for (const [slot, value] of Object.entries(next.slots)) updates.push({ name: `${slot} ${name}`, value })
  }
  const given: Binding[] = Object.keys(numbers).map((name) => ({ name: `number ${name}`, dtype: spec.dtype, shape: [], role: 'step' }))
  if (spec.batch_size !== undefined) given.push({ name: batchRows, dtype: 'int32', shape: [options.size], role: 'step' })
  for (const { name, dtype, shape } of drawnInputs(network.ctx.draws)) given.push({ name, dtype, shape, role: 'step' })
  bindings.push(...given)

  const changing = new Set(bindings.filter(({ role }) => role !== 'data').map(({ name, shape, dtype }) => input(network.graph, name, shape, dtype)))
  const open = [...options.conditions.values.entries()].filter(([, condition]) => reachable([condition]).some((value) => changing.has(value)))
  if (open.length === 0) return { bindings, records, updates, stopOn: 'loss' }
  records.push(...open.map(([i, value]) => ({ name: `condition ${i}`, value })))
  // A step on another path than the traced one ends the run, as a loss that is not finite does.
  const asTraced = open.map(([i, value]) => (options.conditions.taken[i]! ? value : not(value))).reduce(logicalAnd)
  records.push({ name: watched, value: where(asTraced, loss.value, constant(network.graph, NaN, loss.value.dtype)) })
  return { bindings, records, updates, stopOn: watched }
}

function numberInputs(spec: TrainSpec, network: Network, optimizer: Optimizer): Record<string, Value> {
  const names = Object.keys(optimizer.numbers(spec.optimizer, 1, learningRate(spec)))
  return Object.fromEntries(names.map((name) => [name, input(network.graph, `number ${name}`, [], spec.dtype)]))
}

export function learningRate(spec: TrainSpec): number {
  return spec.optimizer['lr'] as number
}

/** torch.nn.utils.clip_grad_norm_ (with its 1e-6) and clip_grad_value_. */
function clip(spec: TrainSpec, values: readonly Value[], norm: Value): Value[] {
  let clipped = [...values]
  const { clip_grad_norm: maxNorm, clip_grad_value: limit } = spec
  if (maxNorm !== undefined) {
    const factor = ew.minimum(ew.div(maxNorm, ew.add(norm, 1e-6)), 1)
    clipped = clipped.map((g) => ew.mul(g, expand(factor, g.shape)))
  }
  if (limit !== undefined) clipped = clipped.map((g) => ew.minimum(ew.maximum(g, -limit), limit))
  return clipped
}

/** √Σ g² over all gradients; zero when there are none. */
function totalNorm(values: readonly Value[]): Value {
  const squares = values.map((g) => ew.cast(sum(ew.mul(g, g), [...g.shape.keys()]), values[0]!.dtype))
  return ew.sqrt(squares.reduce((a, b) => ew.add(a, b)))
}
