/** What expressions of a program evaluate to while it is traced. */
import { SpecError, showShape } from '../errors.ts'
import type { ErrorCode, Place } from '../errors.ts'
import type { DType, Graph, Value } from '../ir/value.ts'
import type { Draw } from '../random/program.ts'

/** How a tensor came from another one whose memory it may share. */
export interface Sharing {
  readonly base: Tensor
  /** The same view of another tensor, and not only its value. */
  readonly view: (base: Tensor) => Tensor
  /** What the view is now that its base was changed; undefined for one that was a copy. */
  readonly again: () => Tensor | undefined
}

/** A tensor whose numbers are known when the compiled program runs: under all its names one object, which can change. */
export class Tensor {
  #gradFn: string | null
  #value: Value
  #requiresGrad: boolean
  #sharing: Sharing | undefined
  /** How often what this memory belongs to was changed, and had been when `#value` was found. */
  #changes = 0
  #seen = 0
  /** Whether its elements surely lie in the order of their indices, as far as PyTorch's memory goes. */
  ordered = true

  constructor(value: Value, gradFn: string | null, requiresGrad: boolean) {
    this.#value = value
    this.#gradFn = gradFn
    this.#requiresGrad = requiresGrad
  }

  get value(): Value {
    this.#refresh()
    return this.#value
  }

  /** PyTorch's name of the function that made it, for tensors that gradients flow through. */
  get gradFn(): string | null {
    this.#refresh()
    return this.#gradFn
  }

  /** Whether a gradient can flow from here to a parameter, or to what a program asks gradients of. */
  get requiresGrad(): boolean {
    this.#refresh()
    return this.#requiresGrad
  }

  get sharing(): Sharing | undefined {
    this.#refresh()
    return this.#sharing
  }

  get changes(): number {
    return this.#sharing ? this.#sharing.base.changes : this.#changes
  }

  /** From now on a tensor of its own, on another node; its views stay what they are. */
  become(value: Value, requiresGrad: boolean, gradFn: string | null = null): void {
    this.#changes = this.changes
    this.#sharing = undefined
    this.#value = value
    this.#requiresGrad = requiresGrad
    this.#gradFn = gradFn
  }

  /** Changed in place: its views show it. */
  change(value: Value, requiresGrad: boolean, gradFn: string | null): void {
    this.become(value, requiresGrad, gradFn)
    this.#changes++
  }

  /** Its memory is that of `sharing.base`. */
  share(sharing: Sharing): void {
    this.#seen = sharing.base.changes
    this.#sharing = sharing
  }

  /** A view of what was changed is found anew. */
  #refresh(): void {
    const sharing = this.#sharing
    if (!sharing || sharing.base.changes === this.#seen) return
    this.#seen = sharing.base.changes
    const now = sharing.again()
    if (now) {
      this.#value = now.value
      this.#gradFn = now.gradFn
      this.#requiresGrad = now.requiresGrad
    } else {
      this.#sharing = undefined
      this.#changes = this.#seen
    }
  }
}

/** A Python number: `whole` for int. */
export interface Num {
  readonly kind: 'number'
  readonly value: number
  readonly whole: boolean
}

export interface Tuple {
  readonly kind: 'tuple'
  readonly items: readonly Dynamic[]
}

/** Under all its names one object; what changes it gives it other items. */
export interface List {
  readonly kind: 'list'
  items: readonly Dynamic[]
}

/** Keys and values by what makes keys equal. */
export interface Dictionary {
  readonly kind: 'dictionary'
  readonly entries: Map<string, readonly [key: Dynamic, value: Dynamic]>
}

/** What `with` takes: whether gradients flow inside, and outside again. */
export interface GradMode {
  readonly kind: 'grad mode'
  readonly enabled: boolean
  readonly before: boolean
}

/** The results of a function that returns several tensors by name (torch.max with dim, for one). */
export interface NamedTuple {
  readonly kind: 'named'
  readonly names: readonly string[]
  readonly items: readonly Dynamic[]
}

export interface Slice {
  readonly kind: 'slice'
  readonly start: number | undefined
  readonly stop: number | undefined
  readonly step: number
}

export interface Range {
  readonly kind: 'range'
  readonly start: number
  readonly stop: number
  readonly step: number
}

export interface Callable {
  readonly kind: 'function'
  readonly name: string
  readonly call: (args: CallArguments) => Dynamic
  /** Parameters of a module: `fc1.weight`. */
  readonly attributes?: ReadonlyMap<string, Dynamic>
}

export interface CallArguments {
  readonly positional: readonly Dynamic[]
  readonly named: ReadonlyMap<string, Dynamic>
}

export type Dynamic =
  | Tensor
  | Num
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'none' }
  | { readonly kind: 'ellipsis' }
  | { readonly kind: 'dtype'; readonly dtype: DType }
  | Tuple
  | List
  | Dictionary
  | GradMode
  | NamedTuple
  | Slice
  | Range
  | Callable
  | { readonly kind: 'namespace'; readonly name: string }

