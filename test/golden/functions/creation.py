#!/usr/bin/env python3
"""Makes creation.json:  python3 test/golden/functions/creation.py"""
import torch
from golden import Family

family = Family("creation")
add = family.add
scalar, row, matrix, cube = family.uniform(1)[0], family.uniform(5), family.uniform(3, 4), family.uniform(2, 3, 4)


def described(text):
    """A program for tensors whose dtype and shape count as much as their numbers."""
    return [f"made = {text}", "out = torch.cat([torch.cat([t.reshape(-1).double(), torch.tensor([1.0 * t.ndim, 1.0 * t.numel(), float(t.is_floating_point()), float(t.dtype == torch.bool)])]) for t in made])"]


def checked(name, text, parameters=None, data=None):
    add(name, described(text), parameters, data)


checked("zeros and ones", "[torch.zeros(2, 3), torch.zeros((2, 0)), torch.zeros(()), torch.ones([3]), torch.ones(size=(1, 2)), torch.zeros(2, dtype=torch.int64), torch.ones(2, dtype=torch.bool), torch.zeros(2, dtype=None, device='cpu', requires_grad=False)]")
checked("like and new", "[torch.zeros_like(a), torch.ones_like(n), torch.ones_like(a, dtype=torch.int64), torch.full_like(a, 2), torch.full_like(n, 2.7), torch.full_like(n, 2, dtype=torch.float64), a.new_zeros(2, 3), n.new_zeros((2,)), n.new_ones(2, dtype=torch.float64), a.new_ones(()), n.new_full((2,), 3), a.new_full((1, 2), 3), a.new_tensor([1, 2]), n.new_tensor([1, 2]), n.new_tensor([1.5])]", {}, {"a": matrix, "n": torch.arange(4)})
checked("full", "[torch.full((2, 3), 1.5), torch.full((2,), 7), torch.full((), True), torch.full((2,), 7, dtype=torch.float64), torch.full([1], float('inf')).isinf(), torch.full((2,), 2.9, dtype=torch.int64), torch.full((0, 2), 1.0)]")
add("full/of a tensor", "out = torch.full((2, 3), s) * a", {"s": scalar, "a": family.uniform(2, 3)}, reference=lambda s, a: s * a)
checked("arange", "[torch.arange(5), torch.arange(5.0), torch.arange(2, 9, 3), torch.arange(1, 0, -0.25), torch.arange(0), torch.arange(3, 3), torch.arange(start=1, end=2, step=0.3), torch.arange(2, dtype=torch.float64), torch.arange(1.5, 4), torch.arange(-2, 2), torch.arange(end=3), torch.arange(0, 1, 0.1, dtype=torch.float64)]")
checked("range", "[torch.range(1, 4), torch.range(0, 1, 0.3), torch.range(5, 1, -2)]")
checked("linspace", "[torch.linspace(0, 1, 5), torch.linspace(3, -2, 4), torch.linspace(2, 9, 1), torch.linspace(2, 9, 0), torch.linspace(start=0, end=10, steps=11, dtype=torch.int64), torch.linspace(-1, 1, steps=6)]")
checked("logspace", "[torch.logspace(0, 2, 3), torch.logspace(-1, 1, 4, 2), torch.logspace(start=1, end=0, steps=3, base=0.5), torch.logspace(2, 3, 1), torch.logspace(0, 1, steps=0)]")
checked("eye", "[torch.eye(3), torch.eye(2, 4), torch.eye(4, 2, dtype=torch.int64), torch.eye(0), torch.eye(n=2, m=0), torch.eye(1, dtype=torch.bool)]")
checked("triangles of places", "[torch.tril_indices(3, 4, 1), torch.tril_indices(row=4, col=2, offset=-1), torch.triu_indices(3, 3), torch.tril_indices(2, 2, -2)]")
checked("tensor/dtypes", "[torch.tensor(3), torch.tensor(3.5), torch.tensor(True), torch.tensor([1, 2.5]), torch.tensor([[1, 2], [3, 4]]), torch.tensor([True, False]), torch.tensor([True, 2]), torch.tensor([]), torch.tensor([[], []]), torch.tensor(((1,), (2,))), torch.tensor([1.7, -1.7], dtype=torch.int64), torch.tensor([0, 0.5], dtype=torch.bool), torch.tensor([1, 2], dtype=torch.float64), torch.tensor(range(3)), torch.as_tensor([1, 2]), torch.asarray([1.5])]")
add("tensor/of tensors", "out = torch.tensor([s.detach(), 2.0]) * torch.as_tensor(b) + torch.as_tensor(b, dtype=torch.float64)", {"s": scalar, "b": family.uniform(2)}, reference=lambda s, b: torch.stack([s.detach(), torch.tensor(2.0)]) * b + b)
checked("one_hot", "[torch.nn.functional.one_hot(n, 4), torch.nn.functional.one_hot(n[0, 0], num_classes=5), torch.nn.functional.one_hot(torch.tensor([2, 0])), torch.nn.functional.one_hot(torch.arange(3) % 2), torch.nn.functional.one_hot(n[:0], 2)]", {}, {"n": torch.tensor([[1, 3], [0, 0]])})
checked("dtypes", "[n.float().double(), n.double() / 2, a.long(), a.bool(), (a * 3).int().long(), n.to(torch.float64) / 2, a.to(n), n.to(a), a.to('cpu'), a.to('cpu', torch.int64), n.type(torch.float64), n.type_as(a), a.to(dtype=torch.int64), a.to(torch.float64, copy=True), a.cpu(), n.to(torch.bool, non_blocking=True)]", {"a": family.uniform(2, 2, low=-4, high=4)}, {"n": torch.tensor([[1, 0], [-2, 3]])})
add("conversions let gradients through", "out = a.to(torch.float64) * a.double() + a.to(b) * a.type_as(b) + a.to('cpu') * a.cpu() + a.clone() * a.contiguous() * a.detach() + a.type(torch.float64)", {"a": matrix}, {"b": row})
add("questions", "out = torch.tensor([a.numel(), torch.numel(a), a.nelement(), a.dim(), a.ndim, a.ndimension(), a.size(1), a.size(-1), a.size()[0], a.size(dim=2), len(a), a.shape[-2], int(a.is_floating_point()), int(torch.is_floating_point(n)), int(torch.is_tensor(a)), int(torch.is_tensor(1)), int(a.is_complex()), int(n.is_signed()), n.element_size()]) * 1.0", {}, {"a": cube, "n": torch.tensor([1])})
add("numbers of constants", "t = torch.arange(6).reshape(2, 3) * 2\nout = torch.tensor([t.sum().item(), t[1, 2].item(), float(t[0, 1]), int(torch.tensor(2.9)), torch.tensor(0.5).item(), sum(t.tolist()[1]), 1 if t.max() > 9 else 0, int(torch.tensor([[True]]).item()), len(torch.eye(3).tolist()), torch.tensor(3).tolist()]) * a", {"a": family.uniform(10)})
add("requires_grad of what is made", "t = torch.ones(2, requires_grad=True)\nu = torch.ones(2, requires_grad=True)\ng, h = torch.autograd.grad((t * u * u * a).sum(), (t, u), create_graph=True)\nout = g + 3 * h", {"a": family.uniform(2)})
add("device", "out = torch.zeros(3, device=a.device) + a.to(a.device) * torch.ones(3, device=torch.device('cpu'))", {"a": family.uniform(3)})

