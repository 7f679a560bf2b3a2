/**
 * Classes of torch.nn that are functions of torch.nn.functional: an object of the class keeps the options, which are the
 * function's arguments behind its inputs, in the same order.
 */
import type { Argument, Callable, CallArguments, TraceContext } from '../lang/values.ts'
import type { TorchFunction } from './define.ts'
import { apply, bind, givenArguments } from './define.ts'
import { gradFnOf } from './grad-fn.ts'

export interface FunctionClass {
  /** torch.nn's name. */
  readonly type: string
  readonly entry: TorchFunction
  /** The arguments of a call of an object, as torch.nn names them. */
  readonly inputs: readonly string[]
}

/** An object of the class with the options `args`; errors call it `shown`. */
export function construct({ type, entry, inputs }: FunctionClass, args: CallArguments, ctx: TraceContext, shown: string): Callable {
  const { parameters, call } = entry.signatures[0]!
  const names = Object.keys(parameters).slice(0, inputs.length)
  const ofCall = { parameters: Object.fromEntries(inputs.map((input, i) => [input, parameters[names[i]!]!])) }
  const ofClass = { parameters: Object.fromEntries(Object.entries(parameters).slice(inputs.length)) }
  const options = bind(ofClass, args, ctx, shown)
  const optionsGiven = givenArguments(ofClass, args)
  return {
    kind: 'function',
    name: shown,
    call: (written) => {
      const bound = bind(ofCall, written, ctx, shown)
      const all = { ...options, ...Object.fromEntries(inputs.map((input, i) => [names[i]!, bound[input]])) }
      const given = [...givenArguments(ofCall, written), ...optionsGiven]
      const renamed = given.map(([name, value]): Argument => [names[inputs.indexOf(name)] ?? name, value])
      return apply(ctx, { name: type, gradFn: gradFnOf(entry.name, entry.gradFn, renamed), inputs: given }, () => call(all, ctx))
    },
  }
}
