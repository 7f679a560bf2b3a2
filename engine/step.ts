/** The graph of a training step: loss, gradients, clipping, the optimizer's update, and what is recorded of them. */
import { reachedGradients } from './autodiff.ts'
import type { Binding, StepGraph } from './compile.ts'
import type { Conditions } from './conditions.ts'
import { SpecError } from './errors.ts'
import { gradientTargets } from './evaluate.ts'
import type { Output } from './ir/print.ts'
import type { Value } from './ir/value.ts'
import { reachable } from './ir/value.ts'
import type { ModelStructure, ParameterKind } from './model.ts'
import type { Minibatch, Network } from './network.ts'
import { batchRows, batchShape, requireLoss } from './network.ts'
import { where } from './ops/choice.ts'
import { asTaken } from './paths.ts'
import * as ew from './ops/elementwise.ts'
import { constant, input } from './ops/source.ts'
import { expand, sum, transposeLast } from './ops/view.ts'
import type { Baked, GroupOptions, Optimizer } from './optim/index.ts'
import { turnedInput, turnedWeights } from './orientation.ts'
import { drawnInputs } from './random/program.ts'
import type { TracedTrainSpec } from './spec.ts'

/** A group with the options that hold at the start of the run: whether there is a momentum, for instance. */
export interface BakedGroup {
  readonly options: Baked<GroupOptions>
  readonly parameters: readonly string[]
}

export interface StepOptions {
  readonly optimizer: Optimizer
  readonly groups: readonly BakedGroup[]
  /** The numbers that each group's update reads, by name. */
  readonly numbers: readonly (readonly string[])[]
  /** Undefined where the step sees all the data. */
  readonly batch: Minibatch | undefined
  /** Whether the gradients are recorded. */
  readonly gradients: boolean
  /** Parameters that lie in memory turned; undefined for the first program of a run, which decides it. */
  readonly turned?: ReadonlySet<string> | undefined
  /** The conditions on tensors that the program was traced with. */
  readonly conditions: Conditions
}

/** Name of the number that stops the run. */
export const watched = 'watch'

/** Records `loss` and `grad_norm` first; then each `gradient …`; then each `condition …` whose outcome can change from step to step. */
export function stepGraph(spec: TracedTrainSpec, model: ModelStructure, network: Network, options: StepOptions): StepGraph {
  const loss = requireLoss(network)
  const accumulate = spec.accumulate ?? 1
  const targets = gradientTargets(spec, model, network)
  const names = [...targets.keys()]
  const reached = reachedGradients(loss.value, [...targets.values()])
  const values = names.map((name) => reached.get(targets.get(name)!) ?? ew.fullLike(targets.get(name)!, 0))
  network.graph.place = undefined
  const trained = model.parameters.filter((parameter) => parameter.requiresGrad)
  const frozen = model.parameters.filter((parameter) => !parameter.requiresGrad)
  const roleOf = (name: string): 'state' | 'data' => (network.buffers.has(name) ? 'state' : 'data')
  const turned = options.turned ?? turnedParameters(trained, options, [loss.value, ...values], network)
  const bindings: Binding[] = [...network.data, ...frozen.map(({ name, dtype, shape }) => ({ name: `parameter ${name}`, dtype, shape, role: roleOf(name) }))]
  const state = (name: string, { name: of, dtype, shape }: ParameterKind): Value => {
    bindings.push({ name, dtype, shape, role: 'state', ...(turned.has(of) && { turned: true }) })
    return turned.has(of) ? turnedInput(network.graph, name, shape, dtype) : input(network.graph, name, shape, dtype)
  }
  const asStored = (i: number, value: Value): Value => (turned.has(trained[i]!.name) ? transposeLast(value) : value)
  const number = (name: string): Value => input(network.graph, `number ${name}`, [], spec.dtype)
  const updates: Output[] = [...network.buffers].filter(([name]) => frozen.some((parameter) => parameter.name === name)).map(([name, value]) => ({ name: `parameter ${name}`, value }))

  // As the pass has left them.
  const parameters = trained.map((parameter, i) => {
    const before = state(`parameter ${parameter.name}`, parameter)
    const changed = network.buffers.get(parameter.name)
    return changed ? asStored(i, changed) : before
  })
  const micro = trained.map(({ name }, i) => asStored(i, values[names.indexOf(name)]!))
  const own = accumulate > 1 ? trained.map((parameter, i) => accumulated(micro[i]!, state(`accumulated ${parameter.name}`, parameter), accumulate, number('keep'))) : micro
  if (accumulate > 1) updates.push(...own.map((value, i) => ({ name: `accumulated ${trained[i]!.name}`, value })))
  const norm = totalNorm(own)
  const clipped = clip(spec, own, norm)

  const records: Output[] = [{ name: 'loss', value: loss.value }, { name: 'grad_norm', value: norm }]
  const reported = new Map([...names.map((name, i) => [name, values[i]!] as const), ...trained.map(({ name }, i) => [name, asStored(i, own[i]!)] as const)])
  if (options.gradients || options.optimizer.search) records.push(...names.map((name) => ({ name: `gradient ${name}`, value: reported.get(name)! })))
  const { optimizer, groups } = options
  for (const [i, parameter] of trained.entries()) {
    const { name } = parameter
    const group = groups.findIndex((item) => item.parameters.includes(name))
    const slots = Object.fromEntries(Object.keys(optimizer.slots(groups[group]!.options)).map((slot) => [slot, state(`${slot} ${name}`, parameter)]))
    const changed = network.buffers.has(name)
    if (optimizer.search && changed) throw new SpecError('bad_option', `this optimizer evaluates the loss at several points in a step, and max_norm would change "${name}" at each of them`, { pointer: '/optimizer' })
    // What no gradient reaches is left as it is, as torch leaves a parameter whose grad is None.
    if (optimizer.search || (accumulate === 1 && !reached.has(targets.get(name)!))) {
      if (changed) updates.push({ name: `parameter ${name}`, value: parameters[i]! })
      continue
    }
    const numbers = Object.fromEntries(options.numbers[group]!.map((item) => [item, number(`${group} ${item}`)]))
    const next = optimizer.update(groups[group]!.options, clipped[i]!, parameters[i]!, slots, numbers)
    const update = (slot: string, before: Value, after: Value): void => {
      // Only the last of the accumulated minibatches moves anything.
      const value = accumulate > 1 ? where(ew.gt(expand(number('last'), after.shape), 0), after, before) : after
      updates.push({ name: slot, value })
    }
    update(`parameter ${name}`, parameters[i]!, next.parameter)
    for (const [slot, value] of Object.entries(next.slots)) update(`${slot} ${name}`, slots[slot]!, value)
  }
  const given: Binding[] = numberNames(options.numbers, accumulate).map((name) => ({ name: `number ${name}`, dtype: spec.dtype, shape: [], role: 'step' }))
  if (options.batch) given.push({ name: batchRows, dtype: 'int32', shape: batchShape(options.batch), role: 'step' })
  for (const { name, dtype, shape } of drawnInputs(network.ctx.draws)) given.push({ name, dtype, shape, role: 'step' })
  bindings.push(...given)

  const changing = new Set(bindings.filter(({ role }) => role !== 'data').map(({ name, shape, dtype }) => input(network.graph, name, shape, dtype)))
  const open = [...options.conditions.values.entries()].filter(([, condition]) => reachable([condition]).some((value) => changing.has(value)))
  if (open.length === 0) return { bindings, records, updates, stopOn: 'loss' }
  records.push(...open.map(([i, value]) => ({ name: `condition ${i}`, value })))
  // A step on another path than the traced one ends the run, as a loss that is not finite does.
  const asTraced = asTaken(open.map(([i, value]) => [value, options.conditions.taken[i]!]))
  records.push({ name: watched, value: where(asTraced, loss.value, constant(network.graph, NaN, loss.value.dtype)) })
  return { bindings, records, updates, stopOn: watched }
}