export const none: Dynamic = { kind: 'none' }

export function int(value: number): Num {
  return { kind: 'number', value, whole: true }
}

export function float(value: number): Num {
  return { kind: 'number', value, whole: false }
}

export function bool(value: boolean): Dynamic {
  return { kind: 'boolean', value }
}

export function tuple(items: readonly Dynamic[]): Tuple {
  return { kind: 'tuple', items }
}

export function list(items: readonly Dynamic[]): List {
  return { kind: 'list', items }
}

/** A call of a function, operator, attribute or layer, as the program wrote it. */
export interface Call {
  /** torch's name: `mul` for `*`, `relu`, `Linear`. */
  readonly name: string
  /** What `grad_fn` of the result is called, or null where no gradient flows. */
  readonly gradFn: string | null
  /** What it takes, with the names of the arguments. */
  readonly inputs: readonly Argument[]
  /** Where a layer stands in the model: `0`, `fc1`. */
  readonly module?: string
}

export type Argument = readonly [name: string, value: Dynamic]

/** Told of the calls that make tensors, where somebody wants to see them. */
export interface Recorder {
  readonly leaf: (kind: 'data' | 'parameter', name: string, tensor: Tensor, pointer: string) => void
  /** A result as a node of its own: equal expressions are one value, and as many tensors as the program makes. */
  readonly own: (value: Value) => Value
  readonly called: (call: Call, results: readonly Tensor[], place: Place | undefined) => void
  /** A variable was assigned at `place`; `local` to a function of the program, or not. */
  readonly assigned: (name: string, value: Dynamic, local: boolean, place: Place) => void
  /** `tensor` was changed in place: it was `before`, and is now what `made` is. */
  readonly changed: (tensor: Tensor, before: Tensor, made: Tensor) => void
  /** `other` is the tensor `original` as the program knows it. */
  readonly same: (other: Tensor, original: Tensor) => void
}

/** What the functions of a program share. */
export interface TraceContext {
  readonly graph: Graph
  /** What numbers without a dtype become; torch's default dtype. */
  readonly dtype: 'float32' | 'float64'
  /** What the program draws, in its order. */
  readonly draws: Draw[]
  /** Whether layers are in training mode, as after torch's train(); else as after eval(). */
  readonly training?: boolean
  /** Whether gradients flow here: not under torch.no_grad(). */
  readonly gradMode?: { enabled: boolean }
  /** Decides a condition (bool, 0-d) on numbers that are only known when the program runs. */
  readonly decide?: ((condition: Value, live: Iterable<Value>) => boolean) | undefined
  /** Values that the rest of the program can use. */
  readonly live?: () => Iterable<Value>
  /** Told of leaves and calls. */
  readonly recorder?: Recorder | undefined
  /** Whether a view is only found anew: what it shares memory with is known. */
  readonly renews?: boolean
}

/** Throws at the place that is being traced. */
export function fail(ctx: TraceContext, code: ErrorCode, message: string): never {
  throw new SpecError(code, message, ctx.graph.place)
}

/** How a value is called in an error: `float32 tensor of shape [2, 3]`, `int 3`, `str "x"`. */
export function describe(value: Dynamic): string {
  if (value instanceof Tensor) return `${value.value.dtype} tensor of shape ${showShape(value.value.shape)}`
  switch (value.kind) {
    case 'number':
      return `${value.whole ? 'int' : 'float'} ${value.value}`
    case 'boolean':
      return value.value ? 'True' : 'False'
    case 'string':
      return `str "${value.value}"`
    case 'none':
      return 'None'
    case 'ellipsis':
      return '...'
    case 'dtype':
      return `torch.${value.dtype}`
    case 'tuple':
    case 'list':
      return `${value.kind} of ${value.items.length}`
    case 'named':
      return `tuple of ${value.items.length}`
    case 'dictionary':
      return `dict of ${value.entries.size}`
    case 'grad mode':
      return `a context that turns gradients ${value.enabled ? 'on' : 'off'}`
    case 'slice':
      return 'slice'
    case 'range':
      return 'range'
    case 'function':
      return `function ${value.name}`
    case 'namespace':
      return `module ${value.name}`
  }
}

/** The longest sequence that is made of a range or by repetition. */
export const maxItems = 100_000

/** How many numbers a range has. */
export function rangeLength({ start, stop, step }: Range): number {
  return Math.max(0, Math.ceil((stop - start) / step))
}

/** Items of a tuple, list, range or named tuple; undefined for anything else. */
export function itemsOf(value: Dynamic): readonly Dynamic[] | undefined {
  if (value instanceof Tensor) return undefined
  if (value.kind === 'tuple' || value.kind === 'list' || value.kind === 'named') return value.items
  if (value.kind === 'range') {
    const length = rangeLength(value)
    if (length > maxItems) throw new SpecError('trace_too_long', `a sequence of ${length} items is too long; the limit is ${maxItems}`)
    return Array.from({ length }, (_, i) => int(value.start + i * value.step))
  }
  return undefined
}
