#!/usr/bin/env python3
"""Makes orders.json:  python3 test/golden/functions/orders.py"""
import torch
from golden import Family

family = Family("orders")
uniform, integers, bools = family.uniform, family.integers, family.bools

ties = torch.tensor([[3.0, 1.0, 3.0, 3.0, 0.5], [2.0, -1.0, -1.0, 0.5, 2.0]])
holes = "x = torch.where(m, a, math.nan)"
present = torch.tensor([[True, False, True, True, False], [False, False, True, False, True], [True, True, True, True, True]])


def finite(values):
    """NaN as 7, so that losses stay finite."""
    return f"out = torch.where(torch.isnan({values}), 7.0, {values})"


family.add("sort/default", "v, i = torch.sort(a)\nout = v * (i + 1)", {"a": uniform(3, 5)})
family.add("sort/dim", "out = a.sort(0).values", {"a": uniform(5, 3)})
family.add("sort/middle dim, descending", "v, i = a.sort(dim=1, descending=True)\nout = v * (i + 1)", {"a": uniform(2, 5, 3)})
family.add("sort/positions", "out = torch.sort(a, -2, True)[0]", {"a": uniform(4, 3)})
family.add("sort/stable", "v, i = torch.sort(a, stable=True, dim=-1)\nout = v * (i + 1)", {"a": ties})
family.add("sort/stable, descending", "r = a.sort(stable=True, descending=True)\nout = r.values * (r.indices + 1)", {"a": ties})
family.add("sort/int", "v, i = x.sort()\nout = v * a + i", {"a": uniform(2, 1)}, {"x": integers(2, 6, low=-9)})
family.add("sort/bool", "v, i = x.sort(stable=True)\nout = v.double() * a + i", {"a": uniform(2, 1)}, {"x": bools(2, 6)})
family.add("sort/NaN last", [holes, "v, i = x.sort(stable=True)", finite("v") + " * (i + 1)"], {"a": uniform(3, 5)}, {"m": present})
family.add("sort/NaN first", [holes, "v, i = x.sort(descending=True, stable=True)", finite("v") + " * (i + 1)"], {"a": uniform(3, 5)}, {"m": present})
family.add("sort/0-d", "v, i = a.sort(0)\nout = v + i", {"a": uniform()})
family.add("sort/one element", "v, i = a.sort()\nout = v + i", {"a": uniform(3, 1)})
family.add("sort/empty", "out = a.sort(0)[0].sum(0) + 1", {"a": uniform(0, 3)})
family.add("sort/twice", "out = a.sort(1)[0].sort(0)[0]", {"a": uniform(3, 4)})
family.add("argsort/default", "out = torch.argsort(x) * a", {"a": uniform(3, 5)}, {"x": uniform(3, 5)})
family.add("argsort/dim, descending", "out = x.argsort(0, True) * a", {"a": uniform(5, 2)}, {"x": uniform(5, 2)})
family.add("argsort/names", "out = torch.argsort(x, dim=1, descending=True) * a", {"a": uniform(2, 4, 2)}, {"x": uniform(2, 4, 2)})
family.add("argsort/stable", "out = x.argsort(stable=True) * a", {"a": uniform(2, 5)}, {"x": ties})
family.add("argsort/ranks", "out = a.argsort().argsort() * a", {"a": uniform(6)})
family.add("argsort/0-d", "out = (x.argsort() + 1) * a", {"a": uniform(2)}, {"x": uniform()})
family.add("msort/matrix", "out = torch.msort(a)", {"a": uniform(5, 3)})
family.add("msort/method", "out = a.msort()", {"a": uniform(3, 2, 2)})
family.add("msort/0-d", "out = a.msort() * 2", {"a": uniform()})

