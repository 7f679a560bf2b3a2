/**
 * Random programs from the table of functions. Each line is followed at once, so that the generator knows the shape of
 * every variable; a line that is refused stays in the program as a question: does PyTorch refuse it too?
 */
import { SpecError } from '../../engine/errors.ts'
import { findFunction, functionNames } from '../../engine/functions/index.ts'
import type { Home } from '../../engine/functions/index.ts'
import type { TorchFunction } from '../../engine/functions/define.ts'
import { Graph, numel } from '../../engine/ir/value.ts'
import { parse } from '../../engine/lang/parse.ts'
import type { Scope } from '../../engine/lang/trace.ts'
import { trace } from '../../engine/lang/trace.ts'
import type { TraceContext } from '../../engine/lang/values.ts'
import { Tensor, itemsOf } from '../../engine/lang/values.ts'
import { input } from '../../engine/ops/source.ts'
import { TestRandom } from '../engine/agree.ts'
import { choices, templates } from './templates.ts'

export type Nested = number | boolean | Nested[]

export interface Line {
  readonly text: string
  /** Why the line was refused; undefined for one that was accepted. */
  readonly refused?: { readonly code: string; readonly message: string } | undefined
}

export interface FuzzProgram {
  readonly seed: number
  readonly parameters: Readonly<Record<string, Nested>>
  readonly data: Readonly<Record<string, { readonly data: Nested; readonly shape: readonly number[]; readonly dtype: string }>>
  readonly lines: readonly Line[]
}

/** No two elements are equal: which of equal ones comes first is nobody's promise, of sort neither unless it is stable. */
const DISTINCT = '(x.double() + torch.arange(x.numel()).reshape(x.shape) * 0.01370317)'

/** Of full rank: where a singular value is 0 its vectors, and with them the gradient of a norm, are anyone's choice. */
const FULL_RANK = '(x + torch.sin(torch.arange(x.numel()).double().reshape(x.shape) ** 2))'

/** Well inside of -1 to 1: next to them a rounding decides. */
const INSIDE = '(torch.tanh(x * 0.5) * 0.98)'

/** Arguments that keep a function inside its domain: what is put in place of `x`, the first one or one that is named. */
const domains: Readonly<Record<string, string>> = {
  log: '(x.abs() + 0.5)', log2: '(x.abs() + 0.5)', log10: '(x.abs() + 0.5)', log1p: 'x.abs()', sqrt: '(x.abs() + 0.1)', rsqrt: '(x.abs() + 0.1)',
  reciprocal: '(x.abs() + 0.5)', asin: INSIDE, acos: INSIDE, atanh: INSIDE, arcsin: INSIDE,
  arccos: INSIDE, arctanh: INSIDE, acosh: '(x.abs() + 1.5)', arccosh: '(x.abs() + 1.5)', logit: 'torch.sigmoid(x)', erfinv: INSIDE,
  lgamma: '(x.abs() + 0.5)', digamma: '(x.abs() + 0.5)', tan: 'torch.tanh(x)', exp: 'torch.tanh(x)', exp2: 'torch.tanh(x)', expm1: 'torch.tanh(x)',
  sinh: 'torch.tanh(x)', cosh: 'torch.tanh(x)', pow: '(x.abs() + 0.5)', float_power: '(x.abs() + 0.5)', xlogy: '(x.abs() + 0.5)', binary_cross_entropy: 'torch.sigmoid(x)',
  topk: DISTINCT, kthvalue: DISTINCT, mode: DISTINCT, sort: DISTINCT, argsort: DISTINCT, msort: DISTINCT, searchsorted: 'x.sort(-1)[0]', 'bucketize.boundaries': 'x.sort(-1)[0]', norm: FULL_RANK, kl_div: 'torch.tanh(x)', poisson_nll_loss: 'torch.tanh(x)', prod: '(x.abs() + 0.5)', cumprod: '(x.abs() + 0.5)',
}

/**
 * Not random functions of tensors: what draws, sizes, or is refused on purpose; and trace, whose gradient PyTorch 1.13 has
 * wrong for matrices with more rows than columns.
 */
const left = new Set(
  `rand randn randint randperm bernoulli normal rand_like randn_like randint_like dropout dropout1d dropout2d dropout3d alpha_dropout feature_alpha_dropout
   trace gumbel_softmax rrelu multinomial manual_seed Generator get_rng_state initial_seed seed empty empty_like new_empty requires_grad_ backward retain_grad item tolist numpy half`.split(/\s+/),
)

/** Parameters that keep their defaults; `sorter` sorts only the sequence that it was made of. */
const notDrawn = new Set(['inplace', 'requires_grad', 'sorted', 'sorter'])

