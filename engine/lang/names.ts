/** What names outside of the program mean: modules, their functions, attributes and methods of tensors. */
import { suggestion } from '../errors.ts'
import { mathConstants } from '../functions/mathematics.ts'
import { apply } from '../functions/define.ts'
import type { Home } from '../functions/index.ts'
import { callFunction, findFunction, functionNames } from '../functions/index.ts'
import type { DType, Value } from '../ir/value.ts'
import { detach } from '../ops/elementwise.ts'
import { permute, transposeLast } from '../ops/view.ts'
import { callTorch } from './calling.ts'
import { collectionMethod } from './collections.ts'
import { inPlace } from './inplace.ts'
import { related } from './memory.ts'
import { classNamed, classNames } from './modules.ts'
import { equals } from './operators.ts'
import type { Dynamic, TraceContext } from './values.ts'
import { Tensor, bool, describe, fail, float, int, tuple } from './values.ts'

/** `torch.float32` and its like. Whole numbers have one width here. */
const dtypes: Readonly<Record<string, DType>> = {
  float32: 'float32', float: 'float32', float64: 'float64', double: 'float64', int64: 'int64', long: 'int64', int32: 'int64', int: 'int64', bool: 'bool',
}

/** Names of modules, and the functions and modules in them. */
const namespaces: Readonly<Record<string, { readonly home?: Home; readonly inside: Readonly<Record<string, string>> }>> = {
  torch: { home: 'torch', inside: { nn: 'torch.nn', linalg: 'torch.linalg', special: 'torch.special', autograd: 'torch.autograd', functional: 'torch.functional', Tensor: 'torch.Tensor' } },
  'torch.nn': { inside: { functional: 'F' } },
  'torch.functional': { home: 'torch', inside: {} },
  'torch.linalg': { home: 'linalg', inside: {} },
  'torch.special': { home: 'special', inside: {} },
  'torch.autograd': { home: 'autograd', inside: {} },
  'torch.Tensor': { home: 'Tensor', inside: {} },
  F: { home: 'F', inside: {} },
  math: { home: 'math', inside: {} },
}

const globals: Readonly<Record<string, string>> = { torch: 'torch', F: 'F', math: 'math', nn: 'torch.nn' }

/** A module that a program may import. */
export function moduleNamed(name: string): Dynamic | undefined {
  return name === 'torch' || name === 'math' ? { kind: 'namespace', name } : undefined
}

/** A name that every program may read without defining it. */
export function globalNamed(name: string, ctx: TraceContext): Dynamic | undefined {
  const namespace = globals[name]
  if (namespace !== undefined) return { kind: 'namespace', name: namespace }
  const entry = findFunction('builtin', name)
  return entry && { kind: 'function', name, call: (args) => callFunction(entry, args, ctx, name) }
}

export function globalNames(): string[] {
  return [...Object.keys(globals), ...functionNames('builtin')]
}

/** The module that has a function of this name. */
export function homeOf(name: string): string | undefined {
  return (['torch', 'F', 'math'] as const).find((home) => findFunction(home, name))
}

/** What stands behind `object.name`. */
export function attributeOf(object: Dynamic, name: string, ctx: TraceContext): Dynamic {
  if (object instanceof Tensor) return tensorAttribute(object, name, ctx)
  if (object.kind === 'namespace') return namespaceMember(object.name, name, ctx)
  if (object.kind === 'named') {
    const place = object.names.indexOf(name)
    if (place >= 0) return object.items[place]!
  }
  if (object.kind === 'function' && object.attributes) {
    const found = object.attributes.get(name)
    if (found) return found
    return fail(ctx, 'unknown_attribute', `${object.name} has no "${name}"${suggestion(name, object.attributes.keys())}`)
  }
  const method = collectionMethod(ctx, object, name, equals)
  if (method) return method
  return fail(ctx, 'unknown_attribute', `${describe(object)} has no "${name}"`)
}

