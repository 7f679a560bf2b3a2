/** Answers as JSON text. A number that is not finite becomes null, and `non_finite` beside it says where and what it was. */
import type { Checkpoint, Elements, StoppingState, TensorResult, TrainStep, ValidationResult } from '../engine/index.ts'
import { generatorJson, numel } from '../engine/index.ts'
import type { TensorForm } from './spec.ts'

/** The shortest decimal that reads back as the same float32. */
export function float32Text(x: number): string {
  if (!Number.isFinite(x)) return 'null'
  if (Number.isInteger(x) && Math.abs(x) < 2 ** 24) return Object.is(x, -0) ? '-0' : String(x)
  const size = Math.abs(x)
  const exponent = Math.floor(Math.log10(size))
  // Six digits always survive the way through a normal float32, so a shorter decimal is found among them.
  for (let digits = size < 2 ** -126 ? 1 : 6; digits <= 9; digits++) {
    const decimal = roundedTo(size, digits, exponent)
    if (Math.fround(decimal) === size) return x < 0 ? `-${decimal}` : String(decimal)
  }
  return String(x)
}

/** `x` rounded to a number of significant digits, as the nearest double to that decimal. */
function roundedTo(x: number, digits: number, exponent: number): number {
  const shift = digits - 1 - exponent
  // Powers of ten are exact up to 10^22.
  if (Math.abs(shift) > 22) return Number(x.toPrecision(digits))
  return shift >= 0 ? Math.round(x * 10 ** shift) / 10 ** shift : Math.round(x / 10 ** -shift) * 10 ** -shift
}

/** JSON for a float64: JavaScript's shortest form, with the sign of zero. */
export function float64Text(x: number): string {
  if (!Number.isFinite(x)) return 'null'
  return Object.is(x, -0) ? '-0' : String(x)
}

function elementText(tensor: TensorResult): (i: number) => string {
  const { dtype, elements } = tensor
  switch (dtype) {
    case 'float32':
      return (i) => float32Text(elements[i] as number)
    case 'float64':
      return (i) => float64Text(elements[i] as number)
    case 'bool':
      return (i) => (elements[i] ? 'true' : 'false')
    default:
      return (i) => String(elements[i])
  }
}

function oneText({ dtype, elements: [x] }: TensorResult): string {
  if (dtype === 'float32') return float32Text(x as number)
  if (dtype === 'float64') return float64Text(x as number)
  return dtype === 'bool' ? String(x !== 0) : String(x)
}

export function tensorText(tensor: TensorResult, form: TensorForm): string {
  const { shape, dtype, elements } = tensor
  if (form === 'base64') return `{"base64":"${base64(elements)}","shape":[${shape.join(',')}],"dtype":"${dtype}"}`
  if (shape.length === 0 && form === 'nested') return oneText(tensor)
  const text = elementText(tensor)
  if (form === 'flat') return `{"data":[${Array.from({ length: elements.length }, (_, i) => text(i)).join(',')}],"shape":[${shape.join(',')}],"dtype":"${dtype}"}`
  let at = 0
  const nested = (depth: number): string => {
    const size = shape[depth]!
    const parts = Array<string>(size)
    if (depth === shape.length - 1) for (let i = 0; i < size; i++) parts[i] = text(at++)
    else for (let i = 0; i < size; i++) parts[i] = nested(depth + 1)
    return `[${parts.join(',')}]`
  }
  return nested(0)
}

export function base64(elements: Elements): string {
  return Buffer.from(elements.buffer, elements.byteOffset, elements.byteLength).toString('base64')
}

/** Characters that the tensor's text takes, with numbers of usual length: what a limit can go by before anything is computed. */
export function estimateText(shape: readonly number[], dtype: TensorResult['dtype'], form: TensorForm): number {
  const count = numel(shape)
  if (form === 'base64') return 60 + count * (dtype === 'float64' || dtype === 'int64' ? 11 : 6)
  return 60 + count * (dtype === 'float64' ? 22 : 14) + (form === 'nested' ? nestedArrays(shape) * 3 : 0)
}

/** Arrays in the nested form of a tensor. */
function nestedArrays(shape: readonly number[]): number {
  let total = 0
  let level = 1
  for (const size of shape) {
    total += level
    level *= size
  }
  return total
}

// ---- what is not finite

type Kind = 'NaN' | 'Infinity' | '-Infinity'

/** Collects the places of an object whose numbers are not finite. */
export class NonFiniteList {
  readonly #items: string[] = []

  tensor(pointer: string, tensor: TensorResult): void {
    if (allFinite(tensor)) return
    const { elements } = tensor
    let count = 0
    let first: Kind | undefined
    for (const x of elements as Float32Array | Float64Array) {
      if (Number.isFinite(x)) continue
      count++
      first ??= kindOf(x)
    }
    if (first) this.#items.push(`{"pointer":${JSON.stringify(pointer)},"count":${count},"first":"${first}"}`)
  }

  number(pointer: string, x: number): void {
    if (!Number.isFinite(x)) this.#items.push(`{"pointer":${JSON.stringify(pointer)},"count":1,"first":"${kindOf(x)}"}`)
  }

  /** `,"non_finite":[…]`, or nothing. */
  get field(): string {
    return this.#items.length === 0 ? '' : `,"non_finite":[${this.#items.join(',')}]`
  }
}

