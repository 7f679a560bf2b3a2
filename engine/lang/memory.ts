/**
 * Tensors that share memory, and what changes them. Values are never changed: a change in place gives the tensor object
 * another value, and its views, and what it is a view of, follow.
 */
import { isFloat, numel, sameShape } from '../ir/value.ts'
import type { DType, Value } from '../ir/value.ts'
import { contiguous, flatDims, mergeDims } from '../ir/layout.ts'
import type { Layout } from '../ir/layout.ts'
import { showShape } from '../errors.ts'
import * as ew from '../ops/elementwise.ts'
import { replaceView, stepsBetween } from '../ops/replace.ts'
import { input } from '../ops/source.ts'
import type { Dynamic, TraceContext } from './values.ts'
import { Tensor, describe, fail, itemsOf } from './values.ts'

/** Functions whose results are views of their first argument; of some only where no copy is needed. */
export const views: ReadonlySet<string> = new Set(
  `view view_as unflatten squeeze unsqueeze expand expand_as broadcast_to permute transpose swapaxes swapdims adjoint t movedim narrow select
   split split_with_sizes chunk tensor_split hsplit vsplit dsplit unbind diagonal unfold detach T H mT mH data getitem positive`.split(/\s+/),
)
const copyingViews = new Set(['reshape', 'reshape_as', 'flatten', 'ravel', 'contiguous'])

const turning = 'permute transpose swapaxes swapdims adjoint t movedim T H mT mH'.split(' ')
const repeating = 'expand expand_as broadcast_to'.split(' ')

/** After these PyTorch may keep elements in another order than that of their indices. */
export const disordering: ReadonlySet<string> = new Set([...turning, ...repeating, ...'diagonal unfold einsum tensordot inv solve cholesky lstsq svd qr'.split(' ')])

/** Whether `part`, which a function of that name gives of `base`, may show its elements in another order, or several times. */
function mayReorder(name: string, part: Tensor, base: Tensor): boolean {
  if (!disordering.has(name) || part.value === base.value) return false
  if (repeating.includes(name)) return numel(part.value.shape) !== numel(base.value.shape)
  if (!turning.includes(name)) return true
  // Turning dimensions of size 1 moves nothing; the others are told apart by their sizes.
  const [before, after] = [base, part].map(({ value }) => value.shape.filter((size) => size > 1)) as [number[], number[]]
  return new Set(before).size !== before.length || !sameShape(before, after)
}

/** `result`, a tensor or several, of a function of `base`: `again` calls it with another tensor in its place. */
export function related(ctx: TraceContext, name: string, result: Dynamic, base: Tensor, again: (base: Tensor, ctx: TraceContext) => Dynamic): Dynamic {
  const copies = copyingViews.has(name)
  if (ctx.renews || (!copies && !views.has(name))) return result
  // A copy where the elements must move: never the tensor itself.
  if (name === 'contiguous' && result === base) {
    if (!base.sharing && base.ordered) return result
    const own = new Tensor(base.value, base.gradFn, base.requiresGrad)
    ctx.recorder?.same(own, base)
    const view = (other: Tensor): Tensor => new Tensor(other.value, other.gradFn, other.requiresGrad)
    own.share({ base, view, again: () => (known(ctx, isRowMajor(base)) ? view(base) : undefined) })
    return own
  }
  const quiet: TraceContext = { ...ctx, recorder: undefined, renews: true, ...(ctx.gradMode && { gradMode: { ...ctx.gradMode } }) }
  if (result instanceof Tensor) {
    if (result !== base) link(ctx, result, base, copies, (other) => again(other, quiet) as Tensor)
  } else {
    for (const [i, part] of (itemsOf(result) ?? []).entries()) if (part instanceof Tensor && part !== base) link(ctx, part, base, copies, (other) => itemsOf(again(other, quiet))![i] as Tensor)
  }
  for (const part of itemsOf(result) ?? [result]) if (part instanceof Tensor) part.ordered = base.ordered && !mayReorder(name, part, base)
  return result
}

function link(ctx: TraceContext, tensor: Tensor, base: Tensor, copies: boolean, view: (base: Tensor) => Tensor): void {
  tensor.share({ base, view, again: () => (copies && isCopy(ctx, base, view) ? undefined : view(base)) })
}

/** The steps from a tensor like `base` to a view of it. */
function stepsOf(base: Tensor, view: (base: Tensor) => Tensor): { readonly stand: Value; readonly steps: readonly Value[] | undefined } {
  const { graph, shape, dtype } = base.value
  const stand = input(graph, 'stand-in', shape, dtype)
  return { stand, steps: stepsBetween(stand, view(new Tensor(stand, null, false)).value) }
}

/** Whether reshape and its like had to copy, as far as PyTorch's memory can be known. */
function isCopy(ctx: TraceContext, base: Tensor, view: (base: Tensor) => Tensor): boolean {
  const layout = layoutOf(base)
  return known(ctx, layout && walked(layout, stepsOf(base, view).steps ?? []) === null)
}

