#!/usr/bin/env python3
"""Makes shaping.json:  python3 test/golden/functions/shaping.py"""
import warnings
import torch
from golden import Family

warnings.simplefilter("ignore")
family = Family("shaping")
add = family.add
scalar, one, row, matrix, cube = family.uniform(1)[0], family.uniform(1), family.uniform(5), family.uniform(3, 4), family.uniform(2, 3, 4)
thin, deep, none, hollow = family.uniform(1, 3, 1), family.uniform(2, 1, 3, 2), torch.zeros(0), torch.zeros(2, 0, 3)
whole = torch.arange(6).reshape(2, 3)


def joined(text):
    """A program for a function that gives several tensors: all of them in one row, and how many there are."""
    return [f"parts = {text}", "out = torch.cat([part.reshape(-1) for part in parts] + [torch.tensor([1.0 * len(parts)])] + [torch.tensor([1.0 * part.numel(), 1.0 * part.dim()]) for part in parts])"]


def empty(text):
    """A program whose result has no elements: its shape is compared."""
    return [f"none = {text}", "out = torch.tensor([1.0 * n for n in none.shape]) + none.sum()"]


# ---- the same elements under another shape
add("reshape/spellings", "out = torch.reshape(a, (4, 3)) + a.reshape(2, -1).reshape([4, 3]) + a.reshape(shape=(4, -1)) + torch.reshape(input=a, shape=(-1, 3))", {"a": matrix})
add("reshape/0-d", "out = s.reshape(1, 1) + s.reshape(-1) + a.reshape(()) + torch.reshape(a, ())", {"s": scalar, "a": one})
add("reshape/empty", empty("a.reshape(3, -1, 2)"), {"a": hollow})
add("view/spellings", "out = a.view(-1, 2) + a.view((6, 2)) + a.view(6, -1)", {"a": matrix})
add("view_as and reshape_as", "out = a.view_as(b) * b + a.reshape_as(other=b)", {"a": matrix, "b": family.uniform(2, 6)})
add("flatten/dims", "out = torch.flatten(a, 1, 2).flatten() * a.flatten(-2).flatten(0, -1) + a.flatten(start_dim=0, end_dim=-2).flatten()", {"a": deep})
add("flatten/0-d and empty", "out = torch.flatten(s) + a.flatten(1).sum()", {"s": scalar, "a": hollow})
add("ravel/transposed", "out = torch.ravel(a.T) * a.ravel()", {"a": matrix})
add("unflatten/negative dim", "out = a.unflatten(-1, (2, -1)) * a.unflatten(2, (-1, 2)).unflatten(dim=-4, sizes=(2,))", {"a": cube})
add("unflatten/torch", "out = torch.unflatten(a, 1, (-1, 1)).squeeze(2) * torch.unflatten(input=a, dim=-1, sizes=(2, 2)).sum(-1)[:, :, :1]", {"a": cube}, reference=lambda a: a * a.unflatten(-1, (2, 2)).sum(-1)[:, :, :1])
add("squeeze/all and one", "out = torch.squeeze(a) * a.squeeze(0).squeeze(-1) + a.squeeze(1).squeeze(dim=2).squeeze()", {"a": thin})
add("squeeze/several dims", "out = a.squeeze((0, -1)) + torch.squeeze(a, dim=(0, 1, 2))", {"a": thin}, reference=lambda a: a.squeeze() * 2)
add("squeeze/0-d", "out = s.squeeze() * s.squeeze(0) * s.squeeze(-1)", {"s": scalar})
add("unsqueeze/dims", "out = a.unsqueeze(-1) * torch.unsqueeze(a, 0).reshape(5, 1) + a.unsqueeze(dim=1) * s.unsqueeze(0) + s.unsqueeze(-1)", {"a": row, "s": scalar})
add("expand/new and kept dims", "out = a.expand(4, 3, -1, 2) * b.expand(size=(3, 4, 2)) * s.expand(2) + s.expand((4, 3, 4, 2))", {"a": family.uniform(1, 4, 2), "b": family.uniform(4, 1), "s": scalar})
add("expand/to no elements", empty("a.expand(0, 2, 3)"), {"a": family.uniform(2, 1)})
add("expand_as", "out = a.expand_as(b) * b + s.expand_as(b)", {"a": family.uniform(3, 1), "b": matrix, "s": scalar})
add("broadcast_to", "out = torch.broadcast_to(a, (2, 3, 5)) * a.broadcast_to(size=(2, 3, 5)) + a.broadcast_to(3, 5)", {"a": row})
add("broadcast_tensors", joined("torch.broadcast_tensors(a, b, s)"), {"a": family.uniform(3, 1), "b": family.uniform(2, 1, 4), "s": scalar})
add("atleast", joined("torch.atleast_1d(s, a) + torch.atleast_2d((s, a, b)) + torch.atleast_3d(s, a, b, c) + (torch.atleast_1d(s), torch.atleast_2d(a), torch.atleast_3d(b))"), {"s": scalar, "a": row, "b": matrix, "c": cube})