family.add("topk/default", "v, i = torch.topk(a, 2)\nout = v * (i + 1)", {"a": uniform(3, 5)})
family.add("topk/dim", "out = a.topk(3, dim=0).values", {"a": uniform(5, 3)})
family.add("topk/smallest", "v, i = a.topk(k=2, dim=1, largest=False, sorted=True)\nout = v * (i + 1)", {"a": uniform(2, 5, 3)})
family.add("topk/positions", "out = torch.topk(a, 2, -1, False, True)[0]", {"a": uniform(2, 4)})
family.add("topk/all", "out = a.topk(4)[0]", {"a": uniform(4)})
family.add("topk/none", "out = a.topk(0)[0].sum() + a", {"a": uniform(4)})
family.add("topk/int", "v, i = torch.topk(x, 3)\nout = v * a + i", {"a": uniform(2, 1)}, {"x": torch.tensor([[5, 2, 9, -3], [1, 0, 4, 7]])})
family.add("topk/NaN is largest", [holes, "v, i = x.topk(1)", finite("v")], {"a": uniform(3, 5)}, {"m": present})
family.add("topk/0-d", "v, i = a.topk(1)\nout = v + i", {"a": uniform()})
family.add("topk/mask of the largest", "out = torch.where(a >= a.topk(2)[0][:, -1:], a, torch.zeros_like(a))", {"a": uniform(3, 5)})

family.add("kthvalue/default", "v, i = torch.kthvalue(a, 2)\nout = v * (i + 1)", {"a": uniform(3, 5)})
family.add("kthvalue/dim", "out = a.kthvalue(3, dim=0, keepdim=True).values", {"a": uniform(5, 3)})
family.add("kthvalue/positions", "v, i = a.kthvalue(1, 1, True)\nout = v * (i + 1)", {"a": uniform(2, 5, 3)})
family.add("kthvalue/int", "v, i = torch.kthvalue(x, 3)\nout = v * a + i", {"a": uniform(2)}, {"x": torch.tensor([[5, 2, 9, -3], [1, 0, 4, 7]])})
family.add("kthvalue/NaN is largest", [holes, "v = x.kthvalue(4).values", finite("v")], {"a": uniform(3, 5)}, {"m": present})
family.add("kthvalue/0-d", "v, i = a.kthvalue(1)\nout = v + i", {"a": uniform()})

# Indices of ties are not said by PyTorch; the number of elements here is small enough for its sort to be stable.
family.add("mode/int", "v, i = torch.mode(x)\nout = v * a + i", {"a": uniform(4)}, {"x": torch.tensor([[5, 2, 5, 2, 3], [1, 1, 0, 0, 0], [1, 2, 3, 4, 5], [7, 7, 7, 7, 7]])})
family.add("mode/gradient", "out = a.mode(1).values", {"a": ties})
family.add("mode/dim", "v, i = a.mode(dim=0, keepdim=True)\nout = v * (i + 1)", {"a": torch.tensor([[1.0, 2.0], [3.0, 2.0], [1.0, 0.5], [3.0, 0.5]])})
family.add("mode/all different: the smallest", "v, i = a.mode()\nout = v * (i + 1)", {"a": uniform(3, 5)})
family.add("mode/one element", "v, i = a.mode(-1)\nout = v + i", {"a": uniform(3, 1)})
family.add("mode/two elements", "v, i = a.mode()\nout = v * (i + 1)", {"a": torch.tensor([[1.5, 1.5], [2.0, 1.0]])})
family.add("mode/bool", "v, i = x.mode(0)\nout = v.double() * a + i", {"a": uniform(3)}, {"x": torch.tensor([[True, False, True], [True, False, False], [False, True, True]])})
family.add("mode/0-d", "v, i = a.mode()\nout = v + i", {"a": uniform()})

for name in ("median", "nanmedian"):
    family.add(f"{name}/all", f"out = torch.{name}(a)", {"a": uniform(3, 3)})
    family.add(f"{name}/all, even", f"out = a.{name}() * 2", {"a": uniform(3, 4)})
    family.add(f"{name}/dim", f"v, i = torch.{name}(a, 1)\nout = v * (i + 1)", {"a": uniform(3, 5)})
    family.add(f"{name}/dim, even, keepdim", f"r = a.{name}(dim=0, keepdim=True)\nout = r.values * (r.indices + 1)", {"a": uniform(4, 3)})
    family.add(f"{name}/middle dim", f"out = a.{name}(-2, True)[0]", {"a": uniform(2, 5, 3)})
    family.add(f"{name}/ties share", f"out = a.{name}()", {"a": torch.tensor([[1.0, 2.0, 2.0], [2.0, 5.0, 0.5]])})
    family.add(f"{name}/int", f"v, i = x.{name}(1)\nout = v * a + i + x.{name}()", {"a": uniform(2)}, {"x": torch.tensor([[5, 2, 9, -3], [1, 0, 4, 7]])})
    family.add(f"{name}/NaN", [holes, f"v, i = x.{name}(1)", finite("v") + " * (i + 1)"], {"a": uniform(3, 5)}, {"m": present})
    family.add(f"{name}/nothing but NaN", [f"x = torch.tensor([[math.nan, math.nan], [1.0, 2.0]])", f"v, i = x.{name}(1)", "out = torch.where(torch.isnan(v), 7.0, v) * a + i"], {"a": uniform(2)})
    family.add(f"{name}/NaN of all", [holes, f"v = x.{name}()", finite("v")], {"a": uniform(3, 5)}, {"m": present})
    family.add(f"{name}/empty", f"out = torch.isnan(x.{name}()).double() * a", {"a": uniform(2)}, {"x": torch.zeros(0, 3)})
    family.add(f"{name}/0-d", f"v, i = a.{name}(0)\nout = v + i + a.{name}()", {"a": uniform()})

