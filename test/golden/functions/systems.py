#!/usr/bin/env python3
"""Makes systems.json:  python3 test/golden/functions/systems.py"""
import math
import torch
from golden import Family

family = Family("systems")
u = family.uniform


def each(name, programs, parameters=None, data=None):
    """Cases that share their tensors; named by what they do."""
    for program in programs:
        family.add(f"{name}/{program.removeprefix('out = ')}", program, parameters, data)


def regular(*shape):
    """Far enough from singular, with pivots that have to be looked for."""
    return u(*shape) + 3 * torch.eye(shape[-1]).roll(1, 0)


def positive(*shape):
    """Symmetric and positive-definite up to three digits."""
    x = u(*shape)
    return ((x @ x.mT + torch.eye(shape[-1])) * 1000).round() / 1000


# ---- solutions and inverses

a, b = regular(3, 3), regular(2, 3, 3)
for name, programs in {
    "solve": ["torch.linalg.solve(a, x)", "torch.linalg.solve(A=a, B=x)", "torch.linalg.solve(a, v)", "torch.linalg.solve(b, v)", "torch.linalg.solve(b, x)", "torch.linalg.solve(b, w)", "torch.linalg.solve(a, y)", "torch.linalg.solve(b, y)", "torch.linalg.solve(b[:, None], y)", "torch.linalg.solve(a.T, x)", "torch.linalg.solve(a, x.T, left=False)", "torch.linalg.solve(b, x.T[None], left=False)", "torch.linalg.solve(a, y.mT, left=False)", "torch.linalg.solve(a[:1, :1], v[:1, None])", "torch.linalg.solve(a, a)"],
    "inverse": ["torch.inverse(a)", "a.inverse()", "torch.linalg.inv(b)", "torch.linalg.inv(a.T) @ x", "torch.linalg.inv(a) @ a", "torch.inverse(input=b)", "torch.linalg.inv(A=b)"],
}.items():
    each(name, ["out = " + program for program in programs], {"a": a, "b": b, "x": u(3, 2), "v": u(3), "w": u(2, 3), "y": u(2, 3, 4)})
each("larger", ["out = torch.linalg.solve(a, x)", "out = torch.linalg.inv(a)", "out = torch.linalg.slogdet(a)[1]", "out = torch.linalg.det(a[:5, :5])"], {"a": regular(12, 12), "x": u(12, 5)})
each("systems twice", [
    "out = torch.autograd.grad((torch.linalg.solve(a, x) ** 2).sum(), a, create_graph=True)[0]",
    "out = torch.autograd.grad((torch.linalg.inv(a) ** 3).sum(), a, create_graph=True)[0]",
    "out = torch.autograd.grad(torch.linalg.det(a), a, create_graph=True)[0]",
    "out = torch.autograd.grad(torch.slogdet(a)[1], a, create_graph=True)[0]",
], {"a": a, "x": u(3, 2)})
each("without elements", ["out = torch.linalg.solve(torch.zeros(0, 3, 3), torch.zeros(0, 3, 2)).sum() + s", "out = torch.linalg.inv(torch.zeros(0, 0)).sum() + s", "out = torch.linalg.det(torch.zeros(0, 0)) * s", "out = torch.linalg.det(torch.zeros(2, 0, 0)) * s", "out = torch.linalg.slogdet(torch.zeros(0, 0))[1] + s", "out = torch.linalg.cholesky(torch.zeros(0, 0)).sum() + s"], {"s": u(2)})

# ---- determinants

