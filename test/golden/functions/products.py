#!/usr/bin/env python3
"""Makes products.json:  python3 test/golden/functions/products.py"""
import torch
from golden import Family

family = Family("products")
u = family.uniform


def each(name, programs, parameters=None, data=None):
    """Cases that share their tensors; named by what they do."""
    for program in programs:
        family.add(f"{name}/{program.removeprefix('out = ')}", program, parameters, data)


v3, v4, m34, m42 = u(3), u(4), u(3, 4), u(4, 2)
ranks = {"v": u(4), "m": u(3, 4), "b": u(2, 3, 4), "c": u(2, 1, 3, 4), "w": u(4), "n": u(4, 5), "d": u(2, 4, 5), "e": u(3, 4, 5), "f": u(1, 2, 4, 5)}
for left, right in ["vw", "vn", "vd", "vf", "mw", "mn", "md", "mf", "bw", "bn", "bd", "bf", "cw", "cn", "cd", "ce", "cf"]:
    family.add(f"matmul/{left} @ {right}", f"out = {left} @ {right}", {left: ranks[left], right: ranks[right]})
each("matmul", ["out = torch.matmul(m, n)", "out = m.matmul(other=n)", "out = torch.linalg.matmul(m, n)", "out = torch.matmul(input=m.T, other=m)", "out = m @ m.T @ m", "out = m[:, ::2] @ n[::2]"], {"m": ranks["m"], "n": ranks["n"]})
each("matmul of whole numbers", ["out = i @ j", "out = torch.matmul(i, j[:, 0])", "out = i[0] @ j", "out = torch.stack([i, i]) @ j", "out = torch.bmm(i[None], j[None])", "out = i.mv(j[:, 1])", "out = torch.dot(i[0], i[1])"], None, {"i": family.integers(3, 4, low=-5), "j": family.integers(4, 2, low=-5)})
each("matmul without elements", ["out = torch.zeros(2, 3, 0) @ torch.zeros(2, 0, 3) + a", "out = torch.zeros(3, 0) @ torch.zeros(0, 3) + a", "out = torch.zeros(2, 3, 0) @ torch.zeros(0) + a[:2]", "out = torch.zeros(0) @ torch.zeros(0, 3) + a", "out = torch.zeros(0) @ torch.zeros(0) + a", "out = torch.einsum('ik,kj->ij', torch.zeros(3, 0), torch.zeros(0, 3)) + a"], {"a": u(3, 3)})
each("mm", ["out = torch.mm(a, b)", "out = a.mm(b)", "out = torch.mm(input=a, mat2=b)"], {"a": m34, "b": m42})
each("bmm", ["out = torch.bmm(a, b)", "out = a.bmm(mat2=b)"], {"a": u(3, 2, 4), "b": u(3, 4, 5)})
each("mv", ["out = torch.mv(a, b)", "out = a.mv(vec=b)"], {"a": m34, "b": v4})
each("dot", ["out = torch.dot(a, b)", "out = a.dot(tensor=b)", "out = torch.vdot(a, b)", "out = a.vdot(other=b)", "out = torch.inner(a, b)", "out = a.inner(b)"], {"a": v4, "b": u(4)})
each("inner", ["out = torch.inner(a, b)", "out = a.inner(other=b[0])", "out = torch.inner(a[0], b)", "out = torch.inner(a, a[0, 0, 1])", "out = torch.inner(a[0, 0, 1], b)"], {"a": u(2, 3, 4), "b": u(5, 4)})
each("outer", ["out = torch.outer(a, b)", "out = a.outer(vec2=b)", "out = torch.ger(a, b)", "out = a.ger(b)"], {"a": v3, "b": v4})
vecdot = {"a": u(2, 3, 4), "b": u(2, 3, 4)}
family.add("vecdot/last", "out = torch.linalg.vecdot(a, b)", vecdot, reference=lambda a, b: (a * b).sum(-1))
family.add("vecdot/dim, broadcast", "out = torch.linalg.vecdot(a, b[:1], dim=1)", vecdot, reference=lambda a, b: (a * b[:1]).sum(1))

# ---- sums with a product

for scale in ["", ", beta=0.5", ", alpha=-2", ", beta=2, alpha=0.3"]:
    each("addmm", [f"out = torch.addmm(c, a, b{scale})", f"out = c[0].addmm(a, b{scale})"], {"a": m34, "b": m42, "c": u(3, 2)})
    each("addmv", [f"out = torch.addmv(c, a, v{scale})", f"out = c[:1].addmv(a, v{scale})"], {"a": m34, "v": v4, "c": u(3)})
    each("addr", [f"out = torch.addr(c, a, b{scale})", f"out = c[:, :1].addr(a, b{scale})"], {"a": v3, "b": v4, "c": m34})
    each("addbmm", [f"out = torch.addbmm(c, a, b{scale})", f"out = c[0].addbmm(a, b{scale})"], {"a": u(3, 2, 4), "b": u(3, 4, 5), "c": u(2, 5)})
    each("baddbmm", [f"out = torch.baddbmm(c, a, b{scale})", f"out = c[0].baddbmm(a, b{scale})"], {"a": u(3, 2, 4), "b": u(3, 4, 5), "c": u(3, 2, 5)})