for name in ("quantile", "nanquantile"):
    family.add(f"{name}/all", f"out = torch.{name}(a, 0.3)", {"a": uniform(3, 4)})
    family.add(f"{name}/all, keepdim", f"out = a.{name}(0.8, keepdim=True)", {"a": uniform(3, 4)})
    family.add(f"{name}/dim", f"out = torch.{name}(a, 0.45, 1)", {"a": uniform(3, 6)})
    family.add(f"{name}/first dim, keepdim", f"out = a.{name}(0.6, dim=0, keepdim=True)", {"a": uniform(5, 2, 3)})
    family.add(f"{name}/several q", f"out = torch.{name}(a, torch.tensor([0.1, 0.5, 0.95]), dim=1)", {"a": uniform(3, 6, 2)})
    family.add(f"{name}/several q, keepdim", f"out = a.{name}(torch.tensor([0.25, 0.8]), 1, True)", {"a": uniform(3, 6)})
    family.add(f"{name}/several q of all", f"out = a.{name}(torch.tensor([0.2, 0.9]), keepdim=True) + a.{name}(torch.tensor([0.3]))", {"a": uniform(3, 4)})
    family.add(f"{name}/q without dimensions", f"out = a.{name}(torch.tensor(0.35), dim=-1)", {"a": uniform(3, 4)})
    family.add(f"{name}/q from data", f"out = a.{name}(q, dim=0)", {"a": uniform(7, 2)}, {"q": torch.tensor([0.05, 0.5, 1.0])})
    for interpolation in ("linear", "lower", "higher", "midpoint", "nearest"):
        family.add(f"{name}/{interpolation}", f"out = torch.{name}(a, torch.tensor([0.0, 0.33, 0.71, 1.0]), dim=1, interpolation='{interpolation}')", {"a": uniform(3, 6)})
        family.add(f"{name}/{interpolation} of NaN", [holes, f"v = torch.{name}(x, 0.4, dim=1, interpolation='{interpolation}')", finite("v")], {"a": uniform(3, 5)}, {"m": present})
    family.add(f"{name}/0-d", f"out = a.{name}(0.4) + a.{name}(0.7, 0) + a.{name}(torch.tensor([0.2]), 0, True)", {"a": uniform()})
    family.add(f"{name}/one element", f"out = a.{name}(0.4, 1)", {"a": uniform(3, 1)})
    family.add(f"{name}/gradient to q", f"out = a.{name}(q, dim=0)", {"a": uniform(6, 2), "q": torch.tensor([0.33, 0.71])})
family.add("nanquantile/nothing but NaN", "v = torch.tensor([[math.nan, math.nan], [1.0, 2.0]]).nanquantile(0.5, 1)\nout = torch.where(torch.isnan(v), 7.0, v) * a", {"a": uniform(2)})

for name, program in {"sort": "a.sort(1)[0]", "topk": "a.topk(2)[0]", "median": "a.median()", "median of dim": "a.median(1)[0]", "quantile": "a.quantile(0.3, 1)", "mode": "a.mode()[0]"}.items():
    family.add(f"gradient of a gradient/{name}", [f"u = {program}", "d, = torch.autograd.grad((u ** 3 + u).sum(), a, create_graph=True)", "out = d"], {"a": torch.tensor([[1.5, 0.25, -2.0], [0.5, 1.5, 1.0]])})
family.write()