const numbers = ['0.5', '1.0', '2.0', '0.1', '-1.0', '1.5', '3', '0']
/** Of norms: those that float32 has exactly, because PyTorch 1.13 holds p in it, whatever the dtype. Later versions do not. */
const orders = numbers.map((number) => (number === '0.1' ? '0.25' : number))
const sizes = [1, 2, 3, 4]

export class Generator {
  readonly #random: TestRandom
  readonly #graph = new Graph()
  readonly #scope: Scope = new Map()
  readonly #names: string[] = []
  readonly #ctx: TraceContext = { graph: this.#graph, dtype: 'float64', draws: [] }
  readonly #parameters: Record<string, Nested> = {}
  readonly #data: Record<string, FuzzProgram['data'][string]> = {}
  readonly #lines: Line[] = []
  readonly #seed: number
  readonly #table: readonly (readonly [Home, string, TorchFunction])[]

  constructor(seed: number) {
    this.#seed = seed
    this.#random = new TestRandom(seed)
    this.#table = (['torch', 'F', 'Tensor'] as const).flatMap((home) =>
      functionNames(home).toSorted().filter((name) => !left.has(name) && !name.endsWith('_')).map((name) => [home, name, findFunction(home, name)!] as const),
    )
  }

  program(length: number): FuzzProgram {
    this.#inputs()
    for (let tries = 0; this.#names.length < length + 9 && tries < 20 * length; tries++) this.#line()
    return { seed: this.#seed, parameters: this.#parameters, data: this.#data, lines: this.#lines }
  }

  #pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.#random.next() * items.length)]!
  }

  #chance(p: number): boolean {
    return this.#random.next() < p
  }

  #nested(shape: readonly number[], element: () => number | boolean): Nested {
    const [size, ...rest] = shape
    return size === undefined ? element() : Array.from({ length: size }, () => this.#nested(rest, element))
  }

  #inputs(): void {
    const [n, m, k] = [this.#pick(sizes), this.#pick(sizes), this.#pick(sizes)]
    const number = (): number => Math.round((this.#random.next() * 4 - 2) * 1000) / 1000 + 0.0004
    for (const [name, shape] of Object.entries({ a: [n, m], b: [m], c: [m, k], d: [2, n, m], s: [], e: [2, 4, 5, 6], f: [2, 4, 7] })) {
      this.#parameters[name] = this.#nested(shape, number)
      this.#add(name, shape, 'float64', true)
    }
    this.#data['i'] = { data: this.#nested([n], () => Math.floor(this.#random.next() * m)), shape: [n], dtype: 'int64' }
    this.#data['p'] = { data: this.#nested([n, m], () => this.#random.next() < 0.5), shape: [n, m], dtype: 'bool' }
    this.#add('i', [n], 'int64', false)
    this.#add('p', [n, m], 'bool', false)
  }

  #add(name: string, shape: readonly number[], dtype: 'float64' | 'int64' | 'bool', requiresGrad: boolean): void {
    this.#scope.set(name, new Tensor(input(this.#graph, name, shape, dtype), null, requiresGrad))
    this.#names.push(name)
  }

  #line(): void {
    const text = this.#chance(0.2) ? this.#template() : this.#chance(0.3) ? this.#operator() : this.#call()
    if (text === undefined) return
    const name = `v${this.#names.length}`
    const line = `${name} = ${text}`
    try {
      const scope = new Map(this.#scope)
      const { lastAssigned } = trace(parse(line, { maxLength: 1000, maxDepth: 50 }), scope, this.#ctx, { maxSteps: 1000, maxCalls: 10 }, '')
      const value = lastAssigned === undefined ? undefined : scope.get(lastAssigned)
      const items = value instanceof Tensor ? [value] : (value && itemsOf(value)) ?? []
      const made = items.flatMap((item, i) => (item instanceof Tensor ? [[value === item ? name : `${name}_${i}`, item] as const] : []))
      const useful = made.filter(([, tensor]) => numel(tensor.value.shape) <= 2000 && numel(tensor.value.shape) > 0)
      if (useful.length === 0 || made.length !== items.length) return
      const targets = made.map(([target]) => target).join(', ')
      this.#lines.push({ text: value instanceof Tensor ? line : `${line}; ${targets}${made.length === 1 ? ',' : ''} = ${name}` })
      for (const [target, tensor] of useful) {
        this.#scope.set(target, tensor)
        this.#names.push(target)
      }
    } catch (error) {
      const fault = error instanceof SpecError ? { code: error.code, message: error.message } : { code: 'internal_error', message: String(error instanceof Error ? error.stack : error) }
      this.#lines.push({ text: line, refused: fault })
    }
  }

  #variable(): string {
    // Newer ones more often, so that programs become deep.
    const at = Math.floor(this.#names.length * Math.sqrt(this.#random.next()))
    return this.#names[Math.min(at, this.#names.length - 1)]!
  }

  #shape(name: string): readonly number[] {
    const found = this.#scope.get(name)
    return found instanceof Tensor ? found.value.shape : []
  }

  #operator(): string {
    const [x, y] = [this.#variable(), this.#chance(0.25) ? this.#pick(numbers) : this.#variable()]
    const form = this.#pick(['x + y', 'x - y', 'x * y', 'y - x', 'x / (abs(y) + 0.5)', 'x @ y', 'x > y', '-x', 'x[INDEX]', 'x[INDEX, INDEX]', 'x.T', 'x ** 2', 'x % 1.7', 'x.detach() // 0.7', '(x > 0) & (x < y)', '~(x > y)', 'x.mT'])
    return form.replaceAll('INDEX', () => this.#index()).replaceAll(/\b[xy]\b(?!\()/g, (name) => (name === 'x' ? x : y))
  }

  /** A call whose arguments fit, on the inputs `e` and `f` or on what has their shapes. */
  #template(): string {
    const like = (name: string): string => {
      const shape = this.#shape(name).join()
      return this.#pick([name, ...this.#names.filter((other) => this.#shape(other).join() === shape && this.#isFloat(other))])
    }
    const filled = this.#pick(templates).replaceAll(/\b[A-Z]{2,}\b/g, (word) => (word in choices ? this.#pick(choices[word]!) : word))
    return filled.replaceAll(/(?<![\w.'])[ef](?![\w'(=])/g, like)
  }

  #isFloat(name: string): boolean {
    const found = this.#scope.get(name)
    return found instanceof Tensor && found.value.dtype === 'float64'
  }

  #index(): string {
    return this.#pick([':', '0', '-1', '::2', '1:', ':-1', 'None', '...', '[0, 0]', 'i', '1', '-2:'])
  }

  #call(): string | undefined {
    const [home, name, entry] = this.#pick(this.#table)
    const { parameters } = this.#pick(entry.signatures)
    const args: string[] = []
    let receiver: string | undefined
    let subject = this.#variable()
    let named = false
    for (const [i, [parameter, kind]] of Object.entries(parameters).entries()) {
      if (notDrawn.has(parameter) || (kind.default && !this.#chance(0.35))) {
        named = true
        continue
      }
      const x = i === 0 ? subject : this.#variable()
      if (i === 0) subject = x
      const domain = domains[i === 0 ? name : `${name}.${parameter}`]
      const text = this.#argument(parameter, kind.type, domain ? domain.replaceAll(/\bx\b/g, x) : x, subject)
      if (text === undefined) {
        if (!kind.default) return undefined
        named = true
        continue
      }
      if (i === 0 && home === 'Tensor') receiver = text
      else if (named || (i > 0 && this.#chance(0.15))) {
        if (kind.variadic) return undefined
        named = true
        args.push(`${parameter}=${text}`)
      } else args.push(text)
    }
    const callee = home === 'Tensor' ? `${receiver ?? subject}.${name}` : `${home}.${name}`
    return `${callee}(${args.join(', ')})`
  }

  #argument(parameter: string, type: string, variable: string, subject: string): string | undefined {
    const rank = this.#shape(subject).length
    const dim = (): string => String(Math.floor(this.#random.next() * 2 * Math.max(1, rank)) - Math.max(1, rank))
    const kinds = type.split(' | ').filter((part) => part !== 'None')
    const part = this.#pick(kinds)
    if (part === 'Tensor') return variable
    if (part === 'tuple of Tensors' || part === '*Tensor') return `(${variable}, ${this.#chance(0.5) ? variable : this.#variable()})`
    if (part === 'bool') return this.#pick(['True', 'False'])
    if (part === 'torch.dtype') return this.#pick(['torch.float64', 'torch.int64'])
    if (part.startsWith("'")) return part
    if (part === 'float' || part === 'number') return this.#pick(parameter === 'p' ? orders : numbers)
    const isDim = /^(dim|dims|dim0|dim1|dim2|axis|axis0|axis1|start_dim|end_dim|source|destination)$/.test(parameter)
    if (part === 'int') return isDim ? dim() : this.#pick(['0', '1', '2', '3', '-1'])
    if (part === 'tuple of ints' || part === '*int') {
      if (isDim) return `(${[...new Set(Array.from({ length: 1 + Math.floor(this.#random.next() * Math.max(1, rank)) }, dim))].join(', ')},)`
      return `(${this.#size(subject).join(', ')},)`
    }
    return undefined
  }

  /** Sizes that the elements of `subject` could be arranged in. */
  #size(subject: string): number[] {
    const shape = [...this.#shape(subject)]
    const turn = this.#pick([0, 1, 2, 3])
    if (turn === 0) return shape.toReversed()
    if (turn === 1) return [-1]
    if (turn === 2) return [...shape, 1]
    return [this.#pick(sizes), ...shape]
  }
}
