/**
 * The table of torch's functions. One entry per function: its parameters, where it can be called from, and a body
 * that composes primitives. The language, the catalogue and the documentation read this table.
 */
import { suggestion } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import { mapped } from '../ir/lists.ts'
import type { Value } from '../ir/value.ts'
import { isFloat } from '../ir/value.ts'
import type { Argument, Call, CallArguments, Dynamic, TraceContext } from '../lang/values.ts'
import { Tensor, fail, itemsOf, tuple } from '../lang/values.ts'
import { detach, mark } from '../ops/elementwise.ts'
import { gradFnOf, hasGradFnRule, mayGiveBack } from './grad-fn.ts'
import type { Kind } from './parameters.ts'

/** `torch.f`, `F.f`, `x.f()`, `torch.linalg.f`, `torch.special.f`, `math.f`, or a plain name such as `range`. */
export type Home = 'torch' | 'F' | 'Tensor' | 'linalg' | 'special' | 'autograd' | 'math' | 'builtin'

/** A tensor, or several of them: a tuple in the program. */
type Values = Value | readonly Value[] | NamedResult

/** What a call gives: tensors, or a value that is known while tracing. */
export type Result = Values | MadeBy | Leaf | { readonly static: Dynamic }

/** Several tensors that also have names. */
export interface NamedResult {
  readonly names: readonly string[]
  readonly values: readonly Value[]
}

/** Tensors whose `grad_fn` depends on the arguments: one for all, or one for each. */
interface MadeBy {
  readonly gradFn: string | readonly string[]
  readonly result: Values
}

/** A tensor that gradients flow to, and no further: made with requires_grad=True. */
interface Leaf {
  readonly leaf: Value
}

/** `value`, which requires a gradient if `wanted`. It is a node of its own: equal numbers elsewhere are another tensor. */
export function asLeaf(ctx: TraceContext, value: Value, wanted: boolean): Value | Leaf {
  if (!wanted) return value
  if (!isFloat(value.dtype)) fail(ctx, 'dtype_mismatch', `requires_grad: only floating-point tensors can require gradients, got ${value.dtype}`)
  return { leaf: mark(value, `requires_grad ${ctx.graph.values.length}`) }
}

export function madeBy(gradFn: string | readonly string[], result: Values): MadeBy {
  return { gradFn, result }
}

export type Kinds = Readonly<Record<string, Kind<unknown>>>
export type Converted<P extends Kinds> = { readonly [K in keyof P]: P[K] extends Kind<infer T> ? T : never }

export interface Parameters {
  readonly parameters: Kinds
}

export interface Signature extends Parameters {
  readonly call: (args: Readonly<Record<string, unknown>>, ctx: TraceContext) => Result
}

/** The kinds of functions, in the order in which the documentation lists them. */
export const families = [
  'elementwise', 'special functions', 'activations', 'reductions', 'running sums', 'sorting', 'products', 'linear algebra', 'shape', 'joining and splitting',
  'gathering and scattering', 'changes in place', 'creation', 'random numbers', 'conversions and questions', 'windows', 'images', 'normalization',
  'tables and attention', 'losses', 'gradients', "Python's own functions", 'the math module',
] as const
export type Family = (typeof families)[number]

export interface TorchFunction {
  readonly name: string
  /** That name, and other names of the same function. */
  readonly names: readonly string[]
  readonly family: Family
  readonly homes: readonly Home[]
  /** One line for the catalogue. */
  readonly doc: string
  /** What `grad_fn` of the result is called, or null where no gradient flows. */
  readonly gradFn: string | null
  /** Why the function is not in the language, and the code of the error. */
  readonly refusal?: string
  readonly refusalCode?: ErrorCode
  /** Tried in order; the first whose arguments fit in number and name is taken. */
  readonly signatures: readonly Signature[]
}

const entries: TorchFunction[] = []
const tables = new Map<Home, Map<string, TorchFunction>>()

/** All functions, in the order in which they are defined. */
export function allFunctions(): readonly TorchFunction[] {
  return entries
}

/** The function of this name at this place, or undefined. */
export function findFunction(home: Home, name: string): TorchFunction | undefined {
  return tables.get(home)?.get(name)
}

export function functionNames(home: Home): string[] {
  return [...(tables.get(home) ?? [])].flatMap(([name, { refusal }]) => (refusal === undefined ? [name] : []))
}

/** Helps TypeScript to know the converted arguments from the parameters. */
export function signature<P extends Kinds>(parameters: P, call: (args: Converted<P>, ctx: TraceContext) => Result): Signature {
  return { parameters, call: call as Signature['call'] }
}

interface Definition {
  /** The name, and other names of the same function. */
  readonly names: string | readonly string[]
  readonly homes: readonly Home[]
  readonly doc: string
  readonly gradFn?: string
}

/** What adds functions of one family to the table. */
interface FamilyTable {
  readonly define: (definition: Definition, ...signatures: readonly Signature[]) => void
  /** A function of torch that cannot be part of a program; `refusal` says why, and what to use instead. */
  readonly refuse: (names: readonly string[], homes: readonly Home[], refusal: string, refusalCode?: ErrorCode) => void
}

