#!/usr/bin/env python3
"""Makes draws.json:  python3 test/golden/functions/draws.py

What programs draw after `torch.manual_seed`, with which each begins. Every draw whose bits depend on its dtype names the
dtype, so that the runs in float64 and float32 draw the same. Needs a PyTorch without MKL (Debian's): MKL has a
generator of its own for bernoulli and exponential numbers.
"""
import torch
from golden import Family

assert not torch.backends.mkl.is_available()
family = Family("draws")


def add(name, program, parameters=None, data=None, seeds=(0, 7, 2**32 + 3)):
    for seed in seeds:
        lines = [f"torch.manual_seed({seed})", *(program if isinstance(program, list) else program.split("\n"))]
        family.add(f"{name}/{seed}", lines, parameters, data)


one = (5,)
x, small, large = family.uniform(3, 5), family.uniform(2, 3), family.uniform(6, 7)
probabilities, means, deviations = family.uniform(4, 5, low=0, high=1), family.uniform(3, 1), family.uniform(4, low=0.1, high=2)
flat = {"x": x}

for dtype in ("float32", "float64"):
    of = f"dtype=torch.{dtype}"
    for shape in ("5", "4, 4", "3, 7"):
        add(f"rand/{dtype} [{shape}]", f"out = torch.rand({shape}, {of})", seeds=(3, 12345))
        # 16 or more float32 numbers come from PyTorch's own logarithm and cosine, right to 1e-6: test/engine/random.test.ts.
        if dtype == "float64" or shape == "5":
            add(f"randn/{dtype} [{shape}]", f"out = torch.randn({shape}, {of})", seeds=(3, 12345))
    add(f"rand/{dtype}, sizes in a tuple", f"out = torch.rand((2, 3), {of}) + torch.rand(size=[3], {of}) + torch.rand((), {of})", seeds=one)
    add(f"randn/{dtype}, kept halves of pairs", f"out = torch.cat([torch.randn(3, {of}), torch.randn(2, 2, {of}).flatten(), torch.rand(1, {of}), torch.randn(6, {of}), torch.rand(20, {of}), torch.randn(1, {of})])")
    add(f"like/{dtype}", f"out = torch.rand_like(x, {of}) * torch.randn_like(x[:2], {of}, requires_grad=False)[0]", data=flat, seeds=one)
    add(f"normal/numbers {dtype}", f"out = torch.normal(1, 0.5, (2, 6), {of}) + torch.normal(mean=0.0, std=2.0, size=(6,), {of})", seeds=(1, 2))
    add(f"normal/mean {dtype}", f"out = torch.normal(x.to(torch.{dtype}), 0.25) + torch.normal(x.to(torch.{dtype}))", data=flat, seeds=(1, 2))
    add(f"normal/std {dtype}", f"out = torch.normal(2.0, s.to(torch.{dtype}))", data={"s": deviations}, seeds=(1, 2))
    add(f"normal/both {dtype}", f"out = torch.normal(m.to(torch.{dtype}), s.to(torch.{dtype})) + torch.normal(mean=m.to(torch.{dtype}), std=m.abs().to(torch.{dtype}))", data={"m": means, "s": deviations}, seeds=(1, 2))
    add(f"bernoulli/probabilities {dtype}", f"p = p.to(torch.{dtype})\nout = torch.bernoulli(p) + 2 * p.bernoulli() + p.bernoulli(0.5)", data={"p": probabilities})
    add(f"randperm/{dtype}", f"out = torch.randperm(9, {of}) + torch.randint(-2, 7, (9,), {of})")
    add(f"empty/{dtype}", f"out = torch.rand(0, 3, {of}).sum() + torch.randn(0, {of}).sum() + torch.rand(2, {of})", seeds=one)
add("normal/seen through", "out = torch.normal(a, 0.5) * 0 + a", {"a": small}, seeds=one)
add("bernoulli/number", "out = torch.bernoulli(x, 0.3) + 2 * torch.bernoulli(x, p=0.8) + 4 * torch.ones(3, 5, dtype=torch.int64).bernoulli(0.5)", data=flat)
add("bernoulli/certain", "out = torch.bernoulli(torch.zeros(4)) + torch.bernoulli(torch.ones(4)) + torch.bernoulli(torch.ones(4), 0.0)", seeds=one)
add("bernoulli/of parameters", "out = a * torch.bernoulli(torch.sigmoid(a).double())", {"a": large}, seeds=(4,))
add("randint/below 2^32", "out = torch.randint(10, (4, 4)) + torch.randint(-5, 3, (4,)) + torch.randint(low=100, high=4000000000, size=(4,)) + torch.randint(high=2, size=(1,))")
add("randint/beyond 2^32", "out = (torch.randint(-3, 2**40, (6,)) + torch.randint(0, 2**52 + 1, (6,))) / 2**20")
add("randint/like", "out = torch.randint_like(x, 5) + torch.randint_like(x, 2, 9) + torch.randint_like(x, low=-9, high=0, dtype=torch.int64)", data=flat)
add("randint/bool", "out = torch.randint(2, (9,), dtype=torch.bool) & torch.randint(0, 2, (9,), dtype=torch.bool)")
add("randperm/rows", "out = x[torch.randperm(3)][:, torch.randperm(5)]", data=flat)
add("randperm/index of gradients", "out = a[torch.randperm(6)] * torch.arange(42).reshape(6, 7)", {"a": large})
add("manual_seed/again", "u = torch.randn(3, dtype=torch.float64)\ntorch.manual_seed(99)\nv = torch.randn(2, dtype=torch.float64)\ntorch.manual_seed(99)\nout = u + torch.randn(1, dtype=torch.float64) + v.sum()")
add("manual_seed/negative", "torch.manual_seed(-5)\nout = torch.randint(100, (8,))", seeds=one)