# ---- the same elements in another order
add("permute/negative dims", "out = a.permute(-1, 0, -2) * torch.permute(a, (2, 0, 1)) + a.permute(dims=(2, 0, 1))", {"a": cube})
add("permute/0-d and empty", "out = s.permute(()) + a.permute(2, 0, 1).sum()", {"s": scalar, "a": hollow})
add("transpose/spellings", "out = a.transpose(0, -1) * torch.transpose(a, 2, 0) + a.swapdims(0, 2) * a.swapaxes(-1, -3) + torch.swapaxes(a, axis0=0, axis1=2) + torch.swapdims(a, dim0=0, dim1=2)", {"a": cube})
add("transpose/same dim and 0-d", "out = a.transpose(1, -2) * s.transpose(0, -1)", {"a": cube, "s": scalar})
add("t", "out = torch.t(a) @ b.t() + a.t() @ s.t().expand(3)[:, None]", {"a": matrix, "b": family.uniform(1, 3), "s": scalar})
add("T, H, mT, mH, adjoint", "out = a.T * a.H + a.mT * a.mH + torch.adjoint(a) * a.adjoint() * s.T * s.mT * s.H", {"a": matrix, "s": scalar})
add("T/three dimensions", "out = a.T + a.mT.permute(1, 2, 0) * a.mH.movedim(0, -1)", {"a": cube})
add("movedim/several", "out = torch.movedim(a, (0, -1), (-1, 0)) * a.moveaxis(source=(3, 0), destination=(0, 3)) + a.movedim(0, 3).movedim(2, 0)", {"a": deep})
add("flip/dims", "out = torch.flip(a, (0, -1)) * a.flip(1) + a.flip(0, 1, 2) + a.flip(dims=[-2]) + a.flip(())", {"a": cube})
add("flip/size 1, 0-d, empty", "out = a.flip(0, 2).flip(-1) + s.flip(0) + b.flip(0, 1).sum()", {"a": thin, "s": scalar, "b": hollow})
add("fliplr and flipud", "out = torch.fliplr(a) * a.flipud() + a.fliplr() + torch.flipud(b[:4]) + b[:4].flipud()", {"a": matrix, "b": row})
add("rot90/turns", "out = torch.rot90(a) @ a.rot90(2) + a.rot90(-3, (0, 1)) @ torch.rot90(a, k=6, dims=[1, 0]) + (a.rot90(1, (1, 0)) @ a.rot90(4))", {"a": matrix})
add("rot90/other dims", "out = a.rot90(1, (-1, 0)) * a.rot90(-1, (0, 2)) + torch.rot90(a, 5, (2, 0))", {"a": cube})
add("roll/flat and along dims", "out = torch.roll(a, 5) * a.roll(-2, 1) + a.roll((1, -3), (0, -1)) + a.roll(shifts=7, dims=-1) + torch.roll(a, (1, 2), (1, 1))", {"a": matrix})
add("roll/0-d and empty", "out = s.roll(3) + a.roll(1, 1).sum() + b.roll(2).sum()", {"s": scalar, "a": hollow, "b": none})

# ---- repeated
add("repeat/new dims", "out = a.repeat(2, 1, 3) + s.repeat(2, 3, 12) + a.repeat((2, 1, 3)) * b.repeat(4)[:12]", {"a": matrix, "b": row, "s": scalar})
add("repeat/none", empty("a.repeat(0, 2)"), {"a": matrix})
add("tile/fewer and more dims", "out = a.tile(2) * torch.tile(a, (3, 1, 2)) + a.tile((1, 1, 2)) + torch.tile(input=a, dims=(2,)) + s.tile(()) * s.tile(8)", {"a": matrix, "s": scalar})
add("repeat_interleave/along dims", "out = a.repeat_interleave(2, 0) @ torch.repeat_interleave(b, 3, dim=-1) + a.repeat_interleave(repeats=2, dim=-2, output_size=6) @ b.repeat_interleave(3, 1)", {"a": matrix, "b": family.uniform(4, 2)})
add("repeat_interleave/flat", "out = torch.repeat_interleave(a, 2) * b.repeat_interleave(24) + s.repeat_interleave(24)", {"a": matrix, "b": one, "s": scalar})
add("repeat_interleave/none", empty("a.repeat_interleave(0, 1)"), {"a": matrix})