# With beta=0 this PyTorch reads memory that is not set, so the reference leaves the input out.
for name, left, right, program in [("addmm", m34, m42, "a @ b"), ("addmv", m34, v4, "a @ b"), ("addr", v3, v4, "torch.outer(a, b)"), ("addbmm", u(3, 2, 4), u(3, 4, 5), "torch.bmm(a, b).sum(0)"), ("baddbmm", u(3, 2, 4), u(3, 4, 5), "torch.bmm(a, b)")]:
    family.add(f"{name}/beta=0", f"out = torch.{name}(torch.tensor(float('nan')), a, b, beta=0, alpha=2)", {"a": left, "b": right}, reference=lambda a, b, program=program: 2 * eval(program, {"torch": torch, "a": a, "b": b}))
each("addmm", ["out = torch.addmm(input=c, mat1=a, mat2=b)"], {"a": m34, "b": m42, "c": u(2)})
each("addmm of whole numbers", ["out = torch.addmm(c, i, j, beta=2, alpha=-1)"], None, {"i": family.integers(3, 4), "j": family.integers(4, 2), "c": family.integers(3, 2)})

# ---- layers

each("linear", ["out = F.linear(x, w, b)", "out = F.linear(x[0], w)", "out = F.linear(x[0, 0], w, bias=b)", "out = F.linear(input=x, weight=w)", "out = F.linear(x, w[0])"], {"x": u(2, 3, 4), "w": u(5, 4), "b": u(5)})
each("bilinear", ["out = F.bilinear(x, y, w, b)", "out = F.bilinear(x[0], y[0], w)", "out = torch.bilinear(x[0, 0], y[0, 0], w, b)", "out = F.bilinear(input1=x, input2=y, weight=w, bias=None)", "out = F.bilinear(x[:, :, :1], y, w[:, :1], b)"], {"x": u(2, 3, 4), "y": u(2, 3, 5), "w": u(6, 4, 5), "b": u(6)})

# ---- einsum

pair = {"a": u(3, 4), "b": u(4, 5)}
each("einsum", [f"out = torch.einsum('{equation}', {operands})" for equation, operands in [
    ("ij,jk->ik", "a, b"), ("ij,jk", "a, b"), ("ij,jk->ki", "[a, b]"), ("ba,ca", "a, b.T"), ("ij->ji", "a"), ("ij->", "a"), ("ij->j", "a"), ("ij", "a"), ("ji", "a"), ("Ba", "a"),
    ("ij,ij->ij", "a, a"), ("ij,ij->i", "a, a * 2"), ("ij,ij", "a, a"), ("ij,kl->ijkl", "a, b"), ("ij,kl->", "a, b"), ("ij,kl->lj", "a, b"), (" i j , j k -> k i ", "a, b"), ("i,i", "a[0], b[:, 0]"), ("i,j", "a[0], b[0]"),
    (",ij->ij", "a[0, 0], a"), (",", "a[0, 0], b[0, 0]"), ("->", "a[1, 1]"), ("ij,j->i", "a, a[0]"), ("ij,jk,kl,lm->im", "a, b, b.T, a.T"), ("ij,jk,kl->il", "(a, b, b.T)"), ("...j,jk->...k", "a, b"), ("ij,i->j", "a, a[:, 0]"),
    ("ij,jk->ikj", "a, b"), ("...,...->...", "a, a[0]"), ("...", "a"), ("...->", "a"), ("i...->...i", "a"), ("ij...->j", "a"),
]], pair)
square = {"s": u(4, 4), "t": u(2, 4, 4, 3), "q": u(3, 3, 3)}
each("einsum/diagonals", [f"out = torch.einsum('{equation}', {operands})" for equation, operands in [
    ("ii->i", "s"), ("ii", "s"), ("ii->", "s"), ("biij->bij", "t"), ("biij->jb", "t"), ("biij", "t"), ("iii->i", "q"), ("iii", "q"), ("iij->ij", "q"), ("iji->ji", "q"), ("ii,ij->j", "s, s"), ("ii,jj->ij", "s, q[0]"), ("...ii->...i", "q"), ("...ii->...", "q"), ("ii...->i...", "q"), ("ij,ij,jj->i", "s, s, s"),
]], square)
batch = {"q": u(2, 3, 4, 5), "k": u(2, 3, 6, 5), "v": u(2, 3, 6, 2)}
each("einsum/batches", [f"out = torch.einsum('{equation}', {operands})" for equation, operands in [
    ("bhqd,bhkd->bhqk", "q, k"), ("bhqd,bhkd,bhkv->bqhv", "q, k, v"), ("...qd,...kd->...qk", "q, k"), ("...qd,...kd->q...k", "q, k"), ("b...qd,b...kd->...", "q, k"), ("bhqd,bhkd->bh", "q, k"), ("bhqd,bgkd->hgqk", "q, k"), ("...qd,kd->...qk", "q, k[0, 0]"), ("hqd,...hkd->...kq", "q[0], k"), ("...d,...d->...", "q[:, :, :1], k"), ("bhqd,hkd->bqk", "q, k[0]"), ("bhqd,bhkd->qk", "q[:1], k"),
    ("...qd,...kd", "q, k[0]"), ("bhqd,bhkd->bhqk", "q[:, :1], k"), ("bhqd->bhdq", "q"), ("bhqd,d->bhq", "q, k[0, 0, 0]"), ("b...,b...->b", "q[:, :, :, 0], k[:, :, :4, 0]"),
]], batch)
each("einsum/lists", ["out = torch.einsum(a, [0, 1], b, [1, 2], [0, 2])", "out = torch.einsum(a, [0, 1], b, [1, 2])", "out = torch.einsum(a, [40, 3])", "out = torch.einsum(a, [..., 0], b, [0, 1], [1, ...])", "out = torch.einsum(a, [0, 1], [1])"], pair)
each("einsum/of whole numbers", ["out = torch.einsum('ij,jk->ki', i, j)", "out = torch.einsum('ij->i', i)"], None, {"i": family.integers(3, 4), "j": family.integers(4, 2)})
each("einsum/twice", ["out = torch.autograd.grad(torch.einsum('ij,jk,ik->i', a, b, a @ b).sum(), a, create_graph=True)[0]"], pair)

