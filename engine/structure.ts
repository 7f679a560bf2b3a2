/**
 * The structure of a request as text: everything that a program is made of, and no number that is only bound to it.
 * Requests with one text are one program. The types see to it that tracing reads nothing that is not in the text: it
 * takes a TracedSpec, and data and parameters without their numbers.
 */
import type { ModelStructure } from './model.ts'
import type { DataKind } from './network.ts'
import type { EngineLimits, TracedSpec } from './spec.ts'

/** What tracing gets. Engines that share a cache can differ in their limits and options. */
export interface Traced {
  readonly spec: TracedSpec
  readonly model: ModelStructure
  readonly data: readonly DataKind[]
  readonly limits: EngineLimits
}

/** `more`: what else decides the program, such as what is asked of it. */
export function structureText({ spec, model, data, limits }: Traced, more: unknown): string {
  const { loss, training, dtype, retain_grad: retained, model: { layers, modules, forward } } = spec
  let text = `${exactText([loss, training, dtype, retained, layers, modules, forward, more])} ${textOfLimits(limits)}\n`
  for (const tensor of data) text += `${JSON.stringify(tensor.name)} ${tensor.dtype} ${String(tensor.shape)}${tensor.sparse ? ' sparse' : ''}\n`
  for (const { name, dtype: own, shape, requiresGrad, buffer, pointer } of model.parameters) {
    text += `${JSON.stringify(name)} ${own} ${String(shape)} ${requiresGrad} ${buffer} ${JSON.stringify(pointer)}\n`
  }
  return text
}

/** An engine's limits are one object for all of its requests. */
const limitTexts = new WeakMap<EngineLimits, string>()

function textOfLimits(limits: EngineLimits): string {
  let text = limitTexts.get(limits)
  if (text === undefined) limitTexts.set(limits, (text = exactText(limits)))
  return text
}

/** JSON, in which undefined, the sign of zero and numbers that are not finite have a form of their own. */
function exactText(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value)
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value)
  if (typeof value !== 'object' || value === null) return String(value)
  let text = ''
  if (Array.isArray(value)) {
    for (const item of value) text += `${exactText(item)},`
    return `[${text}]`
  }
  for (const name in value) text += `${JSON.stringify(name)}:${exactText((value as Readonly<Record<string, unknown>>)[name])},`
  return `{${text}}`
}
