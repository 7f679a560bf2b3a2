#!/usr/bin/env python3
"""Makes matrices.json:  python3 test/golden/functions/matrices.py"""
from golden import Family

family = Family("matrices")
u = family.uniform


def each(name, programs, parameters=None, data=None):
    """Cases that share their tensors; named by what they do."""
    for program in programs:
        family.add(f"{name}/{program.removeprefix('out = ')}", program, parameters, data)


for name in ("tril", "triu"):
    each(name, [f"out = torch.{name}(a)", f"out = a.{name}(1)", f"out = torch.{name}(a, diagonal=-2)", f"out = a.T.{name}(diagonal=2)", f"out = torch.{name}(a, 9)", f"out = torch.{name}(input=a, diagonal=-9)"], {"a": u(3, 5)})
    each(name, [f"out = torch.{name}(b, -1)", f"out = b.{name}() @ b.mT", f"out = torch.{name}(b > 0, 1) * b"], {"b": u(2, 3, 4, 3)})
    each(name, [f"out = torch.{name}(i, 1)"], None, {"i": family.integers(4, 3)})
    each(name, [f"out = a.masked_fill(torch.{name}(torch.ones(4, 4), 1) == 0, float('-inf')).softmax(-1)"] if name == "tril" else [f"out = a.masked_fill(torch.{name}(torch.ones(4, 4), 1) == 1, float('-inf')).softmax(-1)"], {"a": u(2, 4, 4)})
    indices = f"{name}_indices"
    for k, arguments in enumerate(["4, 4", "3, 6", "6, 3", "4, 4, 1", "5, 3, offset=-2", "3, 5, 2", "row=4, col=6, offset=-1", "40, 33, -7", "33, 40, 12", "1, 1", "2, 7, 3"]):
        each(indices, [f"out = torch.{indices}({arguments}) * torch.tensor([[3], [1]])"])
    each(indices, [f"out = torch.{indices}(3, 4, dtype=torch.int64).double().sum(1) + torch.{indices}(3, 3, -5).sum()"])
    each(indices, [f"out = a[torch.{indices}(4, 4, 1)[0], torch.{indices}(4, 4, 1)[1]]"], {"a": u(4, 4)})

each("diag", ["out = torch.diag(a)", "out = a.diag(2)", "out = torch.diag(a, diagonal=-1)", "out = a.T.diag()", "out = torch.diag(input=a, diagonal=4)"], {"a": u(3, 5)})
each("diag", ["out = torch.diag(v)", "out = v.diag(1)", "out = torch.diag(v, -2)", "out = torch.diag(torch.diag(v) @ torch.diag(v, 0))"], {"v": u(4)})
each("diagonal", ["out = torch.diagonal(a)", "out = a.diagonal(1)", "out = torch.diagonal(a, offset=-2)", "out = a.diagonal(-3)"], {"a": u(4, 3)})
each("diagonal", ["out = torch.diagonal(b)", "out = b.diagonal(dim1=-2, dim2=-1)", "out = b.diagonal(-1, 1, 3)", "out = torch.diagonal(b, 1, -1, 0)", "out = torch.diagonal(input=b, offset=-1, dim1=3, dim2=0) ** 2", "out = torch.linalg.diagonal(b)", "out = torch.linalg.diagonal(b, offset=1, dim1=0, dim2=2)"], {"b": u(2, 3, 4, 5)})
each("diag_embed", ["out = torch.diag_embed(a)", "out = a.diag_embed(1)", "out = torch.diag_embed(a, offset=-2)", "out = torch.diag_embed(a, 1, 0, 2)", "out = torch.diag_embed(a, dim1=-1, dim2=0) ** 2", "out = torch.diag_embed(a[0], -1, 1, 0)", "out = a.diag_embed(-1, -3, 1)"], {"a": u(2, 3)})
each("diagflat", ["out = torch.diagflat(a)", "out = a.diagflat(1)", "out = torch.diagflat(a, offset=-2)", "out = torch.diagflat(a[0, 0])"], {"a": u(2, 3)})
each("trace", ["out = torch.trace(a)", "out = (a.T @ a).trace()"], {"a": u(3, 4)})
each("trace", ["out = torch.trace(i)"], None, {"i": family.integers(3, 3)})
each("kron", ["out = torch.kron(a, b)", "out = b.kron(a)", "out = torch.kron(input=a, other=c)", "out = torch.kron(c, a)", "out = torch.kron(v, a)", "out = torch.kron(v, v)", "out = torch.kron(a, v[0])"], {"a": u(2, 3), "b": u(3, 2), "c": u(2, 1, 2), "v": u(3)})
each("cross", ["out = torch.cross(a, b, dim=1)", "out = torch.cross(a, b, -1)", "out = a.cross(b, dim=-1)", "out = torch.linalg.cross(a, b)", "out = torch.linalg.cross(a, b[:1])", "out = torch.linalg.cross(a.T, b.T, dim=0)", "out = torch.linalg.cross(a[0], b[1])", "out = torch.linalg.cross(input=a, other=torch.linalg.cross(a, b), dim=-1)"], {"a": u(4, 3), "b": u(4, 3)})
each("cross", ["out = torch.cross(a, b)", "out = a.cross(b)", "out = torch.cross(a, b, dim=2)"], {"a": u(2, 3, 3), "b": u(2, 3, 3)})
family.write()
