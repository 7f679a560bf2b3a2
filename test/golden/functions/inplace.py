#!/usr/bin/env python3
"""Makes inplace.json: changes in place, and the views that show them.  python3 test/golden/functions/inplace.py"""
import re
import warnings
import torch
from golden import Family

warnings.simplefilter("ignore")
family = Family("inplace")
matrix, other, vector, thin, square, cube = family.uniform(3, 4), family.uniform(3, 4), family.uniform(4), family.uniform(3, 1), family.uniform(4, 4), family.uniform(2, 3, 4)
scalar = family.uniform(1)[0]
given = {"m": matrix, "n": other, "v": vector, "c": thin, "q": square, "t": cube, "s": scalar}
numbers = {"i": torch.tensor([2, 0, 2]), "k": torch.tensor([1, 3, 0]), "mask": family.bools(3, 4), "row": torch.tensor([True, False, True, True])}


def add(name, program, *results):
    """The result is all of `results` in one row."""
    names = [key for key in given if re.search(rf"(?<![\w.]){key}(?!\w)", program + " " + " ".join(results))]
    data = {key: value for key, value in numbers.items() if re.search(rf"\b{key}\b", program)}
    together = "out = torch.cat([" + ", ".join(f"({result}).reshape(-1)" for result in results) + "])"
    family.add(name, program.split("\n") + [together], {key: given[key] for key in names}, data)


