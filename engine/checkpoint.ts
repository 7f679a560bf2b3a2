/**
 * What a training run needs beside its parameters to be gone on with: the optimizer's tensors and counts, the
 * scheduler's, and the generators. The numbers of a run that goes on are those of one that never stopped.
 */
import type { Fault } from './errors.ts'
import { SpecError, escape, showShape } from './errors.ts'
import type { DType, Shape } from './ir/value.ts'
import { sameShape } from './ir/value.ts'
import type { OptimizerSlots, OptimizerTensors, Progress } from './progress.ts'
import type { GeneratorState } from './random/mt19937.ts'
import { Mt19937, generatorWords } from './random/mt19937.ts'
import type { Json } from './schedule/define.ts'
import type { Elements } from './runtime.ts'
import type { CheckpointJson, GeneratorJson } from './spec.ts'
import type { StoppingState } from './validation.ts'
import type { TensorJson } from './tensor.ts'
import { readTensor, toElements } from './tensor.ts'

export interface Checkpoint {
  /** Steps of the optimizer that are done. */
  readonly step: number
  /** Minibatches that are done, and how many an epoch has. */
  readonly minibatches: number
  readonly minibatchesPerEpoch: number
  readonly type: string
  readonly progress: Progress
  readonly tensors: OptimizerTensors
  /** Losses since a scheduler that watches them has stepped. */
  readonly losses: readonly number[]
  /** What early stopping has seen. */
  readonly stopping: StoppingState | undefined
  readonly generator: GeneratorState
  /** The generator as it was when the epoch that is under way began. */
  readonly epochGenerator: GeneratorState | undefined
}

/** What a run of this spec keeps: what a checkpoint is compared with. */
export interface Expected extends Progress {
  readonly type: string
  /** For the numbers that the optimizer keeps; undefined where those cannot be. */
  readonly slots: (kept: Pick<Progress, 'groups' | 'kept'>) => OptimizerSlots | undefined
  readonly stopping: StoppingState | undefined
  readonly minibatchesPerEpoch: number
  readonly accumulate: number
  /** The state_dict names, all of which the request's state must give. */
  readonly names: readonly string[]
}

/** A checkpoint of a request, or all that does not fit at once. */
export function readCheckpoint(json: CheckpointJson, given: ReadonlyMap<string, unknown>, expected: Expected, maxElements: number): Checkpoint {
  const faults: Fault[] = []
  const wrong = (pointer: string, message: string): void => void faults.push({ code: 'checkpoint_mismatch', pointer: `/checkpoint${pointer}`, message })
  const missing = expected.names.filter((name) => !given.has(name))
  if (missing.length > 0) faults.push({ code: 'checkpoint_mismatch', pointer: '/state', message: `a checkpoint goes on from the whole state that came with it; missing: ${missing.slice(0, 20).join(', ')}` })
  const { optimizer } = json
  if (optimizer.type !== expected.type) throw new SpecError('checkpoint_mismatch', `the checkpoint is of a run with ${optimizer.type}, this one has ${expected.type}`, { pointer: '/checkpoint/optimizer/type' })
  if (json.minibatches_per_epoch !== expected.minibatchesPerEpoch) wrong('/minibatches_per_epoch', `an epoch has ${expected.minibatchesPerEpoch} minibatches here, it had ${json.minibatches_per_epoch}: give the same data, batch_size and drop_last`)
  if (json.minibatches !== json.step * expected.accumulate) wrong('/minibatches', `${json.step} steps of ${expected.accumulate} minibatches are ${json.step * expected.accumulate}, got ${json.minibatches}: give the same "accumulate"`)
  compare(expected.groups as Json, optimizer.groups, '/optimizer/groups', wrong)
  compare(expected.kept, optimizer.kept, '/optimizer/kept', wrong)
  if ((expected.schedule === undefined) !== (json.scheduler === undefined)) wrong('/scheduler', expected.schedule ? 'it is of a run without a scheduler' : 'it is of a run with a scheduler')
  else if (expected.schedule && json.scheduler) compare(expected.schedule, json.scheduler, '/scheduler', wrong)
  if ((expected.stopping === undefined) !== (json.early_stopping === undefined)) wrong('/early_stopping', expected.stopping ? 'it is of a run without early stopping' : 'it is of a run with early stopping')
  else if (expected.stopping && json.early_stopping) compare({ ...expected.stopping }, json.early_stopping, '/early_stopping', wrong)
  const slots = expected.slots(optimizer)
  if (!slots) wrong('/optimizer/kept', `counts of ${expected.type} that are out of range`)
  const tensors: OptimizerTensors = slots ? readTensors(optimizer.state, slots, expected.type, maxElements, wrong) : new Map()
  const generator = readGenerator(json.generator, '/generator', wrong)
  const epochGenerator = json.epoch_generator && readGenerator(json.epoch_generator, '/epoch_generator', wrong)
  if (json.minibatches % expected.minibatchesPerEpoch !== 0 && !epochGenerator) wrong('/epoch_generator', 'it is needed: an epoch was under way')
  const [first, ...more] = faults
  if (first) throw new SpecError(first.code, first.message, { pointer: first.pointer! }, more)
  return {
    step: json.step, minibatches: json.minibatches, minibatchesPerEpoch: json.minibatches_per_epoch, type: optimizer.type, tensors,
    progress: { groups: optimizer.groups, kept: optimizer.kept, schedule: json.scheduler }, losses: json.losses, stopping: json.early_stopping as StoppingState | undefined, generator: generator!, epochGenerator,
  }
}