for p in (0.5, 0.1, 0.0, 1.0):
    add(f"dropout/{p}", f"out = F.dropout(a, {p})", {"a": large}, seeds=(0, 31))
    add(f"alpha_dropout/{p}", f"out = F.alpha_dropout(a, {p}, True)", {"a": large}, seeds=(0, 31))
add("dropout/default", "out = F.dropout(a) + F.dropout(input=a, p=0.3, training=True, inplace=False)", {"a": x})
add("dropout/off", "out = F.dropout(a, training=False) + F.dropout(a, 0.9, False) + F.alpha_dropout(a) + F.feature_alpha_dropout(a, 0.7) + torch.rand(5, dtype=torch.float64)", {"a": x})
add("dropout/nothing is drawn for p = 0 and 1", "out = F.dropout(a, 0.0) + F.dropout(a, 1.0) + F.dropout(a, 0.5)", {"a": x})
add("dropout/torch", "out = torch.dropout(a, 0.4, True) + torch.alpha_dropout(a, 0.4, train=True) + torch.feature_dropout(a, 0.4, True) + torch.feature_alpha_dropout(a, 0.4, True) + torch.dropout(a, 0.4, False)", {"a": x})
add("dropout/0-d and empty", "out = F.dropout(a.sum(), 0.5) + F.dropout(a[:0], 0.5).sum() + F.dropout(a, 0.5)", {"a": x})
add("dropout/in a network", "h = F.dropout(torch.relu(x @ w), 0.4)\nout = F.dropout(h @ v, p=0.2)", {"w": family.uniform(5, 8), "v": family.uniform(8, 2)}, flat)
add("dropout/twice differentiated values", "out = (F.dropout(a, 0.5) ** 3).mean(0)", {"a": x})
add("dropout1d/batch", "out = F.dropout1d(a, 0.5)", {"a": family.uniform(3, 4, 2)})
add("dropout1d/sample", "out = F.dropout1d(a, 0.4)", {"a": family.uniform(5, 3)})
add("dropout2d/batch", "out = F.dropout2d(a, 0.3)", {"a": family.uniform(2, 4, 2, 3)})
add("dropout2d/2 and 3 dimensions", "out = F.dropout2d(a, 0.5).sum(2) + F.dropout2d(a[:, :, 0], 0.3)", {"a": family.uniform(2, 4, 3)})
add("dropout3d/batch", "out = F.dropout3d(a, 0.5)", {"a": family.uniform(2, 3, 2, 1, 2)})
add("dropout3d/sample", "out = F.dropout3d(a, 0.5)", {"a": family.uniform(5, 2, 1, 2)})
add("feature_alpha_dropout/channels", "out = F.feature_alpha_dropout(a, 0.4, training=True)", {"a": family.uniform(3, 4, 2)})
add("gumbel_softmax/soft", "out = F.gumbel_softmax(a)", {"a": x})
add("gumbel_softmax/tau and dim", "out = F.gumbel_softmax(a, tau=0.7, dim=0) + F.gumbel_softmax(a, 2, False, 1e-10, -2)", {"a": x})
add("gumbel_softmax/hard", "out = F.gumbel_softmax(a, hard=True) * F.gumbel_softmax(a, 0.5, True, dim=0)", {"a": x})
add("rrelu/training", "out = F.rrelu(a, training=True)", {"a": large})
add("rrelu/limits", "out = F.rrelu(a, 0.2, 0.9, True) + torch.rand(1, dtype=torch.float64) * 0", {"a": x})
add("rrelu/not training", "out = F.rrelu(a) + torch.rrelu(a, lower=0.3, upper=0.4) + F.rrelu(a, 0.1, 0.5, inplace=False)", {"a": x}, seeds=one)
add("condition/on a draw", "u = torch.rand(3, dtype=torch.float64)\nout = a * u\nif torch.rand((), dtype=torch.float64) < 0.5:\n    out = out + torch.rand(5, 1, dtype=torch.float64)\nv = torch.rand(3, dtype=torch.float64)\nwhile v.sum() < 4:\n    v = v + torch.rand(3, dtype=torch.float64)\nout = out * v + F.dropout(a, 0.5)", {"a": family.uniform(5, 3)}, seeds=(0, 1, 2, 3))
family.write()
