#!/usr/bin/env python3
"""Makes own-training.json, examples.json, random.json and language.json with Python and PyTorch.

Run it with a Python that has torch (Debian: python3-torch):  python3 test/golden/make.py
"""
import json
import math
import os
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

HERE = os.path.dirname(os.path.abspath(__file__))
LAYERS = [
    {"type": "Linear", "in_features": 3, "out_features": 8},
    {"type": "Tanh"},
    {"type": "Linear", "in_features": 8, "out_features": 2},
]


def rounded(t):
    return [[round(v, 3) for v in row] for row in t.tolist()]


def make_model(layers):
    modules = []
    for layer in layers:
        options = {k: v for k, v in layer.items() if k not in ("type", "layers")}
        if layer["type"] == "Sequential":
            modules.append(make_model(layer["layers"]))
        else:
            modules.append(getattr(nn, layer["type"])(**options))
    return nn.Sequential(*modules)


def train(request):
    """What PyTorch makes of a request whose model is layers."""
    dtype = request.get("dtype", "float32")
    torch.set_default_dtype(getattr(torch, dtype))
    x, y = (torch.tensor(request["data"][name]) for name in ("x", "y"))
    optimizer, loss = request["optimizer"], request["loss"]
    steps, epochs, batch_size = request.get("steps"), request.get("epochs"), request.get("batch_size")
    clip_grad_value = request.get("clip_grad_value")

    torch.manual_seed(request.get("seed", 0))
    model = make_model(request["model"]["layers"])
    initial = {k: v.tolist() for k, v in model.state_dict().items()}
    options = {k: v for k, v in optimizer.items() if k != "type"}
    opt = getattr(torch.optim, optimizer["type"])(model.parameters(), **options)
    loss_options = {k: v for k, v in loss.items() if k != "type"}
    if isinstance(loss_options.get("weight"), list):
        loss_options["weight"] = torch.tensor(loss_options["weight"])
    if isinstance(loss_options.get("pos_weight"), list):
        loss_options["pos_weight"] = torch.tensor(loss_options["pos_weight"])
    criterion = getattr(nn, loss["type"])(**loss_options)
    loader = DataLoader(TensorDataset(x, y), batch_size=batch_size or len(x), shuffle=request.get("shuffle", False), drop_last=request.get("drop_last", False))
    losses, norms, first = [], [], None
    total = steps if steps is not None else epochs * len(loader)
    while len(losses) < total:
        for xb, yb in loader:
            opt.zero_grad()
            value = criterion(model(xb), yb)
            value.backward()
            grads = {k: p.grad.clone() for k, p in model.named_parameters()}
            norms.append(torch.sqrt(sum((g.double() ** 2).sum() for g in grads.values())).item())
            first = first or {k: g.tolist() for k, g in grads.items()}
            if clip_grad_value is not None:
                nn.utils.clip_grad_value_(model.parameters(), clip_grad_value)
            opt.step()
            losses.append(value.item())
            if len(losses) == total:
                break
    return {
        "losses": losses, "grad_norms": norms, "first_gradients": first, "initial_state": initial,
        "final_state": {k: v.tolist() for k, v in model.state_dict().items()},
    }


def run(name, *, layers=LAYERS, loss=None, optimizer, classes=False, rows=10, steps=None, epochs=None, batch_size=None,
        shuffle=False, drop_last=False, seed=0, dtype="float64", clip_grad_value=None):
    torch.set_default_dtype(getattr(torch, dtype))
    data = torch.Generator().manual_seed(rows * 1000 + len(name))
    width = next(l for l in (layers[0], *layers[0].get("layers", [])) if "in_features" in l)["in_features"]
    x = rounded(torch.rand(rows, width, generator=data) * 3 - 1.5)
    y = torch.randint(0, 2, (rows,), generator=data).tolist() if classes else rounded(torch.rand(rows, 2, generator=data) * 3 - 1.5)
    loss = loss or {"type": "CrossEntropyLoss" if classes else "MSELoss"}
    request = {"model": {"layers": layers}, "loss": loss, "data": {"x": x, "y": y}, "optimizer": optimizer, "dtype": dtype, "seed": seed}
    for key, value in (("steps", steps), ("epochs", epochs), ("batch_size", batch_size), ("clip_grad_value", clip_grad_value)):
        if value is not None:
            request[key] = value
    if shuffle:
        request["shuffle"] = True
    if drop_last:
        request["drop_last"] = True
    expect = train(request)
    if dtype == "float64":
        request["state"] = expect["initial_state"]
    return {"name": name, "request": request, "expect": expect}


