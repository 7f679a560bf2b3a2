#!/usr/bin/env python3
"""Makes reductions.json:  python3 test/golden/functions/reductions.py"""
import torch
from golden import Family

family = Family("reductions")
uniform, integers, bools = family.uniform, family.integers, family.bools

# What the argument says is the last part of a name, the function the first.


def several(function, programs, *shape, **data):
    """A case for each program, over one tensor `a`."""
    for name, program in programs.items():
        family.add(f"{function}/{name}", program, {"a": uniform(*shape)}, data)


several("sum", {
    "all": "out = torch.sum(a)", "dim": "out = a.sum(1)", "dims": "out = a.sum(dim=(0, -1))", "keepdim": "out = torch.sum(a, -2, True)",
    "every dim": "out = a.sum([0, 1, 2], keepdim=True)", "dtype": "out = a.sum(0, dtype=torch.float64)", "no dims": "out = a.sum(dim=())",
}, 2, 3, 4)
family.add("sum/int", "out = x.sum(0) * a", {"a": uniform(3)}, {"x": integers(2, 3)})
family.add("sum/bool", "out = x.sum() * a", {"a": uniform(3)}, {"x": bools(4, 3)})
family.add("sum/int to float", "out = x.sum(1, dtype=torch.float64) / 3 * a", {"a": uniform(2)}, {"x": integers(2, 3)})
family.add("sum/empty", "out = a.sum(0) + 1", {"a": uniform(0, 3)})
family.add("sum/0-d", "out = a.sum(0) * a.sum(-1, True)", {"a": uniform()})

several("NumPy's names", {
    "sum": "out = torch.sum(a, axis=1, keepdims=True)", "mean": "out = a.mean(axis=(0, 2))", "max": "out = torch.max(a, axis=-1)[0]", "var": "out = a.var(axis=0, keepdims=True)",
    "x": "out = torch.sum(x=a, axis=0)", "x1 and x2": "out = torch.maximum(x1=a, x2=-a)", "softmax": "out = a.softmax(axis=1)", "cat": "out = torch.cat((a, a * 2), axis=1)",
}, 2, 3, 4)

several("mean", {
    "all": "out = torch.mean(a)", "dim": "out = a.mean(-1)", "dims": "out = a.mean((0, 2), keepdim=True)", "dtype": "out = torch.mean(a, dim=1, dtype=torch.float64)",
}, 2, 3, 4)
family.add("mean/int with dtype", "out = torch.mean(x, 0, dtype=torch.float64) * a", {"a": uniform(3)}, {"x": integers(2, 3)})
family.add("mean/empty", "out = torch.isnan(x.mean(0)).double()", {}, {"x": uniform(0, 3)})

several("prod", {"all": "out = torch.prod(a)", "dim": "out = a.prod(1)", "negative dim": "out = torch.prod(a, -1, keepdim=True)", "method": "out = a.prod(dim=0, dtype=torch.float64)"}, 3, 5, 2)
for n in (1, 2, 3, 4, 6, 7, 8, 9, 17):
    family.add(f"prod/of {n}", "out = a.prod(0)", {"a": uniform(n, 2)})
family.add("prod/one zero", "out = a.prod(1)", {"a": torch.tensor([[0.5, 0.0, -2.0, 3.0], [1.0, 2.0, 0.25, 1.5]])})
family.add("prod/two zeros", "out = a.prod(1) + a.prod()", {"a": torch.tensor([[0.5, 0.0, -2.0, 0.0], [1.0, 2.0, 0.25, 0.0]])})
family.add("prod/empty", "out = a.prod(0) * 2", {"a": uniform(0, 3)})
family.add("prod/int", "out = (x.prod(1) // 2) * a", {"a": uniform(2)}, {"x": integers(2, 5, low=1)})
family.add("prod/int dtype", "out = x.prod(1, dtype=torch.float64) / 7 * a", {"a": uniform(2)}, {"x": integers(2, 3, low=1)})
family.add("prod/bool", "out = x.prod() + x.prod(0)", {}, {"x": torch.tensor([[True, True, False], [True, False, True]])})
family.add("prod/0-d", "out = a.prod() + a.prod(0) + a.prod(-1, True)", {"a": uniform()})
family.add("prod/gradient of 0 twice used", "out = a.prod(0) * a.sum(0)", {"a": torch.tensor([[0.0, 1.5], [2.0, 0.0], [-1.0, 0.0]])})

