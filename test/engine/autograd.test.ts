/** What torch.autograd refuses inside a program. Its numbers are in test/golden/functions/autograd.json. */
import { describe, expect, it } from 'vitest'
import { ProgramCache, backward, defaultCompileOptions, defaultLimits } from '../../engine/index.ts'

const engine = { cache: new ProgramCache(), limits: defaultLimits, compile: defaultCompileOptions }

function run(...forward: string[]): unknown {
  return backward(
    { model: { parameters: { w: { value: [1, 2] } }, forward }, loss: 'out.sum()', data: { x: [3, 4], i: { data: [1, 2], shape: [2], dtype: 'int64' } }, dtype: 'float64', seed: 0 },
    engine,
  )
}

describe('torch.autograd.grad refuses', () => {
  it.each([
    ['data that asks for no gradients', ['g, = torch.autograd.grad((w * x).sum(), x)', 'out = g'], 'bad_argument', 1, 6, 'inputs[0] does not require grad; for data call requires_grad_() on it first'],
    ['outputs that ask for none', ['x.requires_grad_()', 'torch.autograd.grad((i * 2).sum(), x)'], 'bad_argument', 2, 1, 'outputs[0] does not require grad and has no grad_fn'],
    ['outputs with several numbers', ['torch.autograd.grad(w * x, w)'], 'shape_mismatch', 1, 1, 'outputs[0] has shape [2]; without grad_outputs'],
    ['weights of another shape', ['torch.autograd.grad(w * x, w, x[0])'], 'shape_mismatch', 1, 1, 'grad_outputs[0] of float64 and shape [2] expected, got float64 tensor of shape []'],
    ['another number of weights', ['torch.autograd.grad(w * x, w, (x, x))'], 'bad_argument', 1, 1, '1 outputs take as many grad_outputs, got 2'],
    ['inputs that are not used', ['x.requires_grad_()', 'torch.autograd.grad(w.sum(), x)'], 'bad_argument', 2, 1, 'outputs do not depend on inputs[0]; with allow_unused=True its gradient is None'],
    ['batches of weights', ['torch.autograd.grad(w * x, w, x, is_grads_batched=True)'], 'bad_argument', 1, 1, 'call grad once for each vector'],
    ['numbers', ['torch.autograd.grad(3, w)'], 'bad_argument', 1, 1, 'outputs: a tensor or a tuple of tensors expected, got int 3'],
  ])('%s', (_what, program, code, line, column, message) => {
    expect(() => run(...program)).toThrow(expect.objectContaining({ faults: [expect.objectContaining({ code, message: expect.stringContaining(message), pointer: '/model/forward', line, column })] }))
  })
})

describe('what belongs to the service and not to a program', () => {
  it.each([
    ['out = w * x', 'out.sum().backward()', 'unknown_function', 'POST /v1/backward and /v1/train do the backward pass'],
    ['out = w * x', 'out.retain_grad()', 'unknown_function', 'field "retain_grad" of the request'],
    ['out = w * x', 'out.requires_grad_()', 'bad_argument', 'for tensors that no function made'],
    ['out = w * x', 'i.requires_grad_()', 'dtype_mismatch', 'only floating-point tensors can require gradients, got int64 tensor of shape [2]'],
  ])('%s; %s', (first, second, code, message) => {
    expect(() => run(first, second)).toThrow(expect.objectContaining({ faults: [expect.objectContaining({ code, message: expect.stringContaining(message), line: 2 })] }))
  })
})