# ---- joined
add("cat/spellings", "out = torch.cat((a, b), 1) * torch.concat([b, a], dim=-1) + torch.cat(tensors=(a, b), axis=1)", {"a": matrix, "b": family.uniform(3, 2)})
add("cat/concatenate", "out = torch.concatenate((a, b), dim=1)", {"a": matrix, "b": family.uniform(3, 2)}, reference=lambda a, b: torch.cat((a, b), 1))
add("cat/empty parts", "out = torch.cat((a, e, a[:0], a)) + torch.cat([a[:, :0], a, a[:, 4:]], -1).repeat(2, 1)", {"a": matrix}, {"e": none})
add("cat/dtypes", "out = torch.cat((a, i, i > 1)) + torch.cat((i, i > 2, i)) * torch.cat((i > 2, i > 0, i > 3))", {"a": family.uniform(2, 3)}, {"i": whole})
add("stack/dims", "out = torch.stack((a, b), -1) * torch.stack([b, a], dim=2) + torch.stack((s, t)) + torch.stack((a,), 0).reshape(3, 4, 1) + torch.stack([a, b], axis=-2).mT", {"a": matrix, "b": family.uniform(3, 4), "s": scalar, "t": family.uniform(1)[0]})
add("hstack/vectors and matrices", "out = torch.hstack((a, b)) @ torch.hstack((v, s, v[:0], v[:1], v, v))[:6] + torch.hstack([v[:1], s, s])", {"a": matrix, "b": family.uniform(3, 2), "v": family.uniform(2), "s": scalar})
add("vstack and row_stack", "out = torch.vstack((a, v)) * torch.row_stack((v, a)) + torch.vstack((s,) * 4)", {"a": matrix, "v": family.uniform(4), "s": scalar})
add("dstack/vectors, matrices, more", "out = torch.dstack((a, a, b)) + torch.dstack((v, v, v * v)) + torch.dstack((s, s, s))", {"a": matrix, "b": family.uniform(3, 4), "v": family.uniform(4), "s": scalar})
add("column_stack", "out = torch.column_stack((a, v, a)) * torch.column_stack((v, a, a)) + torch.column_stack((s, s[None], s[None, None], s, s, s, s, s, s))", {"a": matrix, "v": family.uniform(3), "s": scalar})
add("block_diag", "out = torch.block_diag(a, v, s, b) + torch.block_diag(*[s] * 8)[:, :7].repeat(1, 2)[:, :13]", {"a": matrix, "v": family.uniform(5), "s": scalar, "b": family.uniform(3, 3)})
add("block_diag/blocks without columns", "out = torch.block_diag(a, e, a).sum(0) + torch.block_diag(b.expand(1, 8))[0]", {"a": matrix, "b": one}, {"e": torch.zeros(2, 0)})
add("meshgrid/ij and xy", joined("torch.meshgrid(a, b, s, indexing='ij') + torch.meshgrid([a, b, a], indexing='xy') + torch.meshgrid(a, indexing='xy') + torch.meshgrid(a, b)"), {"a": family.uniform(3), "b": family.uniform(4), "s": scalar})
add("cartesian_prod", "out = torch.cartesian_prod(a, b, a).sum(0) * torch.cartesian_prod(b, a)[3:7, :1] + torch.cartesian_prod(a)", {"a": family.uniform(3), "b": family.uniform(4)})
add("combinations", "out = torch.combinations(a) + torch.combinations(a[:4], with_replacement=True) * torch.combinations(a, r=3)[:, 1:] + torch.combinations(a, 4, False).sum()", {"a": row})
add("combinations/none", empty("torch.combinations(a[:2], 3)"), {"a": row})