ties = torch.tensor([[3.0, 1.0, 3.0, 3.0], [2.0, -1.0, -1.0, 0.5]])
for name in ("amax", "amin"):
    several(name, {"all": f"out = torch.{name}(a)", "dim": f"out = a.{name}(1)", "dims": f"out = a.{name}(dim=(0, 2))", "keepdim": f"out = torch.{name}(a, -1, True)", "every dim": f"out = a.{name}((), keepdim=True)"}, 2, 3, 4)
    family.add(f"{name}/ties", f"out = a.{name}(1) + a.{name}()", {"a": ties})
    family.add(f"{name}/int", f"out = x.{name}(0) * a", {"a": uniform(3)}, {"x": integers(2, 3, low=-5)})
    family.add(f"{name}/bool", f"out = x.{name}(0).double() * a", {"a": uniform(3)}, {"x": bools(2, 3)})



family.add("aminmax/all", "low, high = torch.aminmax(a)\nout = low * high", {"a": uniform(3, 4)}, reference=lambda a: a.amin() * a.amax())
family.add("aminmax/dim", "r = a.aminmax(dim=-1, keepdim=True)\nout = r.min * r.max", {"a": uniform(3, 4)}, reference=lambda a: a.amin(-1, True) * a.amax(-1, True))
family.add("aminmax/ties", "r = torch.aminmax(a, dim=1)\nout = r[0] + 2 * r[1]", {"a": ties}, reference=lambda a: a.amin(1) + 2 * a.amax(1))

for name, other in (("max", "min"), ("min", "max")):
    several(name, {
        "all": f"out = torch.{name}(a)", "all by method": f"out = a.{name}() * 2", "dim": f"out = a.{name}(1).values", "dim by position": f"out = torch.{name}(a, 0)[0]",
        "keepdim": f"out = a.{name}(-1, keepdim=True).values", "unpacked": f"v, i = torch.{name}(a, dim=1, keepdim=True)\nout = v * (i + 1)",
        "indices": f"out = a.{name}(2).indices * a.{name}(2)[0]", "two tensors": f"out = torch.{name}(a, a.flip(0) * 0.9)", "two by method": f"out = a.{name}(other=0.5 * a[:1])",
    }, 2, 3, 4)
    family.add(f"{name}/ties of all share", f"out = a.{name}() * 3", {"a": ties})
    family.add(f"{name}/ties along dim: the first", f"out = a.{name}(1)[0]", {"a": ties})
    family.add(f"{name}/ties of two share", f"out = torch.{name}(a, b)", {"a": ties, "b": torch.tensor([3.0, 1.0, -1.0, 5.0])})
    family.add(f"{name}/int", f"v, i = x.{name}(1)\nout = v * a + i", {"a": uniform(2)}, {"x": integers(2, 5, low=-9)})
    family.add(f"{name}/bool", f"v, i = x.{name}(1)\nout = v.double() * a + i + x.{name}().double()", {"a": uniform(2)}, {"x": torch.tensor([[False, True, False], [True, True, False]])})
    family.add(f"{name}/0-d", f"v, i = a.{name}(0)\nout = v * 2 + i + a.{name}()", {"a": uniform()})
    family.add(f"{name}/NaN", f"x = torch.tensor([[1.0, math.nan, 5.0, math.nan], [2.0, 0.0, 7.0, 7.0]])\nv, i = x.{name}(1)\nout = torch.isnan(v).double() * a + i", {"a": uniform(2)})
    family.add(f"arg{name}/all", f"out = torch.arg{name}(x) * a", {"a": uniform(3)}, {"x": uniform(3, 4)})
    family.add(f"arg{name}/dim", f"out = x.arg{name}(-1) * a", {"a": uniform(3)}, {"x": uniform(3, 4)})
    family.add(f"arg{name}/keepdim", f"out = torch.arg{name}(x, dim=0, keepdim=True) * a + x.arg{name}(None, True)", {"a": uniform(3, 4)}, {"x": uniform(3, 4)})
    family.add(f"arg{name}/ties", f"out = (x.arg{name}(1) + 1) * a", {"a": uniform(2)}, {"x": ties})
    family.add(f"arg{name}/of parameters", f"out = (a.arg{name}() + 1) * a", {"a": uniform(5)})