# ---- tensordot, chains, powers

t = {"a": u(3, 4, 5), "b": u(4, 5, 2), "c": u(5, 4, 3, 2)}
each("tensordot", ["out = torch.tensordot(a, b)", "out = torch.tensordot(a, b, 2)", "out = torch.tensordot(a, c, dims=1)", "out = torch.tensordot(a[:, 0], b[:, 1], dims=0)", "out = torch.tensordot(a, b, dims=([1, 2], [0, 1]))", "out = torch.tensordot(a, c, ([0, 2, 1], [2, 0, 1]))", "out = torch.tensordot(a, c, dims=[[2, 0], [0, 2]])", "out = torch.tensordot(a, c, dims=((-1,), (-4,)))", "out = torch.tensordot(a, b, dims=([], []))[0, 0, :, :, 0]", "out = torch.tensordot(a[:, :1], b, dims=([1], [0]))", "out = torch.tensordot(a, b[:, :1], dims=([2, 1], [1, 0]))"], t)
chain = {"a": u(3, 7), "b": u(7, 2), "c": u(2, 6), "d": u(6, 4), "v": u(3), "w": u(4)}
each("multi_dot", ["out = torch.linalg.multi_dot([a, b])", "out = torch.linalg.multi_dot((a, b, c))", "out = torch.linalg.multi_dot(tensors=[a, b, c, d])", "out = torch.linalg.multi_dot([v, a, b, c])", "out = torch.linalg.multi_dot([a, b, c, d, w])", "out = torch.linalg.multi_dot([v, a, b, c, d, w])", "out = torch.linalg.multi_dot([v, v])", "out = torch.chain_matmul(a, b, c, d)", "out = torch.chain_matmul(a, b)", "out = torch.chain_matmul(a)"], chain)
power = {"a": u(3, 3) + 2 * torch.eye(3), "b": u(2, 3, 3) + 3 * torch.eye(3)}
each("matrix_power", [f"out = torch.matrix_power(a, {n})" for n in (1, 2, 3, 5, 8, -1, -2, -3)] + ["out = torch.matrix_power(a, 0) + a"] + ["out = a.matrix_power(2)", "out = torch.linalg.matrix_power(b, n=3)", "out = torch.linalg.matrix_power(b, -2)", "out = torch.linalg.matrix_power(b, n=0) @ b"], power)
each("matrix_power", ["out = i.matrix_power(3)", "out = i.matrix_power(0)"], None, {"i": family.integers(3, 3)})
family.add("addr/bools", "out = torch.addr(m, p, q) * a + torch.addr(m, p, q, beta=0) * 2.0 + torch.addr(m, p, q, alpha=0) * 4.0 + m.addr(p, q, beta=2, alpha=3) * a", {"a": family.uniform(2, 3)}, {"m": family.bools(2, 3), "p": torch.tensor([True, False]), "q": torch.tensor([True, False, True])})
family.write()