/** Names of the parameters that lie in memory turned, where the optimizer looks at each element alone. */
function turnedParameters(trained: readonly ParameterKind[], { optimizer }: StepOptions, outputs: readonly Value[], { graph }: Network): ReadonlySet<string> {
  if (optimizer.search || optimizer.wholeTensors) return new Set()
  const inputs = trained.map(({ name, shape, dtype }) => input(graph, `parameter ${name}`, shape, dtype))
  const turned = turnedWeights(outputs, inputs)
  return new Set(trained.flatMap(({ name }, i) => (turned.has(inputs[i]!) ? [name] : [])))
}

/** The numbers that change from step to step: `0 lr` is the rate of group 0. */
function numberNames(groups: readonly (readonly string[])[], accumulate: number): string[] {
  const names = groups.flatMap((items, i) => items.map((item) => `${i} ${item}`))
  return accumulate > 1 ? [...names, 'keep', 'last'] : names
}

/** The mean gradient of the minibatches so far; `keep` is 0 at the first of them and then 1. */
function accumulated(gradient: Value, before: Value, count: number, keep: Value): Value {
  return ew.add(ew.mul(before, expand(keep, before.shape)), ew.mul(gradient, 1 / count))
}

/** torch.nn.utils.clip_grad_norm_ (with its 1e-6) and clip_grad_value_. */
function clip(spec: TracedTrainSpec, values: readonly Value[], norm: Value): Value[] {
  let clipped = [...values]
  const { clip_grad_norm: maxNorm, clip_grad_value: limit } = spec
  if (maxNorm !== undefined) {
    const factor = ew.minimum(ew.div(maxNorm, ew.add(norm, 1e-6)), 1)
    clipped = clipped.map((g) => ew.mul(g, expand(factor, g.shape)))
  }
  if (limit !== undefined) clipped = clipped.map((g) => ew.minimum(ew.maximum(g, -limit), limit))
  return clipped
}

/** √Σ g² over all gradients, of which there is one at least. */
function totalNorm(values: readonly Value[]): Value {
  const squares = values.map((g) => ew.cast(sum(ew.mul(g, g), [...g.shape.keys()]), values[0]!.dtype))
  return ew.sqrt(squares.reduce((a, b) => ew.add(a, b)))
}