def example(name):
    """A run of examples/NAME.json: its request stays there."""
    with open(os.path.join(HERE, "..", "..", "examples", name + ".json")) as file:
        return {"name": name, "expect": train(json.load(file))}


# Programs whose variable `out` is compared. `x` is a 2 x 3 tensor, `a` a 3-vector, `s` a scalar, `i` whole numbers.
LANGUAGE = {
    "numbers": [
        "out = [7 // 2, -7 // 2, 7 // -2, 7 % 3, -7 % 3, 7 % -3, -7 % -3]",
        "out = [7.5 // 2, -7.5 // 2, 7.5 % 2, -7.5 % 2, 2 ** 10, 2 ** -1, 2.5 ** 2, -2 ** 2, (-2) ** 3]",
        "out = [1 / 4, 6 / 3, 1e3, 1_000, .5, 5., 0x1F, 0b101, 0o17, 1.5e-3]",
        "out = [2 + 3 * 4 - 5, (2 + 3) * 4, 2 ** 3 ** 2, -3 ** 2, 10 - 4 - 3, 100 / 10 / 5, 7 // 2 * 2]",
        "out = [5 & 3, 5 | 3, 5 ^ 3, ~5, True & False, True | False, True + True]",
        "out = [int(2.9), int(-2.9), float(3), abs(-4), abs(-4.5), min(3, 1, 2), max([3, 1, 2]), int(True), bool(0), bool(2.5)]",
        "out = [sum([1, 2, 3]), len([1, 2]), len((1,)), len(range(2, 11, 3)), len(x), len(range(5, 0)), round(2.5), round(3.5), round(-2.5)]",
        "out = [math.pi, math.e, math.sqrt(2), math.log(8, 2), math.log(10), math.exp(1), math.floor(-1.5), math.ceil(-1.5), math.pow(2, 0.5)]",
        "out = [math.sin(1), math.cos(1), math.tan(1), math.atan(1), math.tanh(0.5), math.log2(8), math.log10(1000), math.log1p(0.1), math.expm1(0.1)]",
        "out = [torch.pi, torch.e, math.tau]",
    ],
    "comparisons and logic": [
        "out = [1 < 2, 1 < 2 < 3, 1 < 3 < 2, 3 > 2 >= 2, 1 == 1.0, 1 != 2, 1 <= 1 < 2 <= 2]",
        "out = [1 and 2, 0 and 2, 0 or 3, 1 or 3, not 0, not 1, not (1 and 0), 1 if 0 else 2, 1 if [] else 2, 1 if [0] else 2]",
        "out = [2 in [1, 2], 2 not in (1, 3), 5 in range(0, 10, 5), None is None, 1 is not None, True == 1]",
        "out = [(1, 2) == (1, 2), [1, 2] == [1, 3], 'mean' == 'mean', x.dtype == torch.float64]",
        "out = 1 if 0 == 0 and 3 > 2 or 1 / 0 else 2",
    ],
    "sequences": [
        "t = (1, 2, 3, 4, 5)\nout = [t[0], t[-1], t[1:3], t[::-1], t[::2], t[-2:], t[:-3], t[4:1:-1], t[10:], t[-10:2]]",
        "out = [(1, 2) + (3,), [1] * 3, 2 * (1, 2), [1, 2] + [3], [0] * -1]",
        "a, b = 1, 2\na, b = b, a\nout = [a, b]",
        "p, *q = 1, 2, 3\n*r, t = [4, 5, 6]\nu, *v, w = range(5)\nout = [p, q, r, t, u, v, w]",
        "(p, q), r = (1, 2), 3\n[u, [v]] = [4, [5]]\nout = [p, q, r, u, v]",
        "p = q = 3\np += 1\nq *= 2\nr = 7\nr //= 2\nr **= 2\nr -= 1\nr %= 5\nout = [p, q, r]",
        "out = [k * k for k in range(5) if k % 2 == 0]",
        "out = [(i, j) for i in range(3) for j in range(i) if i + j > 1]",
        "out = [[i * j for j in range(3)] for i in range(2)]",
        "k = 10\nout = [k for k in range(3)]\nout = out + [k]",
        "out = [(i, v) for i, v in enumerate([5, 6, 7])] + [(i, v) for i, v in enumerate((8, 9), 2)] + [(p, q) for p, q in zip(range(3), [7, 8])]",
        "out = [list(range(3)), tuple([1, 2]), list(reversed([1, 2, 3])), list(range(10, 0, -3)), sum(range(5)), max(range(4)), min(k * k - 3 * k for k in range(4))]",
        "out = [*range(3), *(7, 8), 9]",
        "out = (\n    1 +  # one\n    2,\n    [3,\n     4],\n)",
        "out = [1, 2][0], (3, 4)[1], [[5], [6]][1][0]",
    ],
    "flow": [
        "out = 0\nfor k in range(10):\n    if k == 3:\n        continue\n    if k == 6:\n        break\n    out += k\nelse:\n    out = -1",
        "out = 0\nfor k in range(3):\n    out += k\nelse:\n    out += 100",
        "k = 0\nout = []\nwhile k < 20:\n    k += 3\n    if k % 2 == 0:\n        continue\n    out = out + [k]\n    if k > 13:\n        break\nelse:\n    out = out + [-1]",
        "k = 5\nif k < 3:\n    out = 1\nelif k < 6:\n    out = 2\nelif k < 9:\n    out = 3\nelse:\n    out = 4",
        "out = 1\nif out == 1: out = 2; out += 5\nif out == 0: pass\nelse: out += 1",
        "out = 0\nfor i, (p, q) in enumerate([(1, 2), (3, 4)]):\n    for j in range(i + 1):\n        out += p * q + j\n        if j == 1: break",
        "def f(p, q=2, r=3):\n    if p > q:\n        return p - q\n    return p + q * r\n\nout = [f(1), f(5), f(1, r=10), f(q=1, p=0), f(2, 2, 2)]",
        "def fib(n):\n    return n if n < 2 else fib(n - 1) + fib(n - 2)\nout = [fib(k) for k in range(10)]",
        "k = 2\ndef f(p):\n    q = p * k\n    def g(r):\n        return q + r\n    return g(1) + g(2)\nout = f(3)",
        "def f():\n    pass\nout = f() is None",
        "def f(p):\n    return p, p * 2\nu, v = f(x)\nout = (u + v)",
        "out = [k if k % 2 else -k for k in range(5)]",
        "out = 0\nfor row in x:\n    out = out + row * row",
        "h = x\nfor k in range(2): h = torch.tanh(h + k)\nout = h",
        "out = sum([row.sum() for row in x])",
    ],
    "indexing": [
        "out = x[0]", "out = x[-1, -2]", "out = x[:, 1]", "out = x[..., 0]", "out = x[None]", "out = x[:, None, 1:]", "out = x[1:, ::2]", "out = x[0, 1:3]",
        "out = x[:, -2:]", "out = x[5:]", "out = x[:, 2:1]", "out = x[i]", "out = x[:, i]", "out = x[i, i]", "out = x[[1, 0]]", "out = x[:, [0, 2, 0]]",
        "out = x[i[:, None], i]", "out = x[None, :, i]", "out = x[...]", "out = x[0, ..., None]", "out = a[torch.arange(2)]", "out = a[-3:-1]", "out = x[True and 1]",
        "out = x.unsqueeze(1)[:, 0, i]", "out = x.unsqueeze(0)[0, i, None, 1]", "u, v = x\nout = u * v", "p, *q = a\nout = [p, q]", "out = x[i][:, 1][0]",
    ],
    "functions": [
        "f = lambda p, q=2: p * q + 1\nout = [f(1), f(3, 4), f(q=5, p=1), (lambda: 7)(), (lambda *p: len(p))(1, 2, 3), (lambda p, *, q: p - q)(3, q=1)]",
        "def f(p, *q, r=1, **s):\n    return [p, len(q), sum(q), r, len(s), sum(s.values())]\nout = f(1) + f(1, 2, 3, r=4) + f(1, k=5, m=6) + f(*[1, 2], **{'r': 3, 'u': 4})",
        "def f(p, /, q, *, r=3):\n    return p + 10 * q + 100 * r\nout = [f(1, 2), f(1, q=2, r=4), f(1, 2, r=5)]",
        "def f(x: torch.Tensor, n: int = 2) -> torch.Tensor:\n    \"\"\"Documented.\n\n    On several lines.\"\"\"\n    y: torch.Tensor = x * n  # a comment\n    return y\nout = f(x, n=3)",
        "def compose(*fs):\n    def g(v):\n        for f in fs:\n            v = f(v)\n        return v\n    return g\nout = compose(torch.tanh, lambda v: v * 2, F.relu)(x)",
        "def f(p, acc=None):\n    acc = [] if acc is None else acc\n    acc.append(p)\n    return acc\nout = f(1) + f(2, [0])",
        "act = {'relu': F.relu, 'tanh': torch.tanh}\nout = act['tanh'](x) + act['relu'](x)",
        "adders = [lambda v, n=n: v + n for n in range(3)]\nout = [f(10) for f in adders]",
        "def outer(n):\n    def inner(m):\n        return m * n\n    return [inner(v) for v in range(n)]\nout = outer(4)",
        "out = torch.nn.functional.softplus(x, beta=2).mean().neg().abs().sqrt()",
        "m = x.sum\nout = m(dim=0) + m(0, keepdim=False)",
    ],
    "lists and dictionaries": [
        "h = []\nfor k in range(4):\n    h.append(k * k)\nh.extend([100, 200])\nh.insert(1, -1)\np = h.pop()\nq = h.pop(0)\nh.reverse()\nout = h + [p, q, len(h), h.index(4), h.count(1)]",
        "h = [1, 2, 3]\ng = h\ng += [4]\ng[0] = 10\ng[-1] += 5\nu, g[1] = 7, 8\nout = h + [u]",
        "h = [3, 1, 2]\nc = h.copy()\nc.remove(1)\nh.clear()\nout = c + [len(h)]",
        "outs = []\nhid = a\nfor row in x:\n    hid = torch.tanh(row + hid)\n    outs.append(hid)\nout = torch.stack(outs)",
        "d = {'p': 1, 'q': 2.5, 3: 'z', (1, 2): 4}\nd['r'] = 6\nd['p'] += 10\nout = [d['p'], d['q'], d[(1, 2)], d.get('s', -1), d.get('r'), 'p' in d, 'z' in d, 3 in d, len(d)]",
        "d = {'p': 1, 'q': 2}\nout = [[k == 'p', v] for k, v in d.items()] + [list(d.values()), len(list(d.keys())), sum(d[k] for k in d)]",
        "d = {**{'p': 1, 'q': 2}, 'q': 3}\ne = {k: v * 2 for k, v in d.items() if v > 1}\nd.update(e)\nout = [d['p'], d['q'], e.pop('q'), e.pop('q', 9), d.setdefault('t', 4), d['t'], len(dict(d)), len({})]",
        "d = {1: 'a', 1.0: 'b', True: 'c'}\nout = [len(d), d[1] == 'c']",
        "w = {'a': a, 'b': a * 2}\nout = sum(w[k] for k in w)",
        "t = (3, 1, 2, 1)\nout = [t.index(1), t.count(1), x.shape.numel(), len(x.shape)]",
        "out = [len('abc'), 'a' in 'abc', 'abc' < 'abd', 'a' == \"a\", 'it\\'s' == \"it's\", 'a' 'b' == 'ab', r'\\n' == '\\\\n']",
    ],
    "built-in functions": [
        "out = [sorted([3, 1, 2]), sorted((2.5, -1), reverse=True), sorted([3, -4, 1], key=abs), sorted([(2, 1), (1, 5), (1, 2)]), sorted(['b', 'a'])[0] == 'a', sorted([1, 2, 3], key=lambda v: -v)]",
        "out = [any([0, 1]), any([]), all([1, 2]), all([1, 0]), all([]), any(k > 2 for k in range(4)), all(k < 2 for k in range(4))]",
        "out = [list(map(abs, [-1, 2])), list(map(lambda p, q: p * q, [1, 2, 3], [4, 5])), list(filter(None, [0, 1, 2])), list(filter(lambda v: v % 2, range(5)))]",
        "out = [divmod(7, 2), divmod(-7, 2), divmod(7.5, 2), pow(2, 10), pow(2.0, -1), pow(x, 2)]",
        "out = [isinstance(1, int), isinstance(1.0, int), isinstance(True, int), isinstance(x, torch.Tensor), isinstance([1], (tuple, list)), isinstance('a', str), isinstance({}, dict), callable(abs), callable(1)]",
        "out = [min(3, 1, 2), max([3, 1]), min([2.5]), max(1, 2.5), min([], default=7), max([-3, 2], key=abs), min([(1, 2), (1, 1)]), max(1, True), min('b', 'a') == 'a']",
        "out = [list(zip([1, 2], [3, 4], [5, 6])), list(zip([1, 2])), list(zip()), list(), tuple(), dict([('p', 1)])['p'], list({'p': 1}) == ['p']]",
        "out = [[v.sum() for v in x], [k for k, row in enumerate(x)], [p * q for p, q in zip(x[0], a)], list(x)[1], len(list(zip(x, range(5))))]",
        "out = [round(2.675, 2), round(-0.5), round(1234.5, -2), round(1.5), round(1250, -2), round(4.35, 1), abs(-2.5), sum([1.5, 2], 10), sum(range(101)), int('7'), float('-inf') < 0, float('1e3'), bool(''), int(-7.9)]",
        "out = [1 << 5, 100 >> 3, -5 >> 1, 6 & 3 | 8 ^ 1]",
    ],
    "math": [
        "out = [math.asin(0.5), math.acos(0.5), math.sinh(1), math.cosh(1), math.asinh(1), math.acosh(2), math.atanh(0.5), math.atan2(-1, -2), math.radians(90), math.degrees(1), math.hypot(3, 4), math.hypot(1, 2, 3), math.dist([1, 2], (4, 6))]",
        "out = [math.factorial(10), math.comb(10, 3), math.comb(3, 5), math.perm(5, 2), math.perm(4), math.gcd(12, 18), math.lcm(4, 6), math.isqrt(17), math.prod([1, 2, 3.5]), math.prod(range(1, 6)), math.trunc(-2.7), math.fabs(-3), math.fmod(-7, 3), math.remainder(7, 2), math.remainder(-5, 2), math.copysign(3, -0.0)]",
        "out = [math.erf(0.3), math.erf(-1.5), math.erf(3), math.erfc(0.5), math.erfc(4), math.erfc(-2), math.gamma(0.5), math.gamma(5), math.gamma(-1.5), math.gamma(10.3), math.lgamma(100), math.lgamma(0.1), math.lgamma(-2.5), math.lgamma(3)]",
        "out = [math.isnan(math.nan), math.isinf(-math.inf), math.isfinite(1), math.isclose(1, 1 + 1e-10), math.isclose(1, 1.1, rel_tol=0.2), math.isclose(0, 1e-12, abs_tol=1e-9), math.fsum([0.1] * 10), math.ldexp(0.75, 3), math.modf(2.25), math.exp(-2), math.pow(2, 3), math.log(8, 2), math.log1p(1e-10), math.sqrt(2)]",
        "out = [math.sqrt(torch.tensor(2.0)), math.floor(torch.tensor(2.5)), torch.pi, torch.e, torch.inf > 1, torch.nan != torch.nan, math.tau, float('-inf') < 0]",
    ],
    "statements": [
        "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\nimport math\nfrom torch import tanh, nn as net\nfrom torch.nn import functional as G\nfrom math import (sqrt, pi as half_turn)\nimport torch.nn\nout = tanh(x) + F.relu(x) * sqrt(2) + G.relu(x) + net.functional.relu(x) + half_turn",
        "assert len(a) == 3, 'three'\nassert x.shape == (2, 3)\nassert isinstance(x, torch.Tensor)\nassert (torch.arange(3) < 10).all()\nout = 1",
        "if (n := len(a)) > 2:\n    out = [n, (m := n * 2) + m]\nelse:\n    out = 0",
        "total = 0\nout = [total := total + v for v in [1, 2, 3]] + [total]",
        "p, q = 1, 2\ndel p\np = 5\nout = [p, q]",
        "with torch.no_grad():\n    y = x * 2\nwith torch.enable_grad(), torch.no_grad():\n    z = y.requires_grad\nout = [y.sum(), z]",
        "total = (\n    x.sum()\n    + a.sum()  # and a\n    - 1\n)\nout = total.abs(\n).sqrt()",
        "'''A docstring.'''\n# a comment\np = 1; q = 2  # two\nout = p + q\n'text'\n...",
        "first, *rest, last = *range(3), *[7, 8]\nout = [first, rest, last]",
        "n: int\np: float = 2.5\nout = p",
        "out = 1 if 0 < x.shape[0] <= 2 < x.shape[1] != 4 else 0",
        "p = 1 + \\\n    2\nout = [p,\n       3]",
        "out = [torch.finfo(torch.float32).eps, torch.finfo(torch.float64).max, torch.finfo(torch.float32).min, torch.get_default_dtype() == torch.float64, torch.is_grad_enabled()]",
        "h = x\nfor k, w in enumerate((a, a * 2)):\n    if k % 2:\n        h = h * w\n    else:\n        h = h + w\nelse:\n    h = h / 2\nout = h",
        "k = 10\nwhile True:\n    k -= 3\n    if k < 0: break\nout = k",
        "out = x.is_leaf and not (x + 1 is x)",
    ],
    "tensors": [
        "out = x + 1 - a * 2 / s ** 2", "out = 1 - x", "out = 2 / (x + 5)", "out = 2 ** x", "out = x ** a", "out = -x + +x", "out = x // 0.7", "out = x % 0.7", "out = -x % a", "out = 5 // x",
        "out = (x > 0) & (x < 1)", "out = ~(x > 0) | (x == x)", "out = (x > 0) ^ (a > 0)", "out = (x > 0) * x", "out = (x > 0) + 1", "out = x == x[0]", "out = x != 0", "out = i + 1.5", "out = i * 2", "out = i / 2",
        "out = i // 2 - i % 2", "out = i ** 2", "out = -i", "out = i & 1", "out = i | 2", "out = ~i", "out = i < 1", "out = x @ x.T", "out = x @ a", "out = a @ a", "out = a @ x.T",
        "h = x\nh += 1\nh *= a\nh -= s\nh /= 2\nh **= 2\nout = h", "out = x.T", "out = x.mT.shape", "out = [x.shape, x.shape[0], x.size(1), x.size(), x.ndim, x.dim(), x.numel(), a.shape[-1]]",
        "n, m = x.shape\nout = x.reshape(m, n)", "out = x.view(-1)[1:].sum() * x.shape[1]", "out = torch.nn.functional.relu(x)", "out = F.relu(x).sum(dim=1, keepdim=True)",
        "out = torch.mean(x, dim=(0, 1))", "out = x.mean().exp().sqrt()", "out = torch.cat([x, x * 2], dim=-1)", "out = torch.stack((a, a + 1), 1)", "out = torch.where(x > 0, x, 0 * x)", "out = x.max(dim=1).values + x.max(1)[0]",
        "v, k = x.max(dim=0)\nout = [v, k]", "out = torch.zeros(2, 3) + torch.ones((2, 3)) * 3", "out = torch.arange(5)", "out = torch.arange(1, 2, 0.25)", "out = torch.linspace(0, 1, 5)", "out = torch.eye(3) @ a", "out = torch.tensor([[1.0, 2], [3, 4]])",
        "out = torch.tensor([1, 2]) * 2", "out = torch.full((2,), 7.0)", "out = x.detach() * x", "out = x.to(torch.int64)", "out = (x > 0).double()", "out = x.clamp(min=-0.5, max=0.5)", "out = torch.zeros_like(x) + torch.full_like(a, 2)",
        "out = x.sum(), x.sum(0), x.sum(dim=-1)", "mask = x > 0\nout = mask.sum()", "out = (x * x).sum() / x.numel()", "out = x.permute(1, 0).reshape(-1)", "out = x.transpose(0, -1)",
    ],
}


