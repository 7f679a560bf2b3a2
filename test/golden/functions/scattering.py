#!/usr/bin/env python3
"""Makes scattering.json:  python3 test/golden/functions/scattering.py"""
import torch
from golden import Family

family = Family("scattering")
add = family.add
scalar, row, matrix, cube = family.uniform(1)[0], family.uniform(5), family.uniform(3, 4), family.uniform(2, 3, 4)
index = torch.tensor([[1, 0, 2, 3], [0, 0, 3, 1]])
meets = torch.tensor([[1, 1, 0], [3, 3, 3]])
whole = torch.tensor([[5, -3, 2, 7], [1, 8, -6, 0], [4, 4, -2, 9]])
part = family.uniform(2, 5)

# Where elements meet, PyTorch has no order for scatter: its places here are all different.
apart = torch.tensor([[1, 0, 2], [3, 0, 2]])
add("scatter/src", "out = a.scatter(1, i, b) * torch.scatter(a, -1, i, b * 2) + a.scatter(1, i, d)", {"a": matrix, "b": family.uniform(2, 3)}, {"i": apart, "d": part})
add("scatter/along rows", "out = a.scatter(0, i, b[:, 1:])", {"a": matrix, "b": part}, {"i": torch.tensor([[2, 0, 1, 1], [0, 2, 0, 2]])})
add("scatter/value", "out = a.scatter(1, i, 0.75) * torch.scatter(a, 0, j, value=-2)", {"a": matrix}, {"i": meets, "j": torch.tensor([[0, 0, 2]])})
add("scatter/three dimensions", "out = a.scatter(1, i, b[1:])", {"a": cube, "b": family.uniform(2, 2, 4)}, {"i": torch.tensor([[[2, 0, 1, 1], [0, 1, 0, 2]]])})
add("scatter/reduce", "out = a.scatter(1, i, b, reduce='add') + a.scatter(1, i, b, reduce='multiply') * 2", {"a": matrix, "b": part[:, :3]}, {"i": meets},
    reference=lambda a, b, i: a.scatter_add(1, i, b) + a.scatter_reduce(1, i, b, "prod") * 2)
add("scatter/reduce a value", "out = a.scatter(1, i, 1.5, reduce='add') * a.scatter(1, i, 0.5, reduce='multiply')", {"a": matrix}, {"i": meets},
    reference=lambda a, i: a.scatter_add(1, i, torch.full((2, 3), 1.5)) * a.scatter_reduce(1, i, torch.full((2, 3), 0.5), "prod"))
add("scatter/0-d and nothing", "out = s.scatter(0, i, t) + s.scatter(0, i[None], t[None]) * s.scatter(0, i, 2.0) + a.scatter(1, e, 1.0) + a.scatter(1, e, a[:0, :2])", {"s": scalar, "t": family.uniform(1)[0], "a": matrix}, {"i": torch.tensor(0), "e": torch.zeros(0, 2, dtype=torch.int64)})
add("scatter/whole numbers and bools", "out = n.scatter(0, i.clamp(max=2), 9) + n.scatter(1, i, n) * (n > 2).scatter(1, i, False).long() + (n > 2).scatter(1, i, n > 0).long()", {}, {"n": whole, "i": apart})
add("scatter_add", "out = a.scatter_add(1, i, b[:, :3]) * torch.scatter_add(a, dim=0, index=j, src=b[:, 1:])", {"a": matrix, "b": part}, {"i": meets, "j": torch.tensor([[0, 2, 2, 1], [0, 0, 2, 0]])})
add("scatter_add/whole numbers", "out = n.scatter_add(0, i, n) + n.scatter_add(1, i, n)", {}, {"n": whole, "i": torch.tensor([[2, 2, 2, 0]])})
for reduce in "sum prod mean amax amin".split():
    add(f"scatter_reduce/{reduce}", f"out = a.scatter_reduce(1, i, b, '{reduce}') * torch.scatter_reduce(a, 1, i, b, reduce='{reduce}', include_self=False)", {"a": matrix, "b": part[:, :3]}, {"i": meets})
    add(f"scatter_reduce/{reduce}, along rows", f"out = a.scatter_reduce(0, i, b, '{reduce}', include_self=False) + a.scatter_reduce(-2, i, b, '{reduce}', include_self=True) * 2", {"a": matrix, "b": part[:, :4]}, {"i": torch.tensor([[2, 2, 0, 1], [2, 0, 0, 1]])})
    add(f"scatter_reduce/{reduce}, whole numbers", f"out = n.scatter_reduce(1, i, n, '{reduce}') + n.scatter_reduce(1, i, n, '{reduce}', include_self=False)", {}, {"n": whole, "i": meets})
    add(f"scatter_reduce/{reduce}, 0-d and nothing", f"out = s.scatter_reduce(0, i, t, '{reduce}') + a.scatter_reduce(1, e, a[:0, :2], '{reduce}')", {"s": scalar, "t": scalar * 2, "a": matrix}, {"i": torch.tensor(0), "e": torch.zeros(0, 2, dtype=torch.int64)})