function known(ctx: TraceContext, answer: boolean | undefined): boolean {
  return answer ?? fail(ctx, 'not_in_language', 'this tensor is a view or a copy of one that was changed in place, which depends on how PyTorch lays out its memory; use clone() before the change')
}

/** Whether the elements lie one after the other, so that contiguous() has nothing to do. */
export function isRowMajor(tensor: Tensor): boolean | undefined {
  const layout = layoutOf(tensor)
  if (!layout) return undefined
  const dims = flatDims(layout)
  return dims.length === 0 || (dims.length === 1 && dims[0]!.stride === 1)
}

function walked(layout: Layout, steps: readonly Value[]): Layout | null {
  let now: Layout = layout
  for (const { op, attrs, shape } of steps) {
    if (op.kind !== 'view') continue
    const next = op.layout(now, attrs, shape)
    // PyTorch has one stride for each dimension.
    if (!next?.axes.every((axis) => mergeDims(axis).length <= 1)) return null
    now = next
  }
  return now
}

/** How the elements of a tensor lie in memory, or undefined where that is not known. */
function layoutOf(tensor: Tensor): Layout | undefined {
  const { sharing } = tensor
  if (!sharing) return tensor.ordered ? contiguous(tensor.value.shape) : undefined
  const before = layoutOf(sharing.base)
  const { steps } = stepsOf(sharing.base, sharing.view)
  return before && steps && (walked(before, steps) ?? contiguous(tensor.value.shape))
}

const category = (dtype: DType): number => (isFloat(dtype) ? 2 : dtype === 'bool' ? 0 : 1)

/** Whether `made` can be put in the place of `tensor`: its shape, and a dtype that is no narrower. */
export function fitsInto(tensor: Tensor, made: Tensor): boolean {
  return sameShape(tensor.value.shape, made.value.shape) && category(made.value.dtype) <= category(tensor.value.dtype)
}

/** The tensor whose memory `tensor` shows. */
export function rootOf(tensor: Tensor): Tensor {
  return tensor.sharing ? rootOf(tensor.sharing.base) : tensor
}

/** A tensor that gradients are gathered in: PyTorch lets no one change it. */
export function isLeaf(tensor: Tensor): boolean {
  const root = rootOf(tensor)
  return root.requiresGrad && root.gradFn === null
}

/** Changes `tensor`, which was written as `shown`, to `made`. */
export function write(ctx: TraceContext, tensor: Tensor, made: Tensor, shown: string): Tensor {
  if (isLeaf(tensor)) fail(ctx, 'not_in_language', `${shown}: a parameter, or another tensor that gradients are asked of, is not changed in place: make a copy with clone() first`)
  if (!fitsInto(tensor, made)) fail(ctx, sameShape(tensor.value.shape, made.value.shape) ? 'dtype_mismatch' : 'shape_mismatch', `${shown}: the result, a ${describe(made)}, does not fit into a ${describe(tensor)}`)
  const before = new Tensor(tensor.value, tensor.gradFn, tensor.requiresGrad)
  change(ctx, tensor, ew.cast(made.value, before.value.dtype), made.requiresGrad, made.gradFn, shown)
  ctx.recorder?.changed(tensor, before, made)
  return tensor
}

/** As under torch.no_grad(). */
export function withoutGradients(ctx: TraceContext): TraceContext {
  return { ...ctx, gradMode: { enabled: false } }
}

/** Gives `tensor`, its views and what it is a view of another value; `shown` says what does it. */
export function change(ctx: TraceContext, tensor: Tensor, value: Value, flows: boolean, gradFn: string | null, shown: string): void {
  const { sharing } = tensor
  if (!sharing || sharing.again() === undefined) {
    // Under torch.no_grad() the numbers change, and gradients flow as before.
    if (ctx.gradMode?.enabled === false && tensor.requiresGrad) tensor.change(ew.surrogate(value, tensor.value), true, tensor.gradFn)
    else tensor.change(value, flows, gradFn)
    return
  }
  const { base, view } = sharing
  const { steps } = stepsOf(base, view)
  const whole = steps && replaceView(base.value, steps, value)
  if (!steps || !whole) {
    fail(ctx, 'not_in_language', `${shown}: ${showShape(tensor.value.shape)} is a view that shows elements several times, or at places that are computed; change the tensor that it is a view of, or use clone() first`)
  }
  const hidden = steps.some((step) => step.op.name === 'detach')
  change(ctx, base, whole, base.requiresGrad || (flows && !hidden), hidden ? base.gradFn : base.requiresGrad || flows ? 'CopySlices' : null, shown)
}

/** What a layer gives, which with `inplace` takes the place of its input. */
export function changedByLayer(ctx: TraceContext, options: Readonly<Record<string, unknown>>, given: Dynamic | undefined, result: Dynamic, shown: string): Dynamic {
  const changes = options['inplace'] === true && given instanceof Tensor && result instanceof Tensor && result !== given && (isLeaf(given) || fitsInto(given, result))
  return changes ? write(ctx, given, result, `${shown}(inplace=True)`) : result
}
