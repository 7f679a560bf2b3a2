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
