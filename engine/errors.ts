/**
 * Coded errors with a place in the spec.
 *
 * Every fault that a caller can provoke has a code in `errorCodes`. The service maps codes to
 * HTTP statuses; the engine knows nothing of HTTP.
 */

/** Where in the spec a fault lies: a JSON pointer (RFC 6901) and, inside a program, a line and column (from 1). */
export interface Place {
  readonly pointer?: string
  readonly line?: number
  readonly column?: number
}

/** Every code, with the sentence that the documentation shows. */
export const errorCodes = {
  // the language
  syntax_error: 'The program is not valid Python syntax, or the indentation is wrong.',
  not_in_language: 'Valid Python that is not part of this language (class, try, f-strings, dunder names, changes in place that PyTorch does not do either …).',
  unknown_name: 'A variable, parameter or module that does not exist at this point.',
  unknown_function: 'A function or method that does not exist here.',
  unknown_attribute: 'An attribute that the value does not have.',
  bad_argument: 'An argument is missing, unknown, of the wrong type or out of range.',
  bad_operand: 'An operator does not take operands of these types.',
  bad_index: 'An index or slice that does not fit the value.',
  shape_mismatch: 'Shapes that do not fit together.',
  dtype_mismatch: 'A dtype that the operation does not take.',
  value_dependent: 'The program needs a number that is only known when it runs.',
  unpack_mismatch: 'The number of values does not equal the number of names.',
  division_by_zero: 'A Python number is divided by zero.',
  assertion_failed: 'An assert of the program does not hold.',
  // the spec
  invalid_tensor: 'A tensor is ragged, has a wrong element or a wrong count.',
  unknown_layer: 'A layer type that does not exist.',
  unknown_loss: 'A loss type that does not exist.',
  unknown_optimizer: 'An optimizer type that does not exist.',
  unknown_scheduler: 'A scheduler type that does not exist.',
  unknown_init: 'An initialisation that does not exist.',
  bad_option: 'An option of a layer, loss, optimizer, scheduler or initialisation that is not allowed.',
  checkpoint_mismatch: 'A checkpoint that does not fit the spec, or comes without the state that belongs to it.',
  bad_metric: 'A metric that does not fit predictions and targets.',
  no_model: 'The model has nothing to compute.',
  no_loss: 'The operation needs a loss and the spec has none.',
  loss_not_scalar: 'The loss is not a single floating-point number.',
  loss_without_parameters: 'The loss depends on no parameter, so there is nothing to differentiate.',
  name_conflict: 'One name stands for two things.',
  state_mismatch: 'The given state does not fit the model.',
  invalid_safetensors: 'The given file is not safetensors, or not a whole one.',
  empty_data: 'The dataset has no rows.',
  batch_mismatch: 'The batched tensors differ in their number of rows.',
  index_out_of_range: 'An index or class label is outside its range.',
  not_exportable: 'A layer, or an axis of the input, that cannot be exported as asked.',
  // limits
  program_too_long: 'The program text is longer than the limit.',
  program_too_deep: 'The program or the JSON is nested deeper than the limit.',
  trace_too_long: 'Following the program takes more statements than the limit.',
  graph_too_large: 'The graph has more nodes than the limit.',
  tensor_too_large: 'A tensor has more elements than the limit.',
  memory_limit: 'The compiled program needs more memory than the limit.',
  too_many_steps: 'More steps than the limit.',
  response_too_large: 'The answer would be larger than the limit.',
} as const

export type ErrorCode = keyof typeof errorCodes

/** One fault: what is wrong, where, what was expected and what was found. */
export interface Fault extends Place {
  readonly code: ErrorCode
  readonly message: string
}

/** The spec is wrong. Carries one fault or more; the first one names the error. */
export class SpecError extends Error {
  readonly faults: readonly [Fault, ...Fault[]]

  constructor(code: ErrorCode, message: string, place: Place = {}, more: readonly Fault[] = []) {
    super(message)
    this.name = 'SpecError'
    this.faults = [{ code, message, ...place }, ...more]
  }

  get code(): ErrorCode {
    return this.faults[0].code
  }

  /** The same error with a place, for faults thrown where the place is not known. A place that is known stays. */
  at(place: Place): SpecError {
    const [first, ...rest] = this.faults
    return new SpecError(first.code, first.message, { ...place, ...placeOf(first) }, rest)
  }

  /** The same error of a part: what stood in `from` stands in `to`. */
  moved(from: string, to: string): SpecError {
    const [first, ...rest] = this.faults.map((fault) => (fault.pointer?.startsWith(`${from}/`) === true ? { ...fault, pointer: to + fault.pointer.slice(from.length) } : fault)) as [Fault, ...Fault[]]
    return new SpecError(first.code, first.message, placeOf(first), rest)
  }
}

function placeOf(fault: Fault): Place {
  const { pointer, line, column } = fault
  return {
    ...(pointer !== undefined && { pointer }),
    ...(line !== undefined && { line }),
    ...(column !== undefined && { column }),
  }
}

/** A broken invariant of the engine itself: never the caller's fault. */
export class EngineFault extends Error {
  constructor(message: string) {
    super(`engine invariant broken: ${message}`)
    this.name = 'EngineFault'
  }
}

/** A message that is put together is given as a function: it is hardly ever needed. */
export function invariant(condition: unknown, message: string | (() => string)): asserts condition {
  if (!condition) throw new EngineFault(typeof message === 'string' ? message : message())
}

/** A name as part of a JSON pointer (RFC 6901). */
export function escape(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1')
}

/** `[2, 3]`, as PyTorch prints shapes. */
export function showShape(shape: readonly number[]): string {
  return `[${shape.join(', ')}]`
}

/** The name nearest to `name` by edit distance, or undefined when nothing is near. */
export function nearest(name: string, known: Iterable<string>): string | undefined {
  const limit = Math.max(1, Math.floor(name.length / 3))
  let best: string | undefined
  let bestDistance = limit + 1
  for (const candidate of known) {
    const distance = editDistance(name.toLowerCase(), candidate.toLowerCase(), bestDistance)
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** `; did you mean "relu"?` or nothing. */
export function suggestion(name: string, known: Iterable<string>): string {
  const near = nearest(name, known)
  return near === undefined ? '' : `; did you mean "${near}"?`
}

/** Levenshtein distance with transpositions (optimal string alignment), cut off at `limit`. */
function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) >= limit) return limit
  let beforePrevious: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1]
      let d = Math.min(previous[j]! + 1, row[j - 1]! + 1, previous[j - 1]! + (same ? 0 : 1))
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) d = Math.min(d, beforePrevious[j - 2]! + 1)
      row.push(d)
    }
    beforePrevious = previous
    previous = row
  }
  return previous[b.length]!
}
