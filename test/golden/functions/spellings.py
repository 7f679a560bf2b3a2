#!/usr/bin/env python3
"""Makes spellings.json:  python3 test/golden/functions/spellings.py

Functions under names that no other case uses: torch.f(a) beside a.f(), aliases, functions whose results are no tensors.
"""
import math
import torch
from golden import Family

family = Family("spellings")
uniform, integers, bools = family.uniform, family.integers, family.bools

a, b = uniform(2, 3), uniform(2, 3, low=0.4, high=2.4)
both, ints = {"a": a, "b": b}, {"n": integers(2, 3, low=-9, high=9), "k": integers(2, 3, low=1, high=5)}
masks = {"p": bools(2, 3), "q": bools(2, 3)}


def spelled(name, torch_call, method_call=None, parameters=both, data=None):
    """One case for each spelling; `out` is made a float tensor that depends on the parameters."""
    for spelling, call in (("torch", torch_call), ("method", method_call)):
        if call is not None:
            family.add(f"{name}/{spelling}", f"out = {call}", parameters, data)


for name in ("neg", "negative", "absolute", "sign", "floor", "ceil", "trunc", "resolve_conj", "resolve_neg", "conj_physical"):
    spelled(name, f"torch.{name}(a * 1.3) * b")
for name in ("sigmoid", "floor", "ceil", "trunc", "fix"):
    spelled(name, None, f"(a * 1.3).{name}() * b")
for name in ("isnan", "isfinite", "isinf", "isposinf", "isreal"):
    special = "x = torch.tensor([1.0, math.nan, math.inf, -math.inf])\n"
    for spelling, call in (("torch", f"torch.{name}(x)"), ("method", f"x.{name}()")):
        family.add(f"{name}/{spelling}", f"{special}out = {call} * c", {"c": uniform(4)})
for name in ("sub", "subtract", "mul", "multiply", "div", "divide", "true_divide", "fmod", "remainder"):
    spelled(name, f"torch.{name}(a, b) + a", f"a.{name}(b[0]) + b")
    spelled(f"{name}/number", f"torch.{name}(a, 0.7) + a", f"a.{name}(0.7) * b")
# PyTorch has no derivative of this one.
spelled("floor_divide", "torch.floor_divide(x, y) * a + torch.floor_divide(x, 0.7) * b", "x.floor_divide(y) * a + x.floor_divide(other=0.7) * b", data={"x": uniform(2, 3), "y": uniform(2, 3, low=0.4, high=2.4)})
for name in ("div", "fmod", "remainder", "floor_divide"):
    spelled(f"{name}/whole numbers", f"torch.{name}(n, k) * a", f"n.{name}(3) * a", {"a": a}, ints)
spelled("rsub", "torch.rsub(a, b, alpha=2) + torch.rsub(a, 0.5)")
spelled("lerp", "torch.lerp(a, b, 0.3) + torch.lerp(a, b, b)", "a.lerp(b, weight=0.6) * a.lerp(end=b, weight=a)")
for name in ("ne", "not_equal", "gt", "greater", "ge", "greater_equal", "lt", "less", "le", "less_equal", "eq"):
    spelled(name, f"torch.{name}(a, b) * a + torch.{name}(n, k) * b + torch.{name}(n, 2)", f"a.{name}(0.1) * a + n.{name}(k) * b", data=ints)
for name in ("and", "or", "xor"):
    spelled(f"bitwise_{name}", f"torch.bitwise_{name}(n, k) * a + torch.bitwise_{name}(p, q) * b", f"n.bitwise_{name}(5) * a + p.bitwise_{name}(q) * b", data={**ints, **masks})
    spelled(f"logical_{name}", f"torch.logical_{name}(n, p) * a + torch.logical_{name}(p, q) * b", f"n.logical_{name}(k) * a + a.logical_{name}(q) * b", data={**ints, **masks})
spelled("bitwise_not", "torch.bitwise_not(n) * a + torch.bitwise_not(p) * b", "n.bitwise_not() * a + p.bitwise_not() * b", data={**ints, **masks})
spelled("logical_not", "torch.logical_not(n) * a + torch.logical_not(p) * b", "n.logical_not() * a + a.logical_not() + b", data={**ints, **masks})
spelled("bitwise_left_shift", "torch.bitwise_left_shift(k, 2) * a + b", "k.bitwise_left_shift(k) * a + b", data=ints)
spelled("clip", "torch.clip(a, -0.4, 0.6) * b", "a.clip(min=-0.4) * b.clip(max=1.2)")
spelled("masked_fill", "torch.masked_fill(a, p, 0.5) * b + torch.masked_fill(a, p[0], b[0, 0])", "a.masked_fill(p, 2) * b", data=masks)
spelled("detach", "torch.detach(a) * b", "a.detach() * b")
spelled("moveaxis", "torch.moveaxis(c, 0, -1) * b[:, 0]", "c.moveaxis((0, 1), (1, 0)) * b[0, 0]", {"c": uniform(2, 3, 2), "b": b})
spelled("index_put", "torch.index_put(a, (i, j), b[0, :2]) * b", "a.index_put((i,), b, accumulate=True) + a.index_put(indices=(i, j), values=b[1, 1:])", data={"i": torch.tensor([1, 0]), "j": torch.tensor([2, 2])})
for name in ("var", "std"):
    spelled(f"{name}_mean", f"sum(torch.{name}_mean(a, 1)) * b[:, 0]")

