/** Conversions between dtypes, copies, and what a tensor tells about itself. */
import type { DType, Value } from '../ir/value.ts'
import { numel } from '../ir/value.ts'
import type { Dynamic } from '../lang/values.ts'
import { fail, int, tuple } from '../lang/values.ts'
import * as ew from '../ops/elementwise.ts'
import type { Home } from './define.ts'
import { define, signature } from './define.ts'
import { dtype, integer, optional, resolveDim, tensor } from './parameters.ts'

const everywhere: readonly Home[] = ['torch', 'Tensor']

for (const [name, target] of [['float', 'float32'], ['double', 'float64'], ['long', 'int64'], ['bool', 'bool']] as const) {
  define({ names: name, homes: ['Tensor'], doc: `Converts to ${target}`, gradFn: 'ToCopyBackward0' }, signature({ input: tensor }, ({ input }) => ew.cast(input, target)))
}
define({ names: 'int', homes: ['Tensor'], doc: 'Converts to whole numbers (int64)' }, signature({ input: tensor }, ({ input }) => ew.cast(input, 'int64')))
define({ names: ['to', 'type'], homes: ['Tensor'], doc: 'Converts to a dtype', gradFn: 'ToCopyBackward0' },
  signature({ input: tensor, dtype }, ({ input, dtype: target }: { input: Value; dtype: DType }) => ew.cast(input, target)),
  signature({ input: tensor, other: tensor }, ({ input, other }) => ew.cast(input, other.dtype)))
define({ names: 'type_as', homes: ['Tensor'], doc: 'Converts to the dtype of other', gradFn: 'ToCopyBackward0' }, signature({ input: tensor, other: tensor }, ({ input, other }) => ew.cast(input, other.dtype)))

define({ names: 'detach', homes: everywhere, doc: 'The same numbers; no gradient flows back' }, signature({ input: tensor }, ({ input }) => ew.detach(input)))
define({ names: 'clone', homes: everywhere, doc: 'A copy', gradFn: 'CloneBackward0' }, signature({ input: tensor }, ({ input }) => ew.copy(input)))
define({ names: 'contiguous', homes: ['Tensor'], doc: 'The same tensor', gradFn: 'CloneBackward0' }, signature({ input: tensor }, ({ input }) => input))

function question(name: string, doc: string, answer: (x: Value) => Dynamic): void {
  define({ names: name, homes: ['Tensor'], doc }, signature({ input: tensor }, ({ input }) => ({ static: answer(input) })))
}

question('numel', 'Number of elements', (x) => int(numel(x.shape)))
question('nelement', 'Number of elements', (x) => int(numel(x.shape)))
question('dim', 'Number of dimensions', (x) => int(x.shape.length))
question('is_floating_point', 'Whether the dtype is a floating-point one', (x) => ({ kind: 'boolean', value: x.dtype.startsWith('float') }))
define({ names: 'numel', homes: ['torch'], doc: 'Number of elements' }, signature({ input: tensor }, ({ input }) => ({ static: int(numel(input.shape)) })))
define({ names: 'size', homes: ['Tensor'], doc: 'The shape, or one size of it' },
  signature({ input: tensor, dim: optional(integer) }, ({ input, dim }, ctx) => ({
    static: dim === undefined ? tuple(input.shape.map(int)) : int(input.shape[resolveDim(ctx, dim, input.shape.length)] ?? fail(ctx, 'bad_argument', 'size(): a tensor without dimensions has no sizes')),
  })))