# ---- indexing
mask = torch.tensor([[True, False, True, True], [False, False, True, False], [False, True, False, True]])
index, places = torch.tensor([[1, 0], [2, -1]]), torch.tensor([2, 0, -1])
add("index/basic", "out = a[1, -2] + a[0][1] * a[-1, :2].sum() + a[1:, ::2].sum() + a[..., 1:-1].sum() + a[:, None, 0].sum() + a[-2:, -3::2].prod() + a[()].sum() + a[None, ..., None].sum() + a[5:].sum() + a[1:-3:2].sum()", {"a": matrix})
add("index/three dimensions", "out = a[0, ..., -1] + a[..., 1, 2].sum() + a[:, 1, ::3].sum(0)[0] + a[1, 2][1:].sum() + a[-1:, :, None].sum() + a[0, None, :2, None].shape[1]", {"a": cube})
add("index/tensors", "out = a[i] * a[i, j[0]][..., None] + a[:, j[:2]].sum() + a[i[0], :2].sum() + a[i[:, :1], j].sum() + a[None, i].sum() + a[j[1]] * s[None][i * 0].sum()", {"a": family.uniform(4, 4), "s": scalar}, {"i": index, "j": places})
add("index/tensors apart", "out = a[i, :, j[:2]].sum(0) * a[:2, j, 1:3].sum(1)[:, :1] + a[1, j].sum() + a[j[:2] - 2, None, 1].sum() + a[..., j][0, 0, 0] + a[:, 1, j].sum()", {"a": family.uniform(3, 4, 4)}, {"i": index, "j": places})
add("index/lists", "out = a[[1, 0, -1]] * a[:, [0, 2, 2, 1]] + a[[2], [3]] + a[[0, 1], 1:3].sum() + a[range(2)].sum() + a[[[1]][0]].sum()", {"a": matrix})
add("index/masks of the program", "out = a[[True, False, True]] * a[torch.tensor([False, True, True])] + a[:, [False, True, True, False]].sum() + a[torch.eye(3, 4) > 0].sum() + a[torch.arange(3) > 0, 1].sum() + a[torch.arange(12).reshape(3, 4) % 5 == 2].prod()", {"a": matrix})
add("index/mask without a true one", "out = a[torch.zeros(3, dtype=torch.bool)].sum() + a.sum() + a[torch.tensor(2)].sum()", {"a": matrix})
add("index/mask times", "out = (a * m).sum(1) + torch.where(m, a, 0 * a).sum(1) * a.masked_fill(m, 0.5).sum(1)", {"a": matrix}, {"m": mask})
add("index/empty", "out = a[[]].sum() + a[:, 2:2].sum() + a[j[:0]].sum() + a.sum() + e[:, 1:].sum()", {"a": matrix}, {"j": places, "e": torch.zeros(0, 3)})
checked("tensor/classes", "[torch.Tensor(n), torch.Tensor(n > 0), torch.Tensor(a), torch.LongTensor(n), torch.BoolTensor(n > 0), torch.Tensor([1, 2]), torch.Tensor(2, 1) * 0, torch.DoubleTensor([1, 2])]", {"a": family.uniform(2)}, {"n": torch.tensor([1, -2])})
add("memory is row-major", "b = a.permute(0, 1)\nc = n.permute(0) * 2 + b[0]\nd = a[:, None].mT + 1\nout = torch.tensor([1.0 * t.is_contiguous() for t in (a, b, c, d, d.sum(1), a.T.reshape(6), a[:, :2], a.T, a[:, None].transpose(0, 1), (b * 2)[1:], a.expand(1, 2, 3) + 1)]) * a[0, 0]", {"a": family.uniform(2, 3)}, {"n": torch.arange(3)})
checked("logspace/whole numbers", "[torch.logspace(1.5, 0, 1, 3, dtype=torch.int64), torch.logspace(1.5, 3, 4, 2, dtype=torch.int64), torch.logspace(0.5, 2, 3, dtype=torch.int64)]")
add("index/rows of what is flipped", "out = a.flip(1)[i] * b.flip((0, 1))[i, :] + torch.index_select(a.flip(-1), 0, i).flip(0) * a.flip(0)[:, [2, 0, 1, 4, 3]][i]", {"a": family.uniform(3, 5), "b": family.uniform(3, 5)}, {"i": torch.tensor([2, 0, 0, 1])})
family.write()