/** Attributes of a tensor that are no methods. */
export const tensorAttributes: Readonly<Record<string, string>> = {
  shape: 'The sizes, as a tuple of ints',
  dtype: 'torch.float32, torch.float64, torch.int64 or torch.bool',
  ndim: 'The number of dimensions',
  device: "'cpu'",
  requires_grad: 'Whether a gradient flows to the tensor',
  is_leaf: 'Whether no function made it, or no gradient flows through it',
  data: 'The same numbers, through which no gradient flows',
  T: 'The dimensions in reverse order',
  mT: 'The last two dimensions exchanged',
  H: 'Of a matrix its transpose',
  mH: 'As mT',
}

/** An attribute or a method of a tensor. */
function tensorAttribute(tensor: Tensor, name: string, ctx: TraceContext): Dynamic {
  const { value } = tensor
  const rank = value.shape.length
  const made = (attribute: string, gradFn: string | null, body: () => Value): Dynamic =>
    related(ctx, attribute, apply(ctx, { name: attribute, gradFn, inputs: [['input', tensor]] }, body), tensor, (base, quiet) => tensorAttribute(base, attribute, quiet))
  switch (name) {
    case 'shape':
      return tuple(value.shape.map(int))
    case 'dtype':
      return { kind: 'dtype', dtype: value.dtype }
    case 'ndim':
      return int(rank)
    case 'requires_grad':
      return bool(tensor.requiresGrad)
    case 'is_leaf':
      return bool(tensor.gradFn === null)
    case 'grad':
      return fail(ctx, 'unknown_attribute', 'grad is not part of a program: POST /v1/backward answers with the gradients; inside a program use torch.autograd.grad')
    case 'grad_fn':
      return fail(ctx, 'unknown_attribute', 'grad_fn is not part of a program: the answers of POST /v1/forward, /v1/backward and /v1/graph name it')
    case 'data':
      return made('data', null, () => detach(value))
    case 'T':
      return made('T', 'PermuteBackward0', () => permute(value, [...Array(rank).keys()].toReversed()))
    case 'device':
      return { kind: 'string', value: 'cpu' }
    case 'H':
      if (rank !== 0 && rank !== 2) return fail(ctx, 'shape_mismatch', `.H needs a matrix, got ${describe(tensor)}; for batches of matrices use .mH`)
      return rank === 0 ? tensor : made('H', 'TransposeBackward0', () => transposeLast(value))
    case 'mT':
    case 'mH':
      if (rank === 0) return tensor
      if (rank < 2) return fail(ctx, 'shape_mismatch', `.${name} needs at least 2 dimensions, got ${describe(tensor)}`)
      return made(name, 'TransposeBackward0', () => transposeLast(value))
  }
  const changing = inPlace(ctx, 'Tensor', name, tensor)
  if (changing) return changing
  const entry = findFunction('Tensor', name)
  if (!entry) {
    const known = [...functionNames('Tensor'), ...Object.keys(tensorAttributes)]
    return fail(ctx, 'unknown_function', `a tensor has no "${name}"${suggestion(name, known)}`)
  }
  return {
    kind: 'function',
    name,
    call: (args) => callTorch(entry, { positional: [tensor, ...args.positional], named: args.named }, ctx, name),
  }
}

/** A function, module or dtype of a module. */
function namespaceMember(namespace: string, name: string, ctx: TraceContext): Dynamic {
  const { home, inside } = namespaces[namespace]!
  const made = namespace === 'torch.nn' ? classNamed(name, ctx) : undefined
  if (made) return made
  const nested = inside[name]
  if (nested !== undefined) return { kind: 'namespace', name: nested }
  const entry = home && findFunction(home, name)
  const shown = `${namespace}.${name}`
  const changing = home && inPlace(ctx, home, name)
  if (changing) return changing
  if (entry) return { kind: 'function', name: shown, call: (args) => callTorch(entry, args, ctx, shown) }
  if (namespace === 'torch' && dtypes[name]) return { kind: 'dtype', dtype: dtypes[name] }
  if ((namespace === 'math' || namespace === 'torch') && mathConstants[name] !== undefined) return float(mathConstants[name])
  const known = [...(home ? functionNames(home) : []), ...Object.keys(inside), ...(namespace === 'torch.nn' ? classNames() : [])]
  return fail(ctx, 'unknown_function', `${namespace} has no "${name}"${suggestion(name, known)}`)
}