each("det", ["out = torch.det(a)", "out = a.det()", "out = torch.linalg.det(b)", "out = torch.linalg.det(A=b)", "out = torch.det(input=a.T @ a)", "out = torch.linalg.det(a[:1, :1])", "out = torch.linalg.det(a[:2, 1:])"], {"a": a, "b": b})
each("slogdet", ["out = torch.slogdet(a)[1]", "out = a.slogdet().logabsdet", "out = torch.linalg.slogdet(b).logabsdet", "sign, out = torch.linalg.slogdet(A=b)\nout = sign * out", "sign, out = torch.slogdet(input=a)\nout = out + sign", "out = torch.slogdet(a * 1e-30)[1]", "out = torch.slogdet(b * 1e30)[1]"], {"a": a, "b": b})
each("logdet", ["out = torch.logdet(p)", "out = p.logdet()", "out = torch.logdet(input=q)"], {"p": positive(4, 4), "q": positive(2, 3, 3)})
singular = torch.tensor([[1.2, -0.7, 0.4], [0.3, 1.1, -0.8], [1.5, 0.4, -0.4]])
triple = lambda s: (s[..., 0, :] * torch.linalg.cross(s[..., 1, :], s[..., 2, :])).sum(-1)
family.add("det/of a singular matrix", "out = torch.linalg.det(s)", {"s": singular}, reference=triple)
family.add("det/of rank one", "out = torch.linalg.det(s)", {"s": torch.outer(singular[0], singular[1])}, reference=triple)
family.add("det/of zeros in a batch", "out = torch.linalg.det(s)", {"s": torch.stack([singular, torch.zeros(3, 3), a])}, reference=triple)

# ---- triangles and Cholesky factors

t = regular(3, 3) + 3 * torch.eye(3)
for upper in (False, True):
    each("solve_triangular", [f"out = torch.linalg.solve_triangular({program})" for program in [f"t, x, upper={upper}", f"t, x.T, upper={upper}, left=False", f"t, x, upper={upper}, unitriangular=True", f"t, x.T, upper={upper}, left=False, unitriangular=True", f"b, x, upper={upper}", f"t, y, upper={upper}", f"b, y, upper={upper}", f"t.T, x, upper={upper}"]], {"t": t, "b": regular(2, 3, 3) + 3 * torch.eye(3), "x": u(3, 2), "y": u(2, 3, 4)})
    each("cholesky", [f"out = torch.linalg.cholesky(p, upper={upper})", f"out = torch.cholesky(q, upper={upper})", f"out = p.cholesky({upper})"], {"p": positive(4, 4), "q": positive(2, 3, 3)})
    factor = torch.linalg.cholesky(positive(3, 3), upper=upper)
    each("cholesky_solve", [f"out = torch.cholesky_solve(x, f, {upper})", f"out = x.cholesky_solve(f, upper={upper})", f"out = torch.cholesky_inverse(f, upper={upper})", f"out = f.cholesky_inverse({upper})"], {"f": (factor * 1000).round() / 1000, "x": u(3, 2)})
each("triangular_solve", [f"out = torch.triangular_solve({program})[0]" for program in ["x, t", "x, t, upper=False", "x, t, transpose=True", "x, t, False, True", "x, t, unitriangular=True", "x, t, True, True, True"]] + ["out = x.triangular_solve(t).solution", "out = torch.triangular_solve(x, t).cloned_coefficient"], {"t": t, "x": u(3, 2)})
each("cholesky", ["out = torch.linalg.cholesky(p)", "out = torch.cholesky(p)", "out = torch.linalg.cholesky(p[0]) @ p[1]", "out = torch.autograd.grad((torch.linalg.cholesky(p) ** 3).sum(), p, create_graph=True)[0]"], {"p": positive(2, 3, 3)})
each("tensors", ["out = torch.linalg.tensorinv(a)", "out = torch.linalg.tensorinv(c, ind=1)", "out = torch.linalg.tensorsolve(a, x)", "out = torch.linalg.tensorsolve(d, x, dims=(0, 2))"], {"a": regular(6, 6).reshape(2, 3, 6), "c": regular(6, 6).reshape(6, 3, 2), "d": regular(6, 6).reshape(3, 2, 2, 3), "x": u(2, 3)})