# ---- of other shapes and from torch itself
family.add("torch.conv_transpose1d", "out = torch.conv_transpose1d(x, w, c, 2, 1, 1, 1, 2)", {"x": uniform(2, 3, 5), "w": uniform(3, 2, 3), "c": uniform(2)})
family.add("torch.conv_transpose3d", "out = torch.conv_transpose3d(x, w, stride=(1, 2, 1), padding=1)", {"x": uniform(1, 2, 3, 3, 4), "w": uniform(2, 1, 3, 2, 3)})
family.add("torch.max_pool3d", "out = torch.max_pool3d(x, 2, stride=(1, 2, 1), padding=(0, 1, 0))", {"x": uniform(1, 2, 4, 5, 4)})
for dims, shape in ((1, (2, 2, 7)), (3, (1, 2, 4, 4, 5))):
    family.add(f"F.max_pool{dims}d_with_indices", f"v, i = F.max_pool{dims}d_with_indices(x, 2, stride=1)\nout = v * (i + 1)", {"x": uniform(*shape)})
# Neither has this.
spelled("channel_shuffle", "(torch.channel_shuffle(x, 2) * 2 + torch.native_channel_shuffle(x, 3)) * a", None, {"a": a}, {"x": uniform(2, 6, 2, 3)})
family.add("F.native_channel_shuffle", "out = F.native_channel_shuffle(x, 2) * a[:, :, None]", {"a": a}, {"x": uniform(1, 2, 3, 2)})

# ---- answers that are no tensors
family.add("is_complex", "out = a if torch.is_complex(a) else a * 2", {"a": a})
family.add("result_type", "out = a * (torch.result_type(a, n) == a.dtype) + a * (torch.result_type(n, 2.5) == torch.int64) + a * (torch.result_type(n, p) == torch.int64)", {"a": a}, {**ints, **masks})
family.add("promote_types", "out = a * (torch.promote_types(torch.int64, torch.float32) == torch.float32) + a * (torch.promote_types(torch.bool, torch.int64) == torch.bool)", {"a": a})
family.add("broadcast_shapes", "out = a.expand(torch.broadcast_shapes((4, 1, 1), a.shape)) * torch.ones(torch.broadcast_shapes((1, 3), 3))", {"a": a})
family.add("Size", "s = torch.Size([3, 2])\nout = a.reshape(s) * s.numel() + a.reshape(s)[torch.Size((1,))[0]]", {"a": a})
family.add("slice", "out = a[slice(None), slice(0, 3, 2)] * b[slice(2), slice(1, None)]", both)
family.add("empty_like", "out = torch.empty_like(a, dtype=torch.float64).fill_(2.0) * a + torch.empty_like(n).zero_() + a.new_empty(2, 3).copy_(b) + n.new_empty((2, 1)).fill_(3)", both, ints)
family.add("classes of tensors", "out = torch.FloatTensor([0.5, 2.0, 1.0]).double() * a + torch.IntTensor([1, 2, 3]) * b + torch.scalar_tensor(1.5) * a + torch.scalar_tensor(3, dtype=torch.int64)", both)
family.add("math", "out = a * math.cbrt(8.0) + a * math.exp2(3.0) + math.cbrt(-1.7)", {"a": a})
family.add("modes", ["with torch.autograd.no_grad():", "    u = a * 2", "with torch.autograd.no_grad(), torch.autograd.enable_grad():", "    v = a * b", "with torch.autograd.set_grad_enabled(False):", "    w = b * 3", "out = u * v * w"], both)

# ---- numbers that are drawn in place
for seed in (0, 2**31 + 5):
    for name, arguments in (("normal_", "1.0, 0.5"), ("normal_", ""), ("uniform_", "-1, 2"), ("exponential_", "0.7"), ("bernoulli_", "0.3"), ("random_", "-4, 9")):
        family.add(f"{name}({arguments})/{seed}", [f"torch.manual_seed({seed})", f"out = torch.empty(3, 3, dtype=torch.float64).{name}({arguments}) * a[0] + torch.zeros(2, 3, dtype=torch.float64).{name}({arguments})[1]"], {"a": a})
family.write()