add("scatter_reduce/prod with zeros", "out = a.scatter_reduce(0, i, b, 'prod')", {"a": row, "b": torch.tensor([2.0, 0.0, 3.0, 0.0, 1.5, -0.7])}, {"i": torch.tensor([0, 0, 1, 2, 2, 2])})
add("scatter_reduce/amax ties", "out = a.scatter_reduce(0, i, b, 'amax') * 2 + a.scatter_reduce(0, i, b, 'amin')", {"a": torch.tensor([1.0, 2.0, -1.0]), "b": torch.tensor([1.0, 1.0, 2.0, 2.0, 0.5, 0.5])}, {"i": torch.tensor([0, 0, 1, 1, 2, 2])})
add("index_add", "out = a.index_add(0, i, b) * torch.index_add(a, dim=-1, index=j, source=c, alpha=-2) + a.index_add(0, k, b[0:1], alpha=0.5)", {"a": matrix, "b": family.uniform(4, 4), "c": family.uniform(3, 2)}, {"i": torch.tensor([2, 0, 0, 2]), "j": torch.tensor([3, 3]), "k": torch.tensor([1])})
add("index_add/0-d and whole numbers", "out = s.index_add(0, i, t) + n.index_add(1, j, n[:, :2], alpha=3)", {"s": scalar, "t": family.uniform(1)[0]}, {"n": whole, "i": torch.tensor(0), "j": torch.tensor([1, 1])})
add("index_copy", "out = a.index_copy(0, i, b) * torch.index_copy(a, dim=-1, index=j, source=c)", {"a": matrix, "b": family.uniform(2, 4), "c": family.uniform(3, 2)}, {"i": torch.tensor([2, 0]), "j": torch.tensor([3, 1])})
add("index_copy/0-d and nothing", "out = s.index_copy(0, i, t) + a.index_copy(0, e, a[:0])", {"s": scalar, "t": family.uniform(1)[0], "a": matrix}, {"i": torch.tensor(0), "e": torch.zeros(0, dtype=torch.int64)})
add("index_fill", "out = a.index_fill(1, i, 0.5) * torch.index_fill(a, dim=0, index=i[:1], value=-2) + a.index_fill(-1, j, s) + s.index_fill(0, j, 3.0)", {"a": matrix, "s": scalar}, {"i": torch.tensor([2, 0, 2]), "j": torch.tensor(0)})
add("index_fill/whole numbers and bools", "out = n.index_fill(0, i, 7) + (n > 2).index_fill(1, i, True)", {}, {"n": whole, "i": torch.tensor([2, 2])})
for reduce in "prod mean amax amin".split():
    add(f"index_reduce/{reduce}", f"out = a.index_reduce(0, i, b, '{reduce}') * torch.index_reduce(a, 0, i, b, '{reduce}', include_self=False)", {"a": matrix, "b": family.uniform(4, 4)}, {"i": torch.tensor([2, 0, 0, 2])})
def replaced(x, src, dim, places):
    return x.index_copy(dim, torch.tensor(places, dtype=torch.int64), src)


# This PyTorch mistakes the arguments of slice_scatter where some are left out.
add("slice_scatter", "out = a.slice_scatter(b, 1, 1, 3) * torch.slice_scatter(a, c, dim=0, start=-2) + a.slice_scatter(b, -1, 0, 9, 2) + a.slice_scatter(b, 1, 1, None, 2) + a.slice_scatter(a) + a.slice_scatter(a[:0], 0, 3)", {"a": matrix, "b": family.uniform(3, 2), "c": family.uniform(2, 4)},
    reference=lambda a, b, c: replaced(a, b, 1, [1, 2]) * replaced(a, c, 0, [1, 2]) + replaced(a, b, 1, [0, 2]) + replaced(a, b, 1, [1, 3]) + a + a)
add("select_scatter", "out = a.select_scatter(b, 1, -1) * torch.select_scatter(a, src=c, dim=0, index=1)", {"a": matrix, "b": family.uniform(3), "c": family.uniform(4)})
add("masked_scatter", "out = a.masked_scatter(m, b) * torch.masked_scatter(a, mask=m[:1], source=b) + s.expand(3, 4).masked_scatter(m, b)", {"a": matrix, "b": family.uniform(4, 4), "s": scalar}, {"m": torch.tensor([[True, False, True, True], [False, False, True, False], [False, True, False, True]])})
family.write()
