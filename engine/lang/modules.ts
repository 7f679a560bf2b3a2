/** Classes of torch.nn inside a program: `nn.CrossEntropyLoss(label_smoothing=0.1)(y_hat, y)`, `nn.ReLU()(x)`. */
import { z } from 'zod'
import { suggestion } from '../errors.ts'
import { construct } from '../functions/classes.ts'
import { apply, bind, givenArguments } from '../functions/define.ts'
import { gradFnOf } from '../functions/grad-fn.ts'
import { layerTypes, lossClasses } from '../nn/index.ts'
import type { Layer, Options } from '../nn/index.ts'
import { changedByLayer } from './memory.ts'
import type { Callable, CallArguments, Dynamic, TraceContext } from './values.ts'
import { Tensor, describe, fail, itemsOf } from './values.ts'

export function classNames(): string[] {
  return [...lossClasses.keys(), ...layerTypes.keys(), 'Sequential']
}

/** The class of this name: a function that makes functions of tensors. */
export function classNamed(name: string, ctx: TraceContext): Callable | undefined {
  const shown = `nn.${name}`
  const make = (call: (args: CallArguments) => Dynamic): Callable => ({ kind: 'function', name: shown, call })
  const loss = lossClasses.get(name)
  if (loss) return make((args) => construct(loss, args, ctx, shown))
  if (name === 'Sequential') return make((args) => sequential(args, ctx, shown))
  const layer = layerTypes.get(name)
  return layer && make((args) => layerObject(layer, args, ctx, shown))
}

/** A layer without parameters; those with some belong to the model, which keeps them from step to step. */
function layerObject(layer: Layer, args: CallArguments, ctx: TraceContext, shown: string): Callable {
  const options = layerOptions(layer, args, ctx, shown)
  layer.check(options, (_option, message) => fail(ctx, 'bad_argument', message))
  if (layer.parameters(options).length > 0 || layer.buffers(options).length > 0) {
    fail(ctx, 'bad_argument', `${shown}() has parameters, which belong to the model: list it in model.modules and call it by its name`)
  }
  const missing = (): never => fail(ctx, 'bad_argument', `${shown}() has no parameters`)
  const mismatch = (_option: string, message: string): never => fail(ctx, 'shape_mismatch', message)
  const called = { parameters: layer.inputs }
  return {
    kind: 'function',
    name: shown,
    call: (written) => {
      const bound = bind(called, written, ctx, shown)
      const inputs = givenArguments(called, written)
      const call = { name: layer.type, gradFn: gradFnOf(layer.type, layer.gradFn, inputs), inputs }
      const result = layer.arrange(apply(ctx, call, () => layer.forward(bound, options, { ctx, training: ctx.training === true, parameter: missing, update: missing, mismatch })), bound)
      return changedByLayer(ctx, options, written.positional[0], result, shown)
    },
  }
}

function oneTensor(ctx: TraceContext, shown: string, body: (input: Tensor) => Dynamic): Callable {
  return {
    kind: 'function',
    name: shown,
    call: ({ positional, named }) => {
      const [input = named.get('input')] = positional
      return positional.length + named.size === 1 && input instanceof Tensor ? body(input) : fail(ctx, 'bad_argument', `${shown}() takes one tensor`)
    },
  }
}

/** The arguments of a constructor, in PyTorch's order or by name, checked as the options of a spec are. */
function layerOptions({ options }: Layer, { positional, named }: CallArguments, ctx: TraceContext, shown: string): Options {
  const names = Object.keys(options)
  if (positional.length > names.length) fail(ctx, 'bad_argument', `${shown}() takes ${names.length} arguments, got ${positional.length}`)
  const given = new Map(positional.map((value, i) => [names[i]!, value]))
  for (const [name, value] of named) {
    if (!names.includes(name)) fail(ctx, 'bad_argument', `${shown}() has no argument "${name}"${suggestion(name, names)}`)
    if (given.has(name)) fail(ctx, 'bad_argument', `${shown}(): ${name} is given twice`)
    given.set(name, value)
  }
  const result = z.strictObject(options).safeParse(Object.fromEntries([...given].map(([name, value]) => [name, plain(value)])))
  if (result.success) return result.data
  const [issue] = result.error.issues
  const name = String(issue!.path[0])
  const got = given.get(name)
  return fail(ctx, 'bad_argument', got ? `${shown}(): ${name}: ${issue!.message.replace(/^[^:]*: /, '')}, got ${describe(got)}` : `${shown}(): the argument "${name}" is missing`)
}

/** As JSON would say it. */
function plain(value: Dynamic): unknown {
  if (value instanceof Tensor) return value
  if (value.kind === 'none') return null
  if (value.kind === 'number' || value.kind === 'boolean' || value.kind === 'string') return value.value
  return itemsOf(value)?.map(plain) ?? value
}

/** Functions one after the other. */
function sequential({ positional, named }: CallArguments, ctx: TraceContext, shown: string): Callable {
  const parts = positional.map((part) => (!(part instanceof Tensor) && part.kind === 'function' ? part : fail(ctx, 'bad_argument', `${shown}(): modules expected, got ${describe(part)}`)))
  if (named.size > 0) fail(ctx, 'bad_argument', `${shown}() takes modules, and no argument by name`)
  return oneTensor(ctx, shown, (input) => parts.reduce<Dynamic>((x, part) => part.call({ positional: [x], named: new Map() }), input))
}