type Wrong = (pointer: string, message: string) => void

/** Whether `got` has the names, kinds and lengths of `want`; numbers may differ. */
function compare(want: Json, got: Json | undefined, pointer: string, wrong: Wrong): void {
  if (Array.isArray(want) || Array.isArray(got)) {
    if (!Array.isArray(want) || !Array.isArray(got) || want.length !== got.length) return wrong(pointer, `${describe(want)} expected, got ${describe(got)}`)
    for (const [i, item] of want.entries()) compare(item as Json, got[i] as Json, `${pointer}/${i}`, wrong)
    return
  }
  if (isObject(want)) {
    if (!isObject(got)) return wrong(pointer, `an object expected, got ${describe(got)}`)
    const names = new Set([...Object.keys(want), ...Object.keys(got)])
    for (const name of names) {
      const [a, b] = [want[name], got[name]]
      if (a === undefined) wrong(`${pointer}/${escape(name)}`, `a run of this spec keeps no "${name}"`)
      else compare(a, b, `${pointer}/${escape(name)}`, wrong)
    }
    return
  }
  // A number that is not there yet is null.
  const asNumber = (x: Json | undefined): boolean => typeof x === 'number' || x === null
  if (asNumber(want) && asNumber(got)) return
  if (typeof want === 'number' || want !== got) wrong(pointer, `${typeof want === 'number' ? 'a number' : JSON.stringify(want)} expected, got ${describe(got)}`)
}

function isObject(x: Json | undefined): x is Readonly<Record<string, Json>> {
  return typeof x === 'object' && x !== null && !Array.isArray(x)
}

function describe(x: Json | undefined): string {
  if (x === undefined) return 'nothing'
  return Array.isArray(x) ? `a list of ${x.length}` : isObject(x) ? 'an object' : JSON.stringify(x)
}

function readTensors(json: CheckpointJson['optimizer']['state'], expected: OptimizerSlots, type: string, maxElements: number, wrong: Wrong): OptimizerTensors {
  for (const name of Object.keys(json)) if (!expected.has(name)) wrong(`/optimizer/state/${escape(name)}`, `no parameter "${name}" is trained`)
  return new Map(
    [...expected].map(([name, slots]) => {
      const pointer = `/optimizer/state/${escape(name)}`
      const own = json[name] ?? {}
      for (const slot of Object.keys(own)) if (!slots.has(slot)) wrong(`${pointer}/${escape(slot)}`, `${type} keeps no "${slot}" with these options`)
      const read = [...slots].map(([slot, { shape, dtype }]) => [slot, { shape, dtype, elements: readSlot(own[slot], shape, dtype, `${pointer}/${slot}`, maxElements, wrong) }] as const)
      return [name, new Map(read)] as const
    }),
  )
}

function readSlot(json: TensorJson | undefined, shape: Shape, dtype: DType, pointer: string, maxElements: number, wrong: Wrong): Elements {
  // The checkpoint is refused: what stands in for the tensor is never seen.
  const blank = new Float64Array(0)
  if (json === undefined) {
    wrong(pointer, `a tensor of shape ${showShape(shape)} is missing`)
    return blank
  }
  const tensor = readTensor(json, `/checkpoint${pointer}`, maxElements)
  if (sameShape(tensor.shape, shape)) return toElements(tensor, dtype)
  wrong(pointer, `a tensor of shape ${showShape(shape)} expected, got ${showShape(tensor.shape)}`)
  return blank
}

function readGenerator({ words, at, next_normal: next }: GeneratorJson, pointer: string, wrong: Wrong): GeneratorState | undefined {
  const bytes = decoded(words)
  if (bytes?.length === generatorWords * 4) return { words: new Uint32Array(bytes.buffer), at, nextNormal: next ?? undefined }
  wrong(`${pointer}/words`, `${generatorWords * 4} bytes in base64 expected, got ${bytes ? `${bytes.length} bytes` : 'other text'}`)
  return undefined
}

function decoded(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.fromBase64(text)
  } catch {
    return undefined
  }
}

export function generatorOf(state: GeneratorState): Mt19937 {
  const generator = new Mt19937(0)
  generator.state = state
  return generator
}

/** The JSON of a generator. */
export function generatorJson({ words, at, nextNormal }: GeneratorState): GeneratorJson {
  return { words: new Uint8Array(words.buffer, words.byteOffset, words.byteLength).toBase64(), at, next_normal: nextNormal ?? null }
}