# Gradients where an element is NaN: shared by the NaN ones (max of all), the whole to both sides (maximum).
hole = torch.tensor([[1.0, 0.0, 3.0], [2.0, 5.0, 0.5]])
for name in ("max", "min"):
    family.add(f"{name}/NaN of all", ["x = a + torch.tensor([[0.0, math.nan, 0.0], [0.0, 0.0, math.nan]])", f"d, = torch.autograd.grad(x.{name}(), a)", "out = d + a"], {"a": hole})
    family.add(f"{name}/NaN of two", ["x = a + torch.tensor([[0.0, math.nan, 0.0], [0.0, 0.0, math.nan]])", f"d, e = torch.autograd.grad(torch.{name}(x, b).sum(), (a, b))", "out = d + 2 * e + a"], {"a": hole, "b": uniform(2, 3)})

several("logsumexp", {"dim": "out = torch.logsumexp(a, 1)", "keepdim": "out = a.logsumexp(-1, keepdim=True)", "dims": "out = a.logsumexp(dim=(0, 2))", "all dims": "out = torch.logsumexp(a, (0, 1, 2), True)"}, 2, 3, 4)
family.add("logsumexp/large", "out = torch.logsumexp(a * 500, 0)", {"a": uniform(4)})
family.add("logsumexp/some are -inf", "out = torch.logsumexp(torch.where(m, a, -math.inf), 1)", {"a": uniform(3, 4)}, {"m": torch.tensor([[True, False, True, True], [True, True, True, False], [False, False, False, True]])})
family.add("logsumexp/int", "out = x.logsumexp(0) * a", {"a": uniform(3)}, {"x": integers(2, 3, high=4)})
family.add("logsumexp/0-d", "out = a.logsumexp(0)", {"a": uniform()})
family.add("logsumexp/empty", "out = torch.exp(a.logsumexp(0)) + 1", {}, {"a": torch.zeros(0, 3)})

for name in ("var", "std"):
    several(name, {
        "all": f"out = torch.{name}(a)", "all, biased": f"out = a.{name}(False)", "all, by name": f"out = a.{name}(unbiased=False)", "dim": f"out = a.{name}(1)", "dims": f"out = a.{name}((0, -1), keepdim=True)",
        "dim, biased": f"out = torch.{name}(a, 1, False)", "dim, biased, keepdim": f"out = torch.{name}(a, -1, False, True)", "names": f"out = a.{name}(dim=0, unbiased=True, keepdim=True)",
        "correction": f"out = torch.{name}(a, dim=2, correction=0)", "correction of 2": f"out = a.{name}((1, 2), correction=2, keepdim=True)",
    }, 2, 3, 4)
    family.add(f"{name}/correction of all", f"out = a.{name}(correction=0)", {"a": uniform(3, 4)}, reference=lambda a, f=name: getattr(a, f)(False))
    family.add(f"{name}/correction is a fraction", f"out = a.{name}(dim=0, correction=0.5)", {"a": uniform(4)},
               reference=lambda a, f=name: ((a - a.mean()) ** 2).sum() / 3.5 if f == "var" else (((a - a.mean()) ** 2).sum() / 3.5).sqrt())
    family.add(f"{name}/one element is NaN", f"out = torch.isnan(a.{name}(1)).double() + a.{name}(1, unbiased=False) + a[:, 0]", {"a": uniform(3, 1)})
    family.add(f"{name}/equal elements", f"out = a.{name}(1)", {"a": torch.tensor([[2.0, 2.0, 2.0], [1.0, 2.0, 4.0]])})
    several(f"{name}_mean", {
        "all": f"v, m = torch.{name}_mean(a)\nout = v * m", "all, biased": f"v, m = torch.{name}_mean(a, False)\nout = v * m", "dim": f"v, m = torch.{name}_mean(a, 1)\nout = v + 2 * m",
        "dims": f"v, m = torch.{name}_mean(a, dim=(0, 2), unbiased=False, keepdim=True)\nout = v / (m ** 2 + 1)", "correction": f"v, m = torch.{name}_mean(a, dim=-1, correction=2, keepdim=True)\nout = v * m",
    }, 2, 3, 4)