def plain(value):
    if isinstance(value, torch.Tensor):
        return plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value if not isinstance(value, float) or math.isfinite(value) else None


def language():
    torch.set_default_dtype(torch.float64)
    inputs = {"x": [[0.5, -1.25, 2.0], [1.5, 0.75, -0.3]], "a": [1.5, -0.5, 2.0], "s": 0.8, "i": [1, 0]}
    cases = []
    for family, programs in LANGUAGE.items():
        for program in programs:
            space = {"torch": torch, "F": nn.functional, "math": math, **{name: torch.tensor(value) for name, value in inputs.items()}}
            exec(program, space)
            cases.append({"family": family, "program": program, "out": plain(space["out"])})
    return {"inputs": inputs, "cases": cases}


SGD = {"type": "SGD", "lr": 0.1}
nested = [
    {"type": "Sequential", "layers": [{"type": "Linear", "in_features": 4, "out_features": 5, "bias": False}, {"type": "LeakyReLU", "negative_slope": 0.2}]},
    {"type": "Flatten"},
    {"type": "Linear", "in_features": 5, "out_features": 2},
    {"type": "LogSoftmax", "dim": 1},
]


def activation(layer):
    return [LAYERS[0], layer, LAYERS[2]]


cases = [
    run("sgd/momentum+decay+nesterov", optimizer={"type": "SGD", "lr": 0.05, "momentum": 0.8, "weight_decay": 0.02, "nesterov": True}, steps=15),
    run("sgd/dampening", optimizer={"type": "SGD", "lr": 0.05, "momentum": 0.9, "dampening": 0.3}, steps=15),
    run("sgd/decay", optimizer={"type": "SGD", "lr": 0.2, "weight_decay": 0.1}, steps=15),
    run("sgd/maximize", optimizer={"type": "SGD", "lr": 0.01, "momentum": 0.5, "maximize": True}, steps=10),
    run("adam/options", optimizer={"type": "Adam", "lr": 0.02, "betas": [0.8, 0.95], "eps": 1e-6, "weight_decay": 0.05}, steps=20),
    run("adam/amsgrad", optimizer={"type": "Adam", "lr": 0.05, "amsgrad": True}, steps=20),
    run("adam/maximize", optimizer={"type": "Adam", "lr": 0.01, "maximize": True}, steps=10),
    run("adamw/defaults", optimizer={"type": "AdamW", "lr": 0.01}, steps=20),
    run("adamw/options", optimizer={"type": "AdamW", "lr": 0.03, "betas": [0.7, 0.9], "weight_decay": 0.3, "amsgrad": True}, steps=20),
    run("clip/value", optimizer=SGD, clip_grad_value=0.05, steps=8),
    run("batch/last is smaller", optimizer=SGD, classes=True, rows=10, batch_size=4, epochs=4),
    run("batch/drop_last", optimizer=SGD, classes=True, rows=10, batch_size=4, drop_last=True, epochs=4),
    run("batch/steps across epochs", optimizer={"type": "Adam", "lr": 0.05}, rows=7, batch_size=3, steps=11),
    run("batch/larger than the data", optimizer=SGD, rows=5, batch_size=8, steps=3),
    run("shuffle/float64", optimizer=SGD, classes=True, rows=13, batch_size=4, shuffle=True, epochs=4, seed=11),
    run("shuffle/float32", optimizer={"type": "Adam", "lr": 0.02}, classes=True, rows=13, batch_size=5, shuffle=True, epochs=5, seed=123, dtype="float32"),
    run("shuffle/drop_last", optimizer=SGD, rows=11, batch_size=3, shuffle=True, drop_last=True, epochs=3, seed=5, dtype="float32"),
    run("seed/large", optimizer=SGD, rows=10, steps=5, seed=2**40 + 17, dtype="float32"),
    run("layers/nested", layers=nested, loss={"type": "NLLLoss"}, optimizer=SGD, classes=True, rows=9, steps=10, seed=3),
    run("loss/cross entropy: weights, smoothing, sum", loss={"type": "CrossEntropyLoss", "weight": [0.3, 1.7], "label_smoothing": 0.2, "reduction": "sum"}, optimizer={"type": "SGD", "lr": 0.01}, classes=True, steps=8),
    run("loss/cross entropy: weights, smoothing, mean", loss={"type": "CrossEntropyLoss", "weight": [0.3, 1.7], "label_smoothing": 0.2}, optimizer=SGD, classes=True, steps=8),
    run("loss/cross entropy: ignored class", loss={"type": "CrossEntropyLoss", "ignore_index": 1, "label_smoothing": 0.1}, optimizer=SGD, classes=True, steps=8),
    run("loss/cross entropy: probabilities", loss={"type": "CrossEntropyLoss", "label_smoothing": 0.1}, optimizer=SGD, steps=8),
    run("loss/bce: weights", loss={"type": "BCEWithLogitsLoss", "weight": [0.5, 2.0], "pos_weight": [3.0, 0.25]}, optimizer=SGD, steps=8),
    run("loss/smooth l1", loss={"type": "SmoothL1Loss", "beta": 0.4, "reduction": "sum"}, optimizer={"type": "SGD", "lr": 0.01}, steps=8),
    run("loss/l1 sum", loss={"type": "L1Loss", "reduction": "sum"}, optimizer={"type": "SGD", "lr": 0.01}, steps=8),
]
for layer in (
    {"type": "ELU", "alpha": 0.7}, {"type": "CELU", "alpha": 1.7}, {"type": "GELU"}, {"type": "GELU", "approximate": "tanh"}, {"type": "SiLU"}, {"type": "Mish"},
    {"type": "Softplus", "beta": 2.0, "threshold": 1.0}, {"type": "LeakyReLU"}, {"type": "ReLU6"}, {"type": "Hardsigmoid"}, {"type": "Hardswish"},
    {"type": "LogSigmoid"}, {"type": "Softsign"}, {"type": "Tanhshrink"}, {"type": "Softshrink", "lambd": 0.2}, {"type": "Hardshrink", "lambd": 0.2},
    {"type": "Threshold", "threshold": 0.1, "value": -0.5}, {"type": "Hardtanh", "min_val": -0.4, "max_val": 0.6}, {"type": "Softmax", "dim": 1}, {"type": "Softmax"},
    {"type": "LogSoftmax"}, {"type": "Identity"},
):
    cases.append(run(f"layer/{json.dumps(layer)}", layers=activation(layer), optimizer=SGD, steps=6))