# ---- taken apart
add("split/sizes", joined("a.split(3, 1) + torch.split(a, [1, 3], dim=-1) + a.split(split_size=2) + torch.split(a, 7) + a.split([0, 3]) + torch.split_with_sizes(a, (2, 2), 1) + a.split_with_sizes([3], dim=0)"), {"a": matrix})
add("split/empty", joined("a.split(2, 1) + a.split(0, 1) + a.split([0, 0], 1)"), {"a": hollow})
add("chunk/more than there are", joined("a.chunk(7, 1) + torch.chunk(a, chunks=2, dim=-1) + a.chunk(2) + e.chunk(3, 1)"), {"a": matrix, "e": hollow})
add("tensor_split/sections and places", joined("torch.tensor_split(a, 3, 1) + a.tensor_split((1, -1), dim=1) + a.tensor_split([2, 1, 9]) + a.tensor_split(5) + torch.tensor_split(a, indices=(), dim=0)"), {"a": matrix})
add("hsplit, vsplit, dsplit", joined("torch.hsplit(a, 3) + a.vsplit(2) + a.dsplit((1, 3)) + torch.hsplit(b, 5) + b.hsplit((2,)) + torch.vsplit(a, [1]) + torch.dsplit(a, 2)"), {"a": cube, "b": row})
add("unbind/dims", joined("a.unbind(-1) + torch.unbind(a, 1) + a.unbind()"), {"a": matrix})
add("select", "out = a.select(-1, -2) * torch.select(a, 2, index=1) + a.select(dim=0, index=-1)[:2, :3] + b.select(1, 0).sum()", {"a": family.uniform(2, 3, 4), "b": family.uniform(1, 3)})
add("narrow", "out = a.narrow(1, 1, 2) * torch.narrow(a, -1, start=-3, length=2) + a.narrow(0, 3, 0).sum()", {"a": matrix})
add("narrow/nothing", empty("a.narrow(-1, 4, 0)"), {"a": matrix})
add("unfold", "out = a.unfold(1, 2, 1).sum(-1) * a.unfold(-1, 3, 5).reshape(3, 3) + a.unfold(dimension=0, size=1, step=2)[0, :3, 0]", {"a": matrix})

# ---- picked
add("index_select", "out = a.index_select(1, i) * torch.index_select(a, dim=-1, index=i) + a[:, 1:].index_select(0, j) + a[:, :3].index_select(0, k)", {"a": matrix}, {"i": torch.tensor([3, 0, 3]), "j": torch.tensor([2, 2, 1]), "k": torch.tensor(1)})
add("index_select/0-d", "out = s.index_select(0, i) * s.index_select(-1, i[0])", {"s": scalar}, {"i": torch.tensor([0])})
add("index_select/nothing", empty("a.index_select(0, i[:0])"), {"a": matrix}, {"i": torch.tensor([0])})
add("gather/smaller index", "out = a.gather(1, i) * torch.gather(a, -1, i, sparse_grad=False) + a.gather(0, i)", {"a": matrix}, {"i": torch.tensor([[0, 2, 1], [2, 2, 0]])})
add("gather/0-d", "out = s.gather(0, i) + v.gather(0, i[0]) + s.gather(-1, i[1]) + s.gather(0, i[:1])", {"s": scalar, "v": row}, {"i": torch.tensor([0, 0, 0])})
add("gather/nothing", empty("a.gather(1, i)"), {"a": matrix}, {"i": torch.zeros(3, 0, dtype=torch.int64)})
add("take", "out = a.take(i) * torch.take(b, i) + s.take(i * 0 - 1) + a.take(i[0, 0])", {"a": cube, "b": matrix, "s": scalar}, {"i": torch.tensor([[3, -1], [0, -12]])})
add("take_along_dim", "out = torch.take_along_dim(a, i, 1) * a.take_along_dim(i, dim=-1) + a.take_along_dim(j, 0)[:, :2]", {"a": matrix}, {"i": torch.tensor([[1, 3]]), "j": torch.tensor([[2], [0], [0]])})
add("take_along_dim/flat", "out = a.take_along_dim(i) * s.take_along_dim(i[0, :1] * 0) + torch.take_along_dim(a, indices=i)", {"a": matrix, "s": scalar}, {"i": torch.tensor([[1, 11, 5]])})

# ---- dtypes and copies
add("conversions", "out = a.long() + a.int() * a.bool().double() + (a > 0).long() + a.detach() * a.clone() + torch.clone(a).contiguous() + a.to(torch.bool).to(a) + a.type_as(b) + i.type_as(a) * i.double() + a.to(torch.int64).to(torch.float64)", {"a": family.uniform(2, 3), "b": one}, {"i": whole})
family.write()