orders = {"default": "", "fro": "'fro'", "1": "1", "2": "2", "3": "3", "2.5": "2.5", "1.5": "1.5", "half": "0.5", "-1": "-1", "inf": "float('inf')", "-inf": "-math.inf"}
for name, order in orders.items():
    if order != "'fro'":
        family.add(f"norm/all of order {name}", f"out = a.norm({order})", {"a": uniform(2, 3)})
    argument = f"p={order}, " if order else ""
    family.add(f"norm/dim of order {name}", f"out = torch.norm(a, {argument}dim=1)", {"a": uniform(3, 4)})
family.add("norm/order 0", "out = a.norm(0) + a.norm(p=0, dim=1) + a", {"a": uniform(2, 2)})
family.add("norm/dims", "out = torch.norm(a, 2, (0, 2), True)", {"a": uniform(2, 3, 4)})
family.add("norm/fro of dims", "out = a.norm('fro', (1, 2), keepdim=True)", {"a": uniform(2, 3, 4)})
family.add("norm/None", "out = torch.norm(a, None, -1)", {"a": uniform(3, 4)})
family.add("norm/dtype", "out = torch.norm(x, 2, 0, dtype=torch.float64) * a", {"a": uniform(3)}, {"x": integers(4, 3)})
zero_rows = torch.tensor([[0.0, 0.0, 0.0], [0.5, 0.0, -2.0]])
for name, order in {"1": "1", "2": "2", "3": "3", "1.5": "1.5", "half": "0.5", "inf": "math.inf"}.items():
    family.add(f"norm/zeros, order {name}", f"out = a.norm({order}, 1)", {"a": zero_rows})
family.add("norm/zeros, order -1", "out = a.norm(-1, 1)", {"a": zero_rows})
family.add("norm/ties, order inf", "out = a.norm(math.inf, 1)", {"a": torch.tensor([[3.0, -3.0, 1.0], [1.0, 2.0, 2.0]])})
family.add("norm/ties, order -inf", "out = a.norm(-math.inf, 1)", {"a": torch.tensor([[3.0, -3.0, 1.0], [-1.0, 2.0, 1.0]])})
family.add("norm/NaN, order inf", ["x = a + torch.tensor([[0.0, math.nan, 0.0], [0.0, 0.0, 0.0]])", "d, = torch.autograd.grad(x.norm(math.inf, 1).sum(), a)", "out = d + a"], {"a": hole})
family.add("amax/NaN", ["x = a + torch.tensor([[0.0, math.nan, 0.0], [0.0, 0.0, 0.0]])", "d, = torch.autograd.grad(x.amax(1).sum(), a)", "out = torch.where(torch.isnan(d), 7.0, d) + a"], {"a": hole})
family.add("norm/empty", "out = a.norm(2, 0) + 1", {"a": uniform(0, 2)})
family.add("norm/0-d", "out = a.norm() + a.norm(1) + a.norm(3, 0)", {"a": uniform()})

family.add("vector_norm/default", "out = torch.linalg.vector_norm(a)", {"a": uniform(2, 3)})
family.add("vector_norm/order", "out = torch.linalg.vector_norm(a, 3.5, dim=-1)", {"a": uniform(2, 3)})
family.add("vector_norm/names", "out = torch.linalg.vector_norm(x=a, ord=-math.inf, dim=(0, 1), keepdim=True)", {"a": uniform(2, 3, 2)})
family.add("vector_norm/dtype", "out = torch.linalg.vector_norm(x, dtype=torch.float64) * a", {"a": uniform(2)}, {"x": uniform(2, 3)})