each("documented names", ["out = torch.linalg.cholesky(input=p, upper=True)", "out = torch.linalg.matrix_power(input=p, n=-2)", "out = torch.linalg.tensorinv(input=p, ind=1)", "out = torch.linalg.tensorsolve(input=p, other=p[0])"], {"p": positive(3, 3)})
family.add("documented names/A", "out = torch.linalg.cholesky(A=p) + torch.linalg.matrix_power(A=p, n=2) + torch.linalg.tensorinv(A=p, ind=1) + torch.linalg.tensorsolve(A=p, B=p[0])", {"p": positive(3, 3)}, reference=lambda p: torch.linalg.cholesky(p) + p @ p + torch.inverse(p) + torch.linalg.solve(p, p[0]))

# ---- gradients of gradients

def twice(name, programs, parameters):
    first = next(iter(parameters))
    for program in programs:
        family.add(f"twice/{name}/{program}", f"out = torch.autograd.grad(({program} ** 3).sum(), {first}, create_graph=True)[0]", parameters)

twice("systems", ["torch.linalg.solve(a, v)", "torch.linalg.solve(a + b, x)", "torch.linalg.solve(a, x.T, left=False)", "torch.linalg.inv(a + b)", "torch.linalg.det(a)", "torch.linalg.slogdet(a + b)[1]", "torch.linalg.solve_triangular(a, x, upper=True)", "torch.linalg.solve_triangular(a, x.T, upper=False, left=False)", "torch.matrix_power(a, -2)", "torch.cholesky_solve(x, a)", "torch.cholesky_inverse(a, upper=True)", "torch.kron(a, x)", "torch.linalg.cross(a, a.T)", "torch.diag_embed(a, 1)", "a.diagonal(1)", "torch.tril(a, -1)", "torch.trace(a @ a)", "torch.tensordot(a, b, dims=([0], [1]))", "torch.einsum('ij,bjk,ki->bi', a, b, a)", "torch.baddbmm(a, b, b, alpha=0.5)"], {"a": t, "b": regular(2, 3, 3) + 3 * torch.eye(3) + 0, "x": u(3, 2), "v": u(3)})

# ---- distances

rows = {"a": u(4, 3), "b": u(5, 3), "c": u(2, 3, 3), "d": u(2, 1, 4, 3)}
orders = [0, 0.5, 1, 1.5, 2, 3, float("inf")]
each("cdist", [f"out = torch.cdist(a, b, p={str(p) if p != float('inf') else 'math.inf'})" for p in orders] + ["out = torch.cdist(a, b)", "out = torch.cdist(x1=c, x2=b, p=3)", "out = torch.cdist(d, c)", "out = torch.cdist(a[0:1], b, 1)", "out = torch.cdist(a, b, compute_mode='donot_use_mm_for_euclid_dist')", "out = torch.cdist(a, b, 2.0, 'use_mm_for_euclid_dist')", "out = torch.cdist(a[:, :0], b[:, :0]) + a[:, :1]"], rows)
# Equal rows, equal components, ties.
each("cdist of equal rows", [f"out = torch.cdist(a, b, p={str(p) if p != float('inf') else 'math.inf'})" for p in orders], {"a": torch.tensor([[1.0, 2.0, -1.0], [0.5, 2.0, 3.0]]), "b": torch.tensor([[1.0, 2.0, -1.0], [2.0, 3.0, 0.0], [0.5, 1.0, 2.0]])})
each("pdist", [f"out = {f}(a, p={str(p) if p != float('inf') else 'math.inf'})" for f, p in [("torch.pdist", 0), ("F.pdist", 1), ("F.pdist", 1.5), ("F.pdist", 2), ("torch.pdist", 3), ("F.pdist", float("inf"))]] + ["out = F.pdist(a)", "out = torch.pdist(a[:1]).sum() + a"], {"a": u(5, 3)})
# This PyTorch crashes.
family.add("pdist/of nothing", "out = torch.pdist(a[:0]).sum() + a", {"a": u(5, 3)}, reference=lambda a: a)
each("pdist of equal rows", [f"out = F.pdist(a, {p})" for p in ("0", "1", "1.5", "2", "3", "math.inf")], {"a": torch.tensor([[1.0, 2.0, -1.0], [1.0, 2.0, -1.0], [2.0, 3.0, 0.0]])})

# ---- powers

