#!/usr/bin/env python3
"""Makes scans.json:  python3 test/golden/functions/scans.py"""
import torch
from golden import Family

family = Family("scans")
uniform, integers, bools = family.uniform, family.integers, family.bools

for name in ("cumsum", "cumprod", "logcumsumexp"):
    family.add(f"{name}/first dim", f"out = torch.{name}(a, 0)", {"a": uniform(5, 3)})
    family.add(f"{name}/last dim", f"out = a.{name}(-1)", {"a": uniform(3, 6)})
    family.add(f"{name}/middle dim", f"out = torch.{name}(a, dim=1)", {"a": uniform(2, 5, 3)})
    for n in (1, 2, 7, 8, 17):
        family.add(f"{name}/of {n}", f"out = a.{name}(0)", {"a": uniform(n)})
    family.add(f"{name}/0-d", f"out = a.{name}(0)", {"a": uniform()})
    family.add(f"{name}/empty", f"out = a.{name}(0).sum(0) + 1", {"a": uniform(0, 3)})
    family.add(f"{name}/of itself", f"out = a.{name}(0).{name}(1)", {"a": uniform(3, 4)})
for name in ("cumsum", "cumprod"):
    family.add(f"{name}/int", f"out = x.{name}(1) // 2 * a", {"a": uniform(2, 1)}, {"x": integers(2, 5, low=1)})
    family.add(f"{name}/bool", f"out = x.{name}(0) * a", {"a": uniform(3)}, {"x": bools(4, 3)})
    family.add(f"{name}/dtype", f"out = x.{name}(-1, dtype=torch.float64) / 3 * a", {"a": uniform(2, 1)}, {"x": integers(2, 4)})
family.add("cumprod/zeros", "out = a.cumprod(1)", {"a": torch.tensor([[0.5, 0.0, -2.0, 3.0, 1.5], [1.0, 0.0, 0.25, 0.0, 2.0], [0.0, 1.0, 2.0, 3.0, 0.5]])})
family.add("cumsum/not finite", "x = torch.tensor([1.0, 2.0, math.inf, 3.0])\nout = torch.where(torch.isfinite(x.cumsum(0)), a, 2 * a)", {"a": uniform(4)})
family.add("logcumsumexp/far apart", "out = torch.logcumsumexp(a * 400, 0)", {"a": uniform(6)})
family.add("logcumsumexp/equal", "out = torch.logcumsumexp(a, 0)", {"a": torch.tensor([1.0, 1.0, 1.0, 0.5, 0.5])})
family.add("logcumsumexp/-inf", "out = torch.logcumsumexp(torch.cat((a[:1], torch.full((1,), -math.inf), a[1:])), 0)", {"a": uniform(4)})

records = torch.tensor([[1.0, 3.0, 3.0, 2.0, 4.0, 4.0], [5.0, 0.5, 5.0, -1.0, -1.0, 6.0]])
for name in ("cummax", "cummin"):
    family.add(f"{name}/values", f"out = torch.{name}(a, 1).values", {"a": uniform(3, 7)})
    family.add(f"{name}/unpacked", f"v, i = a.{name}(dim=0)\nout = v * (i + 1)", {"a": uniform(6, 2)})
    family.add(f"{name}/ties: the last", f"r = a.{name}(-1)\nout = r[0] * (r.indices + 1)", {"a": records})
    family.add(f"{name}/middle dim", f"out = torch.{name}(a, -2)[0]", {"a": uniform(2, 5, 3)})
    family.add(f"{name}/int", f"v, i = x.{name}(0)\nout = v * a + i", {"a": uniform(3)}, {"x": integers(6, 3, low=-9)})
    family.add(f"{name}/bool", f"v, i = x.{name}(0)\nout = v.double() * a + i", {"a": uniform(3)}, {"x": bools(6, 3)})
    family.add(f"{name}/NaN", f"v, i = torch.tensor([3.0, math.nan, 1.0, math.nan, 4.0]).{name}(0)\nout = torch.isnan(v).double() * a + i", {"a": uniform(5)})
    family.add(f"{name}/0-d", f"v, i = a.{name}(0)\nout = v + i", {"a": uniform()})
    family.add(f"{name}/empty", f"out = a.{name}(0)[0].sum(0) + 1", {"a": uniform(0, 3)})

family.add("diff/default", "out = torch.diff(a)", {"a": uniform(3, 5)})
family.add("diff/n and dim", "out = a.diff(2, 0)", {"a": uniform(4, 3)})
family.add("diff/prepend and append", "out = torch.diff(a, dim=1, prepend=b, append=a[:, :1])", {"a": uniform(2, 4), "b": uniform(2, 3)})
family.add("diff/n = 0", "out = a.diff(n=0)", {"a": uniform(4)})
family.add("diff/n too large", "out = a.diff(n=5).sum(0) + a[0]", {"a": uniform(4)})
family.add("diff/int", "out = x.diff(dim=0) * a", {"a": uniform(3)}, {"x": integers(4, 3)})
family.add("diff/bool", "out = x.diff().double() * a", {"a": uniform(4)}, {"x": bools(5)})

for name in ("trapezoid", "trapz", "cumulative_trapezoid"):
    family.add(f"{name}/default", f"out = torch.{name}(a)", {"a": uniform(3, 5)})
    family.add(f"{name}/dx", f"out = torch.{name}(a, dx=0.25, dim=0)", {"a": uniform(4, 3)})
    family.add(f"{name}/x", f"out = torch.{name}(a, b)", {"a": uniform(3, 5), "b": uniform(5)})
    family.add(f"{name}/x along dim", f"out = torch.{name}(a, x=b, dim=0)", {"a": uniform(4, 3), "b": uniform(4)})
    family.add(f"{name}/x of the same shape", f"out = torch.{name}(y=a, x=b, dim=-1)", {"a": uniform(2, 3, 4), "b": uniform(3, 4)})
    family.add(f"{name}/int", f"out = torch.{name}(x) * a", {"a": uniform(2) if name != "cumulative_trapezoid" else uniform(2, 3)}, {"x": integers(2, 4)})
family.add("trapezoid/one point", "out = torch.trapezoid(a) + a[:, 0]", {"a": uniform(3, 1)})
family.add("trapezoid/no point", "out = torch.trapezoid(x) + a", {"a": uniform(3)}, {"x": uniform(3, 0)})
for name in ("cumsum(1)", "cumprod(1)", "logcumsumexp(1)", "cummax(1)[0]", "diff()"):
    family.add(f"gradient of a gradient/{name}", [f"u = a.{name}", "d, = torch.autograd.grad((u ** 3 + u).sum(), a, create_graph=True)", "out = d"], {"a": torch.tensor([[1.5, 0.0, -2.0], [0.5, 1.5, 1.0]])})
for name in ("trapezoid", "cumulative_trapezoid"):
    family.add(f"{name}/x of more dimensions", f"out = torch.{name}(a, b)", {"a": uniform(2, 3), "b": uniform(3, 3, 2)})
    family.add(f"{name}/x of more dimensions, dim", f"out = torch.{name}(a, b, dim=0)", {"a": uniform(2, 3), "b": uniform(2, 3, 3)})
    family.add(f"{name}/points broadcast", f"out = torch.{name}(a, b)", {"a": uniform(3), "b": uniform(5, 1)})
family.write()