for name, order in {"fro": "'fro'", "1": "1", "-1": "-1", "inf": "float('inf')", "-inf": "-float('inf')"}.items():
    family.add(f"matrix_norm/{name}", f"out = torch.linalg.matrix_norm(a, {order})", {"a": uniform(2, 3, 4)})
    family.add(f"matrix_norm/{name}, other dims", f"out = torch.linalg.matrix_norm(a, {order}, dim=(2, 0), keepdim=True)", {"a": uniform(2, 3, 4)})
    family.add(f"linalg.norm/matrix {name}", f"out = torch.linalg.norm(a, {order})", {"a": uniform(3, 4)})
    family.add(f"linalg.norm/dims {name}", f"out = torch.linalg.norm(a, ord={order}, dim=(1, 2), keepdim=True)", {"a": uniform(2, 3, 4)})
family.add("linalg.norm/all", "out = torch.linalg.norm(a)", {"a": uniform(2, 3, 4)})
family.add("linalg.norm/all, keepdim", "out = torch.linalg.norm(a, keepdim=True)", {"a": uniform(2, 3)})
family.add("linalg.norm/vector", "out = torch.linalg.norm(a, 3)", {"a": uniform(5)})
family.add("linalg.norm/dim", "out = torch.linalg.norm(a, math.inf, 1)", {"a": uniform(3, 4)})
family.add("linalg.norm/dim, no order", "out = torch.linalg.norm(a, dim=-1, keepdim=True)", {"a": uniform(3, 4)})
family.add("linalg.norm/dims, no order", "out = torch.linalg.norm(a, dim=(0, 1))", {"a": uniform(3, 4, 2)})
family.add("linalg.norm/dtype", "out = torch.linalg.norm(x, 1, dtype=torch.float64) * a", {"a": uniform(2)}, {"x": uniform(2, 3)})

truth = torch.tensor([[[True, True], [False, True]], [[False, False], [True, True]]])
some = torch.tensor([[0.0, 1.0, -2.0], [0.0, 0.0, 0.25], [3.0, 0.0, 0.5]])
for name in ("all", "any"):
    family.add(f"{name}/all", f"out = torch.{name}(x).double() * a + x.{name}()", {"a": uniform(2)}, {"x": truth})
    family.add(f"{name}/dim", f"out = x.{name}(1).double() * a", {"a": uniform(2, 2)}, {"x": truth})
    family.add(f"{name}/keepdim", f"out = torch.{name}(x, dim=-1, keepdim=True).double() * a", {"a": uniform(2, 2, 1)}, {"x": truth})
    family.add(f"{name}/dims", f"out = torch.{name}(x, dim=(0, 2)).double() * a", {"a": uniform(2)}, {"x": truth}, reference=lambda x, a, f=name: getattr(getattr(x, f)(2), f)(0).double() * a)
    family.add(f"{name}/numbers", f"out = x.{name}(0).double() * a", {"a": uniform(3)}, {"x": some})
    family.add(f"{name}/NaN is true", f"out = torch.tensor([0.0, math.nan]).{name}().double() * a", {"a": uniform(2)})
    family.add(f"{name}/empty", f"out = x.{name}(0).double() * a + 1", {"a": uniform(3)}, {"x": torch.zeros(0, 3)})
    family.add(f"{name}/comparison", f"out = torch.where((a > 0).{name}(1, True), a, a * 2)", {"a": uniform(5, 2)})
family.add("count_nonzero/all", "out = torch.count_nonzero(x) * a", {"a": uniform(2)}, {"x": some})
family.add("count_nonzero/dim", "out = x.count_nonzero(1) * a", {"a": uniform(3)}, {"x": some})
family.add("count_nonzero/dims", "out = torch.count_nonzero(x, dim=(0, 2)) * a", {"a": uniform(2)}, {"x": truth})
family.add("count_nonzero/int", "out = x.count_nonzero(-1) * a", {"a": uniform(3)}, {"x": integers(3, 5, high=3)})

masked = "x = torch.where(m, a, math.nan)\n"
present = torch.tensor([[True, False, True, True], [False, False, True, False], [True, True, True, True]])
for name in ("nansum", "nanmean"):
    family.add(f"{name}/all", f"{masked}out = torch.{name}(x)", {"a": uniform(3, 4)}, {"m": present})
    family.add(f"{name}/dim", f"{masked}out = x.{name}(1)", {"a": uniform(3, 4)}, {"m": present})
    family.add(f"{name}/dims", f"{masked}out = x.{name}(dim=(0, 1), keepdim=True)", {"a": uniform(3, 4)}, {"m": present})
    family.add(f"{name}/dtype", f"out = torch.{name}(torch.tensor([[1.0, math.nan, 2.5], [math.nan, math.nan, -1.0], [0.5, 3.0, math.nan]]), 0, dtype=torch.float64) * a", {"a": uniform(3)})