/** What a file of functions begins with. */
export function family(name: Family): FamilyTable {
  return {
    define: ({ names: given, homes, doc, gradFn = null }, ...signatures) => {
      const names = typeof given === 'string' ? [given] : given
      enter({ name: names[0]!, names, family: name, homes, doc, gradFn, signatures })
    },
    refuse: (names, homes, refusal, refusalCode = 'value_dependent') => enter({ name: names[0]!, names, family: name, homes, doc: `Not in a program: ${refusal}`, gradFn: null, refusal, refusalCode, signatures: [] }),
  }
}

function enter(entry: TorchFunction): void {
  entries.push(entry)
  for (const home of entry.homes) {
    const table = tables.get(home) ?? new Map<string, TorchFunction>()
    tables.set(home, table)
    for (const name of entry.names) {
      if (table.has(name)) throw new Error(`${home}.${name} is defined twice`)
      table.set(name, entry)
    }
  }
}

/** Calls `entry` with the arguments of a program; `shown` is how the program wrote the function. */
export function callFunction(entry: TorchFunction, written: CallArguments, ctx: TraceContext, shown: string): Dynamic {
  if (entry.refusal !== undefined) fail(ctx, entry.refusalCode ?? 'value_dependent', `${shown}() is not part of a program: ${entry.refusal}`)
  const args = withTorchNames(entry, written)
  const [first, ...others] = entry.signatures
  const chosen = others.length === 0 ? first! : (entry.signatures.find((candidate) => fits(candidate, args)) ?? first!)
  const { name } = entry
  const inputs = givenArguments(chosen, args)
  return apply(ctx, { name, gradFn: gradFnOf(ruleName(entry, shown), entry.gradFn, inputs), inputs }, () => chosen.call(bind(chosen, args, ctx, shown), ctx))
}

/** Some functions of torch.linalg have names of functions of torch, and some other names of a function a grad_fn of their own. */
function ruleName({ name, homes }: TorchFunction, shown: string): string {
  const called = shown.slice(shown.lastIndexOf('.') + 1)
  if (homes.includes('linalg') && hasGradFnRule(`linalg.${name}`)) return `linalg.${name}`
  return hasGradFnRule(called) ? called : name
}

/** NumPy's names of arguments, which PyTorch takes too. */
const numpyNames: Readonly<Record<string, string>> = { axis: 'dim', keepdims: 'keepdim', x: 'input', a: 'input', x1: 'input', x2: 'other' }

function withTorchNames({ signatures }: TorchFunction, written: CallArguments): CallArguments {
  const { positional, named } = written
  if (named.size === 0) return written
  const takes = (name: string): boolean => signatures.some(({ parameters }) => name in parameters)
  const torchName = (name: string): string => {
    const other = numpyNames[name]
    return other !== undefined && !takes(name) && takes(other) && !named.has(other) ? other : name
  }
  return { positional, named: new Map([...named].map(([name, value]) => [torchName(name), value])) }
}

/** Follows a call: what `body` gives becomes tensors, which require a gradient when an argument does. */
export function apply(ctx: TraceContext, call: Call, body: () => Result): Dynamic {
  const given = ctx.graph.calling(call.name, body)
  if ('static' in given) return given.static
  if ('leaf' in given) {
    const tensor = new Tensor(given.leaf, null, true)
    ctx.recorder?.called(call, [tensor], ctx.graph.place)
    return tensor
  }
  const same = givenBack(ctx, call, given)
  if (same) return same
  const [gradFn, result] = 'gradFn' in given ? [given.gradFn, given.result] : [call.gradFn, given]
  const tensors = asTensors(ctx, call, gradFn, 'names' in result ? result.values : isValue(result) ? [result] : result)
  if ('names' in result) return { kind: 'named', names: result.names, items: tensors }
  return isValue(result) ? tensors[0]! : tuple(tensors)
}

/** The argument, where the call has nothing to do: a function gives the same tensor, a layer is shown as a call. */
function givenBack(ctx: TraceContext, call: Call, result: Result): Tensor | undefined {
  const [, input] = call.inputs[0] ?? []
  if (!mayGiveBack(call.name) || !(input instanceof Tensor) || result !== input.value) return undefined
  if (call.module === undefined) return input
  const tensor = new Tensor(input.value, input.gradFn, input.requiresGrad)
  ctx.recorder?.called(call, [tensor], ctx.graph.place)
  return tensor
}