add("element", "x = torch.zeros(3, 4)\nx[0, 0] = s\nx[1] = v\nx[:, 2] = v[:3]\nx[-1, 1:3] = 7", "x")
add("element by element", "x = torch.zeros(3, 4)\nfor a in range(3):\n    for b in range(4):\n        x[a, b] = m[a, b] * (a + b)", "x")
add("strided slices", "x = m.clone()\nx[::2, 1::2] = n[::2, 1::2] * 3\nx[1::2, ::3] -= 1", "x")
add("None and ellipsis", "x = t.clone()\nx[None, 0, ..., 1] = 3\nx[..., -1] *= s", "x")
add("mask of data", "x = m.clone()\nx[mask] = 0\nx[x > 1] = s\nx[~mask] *= v.sum()", "x * m")
add("mask of some dimensions", "x = t.clone()\nx[:, mask] = s\nx[..., row] += 1\nx[0, :, row] = c", "x")
add("mask and rows", "x = m.clone()\nx[mask[:, 0]] = v\nx[mask[:, 1]] -= v", "x")
add("index tensors", "x = m.clone()\nx[i] = n\nx[:, k] = n[:, :3]", "x")
add("pairs of indices", "x = m.clone()\nx[torch.arange(3), k] = v[:3]\nx[[0, 2], [1, 1]] += 2 * s", "x")
add("index and slice", "x = t.clone()\nx[0, i, 1:] = m[:, 1:]\nx[:, k % 3, 0] = v[:3]", "x")
add("index_put", "x = m.clone()\nx.index_put_((i, k), v[:3], accumulate=True)\ny = torch.index_put(m, (k % 3,), v)", "x", "y")
add("two names", "x = m * 1\ny = x\ny.mul_(2)\nx.add_(n)", "x", "y")
add("view of what changes", "x = m * 1\ny = x[0]\nz = x.T\nx.mul_(y.sum())", "x", "y", "z")
add("change of a view", "x = m * 1\ny = x[0]\ny.mul_(3)\nx[0, 1] = 5.0", "x", "y * 2")
add("views of views", "x = t * 1\ny = x.transpose(1, 2)[0]\nz = y.unsqueeze(0)[:, 1:, ::2]\nz.add_(s)\nx[0] *= 2", "x", "y", "z")
add("view and reshape", "x = m * 1\ny = x.view(2, 6)\ny[1, 2:] = s\nz = x.reshape(-1)\nz[0] = 2 * s", "x", "y", "z")
add("reshape that copies", "x = m * 1\ny = x.T.reshape(-1)\nz = x.T.contiguous()\nx.zero_()\ny[0] = s", "x", "y", "z")
add("transposed, then reshaped", "x = m * 1\ny = x.T.reshape(2, 2, 3)\ny[0] = 0\nx.mul_(2)", "x", "y")
add("copies stay", "x = m * 1\ny, z = x + 0, x.clone()\nx.fill_(s)", "x", "y", "z")
add("augmented", "x = m.clone()\nx += n\nx -= 1\nx *= c\nx /= 2\nx **= 2", "x")
add("changed, then bound anew", "x = m.clone()\ny = x\nx.add_(1)\nx = x + 1\nx *= 2", "x", "y")
add("argument of a function", "def f(h):\n    h.add_(1)\n    return h * 2\nx = m * 2\ny = f(x)", "x", "y")
add("list of one tensor", "x, hs = m * 1, []\nfor a in range(3):\n    x.add_(a)\n    hs.append(x)", "torch.stack(hs)")
add("inplace=True", "x = m * 1\ny = F.relu(x, inplace=True)\nz = nn.LeakyReLU(0.2, inplace=True)(x - 1)\nw = m * 2\nF.elu_(w)", "x", "y", "z", "w")
add("scatter_ into zeros", "x = torch.zeros(3, 4).scatter_(1, k.unsqueeze(1), 1.0)\ny = torch.zeros(4)\ny.scatter_add_(0, k, v[:3])", "x * m", "y")
add("index_add_ and its like", "x = m.clone()\nx.index_add_(0, i, n, alpha=2)\nx.index_fill_(1, torch.tensor([0]), -1)\nx.index_copy_(0, torch.tensor([1]), n[:1])", "x")
add("masked_fill_", "x = m.clone()\nx.masked_fill_(mask & row, float('-inf')).masked_fill_(~row, 0)", "torch.softmax(x, 1)")
add("chain", "x = m.clone().clamp_(-1, 1).neg_().add_(2)\ny = q.clone().tril_().t_()", "x", "y")
add("fill_diagonal_ and diagonal", "x = q.clone()\nx.fill_diagonal_(0.5)\nx.diagonal(1).mul_(s)", "x")
add("unsqueeze_, squeeze_, transpose_", "x = m.clone()\nx.unsqueeze_(0)\ny = x.squeeze_().transpose_(0, 1)\ny[0] = 0", "x", "y")
add("no_grad", "x = m * 2\nwith torch.no_grad():\n    x.clamp_(min=0)\n    x[0] += 1", "x * m")
add("data and detach", "x = m * 2\ny = x.detach()\nx.data.clamp_(-1, 1)\ny[0] = 3", "x * 3", "y")
add("dtypes", "x = torch.zeros(3, dtype=torch.long)\nx += 1\nx[0] = 7.9\ny = torch.ones(3, 4, dtype=torch.bool)\ny[:, 0] = False\ny[0] &= row\nz = torch.empty(4)\nz.copy_(x[0]).sub_(v)", "x.double()", "y.double() * m", "z")
add("out=", "x = torch.zeros(3, 4)\nz = torch.add(x, 2, out=x)\ntorch.mul(x, 3, out=x)", "x * m", "z")
add("swapped rows", "x = m.clone()\nx[0], x[1] = x[1].clone(), x[0].clone()", "x")
add("positional encoding", "pe = torch.zeros(3, 4)\npos = torch.arange(3).unsqueeze(1)\ndiv = torch.exp(torch.arange(0, 4, 2) * (-math.log(10000.0) / 4))\npe[:, 0::2] = torch.sin(pos * div)\npe[:, 1::2] = torch.cos(pos * div)", "m + pe")
add("gradients inside a program", "x = m * 1\ng, = torch.autograd.grad(x.pow(3).sum(), x, create_graph=True)\nx = x - 0.1 * g\nx.sub_(0.5)\nx[0] = v", "x")
# PyTorch changes the tensor here: a new value is what + gives.
family.add("augmented, with other names and views", ["def f(h):", "    h *= 2", "    return h", "x = m * 1", "y, z = x, x[0]", "x += n", "z -= 1", "u = f(y)", "with torch.no_grad():", "    u /= 2", "out = torch.stack([x, y, u]) + z"], {"m": matrix, "n": other}, reference=lambda m, n: torch.stack([m + n, m, m.detach()]) + (m[0] - 1))
family.write()