torch.set_default_dtype(torch.float32)
draws = []
for seed in (0, 1, 42, 4294967295, 2**33 + 5):
    torch.manual_seed(seed)
    uniform = torch.empty(40).uniform_(-0.0357, 0.0357).tolist()
    uniform64 = torch.empty(40, dtype=torch.float64).uniform_(2, 5).tolist()
    few = torch.empty(5).normal_(1, 2).tolist() + torch.empty(2, dtype=torch.float64).normal_().tolist()
    many = torch.empty(37).normal_(0, 0.5).tolist()
    many64 = torch.empty(18, dtype=torch.float64).normal_(3, 1).tolist()
    order = torch.randperm(23).tolist()
    epochs = [[int(i) for i in batch] for batch in DataLoader(list(range(9)), batch_size=9, shuffle=True)]
    epochs += [[int(i) for i in batch] for batch in DataLoader(list(range(9)), batch_size=9, shuffle=True)]
    draws.append({"seed": seed, "uniform": uniform, "uniform64": uniform64, "few": few, "many": many, "many64": many64, "order": order, "epochs": epochs})

for file, content in (("own-training.json", cases), ("examples.json", [example("iris")]), ("random.json", draws)):
    with open(os.path.join(HERE, file), "w") as out:
        out.write("[\n" + ",\n".join(json.dumps(item, separators=(",", ":")) for item in content) + "\n]\n")
texts = language()
with open(os.path.join(HERE, "language.json"), "w") as out:
    lines = ",\n".join(json.dumps(item, separators=(",", ":")) for item in texts["cases"])
    out.write('{"inputs":%s,"cases":[\n%s\n]}\n' % (json.dumps(texts["inputs"]), lines))
print(len(texts["cases"]), "programs,", len(cases), "runs,", len(draws), "seeds, PyTorch", torch.__version__)