function allFinite({ dtype, elements }: TensorResult): boolean {
  if (dtype !== 'float32' && dtype !== 'float64') return true
  const numbers = elements as Float32Array | Float64Array
  for (let i = 0; i < numbers.length; i++) if (!Number.isFinite(numbers[i])) return false
  return true
}

function kindOf(x: number): Kind {
  return Number.isNaN(x) ? 'NaN' : x > 0 ? 'Infinity' : '-Infinity'
}

// ---- objects

/** A name as a part of a JSON pointer. */
export function pointerPart(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1')
}

/** `{"name":tensor,…}` */
export function tensorsText(tensors: Iterable<readonly [string, TensorResult | number]>, form: TensorForm, pointer: string, bad: NonFiniteList): string {
  let text = '{'
  for (const [name, value] of tensors) {
    if (text.length > 1) text += ','
    if (typeof value === 'number') {
      if (!Number.isFinite(value)) bad.number(`${pointer}/${pointerPart(name)}`, value)
      text += `${JSON.stringify(name)}:${float64Text(value)}`
    } else {
      if (!allFinite(value)) bad.tensor(`${pointer}/${pointerPart(name)}`, value)
      text += `${JSON.stringify(name)}:${tensorText(value, form)}`
    }
  }
  return `${text}}`
}

/** What a run leaves for another to go on with, as requests take it. */
export function checkpointText(checkpoint: Checkpoint, form: TensorForm, bad: NonFiniteList): string {
  const { step, minibatches, minibatchesPerEpoch, type, progress, tensors, losses, stopping, generator, epochGenerator } = checkpoint
  const state = [...tensors].map(([name, slots]) => `${JSON.stringify(name)}:${tensorsText(slots, form, `/checkpoint/optimizer/state/${pointerPart(name)}`, bad)}`)
  const parts = [
    `"step":${step},"minibatches":${minibatches},"minibatches_per_epoch":${minibatchesPerEpoch}`,
    `"optimizer":{"type":${JSON.stringify(type)},"groups":${exactJson(progress.groups)},"kept":${exactJson(progress.kept)},"state":{${state.join(',')}}}`,
    ...(progress.schedule ? [`"scheduler":${exactJson(progress.schedule)}`] : []),
    ...(stopping ? [`"early_stopping":${exactJson(stopping)}`] : []),
    `"losses":${exactJson(losses)},"generator":${exactJson(generatorJson(generator))}`,
    ...(epochGenerator ? [`"epoch_generator":${exactJson(generatorJson(epochGenerator))}`] : []),
  ]
  return `{${parts.join(',')}}`
}

/** JSON that keeps the sign of zero. */
function exactJson(value: unknown): string {
  if (typeof value === 'number') return float64Text(value)
  if (Array.isArray(value)) return `[${value.map(exactJson).join(',')}]`
  if (typeof value === 'object' && value !== null) {
    return `{${Object.entries(value).flatMap(([name, item]) => (item === undefined ? [] : [`${JSON.stringify(name)}:${exactJson(item)}`])).join(',')}}`
  }
  return JSON.stringify(value)
}

export interface StepReport {
  readonly gradients: 'values' | 'norms' | 'none'
  readonly tensors: TensorForm
  readonly dtype: 'float32' | 'float64'
}

/** One step of a training run. */
export function stepText(step: TrainStep, report: StepReport): string {
  const number = report.dtype === 'float32' ? float32Text : float64Text
  const bad = new NonFiniteList()
  bad.number('/loss', step.loss)
  bad.number('/grad_norm', step.gradNorm)
  let text = `{"step":${step.step},"loss":${number(step.loss)},"lr":${float64Text(step.rates[0]!)}${step.rates.length > 1 ? `,"lrs":[${step.rates.map(float64Text).join(',')}]` : ''},"grad_norm":${number(step.gradNorm)}`
  if (report.gradients === 'values') text += `,"gradients":${tensorsText(step.gradients, report.tensors, '/gradients', bad)}`
  if (report.gradients === 'norms') {
    const norms = [...step.gradients].map(([name, tensor]) => [name, { shape: [], dtype: tensor.dtype, elements: normOf(tensor) }] as const)
    text += `,"gradients":${tensorsText(norms, 'nested', '/gradients', bad)}`
  }
  if (step.validation) text += `,"validation":{${validationText(step.validation, number, bad)}}`
  return `${text}${bad.field}}`
}

function validationText({ loss, metrics }: ValidationResult, number: (x: number) => string, bad: NonFiniteList): string {
  bad.number('/validation/loss', loss)
  const parts = [`"loss":${number(loss)}`]
  for (const [name, value] of metrics) {
    bad.number(`/validation/${name}`, value)
    parts.push(`"${name}":${float64Text(value)}`)
  }
  return parts.join(',')
}

/** How early stopping ended. */
export function earlyStoppingText({ best, best_step: step }: StoppingState, stopped: boolean, dtype: 'float32' | 'float64'): string {
  const number = dtype === 'float32' ? float32Text : float64Text
  return `{"stopped":${stopped},"best_step":${step},"best_loss":${best === null ? 'null' : number(best)}}`
}

/** The 2-norm, summed in float64 and rounded to the tensor's dtype. */
function normOf({ dtype, elements }: TensorResult): Elements {
  let total = 0
  for (const x of elements as Float32Array | Float64Array) total += x * x
  const norm = Math.sqrt(total)
  return dtype === 'float32' ? Float32Array.of(norm) : Float64Array.of(norm)
}