family.add("nansum/int", "out = x.nansum() * a", {"a": uniform(2)}, {"x": integers(2, 3)})

family.add("cov/rows", "out = torch.cov(a)", {"a": uniform(3, 5)})
family.add("cov/one variable", "out = a.cov(correction=0)", {"a": uniform(5)})
family.add("cov/fweights", "out = torch.cov(a, fweights=f)", {"a": uniform(3, 4)}, {"f": torch.tensor([1, 2, 3, 1])})
family.add("cov/aweights", "out = a.cov(aweights=w)", {"a": uniform(3, 4), "w": uniform(4, low=0.1)})
family.add("cov/both weights", "out = torch.cov(a, correction=2, fweights=f, aweights=w)", {"a": uniform(2, 4), "w": uniform(4, low=0.1)}, {"f": torch.tensor([1, 2, 3, 1])})
family.add("cov/weights, no correction", "out = torch.cov(a, correction=0, aweights=w)", {"a": uniform(2, 4), "w": uniform(4, low=0.1)})
family.add("corrcoef/rows", "out = torch.corrcoef(a)", {"a": uniform(3, 5)})
family.add("corrcoef/one variable", "out = a.corrcoef() + a.sum()", {"a": uniform(5)})
for name, program in {
    "prod with zeros": "a.prod(1)", "max": "a.max(1)[0]", "amax of ties": "a.amax()", "logsumexp": "a.logsumexp((0, 1))", "var": "a.var(1)", "std": "a.std(0, False)", "norm": "a.norm(dim=1)",
    "norm of order 3": "a.norm(3, 1)", "norm of order inf": "a.norm(math.inf, 0)", "matrix norm": "torch.linalg.matrix_norm(a, 1)", "cov": "torch.cov(a)", "nanmean": "a.nanmean(1)",
}.items():
    family.add(f"gradient of a gradient/{name}", [f"u = {program}", "d, = torch.autograd.grad((u ** 3 + u).sum(), a, create_graph=True)", "out = d"], {"a": torch.tensor([[1.5, 0.0, -2.0], [0.5, 1.5, 1.0]])})
for order, name in (("2", "2"), ("-2", "-2"), ("'nuc'", "nuc")):
    family.add(f"matrix_norm/{name}", f"out = torch.linalg.matrix_norm(a, {order})", {"a": uniform(2, 3, 4)})
    family.add(f"matrix_norm/{name}, tall", f"out = torch.linalg.matrix_norm(a, ord={order})", {"a": uniform(5, 2)})
    family.add(f"matrix_norm/{name}, other dims", f"out = torch.linalg.matrix_norm(a, {order}, dim=(2, 0), keepdim=True)", {"a": uniform(2, 3, 4)})
    family.add(f"linalg.norm/matrix {name}", f"out = torch.linalg.norm(a, {order})", {"a": uniform(3, 3)})
    family.add(f"linalg.norm/dims {name}", f"out = torch.linalg.norm(a, ord={order}, dim=(0, 1), keepdim=True)", {"a": uniform(2, 3, 4)})
    family.add(f"gradient of a gradient/matrix norm {name}", [f"u = torch.linalg.matrix_norm(a, {order})", "d, = torch.autograd.grad((u ** 3 + u).sum(), a, create_graph=True)", "out = d"], {"a": uniform(2, 3, 4)})
family.add("norm/nuc", "out = torch.norm(a, 'nuc') + a.norm(p='nuc', dim=(0, 1), keepdim=True) * b + torch.norm(c, 'nuc', (2, 0))[1]", {"a": uniform(3, 4), "b": uniform(1, 2), "c": uniform(2, 2, 3)})
family.add("norm/nuc of nothing", "out = torch.norm(x, 'nuc') + a", {"a": uniform(2)}, {"x": uniform(0, 3)})
family.write()
