#!/usr/bin/env python3
"""Makes activations.json:  python3 test/golden/functions/activations.py"""
import torch
from torch.nn import functional as F
from golden import Family

family = Family("activations")
add = family.add
row, matrix, cube, wide = family.uniform(5), family.uniform(3, 4), family.uniform(2, 3, 4), family.uniform(2, 8, low=-5, high=5)

add("softmax/negative dim", "out = F.softmax(a, dim=-2)", {"a": cube})
add("leaky_relu/slope", "out = F.leaky_relu(a, 0.3)", {"a": row})

for name in "relu relu6 selu silu mish softplus softsign hardtanh hardsigmoid hardswish logsigmoid tanhshrink softshrink hardshrink leaky_relu elu celu gelu rrelu".split():
    add(f"{name}/defaults", f"out = F.{name}(a)", {"a": wide})
for name in "relu relu6 selu silu mish hardtanh hardsigmoid hardswish leaky_relu elu celu".split():
    add(f"{name}/inplace is accepted", f"out = F.{name}(a * 1, inplace=True)", {"a": wide})
add("relu/spellings", "out = torch.relu(a) + a.relu() + F.relu(input=a, inplace=False)", {"a": matrix})
add("relu/at 0", "out = F.relu(a) + F.relu6(a) + F.leaky_relu(a, 0.2) + F.elu(a, 2.0) + F.silu(a) + F.logsigmoid(a) + F.hardshrink(a) + F.softshrink(a) + F.threshold(a, 0.0, 1.0) + F.selu(a) + F.gelu(a)", {"a": torch.zeros(3)})
add("hardtanh/at the limits", "out = F.hardtanh(a) + F.hardsigmoid(3 * a)", {"a": torch.tensor([-1.0, 1.0])})
add("hardshrink/at the limits", "out = F.hardshrink(a, 0.5) + F.softshrink(a, lambd=0.5)", {"a": torch.tensor([-0.5, 0.5])})
add("leaky_relu/negative slope", "out = F.leaky_relu(a, negative_slope=-0.5)", {"a": matrix})
add("elu/alpha", "out = F.elu(a, 0.3) + F.elu(a, alpha=-1.5)", {"a": matrix})
add("celu/alpha", "out = F.celu(a, 2.0) + torch.celu(a, alpha=0.5)", {"a": matrix})
add("selu/torch", "out = torch.selu(a)", {"a": matrix})
add("gelu/tanh", "out = F.gelu(a, approximate='tanh') + F.gelu(a, approximate='none')", {"a": wide})
add("softplus/beta and threshold", "out = F.softplus(a, 2) + F.softplus(a, beta=0.5, threshold=1.0)", {"a": wide})
add("hardtanh/limits", "out = F.hardtanh(a, -0.3, 0.8) + F.hardtanh(a, max_val=2.2, min_val=-2.7)", {"a": wide})
add("softshrink/lambd", "out = F.softshrink(a, 1.7) + F.softshrink(a, lambd=0)", {"a": wide})
add("hardshrink/lambd", "out = torch.hardshrink(a, 1.7) + a.hardshrink(lambd=0.3) + F.hardshrink(a, -1)", {"a": wide})
add("threshold/values", "out = F.threshold(a, 0.4, -2.0) + torch.threshold(a, threshold=-1.1, value=20) + F.threshold(a * 1, 0.4, 3.0, True)", {"a": wide})
add("hardswish/far", "out = F.hardswish(a * 3)", {"a": wide})
add("tanh and sigmoid/of F", "out = F.tanh(a) * F.sigmoid(a)", {"a": wide})
add("prelu/one weight", "out = F.prelu(a, w)", {"a": matrix, "w": family.uniform(1)})
add("prelu/channels", "out = torch.prelu(a, w) + a.prelu(w * 2)", {"a": cube, "w": family.uniform(3)})
add("prelu/channels of a matrix", "out = F.prelu(input=a, weight=w)", {"a": matrix, "w": family.uniform(4)})
add("prelu/vector and 0-d", "out = F.prelu(a, w) + F.prelu(a.sum(), w)", {"a": row, "w": family.uniform(1)})
add("prelu/at 0", "out = F.prelu(a, w)", {"a": torch.zeros(2), "w": family.uniform(1)})
add("prelu/0-d weight", "out = F.prelu(a, w)", {"a": matrix, "w": family.uniform(1)[0]}, reference=lambda a, w: torch.where(a > 0, a, w * a))
add("glu/last dim", "out = F.glu(a)", {"a": cube})
add("glu/dim", "out = F.glu(a, 0) + F.glu(a, dim=-3)", {"a": cube})
add("glu/empty", "out = F.glu(a[:0], 1).sum() + a.sum()", {"a": wide})
add("softmax/spellings", "out = torch.softmax(a, 1) + a.softmax(-1) + F.softmax(a, dim=0) + torch.softmax(input=a, dim=-2)", {"a": matrix})
add("softmax/dim left out", "out = F.softmax(a).sum(0) * F.softmax(b).sum(0) * F.softmax(b[0])", {"a": cube[:, :, 0], "b": family.uniform(2, 3, 3)[:, 0]})
add("softmax/dim left out, 3 and 4 dimensions", "out = F.softmax(a) + F.softmax(a.unsqueeze(0))[0]", {"a": cube})
add("softmax/0-d", "out = F.softmax(a, 0) * a + F.log_softmax(a, -1)", {"a": family.uniform(1)[0]})
add("softmax/dtype", "out = F.softmax(a, 1, dtype=torch.float64) + torch.softmax(n, 0, torch.float64) + n.softmax(dim=0, dtype=torch.float64)", {"a": matrix}, {"n": torch.arange(12).reshape(3, 4)})
add("softmax/stack level", "out = F.softmax(a, 1, 5) + F.log_softmax(a, 1, 3, torch.float64)", {"a": matrix})
add("softmax/large numbers", "out = torch.softmax(a * 1000, 0) + torch.log_softmax(a * 1000, 0) / 1000", {"a": matrix})
add("softmin/dim", "out = F.softmin(a, 1) + F.softmin(a, dim=-3)", {"a": cube})
add("softmin/dim left out", "out = F.softmin(a) + F.softmin(a, dtype=torch.float64)", {"a": matrix})
add("log_softmax/spellings", "out = torch.log_softmax(a, 0) + a.log_softmax(2) + F.log_softmax(a, dim=1)", {"a": cube})
add("log_softmax/dim left out", "out = F.log_softmax(a) + F.log_softmax(a[0])", {"a": cube})
add("log_softmax/dtype", "out = a.log_softmax(1, dtype=torch.float64) + torch.log_softmax(a, 0, dtype=None)", {"a": matrix})
family.write()
