/** Statements and expressions of the language, for readers: each with a program that runs with `x` of shape [2, 3]. */

export interface Construct {
  readonly name: string
  readonly example: readonly string[]
  /** What is to know of it, where Python's meaning does not say it all. */
  readonly note?: string
}

export const statements: readonly Construct[] = [
  { name: 'assignment', example: ['a = b = x * 2'] },
  { name: 'unpacking', example: ['(a, b, c), *rest = x', 'n, m = x.shape'], note: 'of tuples, lists and tensors, also nested; one name may have a star' },
  { name: 'augmented assignment', example: ['a = x', 'a += 1'], note: 'gives the name a new value: other names and views of the tensor keep theirs; a list changes under all its names' },
  { name: 'elements', example: ['a = torch.zeros(2, 3)', 'a[0] = x[1]', 'a[:, 1] += 1', 'a[a > 2] = 0', 'hs = [x, a]', 'hs[0] = x * 2'], note: 'of tensors, lists and dictionaries' },
  { name: 'changes in place', example: ['a = x * 2', 'row = a[0]', 'row.clamp_(0, 1).mul_(3)', 'b = a + row'], note: 'methods with an underscore; views and what they are views of follow: [changes in place](in-place.md)' },
  { name: 'if, elif, else', example: ['a = x', 'if x.shape[0] > 1:', '    a = x.mean(dim=0)', 'elif x.mean() > 0:', '    a = -x'], note: 'a condition is a number, a shape, or a tensor of one element' },
  { name: 'for, else', example: ['a = 0', 'for i in range(3):', '    if i == 1:', '        continue', '    a = a + x * i'], note: 'over ranges, tuples, lists, keys of dictionaries and the first dimension of a tensor' },
  { name: 'while, else', example: ['a = x', 'while a.norm() > 1:', '    a = a / 2'], note: 'the loop is unrolled; so is for' },
  { name: 'def', example: ['def f(a, b=2, *rest, c=1, **more):', '    return a * b + c', 'y_hat = f(x, c=3)'], note: 'with defaults and parameters by position or name; recursion up to 64 levels' },
  { name: 'return, break, continue, pass', example: ['def f(a):', '    for i in range(9):', '        if i > 2:', '            break', '        a = a * 2', '    return a', 'y_hat = f(x)'] },
  { name: 'with', example: ['with torch.no_grad():', '    a = x * 2'], note: 'torch.no_grad, enable_grad, inference_mode and set_grad_enabled' },
  { name: 'assert', example: ['assert x.shape[1] == 3, "three columns"'] },
  { name: 'del', example: ['a = x', 'del a'], note: 'names' },
  { name: 'import', example: ['import torch.nn.functional as F', 'from math import pi'], note: 'torch and math; they are there without it too, and so are F and nn' },
]

export const expressions: readonly Construct[] = [
  { name: 'numbers, text, constants', example: ['a = [1, 2.5, 1e-3, 0x1F, "mean", True, None, ...]'] },
  { name: 'arithmetic', example: ['a = -x + x * 2 - x / 3 // 1 % 2 ** 2', 'b = x @ x.T'] },
  { name: 'comparisons and chains of them', example: ['a = (x > 0) == (x < 1)', 'b = 0 < x.shape[0] <= 2', 'c = None is not x'], note: '==, !=, <, <=, >, >=, is, is not, in, not in' },
  { name: 'logic', example: ['a = (x > 0) & ~(x > 1) | (x == 0)', 'b = x.shape[0] == 2 and not x.shape[1] == 2'], note: 'and, or and not take conditions; &, |, ^ and ~ go elementwise' },
  { name: 'bits', example: ['a = 6 & 3 | 8 ^ 1 << 2 >> 1'] },
  { name: 'choice', example: ['a = x if x.shape[0] > 1 else -x'] },
  { name: 'indexing', example: ['a = x[0, -1]', 'b = x[:, None, 1::2]', 'c = x[..., torch.tensor([0, 2])]', 'd = x[torch.tensor([True, False])]'], note: 'ints, slices with negative bounds, None, ..., tensors of indices, masks that the program itself spells out; a mask of data is refused, as its shape depends on values' },
  { name: 'attributes and methods', example: ['a = x.T.sum(dim=0).shape[0]'] },
  { name: 'calls', example: ['a = torch.sum(x, dim=0, keepdim=True)', 'b = torch.cat([*x, *x])', 'c = torch.sum(x, **{"dim": 0})'] },
  { name: 'modules of the model', example: ['a = fc(x)', 'b = fc.weight'], note: 'by the names of model.modules' },
  { name: 'tuples, lists, dictionaries', example: ['a = (x, 1)', 'b = [*a, 2]', 'b.append(x)', 'c = {"h": x, **{"k": 1}}', 'd = c.get("h")'], note: 'with their methods, among them append, extend, insert, pop, index, keys, values, items, get, update' },
  { name: 'comprehensions', example: ['a = torch.stack([row * i for i, row in enumerate(x) if i > 0])', 'b = {i: row for i, row in enumerate(x)}'] },
  { name: 'lambda', example: ['a = (lambda t, k=2: t * k)(x)'] },
  { name: 'named expressions', example: ['a = (n := x.shape[0]) * n'] },
]