/** The results of a call as tensors, of which the recorder is told. */
function asTensors(ctx: TraceContext, call: Call, gradFns: string | readonly string[] | null, values: readonly Value[]): Tensor[] {
  const { recorder } = ctx
  const asked = call.inputs.some(([, value]) => requiresGrad(value))
  const flows = asked && ctx.gradMode?.enabled !== false
  const tensors = mapped(values, (given, i) => {
    // Under torch.no_grad() nothing flows back.
    const value = asked && !flows && isFloat(given.dtype) ? detach(given) : given
    const gradFn = flows && isFloat(value.dtype) ? (isList(gradFns) ? gradFns[i]! : gradFns) : null
    const tensor = new Tensor(recorder && gradFn !== null ? recorder.own(value) : value, gradFn, gradFn !== null)
    // What is computed element by element from a transposed tensor lies as that one does.
    tensor.ordered = call.inputs.every(([, input]) => isOrdered(input))
    return tensor
  })
  recorder?.called(call, tensors, ctx.graph.place)
  return tensors
}

function isList(names: string | readonly string[] | null): names is readonly string[] {
  return Array.isArray(names)
}

function isValue(result: Value | readonly Value[]): result is Value {
  return !Array.isArray(result)
}

function requiresGrad(value: Dynamic): boolean {
  return value instanceof Tensor ? value.requiresGrad : (itemsOf(value)?.some(requiresGrad) ?? false)
}

function isOrdered(value: Dynamic): boolean {
  return value instanceof Tensor ? value.ordered : (itemsOf(value)?.every(isOrdered) ?? true)
}

/** Whether the number and names of the arguments and the types of the given ones can be meant for `candidate`. */
function fits({ parameters }: Signature, args: CallArguments): boolean {
  const { names, variadic } = namesOf(parameters)
  if (variadic < 0 && args.positional.length > names.length) return false
  const filled = new Set(names.slice(0, variadic >= 0 && args.positional.length > variadic ? variadic + 1 : args.positional.length))
  for (const name of args.named.keys()) {
    if (!names.includes(name) || filled.has(name)) return false
    filled.add(name)
  }
  if (names.some((name) => !filled.has(name) && !parameters[name]!.default)) return false
  const positional = args.positional.every((value, i) => (variadic >= 0 && i >= variadic) || parameters[names[i]!]!.fits(value))
  return positional && [...args.named].every(([name, value]) => parameters[name]!.fits(value))
}

interface Names {
  readonly names: readonly string[]
  /** Which of them takes several arguments, or -1. */
  readonly variadic: number
}

const knownNames = new WeakMap<Kinds, Names>()

function namesOf(parameters: Kinds): Names {
  let known = knownNames.get(parameters)
  if (!known) {
    const names = Object.keys(parameters)
    known = { names, variadic: names.findIndex((name) => parameters[name]!.variadic) }
    knownNames.set(parameters, known)
  }
  return known
}

/** The arguments by the names of their parameters; the items of a variadic one are numbered. */
export function givenArguments({ parameters }: Parameters, { positional, named }: CallArguments): Argument[] {
  const { names, variadic } = namesOf(parameters)
  const several = variadic >= 0 && positional.length > variadic + 1
  const nameOf = (i: number): string => (several && i >= variadic ? `${names[variadic]}[${i - variadic}]` : names[i]!)
  return [...mapped(positional, (value, i): Argument => [nameOf(i), value]), ...named]
}

/** The converted arguments by the names of their parameters; throws a SpecError that says what is wrong with them. */
export function bind({ parameters }: Parameters, args: CallArguments, ctx: TraceContext, shown: string): Record<string, unknown> {
  const { names } = namesOf(parameters)
  const bound: Record<string, unknown> = {}
  let position = 0
  for (const name of names) {
    const kind = parameters[name]!
    const given = args.named.get(name)
    const what = `${shown}(): ${name}`
    const next = args.positional[position]
    if (kind.variadic && next) {
      const rest = args.positional.slice(position)
      bound[name] = kind.convertAll ? kind.convertAll(rest, ctx, what) : kind.convert(rest.length === 1 ? next : tuple(rest), ctx, what)
      position = args.positional.length
    } else if (next) {
      if (given) fail(ctx, 'bad_argument', `${what} is given twice`)
      bound[name] = kind.convert(next, ctx, what)
      position++
    } else if (given) {
      bound[name] = kind.convert(given, ctx, what)
    } else if (kind.default) {
      bound[name] = kind.default.value
    } else {
      fail(ctx, 'bad_argument', `${shown}(): the argument "${name}" (${kind.type}) is missing; the signature is ${signatureText(shown, parameters)}`)
    }
  }
  if (position < args.positional.length) {
    fail(ctx, 'bad_argument', `${shown}() takes ${names.length} arguments, got ${args.positional.length + args.named.size}; the signature is ${signatureText(shown, parameters)}`)
  }
  for (const name of args.named.keys()) {
    if (!(name in parameters)) fail(ctx, 'bad_argument', `${shown}() has no argument "${name}"${suggestion(name, names)}`)
  }
  return bound
}

/** `softmax(input: Tensor, dim: int, dtype: torch.dtype | None = None)` */
export function signatureText(name: string, parameters: Kinds): string {
  const parts = Object.entries(parameters).map(([parameter, kind]) => `${parameter}: ${kind.type}${kind.default ? ` = ${kind.default.shown}` : ''}`)
  return `${name}(${parts.join(', ')})`
}