# This PyTorch has no gradient of torch.vander.
points = {"x": torch.tensor([0.7, -1.3, 0.0, 1.1])}
for program, exponents in [("x", [3, 2, 1, 0]), ("x, 3", [2, 1, 0]), ("x, N=6, increasing=True", [0, 1, 2, 3, 4, 5]), ("x, increasing=True", [0, 1, 2, 3]), ("x, 1", [0]), ("x, N=2, increasing=False", [1, 0])]:
    family.add(f"vander/{program}", f"out = torch.vander({program}) + x[:, None] * 0", points, reference=lambda x, exponents=exponents: x[:, None] ** torch.tensor(exponents))
family.add("vander/of no columns", "out = torch.vander(x, N=0).sum() + x", points, reference=lambda x: x)
each("vander", ["out = torch.vander(i)", "out = torch.vander(i, 5, True)", "out = torch.vander(i > 3)"], None, {"i": family.integers(4, low=-5)})
vander = {"x": u(2, 3)}
for n in (2, 3, 5):
    family.add(f"linalg.vander/{n}", f"out = torch.linalg.vander(x, N={n})", vander, reference=lambda x, n=n: x[..., None] ** torch.arange(n))
family.add("linalg.vander/all", "out = torch.linalg.vander(x)", vander, reference=lambda x: x[..., None] ** torch.arange(3))
# ---- singular values
for name, shape in (("square", (4, 4)), ("tall", (6, 3)), ("wide", (2, 5)), ("batches", (2, 3, 4, 3)), ("one", (1, 1)), ("a row", (1, 4)), ("large", (24, 17))):
    family.add(f"svdvals/{name}", "out = torch.linalg.svdvals(a)", {"a": family.uniform(*shape)})
family.add("svdvals/driver", "out = torch.linalg.svdvals(A=a, driver=None)", {"a": family.uniform(3, 2)})
family.add("svdvals/nothing", "out = torch.linalg.svdvals(x).sum() + torch.linalg.svdvals(y).sum() + a", {"a": family.uniform(2)}, {"x": family.uniform(0, 3), "y": family.uniform(2, 3, 0)})
family.add("svdvals/far apart", "out = torch.linalg.svdvals(a * x)", {"a": family.uniform(3, 3)}, {"x": torch.tensor([[1e6, 1.0, 1e-6]])})
family.add("svdvals/equal", "out = torch.linalg.svdvals(a).sum()", {"a": 2 * torch.eye(3)})
family.add("svdvals/low rank", "out = torch.linalg.svdvals(a @ b)[:2]", {"a": family.uniform(4, 2), "b": family.uniform(2, 5)})
family.add("svdvals/of a gradient", ["s = torch.linalg.svdvals(a)", "d, = torch.autograd.grad((s ** 2 * s.log()).sum(), a, create_graph=True)", "out = d"], {"a": family.uniform(3, 4)})
family.add("svdvals/spectral penalty", ["s = torch.linalg.svdvals(a.mT)", "out = (s / s[..., :1]).log1p() + (s.amax(-1) - s.amin(-1))[..., None]"], {"a": family.uniform(2, 3, 5)})
for name, order in (("default", ""), ("2", ", 2"), ("-2", ", p=-2")):
    family.add(f"cond/{name}", f"out = torch.linalg.cond(a{order})", {"a": family.uniform(2, 3, 3)})
# PyTorch 1.13 has no gradient of these: it changes the inverse in place. They are products of norms by definition.
for name, order in (("1", 1), ("-1", -1), ("inf", math.inf), ("-inf", -math.inf), ("fro", "fro"), ("nuc", "nuc")):
    text = repr(order).replace("inf", "math.inf")
    family.add(f"cond/{name}", f"out = torch.linalg.cond(a, {text})", {"a": family.uniform(2, 3, 3) + 3 * torch.eye(3)}, reference=lambda a, order=order: torch.linalg.matrix_norm(a, order) * torch.linalg.matrix_norm(torch.linalg.inv(a), order))
family.add("cond/tall", "out = torch.linalg.cond(a)", {"a": family.uniform(4, 2)})
family.write()
